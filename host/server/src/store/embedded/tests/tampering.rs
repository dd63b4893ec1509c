//! What somebody with write access to the files can do, and that it is refused and reported (ST-01, ST-02, LG-03).

use super::super::{ChainBreak, Finding, OpenError};
use super::*;

/// Two accounts with a few versions each.
async fn filled(place: &Place) -> EmbeddedStore {
    let store = place.open();
    done(&store, create(id(1), "alice")).await;
    done(&store, create(id(2), "bob")).await;
    for version in 1..4 {
        done(&store, put(id(1), version)).await;
    }
    store
}

#[tokio::test]
async fn rows_that_were_meddled_with_are_refused() {
    let cases = [
        (
            "one row rolled back",
            "UPDATE accounts SET version = 2 WHERE id = (SELECT account FROM names WHERE user = 'alice')",
        ),
        (
            "a record removed, to be enrolled anew",
            "DELETE FROM accounts WHERE id = (SELECT account FROM names WHERE user = 'alice')",
        ),
        (
            "two rows swapped",
            "UPDATE accounts SET id = zeroblob(16) WHERE version = 4;
             UPDATE accounts SET id = (SELECT account FROM names WHERE user = 'alice') WHERE version = 1;
             UPDATE accounts SET id = (SELECT account FROM names WHERE user = 'bob') WHERE id = zeroblob(16)",
        ),
        (
            "a name pointed at another account",
            "UPDATE names SET account = (SELECT account FROM names WHERE user = 'bob') WHERE user = 'alice'",
        ),
        (
            "a name removed, to be enrolled anew",
            "DELETE FROM names WHERE user = 'alice'",
        ),
        (
            "a revoked session revived",
            "UPDATE accounts SET generation = 9 WHERE version = 4",
        ),
    ];
    for (case, statements) in cases {
        let place = Place::new();
        let store = filled(&place).await;
        place.meddle(statements);
        assert!(
            matches!(load(&store, "alice").await, Err(StoreError::Tampered(_))),
            "{case}"
        );
        assert!(
            matches!(store.check(), Err(StoreError::Tampered(_))),
            "{case}"
        );
    }
}

#[tokio::test]
async fn an_altered_chain_is_found() {
    let cases = [
        ("text", "UPDATE audit SET entry = '{}' WHERE seq = 3", 3),
        ("time", "UPDATE audit SET time = time + 1 WHERE seq = 4", 4),
        ("version", "UPDATE audit SET version = 9 WHERE seq = 1", 1),
        ("bound", "UPDATE audit SET bound = 0 WHERE seq = 2", 2),
        (
            "hash",
            "UPDATE audit SET hash = zeroblob(32) WHERE seq = 2",
            2,
        ),
    ];
    for (case, statement, seq) in cases {
        let place = Place::new();
        let store = filled(&place).await;
        store.verify_chain().unwrap();
        place.meddle(statement);
        assert_eq!(
            store.verify_chain(),
            Err(ChainBreak::Altered(seq)),
            "{case}"
        );
    }
    let place = Place::new();
    let store = filled(&place).await;
    place.meddle("DELETE FROM audit WHERE seq = 3");
    assert_eq!(store.verify_chain(), Err(ChainBreak::Missing(3)));
}

#[tokio::test]
async fn a_chain_cut_at_its_end_is_found_by_the_anchor() {
    let place = Place::new();
    let store = filled(&place).await;
    store.close();
    drop(store);
    place.meddle("DELETE FROM audit WHERE seq >= 4");
    let store = place.open();
    assert!(matches!(
        store.findings(),
        [Finding::RolledBack { found: 3, .. }]
    ));
}

#[tokio::test]
async fn a_database_put_back_as_a_whole_raises_the_epoch_and_refuses_old_codes() {
    let place = Place::new();
    let store = filled(&place).await;
    store.close();
    let yesterday = place.copy();
    drop(store);

    let store = place.open();
    assert_eq!(load(&store, "alice").await.unwrap().refuse_before, 0);
    done(&store, put(id(1), 4)).await;
    store.close();
    drop(store);

    place.roll_back(&yesterday);
    let store = place.open();
    let time = NOW + 4;
    assert_eq!(
        store.findings(),
        [Finding::RolledBack {
            anchored: 6,
            found: 5,
            time
        }]
    );
    assert_eq!(store.epoch(), 1);
    let refuse_before = load(&store, "alice").await.unwrap().refuse_before;
    assert_eq!(refuse_before, time + super::super::open::MARGIN);
    let (_, _, entry) = store.audit(5, 1).unwrap().remove(0);
    assert!(entry.contains("database-rolled-back"), "{entry}");
    // It is whole again, and remembers.
    done(&store, put(id(1), 4)).await;
    store.verify_chain().unwrap();
    store.close();
    drop(store);
    let store = place.open();
    assert_eq!(store.epoch(), 1);
    assert_eq!(
        load(&store, "alice").await.unwrap().refuse_before,
        refuse_before
    );
}

/// Whoever puts a database back must not be rid of the report of it by starting the host, or by doing it again.
#[tokio::test]
async fn a_rollback_is_reported_until_an_operator_acknowledges_it() {
    let place = Place::new();
    let store = filled(&place).await;
    store.close();
    drop(store);
    let yesterday = place.copy();
    let grow = async |version| {
        let store = place.open();
        done(&store, put(id(1), version)).await;
        store.close();
    };
    let acknowledge = async || {
        let store = place.open();
        let seen = store.acknowledge("carol", "a test", NOW).await.unwrap();
        store.close();
        seen
    };
    assert_eq!(
        acknowledge().await,
        [],
        "nothing to acknowledge, and no row"
    );
    grow(4).await;
    place.roll_back(&yesterday);
    let first = Finding::RolledBack {
        anchored: 6,
        found: 5,
        time: NOW + 4,
    };
    let mut refuse_before = 0;
    for _ in 0..3 {
        let store = place.open();
        assert_eq!(store.findings(), std::slice::from_ref(&first));
        assert_eq!(store.unacknowledged(), 1);
        refuse_before = load(&store, "alice").await.unwrap().refuse_before;
    }
    // Once more: the database forgets the first time, the anchor does not.
    grow(4).await;
    place.roll_back(&yesterday);
    let found = place.open().findings().to_vec();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0], first);
    assert_eq!(place.open().epoch(), 2);

    // A host that runs beside hears of it.
    let host = place.open();
    assert_eq!(acknowledge().await, found);
    let rows = host.audit(0, 100).unwrap();
    let (_, _, entry) = rows.last().unwrap();
    assert_eq!(
        *entry,
        r#"{"actor":"carol","epoch":2,"fact":"rollback-acknowledged","why":"a test"}"#
    );
    let waited = std::time::Instant::now();
    while host.unacknowledged() > 0 {
        assert!(waited.elapsed().as_secs() < 60);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    host.close();
    drop(host);
    let store = place.open();
    assert_eq!(store.findings(), []);
    let still = load(&store, "alice").await.unwrap().refuse_before;
    assert!(
        still >= refuse_before && refuse_before > 0,
        "codes stay refused"
    );
    store.verify_chain().unwrap();
    store.close();
    drop(store);

    // A rollback to before the acknowledgement, with an epoch that the anchor has seen acknowledged already.
    place.roll_back(&yesterday);
    let store = place.open();
    assert!(matches!(
        store.findings(),
        [Finding::RolledBack { found: 5, .. }]
    ));
    assert_eq!(store.epoch(), 3);
    store.close();
    drop(store);
    // Nor is anybody rid of it by what they do to the anchor's own lines.
    let text = std::fs::read_to_string(place.path("anchor")).unwrap();
    let without: String = text
        .lines()
        .filter(|line| !line.starts_with("report") && !line.starts_with("acknowledged"))
        .map(|line| format!("{line}\n"))
        .collect();
    for damaged in [without, format!("{text}report 3\n"), format!("{text}x\n")] {
        std::fs::write(place.path("anchor"), damaged).unwrap();
        assert!(!place.open().findings().is_empty());
    }
}

#[tokio::test]
async fn a_missing_anchor_counts_as_a_rollback_to_an_unknown_time() {
    for damage in ["", "cofactor anchor 1\ndatabase 00"] {
        let place = Place::new();
        filled(&place).await.close();
        std::fs::remove_file(place.path("anchor")).unwrap();
        if !damage.is_empty() {
            std::fs::write(place.path("anchor"), damage).unwrap();
        }
        let store = EmbeddedStore::open(&place.options(), NOW + 60_000).unwrap();
        assert_eq!(store.findings(), [Finding::AnchorMissing]);
        assert_eq!(
            load(&store, "alice").await.unwrap().refuse_before,
            NOW + 60_000 + super::super::open::MARGIN
        );
    }
}

#[tokio::test]
async fn a_database_that_is_gone_or_exchanged_is_not_begun_anew() {
    let place = Place::new();
    filled(&place).await.close();
    std::fs::remove_file(place.path("db")).unwrap();
    let gone = EmbeddedStore::open(&place.options(), NOW).err().unwrap();
    assert!(matches!(gone, OpenError::OtherAnchor { .. }), "{gone}");
    let other = Place::new();
    other.open().close();
    place.roll_back(&other);
    let exchanged = EmbeddedStore::open(&place.options(), NOW).err().unwrap();
    assert!(matches!(exchanged, OpenError::OtherAnchor { .. }));
}

#[tokio::test]
async fn a_newer_or_foreign_database_is_refused() {
    let place = Place::new();
    place.open().close();
    place.meddle("PRAGMA user_version = 99");
    let newer = EmbeddedStore::open(&place.options(), NOW).err().unwrap();
    assert!(matches!(newer, OpenError::Newer { found: 99, .. }));
    assert!(newer.to_string().contains("version 99"), "{newer}");

    let place = Place::new();
    place.meddle("CREATE TABLE recipes (name TEXT)");
    let foreign = EmbeddedStore::open(&place.options(), NOW).err().unwrap();
    assert!(matches!(foreign, OpenError::Foreign(_)), "{foreign}");

    let place = Place::new();
    std::fs::write(
        place.path("db"),
        "no database at all, but long enough to be one",
    )
    .unwrap();
    assert!(EmbeddedStore::open(&place.options(), NOW).is_err());
}

#[tokio::test]
async fn the_files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let store = filled(&place).await;
    for file in ["db", "db-wal", "db-shm", "anchor"] {
        let mode = std::fs::metadata(place.path(file)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{file}");
    }
    drop(store);
}
