//! What is demanded: strengths, levels, classes, and which methods are for whom.

use cofactor_guest::contract::{Action, Outcome, SignIn};

use super::{OFFICE, OTHER, allowance, as_one_of, is_asked, visit};
use crate::world::{World, compile, is_allowed, reason, uri};

#[test]
fn all_rules_that_apply_count_and_nothing_demanded_is_waived() {
    let demand =
        |more: &str| format!("{OFFICE}[[rule]]\nname = 'more'\ngroups = ['admins']\n{more}\n");
    let at_the_office = |document: &str, change: fn(&mut SignIn)| {
        let mut world = World::with_totp(document);
        let came = visit(&mut world, |origin, given| {
            origin.address = Some("198.51.100.7".into());
            origin.groups = vec!["staff".into(), "admins".into()];
            change(given);
        });
        match &came.outcome {
            Outcome::Challenge(_) => "asked".to_owned(),
            _ => reason(&came).to_owned(),
        }
    };
    assert_eq!(at_the_office(OFFICE, |_| {}), "trusted-network");
    for (document, expected) in [
        (demand("then = 'deny'"), "rule-denied"),
        (demand("then = 'require'\nmethods = ['totp']"), "asked"),
        (demand("then = 'require'\nmax-age = '1h'"), "asked"),
        (demand("then = 'require'\nlevel = 2"), "asked"),
        (demand("then = 'require'\nlevel = 3"), "level-insufficient"),
        (demand("then = 'require'\nstrength = 'mfa'"), "asked"),
        (
            demand(
                "then = 'require'\nmethods = ['totp']\n[[rule]]\nname = 'other'\nthen = 'require'\nmethods = ['hotp']",
            ),
            "level-insufficient",
        ),
        (
            format!("{OFFICE}[[application]]\nname = 'wiki'\nmax-age = '1h'\n"),
            "asked",
        ),
        (
            format!("{OFFICE}[[application]]\nname = 'wiki'\nstrength = 'mfa'\n"),
            "asked",
        ),
        (
            format!("{OFFICE}[[application]]\nname = 'wiki'\nmethods = ['totp']\n"),
            "trusted-network",
        ),
        (
            format!("{OFFICE}[[application]]\nname = 'wiki'\nrequired-level = 3\n"),
            "level-insufficient",
        ),
        (
            format!("{OFFICE}[[application]]\nname = 'wiki'\napprovals = 1\napprovers = ['a']\n"),
            "asked",
        ),
    ] {
        assert_eq!(at_the_office(&document, |_| {}), expected, "{document}");
    }
    // The caller's own words.
    assert_eq!(
        at_the_office(OFFICE, |given| given.required_level = 1),
        "trusted-network"
    );
    assert_eq!(
        at_the_office(OFFICE, |given| given.required_level = 2),
        "asked"
    );
    assert_eq!(
        at_the_office(OFFICE, |given| given.max_age = Some(60_000)),
        "asked"
    );
    assert_eq!(
        at_the_office(OFFICE, |given| given.transaction = Some("Pay".into())),
        "level-insufficient"
    );
}

#[test]
fn ch_08_a_weaker_method_than_the_policy_names_is_no_choice() {
    let document = "[[application]]\nname = 'wiki'\nmethods = ['totp']\n[[application]]\nname = 'vault'\nstrength = 'phishing-resistant'\n";
    let mut world = World::with_totp(document);
    world.import(&uri("hotp", OTHER, "&counter=0"));
    let weaker = visit(&mut world, |_, given| given.method = Some("hotp".into()));
    assert_eq!(reason(&weaker), "method-not-allowed");
    let id = world.challenge();
    let chosen = world.act(Action::ChooseMethod(cofactor_guest::contract::Choice {
        challenge: id.clone(),
        method: "hotp".into(),
        credential: None,
    }));
    assert_eq!(reason(&chosen), "method-not-allowed");
    assert!(!is_allowed(
        &world.answer(&id, &crate::world::hotp(OTHER, 0, 6))
    ));
    // A policy that was made stricter holds for what is open.
    let id = world.challenge();
    world.policy = compile("[[application]]\nname = 'wiki'\nrequired-level = 3\n");
    assert_eq!(
        reason(&world.answer(&id, &world.code(0))),
        "level-insufficient"
    );
    world.policy = compile(document);
    world.application = "vault".into();
    assert_eq!(reason(&world.begin()), "level-insufficient");
}

#[test]
fn two_methods_that_are_needed_together_are_asked_one_after_the_other() {
    let document = "[[strength]]\nname = 'both'\nany-of = ['totp+hotp', 'totp+recovery-code']\n\
                    [[application]]\nname = 'vault'\nstrength = 'both'\n";
    let mut world = World::with_totp(document);
    world.application = "vault".into();
    assert_eq!(
        reason(&world.begin()),
        "no-methods-registered",
        "no half of it is asked for"
    );
    world.import(&uri("hotp", OTHER, "&counter=0"));
    let id = world.challenge();
    let code = world.code(0);
    let half = world.answer(&id, &code);
    let Outcome::Challenge(next) = &half.outcome else {
        panic!("{half:?}")
    };
    assert_eq!(
        (
            next.id.as_str(),
            next.method.as_str(),
            next.after.as_deref()
        ),
        (id.as_str(), "hotp", None)
    );
    assert!(next.offers.iter().all(|offer| offer.method == "hotp"));
    // Neither a wrong code nor the first one again is the second.
    assert!(!is_allowed(&world.answer(&id, "000000")));
    assert!(!is_allowed(&world.answer(&id, &code)));
    let passed = world.answer(&id, &crate::world::hotp(OTHER, 0, 6));
    let claims = &allowance(&passed).claims;
    assert_eq!(claims.proved, ["totp", "hotp"]);
    assert_eq!(claims.amr, ["otp", "mfa"]);
    // The early answer is one of the two.
    world.now += 30_000;
    let code = world.code(0);
    assert!(is_asked(&world.sign_in(&code)));
}

#[test]
fn a_second_factor_of_the_first_ones_class_is_none() {
    let mut world = World::with_totp("accounts.first-factor = 'possession'\n");
    assert_eq!(reason(&world.begin()), "level-insufficient");
    let mut world = World::with_totp("accounts.first-factor = 'inherence'\n");
    assert!(is_asked(&world.begin()));
    // Where the first factor is enough it is asked for, and claims no second.
    let mut world = World::with_totp(
        "accounts.first-factor = 'possession'\napplication-default.required-level = 1\n",
    );
    let code = world.code(0);
    let claims = allowance(&world.sign_in(&code)).claims.clone();
    assert_eq!((claims.level, claims.amr), (1, vec!["otp".to_owned()]));
}

#[test]
fn methods_are_for_groups_and_applications_when_they_are_enrolled_and_when_they_are_used() {
    let document =
        "[[rule]]\nname = 'staff'\ngroups = ['staff']\nthen = 'require'\nmethods = ['totp']\n";
    let mut world = World::new(document);
    let enrol = |world: &mut World, group: &str| {
        let mut event = world.event(Action::EnrolBegin(
            cofactor_guest::contract::EnrolmentRequest {
                method: "hotp".into(),
                label: "Token".into(),
                address: None,
                session: None,
            },
        ));
        event.origin.groups = vec![group.into()];
        world.clone().judge(&event).unwrap()
    };
    assert_eq!(reason(&enrol(&mut world, "staff")), "method-not-allowed");
    assert!(matches!(
        enrol(&mut world, "guests").outcome,
        Outcome::Enrol(_)
    ));
    let Outcome::Enrol(offered) = as_one_of(&mut world, "staff").outcome else {
        panic!()
    };
    assert_eq!(offered.methods, ["totp"]);
}
