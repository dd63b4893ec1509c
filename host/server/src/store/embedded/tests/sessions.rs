//! Sessions that were ended, the anchor of processes that share a database, and whose failure a failure is.

use std::path::Path;

use cofactor_runtime::store::{SessionEnd, SessionId};
use rusqlite::ffi;

use super::super::anchor::Anchor;
use super::super::{Finding, refusal};
use super::*;

const SESSION: SessionId = SessionId([4; 16]);

fn end(expires: u64) -> SessionEnd {
    SessionEnd {
        account: id(1),
        session: SESSION,
        expires,
        audit: r#"{"kind":"session-ended"}"#.into(),
        now: NOW,
    }
}

fn ended(store: &EmbeddedStore, session: SessionId) -> bool {
    let standing = store.standing(&name("alice"), Some(&session)).unwrap();
    standing.unwrap().ended
}

#[tokio::test]
async fn an_ended_session_is_over_in_every_process_and_after_a_restart() {
    let place = Place::new();
    let (one, two) = (place.open(), place.open());
    done(&one, create(id(1), "alice")).await;
    assert!(!ended(&two, SESSION));
    for _ in 0..2 {
        one.end_session(end(NOW + 60_000)).await.unwrap();
    }
    assert!(ended(&two, SESSION));
    assert!(!ended(&two, SessionId([5; 16])));
    let told = one.audit(0, 100).unwrap();
    let rows = told.iter().filter(|row| row.2.contains("session-ended"));
    assert_eq!(rows.count(), 1, "{told:?}");
    one.close();
    two.close();
    let again = place.open();
    assert!(ended(&again, SESSION));
    again.verify_chain().unwrap();
    // It is forgotten when it would have been over anyway.
    let later = Commit {
        now: NOW + 60_000,
        ..put(id(1), 1)
    };
    done(&again, later).await;
    assert!(!ended(&again, SESSION));
}

fn anchored(path: &Path) -> u64 {
    Anchor::read(path).unwrap().unwrap().head.seq
}

#[tokio::test]
async fn the_anchor_follows_what_another_process_wrote() {
    let place = Place::new();
    let host = place.open();
    done(&host, create(id(1), "alice")).await;
    // A command beside the host: it comes later, and is gone sooner.
    let command = place.open();
    done(&command, put(id(1), 1)).await;
    command.close();
    let seen = anchored(&place.path("anchor"));
    host.close();
    assert_eq!(seen, place.open().verify_chain().unwrap().seq);
    assert_eq!(anchored(&place.path("anchor")), seen);
}

#[tokio::test]
async fn a_database_put_back_beside_a_command_is_found() {
    let place = Place::new();
    let host = place.open();
    done(&host, create(id(1), "alice")).await;
    let before = place.copy();
    let command = place.open();
    done(&command, put(id(1), 1)).await;
    command.close();
    host.close();
    place.roll_back(&before);
    assert!(matches!(
        place.open().findings(),
        [Finding::RolledBack { .. }]
    ));
}

#[tokio::test]
async fn a_clock_behind_the_newest_row_is_told() {
    let place = Place::new();
    done(&place.open(), create(id(1), "alice")).await;
    let at = |now| EmbeddedStore::open(&place.options(), now).unwrap();
    assert!(at(NOW - 300_000).findings().is_empty());
    let found = at(NOW - 300_001).findings().to_vec();
    let behind = Finding::ClockBehind {
        newest: NOW,
        now: NOW - 300_001,
    };
    assert_eq!(found, [behind]);
}

/// What a client can bring about never lets a fail mode open a door.
#[test]
fn only_what_no_client_can_cause_is_unavailable() {
    let told = |code| {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        match refusal(&error) {
            StoreError::Unavailable(_) => "unavailable",
            StoreError::Tampered(_) => "tampered",
            StoreError::Overloaded => "overloaded",
        }
    };
    let cases = [
        (ffi::SQLITE_IOERR_READ, "unavailable"),
        (ffi::SQLITE_IOERR_FSYNC, "unavailable"),
        (ffi::SQLITE_READONLY, "unavailable"),
        (ffi::SQLITE_CANTOPEN, "overloaded"),
        (ffi::SQLITE_FULL, "overloaded"),
        (ffi::SQLITE_NOMEM, "overloaded"),
        (ffi::SQLITE_IOERR_WRITE, "overloaded"),
        (ffi::SQLITE_IOERR_NOMEM, "overloaded"),
        (ffi::SQLITE_IOERR_SHMOPEN, "overloaded"),
        (ffi::SQLITE_BUSY, "overloaded"),
        (ffi::SQLITE_CORRUPT, "tampered"),
        (ffi::SQLITE_CONSTRAINT, "tampered"),
    ];
    for (code, expected) in cases {
        assert_eq!(told(code), expected, "{code}");
    }
}
