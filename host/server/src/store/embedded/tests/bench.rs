//! Figures: `cargo test --release -p cofactor store::embedded::tests::bench -- --ignored --nocapture`.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::*;

/// Fills a store with accounts that have a record of `size` bytes.
async fn fill(store: &EmbeddedStore, accounts: u64, size: usize) -> Duration {
    let began = Instant::now();
    let mut next = 0;
    while next < accounts {
        let end = (next + 50_000).min(accounts);
        // In the order of the ids, trees are filled from left to right.
        let mut batch: Vec<_> = (next..end).collect();
        batch.sort_unstable_by_key(|n| id(*n));
        let commits = batch
            .into_iter()
            .map(|n| Commit {
                write: Write::Put(vec![7; size]),
                ..create(id(n), &format!("user{n}"))
            })
            .collect();
        assert_eq!(store.commit_all(commits).await.unwrap(), Committed::Done);
        next = end;
    }
    began.elapsed()
}

/// A reproducible walk over the accounts.
fn walk(accounts: u64, step: u64) -> u64 {
    step.wrapping_mul(0x2545_F491_4F6C_DD1D).rotate_left(17) % accounts
}

async fn loads(store: &EmbeddedStore, accounts: u64, known: bool) -> Duration {
    let rounds = 20_000;
    let names: Vec<_> = (0..rounds)
        .map(|step| {
            let n = walk(accounts, u64::from(step));
            name(&format!("{}{n}", if known { "user" } else { "nobody" }))
        })
        .collect();
    let observe = [(
        Observation {
            kind: "source".into(),
            count: 0,
            window: 600_000,
        },
        [1; 16],
    )];
    let before = busy();
    for name in &names {
        let query = Query {
            name,
            shadow: id(0),
            observe: &observe,
            now: NOW,
        };
        assert_eq!(store.load(&query).await.unwrap().known, known);
    }
    (busy() - before) / rounds
}

/// Processor time of this thread so far: other programs on the machine do not count.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// Loads and commits from `tasks` tasks for a while: commits a second, and the median and 99th of a hundred latencies.
async fn commits(store: &Arc<EmbeddedStore>, accounts: u64, tasks: u64, size: usize) -> String {
    let until = Instant::now() + Duration::from_secs(4);
    let total = Arc::new(AtomicU64::new(0));
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let store = store.clone();
            let total = total.clone();
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                let mut step = task << 32;
                while Instant::now() < until {
                    step += 1;
                    let began = Instant::now();
                    let name = name(&format!("user{}", walk(accounts, step)));
                    let query = Query {
                        name: &name,
                        shadow: SHADOW,
                        observe: &[],
                        now: NOW,
                    };
                    let loaded = store.load(&query).await.unwrap();
                    let expected = loaded.record.unwrap().1;
                    let commit = Commit {
                        write: Write::Put(vec![7; size]),
                        ..put(loaded.id, expected)
                    };
                    if store.commit(commit).await.unwrap() == Committed::Done {
                        total.fetch_add(1, Ordering::Relaxed);
                    }
                    latencies.push(began.elapsed());
                }
                latencies
            })
        })
        .collect();
    let began = Instant::now();
    let mut latencies = Vec::new();
    for task in running {
        latencies.extend(task.await.unwrap());
    }
    let seconds = began.elapsed().as_secs_f64();
    latencies.sort_unstable();
    format!(
        "{tasks:3} tasks: {:6.0} commits/s, p50 {:?}, p99 {:?}",
        total.load(Ordering::Relaxed) as f64 / seconds,
        latencies[latencies.len() / 2],
        latencies[latencies.len() * 99 / 100],
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes; for figures"]
async fn figures() {
    let sizes = std::env::var("ACCOUNTS").unwrap_or("1000,1000000".into());
    for accounts in sizes.split(',') {
        let accounts: u64 = accounts.parse().unwrap();
        let place = Place::new();
        let store = Arc::new(place.open());
        let size = 700;
        println!(
            "{accounts} accounts: filled in {:?}",
            fill(&store, accounts, size).await
        );
        println!("  load, known   {:?}", loads(&store, accounts, true).await);
        println!("  load, unknown {:?}", loads(&store, accounts, false).await);
        for tasks in [1, 64] {
            println!("  {}", commits(&store, accounts, tasks, size).await);
        }
        println!("  load, known   {:?}", loads(&store, accounts, true).await);
        store.close();
        let began = Instant::now();
        drop(place.open());
        println!("  opened and closed in {:?}", began.elapsed());
    }
}
