//! One-time bypasses (S14): somebody who may said that the next sign-in passes on the first factor. It is used up where it is
//! taken, in the same commit (BY-01, BY-02).

use super::{Circumstances, Skip};
use crate::account::Account;
use crate::reason::Reason;

/// Whether one waits for this sign-in. It stands in for a second factor and for nothing more: not for a level that the caller
/// names or a phishing-resistant one, not for a text to confirm, and not for the approval of somebody else's sign-in.
pub(super) fn skip(about: &Circumstances<'_>, account: &Account) -> Option<Skip> {
    let until = account.bypass.filter(|_| about.policy.bypass.allowed)?;
    let required = about.policy.applications.of(&about.origin.application);
    let demand = about.demand;
    let asks_more = demand.level > 1
        || required.required_level > 2
        || demand.transaction.is_some()
        || demand.approves.is_some();
    (about.at < until && !asks_more).then_some(Skip {
        reason: Reason::OneTimeBypass,
        device: None,
    })
}
