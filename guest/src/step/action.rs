//! The actions that this component implements, out of those that the contract names.

use crate::audit::Kind;
use crate::contract::{
    Action, Administration, Answer, Choice, EnrolmentRequest, Fault, Management, SignIn,
};

/// The actions that [`step`](super::step) implements, by their names in the contract.
pub const ACTIONS: [&str; 7] = [
    "begin",
    "answer",
    "choose-method",
    "enrol-begin",
    "enrol-finish",
    "manage",
    "administer",
];

/// An action that is implemented.
#[derive(Clone, Copy)]
pub(super) enum Implemented<'a> {
    Begin(&'a SignIn),
    Answer(&'a Answer),
    ChooseMethod(&'a Choice),
    EnrolBegin(&'a EnrolmentRequest),
    EnrolFinish(&'a Answer),
    Manage(&'a Management),
    Administer(&'a Administration),
}

impl<'a> Implemented<'a> {
    pub(super) fn of(action: &'a Action) -> Result<Self, Fault> {
        let name = match action {
            // Nobody here would show a transaction to the user: to let it pass would be to say that the user confirmed it.
            Action::Begin(sign_in) if sign_in.transaction.is_some() => "transaction",
            Action::Begin(sign_in) => return Ok(Self::Begin(sign_in)),
            Action::Answer(answer) => return Ok(Self::Answer(answer)),
            Action::ChooseMethod(choice) => return Ok(Self::ChooseMethod(choice)),
            Action::EnrolBegin(request) => return Ok(Self::EnrolBegin(request)),
            Action::EnrolFinish(answer) => return Ok(Self::EnrolFinish(answer)),
            Action::Manage(management) => return Ok(Self::Manage(management)),
            Action::Administer(act) => return Ok(Self::Administer(act)),
            Action::Resend(_) => "resend",
            Action::Poll(_) => "poll",
            Action::PhoneAnswer(_) => "phone-answer",
            Action::DeliveryReport(_) => "delivery-report",
            Action::Vouch(_) => "vouch",
            Action::FactorAnswer(_) => "factor-answer",
            Action::Other(name) => name,
        };
        Err(Fault::Unsupported(name.to_owned()))
    }

    /// Its name in the contract.
    pub(super) fn name(self) -> &'static str {
        let [
            begin,
            answer,
            choose,
            enrol_begin,
            enrol_finish,
            manage,
            administer,
        ] = ACTIONS;
        match self {
            Self::Begin(_) => begin,
            Self::Answer(_) => answer,
            Self::ChooseMethod(_) => choose,
            Self::EnrolBegin(_) => enrol_begin,
            Self::EnrolFinish(_) => enrol_finish,
            Self::Manage(_) => manage,
            Self::Administer(_) => administer,
        }
    }

    /// What goes on record where it is refused.
    pub(super) fn refusal(self) -> Kind {
        match self {
            Self::Begin(_) | Self::Answer(_) | Self::ChooseMethod(_) => Kind::SignInDenied,
            Self::EnrolBegin(_) | Self::EnrolFinish(_) => Kind::EnrolmentDenied,
            Self::Manage(_) => Kind::ManagementDenied,
            Self::Administer(_) => Kind::AdministrationDenied,
        }
    }
}
