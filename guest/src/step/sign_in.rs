//! A sign-in: the question, the answer, and another method.

use subtle::ConstantTimeEq;

use super::Step;
use super::prove::{self, Attempt, Scope};
use super::ruling::{Notes, Ruling};
use crate::account::{Account, Challenge, Method, Resolution};
use crate::audit::Kind;
use crate::contract::{self, Answer, Choice, Fault, SignIn};
use crate::identifier::{ChallengeId, CredentialId, Identifier};
use crate::methods::Proof;
use crate::reason::Reason;

/// The highest level that the methods here reach.
const HIGHEST_LEVEL: u8 = 2;

/// A sign-in has come to its second factor: asks for a code, or judges the one that came along.
pub(super) fn begin(
    step: &Step<'_>,
    account: &mut Account,
    sign_in: &SignIn,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let required = step
        .policy
        .applications
        .of(&step.origin.application)
        .required_level;
    if required.max(sign_in.required_level) > HIGHEST_LEVEL {
        return Ok(Ruling::refuse(
            Kind::SignInDenied,
            Reason::LevelInsufficient,
            notes,
        ));
    }
    let method = match &sign_in.method {
        None => None,
        Some(name) => match allowed(step, name) {
            Some(method) => Some(method),
            None => {
                return Ok(Ruling::refuse(
                    Kind::SignInDenied,
                    Reason::MethodNotAllowed,
                    notes,
                ));
            }
        },
    };
    if account.credentials.is_empty() {
        // With a credential, a blocked user is asked like any other and refused in the answer.
        if account.blocked {
            return Ok(Ruling::refuse(Kind::SignInDenied, Reason::Blocked, notes));
        }
        notes.audit(
            Kind::EnrolmentRequired,
            Reason::RegistrationRequired,
            None,
            Vec::new(),
        );
        return Ok(Ruling::keep(Resolution::EnrolmentRequired));
    }
    let scope = Scope {
        method,
        credential: None,
    };
    let Some(asked) = account
        .credentials
        .iter()
        .find(|credential| scope.includes(step, credential))
    else {
        let reason = match method {
            Some(_) => Reason::MethodNotAllowed,
            None => Reason::NoMethodsRegistered,
        };
        return Ok(Ruling::refuse(Kind::SignInDenied, reason, notes));
    };
    if let Some(code) = &sign_in.early_answer {
        return Ok(
            match prove::attempt(step, account, Proof::code(code), scope, notes) {
                Attempt::Accepted {
                    credential,
                    method,
                    reason,
                } => Ruling::write(allowance(account, credential, method, reason)),
                // Written even if nothing was counted: the same request a little later, when the wait is over, has the
                // same answer, and a lock costs the store what a wrong code does.
                Attempt::Rejected(reason) => {
                    notes.audit(Kind::SignInDenied, reason, None, Vec::new());
                    Ruling::write(Resolution::Denied(reason))
                }
            },
        );
    }
    let challenge = Challenge {
        id: Identifier(step.seed.expand("challenge")?),
        application: step.origin.application.clone(),
        binding: step.origin.binding.clone(),
        // A method that the caller wants is kept by its credential; without one, any of them may answer.
        credential: method.map(|_| asked.id),
        expires: step.at.saturating_add(step.policy.challenge.lifetime),
        attempts: 0,
    };
    let resolution = asking(&challenge, asked.method(), false);
    notes.audit(
        Kind::ChallengeIssued,
        Reason::SuccessfullyCompleted,
        Some(asked),
        Vec::new(),
    );
    account.forget_expired(step.at);
    account.open_challenge(challenge, usize::from(step.policy.challenge.max_open));
    Ok(Ruling::write(resolution))
}

/// The user answered.
pub(super) fn answer(
    step: &Step<'_>,
    account: &mut Account,
    answer: &Answer,
    notes: &mut Notes,
) -> Ruling {
    let challenge = match open(step, account, &answer.challenge) {
        Ok(challenge) => challenge.clone(),
        Err(reason) => return Ruling::refuse(Kind::SignInDenied, reason, notes),
    };
    let scope = Scope {
        method: None,
        credential: challenge.credential,
    };
    let mut asked = account.credentials.iter();
    let Some(asked) = asked.find(|credential| scope.includes(step, credential)) else {
        return Ruling::refuse(Kind::SignInDenied, Reason::MethodNotAllowed, notes);
    };
    let method = asked.method();
    match prove::attempt(step, account, proof(&answer.proof), scope, notes) {
        Attempt::Accepted {
            credential,
            method,
            reason,
        } => {
            // Used once (CH-04).
            account.challenges.retain(|open| open.id != challenge.id);
            Ruling::write(allowance(account, credential, method, reason))
        }
        // An answer that was not looked at uses the challenge up as a wrong one does: the outside sees no lock.
        Attempt::Rejected(reason) => {
            notes.audit(Kind::SignInDenied, reason, None, Vec::new());
            let attempts = challenge.attempts.saturating_add(1);
            if attempts >= step.policy.challenge.attempts {
                account.challenges.retain(|open| open.id != challenge.id);
                return Ruling::write(Resolution::Denied(reason));
            }
            for open in account
                .challenges
                .iter_mut()
                .filter(|open| open.id == challenge.id)
            {
                open.attempts = attempts;
            }
            Ruling::write(asking(&challenge, method, true))
        }
    }
}

/// The user wants to answer with another credential. What is asked changes; the challenge, its end and the count of
/// wrong answers stay (BF-03).
pub(super) fn choose(
    step: &Step<'_>,
    account: &mut Account,
    choice: &Choice,
    notes: &mut Notes,
) -> Ruling {
    let challenge = match open(step, account, &choice.challenge) {
        Ok(challenge) => challenge.clone(),
        Err(reason) => return Ruling::refuse(Kind::SignInDenied, reason, notes),
    };
    let id = choice.credential.as_deref().map(CredentialId::parse);
    let scope = Scope {
        method: allowed(step, &choice.method),
        credential: id.flatten(),
    };
    let chosen = account
        .credentials
        .iter()
        .find(|credential| scope.includes(step, credential));
    let Some(chosen) = chosen.filter(|_| scope.method.is_some() && id != Some(None)) else {
        return Ruling::refuse(Kind::SignInDenied, Reason::MethodNotAllowed, notes);
    };
    notes.audit(
        Kind::MethodChosen,
        Reason::SuccessfullyCompleted,
        Some(chosen),
        Vec::new(),
    );
    let (id, method) = (chosen.id, chosen.method());
    for open in account
        .challenges
        .iter_mut()
        .filter(|open| open.id == challenge.id)
    {
        open.credential = Some(id);
    }
    Ruling::write(asking(&challenge, method, false))
}

/// What the contract calls a proof.
pub(super) fn proof(given: &contract::Proof) -> Proof {
    match given {
        contract::Proof::Code(code) => Proof::code(code),
        contract::Proof::TwoCodes((first, second)) => Proof::two_codes(first, second),
        contract::Proof::Webauthn(_) | contract::Proof::Other(_) => Proof::Malformed,
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

/// The method of that name, if the policy allows it.
pub(super) fn allowed(step: &Step<'_>, name: &str) -> Option<Method> {
    Method::from_name(name).filter(|_| step.policy.accounts.methods.contains(name))
}

fn open<'a>(step: &Step<'_>, account: &'a Account, id: &str) -> Result<&'a Challenge, Reason> {
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

fn asking(challenge: &Challenge, method: Method, again: bool) -> Resolution {
    Resolution::Challenged {
        challenge: challenge.id,
        method,
        expires: challenge.expires,
        again,
    }
}

fn allowance(
    account: &Account,
    credential: CredentialId,
    method: Method,
    reason: Reason,
) -> Resolution {
    Resolution::Allowed {
        credential,
        method,
        reason,
        generation: account.generation,
    }
}
