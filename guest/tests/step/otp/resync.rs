//! Tokens whose counter is set right by two codes.

use cofactor_guest::contract::Proof;

use crate::world::{SECRET, World, counter, hotp, is_allowed, reason};

#[test]
fn otp_11_resync_needs_two_successive_codes() {
    let code = |at: u64| hotp(SECRET, at, 6);
    for (first, second) in [(8, 8), (9, 8), (7, 9), (8, 10)] {
        let mut world = World::with_hotp("");
        let challenge = world.challenge();
        let refused = world.prove(&challenge, Proof::TwoCodes((code(first), code(second))));
        assert_eq!(reason(&refused), "incorrect-code", "{first}, {second}");
        assert_eq!(
            world.account().credentials[0].failures.count,
            1,
            "one failure"
        );
        assert_eq!(counter(&world.account(), 0), 0);
    }
    let mut world = World::with_hotp("");
    let challenge = world.challenge();
    let refused = world.prove(&challenge, Proof::TwoCodes((code(8), "12345".into())));
    assert_eq!(reason(&refused), "incorrect-code");
}

#[test]
fn otp_11_two_attempts_in_a_row_set_a_counter_right_where_the_policy_wants_it() {
    let far = |counter: u64| hotp(SECRET, counter, 6);
    let mut strict = World::with_hotp("");
    strict.sign_in(&far(50));
    assert_eq!(reason(&strict.sign_in(&far(51))), "incorrect-code");

    let world = World::with_hotp("hotp.auto-resync = true\n");
    for (first, second, later, right) in [
        (50, 51, 299_999, true),
        (50, 51, 300_000, false),
        (50, 50, 0, false),
        (50, 52, 0, false),
        (51, 50, 0, false),
        (99, 100, 0, true),
        (101, 102, 0, false),
    ] {
        let mut world = world.clone();
        assert_eq!(reason(&world.sign_in(&far(first))), "incorrect-code");
        assert_eq!(world.account().credentials[0].failures.count, 1);
        assert_eq!(counter(&world.account(), 0), 0, "only a success moves it");
        world.now += later;
        let answer = world.sign_in(&far(second));
        let case = format!("{first} {second} {later}");
        assert_eq!(is_allowed(&answer), right, "{case}");
        if right {
            assert_eq!(reason(&answer), "resynchronised", "{case}");
            assert_eq!(counter(&world.account(), 0), second + 1, "{case}");
            assert_eq!(world.account().credentials[0].failures.count, 0);
            assert!(!is_allowed(&world.sign_in(&far(second))), "{case}");
            assert!(!is_allowed(&world.sign_in(&far(first))), "{case}");
        }
    }
    // What came in between was wrong, and changes nothing of it.
    let mut world = world;
    world.sign_in(&far(50));
    world.sign_in("000000");
    assert!(is_allowed(&world.sign_in(&far(51))));
}
