//! How long a code that was sent is good, and what it is made of: N-01, N-02, CH-05.

use cofactor_guest::contract::{Action, Outcome};
use cofactor_guest::step;

use crate::sms::{FREE, POLICY, with_number, with_vouched};
use crate::world::{argument, challenge_id, is_allowed, public_reason, reason, sign_in};

#[test]
fn a_code_lives_as_long_as_the_policy_says_and_n_02_never_ten_minutes() {
    for (lifetime, alive, dead) in [("180s", 179_999, 180_000), ("10m", 599_999, 600_000)] {
        let mut world = with_number(&format!("{POLICY}[sms]\nlifetime = \"{lifetime}\"\n"));
        let begun = world.begin();
        let (challenge, code) = (challenge_id(&begun.outcome), argument(&begun, "code"));
        let started = world.now;
        world.now = started + dead;
        assert_eq!(
            reason(&world.answer(&challenge, &code)),
            "challenge-expired"
        );
        world.now = started + alive;
        assert!(is_allowed(&world.answer(&challenge, &code)), "{lifetime}");
    }
    let error = cofactor_guest::policy::compile("[sms]\nlifetime = \"601s\"\n");
    assert!(error.is_err());
}

#[test]
fn ch_05_resends_keep_no_challenge_open_over_ten_minutes() {
    let mut world = with_number(FREE);
    let begun = world.begin();
    let (challenge, started) = (challenge_id(&begun.outcome), world.now);
    let mut code = argument(&begun, "code");
    for _ in 0..3 {
        world.now += 170_000;
        code = argument(&world.resend(&challenge), "code");
    }
    world.now = started + 600_000;
    assert_eq!(
        reason(&world.answer(&challenge, &code)),
        "challenge-expired"
    );
    world.now -= 1;
    assert!(is_allowed(&world.answer(&challenge, &code)));
}

#[test]
fn an_expired_code_can_be_sent_again_within_the_challenge() {
    let mut world = with_number(
        "accounts.methods = [\"sms\"]\n[sms]\nlifetime = \"30s\"\n[challenge]\nlifetime = \"5m\"\n",
    );
    let begun = world.begin();
    let challenge = challenge_id(&begun.outcome);
    world.now += 31_000;
    let late = world.answer(&challenge, &argument(&begun, "code"));
    assert_eq!(public_reason(&late), "challenge-expired");
    assert!(
        matches!(late.outcome, Outcome::Challenge(_)),
        "{:?}",
        late.outcome
    );
    assert_eq!(world.account().credentials[0].failures.count, 0);
    assert!(matches!(
        world.poll(&challenge).outcome,
        Outcome::Challenge(_)
    ));
    let resent = world.resend(&challenge);
    assert!(is_allowed(
        &world.answer(&challenge, &argument(&resent, "code"))
    ));
}

#[test]
fn n_01_codes_are_uniform_and_keep_their_leading_zeros() {
    let mut world = with_vouched(FREE);
    for digits in [6_usize, 8] {
        world.policy = crate::world::compile(&format!("{FREE}[sms]\ndigits = {digits}\n"));
        let event = world.event(Action::Begin(sign_in()));
        let record = world.record.clone();
        let codes = if digits == 6 { 100_000 } else { 1_000 };
        let mut seen = vec![[0_u32; 10]; digits];
        let mut repeated = 0_u32;
        for _ in 0..codes {
            let transition = step::step(&world.context(), record.as_deref(), &event).unwrap();
            let code = argument(&transition, "code");
            assert_eq!(code.len(), digits);
            for (place, digit) in code.bytes().enumerate() {
                seen[place][usize::from(digit - b'0')] += 1;
            }
            let pairs = code.as_bytes().windows(2);
            repeated += pairs.filter(|pair| pair[0] == pair[1]).count() as u32;
        }
        // No digit tells the next one: in one of ten pairs both are the same.
        let pairs = f64::from(codes) * (digits - 1) as f64;
        let same = f64::from(repeated) / pairs;
        assert!((same - 0.1).abs() < 0.02, "{same} of {digits} digits");
        for (place, seen) in seen.iter().enumerate() {
            let expected = f64::from(codes) / 10.0;
            let chi: f64 = seen
                .iter()
                .map(|count| (f64::from(*count) - expected).powi(2) / expected)
                .sum();
            // Nine degrees of freedom: beyond 33.7 in one of ten thousand.
            assert!(chi < 33.7, "place {place} of {digits}: {chi} {seen:?}");
        }
    }
}

#[test]
fn a_code_outlives_a_change_of_the_host_s_key() {
    let mut world = with_vouched(POLICY);
    let begun = world.begin();
    let newer = cofactor_guest::contract::Key {
        id: 2,
        secret: vec![11; 32],
    };
    world.keys.insert(0, newer);
    let answered = world.answer(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    assert!(is_allowed(&answered));
    world.now += 60_000;
    let begun = world.begin();
    world.keys.remove(0);
    let lost = world.answer(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    assert_eq!(
        reason(&lost),
        "incorrect-code",
        "a key that is gone judges nothing"
    );
}
