//! Judging what the user gave against what the account holds.

use super::Step;
use super::pin::{self, Pins};
use super::ruling::{Notes, number};
use super::sign_in::counts_as_registered;
use super::source;
use crate::account::{Account, Challenge, Credential, Grant, Proved, Sealed};
use crate::audit::Kind;
use crate::identifier::{ChallengeId, CredentialId};
use crate::methods::{self, Asking, Judgement, Proof, Right, Typed};
use crate::policy::Methods;
use crate::reason::Reason;
use crate::rules::Need;
use crate::throttle::Escalation;

/// What came of it.
pub(super) enum Attempt {
    /// Right: what for.
    Accepted(Grant),
    /// Wrong, or not looked at: why.
    Rejected(Reason),
    /// No answer, or refused by the user: why.
    Refused(Reason),
    /// The user reports that somebody else is signing in.
    Fraud,
    /// It did not come from the credential's holder: nothing was counted on it. Why.
    Foreign(Reason),
}

/// Which credentials may answer.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    /// What the rules admit.
    pub(super) need: &'a Need,
    /// Only those of this method.
    pub(super) method: Option<u8>,
    /// Only this one; without one, those that answer without having been asked.
    pub(super) credential: Option<CredentialId>,
    /// The challenge that is answered.
    pub(super) challenge: Option<&'a Challenge>,
    /// Whether its question is for all of them.
    pub(super) shared: bool,
}

impl<'a> Scope<'a> {
    /// Who may answer an open challenge: whom it asks, and where its method says so, the others of that method.
    pub(super) fn of(need: &'a Need, account: &Account, challenge: &'a Challenge) -> Self {
        let asked = challenge.credential.and_then(|id| account.credential(&id));
        let shared = asked
            .and_then(|credential| methods::of(credential.method))
            .filter(|method| method.shares_question());
        Self {
            need,
            method: shared.map(|method| method.nature().number),
            credential: challenge.credential.filter(|_| shared.is_none()),
            challenge: Some(challenge),
            shared: shared.is_some(),
        }
    }

    pub(super) fn includes(&self, credential: &Credential) -> bool {
        self.need.admits(credential)
            && self.method.is_none_or(|method| method == credential.method)
            && self.credential.is_none_or(|id| id == credential.id)
            && !self
                .challenge
                .is_some_and(|open| open.proved.methods.has(credential.method))
    }

    /// Whether the open question is for it.
    fn asked(&self, credential: &Credential) -> bool {
        self.shared
            || self
                .challenge
                .is_some_and(|open| open.credential == Some(credential.id))
    }

    /// Whether an answer can be right for it: what has to be asked first was asked.
    fn answers(&self, credential: &Credential) -> bool {
        self.includes(credential)
            && (self.asked(credential)
                || methods::nature_of(credential.method)
                    .is_some_and(|nature| nature.asking == Asking::Nothing))
    }
}

/// Tries the proof against every credential in scope that is neither waiting nor locked nor disabled, and whose answers have
/// its form. The first one that it is right for, in the account's order, moves; no other does (OTP-16).
pub(super) fn attempt(
    step: &Step<'_>,
    account: &mut Account,
    proof: Proof<'_>,
    scope: Scope<'_>,
    notes: &mut Notes,
) -> Attempt {
    let attempt = judge(step, account, proof, scope, notes);
    if let Attempt::Rejected(_) | Attempt::Foreign(_) = attempt {
        source::failed(step, notes);
    }
    attempt
}

/// Hears a refusal, or a report of fraud. It lets nobody in, so that no lock holds it back: whoever has locked the account by
/// guesses is to be reported all the same. None if it is neither.
pub(super) fn refusal(
    step: &Step<'_>,
    account: &Account,
    proof: Proof<'_>,
    challenge: &Challenge,
) -> Option<Attempt> {
    let credential = challenge
        .credential
        .and_then(|id| account.credential(&id))
        .filter(|_| !account.decoy)?;
    let method = methods::of(credential.method)?;
    let scene = step.scene(challenge.id, challenge.demand.transaction.as_ref(), account);
    match method.verify(&scene, credential, challenge.question.as_bytes(), proof) {
        Judgement::Refused(reason) => Some(Attempt::Refused(reason)),
        Judgement::Fraud => Some(Attempt::Fraud),
        Judgement::Foreign(reason) => Some(Attempt::Foreign(reason)),
        Judgement::Right(_) | Judgement::Used | Judgement::Noted(_) | Judgement::Wrong(_) => None,
    }
}

fn judge(
    step: &Step<'_>,
    account: &mut Account,
    proof: Proof<'_>,
    scope: Scope<'_>,
    notes: &mut Notes,
) -> Attempt {
    // What is refused is refused before any hashing, and right and wrong codes alike (BF-10).
    if account.is_blocked(step.at) {
        return Attempt::Rejected(Reason::Blocked);
    }
    let account_locked = account.failures.refusal(step.at).is_some();
    // What fits none, because of its length or its characters, is meant for all of them. What fits one that is refused for
    // now is not meant for the others: or guesses at one token would lock them all.
    let challenge = scope.challenge;
    let scene = step.scene(
        challenge.map_or(ChallengeId::default(), |open| open.id),
        challenge.and_then(|open| open.demand.transaction.as_ref()),
        account,
    );
    let question = |credential: &Credential| {
        challenge
            .filter(|_| scope.asked(credential))
            .map_or(&[] as &[u8], |open| open.question.as_bytes())
    };
    // Where a PIN goes with the code, both were typed in one field. None if it does not hold both.
    let parts = |credential: &Credential| {
        if !pin::is_asked(step, account, credential) {
            return Some((None, proof));
        }
        let method = methods::of(credential.method)?;
        let digits = method.show(&scene, credential, question(credential)).digits;
        pin::split(step, proof, digits).map(|(pin, code)| (Some(pin), code))
    };
    let fits = |credential: &Credential| {
        let method = methods::of(credential.method);
        let parts = parts(credential);
        parts
            .zip(method)
            .is_some_and(|((_, code), method)| method.fits(credential, code))
    };
    let fitting: Vec<bool> = account
        .credentials
        .iter()
        .map(|credential| scope.answers(credential) && fits(credential))
        .collect();
    let fits_one = fitting.contains(&true);
    // Programs try an old password for days: what fits none is no guess at what people type.
    let programs = scope.need.methods.natures().any(|it| it.for_programs);
    let meant: Vec<&Credential> = account
        .credentials
        .iter()
        .zip(fitting)
        .filter(|(credential, fits)| {
            *fits
                || (!fits_one
                    && scope.answers(credential)
                    && (!programs || is_for_programs(credential)))
        })
        .map(|(credential, _)| credential)
        .collect();
    let refusal = |credential: &Credential| {
        // What nobody can guess needs no protection from guesses, and lets its owner in while others guess (BF-08).
        if account_locked && is_guessable(credential) {
            return Some(Reason::AccountLocked);
        }
        let pin = pin::is_asked(step, account, credential)
            .then(|| pin::refusal(step, account))
            .flatten();
        pin.or_else(|| credential.failures.refusal(step.at))
    };
    let tried: Vec<CredentialId> = meant
        .iter()
        .filter(|credential| refusal(credential).is_none())
        .map(|credential| credential.id)
        .collect();
    if tried.is_empty() {
        let reason = meant.into_iter().find_map(refusal);
        return Attempt::Rejected(reason.unwrap_or(if programs {
            Reason::IncorrectCode
        } else {
            Reason::MethodNotAllowed
        }));
    }

    let verify = |credential: &Credential| {
        let method = methods::of(credential.method)?;
        Some(match parts(credential) {
            Some((_, code)) => method.verify(&scene, credential, question(credential), code),
            None => Judgement::Wrong(Reason::IncorrectCode),
        })
    };
    let mut judged: Vec<Option<Judgement>> = account
        .credentials
        .iter()
        .map(|credential| tried.contains(&credential.id).then(|| verify(credential))?)
        .collect();
    // The PIN is hashed whatever the codes were, and the codes are compared whatever the PIN is (BF-11).
    let given = |(credential, judgement): (&Credential, &Option<Judgement>)| match judgement {
        Some(Judgement::Right(Right {
            pin: Some(typed), ..
        })) => Some(typed.clone()),
        Some(_) => parts(credential)?.0.map(Typed::new),
        None => None,
    };
    let given: Vec<Option<Typed>> = account.credentials.iter().zip(&judged).map(given).collect();
    let mut pins = Pins::new(step, account);
    for (pin, judgement) in given.into_iter().zip(&mut judged) {
        let Some(pin) = pin else { continue };
        match pins.look_at(pin) {
            Ok(true) => {}
            Ok(false) => *judgement = Some(Judgement::Wrong(Reason::IncorrectPin)),
            Err(reason) => return Attempt::Rejected(reason),
        }
    }
    let (pin, wrong_pin) = (pins.right(), pins.all_wrong());
    // A code that any of them has seen is a used one, even if it is fresh for another by chance (OTP-01).
    let used = judged.contains(&Some(Judgement::Used));
    let mut wrong = Reason::IncorrectCode;
    let mut right = None;
    let mut foreign = None;
    let mut noted = Vec::new();
    for (at, judgement) in judged.into_iter().enumerate() {
        match judgement {
            Some(Judgement::Right(found)) if right.is_none() => right = Some((at, found)),
            Some(Judgement::Wrong(reason)) if wrong == Reason::IncorrectCode => wrong = reason,
            Some(Judgement::Refused(reason)) => return Attempt::Refused(reason),
            Some(Judgement::Fraud) => return Attempt::Fraud,
            Some(Judgement::Foreign(reason)) => foreign = Some(reason),
            Some(Judgement::Noted(state)) => noted.push((at, state)),
            _ => {}
        }
    }
    // A decoy is compared like any other, and never right.
    if let Some((at, right)) = right.filter(|_| !used && !account.decoy) {
        return Attempt::Accepted(accept(step, account, at, right, pin, notes));
    }
    // A proof that only one credential can have made is tried against that one alone.
    if let Some(reason) = foreign {
        return Attempt::Foreign(reason);
    }
    if wrong_pin {
        pin::failed(step, account, notes);
    }
    for (at, state) in noted {
        if let Some(credential) = account.credentials.get_mut(at) {
            credential.state = Sealed::new(state);
        }
    }
    fail(step, account, &tried, notes);
    Attempt::Rejected(if used { Reason::CodeAlreadyUsed } else { wrong })
}

/// Counts a failure on every credential that was tried and once on the account. What cannot be guessed is not counted: nobody
/// else can lock it.
fn fail(step: &Step<'_>, account: &mut Account, tried: &[CredentialId], notes: &mut Notes) {
    let throttle = &step.policy.throttle;
    let mut counted = false;
    for credential in account
        .credentials
        .iter_mut()
        .filter(|credential| tried.contains(&credential.id) && is_guessable(credential))
    {
        counted = true;
        match credential.failures.fail_credential(throttle, step.at) {
            Escalation::None => {}
            Escalation::Locked(until) => {
                notes.audit(
                    Kind::CredentialLocked,
                    Reason::Locked,
                    Some(credential),
                    vec![number("until", until)],
                );
                notes.notice("credential-locked", Some(credential));
            }
            Escalation::Disabled => {
                notes.audit(
                    Kind::CredentialDisabled,
                    Reason::Disabled,
                    Some(credential),
                    Vec::new(),
                );
                notes.notice("credential-disabled", Some(credential));
            }
        }
    }
    if !counted {
        return;
    }
    if let Escalation::Locked(until) = account.failures.fail_account(throttle, step.at) {
        notes.audit(
            Kind::AccountLocked,
            Reason::AccountLocked,
            None,
            vec![number("until", until)],
        );
        notes.notice("account-locked", None);
    }
}

fn is_guessable(credential: &Credential) -> bool {
    methods::nature_of(credential.method).is_none_or(|nature| nature.guessable)
}

fn is_for_programs(credential: &Credential) -> bool {
    methods::nature_of(credential.method).is_some_and(|nature| nature.for_programs)
}

/// Moves the credential at this place on, and forgives what it cost.
fn accept(
    step: &Step<'_>,
    account: &mut Account,
    at: usize,
    right: Right,
    pin: Option<Typed>,
    notes: &mut Notes,
) -> Grant {
    if let Some(pin) = &pin {
        pin::succeeded(step, account, pin.as_str());
    }
    let reason = if right.resynchronised {
        Reason::Resynchronised
    } else {
        Reason::SuccessfullyCompleted
    };
    let mut grant = Grant::without_factor(reason);
    let Some(credential) = account.credentials.get_mut(at) else {
        return grant;
    };
    grant.credential = Some(credential.id);
    grant.method = credential.method;
    grant.proved = Proved {
        methods: Methods::of(credential.method),
        user_verified: right.user_verified,
        pin: pin.is_some(),
        ends: right.ends,
    };
    credential.state = Sealed::new(right.state);
    credential.last_used = Some(step.at);
    let owed = credential.failures.owed();
    credential.failures.clear();
    if right.resynchronised {
        notes.audit(
            Kind::CredentialResynchronised,
            reason,
            Some(credential),
            Vec::new(),
        );
    }
    if let Some(notice) = right.notice {
        notes.notice(notice, Some(credential));
    }
    account.failures.forgive(owed);
    account
        .credentials
        .iter_mut()
        .for_each(|other| other.failures.note_forgiven(owed));
    // The last one stays, used up: without any, the account would be open to whoever has the first factor.
    let others = account.credentials.iter().enumerate();
    let others = others.filter(|(place, _)| *place != at);
    if right.spent && others.map(|(_, other)| other).any(counts_as_registered) {
        let spent = account.credentials.remove(at);
        notes.audit(
            Kind::CredentialSpent,
            Reason::SuccessfullyCompleted,
            Some(&spent),
            Vec::new(),
        );
    }
    grant
}
