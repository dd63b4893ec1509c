//! Reading: one account for a step, one generation for a request.
//!
//! Reads never wait for the writer (write-ahead log), and take microseconds, so they run where they are asked for. What
//! is read is held against the newest audit rows of the same name and account in the same snapshot: a row that was put
//! back, altered, removed or pointed elsewhere does not agree with them.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};

use cofactor_runtime::store::{AccountId, Load, Name, Query, SessionId, Standing, StoreError};

use super::apply::{claimant, run};
use super::chain::subject;
use super::counts::Count;
use super::number::stored;
use super::writer::stopped;
use super::{refusal, schema};

/// Connections that are kept open for reading. More are made when more threads ask at once.
const KEPT: usize = 8;

/// Reading connections that nobody uses at the moment.
pub(super) struct Readers {
    path: PathBuf,
    /// None after it was closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::new(Some(Vec::new())),
        }
    }

    /// Runs `read` on a snapshot of the database.
    pub(super) fn snapshot<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = match self.take()? {
            Some(connection) => connection,
            None => schema::reader(&self.path).map_err(|error| refusal(&error))?,
        };
        run(&connection, "BEGIN").map_err(|error| refusal(&error))?;
        let answer = read(&connection);
        // A connection whose snapshot cannot be ended is closed instead of kept.
        if run(&connection, "COMMIT").is_ok() {
            self.keep(connection);
        }
        answer
    }

    /// Closes them all; nothing is read any more.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn take(&self) -> Result<Option<Connection>, StoreError> {
        let mut idle = self.lock();
        Ok(idle.as_mut().ok_or_else(stopped)?.pop())
    }

    fn keep(&self, connection: Connection) {
        if let Some(idle) = self.lock().as_mut()
            && idle.len() < KEPT
        {
            idle.push(connection);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads one account or its shadow: the same statements in the same order for both.
pub(super) fn load(
    connection: &Connection,
    query: &Query<'_>,
    refuse_before: u64,
) -> Result<Load, StoreError> {
    let named = resolve(connection, query.name)?;
    let id = named.unwrap_or(query.shadow);
    let row = row(connection, id).map_err(|error| refusal(&error))?;
    let (version, generation) = row
        .as_ref()
        .map_or((0, 0), |row| (row.version, row.generation));
    agree(connection, id, row.as_ref().map(|_| (version, generation)))?;
    let mut counted = Vec::with_capacity(query.observe.len());
    for (observation, key) in query.observe {
        let count = Count {
            tenant: &query.name.tenant,
            kind: &observation.kind,
            key,
            window: observation.window,
        };
        let count = count.read(connection, query.now);
        counted.push(count.map_err(|error| refusal(&error))?);
    }
    Ok(Load {
        id,
        known: named.is_some(),
        record: row.map(|row| (row.record, row.version)),
        generation,
        counts: counted,
        refuse_before,
    })
}

/// Who holds each of these digests.
pub(super) fn claimants(
    connection: &Connection,
    tenant: &str,
    digests: &[[u8; 32]],
) -> Result<Vec<Option<AccountId>>, StoreError> {
    digests
        .iter()
        .map(|digest| claimant(connection, tenant, digest).map_err(|error| refusal(&error)))
        .collect()
}

/// The session generation of a name's account, and whether this session of it was ended.
pub(super) fn standing(
    connection: &Connection,
    name: &Name,
    session: Option<&SessionId>,
) -> Result<Option<Standing>, StoreError> {
    let Some(id) = resolve(connection, name)? else {
        return Ok(None);
    };
    let found = connection
        .prepare_cached("SELECT version, generation FROM accounts WHERE id = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([&id.0], |row| Ok((stored(row, 0)?, stored(row, 1)?)))
                .optional()
        })
        .map_err(|error| refusal(&error))?;
    agree(connection, id, found)?;
    let ended = match session {
        Some(session) => ended(connection, session).map_err(|error| refusal(&error))?,
        None => false,
    };
    Ok(Some(Standing {
        generation: found.map_or(0, |(_, generation)| generation),
        ended,
    }))
}

fn ended(connection: &Connection, session: &SessionId) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM ended WHERE session = ?1")?
        .exists([&session.0])
}

/// The account of a name, if the name's row and the name's newest audit row say the same.
pub(super) fn resolve(
    connection: &Connection,
    name: &Name,
) -> Result<Option<AccountId>, StoreError> {
    let (held, bound) = holders(connection, name).map_err(|error| refusal(&error))?;
    if held != bound {
        return Err(StoreError::Tampered(
            "a name's row and its audit row name different accounts".into(),
        ));
    }
    Ok(held.map(AccountId))
}

type Holder = Option<[u8; 16]>;

fn holders(connection: &Connection, name: &Name) -> rusqlite::Result<(Holder, Holder)> {
    let held = connection
        .prepare_cached(
            "SELECT account FROM names WHERE tenant = ?1 AND issuer = ?2 AND user = ?3",
        )?
        .query_row((&name.tenant, &name.issuer, &name.user), |row| row.get(0))
        .optional()?;
    let bound = connection
        .prepare_cached(
            "SELECT CASE WHEN bound THEN account END FROM audit WHERE subject = ?1 ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([&subject(name)], |row| row.get(0))
        .optional()?
        .flatten();
    Ok((held, bound))
}

struct Record {
    version: u64,
    generation: u64,
    record: Vec<u8>,
}

fn row(connection: &Connection, id: AccountId) -> rusqlite::Result<Option<Record>> {
    connection
        .prepare_cached("SELECT version, generation, record FROM accounts WHERE id = ?1")?
        .query_row([&id.0], |row| {
            Ok(Record {
                version: stored(row, 0)?,
                generation: stored(row, 1)?,
                record: row.get(2)?,
            })
        })
        .optional()
}

/// Whether the account's row is the one that its newest audit row tells of.
fn agree(
    connection: &Connection,
    id: AccountId,
    found: Option<(u64, u64)>,
) -> Result<(), StoreError> {
    let told = newest(connection, id).map_err(|error| refusal(&error))?;
    if told == found {
        return Ok(());
    }
    let describe = |state: Option<(u64, u64)>| match state {
        None => "no record".to_owned(),
        Some((version, generation)) => format!("version {version} of generation {generation}"),
    };
    Err(StoreError::Tampered(format!(
        "account {id} has {}, its audit rows tell of {}",
        describe(found),
        describe(told),
    )))
}

/// Version and generation by the newest audit row; none where there was no record, or it was removed.
fn newest(connection: &Connection, id: AccountId) -> rusqlite::Result<Option<(u64, u64)>> {
    connection
        .prepare_cached(
            "SELECT version, generation FROM audit WHERE account = ?1 AND version IS NOT NULL
             ORDER BY version DESC, generation DESC LIMIT 1",
        )?
        .query_row([&id.0], |row| {
            let generation: Option<i64> = row.get(1)?;
            let version = stored(row, 0)?;
            Ok(generation
                .and_then(|generation| u64::try_from(generation).ok())
                .map(|generation| (version, generation)))
        })
        .optional()
        .map(Option::flatten)
}
