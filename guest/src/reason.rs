//! Why something was decided: the closed list that docs/reasons.md publishes.

use crate::contract::{Denial, Prompt};

/// Why something was decided. The numbers are written into records: none is ever given to another reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// The factor was verified, or the change was made.
    SuccessfullyCompleted = 1,
    /// A credential was enrolled and its first code verified.
    RegistrationCompleted = 2,
    /// The user has no credential and is asked to enrol one.
    RegistrationRequired = 3,
    /// A drifted token was set right by two successive codes.
    Resynchronised = 4,
    /// The code is wrong. Outside, this also stands for every reason that would tell an attacker more.
    IncorrectCode = 10,
    /// The code was right, and is not good any more: used, or older than one that was used.
    CodeAlreadyUsed = 11,
    /// Too soon after a failure: the code was not looked at.
    Throttled = 12,
    /// The credential is locked for a while: the code was not looked at.
    Locked = 13,
    /// The account is locked for a while: the code was not looked at.
    AccountLocked = 14,
    /// The credential reached the ceiling of failures and has to be enrolled again.
    Disabled = 15,
    /// An administrator blocked the account.
    Blocked = 16,
    /// Too many failures, or begun sign-ins, from the client's network.
    SourceThrottled = 17,
    /// The challenge is over.
    ChallengeExpired = 20,
    /// There is no such challenge: never issued, answered already, or another user's.
    ChallengeUnknown = 21,
    /// The challenge was opened by another browser, first-factor session or application.
    ChallengeBinding = 22,
    /// The enrolment is over, answered already, or overtaken by another change.
    EnrolmentExpired = 23,
    /// The account has no credential that could be used here.
    NoMethodsRegistered = 30,
    /// The policy does not allow the method, or the account has none of it.
    MethodNotAllowed = 31,
    /// There is no account of that name.
    UserNotFound = 32,
    /// The account holds as many credentials as the policy allows.
    TooManyCredentials = 33,
    /// The change needs a verification that is not older than the policy's `management.max-age`.
    FreshVerificationRequired = 34,
    /// The last credential cannot be removed by its user.
    LastCredential = 35,
    /// The label is empty, over 64 octets, or holds control characters.
    LabelInvalid = 36,
    /// The account has no credential of that id.
    CredentialUnknown = 37,
    /// The `otpauth://` URI, or the token, cannot be used; the audit names the field.
    ImportInvalid = 38,
    /// The application needs a level that no method here reaches.
    LevelInsufficient = 39,
    /// Something on the server's side; the log says what.
    ServiceError = 50,
    /// The clock is more than five minutes behind the latest committed instant.
    ClockFault = 51,
    /// The session reached its absolute lifetime.
    SessionExpired = 60,
    /// The session was not used for too long.
    SessionIdle = 61,
    /// The session was ended, or all of the account's were.
    SessionRevoked = 62,
    /// The session was made for another application.
    ApplicationMismatch = 63,
    /// The user put off enrolling and passed on the first factor.
    RegistrationSnoozed = 5,
    /// The client's address is in a trusted network: no second factor was asked for.
    TrustedNetwork = 6,
    /// The device is remembered: no second factor was asked for.
    RememberedDevice = 7,
    /// A bypass was granted and used up: no second factor was asked for.
    OneTimeBypass = 8,
    /// A rule exempts the user for a time: no second factor was asked for.
    Excluded = 9,
    /// The user reported that somebody else was signing in.
    FraudReported = 18,
    /// A rule of the policy refuses the sign-in.
    RuleDenied = 19,
    /// Nobody answered in time.
    NoResponse = 24,
    /// The user declined.
    UserDeclined = 25,
    /// A voice mailbox answered the call.
    Voicemail = 26,
    /// The user ended the call without an answer.
    HungUp = 27,
    /// The message did not reach the user's device.
    Undelivered = 28,
    /// Too many messages were sent to this user, number or country.
    SendThrottled = 29,
    /// The text to confirm is empty, too long, or holds control characters.
    TransactionInvalid = 40,
    /// The telephone number, mail address, key or application is malformed, or not one that the policy allows.
    AddressInvalid = 41,
    /// This account, or another, holds this token, number or device already.
    AlreadyClaimed = 42,
    /// The PIN is wrong.
    IncorrectPin = 43,
    /// The PIN has to be changed before the user passes, or the new one is too short, too simple, or the old one.
    PinChangeRequired = 44,
    /// The account is not asked for a second factor.
    MultifactorDisabled = 45,
    /// A request beside this one has just succeeded.
    CachedSuccess = 46,
    /// Others have to approve.
    ApprovalPending = 47,
    /// The signature, or what it was made over, is wrong.
    SignatureInvalid = 48,
    /// The authenticator's counter went back: it may have been copied.
    CounterRegressed = 49,
    /// The authenticator is not of a kind that the policy allows, or cannot prove it.
    AttestationRefused = 52,
    /// The authenticator did not verify the user, as the policy wants it to.
    UserNotVerified = 53,
    /// The credential is not good yet, or not any more.
    CredentialExpired = 54,
    /// The policy does not allow a bypass, no reason was given, it would last too long, or the administrator is the user.
    BypassRefused = 55,
    /// The telephone number was moved to another SIM or carrier a short time ago: nothing is sent there.
    NumberSwapped = 56,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Self; 60] = [
        Self::SuccessfullyCompleted,
        Self::RegistrationCompleted,
        Self::RegistrationRequired,
        Self::Resynchronised,
        Self::IncorrectCode,
        Self::CodeAlreadyUsed,
        Self::Throttled,
        Self::Locked,
        Self::AccountLocked,
        Self::Disabled,
        Self::Blocked,
        Self::SourceThrottled,
        Self::ChallengeExpired,
        Self::ChallengeUnknown,
        Self::ChallengeBinding,
        Self::EnrolmentExpired,
        Self::NoMethodsRegistered,
        Self::MethodNotAllowed,
        Self::UserNotFound,
        Self::TooManyCredentials,
        Self::FreshVerificationRequired,
        Self::LastCredential,
        Self::LabelInvalid,
        Self::CredentialUnknown,
        Self::ImportInvalid,
        Self::LevelInsufficient,
        Self::ServiceError,
        Self::ClockFault,
        Self::SessionExpired,
        Self::SessionIdle,
        Self::SessionRevoked,
        Self::ApplicationMismatch,
        Self::RegistrationSnoozed,
        Self::TrustedNetwork,
        Self::RememberedDevice,
        Self::OneTimeBypass,
        Self::Excluded,
        Self::FraudReported,
        Self::RuleDenied,
        Self::NoResponse,
        Self::UserDeclined,
        Self::Voicemail,
        Self::HungUp,
        Self::Undelivered,
        Self::SendThrottled,
        Self::TransactionInvalid,
        Self::AddressInvalid,
        Self::AlreadyClaimed,
        Self::IncorrectPin,
        Self::PinChangeRequired,
        Self::MultifactorDisabled,
        Self::CachedSuccess,
        Self::ApprovalPending,
        Self::SignatureInvalid,
        Self::CounterRegressed,
        Self::AttestationRefused,
        Self::UserNotVerified,
        Self::CredentialExpired,
        Self::BypassRefused,
        Self::NumberSwapped,
    ];

    /// The name that the contract carries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SuccessfullyCompleted => "successfully-completed",
            Self::RegistrationCompleted => "registration-completed",
            Self::RegistrationRequired => "registration-required",
            Self::Resynchronised => "resynchronised",
            Self::IncorrectCode => "incorrect-code",
            Self::CodeAlreadyUsed => "code-already-used",
            Self::Throttled => "throttled",
            Self::Locked => "locked",
            Self::AccountLocked => "account-locked",
            Self::Disabled => "disabled",
            Self::Blocked => "blocked",
            Self::SourceThrottled => "source-throttled",
            Self::ChallengeExpired => "challenge-expired",
            Self::ChallengeUnknown => "challenge-unknown",
            Self::ChallengeBinding => "challenge-binding",
            Self::EnrolmentExpired => "enrolment-expired",
            Self::NoMethodsRegistered => "no-methods-registered",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::UserNotFound => "user-not-found",
            Self::TooManyCredentials => "too-many-credentials",
            Self::FreshVerificationRequired => "fresh-verification-required",
            Self::LastCredential => "last-credential",
            Self::LabelInvalid => "label-invalid",
            Self::CredentialUnknown => "credential-unknown",
            Self::ImportInvalid => "import-invalid",
            Self::LevelInsufficient => "level-insufficient",
            Self::ServiceError => "service-error",
            Self::ClockFault => "clock-fault",
            Self::SessionExpired => "session-expired",
            Self::SessionIdle => "session-idle",
            Self::SessionRevoked => "session-revoked",
            Self::ApplicationMismatch => "application-mismatch",
            Self::RegistrationSnoozed => "registration-snoozed",
            Self::TrustedNetwork => "trusted-network",
            Self::RememberedDevice => "remembered-device",
            Self::OneTimeBypass => "one-time-bypass",
            Self::Excluded => "excluded",
            Self::FraudReported => "fraud-reported",
            Self::RuleDenied => "rule-denied",
            Self::NoResponse => "no-response",
            Self::UserDeclined => "user-declined",
            Self::Voicemail => "voicemail",
            Self::HungUp => "hung-up",
            Self::Undelivered => "undelivered",
            Self::SendThrottled => "send-throttled",
            Self::TransactionInvalid => "transaction-invalid",
            Self::AddressInvalid => "address-invalid",
            Self::AlreadyClaimed => "already-claimed",
            Self::IncorrectPin => "incorrect-pin",
            Self::PinChangeRequired => "pin-change-required",
            Self::MultifactorDisabled => "multifactor-disabled",
            Self::CachedSuccess => "cached-success",
            Self::ApprovalPending => "approval-pending",
            Self::SignatureInvalid => "signature-invalid",
            Self::CounterRegressed => "counter-regressed",
            Self::AttestationRefused => "attestation-refused",
            Self::UserNotVerified => "user-not-verified",
            Self::CredentialExpired => "credential-expired",
            Self::BypassRefused => "bypass-refused",
            Self::NumberSwapped => "number-swapped",
        }
    }

    /// What the outside may be told instead. A wrong code, a used one, a locked credential, a blocked account and a
    /// user who does not exist are all the same to it (BF-09, BF-10), and so are the ways in which a challenge can be
    /// no good.
    pub const fn public(self) -> Self {
        match self {
            Self::CodeAlreadyUsed
            | Self::Throttled
            | Self::Locked
            | Self::AccountLocked
            | Self::Disabled
            | Self::Blocked
            | Self::IncorrectPin
            | Self::SignatureInvalid
            | Self::CounterRegressed
            | Self::UserNotVerified
            | Self::CredentialExpired => Self::IncorrectCode,
            Self::ChallengeUnknown | Self::ChallengeBinding => Self::ChallengeExpired,
            Self::ClockFault => Self::ServiceError,
            // Whoever has the number now is not to learn that it is known.
            Self::NumberSwapped => Self::Undelivered,
            other => other,
        }
    }

    /// Whether it says that an answer was not looked at, because of what came before.
    pub(crate) const fn is_unjudged(self) -> bool {
        matches!(
            self,
            Self::Throttled | Self::Locked | Self::AccountLocked | Self::Disabled | Self::Blocked
        )
    }

    /// The denial that has this reason. It never tells until when: that would tell a lock from a wrong code.
    pub(crate) fn denial(self) -> Denial {
        let public = self.public().name();
        Denial {
            public_reason: public.to_owned(),
            internal_reason: self.name().to_owned(),
            prompt: Prompt {
                message: public.to_owned(),
                arguments: Vec::new(),
            },
            retry_at: None,
        }
    }

    /// The number that records carry.
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.number() == number)
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn every_reason_is_documented_and_has_one_number() {
        let page = include_str!("../../docs/reasons.md");
        for (at, reason) in Reason::ALL.into_iter().enumerate() {
            assert!(
                page.contains(&format!("| `{}` |", reason.name())),
                "{} is not in docs/reasons.md",
                reason.name()
            );
            assert_eq!(Reason::from_number(reason.number()), Some(reason));
            assert!(
                Reason::ALL
                    .iter()
                    .skip(at + 1)
                    .all(|other| other.name() != reason.name()),
                "{} twice",
                reason.name()
            );
        }
    }
}
