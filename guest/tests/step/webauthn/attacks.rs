//! Group `webauthn` of the catalogue, and what passkeys change for the others.

use cofactor_guest::contract::{
    Action, AdministrationChange, Answer, Claim, EffectKind, Outcome, SignIn,
};
use cofactor_guest::step;

use super::{POLICY, claims, policy, with_passkey};
use crate::authenticator::{Authenticator, BE, BS, Given, Key, UP, UV, options};
use crate::world::{World, challenge_id, is_allowed, public_reason, reason, sign_in};

#[test]
fn wa_02_a_credential_or_a_handle_of_somebody_else_is_refused() {
    let (mut world, mut mine) = with_passkey("");
    let (mut elsewhere, mut theirs) = (World::new(POLICY), Authenticator::new(Key::es256(9), 9));
    elsewhere.user = "mallory".into();
    elsewhere.binding = vec![8; 32];
    elsewhere.enrol(&mut theirs, None);
    assert_ne!(mine.handle, theirs.handle);
    let challenge = world.begin();
    let asked = options(&challenge.outcome);
    // Their credential, their credential under my id, my key with their handle.
    let foreign = theirs.answer(&asked);
    let disguised = Given {
        id: mine.id.clone(),
        ..foreign.clone()
    };
    let wrong_handle = Given {
        handle: Some(theirs.handle.clone()),
        ..mine.answer(&asked)
    };
    for given in [foreign, disguised, wrong_handle] {
        let refused = world.give(&challenge, &given);
        assert_eq!(reason(&refused), "signature-invalid");
        assert_eq!(public_reason(&refused), "incorrect-code");
    }
    // Without a handle, as security keys answer, it is mine.
    let without = Given {
        handle: None,
        ..mine.answer(&asked)
    };
    assert!(is_allowed(&world.give(&challenge, &without)));
}

#[test]
fn wa_03_a_counter_that_goes_back_is_refused_or_told() {
    for (more, refused) in [("", true), ("refuse-regression = false\n", false)] {
        let (mut world, mut original) = with_passkey(more);
        original.count = 10;
        assert!(is_allowed(&world.passkey(&mut original)));
        let mut copy = original.clone();
        assert!(is_allowed(&world.passkey(&mut original)));
        let judged = world.passkey(&mut copy);
        if refused {
            assert_eq!(reason(&judged), "counter-regressed");
            assert_eq!(public_reason(&judged), "incorrect-code");
        } else {
            assert!(is_allowed(&judged));
            let told = judged.effects.iter().any(|effect| {
                matches!(&effect.what, EffectKind::Notify(prompt) if prompt.message == "passkey-copied")
            });
            assert!(told);
        }
        assert!(
            is_allowed(&world.passkey(&mut original)),
            "the original goes on"
        );
    }
    // What never counts is no copy.
    let mut world = World::new(POLICY);
    let mut passkey = Authenticator::new(Key::es256(1), 1);
    passkey.count = 0;
    world.enrol(&mut passkey, None);
    for _ in 0..2 {
        passkey.count = u32::MAX;
        let challenge = world.begin();
        passkey.count = 0;
        let mut given = passkey.get(&challenge.outcome);
        given.made[33..37].fill(0);
        let given = passkey.sign(given);
        assert!(is_allowed(&world.give(&challenge, &given)));
    }
}

#[test]
fn wa_04_a_credential_is_enrolled_once() {
    let (mut world, mut authenticator) = with_passkey("");
    let session = claims(&world.passkey(&mut authenticator)).clone();
    // An authenticator that does not look at the list of what is there already.
    let began = world.enrol_begin("webauthn", Some(session));
    let given = authenticator.create(&began.outcome);
    let refused = world.finish(&began, &given);
    assert_eq!(reason(&refused), "already-claimed");
    assert_eq!(world.account().credentials.len(), 1);

    // Another account takes the same claim; the store refuses it, and the step runs again.
    let mut other = World::new(POLICY);
    other.user = "mallory".into();
    let began = other.enrol_begin("webauthn", None);
    let given = authenticator.create(&began.outcome);
    let event = other.event(Action::EnrolFinish(Answer {
        challenge: challenge_id(&began.outcome),
        proof: given.proof(),
        remember: false,
    }));
    let taken = step::step(&other.context(), other.record.as_deref(), &event).unwrap();
    let [Claim::Take(theirs)] = &taken.claims[..] else {
        panic!("{:?}", taken.claims)
    };
    let removed = world.administer(AdministrationChange::Remove);
    assert_eq!(removed.claims, [Claim::Drop(theirs.clone())]);
    let mut context = other.context();
    context.facts.push(("claim-clash".into(), "1".into()));
    let clash = step::step(&context, other.record.as_deref(), &event).unwrap();
    assert_eq!(reason(&clash), "already-claimed");
    assert!(clash.claims.is_empty());
}

#[test]
fn wa_05_verification_and_backup_cannot_be_taken_back() {
    // No verification where it is required, at enrolment and after.
    let mut world = World::new(&policy("user-verification = 'required'\n"));
    let mut weak = Authenticator::new(Key::es256(1), 1);
    weak.flags = UP;
    let began = world.enrol_begin("webauthn", None);
    let given = weak.create(&began.outcome);
    assert_eq!(reason(&world.finish(&began, &given)), "user-not-verified");
    let (mut world, mut authenticator) = with_passkey("user-verification = 'required'\n");
    for (why, flags, wanted) in [
        ("no verification", UP, "user-not-verified"),
        ("nobody there", UV, "signature-invalid"),
        (
            "backed up without being eligible",
            UP | UV | BS,
            "signature-invalid",
        ),
        ("eligible since", UP | UV | BE, "signature-invalid"),
    ] {
        let mut bent = authenticator.clone();
        bent.flags = flags;
        assert_eq!(reason(&world.passkey(&mut bent)), wanted, "{why}");
    }
    assert!(is_allowed(&world.passkey(&mut authenticator)));

    // A passkey that may leave its device does not become one that may not; whether it has, changes.
    let mut synced = Authenticator::new(Key::es256(2), 2);
    synced.flags = UP | UV | BE;
    let mut world = World::new(POLICY);
    world.enrol(&mut synced, None);
    synced.flags = UP | UV | BE | BS;
    assert!(is_allowed(&world.passkey(&mut synced)));
    let mut bent = synced.clone();
    bent.flags = UP | UV;
    assert_eq!(reason(&world.passkey(&mut bent)), "signature-invalid");
    // It stops being good where none may leave its device (NIST SP 800-63B-4 section 2.3.2).
    world.policy = crate::world::compile(&policy("synced = false\n"));
    assert_eq!(reason(&world.passkey(&mut synced)), "attestation-refused");
}

#[test]
fn wa_06_the_policy_says_which_authenticators_are_enrolled() {
    let of = |attests: bool, flags: u8, more: &str| {
        let mut world = World::new(&policy(more));
        let mut authenticator = Authenticator::new(Key::es256(1), 1);
        authenticator.attests = attests;
        authenticator.flags = flags;
        let began = world.enrol_begin("webauthn", None);
        let given = authenticator.create(&began.outcome);
        let done = world.finish(&began, &given);
        (is_allowed(&done), reason(&done).to_owned())
    };
    let good = (true, "registration-completed".to_owned());
    let refused = (false, "attestation-refused".to_owned());
    let device = UP | UV;
    for (attests, flags, more, wanted) in [
        (false, device, "attestation = 'none'\n", &good),
        (true, device, "attestation = 'none'\n", &good),
        (false, device, "attestation = 'own'\n", &refused),
        (true, device, "attestation = 'own'\n", &good),
        (
            true,
            device,
            "attestation = 'certified'\naaguids = ['11111111-1111-1111-1111-111111111111']\n",
            &refused,
        ),
        (
            false,
            device,
            "aaguids = ['11111111-1111-1111-1111-111111111111']\n",
            &good,
        ),
        (
            false,
            device,
            "aaguids = ['21111111-1111-1111-1111-111111111111']\n",
            &refused,
        ),
        (false, device | BE, "synced = false\n", &refused),
        (false, device | BE | BS, "synced = true\n", &good),
    ] {
        assert_eq!(&of(attests, flags, more), wanted, "{more}");
    }
}

#[test]
fn pu_10_a_session_cookie_alone_enrols_no_authenticator() {
    let (mut world, mut authenticator) = with_passkey("");
    let session = claims(&world.passkey(&mut authenticator)).clone();
    world.now += 3_600_000;
    for session in [None, Some(session)] {
        let refused = world.enrol_begin("webauthn", session);
        assert_eq!(reason(&refused), "fresh-verification-required");
    }
    let session = claims(&world.passkey(&mut authenticator)).clone();
    let mut another = Authenticator::new(Key::eddsa(2), 2);
    let began = world.enrol_begin("webauthn", Some(session));
    let given = another.create(&began.outcome);
    let done = world.finish(&began, &given);
    // The user is told out of band.
    assert!(done.effects.iter().any(|effect| {
        matches!(&effect.what, EffectKind::Notify(prompt) if prompt.message == "credential-added")
    }));
}

fn asking(method: Option<&str>, level: u8) -> Action {
    Action::Begin(SignIn {
        method: method.map(str::to_owned),
        required_level: level,
        ..sign_in()
    })
}

#[test]
fn ch_08_no_weaker_method_where_a_resistant_one_is_required() {
    let mut world = World::with_totp(&policy(""));
    let mut authenticator = Authenticator::new(Key::es256(1), 1);
    let session = world.session();
    world.enrol(&mut authenticator, Some(session));
    assert_eq!(
        reason(&world.act(asking(Some("totp"), 3))),
        "method-not-allowed"
    );
    let challenge = world.act(asking(None, 3));
    let Outcome::Challenge(open) = &challenge.outcome else {
        panic!("{:?}", challenge.outcome)
    };
    assert!(open.offers.iter().all(|offer| offer.method == "webauthn"));
    // Nor by another way: a code in place of the signature, or a change of methods.
    world.now += 30_000;
    let code = world.code(0);
    assert!(!is_allowed(&world.answer(&open.id.clone(), &code)));
    let changed = world.act(Action::ChooseMethod(cofactor_guest::contract::Choice {
        challenge: open.id.clone(),
        method: "totp".into(),
        credential: None,
    }));
    assert_eq!(reason(&changed), "method-not-allowed");
    let given = authenticator.get(&challenge.outcome);
    assert!(is_allowed(&world.give(&challenge, &given)));
}

#[test]
fn bf_08_a_victim_with_a_passkey_signs_in_while_the_account_is_locked() {
    let mut world = World::with_totp(&policy(
        "[throttle]\ndelay-after = 100\nlock-after = 100\naccount-lock-after = 50\n",
    ));
    let mut authenticator = Authenticator::new(Key::es256(1), 1);
    let session = world.session();
    world.enrol(&mut authenticator, Some(session));
    let wrong = world.wrong_code();
    for _ in 0..50 {
        world.sign_in(&wrong);
    }
    world.now += 30_000;
    assert_eq!(reason(&world.sign_in(&world.code(0))), "account-locked");
    let challenge = world.act(asking(Some("webauthn"), 0));
    let given = authenticator.get(&challenge.outcome);
    assert!(is_allowed(&world.give(&challenge, &given)));
    // Nobody can lock the passkey: wrong signatures are not counted on it.
    for _ in 0..200 {
        let challenge = world.act(asking(Some("webauthn"), 0));
        let mut given = authenticator.get(&challenge.outcome);
        given.signature.as_mut().unwrap()[20] ^= 1;
        assert!(!is_allowed(&world.give(&challenge, &given)));
    }
    let challenge = world.act(asking(Some("webauthn"), 0));
    let given = authenticator.get(&challenge.outcome);
    assert!(is_allowed(&world.give(&challenge, &given)));
}
