//! Group `push` of the catalogue: notifications that somebody else asks for, and reports of it.

use cofactor_guest::contract::{
    Action, AdministrationChange, Choice, EnrolmentRequest, Outcome, PhoneAnswer,
};

use super::phone::{
    APPROVED, DENIED, FRAUD, METHODS, MINUTE, Phone, approve, done, notices, notification, number,
    other_number, with_both, with_phone,
};
use super::world::{World, challenge_id, is_allowed, public_reason, reason};

#[test]
fn an_enrolment_that_the_device_denies_is_over_and_reports_nothing() {
    for decision in [DENIED, FRAUD] {
        let mut world = World::new(METHODS);
        let phone = Phone::new(1);
        let begun = world.enrol_phone_begin(&phone);
        let told = notification(&begun).unwrap();
        let denied = world.phone(phone.answer(&told, decision, None));
        assert_eq!(reason(&denied), "user-declined");
        assert!(!world.account().is_blocked(world.now), "PU-09");
        let gone = world.poll(&challenge_id(&begun.outcome));
        assert_eq!(reason(&gone), "challenge-unknown");
    }
}

#[test]
fn pu_01_twenty_starts_send_three_notifications_and_ask_for_the_code() {
    let (mut world, phone) = with_both("");
    world.now += 60 * MINUTE;
    let (mut sent, mut codes) = (0, 0);
    for _ in 0..20 {
        let begun = world.begin();
        match &begun.outcome {
            Outcome::Pending(_) => {
                assert!(notification(&begun).is_some());
                sent += 1;
            }
            Outcome::Challenge(challenge) => {
                assert_eq!(challenge.method, "totp");
                assert!(notification(&begun).is_none());
                assert!(
                    begun
                        .audit
                        .iter()
                        .any(|fact| fact.kind == "message-withheld")
                );
                codes += 1;
            }
            other => panic!("{other:?}"),
        }
        world.now += 20_000;
    }
    assert_eq!((sent, codes), (3, 17));
    // Choosing it is no way around.
    let begun = world.begin();
    let chosen = world.act(Action::ChooseMethod(Choice {
        challenge: challenge_id(&begun.outcome),
        method: "push".into(),
        credential: None,
    }));
    assert_eq!(public_reason(&chosen), "send-throttled");
    // Nor is waiting: after five without a success, only a success helps.
    for _ in 0..10 {
        world.now += 60 * MINUTE;
        sent += usize::from(notification(&world.begin()).is_some());
    }
    assert_eq!(sent, 5);
    let code = world.code(0);
    assert!(is_allowed(&world.sign_in(&code)));
    assert!(approve(&mut world, &phone));
}

#[test]
fn pu_01_resending_is_held_back_too() {
    let (mut world, _) = with_phone("");
    let (pending, told) = world.ask_phone();
    let again = world.act(Action::Resend(pending.challenge.clone()));
    assert_eq!(public_reason(&again), "send-throttled");
    world.now += 30_000;
    let again = world.act(Action::Resend(pending.challenge));
    let second = notification(&again).expect("after the wait");
    assert_ne!(told.told["issued"], second.told["issued"]);
}

#[test]
fn pu_01_refusals_make_waits_and_numbers_longer() {
    let (mut world, phone) = with_phone("[push]\nnumber-length = 2\n");
    let mut seen = Vec::new();
    for _ in 0..4 {
        let (pending, told) = world.ask_phone();
        let digits = number(&pending).len();
        assert_eq!(told.told["digits"], digits.to_string());
        world.phone(phone.answer(&told, DENIED, None));
        let mut wait = 0;
        while notification(&world.clone().begin()).is_none() {
            world.now += 10_000;
            wait += 10;
        }
        seen.push((digits, wait));
    }
    assert_eq!(seen, [(2, 60), (3, 120), (6, 240), (6, 480)]);
}

#[test]
fn pu_01_an_approved_notification_holds_nothing_back() {
    let (mut world, phone) = with_phone("");
    for _ in 0..30 {
        assert!(approve(&mut world, &phone));
    }
}

#[test]
fn pu_02_nobody_approves_without_the_number() {
    for given in [None, Some(""), Some(" "), Some("null")] {
        for fraud in ["false", "true"] {
            let (mut world, phone) =
                with_phone(&format!("[push]\nwrong-number-is-fraud = {fraud}\n"));
            let (pending, told) = world.ask_phone();
            world.phone(phone.answer(&told, APPROVED, given));
            let polled = world.poll(&pending.challenge);
            assert!(!is_allowed(&polled), "{given:?}");
            // The number of another signature is no number of this one.
            let (pending, told) = match world.begin().outcome {
                Outcome::Pending(_) => unreachable!("the wait is not over"),
                _ => {
                    world.now += MINUTE;
                    if world.account().is_blocked(world.now) {
                        continue;
                    }
                    world.ask_phone()
                }
            };
            let mut forged = phone.answer(&told, APPROVED, None);
            forged.number = Some(number(&pending));
            assert_eq!(reason(&world.phone(forged)), "signature-invalid");
            assert!(!is_allowed(&world.poll(&pending.challenge)));
        }
    }
}

#[test]
fn pu_03_a_number_is_guessed_once_a_challenge_and_ten_times_in_all() {
    let (mut world, phone) = with_phone(
        "[push]\nnumber-length = 2\n[sends]\ncooldown = '0s'\nunanswered = 24\nsince-success = 24\n",
    );
    let mut looked_at = 0;
    for _ in 0..100 {
        // Whoever guesses waits for every wait, but for no lock.
        if world.account().failures.locked_until > world.now {
            break;
        }
        let begun = world.begin();
        let Outcome::Pending(pending) = &begun.outcome else {
            break;
        };
        let told = notification(&begun).unwrap();
        let wrong = other_number(&number(pending));
        let answered = world.phone(phone.answer(&told, APPROVED, Some(&wrong)));
        looked_at += usize::from(reason(&answered) == "incorrect-code");
        // The second guess is too late, and so is the right one.
        let right = phone.answer(&told, APPROVED, Some(&number(pending)));
        assert_eq!(reason(&world.phone(right)), "challenge-unknown");
        assert!(!is_allowed(&world.poll(&pending.challenge)));
        let failures = &world.account().credentials[0].failures;
        world.now = world.now.max(failures.next_attempt);
    }
    assert_eq!(looked_at, 10, "the tenth locks");
    assert!(world.account().credentials[0].failures.locked_until > world.now);
}

#[test]
fn pu_04_the_number_stays_with_the_browser() {
    let (mut world, _) = with_phone("");
    for _ in 0..3 {
        let (pending, told) = world.ask_phone();
        let shown = number(&pending);
        assert_eq!(shown.len(), 6);
        for (name, value) in &told.told {
            assert!(!value.contains(&shown), "{name}");
        }
        world.now += 11 * MINUTE;
    }
}

#[test]
fn pu_05_a_signature_is_good_for_what_was_told_and_for_nothing_else() {
    let (mut world, phone) = with_phone("[sends]\ncooldown = '0s'\n");
    let (first, told_first) = world.ask_phone();
    world.now += 1;
    let (second, told_second) = world.ask_phone();
    // Signed for the one, sent for the other.
    let mut swapped = phone.answer(&told_first, APPROVED, Some(&number(&first)));
    swapped.challenge = second.challenge.clone();
    assert_eq!(reason(&world.phone(swapped)), "signature-invalid");
    // Every part counts.
    let bend = |name: &str, value: &str| {
        let mut told = told_second.clone();
        told.told.insert(name.into(), value.into());
        let mut answer = phone.answer(&told, APPROVED, Some(&number(&second)));
        answer.challenge = second.challenge.clone();
        answer.credential = told_second.credential.clone();
        answer
    };
    let issued = (told_second.told["issued"].parse::<u64>().unwrap() + 1).to_string();
    for (name, value) in [
        ("version", "2"),
        ("purpose", "enrolment"),
        ("tenant", "other"),
        ("user", "mallory"),
        ("challenge", &first.challenge),
        ("application", "bank"),
        ("address", "203.0.113.1"),
        ("country", "DE"),
        ("transaction", "pay"),
        ("issued", &issued),
    ] {
        let refused = world.phone(bend(name, value));
        assert_eq!(reason(&refused), "signature-invalid", "{name}");
    }
    let mut denied = phone.answer(&told_second, DENIED, Some(&number(&second)));
    denied.decision = APPROVED;
    assert_eq!(reason(&world.phone(denied)), "signature-invalid");
    // Nothing of it counted, and nothing of it ended the wait.
    assert_eq!(world.account().credentials[0].failures.count, 0);
    let answer = phone.answer(&told_second, APPROVED, Some(&number(&second)));
    world.phone(answer.clone());
    assert!(is_allowed(&world.poll(&second.challenge)));
    assert_eq!(reason(&world.phone(answer)), "challenge-unknown");
    assert!(!is_allowed(&world.poll(&second.challenge)));
}

#[test]
fn pu_06_the_first_answer_that_ends_the_wait_counts() {
    for (first, second, allowed) in [
        (DENIED, APPROVED, false),
        (FRAUD, APPROVED, false),
        (APPROVED, DENIED, true),
        (APPROVED, FRAUD, true),
    ] {
        let (mut world, phone) = with_phone("");
        let (pending, told) = world.ask_phone();
        let shown = number(&pending);
        world.phone(phone.answer(&told, first.clone(), Some(&shown)));
        let late = world.phone(phone.answer(&told, second.clone(), Some(&shown)));
        assert_eq!(reason(&late), "challenge-unknown");
        let polled = world.poll(&pending.challenge);
        assert_eq!(is_allowed(&polled), allowed, "{first:?} {second:?}");
        assert!(!is_allowed(&world.poll(&pending.challenge)));
    }
}

#[test]
fn pu_07_an_approval_has_to_be_in_time() {
    for late in [60_000, 119_999, 601_000] {
        let (mut world, phone) = with_phone("");
        let (pending, told) = world.ask_phone();
        world.now += late;
        let polled = world.poll(&pending.challenge);
        assert!(!is_allowed(&polled));
        let answered = world.phone(phone.answer(&told, APPROVED, Some(&number(&pending))));
        assert!(
            ["challenge-expired", "challenge-unknown"].contains(&reason(&answered)),
            "{late}"
        );
        assert!(!is_allowed(&world.poll(&pending.challenge)));
    }
    let (mut world, phone) = with_phone("");
    let (pending, told) = world.ask_phone();
    world.now += 59_999;
    world.phone(phone.answer(&told, APPROVED, Some(&number(&pending))));
    world.now += 30_000;
    assert!(
        is_allowed(&world.poll(&pending.challenge)),
        "it was in time"
    );
}

#[test]
fn a_report_is_heard_after_the_wait_and_through_a_lock() {
    let (mut world, phone) = with_both("[throttle]\naccount-lock-after = 3\nlock-after = 3\n");
    let (pending, told) = world.ask_phone();
    for _ in 0..3 {
        let wrong = world.wrong_code();
        world.sign_in(&wrong);
    }
    world.now += 61_000;
    assert!(world.account().failures.locked_until > world.now);
    let reported = world.phone(phone.answer(&told, FRAUD, None));
    assert_eq!(done(&reported), "fraud-reported");
    assert!(world.account().is_blocked(world.now));
    assert!(!is_allowed(&world.poll(&pending.challenge)));
}

#[test]
fn pu_08_a_report_ends_everything_and_blocks_until_it_is_lifted() {
    let (mut world, phone) = with_both("");
    world.now += 60 * MINUTE;
    let session = world.session();
    let (pending, told) = world.ask_phone();
    let report = phone.answer(&told, FRAUD, None);
    let mut event = world.event(Action::PhoneAnswer(report.clone()));
    event.origin.gateway = "phones".into();
    let reported = world.judge(&event).unwrap();
    assert_eq!(done(&reported), "fraud-reported");
    assert_eq!(notices(&reported), ["fraud-reported", "fraud-alarm"]);
    let kinds: Vec<&str> = reported
        .audit
        .iter()
        .map(|fact| fact.kind.as_str())
        .collect();
    assert_eq!(kinds, ["fraud-reported", "account-blocked"]);
    assert!(reported.generation > session.generation);
    let account = world.account();
    assert!(account.challenges.is_empty() && account.devices.is_empty());
    let until = account.blocked.unwrap().until;
    assert_eq!(until, world.now + 90 * 24 * 60 * MINUTE);

    // The same report again, by the same request and by another.
    let again = world.judge(&event).unwrap();
    assert_eq!(done(&again), "fraud-reported");
    assert!(again.effects.is_empty());
    world.now += 1;
    assert_eq!(reason(&world.phone(report)), "challenge-unknown");
    assert_eq!(world.account().blocked.unwrap().until, until);

    // Nothing lets anybody in, and nobody is woken.
    assert!(!is_allowed(&world.poll(&pending.challenge)));
    world.now += 60 * MINUTE;
    let code = world.code(0);
    let right = world.sign_in(&code);
    assert_eq!(
        (public_reason(&right), reason(&right)),
        ("incorrect-code", "blocked")
    );
    let begun = world.begin();
    assert!(notification(&begun).is_none());
    assert!(
        matches!(begun.outcome, Outcome::Pending(_)),
        "which the outside does not see"
    );

    let mut waited = world.clone();
    waited.now = until - 1;
    let code = waited.code(0);
    assert!(!is_allowed(&waited.sign_in(&code)));
    waited.now = until;
    let code = waited.code(1);
    assert!(is_allowed(&waited.sign_in(&code)), "the block has ended");

    world.administer(AdministrationChange::Unblock);
    let code = world.code(1);
    assert!(is_allowed(&world.sign_in(&code)), "the block was lifted");
    assert!(approve(&mut world, &phone));
}

#[test]
fn pu_08_without_a_block_a_report_ends_what_is_open() {
    let (mut world, phone) = with_both("[fraud]\nblock = false\n");
    let generation = world.account().generation;
    let (pending, told) = world.ask_phone();
    world.phone(phone.answer(&told, FRAUD, None));
    assert!(world.account().blocked.is_none());
    assert!(world.account().generation > generation);
    assert!(!is_allowed(&world.poll(&pending.challenge)));
    world.now += MINUTE;
    let code = world.code(0);
    assert!(is_allowed(&world.sign_in(&code)));
}

#[test]
fn a_report_shortens_no_block_of_an_administrator() {
    let (mut world, phone) = with_phone("");
    let (_, told) = world.ask_phone();
    world.administer(AdministrationChange::Block);
    assert_eq!(
        reason(&world.phone(phone.answer(&told, FRAUD, None))),
        "challenge-unknown"
    );
    assert_eq!(world.account().blocked.unwrap().until, u64::MAX);
}

#[test]
fn a_wrong_number_can_be_a_report() {
    let (mut world, phone) = with_phone("[push]\nwrong-number-is-fraud = true\n");
    let (pending, told) = world.ask_phone();
    let wrong = other_number(&number(&pending));
    let answered = world.phone(phone.answer(&told, APPROVED, Some(&wrong)));
    assert_eq!(done(&answered), "fraud-reported");
    assert!(world.account().is_blocked(world.now));
}

#[test]
fn pu_09_only_the_device_that_was_asked_reports() {
    let (mut world, phone) = with_phone("");
    let (pending, told) = world.ask_phone();
    let before = world.record.clone();
    let stranger = Phone::new(9);
    let forgeries: [PhoneAnswer; 4] = [
        stranger.answer(&told, FRAUD, None),
        PhoneAnswer {
            signature: Vec::new(),
            ..phone.answer(&told, FRAUD, None)
        },
        PhoneAnswer {
            decision: FRAUD,
            ..phone.answer(&told, DENIED, None)
        },
        PhoneAnswer {
            credential: "0123456789abcdef".into(),
            ..phone.answer(&told, FRAUD, None)
        },
    ];
    for forged in forgeries {
        let refused = world.phone(forged);
        assert!(
            ["signature-invalid", "challenge-unknown"].contains(&reason(&refused)),
            "{refused:?}"
        );
        assert!(refused.effects.is_empty());
    }
    assert_eq!(world.record, before);
    world.phone(phone.answer(&told, APPROVED, Some(&number(&pending))));
    assert!(is_allowed(&world.poll(&pending.challenge)));
}

#[test]
fn pu_10_another_device_needs_a_fresh_second_factor_and_the_user_hears_of_it() {
    let (mut world, phone) = with_both("");
    let attacker = Phone::new(66);
    let mut session = world.session();
    world.now += 6 * MINUTE;
    let mut no_factor = session.clone();
    no_factor.level = 1;
    session.verified -= 1;
    for session in [None, Some(session), Some(no_factor)] {
        let refused = world.act(Action::EnrolBegin(EnrolmentRequest {
            method: "push".into(),
            label: "Phone".into(),
            address: Some(attacker.address()),
            session,
        }));
        assert_eq!(reason(&refused), "fresh-verification-required");
        assert!(refused.effects.is_empty());
    }
    world.enrol_phone(&attacker);
    assert_eq!(world.account().credentials.len(), 3);
    // A device is enrolled once, here and in the whole tenant.
    let session = world.session();
    world.now += MINUTE;
    let begun = world.act(Action::EnrolBegin(EnrolmentRequest {
        method: "push".into(),
        label: "Phone".into(),
        address: Some(phone.address()),
        session: Some(session),
    }));
    let told = notification(&begun).unwrap();
    let Outcome::Enrol(shown) = &begun.outcome else {
        panic!();
    };
    let wanted = shown.prompt.arguments[0].1.clone();
    world.phone(phone.answer(&told, APPROVED, Some(&wanted)));
    assert_eq!(
        reason(&world.poll(&challenge_id(&begun.outcome))),
        "already-claimed"
    );
}

#[test]
fn pu_07_a_wait_that_is_over_is_told_as_no_answer() {
    let (mut world, _) = with_phone("");
    let (pending, _) = world.ask_phone();
    world.now = pending.expires - 1;
    let polled = world.poll(&pending.challenge);
    assert!(matches!(polled.outcome, Outcome::Pending(_)));
    world.now += 1;
    assert_eq!(reason(&world.poll(&pending.challenge)), "no-response");
}

/// A block that has ended is none, even where a sign-in began under it.
#[test]
fn pu_08_a_report_after_the_block_of_another_blocks_again() {
    let (mut world, phone) = with_phone("[fraud]\nblock-for = '1d'\n");
    let (_, told) = world.ask_phone();
    world.phone(phone.answer(&told, FRAUD, None));
    let until = world.account().blocked.unwrap().until;
    world.now = until - 1_000;
    let begun = challenge_id(&world.begin().outcome);
    world.now = until + 90_000;
    let told = notification(&world.resend(&begun)).expect("a message");
    world.phone(phone.answer(&told, FRAUD, None));
    assert!(world.account().is_blocked(world.now));
}
