//! What a request needs beyond a second factor at all, so that the sign-in for it asks for that at once.

use cofactor_runtime::contract::{Claims, StepUp, Verdict};
use cofactor_runtime::service::StepError;
use cofactor_runtime::store::Store;

use crate::gateway::{Front, Visit};

/// The level of the first factor alone.
const FIRST_FACTOR: u8 = 1;
/// The level of any second factor.
const SECOND_FACTOR: u8 = 2;

/// What the component says that a session of the first factor alone lacks; none where that is a second factor and no more.
/// Whether one is needed is left to the sign-in: a rule may let the user pass without.
///
/// # Errors
/// Those of the service.
pub(super) fn beyond<S: Store>(
    front: &Front<S>,
    visit: &Visit<'_>,
) -> Result<Option<StepUp>, StepError> {
    let name = visit.gateway.account(visit.user);
    let Some(standing) = front.service.standing(&name, None)? else {
        return Ok(None);
    };
    let now = front.service.now()?;
    let claims = Claims {
        application: visit.gateway.application.clone(),
        generation: standing.generation,
        level: FIRST_FACTOR,
        method: String::new(),
        proved: Vec::new(),
        amr: Vec::new(),
        reason: String::new(),
        started: now,
        verified: now,
        active: now,
        transaction: None,
    };
    let verdict = front
        .service
        .authorize(&name, None, &claims, visit.request())?;
    Ok(match verdict {
        Verdict::StepUp(step_up) if step_up.level > SECOND_FACTOR => Some(step_up),
        Verdict::StepUp(step_up) if step_up.max_age.is_some() => Some(StepUp {
            level: 0,
            ..step_up
        }),
        _ => None,
    })
}
