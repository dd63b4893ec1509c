//! Tables, their migrations, and how connections are set.
//!
//! A database carries its version in `user_version`. Migrations are an ordered list that only ever grows at its end; each
//! runs in one transaction with the raise of the version, so that a crash leaves the old schema or the new one.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::OpenError;

/// "COFA": tells our database from another program's.
const APPLICATION_ID: i32 = 0x434F_4641;

/// How long a process waits for another one's transaction before it says that it is overloaded.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// How often it looks again meanwhile. SQLite's own handler grows to 100 ms, and two busy processes would starve each
/// other in turns.
const BUSY_STEP: Duration = Duration::from_micros(200);

/// Statements that one connection keeps prepared.
const STATEMENTS: usize = 64;

/// Schema steps: the first makes version 1 of nothing, the next makes version 2 of version 1, and so on.
const MIGRATIONS: &[&str] = &[V1];

/// Names are apart from records, so that renaming touches no record; an account's row says its name once more, for the way
/// back. The version and generation of an account stand in its audit rows as well: `audit_account` finds the newest with
/// one seek, `audit_subject` does the same for a name. `accounts` has a small row number of its own because records of a
/// kilobyte fit a leaf of a rowid table whole.
const V1: &str = "
    CREATE TABLE meta (
        one           INTEGER PRIMARY KEY CHECK (one = 1),
        database      BLOB    NOT NULL,
        epoch         INTEGER NOT NULL,
        refuse_before INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE names (
        tenant  TEXT NOT NULL,
        issuer  TEXT NOT NULL,
        user    TEXT NOT NULL,
        account BLOB NOT NULL,
        PRIMARY KEY (tenant, issuer, user)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE accounts (
        row        INTEGER PRIMARY KEY,
        id         BLOB    NOT NULL UNIQUE,
        tenant     TEXT    NOT NULL,
        issuer     TEXT,
        user       TEXT,
        version    INTEGER NOT NULL,
        generation INTEGER NOT NULL,
        record     BLOB    NOT NULL
    ) STRICT;
    CREATE TABLE claims (
        tenant  TEXT NOT NULL,
        digest  BLOB NOT NULL,
        account BLOB NOT NULL,
        PRIMARY KEY (tenant, digest)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX claims_account ON claims (account);
    CREATE TABLE counts (
        slot   INTEGER PRIMARY KEY,
        window INTEGER NOT NULL,
        start  INTEGER NOT NULL,
        n      INTEGER NOT NULL,
        past   INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE ended (
        session BLOB    PRIMARY KEY,
        expires INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX ended_expires ON ended (expires);
    CREATE TABLE outbox (
        effect  BLOB    PRIMARY KEY,
        tenant  TEXT    NOT NULL,
        account BLOB    NOT NULL,
        kind    TEXT    NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        settled INTEGER,
        payload BLOB
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX outbox_open ON outbox (expires) WHERE settled IS NULL;
    CREATE INDEX outbox_settled ON outbox (settled) WHERE settled IS NOT NULL;
    CREATE INDEX outbox_account ON outbox (account) WHERE settled IS NULL;
    CREATE TABLE audit (
        seq        INTEGER PRIMARY KEY,
        time       INTEGER NOT NULL,
        account    BLOB,
        version    INTEGER,
        generation INTEGER,
        subject    BLOB,
        bound      INTEGER,
        entry      TEXT    NOT NULL,
        hash       BLOB    NOT NULL
    ) STRICT;
    CREATE INDEX audit_account ON audit (account, version, generation) WHERE version IS NOT NULL;
    CREATE INDEX audit_subject ON audit (subject, seq, account, bound) WHERE subject IS NOT NULL;
    INSERT INTO meta VALUES (1, randomblob(16), 0, 0);
";

/// Opens a connection that may write.
pub(super) fn writer(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = connect(path)?;
    // FULL: every commit is synced before it is answered. When the log is carried over is the threads' own business.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA secure_delete = FAST;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA cache_size = -32768;",
    )?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = connect(path)?;
    // No mapping: SQLite drops it at every commit of another connection, and a disk error in it would end the process.
    connection.execute_batch(
        "PRAGMA query_only = ON;
         PRAGMA cache_size = -4096;",
    )?;
    Ok(connection)
}

/// Brings a database to the schema of this program, or refuses it.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i32 =
        transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: u32 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    if found > known {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration)?;
    }
    if found < known {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", known)?;
    }
    transaction.commit()?;
    Ok(())
}

fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    // No SQLITE_OPEN_CREATE: the file is made by us, with a narrow mode. No URI: a path is a path.
    let mut connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Plans do not depend on values: otherwise SQLite plans some statements anew at each use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let looks = BUSY_WAIT.as_micros() / BUSY_STEP.as_micros();
    connection.busy_handler(Some(move |count: i32| {
        std::thread::sleep(BUSY_STEP);
        u128::try_from(count).is_ok_and(|count| count < looks)
    }))?;
    Ok(connection)
}
