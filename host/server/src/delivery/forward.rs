//! Events for other accounts: an approval that one user gave for another one's sign-in.
//!
//! A row is settled after its event is committed. A crash in between has the event delivered again, under the same id: the
//! account that it is for gives it the outcome of the first, or refuses it as one that it has heard already.

use std::sync::Arc;
use std::time::Duration;

use cofactor_runtime::contract::{Action, EffectKind, Event, Origin};
use cofactor_runtime::service::{Errand, Service, StepError};
use cofactor_runtime::store::{Name, Store as _, StoreError};
use tokio::time::MissedTickBehavior;

use crate::log;
use crate::store::embedded::{Due, EmbeddedStore};

/// What the origin of such an event says of its gateway.
pub const GATEWAY: &str = "cofactor";
/// How often the outbox is looked into.
const PERIOD: Duration = Duration::from_millis(500);
/// How many events are taken at once.
const BATCH: u32 = 64;

/// Delivers until it is dropped.
pub async fn run(service: Arc<Service<EmbeddedStore>>) {
    let mut periods = tokio::time::interval(PERIOD);
    periods.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        periods.tick().await;
        if let Err(error) = deliver(&service).await {
            tracing::debug!(%error, "events for other accounts wait");
        }
    }
}

/// Delivers what waits now, and says how much of it is over.
///
/// # Errors
/// Why the rest has to be tried again.
pub async fn deliver(service: &Service<EmbeddedStore>) -> Result<usize, StepError> {
    let due = service.store().due_of("forward", service.now()?, BATCH)?;
    let mut failure = None;
    let mut over = 0;
    for row in due {
        let told = match service.errand(&row.tenant, &row.effect, &row.payload) {
            Some(errand) => tell(service, &row, errand).await,
            None => {
                tracing::error!(
                    effect = hex::encode(row.effect),
                    "an event for another account was altered: it is not delivered"
                );
                Ok(())
            }
        };
        match told {
            Ok(()) => {
                service.store().settle(row.effect, service.now()?).await?;
                over += 1;
            }
            // One that fails holds up no other.
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(over), Err)
}

/// Has the other account judge the event. What no later attempt could change is over as well.
async fn tell(
    service: &Service<EmbeddedStore>,
    row: &Due,
    errand: Errand,
) -> Result<(), StepError> {
    let EffectKind::Forward(forwarded) = errand.effect.what else {
        return Ok(());
    };
    let name = Name {
        tenant: row.tenant.clone(),
        issuer: errand.issuer,
        user: forwarded.user,
    };
    if is_unknown(service, &name)? {
        tracing::info!(
            user = name.user,
            "an event for an account that there is not"
        );
        return Ok(());
    }
    let action = Action::Vouch(forwarded.voucher);
    let asked = log::asked(&action);
    let event = Event {
        id: row.effect.to_vec(),
        // Nobody is at a browser: what binds the event is its id, which nobody outside learns.
        origin: Origin::new(&name.user, errand.application, GATEWAY, row.effect),
        action,
    };
    match service.step(&name, event).await {
        Ok(settled) => {
            let (outcome, reason) = log::decided(&settled.outcome);
            tracing::info!(
                gateway = GATEWAY,
                user = name.user,
                action = asked,
                outcome,
                reason,
                "decided"
            );
            Ok(())
        }
        Err(error @ (StepError::BadRequest(_) | StepError::Unsupported(_))) => {
            tracing::error!(%error, user = name.user, "an event for another account is refused");
            Ok(())
        }
        Err(error) => {
            tracing::warn!(%error, user = name.user, "an event for another account waits");
            Err(error)
        }
    }
}

fn is_unknown(service: &Service<EmbeddedStore>, name: &Name) -> Result<bool, StoreError> {
    Ok(service.store().standing(name, None)?.is_none())
}
