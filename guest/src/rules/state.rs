//! Whether an account is asked for a second factor at all (S35), and whether its enrolment may wait (S36).

use super::trace::{Role, finding};
use super::{Circumstances, Need, Skip};
use crate::account::{Account, State};
use crate::methods;
use crate::policy::Policy;
use crate::reason::Reason;

/// The state that counts: without leave to exempt accounts, none is.
pub(crate) fn of(policy: &Policy<'_>, account: &Account) -> State {
    match account.state {
        State::Disabled if !policy.accounts.may_disable => State::Enabled,
        state => state,
    }
}

/// An account that is not asked.
pub(super) fn exempts(
    about: &Circumstances<'_>,
    account: &Account,
) -> Result<Option<Skip>, Reason> {
    let reason = Reason::MultifactorDisabled;
    let exempt = of(about.policy, account) == State::Disabled;
    about.note(Role::Skip(reason), || {
        let because = match account.state {
            State::Disabled if exempt => "the account is disabled",
            State::Disabled => "the account is disabled, but accounts.may-disable is false",
            State::Enabled => "the account is enabled",
            State::Enforced => "the account is enforced",
        };
        finding("account-state", exempt, because, "skip")
    });
    Ok(exempt.then(|| Skip::because(reason)))
}

/// A user who has nothing enrolled, and put that off a while ago (O16). Each time it is put off holds for its whole time.
pub(super) fn puts_off(
    about: &Circumstances<'_>,
    account: &Account,
) -> Result<Option<Skip>, Reason> {
    let reason = Reason::RegistrationSnoozed;
    let waits = may_put_off(about.policy, account)
        && about.at < account.snoozes.1
        && !is_registered(account);
    about.note(Role::Skip(reason), || {
        let because = if waits {
            "the user put enrolling off"
        } else {
            "no enrolment is put off now"
        };
        finding("snooze", waits, because, "skip")
    });
    Ok(waits.then(|| Skip::because(reason)))
}

/// How often the user may still put enrolling off, at a sign-in that needs this.
pub(crate) fn snoozes_left(policy: &Policy<'_>, account: &Account, need: &Need) -> u8 {
    if need.more || !may_put_off(policy, account) {
        return 0;
    }
    policy.enrolment.snoozes.saturating_sub(account.snoozes.0)
}

/// Whether the account may put enrolling off at all.
fn may_put_off(policy: &Policy<'_>, account: &Account) -> bool {
    account.state != State::Enforced && policy.enrolment.snooze != 0
}

/// Whether a user need not be sent to enrol.
fn is_registered(account: &Account) -> bool {
    account.credentials.iter().any(|credential| {
        methods::nature_of(credential.method).is_some_and(|nature| !nature.for_programs)
    })
}
