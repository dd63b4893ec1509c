//! What goes out by telephone, and how much of it: SV-01, SV-02.

use cofactor_guest::contract::{Action, AdministrationChange, Choice, Fault, Outcome};
use cofactor_guest::step;

use crate::sms::{NUMBER, POLICY, offered, with_number, with_vouched};
use crate::voice;
use crate::world::{
    START, World, argument, challenge_id, is_allowed, message, public_reason, reason, sign_in,
};

#[test]
fn sv_02_messages_are_paced_and_counted_for_the_account() {
    let mut world = with_vouched("accounts.methods = [\"sms\"]\n[sends]\nnumber = 0\n");
    let begun = world.begin();
    let challenge = challenge_id(&begun.outcome);
    let mut code = argument(&begun, "code");
    world.now += 29_999;
    let early = world.resend(&challenge);
    assert_eq!(public_reason(&early), "send-throttled");
    assert!(message(&early).is_none());
    for _ in 0..4 {
        world.now += 30_000;
        let resent = world.resend(&challenge);
        code = argument(&resent, "code");
    }
    world.now += 30_000;
    assert_eq!(public_reason(&world.resend(&challenge)), "send-throttled");
    // Nor by another challenge.
    let another = world.begin();
    assert_eq!(public_reason(&another), "send-throttled");
    assert!(message(&another).is_none());
    // What was sent is still good.
    assert!(is_allowed(&world.answer(&challenge, &code)));
    world.now = START + 600_000 + 30_000;
    assert!(message(&world.begin()).is_some());
}

#[test]
fn a_wanted_message_does_not_hold_back_the_next_sign_in() {
    let mut world = with_number(POLICY);
    let begun = world.begin();
    assert!(is_allowed(&world.answer(
        &challenge_id(&begun.outcome),
        &argument(&begun, "code")
    )));
    assert!(message(&world.begin()).is_some());
}

#[test]
fn where_limits_hold_a_text_back_the_next_credential_is_offered() {
    let mut world = with_vouched(POLICY);
    world.import(&crate::world::uri(
        "totp",
        crate::world::SECRET,
        "&period=30",
    ));
    assert_eq!(offered(&world.begin()), "sms");
    let held = world.begin();
    assert_eq!(offered(&held), "totp");
    assert!(message(&held).is_none());
    assert_eq!(held.audit[0].kind, "message-withheld");
    let code = world.code(0);
    assert!(is_allowed(
        &world.answer(&challenge_id(&held.outcome), &code)
    ));
}

#[test]
fn sv_02_a_number_is_counted_over_all_accounts() {
    let policy = "accounts.methods = [\"sms\"]\n[sends]\ncooldown = \"0s\"\n";
    let mut counted = Vec::new();
    for user in 0..5 {
        let mut world = World::new(policy);
        world.user = format!("user{user}");
        world.counted = counted;
        let begun = world.enrol_address("sms", NUMBER);
        assert_eq!(message(&begun).is_some(), user < 3, "{user}");
        if user >= 3 {
            assert_eq!(public_reason(&begun), "send-throttled");
        }
        counted = world.counted;
    }
    assert!(counted.iter().all(|(kind, _)| kind.starts_with("source")
        || kind == "country/49"
        || kind == "messages"
        || kind.starts_with("range/")
        || kind.starts_with("number/")));
    let digits = NUMBER.trim_start_matches('+');
    assert!(counted.iter().all(|(kind, _)| !kind.contains(digits)));
}

#[test]
fn sv_01_a_thousand_starts_cost_no_more_than_the_cap_of_a_country() {
    let policy = "accounts.methods = [\"sms\"]\n[sends]\ncooldown = \"0s\"\ncountry = 25\n";
    let mut counted = Vec::new();
    let mut sent = 0;
    for user in 0..1000 {
        let mut world = World::new(policy);
        world.user = format!("user{user}");
        world.counted = counted;
        let number = format!("+37060{user:06}");
        let begun = world.enrol_address("sms", &number);
        sent += usize::from(message(&begun).is_some());
        counted = world.counted;
    }
    assert_eq!(sent, 25);
}

#[test]
fn sv_01_premium_ranges_and_countries_off_the_list_get_nothing() {
    let mut world = World::new(&format!("{POLICY}[sends]\ncountries = [\"49\", \"1\"]\n"));
    for number in [
        "+882131234567",
        "+883510012345",
        "+979123456789",
        "+19005551234",
        "+12129765123",
        "+881612345678",
        "+870773123456",
        "+80012345678",
        "+18765551234",
        "+442071234567",
        "+499001234567",
        "4915112345678",
        "+49 (0)151 12345678",
        "+49151",
        "+4915112345678901",
        "+49151x2345678",
        "+04915112345678",
        "",
    ] {
        for method in ["sms", "voice"] {
            let begun = world.enrol_address(method, number);
            let expected = if method == "sms" {
                "address-invalid"
            } else {
                "method-not-allowed"
            };
            assert_eq!(public_reason(&begun), expected, "{number}");
            assert!(
                begun.effects.is_empty()
                    && begun.counts.iter().all(|it| it.kind.starts_with("source"))
            );
        }
    }
    assert!(message(&world.enrol_address("sms", "+49 (151) 123-456.78")).is_some());
}

#[test]
fn sv_01_a_country_that_leaves_the_list_gets_no_more_texts() {
    let mut world = with_vouched(POLICY);
    world.policy = crate::world::compile(&format!("{POLICY}[sends]\ncountries = [\"1\"]\n"));
    let begun = world.begin();
    assert_eq!(reason(&begun), "address-invalid");
    assert!(begun.effects.is_empty());
}

#[test]
fn counts_that_are_missing_are_asked_for_by_name() {
    let mut world = with_vouched(POLICY);
    let event = world.event(Action::Begin(sign_in()));
    let fault = step::step(&world.context(), world.record.as_deref(), &event);
    let Err(Fault::Unobserved(asked)) = fault else {
        panic!("{fault:?}")
    };
    assert_eq!(asked.len(), 4);
    assert!(asked[0].kind.starts_with("number/") && asked[0].kind.len() == 7 + 32);
    assert!(asked[1].kind.starts_with("range/") && asked[1].kind.len() == 6 + 32);
    assert_eq!(asked[2].kind, "country/49");
    assert_eq!(asked[3].kind, "messages");
    assert!(
        asked
            .iter()
            .all(|asked| asked.window == 600_000 && asked.count == 0)
    );
}

#[test]
fn counts_of_every_number_are_asked_for_at_once_since_a_host_looks_once() {
    let policy = "accounts.methods = [\"sms\", \"voice\"]\n[sends]\ncooldown = \"0s\"\n";
    let mut world = with_vouched(policy);
    world.issue("voice", "+12125551234");
    let event = world.event(Action::Begin(sign_in()));
    let fault = step::step(&world.context(), world.record.as_deref(), &event);
    let Err(Fault::Unobserved(asked)) = fault else {
        panic!("{fault:?}")
    };
    let countries = asked
        .iter()
        .filter(|asked| asked.kind.starts_with("country/"));
    assert_eq!((asked.len(), countries.count()), (7, 2));
    // The first number has had its share: the second is called.
    let full = (asked[0].kind.clone(), world.now);
    world.counted.extend([full.clone(), full.clone(), full]);
    let begun = world.begin();
    assert_eq!(offered(&begun), "voice");
    assert_eq!(message(&begun).unwrap().1.to, "+12125551234");
}

#[test]
fn nothing_goes_out_for_a_blocked_account() {
    let mut world = with_vouched(POLICY);
    let open = world.begin();
    world.now += 60_000;
    world.administer(AdministrationChange::Block);
    let begun = world.begin();
    assert!(
        begun.effects.is_empty() && begun.counts.iter().all(|it| it.kind.starts_with("source"))
    );
    assert!(
        matches!(begun.outcome, Outcome::Challenge(_)),
        "the outside sees no block"
    );
    let code = argument(&open, "code");
    assert!(!is_allowed(
        &world.answer(&challenge_id(&open.outcome), &code)
    ));
}

#[test]
fn sv_02_calls_and_texts_share_the_limits_of_a_number() {
    let mut world = voice::with_number("accounts.methods = [\"voice\", \"sms\"]\n");
    world.issue("sms", NUMBER);
    let begun = world.begin();
    let challenge = challenge_id(&begun.outcome);
    let chosen = world.choose(&challenge, "sms");
    assert_eq!(reason(&chosen), "send-throttled");
    assert!(chosen.effects.is_empty());
    let mut sent = 1;
    for turn in 0..20 {
        world.now += 30_000;
        let challenge = challenge_id(&begun.outcome);
        let chosen = world.choose(&challenge, ["sms", "voice"][turn % 2]);
        sent += usize::from(message(&chosen).is_some());
    }
    assert_eq!(sent, 3);
}

#[test]
fn sv_01_a_range_of_numbers_and_a_tenant_have_caps_of_their_own() {
    for (limit, numbers) in [
        ("range = 25", "+3706012{:04}"),
        ("total = 25", "+3706{:04}123"),
    ] {
        let policy =
            format!("accounts.methods = ['sms', 'voice']\n[sends]\ncooldown = '0s'\n{limit}\n");
        let (mut counted, mut sent) = (Vec::new(), 0);
        for user in 0..100 {
            let mut world = World::new(&policy);
            world.user = format!("user{user}");
            world.counted = counted;
            let number = numbers.replace("{:04}", &format!("{user:04}"));
            let begun = world.enrol_address(["sms", "voice"][user % 2], &number);
            sent += usize::from(message(&begun).is_some());
            counted = world.counted;
        }
        assert_eq!(sent, 25, "{limit}");
        // Another range is not held back; the total is for all of them.
        let mut world = World::new(&policy);
        world.counted = counted;
        let other = message(&world.enrol_address("sms", "+37060990001"));
        assert_eq!(other.is_some(), limit.starts_with("range"), "{limit}");
    }
}

/// More numbers than the host is asked for at once: what it was not asked for waits, and nothing fails.
#[test]
fn sv_01_an_account_of_many_numbers_is_asked_by_one_that_is_not_held_back() {
    let policy = "accounts.methods = ['sms']\n[sends]\ncooldown = '0s'\naccount = 24\n";
    let mut world = World::new(policy);
    for number in [
        "+491511234567",
        "+436641234567",
        "+41791234567",
        "+33612345678",
        "+34612345678",
    ] {
        world.issue("sms", number);
    }
    let mut numbers = std::collections::BTreeSet::new();
    for _ in 0..15 {
        let begun = world.begin();
        match message(&begun) {
            Some((_, sent, _)) => {
                numbers.insert(sent.to);
            }
            None => assert_eq!(reason(&begun), "send-throttled"),
        }
    }
    assert!(numbers.len() >= 2, "{numbers:?}");
}

#[test]
fn sv_03_a_number_that_was_added_is_held_for_a_while_where_the_policy_wants_that() {
    let document = format!("{POLICY}[sends]\nhold = '1d'\n");
    let mut world = World::new(&document);
    // The first one is all that its user has.
    let begun = world.enrol_address("sms", NUMBER);
    let done = world.enrol_finish(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    assert!(is_allowed(&done));
    world.now += 60_000;
    let begun = world.begin();
    let signed_in = world.answer(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    let Outcome::Allow(allowance) = signed_in.outcome else {
        panic!("{signed_in:?}")
    };
    let session = Some(allowance.claims);
    let begun = world.enrol_address_as("sms", "+4915198765432", session);
    let added = world.enrol_finish(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    let Outcome::Allow(allowance) = added.outcome else {
        panic!("{added:?}")
    };
    let facts = cofactor_guest::view::view(world.record.as_deref().unwrap()).unwrap();
    let held = (world.now + 86_400_000).to_string();
    let from = ("usable-from".to_owned(), held);
    assert!(facts.credentials[1].parameters.contains(&from));
    // Not even where the old one was taken away.
    world.now += 60_000;
    let mut alone = world.clone();
    let old = alone.account().credentials[0].id.text();
    alone.manage(
        cofactor_guest::contract::ManagementChange::Remove(old),
        Some(allowance.claims),
    );
    assert_eq!(alone.account().credentials.len(), 1);
    let refused = alone.begin();
    assert_eq!(
        (reason(&refused), public_reason(&refused)),
        ("credential-expired", "incorrect-code")
    );
    // The old one is asked for, and the new one cannot be chosen.
    let begun = world.begin();
    assert_eq!(argument(&begun, "code").len(), 6);
    let (_, sent, _) = message(&begun).unwrap();
    assert_eq!(sent.to, NUMBER);
    let second = world.account().credentials[1].id.text();
    let chosen = world.act(Action::ChooseMethod(Choice {
        challenge: challenge_id(&begun.outcome),
        method: "sms".into(),
        credential: Some(second.clone()),
    }));
    assert_eq!(reason(&chosen), "credential-expired");
    let until = world.account().credentials[1].usable_from;
    alone.now = until - 1;
    assert!(message(&alone.clone().begin()).is_none());
    for (world, at, asked) in [(&mut alone, until, true), (&mut world, until - 1, false)] {
        world.now = at;
        assert_eq!(
            message(&world.begin()).is_some_and(|(_, sent, _)| sent.to != NUMBER),
            asked
        );
    }
    // Whom an administrator vouches for waits for nothing.
    let mut vouched = with_vouched(&document);
    vouched.issue("sms", "+4915198765432");
    assert!(
        vouched
            .account()
            .credentials
            .iter()
            .all(|it| it.usable_from == 0)
    );
}

#[test]
fn sv_02_a_message_is_counted_until_the_window_is_over() {
    let limits = "account = 1\ncooldown = '0s'\nwindow = '10m'\n";
    let mut world = with_vouched(&format!("{POLICY}[sends]\n{limits}"));
    assert!(message(&world.begin()).is_some());
    world.now += 599_999;
    assert!(message(&world.clone().begin()).is_none());
    world.now += 1;
    assert!(message(&world.begin()).is_some());
}

#[test]
fn a_host_is_asked_for_eight_counts_at_once_and_no_more() {
    let mut world = World::new("accounts.methods = ['sms']\n");
    for number in ["+491511234567", "+436641234567", "+41791234567"] {
        world.issue("sms", number);
    }
    let event = world.event(Action::Begin(sign_in()));
    let fault = step::step(&world.context(), world.record.as_deref(), &event);
    assert!(
        matches!(&fault, Err(Fault::Unobserved(asked)) if asked.len() == 8),
        "{fault:?}"
    );
}
