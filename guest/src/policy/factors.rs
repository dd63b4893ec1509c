//! What the operator decides about each method, and about what a sign-in leaves behind: one struct a table of the document.

use super::{DAY, HOUR, MINUTE, Methods, SECOND};

/// Codes by text message (S03, S04).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sms {
    /// Length of a code: 6, 7 or 8 (NIST SP 800-63B-4 section 3.1.3.2).
    pub digits: u8,
    /// How long a code is good for: 30 seconds to 10 minutes.
    pub lifetime: u64,
    /// The user answers by text, instead of typing the code where they sign in.
    pub two_way: bool,
}

/// Telephone calls (S01, S02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice<'a> {
    /// What accepts the call.
    pub answer: VoiceAnswer,
    /// The digits to press before `#`, where [`VoiceAnswer::Digits`] accepts. 1 to 16 digits.
    pub digits: &'a str,
    /// The digits that report a fraud, before `#`. Empty for none.
    pub fraud_code: &'a str,
    /// The number that calls, E.164; empty for the carrier's own (S16).
    pub caller_id: &'a str,
    /// How long a call may take: 30 seconds to 10 minutes.
    pub lifetime: u64,
}

/// What accepts a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum VoiceAnswer {
    /// `#` alone.
    #[default]
    Hash = 0,
    /// Configured digits, then `#`.
    Digits = 1,
    /// The user's PIN, then `#`.
    Pin = 2,
}

/// What goes out by telephone, and how much of it (SV-01, SV-02, PU-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sends<'a> {
    /// Over which time is counted: 1 minute to 24 hours.
    pub window: u64,
    /// How long after a message the next one may go out: up to 10 minutes.
    pub cooldown: u64,
    /// Messages to one account in the window: 1 to 24.
    pub account: u8,
    /// Messages to one number in the window; zero for no limit.
    pub number: u32,
    /// Messages to one country in the window; zero for no limit.
    pub country: u32,
    /// Messages in the window to numbers that differ in their last four digits alone; zero for no limit.
    pub range: u32,
    /// Texts and calls in the window altogether; zero for no limit.
    pub total: u32,
    /// How long a number that a user adds to others is not used: up to 7 days; zero for not at all.
    pub hold: u64,
    /// Pushes in the window that were not answered: 1 to 24.
    pub unanswered: u8,
    /// Pushes since the last success: 1 to 24.
    pub since_success: u8,
    /// Country calling codes that may be called and texted, one a line, such as `49`; empty for all but premium ranges.
    pub countries: &'a str,
}

/// Notifications of an app (S05, M05, M06).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Push {
    /// How long one waits: 30 seconds to 10 minutes.
    pub lifetime: u64,
    /// Length of the number to match: 2, 3 or 6 (NIST SP 800-63B-4 wants 6).
    pub number_length: u8,
    /// How it is matched.
    pub matching: Matching,
    /// Whether the device is told the application's name.
    pub show_application: bool,
    /// Whether the device is told where the sign-in comes from.
    pub show_location: bool,
    /// Whether a wrong number counts as a report of fraud.
    pub wrong_number_is_fraud: bool,
}

/// How the number of a notification is matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matching {
    /// It is shown where the user signs in, and typed into the device.
    #[default]
    TypeIn,
    /// It is shown where the user signs in, and picked out of three on the device.
    Pick,
    /// It is shown on the device, and typed where the user signs in.
    CodeToPhone,
}

/// Passkeys and security keys (M01, M02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Webauthn<'a> {
    /// The relying party's domain, such as `example.com`. Empty: the method cannot be used.
    pub rp_id: &'a str,
    /// Origins that a browser may name, one a line, such as `https://app.example.com`.
    pub origins: &'a str,
    /// Models that may be enrolled, one AAGUID a line; empty for all.
    pub aaguids: &'a str,
    /// Whether the authenticator has to verify its user.
    pub user_verification: UserVerification,
    /// What it has to prove about itself.
    pub attestation: Attestation,
    /// Whether an authenticator whose counter went back is refused; otherwise that is noted.
    pub refuse_regression: bool,
    /// Whether passkeys that leave their device may be enrolled and used (NIST SP 800-63B-4: not at AAL3).
    pub synced: bool,
    /// Whether the authenticator is to remember whom a credential is for, and so needs no list of them.
    pub discoverable: Discoverable,
    /// Whether a passkey counts as two factors once it has verified its user: what it is, and the PIN or finger (M02).
    pub two_factors: bool,
    /// How long a question is open: 30 seconds to 10 minutes.
    pub lifetime: u64,
}

/// Whether a credential is kept on the authenticator (WebAuthn section 5.4.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discoverable {
    /// Where there is room, as passkeys are.
    #[default]
    Preferred,
    /// Always.
    Required,
    /// Where there is no other way: security keys have room for few.
    Discouraged,
}

/// Whether an authenticator has to verify its user (WebAuthn section 5.8.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserVerification {
    /// It has to.
    Required,
    /// It may.
    #[default]
    Preferred,
    /// It need not.
    Discouraged,
}

/// What an authenticator has to prove about itself (WebAuthn section 6.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attestation {
    /// Nothing.
    #[default]
    None,
    /// That it holds the key, at least: packed, by the key itself or by a certificate.
    Own,
    /// Of which model it is: packed, by a certificate.
    Certified,
}

/// Codes by e-mail (M04).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Email {
    /// Length of a code: 6, 7 or 8.
    pub digits: u8,
    /// How long a code is good for: 2 to 5 minutes.
    pub lifetime: u64,
    /// Whether a mailbox counts as something that the user has. Otherwise it is no second factor (N-08, A-6.3.6).
    pub possession: bool,
}

/// Recovery codes (M03).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// How many are made at once: 8 to 12.
    pub count: u8,
    /// From how many on the user is told that few are left: up to 5.
    pub low: u8,
}

/// Temporary access passes (M09).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemporaryPass {
    /// Characters: 8 to 48.
    pub length: u8,
    /// How long one is good for, if nobody says: 10 minutes to 30 days.
    pub lifetime: u64,
    /// How long one may be good for: 10 minutes to 30 days.
    pub lifetime_max: u64,
    /// Whether one is good for one sign-in only, if nobody says.
    pub once: bool,
}

/// One-time bypasses (S14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bypass {
    /// Whether there are any.
    pub allowed: bool,
    /// How long one waits, if nobody says: 30 seconds to 24 hours.
    pub lifetime: u64,
    /// Whether users may grant one to themselves, after a fresh verification.
    pub by_user: bool,
}

/// PINs that the component verifies (S11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// With which methods a PIN is asked for as well; none for no PINs.
    pub methods: Methods,
    /// Where it stands in what is typed.
    pub order: PinOrder,
    /// How many digits or characters a new one has at least: 4 to 16.
    pub least: u8,
    /// Iterations of PBKDF2: 1,000 to 20,000.
    pub iterations: u32,
    /// From how many wrong ones on it is locked: 3 to 10.
    pub lock_after: u8,
    /// For how long: 1 minute to 24 hours.
    pub lock_for: u64,
}

/// Where a PIN stands in what is typed with a code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PinOrder {
    /// Before the code.
    #[default]
    First,
    /// After it.
    Last,
}

/// What a report of fraud does (S12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraud {
    /// Whether it blocks the account.
    pub block: bool,
    /// For how long: 1 to 365 days.
    pub block_for: u64,
    /// Whether a report in a call has to be confirmed by `1`.
    pub confirm: bool,
}

/// Remembered devices (S19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Devices {
    /// How long one is remembered: up to 365 days; zero for not at all.
    pub lifetime: u64,
    /// How long the token before the newest is still good, for requests that run beside each other: up to a minute.
    pub grace: u64,
}

/// The success that answers the requests beside it (E18).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// How long it does: up to a minute; zero for not at all.
    pub lifetime: u64,
}

impl Default for Sms {
    fn default() -> Self {
        Self {
            digits: 6,
            lifetime: 180 * SECOND,
            two_way: false,
        }
    }
}

impl Default for Voice<'_> {
    fn default() -> Self {
        Self {
            answer: VoiceAnswer::Hash,
            digits: "",
            fraud_code: "0",
            caller_id: "",
            lifetime: 120 * SECOND,
        }
    }
}

impl Default for Sends<'_> {
    fn default() -> Self {
        Self {
            window: 10 * MINUTE,
            cooldown: 30 * SECOND,
            account: 5,
            number: 3,
            country: 1000,
            range: 30,
            total: 5000,
            hold: 0,
            unanswered: 3,
            since_success: 5,
            countries: "",
        }
    }
}

impl Default for Push {
    fn default() -> Self {
        Self {
            lifetime: 60 * SECOND,
            number_length: 6,
            matching: Matching::TypeIn,
            show_application: true,
            show_location: true,
            wrong_number_is_fraud: false,
        }
    }
}

impl Default for Webauthn<'_> {
    fn default() -> Self {
        Self {
            rp_id: "",
            origins: "",
            aaguids: "",
            user_verification: UserVerification::Preferred,
            attestation: Attestation::None,
            refuse_regression: true,
            synced: true,
            discoverable: Discoverable::Preferred,
            two_factors: false,
            lifetime: 120 * SECOND,
        }
    }
}

impl Default for Email {
    fn default() -> Self {
        Self {
            digits: 8,
            lifetime: 5 * MINUTE,
            possession: false,
        }
    }
}

impl Default for Recovery {
    fn default() -> Self {
        Self { count: 10, low: 3 }
    }
}

impl Default for TemporaryPass {
    fn default() -> Self {
        Self {
            length: 8,
            lifetime: HOUR,
            lifetime_max: 8 * HOUR,
            once: false,
        }
    }
}

impl Default for Bypass {
    fn default() -> Self {
        Self {
            allowed: true,
            lifetime: 300 * SECOND,
            by_user: false,
        }
    }
}

impl Default for Pin {
    fn default() -> Self {
        Self {
            methods: Methods::NONE,
            order: PinOrder::First,
            least: 6,
            iterations: 10_000,
            lock_after: 5,
            lock_for: 15 * MINUTE,
        }
    }
}

impl Default for Fraud {
    fn default() -> Self {
        Self {
            block: true,
            block_for: 90 * DAY,
            confirm: true,
        }
    }
}

impl Default for Devices {
    fn default() -> Self {
        Self {
            lifetime: 0,
            grace: 10 * SECOND,
        }
    }
}
