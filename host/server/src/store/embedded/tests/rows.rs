//! Counts, outbox, names, removal, shadow records, reseal.

use cofactor_runtime::store::OutboxRow;

use super::*;

fn observation(window: u64) -> Observation {
    Observation {
        kind: "source".into(),
        count: 0,
        window,
    }
}

#[tokio::test]
async fn counts_slide_with_their_window() {
    let place = Place::new();
    let store = place.open();
    let window = 60_000;
    let start = NOW - NOW % window;
    let counting = |now, by| Commit {
        counts: vec![("source".into(), [1; 16], by, window)],
        now,
        ..keep(SHADOW, 0)
    };
    done(&store, counting(start + 1_000, 10)).await;
    done(&store, counting(start + 2_000, 5)).await;
    let cases = [
        ("in the window", start + 3_000, 15),
        ("at its end", start + 59_999, 15),
        ("half a window later", start + 90_000, 8),
        ("two windows later", start + 120_000, 0),
        ("a clock that went back", start - 1, 15),
    ];
    for (case, now, expected) in cases {
        let observe = [
            (observation(window), [1; 16]),
            (observation(window), [2; 16]),
            (observation(1_000), [1; 16]),
        ];
        let counts = load_counting(&store, "alice", &observe, now)
            .await
            .unwrap()
            .counts;
        assert_eq!(counts, [expected, 0, 0], "{case}");
    }
    // What has expired is swept by a later commit.
    done(&store, counting(start + 600_000, 1)).await;
    let rows: u32 = Connection::open(place.path("db"))
        .unwrap()
        .query_row("SELECT count(*) FROM counts", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn a_count_stops_at_its_limit() {
    let place = Place::new();
    let store = place.open();
    for _ in 0..2 {
        let commit = Commit {
            counts: vec![("source".into(), [1; 16], u32::MAX, 60_000)],
            ..keep(SHADOW, 0)
        };
        done(&store, commit).await;
    }
    let observe = [(observation(60_000), [1; 16])];
    let load = load_counting(&store, "alice", &observe, NOW).await.unwrap();
    assert_eq!(load.counts, [u32::MAX]);
}

#[tokio::test]
async fn an_unknown_name_reads_and_writes_its_shadow() {
    let place = Place::new();
    let store = place.open();
    done(&store, put(SHADOW, 0)).await;
    for user in ["nobody", "no one"] {
        let load = load(&store, user).await.unwrap();
        assert!(!load.known);
        assert_eq!(load.record, Some((b"record 1".to_vec(), 1)));
    }
    assert_eq!(store.count().unwrap(), 0);
    done(&store, put(SHADOW, 1)).await;
}

#[tokio::test]
async fn effects_wait_until_they_are_settled_or_expire() {
    let place = Place::new();
    let store = place.open();
    let row = |effect, expires| OutboxRow {
        effect: [effect; 16],
        kind: "notify".into(),
        expires,
        payload: b"sealed effect".to_vec(),
    };
    let commit = Commit {
        outbox: vec![row(1, NOW + 60_000), row(2, NOW + 30_000), row(3, u64::MAX)],
        ..create(id(1), "alice")
    };
    done(&store, commit).await;
    let effects = |now| -> Vec<u8> {
        let due = store.due(now, 10).unwrap();
        due.iter().map(|due| due.effect[0]).collect()
    };
    assert_eq!(effects(NOW), [2, 1, 3]);
    assert_eq!(store.settle([1; 16], NOW).await.unwrap(), Committed::Done);
    assert_eq!(
        store.settle([1; 16], NOW).await.unwrap(),
        Committed::Conflict
    );
    // The same effect again is not done again.
    let again = Commit {
        outbox: vec![row(1, NOW + 60_000)],
        ..put(id(1), 1)
    };
    done(&store, again).await;
    assert_eq!(effects(NOW), [2, 3]);
    assert_eq!(effects(NOW + 30_000), [3]);
    // Late, the payload is erased.
    let later = Commit {
        now: NOW + 40_000,
        ..put(id(1), 2)
    };
    done(&store, later).await;
    let remove = Commit {
        write: Write::Remove,
        ..put(id(1), 3)
    };
    done(&store, remove).await;
    let left: u32 = Connection::open(place.path("db"))
        .unwrap()
        .query_row(
            "SELECT count(*) FROM outbox WHERE payload IS NOT NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn removal_takes_everything_and_a_new_account_inherits_nothing() {
    let place = Place::new();
    let store = place.open();
    let commit = Commit {
        take: vec![[5; 32]],
        generation: 4,
        ..create(id(1), "alice")
    };
    done(&store, commit).await;
    let remove = Commit {
        write: Write::Remove,
        ..put(id(1), 1)
    };
    done(&store, remove).await;
    let gone = load(&store, "alice").await.unwrap();
    assert!(!gone.known && gone.record.is_none());
    assert_eq!(store.count().unwrap(), 0);
    assert!(store.records(None, 10).unwrap().is_empty());

    let commit = Commit {
        take: vec![[5; 32]],
        ..create(id(2), "alice")
    };
    done(&store, commit).await;
    let anew = load(&store, "alice").await.unwrap();
    assert_eq!(anew.id, id(2));
    assert_eq!(anew.generation, 0);
    store.check().unwrap();
}

#[tokio::test]
async fn renaming_leaves_the_account_as_it_is() {
    let place = Place::new();
    let store = place.open();
    done(&store, create(id(1), "alice")).await;
    done(&store, create(id(2), "bob")).await;
    let rename = |from, to| store.rename(name(from), name(to), NOW);
    assert_eq!(rename("alice", "bob").await.unwrap(), Committed::Clash);
    assert_eq!(rename("carol", "dave").await.unwrap(), Committed::Conflict);
    assert_eq!(rename("alice", "alicia").await.unwrap(), Committed::Done);
    assert!(!load(&store, "alice").await.unwrap().known);
    assert_eq!(load(&store, "alicia").await.unwrap().id, id(1));
    assert_eq!(rename("alicia", "alice").await.unwrap(), Committed::Done);
    assert_eq!(store.find(&name("alice")).unwrap(), Some(id(1)));
    store.check().unwrap();
    store.verify_chain().unwrap();
}

#[tokio::test]
async fn a_session_generation_can_rise_without_a_new_record() {
    let place = Place::new();
    let store = place.open();
    done(&store, create(id(1), "alice")).await;
    let raise = Commit {
        generation: 1,
        audit: Vec::new(),
        counts: vec![("source".into(), [1; 16], 1, 60_000)],
        ..keep(id(1), 1)
    };
    done(&store, raise).await;
    assert_eq!(generation(&store, "alice"), Some(1));
    assert_eq!(load(&store, "alice").await.unwrap().record.unwrap().1, 1);
}

#[tokio::test]
async fn records_are_sealed_anew_only_where_they_did_not_change() {
    let place = Place::new();
    let store = place.open();
    for n in 1..=25 {
        done(&store, create(id(n), &format!("user{n}"))).await;
    }
    let mut after = None;
    let mut seen = 0;
    loop {
        let page = store.records(after, 10).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen += page.len();
        for sealed in page {
            let resealed = store.reseal(sealed.id, sealed.version, b"anew".to_vec());
            assert_eq!(resealed.await.unwrap(), Committed::Done);
        }
    }
    assert_eq!(seen, 25);
    let late = store.reseal(id(1), 2, b"late".to_vec());
    assert_eq!(late.await.unwrap(), Committed::Conflict);
    assert_eq!(
        load(&store, "user1").await.unwrap().record,
        Some((b"anew".to_vec(), 1))
    );
    let names = store.names(None, 10).unwrap();
    assert_eq!(names.len(), 10);
    let rest = store.names(Some(&names[9].0), 100).unwrap();
    assert_eq!(rest.len(), 15);
}
