//! The actions that this component implements, out of those that the contract names.

use crate::audit::Kind;
use crate::contract::{
    Action, Administration, Answer, Choice, DeliveryReport, EnrolmentRequest, Fault, Management,
    PhoneAnswer, SignIn, Voucher,
};

/// The actions that [`step`](super::step) implements, by their names in the contract.
pub const ACTIONS: [&str; 13] = [
    "begin",
    "snooze",
    "answer",
    "choose-method",
    "resend",
    "poll",
    "phone-answer",
    "delivery-report",
    "enrol-begin",
    "enrol-finish",
    "manage",
    "administer",
    "vouch",
];

/// An action that is implemented.
#[derive(Clone, Copy)]
pub(super) enum Implemented<'a> {
    Begin(&'a SignIn),
    Snooze(&'a SignIn),
    Answer(&'a Answer),
    ChooseMethod(&'a Choice),
    Resend(&'a str),
    Poll(&'a str),
    PhoneAnswer(&'a PhoneAnswer),
    DeliveryReport(&'a DeliveryReport),
    EnrolBegin(&'a EnrolmentRequest),
    EnrolFinish(&'a Answer),
    Manage(&'a Management),
    Administer(&'a Administration),
    Vouch(&'a Voucher),
}

impl<'a> Implemented<'a> {
    pub(super) fn of(action: &'a Action) -> Result<Self, Fault> {
        let name = match action {
            Action::Begin(sign_in) => return Ok(Self::Begin(sign_in)),
            Action::Snooze(sign_in) => return Ok(Self::Snooze(sign_in)),
            Action::Answer(answer) => return Ok(Self::Answer(answer)),
            Action::ChooseMethod(choice) => return Ok(Self::ChooseMethod(choice)),
            Action::Resend(challenge) => return Ok(Self::Resend(challenge)),
            Action::Poll(challenge) => return Ok(Self::Poll(challenge)),
            Action::PhoneAnswer(answer) => return Ok(Self::PhoneAnswer(answer)),
            Action::DeliveryReport(report) => return Ok(Self::DeliveryReport(report)),
            Action::EnrolBegin(request) => return Ok(Self::EnrolBegin(request)),
            Action::EnrolFinish(answer) => return Ok(Self::EnrolFinish(answer)),
            Action::Manage(management) => return Ok(Self::Manage(management)),
            Action::Administer(act) => return Ok(Self::Administer(act)),
            Action::Vouch(voucher) => return Ok(Self::Vouch(voucher)),
            Action::FactorAnswer(_) => "factor-answer",
            Action::Other(name) => name,
        };
        Err(Fault::Unsupported(name.to_owned()))
    }

    /// Its name in the contract.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Begin(_) => "begin",
            Self::Snooze(_) => "snooze",
            Self::Answer(_) => "answer",
            Self::ChooseMethod(_) => "choose-method",
            Self::Resend(_) => "resend",
            Self::Poll(_) => "poll",
            Self::PhoneAnswer(_) => "phone-answer",
            Self::DeliveryReport(_) => "delivery-report",
            Self::EnrolBegin(_) => "enrol-begin",
            Self::EnrolFinish(_) => "enrol-finish",
            Self::Manage(_) => "manage",
            Self::Administer(_) => "administer",
            Self::Vouch(_) => "vouch",
        }
    }

    /// What goes on record where it is refused.
    pub(super) fn refusal(self) -> Kind {
        match self {
            Self::Begin(_)
            | Self::Snooze(_)
            | Self::Answer(_)
            | Self::ChooseMethod(_)
            | Self::Resend(_)
            | Self::Poll(_)
            | Self::PhoneAnswer(_)
            | Self::DeliveryReport(_)
            | Self::Vouch(_) => Kind::SignInDenied,
            Self::EnrolBegin(_) | Self::EnrolFinish(_) => Kind::EnrolmentDenied,
            Self::Manage(_) => Kind::ManagementDenied,
            Self::Administer(_) => Kind::AdministrationDenied,
        }
    }
}
