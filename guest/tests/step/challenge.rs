//! Group `challenge` of the catalogue, and repeated requests.

use cofactor_guest::contract::{Action, AdministrationChange, Change, Choice, Outcome, SignIn};

use crate::world::{World, challenge_id, hotp, is_allowed, public_reason, reason, sign_in, uri};

#[test]
fn a_challenge_is_answered_with_a_code() {
    let mut world = World::with_totp("");
    let asked = world.begin();
    let Outcome::Challenge(challenge) = &asked.outcome else {
        panic!("{asked:?}")
    };
    assert_eq!(
        (challenge.method.as_str(), challenge.prompt.message.as_str()),
        ("totp", "enter-code")
    );
    assert_eq!((challenge.offers.len(), challenge.offers[0].digits), (1, 6));
    assert_eq!(challenge.expires, world.now + 120_000);
    let allowed = world.answer(&challenge.id, &world.code(0));
    let Outcome::Allow(allowance) = &allowed.outcome else {
        panic!("{allowed:?}")
    };
    assert_eq!(allowance.claims.amr, ["otp", "mfa"]);
    assert_eq!(
        (allowance.claims.level, allowance.claims.method.as_str()),
        (2, "totp")
    );
    assert_eq!(allowance.claims.verified, world.now);
    assert_eq!(allowance.claims.application, "wiki");
}

#[test]
fn a_wrong_answer_leads_back_until_the_attempts_are_used_up() {
    let mut world = World::with_totp("[throttle]\ndelay-after = 100\nlock-after = 100\n");
    let challenge = world.challenge();
    let wrong = world.wrong_code();
    for attempt in 1..=4 {
        let again = world.answer(&challenge, &wrong);
        assert_eq!(
            (challenge_id(&again.outcome), public_reason(&again)),
            (challenge.clone(), "incorrect-code")
        );
        assert_eq!(world.account().challenges[0].attempts, attempt);
    }
    let last = world.answer(&challenge, &wrong);
    assert!(matches!(last.outcome, Outcome::Deny(_)));
    assert_eq!(
        reason(&world.answer(&challenge, &world.code(0))),
        "challenge-unknown"
    );
}

#[test]
fn ch_01_challenge_ids_are_128_unpredictable_bits() {
    let mut world = World::with_totp("");
    let ids: Vec<u128> = (0..256)
        .map(|_| u128::from_str_radix(&world.challenge(), 16).unwrap())
        .collect();
    for (at, id) in ids.iter().enumerate() {
        assert!(
            ids[at + 1..]
                .iter()
                .all(|other| (other ^ id).count_ones() > 24),
            "too near"
        );
    }
    for bit in 0..128 {
        let ones = ids.iter().filter(|id| *id >> bit & 1 == 1).count();
        assert!(
            (80..=176).contains(&ones),
            "bit {bit} is set in {ones} of 256, as in no UUID"
        );
    }
    let challenge = world.challenge();
    for bad in ["0".repeat(32), challenge.to_uppercase(), "é".repeat(16)] {
        if bad != challenge {
            assert_eq!(
                reason(&world.answer(&bad, "000000")),
                "challenge-unknown",
                "{bad}"
            );
        }
    }
}

#[test]
fn ch_02_a_challenge_is_answered_only_where_it_was_opened() {
    let mut world = World::with_totp("");
    let challenge = world.challenge();
    let code = world.code(0);
    let mut other = world.clone();
    other.binding = vec![8; 32];
    let refused = other.answer(&challenge, &code);
    assert_eq!(
        (reason(&refused), public_reason(&refused)),
        ("challenge-binding", "challenge-expired")
    );
    assert!(matches!(refused.account, Change::Keep));
    let mut other = world.clone();
    other.application = "payroll".into();
    assert_eq!(
        reason(&other.answer(&challenge, &code)),
        "challenge-binding"
    );
    assert!(
        is_allowed(&world.answer(&challenge, &code)),
        "and there it still is"
    );
}

#[test]
fn ch_03_a_challenge_of_another_user_is_unknown() {
    let mut alice = World::with_totp("");
    let mut bob = World::new("");
    bob.user = "bob".into();
    bob.import(&uri("totp", b"bob has another secret", "&period=30"));
    let (hers, his) = (alice.challenge(), bob.challenge());
    assert_ne!(hers, his);
    let code = hotp(b"bob has another secret", bob.now / 30_000, 6);
    let before = (alice.record.clone(), bob.record.clone());
    let refused = bob.answer(&hers, &code);
    assert_eq!(
        (reason(&refused), public_reason(&refused)),
        ("challenge-unknown", "challenge-expired")
    );
    assert_eq!((alice.record.clone(), bob.record.clone()), before);
    assert!(is_allowed(&bob.answer(&his, &code)));
}

#[test]
fn ch_04_a_challenge_is_used_once() {
    let mut world = World::with_totp("");
    let challenge = world.challenge();
    assert!(is_allowed(&world.answer(&challenge, &world.code(0))));
    world.now += 30_000;
    let refused = world.answer(&challenge, &world.code(0));
    assert_eq!(
        (reason(&refused), public_reason(&refused)),
        ("challenge-unknown", "challenge-expired")
    );
}

#[test]
fn ch_05_a_challenge_ends() {
    for (lifetime, after) in [("", 120_000), ("[challenge]\nlifetime = '10m'\n", 600_000)] {
        let mut world = World::with_totp(lifetime);
        let challenge = world.challenge();
        world.now += after - 1;
        assert!(is_allowed(
            &world.clone().answer(&challenge, &world.code(0))
        ));
        world.now += 1;
        let refused = world.answer(&challenge, &world.code(0));
        assert_eq!(
            (reason(&refused), public_reason(&refused)),
            ("challenge-expired", "challenge-expired")
        );
        // A clock that steps back does not open it again.
        world.begin();
        world.now -= 60_000;
        assert!(!is_allowed(&world.answer(&challenge, &world.code(0))));
    }
}

#[test]
fn ch_07_open_challenges_are_bounded_and_the_oldest_goes() {
    let mut world = World::with_totp("");
    let challenges: Vec<String> = (0..5).map(|_| world.challenge()).collect();
    assert_eq!(world.account().challenges.len(), 4);
    assert_eq!(
        reason(&world.answer(&challenges[0], &world.code(0))),
        "challenge-unknown"
    );
    assert!(is_allowed(&world.answer(&challenges[1], &world.code(0))));
}

#[test]
fn ch_08_the_policy_decides_the_method() {
    let wants = |method: &str| {
        Action::Begin(SignIn {
            method: Some(method.into()),
            ..sign_in()
        })
    };
    let mut world = World::with_totp("");
    for method in ["sms", "hotp", "TOTP", "", "webauthn"] {
        let refused = world.act(wants(method));
        assert_eq!(reason(&refused), "method-not-allowed", "{method}");
    }
    assert!(matches!(
        world.act(wants("totp")).outcome,
        Outcome::Challenge(_)
    ));
    let refused = world.act(Action::Begin(SignIn {
        required_level: 3,
        ..sign_in()
    }));
    assert_eq!(reason(&refused), "level-insufficient");
    // A method that the policy has taken out works no more, and does not let its user enrol another.
    world.policy = crate::world::compile("[accounts]\nmethods = ['hotp']\n");
    assert_eq!(reason(&world.begin()), "no-methods-registered");
    assert_eq!(
        reason(&world.sign_in(&world.code(0))),
        "no-methods-registered"
    );
    assert_eq!(reason(&world.act(wants("hotp"))), "method-not-allowed");
}

#[test]
fn another_credential_may_be_chosen() {
    let mut world = World::with_totp("");
    let counted = b"a counter-based secret";
    world.import(&uri("hotp", counted, "&counter=500"));
    let challenge = world.challenge();
    let choose = |world: &mut World, method: &str, credential: Option<String>| {
        world.act(Action::ChooseMethod(Choice {
            challenge: challenge.clone(),
            method: method.into(),
            credential,
        }))
    };
    let hotp_id = world.account().credentials[1].id.text();
    for (method, credential) in [
        ("sms", None),
        ("totp", Some(hotp_id.clone())),
        ("hotp", Some("zz".into())),
    ] {
        assert_eq!(
            reason(&choose(&mut world, method, credential)),
            "method-not-allowed",
            "{method}"
        );
    }
    let chosen = choose(&mut world, "hotp", Some(hotp_id.clone()));
    assert!(
        matches!(&chosen.outcome, Outcome::Challenge(asked) if asked.method == "hotp" && asked.id == challenge)
    );
    let code = world.code(0);
    assert!(
        !is_allowed(&world.answer(&challenge, &code)),
        "only the chosen one answers"
    );
    assert!(is_allowed(
        &world.answer(&challenge, &hotp(counted, 500, 6))
    ));
}

#[test]
fn a_repeated_request_has_the_first_ones_outcome() {
    let mut world = World::with_totp("");
    let code = world.code(0);
    let event = world.event(Action::Begin(SignIn {
        early_answer: Some(code),
        ..sign_in()
    }));
    let first = world.judge(&event).unwrap();
    let record = world.record.clone();
    world.now += 59_999;
    let mut again = world.judge(&event).unwrap();
    assert!(is_allowed(&again));
    if let (Outcome::Allow(first), Outcome::Allow(again)) = (&first.outcome, &mut again.outcome) {
        assert_eq!(first, again, "the same instants, too");
    }
    assert!(again.effects.is_empty() && again.counts.is_empty() && again.account == Change::Keep);
    assert_eq!(world.record, record);
    world.now += 1;
    assert!(!is_allowed(&world.judge(&event).unwrap()));
}

#[test]
fn a_repeated_request_is_the_same_in_every_part() {
    let mut world = World::with_totp("");
    let code = world.code(0);
    let event = world.event(Action::Begin(SignIn {
        early_answer: Some(code),
        ..sign_in()
    }));
    assert!(is_allowed(&world.judge(&event).unwrap()));
    let mut variants = vec![event.clone(); 5];
    variants[0].origin.binding = vec![8; 32];
    variants[1].origin.user = "bob".into();
    variants[2].origin.application = "payroll".into();
    variants[3].action = Action::Begin(SignIn {
        early_answer: Some("000000".into()),
        ..sign_in()
    });
    variants[4].id = vec![0; 16];
    for variant in variants {
        assert!(
            !is_allowed(&world.clone().judge(&variant).unwrap()),
            "{variant:?}"
        );
    }
}

#[test]
fn repeated_failures_and_challenges_are_not_counted_twice() {
    let mut world = World::with_totp("");
    let wrong = world.wrong_code();
    let begin = world.event(Action::Begin(sign_in()));
    let opened = world.judge(&begin).unwrap();
    assert_eq!(world.judge(&begin).unwrap().outcome, opened.outcome);
    assert_eq!(world.account().challenges.len(), 1);
    let fail = world.event(Action::Begin(SignIn {
        early_answer: Some(wrong),
        ..sign_in()
    }));
    let failed = world.judge(&fail).unwrap();
    assert_eq!(world.judge(&fail).unwrap().outcome, failed.outcome);
    assert_eq!(world.account().credentials[0].failures.count, 1);
}

#[test]
fn the_last_eight_requests_are_remembered() {
    let mut world = World::with_totp("[challenge]\nmax-open = 8\n");
    let events: Vec<_> = (0..9)
        .map(|_| world.event(Action::Begin(sign_in())))
        .collect();
    let first: Vec<_> = events
        .iter()
        .map(|event| world.judge(event).unwrap().outcome)
        .collect();
    assert_eq!(world.account().requests.len(), 8);
    for at in 1..9 {
        assert_eq!(world.judge(&events[at]).unwrap().outcome, first[at], "{at}");
    }
    assert_ne!(
        world.judge(&events[0]).unwrap().outcome,
        first[0],
        "forgotten"
    );
}

#[test]
fn a_blocked_account_refuses_and_its_challenges_are_gone() {
    let mut world = World::with_totp("");
    let challenge = world.challenge();
    let generation = world.account().generation;
    let blocked = world.administer(AdministrationChange::Block);
    assert_eq!(blocked.generation, generation + 1);
    assert_eq!(
        reason(&world.answer(&challenge, &world.code(0))),
        "challenge-unknown"
    );
    let refused = world.sign_in(&world.code(0));
    assert_eq!(
        (reason(&refused), public_reason(&refused)),
        ("blocked", "incorrect-code")
    );
    world.administer(AdministrationChange::Unblock);
    assert!(is_allowed(&world.sign_in(&world.code(0))));
}

#[test]
fn what_is_asked_again_is_a_method_that_the_policy_has() {
    let mut world = World::with_totp("");
    world.import(&uri("hotp", b"a counter-based secret", "&counter=0"));
    let challenge = world.challenge();
    world.policy = crate::world::compile("[accounts]\nmethods = ['hotp']\n");
    let wrong = world.answer(&challenge, "000000");
    assert!(
        matches!(&wrong.outcome, Outcome::Challenge(asked) if asked.method == "hotp"),
        "{:?}",
        wrong.outcome
    );
    let mut account = world.account();
    account.challenges[0].credential = Some(account.credentials[0].id);
    world.record = Some(account.encode());
    let refused = world.answer(&challenge, "000000");
    assert_eq!(reason(&refused), "method-not-allowed");
}

/// Nothing was sent, so nothing is sent again, even for the one credential that the user chose.
#[test]
fn a_question_without_a_message_is_not_sent_again() {
    let mut world = World::with_totp("");
    world.import(&uri("hotp", b"a counter-based secret", "&counter=0"));
    let challenge = world.challenge();
    world.choose(&challenge, "hotp");
    assert_eq!(reason(&world.resend(&challenge)), "method-not-allowed");
}

/// An empty answer asks for the result of a question that is answered elsewhere. Here it is a wrong code.
#[test]
fn an_empty_answer_to_a_question_that_is_answered_here_is_a_wrong_one() {
    let mut world = World::with_totp("");
    let challenge = world.challenge();
    assert_eq!(reason(&world.answer(&challenge, "")), "incorrect-code");
    assert_eq!(world.account().challenges[0].attempts, 1);
}

#[test]
fn a_challenge_that_nobody_answered_elsewhere_expires_as_what_it_was() {
    let mut world = World::with_totp("");
    let challenge = world.challenge();
    world.now += 120_000;
    let polled = world.act(Action::Poll(challenge));
    assert_eq!(reason(&polled), "challenge-expired");
}

/// The second of two factors is asked for anew, with as many attempts as the first one had.
#[test]
fn each_factor_of_two_has_all_its_attempts() {
    let document = "[throttle]\ndelay-after = 100\nlock-after = 100\naccount-lock-after = 100\n\
                    [[strength]]\nname = 'both'\nany-of = ['totp+hotp']\n\
                    [[application]]\nname = 'wiki'\nstrength = 'both'\n";
    let mut world = World::with_totp(document);
    let counted = b"a counter-based secret";
    world.import(&uri("hotp", counted, "&counter=0"));
    let challenge = world.challenge();
    for right in [world.code(0), hotp(counted, 0, 6)] {
        for _ in 0..4 {
            let wrong = world.answer(&challenge, "x");
            assert_eq!(public_reason(&wrong), "incorrect-code");
        }
        world.answer(&challenge, &right);
    }
    assert_eq!(
        reason(&world.answer(&challenge, "x")),
        "challenge-unknown",
        "both were right"
    );
}
