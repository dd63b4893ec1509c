//! Keys are changed by the operator's commands, on a database that is in use.

use crate::place::{self, Place};
use crate::races::MANY_CODES;

#[test]
fn users_sign_in_after_keys_were_rotated_and_the_old_ones_retired() {
    let place = Place::new(MANY_CODES);
    place.enrol(&["alice".to_owned(), "bob".to_owned()], 6);
    let at = place::now();
    let code = |user: &str, step| place::code(user, 6, at, step);
    let generations = || {
        let listed = place.cofactor(&["keys", "list", "--json"]);
        let listed = String::from_utf8(listed.stdout).unwrap();
        let ids = place::json_lines(&listed).map(|line| line["id"].as_u64().unwrap());
        ids.collect::<Vec<_>>()
    };
    let done = |command: &str| {
        let output = place.cofactor(&["keys", command]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {said}");
    };
    let first = generations();
    assert_eq!(first.len(), 1);
    let mut host = place.start();
    assert!(
        host.client()
            .sign_in("alice", &code("alice", -6))
            .unwrap()
            .allowed()
    );
    host.running.stop().unwrap();

    done("rotate");
    let both = generations();
    assert_eq!(both.len(), 2);
    assert_eq!(both[1], first[0], "the newest comes first");
    let mut host = place.start();
    let mut client = host.client();
    // What was used stays used, and what was not is good; also for somebody who was not there in between.
    let again = client.sign_in("alice", &code("alice", -6)).unwrap();
    assert_eq!(again.denied_for(), "code-already-used");
    assert!(
        client
            .sign_in("alice", &code("alice", -5))
            .unwrap()
            .allowed()
    );
    drop(client);
    host.running.stop().unwrap();

    // Notices that wait are sealed with the old key, and are not lost in silence. A day later they have expired.
    let early = place.cofactor(&["keys", "retire"]);
    assert!(!early.status.success());
    assert!(String::from_utf8_lossy(&early.stderr).contains("effects that wait"));
    assert_eq!(generations(), both);
    place.meddle("UPDATE outbox SET expires = 0");
    done("retire");
    assert_eq!(generations(), both[..1]);
    let host = place.start();
    let mut client = host.client();
    let again = client.sign_in("alice", &code("alice", -5)).unwrap();
    assert_eq!(again.denied_for(), "code-already-used");
    for user in ["alice", "bob"] {
        assert!(
            client.sign_in(user, &code(user, -4)).unwrap().allowed(),
            "{user}"
        );
    }
    drop(host);
    assert!(place.cofactor(&["audit", "verify"]).status.success());
}
