//! What is demanded of a sign-in: by who asks for it, by the application, and by the rules that require something. Demands
//! add up; none takes anything away from another.

use super::network::Place;
use super::rule::{self, Facts};
use super::trace::{Role, finding};
use super::{Circumstances, state};
use crate::account::Account;
use crate::contract::Origin;
use crate::policy::sections::{Effect, Rule};
use crate::policy::{Application, Methods, Policy};
use crate::reason::Reason;

/// All demands together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demands<'a> {
    /// The methods that are left.
    pub(crate) methods: Methods,
    /// The level that has to be reached.
    pub(crate) level: u8,
    /// How old a verification may be.
    pub(crate) max_age: Option<u64>,
    /// The strengths that have to be met, as bits by their numbers.
    pub(crate) strengths: u32,
    /// Somebody demands more than a second factor, or one now: nothing lets the user pass without.
    pub(crate) more: bool,
    /// A route demands something.
    pub(crate) routed: bool,
    /// What holds for the application.
    pub(crate) application: Application<'a>,
}

/// Adds up what is demanded of a sign-in. Refuses where a rule does.
pub(crate) fn demands<'a>(
    about: &Circumstances<'a>,
    account: &Account,
) -> Result<Demands<'a>, Reason> {
    let policy = about.policy;
    let application = policy
        .applications
        .of(&about.origin.application)
        .map_err(|_| Reason::ServiceError)?;
    let mut demands = Demands::of(policy.accounts.methods, application);
    demands.add_caller(about);
    note_application(about, &demands);
    if let Some((user, _)) = &about.demand.approves {
        approver(about, &application, user)?;
    }
    let facts = Facts::of(about, state::of(about.policy, account));
    let mut denied = false;
    for rule in policy.rules.iter() {
        let rule = rule.map_err(|_| Reason::ServiceError)?;
        if rule.effect == Effect::Skip {
            continue;
        }
        let applies = rule::applies(about, &rule, &facts)?;
        match rule.effect {
            Effect::Deny => denied |= applies,
            _ if applies => demands.add(&rule),
            _ => {}
        }
    }
    if denied {
        return Err(Reason::RuleDenied);
    }
    Ok(demands)
}

impl<'a> Demands<'a> {
    /// What the application demands.
    pub(crate) fn of(methods: Methods, application: Application<'a>) -> Self {
        let mut demands = Self {
            methods,
            level: application.required_level,
            max_age: application.max_age,
            strengths: bit(application.strength),
            more: application.required_level > 2
                || application.max_age.is_some()
                || application.strength != 0
                || application.approvals != 0,
            routed: false,
            application,
        };
        demands.narrow(application.methods);
        demands
    }

    /// Adds what a rule demands.
    pub(crate) fn add(&mut self, rule: &Rule<'_>) {
        self.narrow(rule.methods);
        self.strengths |= bit(rule.strength);
        self.raise(rule.level, rule.max_age);
    }

    /// Adds what a route demands.
    pub(crate) fn add_route(&mut self, level: u8, max_age: Option<u64>) {
        self.raise(level, max_age);
        self.routed = true;
    }

    fn raise(&mut self, level: u8, max_age: Option<u64>) {
        self.level = self.level.max(level);
        self.age(max_age);
        self.more = true;
    }

    /// What the caller asks for. A text to confirm is confirmed, and an approval is given, by a proof of now.
    fn add_caller(&mut self, about: &Circumstances<'_>) {
        let demand = about.demand;
        self.level = self.level.max(demand.level);
        self.age(demand.max_age);
        let own_proof = demand.transaction.is_some() || demand.approves.is_some();
        if own_proof {
            self.level = self.level.max(2);
        }
        self.more |= own_proof || demand.level > 1 || demand.max_age.is_some();
    }

    fn narrow(&mut self, methods: Methods) {
        if !methods.is_empty() {
            self.methods = self.methods.and(methods);
        }
    }

    fn age(&mut self, max_age: Option<u64>) {
        self.max_age = match (self.max_age, max_age) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

/// What a user may enrol for an application: what the rules for the user and the application leave, as far as they do not
/// depend on the sign-in. None if the policy cannot be read.
pub(crate) fn enrollable(
    policy: &Policy<'_>,
    origin: &Origin,
    account: &Account,
    at: u64,
) -> Option<Methods> {
    let application = policy.applications.of(&origin.application).ok()?;
    let mut demands = Demands::of(policy.accounts.methods, application);
    let facts = Facts {
        who: Some((&origin.user, &origin.groups)),
        application: &origin.application,
        place: Place::of_sign_in(origin.address.as_deref(), origin.country.as_deref()),
        risk: None,
        state: Some(state::of(policy, account)),
        at,
        untold: false,
    };
    for rule in policy.rules.iter() {
        let rule = rule.ok()?;
        if rule.effect == Effect::Require && rule::missed(policy, &rule, &facts).ok()?.is_none() {
            demands.narrow(rule.methods);
        }
    }
    Some(demands.methods)
}

/// Who may approve (M11): another user than the one who waits, and one of a group that the application names.
fn approver(
    about: &Circumstances<'_>,
    application: &Application<'_>,
    waits: &str,
) -> Result<(), Reason> {
    let may = application.approvals != 0
        && waits != about.origin.user
        && about
            .origin
            .groups
            .iter()
            .any(|group| application.approvers.has(group));
    about.note(Role::Deny, || {
        let because = if may {
            "the user is in a group of approvers"
        } else {
            "the user may not approve this"
        };
        finding("approvers", !may, because, "deny")
    });
    if may { Ok(()) } else { Err(Reason::RuleDenied) }
}

fn bit(strength: u8) -> u32 {
    1_u32.checked_shl(strength.into()).map_or(0, |bit| bit & !1)
}

fn note_application(about: &Circumstances<'_>, demands: &Demands<'_>) {
    about.note(Role::Demand, || {
        let demand = about.demand;
        let because = if demand.transaction.is_some() {
            "a text is to be confirmed"
        } else if demand.approves.is_some() {
            "another user's sign-in is to be approved"
        } else if demand.level > 0 || demand.max_age.is_some() {
            "the application, and who asks for the sign-in"
        } else {
            "the application, or the default for all"
        };
        finding("application", true, because, &in_words(about, demands))
    });
}

/// What is demanded, in words.
pub(crate) fn in_words(about: &Circumstances<'_>, demands: &Demands<'_>) -> String {
    let mut words = vec![["level = ", &demands.level.to_string()].concat()];
    if demands.methods != about.policy.accounts.methods {
        words.push(
            [
                "methods = ",
                &demands.methods.iter().collect::<Vec<_>>().join(", "),
            ]
            .concat(),
        );
    }
    for number in 1..32 {
        if demands.strengths >> number & 1 == 1 {
            words.push(["strength = ", super::strength::name(about.policy, number)].concat());
        }
    }
    if let Some(age) = demands.max_age {
        words.push(["max-age = ", &crate::policy::shown(age)].concat());
    }
    if demands.application.approvals != 0 {
        words.push(["approvals = ", &demands.application.approvals.to_string()].concat());
    }
    words.join(", ")
}
