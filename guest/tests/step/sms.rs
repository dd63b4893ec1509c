//! Codes by text message: S03, S04.

use crate::world::{World, argument, challenge_id, is_allowed, message, public_reason, reason};

const POLICY: &str = "accounts.methods = [\"sms\", \"totp\"]\n";
const NUMBER: &str = "+4915112345678";

/// A user with a confirmed number.
pub fn with_number(document: &str) -> World {
    let mut world = World::new(document);
    let begun = world.enrol_address("sms", NUMBER);
    let finished = world.enrol_finish(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    assert!(is_allowed(&finished), "{:?}", finished.outcome);
    world.now += 60_000;
    world
}

#[test]
fn a_number_is_enrolled_by_the_code_that_was_sent_to_it_and_signs_in() {
    let mut world = with_number(POLICY);
    let begun = world.begin();
    let (way, message, _) = message(&begun).expect("a text");
    assert_eq!((way, message.to.as_str()), ("text", NUMBER));
    let challenge = challenge_id(&begun.outcome);
    let answered = world.answer(&challenge, &argument(&begun, "code"));
    assert!(is_allowed(&answered), "{:?}", answered.outcome);
    let again = world.answer(&challenge, &argument(&begun, "code"));
    assert_eq!(reason(&again), "challenge-unknown");
    assert_eq!(public_reason(&again), "challenge-expired");
}
