//! Codes by text message: S03, S04, and what keeps them from costing and from being guessed.

use cofactor_guest::contract::{
    Action, AdministrationChange, Claim, Outcome, PhoneAnswer, PhoneDecision, SignIn, Transition,
};
use cofactor_guest::step;

use crate::world::{
    World, argument, challenge_id, is_allowed, message, public_reason, reason, sign_in,
};

pub const POLICY: &str = "accounts.methods = [\"sms\", \"totp\"]\n";
pub const FREE: &str = "accounts.methods = [\"sms\", \"totp\"]
[sends]
cooldown = \"0s\"
account = 24
number = 0
country = 0
range = 0
total = 0
";
pub const NUMBER: &str = "+4915112345678";

/// A user with a confirmed number, a minute later.
pub fn with_number(document: &str) -> World {
    let mut world = World::new(document);
    let begun = world.enrol_address("sms", NUMBER);
    let finished = world.enrol_finish(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    assert!(is_allowed(&finished), "{:?}", finished.outcome);
    world.now += 60_000;
    world
}

/// A user with a number that an administrator vouched for.
pub fn with_vouched(document: &str) -> World {
    let mut world = World::new(document);
    let issued = world.issue("sms", NUMBER);
    assert!(
        matches!(issued.outcome, Outcome::Done(_)),
        "{:?}",
        issued.outcome
    );
    assert!(message(&issued).is_none());
    world
}

fn another(code: &str) -> String {
    let value: u64 = code.parse().unwrap();
    let modulus = 10_u64.pow(code.len() as u32);
    format!("{:0width$}", (value + 1) % modulus, width = code.len())
}

pub fn offered(transition: &Transition) -> &str {
    match &transition.outcome {
        Outcome::Challenge(challenge) => &challenge.method,
        Outcome::Pending(pending) => &pending.method,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_number_is_enrolled_by_the_code_that_was_sent_to_it_and_signs_in() {
    let mut world = with_number(POLICY);
    let begun = world.begin();
    let (way, sent, _) = message(&begun).expect("a text");
    assert_eq!((way, sent.to.as_str()), ("text", NUMBER));
    assert_eq!(sent.body.message, "sign-in-code");
    assert_eq!(argument(&begun, "application"), "wiki");
    let Outcome::Challenge(challenge) = &begun.outcome else {
        panic!("{:?}", begun.outcome)
    };
    assert_eq!(challenge.prompt.message, "enter-code-from-text");
    assert_eq!(challenge.offers[0].digits, 6);
    let challenge = challenge_id(&begun.outcome);
    let answered = world.answer(&challenge, &argument(&begun, "code"));
    let Outcome::Allow(allowance) = &answered.outcome else {
        panic!("{:?}", answered.outcome)
    };
    assert_eq!(allowance.claims.amr, ["sms", "mfa"]);
    assert_eq!(allowance.claims.level, 2);
}

#[test]
fn ch_04_a_code_is_good_once_and_for_its_challenge_alone() {
    let mut world = with_number(FREE);
    let first = world.begin();
    let second = world.begin();
    let code = argument(&first, "code");
    let crossed = world.answer(&challenge_id(&second.outcome), &code);
    assert_eq!(reason(&crossed), "incorrect-code");
    let challenge = challenge_id(&first.outcome);
    assert!(is_allowed(&world.answer(&challenge, &code)));
    let again = world.answer(&challenge, &code);
    assert_eq!(reason(&again), "challenge-unknown");
    assert_eq!(public_reason(&again), "challenge-expired");
    assert!(
        !is_allowed(&world.sign_in(&code)),
        "a code without its challenge"
    );
}

#[test]
fn ch_03_a_code_of_another_user_is_of_no_use() {
    let mut alice = with_number(FREE);
    let mut bob = with_number(FREE);
    bob.user = "bob".into();
    bob.keys[0].secret = vec![10; 32];
    let (of_alice, of_bob) = (alice.begin(), bob.begin());
    let challenge = challenge_id(&of_alice.outcome);
    assert_eq!(
        reason(&bob.answer(&challenge, &argument(&of_alice, "code"))),
        "challenge-unknown"
    );
    assert_eq!(
        reason(&alice.answer(&challenge, &argument(&of_bob, "code"))),
        "incorrect-code"
    );
}

#[test]
fn ch_06_an_old_code_is_dead_after_a_resend() {
    let mut world = with_number(FREE);
    let begun = world.begin();
    let challenge = challenge_id(&begun.outcome);
    let resent = world.resend(&challenge);
    assert_eq!(challenge_id(&resent.outcome), challenge);
    let (old, new) = (argument(&begun, "code"), argument(&resent, "code"));
    assert_ne!(old, new);
    let answered = world.answer(&challenge, &old);
    assert_eq!(public_reason(&answered), "incorrect-code");
    assert!(is_allowed(&world.answer(&challenge, &new)));
}

#[test]
fn bf_02_no_resend_and_no_new_challenge_resets_the_failures() {
    let mut world = with_number(FREE);
    let mut failures;
    'out: loop {
        world.wait();
        world.now += 600_000;
        let begun = world.begin();
        let challenge = challenge_id(&begun.outcome);
        let mut code = argument(&begun, "code");
        for _ in 0..4 {
            let before = world.account().credentials[0].failures.count;
            world.wait();
            let answered = world.answer(&challenge, &another(&code));
            if public_reason(&answered) == "challenge-expired" {
                continue 'out;
            }
            let after = world.account().credentials[0].failures.count;
            assert_eq!(after, before + 1);
            failures = after;
            if failures == 10 {
                break 'out;
            }
            world.wait();
            let resent = world.resend(&challenge);
            let Some(_) = message(&resent) else {
                continue 'out;
            };
            code = argument(&resent, "code");
            assert_eq!(world.account().credentials[0].failures.count, after);
        }
    }
    assert_eq!(failures, 10);
    // Locked: the right code is not looked at.
    let begun = world.begin();
    let answered = world.answer(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    assert_eq!(reason(&answered), "locked");
    assert_eq!(public_reason(&answered), "incorrect-code");
}

#[test]
fn bf_03_rotating_methods_meets_the_account_counter() {
    let mut world = World::with_totp(
        "accounts.methods = [\"sms\", \"voice\", \"email\", \"totp\"]
[email]
possession = true
[sends]
cooldown = \"0s\"
account = 24
number = 0
[throttle]
account-lock-after = 12
",
    );
    for (method, address) in [
        ("sms", NUMBER),
        ("voice", "+4915112345679"),
        ("email", "alice@example.com"),
    ] {
        world.issue(method, address);
    }
    let mut wrong = 0;
    while world.account().failures.locked_until <= world.now {
        assert!(wrong < 12, "no lock after {wrong}");
        let method = ["sms", "voice", "email", "totp"][wrong % 4];
        world.now += 700_000;
        let challenge = world.challenge();
        let chosen = world.choose(&challenge, method);
        if method == "voice" {
            let credential = message(&chosen).unwrap().1.credential;
            world.act(Action::PhoneAnswer(PhoneAnswer {
                challenge,
                credential,
                decision: PhoneDecision::Digits("1#".into()),
                signature: argument(&chosen, "call").into_bytes(),
                number: None,
            }));
        } else {
            let code = match method {
                "totp" => world.wrong_code(),
                _ => another(&argument(&chosen, "code")),
            };
            world.answer(&challenge, &code);
        }
        wrong += 1;
    }
    assert_eq!(wrong, 12);
}

#[test]
fn the_mistakes_of_an_enrolment_are_bounded() {
    let mut world = World::new(POLICY);
    let begun = world.enrol_address("sms", NUMBER);
    let (challenge, code) = (challenge_id(&begun.outcome), argument(&begun, "code"));
    for _ in 0..5 {
        let wrong = world.enrol_finish(&challenge, &another(&code));
        assert_eq!(public_reason(&wrong), "incorrect-code");
    }
    assert_eq!(
        reason(&world.enrol_finish(&challenge, &code)),
        "enrolment-expired"
    );
    world.now += 30_000;
    let begun = world.enrol_address("sms", NUMBER);
    world.now += 180_000;
    let late = world.enrol_finish(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    assert_eq!(reason(&late), "enrolment-expired");
}

#[test]
fn sv_03_a_new_number_is_a_new_credential_with_notice() {
    let mut world = with_number(POLICY);
    let refused = world.enrol_address("sms", "+4915198765432");
    assert_eq!(reason(&refused), "fresh-verification-required");
    let begun = world.begin();
    let answered = world.answer(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    let Outcome::Allow(allowance) = answered.outcome else {
        panic!()
    };
    let old = world.account().generation;
    let begun = world.enrol_address_as("sms", "+4915198765432", Some(allowance.claims));
    let enrolled = world.enrol_finish(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    assert!(is_allowed(&enrolled), "{:?}", enrolled.outcome);
    assert!(
        world.account().generation > old,
        "sessions of before are over"
    );
    let notices = enrolled.effects.iter();
    assert_eq!(
        notices
            .filter(|it| format!("{:?}", it.what).contains("credential-added"))
            .count(),
        1
    );
}

#[test]
fn a_number_is_held_once() {
    let mut world = with_number("accounts.methods = [\"sms\", \"voice\"]\n");
    let twin = world.issue("sms", "+49 151 12345678");
    assert_eq!(reason(&twin), "already-claimed");
    let called = world.issue("voice", NUMBER);
    let taken = called.claims.clone();
    assert!(matches!(taken.as_slice(), [Claim::Take(_)]));
    let texted = world.account().credentials[0].id.text();
    let removed = world.administer(AdministrationChange::RemoveCredential(texted));
    assert!(removed.claims.is_empty(), "the call still holds the number");
    let called = world.account().credentials[0].id.text();
    let removed = world.administer(AdministrationChange::RemoveCredential(called));
    assert!(matches!((&removed.claims[..], &taken[..]),
        ([Claim::Drop(dropped)], [Claim::Take(taken)]) if dropped == taken));

    let mut other = World::new(POLICY);
    let begun = other.enrol_address("sms", NUMBER);
    other.facts = vec![("claim-clash".into(), "yes".into())];
    let refused = other.enrol_finish(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    assert_eq!(reason(&refused), "already-claimed");
}

#[test]
fn sv_07_a_number_that_was_moved_gets_nothing() {
    let mut world = with_vouched(POLICY);
    world.import(&crate::world::uri(
        "totp",
        crate::world::SECRET,
        "&period=30",
    ));
    let begun = world.begin();
    world.now += 60_000;
    world.facts = vec![("number-swapped".into(), "yes".into())];
    let other = world.begin();
    assert_eq!(offered(&other), "totp");
    assert!(other.effects.is_empty());
    assert_eq!(other.audit[0].reason, "number-swapped");
    // Nor is what went out before good any more.
    let answered = world.answer(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    assert_eq!(reason(&answered), "number-swapped");
    assert_eq!(public_reason(&answered), "undelivered");
    assert_eq!(world.account().credentials[0].failures.count, 0);
}

#[test]
fn sv_08_no_audit_fact_no_outcome_and_no_record_carries_a_code_or_a_number() {
    let mut world = World::new(FREE);
    let begun = world.enrol_address("sms", NUMBER);
    let mut codes = vec![argument(&begun, "code")];
    let mut all = vec![begun];
    all.push(world.enrol_finish(&challenge_id(&all[0].outcome), &codes[0]));
    let begun = world.begin();
    codes.push(argument(&begun, "code"));
    let challenge = challenge_id(&begun.outcome);
    all.push(begun);
    all.push(world.answer(&challenge, &another(&codes[1])));
    let resent = world.resend(&challenge);
    codes.push(argument(&resent, "code"));
    all.push(resent);
    let record = world.record.clone().unwrap();
    all.push(world.answer(&challenge, &codes[2].clone()));
    for code in &codes {
        let found = record
            .windows(code.len())
            .any(|octets| octets == code.as_bytes());
        assert!(!found, "the record holds {code}");
    }
    codes.push(NUMBER.trim_start_matches('+').to_owned());
    for transition in &all {
        let told = format!(
            "{:?} {:?} {:?}",
            transition.audit, transition.outcome, transition.counts
        );
        assert!(
            codes.iter().all(|code| !told.contains(code.as_str())),
            "{told}"
        );
    }
}

#[test]
fn s04_a_code_is_sent_back_by_text_if_the_policy_wants_it() {
    let mut world = with_number("accounts.methods = [\"sms\"]\n[sms]\ntwo-way = true\n");
    let begun = world.begin();
    let (_, sent, _) = message(&begun).unwrap();
    assert_eq!(sent.body.message, "reply-with-code");
    assert!(
        matches!(begun.outcome, Outcome::Pending(_)),
        "{:?}",
        begun.outcome
    );
    let challenge = challenge_id(&begun.outcome);
    let reply = |decision, signature: &str| {
        Action::PhoneAnswer(PhoneAnswer {
            challenge: challenge.clone(),
            credential: sent.credential.clone(),
            decision,
            signature: signature.as_bytes().to_vec(),
            number: None,
        })
    };
    let (code, call) = (argument(&begun, "code"), argument(&begun, "call"));
    assert_eq!(argument(&begun, "challenge"), challenge);
    assert_eq!(
        reason(&world.answer(&challenge, &code)),
        "method-not-allowed"
    );
    let forged = world.act(reply(PhoneDecision::Digits(code.clone()), "00"));
    assert_eq!(reason(&forged), "signature-invalid");
    let wrong = world.act(reply(PhoneDecision::Digits(another(&code)), &call));
    assert_eq!(reason(&wrong), "incorrect-code");
    assert_eq!(world.account().credentials[0].failures.count, 1);
    assert!(matches!(
        world.poll(&challenge).outcome,
        Outcome::Pending(_)
    ));
    world.act(reply(PhoneDecision::Digits(code.clone()), &call));
    assert!(is_allowed(&world.poll(&challenge)));
    let replayed = world.act(reply(PhoneDecision::Digits(code), &call));
    assert_eq!(reason(&replayed), "challenge-unknown");
}

#[test]
fn s17_the_text_to_confirm_goes_with_the_code() {
    let mut world = with_vouched(POLICY);
    let begun = world.act(Action::Begin(SignIn {
        transaction: Some("Pay 10 EUR to Bob".into()),
        ..sign_in()
    }));
    assert_eq!(argument(&begun, "transaction"), "Pay 10 EUR to Bob");
    let answered = world.answer(&challenge_id(&begun.outcome), &argument(&begun, "code"));
    let Outcome::Allow(allowance) = answered.outcome else {
        panic!()
    };
    assert!(allowance.claims.transaction.is_some());
}

#[test]
fn equal_inputs_give_equal_bytes_and_a_repeated_request_sends_nothing() {
    let mut world = with_vouched(FREE);
    let event = world.event(Action::Begin(sign_in()));
    let context = world.context();
    let once = step::step(&context, world.record.as_deref(), &event).unwrap();
    let twice = step::step(&context, world.record.as_deref(), &event).unwrap();
    assert_eq!(once, twice);
    let first = world.judge(&event).unwrap();
    let again = world.judge(&event).unwrap();
    assert_eq!(first.outcome, again.outcome);
    assert!(again.effects.is_empty() && again.counts.is_empty());
}

#[test]
fn another_number_is_another_claim() {
    let taken = ["+4915112345678", "+4915112345679"].map(|number| {
        let claims = World::new(POLICY).issue("sms", number).claims;
        assert!(matches!(claims[..], [Claim::Take(_)]), "{claims:?}");
        claims
    });
    assert_ne!(taken[0], taken[1]);
}
