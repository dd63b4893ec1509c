//! Sessions that applications share. A request tells less than a sign-in does, and what a sign-in at one application was not asked
//! cannot be made up for at another.

use crate::policy::sections::{Effect, Malformed, Rule};
use crate::policy::{Applications, Policy};

/// Whether a session that began at `of` counts at `at`: they share their sessions, and a sign-in at `at` itself would be asked
/// nothing that only a sign-in tells.
pub(crate) fn counts(policy: &Policy<'_>, of: &str, at: &str, now: u64) -> Result<bool, Malformed> {
    if of == at {
        return Ok(true);
    }
    if !shares(policy.applications, of, at)? || policy.applications.of(at)?.approvals != 0 {
        return Ok(false);
    }
    for rule in policy.rules.iter() {
        let rule = rule?;
        let is_its_own = rule.applications.has(at) && !rule.applications.has(of);
        let is_over = rule.until.is_some_and(|until| now >= until);
        if is_its_own && !is_over && rule.effect != Effect::Skip && asks_at_sign_in(policy, &rule)?
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn shares(applications: Applications<'_>, of: &str, at: &str) -> Result<bool, Malformed> {
    let shared = applications.of(of)?.session;
    Ok(!shared.is_empty() && shared == applications.of(at)?.session)
}

/// Whether it has a condition that no request tells: who the user is, the risk, how the account stands, the country.
fn asks_at_sign_in(policy: &Policy<'_>, rule: &Rule<'_>) -> Result<bool, Malformed> {
    if !rule.users.is_empty() || !rule.groups.is_empty() || rule.risks != 0 || rule.states != 0 {
        return Ok(true);
    }
    let mut locations = rule.locations | rule.not_locations;
    for location in policy.locations.iter() {
        if location?.has_countries() && locations & 1 == 1 {
            return Ok(true);
        }
        locations >>= 1;
    }
    Ok(false)
}
