//! Every key of the policy that holds one number, one duration or one choice: what it is called, what it may be, and where
//! it is kept. The document's parser, the compiled form and the presets all read this table.

use core::ops::RangeInclusive;

use super::{
    Algorithm, Attestation, DAY, Discoverable, HOUR, MINUTE, Matching, Methods, PinOrder, Policy,
    Provision, SECOND, UserVerification, VoiceAnswer,
};
use crate::account::State;
use crate::methods::Class;
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
    /// One of these numbers.
    OneOf(&'static [u32]),
    /// A list of methods, at least so many.
    Methods {
        /// 0 or 1.
        least: u32,
    },
    /// `true` or `false`.
    Flag,
    /// A duration that may be longer than a number of milliseconds holds: in seconds.
    Long(RangeInclusive<u64>),
    /// How old a verification may be, in milliseconds; left out, it may have any age, which is zero in the compiled form.
    Age,
}

impl Kind {
    /// Whether a number, as the compiled form holds it, is legal here.
    #[inline(always)]
    pub(crate) fn allows(&self, value: u32) -> bool {
        match self {
            Self::Count(range) => range.contains(&value),
            Self::Duration(range) => range.contains(&u64::from(value)),
            Self::Choice(words) => usize::try_from(value).is_ok_and(|at| at < words.len()),
            Self::OneOf(numbers) => numbers.contains(&value),
            Self::Methods { least } => value >= *least && Methods::from_bits(value).bits() == value,
            Self::Flag => value <= 1,
            Self::Long(range) => range.contains(&(u64::from(value) * SECOND)),
            Self::Age => value == 0 || AGES.contains(&value.into()),
        }
    }
}

/// Makes a [`Key`] of a row.
macro_rules! key {
    (count $path:literal $range:expr => $($field:ident).+) => {
        Key { path: $path, kind: Kind::Count($range), get: |p| p.$($field).+ as u32, set: |p, v| p.$($field).+ = v as _ }
    };
    (one_of $path:literal [$($number:literal),+] => $($field:ident).+) => {
        Key { path: $path, kind: Kind::OneOf(&[$($number),+]), get: |p| p.$($field).+ as u32, set: |p, v| p.$($field).+ = v as _ }
    };
    (span $path:literal $range:expr => $($field:ident).+) => {
        Key { path: $path, kind: Kind::Duration($range), get: |p| p.$($field).+ as u32, set: |p, v| p.$($field).+ = v.into() }
    };
    // Whole seconds, though the record keeps them without a unit.
    (seconds $path:literal $range:expr => $($field:ident).+) => {
        Key { path: $path, kind: Kind::Duration($range), get: |p| p.$($field).+ as u32 * SECOND as u32, set: |p, v| p.$($field).+ = (v / SECOND as u32) as _ }
    };
    (long $path:literal $range:expr => $($field:ident).+) => {
        Key { path: $path, kind: Kind::Long($range), get: |p| (p.$($field).+ / SECOND) as u32, set: |p, v| p.$($field).+ = u64::from(v) * SECOND }
    };
    (age $path:literal => $($field:ident).+) => {
        Key { path: $path, kind: Kind::Age, get: |p| p.$($field).+.unwrap_or(0) as u32, set: |p, v| p.$($field).+ = (v != 0).then_some(v.into()) }
    };
    (flag $path:literal => $($field:ident).+) => {
        Key { path: $path, kind: Kind::Flag, get: |p| p.$($field).+.into(), set: |p, v| p.$($field).+ = v == 1 }
    };
    (methods $path:literal $least:literal => $($field:ident).+) => {
        Key { path: $path, kind: Kind::Methods { least: $least }, get: |p| p.$($field).+.bits(), set: |p, v| p.$($field).+ = Methods::from_bits(v) }
    };
    (choice $path:literal $words:tt => $($field:ident).+ ; $values:tt) => {
        key!(choice_of $path (&$words) => $($field).+ ; $values)
    };
    (choice_of $path:literal ($words:expr) => $($field:ident).+ ; $values:tt) => {
        Key {
            path: $path,
            kind: Kind::Choice($words),
            get: |p| $values.iter().zip(0..).find(|(value, _)| **value == p.$($field).+).map_or(0, |(_, at)| at),
            set: |p, v| {
                if let Some(value) = $values.get(v as usize) {
                    p.$($field).+ = *value;
                }
            },
        }
    };
}

/// Makes the table of the rows, and beside it the straight-line code that puts the numbers of a compiled policy back: that is
/// on the way of every step, where a walk over the table would cost two calls a key.
macro_rules! keys {
    ($($row:tt),+ $(,)?) => {
        /// All of them, in the order of docs/policy.md. The compiled form has them in this order.
        pub(crate) static KEYS: [Key; COUNT] = [$(key! $row),+];

        /// How many there are.
        pub(crate) const COUNT: usize = [$(stringify!($row)),+].len();

        /// Puts the numbers of all keys back, or names the first that is out of its range.
        pub(crate) fn put_back(policy: &mut Policy<'_>, numbers: &[u8; 4 * COUNT]) -> Result<(), &'static str> {
            let (numbers, _) = numbers.as_chunks::<4>();
            let mut numbers = numbers.iter();
            $({
                const KEY: Key = key! $row;
                let number = numbers.next().map_or(0, |octets| u32::from_le_bytes(*octets));
                if !KEY.kind.allows(number) {
                    return Err(KEY.path);
                }
                (KEY.set)(policy, number);
            })+
            Ok(())
        }
    };
}

#[rustfmt::skip]
keys![
    (choice "accounts.provision" ["first-sign-in", "known-only"] => accounts.provision; [Provision::FirstSignIn, Provision::KnownOnly]),
    (count "accounts.max-credentials" 1..=5 => accounts.max_credentials),
    (methods "accounts.methods" 1 => accounts.methods),
    (count "accounts.shadows" 1..=65_536 => accounts.shadows),
    (choice "accounts.first-factor" ["knowledge", "possession", "inherence", "none"] => accounts.first_factor; [Class::Knowledge, Class::Possession, Class::Inherence, Class::None]),
    (choice "accounts.state" ["disabled", "enabled", "enforced"] => accounts.state; [State::Disabled, State::Enabled, State::Enforced]),
    (flag "accounts.may-disable" => accounts.may_disable),
    (choice_of "totp.algorithm" (Algorithm::NAMES) => totp.algorithm; [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
    (count "totp.digits" 6..=8 => totp.digits),
    (seconds "totp.period" *PERIODS.start() as u64 * SECOND..=*PERIODS.end() as u64 * SECOND => totp.period),
    (count "totp.window" 0..=10 => totp.window),
    (count "totp.drift-cap" 0..=10 => totp.drift_cap),
    (count "totp.resync-window" 0..=1000 => totp.resync_window),
    (count "totp.secret-bytes" 20..=64 => totp.secret_bytes),
    (choice_of "hotp.algorithm" (Algorithm::NAMES) => hotp.algorithm; [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
    (count "hotp.digits" 6..=8 => hotp.digits),
    (count "hotp.look-ahead" 0..=100 => hotp.look_ahead),
    (count "hotp.resync-window" 0..=1000 => hotp.resync_window),
    (flag "hotp.auto-resync" => hotp.auto_resync),
    (count "hotp.secret-bytes" 20..=64 => hotp.secret_bytes),
    (count "sms.digits" 6..=8 => sms.digits),
    (span "sms.lifetime" 30 * SECOND..=10 * MINUTE => sms.lifetime),
    (flag "sms.two-way" => sms.two_way),
    (choice "voice.answer" ["hash", "digits", "pin"] => voice.answer; [VoiceAnswer::Hash, VoiceAnswer::Digits, VoiceAnswer::Pin]),
    (span "voice.lifetime" 30 * SECOND..=10 * MINUTE => voice.lifetime),
    (span "sends.window" MINUTE..=DAY => sends.window),
    (span "sends.cooldown" 0..=10 * MINUTE => sends.cooldown),
    (count "sends.account" 1..=24 => sends.account),
    (count "sends.number" 0..=1_000_000 => sends.number),
    (count "sends.country" 0..=1_000_000 => sends.country),
    (count "sends.range" 0..=1_000_000 => sends.range),
    (count "sends.total" 0..=1_000_000 => sends.total),
    (long "sends.hold" 0..=7 * DAY => sends.hold),
    (count "sends.unanswered" 1..=24 => sends.unanswered),
    (count "sends.since-success" 1..=24 => sends.since_success),
    (span "push.lifetime" 30 * SECOND..=10 * MINUTE => push.lifetime),
    (one_of "push.number-length" [2, 3, 6] => push.number_length),
    (choice "push.matching" ["type-in", "pick", "code-to-phone"] => push.matching; [Matching::TypeIn, Matching::Pick, Matching::CodeToPhone]),
    (flag "push.show-application" => push.show_application),
    (flag "push.show-location" => push.show_location),
    (flag "push.wrong-number-is-fraud" => push.wrong_number_is_fraud),
    (choice "webauthn.user-verification" ["required", "preferred", "discouraged"] => webauthn.user_verification; [UserVerification::Required, UserVerification::Preferred, UserVerification::Discouraged]),
    (choice "webauthn.attestation" ["none", "own", "certified"] => webauthn.attestation; [Attestation::None, Attestation::Own, Attestation::Certified]),
    (flag "webauthn.refuse-regression" => webauthn.refuse_regression),
    (flag "webauthn.synced" => webauthn.synced),
    (choice "webauthn.discoverable" ["preferred", "required", "discouraged"] => webauthn.discoverable; [Discoverable::Preferred, Discoverable::Required, Discoverable::Discouraged]),
    (flag "webauthn.two-factors" => webauthn.two_factors),
    (span "webauthn.lifetime" 30 * SECOND..=10 * MINUTE => webauthn.lifetime),
    (count "email.digits" 6..=8 => email.digits),
    (span "email.lifetime" 2 * MINUTE..=5 * MINUTE => email.lifetime),
    (flag "email.possession" => email.possession),
    (count "recovery.count" 8..=12 => recovery.count),
    (count "recovery.low" 0..=5 => recovery.low),
    (count "temporary-pass.length" 8..=48 => temporary_pass.length),
    (long "temporary-pass.lifetime" 10 * MINUTE..=30 * DAY => temporary_pass.lifetime),
    (long "temporary-pass.lifetime-max" 10 * MINUTE..=30 * DAY => temporary_pass.lifetime_max),
    (flag "temporary-pass.once" => temporary_pass.once),
    (flag "bypass.allowed" => bypass.allowed),
    (span "bypass.lifetime" 30 * SECOND..=DAY => bypass.lifetime),
    (flag "bypass.by-user" => bypass.by_user),
    (methods "pin.methods" 0 => pin.methods),
    (choice "pin.order" ["first", "last"] => pin.order; [PinOrder::First, PinOrder::Last]),
    (count "pin.least" 4..=16 => pin.least),
    (count "pin.iterations" 1_000..=20_000 => pin.iterations),
    (count "pin.lock-after" 3..=10 => pin.lock_after),
    (span "pin.lock-for" MINUTE..=DAY => pin.lock_for),
    (flag "fraud.block" => fraud.block),
    (long "fraud.block-for" DAY..=365 * DAY => fraud.block_for),
    (flag "fraud.confirm" => fraud.confirm),
    (long "devices.lifetime" 0..=365 * DAY => devices.lifetime),
    (span "devices.grace" 0..=MINUTE => devices.grace),
    (span "cache.lifetime" 0..=MINUTE => cache.lifetime),
    (count "throttle.delay-after" 1..=100 => throttle.delay_after),
    (span "throttle.delay-base" SECOND..=HOUR => throttle.delay_base),
    (span "throttle.delay-max" SECOND..=DAY => throttle.delay_max),
    (count "throttle.lock-after" 1..=100 => throttle.lock_after),
    (span "throttle.lock-for" 30 * SECOND..=DAY => throttle.lock_for),
    (span "throttle.lock-max" 30 * SECOND..=30 * DAY => throttle.lock_max),
    (count "throttle.account-lock-after" 1..=1000 => throttle.account_lock_after),
    (count "throttle.ceiling" 1..=100 => throttle.ceiling),
    (span "challenge.lifetime" 30 * SECOND..=10 * MINUTE => challenge.lifetime),
    (count "challenge.max-open" 1..=8 => challenge.max_open),
    (count "challenge.attempts" 1..=10 => challenge.attempts),
    (span "enrolment.lifetime" MINUTE..=60 * MINUTE => enrolment.lifetime),
    (long "enrolment.snooze" 0..=14 * DAY => enrolment.snooze),
    (count "enrolment.snoozes" 0..=10 => enrolment.snoozes),
    (span "session.lifetime" MINUTE..=30 * DAY => session.lifetime),
    (span "session.idle" MINUTE..=30 * DAY => session.idle),
    (span "session.renew" SECOND..=HOUR => session.renew),
    (span "session.recheck" 0..=10 * MINUTE => session.recheck),
    (span "management.max-age" 30 * SECOND..=HOUR => management.max_age),
    (span "sources.window" 10 * SECOND..=DAY => sources.window),
    (count "sources.failures" 0..=1_000_000 => sources.failures),
    (count "sources.begins" 0..=1_000_000 => sources.begins),
    (count "application-default.required-level" LEVELS => applications.default.required_level),
    (age "application-default.max-age" => applications.default.max_age),
];

/// What an application may ask for: 1 is the first factor alone, 2 a second factor, 3 a phishing-resistant one.
pub(crate) const LEVELS: RangeInclusive<u32> = 1..=3;
/// How old a verification may be. The least is what a person needs to get from one page to the next.
pub(crate) const AGES: RangeInclusive<u64> = 30 * SECOND..=30 * DAY;
/// Names of the tables, in the order of docs/policy.md. `[[application]]` is not among them: it is a list.
pub(crate) const TABLES: [&str; 23] = [
    "accounts",
    "totp",
    "hotp",
    "sms",
    "voice",
    "sends",
    "push",
    "webauthn",
    "email",
    "recovery",
    "temporary-pass",
    "bypass",
    "pin",
    "fraud",
    "devices",
    "cache",
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
