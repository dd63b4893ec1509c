//! The store's promises, each on a real file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod commits;
mod crashes;
mod rows;
mod sessions;
mod tampering;
mod versions;

use std::path::PathBuf;

use cofactor_runtime::contract::Observation;
use cofactor_runtime::store::{
    AccountId, Commit, Committed, Load, Name, Query, Store, StoreError, Write,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{EmbeddedStore, Options};

/// 2023-11-14T22:13:20Z.
const NOW: u64 = 1_700_000_000_000;

/// A store in a folder of its own.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn options(&self) -> Options {
        Options::new(self.path("db"), self.path("anchor"))
    }

    fn open(&self) -> EmbeddedStore {
        EmbeddedStore::open(&self.options(), NOW).unwrap()
    }

    /// What somebody with write access to the file, but without the program, can do.
    fn meddle(&self, statements: &str) {
        Connection::open(self.path("db"))
            .unwrap()
            .execute_batch(statements)
            .unwrap();
    }

    /// The state that a killed process leaves behind: log first, for the database may take up what is in the log.
    fn copy(&self) -> Self {
        let copy = Self::new();
        for name in ["anchor", "db-wal", "db"] {
            if self.path(name).exists() {
                std::fs::copy(self.path(name), copy.path(name)).unwrap();
            }
        }
        copy
    }

    /// Puts back an earlier copy of the database, but not of the anchor.
    fn roll_back(&self, to: &Self) {
        for name in ["db-wal", "db-shm", "db"] {
            let _ = std::fs::remove_file(self.path(name));
        }
        for name in ["db-wal", "db"] {
            if to.path(name).exists() {
                std::fs::copy(to.path(name), self.path(name)).unwrap();
            }
        }
    }
}

fn name(user: &str) -> Name {
    Name {
        tenant: "default".into(),
        issuer: "default".into(),
        user: user.into(),
    }
}

fn id(number: u64) -> AccountId {
    let mut id = [0; 16];
    // Spread like random ids, so that trees are hit everywhere.
    id[..8].copy_from_slice(&number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    id[8..].copy_from_slice(&number.to_be_bytes());
    AccountId(id)
}

const SHADOW: AccountId = AccountId([0xFF; 16]);

/// A step that writes a record and says so.
fn put(id: AccountId, expected: u64) -> Commit {
    Commit {
        id,
        create: None,
        expected,
        write: Write::Put(format!("record {}", expected + 1).into_bytes()),
        generation: 0,
        counts: Vec::new(),
        take: Vec::new(),
        drop: Vec::new(),
        outbox: Vec::new(),
        audit: vec![r#"{"fact":"tested"}"#.into()],
        tenant: "default".into(),
        now: NOW + expected,
    }
}

fn keep(id: AccountId, expected: u64) -> Commit {
    Commit {
        write: Write::Keep,
        ..put(id, expected)
    }
}

fn create(id: AccountId, user: &str) -> Commit {
    Commit {
        create: Some(name(user)),
        ..put(id, 0)
    }
}

async fn load(store: &EmbeddedStore, user: &str) -> Result<Load, StoreError> {
    load_counting(store, user, &[], NOW).await
}

async fn load_counting(
    store: &EmbeddedStore,
    user: &str,
    observe: &[(Observation, [u8; 16])],
    now: u64,
) -> Result<Load, StoreError> {
    let query = Query {
        name: &name(user),
        shadow: SHADOW,
        observe,
        now,
    };
    store.load(&query).await
}

/// The session generation of the user's account.
fn generation(store: &EmbeddedStore, user: &str) -> Option<u64> {
    let standing = store.standing(&name(user), None).unwrap();
    standing.map(|standing| standing.generation)
}

async fn done(store: &EmbeddedStore, commit: Commit) {
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}
