//! What comes from elsewhere: the answer of another device, the end of a call, and what became of a message.

use super::Step;
use super::pass;
use super::prove::{self, Attempt, Scope};
use super::ruling::{Notes, Ruling};
use crate::account::{Account, Progress, Resolution};
use crate::audit::Kind;
use crate::contract::{DeliveryReport, Fault, PhoneAnswer};
use crate::identifier::{ChallengeId, CredentialId, EffectId};
use crate::methods::Proof;
use crate::reason::Reason;
use crate::rules::Need;

/// An enrolled device answered, or a call ended. The first answer that ends the wait counts (PU-06). It comes through another
/// door than the sign-in did, so what ties it to the challenge is the device's signature or the call's token.
pub(super) fn answer(
    step: &Step<'_>,
    account: &mut Account,
    answer: &PhoneAnswer,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let refuse = |reason, notes: &mut Notes| Ok(Ruling::refuse(Kind::SignInDenied, reason, notes));
    let found = ChallengeId::parse(&answer.challenge)
        .and_then(|id| account.challenge(&id))
        .and_then(|at| account.challenges.get(at).cloned());
    let asked = CredentialId::parse(&answer.credential);
    let Some(challenge) =
        found.filter(|open| open.credential.is_some() && open.credential == asked)
    else {
        return refuse(Reason::ChallengeUnknown, notes);
    };
    if challenge.progress != Progress::Waiting {
        return refuse(Reason::ChallengeUnknown, notes);
    }
    if step.at >= challenge.expires.min(challenge.question_expires) {
        return refuse(Reason::ChallengeExpired, notes);
    }
    // The rules are asked again when the caller, whom they are about, comes for the result.
    let need = Need::any_of(step.policy.accounts.methods);
    let scope = Scope {
        need: &need,
        method: None,
        credential: challenge.credential,
        challenge: Some(&challenge),
    };
    let progress = match prove::attempt(step, account, Proof::Phone(answer), scope, notes) {
        Attempt::Fraud => return Ok(pass::fraud(step, account, notes)),
        Attempt::Accepted(grant) => Progress::Accepted(grant),
        // One try a challenge (PU-03).
        Attempt::Rejected(reason) | Attempt::Refused(reason) => {
            notes.audit(Kind::SignInDenied, reason, None, Vec::new());
            Progress::Refused(reason)
        }
    };
    let reason = match progress {
        Progress::Refused(reason) => reason,
        _ => Reason::SuccessfullyCompleted,
    };
    pass::settle(account, challenge, progress);
    Ok(Ruling::write(Resolution::Done {
        reason,
        credential: asked,
        issued: false,
    }))
}

/// A carrier reports what became of a message. One that did not arrive ends the wait.
pub(super) fn report(
    step: &Step<'_>,
    account: &mut Account,
    report: &DeliveryReport,
    notes: &mut Notes,
) -> Ruling {
    let effect = EffectId::parse(&report.effect);
    let found = account
        .challenges
        .iter()
        .find(|open| open.effect.is_some() && open.effect == effect)
        .cloned();
    let done = |reason, credential| Resolution::Done {
        reason,
        credential,
        issued: false,
    };
    let Some(challenge) = found.filter(|open| step.at < open.expires) else {
        notes.audit(
            Kind::MessageReported,
            Reason::ChallengeUnknown,
            None,
            Vec::new(),
        );
        return Ruling::keep(done(Reason::ChallengeUnknown, None));
    };
    let credential = challenge.credential;
    let reason = if report.delivered {
        Reason::SuccessfullyCompleted
    } else {
        Reason::Undelivered
    };
    notes.audit(
        Kind::MessageReported,
        reason,
        credential.and_then(|id| account.credential(&id)),
        Vec::new(),
    );
    if report.delivered || challenge.progress != Progress::Waiting {
        return Ruling::keep(done(reason, credential));
    }
    pass::settle(account, challenge, Progress::Refused(reason));
    Ruling::write(done(reason, credential))
}
