//! What the outside is told. Made from a [`Resolution`] and the record alone, so that a repeated request is told the same.

use super::Step;
use super::pin;
use crate::account::{Account, Challenge, Credential, Enrolment, Grant, Resolution};
use crate::contract::{
    self, Allowance, Claims, Completion, Offer, Outcome, Pending, Prompt, Provisioning,
};
use crate::identifier::ChallengeId;
use crate::methods::{self, Shown};
use crate::reason::Reason;
use crate::rules;

/// When to ask again for what comes from elsewhere, in milliseconds.
const POLL_AFTER: u64 = 2_000;

/// `at` is when it was resolved: for a repeated request, the first time.
pub(super) fn of(step: &Step<'_>, account: &Account, resolution: Resolution, at: u64) -> Outcome {
    match resolution {
        // A repeated request must not bring back what was ended since.
        Resolution::Allowed { .. } | Resolution::Confirmed { .. }
            if account.is_blocked(step.at) =>
        {
            Outcome::Deny(Reason::Blocked.denial())
        }
        Resolution::Allowed { generation, .. } if generation != account.generation => {
            Outcome::Deny(Reason::SessionRevoked.denial())
        }
        Resolution::Allowed {
            grant,
            generation,
            device,
        } => {
            let device = device.and_then(|(id, turn)| {
                account
                    .devices
                    .iter()
                    .find(|known| known.id == id && known.turn == turn)
            });
            Outcome::Allow(Allowance {
                claims: claims(step, &grant, generation, at, None),
                credential: grant.credential.map(|id| id.text()),
                device_token: device
                    .and_then(|device| rules::device::token(step.ctx, step.origin, device)),
            })
        }
        Resolution::Confirmed { grant, digest } => Outcome::Allow(Allowance {
            claims: claims(step, &grant, account.generation, at, Some(digest.to_vec())),
            credential: grant.credential.map(|id| id.text()),
            device_token: None,
        }),
        Resolution::Challenged { challenge, after } => {
            match account
                .challenge(&challenge)
                .and_then(|at| account.challenges.get(at))
            {
                Some(open) => Outcome::Challenge(asked(step, account, open, after)),
                None => Outcome::Deny(Reason::ChallengeExpired.denial()),
            }
        }
        Resolution::Pending { challenge } => {
            match account
                .challenge(&challenge)
                .and_then(|at| account.challenges.get(at))
            {
                Some(open) => Outcome::Pending(waiting(step, account, open, at)),
                None => Outcome::Deny(Reason::ChallengeExpired.denial()),
            }
        }
        Resolution::EnrolmentRequired { snoozes_left } => Outcome::Enrol(contract::Enrolment {
            methods: rules::enrollable(step.policy, step.origin, account, step.at)
                .natures()
                .filter(|nature| !nature.for_programs && !nature.last_resort)
                .map(|nature| nature.name.to_owned())
                .collect(),
            prompt: prompt("enrolment-required", Vec::new()),
            provisioning: None,
            snoozes_left,
            after: None,
        }),
        Resolution::Enrolling { enrolment, after } => {
            match account.enrolments.iter().find(|open| open.id == enrolment) {
                Some(open) => Outcome::Enrol(enrolling(step, account, open, after)),
                None => Outcome::Deny(Reason::EnrolmentExpired.denial()),
            }
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
                provisioning: if issued && credential.is_none() {
                    pin::provision(step, account, at)
                } else {
                    made.map(|made| {
                        let scene = step.scene(ChallengeId::default(), None, account);
                        let shown = methods::of(made.method)
                            .map(|method| method.provision(&scene, made, &[]))
                            .unwrap_or_default();
                        provisioning(made, shown, String::new(), at)
                    })
                },
            })
        }
    }
}

fn claims(
    step: &Step<'_>,
    grant: &Grant,
    generation: u64,
    at: u64,
    transaction: Option<Vec<u8>>,
) -> Claims {
    Claims {
        application: step.origin.application.clone(),
        generation,
        level: rules::level_of(step.policy, grant),
        method: methods::name_of(grant.method).to_owned(),
        proved: grant.proved.methods.iter().map(str::to_owned).collect(),
        amr: rules::amr_of(step.policy, grant),
        reason: grant.reason.name().to_owned(),
        // A session that has to end before its lifetime is over counts as begun so much earlier.
        started: grant.proved.ends.map_or(at, |ends| {
            at.min(ends.saturating_sub(step.policy.session.lifetime))
        }),
        verified: verified(step, grant, at),
        active: at,
        transaction,
    }
}

/// When what was proved was verified: for a success of just before, not later than the record kept it. A repeated request is
/// told the same, whatever the record keeps by then.
fn verified(step: &Step<'_>, grant: &Grant, at: u64) -> u64 {
    if grant.reason == Reason::CachedSuccess {
        at.saturating_sub(step.policy.cache.lifetime)
    } else {
        at
    }
}

fn asked(
    step: &Step<'_>,
    account: &Account,
    open: &Challenge,
    after: Option<Reason>,
) -> contract::Challenge {
    // Where any may answer, the first that needs no question is shown.
    let shown_credential = open
        .credential
        .and_then(|id| account.credential(&id))
        .or_else(|| unasked(step, account, open));
    // Where nothing can be answered without a question, the user has to choose one.
    let choose = || Shown {
        message: "choose-method",
        ..Shown::default()
    };
    let shown = shown_credential.map_or_else(choose, |it| show(step, account, open, it));
    if open.new_pin {
        return contract::Challenge {
            id: open.id.text(),
            method: pin::NAME.to_owned(),
            offers: Vec::new(),
            prompt: prompt(
                "choose-pin",
                [methods::fact("least", step.policy.pin.least)]
                    .into_iter()
                    .chain(remembering(step, open))
                    .collect(),
            ),
            payload: String::new(),
            expires: open.expires,
            after: after.map(|reason| reason.public().name().to_owned()),
        };
    }
    contract::Challenge {
        id: open.id.text(),
        method: shown_credential
            .map_or("", Credential::method_name)
            .to_owned(),
        offers: offers(step, account, open),
        prompt: prompt(
            shown.message,
            with(
                shown.arguments,
                pin::place(step, shown_credential),
                remembering(step, open),
            ),
        ),
        payload: shown.payload,
        expires: open.expires,
        after: after.map(|reason| reason.public().name().to_owned()),
    }
}

fn waiting(step: &Step<'_>, account: &Account, open: &Challenge, at: u64) -> Pending {
    let asked = open.credential.and_then(|id| account.credential(&id));
    let shown = asked.map_or_else(
        || Shown {
            message: "approval-awaited",
            ..Shown::default()
        },
        |credential| show(step, account, open, credential),
    );
    Pending {
        challenge: open.id.text(),
        method: asked.map_or("", Credential::method_name).to_owned(),
        offers: offers(step, account, open),
        prompt: prompt(
            shown.message,
            with(shown.arguments, None, remembering(step, open)),
        ),
        poll_after: at.saturating_add(POLL_AFTER),
        expires: open.expires.min(open.question_expires),
    }
}

fn enrolling(
    step: &Step<'_>,
    account: &Account,
    open: &Enrolment,
    after: Option<Reason>,
) -> contract::Enrolment {
    let scene = step.scene(open.id, None, account);
    let shown = methods::of(open.credential.method)
        .map(|method| method.provision(&scene, &open.credential, open.question.as_bytes()))
        .unwrap_or_default();
    contract::Enrolment {
        methods: vec![open.credential.method_name().to_owned()],
        prompt: prompt(shown.message, shown.arguments.clone()),
        provisioning: Some(provisioning(
            &open.credential,
            shown,
            open.id.text(),
            open.expires,
        )),
        snoozes_left: 0,
        after: after.map(|reason| reason.public().name().to_owned()),
    }
}

fn show(step: &Step<'_>, account: &Account, open: &Challenge, credential: &Credential) -> Shown {
    let Some(method) = methods::of(credential.method) else {
        return Shown::default();
    };
    let question: &[u8] = if open.credential == Some(credential.id) {
        open.question.as_bytes()
    } else {
        &[]
    };
    let scene = step.scene(open.id, open.demand.transaction.as_ref(), account);
    method.show(&scene, credential, question)
}

/// The credential that is shown where any may answer that needs no question.
fn unasked<'a>(step: &Step<'_>, account: &'a Account, open: &Challenge) -> Option<&'a Credential> {
    let need = super::sign_in::need(step, account, open).ok()?;
    account.credentials.iter().find(|credential| {
        need.admits(credential)
            && !open.proved.methods.has(credential.method)
            && methods::nature_of(credential.method)
                .is_some_and(|nature| nature.asking == methods::Asking::Nothing)
    })
}

/// Everything that the rules let the user answer with. Locked credentials are among them: their absence would tell.
fn offers(step: &Step<'_>, account: &Account, open: &Challenge) -> Vec<Offer> {
    let Ok(need) = super::sign_in::need(step, account, open) else {
        return Vec::new();
    };
    account
        .credentials
        .iter()
        .filter(|credential| need.admits(credential) && !open.proved.methods.has(credential.method))
        .map(|credential| Offer {
            method: credential.method_name().to_owned(),
            credential: Some(credential.id.text()),
            label: credential.label.clone(),
            digits: digits(step, account, open, credential),
        })
        .collect()
}

fn digits(step: &Step<'_>, account: &Account, open: &Challenge, credential: &Credential) -> u8 {
    show(step, account, open, credential).digits
}

fn provisioning(
    credential: &Credential,
    shown: Shown,
    challenge: String,
    expires: u64,
) -> Provisioning {
    Provisioning {
        challenge,
        method: credential.method_name().to_owned(),
        label: credential.label.clone(),
        payload: shown.payload,
        manual_key: shown.manual_key,
        digits: shown.digits,
        expires,
    }
}

/// For how long the device would be remembered, so that the page asks: only where the policy does that, and where what is
/// asked for becomes a session.
fn remembering(step: &Step<'_>, open: &Challenge) -> Option<contract::Fact> {
    let lifetime = step.policy.devices.lifetime;
    let becomes_session = open.demand.transaction.is_none() && open.demand.approves.is_none();
    let told = lifetime != 0 && !step.origin.client.is_empty() && becomes_session;
    told.then(|| methods::fact("remember", lifetime))
}

/// All arguments of a prompt, sorted by name.
fn with(
    mut arguments: Vec<contract::Fact>,
    pin: Option<contract::Fact>,
    remember: Option<contract::Fact>,
) -> Vec<contract::Fact> {
    if pin.is_some() || remember.is_some() {
        arguments.extend(pin.into_iter().chain(remember));
        arguments.sort();
    }
    arguments
}

fn prompt(message: &str, arguments: Vec<contract::Fact>) -> Prompt {
    Prompt {
        message: message.to_owned(),
        arguments,
    }
}
