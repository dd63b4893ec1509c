//! The rules of the document. All that apply count.

use super::network::Place;
use super::trace::{Role, finding};
use super::{Circumstances, Skip, state};
use crate::account::{Account, State};
use crate::policy::Policy;
use crate::policy::sections::{Effect, Malformed, Rule};
use crate::reason::Reason;

/// What conditions are compared with. What nobody told is left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    /// Who, and of which groups.
    pub(crate) who: Option<(&'a str, &'a [String])>,
    pub(crate) application: &'a str,
    pub(crate) place: Place<'a>,
    /// As in `account::Demand::risk`.
    pub(crate) risk: Option<u8>,
    pub(crate) state: Option<State>,
    pub(crate) at: u64,
    /// Whether a condition holds on what nobody told.
    pub(crate) untold: bool,
}

impl<'a> Facts<'a> {
    /// What is known of a sign-in.
    pub(crate) fn of(about: &Circumstances<'a>, state: State) -> Self {
        let origin = about.origin;
        Self {
            who: Some((&origin.user, &origin.groups)),
            application: &origin.application,
            place: Place::of_sign_in(origin.address.as_deref(), origin.country.as_deref()),
            risk: Some(about.demand.risk),
            state: Some(state),
            at: about.at,
            untold: false,
        }
    }
}

/// Whether a rule applies; written down if somebody wants to know.
pub(crate) fn applies(
    about: &Circumstances<'_>,
    rule: &Rule<'_>,
    facts: &Facts<'_>,
) -> Result<bool, Reason> {
    let miss = missed(about.policy, rule, facts).map_err(|_| Reason::ServiceError)?;
    let role = match rule.effect {
        Effect::Deny => Role::Deny,
        Effect::Require => Role::Demand,
        Effect::Skip => Role::Skip(reason(rule)),
    };
    about.note(role, || {
        let because = match miss {
            Some(why) => why,
            None if rule.why.is_empty() => "its conditions hold",
            None => rule.why,
        };
        finding(
            &["rule.", rule.name].concat(),
            miss.is_none(),
            because,
            &asks(about.policy, rule),
        )
    });
    Ok(miss.is_none())
}

/// The first rule that lets a user pass on the first factor: because of where (S18), or because of who, for a time (S30).
pub(super) fn lets_pass(
    about: &Circumstances<'_>,
    account: &Account,
) -> Result<Option<Skip>, Reason> {
    let facts = Facts::of(about, state::of(about.policy, account));
    let mut first = None;
    for rule in about.policy.rules.iter() {
        let rule = rule.map_err(|_| Reason::ServiceError)?;
        if rule.effect == Effect::Skip && applies(about, &rule, &facts)? && first.is_none() {
            first = Some(Skip {
                rule: Some((rule.name.to_owned(), rule.why.to_owned())),
                ..Skip::because(reason(&rule))
            });
        }
    }
    Ok(first)
}

/// What a rule that skips is called where it is used.
pub(crate) fn reason(rule: &Rule<'_>) -> Reason {
    if rule.groups.is_empty() && rule.users.is_empty() {
        Reason::TrustedNetwork
    } else {
        Reason::Excluded
    }
}

/// Which condition does not hold, in words; none if the rule applies.
pub(crate) fn missed(
    policy: &Policy<'_>,
    rule: &Rule<'_>,
    facts: &Facts<'_>,
) -> Result<Option<&'static str>, Malformed> {
    if rule.until.is_some_and(|until| facts.at >= until) {
        return Ok(Some("its time is over"));
    }
    if !rule.applications.is_empty() && !rule.applications.has(facts.application) {
        return Ok(Some("it is for other applications"));
    }
    let for_some = !rule.users.is_empty() || !rule.groups.is_empty();
    let meant = facts.who.map_or(facts.untold, |(user, groups)| {
        rule.users.has(user) || groups.iter().any(|group| rule.groups.has(group))
    });
    if for_some && !meant {
        return Ok(Some(
            "the user is none of those that it names, nor in one of its groups",
        ));
    }
    let one_of = |bits: u8, told: Option<u8>| {
        bits == 0
            || told.map_or(facts.untold, |told| {
                bits.checked_shr(told.into()).unwrap_or(0) & 1 == 1
            })
    };
    if !one_of(rule.risks, facts.risk) {
        return Ok(Some("the risk is another"));
    }
    if !one_of(rule.states, facts.state.map(|state| state as u8)) {
        return Ok(Some("the account is in another state"));
    }
    if rule.locations != 0 && facts.place.is_in(policy, rule.locations)? != Some(true) {
        return Ok(Some("the client is not in its locations"));
    }
    if rule.not_locations != 0 {
        // Nobody is let pass for not being somewhere, where nobody knows where they are.
        if rule.effect == Effect::Skip && !facts.place.is_told() {
            return Ok(Some("the client's address is not known"));
        }
        if facts.place.is_in(policy, rule.not_locations)? != Some(false) {
            return Ok(Some("the client is in a location that it leaves out"));
        }
    }
    Ok(None)
}

/// What it asks for, in words.
fn asks(policy: &Policy<'_>, rule: &Rule<'_>) -> String {
    let mut words = Vec::new();
    if !rule.methods.is_empty() {
        words.push(
            [
                "methods = ",
                &rule.methods.iter().collect::<Vec<_>>().join(", "),
            ]
            .concat(),
        );
    }
    if rule.strength != 0 {
        words.push(["strength = ", super::strength::name(policy, rule.strength)].concat());
    }
    if rule.level != 0 {
        words.push(["level = ", &rule.level.to_string()].concat());
    }
    if let Some(age) = rule.max_age {
        words.push(["max-age = ", &crate::policy::shown(age)].concat());
    }
    match rule.effect {
        Effect::Skip => "skip".to_owned(),
        Effect::Deny => "deny".to_owned(),
        Effect::Require => words.join(", "),
    }
}
