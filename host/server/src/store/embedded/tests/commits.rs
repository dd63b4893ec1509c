//! Compare-and-set, claims, batches, overload, two processes.

use std::sync::Arc;

use super::super::anchor::Anchor;
use super::*;

#[tokio::test]
async fn a_new_name_gets_an_account_and_its_record_grows_by_versions() {
    let place = Place::new();
    let store = place.open();
    let unknown = load(&store, "alice").await.unwrap();
    assert!(!unknown.known);
    assert_eq!(unknown.id, SHADOW);
    assert!(unknown.record.is_none());
    assert_eq!(generation(&store, "alice"), None);

    done(&store, create(id(1), "alice")).await;
    done(
        &store,
        Commit {
            generation: 7,
            ..put(id(1), 1)
        },
    )
    .await;
    let known = load(&store, "alice").await.unwrap();
    assert!(known.known);
    assert_eq!(known.id, id(1));
    assert_eq!(known.record, Some((b"record 2".to_vec(), 2)));
    assert_eq!(known.generation, 7);
    assert_eq!(generation(&store, "alice"), Some(7));
}

#[tokio::test]
async fn a_commit_on_an_old_version_conflicts_and_leaves_nothing() {
    let place = Place::new();
    let store = place.open();
    done(&store, create(id(1), "alice")).await;
    done(&store, put(id(1), 1)).await;
    let rows = store.audit(0, 100).unwrap().len();
    let late = [
        put(id(1), 1),
        put(id(1), 0),
        put(id(1), 3),
        keep(id(1), 1),
        // Somebody else has created the account meanwhile.
        create(id(2), "alice"),
        Commit {
            write: Write::Remove,
            ..put(id(1), 1)
        },
    ];
    for commit in late {
        let commit = Commit {
            counts: vec![("source".into(), [1; 16], 1, 60_000)],
            take: vec![[9; 32]],
            ..commit
        };
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Conflict);
    }
    assert_eq!(store.audit(0, 100).unwrap().len(), rows);
    assert_eq!(
        load(&store, "alice").await.unwrap().record,
        Some((b"record 2".to_vec(), 2))
    );
    store.check().unwrap();
}

#[tokio::test]
async fn a_digest_belongs_to_one_account_of_a_tenant() {
    let place = Place::new();
    let store = place.open();
    let taking = |id, user: &str, digest| Commit {
        take: vec![digest],
        ..create(id, user)
    };
    done(&store, taking(id(1), "alice", [5; 32])).await;
    assert_eq!(
        store.commit(taking(id(2), "bob", [5; 32])).await.unwrap(),
        Committed::Clash
    );
    assert!(!load(&store, "bob").await.unwrap().known);
    // Another tenant's digests are another tenant's.
    let foreign = Commit {
        tenant: "other".into(),
        create: Some(Name {
            tenant: "other".into(),
            ..name("bob")
        }),
        ..taking(id(3), "bob", [5; 32])
    };
    done(&store, foreign).await;
    // Given up, it can be taken; taking what one has already is no clash.
    done(
        &store,
        Commit {
            drop: vec![[5; 32]],
            ..put(id(1), 1)
        },
    )
    .await;
    done(&store, taking(id(2), "bob", [5; 32])).await;
    done(
        &store,
        Commit {
            take: vec![[5; 32]],
            ..put(id(2), 1)
        },
    )
    .await;
}

#[tokio::test]
async fn several_accounts_commit_together_or_not_at_all() {
    let place = Place::new();
    let store = place.open();
    done(&store, create(id(1), "alice")).await;
    let torn = vec![put(id(1), 1), create(id(2), "bob"), put(id(3), 9)];
    assert_eq!(store.commit_all(torn).await.unwrap(), Committed::Conflict);
    assert_eq!(load(&store, "alice").await.unwrap().record.unwrap().1, 1);
    assert!(!load(&store, "bob").await.unwrap().known);
    let whole = vec![put(id(1), 1), create(id(2), "bob"), put(id(2), 1)];
    assert_eq!(store.commit_all(whole).await.unwrap(), Committed::Done);
    assert_eq!(load(&store, "bob").await.unwrap().record.unwrap().1, 2);
    store.verify_chain().unwrap();
    store.check().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_commits_at_once_one_per_version_is_done() {
    let place = Place::new();
    let store = Arc::new(place.open());
    done(&store, create(id(1), "alice")).await;
    for version in 1..=20 {
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { store.commit(put(id(1), version)).await.unwrap() })
            })
            .collect();
        let mut accepted = 0;
        for task in tasks {
            accepted += usize::from(task.await.unwrap() == Committed::Done);
        }
        assert_eq!(accepted, 1, "version {version}");
    }
    store.verify_chain().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_on_one_file_never_accept_one_version_twice() {
    let place = Place::new();
    let stores = [Arc::new(place.open()), Arc::new(place.open())];
    done(&stores[0], create(id(1), "alice")).await;
    let racers = stores.clone().map(|store| {
        tokio::spawn(async move {
            let mut won = Vec::new();
            loop {
                let version = load(&store, "alice").await.unwrap().record.unwrap().1;
                if version > 1_000 {
                    return won;
                }
                if store.commit(put(id(1), version)).await.unwrap() == Committed::Done {
                    won.push(version);
                }
            }
        })
    });
    let mut all = Vec::new();
    for racer in racers {
        let won = racer.await.unwrap();
        assert!(!won.is_empty(), "one of the two was starved");
        all.extend(won);
    }
    all.sort_unstable();
    // Both may have been past the last check with one commit each.
    assert!(all.len() >= 1_000);
    assert!(all.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    let head = stores[0].verify_chain().unwrap();
    for store in &stores {
        store.close();
    }
    let anchor = Anchor::read(&place.path("anchor")).unwrap().unwrap();
    assert_eq!(anchor.head.seq, head.seq);
    let again = place.open();
    assert!(again.findings().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_overload_and_nothing_else() {
    let place = Place::new();
    let options = Options {
        queue: 4,
        ..place.options()
    };
    let store = Arc::new(EmbeddedStore::open(&options, NOW).unwrap());
    // Another process holds the write lock, so that nothing is taken from the queue for good.
    let other = Connection::open(place.path("db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let tasks: Vec<_> = (0..64)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.commit(put(id(n), 0)).await })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    other.execute_batch("ROLLBACK").unwrap();
    let mut accepted = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(Committed::Done) => accepted += 1,
            Err(StoreError::Overloaded) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!((4..64).contains(&accepted), "{accepted}");
    assert_eq!(store.records(None, 100).unwrap().len(), accepted);
}

#[tokio::test]
async fn after_closing_nothing_is_answered() {
    let place = Place::new();
    let store = place.open();
    store.close();
    // Overload, not unavailability: a fail mode must never open a door for it.
    assert!(matches!(
        store.commit(put(id(1), 0)).await,
        Err(StoreError::Overloaded)
    ));
    assert!(matches!(
        load(&store, "alice").await,
        Err(StoreError::Overloaded)
    ));
}
