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
    /// The `otpauth://` URI cannot be used.
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
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Self; 32] = [
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
            | Self::Blocked => Self::IncorrectCode,
            Self::ChallengeUnknown | Self::ChallengeBinding => Self::ChallengeExpired,
            Self::ClockFault => Self::ServiceError,
            other => other,
        }
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
