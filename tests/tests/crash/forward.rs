//! Approvals on their way from one account to another: delivered, also after a crash, and counted once (M11).

use cofactor_runtime::contract::{Action, Approval, SignIn};
use cofactor_tests::api::{Client, Reply};
use cofactor_tests::program::wait_for;
use serde_json::json;

use crate::place::{self, Place};

const POLICY: &str = "[[application]]\nname = 'example'\napprovals = 1\napprovers = ['board']\n";

/// A sign-in with the code of now, and what it approves.
fn sign_in(client: &mut Client, user: &str, step: i64, approves: Option<&str>) -> Reply {
    let action = Action::Begin(SignIn {
        approves: approves.map(|challenge| Approval {
            user: "alice".to_owned(),
            challenge: challenge.to_owned(),
        }),
        ..SignIn::with_code(place::code(user, 6, place::now(), step))
    });
    let mut body = client.step(user, &action).unwrap();
    if approves.is_some() {
        body["event"]["origin"]["groups"] = json!(["board"]);
    }
    let body = body.to_string();
    client.send("POST", "/v1/step", body.as_bytes()).unwrap();
    client.receive().unwrap()
}

/// Alice and Bob with a token each, and Alice's sign-in that waits: its challenge.
fn waiting(client: &mut Client) -> String {
    for user in ["alice", "bob"] {
        assert!(client.act(user, &place::import(user, 6)).unwrap().done());
    }
    let waits = sign_in(client, "alice", 0, None);
    let challenge = waits.body["outcome"]["pending"]["challenge"].as_str();
    challenge
        .unwrap_or_else(|| panic!("{}", waits.body))
        .to_owned()
}

/// Asks until the sign-in is let in.
fn let_in(client: &mut Client, challenge: &str) {
    wait_for("the approval", || {
        let reply = client
            .act("alice", &Action::Poll(challenge.to_owned()))
            .unwrap();
        let pending = reply.body["outcome"].get("pending").is_some();
        assert!(reply.allowed() || pending, "{}", reply.body);
        reply.allowed().then_some(())
    })
    .unwrap();
}

#[test]
fn an_approval_reaches_the_other_account_and_is_settled() {
    let place = Place::new(POLICY);
    let host = place.start();
    let mut client = host.client();
    let challenge = waiting(&mut client);
    let approved = sign_in(&mut client, "bob", 0, Some(&challenge));
    assert!(approved.allowed(), "{}", approved.body);
    assert!(
        approved.body.get("session").is_none(),
        "an approval is no session: {}",
        approved.body
    );
    let_in(&mut client, &challenge);
    drop(host);
    let open = place.store().due_of("forward", place::now(), 10).unwrap();
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn an_approval_is_delivered_after_a_crash_and_one_for_nobody_is_settled() {
    let place = Place::new(POLICY);
    let host = place.start();
    let mut client = host.client();
    let challenge = waiting(&mut client);
    let approved = sign_in(&mut client, "bob", 0, Some(&challenge));
    assert!(approved.allowed(), "{}", approved.body);
    // Dropped: killed. Whether it was delivered already is chance; what comes of it is not.
    drop(host);
    let host = place.start();
    let mut client = host.client();
    let_in(&mut client, &challenge);
    drop(host);
    assert!(
        place
            .store()
            .due_of("forward", place::now(), 10)
            .unwrap()
            .is_empty()
    );
}
