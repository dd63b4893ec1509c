//! One piece of work inside the writer's transaction.
//!
//! Everything that may refuse is asked before anything is written, so a conflict or a clash leaves no trace and the
//! transaction goes on with the next commit; only work that spans accounts needs a savepoint.

use rusqlite::{Connection, OptionalExtension};

use cofactor_runtime::store::{AccountId, Commit, Committed, Name, OutboxRow, SessionEnd, Write};

use super::chain::{Facts, Head, subject};
use super::counts::Count;
use super::number::{stored, whole};

/// What the writer can be asked to do.
#[derive(Debug)]
pub(super) enum Work {
    /// One step.
    Commit(Box<Commit>),
    /// Several accounts' steps: all of them or none.
    All(Vec<Commit>),
    /// The same record under other seals: after a key rotation.
    Reseal {
        id: AccountId,
        version: u64,
        record: Vec<u8>,
    },
    /// Another name for the same account.
    Rename { from: Name, to: Name, now: u64 },
    /// An effect is done, or given up: its payload goes.
    Settle { effect: [u8; 16], now: u64 },
    /// The same effect under another seal, if it is still to be done: after a key rotation.
    ResealEffect { effect: [u8; 16], payload: Vec<u8> },
    /// A session was signed out.
    End(SessionEnd),
    /// An operator did something that concerns no account.
    Tell { entry: String, now: u64 },
}

/// The row that a record's version stands in when the step itself has nothing to tell.
const WRITTEN: &str = r#"{"fact":"record-written"}"#;

impl Work {
    /// Makes it true or says why not. An error means that the whole transaction has to go.
    pub(super) fn apply(
        &self,
        connection: &Connection,
        head: &mut Head,
    ) -> rusqlite::Result<Committed> {
        match self {
            Self::Commit(commit) => apply(connection, head, commit),
            Self::All(commits) => apply_all(connection, head, commits),
            Self::Reseal {
                id,
                version,
                record,
            } => reseal(connection, *id, *version, record),
            Self::Rename { from, to, now } => rename(connection, head, from, to, *now),
            Self::Settle { effect, now } => settle(connection, effect, *now),
            Self::ResealEffect { effect, payload } => reseal_effect(connection, effect, payload),
            Self::End(end) => end_session(connection, head, end),
            Self::Tell { entry, now } => head
                .append(connection, *now, &Facts::default(), entry)
                .map(|()| Committed::Done),
        }
    }

    /// The wall clock that came with it, where one did.
    pub(super) fn now(&self) -> u64 {
        match self {
            Self::Commit(commit) => commit.now,
            Self::All(commits) => commits.iter().map(|commit| commit.now).max().unwrap_or(0),
            Self::Rename { now, .. } | Self::Settle { now, .. } | Self::Tell { now, .. } => *now,
            Self::End(end) => end.now,
            Self::Reseal { .. } | Self::ResealEffect { .. } => 0,
        }
    }

    /// How many records it may write: what decides when to carry the log over into the database.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::All(commits) => commits.len(),
            _ => 1,
        }
    }

    /// How many counts it adds to, at most.
    pub(super) fn counts(&self) -> u32 {
        let counts = match self {
            Self::Commit(commit) => commit.counts.len(),
            Self::All(commits) => commits.iter().map(|commit| commit.counts.len()).sum(),
            _ => 0,
        };
        u32::try_from(counts).unwrap_or(u32::MAX)
    }
}

fn apply_all(
    connection: &Connection,
    head: &mut Head,
    commits: &[Commit],
) -> rusqlite::Result<Committed> {
    let before = *head;
    run(connection, "SAVEPOINT together")?;
    for commit in commits {
        let committed = apply(connection, head, commit)?;
        if committed != Committed::Done {
            run(connection, "ROLLBACK TO together")?;
            run(connection, "RELEASE together")?;
            *head = before;
            return Ok(committed);
        }
    }
    run(connection, "RELEASE together")?;
    Ok(Committed::Done)
}

fn apply(connection: &Connection, head: &mut Head, commit: &Commit) -> rusqlite::Result<Committed> {
    // Ask.
    let found = Found::read(connection, commit.id)?;
    if found.version() != commit.expected {
        return Ok(Committed::Conflict);
    }
    if let Some(name) = &commit.create {
        // A name without a record has no way back from the account to the name. No step asks for one.
        let new = matches!(commit.write, Write::Put(_)) && commit.expected == 0;
        if !new || holder(connection, name)?.is_some() {
            return Ok(Committed::Conflict);
        }
    }
    for digest in &commit.take {
        if claimant(connection, &commit.tenant, digest)?.is_some_and(|other| other != commit.id) {
            return Ok(Committed::Clash);
        }
    }
    // Write.
    if matches!(commit.write, Write::Remove)
        && let Some(name) = name_of(connection, commit.id)?
    {
        release(connection, head, &name, commit.id, commit.now)?;
    }
    let (version, generation) = write_record(connection, commit, &found)?;
    write_audit(connection, head, commit, version, generation)?;
    if let Some(name) = &commit.create {
        hold(connection, name, commit.id)?;
    }
    write_claims(connection, commit)?;
    for (kind, key, by, window) in &commit.counts {
        let count = Count {
            tenant: &commit.tenant,
            kind,
            key,
            window: *window,
        };
        count.add(connection, *by, commit.now)?;
    }
    for row in &commit.outbox {
        post(connection, commit, row)?;
    }
    Ok(Committed::Done)
}

/// What stands in the account's row now.
enum Found {
    Nothing,
    Row {
        row: i64,
        version: u64,
        generation: u64,
    },
}

impl Found {
    fn read(connection: &Connection, id: AccountId) -> rusqlite::Result<Self> {
        let row = connection
            .prepare_cached("SELECT row, version, generation FROM accounts WHERE id = ?1")?
            .query_row([&id.0], |row| {
                Ok(Self::Row {
                    row: row.get(0)?,
                    version: stored(row, 1)?,
                    generation: stored(row, 2)?,
                })
            })
            .optional()?;
        Ok(row.unwrap_or(Self::Nothing))
    }

    fn version(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Row { version, .. } => *version,
        }
    }
}

/// Writes the record and returns what the audit row has to say of it: version and generation, where they changed.
fn write_record(
    connection: &Connection,
    commit: &Commit,
    found: &Found,
) -> rusqlite::Result<(Option<u64>, Option<u64>)> {
    let next = commit.expected.saturating_add(1);
    match (&commit.write, found) {
        (Write::Put(record), Found::Nothing) => {
            connection
                .prepare_cached(
                    "INSERT INTO accounts (id, tenant, issuer, user, version, generation, record)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute((
                    &commit.id.0,
                    &commit.tenant,
                    commit.create.as_ref().map(|name| &name.issuer),
                    commit.create.as_ref().map(|name| &name.user),
                    whole(next),
                    whole(commit.generation),
                    record,
                ))?;
            Ok((Some(next), Some(commit.generation)))
        }
        (Write::Put(record), Found::Row { row, .. }) => {
            connection
                .prepare_cached(
                    "UPDATE accounts SET version = ?2, generation = ?3, record = ?4 WHERE row = ?1",
                )?
                .execute((row, whole(next), whole(commit.generation), record))?;
            Ok((Some(next), Some(commit.generation)))
        }
        (
            Write::Keep,
            Found::Row {
                row,
                version,
                generation,
            },
        ) if *generation != commit.generation => {
            connection
                .prepare_cached("UPDATE accounts SET generation = ?2 WHERE row = ?1")?
                .execute((row, whole(commit.generation)))?;
            Ok((Some(*version), Some(commit.generation)))
        }
        (Write::Keep, _) => Ok((None, None)),
        (Write::Remove, _) => {
            connection
                .prepare_cached("DELETE FROM accounts WHERE id = ?1")?
                .execute([&commit.id.0])?;
            Ok((Some(next), None))
        }
    }
}

fn write_audit(
    connection: &Connection,
    head: &mut Head,
    commit: &Commit,
    version: Option<u64>,
    generation: Option<u64>,
) -> rusqlite::Result<()> {
    let mut facts = Facts {
        account: Some(commit.id),
        version,
        generation,
        subject: commit.create.as_ref().map(|name| (subject(name), true)),
    };
    // Neither a version nor a name changes without a row that says so.
    if commit.audit.is_empty() && facts.tell() {
        head.append(connection, commit.now, &facts, WRITTEN)?;
    }
    for entry in &commit.audit {
        head.append(connection, commit.now, &facts, entry)?;
        facts = Facts {
            account: Some(commit.id),
            ..Facts::default()
        };
    }
    Ok(())
}

fn write_claims(connection: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    for digest in &commit.drop {
        connection
            .prepare_cached(
                "DELETE FROM claims WHERE tenant = ?1 AND digest = ?2 AND account = ?3",
            )?
            .execute((&commit.tenant, digest, &commit.id.0))?;
    }
    if matches!(commit.write, Write::Remove) {
        connection
            .prepare_cached("DELETE FROM claims WHERE account = ?1")?
            .execute([&commit.id.0])?;
        connection
            .prepare_cached(
                "UPDATE outbox SET payload = NULL, settled = ?2 WHERE account = ?1 AND settled IS NULL",
            )?
            .execute((&commit.id.0, whole(commit.now)))?;
        return Ok(());
    }
    for digest in &commit.take {
        connection
            .prepare_cached("INSERT INTO claims VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?
            .execute((&commit.tenant, digest, &commit.id.0))?;
    }
    Ok(())
}

/// An effect has one id whatever happens: the row that came first stays.
fn post(connection: &Connection, commit: &Commit, row: &OutboxRow) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO outbox (effect, tenant, account, kind, created, expires, payload)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute((
            &row.effect,
            &commit.tenant,
            &commit.id.0,
            &row.kind,
            whole(commit.now),
            whole(row.expires),
            &row.payload,
        ))?;
    Ok(())
}

fn reseal(
    connection: &Connection,
    id: AccountId,
    version: u64,
    record: &[u8],
) -> rusqlite::Result<Committed> {
    let changed = connection
        .prepare_cached("UPDATE accounts SET record = ?3 WHERE id = ?1 AND version = ?2")?
        .execute((&id.0, whole(version), record))?;
    Ok(match changed {
        0 => Committed::Conflict,
        _ => Committed::Done,
    })
}

fn rename(
    connection: &Connection,
    head: &mut Head,
    from: &Name,
    to: &Name,
    now: u64,
) -> rusqlite::Result<Committed> {
    let Some(id) = holder(connection, from)? else {
        return Ok(Committed::Conflict);
    };
    if holder(connection, to)?.is_some() {
        return Ok(Committed::Clash);
    }
    release(connection, head, from, id, now)?;
    hold(connection, to, id)?;
    connection
        .prepare_cached("UPDATE accounts SET issuer = ?2, user = ?3 WHERE id = ?1")?
        .execute((&id.0, &to.issuer, &to.user))?;
    let facts = Facts {
        account: Some(id),
        subject: Some((subject(to), true)),
        ..Facts::default()
    };
    head.append(connection, now, &facts, r#"{"fact":"name-bound"}"#)?;
    Ok(Committed::Done)
}

fn settle(connection: &Connection, effect: &[u8; 16], now: u64) -> rusqlite::Result<Committed> {
    let changed = connection
        .prepare_cached(
            "UPDATE outbox SET payload = NULL, settled = ?2 WHERE effect = ?1 AND settled IS NULL",
        )?
        .execute((effect, whole(now)))?;
    Ok(match changed {
        0 => Committed::Conflict,
        _ => Committed::Done,
    })
}

fn reseal_effect(
    connection: &Connection,
    effect: &[u8; 16],
    payload: &[u8],
) -> rusqlite::Result<Committed> {
    let changed = connection
        .prepare_cached(
            "UPDATE outbox SET payload = ?2 WHERE effect = ?1 AND settled IS NULL AND payload IS NOT NULL",
        )?
        .execute((effect, payload))?;
    Ok(match changed {
        0 => Committed::Conflict,
        _ => Committed::Done,
    })
}

/// Said twice, it is ended once.
fn end_session(
    connection: &Connection,
    head: &mut Head,
    end: &SessionEnd,
) -> rusqlite::Result<Committed> {
    let added = connection
        .prepare_cached("INSERT INTO ended VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute((&end.session.0, whole(end.expires)))?;
    if added > 0 {
        let facts = Facts {
            account: Some(end.account),
            ..Facts::default()
        };
        head.append(connection, end.now, &facts, &end.audit)?;
    }
    Ok(Committed::Done)
}

fn hold(connection: &Connection, name: &Name, id: AccountId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO names VALUES (?1, ?2, ?3, ?4)")?
        .execute((&name.tenant, &name.issuer, &name.user, &id.0))?;
    Ok(())
}

fn release(
    connection: &Connection,
    head: &mut Head,
    name: &Name,
    id: AccountId,
    now: u64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM names WHERE tenant = ?1 AND issuer = ?2 AND user = ?3")?
        .execute((&name.tenant, &name.issuer, &name.user))?;
    let facts = Facts {
        account: Some(id),
        subject: Some((subject(name), false)),
        ..Facts::default()
    };
    head.append(connection, now, &facts, r#"{"fact":"name-released"}"#)
}

fn holder(connection: &Connection, name: &Name) -> rusqlite::Result<Option<AccountId>> {
    connection
        .prepare_cached(
            "SELECT account FROM names WHERE tenant = ?1 AND issuer = ?2 AND user = ?3",
        )?
        .query_row((&name.tenant, &name.issuer, &name.user), |row| row.get(0))
        .optional()
        .map(|id| id.map(AccountId))
}

/// The name of an account, by its own row.
fn name_of(connection: &Connection, id: AccountId) -> rusqlite::Result<Option<Name>> {
    connection
        .prepare_cached(
            "SELECT tenant, issuer, user FROM accounts WHERE id = ?1 AND user IS NOT NULL",
        )?
        .query_row([&id.0], |row| {
            Ok(Name {
                tenant: row.get(0)?,
                issuer: row.get(1)?,
                user: row.get(2)?,
            })
        })
        .optional()
}

pub(super) fn claimant(
    connection: &Connection,
    tenant: &str,
    digest: &[u8; 32],
) -> rusqlite::Result<Option<AccountId>> {
    connection
        .prepare_cached("SELECT account FROM claims WHERE tenant = ?1 AND digest = ?2")?
        .query_row((tenant, digest), |row| row.get(0))
        .optional()
        .map(|id| id.map(AccountId))
}

/// A statement without parameters or rows.
pub(super) fn run(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}
