//! What the service counts and times, for whoever shows it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::contract::{Outcome, Verdict};
use crate::plugin::PluginError;
use crate::service::{Settled, StepError};
use crate::store::Committed;

/// Pairs of outcome and reason that are told apart.
const MOST_REASONS: usize = 512;

/// Counters since the service was made.
#[derive(Default)]
pub struct Metrics {
    steps: Mutex<BTreeMap<(&'static str, String), u64>>,
    verdicts: [AtomicU64; 3],
    conflicts: AtomicU64,
    faults: AtomicU64,
    overloads: AtomicU64,
    passed_open: Mutex<BTreeMap<String, u64>>,
    failed_closed: Mutex<BTreeMap<(String, &'static str), u64>>,
    step_time: Histogram,
    commit_time: Histogram,
}

impl Metrics {
    /// Steps by outcome and internal reason.
    #[must_use]
    pub fn steps(&self) -> Vec<(&'static str, String, u64)> {
        let steps = lock(&self.steps);
        steps
            .iter()
            .map(|((outcome, reason), count)| (*outcome, reason.clone(), *count))
            .collect()
    }

    /// Verdicts on sessions: `pass`, `step-up`, `deny`.
    #[must_use]
    pub fn verdicts(&self) -> [(&'static str, u64); 3] {
        let [pass, step_up, deny] = &self.verdicts;
        [
            ("pass", read(pass)),
            ("step-up", read(step_up)),
            ("deny", read(deny)),
        ]
    }

    /// Steps that lost a race and ran again.
    #[must_use]
    pub fn conflicts(&self) -> u64 {
        read(&self.conflicts)
    }

    /// Questions that failed by the component's doing.
    #[must_use]
    pub fn faults(&self) -> u64 {
        read(&self.faults)
    }

    /// Questions that were turned away for want of room.
    #[must_use]
    pub fn overloads(&self) -> u64 {
        read(&self.overloads)
    }

    /// Requests that passed on the first factor alone while the store could not be reached, by application.
    #[must_use]
    pub fn open_passes(&self) -> BTreeMap<String, u64> {
        lock(&self.passed_open).clone()
    }

    /// Requests that a gateway refused because nothing could be decided, by application and cause.
    #[must_use]
    pub fn closed_failures(&self) -> Vec<(String, &'static str, u64)> {
        lock(&self.failed_closed)
            .iter()
            .map(|((application, cause), count)| (application.clone(), *cause, *count))
            .collect()
    }

    /// Counts a request that was refused because nothing could be decided, for instance with [`cause_of`] as its cause. Whoever
    /// refuses has to say so in the log.
    pub fn failed_closed(&self, application: &str, cause: &'static str) {
        let mut failed = lock(&self.failed_closed);
        // Applications are those of the configuration; another caller must not fill the memory with new ones.
        let application = if failed.len() < MOST_REASONS {
            application
        } else {
            "other"
        };
        *failed.entry((application.to_owned(), cause)).or_default() += 1;
    }

    /// How long steps took, commit included.
    #[must_use]
    pub fn step_time(&self) -> &Histogram {
        &self.step_time
    }

    /// How long commits took.
    #[must_use]
    pub fn commit_time(&self) -> &Histogram {
        &self.commit_time
    }

    pub(crate) fn passed_open(&self, application: &str) {
        *lock(&self.passed_open)
            .entry(application.to_owned())
            .or_default() += 1;
    }

    pub(crate) fn took(&self, took: Duration) {
        self.step_time.record(took);
    }

    pub(crate) fn settled(&self, settled: &Settled) {
        let (outcome, reason) = named(&settled.outcome);
        self.ended(outcome, reason);
    }

    pub(crate) fn failed(&self, took: Duration, error: &StepError) {
        self.took(took);
        self.unjudged(error);
        self.ended("error", cause_of(error));
    }

    /// A question that has no answer, of whatever kind.
    pub(crate) fn unjudged(&self, error: &StepError) {
        match error {
            StepError::Overloaded => self.overloads.fetch_add(1, Ordering::Relaxed),
            StepError::Plugin(_) => self.faults.fetch_add(1, Ordering::Relaxed),
            _ => return,
        };
    }

    fn ended(&self, outcome: &'static str, reason: &str) {
        let mut steps = lock(&self.steps);
        // The reasons of our component are few; another one must not fill the memory with new ones.
        let reason = if steps.len() < MOST_REASONS {
            reason
        } else {
            "other"
        };
        *steps.entry((outcome, reason.to_owned())).or_default() += 1;
    }

    pub(crate) fn verdict(&self, verdict: &Verdict) {
        let [pass, step_up, deny] = &self.verdicts;
        let counter = match verdict {
            Verdict::Pass(_) => pass,
            Verdict::StepUp(_) => step_up,
            Verdict::Deny(_) | Verdict::Other(_) => deny,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn commit(&self, took: Duration, committed: Committed) {
        self.commit_time.record(took);
        if committed == Committed::Conflict {
            self.conflicts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Counts of durations up to fixed bounds.
#[derive(Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    total_micros: AtomicU64,
}

/// Upper bounds of the buckets, in microseconds.
const BOUNDS: [u64; 14] = [
    25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 1_000_000,
    10_000_000,
];

impl Histogram {
    /// Upper bound in seconds and how many durations were not longer, for each bucket.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let mut below = 0;
        BOUNDS.iter().zip(&self.buckets).map(move |(bound, count)| {
            below += read(count);
            (*bound as f64 / 1e6, below)
        })
    }

    /// How many durations there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        read(&self.count)
    }

    /// Their sum in seconds.
    #[must_use]
    pub fn sum(&self) -> f64 {
        read(&self.total_micros) as f64 / 1e6
    }

    fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BOUNDS
            .iter()
            .zip(&self.buckets)
            .find(|(bound, _)| micros <= **bound)
        {
            bucket.1.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.total_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

fn named(outcome: &Outcome) -> (&'static str, &str) {
    match outcome {
        Outcome::Allow(it) => ("allow", &it.claims.reason),
        Outcome::Challenge(it) => ("challenge", it.after.as_deref().unwrap_or("first")),
        Outcome::Pending(_) => ("pending", ""),
        Outcome::Enrol(it) => ("enrol", it.after.as_deref().unwrap_or("first")),
        Outcome::Deny(it) => ("deny", &it.internal_reason),
        Outcome::Done(it) => ("done", &it.reason),
        Outcome::Delegate(_) => ("delegate", ""),
        Outcome::Other(_) => ("other", ""),
    }
}

/// What an error is called in the metrics.
#[must_use]
pub fn cause_of(error: &StepError) -> &'static str {
    match error {
        StepError::Overloaded => "overloaded",
        StepError::Plugin(PluginError::Component(_)) => "component-fault",
        StepError::Plugin(PluginError::Malformed(_)) => "malformed-answer",
        StepError::Plugin(_) => "component-failure",
        StepError::BadRequest(_) => "bad-request",
        StepError::Unsupported(_) => "unsupported",
        StepError::Unavailable(_) => "store-unavailable",
        StepError::Tampered(_) => "tampered",
        StepError::Clock(_) => "clock-jumped",
        StepError::Randomness => "no-randomness",
    }
}

fn lock<T>(counters: &Mutex<T>) -> MutexGuard<'_, T> {
    counters.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
