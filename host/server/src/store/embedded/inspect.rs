//! What the command line asks: lists, totals, and whether everything still agrees.

use rusqlite::{Connection, OptionalExtension};

use cofactor_runtime::store::{AccountId, Name, StoreError};

use super::number::stored;
use super::read;
use super::refusal;

/// A record as it is sealed, with what its seal is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The account, or the shadow record.
    pub id: AccountId,
    /// Whose it is.
    pub tenant: String,
    /// Which version.
    pub version: u64,
    /// The sealed bytes.
    pub record: Vec<u8>,
}

/// Names and their accounts, in order, starting behind `after`.
pub(super) fn names(
    connection: &Connection,
    after: Option<&Name>,
    limit: u32,
) -> rusqlite::Result<Vec<(Name, AccountId)>> {
    let nobody = Name {
        tenant: String::new(),
        issuer: String::new(),
        user: String::new(),
    };
    let after = after.unwrap_or(&nobody);
    connection
        .prepare_cached(
            "SELECT tenant, issuer, user, account FROM names
             WHERE (tenant, issuer, user) > (?1, ?2, ?3) ORDER BY tenant, issuer, user LIMIT ?4",
        )?
        .query_map((&after.tenant, &after.issuer, &after.user, limit), |row| {
            Ok((
                Name {
                    tenant: row.get(0)?,
                    issuer: row.get(1)?,
                    user: row.get(2)?,
                },
                AccountId(row.get(3)?),
            ))
        })?
        .collect()
}

/// How many names there are.
pub(super) fn count(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT count(*) FROM names", [], |row| stored(row, 0))
}

/// Records, shadows among them, in the order of their ids, starting behind `after`.
pub(super) fn records(
    connection: &Connection,
    after: Option<AccountId>,
    limit: u32,
) -> rusqlite::Result<Vec<Sealed>> {
    connection
        .prepare_cached(
            "SELECT id, tenant, version, record FROM accounts WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?
        .query_map(
            (
                after.as_ref().map_or(&[] as &[u8], |id| id.0.as_slice()),
                limit,
            ),
            |row| {
                Ok(Sealed {
                    id: AccountId(row.get(0)?),
                    tenant: row.get(1)?,
                    version: stored(row, 2)?,
                    record: row.get(3)?,
                })
            },
        )?
        .collect()
}

/// Audit entries, oldest first, starting behind row `after`: number, time and text.
pub(super) fn audit(
    connection: &Connection,
    after: u64,
    limit: u32,
) -> rusqlite::Result<Vec<(u64, u64, String)>> {
    connection
        .prepare_cached("SELECT seq, time, entry FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2")?
        .query_map((super::number::whole(after), limit), |row| {
            Ok((stored(row, 0)?, stored(row, 1)?, row.get(2)?))
        })?
        .collect()
}

/// Whether pages and indexes are sound, and whether every name and every record agrees with its audit rows. Reads all.
pub(super) fn check(connection: &Connection) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| refusal(&error);
    let sound: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(failed)?;
    if sound != "ok" {
        return Err(StoreError::Tampered(sound));
    }
    let mut last: Option<Name> = None;
    loop {
        let page = names(connection, last.as_ref(), 1_000).map_err(failed)?;
        for (name, _) in &page {
            read::standing(connection, name, None)?;
        }
        match page.into_iter().last() {
            Some((name, _)) => last = Some(name),
            None => break,
        }
    }
    // The other way round: nobody that the audit rows tell of is missing.
    let lost: Option<u64> = connection
        .query_row(
            "SELECT a.seq FROM audit a
             LEFT JOIN accounts c ON c.id = a.account
             LEFT JOIN names n ON (n.tenant, n.issuer, n.user) = (c.tenant, c.issuer, c.user)
             WHERE a.subject IS NOT NULL AND a.bound AND n.account IS NOT a.account
               AND NOT EXISTS (SELECT 1 FROM audit b WHERE b.subject = a.subject AND b.seq > a.seq) LIMIT 1",
            [],
            |row| stored(row, 0),
        )
        .optional()
        .map_err(failed)?;
    match lost {
        Some(seq) => Err(StoreError::Tampered(format!(
            "the name that audit row {seq} tells of is gone"
        ))),
        None => Ok(()),
    }
}
