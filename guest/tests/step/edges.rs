//! Where a rule begins and ends: the last value on one side, and the first one on the other.

use cofactor_guest::account::WRITES;
use cofactor_guest::contract::{Action, Key, Observation, Outcome, Proof, SignIn};
use cofactor_guest::step;
use cofactor_guest::throttle::Failures;

use crate::world::{SECRET, START, World, hotp, is_allowed, reason, sign_in, uri};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const KNOWN_ONLY: &str = "[accounts]\nprovision = 'known-only'\n";
/// A window that slides, and nobody who waits.
const SLIDING: &str = "[totp]\nwindow = 1\ndrift-cap = 3\n[throttle]\ndelay-after = 100\n";

fn early(code: String) -> Action {
    Action::Begin(SignIn {
        early_answer: Some(code),
        ..sign_in()
    })
}

/// What a console shows of a token.
fn parameter(world: &World, name: &str) -> String {
    let record = world.record.as_deref().unwrap();
    let view = cofactor_guest::view::view(record).unwrap();
    let mut parameters = view.credentials[0].parameters.iter();
    parameters.find(|(key, _)| key == name).unwrap().1.clone()
}

#[test]
fn otp_05_a_clock_is_believed_until_it_is_more_than_five_minutes_behind() {
    for (behind, expected) in [
        (5 * MINUTE, "incorrect-code"),
        (5 * MINUTE + 1, "clock-fault"),
    ] {
        let mut world = World::with_totp("");
        world.now -= behind;
        let transition = world.sign_in("000000");
        assert_eq!(reason(&transition), expected, "{behind}");
        if expected == "clock-fault" {
            let facts = [("behind".to_owned(), behind.to_string())];
            assert_eq!(transition.audit[0].facts, facts);
        }
    }
}

/// The same for a shadow record, which no administrator can set right: within the tolerance it keeps what it counted.
#[test]
fn bf_09_a_decoy_keeps_its_failures_while_its_clock_is_believed() {
    for (behind, count) in [(5 * MINUTE, 1), (5 * MINUTE + 1, 0)] {
        let mut world = World::new(KNOWN_ONLY);
        world.sign_in("000000");
        world.now -= behind;
        world.begin();
        let failures = world.account().credentials[0].failures;
        assert_eq!(failures.count, count, "{behind}");
    }
}

/// Sessions of a known account live on when a clock is set right elsewhere; a decoy's counter shows nothing else either.
#[test]
fn bf_09_a_decoy_that_is_made_anew_keeps_its_generation() {
    let mut world = World::new(KNOWN_ONLY);
    world.begin();
    let generation = world.account().generation;
    world.now += 48 * HOUR;
    world.sign_in("000000");
    world.now -= 47 * HOUR;
    world.begin();
    assert_eq!(world.account().latest, world.now, "made anew");
    assert_eq!(world.account().generation, generation);
}

#[test]
fn bf_09_a_decoy_without_a_failure_is_not_made_anew() {
    let mut world = World::new(KNOWN_ONLY);
    world.begin();
    world.now += 48 * HOUR;
    world.begin();
    assert_eq!(world.account().credentials[0].created, START);
}

/// A token that is slow is followed like one that is fast.
#[test]
fn a_learnt_lag_is_followed_within_its_cap() {
    let mut world = World::with_totp(SLIDING);
    for (steps, drift) in [(-1, "-1"), (-2, "-2"), (-3, "-3")] {
        assert!(is_allowed(&world.sign_in(&world.code(steps))), "{steps}");
        assert_eq!(parameter(&world, "drift"), drift);
        world.now += 10 * MINUTE;
    }
    assert_eq!(
        reason(&world.sign_in(&world.code(0))),
        "incorrect-code",
        "the window has slid"
    );
    assert_eq!(
        reason(&world.sign_in(&world.code(-4))),
        "incorrect-code",
        "and goes no further"
    );
    assert!(is_allowed(&world.sign_in(&world.code(-1))));
}

#[test]
fn two_codes_make_a_learnt_drift_forgotten() {
    let mut world = World::with_totp(SLIDING);
    assert!(is_allowed(&world.sign_in(&world.code(1))));
    assert_eq!(parameter(&world, "drift"), "1");
    world.now += 10 * MINUTE;
    let challenge = world.challenge();
    let two = Proof::TwoCodes((world.code(4), world.code(5)));
    assert!(is_allowed(&world.prove(&challenge, two)));
    assert_eq!(parameter(&world, "drift"), "0");
    assert_eq!(parameter(&world, "offset"), "5");
}

#[test]
fn otp_11_the_first_of_two_codes_must_be_unused_as_well() {
    let mut world = World::with_totp("");
    let (used, next) = (world.code(0), world.code(1));
    assert!(is_allowed(&world.sign_in(&used)));
    let challenge = world.challenge();
    let two = Proof::TwoCodes((used, next.clone()));
    assert!(!is_allowed(&world.prove(&challenge, two)));
    let two = Proof::TwoCodes((next, world.code(2)));
    assert!(is_allowed(&world.prove(&challenge, two)));
}

/// `00123456` is not `123456`: a code has its token's length, the second one too.
#[test]
fn otp_12_two_codes_have_both_to_be_of_the_tokens_length() {
    let starts_with_zeros = |at: &u64| hotp(SECRET, *at, 8).starts_with("00");
    let at = (1..).find(starts_with_zeros).unwrap();
    for (first, second) in [(at - 1, at), (at, at + 1)] {
        let codes = [first, second].map(|counter| hotp(SECRET, counter, 8));
        let short = |code: &String| match code.strip_prefix("00") {
            Some(rest) => rest.to_owned(),
            None => code.clone(),
        };
        let mut world = World::new("");
        world.import(&uri("hotp", SECRET, &format!("&counter={first}&digits=8")));
        let challenge = world.challenge();
        let shortened = Proof::TwoCodes((short(&codes[0]), short(&codes[1])));
        assert!(!is_allowed(&world.prove(&challenge, shortened)));
        let [first, second] = codes;
        let whole = Proof::TwoCodes((first, second));
        assert!(is_allowed(&world.prove(&challenge, whole)));
    }
}

#[test]
fn st_01_a_counter_of_the_instant_after_a_rollback_is_known() {
    for (forgotten_until, allowed) in [(START, true), (START + 1, false)] {
        let mut world = World::with_hotp("");
        world.refuse_before = forgotten_until;
        let transition = world.sign_in(&hotp(SECRET, 0, 6));
        assert_eq!(is_allowed(&transition), allowed, "{forgotten_until}");
    }
}

#[test]
fn bf_04_locks_grow_until_every_failure_is_forgiven() {
    for (forgiven, locks) in [(4, 3), (5, 0), (6, 0)] {
        let mut failures = Failures {
            count: 5,
            locks: 3,
            ..Failures::default()
        };
        failures.forgive(forgiven);
        assert_eq!(failures.locks, locks, "{forgiven}");
    }
}

#[test]
fn bf_06_a_source_whose_limit_is_zero_is_neither_counted_nor_refused() {
    let mut world = World::with_totp("[sources]\nfailures = 0\nbegins = 0\n");
    for kind in ["source", "source-begin"] {
        world.observed.push(Observation {
            kind: kind.into(),
            count: 1_000_000,
            window: HOUR,
        });
    }
    let wrong = world.sign_in("000000");
    assert_eq!(reason(&wrong), "incorrect-code");
    assert!(wrong.counts.is_empty(), "{:?}", wrong.counts);
    assert!(matches!(world.begin().outcome, Outcome::Challenge(_)));
}

#[test]
fn a_notice_is_news_for_a_day() {
    let mut world = World::with_totp("[throttle]\ndelay-after = 2\nlock-after = 2\n");
    world.sign_in("000000");
    let locked = world.sign_in("000000");
    assert_eq!(locked.effects[0].expires, world.now + 24 * HOUR);
}

#[test]
fn the_newest_record_version_may_be_asked_for() {
    let mut world = World::with_totp("");
    let event = world.event(Action::Begin(sign_in()));
    let mut ctx = world.context();
    ctx.write_version = WRITES;
    step::step(&ctx, world.record.as_deref(), &event).unwrap();
}

/// While keys change, the record holds requests by the older one and by the newer; a new one is remembered by the newer.
#[test]
fn a_request_is_known_again_by_the_key_that_it_was_remembered_with() {
    let mut world = World::with_totp("");
    world.begin();
    let newer = Key {
        id: 2,
        secret: vec![8; 32],
    };
    world.keys.insert(0, newer);
    let code = world.code(0);
    let event = world.event(early(code));
    let first = world.judge(&event).unwrap();
    assert!(is_allowed(&first));
    world.keys.truncate(1);
    let again = world.judge(&event).unwrap();
    assert_eq!(again.audit[0].kind, "request-repeated");
    assert_eq!(again.outcome, first.outcome);
}
