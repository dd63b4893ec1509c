//! The mark of a database's state, from memory: what was read between two equal marks need not be read again.
//!
//! SQLite keeps the head of its write-ahead log in memory that all processes with the database share (the wal-index). Every
//! commit writes a new one there, with a counter and a checksum over the log, before any reader sees what it changed.
//! [Source: sqlite.org/walformat.html, section 2.1.]

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::path::Path;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use cofactor_runtime::store::Mark;
use rusqlite::{Connection, ffi};

use super::schema;

/// The words of one copy of the head. The other follows it.
const WORDS: usize = 12;
/// The octets of the wal-index that SQLite maps at a time, in its order of them.
const REGION: c_int = 32 * 1024;

/// Reads marks.
pub(super) struct Marks {
    /// Both copies of the head. They are written by whoever commits, in other processes too: hence atomics.
    head: &'static [AtomicU32; 2 * WORDS],
    /// Keeps the memory mapped. Behind a lock as SQLite lets one thread at a time use a connection; nobody uses this one.
    _connection: Mutex<Connection>,
}

impl Marks {
    /// None where the wal-index is not at hand.
    pub(super) fn of(path: &Path) -> rusqlite::Result<Option<Self>> {
        let connection = schema::reader(path)?;
        // The log is opened with the first thing that is read.
        connection.query_row("SELECT one FROM meta", [], |row| row.get::<_, i64>(0))?;
        Ok(head(&connection).map(|head| Self {
            head,
            _connection: Mutex::new(connection),
        }))
    }

    /// None while somebody writes the head.
    pub(super) fn read(&self) -> Option<Mark> {
        let (one, two) = self.head.split_at(WORDS);
        let mut mark = [0; WORDS];
        // The second copy is written first.
        for (to, from) in mark.iter_mut().zip(one) {
            *to = from.load(Ordering::Relaxed);
        }
        fence(Ordering::Acquire);
        let agree = mark
            .iter()
            .zip(two)
            .all(|(read, from)| *read == from.load(Ordering::Relaxed));
        agree.then_some(Mark(mark))
    }
}

/// The head of the wal-index of a connection that has read.
fn head(connection: &Connection) -> Option<&'static [AtomicU32; 2 * WORDS]> {
    let mut file: *mut ffi::sqlite3_file = ptr::null_mut();
    let mut region: *mut c_void = ptr::null_mut();
    // SAFETY: the connection is open and nobody else uses it. SQLite says which file object it has for its main database,
    // whose methods are those of its VFS; asked for a region with 0, `xShmMap` hands out the one that was mapped at the first
    // read, and makes none. It stays mapped at the same place until the last connection of this process is closed. That
    // is not before the one in `Marks` is: the two go together, and only `Marks::read` uses what is returned here.
    unsafe {
        let asked = ffi::sqlite3_file_control(
            connection.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_FILE_POINTER,
            (&raw mut file).cast(),
        );
        if asked != ffi::SQLITE_OK || file.is_null() {
            return None;
        }
        let methods = (*file).pMethods.as_ref().filter(|it| it.iVersion >= 2)?;
        let mapped = methods.xShmMap?(file, 0, REGION, 0, &raw mut region);
        if mapped != ffi::SQLITE_OK {
            return None;
        }
        // Page-aligned, and longer than the two copies.
        region
            .cast::<[AtomicU32; 2 * WORDS]>()
            .cast_const()
            .as_ref()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_changes_with_every_commit_and_with_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        std::fs::write(&path, "").unwrap();
        let mut writer = schema::writer(&path).unwrap();
        schema::migrate(&mut writer, &path).unwrap();
        let marks = Marks::of(&path).unwrap().unwrap();
        let mut seen = vec![marks.read().unwrap()];
        for _ in 0..100 {
            let before = marks.read().unwrap();
            writer
                .query_row("SELECT count(*) FROM audit", [], |_| Ok(()))
                .unwrap();
            writer
                .execute_batch("BEGIN IMMEDIATE; UPDATE meta SET epoch = epoch + 1; ROLLBACK")
                .unwrap();
            assert_eq!(marks.read().unwrap(), before);
            writer
                .execute("UPDATE meta SET epoch = epoch + 1", [])
                .unwrap();
            let after = marks.read().unwrap();
            assert!(!seen.contains(&after));
            seen.push(after);
            // Carrying the log over, and beginning a new one.
            writer
                .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
                .unwrap();
        }
        // Another process, by the command line of SQLite's own library.
        let before = marks.read().unwrap();
        let status = std::process::Command::new("python3")
            .arg("-c")
            .arg("import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('UPDATE meta SET epoch = 0'); c.commit()")
            .arg(&path)
            .status();
        if status.is_ok_and(|status| status.success()) {
            assert_ne!(marks.read().unwrap(), before);
        }
    }
}
