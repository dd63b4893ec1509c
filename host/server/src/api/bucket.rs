//! How many requests a client may make.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Lets a number of requests through in a second: on average, and at most as many at once. One word, no lock: it keeps
/// the instant at which the bucket is full again (the generic cell rate algorithm).
#[derive(Debug)]
pub(super) struct Bucket {
    full_at: AtomicU64,
    interval: u64,
}

const SECOND: u64 = 1_000_000_000;

impl Bucket {
    /// A full bucket for `rate` requests in a second, at least one.
    pub(super) fn new(rate: u32) -> Self {
        Self {
            full_at: AtomicU64::new(0),
            interval: SECOND / u64::from(rate.max(1)),
        }
    }

    /// Takes one request out, `now` after some fixed instant.
    ///
    /// # Errors
    /// When there is none: how long until there is one.
    pub(super) fn take(&self, now: Duration) -> Result<(), Duration> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let next = full_at.max(now).saturating_add(self.interval);
            let wait = next.saturating_sub(now).saturating_sub(SECOND);
            if wait > 0 {
                return Err(Duration::from_nanos(wait));
            }
            match self.full_at.compare_exchange_weak(
                full_at,
                next,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(other) => full_at = other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_worth_the_rate_and_no_more() {
        let bucket = Bucket::new(10);
        let at = Duration::from_millis;
        let taken = (0..50).filter(|_| bucket.take(at(0)).is_ok()).count();
        assert_eq!(taken, 10, "all at once");
        assert_eq!(bucket.take(at(0)), Err(at(100)), "until the next");
        assert!(bucket.take(at(99)).is_err());
        assert!(bucket.take(at(100)).is_ok());
        let taken = (1_000..11_000)
            .filter(|ms| bucket.take(at(*ms)).is_ok())
            .count();
        assert!((100..=110).contains(&taken), "{taken} in ten seconds");
    }

    #[test]
    fn a_long_rest_is_worth_no_more_than_a_second() {
        let bucket = Bucket::new(5);
        let late = Duration::from_secs(1_000_000);
        assert_eq!((0..50).filter(|_| bucket.take(late).is_ok()).count(), 5);
    }
}
