//! What a killed process, a power cut and a full disk leave (ST-04, LG-04).

use std::sync::Arc;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_there_after_a_kill() {
    let place = Place::new();
    let store = Arc::new(place.open());
    for round in 0..8 {
        let tasks: Vec<_> = (0..64)
            .map(|n| {
                let store = store.clone();
                tokio::spawn(async move { store.commit(put(id(n), round)).await.unwrap() })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Committed::Done);
        }
        let left = place.copy();
        let found = left.open();
        assert!(found.findings().is_empty());
        found.check().unwrap();
        found.verify_chain().unwrap();
        let records = found.records(None, 100).unwrap();
        assert_eq!(records.len(), 64);
        assert!(records.iter().all(|sealed| sealed.version == round + 1));
    }
}

#[tokio::test]
async fn a_log_torn_in_its_last_commit_loses_only_that() {
    let place = Place::new();
    let store = place.open();
    done(&store, create(id(1), "alice")).await;
    let length = std::fs::metadata(place.path("db-wal")).unwrap().len();
    done(&store, put(id(1), 1)).await;
    let torn = place.copy();
    let log = std::fs::OpenOptions::new()
        .write(true)
        .open(torn.path("db-wal"))
        .unwrap();
    log.set_len(length + 1_000).unwrap();
    let found = torn.open();
    assert!(found.findings().is_empty());
    assert_eq!(load(&found, "alice").await.unwrap().record.unwrap().1, 1);
    found.check().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_write_refuses_the_whole_batch_and_heals() {
    let place = Place::new();
    let store = Arc::new(place.open());
    done(&store, create(id(1), "alice")).await;
    // The write of one commit's last rows fails, as it does on a full disk.
    place.meddle(
        "CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.entry = 'full'
         BEGIN SELECT RAISE(ABORT, 'as if the disk were full'); END",
    );
    let other = Connection::open(place.path("db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let tasks: Vec<_> = (1..=32)
        .map(|n| {
            let store = store.clone();
            let mut commit = put(id(n), u64::from(n == 1));
            if n == 16 {
                commit.audit.push("full".into());
            }
            tokio::spawn(async move { store.commit(commit).await })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    other.execute_batch("ROLLBACK").unwrap();
    let mut done_ones = 0;
    for task in tasks {
        done_ones += usize::from(task.await.unwrap().is_ok());
    }
    // Those that shared a transaction with it are not there, and were not answered as if they were.
    assert!(done_ones < 31, "{done_ones}");
    let records = store.records(None, 100).unwrap();
    let written = records.iter().filter(|sealed| sealed.id != id(1)).count()
        + usize::from(load(&store, "alice").await.unwrap().record.unwrap().1 == 2);
    assert_eq!(written, done_ones);
    place.meddle("DROP TRIGGER full");
    done(&store, put(id(100), 0)).await;
    store.verify_chain().unwrap();
    store.check().unwrap();
}
