//! Many connections, two hosts, one database.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::Outcome;
use cofactor_runtime::service::StepError;
use cofactor_tests::api::Client;
use cofactor_tests::scenario::{START, begin};

use crate::place::{self, Host, Place, short_or_long};

/// Codes of ten steps each way, so that one account has many fresh codes at one time; no back-off between rounds.
pub(crate) const MANY_CODES: &str = r#"
    [totp]
    window = 10
    drift-cap = 10
    [throttle]
    delay-after = 100
    lock-after = 100
    account-lock-after = 1000
    [sources]
    failures = 0
    begins = 0
"#;

/// Steps of one account that the race uses, from the oldest to the newest: two less each way than the policy takes, for
/// the time that passes meanwhile.
const STEPS: std::ops::RangeInclusive<i64> = -8..=8;

/// Connections to each of the two hosts.
const CONNECTIONS: usize = 4;

#[test]
fn otp_02_two_processes_accept_a_code_once() {
    let rounds = short_or_long(200, 100_000);
    let an_account = STEPS.count();
    let place = Place::new(MANY_CODES);
    let users: Vec<_> = (0..rounds.div_ceil(an_account))
        .map(|n| format!("user-{n}"))
        .collect();
    // Eight digits, so that in a hundred thousand rounds hardly any code is that of two steps in its window.
    place.enrol(&users, 8);
    let hosts = [place.start(), place.start()];

    let clock = AtomicU64::new(0);
    let barrier = Barrier::new(2 * CONNECTIONS);
    let answers: Mutex<BTreeMap<String, usize>> = Mutex::default();
    let accepted: Vec<Vec<bool>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2 * CONNECTIONS)
            .map(|thread| {
                let mut client = hosts[thread % 2].client();
                let (clock, barrier, answers, users) = (&clock, &barrier, &answers, &users);
                scope.spawn(move || {
                    let mut accepted = Vec::with_capacity(rounds);
                    for round in 0..rounds {
                        if thread == 0 && round % an_account == 0 {
                            clock.store(place::now(), Ordering::SeqCst);
                        }
                        barrier.wait();
                        let user = &users[round / an_account];
                        let step = STEPS.start() + i64::try_from(round % an_account).unwrap();
                        let code = place::code(user, 8, clock.load(Ordering::SeqCst), step);
                        barrier.wait();
                        let reply = client.sign_in(user, &code).unwrap();
                        accepted.push(reply.allowed());
                        let word = match reply.status {
                            200 if reply.allowed() => "allow".to_owned(),
                            200 => reply.denied_for().to_owned(),
                            status => status.to_string(),
                        };
                        *answers.lock().unwrap().entry(word).or_default() += 1;
                    }
                    accepted
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let answers = answers.into_inner().unwrap();
    eprintln!(
        "{rounds} rounds of {} connections: {answers:?}",
        2 * CONNECTIONS
    );
    for round in 0..rounds {
        let times = accepted.iter().filter(|thread| thread[round]).count();
        assert_eq!(times, 1, "round {round}: {answers:?}");
    }
    // Whoever lost was judged and told so, or was asked to come again; nothing else happened.
    let known = ["allow", "code-already-used", "503"];
    assert!(
        answers.keys().all(|word| known.contains(&word.as_str())),
        "{answers:?}"
    );
    // Both hosts won some rounds: they did race.
    for host in 0..2 {
        assert!(
            accepted
                .iter()
                .skip(host)
                .step_by(2)
                .flatten()
                .any(|won| *won),
            "host {host} never won"
        );
    }
    drop(hosts);
    assert!(place.cofactor(&["audit", "verify"]).status.success());
}

#[test]
fn otp_03_sixty_four_threads_over_the_real_store_accept_a_code_once() {
    const THREADS: usize = 64;
    let rounds = u64::try_from(short_or_long(500, 10_000)).unwrap();
    let place = Place::new(MANY_CODES);
    place.ring();
    let clock = Arc::new(FixedClock::at(START));
    let service = place.service(place.store(), clock.clone());
    let name = place::name("alice");
    pollster::block_on(service.step(&name, place::event("alice", place::import("alice", 6))))
        .unwrap();

    let barrier = Barrier::new(THREADS);
    let accepted: Vec<AtomicU64> = (0..rounds).map(|_| AtomicU64::new(0)).collect();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (barrier, service, name, clock, accepted) =
                (&barrier, &service, &name, &clock, &accepted);
            scope.spawn(move || {
                for round in 0..rounds {
                    // A day later: past everything of the round before.
                    let now = START + (round + 1) * 86_400_000;
                    if thread == 0 {
                        clock.set(now);
                    }
                    let code = place::code("alice", 6, now, 0);
                    barrier.wait();
                    let event = place::event("alice", begin(Some(&code)));
                    match pollster::block_on(service.step(name, event)) {
                        Ok(settled) => {
                            if matches!(settled.outcome, Outcome::Allow(_)) {
                                accepted[usize::try_from(round).unwrap()]
                                    .fetch_add(1, Ordering::SeqCst);
                            }
                        }
                        Err(StepError::Overloaded) => {}
                        Err(error) => panic!("{error}"),
                    }
                    barrier.wait();
                }
            });
        }
    });
    for (round, accepted) in accepted.iter().enumerate() {
        assert_eq!(accepted.load(Ordering::SeqCst), 1, "round {round}");
    }
    service.store().verify_chain().unwrap();
}

/// The allowance of one account is one, however many connections and hosts guess at once.
#[test]
fn bf_05_two_processes_and_many_connections_share_one_allowance() {
    const ALLOWED: u64 = 10;
    const GUESSES: usize = 40;
    let place = Place::new(&format!(
        "[throttle]\ndelay-after = {ALLOWED}\nlock-after = {ALLOWED}\nlock-for = \"1d\"\nlock-max = \"1d\"\n[sources]\nfailures = 0\nbegins = 0\n"
    ));
    place.enrol(&["alice".to_owned()], 6);
    let hosts = [place.start(), place.start()];
    let answers = guess(&hosts, GUESSES, |_| "alice".to_owned(), None);
    let judged = answers.get("incorrect-code").copied().unwrap_or_default();
    assert_eq!(judged, ALLOWED, "{answers:?}");
    let known = ["incorrect-code", "locked", "503"];
    assert!(
        answers.keys().all(|word| known.contains(&word.as_str())),
        "{answers:?}"
    );
    // The right code does not come through either, and the answer does not tell.
    let mut client = hosts[1].client();
    let reply = client
        .sign_in("alice", &place::code("alice", 6, place::now(), 0))
        .unwrap();
    assert_eq!(reply.denied_for(), "locked");
    assert_eq!(
        reply.body["outcome"]["deny"]["public-reason"],
        "incorrect-code"
    );
}

/// One guess on each of many users from one address: the address runs out, whichever host it asks.
#[test]
fn bf_06_spraying_from_one_address_is_throttled() {
    const ALLOWED: u64 = 20;
    const GUESSES: usize = 20;
    let place = Place::new(&format!("[sources]\nfailures = {ALLOWED}\nbegins = 0\n"));
    let users: Vec<_> = (0..8 * GUESSES).map(|n| format!("user-{n}")).collect();
    place.enrol(&users, 6);
    let hosts = [place.start(), place.start()];
    let answers = guess(&hosts, GUESSES, |n| users[n].clone(), Some("192.0.2.7"));
    let judged = answers["incorrect-code"];
    // Steps that run at the same time on different accounts may each see the count before the other's: one a connection.
    assert!((ALLOWED..ALLOWED + 8).contains(&judged), "{answers:?}");
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(
        answers["source-throttled"],
        8 * u64::try_from(GUESSES).unwrap() - judged
    );
    // Another address is not affected, and neither are users without one.
    let mut client = hosts[0].client();
    let code = |user: &str| place::code(user, 6, place::now(), 0);
    client.address = Some("192.0.2.7".to_owned());
    let user = users.last().unwrap();
    assert_eq!(
        client.sign_in(user, &code(user)).unwrap().denied_for(),
        "source-throttled"
    );
    client.address = Some("192.0.2.8".to_owned());
    assert!(client.sign_in(user, &code(user)).unwrap().allowed());
}

/// Sign-ins that are begun and never finished: each would keep a challenge in somebody's record.
#[test]
fn ch_07_a_flood_of_begins_from_one_address_is_cut_off() {
    const ALLOWED: usize = 20;
    let place = Place::new(&format!("[sources]\nfailures = 0\nbegins = {ALLOWED}\n"));
    let users: Vec<_> = (0..10).map(|n| format!("user-{n}")).collect();
    place.enrol(&users, 6);
    let host = place.start();
    let mut client = host.client();
    let mut answers = BTreeMap::<String, usize>::new();
    // Known users and unknown ones, in turns.
    let flood = |client: &mut Client, answers: &mut BTreeMap<String, usize>, times| {
        for n in 0..times {
            let user = match n % 2 {
                0 => users[n / 2 % users.len()].clone(),
                _ => format!("nobody-{n}"),
            };
            let reply = client.act(&user, &begin(None)).unwrap();
            assert_eq!(reply.status, 200, "{}", reply.body);
            let word = match reply.body.pointer("/outcome/deny") {
                Some(_) => reply.denied_for(),
                None => "asked",
            };
            *answers.entry(word.to_owned()).or_default() += 1;
        }
    };
    client.address = Some("2001:db8:1:2::1".to_owned());
    flood(&mut client, &mut answers, 10 * ALLOWED);
    assert_eq!(answers["asked"], ALLOWED, "{answers:?}");
    assert_eq!(answers["source-throttled"], 9 * ALLOWED, "{answers:?}");
    // Another address of the same network is the same source.
    client.address = Some("2001:db8:1:2:3:4:5:6".to_owned());
    flood(&mut client, &mut answers, 4);
    assert_eq!(answers["asked"], ALLOWED, "{answers:?}");
    // Whoever comes from elsewhere is asked, those users too.
    client.address = Some("192.0.2.7".to_owned());
    flood(&mut client, &mut answers, 4);
    assert_eq!(answers["asked"], ALLOWED + 4, "{answers:?}");
}

/// Wrong codes from four connections to each host at once, each as often as asked; what was answered.
fn guess(
    hosts: &[Host; 2],
    guesses: usize,
    user: impl Fn(usize) -> String + Sync,
    address: Option<&str>,
) -> BTreeMap<String, u64> {
    let barrier = Barrier::new(2 * CONNECTIONS);
    let answers: Mutex<BTreeMap<String, u64>> = Mutex::default();
    std::thread::scope(|scope| {
        for thread in 0..2 * CONNECTIONS {
            let mut client = hosts[thread % 2].client();
            client.address = address.map(str::to_owned);
            let (barrier, answers, user) = (&barrier, &answers, &user);
            scope.spawn(move || {
                barrier.wait();
                for guess in 0..guesses {
                    let user = user(thread * guesses + guess);
                    let wrong = wrong_code(&user, place::now());
                    let reply = client.sign_in(&user, &wrong).unwrap();
                    assert!(!reply.allowed());
                    let word = match reply.status {
                        200 => reply.denied_for().to_owned(),
                        status => status.to_string(),
                    };
                    *answers.lock().unwrap().entry(word).or_default() += 1;
                }
            });
        }
    });
    answers.into_inner().unwrap()
}

/// A code that is right at none of the steps around `at`.
pub(crate) fn wrong_code(user: &str, at: u64) -> String {
    let right: Vec<_> = (-12..=12)
        .map(|step| place::code(user, 6, at, step))
        .collect();
    (0..)
        .map(|n| format!("{n:06}"))
        .find(|code| !right.contains(code))
        .unwrap()
}
