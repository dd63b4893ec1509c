//! What administrators do.

use cofactor_guest::contract::{AdministrationChange as Do, Change, Claims, Outcome};
use cofactor_guest::otpauth::Otpauth;

use crate::world::{SECRET, World, hotp, is_allowed, reason, uri};

#[test]
fn a_credential_is_issued_and_works_at_once() {
    let mut world = World::new("[accounts]\nprovision = 'known-only'\n");
    let issued = world.administer(crate::world::issuance("totp", "Spare"));
    let Outcome::Done(done) = &issued.outcome else {
        panic!("{issued:?}")
    };
    let given = done.provisioning.as_ref().expect("the secret");
    assert_eq!(
        issued
            .audit
            .iter()
            .map(|fact| fact.kind.as_str())
            .collect::<Vec<_>>(),
        ["account-created", "credential-issued"]
    );
    assert_eq!(
        issued.audit[1].facts,
        [
            ("actor".to_owned(), "root".to_owned()),
            ("why".to_owned(), "test".to_owned())
        ]
    );
    let token = Otpauth::parse(&given.payload).unwrap();
    assert!(is_allowed(&world.sign_in(&hotp(
        token.secret.as_bytes(),
        world.now / 30_000,
        6
    ))));
}

#[test]
fn an_imported_token_keeps_its_counter() {
    let mut world = World::new("");
    world.import(&uri("hotp", SECRET, "&counter=7"));
    assert_eq!(
        reason(&world.sign_in(&hotp(SECRET, 6, 6))),
        "code-already-used"
    );
    assert!(is_allowed(&world.sign_in(&hotp(SECRET, 7, 6))));
    for bad in [
        "otpauth://totp/x",
        "https://example.com/",
        "otpauth://totp/a?secret=1",
    ] {
        assert_eq!(
            reason(&world.administer(Do::ImportOtpauth(bad.into()))),
            "import-invalid",
            "{bad}"
        );
    }
}

#[test]
fn locks_are_lifted() {
    let mut world =
        World::with_totp("[throttle]\ndelay-after = 2\nlock-after = 2\naccount-lock-after = 2\n");
    for _ in 0..2 {
        world.sign_in("000000");
    }
    assert_eq!(reason(&world.sign_in(&world.code(0))), "account-locked");
    world.administer(Do::Unlock);
    assert!(is_allowed(&world.sign_in(&world.code(0))));
}

#[test]
fn sessions_end_and_the_generation_never_falls() {
    let mut world = World::with_totp("");
    let mut last = world.account().generation;
    let id = world.account().credentials[0].id.text();
    for (change, rises) in [
        (Do::SignOut, true),
        (Do::Block, true),
        (Do::Unblock, false),
        (Do::Unlock, false),
        (Do::ResetClock, true),
        (crate::world::issuance("totp", "Spare"), true),
        (Do::RemoveCredential(id), true),
        (Do::Remove, true),
    ] {
        let transition = world.administer(change.clone());
        assert_eq!(transition.generation, last + u64::from(rises), "{change:?}");
        last = transition.generation;
    }
    assert!(world.record.is_none());
}

#[test]
fn an_administrator_may_remove_the_last_credential() {
    let mut world = World::with_totp("");
    let id = world.account().credentials[0].id.text();
    assert_eq!(
        reason(&world.administer(Do::RemoveCredential("0".repeat(16)))),
        "credential-unknown"
    );
    let removed = world.administer(Do::RemoveCredential(id));
    assert_eq!(removed.audit[0].kind, "credential-removed");
    assert!(matches!(world.begin().outcome, Outcome::Enrol(_)));
}

#[test]
fn a_clock_that_ran_ahead_is_forgotten() {
    let mut world = World::with_totp("");
    world.now += 86_400_000;
    let challenge = world.challenge();
    world.now -= 86_400_000;
    assert_eq!(reason(&world.begin()), "clock-fault");
    assert_eq!(
        reason(&world.administer(Do::Unlock)),
        "clock-fault",
        "only this helps:"
    );
    let reset = world.administer(Do::ResetClock);
    assert_eq!(reset.audit[0].kind, "clock-reset");
    assert_eq!(world.account().latest, world.now);
    assert_eq!(
        reason(&world.answer(&challenge, &world.code(0))),
        "challenge-unknown"
    );
    assert!(is_allowed(&world.sign_in(&world.code(0))));
}

#[test]
fn users_that_do_not_exist_are_named_to_administrators() {
    for change in [
        Do::Unlock,
        Do::Block,
        Do::Unblock,
        Do::SignOut,
        Do::Remove,
        Do::ResetClock,
    ] {
        let mut world = World::new("[accounts]\nprovision = 'known-only'\n");
        let refused = world.administer(change);
        assert_eq!(reason(&refused), "user-not-found");
        assert_eq!(refused.account, Change::Keep);
    }
    let mut world = World::new("");
    let created = world.administer(Do::Create);
    assert!(matches!(created.account, Change::Write(_)));
    assert_eq!(
        world.administer(Do::Create).account,
        Change::Keep,
        "it is there"
    );
}

/// Sessions of the time that never was would be good once it comes, and always fresh until then.
#[test]
fn a_reset_of_the_clock_ends_the_sessions_of_the_time_that_never_was() {
    let mut world = World::with_totp("");
    world.now += 365 * 86_400_000;
    let session = world.session();
    world.now -= 365 * 86_400_000;
    world.administer(Do::ResetClock);
    world.now += 20 * 86_400_000;
    assert_eq!(
        reason(&world.enrol_begin("totp", Some(session.clone()))),
        "fresh-verification-required"
    );
    assert_ne!(world.account().generation, session.generation);
    // Nor does one that another host's clock made.
    let ahead = Claims {
        verified: world.now + 6 * 60_000,
        generation: world.account().generation,
        ..session.clone()
    };
    let late = Claims {
        started: world.now,
        active: world.now,
        ..ahead
    };
    assert_eq!(
        reason(&world.enrol_begin("totp", Some(late.clone()))),
        "fresh-verification-required"
    );
    let fresh = Claims {
        verified: world.now,
        ..late
    };
    assert_eq!(
        reason(&world.enrol_begin("totp", Some(fresh))),
        "successfully-completed"
    );
}

/// A twin would take the code that the other one has used.
#[test]
fn otp_01_a_secret_is_enrolled_once() {
    let mut world = World::with_totp("");
    let mut padded = SECRET.to_vec();
    padded.push(0);
    for twin in [
        uri("totp", SECRET, "&period=30"),
        uri("totp", SECRET, "&period=60&digits=8"),
        uri("hotp", SECRET, "&counter=9"),
        uri("totp", &padded, "&period=30"),
    ] {
        let refused = world.administer(Do::ImportOtpauth(twin.clone()));
        assert_eq!(reason(&refused), "already-claimed", "{twin}");
        assert_eq!(refused.account, Change::Keep);
    }
    world.import(&uri("totp", b"another secret of some", "&period=30"));
}

#[test]
fn secrets_that_can_be_guessed_are_not_imported_and_short_ones_are_noted() {
    for (octets, expected) in [
        (1, None),
        (9, None),
        (10, Some(true)),
        (15, Some(true)),
        (16, Some(false)),
    ] {
        let mut world = World::new("");
        let secret = vec![b's'; octets];
        let transition = world.administer(Do::ImportOtpauth(uri("totp", &secret, "&period=30")));
        let fact = transition.audit.last().unwrap();
        let short = ("secret".to_owned(), "short".to_owned());
        match expected {
            None => assert_eq!(fact.reason, "import-invalid", "{octets}"),
            Some(noted) => {
                assert_eq!(fact.kind, "credential-imported", "{octets}");
                assert_eq!(fact.facts.contains(&short), noted, "{octets}");
                assert!(fact.facts.is_sorted(), "{octets}");
            }
        }
    }
}

#[test]
fn administrators_enrol_no_method_that_the_policy_does_not_have() {
    let mut world = World::new("[accounts]\nmethods = ['hotp']\n");
    world.administer(Do::Create);
    for change in [
        Do::ImportOtpauth(uri("totp", SECRET, "&period=30")),
        crate::world::issuance("totp", "Spare"),
    ] {
        let refused = world.administer(change.clone());
        assert_eq!(reason(&refused), "method-not-allowed", "{change:?}");
        assert_eq!(refused.account, Change::Keep);
    }
    world.import(&uri("hotp", SECRET, "&counter=0"));
}
