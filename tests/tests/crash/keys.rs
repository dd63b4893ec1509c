//! Keys are changed by the operator's commands, on a database that is in use.

use std::collections::BTreeMap;

use cofactor::store::embedded::Due;
use cofactor_runtime::seal::SealedBox;

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
    let notices = waiting(&place);
    assert!(!notices.is_empty(), "there are notices that wait");

    // One of them as it was before: what a rotation that is interrupted leaves behind.
    let old = place.store().due(0, 1).unwrap().remove(0);
    done("rotate");
    let current = place.ring().current();
    for due in place.store().due(0, 100).unwrap() {
        assert_eq!(SealedBox::key_of(&due.payload), Some(current));
    }
    assert_eq!(waiting(&place), notices);
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

    // At once: notices that wait were sealed anew, and the one that was left behind is now.
    put_payload(&place, &old);
    done("retire");
    assert_eq!(generations(), both[..1]);
    let readable = waiting(&place);
    for (id, plain) in &notices {
        assert_eq!(readable.get(id), Some(plain), "the same notice");
    }
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

/// The effects that wait, opened with the keys of now.
fn waiting(place: &Place) -> BTreeMap<[u8; 16], Vec<u8>> {
    let seal = place.ring().sealed_box("outbox");
    let due = place.store().due(place::now(), 100).unwrap();
    due.into_iter()
        .map(|due| {
            let bound = [due.tenant.as_bytes(), b"\0", &due.effect].concat();
            let plain = seal.open(&bound, &due.payload).unwrap().to_vec();
            (due.effect, plain)
        })
        .collect()
}

fn put_payload(place: &Place, due: &Due) {
    place.meddle(&format!(
        "UPDATE outbox SET payload = x'{}' WHERE effect = x'{}'",
        hex::encode(&due.payload),
        hex::encode(due.effect)
    ));
}
