//! What comes from elsewhere: the answer of another device, the end of a call, and what became of a message.

use super::Step;
use super::ask;
use super::enrol;
use super::pass;
use super::prove::{self, Attempt, Scope};
use super::ruling::{Notes, Ruling};
use super::source;
use crate::account::{Account, Challenge, Progress, Resolution};
use crate::audit::Kind;
use crate::contract::{DeliveryReport, Fault, PhoneAnswer, PhoneDecision};
use crate::identifier::{ChallengeId, CredentialId, EffectId};
use crate::methods::{self, Proof};
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
    let Some(id) = ChallengeId::parse(&answer.challenge) else {
        return refuse(Reason::ChallengeUnknown, notes);
    };
    let asked = CredentialId::parse(&answer.credential);
    if let Some(at) = account.enrolment(&id) {
        return Ok(confirm(step, account, at, asked, answer, notes));
    }
    let found = account
        .challenge(&id)
        .and_then(|at| account.challenges.get(at).cloned());
    let Some(challenge) =
        found.filter(|open| open.credential.is_some() && open.credential == asked)
    else {
        return refuse(Reason::ChallengeUnknown, notes);
    };
    if challenge.progress != Progress::Waiting {
        return refuse(Reason::ChallengeUnknown, notes);
    }
    let refuses = matches!(
        answer.decision,
        PhoneDecision::Denied
            | PhoneDecision::Fraud
            | PhoneDecision::Voicemail
            | PhoneDecision::HungUp
            | PhoneDecision::NoAnswer
    );
    // An approval has to be in time (PU-07); a refusal is heard for as long as the sign-in may still go on.
    let end = if refuses {
        challenge.expires
    } else {
        challenge.expires.min(challenge.question_expires)
    };
    if step.at >= end {
        return refuse(Reason::ChallengeExpired, notes);
    }
    // The rules are asked again when the caller, whom they are about, comes for the result.
    let need = Need::any_of(step.policy.accounts.methods);
    let scope = Scope::of(&need, account, &challenge);
    let may_answer = account.credentials.iter().any(|it| scope.includes(it));
    let is_judged = |reason: Reason| may_answer && !reason.is_unjudged();
    let proof = Proof::Phone(answer);
    let attempt = if refuses {
        let heard = prove::refusal(step, account, proof, &challenge)
            .unwrap_or(Attempt::Foreign(Reason::MethodNotAllowed));
        if let Attempt::Foreign(_) = heard {
            source::failed(step, notes);
        }
        heard
    } else {
        match prove::attempt(step, account, proof, scope, notes) {
            // Keys may report a fraud too, and what does not come from the user's device ends nothing: locked or not, and
            // whatever the policy has become.
            Attempt::Rejected(reason) if !is_judged(reason) => {
                prove::refusal(step, account, proof, &challenge)
                    .unwrap_or(Attempt::Rejected(reason))
            }
            attempt => attempt,
        }
    };
    let done = |reason: Reason| Resolution::Done {
        reason: reason.public(),
        credential: asked,
        issued: false,
    };
    let progress = match attempt {
        Attempt::Fraud => {
            decline(account, &challenge);
            let ruling = pass::fraud(step, account, asked, notes);
            return Ok(Ruling {
                resolution: done(Reason::FraudReported),
                ..ruling
            });
        }
        // Whoever cannot sign can neither approve nor end the wait (PU-09).
        Attempt::Foreign(reason) => return refuse(reason, notes),
        Attempt::Accepted(grant) => Progress::Accepted(grant),
        Attempt::Rejected(reason) if has_tries(step, account, &challenge) => {
            notes.audit(Kind::SignInDenied, reason, None, Vec::new());
            account.replace_challenge(Challenge {
                attempts: challenge.attempts.saturating_add(1),
                ..challenge
            });
            return Ok(Ruling::write(done(reason)));
        }
        Attempt::Rejected(reason) | Attempt::Refused(reason) => {
            notes.audit(Kind::SignInDenied, reason, None, Vec::new());
            if reason == Reason::UserDeclined {
                decline(account, &challenge);
            }
            Progress::Refused(reason)
        }
    };
    let reason = match progress {
        Progress::Refused(reason) => reason,
        _ => Reason::SuccessfullyCompleted,
    };
    pass::settle(account, challenge, progress);
    Ok(Ruling::write(done(reason)))
}

/// Whether the device may answer once more after a wrong answer.
fn has_tries(step: &Step<'_>, account: &Account, challenge: &Challenge) -> bool {
    let credential = challenge.credential.and_then(|id| account.credential(&id));
    let method = credential.and_then(|credential| methods::of(credential.method));
    let tries = method.map_or(0, |method| method.tries(step.policy));
    challenge.attempts.saturating_add(1) < tries
}

/// Another device confirms that it is being enrolled.
fn confirm(
    step: &Step<'_>,
    account: &mut Account,
    at: usize,
    asked: Option<CredentialId>,
    answer: &PhoneAnswer,
    notes: &mut Notes,
) -> Ruling {
    let waits = account.enrolments.get(at).is_some_and(|open| {
        Some(open.credential.id) == asked
            && !open.confirmed
            && step.at < open.expires
            && open.generation == account.generation
    });
    if !waits {
        return Ruling::refuse(Kind::EnrolmentDenied, Reason::EnrolmentExpired, notes);
    }
    enrol::confirm(step, account, at, Proof::Phone(answer), notes)
}

/// Notes that the message which carried the question was refused.
fn decline(account: &mut Account, challenge: &Challenge) {
    let method = challenge
        .credential
        .and_then(|id| account.credential(&id))
        .map(|credential| credential.method);
    if let Some(method) = method {
        account.note_declined(method, challenge.sent);
    }
}

/// A carrier reports what became of a message. One that did not arrive ends the wait for its answer.
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
    // A code that is late is still a code: whoever waits for one types it, or asks for another.
    let is_awaited = challenge.progress == Progress::Waiting && ask::is_remote(account, &challenge);
    if report.delivered || !is_awaited {
        return Ruling::keep(done(reason, credential));
    }
    pass::settle(account, challenge, Progress::Refused(reason));
    Ruling::write(done(reason, credential))
}
