//! Judging what the user gave against what the account holds.

use super::Step;
use super::ruling::{Notes, number};
use super::source;
use crate::account::{Account, Credential, Factor, Method};
use crate::audit::Kind;
use crate::identifier::CredentialId;
use crate::methods::{self, Judgement, Proof};
use crate::reason::Reason;
use crate::throttle::Escalation;

/// What came of it.
pub(super) enum Attempt {
    /// Right: which credential, and why it counts.
    Accepted {
        credential: CredentialId,
        method: Method,
        reason: Reason,
    },
    /// Wrong, or not looked at: why.
    Rejected(Reason),
}

/// Which credentials may answer.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    /// Only those of this method.
    pub(super) method: Option<Method>,
    /// Only this one.
    pub(super) credential: Option<CredentialId>,
}

/// Tries the proof against every credential in scope that is neither waiting nor locked nor disabled, and whose codes are
/// as long. The first one that it is right for, in the account's order, moves; no other does (OTP-16).
pub(super) fn attempt(
    step: &Step<'_>,
    account: &mut Account,
    proof: Proof,
    scope: Scope,
    notes: &mut Notes,
) -> Attempt {
    let attempt = judge(step, account, proof, scope, notes);
    if let Attempt::Rejected(_) = attempt {
        source::failed(step, notes);
    }
    attempt
}

fn judge(
    step: &Step<'_>,
    account: &mut Account,
    proof: Proof,
    scope: Scope,
    notes: &mut Notes,
) -> Attempt {
    // What is refused is refused before any hashing, and right and wrong codes alike (BF-10).
    if account.blocked {
        return Attempt::Rejected(Reason::Blocked);
    }
    if account.failures.refusal(step.at).is_some() {
        return Attempt::Rejected(Reason::AccountLocked);
    }
    let in_scope = |credential: &Credential| scope.includes(step, credential);
    // What fits none, because of its length or its characters, is meant for all of them. What fits one that is refused for
    // now is not meant for the others: or guesses at one token would lock them all.
    let fits_one = account
        .credentials
        .iter()
        .any(|credential| in_scope(credential) && proof.fits(credential.digits));
    let meant = |credential: &Credential| {
        in_scope(credential) && (!fits_one || proof.fits(credential.digits))
    };
    let tried = |credential: &Credential| {
        meant(credential) && credential.failures.refusal(step.at).is_none()
    };
    if !account.credentials.iter().any(tried) {
        let mut meant = account.credentials.iter().filter(|it| meant(it));
        let reason = meant.find_map(|credential| credential.failures.refusal(step.at));
        return Attempt::Rejected(reason.unwrap_or(Reason::MethodNotAllowed));
    }

    let verify =
        |credential: &Credential| methods::verify(credential, proof, step.policy, step.clock);
    let judged = account
        .credentials
        .iter()
        .map(|credential| tried(credential).then(|| verify(credential)));
    let judged: Vec<Option<Judgement>> = judged.collect();
    // A code that any of them has seen is a used one, even if it is fresh for another by chance (OTP-01).
    let used = judged.contains(&Some(Judgement::Used));
    let right = judged
        .iter()
        .enumerate()
        .find_map(|(at, judgement)| match judgement {
            Some(Judgement::Right(factor)) => Some((at, *factor)),
            _ => None,
        });
    // A decoy is compared like any other, and never right.
    if let Some((at, factor)) = right.filter(|_| !used && !account.decoy)
        && let Some(credential) = account.credentials.get_mut(at)
    {
        let owed = credential.failures.owed();
        let accepted = accept(step, credential, factor, proof, notes);
        account.failures.forgive(owed);
        account
            .credentials
            .iter_mut()
            .for_each(|other| other.failures.note_forgiven(owed));
        return accepted;
    }

    let throttle = &step.policy.throttle;
    for credential in account
        .credentials
        .iter_mut()
        .filter(|credential| tried(credential))
    {
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
    if let Escalation::Locked(until) = account.failures.fail_account(throttle, step.at) {
        notes.audit(
            Kind::AccountLocked,
            Reason::AccountLocked,
            None,
            vec![number("until", until)],
        );
        notes.notice("account-locked", None);
    }
    Attempt::Rejected(if used {
        Reason::CodeAlreadyUsed
    } else {
        Reason::IncorrectCode
    })
}

impl Scope {
    pub(super) fn includes(&self, step: &Step<'_>, credential: &Credential) -> bool {
        step.policy
            .accounts
            .methods
            .contains(credential.method().name())
            && self
                .method
                .is_none_or(|method| method == credential.method())
            && self.credential.is_none_or(|id| id == credential.id)
    }
}

fn accept(
    step: &Step<'_>,
    credential: &mut Credential,
    factor: Factor,
    proof: Proof,
    notes: &mut Notes,
) -> Attempt {
    methods::accept(credential, factor, step.at);
    credential.failures.clear();
    let reason = match proof {
        Proof::TwoCodes(..) => {
            notes.audit(
                Kind::CredentialResynchronised,
                Reason::Resynchronised,
                Some(credential),
                Vec::new(),
            );
            Reason::Resynchronised
        }
        Proof::Code(_) | Proof::Malformed => Reason::SuccessfullyCompleted,
    };
    notes.audit(Kind::SignInAllowed, reason, Some(credential), Vec::new());
    Attempt::Accepted {
        credential: credential.id,
        method: credential.method(),
        reason,
    }
}
