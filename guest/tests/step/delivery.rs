//! What carriers report of messages.

use cofactor_guest::contract::{Action, DeliveryReport, Outcome};

use crate::sms;
use crate::voice::{Call, with_number};
use crate::world::{argument, challenge_id, is_allowed, message, public_reason, reason};

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
