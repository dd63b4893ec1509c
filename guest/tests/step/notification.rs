//! Notifications (S05, S06, M05, M06, S17): what they do for those who asked for them.

use cofactor_guest::contract::{Action, AdministrationChange, EnrolmentRequest, Outcome, SignIn};

use super::phone::{
    APPROVED, FRAUD, METHODS, Notification, Phone, approve, done, notices, notification, number,
    other_number, with_phone,
};
use super::world::{World, challenge_id, is_allowed, public_reason, reason, sign_in};

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

#[test]
fn an_enrolment_is_confirmed_until_it_ends() {
    for (early, expected) in [(1, "successfully-completed"), (0, "enrolment-expired")] {
        let mut world = World::new(METHODS);
        let phone = Phone::new(1);
        let begun = world.enrol_phone_begin(&phone);
        let told = notification(&begun).unwrap();
        let Outcome::Enrol(shown) = &begun.outcome else {
            panic!("{begun:?}")
        };
        let wanted = shown.prompt.arguments[0].1.clone();
        world.now = shown.provisioning.as_ref().unwrap().expires - early;
        let answered = world.phone(phone.answer(&told, APPROVED, Some(&wanted)));
        assert_eq!(reason(&answered), expected);
    }
}
