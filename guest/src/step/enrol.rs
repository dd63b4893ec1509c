//! Enrolment: a secret is handed out, and becomes a credential once a code proves that it arrived.

use super::Step;
use super::manage::{is_fresh, is_label};
use super::ruling::{Notes, Ruling};
use super::sign_in::{allowed, bound_to, proof};
use super::source;
use crate::account::{Account, Credential, Enrolment, Method, Resolution};
use crate::audit::Kind;
use crate::contract::{Answer, EnrolmentRequest, Fault};
use crate::identifier::{ChallengeId, Identifier};
use crate::methods::{self, Judgement};
use crate::reason::Reason;
use crate::throttle::Failures;

/// The user starts to enrol. Without a credential the first factor is enough; with one, only a session that was just
/// verified is.
pub(super) fn begin(
    step: &Step<'_>,
    account: &mut Account,
    request: &EnrolmentRequest,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let refusal = if account.blocked {
        Some(Reason::Blocked)
    } else if !account.credentials.is_empty() && !is_fresh(step, account, request.session.as_ref())
    {
        Some(Reason::FreshVerificationRequired)
    } else if account.credentials.len() >= usize::from(step.policy.accounts.max_credentials) {
        Some(Reason::TooManyCredentials)
    } else if !is_label(&request.label) {
        Some(Reason::LabelInvalid)
    } else {
        None
    };
    if let Some(reason) = refusal {
        return Ok(Ruling::refuse(Kind::EnrolmentDenied, reason, notes));
    }
    let Some(method) = allowed(step, &request.method) else {
        return Ok(Ruling::refuse(
            Kind::EnrolmentDenied,
            Reason::MethodNotAllowed,
            notes,
        ));
    };
    let credential = make(step, method, request.label.clone())?;
    let enrolment = Enrolment {
        id: Identifier(step.seed.expand("enrolment")?),
        application: step.origin.application.clone(),
        binding: step.origin.binding.clone(),
        generation: account.generation,
        expires: step.at.saturating_add(step.policy.enrolment.lifetime),
        attempts: 0,
        credential,
    };
    notes.audit(
        Kind::EnrolmentBegun,
        Reason::SuccessfullyCompleted,
        Some(&enrolment.credential),
        Vec::new(),
    );
    let id = enrolment.id;
    account.forget_expired(step.at);
    account.open_enrolment(enrolment);
    Ok(Ruling::write(Resolution::Enrolling {
        enrolment: id,
        again: false,
    }))
}

/// The user proves possession. The confirming code is dead afterwards, and older sessions with it: this one is signed in
/// anew.
pub(super) fn finish(
    step: &Step<'_>,
    account: &mut Account,
    answer: &Answer,
    notes: &mut Notes,
) -> Ruling {
    let at = match open(step, account, &answer.challenge) {
        Ok(at) => at,
        Err(reason) => return Ruling::refuse(Kind::EnrolmentDenied, reason, notes),
    };
    if account.blocked {
        return Ruling::refuse(Kind::EnrolmentDenied, Reason::Blocked, notes);
    }
    if account.credentials.len() >= usize::from(step.policy.accounts.max_credentials) {
        return Ruling::refuse(Kind::EnrolmentDenied, Reason::TooManyCredentials, notes);
    }
    let Some(enrolment) = account.enrolments.get_mut(at) else {
        return Ruling::refuse(Kind::EnrolmentDenied, Reason::EnrolmentExpired, notes);
    };
    if allowed(step, enrolment.credential.method().name()).is_none() {
        return Ruling::refuse(Kind::EnrolmentDenied, Reason::MethodNotAllowed, notes);
    }
    let judgement = methods::verify(
        &enrolment.credential,
        proof(&answer.proof),
        step.policy,
        step.clock,
    );
    let Judgement::Right(factor) = judgement else {
        source::failed(step, notes);
        enrolment.attempts = enrolment.attempts.saturating_add(1);
        let (id, attempts) = (enrolment.id, enrolment.attempts);
        notes.audit(
            Kind::EnrolmentDenied,
            Reason::IncorrectCode,
            Some(&enrolment.credential),
            Vec::new(),
        );
        if attempts >= step.policy.challenge.attempts {
            account.enrolments.remove(at);
            return Ruling::write(Resolution::Denied(Reason::IncorrectCode));
        }
        return Ruling::write(Resolution::Enrolling {
            enrolment: id,
            again: true,
        });
    };
    let mut credential = account.enrolments.remove(at).credential;
    methods::accept(&mut credential, factor, step.at);
    let reason = Reason::RegistrationCompleted;
    notes.audit(
        Kind::EnrolmentCompleted,
        reason,
        Some(&credential),
        Vec::new(),
    );
    let (id, method) = (credential.id, credential.method());
    add(account, credential, notes);
    Ruling::write(Resolution::Allowed {
        credential: id,
        method,
        reason,
        generation: account.generation,
    })
}

/// A new credential with a secret from the seed.
pub(super) fn make(step: &Step<'_>, method: Method, label: String) -> Result<Credential, Fault> {
    let mould = methods::enrol(method, step.policy);
    Ok(Credential {
        id: Identifier(step.seed.expand("credential")?),
        label,
        created: step.at,
        last_used: None,
        secret: step.seed.secret(mould.secret_bytes)?,
        algorithm: mould.algorithm,
        digits: mould.digits,
        factor: mould.factor,
        failures: Failures::default(),
    })
}

/// Adds a credential: sessions and enrolments of before are over, and the user is told.
pub(super) fn add(account: &mut Account, credential: Credential, notes: &mut Notes) {
    notes.notice("credential-added", Some(&credential));
    account.credentials.push(credential);
    account.enrolments.clear();
    account.revoke_sessions();
}

fn open(step: &Step<'_>, account: &Account, id: &str) -> Result<usize, Reason> {
    let id = ChallengeId::parse(id).ok_or(Reason::EnrolmentExpired)?;
    let at = account.enrolment(&id).ok_or(Reason::EnrolmentExpired)?;
    let enrolment = account.enrolments.get(at).ok_or(Reason::EnrolmentExpired)?;
    if !bound_to(step, &enrolment.application, &enrolment.binding) {
        return Err(Reason::ChallengeBinding);
    }
    if step.at >= enrolment.expires || enrolment.generation != account.generation {
        return Err(Reason::EnrolmentExpired);
    }
    Ok(at)
}
