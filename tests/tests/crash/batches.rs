//! Changes that are committed together: each is judged by those before it, and a lost race is judged again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::{AdministrationChange, Event, Outcome, Token};
use cofactor_runtime::service::StepError;
use cofactor_runtime::store::memory::MemoryStore;
use cofactor_runtime::store::{
    AccountId, Commit, Committed, Load, Name, Query, SessionEnd, SessionId, Standing, Store,
    StoreError,
};
use cofactor_tests::scenario::{START, begin};
use pollster::block_on;

use super::place::{self, Place};

fn token(user: &str, serial: &str, key: u8) -> (Name, Event) {
    let token = Token {
        serial: serial.into(),
        manufacturer: "Acme".into(),
        model: String::new(),
        method: "hotp".into(),
        secret: vec![key; 20],
        algorithm: "SHA1".into(),
        digits: 6,
        period: 0,
        counter: 0,
        suite: String::new(),
        starts: None,
        expires: None,
    };
    change(user, AdministrationChange::ImportToken(token))
}

fn change(user: &str, change: AdministrationChange) -> (Name, Event) {
    (
        place::name(user),
        place::event(user, place::administer(change)),
    )
}

/// Empty where it was done.
fn reasons(settled: &[cofactor_runtime::service::Settled]) -> Vec<String> {
    let reason = |outcome: &Outcome| match outcome {
        Outcome::Deny(denial) => denial.internal_reason.clone(),
        _ => String::new(),
    };
    settled.iter().map(|it| reason(&it.outcome)).collect()
}

#[test]
fn changes_of_one_user_are_judged_one_after_the_other_and_committed_together() {
    let place = Place::new("");
    let service = place.service(MemoryStore::new(), Arc::new(FixedClock::at(START)));
    let three = || {
        vec![
            token("alice", "1", 1),
            token("bob", "2", 2),
            token("alice", "3", 3),
            change("alice", AdministrationChange::Block),
        ]
    };
    let rehearsed = block_on(service.rehearse_all(three())).unwrap();
    assert_eq!(reasons(&rehearsed), ["", "", "", ""]);
    assert!(service.store().audit().is_empty());
    let batch = block_on(service.administer_all(three())).unwrap();
    assert!(batch.committed);
    assert_eq!(batch.settled[0].account, batch.settled[2].account);
    assert_ne!(batch.settled[0].account, batch.settled[1].account);
    let view = block_on(service.view(&place::name("alice")))
        .unwrap()
        .unwrap();
    assert_eq!((view.credentials.len(), view.blocked), (2, true));
    let rows = service.store().audit().len();

    // The fourth is refused for what the second would have taken, and nothing stays of any.
    let clash = vec![
        token("carol", "8", 8),
        token("carol", "9", 9),
        token("dave", "7", 7),
        token("dave", "9", 6),
    ];
    let batch = block_on(service.administer_all(clash)).unwrap();
    assert_eq!(reasons(&batch.settled), ["", "", "", "already-claimed"]);
    assert!(!batch.committed);
    // What is stored already, and a field that is no good.
    let mut bad = token("carol", "8", 8);
    if let cofactor_runtime::contract::Action::Administer(act) = &mut bad.1.action
        && let AdministrationChange::ImportToken(token) = &mut act.change
    {
        token.digits = 9;
    }
    let batch = block_on(service.administer_all(vec![token("carol", "1", 9), bad])).unwrap();
    assert_eq!(
        reasons(&batch.settled),
        ["already-claimed", "import-invalid"]
    );
    let fields: Vec<_> = batch.settled.iter().map(|it| it.field.as_deref()).collect();
    assert_eq!(fields, [None, Some("digits")]);
    assert_eq!(service.store().audit().len(), rows);
    assert!(
        block_on(service.view(&place::name("carol")))
            .unwrap()
            .is_none()
    );
}

#[test]
fn only_changes_that_may_fall_together_are_made_together() {
    let place = Place::new("");
    let service = place.service(MemoryStore::new(), Arc::new(FixedClock::at(START)));
    let refused = |events: Vec<(Name, Event)>| {
        let error = block_on(service.administer_all(events)).unwrap_err();
        assert!(matches!(error, StepError::BadRequest(_)), "{error}");
    };
    // A failure has to count, whatever becomes of the others.
    let sign_in = place::event("alice", begin(Some("000000")));
    refused(vec![
        token("alice", "1", 1),
        (place::name("alice"), sign_in),
    ]);
    refused(vec![
        token("alice", "1", 1),
        change("alice", AdministrationChange::Remove),
    ]);
    assert!(service.store().audit().is_empty());
}

/// A store in which somebody else is faster, so many times.
struct Slow(MemoryStore, AtomicUsize, Committed);

impl Store for Slow {
    async fn load(&self, query: &Query<'_>) -> Result<Load, StoreError> {
        self.0.load(query).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.0.commit(commit).await
    }

    fn standing(
        &self,
        name: &Name,
        session: Option<&SessionId>,
    ) -> Result<Option<Standing>, StoreError> {
        self.0.standing(name, session)
    }

    fn holders(
        &self,
        tenant: &str,
        digests: &[[u8; 32]],
    ) -> Result<Vec<Option<AccountId>>, StoreError> {
        self.0.holders(tenant, digests)
    }

    async fn end_session(&self, end: SessionEnd) -> Result<(), StoreError> {
        self.0.end_session(end).await
    }

    async fn commit_all(&self, commits: Vec<Commit>) -> Result<Committed, StoreError> {
        let lost = self
            .1
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        match lost {
            Ok(_) => Ok(self.2),
            Err(_) => self.0.commit_all(commits).await,
        }
    }
}

#[test]
fn a_batch_that_loses_a_race_is_judged_again_and_gives_up_as_overloaded() {
    let place = Place::new("");
    for lost in [Committed::Conflict, Committed::Clash] {
        for (times, wins) in [(7, true), (8, false)] {
            let store = Slow(MemoryStore::new(), AtomicUsize::new(times), lost);
            let service = place.service(store, Arc::new(FixedClock::at(START)));
            let events = vec![token("alice", "1", 1), token("bob", "2", 2)];
            let batch = block_on(service.administer_all(events));
            match batch {
                Ok(batch) => assert!(wins && batch.committed),
                Err(error) => assert!(!wins && matches!(error, StepError::Overloaded)),
            }
            assert_eq!(service.store().0.audit().is_empty(), !wins);
        }
    }
}
