//! What lets a session of the first factor alone go on (docs/policy.md has the table): a rule that let the user pass holds for
//! requests only while it would still hold, as far as a request tells.

use super::demand::Demands;
use super::network::Place;
use super::route;
use super::rule::{self, Facts};
use crate::contract::{Claims, Request};
use crate::policy::Policy;
use crate::policy::sections::{Effect, Malformed};
use crate::reason::Reason;

/// Until when a session passes on the rule that it began with; none if it does not, or not any more.
pub(crate) fn holds(
    policy: &Policy<'_>,
    now: u64,
    claims: &Claims,
    request: &Request,
    demands: &Demands<'_>,
) -> Result<Option<u64>, Malformed> {
    let forever = Some(u64::MAX);
    let is = |reason: Reason| claims.reason == reason.name();
    // Nobody who was let in on the first factor is let on to what demands more.
    if demands.more || !claims.proved.is_empty() {
        return Ok(None);
    }
    if is(Reason::TrustedNetwork) {
        return of_rules(policy, now, request, Reason::TrustedNetwork);
    }
    if is(Reason::Excluded) {
        return of_rules(policy, now, request, Reason::Excluded);
    }
    if is(Reason::RegistrationSnoozed) {
        let end = claims.started.saturating_add(policy.enrolment.snooze);
        return Ok(Some(end).filter(|end| now < *end));
    }
    let stands = (is(Reason::RememberedDevice) && policy.devices.lifetime != 0)
        || (is(Reason::OneTimeBypass) && policy.bypass.allowed)
        || (is(Reason::MultifactorDisabled) && policy.accounts.may_disable);
    Ok(forever.filter(|_| stands))
}

/// Until when a rule of this kind still lets such a session pass. Who the user is was judged when the session began.
fn of_rules(
    policy: &Policy<'_>,
    now: u64,
    request: &Request,
    reason: Reason,
) -> Result<Option<u64>, Malformed> {
    let facts = Facts {
        untold: true,
        ..told(now, request)
    };
    let mut latest = None;
    for rule in policy.rules.iter() {
        let rule = rule?;
        if rule.effect == Effect::Skip
            && rule::reason(&rule) == reason
            && rule::missed(policy, &rule, &facts)?.is_none()
        {
            latest = latest.max(Some(rule.until.unwrap_or(u64::MAX)));
        }
    }
    Ok(latest)
}

/// What is demanded of a session's request: by the application, by the rules whose conditions a request tells,
/// and by the routes.
pub(crate) fn demands<'a>(
    policy: &Policy<'a>,
    now: u64,
    request: &Request,
) -> Result<Result<Demands<'a>, Reason>, Malformed> {
    let application = policy.applications.of(&request.application)?;
    let mut demands = Demands::of(policy.accounts.methods, application);
    let facts = told(now, request);
    for rule in policy.rules.iter() {
        let rule = rule?;
        if rule.effect == Effect::Skip || rule::missed(policy, &rule, &facts)?.is_some() {
            continue;
        }
        match rule.effect {
            Effect::Deny => return Ok(Err(Reason::RuleDenied)),
            _ => demands.add(&rule),
        }
    }
    route::add(policy, request, &mut demands)?;
    Ok(Ok(demands))
}

fn told<'a>(now: u64, request: &'a Request) -> Facts<'a> {
    Facts {
        who: None,
        application: &request.application,
        place: Place::of_request(request.address.as_deref()),
        risk: None,
        state: None,
        at: now,
        untold: false,
    }
}
