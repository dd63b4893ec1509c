//! Whether a second factor is asked for at all, and which ones are enough. Rules look at who signs in to what, from where, and
//! at what the account remembers; they know nothing of how a method verifies.
//!
//! [`decide`] asks them in one order: what refuses, what is demanded, what lets the user pass without, and then what has to be
//! proved. What is demanded beyond a second factor at all leaves nothing that lets the user pass without.

pub(crate) mod bypass;
pub(crate) mod cache;
pub(crate) mod demand;
pub(crate) mod device;
pub(crate) mod network;
pub(crate) mod route;
pub(crate) mod rule;
pub(crate) mod shared;
pub(crate) mod state;
pub(crate) mod strength;
pub(crate) mod trace;
pub(crate) mod waiver;

use crate::account::{Account, Demand, Grant};
use crate::contract::{Context, Origin};
use crate::identifier::DeviceId;
use crate::policy::{Methods, Policy};
use crate::reason::Reason;
use demand::Demands;
use device::Presented;
use trace::Trace;

pub use strength::Need;
pub(crate) use strength::{amr_of, level_of};

/// What the rules look at.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// What the host supplied.
    pub ctx: &'a Context,
    /// Who signs in, and through which door.
    pub origin: &'a Origin,
    /// What the operator decided.
    pub policy: &'a Policy<'a>,
    /// The later of the host's clock and the record's latest.
    pub at: u64,
    /// What the sign-in asks for.
    pub demand: &'a Demand,
    /// What was verified for it already.
    pub proved: Methods,
    /// What the remembered-device token that came with it is worth.
    pub device: Presented,
    /// Where it is written down which rule said what, if somebody asks.
    pub trace: Option<&'a Trace>,
}

/// What the rules came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The user may not pass, whatever is given.
    Deny(Reason),
    /// The user passes without another proof.
    Skip(Skip),
    /// The user is asked.
    Ask(Need),
}

/// Why the user passes without another proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Such as `trusted-network`.
    pub reason: Reason,
    /// The remembered device that it was.
    pub device: Option<DeviceId>,
    /// The rule of the policy that it was: its name, and why it is there.
    pub rule: Option<(String, String)>,
    /// The success of just before that it was.
    pub success: Option<Grant>,
}

impl Skip {
    /// For a reason that needs no more words.
    pub(crate) fn because(reason: Reason) -> Self {
        Self {
            reason,
            device: None,
            rule: None,
            success: None,
        }
    }
}

/// Judges a sign-in that has come to its second factor.
pub fn decide(about: &Circumstances<'_>, account: &Account) -> Decision {
    let demands = match demand::demands(about, account) {
        Ok(demands) => demands,
        Err(reason) => return Decision::Deny(reason),
    };
    match skip(about, account, &demands) {
        Ok(Some(skip)) => return Decision::Skip(skip),
        Ok(None) => {}
        Err(reason) => return Decision::Deny(reason),
    }
    let need = match strength::need(about, account, &demands) {
        Ok(need) => need,
        Err(reason) => return Decision::Deny(reason),
    };
    match cache::hit(about, account, &demands, &need) {
        Some(skip) => Decision::Skip(skip),
        None => Decision::Ask(need),
    }
}

/// What is enough now for a sign-in that is under way: whatever lets a user pass without was judged when it began.
pub fn need(about: &Circumstances<'_>, account: &Account) -> Result<Need, Reason> {
    let demands = demand::demands(about, account)?;
    strength::need(about, account, &demands)
}

/// What the user may enrol for an application (S09).
pub(crate) fn enrollable(
    policy: &Policy<'_>,
    origin: &Origin,
    account: &Account,
    at: u64,
) -> Methods {
    demand::enrollable(policy, origin, account, at).unwrap_or(Methods::NONE)
}

/// What lets the user pass on the first factor. A decoy is nobody, and is never let in.
fn skip(
    about: &Circumstances<'_>,
    account: &Account,
    demands: &Demands<'_>,
) -> Result<Option<Skip>, Reason> {
    let mut first = None;
    first = or(first, about, || state::exempts(about, account))?;
    first = or(first, about, || bypass::lets_pass(about, account))?;
    first = or(first, about, || device::lets_pass(about, account))?;
    first = or(first, about, || rule::lets_pass(about, account))?;
    first = or(first, about, || state::puts_off(about, account))?;
    Ok(first.filter(|_| !demands.more && !account.decoy))
}

/// Asks the next thing that can let the user pass, if none before did. All of them are asked where somebody wants to know what
/// each one says.
fn or(
    first: Option<Skip>,
    about: &Circumstances<'_>,
    judge: impl FnOnce() -> Result<Option<Skip>, Reason>,
) -> Result<Option<Skip>, Reason> {
    if first.is_some() && about.trace.is_none() {
        return Ok(first);
    }
    let skip = judge()?;
    Ok(first.or(skip))
}
