//! `grpc.health.v1`: whether a session could be judged now, as `/readyz` tells it. For the host as a whole (the empty
//! name) and for the authorizer.

use std::sync::Arc;
use std::time::Duration;

use cofactor_runtime::service::Service;
use cofactor_runtime::store::{Name, Store};
use tokio::task::AbortHandle;
use tokio::time::{MissedTickBehavior, interval};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::{HealthReporter, HealthService};

use super::SERVICE;

/// How often it is looked after.
const EVERY: Duration = Duration::from_secs(1);

/// The service, and the task that looks after it until the first value is dropped.
pub(super) fn health<S: Store>(service: Arc<Service<S>>) -> (Watch, HealthServer<impl Health>) {
    let reporter = HealthReporter::new();
    let health = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
    let watch = tokio::spawn(async move {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // The store may keep whoever asks it waiting.
            let asked = Arc::clone(&service);
            let ready = tokio::task::spawn_blocking(move || is_ready(&asked)).await;
            let status = match ready {
                Ok(true) => ServingStatus::Serving,
                _ => ServingStatus::NotServing,
            };
            for name in ["", SERVICE] {
                reporter.set_service_status(name, status).await;
            }
        }
    });
    (Watch(watch.abort_handle()), health)
}

/// Ends the task with the listener that it is for.
pub(super) struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn is_ready<S: Store>(service: &Service<S>) -> bool {
    let nobody = Name {
        tenant: "readyz".to_owned(),
        issuer: "readyz".to_owned(),
        user: "readyz".to_owned(),
    };
    service.now().is_ok() && service.standing(&nobody, None).is_ok()
}
