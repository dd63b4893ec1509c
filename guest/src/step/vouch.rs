//! Approvals by others (M11), which the host forwards from their accounts.

use subtle::{Choice, ConstantTimeEq};

use super::Step;
use super::pass;
use super::ruling::{Notes, Ruling};
use crate::account::{Account, Challenge, MAX_APPROVALS, Resolution};
use crate::audit::Kind;
use crate::contract::{Key, Voucher};
use crate::entropy::KeyedDigest;
use crate::identifier::ChallengeId;
use crate::reason::Reason;

/// Somebody approved what this account waits for. Whether they may was judged at their own sign-in, for the application that
/// the event names: it has to be the one that waits.
pub(super) fn vouch(
    step: &Step<'_>,
    account: &mut Account,
    voucher: &Voucher,
    notes: &mut Notes,
) -> Ruling {
    let found = ChallengeId::parse(&voucher.challenge)
        .and_then(|id| account.challenge(&id))
        .and_then(|at| account.challenges.get(at).cloned());
    let awaited = |open: &Challenge| {
        pass::awaits_others(step, open) && open.application == step.origin.application
    };
    let Some(challenge) = found.filter(awaited) else {
        return Ruling::refuse(Kind::SignInDenied, Reason::ChallengeUnknown, notes);
    };
    if step.at >= challenge.expires {
        return Ruling::refuse(Kind::SignInDenied, Reason::ChallengeExpired, notes);
    }
    // Nobody is a second person to themselves, and nobody is two.
    let vouches = |key: &Key| digest(key, step, voucher);
    let approved = challenge.approvals.iter().any(|known| {
        let mut same = Choice::from(0);
        for key in &step.ctx.keys {
            same |= known.ct_eq(&vouches(key));
        }
        same.into()
    });
    let digest = step.ctx.keys.first().map(vouches);
    let Some(digest) = digest.filter(|_| !approved && voucher.approver != step.origin.user) else {
        return Ruling::refuse(Kind::SignInDenied, Reason::RuleDenied, notes);
    };
    let mut approvals = challenge.approvals.clone();
    approvals.push(digest);
    approvals.truncate(MAX_APPROVALS);
    let facts = vec![("approver".to_owned(), voucher.approver.clone())];
    let reason = Reason::SuccessfullyCompleted;
    notes.audit(Kind::ApprovalGiven, reason, None, facts);
    account.replace_challenge(Challenge {
        approvals,
        ..challenge
    });
    Ruling::write(Resolution::Done {
        reason,
        credential: None,
        issued: false,
    })
}

fn digest(key: &Key, step: &Step<'_>, voucher: &Voucher) -> [u8; 16] {
    let mut digest = KeyedDigest::new(&key.secret, "approver");
    digest.part(step.ctx.tenant.as_bytes());
    digest.part(voucher.challenge.as_bytes());
    digest.part(voucher.approver.as_bytes());
    digest.finish()
}
