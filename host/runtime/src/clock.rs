//! The host's clock, which is an argument everywhere else.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the wall-clock time, or that it cannot be trusted now.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the epoch.
    ///
    /// # Errors
    /// [`ClockJumped`] while the time is not to be trusted: nothing may be decided then.
    fn now(&self) -> Result<u64, ClockJumped>;
}

/// The wall clock moved against the monotonic one, or stands before 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the wall clock jumped by {by_ms} ms: refusing to decide until it has been steady for a minute"
)]
pub struct ClockJumped {
    /// By how much, positive if forward.
    pub by_ms: i64,
}

/// The operating system's clock. After a jump of more than 30 seconds against the monotonic clock it refuses to tell the
/// time until both have agreed again for a minute: long enough to be seen, short enough to survive a resumed laptop.
pub struct SystemClock {
    state: Mutex<State>,
}

struct State {
    base: Reading,
    distrusted_since: Option<Instant>,
    jumped_by: i64,
}

#[derive(Clone, Copy)]
struct Reading {
    wall: SystemTime,
    monotonic: Instant,
}

const TOLERANCE: Duration = Duration::from_secs(30);
const QUARANTINE: Duration = Duration::from_secs(60);

impl SystemClock {
    /// Trusts the time as it is now.
    #[must_use]
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    pub fn new() -> Self {
        let base = Reading {
            wall: SystemTime::now(),
            monotonic: Instant::now(),
        };
        Self {
            state: Mutex::new(State {
                base,
                distrusted_since: None,
                jumped_by: 0,
            }),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    fn now(&self) -> Result<u64, ClockJumped> {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // Read in turn: an older reading judged after a newer one would look like a jump.
        state.judge(Reading {
            wall: SystemTime::now(),
            monotonic: Instant::now(),
        })
    }
}

impl State {
    fn judge(&mut self, reading: Reading) -> Result<u64, ClockJumped> {
        let expected = self.base.wall
            + reading
                .monotonic
                .saturating_duration_since(self.base.monotonic);
        let (distance, sign) = match reading.wall.duration_since(expected) {
            Ok(ahead) => (ahead, 1),
            Err(behind) => (behind.duration(), -1),
        };
        if distance > TOLERANCE {
            self.base = reading;
            self.distrusted_since = Some(reading.monotonic);
            self.jumped_by = sign * i64::try_from(distance.as_millis()).unwrap_or(i64::MAX);
        }
        if let Some(since) = self.distrusted_since {
            if reading.monotonic.saturating_duration_since(since) < QUARANTINE {
                return Err(ClockJumped {
                    by_ms: self.jumped_by,
                });
            }
            self.distrusted_since = None;
        }
        let since_epoch = reading
            .wall
            .duration_since(UNIX_EPOCH)
            .map_err(|_| ClockJumped { by_ms: i64::MIN })?;
        u64::try_from(since_epoch.as_millis()).map_err(|_| ClockJumped { by_ms: i64::MAX })
    }
}

/// A clock that stands where it is put: for tests and for replaying what happened.
#[derive(Debug, Default)]
pub struct FixedClock(std::sync::atomic::AtomicU64);

impl FixedClock {
    /// Stands at `now`, milliseconds since the epoch.
    #[must_use]
    pub fn at(now: u64) -> Self {
        Self(now.into())
    }

    /// Moves to `now`.
    pub fn set(&self, now: u64) {
        self.0.store(now, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Result<u64, ClockJumped> {
        Ok(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

impl<C: Clock> Clock for std::sync::Arc<C> {
    fn now(&self) -> Result<u64, ClockJumped> {
        C::now(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn a_jump_is_refused_for_a_minute_and_then_believed() {
        let base = Reading {
            wall: UNIX_EPOCH + Duration::from_secs(1_000_000),
            monotonic: Instant::now(),
        };
        let mut state = State {
            base,
            distrusted_since: None,
            jumped_by: 0,
        };
        let mut at = |wall: u64, monotonic: u64| {
            state.judge(Reading {
                wall: UNIX_EPOCH + Duration::from_secs(wall),
                monotonic: base.monotonic + Duration::from_secs(monotonic),
            })
        };
        assert_eq!(at(1_000_010, 10), Ok(1_000_010_000));
        assert_eq!(at(1_000_040, 11), Ok(1_000_040_000), "29 s are slewing");
        assert_eq!(at(999_000, 12), Err(ClockJumped { by_ms: -1_012_000 }));
        assert_eq!(at(999_059, 71), Err(ClockJumped { by_ms: -1_012_000 }));
        assert_eq!(at(999_060, 72), Ok(999_060_000));
        assert_eq!(at(1_002_672, 84), Err(ClockJumped { by_ms: 3_600_000 }));
        assert_eq!(at(1_002_732, 144), Ok(1_002_732_000));
    }
}
