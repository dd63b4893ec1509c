//! Group `otp` of the catalogue, and the published vectors.

mod resync;

use cofactor_guest::contract::{AdministrationChange, Outcome, Proof};
use serde_json::Value;

use crate::world::{
    SECRET, START, World, counter, hotp, is_allowed, otp, public_reason, reason, uri,
};

const RFC_4226: &str = include_str!("../../../tests/vectors/oath/hotp_rfc4226.json");
const RFC_6238: &str = include_str!("../../../tests/vectors/oath/totp_rfc6238.json");

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn rfc_4226_appendix_d_is_accepted_in_order() {
    let file: Value = serde_json::from_str(RFC_4226).unwrap();
    let mut world = World::with_hotp("");
    let mut seen = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let code = vector["hotp6"].as_str().unwrap();
        assert_eq!(
            counter(&world.account(), 0),
            vector["counter"].as_u64().unwrap()
        );
        assert!(is_allowed(&world.sign_in(code)), "{vector}");
        seen += 1;
    }
    assert_eq!(seen, 10);
}

#[test]
fn rfc_6238_appendix_b_is_accepted_at_its_time() {
    let file: Value = serde_json::from_str(RFC_6238).unwrap();
    let mut seen = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let algorithm = vector["algorithm"].as_str().unwrap();
        let key = from_hex(file["seeds_hex"][algorithm].as_str().unwrap());
        let mut world = World::new("[totp]\nwindow = 0\ndrift-cap = 0\n");
        world.now = vector["unix_time"].as_u64().unwrap() * 1000;
        world.import(&uri(
            "totp",
            &key,
            &format!("&period=30&digits=8&algorithm={algorithm}"),
        ));
        assert!(
            is_allowed(&world.sign_in(vector["totp8"].as_str().unwrap())),
            "{vector}"
        );
        seen += 1;
    }
    assert_eq!(seen, 18);
}

#[test]
fn otp_01_a_code_is_accepted_once() {
    let mut world = World::with_totp("");
    let code = world.code(0);
    assert!(is_allowed(&world.sign_in(&code)));
    world.now += 100;
    let again = world.sign_in(&code);
    let mut other = world.clone();
    let wrong = other.sign_in(&world.wrong_code());
    assert_eq!(
        (reason(&again), public_reason(&again)),
        ("code-already-used", "incorrect-code")
    );
    assert_eq!(
        (reason(&wrong), public_reason(&wrong)),
        ("incorrect-code", "incorrect-code")
    );
    assert_eq!(outward(&again.outcome), outward(&wrong.outcome));
}

#[test]
fn otp_04_older_step_is_refused() {
    let mut world = World::with_totp("");
    assert!(is_allowed(&world.sign_in(&world.code(0))));
    assert_eq!(reason(&world.sign_in(&world.code(-1))), "code-already-used");
    assert!(
        is_allowed(&world.sign_in(&world.code(1))),
        "a newer one is not"
    );
}

#[test]
fn otp_05_clock_back_ten_minutes_revives_nothing_and_is_alarmed() {
    let mut world = World::with_totp("");
    let code = world.code(0);
    assert!(is_allowed(&world.sign_in(&code)));
    let before = world.record.clone();
    world.now -= 600_000;
    for steps in -1..=1 {
        let refused = world.sign_in(&world.code(steps));
        assert_eq!(
            (reason(&refused), public_reason(&refused)),
            ("clock-fault", "service-error")
        );
        assert_eq!(refused.audit[0].kind, "clock-fault");
    }
    assert!(!is_allowed(&world.sign_in(&code)));
    assert_eq!(
        world.record, before,
        "a clock fault is never the user's failure"
    );
    // Back by less than the tolerance: time-based codes follow the clock, but dead steps stay dead.
    world.now = START - 240_000;
    assert!(!is_allowed(&world.sign_in(&code)));
    assert_eq!(reason(&world.sign_in(&world.code(0))), "code-already-used");
}

#[test]
fn otp_06_clock_forward_shortens_no_lock_by_more_than_the_jump() {
    let mut world =
        World::with_totp("[throttle]\nlock-after = 3\ndelay-after = 3\nlock-for = '12h'\n");
    for _ in 0..3 {
        world.sign_in(&world.wrong_code());
    }
    let until = world.account().credentials[0].failures.locked_until;
    assert_eq!(until, world.now + 12 * 3_600_000);
    world.now = until - 1;
    assert_eq!(reason(&world.sign_in(&world.code(0))), "locked");
    world.now += 30 * 86_400_000;
    assert!(is_allowed(&world.sign_in(&world.code(0))));
    assert!(world.account().challenges.is_empty());
    // And back again: what was committed in the future is believed, not the clock.
    world.now -= 30 * 86_400_000;
    assert_eq!(reason(&world.sign_in(&world.code(0))), "clock-fault");
}

#[test]
fn otp_07_no_event_carries_a_time() {
    let mut world = World::with_totp("");
    let future = world.code(20);
    let event = world.event(cofactor_guest::contract::Action::Begin(
        cofactor_guest::contract::SignIn {
            early_answer: Some(future),
            ..crate::world::sign_in()
        },
    ));
    let mut ctx = world.context();
    ctx.facts = vec![
        ("unixtime".into(), (START / 1000 + 600).to_string()),
        ("x-time".into(), "1700000600".into()),
    ];
    let transition = cofactor_guest::step::step(&ctx, world.record.as_deref(), &event).unwrap();
    assert_eq!(reason(&transition), "incorrect-code");
}

#[test]
fn otp_08_drift_cannot_be_walked() {
    for (document, reach) in [
        ("", 1),
        ("[totp]\nwindow = 1\ndrift-cap = 3\n", 3),
        ("[totp]\nwindow = 2\n", 2),
    ] {
        let mut world = World::with_totp(&format!(
            "{document}[throttle]\ndelay-after = 100\nlock-after = 100\n"
        ));
        let mut accepted = Vec::new();
        for steps in 1..=20 {
            if is_allowed(&world.sign_in(&world.code(steps))) {
                accepted.push(steps);
            }
        }
        assert_eq!(accepted, (1..=reach).collect::<Vec<_>>(), "{document}");
    }
}

#[test]
fn a_learnt_drift_is_followed_within_its_cap() {
    let mut world = World::with_totp("[totp]\nwindow = 1\ndrift-cap = 3\n");
    for steps in [1, 2, 3] {
        assert!(is_allowed(&world.sign_in(&world.code(steps))), "{steps}");
        world.now += 30_000 * 10;
    }
    assert_eq!(
        reason(&world.sign_in(&world.code(0))),
        "incorrect-code",
        "the window has slid"
    );
    assert!(is_allowed(&world.sign_in(&world.code(1))));
}

#[test]
fn otp_09_look_ahead_is_bounded() {
    let mut world = World::with_hotp("");
    assert_eq!(
        reason(&world.sign_in(&hotp(SECRET, 11, 6))),
        "incorrect-code"
    );
    assert!(is_allowed(&world.sign_in(&hotp(SECRET, 9, 6))));
    assert!(
        is_allowed(&world.sign_in(&hotp(SECRET, 20, 6))),
        "the last counter of the window"
    );
    let challenge = world.challenge();
    let pair = |first, second| Proof::TwoCodes((hotp(SECRET, first, 6), hotp(SECRET, second, 6)));
    assert!(
        !is_allowed(&world.prove(&challenge, pair(122, 123))),
        "beyond the resync window"
    );
    let resynchronised = world.prove(&challenge, pair(100, 101));
    assert!(is_allowed(&resynchronised));
    assert_eq!(counter(&world.account(), 0), 102);
}

#[test]
fn otp_10_failures_do_not_move_the_counter() {
    let mut world = World::with_hotp("[throttle]\ndelay-after = 100\nlock-after = 100\n");
    for _ in 0..10 {
        assert_eq!(reason(&world.sign_in("000000")), "incorrect-code");
    }
    assert!(is_allowed(&world.sign_in(&hotp(SECRET, 0, 6))));
}

#[test]
fn two_codes_set_a_drifted_clock_right_and_are_dead_afterwards() {
    let mut world = World::with_totp("");
    assert_eq!(reason(&world.sign_in(&world.code(7))), "incorrect-code");
    let challenge = world.challenge();
    let pair = Proof::TwoCodes((world.code(7), world.code(8)));
    let allowed = world.prove(&challenge, pair.clone());
    assert!(
        matches!(&allowed.outcome, Outcome::Allow(allowance) if allowance.claims.reason == "resynchronised")
    );
    let challenge = world.challenge();
    assert!(!is_allowed(&world.prove(&challenge, pair)), "burnt");
    world.now += 60_000;
    assert!(is_allowed(&world.sign_in(&world.code(8))));
    // The offset is counted from the server's time, so that it cannot be walked.
    world.now += 3_000_000;
    world.wait();
    let challenge = world.challenge();
    let pair = Proof::TwoCodes((world.code(11), world.code(12)));
    assert!(
        !is_allowed(&world.prove(&challenge, pair)),
        "beyond the window from the server's time"
    );
}

#[test]
fn otp_12_code_variants_are_refused() {
    let mut world = World::with_totp("[throttle]\ndelay-after = 100\nlock-after = 100\n");
    let code = world.code(0);
    let wide: String = code
        .chars()
        .filter_map(|c| char::from_u32(0xff10 + c.to_digit(10).unwrap()))
        .collect();
    let arabic: String = code
        .chars()
        .filter_map(|c| char::from_u32(0x660 + c.to_digit(10).unwrap()))
        .collect();
    for variant in [
        code[1..].to_owned(),
        format!("0{code}"),
        format!(" {code}"),
        format!("{code} "),
        format!("{code}\n"),
        format!("+{}", &code[1..]),
        format!("{code}\0"),
        format!("{} {}", &code[..3], &code[3..]),
        wide,
        arabic,
        "1e5".into(),
        String::new(),
    ] {
        assert_eq!(
            reason(&world.sign_in(&variant)),
            "incorrect-code",
            "{variant:?}"
        );
    }
    assert!(is_allowed(&world.sign_in(&code)));
}

#[test]
fn otp_14_extreme_counters_and_times_never_trap() {
    for rest in [
        "&counter=18446744073709551615",
        "&counter=18446744073709551616",
        "&counter=-1",
        "",
    ] {
        let mut world = World::new("");
        let change = cofactor_guest::contract::AdministrationChange::ImportOtpauth(uri(
            "hotp", SECRET, rest,
        ));
        assert_eq!(
            reason(&world.administer(change)),
            "import-invalid",
            "{rest}"
        );
    }
    for rest in [
        "&period=0",
        "&period=14",
        "&period=301",
        "&digits=0",
        "&digits=5",
        "&digits=9",
        "&digits=10",
    ] {
        let mut world = World::new("");
        let change = cofactor_guest::contract::AdministrationChange::ImportOtpauth(uri(
            "totp", SECRET, rest,
        ));
        assert_eq!(
            reason(&world.administer(change)),
            "import-invalid",
            "{rest}"
        );
    }
    let mut world = World::new("[throttle]\ndelay-after = 100\nlock-after = 100\n");
    world.import(&uri("hotp", SECRET, "&counter=18446744073709551613"));
    assert_eq!(
        reason(&world.sign_in(&hotp(SECRET, u64::MAX, 6))),
        "incorrect-code",
        "the last one is never accepted"
    );
    assert!(is_allowed(&world.sign_in(&hotp(SECRET, u64::MAX - 1, 6))));
    for code in [
        hotp(SECRET, u64::MAX, 6),
        hotp(SECRET, 0, 6),
        hotp(SECRET, u64::MAX - 1, 6),
    ] {
        assert!(!is_allowed(&world.sign_in(&code)));
    }
    let mut world = World::with_totp("");
    for now in [0, 1, 29_999, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
        let mut other = world.clone();
        other.now = now;
        other.sign_in("000000");
    }
    world.now = u64::MAX;
    assert!(is_allowed(&world.sign_in(&hotp(
        SECRET,
        u64::MAX / 30_000,
        6
    ))));
}

#[test]
fn otp_15_a_code_of_another_key_is_refused() {
    let mut alice = World::with_totp("");
    let bobs = otp(
        b"bob's own secret key",
        alice.now / 30_000,
        6,
        totp_rs::Algorithm::SHA1,
    );
    assert_eq!(reason(&alice.sign_in(&bobs)), "incorrect-code");
    assert_eq!(alice.account().credentials[0].failures.count, 1);
}

#[test]
fn otp_16_one_code_moves_one_credential() {
    let mut world = World::with_totp("");
    // No import makes a twin; two secrets that agree on one code by chance look like this.
    let mut account = world.account();
    let mut twin = account.credentials[0].clone();
    twin.id.0[0] ^= 1;
    account.credentials.push(twin);
    world.record = Some(account.encode());
    let code = world.code(0);
    assert!(is_allowed(&world.sign_in(&code)));
    let steps = |world: &World| {
        world
            .account()
            .credentials
            .iter()
            .filter(|one| one.last_used.is_some())
            .count()
    };
    assert_eq!(steps(&world), 1);
    assert!(
        world.account().credentials[0].last_used.is_some(),
        "the first in order"
    );
    // The other one has not moved, and yet the code is no good any more: it was used (OTP-01).
    assert_eq!(reason(&world.sign_in(&code)), "code-already-used");
    assert_eq!(steps(&world), 1);
}

#[test]
fn a_rolled_back_store_accepts_no_code_that_it_may_have_accepted_before() {
    let mut world = World::with_totp("");
    let mut before = world.clone();
    let accepted = world.code(1);
    assert!(
        is_allowed(&world.sign_in(&accepted)),
        "a step ahead, by the window"
    );
    // The store comes back as it was, and the host knows that it forgot what happened until now.
    before.refuse_before = world.now + 1;
    let mut world = before;
    for later in [0, 29_000, 59_000] {
        world.now = START + later;
        assert!(!is_allowed(&world.clone().sign_in(&accepted)), "{later}");
    }
    // As far ahead as two codes can have set the token right in that time, and the window beyond it.
    world.now = START + 11 * 30_000;
    assert!(!is_allowed(&world.clone().sign_in(&world.code(0))));
    world.now = START + 12 * 30_000;
    assert!(is_allowed(&world.sign_in(&world.code(0))));
}

#[test]
fn st_01_two_codes_of_the_forgotten_time_set_nothing_right_again() {
    let mut world = World::with_totp("");
    let mut before = world.clone();
    let two = Proof::TwoCodes((world.code(9), world.code(10)));
    let challenge = world.challenge();
    assert!(is_allowed(&world.prove(&challenge, two.clone())));
    let next = world.code(11);
    assert!(is_allowed(&world.sign_in(&next)), "by the new offset");
    before.refuse_before = world.now + 1;
    for later in [0, 150_000, 300_000] {
        before.now = START + later;
        let challenge = before.challenge();
        assert!(
            !is_allowed(&before.clone().prove(&challenge, two.clone())),
            "{later}"
        );
        let both = Proof::TwoCodes((before.code(10 - later as i64 / 30_000), next.clone()));
        assert!(
            !is_allowed(&before.clone().prove(&challenge, both)),
            "{later}"
        );
    }
}

/// Both of two successive codes may have been used in the time that the store forgot, however far the counter went.
#[test]
fn st_01_after_a_rollback_a_counter_is_unknown_until_it_is_enrolled_anew() {
    let mut world = World::with_hotp("");
    world.refuse_before = world.now + 1;
    world.now += 60_000;
    let credential = world.account().credentials[0].id.text();
    for first in [0, 4, 99] {
        let single = hotp(SECRET, first, 6);
        let two = Proof::TwoCodes((single.clone(), hotp(SECRET, first + 1, 6)));
        let challenge = world.challenge();
        let refused = world.clone().prove(&challenge, two);
        assert_eq!(reason(&refused), "code-already-used", "{first}");
        assert!(!is_allowed(&world.clone().sign_in(&single)), "{first}");
    }
    world.administer(AdministrationChange::RemoveCredential(credential));
    world.import(&uri("hotp", SECRET, "&counter=50"));
    assert!(!is_allowed(&world.clone().sign_in(&hotp(SECRET, 4, 6))));
    assert!(is_allowed(&world.sign_in(&hotp(SECRET, 50, 6))));
}

/// All that the outside sees of an outcome.
fn outward(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Deny(denial) => format!(
            "{} {:?} {:?}",
            denial.public_reason, denial.prompt, denial.retry_at
        ),
        other => panic!("{other:?}"),
    }
}
