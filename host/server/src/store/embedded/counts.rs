//! Counts over windows: how often something happened for a key of late.
//!
//! One row a count, which holds the running fixed window and the one before it. What is read is the running window's count
//! plus that part of the one before which a sliding window would still cover, rounded up: no burst at a boundary counts for
//! less than it is.

use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};

use super::number::{stored, whole};

/// Rows that a sweep looks at, at least; more when more were counted since.
const SWEEP: u32 = 512;

/// What is counted.
pub(super) struct Count<'a> {
    pub(super) tenant: &'a str,
    pub(super) kind: &'a str,
    pub(super) key: &'a [u8; 16],
    /// Milliseconds.
    pub(super) window: u64,
}

impl Count<'_> {
    /// Adds to it.
    pub(super) fn add(&self, connection: &Connection, by: u32, now: u64) -> rusqlite::Result<()> {
        let window = self.window.max(1);
        // A window that starts later than this one comes from a clock that went back: it goes on.
        connection
            .prepare_cached(
                "INSERT INTO counts VALUES (?1, ?2, ?3, ?4, 0) ON CONFLICT (slot) DO UPDATE SET
                   past = CASE WHEN excluded.start <= start THEN past
                                 WHEN excluded.start = start + window THEN n ELSE 0 END,
                   n = CASE WHEN excluded.start <= start THEN min(n + excluded.n, 4294967295) ELSE excluded.n END,
                   start = max(start, excluded.start)",
            )?
            .execute((
                self.slot(),
                whole(window),
                whole(now.saturating_sub(now % window)),
                by,
            ))?;
        Ok(())
    }

    /// What a sliding window counts now.
    pub(super) fn read(&self, connection: &Connection, now: u64) -> rusqlite::Result<u32> {
        let window = self.window.max(1);
        let elapsed = now % window;
        let start = now.saturating_sub(elapsed);
        let row = connection
            .prepare_cached("SELECT start, n, past FROM counts WHERE slot = ?1")?
            .query_row([self.slot()], |row| {
                Ok((stored(row, 0)?, stored(row, 1)?, stored(row, 2)?))
            })
            .optional()?;
        let Some((counted, n, past)) = row else {
            return Ok(0);
        };
        let share = |n: u64| {
            let left = u128::from(window.saturating_sub(elapsed));
            let part = (u128::from(n) * left).div_ceil(u128::from(window));
            u64::try_from(part).unwrap_or(u64::MAX)
        };
        let total = if counted > start {
            n.saturating_add(past)
        } else if counted == start {
            n.saturating_add(share(past))
        } else if counted.saturating_add(window) == start {
            share(n)
        } else {
            0
        };
        Ok(u32::try_from(total).unwrap_or(u32::MAX))
    }

    /// The row's number: 64 bits of a digest. Two counts that met in one row would both count too much, never too little.
    fn slot(&self) -> i64 {
        let mut hash = Sha256::new();
        for part in [self.tenant, self.kind] {
            hash.update(whole(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(self.window.to_be_bytes());
        hash.update(self.key);
        hash.finalize()
            .first_chunk::<8>()
            .map_or(0, |first| i64::from_be_bytes(*first))
    }
}

/// Goes round the table and removes what nobody can ask for any more.
pub(super) struct Sweep {
    behind: i64,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { behind: i64::MIN }
    }
}

impl Sweep {
    /// One stretch of the table. With twice as many rows looked at as were counted, the table cannot outgrow the sweep.
    pub(super) fn go(
        &mut self,
        connection: &Connection,
        counted: u32,
        now: u64,
    ) -> rusqlite::Result<()> {
        let rows = counted.saturating_mul(2).max(SWEEP);
        let end: Option<i64> = connection
            .prepare_cached(
                "SELECT slot FROM counts WHERE slot > ?1 ORDER BY slot LIMIT 1 OFFSET ?2",
            )?
            .query_row((self.behind, rows), |row| row.get(0))
            .optional()?;
        connection
            .prepare_cached(
                "DELETE FROM counts WHERE slot > ?1 AND slot <= ?2 AND start + 2 * window <= ?3",
            )?
            .execute((self.behind, end.unwrap_or(i64::MAX), whole(now)))?;
        self.behind = end.unwrap_or(i64::MIN);
        Ok(())
    }
}
