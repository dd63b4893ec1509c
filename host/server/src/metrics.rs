//! What monitoring sees: `/healthz`, `/readyz` and `/metrics`, on a listener of their own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cofactor_runtime::metrics::Histogram;
use cofactor_runtime::service::Service;
use cofactor_runtime::store::{Name, Store};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

/// Answers of the verify API, by status.
#[derive(Debug, Default)]
pub struct ApiCounters([AtomicU64; STATUSES.len()]);

const STATUSES: [u16; 12] = [200, 400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 503];

impl ApiCounters {
    /// Counts one answer.
    pub fn count(&self, status: u16) {
        if let Some((_, counter)) = STATUSES
            .iter()
            .zip(&self.0)
            .find(|(known, _)| **known == status)
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What monitoring sees of a host.
pub struct Watched<S> {
    /// The one door.
    pub service: Arc<Service<S>>,
    /// Answers of the verify API.
    pub api: Arc<ApiCounters>,
    /// How often the database was found put back without anybody having acknowledged it.
    pub unacknowledged: Box<dyn Fn() -> usize + Send + Sync>,
}

/// The routes for monitoring.
pub fn router<S: Store>(watched: Watched<S>) -> Router {
    let watched = Arc::new(watched);
    let mut registry = Registry::with_prefix("cofactor");
    registry.register_collector(Box::new(Collected(Arc::clone(&watched))));
    let registry = Arc::new(registry);
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready::<S>))
        .with_state(watched)
        .route("/metrics", get(async move || exposition(&registry)))
}

/// Whether a sign-in could be judged now: the clock is trusted and the store answers.
async fn ready<S: Store>(State(watched): State<Arc<Watched<S>>>) -> Response {
    let service = &watched.service;
    let nobody = Name {
        tenant: "readyz".to_owned(),
        issuer: "readyz".to_owned(),
        user: "readyz".to_owned(),
    };
    let not_ready = |what: &str, error: &dyn fmt::Display| {
        tracing::warn!(%error, "not ready: {what}");
        // The reason is for the log: this listener may be seen by more people than the log is.
        (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {what}\n"),
        )
            .into_response()
    };
    if let Err(error) = service.now() {
        return not_ready("the clock jumped", &error);
    }
    if let Err(error) = service.standing(&nobody, None) {
        return not_ready("the store does not answer", &error);
    }
    if (watched.unacknowledged)() > 0 {
        // Sign-ins go on: the codes that may have been used before are refused.
        return "ready\nthe database was put back: see `cofactor audit verify` and `cofactor audit acknowledge`\n"
            .into_response();
    }
    "ready\n".into_response()
}

fn exposition(registry: &Registry) -> Response {
    let mut text = String::with_capacity(16 << 10);
    match prometheus_client::encoding::text::encode(&mut text, registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Reads the service's own counters at each scrape: nothing is counted twice.
struct Collected<S>(Arc<Watched<S>>);

impl<S> fmt::Debug for Collected<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collected")
    }
}

impl<S: Store> Collector for Collected<S> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Watched {
            service,
            api,
            unacknowledged,
        } = &*self.0;
        let metrics = service.metrics();
        let plugin = service.plugin();

        let mut build = encoder.encode_descriptor(
            "build",
            "Versions of host and component, and the component's SHA-256",
            None,
            MetricType::Info,
        )?;
        build.encode_info(&vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("component", plugin.description().version.clone()),
            ("sha256", plugin.digest().to_string()),
        ])?;

        let mut steps = encoder.encode_descriptor(
            "steps",
            "Judged events, by outcome and internal reason",
            None,
            MetricType::Counter,
        )?;
        for (outcome, reason, count) in metrics.steps() {
            counter(
                &mut steps,
                &[("outcome", outcome), ("reason", &reason)],
                count,
            )?;
        }
        let mut verdicts = encoder.encode_descriptor(
            "verdicts",
            "Judged requests of sessions, by verdict",
            None,
            MetricType::Counter,
        )?;
        for (verdict, count) in metrics.verdicts() {
            counter(&mut verdicts, &[("verdict", verdict)], count)?;
        }
        let mut answers = encoder.encode_descriptor(
            "api_answers",
            "Answers of the verify API, by status",
            None,
            MetricType::Counter,
        )?;
        for (status, count) in STATUSES.iter().zip(&api.0) {
            let count = count.load(Ordering::Relaxed);
            counter(&mut answers, &[("status", &status.to_string())], count)?;
        }
        for (name, help, count) in [
            (
                "conflicts",
                "Steps that lost a race and ran again",
                metrics.conflicts(),
            ),
            (
                "faults",
                "Steps that failed by the component's doing",
                metrics.faults(),
            ),
            (
                "overloads",
                "Steps turned away for want of room",
                metrics.overloads(),
            ),
        ] {
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, f64>(&count, None)?;
        }
        let mut open = encoder.encode_descriptor(
            "fail_open",
            "Requests that passed on the first factor alone, by fail-mode = \"open\"",
            None,
            MetricType::Counter,
        )?;
        let passed = metrics.open_passes();
        for application in &service.host_policy().fail_open {
            let count = passed.get(application).copied().unwrap_or_default();
            counter(&mut open, &[("application", application)], count)?;
        }
        let mut closed = encoder.encode_descriptor(
            "fail_closed",
            "Requests that gateways refused because nothing could be decided",
            None,
            MetricType::Counter,
        )?;
        for (application, cause, count) in metrics.closed_failures() {
            let labels = [("application", application.as_str()), ("cause", cause)];
            counter(&mut closed, &labels, count)?;
        }
        let (busy, instances) = plugin.load_now();
        for (name, help, value) in [
            (
                "store_unreachable",
                "1 while the store cannot be reached, as far as anybody has tried",
                usize::from(!service.is_reachable()),
            ),
            (
                "rollbacks_unacknowledged",
                "How often the database was found put back without anybody having acknowledged it",
                unacknowledged(),
            ),
            (
                "instances_busy",
                "Calls into the component that run now",
                busy,
            ),
            (
                "instances_limit",
                "Calls into the component that may run at once",
                instances,
            ),
        ] {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))?;
        }
        for (name, help, times) in [
            (
                "step_seconds",
                "How long steps took, commit included",
                metrics.step_time(),
            ),
            (
                "commit_seconds",
                "How long commits took",
                metrics.commit_time(),
            ),
        ] {
            let buckets = buckets(times);
            encoder
                .encode_descriptor(name, help, None, MetricType::Histogram)?
                .encode_histogram::<NoLabelSet>(times.sum(), times.count(), &buckets, None)?;
        }
        Ok(())
    }
}

fn counter(encoder: &mut MetricEncoder<'_>, labels: &[(&str, &str)], count: u64) -> fmt::Result {
    let labels: Vec<(&str, &str)> = labels.to_vec();
    encoder
        .encode_family(&labels)?
        .encode_counter::<NoLabelSet, _, f64>(&count, None)
}

/// Counts between the bounds, where ours are counts up to them; the last one is everything beyond.
fn buckets(times: &Histogram) -> Vec<(f64, u64)> {
    let mut below = 0;
    let mut buckets: Vec<(f64, u64)> = times
        .buckets()
        .map(|(bound, up_to)| {
            let here = up_to - below;
            below = up_to;
            (bound, here)
        })
        .collect();
    buckets.push((f64::INFINITY, times.count().saturating_sub(below)));
    buckets
}
