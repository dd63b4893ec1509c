//! Every key of the policy that holds one number, one duration or one choice: what it is called, what it may be, and where
//! it is kept. The document's parser, the compiled form and the presets all read this table.

use core::ops::RangeInclusive;

use super::{
    Algorithm, Attestation, DAY, Discoverable, HOUR, MINUTE, Matching, Methods, PinOrder, Policy, Provision,
    SECOND, UserVerification, VoiceAnswer,
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

/// All of them, in the order of docs/policy.md. The compiled form has them in this order.
#[rustfmt::skip]
pub(crate) static KEYS: [Key; 92] = [
    key!(choice "accounts.provision" ["first-sign-in", "known-only"] => accounts.provision; [Provision::FirstSignIn, Provision::KnownOnly]),
    key!(count "accounts.max-credentials" 1..=5 => accounts.max_credentials),
    key!(methods "accounts.methods" 1 => accounts.methods),
    key!(count "accounts.shadows" 1..=65_536 => accounts.shadows),
    key!(choice "accounts.first-factor" ["knowledge", "possession", "inherence", "none"] => accounts.first_factor; [Class::Knowledge, Class::Possession, Class::Inherence, Class::None]),
    key!(choice "accounts.state" ["disabled", "enabled", "enforced"] => accounts.state; [State::Disabled, State::Enabled, State::Enforced]),
    key!(flag "accounts.may-disable" => accounts.may_disable),
    key!(choice_of "totp.algorithm" (Algorithm::NAMES) => totp.algorithm; [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
    key!(count "totp.digits" 6..=8 => totp.digits),
    key!(seconds "totp.period" *PERIODS.start() as u64 * SECOND..=*PERIODS.end() as u64 * SECOND => totp.period),
    key!(count "totp.window" 0..=10 => totp.window),
    key!(count "totp.drift-cap" 0..=10 => totp.drift_cap),
    key!(count "totp.resync-window" 0..=1000 => totp.resync_window),
    key!(count "totp.secret-bytes" 20..=64 => totp.secret_bytes),
    key!(choice_of "hotp.algorithm" (Algorithm::NAMES) => hotp.algorithm; [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]),
    key!(count "hotp.digits" 6..=8 => hotp.digits),
    key!(count "hotp.look-ahead" 0..=100 => hotp.look_ahead),
    key!(count "hotp.resync-window" 0..=1000 => hotp.resync_window),
    key!(count "hotp.secret-bytes" 20..=64 => hotp.secret_bytes),
    key!(count "sms.digits" 6..=8 => sms.digits),
    key!(span "sms.lifetime" 30 * SECOND..=10 * MINUTE => sms.lifetime),
    key!(flag "sms.two-way" => sms.two_way),
    key!(choice "voice.answer" ["hash", "digits", "pin"] => voice.answer; [VoiceAnswer::Hash, VoiceAnswer::Digits, VoiceAnswer::Pin]),
    key!(span "voice.lifetime" 30 * SECOND..=10 * MINUTE => voice.lifetime),
    key!(span "sends.window" MINUTE..=DAY => sends.window),
    key!(span "sends.cooldown" 0..=10 * MINUTE => sends.cooldown),
    key!(count "sends.account" 1..=24 => sends.account),
    key!(count "sends.number" 0..=1_000_000 => sends.number),
    key!(count "sends.country" 0..=1_000_000 => sends.country),
    key!(count "sends.unanswered" 1..=24 => sends.unanswered),
    key!(count "sends.since-success" 1..=24 => sends.since_success),
    key!(span "push.lifetime" 30 * SECOND..=10 * MINUTE => push.lifetime),
    key!(one_of "push.number-length" [2, 3, 6] => push.number_length),
    key!(choice "push.matching" ["type-in", "pick", "code-to-phone"] => push.matching; [Matching::TypeIn, Matching::Pick, Matching::CodeToPhone]),
    key!(flag "push.show-application" => push.show_application),
    key!(flag "push.show-location" => push.show_location),
    key!(flag "push.wrong-number-is-fraud" => push.wrong_number_is_fraud),
    key!(choice "webauthn.user-verification" ["required", "preferred", "discouraged"] => webauthn.user_verification; [UserVerification::Required, UserVerification::Preferred, UserVerification::Discouraged]),
    key!(choice "webauthn.attestation" ["none", "own", "certified"] => webauthn.attestation; [Attestation::None, Attestation::Own, Attestation::Certified]),
    key!(flag "webauthn.refuse-regression" => webauthn.refuse_regression),
    key!(flag "webauthn.synced" => webauthn.synced),
    key!(choice "webauthn.discoverable" ["preferred", "required", "discouraged"] => webauthn.discoverable; [Discoverable::Preferred, Discoverable::Required, Discoverable::Discouraged]),
    key!(flag "webauthn.two-factors" => webauthn.two_factors),
    key!(span "webauthn.lifetime" 30 * SECOND..=10 * MINUTE => webauthn.lifetime),
    key!(count "email.digits" 6..=8 => email.digits),
    key!(span "email.lifetime" 2 * MINUTE..=5 * MINUTE => email.lifetime),
    key!(flag "email.possession" => email.possession),
    key!(count "recovery.count" 8..=12 => recovery.count),
    key!(count "recovery.low" 0..=5 => recovery.low),
    key!(count "temporary-pass.length" 8..=48 => temporary_pass.length),
    key!(long "temporary-pass.lifetime" 10 * MINUTE..=30 * DAY => temporary_pass.lifetime),
    key!(long "temporary-pass.lifetime-max" 10 * MINUTE..=30 * DAY => temporary_pass.lifetime_max),
    key!(flag "temporary-pass.once" => temporary_pass.once),
    key!(flag "bypass.allowed" => bypass.allowed),
    key!(span "bypass.lifetime" 30 * SECOND..=DAY => bypass.lifetime),
    key!(flag "bypass.by-user" => bypass.by_user),
    key!(methods "pin.methods" 0 => pin.methods),
    key!(choice "pin.order" ["first", "last"] => pin.order; [PinOrder::First, PinOrder::Last]),
    key!(count "pin.least" 4..=16 => pin.least),
    key!(count "pin.iterations" 1_000..=40_000 => pin.iterations),
    key!(count "pin.lock-after" 3..=10 => pin.lock_after),
    key!(span "pin.lock-for" MINUTE..=DAY => pin.lock_for),
    key!(flag "fraud.block" => fraud.block),
    key!(long "fraud.block-for" DAY..=365 * DAY => fraud.block_for),
    key!(flag "fraud.confirm" => fraud.confirm),
    key!(long "devices.lifetime" 0..=365 * DAY => devices.lifetime),
    key!(span "devices.grace" 0..=MINUTE => devices.grace),
    key!(span "cache.lifetime" 0..=MINUTE => cache.lifetime),
    key!(count "throttle.delay-after" 1..=100 => throttle.delay_after),
    key!(span "throttle.delay-base" SECOND..=HOUR => throttle.delay_base),
    key!(span "throttle.delay-max" SECOND..=DAY => throttle.delay_max),
    key!(count "throttle.lock-after" 1..=100 => throttle.lock_after),
    key!(span "throttle.lock-for" 30 * SECOND..=DAY => throttle.lock_for),
    key!(span "throttle.lock-max" 30 * SECOND..=30 * DAY => throttle.lock_max),
    key!(count "throttle.account-lock-after" 1..=1000 => throttle.account_lock_after),
    key!(count "throttle.ceiling" 1..=100 => throttle.ceiling),
    key!(span "challenge.lifetime" 30 * SECOND..=10 * MINUTE => challenge.lifetime),
    key!(count "challenge.max-open" 1..=8 => challenge.max_open),
    key!(count "challenge.attempts" 1..=10 => challenge.attempts),
    key!(span "enrolment.lifetime" MINUTE..=60 * MINUTE => enrolment.lifetime),
    key!(long "enrolment.snooze" 0..=14 * DAY => enrolment.snooze),
    key!(count "enrolment.snoozes" 0..=10 => enrolment.snoozes),
    key!(span "session.lifetime" MINUTE..=30 * DAY => session.lifetime),
    key!(span "session.idle" MINUTE..=30 * DAY => session.idle),
    key!(span "session.renew" SECOND..=HOUR => session.renew),
    key!(span "session.recheck" 0..=10 * MINUTE => session.recheck),
    key!(span "management.max-age" 30 * SECOND..=HOUR => management.max_age),
    key!(span "sources.window" 10 * SECOND..=DAY => sources.window),
    key!(count "sources.failures" 0..=1_000_000 => sources.failures),
    key!(count "sources.begins" 0..=1_000_000 => sources.begins),
    key!(count "application-default.required-level" LEVELS => applications.default.required_level),
    key!(age "application-default.max-age" => applications.default.max_age),
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
