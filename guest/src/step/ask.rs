//! Putting a question: which credential is asked for, and what goes out.

use super::Step;
use super::ruling::Notes;
use crate::account::{
    Account, Challenge, Credential, MAX_CHALLENGE_AGE, Progress, Resolution, Sealed,
};
use crate::audit::Kind;
use crate::contract::{Fault, Observation};
use crate::identifier::{ChallengeId, CredentialId, Identifier};
use crate::methods::{self, Asking, Question, Refusal};
use crate::reason::Reason;
use crate::rules::Need;

/// Why nobody was asked.
pub(super) enum Unasked {
    /// Why.
    Because(Reason),
    /// The host has to do something first, or did something wrong.
    Fault(Fault),
}

/// Asks for the wanted credential, or else for the first that can be asked for: where one is held back by its limits, the
/// next one is offered (PU-01).
pub(super) fn first(
    step: &Step<'_>,
    account: &mut Account,
    challenge: &mut Challenge,
    need: &Need,
    wanted: Option<CredentialId>,
    notes: &mut Notes,
) -> Result<Credential, Unasked> {
    let candidates: Vec<Credential> = account
        .credentials
        .iter()
        .filter(|credential| need.admits(credential))
        .filter(|credential| !challenge.proved.methods.has(credential.method))
        .filter(|credential| wanted.is_none_or(|id| id == credential.id))
        .cloned()
        .collect();
    let last_resort = |credential: &&Credential| {
        methods::nature_of(credential.method).is_some_and(|nature| nature.last_resort)
    };
    let mut refused = Reason::NoMethodsRegistered;
    let mut observed = step.ctx.observed.iter();
    let looked = observed.any(|it| methods::oob::is_own(&it.kind));
    let ordinary = candidates.iter().filter(|it| !last_resort(it));
    for credential in ordinary.chain(candidates.iter().filter(last_resort)) {
        match put(
            step,
            account,
            challenge,
            credential,
            wanted.is_some(),
            notes,
        ) {
            Ok(()) => return Ok(credential.clone()),
            Err(Unasked::Because(reason)) => {
                if matches!(reason, Reason::SendThrottled | Reason::NumberSwapped) {
                    let kind = Kind::MessageWithheld;
                    notes.audit(kind, reason, Some(credential), Vec::new());
                }
                refused = reason;
            }
            // It has looked already, and not at this one: there are more numbers than counts that it is asked for at once.
            Err(Unasked::Fault(Fault::Unobserved(_))) if looked => {
                refused = Reason::SendThrottled;
            }
            Err(Unasked::Fault(Fault::Unobserved(mut missing))) => {
                // The host looks once: what those after this one need, should it be held back, is asked for with it.
                for other in &candidates {
                    note_missing(step, account, challenge, other, &mut missing);
                }
                return Err(Unasked::Fault(Fault::Unobserved(missing)));
            }
            Err(fault) => return Err(fault),
        }
    }
    Err(Unasked::Because(refused))
}

/// Adds the counts that a credential's question needs and that are missing: 8 at most.
fn note_missing(
    step: &Step<'_>,
    account: &Account,
    challenge: &Challenge,
    credential: &Credential,
    missing: &mut Vec<Observation>,
) {
    let scene = step.scene(challenge.id, challenge.demand.transaction.as_ref(), account);
    let asked = methods::of(credential.method)
        .filter(|method| method.nature().asking != Asking::Nothing)
        .map(|method| method.begin(&scene, credential));
    if let Some(Err(Refusal::Unobserved(more))) = asked {
        for observation in more {
            if missing.len() < MAX_MISSING && !missing.contains(&observation) {
                missing.push(observation);
            }
        }
    }
}

/// How many counts a host is asked for at once, at most.
const MAX_MISSING: usize = 8;

/// Puts the question of one credential. What was asked before is dead.
pub(super) fn put(
    step: &Step<'_>,
    account: &mut Account,
    challenge: &mut Challenge,
    credential: &Credential,
    chosen: bool,
    notes: &mut Notes,
) -> Result<(), Unasked> {
    let Some(method) = methods::of(credential.method) else {
        return Err(Unasked::Because(Reason::MethodNotAllowed));
    };
    if step.at < credential.usable_from {
        return Err(Unasked::Because(Reason::CredentialExpired));
    }
    let nature = method.nature();
    let question = if nature.asking == Asking::Nothing {
        Question::default()
    } else {
        let scene = step.scene(challenge.id, challenge.demand.transaction.as_ref(), account);
        method.begin(&scene, credential)?
    };
    // Where nothing is asked, any such credential may answer, unless the user chose.
    challenge.credential = (chosen || nature.asking != Asking::Nothing).then_some(credential.id);
    challenge.question = Sealed::new(question.kept);
    // A question that is good for longer than the challenge keeps it open, but no history does so beyond its age.
    let end = challenge.begun.saturating_add(MAX_CHALLENGE_AGE);
    let end = end.max(challenge.expires);
    challenge.question_expires = question.expires.unwrap_or(challenge.expires).min(end);
    challenge.expires = challenge.expires.max(challenge.question_expires);
    challenge.progress = Progress::Waiting;
    challenge.effect = None;
    if let Some(message) = question.message {
        // Nobody is to be woken for an account that nobody gets into (PU-08). What the outside sees is the same.
        if !account.is_blocked(step.at) {
            let effect = notes.send(step, credential, message, challenge.question_expires)?;
            challenge.effect = Some(effect);
            for kind in &question.counts {
                // What never goes out uses up nobody else's allowance, and costs as much.
                let own = !account.decoy || methods::oob::is_own(kind);
                notes.count(if own { kind } else { "decoy" });
            }
        }
        challenge.sends = challenge.sends.saturating_add(1);
        challenge.sent = step.at;
        account.note_send(credential.method, step.at);
    }
    Ok(())
}

/// How an open challenge is told to the outside.
pub(super) fn told(account: &Account, challenge: &Challenge, after: Option<Reason>) -> Resolution {
    if is_remote(account, challenge) {
        return Resolution::Pending {
            challenge: challenge.id,
        };
    }
    Resolution::Challenged {
        challenge: challenge.id,
        after,
    }
}

/// Whether the answer comes from elsewhere.
pub(super) fn is_remote(account: &Account, challenge: &Challenge) -> bool {
    challenge
        .credential
        .and_then(|id| account.credential(&id))
        .and_then(|credential| methods::of(credential.method))
        .is_some_and(|method| method.asking(challenge.question.as_bytes()) == Asking::Message)
}

/// Gives a challenge its id, if it has none. A code that comes along opens no challenge unless more is asked for than the
/// code, and an id costs as much as two values of a code.
pub(super) fn opened(step: &Step<'_>, challenge: Challenge) -> Result<Challenge, Fault> {
    if challenge.id != ChallengeId::default() {
        return Ok(challenge);
    }
    Ok(Challenge {
        id: Identifier(step.seed.expand("challenge")?),
        ..challenge
    })
}

impl From<Refusal> for Unasked {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Because(reason) => Self::Because(reason),
            Refusal::Unobserved(observations) => Self::Fault(Fault::Unobserved(observations)),
            Refusal::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<Fault> for Unasked {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
