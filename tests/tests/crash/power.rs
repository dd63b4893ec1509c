//! A power cut: kill -9 spares what the system holds in its memory, a power cut does not.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use cofactor::store::embedded::{EmbeddedStore, Options};
use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::Outcome;
use cofactor_runtime::service::Service;
use cofactor_runtime::store::{
    AccountId, Commit, Committed, Load, Name, Query, SessionEnd, SessionId, Standing, Store,
    StoreError,
};
use cofactor_tests::program::{own, wait_for};
use cofactor_tests::scenario::begin;
use tempfile::TempDir;

use crate::place::{self, Host, Place, short_or_long};
use crate::races::MANY_CODES;
use crate::trace::{self, Call, Disk};

/// An acceptance that was answered: who, with which code, and the answer's request id.
struct Accepted {
    user: String,
    code: String,
    request: String,
}

/// A host that ran under strace, and what it answered.
struct Recording {
    place: Place,
    before: Disk,
    calls: Vec<Call>,
    /// Acceptances, each with the line of the trace where its answer was sent.
    accepted: Vec<(usize, Accepted)>,
}

#[test]
fn st_04_what_was_answered_before_a_power_cut_is_refused_after_it() {
    const USERS: usize = 48;
    let users: Vec<_> = (0..USERS).map(|n| format!("user-{n}")).collect();
    // Two halves with a lull between them, in which the log is carried over into the database and begun anew.
    let Some(mut recording) = record(&users, |host, place| {
        let (first, second) = users.split_at(USERS / 2);
        let database = || fs::metadata(place.path("db")).unwrap().modified().unwrap();
        let before = database();
        let mut accepted = sign_in(host, first, 4);
        wait_for("the log to be carried over", || {
            (database() != before).then_some(())
        })
        .unwrap();
        accepted.extend(sign_in(host, second, 4));
        accepted
    }) else {
        return;
    };
    let last = recording.calls.iter().map(|call| call.ended).max().unwrap() + 1;
    // At every answer, when nothing has been done since, and all along the trace.
    let step = (last / short_or_long(60, 2_000)).max(1);
    let mut cuts: Vec<usize> = recording
        .accepted
        .iter()
        .map(|(line, _)| line + 1)
        .collect();
    cuts.extend((step..last).step_by(step));
    cuts.push(last);
    cuts.sort_unstable();
    cuts.dedup();

    let here = Here::default();
    let clock = Arc::new(FixedClock::at(place::now()));
    let service = recording.place.service(here.clone(), clock);
    // The check would notice: on a disk that kept nothing of all this, the first code is good once more.
    let nothing = TempDir::new().unwrap();
    recording.before.cut(nothing.path(), || false);
    let options = Options::new(nothing.path().join("db"), nothing.path().join("anchor"));
    here.put(Arc::new(
        EmbeddedStore::open(&options, place::now()).unwrap(),
    ));
    let (_, first) = &recording.accepted[0];
    let event = place::event(&first.user, begin(Some(&first.code)));
    let again = pollster::block_on(service.step(&place::name(&first.user), event)).unwrap();
    assert!(
        matches!(again.outcome, Outcome::Allow(_)),
        "{:?}",
        again.outcome
    );

    let mut dice = Dice(0x5EED_0FC0_FAC7_0001);
    let (mut replays, mut loose) = (0, 0);
    for cut in &cuts {
        recording.before.advance(&recording.calls, *cut);
        let answered: Vec<&Accepted> = recording
            .accepted
            .iter()
            .filter(|(line, _)| line < cut)
            .map(|(_, accepted)| accepted)
            .collect();
        loose += recording.before.pending();
        // Nothing that was not synced is there; then, some of it.
        for some in [false, true] {
            let left = TempDir::new().unwrap();
            recording.before.cut(left.path(), || some && dice.even());
            refuses(&service, &here, left.path(), &answered, USERS);
            replays += answered.len();
        }
    }
    assert!(
        loose > 0,
        "no cut came between a write and its sync: nothing was tried"
    );
    eprintln!(
        "{} cuts, {} acceptances, {replays} replays refused",
        2 * cuts.len(),
        recording.accepted.len()
    );
}

#[test]
fn pl_09_a_sync_stands_between_commit_and_answer() {
    let users: Vec<_> = (0..5).map(|n| format!("user-{n}")).collect();
    let Some(mut recording) = record(&users, |host, _| sign_in(host, &users, 1)) else {
        return;
    };
    let mut previous = 0;
    for (answered, accepted) in &recording.accepted {
        let user = &accepted.user;
        recording.before.advance(&recording.calls, *answered);
        let log = recording.before.descriptors("db-wal");
        let on_log = |names: [&str; 2]| -> Vec<&Call> {
            recording
                .calls
                .iter()
                .filter(|call| {
                    names.contains(&call.name.as_str()) && log.contains(&call.descriptor())
                })
                .filter(|call| (previous..*answered).contains(&call.begun))
                .collect()
        };
        let write = on_log(["write", "pwrite64"])
            .into_iter()
            .max_by_key(|call| call.ended)
            .unwrap_or_else(|| panic!("nothing was written for {user}"));
        assert!(
            on_log(["fsync", "fdatasync"])
                .iter()
                .any(|sync| sync.begun > write.ended && sync.ended < *answered && sync.result == 0),
            "{user} was answered in line {answered} of the trace; the log was last written in line {} and not synced since",
            write.ended
        );
        previous = *answered;
    }
    assert_eq!(recording.accepted.len(), users.len());
}

/// Runs a host under strace while `act` signs users in, and stops it. None where strace may be missing.
fn record(users: &[String], act: impl FnOnce(&Host, &Place) -> Vec<Accepted>) -> Option<Recording> {
    let place = Place::new(MANY_CODES);
    place.enrol(users, 6);
    let before = Disk::of(place.path("").as_path());
    let elsewhere = TempDir::new().unwrap();
    let file = elsewhere.path().join("trace");
    let command = trace::traced(&own("cofactor").unwrap(), &file)?;
    let mut host = place.start_by(command);
    let accepted = act(&host, &place);
    host.running.stop().unwrap();
    let exit = format!("{} +++ exited with 0 +++", host.running.id());
    let text = wait_for("the end of the trace", || {
        let text = fs::read_to_string(&file).unwrap();
        let ended = text
            .lines()
            .any(|line| line.split_whitespace().eq(exit.split_whitespace()));
        ended.then_some(text)
    })
    .unwrap();
    let calls = trace::read(&text);
    let answers = answers(&calls);
    let mut accepted: Vec<_> = accepted
        .into_iter()
        .map(|accepted| (answers[&accepted.request], accepted))
        .collect();
    accepted.sort_by_key(|(line, _)| *line);
    Some(Recording {
        place,
        before,
        calls,
        accepted,
    })
}

/// Where in the trace each answer was sent, by its request id.
fn answers(calls: &[Call]) -> HashMap<String, usize> {
    calls
        .iter()
        .filter(|call| {
            matches!(
                call.name.as_str(),
                "sendto" | "write" | "writev" | "sendmsg"
            )
        })
        .filter_map(|call| {
            let octets = call.octets();
            let text = String::from_utf8_lossy(&octets);
            let head = text.strip_prefix("HTTP/1.1 200 ")?;
            let id = head
                .lines()
                .find_map(|line| line.strip_prefix("x-request-id: "))?;
            Some((id.to_owned(), call.begun))
        })
        .collect()
}

/// Signs each user in over so many connections at once.
fn sign_in(host: &Host, users: &[String], connections: usize) -> Vec<Accepted> {
    let accepted = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for users in users.chunks(users.len().div_ceil(connections)) {
            let mut client = host.client();
            let accepted = &accepted;
            scope.spawn(move || {
                for user in users {
                    let code = place::code(user, 6, place::now(), 0);
                    let reply = client.sign_in(user, &code).unwrap();
                    assert!(reply.allowed(), "{user}: {}", reply.body);
                    let request = reply.header("x-request-id").unwrap().to_owned();
                    accepted.lock().unwrap().push(Accepted {
                        user: user.clone(),
                        code,
                        request,
                    });
                }
            });
        }
    });
    accepted.into_inner().unwrap()
}

/// Opens what a power cut left: everybody is there, nothing is wrong with it, and what was answered is refused.
fn refuses(
    service: &Service<Here>,
    here: &Here,
    left: &Path,
    answered: &[&Accepted],
    users: usize,
) {
    let options = Options::new(left.join("db"), left.join("anchor"));
    let store = Arc::new(EmbeddedStore::open(&options, place::now()).unwrap());
    assert!(store.findings().is_empty(), "{:?}", store.findings());
    assert_eq!(store.count().unwrap(), u64::try_from(users).unwrap());
    store.check().unwrap();
    store.verify_chain().unwrap();
    here.put(store.clone());
    let events = answered
        .iter()
        .map(|it| {
            (
                place::name(&it.user),
                place::event(&it.user, begin(Some(&it.code))),
            )
        })
        .collect();
    let settled = pollster::block_on(service.step_all(events)).unwrap();
    for (settled, accepted) in settled.iter().zip(answered) {
        match &settled.outcome {
            Outcome::Deny(denial) if denial.internal_reason == "code-already-used" => {}
            other => panic!("{} after a power cut: {other:?}", accepted.user),
        }
    }
    store.close();
}

/// A store in whose place another can be put, so that one loaded component serves many databases.
#[derive(Clone, Default)]
struct Here(Arc<Mutex<Option<Arc<EmbeddedStore>>>>);

impl Here {
    fn put(&self, store: Arc<EmbeddedStore>) {
        *self.0.lock().unwrap() = Some(store);
    }

    fn now(&self) -> Arc<EmbeddedStore> {
        self.0.lock().unwrap().clone().unwrap()
    }
}

impl Store for Here {
    async fn load(&self, query: &Query<'_>) -> Result<Load, StoreError> {
        self.now().load(query).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.now().commit(commit).await
    }

    fn standing(
        &self,
        name: &Name,
        session: Option<&SessionId>,
    ) -> Result<Option<Standing>, StoreError> {
        self.now().standing(name, session)
    }

    fn holders(
        &self,
        tenant: &str,
        digests: &[[u8; 32]],
    ) -> Result<Vec<Option<AccountId>>, StoreError> {
        self.now().holders(tenant, digests)
    }

    async fn end_session(&self, end: SessionEnd) -> Result<(), StoreError> {
        self.now().end_session(end).await
    }

    async fn commit_all(&self, commits: Vec<Commit>) -> Result<Committed, StoreError> {
        self.now().commit_all(commits).await
    }
}

/// xorshift64: the same throws in every run.
struct Dice(u64);

impl Dice {
    fn even(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 & 1 == 0
    }
}
