//! One-time bypasses (S14): who may grant one, for how long, and that it is used up. The rule that takes it is in `rules`.

use super::Step;
use super::ruling::{Notes, number};
use crate::account::Account;
use crate::audit::Kind;
use crate::contract::Fact;
use crate::reason::Reason;

/// The shortest and the longest, in milliseconds, as for the policy's `bypass.lifetime`.
const LIFETIMES: core::ops::RangeInclusive<u64> = 30_000..=24 * 60 * 60_000;

/// An administrator lets the next sign-in of somebody else pass on the first factor, and says why (BY-01).
pub(super) fn by_administrator(
    step: &Step<'_>,
    account: &mut Account,
    (actor, why): (&str, &str),
    lifetime: Option<u64>,
    facts: Vec<Fact>,
    notes: &mut Notes,
) -> Result<(), Reason> {
    let lifetime = lifetime.unwrap_or(step.policy.bypass.lifetime);
    let may = step.policy.bypass.allowed && actor != step.origin.user;
    if !may || why.trim().is_empty() || !LIFETIMES.contains(&lifetime) {
        return Err(Reason::BypassRefused);
    }
    grant(step, account, lifetime, facts, notes);
    Ok(())
}

/// A user does so for an own sign-in, after a fresh verification, where the policy lets users.
pub(super) fn by_user(
    step: &Step<'_>,
    account: &mut Account,
    why: &str,
    lifetime: Option<u64>,
    notes: &mut Notes,
) -> Result<(), Reason> {
    let policy = &step.policy.bypass;
    let lifetime = lifetime.unwrap_or(policy.lifetime).min(policy.lifetime);
    let may = policy.allowed && policy.by_user;
    if !may || why.trim().is_empty() || !LIFETIMES.contains(&lifetime) {
        return Err(Reason::BypassRefused);
    }
    let facts = vec![("why".to_owned(), why.to_owned())];
    grant(step, account, lifetime, facts, notes);
    Ok(())
}

/// It was taken: there is none any more.
pub(super) fn use_up(account: &mut Account, notes: &mut Notes) {
    account.bypass = None;
    notes.notice("bypass-used", None);
}

fn grant(
    step: &Step<'_>,
    account: &mut Account,
    lifetime: u64,
    mut facts: Vec<Fact>,
    notes: &mut Notes,
) {
    let until = step.at.saturating_add(lifetime);
    account.bypass = Some(until);
    facts.push(number("until", until));
    facts.sort();
    notes.audit(
        Kind::BypassGranted,
        Reason::SuccessfullyCompleted,
        None,
        facts,
    );
    notes.notice("bypass-granted", None);
}
