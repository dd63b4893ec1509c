//! One user's step sees nothing of another's, nothing is told that is not durable, and unknown users cost what known ones do.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::{Action, AdministrationChange, Change, Outcome, Request, Verdict};
use cofactor_runtime::plugin::{Failure, Options, Plugin, PluginError};
use cofactor_runtime::service::{Service, Settled, StepError};
use cofactor_runtime::store::memory::MemoryStore;
use cofactor_runtime::store::{
    AccountId, Commit, Committed, Load, Name, Query, SessionEnd, SessionId, Standing, Store,
    StoreError, Write,
};
use cofactor_tests::hostile;
use cofactor_tests::scenario::{START, Scenario, answer, begin};
use rusqlite::Connection;

use crate::place::{self, Place};
use crate::races::{MANY_CODES, wrong_code};

/// Two users' steps in turn through the one slot of the pool.
#[test]
fn pl_07_no_step_sees_what_another_users_step_left() {
    let options = Options {
        instances: 1,
        ..Options::default()
    };
    let plugin = Plugin::load(cofactor_component::COMPONENT, &options).unwrap();
    let users = ["alice", "bob"].map(|user| {
        let mut scenario = Scenario::new(MANY_CODES).unwrap();
        scenario.origin = cofactor_tests::scenario::origin(user);
        scenario
            .step(place::administer(AdministrationChange::Create))
            .unwrap();
        scenario.step(place::import(user, 6)).unwrap();
        (user, Mutex::new(scenario))
    });
    let policy = plugin.compile_policy(MANY_CODES).unwrap().unwrap();
    for round in 0..40 {
        let (user, scenario) = &users[round % 2];
        let (other, _) = &users[(round + 1) % 2];
        let mut scenario = scenario.lock().unwrap();
        scenario.now += 30_000;
        let code = if round % 8 < 4 {
            place::code(user, 6, scenario.now, 0)
        } else {
            wrong_code(user, scenario.now)
        };
        let action = if round % 5 == 4 {
            begin(None)
        } else {
            begin(Some(&code))
        };
        let event = scenario.event(action);
        let transition = plugin
            .step(
                &policy,
                &scenario.context(),
                scenario.record.as_deref(),
                &event,
            )
            .unwrap();
        let view = plugin.view(scenario.record.as_deref().unwrap()).unwrap();
        let mut told = vec![
            format!("{:?}", transition.outcome),
            format!("{:?}", transition.effects),
            format!("{:?}", transition.audit),
            serde_json::to_string(&transition).unwrap(),
            serde_json::to_string(&view).unwrap(),
        ];
        if let Change::Write(record) = transition.account {
            // The user's own key is in the record, and nowhere else.
            assert!(holds(&record, &place::key(user)), "round {round}");
            assert!(!holds(&record, &place::key(other)), "round {round}");
            told[3] = told[3].replace(&hex::encode(&record), "");
            scenario.record = Some(record);
        }
        for text in told {
            for canary in [user, other] {
                let key = place::key(canary);
                let forms = [
                    hex::encode(&key),
                    cofactor_guest::base32::encode(&key).to_string(),
                ];
                assert!(
                    !holds(text.as_bytes(), &key) && forms.iter().all(|form| !text.contains(form)),
                    "round {round}: {canary}'s key in {text}"
                );
            }
        }
    }
}

/// A component that looks for what its last step left, in memory and in a global, and would tell by looping for ever.
#[test]
fn pl_07_an_instance_starts_from_nothing() {
    let bytes = hostile::component(
        "(if (i32.or (i32.load (i32.const 131072)) (i32.gt_u (global.get $next) (i32.const 80000)))
           (then (loop $again (br $again))))
         (memory.fill (i32.const 131072) (i32.const 165) (i32.const 65536))
         (global.set $next (i32.const 90000))
         (unreachable)",
    )
    .unwrap();
    let options = Options {
        instances: 1,
        ..Options::default()
    };
    let plugin = Plugin::load(&bytes, &options).unwrap();
    let policy = plugin.compile_policy("").unwrap().unwrap();
    let mut scenario = Scenario::new("").unwrap();
    for round in 0..200 {
        let event = scenario.event(begin(None));
        match plugin.step(&policy, &scenario.context(), None, &event) {
            Err(PluginError::Fault(Failure::Trap(_))) => {}
            other => panic!("round {round}: {other:?}"),
        }
    }
}

/// A store whose commits end as it is told, and that keeps a note of all that it was asked.
pub(crate) struct Told {
    inner: MemoryStore,
    end: Mutex<End>,
    asked: Mutex<Vec<String>>,
}

#[derive(Clone, Copy)]
pub(crate) enum End {
    /// As they should.
    Well,
    /// Not at all: the store cannot be reached.
    Unavailable,
    /// Somebody else is always faster.
    Conflict,
    /// It is done, but the answer is lost.
    Lost,
    /// As they should, but the account's record has gone meanwhile.
    Emptied,
}

impl Told {
    pub(crate) fn new() -> Self {
        Self {
            inner: MemoryStore::new(),
            end: Mutex::new(End::Well),
            asked: Mutex::default(),
        }
    }

    pub(crate) fn end(&self, end: End) {
        *self.end.lock().unwrap() = end;
    }
}

impl Store for Told {
    async fn load(&self, query: &Query<'_>) -> Result<Load, StoreError> {
        self.asked.lock().unwrap().push("load".into());
        let mut load = self.inner.load(query).await?;
        if matches!(*self.end.lock().unwrap(), End::Emptied) {
            load.record = None;
        }
        Ok(load)
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.asked.lock().unwrap().push("commit".into());
        let end = *self.end.lock().unwrap();
        match end {
            End::Well | End::Emptied => self.inner.commit(commit).await,
            End::Unavailable => Err(StoreError::Unavailable("told to".into())),
            End::Conflict => Ok(Committed::Conflict),
            End::Lost => {
                self.inner.commit(commit).await?;
                Err(StoreError::Unavailable("the answer was lost".into()))
            }
        }
    }

    fn standing(
        &self,
        name: &Name,
        session: Option<&SessionId>,
    ) -> Result<Option<Standing>, StoreError> {
        self.inner.standing(name, session)
    }

    fn holders(
        &self,
        tenant: &str,
        digests: &[[u8; 32]],
    ) -> Result<Vec<Option<AccountId>>, StoreError> {
        self.inner.holders(tenant, digests)
    }

    async fn end_session(&self, end: SessionEnd) -> Result<(), StoreError> {
        self.inner.end_session(end).await
    }

    async fn commit_all(&self, commits: Vec<Commit>) -> Result<Committed, StoreError> {
        self.inner.commit_all(commits).await
    }
}

#[test]
fn pl_09_an_outcome_is_not_released_unless_it_was_committed() {
    let place = Place::new(MANY_CODES);
    let clock = Arc::new(FixedClock::at(START));
    let service = place.service(Told::new(), clock);
    step(&service, "alice", place::import("alice", 6)).unwrap();
    let sign_in = |code: &str| step(&service, "alice", begin(Some(code)));
    let code = |step| place::code("alice", 6, START, step);

    service.store().end(End::Unavailable);
    let error = sign_in(&code(0)).unwrap_err();
    assert!(matches!(error, StepError::Unavailable(_)), "{error}");
    service.store().asked.lock().unwrap().clear();
    service.store().end(End::Conflict);
    let error = sign_in(&code(0)).unwrap_err();
    assert!(matches!(error, StepError::Overloaded), "{error}");
    let asked = std::mem::take(&mut *service.store().asked.lock().unwrap());
    assert_eq!(
        asked,
        ["load", "commit"].repeat(8),
        "eight attempts, each on what is stored then"
    );

    // What was not committed did not happen: the code is good, once.
    service.store().end(End::Well);
    assert!(matches!(
        sign_in(&code(0)).unwrap().outcome,
        Outcome::Allow(_)
    ));
    assert_eq!(reason(&sign_in(&code(0)).unwrap()), "code-already-used");

    // What was committed did, though nobody was told. The same request is told then; another one is refused.
    service.store().end(End::Lost);
    let event = place::event("alice", begin(Some(&code(1))));
    let again = |event| pollster::block_on(service.step(&place::name("alice"), event));
    assert!(matches!(
        again(event.clone()).unwrap_err(),
        StepError::Unavailable(_)
    ));
    service.store().end(End::Well);
    assert!(matches!(again(event).unwrap().outcome, Outcome::Allow(_)));
    assert_eq!(reason(&sign_in(&code(1)).unwrap()), "code-already-used");
}

#[test]
fn otp_05_a_clock_that_goes_back_revives_no_code() {
    let place = Place::new(MANY_CODES);
    let clock = Arc::new(FixedClock::at(START));
    place.ring();
    let service = place.service(place.store(), clock.clone());
    step(&service, "alice", place::import("alice", 6)).unwrap();
    let at = |now: u64, of: u64| {
        clock.set(now);
        step(
            &service,
            "alice",
            begin(Some(&place::code("alice", 6, of, 0))),
        )
        .unwrap()
    };
    assert!(matches!(at(START, START).outcome, Outcome::Allow(_)));
    let back = START - 600_000;
    for of in [START, back, back - 30_000, back + 30_000] {
        assert_eq!(reason(&at(back, of)), "clock-fault");
    }
    let alarms = service.store().audit(0, 1_000).unwrap();
    assert_eq!(
        alarms
            .iter()
            .filter(|(_, _, row)| row.contains("clock-fault"))
            .count(),
        4
    );
    // A little back is no fault, but nothing that was accepted is accepted again, nor is anything older.
    for of in [START, START - 30_000, START - 60_000] {
        assert_eq!(reason(&at(START - 60_000, of)), "code-already-used");
    }
    assert_eq!(reason(&at(START, START)), "code-already-used");
    assert!(matches!(
        at(START + 30_000, START + 30_000).outcome,
        Outcome::Allow(_)
    ));
    // An administrator may say that the clock was wrong before: accepted steps stay dead all the same.
    clock.set(back);
    step(
        &service,
        "alice",
        place::administer(AdministrationChange::ResetClock),
    )
    .unwrap();
    assert_eq!(reason(&at(back, back)), "code-already-used");
    assert_eq!(
        reason(&at(START + 30_000, START + 30_000)),
        "code-already-used"
    );
}

#[test]
fn otp_06_a_clock_that_goes_forward_unlocks_nothing_early() {
    const DAY: u64 = 86_400_000;
    let place = Place::new(
        "[throttle]\ndelay-after = 5\nlock-after = 5\nlock-for = \"1d\"\nlock-max = \"30d\"\n[session]\nlifetime = \"12h\"\n",
    );
    place.ring();
    let clock = Arc::new(FixedClock::at(START));
    let service = place.service(place.store(), clock.clone());
    let name = place::name("alice");
    step(&service, "alice", place::import("alice", 6)).unwrap();
    let at = |now: u64, action: Action| {
        clock.set(now);
        step(&service, "alice", action).unwrap()
    };
    let right = |now| begin(Some(&place::code("alice", 6, now, 0)));
    let Outcome::Allow(allowance) = at(START, right(START)).outcome else {
        panic!("not let in");
    };
    let Outcome::Challenge(open) = at(START + 30_000, begin(None)).outcome else {
        panic!("no challenge");
    };
    for n in 0..5 {
        let now = START + 60_000 + n;
        at(now, begin(Some(&wrong_code("alice", now))));
    }
    assert_eq!(reason(&at(START + 90_000, right(START + 90_000))), "locked");

    // An hour's jump takes an hour off the lock, not more.
    let jumped = START + 3_600_000;
    assert_eq!(reason(&at(jumped, right(jumped))), "locked");
    let late = START + DAY;
    assert_eq!(reason(&at(late, right(late))), "locked");
    // A month: what was to end has ended, none of it the other way round.
    let month = START + 30 * DAY;
    assert_eq!(
        reason(&at(
            month,
            answer(&open.id, &place::code("alice", 6, month, 0))
        )),
        "challenge-unknown",
        "it ended, and what was written since does not carry it on"
    );
    let request = Request {
        application: "example".into(),
        host: "example.com".into(),
        path: "/".into(),
        method: "GET".into(),
        address: None,
        generation: 0,
        ended: false,
    };
    let verdict = service
        .authorize(&name, None, &allowance.claims, request)
        .unwrap();
    assert!(!matches!(verdict, Verdict::Pass(_)), "{verdict:?}");
    assert!(matches!(at(month, right(month)).outcome, Outcome::Allow(_)));
    // And back again: a fault that is alarmed, not a sign-in.
    assert_eq!(
        reason(&at(START + 120_000, right(START + 120_000))),
        "clock-fault"
    );
}

/// The embedded store, with a note of the shape of everything that it was asked.
struct Noted {
    inner: cofactor::store::embedded::EmbeddedStore,
    asked: Mutex<Vec<String>>,
    commits: AtomicU32,
}

impl Noted {
    fn note(&self, what: String) {
        self.asked.lock().unwrap().push(what);
    }
}

/// What a commit asks for, without whose it is.
fn shape(commit: &Commit) -> String {
    let write = match &commit.write {
        Write::Keep => "keep".to_owned(),
        Write::Put(_) => "put".to_owned(),
        Write::Remove => "remove".to_owned(),
    };
    let kinds: Vec<&str> = commit
        .counts
        .iter()
        .map(|(kind, ..)| kind.as_str())
        .collect();
    format!(
        "commit: {write}, name {}, counts {kinds:?}, claims {}, effects {}, audit {}",
        commit.create.is_some(),
        commit.take.len() + commit.drop.len(),
        commit.outbox.len(),
        commit.audit.len()
    )
}

impl Store for Noted {
    async fn load(&self, query: &Query<'_>) -> Result<Load, StoreError> {
        self.note(format!("load with {} counts", query.observe.len()));
        self.inner.load(query).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.note(shape(&commit));
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.inner.commit(commit).await
    }

    fn standing(
        &self,
        name: &Name,
        session: Option<&SessionId>,
    ) -> Result<Option<Standing>, StoreError> {
        self.note("standing".into());
        self.inner.standing(name, session)
    }

    fn holders(
        &self,
        tenant: &str,
        digests: &[[u8; 32]],
    ) -> Result<Vec<Option<AccountId>>, StoreError> {
        self.inner.holders(tenant, digests)
    }

    async fn end_session(&self, end: SessionEnd) -> Result<(), StoreError> {
        self.note("end".into());
        self.inner.end_session(end).await
    }

    async fn commit_all(&self, commits: Vec<Commit>) -> Result<Committed, StoreError> {
        self.inner.commit_all(commits).await
    }
}

/// Rows of every table, and changed rows since the database was opened.
fn rows(place: &Place) -> Vec<i64> {
    let connection = Connection::open(place.path("db")).unwrap();
    ["names", "claims", "counts", "outbox", "audit"]
        .iter()
        .map(|table| {
            connection
                .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| {
                    row.get(0)
                })
                .unwrap()
        })
        .collect()
}

#[test]
fn bf_09_unknown_users_cost_the_store_what_known_ones_cost() {
    let place = Place::new("[accounts]\nprovision = \"known-only\"\n");
    place.enrol(&["alice".to_owned()], 6);
    let clock = Arc::new(FixedClock::at(place::now()));
    let store = Noted {
        inner: place.store(),
        asked: Mutex::default(),
        commits: AtomicU32::new(0),
    };
    let service = place.service(store, clock.clone());
    // One user after the other does the same at the same times: begins, answers wrong, guesses until locked, goes on.
    let start = place::now();
    let life = |user: &str| {
        let mut told = Vec::new();
        let mut open = String::new();
        for n in 0..24u64 {
            let now = start + n * if n < 12 { 1_000 } else { 60_000 };
            clock.set(now);
            let wrong = wrong_code("alice", now);
            let action = match n {
                0 => begin(None),
                1..4 => answer(&open, &wrong),
                4 => answer(&"00".repeat(16), &wrong),
                _ => begin(Some(&wrong)),
            };
            let mut event = place::event(user, action);
            event.origin.address = Some("192.0.2.9".into());
            let before = rows(&place);
            let settled = pollster::block_on(service.step(&place::name(user), event)).unwrap();
            if let Outcome::Challenge(challenge) = &settled.outcome {
                open = challenge.id.clone();
            }
            let public = match &settled.outcome {
                Outcome::Deny(denial) => denial.public_reason.clone(),
                Outcome::Challenge(challenge) => format!("challenge after {:?}", challenge.after),
                other => panic!("{other:?}"),
            };
            let grown: Vec<i64> = rows(&place)
                .iter()
                .zip(&before)
                .map(|(after, before)| after - before)
                .collect();
            let asked = std::mem::take(&mut *service.store().asked.lock().unwrap());
            // Counts are rows of the address, which both share: the first makes them, the second adds to them.
            told.push((asked, public, [grown[0], grown[1], grown[3], grown[4]]));
        }
        told
    };
    let (known, unknown) = (life("alice"), life("nobody"));
    for (n, (known, unknown)) in known.iter().zip(&unknown).enumerate() {
        assert_eq!(known, unknown, "event {n}");
    }
    assert!(service.store().commits.load(Ordering::SeqCst) > 40);
    // Asking after a session costs the same as well: one read, whoever is meant.
    for user in ["alice", "nobody"] {
        service.standing(&place::name(user), None).unwrap();
        let asked = std::mem::take(&mut *service.store().asked.lock().unwrap());
        assert_eq!(asked, ["standing"]);
    }
}

pub(crate) fn step<S: Store>(
    service: &Service<S>,
    user: &str,
    action: Action,
) -> Result<Settled, StepError> {
    pollster::block_on(service.step(&place::name(user), place::event(user, action)))
}

pub(crate) fn reason(settled: &Settled) -> &str {
    match &settled.outcome {
        Outcome::Deny(denial) => &denial.internal_reason,
        other => panic!("not denied: {other:?}"),
    }
}

fn holds(octets: &[u8], wanted: &[u8]) -> bool {
    octets.windows(wanted.len()).any(|window| window == wanted)
}
