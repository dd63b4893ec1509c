//! Enrolment, and what users change of their own.

use cofactor_guest::account::{Credential, MAX_CREDENTIAL_OCTETS, Sealed};
use cofactor_guest::contract::{
    Change, EffectKind, ManagementChange, Outcome, Provisioning, Transition,
};
use cofactor_guest::otpauth::Otpauth;

use crate::world::{World, challenge_id, hotp, is_allowed, otp, public_reason, reason};

fn provisioning(transition: &Transition) -> Provisioning {
    match &transition.outcome {
        Outcome::Enrol(enrolment) => enrolment.provisioning.clone().expect("provisioning"),
        other => panic!("{other:?}"),
    }
}

/// What an authenticator shows that has read the URI, so many steps from now.
fn shown(world: &World, provisioning: &Provisioning, steps: u64) -> String {
    let token = Otpauth::parse(&provisioning.payload).expect("readable");
    assert_eq!(
        *cofactor_guest::base32::encode(token.secret.as_bytes()),
        provisioning.manual_key
    );
    let step = if provisioning.method == "hotp" {
        steps
    } else {
        world.now / 30_000 + steps
    };
    hotp(token.secret.as_bytes(), step, 6)
}

#[test]
fn a_new_user_enrols_and_is_signed_in() {
    let mut world = World::new("");
    let asked = world.begin();
    assert!(
        matches!(&asked.outcome, Outcome::Enrol(enrolment) if enrolment.methods == ["totp", "hotp"])
    );
    assert!(
        matches!(asked.account, Change::Keep),
        "nothing to remember yet"
    );
    let begun = world.enrol_begin("totp", None);
    let given = provisioning(&begun);
    assert_eq!((given.digits, given.expires), (6, world.now + 600_000));
    let code = shown(&world, &given, 0);
    let finished = world.enrol_finish(&given.challenge, &code);
    let Outcome::Allow(allowance) = &finished.outcome else {
        panic!("{finished:?}")
    };
    assert_eq!(allowance.claims.reason, "registration-completed");
    assert_eq!(allowance.claims.generation, finished.generation);
    assert!(
        matches!(&finished.effects[0].what, EffectKind::Notify(prompt) if prompt.message == "credential-added")
    );
    assert_eq!(
        reason(&world.sign_in(&code)),
        "code-already-used",
        "the confirming code is burnt"
    );
    world.now += 30_000;
    assert!(is_allowed(&world.sign_in(&shown(&world, &given, 0))));
    assert_eq!(
        reason(&world.enrol_finish(&given.challenge, &code)),
        "enrolment-expired"
    );
}

#[test]
fn every_method_and_hash_enrols() {
    let policies = [
        ("totp", "", totp_rs::Algorithm::SHA1, 6, 30),
        (
            "totp",
            "[totp]\nalgorithm = 'SHA256'\ndigits = 7\nperiod = '60s'\n",
            totp_rs::Algorithm::SHA256,
            7,
            60,
        ),
        (
            "totp",
            "[totp]\nalgorithm = 'SHA512'\ndigits = 8\nperiod = '15s'\n",
            totp_rs::Algorithm::SHA512,
            8,
            15,
        ),
        (
            "hotp",
            "[hotp]\nalgorithm = 'SHA512'\ndigits = 8\nsecret-bytes = 64\n",
            totp_rs::Algorithm::SHA512,
            8,
            0,
        ),
    ];
    for (method, document, algorithm, digits, period) in policies {
        let mut world = World::new(document);
        let given = provisioning(&world.enrol_begin(method, None));
        let token = Otpauth::parse(&given.payload).unwrap();
        let counter = (world.now / 1000).checked_div(period).unwrap_or(0);
        let code = otp(token.secret.as_bytes(), counter, digits, algorithm);
        assert!(
            is_allowed(&world.enrol_finish(&given.challenge, &code)),
            "{method} {document}"
        );
        assert_eq!(reason(&world.sign_in(&code)), "code-already-used");
    }
}

#[test]
fn a_wrong_confirming_code_leads_back_until_the_attempts_are_used_up() {
    let mut world = World::new("");
    let given = provisioning(&world.enrol_begin("totp", None));
    let wrong = (0..)
        .map(|n| format!("{n:06}"))
        .find(|code| (0..3).all(|s| *code != shown(&world, &given, s)))
        .unwrap();
    for _ in 0..4 {
        let again = world.enrol_finish(&given.challenge, &wrong);
        assert_eq!(public_reason(&again), "incorrect-code");
        assert_eq!(provisioning(&again), given, "the page can be shown again");
    }
    assert!(matches!(
        world.enrol_finish(&given.challenge, &wrong).outcome,
        Outcome::Deny(_)
    ));
    assert_eq!(
        reason(&world.enrol_finish(&given.challenge, &shown(&world, &given, 0))),
        "enrolment-expired"
    );
    assert!(world.account().credentials.is_empty());
}

#[test]
fn an_enrolment_ends_and_is_bound() {
    let mut world = World::new("");
    let given = provisioning(&world.enrol_begin("totp", None));
    let mut other = world.clone();
    other.binding = vec![8; 32];
    assert_eq!(
        reason(&other.enrol_finish(&given.challenge, &shown(&world, &given, 0))),
        "challenge-binding"
    );
    world.now += 600_000;
    assert_eq!(
        reason(&world.enrol_finish(&given.challenge, &shown(&world, &given, 0))),
        "enrolment-expired"
    );
}

#[test]
fn an_enrolment_begun_before_the_users_own_cannot_be_finished_after_it() {
    let mut world = World::new("");
    let mut attacker = world.clone();
    attacker.binding = vec![66; 32];
    let theirs = provisioning(&attacker.enrol_begin("totp", None));
    world.record = attacker.record.clone();
    world.known = true;
    let own = provisioning(&world.enrol_begin("totp", None));
    let code = shown(&world, &own, 0);
    assert!(is_allowed(&world.enrol_finish(&own.challenge, &code)));
    attacker.record = world.record.clone();
    let refused = attacker.enrol_finish(&theirs.challenge, &shown(&attacker, &theirs, 0));
    assert_eq!(reason(&refused), "enrolment-expired");
    assert_eq!(world.account().credentials.len(), 1);
}

#[test]
fn a_further_credential_needs_a_fresh_session() {
    let mut world = World::with_totp("");
    assert_eq!(
        reason(&world.enrol_begin("totp", None)),
        "fresh-verification-required"
    );
    let session = world.session();
    for stale in [
        cofactor_guest::contract::Claims {
            level: 1,
            ..session.clone()
        },
        cofactor_guest::contract::Claims {
            generation: session.generation - 1,
            ..session.clone()
        },
        cofactor_guest::contract::Claims {
            application: "payroll".into(),
            ..session.clone()
        },
        cofactor_guest::contract::Claims {
            verified: session.verified - 300_001,
            ..session.clone()
        },
        cofactor_guest::contract::Claims {
            started: session.started - 86_400_000,
            ..session.clone()
        },
    ] {
        assert_eq!(
            reason(&world.enrol_begin("totp", Some(stale))),
            "fresh-verification-required"
        );
    }
    let given = provisioning(&world.enrol_begin("hotp", Some(session.clone())));
    let finished = world.enrol_finish(&given.challenge, &shown(&world, &given, 0));
    assert!(is_allowed(&finished));
    assert_eq!(
        finished.generation,
        session.generation + 1,
        "sessions of before are over"
    );
    let stale = world.manage(ManagementChange::SignOutEverywhere, Some(session));
    assert_eq!(reason(&stale), "fresh-verification-required");
    assert!(is_allowed(&world.sign_in(&shown(&world, &given, 1))));
}

#[test]
fn five_credentials_are_the_most() {
    let mut world = World::with_totp("");
    for _ in 0..4 {
        let session = world.session();
        let given = provisioning(&world.enrol_begin("totp", Some(session)));
        let code = shown(&world, &given, 0);
        assert!(is_allowed(&world.enrol_finish(&given.challenge, &code)));
    }
    let session = world.session();
    assert_eq!(
        reason(&world.enrol_begin("totp", Some(session))),
        "too-many-credentials"
    );
    assert_eq!(world.account().credentials.len(), 5);
}

#[test]
fn labels_hold_nothing_that_a_log_would_obey() {
    let mut world = World::with_totp("");
    let id = world.account().credentials[0].id.text();
    for label in [
        "",
        " ",
        "a\nb",
        "a\u{1b}[2J",
        "a\u{202e}b",
        "\u{feff}",
        &"x".repeat(65),
        &"é".repeat(33),
    ] {
        let session = world.session();
        let refused = world.manage(
            ManagementChange::Rename((id.clone(), label.into())),
            Some(session),
        );
        assert_eq!(reason(&refused), "label-invalid", "{label:?}");
    }
    for label in ["x", "Mein Telefon", "電話", &"é".repeat(32)] {
        let session = world.session();
        let renamed = world.manage(
            ManagementChange::Rename((id.clone(), label.into())),
            Some(session),
        );
        assert!(matches!(renamed.outcome, Outcome::Done(_)), "{label:?}");
        assert_eq!(world.account().credentials[0].label, label);
    }
}

#[test]
fn users_manage_their_own_after_a_fresh_verification() {
    let mut world = World::with_totp("");
    world.import(&crate::world::uri(
        "hotp",
        b"a counter-based secret",
        "&counter=0",
    ));
    let ids: Vec<String> = world
        .account()
        .credentials
        .iter()
        .map(|credential| credential.id.text())
        .collect();
    assert_eq!(
        reason(&world.manage(ManagementChange::Remove(ids[1].clone()), None)),
        "fresh-verification-required"
    );
    let session = world.session();
    let unknown = world.manage(
        ManagementChange::Remove("0".repeat(16)),
        Some(session.clone()),
    );
    assert_eq!(reason(&unknown), "credential-unknown");
    let other = world.manage(
        ManagementChange::Other("paint".into()),
        Some(session.clone()),
    );
    assert!(matches!(other.outcome, Outcome::Deny(_)));
    world.manage(
        ManagementChange::SetDefault(ids[1].clone()),
        Some(session.clone()),
    );
    let Outcome::Challenge(asked) = world.begin().outcome else {
        panic!()
    };
    assert_eq!(
        (asked.method.as_str(), asked.offers[0].credential.as_deref()),
        ("hotp", Some(ids[1].as_str()))
    );
    let removed = world.manage(
        ManagementChange::Remove(ids[1].clone()),
        Some(session.clone()),
    );
    assert_eq!(removed.generation, session.generation + 1);
    assert!(
        matches!(&removed.effects[0].what, EffectKind::Notify(prompt) if prompt.message == "credential-removed")
    );
    let session = world.session();
    let last = world.manage(
        ManagementChange::Remove(ids[0].clone()),
        Some(session.clone()),
    );
    assert_eq!(reason(&last), "last-credential");
    let signed_out = world.manage(ManagementChange::SignOutEverywhere, Some(session.clone()));
    assert_eq!(signed_out.generation, session.generation + 1);
}

#[test]
fn unknown_users_cannot_enrol_where_only_known_ones_may() {
    let mut world = World::new("[accounts]\nprovision = 'known-only'\n");
    let refused = world.enrol_begin("totp", None);
    let mut known = World::with_totp("[accounts]\nprovision = 'known-only'\n");
    let as_known = known.enrol_begin("totp", None);
    assert_eq!(refused.outcome, as_known.outcome);
    let mut created = World::new("[accounts]\nprovision = 'known-only'\n");
    created.administer(cofactor_guest::contract::AdministrationChange::Create);
    assert!(matches!(created.begin().outcome, Outcome::Enrol(_)));
    let id = challenge_id(&created.enrol_begin("totp", None).outcome);
    assert_eq!(id.len(), 32);
}

#[test]
fn a_method_that_was_taken_out_meanwhile_is_not_enrolled() {
    let mut world = World::new("");
    let begun = world.enrol_begin("totp", None);
    let id = challenge_id(&begun.outcome);
    let secret = crate::world::secret(&world.account().enrolments[0].credential);
    let code = hotp(&secret, world.now / 30_000, 6);
    let mut without = world.clone();
    without.policy = crate::world::compile("[accounts]\nmethods = ['hotp']\n");
    assert_eq!(
        reason(&without.enrol_finish(&id, &code)),
        "method-not-allowed"
    );
    assert!(is_allowed(&world.enrol_finish(&id, &code)));
}

/// A record has room for so much of credentials, to the octet.
#[test]
fn credentials_are_added_up_to_their_share_of_the_record() {
    let full = |spare: usize| {
        let mut world = World::with_totp("");
        let session = world.session();
        let mut account = world.account();
        let filler = Credential {
            method: cofactor_guest::methods::webauthn::NATURE.number,
            state: Sealed::new(vec![0; 1000]),
            ..account.credentials[0].clone()
        };
        while account.credential_octets() + spare + 1500 < MAX_CREDENTIAL_OCTETS {
            account.credentials.push(filler.clone());
        }
        let room = MAX_CREDENTIAL_OCTETS - spare - account.credential_octets();
        let mut last = filler;
        last.state = Sealed::default();
        let mut one = account.clone();
        one.credentials.push(last.clone());
        let least = one.credential_octets() - account.credential_octets();
        last.state = Sealed::new(vec![0; room - least]);
        account.credentials.push(last);
        world.record = Some(account.encode());
        (world, session)
    };
    // What the new one takes.
    let (mut world, session) = full(1500);
    let before = world.account().credential_octets();
    let given = provisioning(&world.enrol_begin("totp", Some(session)));
    let code = shown(&world, &given, 0);
    assert!(is_allowed(&world.enrol_finish(&given.challenge, &code)));
    let takes = world.account().credential_octets() - before;

    for (spare, fits) in [(takes, true), (takes - 1, false)] {
        let (mut world, session) = full(spare);
        let given = provisioning(&world.enrol_begin("totp", Some(session)));
        let code = shown(&world, &given, 0);
        let finished = world.enrol_finish(&given.challenge, &code);
        assert_eq!(is_allowed(&finished), fits, "{finished:?}");
        let (mut world, _) = full(spare);
        let issued = world.administer(crate::world::issuance("totp", "Phone"));
        assert_eq!(matches!(issued.outcome, Outcome::Done(_)), fits);
        if fits {
            assert_eq!(world.account().credential_octets(), MAX_CREDENTIAL_OCTETS);
        } else {
            assert_eq!(reason(&finished), "too-many-credentials");
            assert_eq!(reason(&issued), "too-many-credentials");
        }
    }
}

/// Who was refused is on record: the user, or an administrator.
#[test]
fn a_credential_that_is_not_issued_is_refused_to_whoever_asked() {
    let mut world = World::with_totp("[accounts]\nmethods = ['totp', 'recovery-code']\n");
    let session = world.session();
    world.facts = vec![("claim-clash".into(), String::new())];
    let own = world.enrol_begin("recovery-code", Some(session));
    let others = world.administer(crate::world::issuance("recovery-code", "Paper"));
    for (refused, kind) in [(own, "enrolment-denied"), (others, "administration-denied")] {
        assert_eq!(reason(&refused), "already-claimed");
        assert_eq!(refused.audit.last().unwrap().kind, kind);
    }
}
