//! Opening: make or migrate the file, and hold it against the anchor.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, RwLock};

use rusqlite::{Connection, TransactionBehavior};

use super::anchor::Anchor;
use super::chain::{Facts, Head};
use super::keeper::{self, Keeper, Kept};
use super::mark::Marks;
use super::number::whole;
use super::read::Readers;
use super::writer::{Writer, sync_folder};
use super::{EmbeddedStore, schema};

/// How far beyond the last known instant codes may have been accepted, in milliseconds: the second that the anchor may be
/// behind, and codes of steps to come, of which a policy accepts at most ten (five minutes at thirty seconds each).
pub(super) const MARGIN: u64 = 302_000;

/// How far the clock may be behind the newest row without a word, in milliseconds: what the component allows an account.
const BEHIND: u64 = 300_000;

/// Where the store is and how much may wait.
#[derive(Clone, Debug)]
pub struct Options {
    /// The database file. Made with mode 0600 where there is none.
    pub path: PathBuf,
    /// The anchor file, on another volume if there is one.
    pub anchor: PathBuf,
    /// How many commits may wait; more are refused as overload. 1 to 65536.
    pub queue: usize,
    /// How many commits share a transaction at most. 1 to 4096.
    pub batch: usize,
}

impl Options {
    /// The usual bounds.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, anchor: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            anchor: anchor.into(),
            queue: 4096,
            batch: 256,
        }
    }
}

/// What was wrong with the database as a whole. The store opened all the same; where the database may have been put back,
/// it raised its epoch and refuses codes that may have been used already, and every opening tells it again until an operator
/// acknowledges it: see [`EmbeddedStore::acknowledge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The database is older than the anchor: it was put back.
    RolledBack {
        /// The row of the chain that the anchor has seen.
        anchored: u64,
        /// The newest row that the database has.
        found: u64,
        /// When the anchored row was written, in milliseconds since the epoch.
        time: u64,
    },
    /// There is no anchor (or none that can be read), though the database is in use: whether it was put back cannot be
    /// told.
    AnchorMissing,
    /// The database's epoch was raised by one of these, nobody has acknowledged it, and the anchor does not say any more
    /// which it was.
    Unacknowledged {
        /// The database's epoch.
        epoch: u64,
    },
    /// The wall clock is behind the newest row: one of the two instants is wrong. Accounts that were used later than now
    /// answer with a clock fault until the clock is right, or an administrator resets them.
    ClockBehind {
        /// When the newest row was written, in milliseconds since the epoch.
        newest: u64,
        /// The wall clock, in milliseconds since the epoch.
        now: u64,
    },
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file cannot be made or read.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite says no.
    #[error("the database cannot be opened: {0}")]
    Database(#[from] rusqlite::Error),
    /// Another program's database.
    #[error("{0} is a database, but not Cofactor's: choose another file for the store")]
    Foreign(PathBuf),
    /// A later version of this program has written it.
    #[error(
        "{path} has schema version {found}, this program knows versions up to {known}: start the version of Cofactor \
         that wrote it, or restore the backup made before the upgrade"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// The database is gone, or another one is in its place: everybody would be asked to enrol anew.
    #[error(
        "the anchor {anchor} belongs to another database than {path}: put the right database back, or, to begin anew \
         with nobody enrolled, move the anchor file away"
    )]
    OtherAnchor {
        /// The database.
        path: PathBuf,
        /// The anchor.
        anchor: PathBuf,
    },
}

impl EmbeddedStore {
    /// Opens the store, or makes it. `now` is the wall clock in milliseconds since the epoch.
    ///
    /// # Errors
    /// See [`OpenError`]. A rolled back database opens; see [`EmbeddedStore::findings`].
    pub fn open(options: &Options, now: u64) -> Result<Self, OpenError> {
        // The anchor before the database: another process may write both meanwhile, and must not look like a rollback.
        let anchor = read_anchor(&options.anchor)?;
        make_file(options, anchor.as_ref())?;
        let mut connection = schema::writer(&options.path)?;
        schema::migrate(&mut connection, &options.path)?;
        let behind = clock_behind(&connection, now)?;
        let found = check(&mut connection, options, anchor.as_ref(), now)?;
        let anchor = Anchor::report(&options.anchor, &connection, found)
            .map_err(|source| file(&options.anchor, source))?;
        let reported = anchor.unacknowledged();
        let unacknowledged = Arc::new(AtomicUsize::new(reported.len()));
        let findings: Vec<_> = behind.into_iter().chain(reported).collect();
        findings.iter().for_each(log);

        let watching = schema::reader(&options.path)?;
        let (_, refuse_before) = keeper::epoch(&watching)?;
        let refuse_before = Arc::new(AtomicU64::new(refuse_before));
        let thread = |source| file(&options.path, source);
        let (asking, asked) = sync_channel(1);
        let writer = Writer::start(connection, options.queue, options.batch, asking);
        let kept = Kept {
            anchored: 0,
            path: options.anchor.clone(),
            connection: watching,
            refuse_before: refuse_before.clone(),
            unacknowledged: Arc::clone(&unacknowledged),
        };
        let keeper = Keeper::start(kept, asked);
        Ok(Self {
            readers: Readers::new(options.path.clone()),
            writer: writer.map_err(thread)?,
            keeper: keeper.map_err(thread)?,
            marks: RwLock::new(Marks::of(&options.path)?),
            anchor: options.anchor.clone(),
            epoch: anchor.epoch,
            findings,
            unacknowledged,
            refuse_before,
        })
    }
}

/// None where there is no anchor; an unreadable one counts as none, and is replaced.
fn read_anchor(path: &Path) -> Result<Option<Anchor>, OpenError> {
    match Anchor::read(path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::error!(path = %path.display(), "the anchor file is damaged");
            Ok(None)
        }
        other => other.map_err(|source| file(path, source)),
    }
}

fn make_file(options: &Options, anchor: Option<&Anchor>) -> Result<(), OpenError> {
    if fs::exists(&options.path).map_err(|source| file(&options.path, source))? {
        return Ok(());
    }
    if anchor.is_some() {
        return Err(other_anchor(options));
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&options.path)
        .and_then(|_| sync_folder(&options.path))
        .map_err(|source| file(&options.path, source))
}

fn clock_behind(connection: &Connection, now: u64) -> rusqlite::Result<Option<Finding>> {
    let newest = Head::read(connection)?.time;
    let is_behind = newest.saturating_sub(now) > BEHIND;
    Ok(is_behind.then_some(Finding::ClockBehind { newest, now }))
}

/// Holds the database against the anchor, and writes down what is wrong.
fn check(
    connection: &mut Connection,
    options: &Options,
    anchor: Option<&Anchor>,
    now: u64,
) -> Result<Option<Finding>, OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let database: [u8; 16] =
        transaction.query_row("SELECT database FROM meta", [], |row| row.get(0))?;
    let (epoch, refuse_before) = keeper::epoch(&transaction)?;
    let mut head = Head::read(&transaction)?;
    let (until, finding, entry) = match anchor {
        Some(anchor) if anchor.database != database => return Err(other_anchor(options)),
        Some(anchor) if anchor.head.is_in(&transaction)? => return Ok(None),
        None if head.seq == 0 => return Ok(None),
        Some(Anchor { head: anchored, .. }) => (
            anchored.time,
            Finding::RolledBack {
                anchored: anchored.seq,
                found: head.seq,
                time: anchored.time,
            },
            format!(
                r#"{{"fact":"database-rolled-back","anchored":{},"found":{}}}"#,
                anchored.seq, head.seq
            ),
        ),
        None => (
            now,
            Finding::AnchorMissing,
            r#"{"fact":"anchor-missing"}"#.to_owned(),
        ),
    };
    // Never one that was acknowledged before the database was put back.
    let epoch = anchor.map_or(epoch, |anchor| epoch.max(anchor.epoch));
    let refuse_before = refuse_before.max(until.max(head.time).saturating_add(MARGIN));
    transaction.execute(
        "UPDATE meta SET epoch = ?1, refuse_before = ?2",
        (whole(epoch.saturating_add(1)), whole(refuse_before)),
    )?;
    head.append(&transaction, now, &Facts::default(), &entry)?;
    transaction.commit()?;
    Ok(Some(finding))
}

fn log(finding: &Finding) {
    match finding {
        Finding::RolledBack {
            anchored,
            found,
            time,
        } => tracing::error!(
            anchored,
            found,
            time,
            "the database is older than its anchor: codes that may have been used already are refused"
        ),
        Finding::AnchorMissing => tracing::error!(
            "the anchor is missing: whether the database was put back cannot be told, and codes of before now are refused"
        ),
        Finding::Unacknowledged { epoch } => tracing::error!(
            epoch,
            "the database was put back before, and nobody has acknowledged it"
        ),
        Finding::ClockBehind { newest, now } => tracing::error!(
            newest,
            now,
            "the clock is behind the newest audit row: accounts used since then are refused until it is right"
        ),
    }
}

fn other_anchor(options: &Options) -> OpenError {
    OpenError::OtherAnchor {
        path: options.path.clone(),
        anchor: options.anchor.clone(),
    }
}

fn file(path: &Path, source: io::Error) -> OpenError {
    OpenError::File {
        path: path.to_owned(),
        source,
    }
}
