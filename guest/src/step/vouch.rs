//! Approvals by others (M11), which the host forwards from their accounts.

use super::Step;
use super::ruling::{Notes, Ruling};
use crate::account::Account;
use crate::audit::Kind;
use crate::contract::Voucher;
use crate::reason::Reason;

/// Somebody approved what this account waits for.
pub(super) fn vouch(
    _step: &Step<'_>,
    _account: &mut Account,
    _voucher: &Voucher,
    notes: &mut Notes,
) -> Ruling {
    Ruling::refuse(Kind::SignInDenied, Reason::ChallengeUnknown, notes)
}
