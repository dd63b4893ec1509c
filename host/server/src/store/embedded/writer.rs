//! The one thread that writes, and the commits that share a sync.
//!
//! Work queues while a transaction is being synced; the next transaction takes all that has queued. So the busier the
//! store is, the fewer syncs a commit costs, and an idle store answers after one.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use tokio::sync::oneshot;

use cofactor_runtime::store::{Committed, StoreError};

use super::apply::{Work, run};
use super::chain::Head;
use super::counts::Sweep;
use super::number::whole;
use super::refusal;

/// Records written before the keeper is asked to carry the log over into the database, beside the work that goes on.
const CARRY: usize = 2048;

/// Records written before the writer carries over the rest itself: only then does SQLite begin the log anew, which
/// otherwise happens in the first lull. More makes a longer log and slower reads; fewer makes the pause come more often.
const RESTART: usize = 16_384;

/// Records in one piece of work that make it a bulk import, after which the memory it took is given back.
const BULK: usize = 1_000;

/// Commits in one transaction that show a crowd: then the next transaction waits for [`GATHER`], so that more of them share
/// its sync and its pages. Alone, nobody waits.
const CROWD: usize = 8;

/// A tenth of what a crowd waits for its answers anyway.
const GATHER: Duration = Duration::from_micros(500);

/// Without work for so long, the log is carried over: the next start finds little to recover.
const IDLE: Duration = Duration::from_secs(1);

/// Milliseconds between two sweeps of what has expired.
const SWEEP: u64 = 1_000;

/// How long a settled effect's id is remembered, in milliseconds: no effect lives longer, so it cannot be done twice.
const SETTLED: u64 = 30 * 24 * 3_600_000;

type Answer = Result<Committed, StoreError>;

enum Job {
    Work(Work, oneshot::Sender<Answer>),
    Stop,
}

/// The way to the writing thread.
pub(super) struct Writer {
    queue: SyncSender<Job>,
    thread: Mutex<Option<JoinHandle<()>>>,
    transactions: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread. `queue` bounds what may wait, `batch` what shares a transaction.
    pub(super) fn start(
        connection: Connection,
        queue: usize,
        batch: usize,
        keeper: SyncSender<Carry>,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(queue.max(1));
        let transactions = Arc::new(AtomicU64::new(0));
        let mut pen = Pen {
            connection,
            transactions: Arc::clone(&transactions),
            keeper,
            fresh: 0,
            logged: 0,
            counted: 0,
            bulk: false,
            swept: 0,
            sweep: Sweep::default(),
        };
        let thread = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || pen.serve(&receiver, batch.max(1)))?;
        Ok(Self {
            queue: sender,
            thread: Mutex::new(Some(thread)),
            transactions,
        })
    }

    /// Queues work and waits until it is durable or refused.
    pub(super) async fn ask(&self, work: Work) -> Answer {
        let (sender, receiver) = oneshot::channel();
        match self.queue.try_send(Job::Work(work, sender)) {
            Ok(()) => receiver.await.map_err(|_| stopped())?,
            Err(TrySendError::Full(_)) => Err(StoreError::Overloaded),
            Err(TrySendError::Disconnected(_)) => Err(stopped()),
        }
    }

    /// Transactions that were made durable: one sync each.
    pub(super) fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }

    /// Does what has queued, then ends the thread.
    pub(super) fn stop(&self) {
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = self.queue.send(Job::Stop);
            let _ = thread.join();
        }
    }
}

/// Closed, or its thread has died: neither is the disk's failure.
pub(super) fn stopped() -> StoreError {
    tracing::error!("the store was asked after it had been closed");
    StoreError::Overloaded
}

/// What the writing thread holds.
struct Pen {
    connection: Connection,
    transactions: Arc<AtomicU64>,
    /// Carries the log over beside the work.
    keeper: SyncSender<Carry>,
    /// Records written since the keeper was asked.
    fresh: usize,
    /// Records written since the log could begin anew.
    logged: usize,
    /// Counts written since the last sweep.
    counted: u32,
    /// Whether there was a bulk import.
    bulk: bool,
    /// When expired rows were last swept, in milliseconds since the epoch.
    swept: u64,
    sweep: Sweep,
}

impl Pen {
    fn serve(&mut self, queue: &Receiver<Job>, batch: usize) {
        let (mut going, mut last) = (true, 0);
        while going {
            if last >= CROWD {
                thread::sleep(GATHER);
            }
            let first = match queue.recv_timeout(IDLE) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    last = 0;
                    self.rest();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut jobs = Vec::new();
            for job in std::iter::once(first).chain(queue.try_iter()) {
                match job {
                    Job::Work(work, answer) => jobs.push((work, answer)),
                    Job::Stop => going = false,
                }
                if !going || jobs.len() >= batch {
                    break;
                }
            }
            last = jobs.len();
            self.answer(jobs);
            if self.logged >= RESTART {
                self.restart();
            } else if self.fresh >= CARRY {
                self.carry();
            }
        }
        self.restart();
    }

    /// One transaction, one sync, and only then the answers.
    fn answer(&mut self, jobs: Vec<(Work, oneshot::Sender<Answer>)>) {
        if jobs.is_empty() {
            return;
        }
        match self.transact(&jobs) {
            Ok(results) => {
                for ((_, answer), result) in jobs.into_iter().zip(results) {
                    // Whoever asked may have gone: the commit stands all the same.
                    let _ = answer.send(Ok(result));
                }
            }
            Err(error) => {
                tracing::error!(%error, commits = jobs.len(), "the store could not commit");
                for (_, answer) in jobs {
                    let _ = answer.send(Err(refusal(&error)));
                }
            }
        }
    }

    fn transact(
        &mut self,
        jobs: &[(Work, oneshot::Sender<Answer>)],
    ) -> rusqlite::Result<Vec<Committed>> {
        run(&self.connection, "BEGIN IMMEDIATE")?;
        match self.write(jobs) {
            Ok(results) => {
                self.transactions.fetch_add(1, Ordering::Relaxed);
                Ok(results)
            }
            Err(error) => {
                // SQLite may have rolled back already; then this one fails, and that is as good.
                let _ = run(&self.connection, "ROLLBACK");
                Err(error)
            }
        }
    }

    fn write(
        &mut self,
        jobs: &[(Work, oneshot::Sender<Answer>)],
    ) -> rusqlite::Result<Vec<Committed>> {
        // Read anew each time: another process may have written since.
        let mut head = Head::read(&self.connection)?;
        let mut results = Vec::with_capacity(jobs.len());
        for (work, _) in jobs {
            results.push(work.apply(&self.connection, &mut head)?);
            self.fresh = self.fresh.saturating_add(work.size());
            self.logged = self.logged.saturating_add(work.size());
            self.counted = self.counted.saturating_add(work.counts());
            self.bulk |= work.size() >= BULK;
        }
        // Only by what these came with: a clock that ran ahead once must not stop the sweeping until its time has come.
        let now = jobs.iter().map(|(work, _)| work.now()).max().unwrap_or(0);
        if now.abs_diff(self.swept) >= SWEEP && now > 0 {
            self.clear(now)?;
        }
        run(&self.connection, "COMMIT")?;
        Ok(results)
    }

    /// Counts and ended sessions that nobody asks for any more go; effects that came too late lose their payload; old
    /// effects go.
    fn clear(&mut self, now: u64) -> rusqlite::Result<()> {
        self.sweep.go(&self.connection, self.counted, now)?;
        self.connection
            .prepare_cached(
                "UPDATE outbox SET payload = NULL, settled = ?1 WHERE settled IS NULL AND expires <= ?1",
            )?
            .execute([whole(now)])?;
        self.connection
            .prepare_cached("DELETE FROM outbox WHERE settled IS NOT NULL AND settled <= ?1")?
            .execute([whole(now.saturating_sub(SETTLED))])?;
        self.connection
            .prepare_cached("DELETE FROM ended WHERE expires <= ?1")?
            .execute([whole(now)])?;
        (self.counted, self.swept) = (0, now);
        Ok(())
    }

    /// Nothing to do at the moment.
    fn rest(&mut self) {
        if self.fresh > 0 {
            self.carry();
            // With nobody writing, the keeper carries over everything, and the next commit begins the log anew.
            self.logged = 0;
        }
        if self.bulk {
            if let Err(error) = self
                .connection
                .query_row("PRAGMA shrink_memory", [], |_| Ok(()))
                .optional()
            {
                tracing::warn!(%error, "the store's memory could not be given back");
            }
            self.bulk = false;
        }
    }

    /// Asks the keeper; if it is at it already, it will be asked again.
    fn carry(&mut self) {
        if self.keeper.try_send(Carry).is_ok() {
            self.fresh = 0;
        }
    }

    fn restart(&mut self) {
        if self.logged > 0 {
            checkpoint(&self.connection);
        }
        self.fresh = 0;
        self.logged = 0;
    }
}

/// The keeper is asked to carry the log over.
pub(super) struct Carry;

/// Carries the log over into the database. Passive: it waits for nobody, and what a reader holds up, the next one does.
pub(super) fn checkpoint(connection: &Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the store's log could not be carried over");
    }
}

/// Makes a new file's name durable.
pub(super) fn sync_folder(path: &std::path::Path) -> std::io::Result<()> {
    File::open(super::anchor::folder(path))?.sync_all()
}
