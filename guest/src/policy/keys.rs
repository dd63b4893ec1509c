//! Every key of the policy that holds one number, one duration or one choice: what it is called, what it may be, and where
//! it is kept. The document's parser, the compiled form and the presets all read this table.

use core::ops::RangeInclusive;

use super::{Algorithm, DAY, HOUR, MINUTE, Methods, Policy, Provision, SECOND};
use crate::methods::totp::PERIODS;

/// One key.
pub(crate) struct Key {
    /// Table and name: `totp.window`.
    pub(crate) path: &'static str,
    /// What may be written there.
    pub(crate) kind: Kind,
    /// The value as a number; choices count from 0, durations are milliseconds.
    pub(crate) get: fn(&Policy<'_>) -> u32,
    /// Puts a number back. It is within the range of `kind`.
    pub(crate) set: fn(&mut Policy<'_>, u32),
}

/// What may be written as the value of a key.
pub(crate) enum Kind {
    /// A whole number.
    Count(RangeInclusive<u32>),
    /// A duration, in milliseconds.
    Duration(RangeInclusive<u64>),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of these words, at least one.
    Set(&'static [&'static str]),
    /// How old a verification may be, in milliseconds; left out, it may have any age, which is zero in the compiled form.
    Age,
}

impl Kind {
    /// Whether a number, as the compiled form holds it, is legal here.
    pub(crate) fn allows(&self, value: u32) -> bool {
        match self {
            Self::Count(range) => range.contains(&value),
            Self::Duration(range) => range.contains(&u64::from(value)),
            Self::Choice(words) => usize::try_from(value).is_ok_and(|at| at < words.len()),
            Self::Set(words) => value != 0 && u64::from(value) < 1 << words.len(),
            Self::Age => value == 0 || AGES.contains(&value.into()),
        }
    }
}

/// All of them, in the order of docs/policy.md. The compiled form has them in this order.
pub(crate) static KEYS: [Key; 38] = [
    Key {
        path: "accounts.provision",
        kind: Kind::Choice(&["first-sign-in", "known-only"]),
        get: |p| p.accounts.provision as u32,
        set: |p, v| {
            p.accounts.provision = if v == 0 {
                Provision::FirstSignIn
            } else {
                Provision::KnownOnly
            }
        },
    },
    Key {
        path: "accounts.max-credentials",
        kind: Kind::Count(1..=5),
        get: |p| p.accounts.max_credentials.into(),
        set: |p, v| p.accounts.max_credentials = v as u8,
    },
    Key {
        path: "accounts.methods",
        kind: Kind::Set(Methods::NAMES),
        get: |p| p.accounts.methods.bits(),
        set: |p, v| p.accounts.methods = Methods::from_bits(v),
    },
    Key {
        path: "accounts.shadows",
        kind: Kind::Count(1..=65_536),
        get: |p| p.accounts.shadows,
        set: |p, v| p.accounts.shadows = v,
    },
    Key {
        path: "totp.algorithm",
        kind: Kind::Choice(Algorithm::NAMES),
        get: |p| p.totp.algorithm as u32,
        set: |p, v| p.totp.algorithm = algorithm(v),
    },
    Key {
        path: "totp.digits",
        kind: Kind::Count(6..=8),
        get: |p| p.totp.digits.into(),
        set: |p, v| p.totp.digits = v as u8,
    },
    Key {
        path: "totp.period",
        // Whole seconds, though the record keeps them without a unit.
        kind: Kind::Duration(*PERIODS.start() as u64 * SECOND..=*PERIODS.end() as u64 * SECOND),
        get: |p| u32::from(p.totp.period) * SECOND as u32,
        set: |p, v| p.totp.period = (v / SECOND as u32) as u16,
    },
    Key {
        path: "totp.window",
        kind: Kind::Count(0..=10),
        get: |p| p.totp.window.into(),
        set: |p, v| p.totp.window = v as u8,
    },
    Key {
        path: "totp.drift-cap",
        kind: Kind::Count(0..=10),
        get: |p| p.totp.drift_cap.into(),
        set: |p, v| p.totp.drift_cap = v as u8,
    },
    Key {
        path: "totp.resync-window",
        kind: Kind::Count(0..=1000),
        get: |p| p.totp.resync_window.into(),
        set: |p, v| p.totp.resync_window = v as u16,
    },
    Key {
        path: "totp.secret-bytes",
        kind: Kind::Count(20..=64),
        get: |p| p.totp.secret_bytes.into(),
        set: |p, v| p.totp.secret_bytes = v as u8,
    },
    Key {
        path: "hotp.algorithm",
        kind: Kind::Choice(Algorithm::NAMES),
        get: |p| p.hotp.algorithm as u32,
        set: |p, v| p.hotp.algorithm = algorithm(v),
    },
    Key {
        path: "hotp.digits",
        kind: Kind::Count(6..=8),
        get: |p| p.hotp.digits.into(),
        set: |p, v| p.hotp.digits = v as u8,
    },
    Key {
        path: "hotp.look-ahead",
        kind: Kind::Count(0..=100),
        get: |p| p.hotp.look_ahead.into(),
        set: |p, v| p.hotp.look_ahead = v as u8,
    },
    Key {
        path: "hotp.resync-window",
        kind: Kind::Count(0..=1000),
        get: |p| p.hotp.resync_window.into(),
        set: |p, v| p.hotp.resync_window = v as u16,
    },
    Key {
        path: "hotp.secret-bytes",
        kind: Kind::Count(20..=64),
        get: |p| p.hotp.secret_bytes.into(),
        set: |p, v| p.hotp.secret_bytes = v as u8,
    },
    Key {
        path: "throttle.delay-after",
        kind: Kind::Count(1..=100),
        get: |p| p.throttle.delay_after.into(),
        set: |p, v| p.throttle.delay_after = v as u16,
    },
    Key {
        path: "throttle.delay-base",
        kind: Kind::Duration(SECOND..=HOUR),
        get: |p| p.throttle.delay_base as u32,
        set: |p, v| p.throttle.delay_base = v.into(),
    },
    Key {
        path: "throttle.delay-max",
        kind: Kind::Duration(SECOND..=DAY),
        get: |p| p.throttle.delay_max as u32,
        set: |p, v| p.throttle.delay_max = v.into(),
    },
    Key {
        path: "throttle.lock-after",
        kind: Kind::Count(1..=100),
        get: |p| p.throttle.lock_after.into(),
        set: |p, v| p.throttle.lock_after = v as u16,
    },
    Key {
        path: "throttle.lock-for",
        kind: Kind::Duration(30 * SECOND..=DAY),
        get: |p| p.throttle.lock_for as u32,
        set: |p, v| p.throttle.lock_for = v.into(),
    },
    Key {
        path: "throttle.lock-max",
        kind: Kind::Duration(30 * SECOND..=30 * DAY),
        get: |p| p.throttle.lock_max as u32,
        set: |p, v| p.throttle.lock_max = v.into(),
    },
    Key {
        path: "throttle.account-lock-after",
        kind: Kind::Count(1..=1000),
        get: |p| p.throttle.account_lock_after.into(),
        set: |p, v| p.throttle.account_lock_after = v as u16,
    },
    Key {
        path: "throttle.ceiling",
        kind: Kind::Count(1..=100),
        get: |p| p.throttle.ceiling.into(),
        set: |p, v| p.throttle.ceiling = v as u16,
    },
    Key {
        path: "challenge.lifetime",
        kind: Kind::Duration(30 * SECOND..=10 * MINUTE),
        get: |p| p.challenge.lifetime as u32,
        set: |p, v| p.challenge.lifetime = v.into(),
    },
    Key {
        path: "challenge.max-open",
        kind: Kind::Count(1..=8),
        get: |p| p.challenge.max_open.into(),
        set: |p, v| p.challenge.max_open = v as u8,
    },
    Key {
        path: "challenge.attempts",
        kind: Kind::Count(1..=10),
        get: |p| p.challenge.attempts.into(),
        set: |p, v| p.challenge.attempts = v as u8,
    },
    Key {
        path: "enrolment.lifetime",
        kind: Kind::Duration(MINUTE..=60 * MINUTE),
        get: |p| p.enrolment.lifetime as u32,
        set: |p, v| p.enrolment.lifetime = v.into(),
    },
    Key {
        path: "session.lifetime",
        kind: Kind::Duration(MINUTE..=30 * DAY),
        get: |p| p.session.lifetime as u32,
        set: |p, v| p.session.lifetime = v.into(),
    },
    Key {
        path: "session.idle",
        kind: Kind::Duration(MINUTE..=30 * DAY),
        get: |p| p.session.idle as u32,
        set: |p, v| p.session.idle = v.into(),
    },
    Key {
        path: "session.renew",
        kind: Kind::Duration(SECOND..=HOUR),
        get: |p| p.session.renew as u32,
        set: |p, v| p.session.renew = v.into(),
    },
    Key {
        path: "session.recheck",
        kind: Kind::Duration(0..=10 * MINUTE),
        get: |p| p.session.recheck as u32,
        set: |p, v| p.session.recheck = v.into(),
    },
    Key {
        path: "management.max-age",
        kind: Kind::Duration(30 * SECOND..=HOUR),
        get: |p| p.management.max_age as u32,
        set: |p, v| p.management.max_age = v.into(),
    },
    Key {
        path: "sources.window",
        kind: Kind::Duration(10 * SECOND..=DAY),
        get: |p| p.sources.window as u32,
        set: |p, v| p.sources.window = v.into(),
    },
    Key {
        path: "sources.failures",
        kind: Kind::Count(0..=1_000_000),
        get: |p| p.sources.failures,
        set: |p, v| p.sources.failures = v,
    },
    Key {
        path: "sources.begins",
        kind: Kind::Count(0..=1_000_000),
        get: |p| p.sources.begins,
        set: |p, v| p.sources.begins = v,
    },
    Key {
        path: "application-default.required-level",
        kind: Kind::Count(LEVELS),
        get: |p| p.applications.default.required_level.into(),
        set: |p, v| p.applications.default.required_level = v as u8,
    },
    Key {
        path: "application-default.max-age",
        kind: Kind::Age,
        get: |p| p.applications.default.max_age.unwrap_or(0) as u32,
        set: |p, v| p.applications.default.max_age = (v != 0).then_some(v.into()),
    },
];

/// What an application may ask for: 1 is the first factor alone, 2 a second factor, 3 a phishing-resistant one.
pub(crate) const LEVELS: RangeInclusive<u32> = 1..=3;
/// How old a verification may be. The least is what a person needs to get from one page to the next.
pub(crate) const AGES: RangeInclusive<u64> = 30 * SECOND..=30 * DAY;
/// Names of the tables, in the order of docs/policy.md. `[[application]]` is not among them: it is a list.
pub(crate) const TABLES: [&str; 10] = [
    "accounts",
    "totp",
    "hotp",
    "throttle",
    "challenge",
    "enrolment",
    "session",
    "management",
    "sources",
    "application-default",
];

/// The key of this path.
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

fn algorithm(at: u32) -> Algorithm {
    match at {
        0 => Algorithm::Sha1,
        1 => Algorithm::Sha256,
        _ => Algorithm::Sha512,
    }
}
