//! The thread beside the writer: it writes the anchor, every second while there was progress and once at the end, and
//! carries the log over into the database while the writer goes on.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::anchor::Anchor;
use super::chain::Head;
use super::number::stored;
use super::writer::{Carry, checkpoint};

/// How far the anchor may be behind.
const PERIOD: Duration = Duration::from_secs(1);

/// What the keeper watches over.
pub(super) struct Kept {
    /// The newest row that the anchor has, by this process's doing.
    pub(super) anchored: u64,
    /// Where the anchor is.
    pub(super) path: PathBuf,
    /// Carries the log over, and reads whether another process has found the database rolled back.
    pub(super) connection: Connection,
    /// What loads answer.
    pub(super) refuse_before: Arc<AtomicU64>,
    /// How many findings nobody has acknowledged: another process may do so.
    pub(super) unacknowledged: Arc<AtomicUsize>,
}

/// The way to the thread.
pub(super) struct Keeper {
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    /// Starts the thread. It ends when the other end of `work`, which the writer has, is gone.
    pub(super) fn start(mut kept: Kept, work: Receiver<Carry>) -> std::io::Result<Self> {
        let thread = thread::Builder::new()
            .name("store-keeper".into())
            .spawn(move || kept.serve(&work))?;
        Ok(Self {
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Waits until the anchor was written a last time. The writer has to be stopped before.
    pub(super) fn stop(&self) {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Kept {
    fn serve(&mut self, work: &Receiver<Carry>) {
        let mut kept = Instant::now();
        loop {
            match work.recv_timeout(PERIOD.saturating_sub(kept.elapsed())) {
                Ok(Carry) => checkpoint(&self.connection),
                Err(RecvTimeoutError::Timeout) => {
                    self.keep();
                    kept = Instant::now();
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.keep();
    }

    fn keep(&mut self) {
        match epoch(&self.connection) {
            Ok((_, refuse_before)) => {
                self.refuse_before
                    .fetch_max(refuse_before, Ordering::Relaxed);
            }
            Err(error) => tracing::error!(%error, "the store's epoch cannot be read"),
        }
        let newest = match Head::read(&self.connection) {
            Ok(head) => head.seq,
            Err(error) => return report(&self.path, &error),
        };
        if newest == self.anchored && self.unacknowledged.load(Ordering::Relaxed) == 0 {
            return;
        }
        match Anchor::raise(&self.path, &self.connection) {
            Ok(anchor) => {
                self.anchored = newest;
                let left = anchor.unacknowledged().len();
                self.unacknowledged.store(left, Ordering::Relaxed);
            }
            Err(error) => report(&self.path, &error),
        }
    }
}

/// The database's epoch, and the instant before which codes are refused.
pub(super) fn epoch(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    connection
        .prepare_cached("SELECT epoch, refuse_before FROM meta")?
        .query_row([], |row| Ok((stored(row, 0)?, stored(row, 1)?)))
}

fn report(path: &Path, error: &impl std::fmt::Display) {
    tracing::error!(
        path = %path.display(),
        %error,
        "the anchor file cannot be written: a rollback of the database would not be noticed"
    );
}
