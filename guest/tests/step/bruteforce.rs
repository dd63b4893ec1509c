//! Group `bruteforce` of the catalogue: what concerns one account and one method.

use cofactor_guest::contract::{
    Action, AdministrationChange, Change, Choice, EffectKind, ManagementChange, Observation,
    Outcome, Transition,
};

use crate::world::{SECRET, World, hotp, is_allowed, public_reason, reason, shape, uri};

const LAX: &str = "[throttle]\ndelay-after = 100\nlock-after = 100\n";

const BLOCKED: Option<cofactor_guest::account::Block> = Some(cofactor_guest::account::Block {
    until: u64::MAX,
    fraud: false,
});

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
        let counted = world.account().failures.count;
        if delay > 0 {
            world.now -= 1;
            let early = world.sign_in(&world.code(0));
            assert_eq!(
                world.account().failures.count,
                counted,
                "not looked at and not counted"
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
    world.import(&uri("totp", b"a secret of seven digits", "&digits=7"));
    world.import(&uri("totp", b"a secret of eight digits", "&digits=8"));
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
}

/// Whatever a user may do counts, and is refused where too much came from the network already.
#[test]
fn bf_06_every_action_of_a_user_is_limited_by_its_source() {
    let mut world = World::with_totp("");
    let session = world.session();
    let challenge = world.challenge();
    let mut enrolling = World::new("");
    let enrolment = crate::world::challenge_id(&enrolling.enrol_begin("totp", None).outcome);
    type Act<'a> = &'a dyn Fn(&mut World) -> Transition;
    let choose: Act<'_> = &|world| {
        world.act(Action::ChooseMethod(Choice {
            challenge: challenge.clone(),
            method: "totp".into(),
            credential: None,
        }))
    };
    let wrong = world.wrong_code();
    // What it counts, and which of the two counts refuses it.
    type Case<'a> = (&'a str, &'a World, Act<'a>, &'a [&'a str], &'a [&'a str]);
    let cases: [Case<'_>; 6] = [
        (
            "begin",
            &world,
            &|world| world.begin(),
            &["source-begin"],
            &["source", "source-begin"],
        ),
        (
            "choose-method",
            &world,
            choose,
            &["source-begin"],
            &["source", "source-begin"],
        ),
        (
            "answer",
            &world,
            &|world| world.answer(&challenge, &wrong),
            &["source"],
            &["source"],
        ),
        (
            "enrol-begin",
            &world,
            &|world| world.enrol_begin("totp", Some(session.clone())),
            &["source-begin"],
            &["source", "source-begin"],
        ),
        (
            "enrol-finish",
            &enrolling,
            &|world| world.enrol_finish(&enrolment, "000000"),
            &["source"],
            &["source"],
        ),
        (
            "manage",
            &world,
            &|world| world.manage(ManagementChange::SignOutEverywhere, Some(session.clone())),
            &[],
            &["source"],
        ),
    ];
    for (name, world, act, counted, refusing) in cases {
        let transition = act(&mut world.clone());
        let kinds: Vec<&str> = transition
            .counts
            .iter()
            .map(|count| count.kind.as_str())
            .collect();
        assert_eq!(kinds, counted, "{name}");
        for kind in ["source", "source-begin"] {
            let mut world = world.clone();
            world.observed = vec![Observation {
                kind: kind.into(),
                count: 600,
                window: 600_000,
            }];
            let transition = act(&mut world);
            let refused = reason(&transition) == "source-throttled";
            assert_eq!(refused, refusing.contains(&kind), "{name} {kind}");
            assert!(!refused || transition.counts.is_empty(), "{name} {kind}");
        }
    }
    let mut administered = world.clone();
    administered.observed = vec![Observation {
        kind: "source".into(),
        count: 600,
        window: 600_000,
    }];
    assert_eq!(
        reason(&administered.administer(AdministrationChange::Unlock)),
        "successfully-completed"
    );
}

/// A lock, a wait or a block would show if its challenge outlived the others.
#[test]
fn bf_10_a_refused_answer_uses_its_challenge_up_like_a_wrong_one() {
    let document = "[throttle]\ndelay-after = 100\nlock-after = 100\n";
    let open = World::with_totp(document);
    let change = |change: fn(&mut cofactor_guest::account::Account)| {
        let mut world = open.clone();
        let mut account = world.account();
        change(&mut account);
        world.record = Some(account.encode());
        world
    };
    let cases = [
        ("incorrect-code", open.clone()),
        (
            "throttled",
            change(|account| account.credentials[0].failures.next_attempt = u64::MAX),
        ),
        (
            "locked",
            change(|account| account.credentials[0].failures.locked_until = u64::MAX),
        ),
        (
            "disabled",
            change(|account| account.credentials[0].failures.disabled = true),
        ),
        (
            "account-locked",
            change(|account| account.failures.locked_until = u64::MAX),
        ),
        ("blocked", change(|account| account.blocked = BLOCKED)),
    ];
    let wrong = open.wrong_code();
    let mut seen = Vec::new();
    for (internal, mut world) in cases {
        let challenge = world.challenge();
        let answers: Vec<Transition> = (0..7).map(|_| world.answer(&challenge, &wrong)).collect();
        assert_eq!(reason(&answers[0]), internal);
        let outside: Vec<String> = answers
            .iter()
            .map(|answer| {
                format!(
                    "{} {:?} {}",
                    shape(&answer.outcome),
                    answer.counts,
                    matches!(answer.account, Change::Write(_))
                )
            })
            .collect();
        seen.push((internal, outside));
    }
    for (internal, outside) in &seen {
        assert_eq!(outside, &seen[0].1, "{internal}");
    }
    assert!(
        seen[0].1[4].starts_with("incorrect-code"),
        "dead after the fifth: {:?}",
        seen[0].1
    );
}

#[test]
fn bf_04_no_failure_is_forgiven_twice() {
    let mut world = World::new(LAX);
    let secrets: [&[u8]; 3] = [SECRET, b"the secret of another", b"the secret of a third"];
    for secret in secrets {
        world.import(&uri("totp", secret, "&digits=6"));
    }
    let code = |world: &World, of: usize| {
        crate::world::otp(secrets[of], world.now / 30_000, 6, totp_rs::Algorithm::SHA1)
    };
    for _ in 0..2 {
        assert_eq!(reason(&world.sign_in("000000")), "incorrect-code");
    }
    let first = code(&world, 0);
    assert!(is_allowed(&world.sign_in(&first)));
    assert_eq!(world.account().failures.count, 0);
    let challenge = world.challenge();
    let third = world.account().credentials[2].id.text();
    world.act(Action::ChooseMethod(Choice {
        challenge: challenge.clone(),
        method: "totp".into(),
        credential: Some(third),
    }));
    for _ in 0..2 {
        world.answer(&challenge, "000000");
    }
    let second = code(&world, 1);
    assert!(is_allowed(&world.sign_in(&second)));
    let account = world.account();
    assert_eq!(
        account.failures.count, 2,
        "what the third one was asked alone"
    );
    assert_eq!(
        account.credentials[2].failures.count, 4,
        "and it still counts all of its own"
    );
    let third = code(&world, 2);
    assert!(is_allowed(&world.sign_in(&third)));
    assert_eq!(world.account().failures.count, 0);
}

/// Six digits are meant for the token of six digits, also when it is locked.
#[test]
fn bf_08_guesses_at_a_locked_token_lock_no_other() {
    let mut world =
        World::new("[throttle]\ndelay-after = 100\nlock-after = 5\naccount-lock-after = 1000\n");
    world.import(&uri("totp", SECRET, "&digits=6"));
    world.import(&uri("totp", b"the other token's own", "&digits=8"));
    let reasons: Vec<String> = (0..20)
        .map(|_| reason(&world.sign_in("000000")).to_owned())
        .collect();
    assert_eq!(reasons[0], "incorrect-code");
    assert_eq!(reasons[19], "locked");
    assert_eq!(world.account().credentials[1].failures.count, 0);
    let step = world.now / 30_000;
    let own = crate::world::otp(b"the other token's own", step, 8, totp_rs::Algorithm::SHA1);
    assert!(is_allowed(&world.sign_in(&own)));
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
fn bf_10_a_lock_answers_right_and_wrong_codes_alike() {
    let mut world = World::with_totp("[throttle]\ndelay-after = 3\nlock-after = 3\n");
    let wrong = world.wrong_code();
    for _ in 0..3 {
        world.sign_in(&wrong);
    }
    let challenge = world.challenge();
    let code = world.code(0);
    type Attempt<'a> = &'a dyn Fn(&mut World, &str) -> Transition;
    let attempts: [Attempt<'_>; 2] = [
        &|world, code| world.answer(&challenge, code),
        &|world, code| world.sign_in(code),
    ];
    for attempt in attempts {
        let (mut with_right, mut with_wrong) = (world.clone(), world.clone());
        let mut transitions = [
            attempt(&mut with_right, &code),
            attempt(&mut with_wrong, &wrong),
        ];
        // What is remembered of the request is a digest of all that was given; everything else is the same.
        let records = [&mut with_right, &mut with_wrong].map(|world| {
            let mut account = world.account();
            account.requests.last_mut().unwrap().digest = [0; 16];
            account
        });
        assert_eq!(records[0], records[1]);
        for transition in &mut transitions {
            assert!(matches!(transition.account, Change::Write(_)));
            transition.account = Change::Keep;
        }
        assert_eq!(transitions[0], transitions[1]);
        let Outcome::Deny(denial) = &transitions[0].outcome else {
            continue;
        };
        assert_eq!(denial.retry_at, None);
    }
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
