//! What carriers report of messages, and of calls that the policy has lost meanwhile.

use cofactor_guest::contract::{Action, DeliveryReport, Outcome, Transition};

use crate::sms;
use crate::voice::{Call, with_number};
use crate::world::{
    SECRET, World, argument, challenge_id, is_allowed, message, public_reason, reason, uri,
};

const POLICY: &str = "accounts.methods = [\"voice\"]\n";

#[test]
fn a_text_that_did_not_arrive_ends_nothing() {
    let mut world = sms::with_vouched(sms::POLICY);
    let begun = world.begin();
    let (_, _, effect) = message(&begun).unwrap();
    let report = |delivered| {
        Action::DeliveryReport(DeliveryReport {
            effect: effect.clone(),
            delivered,
            detail: "absent subscriber".into(),
        })
    };
    for delivered in [false, true] {
        let reported = world.act(report(delivered));
        assert_eq!(reported.audit[0].kind, "message-reported");
    }
    let challenge = challenge_id(&begun.outcome);
    assert!(is_allowed(
        &world.answer(&challenge, &argument(&begun, "code"))
    ));
    assert_eq!(reason(&world.act(report(false))), "challenge-unknown");
}

#[test]
fn a_call_that_could_not_be_placed_leaves_the_other_methods() {
    let document = "accounts.methods = [\"voice\", \"totp\"]\n";
    let mut world = with_number(document);
    world.import(&crate::world::uri(
        "totp",
        crate::world::SECRET,
        "&period=30",
    ));
    let begun = world.begin();
    let (call, (_, _, effect)) = (Call::of(&begun), message(&begun).unwrap());
    let report = |delivered| {
        Action::DeliveryReport(DeliveryReport {
            effect: effect.clone(),
            delivered,
            detail: String::new(),
        })
    };
    world.act(report(true));
    assert!(matches!(
        world.poll(&call.challenge).outcome,
        Outcome::Pending(_)
    ));
    let reported = world.act(report(false));
    assert_eq!(reason(&reported), "undelivered");
    let polled = world.poll(&call.challenge);
    assert_eq!(public_reason(&polled), "undelivered");
    let Outcome::Challenge(challenge) = &polled.outcome else {
        panic!("{:?}", polled.outcome)
    };
    assert_eq!(challenge.method, "totp");
    let code = world.code(0);
    assert!(is_allowed(&world.answer(&call.challenge, &code)));

    // Where there is no other, that is the end.
    let mut world = with_number(POLICY);
    let begun = world.begin();
    let (call, (_, _, effect)) = (Call::of(&begun), message(&begun).unwrap());
    world.act(Action::DeliveryReport(DeliveryReport {
        effect,
        delivered: false,
        detail: String::new(),
    }));
    assert_eq!(public_reason(&world.poll(&call.challenge)), "undelivered");
    assert_eq!(reason(&world.poll(&call.challenge)), "challenge-unknown");
}

#[test]
fn an_undelivered_call_is_followed_by_a_choice_where_all_methods_ask() {
    let mut world =
        with_number("accounts.methods = [\"voice\", \"sms\"]\n[sends]\ncooldown = \"0s\"\n");
    world.issue("sms", "+4915198765432");
    let begun = world.begin();
    let (call, (_, _, effect)) = (Call::of(&begun), message(&begun).unwrap());
    world.act(Action::DeliveryReport(DeliveryReport {
        effect,
        delivered: false,
        detail: String::new(),
    }));
    let polled = world.poll(&call.challenge);
    let Outcome::Challenge(challenge) = &polled.outcome else {
        panic!("{:?}", polled.outcome)
    };
    assert_eq!(challenge.prompt.message, "choose-method");
    assert_eq!(challenge.offers.len(), 2);
    assert_eq!(reason(&world.act(call.keys("#"))), "challenge-unknown");
    let chosen = world.choose(&call.challenge, "sms");
    assert!(is_allowed(
        &world.answer(&call.challenge, &argument(&chosen, "code"))
    ));
}

/// The call is over, and nothing of it holds back what the user goes on with.
#[test]
fn nothing_is_left_of_a_call_that_could_not_be_placed() {
    let document = "accounts.methods = [\"voice\", \"totp\"]
[voice]
lifetime = \"30s\"
[challenge]
lifetime = \"5m\"
";
    let mut world = with_number(document);
    world.import(&uri("totp", SECRET, "&period=30"));
    let begun = world.begin();
    let (call, (_, _, effect)) = (Call::of(&begun), message(&begun).unwrap());
    let report = Action::DeliveryReport(DeliveryReport {
        effect,
        delivered: false,
        detail: String::new(),
    });
    world.act(report.clone());
    world.poll(&call.challenge);
    assert_eq!(reason(&world.act(report)), "challenge-unknown");
    assert!(world.account().challenges[0].question.as_bytes().is_empty());
    world.now += 60_000;
    let code = world.code(0);
    assert!(is_allowed(&world.answer(&call.challenge, &code)));
}

fn undelivered(effect: &str) -> Action {
    Action::DeliveryReport(DeliveryReport {
        effect: effect.into(),
        delivered: false,
        detail: String::new(),
    })
}

#[test]
fn a_report_ends_the_wait_for_its_own_message_and_for_no_other() {
    let mut world = with_number(&format!("{POLICY}[sends]\ncooldown = \"0s\"\n"));
    let (first, second) = (world.begin(), world.begin());
    let waits = |world: &mut World, begun: &Transition| {
        let polled = world.poll(&challenge_id(&begun.outcome));
        matches!(polled.outcome, Outcome::Pending(_))
    };
    let unknown = world.act(undelivered(&"0".repeat(32)));
    assert_eq!(reason(&unknown), "challenge-unknown");
    world.act(undelivered(&message(&second).unwrap().2));
    assert!(waits(&mut world, &first) && !waits(&mut world, &second));
}

#[test]
fn a_report_for_a_challenge_that_is_over_says_nothing() {
    for (early, expected) in [(1, "undelivered"), (0, "challenge-unknown")] {
        let mut world = with_number(POLICY);
        let begun = world.begin();
        world.now = world.account().challenges[0].expires - early;
        let reported = world.act(undelivered(&message(&begun).unwrap().2));
        assert_eq!(reason(&reported), expected);
    }
}

/// The policy may change while a telephone rings: what the user says of it is heard all the same, and whoever has not the call
/// ends nothing.
#[test]
fn sv_05_a_report_is_heard_where_calls_were_taken_out_meanwhile() {
    let mut world = with_number(POLICY);
    let call = Call::of(&world.begin());
    world.policy = crate::world::compile("accounts.methods = [\"totp\"]\n");
    let forged = Call {
        challenge: call.challenge.clone(),
        credential: call.credential.clone(),
        token: "00".repeat(16),
    };
    let record = world.record.clone();
    assert_eq!(reason(&world.act(forged.keys("0#1"))), "signature-invalid");
    assert_eq!(world.record, record);
    world.act(call.keys("0#1"));
    assert!(world.account().is_blocked(world.now));
}
