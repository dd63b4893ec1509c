//! What every store promises (`cofactor_runtime::store::Store`), as tests that any of them can run: each on a new, empty store.
#![allow(clippy::expect_used, reason = "these are tests")]

use std::sync::atomic::{AtomicUsize, Ordering};

use cofactor_runtime::contract::Observation;
use cofactor_runtime::store::{
    AccountId, Commit, Committed, Load, Name, Query, SessionEnd, SessionId, Standing, Store,
    StoreError, Write,
};
use pollster::block_on;

/// 2027-01-15T08:00:00Z.
const NOW: u64 = 1_800_000_000_000;
const SHADOW: AccountId = AccountId([0xFF; 16]);

/// Runs all of them. `empty` opens a store on which nothing was ever committed.
///
/// # Panics
/// Where a promise is not kept.
pub fn are_kept<S: Store>(empty: impl Fn() -> S) {
    a_new_name_gets_an_account_whose_record_grows_by_versions(&empty());
    a_commit_on_another_version_leaves_nothing(&empty());
    a_digest_belongs_to_one_account_of_a_tenant(&empty());
    several_steps_commit_in_order_or_not_at_all(&empty());
    of_many_commits_at_once_one_per_version_is_done(&empty());
    names_of_tenants_and_issuers_are_apart(&empty());
    a_shadow_record_is_nobodys_account(&empty());
    counts_add_up_within_their_window_kind_key_and_tenant(&empty());
    what_is_removed_is_gone_with_its_name_and_digests(&empty());
    an_ended_session_is_over_and_no_other(&empty());
}

fn a_new_name_gets_an_account_whose_record_grows_by_versions<S: Store>(store: &S) {
    let unknown = load(store, "alice");
    assert!(!unknown.known && unknown.record.is_none());
    assert_eq!(unknown.id, SHADOW);
    assert_eq!(generation(store, "alice"), None);

    done(store, create(id(1), "alice"));
    done(
        store,
        Commit {
            generation: 7,
            ..put(id(1), 1)
        },
    );
    let known = load(store, "alice");
    assert!(known.known);
    assert_eq!((known.id, known.generation), (id(1), 7));
    assert_eq!(known.record, Some((b"record 2".to_vec(), 2)));
    assert_eq!(generation(store, "alice"), Some(7));
}

fn a_commit_on_another_version_leaves_nothing<S: Store>(store: &S) {
    done(store, create(id(1), "alice"));
    done(store, put(id(1), 1));
    let late = [
        put(id(1), 0),
        put(id(1), 1),
        put(id(1), 3),
        Commit {
            write: Write::Keep,
            ..put(id(1), 1)
        },
        Commit {
            write: Write::Remove,
            ..put(id(1), 1)
        },
        // Somebody else has created the account meanwhile.
        create(id(2), "alice"),
    ];
    for commit in late {
        let commit = Commit {
            counts: vec![("source".to_owned(), [1; 16], 1, 60_000)],
            take: vec![[9; 32]],
            ..commit
        };
        assert_eq!(settle(store, commit), Committed::Conflict);
    }
    let (found, counts) = load_counting(store, &name("alice"), &[("source", [1; 16])], NOW);
    assert_eq!(found.record, Some((b"record 2".to_vec(), 2)));
    assert_eq!(counts, [0]);
    // Nobody holds the digest.
    let other = Commit {
        take: vec![[9; 32]],
        ..create(id(3), "bob")
    };
    done(store, other);
}

fn a_digest_belongs_to_one_account_of_a_tenant<S: Store>(store: &S) {
    let taking = |id, user: &str| Commit {
        take: vec![[5; 32]],
        ..create(id, user)
    };
    done(store, taking(id(1), "alice"));
    assert_eq!(settle(store, taking(id(2), "bob")), Committed::Clash);
    assert!(!load(store, "bob").known);
    let foreign = Name {
        tenant: "other".to_owned(),
        ..name("bob")
    };
    done(
        store,
        Commit {
            tenant: "other".to_owned(),
            create: Some(foreign),
            ..taking(id(3), "bob")
        },
    );
    // Taking what one has already is no clash; given up, anybody can take it.
    for (take, drop) in [(vec![[5; 32]], vec![]), (vec![], vec![[5; 32]])] {
        let expected = version(store, "alice");
        let commit = Commit {
            take,
            drop,
            ..put(id(1), expected)
        };
        done(store, commit);
    }
    done(store, taking(id(2), "bob"));
    let digests = [[6; 32], [5; 32]];
    let holders = |tenant| store.holders(tenant, &digests).expect("an answer");
    assert_eq!(holders("default"), [None, Some(id(2))]);
    assert_eq!(holders("other"), [None, Some(id(3))]);
    assert_eq!(store.holders("default", &[]).expect("an answer"), []);
}

fn several_steps_commit_in_order_or_not_at_all<S: Store>(store: &S) {
    let all = |commits| block_on(store.commit_all(commits)).expect("an answer");
    done(store, create(id(1), "alice"));
    let torn = vec![put(id(1), 1), create(id(2), "bob"), put(id(3), 9)];
    assert_eq!(all(torn), Committed::Conflict);
    assert_eq!(version(store, "alice"), 1);
    assert!(!load(store, "bob").known);
    // The second of one version comes too late, in one transaction as well.
    assert_eq!(all(vec![put(id(1), 1), put(id(1), 1)]), Committed::Conflict);
    assert_eq!(version(store, "alice"), 1);
    let whole = vec![put(id(1), 1), create(id(2), "bob"), put(id(2), 1)];
    assert_eq!(all(whole), Committed::Done);
    assert_eq!((version(store, "alice"), version(store, "bob")), (2, 2));
}

fn of_many_commits_at_once_one_per_version_is_done<S: Store>(store: &S) {
    done(store, create(id(1), "alice"));
    for version in 1..=10 {
        let accepted = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    if settle(store, put(id(1), version)) == Committed::Done {
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(accepted.into_inner(), 1, "version {version}");
    }
}

fn names_of_tenants_and_issuers_are_apart<S: Store>(store: &S) {
    let other = |tenant: &str, issuer: &str| Name {
        tenant: tenant.to_owned(),
        issuer: issuer.to_owned(),
        ..name("alice")
    };
    done(store, create(id(1), "alice"));
    for (number, name) in [other("other", "default"), other("default", "other")]
        .into_iter()
        .enumerate()
    {
        assert!(!load_counting(store, &name, &[], NOW).0.known, "{name:?}");
        let new = id(2 + number as u64);
        let commit = Commit {
            create: Some(name.clone()),
            tenant: name.tenant.clone(),
            ..put(new, 0)
        };
        done(store, commit);
        assert_eq!(load_counting(store, &name, &[], NOW).0.id, new);
    }
    assert_eq!(load(store, "alice").id, id(1));
}

fn a_shadow_record_is_nobodys_account<S: Store>(store: &S) {
    done(store, put(SHADOW, 0));
    let found = load(store, "mallory");
    assert!(!found.known);
    assert_eq!(found.record, Some((b"record 1".to_vec(), 1)));
    assert_eq!(settle(store, put(SHADOW, 0)), Committed::Conflict);
    assert_eq!(generation(store, "mallory"), None);
    done(store, create(id(1), "mallory"));
    assert_eq!(load(store, "mallory").id, id(1));
}

fn counts_add_up_within_their_window_kind_key_and_tenant<S: Store>(store: &S) {
    let count = |kind: &str, key, by| (kind.to_owned(), key, by, 60_000);
    let counts = vec![
        count("source", [1; 16], 2),
        count("source", [2; 16], 1),
        count("begin", [1; 16], 5),
    ];
    done(
        store,
        Commit {
            counts: counts.clone(),
            ..create(id(1), "alice")
        },
    );
    done(
        store,
        Commit {
            counts,
            ..put(id(1), 1)
        },
    );
    let asked = [
        ("source", [1; 16]),
        ("source", [2; 16]),
        ("begin", [1; 16]),
        ("begin", [3; 16]),
    ];
    let at = |name: &Name, now| load_counting(store, name, &asked, now).1;
    assert_eq!(at(&name("alice"), NOW), [4, 2, 10, 0]);
    // They are asked for before it is known who somebody is.
    assert_eq!(at(&name("nobody"), NOW), [4, 2, 10, 0]);
    assert_eq!(at(&name("alice"), NOW + 120_000), [0, 0, 0, 0]);
    let foreign = Name {
        tenant: "other".to_owned(),
        ..name("alice")
    };
    assert_eq!(at(&foreign, NOW), [0, 0, 0, 0]);
}

fn what_is_removed_is_gone_with_its_name_and_digests<S: Store>(store: &S) {
    done(
        store,
        Commit {
            take: vec![[5; 32]],
            ..create(id(1), "alice")
        },
    );
    done(
        store,
        Commit {
            write: Write::Remove,
            ..put(id(1), 1)
        },
    );
    assert!(!load(store, "alice").known);
    assert_eq!(generation(store, "alice"), None);
    let again = Commit {
        take: vec![[5; 32]],
        ..create(id(2), "alice")
    };
    done(store, again);
    assert_eq!(
        (load(store, "alice").id, version(store, "alice")),
        (id(2), 1)
    );
}

fn an_ended_session_is_over_and_no_other<S: Store>(store: &S) {
    done(store, create(id(1), "alice"));
    let (over, other) = (SessionId([4; 16]), SessionId([5; 16]));
    let ended = |session| {
        standing(store, "alice", Some(&session))
            .expect("an account")
            .ended
    };
    assert!(!ended(over));
    for _ in 0..2 {
        let end = SessionEnd {
            account: id(1),
            session: over,
            expires: NOW + 60_000,
            audit: "{}".to_owned(),
            now: NOW,
        };
        block_on(store.end_session(end)).expect("ended");
    }
    assert!(ended(over) && !ended(other));
}

fn standing<S: Store>(store: &S, user: &str, session: Option<&SessionId>) -> Option<Standing> {
    store.standing(&name(user), session).expect("an answer")
}

fn generation<S: Store>(store: &S, user: &str) -> Option<u64> {
    standing(store, user, None).map(|standing| standing.generation)
}

fn name(user: &str) -> Name {
    Name {
        tenant: "default".to_owned(),
        issuer: "default".to_owned(),
        user: user.to_owned(),
    }
}

fn id(number: u64) -> AccountId {
    AccountId((u128::from(number) << 64 | 0xA5).to_be_bytes())
}

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
        audit: vec![r#"{"fact":"tested"}"#.to_owned()],
        tenant: "default".to_owned(),
        now: NOW,
    }
}

fn create(id: AccountId, user: &str) -> Commit {
    Commit {
        create: Some(name(user)),
        ..put(id, 0)
    }
}

/// Asks again where there is more to do than the store can: that is no decision.
fn settle<S: Store>(store: &S, commit: Commit) -> Committed {
    loop {
        match block_on(store.commit(commit.clone())) {
            Err(StoreError::Overloaded) => {}
            other => return other.expect("an answer"),
        }
    }
}

fn done<S: Store>(store: &S, commit: Commit) {
    assert_eq!(settle(store, commit), Committed::Done);
}

fn load<S: Store>(store: &S, user: &str) -> Load {
    load_counting(store, &name(user), &[], NOW).0
}

fn load_counting<S: Store>(
    store: &S,
    name: &Name,
    observe: &[(&str, [u8; 16])],
    now: u64,
) -> (Load, Vec<u32>) {
    let observe: Vec<_> = observe
        .iter()
        .map(|(kind, key)| {
            let observation = Observation {
                kind: (*kind).to_owned(),
                count: 0,
                window: 60_000,
            };
            (observation, *key)
        })
        .collect();
    let query = Query {
        name,
        shadow: SHADOW,
        observe: &observe,
        now,
    };
    let found = block_on(store.load(&query)).expect("an answer");
    let counts = found.counts.clone();
    (found, counts)
}

fn version<S: Store>(store: &S, user: &str) -> u64 {
    load(store, user).record.map_or(0, |(_, version)| version)
}
