//! Reading the outbox. Rows come in with the commit that wants them, and lose their payload when they are settled or
//! expire; the id stays for a while, so that nothing is done twice.

use rusqlite::{Connection, Row};

use cofactor_runtime::store::AccountId;

use super::number::{stored, whole};

/// An effect that is still to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// Names the effect.
    pub effect: [u8; 16],
    /// Whose account.
    pub tenant: String,
    /// Which account.
    pub account: AccountId,
    /// Which kind, such as `notify`.
    pub kind: String,
    /// Milliseconds since the epoch when the step was committed.
    pub created: u64,
    /// Milliseconds since the epoch after which it is not to be done any more.
    pub expires: u64,
    /// The sealed effect.
    pub payload: Vec<u8>,
}

/// What is to be done, the soonest to expire first.
pub(super) fn due(connection: &Connection, now: u64, limit: u32) -> rusqlite::Result<Vec<Due>> {
    connection
        .prepare_cached(
            "SELECT effect, tenant, account, kind, created, expires, payload FROM outbox
             WHERE settled IS NULL AND expires > ?1 AND payload IS NOT NULL ORDER BY expires LIMIT ?2",
        )?
        .query_map((whole(now), limit), read)?
        .collect()
}

/// The same of one kind.
pub(super) fn due_of(
    connection: &Connection,
    kind: &str,
    now: u64,
    limit: u32,
) -> rusqlite::Result<Vec<Due>> {
    connection
        .prepare_cached(
            "SELECT effect, tenant, account, kind, created, expires, payload FROM outbox
             WHERE settled IS NULL AND expires > ?1 AND payload IS NOT NULL AND kind = ?2 ORDER BY expires LIMIT ?3",
        )?
        .query_map((whole(now), kind, limit), read)?
        .collect()
}

/// What is to be done, in the order of the ids, starting behind `after`.
pub(super) fn all(
    connection: &Connection,
    now: u64,
    after: Option<[u8; 16]>,
    limit: u32,
) -> rusqlite::Result<Vec<Due>> {
    let after = after.as_ref().map_or(&[] as &[u8], |id| id.as_slice());
    connection
        .prepare_cached(
            "SELECT effect, tenant, account, kind, created, expires, payload FROM outbox
             WHERE settled IS NULL AND expires > ?1 AND payload IS NOT NULL AND effect > ?2 ORDER BY effect LIMIT ?3",
        )?
        .query_map((whole(now), after, limit), read)?
        .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Due> {
    Ok(Due {
        effect: row.get(0)?,
        tenant: row.get(1)?,
        account: AccountId(row.get(2)?),
        kind: row.get(3)?,
        created: stored(row, 4)?,
        expires: stored(row, 5)?,
        payload: row.get(6)?,
    })
}
