//! What goes out by telephone, and how much of it: SV-01, SV-02.

use cofactor_guest::contract::{Action, AdministrationChange, Fault, Outcome};
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
    assert_eq!(asked.len(), 2);
    assert!(asked[0].kind.starts_with("number/") && asked[0].kind.len() == 7 + 32);
    assert_eq!(asked[1].kind, "country/49");
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
    assert_eq!((asked.len(), countries.count()), (4, 2));
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
