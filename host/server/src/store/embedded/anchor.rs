//! The anchor: a small file outside the database that remembers how far the chain had come.
//!
//! A database that was put back as a whole is consistent in itself. Only something beside it can tell: the anchor names a
//! row of the chain that was durable, and a database without that row is older than the anchor. Keep the file on another
//! volume than the database if there is one, and out of the database's backup.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::chain::Head;
use super::number::stored;

/// First line of the file: what it is, and the version of its format.
const TITLE: &str = "cofactor anchor 1";

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// Which database it belongs to.
    pub(super) database: [u8; 16],
    /// The database's epoch: raised whenever it was found to be rolled back.
    pub(super) epoch: u64,
    /// A row of the chain that was durable.
    pub(super) head: Head,
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
    pub(super) fn raise(path: &Path, connection: &Connection) -> io::Result<()> {
        let turn = File::open(folder(path))?;
        turn.lock()?;
        let before = match Self::read(path) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            other => other?,
        };
        let mut next = Self::of(connection).map_err(io::Error::other)?;
        if let Some(before) = &before {
            next.head.time = next.head.time.max(before.head.time);
        }
        if before == Some(next) {
            return Ok(());
        }
        next.write(path)
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
        format!(
            "{TITLE}\ndatabase {}\nepoch {}\nseq {}\nhash {}\ntime {}\n",
            hex::encode(self.database),
            self.epoch,
            self.head.seq,
            hex::encode(self.head.hash),
            self.head.time,
        )
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
        };
        hex::decode_to_slice(value("database")?, &mut anchor.database).ok()?;
        anchor.epoch = value("epoch")?.parse().ok()?;
        anchor.head.seq = value("seq")?.parse().ok()?;
        hex::decode_to_slice(value("hash")?, &mut anchor.head.hash).ok()?;
        anchor.head.time = value("time")?.parse().ok()?;
        Some(anchor)
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
