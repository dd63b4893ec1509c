//! What goes on record: the closed list that docs/audit.md publishes.

use crate::account::Credential;
use crate::contract::{AuditFact, Fact};
use crate::reason::Reason;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The user was let in.
    SignInAllowed,
    /// An attempt was refused; the reason says why. The user may still be asked again.
    SignInDenied,
    /// The user was asked for a code.
    ChallengeIssued,
    /// The user chose another method.
    MethodChosen,
    /// The user has no credential and was sent to enrol.
    EnrolmentRequired,
    /// A secret was handed out to the user.
    EnrolmentBegun,
    /// The user proved possession: the credential is active.
    EnrolmentCompleted,
    /// An enrolment was refused.
    EnrolmentDenied,
    /// A credential's token was set right by two successive codes.
    CredentialResynchronised,
    /// A credential was locked for a while; fact `until`.
    CredentialLocked,
    /// A credential reached the ceiling of failures.
    CredentialDisabled,
    /// The account was locked for a while; fact `until`.
    AccountLocked,
    /// The user renamed a credential.
    CredentialRenamed,
    /// A credential was removed; by an administrator if fact `actor` is there.
    CredentialRemoved,
    /// The user chose which credential is offered first.
    DefaultChanged,
    /// Every session was ended; by an administrator if fact `actor` is there.
    SignedOut,
    /// A change of the user's own was refused.
    ManagementDenied,
    /// An administrator created the account.
    AccountCreated,
    /// An administrator enrolled a credential from a URI; fact `secret` is `short` where it has under 128 bits.
    CredentialImported,
    /// An administrator had a credential made.
    CredentialIssued,
    /// An administrator lifted lockouts.
    AccountUnlocked,
    /// An administrator blocked the account.
    AccountBlocked,
    /// An administrator lifted the block.
    AccountUnblocked,
    /// An administrator removed the account.
    AccountRemoved,
    /// An administrator had the latest instant forgotten.
    ClockReset,
    /// An administrator's change was refused.
    AdministrationDenied,
    /// The host's clock is behind the record; fact `behind` in milliseconds.
    ClockFault,
    /// A request came again and was answered as before.
    RequestRepeated,
    /// The message that carries a question was sent again.
    MessageResent,
    /// A carrier said what became of a message.
    MessageReported,
    /// The user put off enrolling.
    EnrolmentSnoozed,
    /// A credential was used up and is gone.
    CredentialSpent,
    /// The user reported that somebody else was signing in.
    FraudReported,
    /// Whether a second factor is asked for was changed by an administrator; fact `state`.
    StateChanged,
    /// One sign-in without a second factor was granted; facts `why` and `until`.
    BypassGranted,
    /// A device is remembered from now on; fact `until`.
    DeviceRemembered,
    /// Remembered devices are known no more; fact `device` if it is one.
    DevicesForgotten,
    /// The token of a remembered device was used twice: somebody else has it. The device is known no more.
    DeviceStolen,
    /// A token of a remembered device was not made for this user and this client: it was ignored.
    DeviceRefused,
    /// A PIN was set or changed.
    PinChanged,
    /// The PIN was wrong too often and is locked; fact `until`.
    PinLocked,
    /// Somebody approved another user's sign-in; fact `approver`.
    ApprovalGiven,
    /// Another device confirmed an enrolment, which waits for the user's browser.
    EnrolmentConfirmed,
    /// A message was held back because too many went out, or were refused.
    MessageWithheld,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 44] = [
        Self::SignInAllowed,
        Self::SignInDenied,
        Self::ChallengeIssued,
        Self::MethodChosen,
        Self::EnrolmentRequired,
        Self::EnrolmentBegun,
        Self::EnrolmentCompleted,
        Self::EnrolmentDenied,
        Self::CredentialResynchronised,
        Self::CredentialLocked,
        Self::CredentialDisabled,
        Self::AccountLocked,
        Self::CredentialRenamed,
        Self::CredentialRemoved,
        Self::DefaultChanged,
        Self::SignedOut,
        Self::ManagementDenied,
        Self::AccountCreated,
        Self::CredentialImported,
        Self::CredentialIssued,
        Self::AccountUnlocked,
        Self::AccountBlocked,
        Self::AccountUnblocked,
        Self::AccountRemoved,
        Self::ClockReset,
        Self::AdministrationDenied,
        Self::ClockFault,
        Self::RequestRepeated,
        Self::MessageResent,
        Self::MessageReported,
        Self::EnrolmentSnoozed,
        Self::CredentialSpent,
        Self::FraudReported,
        Self::StateChanged,
        Self::BypassGranted,
        Self::DeviceRemembered,
        Self::DevicesForgotten,
        Self::DeviceStolen,
        Self::DeviceRefused,
        Self::PinChanged,
        Self::PinLocked,
        Self::ApprovalGiven,
        Self::EnrolmentConfirmed,
        Self::MessageWithheld,
    ];

    /// The name that the contract carries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignInAllowed => "sign-in-allowed",
            Self::SignInDenied => "sign-in-denied",
            Self::ChallengeIssued => "challenge-issued",
            Self::MethodChosen => "method-chosen",
            Self::EnrolmentRequired => "enrolment-required",
            Self::EnrolmentBegun => "enrolment-begun",
            Self::EnrolmentCompleted => "enrolment-completed",
            Self::EnrolmentDenied => "enrolment-denied",
            Self::CredentialResynchronised => "credential-resynchronised",
            Self::CredentialLocked => "credential-locked",
            Self::CredentialDisabled => "credential-disabled",
            Self::AccountLocked => "account-locked",
            Self::CredentialRenamed => "credential-renamed",
            Self::CredentialRemoved => "credential-removed",
            Self::DefaultChanged => "default-changed",
            Self::SignedOut => "signed-out",
            Self::ManagementDenied => "management-denied",
            Self::AccountCreated => "account-created",
            Self::CredentialImported => "credential-imported",
            Self::CredentialIssued => "credential-issued",
            Self::AccountUnlocked => "account-unlocked",
            Self::AccountBlocked => "account-blocked",
            Self::AccountUnblocked => "account-unblocked",
            Self::AccountRemoved => "account-removed",
            Self::ClockReset => "clock-reset",
            Self::AdministrationDenied => "administration-denied",
            Self::ClockFault => "clock-fault",
            Self::RequestRepeated => "request-repeated",
            Self::MessageResent => "message-resent",
            Self::MessageReported => "message-reported",
            Self::EnrolmentSnoozed => "enrolment-snoozed",
            Self::CredentialSpent => "credential-spent",
            Self::FraudReported => "fraud-reported",
            Self::StateChanged => "state-changed",
            Self::BypassGranted => "bypass-granted",
            Self::DeviceRemembered => "device-remembered",
            Self::DevicesForgotten => "devices-forgotten",
            Self::DeviceStolen => "device-stolen",
            Self::DeviceRefused => "device-refused",
            Self::PinChanged => "pin-changed",
            Self::PinLocked => "pin-locked",
            Self::ApprovalGiven => "approval-given",
            Self::EnrolmentConfirmed => "enrolment-confirmed",
            Self::MessageWithheld => "message-withheld",
        }
    }

    /// Puts it on record.
    pub fn fact(
        self,
        reason: Reason,
        credential: Option<&Credential>,
        facts: Vec<Fact>,
    ) -> AuditFact {
        AuditFact {
            kind: self.name().to_owned(),
            reason: reason.name().to_owned(),
            method: credential
                .map_or("", |credential| credential.method_name())
                .to_owned(),
            credential: credential.map(|credential| credential.id.text()),
            facts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn every_kind_is_documented() {
        let page = include_str!("../../docs/audit.md");
        for kind in Kind::ALL {
            assert!(
                page.contains(&format!("| `{}` |", kind.name())),
                "{} is not in docs/audit.md",
                kind.name()
            );
        }
    }
}
