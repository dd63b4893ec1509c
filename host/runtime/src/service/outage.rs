//! Whether the store can be reached, and what a fail mode OPEN may do meanwhile.
//!
//! An outage begins with the first [`StoreError::Unavailable`], which no client can bring about, and ends when the store
//! has made something durable again. The first thing that is written then is how long it was and how many requests passed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use super::{Service, StepError};
use crate::seal::random;
use crate::store::{AccountId, Commit, Store, StoreError, Write};

/// What is known of the store's standing.
#[derive(Default)]
pub(super) struct Outages(Mutex<Standing>);

#[derive(Default)]
struct Standing {
    /// Whether the store cannot be reached now.
    out: bool,
    /// What is still to be written down.
    untold: Option<Outage>,
}

/// A time in which the store cannot be reached.
#[derive(Clone, Copy)]
struct Outage {
    /// Since when, in milliseconds since the epoch.
    since: u64,
    /// How many requests were let through meanwhile on the first factor alone.
    passed: u64,
}

impl<S: Store> Service<S> {
    /// Whether the store can be reached, as far as anybody has tried.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        !self.outages.lock().out
    }

    /// Whether a request for this application passes on the first factor alone: the policy says so, and the store cannot be
    /// reached. Counts it. Whoever asks has to say so in the log, and must not claim a second factor.
    #[must_use]
    pub fn passes_open(&self, application: &str) -> bool {
        let opens = &self.host_policy().fail_open;
        let mut standing = self.outages.lock();
        let passes = standing.out && opens.iter().any(|open| open == application);
        if passes {
            self.metrics.passed_open(application);
            if let Some(outage) = &mut standing.untold {
                outage.passed = outage.passed.saturating_add(1);
            }
        }
        passes
    }

    /// Tries whether the store can be reached again, by writing down what happened meanwhile. Does nothing in ordinary life.
    ///
    /// # Errors
    /// Where it still cannot be reached.
    pub async fn end_outage(&self) -> Result<(), StepError> {
        let Some(outage) = self.outages.lock().untold else {
            return Ok(());
        };
        let now = self.clock.now()?;
        let row = json!({
            "fact": "store-outage-ended",
            "since": outage.since,
            "passed-open": outage.passed,
        });
        // Nobody's account: nothing but the row is written.
        let commit = Commit {
            id: AccountId(random::<16>().map_err(|_| StepError::Randomness)?),
            create: None,
            expected: 0,
            write: Write::Keep,
            generation: 0,
            counts: Vec::new(),
            take: Vec::new(),
            drop: Vec::new(),
            outbox: Vec::new(),
            audit: vec![row.to_string()],
            tenant: String::new(),
            now,
        };
        self.noted(self.store.commit(commit).await)?;
        self.outages.told(outage);
        Ok(())
    }

    /// Takes notice of an answer of the store.
    pub(super) fn noted<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(StoreError::Unavailable(_)) = &answer {
            // Without a clock every answer is a denial already.
            if let Ok(now) = self.clock.now() {
                self.outages.begin(now);
            }
        }
        answer
    }
}

impl Outages {
    fn begin(&self, now: u64) {
        let mut standing = self.lock();
        standing.out = true;
        standing.untold.get_or_insert(Outage {
            since: now,
            passed: 0,
        });
    }

    /// Something was made durable. What there is to tell of the outage is told by [`Service::end_outage`].
    pub(super) fn end(&self) {
        self.lock().out = false;
    }

    /// It was written down. Requests that passed meanwhile are written down the next time.
    fn told(&self, told: Outage) {
        let mut standing = self.lock();
        standing.out = false;
        standing.untold = standing.untold.and_then(|now| {
            let passed = now.passed.saturating_sub(told.passed);
            (passed > 0).then_some(Outage { passed, ..now })
        });
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
