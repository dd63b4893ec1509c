//! Databases of earlier versions open for ever. Each version's file is frozen when the version is; never made anew.

use std::path::Path;

use cofactor_runtime::store::{OutboxRow, SessionEnd, SessionId};

use super::*;

/// Where the frozen files are.
const FROZEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/store/embedded/tests/frozen"
);
const SESSION: SessionId = SessionId([4; 16]);

/// What stands in a database of version 1: one row of every table at least.
async fn fill(store: &EmbeddedStore) {
    let alice = Commit {
        take: vec![[5; 32]],
        counts: vec![("source".into(), [1; 16], 7, 60_000)],
        outbox: vec![OutboxRow {
            effect: [2; 16],
            kind: "notify".into(),
            expires: NOW + 60_000,
            payload: b"sealed effect".to_vec(),
        }],
        generation: 3,
        ..create(id(1), "alice")
    };
    done(store, alice).await;
    let again = Commit {
        generation: 4,
        ..put(id(1), 1)
    };
    done(store, again).await;
    done(store, put(SHADOW, 0)).await;
    let end = SessionEnd {
        account: id(1),
        session: SESSION,
        expires: NOW + 60_000,
        audit: r#"{"kind":"session-ended"}"#.into(),
        now: NOW,
    };
    store.end_session(end).await.unwrap();
}

/// With `COFACTOR_FREEZE=1` it makes the files of the newest version, where there are none yet.
#[tokio::test]
async fn a_database_of_version_1_opens_with_all_that_is_in_it() {
    let frozen = |name: &str| Path::new(FROZEN).join(format!("v1.{name}"));
    if std::env::var_os("COFACTOR_FREEZE").is_some() && !frozen("db").exists() {
        let place = Place::new();
        let store = place.open();
        fill(&store).await;
        store.close();
        std::fs::create_dir_all(FROZEN).unwrap();
        for name in ["db", "anchor"] {
            std::fs::copy(place.path(name), frozen(name)).unwrap();
        }
    }
    let place = Place::new();
    for name in ["db", "anchor"] {
        std::fs::copy(frozen(name), place.path(name)).unwrap();
    }
    let store = place.open();
    assert!(store.findings().is_empty());
    store.check().unwrap();
    store.verify_chain().unwrap();
    let observation = Observation {
        kind: "source".into(),
        count: 0,
        window: 60_000,
    };
    let alice = load_counting(&store, "alice", &[(observation, [1; 16])], NOW)
        .await
        .unwrap();
    assert_eq!(alice.record, Some((b"record 2".to_vec(), 2)));
    assert_eq!((alice.generation, alice.counts.as_slice()), (4, &[7][..]));
    let standing = store.standing(&name("alice"), Some(&SESSION)).unwrap();
    assert!(standing.unwrap().ended);
    assert_eq!(load(&store, "nobody").await.unwrap().record.unwrap().1, 1);
    assert_eq!(store.due(NOW, 10).unwrap().len(), 1);
    let taken = Commit {
        take: vec![[5; 32]],
        ..create(id(2), "bob")
    };
    assert_eq!(store.commit(taken).await.unwrap(), Committed::Clash);
    done(&store, put(id(1), 2)).await;
}
