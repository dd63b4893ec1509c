//! Enrolment: something is handed out or sent, and becomes a credential once an answer proves that it arrived.

use super::Step;
use super::administer;
use super::ask::Unasked;
use super::manage::{self, Standing, is_label};
use super::ruling::{Notes, Ruling};
use super::sign_in::{bound_to, counts_as_registered, proof};
use super::source;
use crate::account::{
    Account, Credential, Enrolment, Grant, MAX_CREDENTIALS, Proved, Resolution, Sealed,
};
use crate::audit::Kind;
use crate::contract::{Answer, EnrolmentRequest, Fault};
use crate::identifier::{ChallengeId, CredentialId, Identifier};
use crate::methods::{self, Draft, Judgement, Method, OATH, Wish, oob};
use crate::policy::Methods;
use crate::reason::Reason;
use crate::rules;
use crate::throttle::Failures;

/// The user starts to enrol. Without a credential the first factor is enough; with one, only a session that was just
/// verified is (PU-10).
pub(super) fn begin(
    step: &Step<'_>,
    account: &mut Account,
    request: &EnrolmentRequest,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let refuse =
        |reason, notes: &mut Notes| Ok(Ruling::refuse(Kind::EnrolmentDenied, reason, notes));
    let standing = manage::standing(step, account, request.session.as_ref());
    if account.is_blocked(step.at) {
        return refuse(Reason::Blocked, notes);
    }
    // What only programs sign in with proves nothing of the person, and stands in nobody's way.
    if account.credentials.iter().any(counts_as_registered) && standing == Standing::None {
        return refuse(Reason::FreshVerificationRequired, notes);
    }
    if !is_label(&request.label) {
        return refuse(Reason::LabelInvalid, notes);
    }
    let mine = rules::enrollable(step.policy, step.origin, account, step.at);
    let allowed = allowed(step, &request.method).filter(|it| mine.has(it.nature().number));
    let Some(method) = allowed else {
        return refuse(Reason::MethodNotAllowed, notes);
    };
    if is_full(step, account, method) {
        return refuse(Reason::TooManyCredentials, notes);
    }
    let id = Identifier(step.seed.expand("enrolment")?);
    let wish = Wish {
        address: request.address.as_deref(),
        vouched: false,
        lifetime: None,
        once: None,
    };
    let draft = match draft(step, account, method, id, &wish) {
        Ok(draft) => draft,
        Err(Unasked::Because(reason)) => return refuse(reason, notes),
        Err(Unasked::Fault(fault)) => return Err(fault),
    };
    let credential = credential(step, method, request.label.clone(), draft.state)?;
    let Some(question) = draft.question else {
        // Nothing confirms it, so only a second factor may ask for it.
        if standing < Standing::Full {
            return refuse(Reason::FreshVerificationRequired, notes);
        }
        return Ok(issue(
            step,
            account,
            credential,
            Kind::EnrolmentCompleted,
            Vec::new(),
            notes,
        ));
    };
    let lifetime_end = step.at.saturating_add(step.policy.enrolment.lifetime);
    let expires = question.expires.unwrap_or(lifetime_end).min(lifetime_end);
    if let Some(message) = question.message {
        notes.send(step, &credential, message, expires)?;
        account.note_send(credential.method, step.at);
    }
    question.counts.iter().for_each(|kind| notes.count(kind));
    let enrolment = Enrolment {
        id,
        application: step.origin.application.clone(),
        binding: step.origin.binding.clone(),
        generation: account.generation,
        expires,
        attempts: 0,
        credential,
        question: Sealed::new(question.kept),
        confirmed: false,
    };
    notes.audit(
        Kind::EnrolmentBegun,
        Reason::SuccessfullyCompleted,
        Some(&enrolment.credential),
        Vec::new(),
    );
    account.forget_expired(step.at);
    account.open_enrolment(enrolment);
    Ok(Ruling::write(Resolution::Enrolling {
        enrolment: id,
        after: None,
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
    if account
        .enrolments
        .get(at)
        .is_some_and(|open| open.confirmed)
    {
        return complete(step, account, at, false, notes);
    }
    match judge(step, account, at, proof(&answer.proof), notes) {
        Ok(user_verified) => complete(step, account, at, user_verified, notes),
        Err(ruling) => ruling,
    }
}

/// The user waits for another device to confirm. Once it has, this request, and not the device's, is signed in.
pub(super) fn poll(step: &Step<'_>, account: &mut Account, id: &str, notes: &mut Notes) -> Ruling {
    let at = match open(step, account, id) {
        Ok(at) => at,
        Err(reason) => return Ruling::refuse(Kind::EnrolmentDenied, reason, notes),
    };
    match account.enrolments.get(at) {
        Some(open) if !open.confirmed => Ruling::keep(Resolution::Enrolling {
            enrolment: open.id,
            after: None,
        }),
        _ => complete(step, account, at, false, notes),
    }
}

/// Another device confirms the enrolment at this place. It is not told what the enrolment shows, nor signed in.
pub(super) fn confirm(
    step: &Step<'_>,
    account: &mut Account,
    at: usize,
    proof: methods::Proof<'_>,
    notes: &mut Notes,
) -> Ruling {
    let credential = account.enrolments.get(at).map(|open| open.credential.id);
    let done = |reason: Reason| Resolution::Done {
        reason: reason.public(),
        credential,
        issued: false,
    };
    match judge(step, account, at, proof, notes) {
        Ok(_) => {
            if let Some(enrolment) = account.enrolments.get_mut(at) {
                enrolment.confirmed = true;
                notes.audit(
                    Kind::EnrolmentConfirmed,
                    Reason::SuccessfullyCompleted,
                    Some(&enrolment.credential),
                    Vec::new(),
                );
            }
            Ruling::write(done(Reason::SuccessfullyCompleted))
        }
        Err(Ruling { resolution, commit }) => Ruling {
            resolution: match resolution {
                Resolution::Enrolling { after, .. } => done(after.unwrap_or(Reason::IncorrectCode)),
                resolution => resolution,
            },
            commit,
        },
    }
}

/// Judges what confirms the enrolment at this place, and keeps what a right answer makes of its credential: whether the user
/// was verified with it, or what the answer comes to if it is not right.
fn judge(
    step: &Step<'_>,
    account: &mut Account,
    at: usize,
    proof: methods::Proof<'_>,
    notes: &mut Notes,
) -> Result<bool, Ruling> {
    let refuse =
        |reason, notes: &mut Notes| Err(Ruling::refuse(Kind::EnrolmentDenied, reason, notes));
    if account.is_blocked(step.at) {
        return refuse(Reason::Blocked, notes);
    }
    let Some(enrolment) = account.enrolments.get(at) else {
        return refuse(Reason::EnrolmentExpired, notes);
    };
    let Some(method) = allowed(step, enrolment.credential.method_name()) else {
        return refuse(Reason::MethodNotAllowed, notes);
    };
    if is_full(step, account, method) {
        return refuse(Reason::TooManyCredentials, notes);
    }
    let scene = step.scene(enrolment.id, None, account);
    let judgement = method.confirm(
        &scene,
        &enrolment.credential,
        enrolment.question.as_bytes(),
        proof,
    );
    let id = enrolment.id;
    match judgement {
        Judgement::Right(right) => {
            if let Some(enrolment) = account.enrolments.get_mut(at) {
                enrolment.credential.state = Sealed::new(right.state);
            }
            Ok(right.user_verified)
        }
        Judgement::Wrong(reason) => Err(failed(step, account, at, reason, notes)),
        Judgement::Noted(_) => Err(failed(step, account, at, Reason::IncorrectCode, notes)),
        Judgement::Used => Err(failed(step, account, at, Reason::CodeAlreadyUsed, notes)),
        Judgement::Refused(reason) => {
            account.enrolments.remove(at);
            notes.audit(Kind::EnrolmentDenied, reason, None, Vec::new());
            Err(Ruling::write(Resolution::Denied(reason)))
        }
        Judgement::Foreign(reason) => {
            source::failed(step, notes);
            notes.audit(Kind::EnrolmentDenied, reason, None, Vec::new());
            Err(Ruling::keep(Resolution::Enrolling {
                enrolment: id,
                after: Some(reason),
            }))
        }
        Judgement::Fraud => Err(super::pass::fraud(step, account, None, notes)),
    }
}

/// The enrolment at this place becomes a credential.
fn complete(
    step: &Step<'_>,
    account: &mut Account,
    at: usize,
    user_verified: bool,
    notes: &mut Notes,
) -> Ruling {
    let refuse = |reason, notes: &mut Notes| Ruling::refuse(Kind::EnrolmentDenied, reason, notes);
    if account.is_blocked(step.at) {
        return refuse(Reason::Blocked, notes);
    }
    let Some(enrolment) = account.enrolments.get(at) else {
        return refuse(Reason::EnrolmentExpired, notes);
    };
    let Some(method) = allowed(step, enrolment.credential.method_name()) else {
        return refuse(Reason::MethodNotAllowed, notes);
    };
    if is_full(step, account, method) {
        return refuse(Reason::TooManyCredentials, notes);
    }
    // The twin would take a code that the other one has used (OTP-01).
    if is_held(step, account, method, &enrolment.credential) {
        account.enrolments.remove(at);
        notes.audit(
            Kind::EnrolmentDenied,
            Reason::AlreadyClaimed,
            None,
            Vec::new(),
        );
        return Ruling::write(Resolution::Denied(Reason::AlreadyClaimed));
    }
    let mut credential = account.enrolments.remove(at).credential;
    credential.last_used = Some(step.at);
    // Beside others only: the first one is all that its user has.
    let is_number = method.nature().family == oob::TELEPHONE;
    if is_number && account.credentials.iter().any(counts_as_registered) {
        credential.usable_from = step.at.saturating_add(step.policy.sends.hold);
    }
    if !account.has_room(&credential) {
        return refuse(Reason::TooManyCredentials, notes);
    }
    let reason = Reason::RegistrationCompleted;
    notes.audit(
        Kind::EnrolmentCompleted,
        reason,
        Some(&credential),
        Vec::new(),
    );
    let grant = Grant {
        credential: Some(credential.id),
        method: credential.method,
        proved: Proved {
            methods: Methods::of(credential.method),
            user_verified,
            ..Proved::NOTHING
        },
        reason,
    };
    account.note_answered();
    add(step, account, credential, notes);
    Ruling::write(Resolution::Allowed {
        grant,
        generation: account.generation,
        device: None,
    })
}

/// Makes a credential that is active at once, and hands out its secret this once.
pub(super) fn issue(
    step: &Step<'_>,
    account: &mut Account,
    credential: Credential,
    kind: Kind,
    facts: Vec<crate::contract::Fact>,
    notes: &mut Notes,
) -> Ruling {
    let (own, denied) = if kind == Kind::EnrolmentCompleted {
        (true, Kind::EnrolmentDenied)
    } else {
        (false, Kind::AdministrationDenied)
    };
    let refuse = |reason, facts, notes: &mut Notes| {
        notes.audit(denied, reason, None, facts);
        Ruling::keep(Resolution::Denied(reason))
    };
    let Some(method) = allowed(step, credential.method_name()) else {
        return refuse(Reason::MethodNotAllowed, facts, notes);
    };
    let nature = method.nature();
    if is_held(step, account, method, &credential) {
        return refuse(Reason::AlreadyClaimed, facts, notes);
    }
    // The only one of its kind is replaced: old recovery codes are dead.
    if nature.most == 1 {
        let scene = step.scene(ChallengeId::default(), None, account);
        for old in account
            .credentials
            .iter()
            .filter(|held| held.method == nature.number)
        {
            notes.claims.extend(methods::claims(&scene, old, false));
        }
        account
            .credentials
            .retain(|held| held.method != nature.number);
    }
    if is_full(step, account, method) || !account.has_room(&credential) {
        return refuse(Reason::TooManyCredentials, facts, notes);
    }
    if !own {
        administer::created(step, &facts, notes);
    }
    let id = credential.id;
    notes.audit(
        kind,
        Reason::RegistrationCompleted,
        Some(&credential),
        facts,
    );
    add(step, account, credential, notes);
    Ruling::write(Resolution::Done {
        reason: Reason::RegistrationCompleted,
        credential: Some(id),
        issued: kind != Kind::CredentialImported,
    })
}

/// What a method makes of a wish.
pub(super) fn draft(
    step: &Step<'_>,
    account: &Account,
    method: &dyn Method,
    id: ChallengeId,
    wish: &Wish<'_>,
) -> Result<Draft, Unasked> {
    Ok(method.enrol(&step.scene(id, None, account), wish)?)
}

/// A new credential.
pub(super) fn credential(
    step: &Step<'_>,
    method: &dyn Method,
    label: String,
    state: Vec<u8>,
) -> Result<Credential, Fault> {
    let id: CredentialId = Identifier(step.seed.expand("credential")?);
    Ok(Credential {
        id,
        method: method.nature().number,
        label,
        created: step.at,
        last_used: None,
        usable_from: 0,
        failures: Failures::default(),
        state: Sealed::new(state),
    })
}

/// The method of that name, if the policy allows it.
pub(super) fn allowed(step: &Step<'_>, name: &str) -> Option<&'static dyn Method> {
    methods::number_of(name)
        .filter(|number| step.policy.accounts.methods.has(*number))
        .and_then(methods::of)
}

/// Whether the account may hold no more of this method's family. The only one of a kind can always be replaced.
pub(super) fn is_full(step: &Step<'_>, account: &Account, method: &dyn Method) -> bool {
    let nature = method.nature();
    let most = if nature.family == OATH {
        nature.most.min(step.policy.accounts.max_credentials)
    } else {
        nature.most
    };
    let held = account.credentials.iter().filter(|credential| {
        methods::nature_of(credential.method).is_some_and(|held| held.family == nature.family)
    });
    let full = nature.most > 1 && held.count() >= usize::from(most);
    full || account.credentials.len() >= MAX_CREDENTIALS
}

/// Adds a credential, and the user is told. Enrolments of before are over, and so are sessions and remembered devices, unless
/// nothing of what they rest on has changed: a way back, or a program's.
fn add(step: &Step<'_>, account: &mut Account, credential: Credential, notes: &mut Notes) {
    notes.notice("credential-added", Some(&credential));
    let scene = step.scene(ChallengeId::default(), None, account);
    notes
        .claims
        .extend(methods::claims(&scene, &credential, true));
    let beside = methods::nature_of(credential.method)
        .is_some_and(|nature| nature.last_resort || nature.for_programs);
    account.credentials.push(credential);
    account.enrolments.clear();
    if !beside {
        account.factors_changed();
    }
}

/// Whether this account has the like of it, or a run of this step found that another account holds what it would take.
fn is_held(step: &Step<'_>, account: &Account, method: &dyn Method, new: &Credential) -> bool {
    let family = method.nature().family;
    let twin = |held: &Credential| {
        methods::nature_of(held.method).is_some_and(|nature| nature.family == family)
            && method.is_twin(held, new)
    };
    let mut facts = step.ctx.facts.iter();
    account.credentials.iter().any(twin) || facts.any(|(name, _)| name == "claim-clash")
}

fn failed(
    step: &Step<'_>,
    account: &mut Account,
    at: usize,
    reason: Reason,
    notes: &mut Notes,
) -> Ruling {
    source::failed(step, notes);
    let Some(enrolment) = account.enrolments.get_mut(at) else {
        return Ruling::refuse(Kind::EnrolmentDenied, Reason::EnrolmentExpired, notes);
    };
    enrolment.attempts = enrolment.attempts.saturating_add(1);
    let (id, attempts) = (enrolment.id, enrolment.attempts);
    notes.audit(
        Kind::EnrolmentDenied,
        reason,
        Some(&enrolment.credential),
        Vec::new(),
    );
    if attempts >= step.policy.challenge.attempts {
        account.enrolments.remove(at);
        return Ruling::write(Resolution::Denied(reason));
    }
    Ruling::write(Resolution::Enrolling {
        enrolment: id,
        after: Some(reason),
    })
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
