//! Counts over windows: how often something happened for a key of late.
//!
//! A count stands in a row per fixed window. What is read is the running window's count plus that part of the one before
//! it which a sliding window would still cover, rounded up: no burst at a boundary counts for less than it is.

use rusqlite::Connection;

use super::number::{stored, whole};

/// Rows that one sweep removes at most, so that no commit waits long for it.
const SWEEP: u32 = 512;

/// Adds to a count.
pub(super) fn add(
    connection: &Connection,
    tenant: &str,
    (kind, key, by, window): &(String, [u8; 16], u32, u64),
    now: u64,
) -> rusqlite::Result<()> {
    let window = (*window).max(1);
    let start = now.saturating_sub(now % window);
    let expires = start.saturating_add(window.saturating_mul(2));
    connection
        .prepare_cached(
            "INSERT INTO counts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET n = min(n + excluded.n, 4294967295)",
        )?
        .execute((
            tenant,
            kind,
            key,
            whole(window),
            whole(start),
            by,
            whole(expires),
        ))?;
    Ok(())
}

/// What a sliding window of this length counts now.
pub(super) fn read(
    connection: &Connection,
    tenant: &str,
    kind: &str,
    key: &[u8; 16],
    window: u64,
    now: u64,
) -> rusqlite::Result<u32> {
    let window = window.max(1);
    let elapsed = now % window;
    let start = now.saturating_sub(elapsed);
    let mut statement = connection.prepare_cached(
        "SELECT start, n FROM counts
         WHERE tenant = ?1 AND kind = ?2 AND key = ?3 AND window = ?4 AND start >= ?5",
    )?;
    let mut rows = statement.query((
        tenant,
        kind,
        key,
        whole(window),
        whole(start.saturating_sub(window)),
    ))?;
    let mut total: u64 = 0;
    while let Some(row) = rows.next()? {
        let n = stored(row, 1)?;
        // A window that starts later than this one comes from a clock that went back: it counts in full.
        let share = if stored(row, 0)? < start {
            let left = u128::from(window.saturating_sub(elapsed));
            let part = (u128::from(n) * left).div_ceil(u128::from(window));
            u64::try_from(part).unwrap_or(u64::MAX)
        } else {
            n
        };
        total = total.saturating_add(share);
    }
    Ok(u32::try_from(total).unwrap_or(u32::MAX))
}

/// Removes some of the counts that nobody can ask for any more.
pub(super) fn sweep(connection: &Connection, now: u64) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM counts WHERE (tenant, kind, key, window, start) IN
               (SELECT tenant, kind, key, window, start FROM counts WHERE expires <= ?1 LIMIT ?2)",
        )?
        .execute((whole(now), SWEEP))
}
