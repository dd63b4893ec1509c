//! Group `bruteforce` of the catalogue: what concerns one account and one method.

use cofactor_guest::contract::{AdministrationChange, Change, EffectKind, Observation, Outcome};

use crate::world::{SECRET, World, hotp, is_allowed, public_reason, reason, uri};

const LAX: &str = "[throttle]\ndelay-after = 100\nlock-after = 100\n";

#[test]
fn bf_01_a_hundred_failures_disable_the_credential() {
    let mut world = World::with_totp("");
    let wrong = world.wrong_code();
    let mut evaluated = 0;
    while !world.account().credentials[0].failures.disabled {
        world.wait();
        let refused = world.sign_in(&wrong);
        assert_eq!(reason(&refused), "incorrect-code");
        evaluated += 1;
        assert!(evaluated <= 100);
    }
    assert_eq!(evaluated, 100);
    world.now += 365 * 86_400_000;
    let right = world.sign_in(&world.code(0));
    assert_eq!(
        (reason(&right), public_reason(&right)),
        ("disabled", "incorrect-code")
    );
    world.administer(AdministrationChange::Unlock);
    assert_eq!(
        reason(&world.sign_in(&world.code(0))),
        "disabled",
        "an unlock does not lift the ceiling"
    );
    // Another credential still works.
    world.import(&uri("hotp", b"another secret of some", "&counter=0"));
    assert!(is_allowed(&world.sign_in(&hotp(
        b"another secret of some",
        0,
        6
    ))));
}

#[test]
fn delays_double_and_a_lock_follows() {
    let mut world = World::with_totp("");
    let wrong = world.wrong_code();
    for delay in [0, 0, 2, 4, 8, 16, 32, 64, 128, 900] {
        let before = world.now;
        world.sign_in(&wrong);
        world.wait();
        assert_eq!((world.now - before) / 1000, delay);
        if delay > 0 {
            world.now -= 1;
            let early = world.sign_in(&world.code(0));
            assert!(
                matches!(early.account, Change::Keep),
                "not counted and not written"
            );
            assert_eq!(public_reason(&early), "incorrect-code");
            world.now += 1;
        }
    }
    assert!(is_allowed(&world.sign_in(&world.code(0))));
    assert_eq!(world.account().credentials[0].failures.count, 0);
    assert_eq!(world.account().failures.count, 0);
}

#[test]
fn bf_02_a_new_challenge_does_not_reset_the_counter() {
    let mut world = World::with_totp("");
    let wrong = world.wrong_code();
    for failures in 1..=10 {
        world.wait();
        let challenge = world.challenge();
        world.answer(&challenge, &wrong);
        assert_eq!(world.account().credentials[0].failures.count, failures);
    }
    let challenge = world.challenge();
    assert_eq!(reason(&world.answer(&challenge, &world.code(0))), "locked");
}

#[test]
fn bf_03_switching_credentials_meets_the_account_counter() {
    let mut world =
        World::new("[throttle]\ndelay-after = 100\nlock-after = 100\naccount-lock-after = 15\n");
    world.import(&uri("totp", SECRET, "&digits=6"));
    world.import(&uri("totp", SECRET, "&digits=7"));
    world.import(&uri("totp", SECRET, "&digits=8"));
    for round in 0..5 {
        for code in ["000000", "0000000", "00000000"] {
            assert_eq!(reason(&world.sign_in(code)), "incorrect-code", "{round}");
        }
    }
    let account = world.account();
    assert!(
        account
            .credentials
            .iter()
            .all(|credential| credential.failures.count == 5),
        "each by its own"
    );
    assert_eq!(reason(&world.sign_in(&world.code(0))), "account-locked");
    world.wait();
    assert!(is_allowed(&world.sign_in(&world.code(0))));
    assert_eq!(
        world.account().failures.count,
        10,
        "forgiven is what the used credential cost"
    );
}

#[test]
fn bf_04_a_success_resets_only_what_was_used() {
    let mut world = World::new(LAX);
    world.import(&uri("totp", b"the attacker's own one", "&digits=8"));
    world.import(&uri("totp", SECRET, "&digits=6"));
    for round in 1..=20 {
        assert_eq!(reason(&world.sign_in("000000")), "incorrect-code");
        world.now += 30_000;
        let step = world.now / 30_000;
        let own = crate::world::otp(b"the attacker's own one", step, 8, totp_rs::Algorithm::SHA1);
        assert!(is_allowed(&world.sign_in(&own)));
        assert_eq!(
            world.account().credentials[1].failures.count,
            round,
            "the victim's credential"
        );
        assert_eq!(world.account().failures.count, round, "the account");
    }
}

#[test]
fn bf_06_too_many_failures_from_a_source_are_refused() {
    let mut world = World::with_totp("[sources]\nfailures = 100\nbegins = 600\nwindow = '10m'\n");
    let count = |kind: &str, count| {
        vec![Observation {
            kind: kind.into(),
            count,
            window: 600_000,
        }]
    };
    let failed = world.sign_in(&world.wrong_code());
    assert_eq!(
        failed
            .counts
            .iter()
            .map(|count| count.kind.as_str())
            .collect::<Vec<_>>(),
        ["source-begin", "source"]
    );
    for (kind, most) in [("source", 100), ("source-begin", 600)] {
        world.observed = count(kind, most - 1);
        assert!(
            matches!(world.begin().outcome, Outcome::Challenge(_)),
            "{kind}"
        );
        world.observed = count(kind, most);
        let refused = world.begin();
        assert_eq!(reason(&refused), "source-throttled", "{kind}");
        assert!(matches!(refused.account, Change::Keep));
        assert!(
            refused.counts.is_empty(),
            "a refused one is not counted, or nobody would come in again"
        );
    }
    world.observed = count("source", 0);
    let challenge = world.challenge();
    world.observed = count("source", 100);
    assert_eq!(
        reason(&world.answer(&challenge, &world.code(0))),
        "source-throttled"
    );
}

#[test]
fn bf_07_the_account_limit_does_not_depend_on_the_address() {
    let mut world = World::with_totp("");
    let wrong = world.wrong_code();
    for last in 0..200_u8 {
        let mut event = world.event(cofactor_guest::contract::Action::Begin(
            cofactor_guest::contract::SignIn {
                early_answer: Some(wrong.clone()),
                ..crate::world::sign_in()
            },
        ));
        event.origin.address = Some(format!("203.0.113.{last}"));
        world.judge(&event).unwrap();
    }
    assert_eq!(
        world.account().credentials[0].failures.count,
        3,
        "the fourth has to wait"
    );
}

#[test]
fn bf_09_unknown_users_are_answered_like_known_ones() {
    let document = "[accounts]\nprovision = 'known-only'\n";
    let mut known = World::with_totp(document);
    let mut account = known.account();
    account.credentials[0].label = "Authenticator".into();
    known.record = Some(account.encode());
    let mut unknown = World::new(document);
    unknown.user = "mallory".into();
    let wrong = known.wrong_code();
    for round in 0..12 {
        let pair = [known.begin(), unknown.begin()];
        let shapes = pair.each_ref().map(|transition| shape(&transition.outcome));
        assert_eq!(shapes[0], shapes[1], "{round}");
        assert!(
            matches!(pair[1].account, Change::Decoy(_)),
            "as many rows are written"
        );
        let challenges = pair.map(|transition| crate::world::challenge_id(&transition.outcome));
        let answers = [
            known.answer(&challenges[0], &wrong),
            unknown.answer(&challenges[1], &wrong),
        ];
        assert_eq!(
            shape(&answers[0].outcome),
            shape(&answers[1].outcome),
            "{round}"
        );
        assert_eq!(answers[0].counts, answers[1].counts, "{round}");
        assert_eq!(
            answers[0].account == Change::Keep,
            answers[1].account == Change::Keep,
            "the same store operations: {round}"
        );
        let early = [known.sign_in(&wrong), unknown.sign_in(&wrong)];
        assert_eq!(
            shape(&early[0].outcome),
            shape(&early[1].outcome),
            "{round}"
        );
        assert_eq!(early[0].effects.len(), early[1].effects.len());
        known.wait();
        unknown.wait();
        known.now = known.now.max(unknown.now);
        unknown.now = known.now;
    }
    assert!(!unknown.known);
}

#[test]
fn bf_09_a_decoy_is_never_right_and_stable_by_name() {
    let mut world = World::new("[accounts]\nprovision = 'known-only'\n");
    let offers = |world: &mut World| match world.begin().outcome {
        Outcome::Challenge(challenge) => challenge.offers[0].credential.clone().unwrap(),
        other => panic!("{other:?}"),
    };
    let first = offers(&mut world);
    assert_eq!(first, offers(&mut world));
    let secret = world.account().credentials[0].secret.clone();
    let right = hotp(secret.as_bytes(), world.now / 30_000, 6);
    assert!(!is_allowed(&world.sign_in(&right)));
    world.user = "trudy".into();
    assert_ne!(
        first,
        offers(&mut world),
        "another name in the same shadow record"
    );
    world.known = true;
    let event = world.event(cofactor_guest::contract::Action::Begin(
        crate::world::sign_in(),
    ));
    assert!(
        world.judge(&event).is_err(),
        "a shadow record never serves a known user"
    );
}

#[test]
fn bf_10_a_lock_answers_right_and_wrong_codes_alike() {
    let mut world = World::with_totp("[throttle]\ndelay-after = 3\nlock-after = 3\n");
    let wrong = world.wrong_code();
    for _ in 0..3 {
        world.sign_in(&wrong);
    }
    let challenge = world.challenge();
    let right = world.clone().answer(&challenge, &world.code(0));
    let wrong_answer = world.clone().answer(&challenge, &wrong);
    assert_eq!(right, wrong_answer);
    let right = world.clone().sign_in(&world.code(0));
    let wrong_answer = world.clone().sign_in(&wrong);
    assert_eq!(right, wrong_answer);
    assert!(matches!(right.outcome, Outcome::Deny(denial) if denial.retry_at.is_none()));
}

#[test]
fn a_lock_is_told_to_the_user_and_the_auditor() {
    let mut world =
        World::with_totp("[throttle]\ndelay-after = 2\nlock-after = 2\naccount-lock-after = 2\n");
    world.sign_in("000000");
    let locked = world.sign_in("000000");
    let notices: Vec<&str> = locked
        .effects
        .iter()
        .map(|effect| match &effect.what {
            EffectKind::Notify(prompt) => prompt.message.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(notices, ["credential-locked", "account-locked"]);
    let kinds: Vec<&str> = locked.audit.iter().map(|fact| fact.kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["credential-locked", "account-locked", "sign-in-denied"]
    );
    assert_ne!(locked.effects[0].id, locked.effects[1].id);
}

/// All of an outcome but the values that are made anew each time.
fn shape(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Challenge(challenge) => {
            let mut challenge = challenge.clone();
            challenge.id = "*".repeat(challenge.id.len());
            for offer in &mut challenge.offers {
                offer.credential = offer.credential.as_ref().map(|id| "*".repeat(id.len()));
            }
            format!("{challenge:?}")
        }
        Outcome::Deny(denial) => format!(
            "{} {:?} {:?}",
            denial.public_reason, denial.prompt, denial.retry_at
        ),
        other => panic!("{other:?}"),
    }
}
