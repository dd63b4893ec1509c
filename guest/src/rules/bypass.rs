//! One-time bypasses (S14): somebody who may said that the next sign-in passes on the first factor. It is used up where it is
//! taken, in the same commit (BY-01, BY-02). It stands in for a second factor and for nothing more.

use super::trace::{Role, finding};
use super::{Circumstances, Skip};
use crate::account::Account;
use crate::reason::Reason;

/// A bypass that waits to be used.
pub(super) fn lets_pass(
    about: &Circumstances<'_>,
    account: &Account,
) -> Result<Option<Skip>, Reason> {
    let reason = Reason::OneTimeBypass;
    let waits = account.bypass.is_some_and(|until| about.at < until);
    let good = waits && about.policy.bypass.allowed;
    about.note(Role::Skip(reason), || {
        let because = match (waits, good) {
            (_, true) => "one was granted and not used",
            (true, _) => "one was granted, but bypass.allowed is false",
            _ => "none waits",
        };
        finding("one-time-bypass", good, because, "skip")
    });
    Ok(good.then(|| Skip::because(reason)))
}
