//! A sign-in: the question and the answer.

use subtle::ConstantTimeEq;

use super::Step;
use super::ask::{self, Unasked};
use super::prove::{self, Attempt, Scope};
use super::ruling::{Commit, Notes, Ruling};
use super::{again, pass};
use crate::account::{
    Account, Challenge, Credential, Demand, Grant, Progress, Proved, Resolution, Transaction,
};
use crate::audit::Kind;
use crate::contract::{self, Answer, Fault, SignIn};
use crate::entropy;
use crate::identifier::ChallengeId;
use crate::methods::{self, Proof};
use crate::policy::Methods;
use crate::reason::Reason;
use crate::rules::device::Presented;
use crate::rules::{self, Circumstances, Decision, Need, route};

/// A sign-in has come to its second factor: asks for one, judges the code that came along, or lets the user pass.
pub(super) fn begin(
    step: &Step<'_>,
    account: &mut Account,
    sign_in: &SignIn,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let device = rules::device::presented(
        step.ctx,
        step.origin,
        step.policy,
        account,
        sign_in.device_token.as_deref(),
        step.at,
    );
    let forgotten = pass::presented(account, device, notes);
    let mut ruling = judge(step, account, sign_in, device, notes)?;
    if forgotten {
        // A series that somebody copied is over, whatever becomes of the sign-in.
        ruling.commit = Commit::Write;
    }
    Ok(ruling)
}

fn judge(
    step: &Step<'_>,
    account: &mut Account,
    sign_in: &SignIn,
    device: Presented,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let refuse = |reason, notes: &mut Notes| Ok(Ruling::refuse(Kind::SignInDenied, reason, notes));
    let Some(mut demand) = demand(sign_in) else {
        return refuse(Reason::TransactionInvalid, notes);
    };
    if route::raise(step.policy, step.origin, step.ctx, &mut demand).is_err() {
        return refuse(Reason::ServiceError, notes);
    }
    let about = Circumstances {
        ctx: step.ctx,
        origin: step.origin,
        policy: step.policy,
        at: step.at,
        demand: &demand,
        proved: Methods::NONE,
        device,
        trace: None,
    };
    let decision = rules::decide(&about, account);
    let need = match decision {
        Decision::Deny(reason) => return refuse(reason, notes),
        // No rule lets a blocked user pass.
        Decision::Skip(_) if account.is_blocked(step.at) => {
            return refuse(Reason::Blocked, notes);
        }
        Decision::Skip(skip) => return pass::skip(step, account, skip, notes),
        Decision::Ask(need) => need,
    };
    let wanted = match &sign_in.method {
        None => None,
        Some(name) => match methods::number_of(name).filter(|number| need.methods.has(*number)) {
            Some(number) => Some(number),
            None => return refuse(Reason::MethodNotAllowed, notes),
        },
    };
    let known = |it: &Credential| counts_as_registered(it) || need.admits(it);
    if !account.credentials.iter().any(known) {
        // With a credential, a blocked user is asked like any other and refused in the answer.
        if account.is_blocked(step.at) {
            return refuse(Reason::Blocked, notes);
        }
        notes.audit(
            Kind::EnrolmentRequired,
            Reason::RegistrationRequired,
            None,
            Vec::new(),
        );
        return Ok(Ruling::keep(Resolution::EnrolmentRequired {
            snoozes_left: rules::state::snoozes_left(step.policy, account, &need),
        }));
    }
    let scope = Scope {
        need: &need,
        method: wanted,
        credential: None,
        challenge: None,
        shared: false,
    };
    let mut usable = account.credentials.iter();
    let Some(asked) = usable.find(|credential| scope.includes(credential)) else {
        let reason = match wanted {
            Some(_) => Reason::MethodNotAllowed,
            None => Reason::NoMethodsRegistered,
        };
        return refuse(reason, notes);
    };
    let asked = wanted.map(|_| asked.id);
    let mut challenge = Challenge {
        application: step.origin.application.clone(),
        binding: step.origin.binding.clone(),
        begun: step.at,
        expires: step.at.saturating_add(step.policy.challenge.lifetime),
        demand,
        ..Challenge::default()
    };
    if let Some(code) = &sign_in.early_answer {
        return match prove::attempt(step, account, Proof::Text(code), scope, notes) {
            Attempt::Accepted(grant) => {
                pass::proved(step, account, challenge, &need, grant, false, notes)
            }
            // Written even if nothing was counted: the same request a little later, when the wait is over, has the
            // same answer, and a lock costs the store what a wrong code does.
            Attempt::Rejected(reason) | Attempt::Refused(reason) | Attempt::Foreign(reason) => {
                notes.audit(Kind::SignInDenied, reason, None, Vec::new());
                Ok(Ruling::write(Resolution::Denied(reason)))
            }
            Attempt::Fraud => Ok(pass::fraud(step, account, None, notes)),
        };
    }
    challenge = ask::opened(step, challenge)?;
    let need = need.for_people();
    let asked = match ask::first(step, account, &mut challenge, &need, asked, notes) {
        Ok(asked) => asked,
        Err(Unasked::Because(reason)) => return refuse(reason, notes),
        Err(Unasked::Fault(fault)) => return Err(fault),
    };
    let resolution = ask::told(account, &challenge, None);
    notes.audit(
        Kind::ChallengeIssued,
        Reason::SuccessfullyCompleted,
        Some(&asked),
        Vec::new(),
    );
    account.forget_expired(step.at);
    account.open_challenge(challenge, usize::from(step.policy.challenge.max_open));
    Ok(Ruling::write(resolution))
}

/// The user puts off enrolling (S36).
pub(super) fn snooze(
    step: &Step<'_>,
    account: &mut Account,
    sign_in: &SignIn,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let ruling = begin(step, account, sign_in, notes)?;
    let Resolution::EnrolmentRequired { snoozes_left } = ruling.resolution else {
        return Ok(ruling);
    };
    if snoozes_left == 0 {
        return Ok(ruling);
    }
    account.snoozes = (
        account.snoozes.0.saturating_add(1),
        step.at.saturating_add(step.policy.enrolment.snooze),
    );
    let reason = Reason::RegistrationSnoozed;
    notes.audit(Kind::EnrolmentSnoozed, reason, None, Vec::new());
    Ok(Ruling::write(Resolution::Allowed {
        grant: Grant::without_factor(reason),
        generation: account.generation,
        device: None,
    }))
}

/// The user answered.
pub(super) fn answer(
    step: &Step<'_>,
    account: &mut Account,
    answer: &Answer,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    if again::is_poll(account, answer) {
        return again::poll(step, account, &answer.challenge, answer.remember, notes);
    }
    let refuse = |reason, notes: &mut Notes| Ok(Ruling::refuse(Kind::SignInDenied, reason, notes));
    let challenge = match open(step, account, &answer.challenge) {
        Ok(challenge) => challenge.clone(),
        Err(reason) => return refuse(reason, notes),
    };
    if challenge.new_pin {
        return pass::new_pin(step, account, challenge, answer, notes);
    }
    let need = match need(step, account, &challenge) {
        Ok(need) => need,
        Err(reason) => return refuse(reason, notes),
    };
    // What comes from elsewhere is not typed here, and what came is not asked again.
    if challenge.progress != Progress::Waiting || ask::is_remote(account, &challenge) {
        return refuse(Reason::MethodNotAllowed, notes);
    }
    if step.at >= challenge.question_expires && challenge.question_expires != 0 {
        // The sign-in goes on: with another message, or another method.
        let reason = Reason::ChallengeExpired;
        notes.audit(Kind::SignInDenied, reason, None, Vec::new());
        return Ok(Ruling::keep(ask::told(account, &challenge, Some(reason))));
    }
    let scope = Scope::of(&need, account, &challenge);
    if !account.credentials.iter().any(|it| scope.includes(it)) {
        return refuse(Reason::MethodNotAllowed, notes);
    }
    match prove::attempt(step, account, proof(&answer.proof), scope, notes) {
        Attempt::Accepted(grant) => pass::proved(
            step,
            account,
            challenge,
            &need,
            grant,
            answer.remember,
            notes,
        ),
        Attempt::Fraud => Ok(pass::fraud(step, account, challenge.credential, notes)),
        Attempt::Refused(reason) => {
            notes.audit(Kind::SignInDenied, reason, None, Vec::new());
            account.close_challenge(&challenge.id);
            Ok(Ruling::write(Resolution::Denied(reason)))
        }
        // An answer that was not looked at uses the challenge up as a wrong one does: the outside sees no lock.
        Attempt::Rejected(reason) | Attempt::Foreign(reason) => {
            notes.audit(Kind::SignInDenied, reason, None, Vec::new());
            let attempts = challenge.attempts.saturating_add(1);
            if attempts >= step.policy.challenge.attempts {
                account.close_challenge(&challenge.id);
                return Ok(Ruling::write(Resolution::Denied(reason)));
            }
            let told = ask::told(account, &challenge, Some(Reason::IncorrectCode));
            account.replace_challenge(Challenge {
                attempts,
                ..challenge
            });
            Ok(Ruling::write(told))
        }
    }
}

/// What the contract calls a proof.
pub(super) fn proof(given: &contract::Proof) -> Proof<'_> {
    match given {
        contract::Proof::Code(code) => Proof::Text(code),
        contract::Proof::TwoCodes((first, second)) => Proof::TwoCodes(first, second),
        contract::Proof::Webauthn(json) => Proof::Webauthn(json),
        contract::Proof::NewPin(_) | contract::Proof::Other(_) => Proof::Unknown,
    }
}

/// Whether a challenge or an enrolment that was opened under `application` and `binding` is the caller's (CH-02).
pub(super) fn bound_to(step: &Step<'_>, application: &str, binding: &[u8]) -> bool {
    bool::from(
        binding.ct_eq(&step.origin.binding)
            & application
                .as_bytes()
                .ct_eq(step.origin.application.as_bytes()),
    )
}

/// The open challenge of that id, if it is the caller's.
pub(super) fn open<'a>(
    step: &Step<'_>,
    account: &'a Account,
    id: &str,
) -> Result<&'a Challenge, Reason> {
    let id = ChallengeId::parse(id).ok_or(Reason::ChallengeUnknown)?;
    let at = account.challenge(&id).ok_or(Reason::ChallengeUnknown)?;
    let challenge = account.challenges.get(at).ok_or(Reason::ChallengeUnknown)?;
    if !bound_to(step, &challenge.application, &challenge.binding) {
        return Err(Reason::ChallengeBinding);
    }
    if step.at >= challenge.expires {
        return Err(Reason::ChallengeExpired);
    }
    Ok(challenge)
}

/// What the rules say now of a sign-in that is under way: what was taken out of the policy since stops working at once.
pub(super) fn need(
    step: &Step<'_>,
    account: &Account,
    challenge: &Challenge,
) -> Result<Need, Reason> {
    let about = Circumstances {
        ctx: step.ctx,
        origin: step.origin,
        policy: step.policy,
        at: step.at,
        demand: &challenge.demand,
        proved: challenge.proved.methods,
        device: Presented::Nothing,
        trace: None,
    };
    rules::need(&about, account).map(Need::for_people)
}

/// What the sign-in asks for; none if its text cannot be shown as it is (S17).
pub(super) fn demand(sign_in: &SignIn) -> Option<Demand> {
    let transaction = match &sign_in.transaction {
        None => None,
        Some(text) if text.is_empty() || text.chars().any(super::manage::is_obeyed) => return None,
        Some(text) => Some(Transaction {
            digest: entropy::sha256(text.as_bytes()),
            text: text.clone(),
        }),
    };
    let approves = match &sign_in.approves {
        None => None,
        Some(approval) => Some((
            approval.user.clone(),
            ChallengeId::parse(&approval.challenge)?,
        )),
    };
    Some(Demand {
        surface: sign_in.surface.bits(),
        level: sign_in.required_level,
        risk: sign_in.risk.as_ref().map_or(0, |risk| 1 + risk.level as u8),
        max_age: sign_in.max_age,
        transaction,
        approves,
    })
}

/// Whether a user with this credential need not be sent to enrol.
pub(super) fn counts_as_registered(credential: &Credential) -> bool {
    methods::nature_of(credential.method).is_some_and(|nature| !nature.for_programs)
}

impl Grant {
    /// A rule lets the user pass.
    pub(super) fn without_factor(reason: Reason) -> Self {
        Self {
            credential: None,
            method: 0,
            proved: Proved::NOTHING,
            reason,
        }
    }
}
