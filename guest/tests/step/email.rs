//! Codes by e-mail: M04.

use cofactor_guest::contract::{Action, Answer, Outcome, Proof};

use crate::world::{World, argument, challenge_id, is_allowed, message, public_reason, reason};

const POLICY: &str = "accounts.methods = [\"email\", \"totp\"]\n[email]\npossession = true\n";
const ADDRESS: &str = "alice@example.com";

fn with_mailbox(document: &str) -> World {
    let mut world = World::new(document);
    let issued = world.issue("email", ADDRESS);
    assert!(
        matches!(issued.outcome, Outcome::Done(_)),
        "{:?}",
        issued.outcome
    );
    world
}

#[test]
fn m04_a_code_goes_to_the_mailbox_and_comes_back_once() {
    let mut world = World::new(POLICY);
    let begun = world.enrol_address("email", ADDRESS);
    let (way, sent, _) = message(&begun).unwrap();
    assert_eq!(
        (way, sent.to.as_str(), sent.body.message.as_str()),
        ("mail", ADDRESS, "confirm-address")
    );
    let code = argument(&begun, "code");
    assert_eq!(code.len(), 8);
    let finished = world.enrol_finish(&challenge_id(&begun.outcome), &code);
    assert!(is_allowed(&finished), "{:?}", finished.outcome);
    world.now += 30_000;
    let begun = world.begin();
    let Outcome::Challenge(challenge) = &begun.outcome else {
        panic!("{:?}", begun.outcome)
    };
    assert_eq!(challenge.prompt.message, "enter-code-from-mail");
    assert_eq!(
        challenge.prompt.arguments,
        [("address".to_owned(), "a***@example.com".to_owned())]
    );
    let (challenge, code) = (challenge_id(&begun.outcome), argument(&begun, "code"));
    let Outcome::Allow(allowance) = world.answer(&challenge, &code).outcome else {
        panic!()
    };
    assert_eq!(
        (allowance.claims.level, allowance.claims.method.as_str()),
        (2, "email")
    );
    assert_eq!(
        reason(&world.answer(&challenge, &code)),
        "challenge-unknown"
    );
}

#[test]
fn n_08_a_mailbox_is_no_second_factor_unless_the_policy_says_so() {
    let mut world = with_mailbox("accounts.methods = [\"email\", \"totp\"]\n");
    let begun = world.begin();
    assert!(begun.effects.is_empty());
    assert_eq!(reason(&begun), "no-methods-registered");
    // Where the first factor is enough, it proves nothing more.
    let mut world = with_mailbox(
        "accounts.methods = [\"email\", \"totp\"]\n[[application]]\nname = \"wiki\"\nrequired-level = 1\n",
    );
    let begun = world.begin();
    if message(&begun).is_some() {
        let answered = world.answer(&challenge_id(&begun.outcome), &argument(&begun, "code"));
        let Outcome::Allow(allowance) = answered.outcome else {
            panic!()
        };
        assert_eq!(allowance.claims.level, 1);
        assert!(!allowance.claims.amr.contains(&"mfa".to_owned()));
    }
}

#[test]
fn m04_a_code_lives_two_to_five_minutes() {
    for (lifetime, alive, dead) in [("2m", 119_999, 120_000), ("5m", 299_999, 300_000)] {
        let mut world = with_mailbox(&format!("{POLICY}lifetime = \"{lifetime}\"\n"));
        let begun = world.begin();
        let (challenge, code, started) = (
            challenge_id(&begun.outcome),
            argument(&begun, "code"),
            world.now,
        );
        world.now = started + dead;
        assert_eq!(
            public_reason(&world.answer(&challenge, &code)),
            "challenge-expired"
        );
        world.now = started + alive;
        assert!(is_allowed(&world.answer(&challenge, &code)), "{lifetime}");
    }
    for lifetime in ["119s", "301s"] {
        let document = format!("[email]\nlifetime = \"{lifetime}\"\n");
        assert!(
            cofactor_guest::policy::compile(&document).is_err(),
            "{lifetime}"
        );
    }
}

#[test]
fn an_address_that_a_mail_header_would_obey_is_refused() {
    let long = format!("a@{}.com", "x".repeat(250));
    for address in [
        "",
        "alice",
        "@example.com",
        "alice@",
        "alice@localhost",
        "a b@example.com",
        "alice@example.com\r\nBcc: eve@example.org",
        "alice@exa mple.com",
        "<alice@example.com>",
        "alice@example.com,eve@example.org",
        "\"alice\"@example.com",
        "alice@@example.com",
        "alice@-example.com",
        ".alice@example.com",
        "al..ice@example.com",
        "älice@example.com",
        &long,
    ] {
        let begun = World::new(POLICY).enrol_address("email", address);
        assert_eq!(reason(&begun), "address-invalid", "{address}");
        assert!(begun.effects.is_empty());
    }
}

#[test]
fn a_mailbox_is_held_once_and_paced() {
    let mut world = with_mailbox(POLICY);
    assert_eq!(
        reason(&world.issue("email", "ALICE@example.com")),
        "already-claimed"
    );
    let begun = world.begin();
    let challenge = challenge_id(&begun.outcome);
    assert_eq!(public_reason(&world.resend(&challenge)), "send-throttled");
    world.now += 30_000;
    let resent = world.resend(&challenge);
    assert_eq!(
        reason(&world.answer(&challenge, &argument(&begun, "code"))),
        "incorrect-code"
    );
    assert!(is_allowed(
        &world.answer(&challenge, &argument(&resent, "code"))
    ));
}

/// A device that is remembered spares a second factor, so only a second factor may ask for it.
#[test]
fn by_05_whoever_has_shown_no_second_factor_is_not_remembered() {
    let document = "devices.lifetime = '30d'\naccounts.methods = ['email']\n\
                    [[application]]\nname = 'wiki'\nrequired-level = 1\n";
    let mut world = with_mailbox(document);
    let begun = world.begin();
    let answered = world.act(Action::Answer(Answer {
        challenge: challenge_id(&begun.outcome),
        proof: Proof::Code(argument(&begun, "code")),
        remember: true,
    }));
    let Outcome::Allow(allowance) = answered.outcome else {
        panic!("{answered:?}")
    };
    assert_eq!(allowance.claims.level, 1);
    assert_eq!(allowance.device_token, None);
}
