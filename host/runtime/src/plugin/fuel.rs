//! How much work each kind of call may do. Fuel is deterministic: the same call takes the same fuel on every machine.

use crate::contract::{Action, AdministrationChange, ManagementChange, Proof};

/// Fuel for each kind of call: a multiple of what its largest legal case takes, as `tests/tests/component/cost.rs` meters it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fuel {
    /// `describe`.
    pub describe: u64,
    /// `compile-policy` of 64 KiB.
    pub compile_policy: u64,
    /// A step that checks one code against every credential, and with it a PIN, which is slow to try: 10 million for 1,000
    /// iterations of PBKDF2. The largest is one that splits into three PINs and is kept anew, with 20,000 each.
    pub verify: u64,
    /// A step that looks for two successive codes in the widest window, for every credential.
    pub resynchronise: u64,
    /// A step that reads a record, decides without a code, and writes it.
    pub change: u64,
    /// `authorize`.
    pub authorize: u64,
    /// `explain` with every rule that a policy may have.
    pub explain: u64,
    /// `view` of the largest account.
    pub view: u64,
}

impl Default for Fuel {
    fn default() -> Self {
        Self {
            describe: 1_000_000,
            compile_policy: 200_000_000,
            verify: 1_000_000_000,
            resynchronise: 1_400_000_000,
            change: 10_000_000,
            authorize: 1_000_000,
            explain: 40_000_000,
            view: 10_000_000,
        }
    }
}

impl Fuel {
    /// The bound for a step with this action.
    #[must_use]
    pub fn of(&self, action: &Action) -> u64 {
        match action {
            Action::Answer(answer) | Action::EnrolFinish(answer) => match answer.proof {
                Proof::TwoCodes(_) => self.resynchronise,
                Proof::Code(_) | Proof::NewPin(_) | Proof::Webauthn(_) | Proof::Other(_) => {
                    self.verify
                }
            },
            Action::Begin(_)
            | Action::Snooze(_)
            | Action::PhoneAnswer(_)
            | Action::FactorAnswer(_) => self.verify,
            // These make a PIN, and look whether it is the old one.
            Action::Manage(management)
                if matches!(management.change, ManagementChange::SetPin(_)) =>
            {
                self.verify
            }
            Action::Administer(act) if matches!(act.change, AdministrationChange::Issue(_)) => {
                self.verify
            }
            Action::ChooseMethod(_)
            | Action::Resend(_)
            | Action::Poll(_)
            | Action::DeliveryReport(_)
            | Action::EnrolBegin(_)
            | Action::Manage(_)
            | Action::Administer(_)
            | Action::Vouch(_)
            | Action::Other(_) => self.change,
        }
    }
}
