//! kill -9 in the middle of sign-ins.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use cofactor_tests::api::Client;

use crate::place::{self, Place, short_or_long};
use crate::races::MANY_CODES;

/// Users who sign in during one run, each once.
const USERS: usize = 60;
/// Connections at once.
const CONNECTIONS: usize = 6;

#[test]
fn st_04_what_was_accepted_before_a_kill_is_refused_after_it() {
    let runs = short_or_long(50, 1_000);
    let place = Place::new(MANY_CODES);
    let users: Vec<_> = (0..runs * USERS).map(|n| format!("user-{n}")).collect();
    place.enrol(&users, 6);

    let mut answered: Vec<(String, String)> = Vec::new();
    let (mut replayed, mut unanswered) = (0, 0);
    for (run, group) in users.chunks(USERS).enumerate() {
        let mut host = place.start();
        let log = host.log();
        assert!(
            !log.contains("rolled back") && !log.contains("anchor"),
            "run {run} found the database wanting: {log}"
        );
        let mut client = host.client();
        for (user, code) in answered.drain(..) {
            let reply = client.sign_in(&user, &code).unwrap();
            assert_eq!(reply.status, 200);
            assert_eq!(reply.denied_for(), "code-already-used", "run {run}: {user}");
            replayed += 1;
        }
        // The number of acceptances after which the host is killed: spread over the run, never the same twice in a row.
        let enough = 1 + run * 17 % (USERS - 2 * CONNECTIONS);
        answered = sign_in_until_killed(&mut host, group, enough);
        unanswered += group.len() - answered.len();
        assert!(
            answered.len() >= enough,
            "run {run}: {} of {enough}",
            answered.len()
        );
    }
    eprintln!(
        "{runs} kills, {replayed} replays refused, {unanswered} sign-ins cut off or not begun"
    );

    let host = place.start();
    let mut client = host.client();
    // Nobody is lost: every account is there, and one that was in flight can still sign in.
    for (user, code) in answered {
        assert_eq!(
            client.sign_in(&user, &code).unwrap().denied_for(),
            "code-already-used"
        );
    }
    for user in users.iter().step_by(USERS / 2) {
        let fresh = place::code(user, 6, place::now(), 5);
        assert!(client.sign_in(user, &fresh).unwrap().allowed(), "{user}");
    }
    drop(host);
    let store = place.store();
    assert_eq!(store.count().unwrap(), u64::try_from(users.len()).unwrap());
    store.check().unwrap();
    store.verify_chain().unwrap();
}

/// Signs the users in and kills the host as soon as `enough` were accepted; who was, with which code.
fn sign_in_until_killed(
    host: &mut place::Host,
    users: &[String],
    enough: usize,
) -> Vec<(String, String)> {
    let next = AtomicUsize::new(0);
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| host.client()).collect();
    let (tell, told) = channel();
    std::thread::scope(|scope| {
        for client in &mut clients {
            let (next, tell) = (&next, tell.clone());
            scope.spawn(move || {
                while let Some(user) = users.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let now = place::now();
                    if place::recurs(user, 6, now) {
                        continue;
                    }
                    let code = place::code(user, 6, now, 0);
                    // A broken connection is the kill: this one was not answered, and nothing is said of it.
                    let Ok(reply) = client.sign_in(user, &code) else {
                        return;
                    };
                    assert!(reply.allowed(), "{user}: {:?}", reply.body);
                    tell.send((user.clone(), code)).unwrap();
                }
            });
        }
        drop(tell);
        let mut accepted: Vec<_> = told.iter().take(enough).collect();
        host.running.kill();
        accepted.extend(told);
        accepted
    })
}
