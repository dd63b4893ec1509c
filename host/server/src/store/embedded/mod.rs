//! The embedded store: one SQLite file, for one host or a few processes on it.
//!
//! - A commit is one transaction and durable before it is answered; commits that wait share a transaction and its sync
//!   ([`writer`]). Compare-and-set happens inside SQLite's write lock, so two processes on one file are as safe as one.
//! - Records arrive sealed. Rows are held against a hash-chained audit table at every load ([`read`], [`chain`]), and the
//!   database as a whole against an anchor file beside it at every opening ([`open`]).
//!
//! docs/store.md tells operators what is detected, what is not, and how to back up and restore.

mod acknowledge;
mod anchor;
mod apply;
mod chain;
mod counts;
mod inspect;
mod keeper;
mod mark;
mod number;
mod open;
mod outbox;
mod read;
mod schema;
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use cofactor_runtime::store::{
    AccountId, Commit, Committed, Load, Mark, Name, Query, SessionEnd, SessionId, Standing, Store,
    StoreError,
};
use rusqlite::{ErrorCode, ffi};

use apply::Work;
use keeper::Keeper;
use mark::Marks;
use read::Readers;
use writer::Writer;

pub use acknowledge::AcknowledgeError;
pub use chain::{ChainBreak, Head};
pub use inspect::Sealed;
pub use open::{Finding, OpenError, Options};
pub use outbox::Due;

/// Keeps accounts in a SQLite file. Used through an `Arc`; [`EmbeddedStore::close`] when the host stops.
pub struct EmbeddedStore {
    readers: Readers,
    writer: Writer,
    keeper: Keeper,
    /// None after it was closed.
    marks: RwLock<Option<Marks>>,
    anchor: PathBuf,
    epoch: u64,
    findings: Vec<Finding>,
    unacknowledged: Arc<AtomicUsize>,
    refuse_before: Arc<AtomicU64>,
}

impl EmbeddedStore {
    /// Does what has queued, writes the anchor, and closes the file. What is asked afterwards is unavailable.
    pub fn close(&self) {
        self.writer.stop();
        self.keeper.stop();
        self.readers.close();
        *self.marks.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How many transactions were made durable since it was opened: one sync each, shared by the commits in it.
    pub fn transactions(&self) -> u64 {
        self.writer.transactions()
    }

    /// Gives an account another name. `Conflict`: `from` has no account. `Clash`: `to` has one.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn rename(&self, from: Name, to: Name, now: u64) -> Result<Committed, StoreError> {
        self.writer.ask(Work::Rename { from, to, now }).await
    }

    /// Puts the same record under another seal, if it is still of that version: the last step of a key rotation.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn reseal(
        &self,
        id: AccountId,
        version: u64,
        record: Vec<u8>,
    ) -> Result<Committed, StoreError> {
        let work = Work::Reseal {
            id,
            version,
            record,
        };
        self.writer.ask(work).await
    }

    /// Puts the same effect under another seal, if it is still to be done.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn reseal_effect(
        &self,
        effect: [u8; 16],
        payload: Vec<u8>,
    ) -> Result<Committed, StoreError> {
        self.writer
            .ask(Work::ResealEffect { effect, payload })
            .await
    }

    /// Marks an effect as done or given up, and erases its payload. `Conflict`: it was settled before.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn settle(&self, effect: [u8; 16], now: u64) -> Result<Committed, StoreError> {
        self.writer.ask(Work::Settle { effect, now }).await
    }

    /// Effects that are still to be done, the soonest to expire first.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn due(&self, now: u64, limit: u32) -> Result<Vec<Due>, StoreError> {
        self.read(|connection| outbox::due(connection, now, limit))
    }

    /// Effects of one kind that are still to be done, the soonest to expire first.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn due_of(&self, kind: &str, now: u64, limit: u32) -> Result<Vec<Due>, StoreError> {
        self.read(|connection| outbox::due_of(connection, kind, now, limit))
    }

    /// The same in the order of their ids, starting behind `after`: page by page it is all of them.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn effects(
        &self,
        now: u64,
        after: Option<[u8; 16]>,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError> {
        self.read(|connection| outbox::all(connection, now, after, limit))
    }

    /// What was found wrong at this opening, and at earlier ones if nobody has acknowledged it. Empty in ordinary life.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many findings nobody has acknowledged now; another process may have done so a second ago.
    #[must_use]
    pub fn unacknowledged(&self) -> usize {
        self.unacknowledged.load(Ordering::Relaxed)
    }

    /// How often this database was found rolled back.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The account of a name.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn find(&self, name: &Name) -> Result<Option<AccountId>, StoreError> {
        self.readers
            .snapshot(|connection| read::resolve(connection, name))
    }

    /// Names and their accounts in order, at most `limit`, starting behind `after`.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn names(
        &self,
        after: Option<&Name>,
        limit: u32,
    ) -> Result<Vec<(Name, AccountId)>, StoreError> {
        self.read(|connection| inspect::names(connection, after, limit))
    }

    /// How many names there are. Counts them: a moment at a million.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn count(&self) -> Result<u64, StoreError> {
        self.read(inspect::count)
    }

    /// Records in the order of their ids, shadow records among them, at most `limit`, starting behind `after`.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn records(&self, after: Option<AccountId>, limit: u32) -> Result<Vec<Sealed>, StoreError> {
        self.read(|connection| inspect::records(connection, after, limit))
    }

    /// Audit rows in order (number, milliseconds since the epoch, JSON), at most `limit`, starting behind row `after`.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub fn audit(&self, after: u64, limit: u32) -> Result<Vec<(u64, u64, String)>, StoreError> {
        self.read(|connection| inspect::audit(connection, after, limit))
    }

    /// Reads the whole audit chain and holds it against the anchor file.
    ///
    /// # Errors
    /// The first place where the chain does not hold.
    pub fn verify_chain(&self) -> Result<Head, ChainBreak> {
        // The anchor first: the chain may grow meanwhile, the anchor must not.
        let anchor = anchor::Anchor::read(&self.anchor)
            .map_err(|error| ChainBreak::Unreadable(error.to_string()))?;
        let mut outcome = Ok(Head::default());
        self.readers
            .snapshot(|connection| {
                outcome = chain::verify(connection).and_then(|head| match anchor {
                    Some(anchor) if !anchor.head.is_in(connection).unwrap_or(false) => {
                        Err(ChainBreak::NotAnchored(anchor.head.seq))
                    }
                    _ => Ok(head),
                });
                Ok(())
            })
            .map_err(|error| ChainBreak::Unreadable(error.to_string()))?;
        outcome
    }

    /// Whether the file is sound, and every name and record agrees with its audit rows. Reads everything.
    ///
    /// # Errors
    /// [`StoreError::Tampered`] with the first place that is not as it was written.
    pub fn check(&self) -> Result<(), StoreError> {
        self.readers.snapshot(inspect::check)
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.readers
            .snapshot(|connection| read(connection).map_err(|error| refusal(&error)))
    }
}

impl Store for EmbeddedStore {
    async fn load(&self, query: &Query<'_>) -> Result<Load, StoreError> {
        let refuse_before = self.refuse_before.load(Ordering::Relaxed);
        self.readers
            .snapshot(|connection| read::load(connection, query, refuse_before))
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        if commit.is_empty() {
            return Ok(Committed::Done);
        }
        self.writer.ask(Work::Commit(Box::new(commit))).await
    }

    fn standing(
        &self,
        name: &Name,
        session: Option<&SessionId>,
    ) -> Result<Option<Standing>, StoreError> {
        self.readers
            .snapshot(|connection| read::standing(connection, name, session))
    }

    fn mark(&self) -> Option<Mark> {
        let marks = self.marks.read().unwrap_or_else(PoisonError::into_inner);
        marks.as_ref()?.read()
    }

    fn holders(
        &self,
        tenant: &str,
        digests: &[[u8; 32]],
    ) -> Result<Vec<Option<AccountId>>, StoreError> {
        self.readers
            .snapshot(|connection| read::claimants(connection, tenant, digests))
    }

    async fn end_session(&self, end: SessionEnd) -> Result<(), StoreError> {
        self.writer.ask(Work::End(end)).await.map(drop)
    }

    async fn commit_all(&self, commits: Vec<Commit>) -> Result<Committed, StoreError> {
        if commits.iter().all(Commit::is_empty) {
            return Ok(Committed::Done);
        }
        self.writer.ask(Work::All(commits)).await
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.close();
    }
}

/// Who is to blame decides what a gateway may do. `Unavailable`, which a fail mode may answer with open doors, is only what
/// no client can bring about: the disk fails, or has become read-only. A full disk, too many descriptors or no memory are
/// overload, and a malformed file is somebody's doing until shown otherwise.
fn refusal(error: &rusqlite::Error) -> StoreError {
    let Some(code) = error.sqlite_error() else {
        // Not SQLite's: a value in a row has another type than was ever written.
        return StoreError::Tampered(error.to_string());
    };
    match (code.code, code.extended_code) {
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => StoreError::Overloaded,
        // SQLITE_ERROR: our statements are right, so the tables are not ours any more.
        (
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::ConstraintViolation
            | ErrorCode::Unknown,
            _,
        ) => StoreError::Tampered(error.to_string()),
        (ErrorCode::ReadOnly, _)
        | (
            _,
            ffi::SQLITE_IOERR_READ
            | ffi::SQLITE_IOERR_SHORT_READ
            | ffi::SQLITE_IOERR_FSYNC
            | ffi::SQLITE_IOERR_DIR_FSYNC,
        ) => StoreError::Unavailable(error.to_string()),
        _ => {
            tracing::error!(%error, "the store ran out of room: denied, whatever the fail mode is");
            StoreError::Overloaded
        }
    }
}
