//! The caller comes again while a question is open: for another method, another message, or the result.

use super::Step;
use super::ask::{self, Unasked};
use super::pass;
use super::ruling::{Notes, Ruling};
use super::sign_in::{need, open};
use crate::account::{Account, Challenge, Progress, Resolution, Sealed};
use crate::audit::Kind;
use crate::contract::{Answer, Choice, Fault, Proof};
use crate::identifier::{ChallengeId, CredentialId};
use crate::methods;
use crate::reason::Reason;

/// The user wants to answer with another credential. What is asked changes; the challenge, its end and the count of
/// wrong answers stay (BF-03).
pub(super) fn choose(
    step: &Step<'_>,
    account: &mut Account,
    choice: &Choice,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let refuse = |reason, notes: &mut Notes| Ok(Ruling::refuse(Kind::SignInDenied, reason, notes));
    let mut challenge = match open(step, account, &choice.challenge) {
        Ok(challenge) => challenge.clone(),
        Err(reason) => return refuse(reason, notes),
    };
    let need = match need(step, account, &challenge) {
        Ok(need) => need,
        Err(reason) => return refuse(reason, notes),
    };
    let id = choice.credential.as_deref().map(CredentialId::parse);
    let method = methods::number_of(&choice.method);
    let chosen = account.credentials.iter().find(|credential| {
        need.admits(credential)
            && !challenge.proved.methods.has(credential.method)
            && Some(credential.method) == method
            && id.is_none_or(|id| id == Some(credential.id))
    });
    // What was accepted is not asked for again: it waits for others.
    let is_done = challenge.new_pin || matches!(challenge.progress, Progress::Accepted(_));
    let Some(chosen) = chosen.cloned().filter(|_| !is_done) else {
        return refuse(Reason::MethodNotAllowed, notes);
    };
    put_again(
        step,
        account,
        &mut challenge,
        &chosen.id,
        Kind::MethodChosen,
        notes,
    )
}

/// The user wants the message again. The old code is dead from then on (CH-06); the count of wrong answers stays (BF-02).
pub(super) fn resend(
    step: &Step<'_>,
    account: &mut Account,
    challenge: &str,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let refuse = |reason, notes: &mut Notes| Ok(Ruling::refuse(Kind::SignInDenied, reason, notes));
    let mut challenge = match open(step, account, challenge) {
        Ok(challenge) => challenge.clone(),
        Err(reason) => return refuse(reason, notes),
    };
    if let Err(reason) = need(step, account, &challenge) {
        return refuse(reason, notes);
    }
    // Where nothing was sent, nothing can be sent again.
    let asked = challenge.credential.filter(|_| challenge.sends > 0);
    let Some(asked) = asked.filter(|_| challenge.progress == Progress::Waiting) else {
        return refuse(Reason::MethodNotAllowed, notes);
    };
    put_again(
        step,
        account,
        &mut challenge,
        &asked,
        Kind::MessageResent,
        notes,
    )
}

/// Whether an answer only asks what became of a question that is answered elsewhere: a poll that can say, besides, that the
/// device is to be remembered.
pub(super) fn is_poll(account: &Account, answer: &Answer) -> bool {
    let at = ChallengeId::parse(&answer.challenge).and_then(|id| account.challenge(&id));
    let open = at.and_then(|at| account.challenges.get(at));
    let elsewhere = open.is_some_and(|open| {
        !open.new_pin && (open.progress != Progress::Waiting || ask::is_remote(account, open))
    });
    elsewhere && matches!(&answer.proof, Proof::Code(code) if code.is_empty())
}

/// The caller is still waiting. `remember` is whether the device is to be remembered.
pub(super) fn poll(
    step: &Step<'_>,
    account: &mut Account,
    challenge: &str,
    remember: bool,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let refuse = |reason, notes: &mut Notes| Ok(Ruling::refuse(Kind::SignInDenied, reason, notes));
    let enrolment = ChallengeId::parse(challenge).and_then(|id| account.enrolment(&id));
    if enrolment.is_some() {
        return Ok(super::enrol::poll(step, account, challenge, notes));
    }
    let challenge = match open(step, account, challenge) {
        Ok(challenge) => challenge.clone(),
        Err(Reason::ChallengeExpired) if awaited(account, challenge) => {
            return refuse(Reason::NoResponse, notes);
        }
        Err(reason) => return refuse(reason, notes),
    };
    if account.is_blocked(step.at) {
        return refuse(Reason::Blocked, notes);
    }
    match challenge.progress {
        Progress::Refused(Reason::Undelivered) if has_others(step, account, &challenge) => {
            // Nobody has refused: the user goes on with what is left.
            notes.audit(Kind::SignInDenied, Reason::Undelivered, None, Vec::new());
            let id = challenge.id;
            account.replace_challenge(Challenge {
                credential: None,
                question: Sealed::default(),
                question_expires: challenge.expires,
                effect: None,
                progress: Progress::Waiting,
                ..challenge
            });
            Ok(Ruling::write(Resolution::Challenged {
                challenge: id,
                after: Some(Reason::Undelivered),
            }))
        }
        Progress::Refused(reason) => {
            account.close_challenge(&challenge.id);
            notes.audit(Kind::SignInDenied, reason, None, Vec::new());
            Ok(Ruling::write(Resolution::Denied(reason)))
        }
        Progress::Accepted(_) if challenge.new_pin => Ok(Ruling::keep(Resolution::Challenged {
            challenge: challenge.id,
            after: None,
        })),
        Progress::Accepted(_) if pass::awaits_others(step, &challenge) => {
            Ok(Ruling::keep(Resolution::Pending {
                challenge: challenge.id,
            }))
        }
        Progress::Accepted(grant) => {
            let need = match need(step, account, &challenge) {
                Ok(need) => need,
                Err(reason) => return refuse(reason, notes),
            };
            pass::proved(step, account, challenge, &need, grant, remember, notes)
        }
        Progress::Waiting
            if step.at >= challenge.question_expires && ask::is_remote(account, &challenge) =>
        {
            refuse(Reason::NoResponse, notes)
        }
        Progress::Waiting => Ok(Ruling::keep(ask::told(account, &challenge, None))),
    }
}

/// Puts the question of this credential, in the place of what was asked.
fn put_again(
    step: &Step<'_>,
    account: &mut Account,
    challenge: &mut Challenge,
    id: &CredentialId,
    kind: Kind,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let Some(chosen) = account.credential(id).cloned() else {
        return Ok(Ruling::refuse(
            Kind::SignInDenied,
            Reason::MethodNotAllowed,
            notes,
        ));
    };
    match ask::put(step, account, challenge, &chosen, true, notes) {
        Ok(()) => {}
        Err(Unasked::Because(reason)) => {
            // What was asked before can still be answered.
            if ask::is_remote(account, challenge) {
                return Ok(Ruling::refuse(Kind::SignInDenied, reason, notes));
            }
            notes.audit(Kind::SignInDenied, reason, Some(&chosen), Vec::new());
            return Ok(Ruling::keep(ask::told(account, challenge, Some(reason))));
        }
        Err(Unasked::Fault(fault)) => return Err(fault),
    }
    notes.audit(
        kind,
        Reason::SuccessfullyCompleted,
        Some(&chosen),
        Vec::new(),
    );
    let told = ask::told(account, challenge, None);
    account.replace_challenge(challenge.clone());
    Ok(Ruling::write(told))
}

/// Whether the challenge of that id waited for what comes from elsewhere until it was over.
fn awaited(account: &Account, id: &str) -> bool {
    let at = ChallengeId::parse(id).and_then(|id| account.challenge(&id));
    let open = at.and_then(|at| account.challenges.get(at));
    open.is_some_and(|open| open.progress == Progress::Waiting && ask::is_remote(account, open))
}

/// Whether the user can go on with another credential than the one that was asked for.
fn has_others(step: &Step<'_>, account: &Account, challenge: &Challenge) -> bool {
    let Ok(need) = need(step, account, challenge) else {
        return false;
    };
    account.credentials.iter().any(|credential| {
        need.admits(credential)
            && !challenge.proved.methods.has(credential.method)
            && Some(credential.id) != challenge.credential
    })
}
