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

/// Begun sign-ins from the client's address prefix, as the host counts them.
const SOURCE_BEGIN: &str = "source-begin";
/// The highest level that the methods here reach.
const HIGHEST_LEVEL: u8 = 2;

/// A sign-in has come to its second factor: asks for a code, or judges the one that came along.
pub(super) fn begin(
    step: &Step<'_>,
    account: &mut Account,
    sign_in: &SignIn,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    if sign_in.transaction.is_some() {
        // Nobody here would show it to the user: to let it pass would be to say that the user confirmed it.
        return Err(Fault::Unsupported("transaction".to_owned()));
    }
    if too_many_from_source(step, prove::SOURCE) || too_many_from_source(step, SOURCE_BEGIN) {
        return Ok(Ruling::refuse(
            Kind::SignInDenied,
            Reason::SourceThrottled,
            notes,
        ));
    }
    if step.policy.sources.begins > 0 {
        notes.count(SOURCE_BEGIN);
    }
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
    if account.blocked {
        return Ok(Ruling::refuse(Kind::SignInDenied, Reason::Blocked, notes));
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
        return Ok(Ruling::refuse(
            Kind::SignInDenied,
            Reason::MethodNotAllowed,
            notes,
        ));
    };
    if let Some(code) = &sign_in.early_answer {
        return Ok(
            match prove::attempt(step, account, Proof::code(code), scope, notes) {
                Attempt::Accepted {
                    credential,
                    method,
                    reason,
                } => Ruling::write(allowance(account, credential, method, reason)),
                Attempt::Failed(reason) => {
                    notes.audit(Kind::SignInDenied, reason, None, Vec::new());
                    Ruling::write(Resolution::Denied(reason))
                }
                Attempt::Refused(reason) => Ruling::refuse(Kind::SignInDenied, reason, notes),
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
    if too_many_from_source(step, prove::SOURCE) {
        return Ruling::refuse(Kind::SignInDenied, Reason::SourceThrottled, notes);
    }
    if account.blocked {
        return Ruling::refuse(Kind::SignInDenied, Reason::Blocked, notes);
    }
    let scope = Scope {
        method: None,
        credential: challenge.credential,
    };
    let method = asked_method(account, &challenge);
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
        Attempt::Failed(reason) => {
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
        // Outside, this looks like a wrong code.
        Attempt::Refused(reason) => {
            notes.audit(Kind::SignInDenied, reason, None, Vec::new());
            Ruling::keep(asking(&challenge, method, true))
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

/// The method that an open challenge asks for.
fn asked_method(account: &Account, challenge: &Challenge) -> Method {
    let named = challenge.credential.and_then(|id| account.credential(&id));
    named
        .or(account.credentials.first())
        .map_or(Method::Totp, |credential| credential.method())
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

/// Whether the host counted more from the client's prefix than the policy lets pass (BF-06).
fn too_many_from_source(step: &Step<'_>, kind: &str) -> bool {
    let sources = &step.policy.sources;
    let most = if kind == SOURCE_BEGIN {
        sources.begins
    } else {
        sources.failures
    };
    let counted = step
        .ctx
        .observed
        .iter()
        .find(|observation| observation.kind == kind);
    most > 0 && counted.is_some_and(|observation| observation.count >= most)
}
