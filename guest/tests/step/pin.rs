//! PINs beside one-time codes (S11).

use cofactor_guest::contract::{
    Action, AdministrationChange as Do, Challenge, Change, Key, ManagementChange as Manage,
    Outcome, Proof, Transition, Voucher,
};

use crate::world::{SECRET, World, hotp, is_allowed, issuance, public_reason, reason, shape, uri};

const POLICY: &str = "[pin]\nmethods = ['totp', 'hotp']\niterations = 1000\n";
const PIN: &str = "802917";

fn challenged(transition: &Transition) -> &Challenge {
    match &transition.outcome {
        Outcome::Challenge(challenge) => challenge,
        other => panic!("{other:?}"),
    }
}

/// A user who has chosen [`PIN`].
fn with_pin(document: &str) -> World {
    let mut world = World::with_totp(document);
    let code = world.code(0);
    let asked = world.sign_in(&code);
    assert_eq!(challenged(&asked).prompt.message, "choose-pin");
    let id = challenged(&asked).id.clone();
    assert!(is_allowed(&world.prove(&id, Proof::NewPin(PIN.into()))));
    world.now += 30_000;
    world
}

fn issue(world: &mut World) -> String {
    match world.administer(issuance("pin", "PIN")).outcome {
        Outcome::Done(done) => done.provisioning.expect("provisioning").payload,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pin_is_chosen_with_the_first_right_code_and_asked_for_ever_after() {
    let mut world = with_pin(POLICY);
    let code = world.code(0);
    assert_eq!(reason(&world.sign_in(&code)), "incorrect-code", "no PIN");
    let Outcome::Allow(allowance) = world.sign_in(&format!("{PIN}{code}")).outcome else {
        panic!("with the PIN")
    };
    assert_eq!(allowance.claims.amr, ["otp", "pin", "mfa"]);
    assert_eq!(allowance.claims.level, 2);
    // Neither the PIN nor anything that is made of it alone is in the record.
    let record = world.record.clone().unwrap();
    assert!(!record.windows(PIN.len()).any(|part| part == PIN.as_bytes()));
}

#[test]
fn the_order_is_the_policys() {
    let mut world = with_pin(&format!("{POLICY}order = 'last'\n"));
    let code = world.code(0);
    assert!(!is_allowed(&world.sign_in(&format!("{PIN}{code}"))));
    assert!(is_allowed(&world.sign_in(&format!("{code}{PIN}"))));
}

#[test]
fn bf_11_a_wrong_pin_and_a_wrong_code_look_alike_and_both_count() {
    let mut world = with_pin(POLICY);
    let (code, wrong) = (world.code(0), world.wrong_code());
    let mut shapes = Vec::new();
    for (typed, internal, pins, codes) in [
        (format!("{PIN}{wrong}"), "incorrect-code", 0, 1),
        (format!("314159{code}"), "incorrect-pin", 1, 2),
        (format!("271828{wrong}"), "incorrect-pin", 2, 3),
    ] {
        let mut fresh = world.clone();
        fresh.wait();
        let answer = fresh.sign_in(&typed);
        assert_eq!(reason(&answer), internal, "{typed}");
        shapes.push(shape(&answer.outcome));
        let account = fresh.account();
        assert_eq!(
            account.pin.as_ref().unwrap().failures.count,
            pins,
            "{typed}"
        );
        assert_eq!(account.credentials[0].failures.count, codes, "{typed}");
        assert_eq!(account.failures.count, codes, "{typed}");
        world = fresh;
    }
    shapes.dedup();
    assert_eq!(shapes.len(), 1, "{shapes:?}");
    // The wrong PIN has not burnt the code.
    world.wait();
    let code = world.code(0);
    world.sign_in(&format!("314159{code}"));
    world.wait();
    let code = world.code(0);
    assert!(is_allowed(&world.sign_in(&format!("{PIN}{code}"))));
    assert_eq!(world.account().pin.unwrap().failures.count, 0);
    // And a used code with a wrong PIN does not tell that it was right.
    assert_eq!(
        reason(&world.sign_in(&format!("314159{code}"))),
        "incorrect-pin"
    );
}

#[test]
fn bf_11_a_pin_has_a_lock_of_its_own() {
    let mut world = with_pin(&format!(
        "{POLICY}lock-after = 3\n[throttle]\ndelay-after = 50\nlock-after = 50\n"
    ));
    let code = world.code(0);
    for guess in ["314159", "271828", "161803"] {
        world.sign_in(&format!("{guess}{code}"));
    }
    let locked = world.sign_in(&format!("{PIN}{code}"));
    assert_eq!(reason(&locked), "locked");
    assert_eq!(public_reason(&locked), "incorrect-code");
    world.now += 15 * 60_000;
    let code = world.code(0);
    assert!(is_allowed(&world.sign_in(&format!("{PIN}{code}"))));
    for guess in ["314159", "271828", "161803"] {
        world.sign_in(&format!("{guess}000000"));
    }
    world.administer(Do::Unlock);
    world.now += 30_000;
    let code = world.code(0);
    assert!(is_allowed(&world.sign_in(&format!("{PIN}{code}"))));
}

#[test]
fn a_pin_that_an_administrator_issued_is_changed_at_its_first_use() {
    let mut world = World::with_totp(POLICY);
    let issued = issue(&mut world);
    assert!(issued.len() == 6 && issued.bytes().all(|it| it.is_ascii_digit()));
    let code = world.code(0);
    let asked = world.sign_in(&format!("{issued}{code}"));
    let id = challenged(&asked).id.clone();
    assert_eq!(challenged(&asked).prompt.message, "choose-pin");
    assert!(challenged(&asked).offers.is_empty());
    assert_eq!(challenged(&asked).method, "pin");
    for (weak, why) in [
        (issued.as_str(), "the old one"),
        ("123456", "a run"),
        ("777777", "one digit"),
        ("8029", "short"),
    ] {
        let refused = world.prove(&id, Proof::NewPin(weak.into()));
        assert_eq!(public_reason(&refused), "pin-change-required", "{why}");
        assert!(!is_allowed(&refused), "{why}");
    }
    let passed = world.prove(&id, Proof::NewPin(PIN.into()));
    let Outcome::Allow(allowance) = &passed.outcome else {
        panic!("{passed:?}")
    };
    assert_eq!(allowance.claims.method, "totp");
    assert_eq!(passed.audit[0].kind, "pin-changed");
    world.now += 30_000;
    let code = world.code(0);
    assert!(!is_allowed(&world.sign_in(&format!("{issued}{code}"))));
    world.wait();
    let code = world.code(0);
    assert!(is_allowed(&world.sign_in(&format!("{PIN}{code}"))));
}

#[test]
fn a_new_pin_is_asked_for_a_few_times_and_nothing_else_answers() {
    let mut world = World::with_totp(POLICY);
    let code = world.code(0);
    let asked = world.sign_in(&code);
    let id = challenged(&asked).id.clone();
    world.now += 30_000;
    let code = world.code(0);
    assert_eq!(reason(&world.answer(&id, &code)), "pin-change-required");
    let mut other = world.clone();
    other.binding = vec![8; 32];
    assert_eq!(
        reason(&other.prove(&id, Proof::NewPin(PIN.into()))),
        "challenge-binding"
    );
    for _ in 0..5 {
        assert!(!is_allowed(
            &world.prove(&id, Proof::NewPin("111111".into()))
        ));
    }
    assert_eq!(
        reason(&world.prove(&id, Proof::NewPin(PIN.into()))),
        "challenge-unknown"
    );
    assert_eq!(world.account().pin, None);
}

#[test]
fn an_issued_pin_is_shown_once() {
    let mut world = World::with_totp(POLICY);
    let action =
        cofactor_guest::contract::Action::Administer(cofactor_guest::contract::Administration {
            actor: "root".into(),
            why: "test".into(),
            change: issuance("pin", "PIN"),
        });
    let event = world.event(action);
    let payload = |transition: Transition| match transition.outcome {
        Outcome::Done(done) => done.provisioning.map(|given| given.payload),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        payload(world.judge(&event).unwrap()).map(|pin| pin.len()),
        Some(6)
    );
    assert_eq!(payload(world.judge(&event).unwrap()).as_deref(), Some(""));
    let mut without = World::with_totp("");
    assert_eq!(
        reason(&without.administer(issuance("pin", "PIN"))),
        "method-not-allowed"
    );
}

#[test]
fn users_change_their_pin_with_a_fresh_session() {
    let mut world = with_pin(POLICY);
    let set = |pin: &str| Manage::SetPin(pin.into());
    assert_eq!(
        reason(&world.manage(set("112358"), None)),
        "fresh-verification-required"
    );
    let code = world.code(0);
    let Outcome::Allow(allowance) = world.sign_in(&format!("{PIN}{code}")).outcome else {
        panic!()
    };
    let session = Some(allowance.claims);
    for refused in ["123456", PIN] {
        assert_eq!(
            reason(&world.manage(set(refused), session.clone())),
            "pin-change-required"
        );
    }
    // Where nothing asks for one, there is none to set.
    let mut without = world.clone();
    without.policy = crate::world::compile("");
    assert_eq!(
        reason(&without.manage(set("112358"), session.clone())),
        "method-not-allowed"
    );
    let changed = world.manage(set("112358"), session);
    assert!(matches!(changed.outcome, Outcome::Done(_)));
    world.now += 30_000;
    let code = world.code(0);
    assert!(is_allowed(&world.sign_in(&format!("112358{code}"))));
}

#[test]
fn two_codes_carry_the_pin_with_the_first() {
    let mut world = with_pin(POLICY);
    let id = world.challenge();
    let two = |first: String, second: String| Proof::TwoCodes((first, second));
    let (first, second) = (world.code(5), world.code(6));
    assert!(!is_allowed(
        &world.prove(&id, two(first.clone(), second.clone()))
    ));
    assert!(is_allowed(
        &world.prove(&id, two(format!("{PIN}{first}"), second))
    ));
}

#[test]
fn a_pin_is_kept_anew_when_the_key_or_the_iterations_are() {
    let mut world = with_pin(POLICY);
    world.keys.insert(
        0,
        Key {
            id: 2,
            secret: vec![10; 32],
        },
    );
    let code = world.code(0);
    assert!(is_allowed(&world.sign_in(&format!("{PIN}{code}"))));
    assert_eq!(world.account().pin.unwrap().key, 2);
    world.keys.pop();
    world.policy = crate::world::compile("[pin]\nmethods = ['totp']\niterations = 2000\n");
    world.now += 30_000;
    let code = world.code(0);
    assert!(is_allowed(&world.sign_in(&format!("{PIN}{code}"))));
    assert_eq!(world.account().pin.unwrap().iterations, 2000);
}

#[test]
fn unknown_users_have_a_pin_that_takes_as_long_to_look_at() {
    let mut world = World::new(&format!("[accounts]\nprovision = 'known-only'\n{POLICY}"));
    let answer = world.sign_in("802917123456");
    assert_eq!(reason(&answer), "incorrect-pin");
    assert_eq!(public_reason(&answer), "incorrect-code");
    assert_eq!(world.account().pin.unwrap().failures.count, 1);
}

#[test]
fn a_pin_goes_with_typed_codes_alone() {
    for alone in [
        "recovery-code",
        "temporary-pass",
        "app-password",
        "webauthn",
        "push",
    ] {
        let document = format!("[pin]\nmethods = ['totp', '{alone}']\n");
        let errors = cofactor_guest::policy::compile(&document).expect_err(alone);
        assert_eq!(
            (errors[0].line, errors[0].field.as_str()),
            (2, "pin.methods"),
            "{alone}"
        );
    }
}

#[test]
fn whoever_waits_instead_of_choosing_a_pin_is_asked_for_it_again() {
    let mut world = World::with_totp(POLICY);
    let code = world.code(0);
    let asked = world.sign_in(&code);
    let id = challenged(&asked).id.clone();
    let polled = world.act(Action::Poll(id.clone()));
    assert_eq!(challenged(&polled).prompt.message, "choose-pin");
    assert_eq!(polled.account, Change::Keep, "it is the same question");
    assert_eq!(reason(&world.answer(&id, "")), "pin-change-required");
    assert!(is_allowed(&world.prove(&id, Proof::NewPin(PIN.into()))));
}

/// Who was slow with the code has as long for the PIN as anybody.
#[test]
fn a_pin_may_be_chosen_for_a_challenge_s_lifetime_from_the_right_code_on() {
    let mut world = World::with_totp(POLICY);
    let id = world.challenge();
    world.now += 119_999;
    let code = world.code(0);
    let asked = world.answer(&id, &code);
    assert_eq!(challenged(&asked).expires, world.now + 120_000);
    world.now += 119_999;
    assert!(is_allowed(
        &world.clone().prove(&id, Proof::NewPin(PIN.into()))
    ));
    world.now += 1;
    let late = world.prove(&id, Proof::NewPin(PIN.into()));
    assert_eq!(reason(&late), "challenge-expired");
}

/// Others approve of what is complete: not before there is a PIN, and then it is not asked for again.
#[test]
fn a_sign_in_waits_for_others_once_the_pin_was_chosen() {
    let approvals = "[[application]]\nname = 'wiki'\napprovals = 1\napprovers = ['managers']\n";
    let mut world = World::with_totp(&format!("{POLICY}{approvals}"));
    let code = world.code(0);
    let asked = world.sign_in(&code);
    let id = challenged(&asked).id.clone();
    let voucher = Action::Vouch(Voucher {
        challenge: id.clone(),
        approver: "bob".into(),
        at: world.now,
    });
    assert_eq!(reason(&world.act(voucher.clone())), "challenge-unknown");
    let chosen = world.prove(&id, Proof::NewPin(PIN.into()));
    assert!(matches!(chosen.outcome, Outcome::Pending(_)), "{chosen:?}");
    let polled = world.act(Action::Poll(id.clone()));
    assert!(matches!(polled.outcome, Outcome::Pending(_)), "{polled:?}");
    world.act(voucher);
    assert!(is_allowed(&world.act(Action::Poll(id))));
}

/// A locked PIN is in the way of what it goes with alone.
#[test]
fn bf_11_a_locked_pin_holds_back_no_token_without_one() {
    let mut world = with_pin("[pin]\nmethods = ['totp']\niterations = 1000\nlock-after = 3\n");
    let counted = b"a counter-based secret";
    world.import(&uri("hotp", counted, "&counter=0&digits=8"));
    let code = world.code(0);
    for guess in ["314159", "271828", "161803"] {
        world.sign_in(&format!("{guess}{code}"));
    }
    let locked = world.sign_in(&format!("{PIN}{code}"));
    assert_eq!(reason(&locked), "locked");
    // As long as a PIN of two digits and a code of the other token.
    assert!(is_allowed(&world.sign_in(&hotp(counted, 0, 8))));
}

/// What was typed is split as each token's code is long, and each half is looked at for itself.
#[test]
fn tokens_of_different_lengths_share_the_pin() {
    let counted = b"a counter-based secret";
    for first in ["totp", "hotp"] {
        let mut world = World::new(POLICY);
        let mut tokens = [
            uri("totp", SECRET, "&period=30"),
            uri("hotp", counted, "&counter=0&digits=8"),
        ];
        tokens.sort_by_key(|uri| !uri.contains(first));
        tokens.iter().for_each(|uri| world.import(uri));
        let code = world.code(0);
        let asked = world.sign_in(&code);
        let id = challenged(&asked).id.clone();
        assert!(is_allowed(&world.prove(&id, Proof::NewPin(PIN.into()))));
        world.now += 30_000;
        let code = world.code(0);
        assert!(
            is_allowed(&world.sign_in(&format!("{PIN}{code}"))),
            "{first}"
        );
        let code = hotp(counted, 0, 8);
        assert!(
            is_allowed(&world.sign_in(&format!("{PIN}{code}"))),
            "{first}"
        );
    }
}

/// An issued PIN is changed by whoever has used it, and nobody else is asked for it.
#[test]
fn an_issued_pin_is_changed_where_it_was_given() {
    let pressed = "accounts.methods = ['voice', 'totp']\nvoice.answer = 'pin'\n";
    let mut world = crate::voice::with_number(pressed);
    world.import(&uri("totp", SECRET, "&period=30"));
    let issued = issue(&mut world);
    let code = world.code(0);
    assert!(is_allowed(&world.clone().sign_in(&code)), "without the PIN");
    let call = |world: &mut World, keys: &str| {
        let call = crate::voice::Call::of(&world.begin());
        world.act(call.keys(keys));
        world.poll(&call.challenge)
    };
    let asked = call(&mut world.clone(), &format!("{issued}#"));
    assert_eq!(challenged(&asked).prompt.message, "choose-pin");
    // A call that is accepted by a key says nothing of the PIN.
    world.policy =
        crate::world::compile("accounts.methods = ['voice', 'totp']\n[pin]\nmethods = ['totp']\n");
    assert!(is_allowed(&call(&mut world, "#")));
}

/// Keys of a telephone have no letters; where a PIN is only typed, it may have some.
#[test]
fn a_pin_has_letters_where_no_telephone_asks_for_it() {
    for (answer, taken) in [("hash", true), ("pin", false)] {
        let voice = format!("[voice]\nanswer = '{answer}'\n");
        let mut world = World::with_totp(&format!("{POLICY}{voice}"));
        let code = world.code(0);
        let id = challenged(&world.sign_in(&code)).id.clone();
        let chosen = world.prove(&id, Proof::NewPin("xylophon".into()));
        assert_eq!(is_allowed(&chosen), taken, "{answer}");
    }
}
