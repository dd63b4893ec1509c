//! What the outside is told. Made from a [`Resolution`] alone, so that a repeated request is told the same.

use super::Step;
use crate::account::{Account, Credential, Resolution};
use crate::base32;
use crate::contract::{
    Allowance, Challenge, Claims, Completion, Enrolment, Offer, Outcome, Prompt, Provisioning,
};
use crate::methods;
use crate::reason::Reason;

/// The level that a one-time code reaches, on top of the first factor.
const SECOND_FACTOR: u8 = 2;

/// `at` is when it was resolved: for a repeated request, the first time.
pub(super) fn of(step: &Step<'_>, account: &Account, resolution: Resolution, at: u64) -> Outcome {
    match resolution {
        // A repeated request must not bring back what was ended since.
        Resolution::Allowed { .. } if account.blocked => Outcome::Deny(Reason::Blocked.denial()),
        Resolution::Allowed { generation, .. } if generation != account.generation => {
            Outcome::Deny(Reason::SessionRevoked.denial())
        }
        Resolution::Allowed {
            credential,
            method,
            reason,
            generation,
        } => Outcome::Allow(Allowance {
            claims: Claims {
                application: step.origin.application.clone(),
                generation,
                level: SECOND_FACTOR,
                method: method.name().to_owned(),
                amr: method.amr().map(str::to_owned).to_vec(),
                reason: reason.name().to_owned(),
                started: at,
                verified: at,
                active: at,
            },
            credential: Some(credential.text()),
            device_token: None,
        }),
        Resolution::Challenged {
            challenge,
            method,
            expires,
            again,
        } => Outcome::Challenge(Challenge {
            id: challenge.text(),
            method: method.name().to_owned(),
            offers: offers(step, account),
            prompt: prompt("enter-code"),
            expires,
            after: again.then(|| Reason::IncorrectCode.name().to_owned()),
        }),
        Resolution::EnrolmentRequired => Outcome::Enrol(Enrolment {
            methods: step
                .policy
                .accounts
                .methods
                .iter()
                .map(str::to_owned)
                .collect(),
            prompt: prompt("enrolment-required"),
            provisioning: None,
            snoozes_left: 0,
            after: None,
        }),
        Resolution::Enrolling { enrolment, again } => {
            let Some(open) = account.enrolments.iter().find(|open| open.id == enrolment) else {
                return Outcome::Deny(Reason::EnrolmentExpired.denial());
            };
            Outcome::Enrol(Enrolment {
                methods: vec![open.credential.method().name().to_owned()],
                prompt: prompt("confirm-enrolment"),
                provisioning: Some(provisioning(
                    step,
                    &open.credential,
                    enrolment.text(),
                    open.expires,
                )),
                snoozes_left: 0,
                after: again.then(|| Reason::IncorrectCode.name().to_owned()),
            })
        }
        Resolution::Denied(reason) => Outcome::Deny(reason.denial()),
        Resolution::Done {
            reason,
            credential,
            issued,
        } => {
            let made = credential
                .filter(|_| issued)
                .and_then(|id| account.credential(&id));
            Outcome::Done(Completion {
                reason: reason.name().to_owned(),
                credential: credential.map(|id| id.text()),
                // It is active already: there is no enrolment to finish.
                provisioning: made
                    .map(|credential| provisioning(step, credential, String::new(), at)),
            })
        }
    }
}

/// Everything that the policy lets the user answer with. Locked credentials are among them: their absence would tell.
fn offers(step: &Step<'_>, account: &Account) -> Vec<Offer> {
    account
        .credentials
        .iter()
        .filter(|credential| {
            step.policy
                .accounts
                .methods
                .contains(credential.method().name())
        })
        .map(methods::begin)
        .collect()
}

fn provisioning(
    step: &Step<'_>,
    credential: &Credential,
    challenge: String,
    expires: u64,
) -> Provisioning {
    Provisioning {
        challenge,
        method: credential.method().name().to_owned(),
        label: credential.label.clone(),
        payload: methods::provision(credential, step.policy.enrolment.issuer, &step.origin.user)
            .to_uri()
            .to_string(),
        manual_key: base32::encode(credential.secret.as_bytes()).to_string(),
        digits: credential.digits,
        expires,
    }
}

fn prompt(message: &str) -> Prompt {
    Prompt {
        message: message.to_owned(),
        arguments: Vec::new(),
    }
}
