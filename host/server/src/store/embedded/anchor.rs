//! The anchor: a small file outside the database that remembers how far the chain had come.
//!
//! A database that was put back as a whole is consistent in itself. Only something beside it can tell: the anchor names a
//! row of the chain that was durable, and a database without that row is older than the anchor. Keep the file on another
//! volume than the database if there is one, and out of the database's backup.
//!
//! What was found stands here as well until an operator acknowledges it: a database that is put back once more takes its own
//! audit rows with it, and nothing of this file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::chain::Head;
use super::number::stored;
use super::open::Finding;

/// First line of the file: what it is, and the version of its format.
const TITLE: &str = "cofactor anchor 1";

/// How many findings it keeps, the newest of them.
const REPORTS: usize = 16;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// Which database it belongs to.
    pub(super) database: [u8; 16],
    /// The database's epoch: raised whenever it was found to be rolled back.
    pub(super) epoch: u64,
    /// A row of the chain that was durable.
    pub(super) head: Head,
    /// Up to which epoch an operator has acknowledged that it was raised; a file without that line says zero.
    acknowledged: u64,
    /// What was found since, with the epoch that was begun because of it.
    reports: Vec<(u64, Finding)>,
}

impl Anchor {
    /// Reads the file; none when there is none.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map(Some).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, "it is not an anchor file")
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Brings the file up to the newest durable row of the database. Processes that share the database take turns, and the
    /// row is read while it is this one's turn, so the file never goes back. Nor does its instant, which says until when
    /// codes may have been accepted.
    pub(super) fn raise(path: &Path, connection: &Connection) -> io::Result<Self> {
        Self::change(path, connection, |_| {})
    }

    /// The same, and puts down what was found, which has raised the database's epoch.
    pub(super) fn report(
        path: &Path,
        connection: &Connection,
        found: Option<Finding>,
    ) -> io::Result<Self> {
        Self::change(path, connection, |anchor| {
            anchor
                .reports
                .extend(found.map(|found| (anchor.epoch, found)));
            let most = anchor.reports.len().saturating_sub(REPORTS);
            anchor.reports.drain(..most);
        })
    }

    /// The same, and puts down that everything up to this epoch is acknowledged.
    pub(super) fn acknowledge(
        path: &Path,
        connection: &Connection,
        epoch: u64,
    ) -> io::Result<Self> {
        Self::change(path, connection, |anchor| {
            anchor.acknowledged = anchor.acknowledged.max(epoch);
            let acknowledged = anchor.acknowledged;
            anchor.reports.retain(|(epoch, _)| *epoch > acknowledged);
        })
    }

    /// What was found and is not acknowledged. An epoch that was raised without a word of why counts as well: the file may
    /// have been made anew since.
    pub(super) fn unacknowledged(&self) -> Vec<Finding> {
        let named = self.reports.iter().map(|(_, found)| found.clone());
        match named.collect::<Vec<_>>() {
            found if found.is_empty() && self.epoch > self.acknowledged => {
                vec![Finding::Unacknowledged { epoch: self.epoch }]
            }
            found => found,
        }
    }

    fn change(
        path: &Path,
        connection: &Connection,
        change: impl FnOnce(&mut Self),
    ) -> io::Result<Self> {
        let turn = File::open(folder(path))?;
        turn.lock()?;
        let before = match Self::read(path) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            other => other?,
        };
        let mut next = Self::of(connection).map_err(io::Error::other)?;
        if let Some(before) = &before {
            next.head.time = next.head.time.max(before.head.time);
            next.acknowledged = before.acknowledged;
            next.reports.clone_from(&before.reports);
        }
        change(&mut next);
        if before.as_ref() != Some(&next) {
            next.write(path)?;
        }
        Ok(next)
    }

    /// What the file ought to say.
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let (database, epoch) = connection
            .prepare_cached("SELECT database, epoch FROM meta")?
            .query_row([], |row| Ok((row.get(0)?, stored(row, 1)?)))?;
        Ok(Self {
            database,
            epoch,
            head: Head::read(connection)?,
            acknowledged: 0,
            reports: Vec::new(),
        })
    }

    /// Replaces the file: afterwards it is the old one or the new one, whatever happens, and the new one is durable.
    fn write(&self, path: &Path) -> io::Result<()> {
        let temporary = beside(path)?;
        let written = self.write_to(&temporary).and_then(|()| {
            fs::rename(&temporary, path)?;
            File::open(folder(path))?.sync_all()
        });
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn write_to(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{TITLE}\ndatabase {}\nepoch {}\nseq {}\nhash {}\ntime {}\n",
            hex::encode(self.database),
            self.epoch,
            self.head.seq,
            hex::encode(self.head.hash),
            self.head.time,
        );
        if self.acknowledged > 0 {
            text.push_str(&format!("acknowledged {}\n", self.acknowledged));
        }
        for (epoch, found) in &self.reports {
            match found {
                Finding::RolledBack {
                    anchored,
                    found,
                    time,
                } => text.push_str(&format!(
                    "report {epoch} rolled-back {anchored} {found} {time}\n"
                )),
                Finding::AnchorMissing => {
                    text.push_str(&format!("report {epoch} anchor-missing\n"));
                }
                // The first stands in the file by its epoch alone, the second is over when the clock is right.
                Finding::Unacknowledged { .. } | Finding::ClockBehind { .. } => {}
            }
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != TITLE {
            return None;
        }
        let mut value = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ');
        let mut anchor = Self {
            database: [0; 16],
            epoch: 0,
            head: Head::default(),
            acknowledged: 0,
            reports: Vec::new(),
        };
        hex::decode_to_slice(value("database")?, &mut anchor.database).ok()?;
        anchor.epoch = value("epoch")?.parse().ok()?;
        anchor.head.seq = value("seq")?.parse().ok()?;
        hex::decode_to_slice(value("hash")?, &mut anchor.head.hash).ok()?;
        anchor.head.time = value("time")?.parse().ok()?;
        for line in lines {
            match line.split_once(' ')? {
                ("acknowledged", epoch) => anchor.acknowledged = epoch.parse().ok()?,
                ("report", report) => anchor.reports.push(Self::parse_report(report)?),
                _ => return None,
            }
        }
        Some(anchor)
    }

    fn parse_report(text: &str) -> Option<(u64, Finding)> {
        let mut words = text.split(' ');
        let epoch = words.next()?.parse().ok()?;
        let kind = words.next()?;
        let mut number = || words.next()?.parse().ok();
        let found = match kind {
            "rolled-back" => Finding::RolledBack {
                anchored: number()?,
                found: number()?,
                time: number()?,
            },
            "anchor-missing" => Finding::AnchorMissing,
            _ => return None,
        };
        Some((epoch, found))
    }
}

/// A name of its own in the same folder, so that two processes never write one temporary file.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let mut tail = [0; 8];
    getrandom::fill(&mut tail).map_err(io::Error::other)?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", hex::encode(tail)));
    Ok(PathBuf::from(name))
}

/// The folder that a file is in, for its sync.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
