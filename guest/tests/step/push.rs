//! Notifications (S05, S06, M05, M06): group `push` of the catalogue.

use cofactor_guest::contract::{
    Action, AdministrationChange, Choice, EnrolmentRequest, Outcome, PhoneAnswer, SignIn,
    Transition,
};

use super::phone::{
    APPROVED, DENIED, FRAUD, Notification, Phone, notices, notification, number, other_number,
};
use super::world::{World, challenge_id, is_allowed, public_reason, reason, sign_in};

const METHODS: &str = "[accounts]\nmethods = ['totp', 'push']\n";
const MINUTE: u64 = 60_000;

/// A user whose telephone is asked first, and who has no other way in.
fn with_phone(document: &str) -> (World, Phone) {
    let mut world = World::new(&format!("{METHODS}{document}"));
    let phone = Phone::new(1);
    world.enrol_phone(&phone);
    (world, phone)
}

/// A user whose telephone is asked first, and who has a code as well.
fn with_both(document: &str) -> (World, Phone) {
    let mut world = World::with_totp(&format!("{METHODS}{document}"));
    let phone = Phone::new(1);
    world.enrol_phone(&phone);
    let credential = world.account().credentials[1].id.text();
    let session = world.session();
    let change = cofactor_guest::contract::ManagementChange::SetDefault(credential);
    world.manage(change, Some(session));
    (world, phone)
}

/// Signs in by notification, and says whether the browser was let in.
fn approve(world: &mut World, phone: &Phone) -> bool {
    let (pending, told) = world.ask_phone();
    world.phone(phone.answer(&told, APPROVED, Some(&number(&pending))));
    is_allowed(&world.poll(&pending.challenge))
}

fn done(transition: &Transition) -> &str {
    match &transition.outcome {
        Outcome::Done(done) => &done.reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_device_approves_with_a_key_of_either_kind() {
    for phone in [Phone::new(1), Phone::p256(2, false), Phone::p256(3, true)] {
        let mut world = World::new(METHODS);
        world.enrol_phone(&phone);
        let (pending, told) = world.ask_phone();
        assert_eq!(pending.prompt.message, "approve-on-device");
        assert_eq!(told.message, "approve-sign-in");
        assert!(matches!(
            world.poll(&pending.challenge).outcome,
            Outcome::Pending(_)
        ));
        let answered = world.phone(phone.answer(&told, APPROVED, Some(&number(&pending))));
        assert_eq!(done(&answered), "successfully-completed");
        let outcome = world.poll(&pending.challenge).outcome;
        let Outcome::Allow(allowance) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(allowance.claims.amr, ["swk", "mfa"]);
        assert_eq!(allowance.claims.method, "push");
        assert_eq!(allowance.claims.level, 2);
        assert_eq!(reason(&world.poll(&pending.challenge)), "challenge-unknown");
    }
}

#[test]
fn a_device_is_enrolled_by_its_own_signature_and_the_browser_s_number() {
    let mut world = World::new(METHODS);
    let phone = Phone::new(1);
    let begun = world.enrol_phone_begin(&phone);
    let enrolment = challenge_id(&begun.outcome);
    let told = notification(&begun).unwrap();
    assert_eq!(told.message, "confirm-device");
    let Outcome::Enrol(shown) = &begun.outcome else {
        panic!();
    };
    let wanted = shown.prompt.arguments[0].1.clone();
    assert!(!told.told.values().any(|value| *value == wanted));

    // Pressing on too early costs nothing.
    for _ in 0..9 {
        let early = world.enrol_finish(&enrolment, "");
        assert!(matches!(early.outcome, Outcome::Enrol(_)));
    }
    let foreign = world.phone(Phone::new(9).answer(&told, APPROVED, Some(&wanted)));
    assert_eq!(reason(&foreign), "signature-invalid");
    let wrong = world.phone(phone.answer(&told, APPROVED, Some(&other_number(&wanted))));
    assert_eq!(done(&wrong), "incorrect-code");
    assert!(matches!(world.poll(&enrolment).outcome, Outcome::Enrol(_)));
    let right = world.phone(phone.answer(&told, APPROVED, Some(&wanted)));
    assert_eq!(done(&right), "successfully-completed");
    assert_eq!(right.audit.last().unwrap().kind, "enrolment-confirmed");
    assert!(
        world.account().credentials.is_empty(),
        "the browser has not asked yet"
    );
    let again = world.phone(phone.answer(&told, APPROVED, Some(&wanted)));
    assert_eq!(reason(&again), "enrolment-expired");

    let mut elsewhere = world.clone();
    elsewhere.binding = vec![8; 32];
    assert_eq!(reason(&elsewhere.poll(&enrolment)), "challenge-binding");
    let finished = world.enrol_finish(&enrolment, "");
    assert!(is_allowed(&finished), "{:?}", finished.outcome);
    assert!(notices(&finished).contains(&"credential-added"));
    assert_eq!(finished.claims.len(), 1);
    assert!(approve(&mut world, &phone));
}

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
fn what_is_no_device_is_not_enrolled() {
    let mut world = World::new(METHODS);
    for address in [None, Some(""), Some("p256:00:token"), Some("+49301234567")] {
        let refused = world.act(Action::EnrolBegin(EnrolmentRequest {
            method: "push".into(),
            label: "Phone".into(),
            address: address.map(str::to_owned),
            session: None,
        }));
        assert_eq!(reason(&refused), "address-invalid", "{address:?}");
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
fn a_number_is_picked_out_of_three() {
    let (mut world, phone) = with_phone("[push]\nmatching = 'pick'\nnumber-length = 2\n");
    let mut places = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let (pending, told) = world.ask_phone();
        let choices: Vec<&str> = told.told["choices"].split(' ').collect();
        let distinct: std::collections::BTreeSet<_> = choices.iter().collect();
        assert_eq!((choices.len(), distinct.len()), (3, 3));
        let place = choices
            .iter()
            .position(|choice| *choice == number(&pending));
        places.insert(place.expect("the right one is among them"));
        assert!(!told.told.contains_key("number") && !told.told.contains_key("digits"));
        world.phone(phone.answer(&told, APPROVED, Some(&number(&pending))));
        assert!(is_allowed(&world.poll(&pending.challenge)));
    }
    assert_eq!(places.len(), 3, "the right one has no place of its own");
}

#[test]
fn a_code_goes_to_the_device_and_comes_back_through_the_browser() {
    let (mut world, phone) = with_phone("[push]\nmatching = 'code-to-phone'\n");
    let begun = world.begin();
    let Outcome::Challenge(challenge) = &begun.outcome else {
        panic!("{:?}", begun.outcome);
    };
    assert_eq!(challenge.prompt.message, "enter-code-from-device");
    assert_eq!(challenge.offers[0].digits, 6);
    let told = notification(&begun).unwrap();
    let code = told.told["code"].clone();
    let record = world.record.clone().unwrap();
    assert!(!record.windows(6).any(|octets| octets == code.as_bytes()));
    // An approval of the device is not what was asked for.
    let mut other = world.clone();
    other.phone(phone.answer(&told, APPROVED, Some(&code)));
    assert!(!is_allowed(&other.answer(&challenge.id, &code)));

    let wrong = world.answer(&challenge.id, &other_number(&code));
    assert_eq!(public_reason(&wrong), "incorrect-code");
    assert!(is_allowed(&world.answer(&challenge.id, &code)));
    assert!(!is_allowed(&world.answer(&challenge.id, &code)));
    // The device may refuse all the same.
    let begun = world.begin();
    let told = notification(&begun).unwrap();
    assert_eq!(
        done(&world.phone(phone.answer(&told, FRAUD, None))),
        "fraud-reported"
    );
    assert!(world.account().is_blocked(world.now));
}

#[test]
fn the_device_is_told_what_the_policy_shows() {
    for (document, told_application, told_place) in [
        ("", true, true),
        ("[push]\nshow-application = false\n", false, true),
        ("[push]\nshow-location = false\n", true, false),
        (
            "[push]\nshow-application = false\nshow-location = false\n",
            false,
            false,
        ),
    ] {
        let (mut world, phone) = with_phone(document);
        let (pending, told) = world.ask_phone();
        let of = |name: &str| told.told.get(name).map(String::as_str);
        assert_eq!(of("application"), told_application.then_some("wiki"));
        assert_eq!(of("address"), told_place.then_some("192.0.2.7"));
        world.phone(phone.answer(&told, APPROVED, Some(&number(&pending))));
        assert!(is_allowed(&world.poll(&pending.challenge)), "{document}");
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
fn a_device_that_was_removed_answers_nothing() {
    let (mut world, phone) = with_phone("");
    let (pending, told) = world.ask_phone();
    let id = world.account().credentials[0].id.text();
    let removed = world.administer(AdministrationChange::RemoveCredential(id));
    assert_eq!(removed.claims.len(), 1);
    let answered = world.phone(phone.answer(&told, APPROVED, Some(&number(&pending))));
    assert_eq!(done(&answered), "method-not-allowed");
    assert!(!is_allowed(&world.poll(&pending.challenge)));
}

#[test]
fn an_approval_of_one_text_confirms_no_other() {
    let (mut world, phone) = with_phone("[sends]\ncooldown = '0s'\n");
    let ask = |world: &mut World, text: &str| -> (String, String, Notification) {
        let begun = world.act(Action::Begin(SignIn {
            transaction: Some(text.into()),
            ..sign_in()
        }));
        let Outcome::Pending(pending) = &begun.outcome else {
            panic!("{:?}", begun.outcome);
        };
        let told = notification(&begun).unwrap();
        assert_eq!(told.message, "confirm-transaction");
        assert_eq!(told.told["transaction"], text);
        (pending.challenge.clone(), number(pending), told)
    };
    let (first, shown, mut told) = ask(&mut world, "Pay 10 EUR to Bob");
    told.told
        .insert("transaction".into(), "Pay 1000 EUR to Eve".into());
    let forged = world.phone(phone.answer(&told, APPROVED, Some(&shown)));
    assert_eq!(reason(&forged), "signature-invalid");
    let (second, shown, told) = ask(&mut world, "Pay 20 EUR to Bob");
    world.phone(phone.answer(&told, APPROVED, Some(&shown)));
    assert!(matches!(world.poll(&first).outcome, Outcome::Pending(_)));
    let Outcome::Allow(allowance) = world.poll(&second).outcome else {
        panic!();
    };
    let digest = <sha2::Sha256 as sha2::Digest>::digest(b"Pay 20 EUR to Bob").to_vec();
    assert_eq!(allowance.claims.transaction, Some(digest));
}

/// docs/push.md: an app that gives these octets and this signature for what it was told is right.
#[test]
fn the_example_of_the_page_is_what_a_device_signs() {
    const PAGE: &str = include_str!("../../../docs/push.md");
    let example = PAGE.split("### An example").nth(1).unwrap();
    let mut blocks = example.split("\n\n    ").skip(1).map(|block| {
        let end = block.split("\n\n").next().unwrap();
        end.lines().map(str::trim).collect::<Vec<_>>()
    });
    let told = blocks.next().unwrap();
    let told = Notification {
        credential: "0011223344556677".into(),
        message: String::new(),
        told: told
            .iter()
            .map(|line| line.split_once("  ").expect("a name and a value"))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
    };
    let hex = |octets: &[u8]| -> String { octets.iter().map(|it| format!("{it:02x}")).collect() };
    let octets = Phone::octets(&told, "approved", "042917");
    assert_eq!(hex(&octets), blocks.next().unwrap().concat());
    let key = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let key: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let phone = Phone::with_ed25519(key.try_into().unwrap());
    assert!(PAGE.contains(phone.address().split(':').nth(1).unwrap()));
    assert_eq!(hex(&phone.sign(&octets)), blocks.next().unwrap().concat());
}
