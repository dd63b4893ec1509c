//! The policy: what an operator may decide, its defaults, and its two forms.
//!
//! [`compile`] turns the operator's document into bytes, once; [`decode`](compiled::decode) reads those
//! bytes at every step, without an allocation. `keys` is the one table that both are made from: a new switch is a field
//! here, a row there, and a line in docs/policy.md.

mod advice;
pub mod compiled;
mod document;
mod duration;
mod entry;
mod factors;
mod instant;
pub(crate) mod keys;
mod lists;
mod method_set;
pub(crate) mod network;
pub mod presets;
mod report;
pub(crate) mod route;
pub(crate) mod sections;
mod settle;
mod source;
mod statement;
pub(crate) mod tables;
pub(crate) mod texts;
mod values;

use crate::account::State;
use crate::methods::{Class, hotp, totp};

pub use document::{Compiled, HostPolicy, Observed, compile, compile_last};
pub use factors::{
    Attestation, Bypass, Cache, Devices, Discoverable, Email, Fraud, Matching, Pin, PinOrder, Push,
    Recovery, Sends, Sms, TemporaryPass, UserVerification, Voice, VoiceAnswer, Webauthn,
};
pub use method_set::Methods;
pub use report::PolicyError;
pub use route::Routes;
pub use sections::{Applications, Greetings, Locations, Malformed, Rules, Strengths, Texts};
pub use source::Source;

/// Everything that a decision takes from the operator.
///
/// Durations are milliseconds. `'a` is the compiled form, which lends the texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy<'a> {
    /// Who gets an account, and with which methods.
    pub accounts: Accounts,
    /// Time-based codes (RFC 6238).
    pub totp: Totp,
    /// Counter-based codes (RFC 4226).
    pub hotp: Hotp,
    /// Codes by text message.
    pub sms: Sms,
    /// Telephone calls.
    pub voice: Voice<'a>,
    /// How much goes out.
    pub sends: Sends<'a>,
    /// Notifications of an app.
    pub push: Push,
    /// Passkeys and security keys.
    pub webauthn: Webauthn<'a>,
    /// Codes by e-mail.
    pub email: Email,
    /// Recovery codes.
    pub recovery: Recovery,
    /// Temporary access passes.
    pub temporary_pass: TemporaryPass,
    /// One-time bypasses.
    pub bypass: Bypass,
    /// PINs.
    pub pin: Pin,
    /// What a report of fraud does.
    pub fraud: Fraud,
    /// Remembered devices.
    pub devices: Devices,
    /// The success that answers the requests beside it.
    pub cache: Cache,
    /// What failures cost (RFC 4226 section 7.3, NIST SP 800-63B-4 section 3.2.2).
    pub throttle: Throttle,
    /// Open challenges.
    pub challenge: Challenge,
    /// Open enrolments, and what authenticators show.
    pub enrolment: Enrolment<'a>,
    /// Sessions after a sign-in.
    pub session: Session,
    /// What users may change of their own.
    pub management: Management,
    /// What the host counts for each address prefix.
    pub sources: Sources,
    /// Named sets of addresses and countries.
    pub locations: Locations<'a>,
    /// Named combinations of methods.
    pub strengths: Strengths<'a>,
    /// What decides beside the defaults.
    pub rules: Rules<'a>,
    /// What differs between applications.
    pub applications: Applications<'a>,
    /// What is demanded by where a request goes.
    pub routes: Routes<'a>,
    /// What telephone calls say in the place of the built-in texts.
    pub greetings: Greetings<'a>,
}

impl<'a> Policy<'a> {
    /// The text that a call says for a message: that of the greeting that fits best, or the message itself (S15).
    pub fn greeting(&self, message: &'a str, language: &str, application: &str) -> &'a str {
        self.greetings.find(message, language, application)
    }
}

/// Who gets an account, and with which methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// What becomes of a user whom the first factor vouches for and who has no account.
    pub provision: Provision,
    /// How many OATH credentials an account may hold: 1 to 5. Other methods have bounds of their own.
    pub max_credentials: u8,
    /// Which methods may be enrolled and used. One that is taken out stops working at once.
    pub methods: Methods,
    /// How many shadow records stand in for unknown users: 1 to 65,536.
    pub shadows: u32,
    /// What the first factor is: a second one of the same class is none (S29).
    pub first_factor: Class,
    /// Whether accounts that nobody set otherwise are asked for a second factor.
    pub state: State,
    /// Whether an account may be exempt at all: `disabled` counts as `enabled` otherwise.
    pub may_disable: bool,
}

/// What becomes of a user who has no account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provision {
    /// The user is asked to enrol.
    #[default]
    FirstSignIn,
    /// The user is refused, in a way that does not tell it from a wrong code.
    KnownOnly,
}

/// The hash under HMAC in one-time codes (RFC 6238 section 1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA-1: what every authenticator knows.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// Time-based codes. `algorithm`, `digits`, `period` and `secret_bytes` are for newly issued secrets: a credential that is
/// enrolled keeps its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totp {
    /// The hash.
    pub algorithm: Algorithm,
    /// Length of a code: 6, 7 or 8.
    pub digits: u8,
    /// Length of a step: 15 to 300 seconds.
    pub period: u16,
    /// How many steps before and after the expected one are tried: 0 to 10.
    pub window: u8,
    /// How many steps a learnt drift may be away from the server's time, or from where two successive codes have set the
    /// token right: 0 to 10.
    pub drift_cap: u8,
    /// How many steps each way two successive codes are looked for: up to 1,000; zero for never.
    pub resync_window: u16,
    /// Length of a new secret: 20 to 64 bytes.
    pub secret_bytes: u8,
}

impl Totp {
    /// The bound on the steps that are accepted, counted from where the token was last set right: drift or not, no code is
    /// older.
    pub fn reach(&self) -> u8 {
        self.window.max(self.drift_cap)
    }
}

/// Counter-based codes. `algorithm`, `digits` and `secret_bytes` are for newly issued secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hotp {
    /// The hash.
    pub algorithm: Algorithm,
    /// Length of a code: 6, 7 or 8.
    pub digits: u8,
    /// How many counters after the expected one are tried: 0 to 100 (RFC 4226 section 7.4).
    pub look_ahead: u8,
    /// How many counters ahead two successive codes are looked for: up to 1,000; zero for never.
    pub resync_window: u16,
    /// Two successive codes of two attempts set a token right, too.
    pub auto_resync: bool,
    /// Length of a new secret: 20 to 64 bytes.
    pub secret_bytes: u8,
}

impl Hotp {
    /// How many counters ahead a code is kept in mind: at most as many as the look-ahead could be told to try.
    pub fn auto_reach(&self) -> u64 {
        let most = if self.auto_resync { 100 } else { 0 };
        u64::from(self.resync_window).min(most)
    }
}

/// What failures cost. Counts are of consecutive failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// From which failure of a credential on the next attempt has to wait: 1 to 100.
    pub delay_after: u16,
    /// How long it waits first; doubled at each failure. 1 second to 1 hour.
    pub delay_base: u64,
    /// How long it waits at most. 1 second to 24 hours.
    pub delay_max: u64,
    /// At which failure the credential is locked for a while: 1 to 100.
    pub lock_after: u16,
    /// How long the first lock lasts; doubled at each lock. 30 seconds to 24 hours.
    pub lock_for: u64,
    /// How long a lock lasts at most. 30 seconds to 30 days.
    pub lock_max: u64,
    /// At which failure, over all credentials, the account is locked for a while: 1 to 1,000.
    pub account_lock_after: u16,
    /// At which failure the credential is disabled until it is enrolled again: 1 to 100 (NIST SP 800-63B-4 section 3.2.2).
    pub ceiling: u16,
}

/// Open challenges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// How long one is open: 30 seconds to 10 minutes.
    pub lifetime: u64,
    /// How many an account may have at once: 1 to 8.
    pub max_open: u8,
    /// How many wrong answers one takes: 1 to 10.
    pub attempts: u8,
}

/// Open enrolments, and what authenticators show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrolment<'a> {
    /// How long one is open: 1 to 60 minutes.
    pub lifetime: u64,
    /// The name that authenticators show: 1 to 64 octets, no colon.
    pub issuer: &'a str,
    /// How long a user may put it off each time: up to 14 days; zero for not at all.
    pub snooze: u64,
    /// How often: up to 10.
    pub snoozes: u8,
}

/// Sessions after a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// How long one lasts at most: 1 minute to 30 days.
    pub lifetime: u64,
    /// How long one lasts without a request: 1 minute to 30 days.
    pub idle: u64,
    /// How often its last use is written down: 1 second to 1 hour.
    pub renew: u64,
    /// How long the host may keep a pass: up to 10 minutes.
    pub recheck: u64,
}

/// What users may change of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Management {
    /// How old the verification may be that stands behind a change: 30 seconds to 1 hour.
    pub max_age: u64,
}

/// What the host counts for each address prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Over which time: 10 seconds to 24 hours.
    pub window: u64,
    /// From how many failures on a prefix is refused; zero for never.
    pub failures: u32,
    /// From how many begun sign-ins and enrolments on a prefix is refused; zero for never.
    pub begins: u32,
}

/// What is special about one application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Application<'a> {
    /// Whether the host lets users pass when it cannot reach its store or has no component. Never through anybody's input.
    pub fail_open: bool,
    /// The level that it needs: 1 to 3.
    pub required_level: u8,
    /// How old a verification may be.
    pub max_age: Option<u64>,
    /// The methods that may be used for it; none for all that the policy allows (S09).
    pub methods: Methods,
    /// The number of the strength that it needs; zero for none (E20).
    pub strength: u8,
    /// How many others have to approve a sign-in (M11).
    pub approvals: u8,
    /// Whose members may approve one.
    pub approvers: Texts<'a>,
    /// Whether an app password opens it, where the policy allows them (S10).
    pub app_passwords: bool,
    /// What it shares its sessions under: those of all applications with the same name count here. Empty for with nobody.
    pub session: &'a str,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            provision: Provision::FirstSignIn,
            max_credentials: 5,
            methods: Methods::NONE.with(totp::NUMBER).with(hotp::NUMBER),
            shadows: 4096,
            first_factor: Class::Knowledge,
            state: State::Enabled,
            may_disable: false,
        }
    }
}

impl Default for Totp {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Sha1,
            digits: 6,
            period: 30,
            window: 1,
            drift_cap: 1,
            resync_window: 10,
            secret_bytes: 20,
        }
    }
}

impl Default for Hotp {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Sha1,
            digits: 6,
            look_ahead: 10,
            resync_window: 100,
            auto_resync: false,
            secret_bytes: 20,
        }
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            delay_after: 3,
            delay_base: 2 * SECOND,
            delay_max: 5 * MINUTE,
            lock_after: 10,
            lock_for: 15 * MINUTE,
            lock_max: 24 * HOUR,
            account_lock_after: 50,
            ceiling: 100,
        }
    }
}

impl Default for Challenge {
    fn default() -> Self {
        Self {
            lifetime: 120 * SECOND,
            max_open: 4,
            attempts: 5,
        }
    }
}

impl Default for Enrolment<'_> {
    fn default() -> Self {
        Self {
            lifetime: 10 * MINUTE,
            issuer: "Cofactor",
            snooze: 0,
            snoozes: 3,
        }
    }
}

impl Default for Session {
    fn default() -> Self {
        Self {
            lifetime: 12 * HOUR,
            idle: HOUR,
            renew: MINUTE,
            recheck: 30 * SECOND,
        }
    }
}

impl Default for Management {
    fn default() -> Self {
        Self {
            max_age: 5 * MINUTE,
        }
    }
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            window: 10 * MINUTE,
            failures: 100,
            begins: 600,
        }
    }
}

impl Default for Application<'_> {
    fn default() -> Self {
        Self {
            fail_open: false,
            required_level: 2,
            max_age: None,
            methods: Methods::NONE,
            strength: 0,
            approvals: 0,
            approvers: Texts::default(),
            app_passwords: true,
            session: "",
        }
    }
}

impl Algorithm {
    /// The names that `otpauth://` URIs use.
    pub const NAMES: &'static [&'static str] = &["SHA1", "SHA256", "SHA512"];

    /// The name that `otpauth://` URIs use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

/// A duration, as a document writes it.
pub(crate) fn shown(milliseconds: u64) -> String {
    duration::shown(milliseconds)
}

pub(crate) const SECOND: u64 = 1000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

#[cfg(test)]
mod tests;
