//! Who is asked, and for what: locations, groups, risk, strengths, states, and what may be waived.

use cofactor_guest::contract::{
    Action, AdministrationChange as Do, Allowance, Claims, Origin, Outcome, Request, Risk,
    RiskLevel, SignIn, Surface, Transition, Verdict,
};
use cofactor_guest::policy::compiled;
use cofactor_guest::{authorize, step};

use crate::world::{START, World, challenge_id, compile, is_allowed, reason, sign_in, uri};

/// A token beside the one of `World::with_totp`.
const OTHER: &[u8] = b"09876543210987654321";

const OFFICE: &str = "[[location]]\nname = 'office'\nnetworks = ['198.51.100.0/24', '2001:db8::/32', '203.0.113.1-203.0.113.9']\n\
                      [[rule]]\nname = 'at-the-office'\nlocations = ['office']\nthen = 'skip'\n";

/// Comes to the second factor, from where and as whom the caller says.
fn visit(world: &mut World, change: impl FnOnce(&mut Origin, &mut SignIn)) -> Transition {
    let mut given = sign_in();
    let mut event = world.event(Action::Poll(String::new()));
    change(&mut event.origin, &mut given);
    event.action = Action::Begin(given);
    world.judge(&event).unwrap()
}

fn from(world: &mut World, address: Option<&str>) -> Transition {
    visit(world, |origin, _| {
        origin.address = address.map(str::to_owned);
    })
}

fn as_one_of(world: &mut World, group: &str) -> Transition {
    visit(world, |origin, _| origin.groups = vec![group.into()])
}

fn allowance(transition: &Transition) -> &Allowance {
    match &transition.outcome {
        Outcome::Allow(allowance) => allowance,
        other => panic!("{other:?}"),
    }
}

fn is_asked(transition: &Transition) -> bool {
    matches!(
        transition.outcome,
        Outcome::Challenge(_) | Outcome::Pending(_)
    )
}

/// What `explain` says of the same sign-in.
fn verdict(world: &mut World, change: impl FnOnce(&mut Origin, &mut SignIn)) -> String {
    let mut given = sign_in();
    let mut event = world.event(Action::Poll(String::new()));
    change(&mut event.origin, &mut given);
    event.action = Action::Begin(given);
    let told = step::explain(&world.context(), world.record.as_deref(), &event);
    told.unwrap().verdict
}

fn authorized(document: &str, now: u64, claims: &Claims, address: Option<&str>) -> String {
    let bytes = compile(document);
    let request = Request {
        application: claims.application.clone(),
        host: "wiki.example".into(),
        path: "/".into(),
        method: "GET".into(),
        address: address.map(str::to_owned),
        generation: claims.generation,
        ended: false,
    };
    let policy = compiled::decode(&bytes).unwrap();
    match authorize::authorize(&policy, now, claims, &request) {
        Verdict::Pass(_) => "pass".into(),
        Verdict::StepUp(step_up) => format!("step-up {} {}", step_up.level, step_up.reason),
        Verdict::Deny(denial) => format!("deny {}", denial.internal_reason),
        Verdict::Other(name) => name,
    }
}

#[test]
fn a_trusted_network_lets_pass_on_the_first_factor_and_claims_no_more() {
    let mut world = World::with_totp(OFFICE);
    for address in [
        "198.51.100.7",
        "2001:db8::7",
        "203.0.113.9",
        "::ffff:198.51.100.7",
    ] {
        let passed = from(&mut world, Some(address));
        let claims = &allowance(&passed).claims;
        assert_eq!(
            (claims.level, claims.reason.as_str()),
            (1, "trusted-network"),
            "{address}"
        );
        assert!(
            claims.amr.is_empty() && claims.proved.is_empty(),
            "{address}"
        );
        assert_eq!(passed.audit[0].reason, "trusted-network");
        let rule = ("rule".to_owned(), "at-the-office".to_owned());
        assert!(passed.audit[0].facts.contains(&rule), "{:?}", passed.audit);
    }
    for address in [
        "198.51.101.7",
        "203.0.113.10",
        "2001:db9::1",
        "::198.51.100.7",
    ] {
        assert!(is_asked(&from(&mut world, Some(address))), "{address}");
    }
}

#[test]
fn by_03_an_address_that_is_absent_or_none_is_nowhere() {
    let outside = "[[location]]\nname = 'evil'\nnetworks = ['192.0.2.0/24']\n[[rule]]\nname = 'support'\ngroups = ['support']\n\
                   not-locations = ['evil']\nthen = 'skip'\nuntil = 2030-01-01T00:00:00Z\nwhy = 'migration'\n";
    for address in [
        None,
        Some(""),
        Some("unknown"),
        Some("198.51.100.7:443"),
        Some("198.51.100.7, 10.0.0.1"),
    ] {
        let mut world = World::with_totp(OFFICE);
        assert!(is_asked(&from(&mut world, address)), "{address:?}");
        let mut world = World::with_totp(outside);
        let asked = visit(&mut world, |origin, _| {
            origin.groups = vec!["support".into()];
            origin.address = address.map(str::to_owned);
        });
        assert!(is_asked(&asked), "{address:?}");
    }
    let mut world = World::with_totp(outside);
    let passed = visit(&mut world, |origin, _| {
        origin.groups = vec!["support".into()];
        origin.address = Some("198.51.100.7".into());
    });
    assert_eq!(reason(&passed), "excluded");
    // Where a rule refuses everybody who is not there, an absent address is not there either.
    let mut world = World::with_totp(
        "[[location]]\nname = 'office'\nnetworks = ['198.51.100.0/24']\n[[rule]]\nname = 'inside'\nnot-locations = ['office']\nthen = 'deny'\n",
    );
    assert_eq!(reason(&from(&mut world, None)), "rule-denied");
    assert!(is_asked(&from(&mut world, Some("198.51.100.7"))));
}

#[test]
fn by_04_a_location_of_all_addresses_is_no_policy() {
    for network in [
        "0.0.0.0/0",
        "::/0",
        "::ffff:0.0.0.0/96",
        "0.0.0.0/1', '128.0.0.0/1",
    ] {
        let document = format!("[[location]]\nname = 'all'\nnetworks = ['{network}']\n");
        let errors = cofactor_guest::policy::compile(&document).unwrap_err();
        assert_eq!(
            (errors[0].line, errors[0].field.as_str()),
            (3, "location.networks"),
            "{network}"
        );
    }
}

#[test]
fn nobody_who_is_not_known_and_nobody_who_is_blocked_is_let_pass() {
    let known_only = format!("{OFFICE}[accounts]\nprovision = 'known-only'\n");
    let mut world = World::new(&known_only);
    assert!(
        is_asked(&from(&mut world, Some("198.51.100.7"))),
        "a decoy is asked"
    );
    let mut world = World::with_totp(OFFICE);
    world.administer(Do::Block);
    assert_eq!(reason(&from(&mut world, Some("198.51.100.7"))), "blocked");
    // A user who may enrol gets an account with the session, or it would be a session of none.
    let mut world = World::new(OFFICE);
    assert!(is_allowed(&from(&mut world, Some("198.51.100.7"))));
    assert!(world.known);
}

#[test]
fn a_session_that_was_let_in_for_its_network_is_let_on_only_there() {
    let mut world = World::with_totp(OFFICE);
    let claims = allowance(&from(&mut world, Some("198.51.100.7")))
        .claims
        .clone();
    let cases = [
        (OFFICE.to_owned(), Some("198.51.100.9"), "pass"),
        (OFFICE.to_owned(), Some("::ffff:198.51.100.9"), "pass"),
        (
            OFFICE.to_owned(),
            Some("192.0.2.7"),
            "step-up 2 level-insufficient",
        ),
        (OFFICE.to_owned(), None, "step-up 2 level-insufficient"),
        (
            String::new(),
            Some("198.51.100.9"),
            "step-up 2 level-insufficient",
        ),
        (
            format!("{OFFICE}until = 2023-11-14T22:13:20Z\n"),
            Some("198.51.100.9"),
            "step-up 2 level-insufficient",
        ),
        (
            format!("{OFFICE}until = 2023-11-14T22:13:21Z\n"),
            Some("198.51.100.9"),
            "pass",
        ),
        (
            format!("{OFFICE}applications = ['mail']\n"),
            Some("198.51.100.9"),
            "step-up 2 level-insufficient",
        ),
        (
            format!("{OFFICE}[[application]]\nname = 'wiki'\nrequired-level = 3\n"),
            Some("198.51.100.9"),
            "step-up 3 level-insufficient",
        ),
        (
            format!("{OFFICE}[[application]]\nname = 'wiki'\nmax-age = '1h'\n"),
            Some("198.51.100.9"),
            "step-up 2 level-insufficient",
        ),
        (
            format!("{OFFICE}[[application]]\nname = 'wiki'\nstrength = 'mfa'\n"),
            Some("198.51.100.9"),
            "step-up 2 level-insufficient",
        ),
        (
            format!("{OFFICE}[[rule]]\nname = 'all'\nlocations = ['office']\nthen = 'deny'\n"),
            Some("198.51.100.9"),
            "deny rule-denied",
        ),
        (
            format!("{OFFICE}[[rule]]\nname = 'some'\ngroups = ['x']\nthen = 'deny'\n"),
            Some("198.51.100.9"),
            "pass",
        ),
    ];
    for (document, address, expected) in cases {
        assert_eq!(
            authorized(&document, START, &claims, address),
            expected,
            "{document} {address:?}"
        );
    }
}

#[test]
fn other_waivers_hold_while_their_switches_do() {
    let claims = |reason: &str, level: u8| Claims {
        application: "wiki".into(),
        generation: 7,
        level,
        method: String::new(),
        proved: Vec::new(),
        amr: Vec::new(),
        reason: reason.into(),
        started: START,
        verified: START,
        active: START,
        transaction: None,
    };
    let excluded = "[[rule]]\nname = 'r'\ngroups = ['support']\nthen = 'skip'\nwhy = 'migration'\nuntil = 2023-11-14T23:00:00Z\n";
    let cases = [
        ("excluded", excluded, 0, "pass"),
        ("excluded", excluded, 3_600_000, "deny session-idle"),
        ("excluded", "", 0, "step-up 2 level-insufficient"),
        ("one-time-bypass", "", 0, "pass"),
        (
            "one-time-bypass",
            "bypass.allowed = false",
            0,
            "step-up 2 level-insufficient",
        ),
        ("remembered-device", "devices.lifetime = '30d'", 0, "pass"),
        ("remembered-device", "", 0, "step-up 2 level-insufficient"),
        (
            "multifactor-disabled",
            "accounts.may-disable = true",
            0,
            "pass",
        ),
        (
            "multifactor-disabled",
            "",
            0,
            "step-up 2 level-insufficient",
        ),
        ("registration-snoozed", "enrolment.snooze = '1d'", 0, "pass"),
        (
            "registration-snoozed",
            "",
            0,
            "step-up 2 level-insufficient",
        ),
        (
            "successfully-completed",
            "",
            0,
            "step-up 2 level-insufficient",
        ),
        (
            "cached-success",
            "cache.lifetime = '10s'",
            0,
            "step-up 2 level-insufficient",
        ),
        (
            "trusted-network",
            excluded,
            0,
            "step-up 2 level-insufficient",
        ),
    ];
    for (reason, document, later, expected) in cases {
        let verdict = authorized(
            document,
            START + later,
            &claims(reason, 1),
            Some("192.0.2.7"),
        );
        assert_eq!(verdict, expected, "{reason} {document}");
    }
}

#[test]
fn an_exclusion_is_for_a_time_for_a_reason_and_on_record_each_time() {
    let document = "[[rule]]\nname = 'support-case'\ngroups = ['support']\nusers = ['bob']\napplications = ['wiki']\nthen = 'skip'\n\
                    until = 2023-11-14T22:14:20Z\nwhy = 'case 4711'\n";
    let mut world = World::with_totp(document);
    assert!(is_asked(&as_one_of(&mut world, "staff")));
    for _ in 0..2 {
        let passed = as_one_of(&mut world, "support");
        let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(passed.audit[0].reason, "excluded");
        assert_eq!(
            passed.audit[0].facts,
            [fact("rule", "support-case"), fact("why", "case 4711")]
        );
        assert_eq!(allowance(&passed).claims.level, 1);
    }
    world.now += 59_999;
    assert!(is_allowed(&as_one_of(&mut world, "support")));
    world.application = "mail".into();
    assert!(
        is_asked(&as_one_of(&mut world, "support")),
        "another application"
    );
    world.application = "wiki".into();
    world.now += 1;
    assert!(
        is_asked(&as_one_of(&mut world, "support")),
        "its time is over"
    );
    let mut bob = World::new(document);
    bob.user = "bob".into();
    bob.import(&uri("totp", OTHER, "&period=30"));
    assert!(is_allowed(&bob.begin()), "by name");
}

#[test]
fn countries_are_named_and_an_unknown_one_is_its_own() {
    let document = "[[location]]\nname = 'abroad'\ncountries = ['XX', 'YY']\n[[location]]\nname = 'nowhere'\nunknown-country = true\n\
                    [[rule]]\nname = 'abroad'\nlocations = ['abroad']\nthen = 'deny'\n\
                    [[rule]]\nname = 'nowhere'\nlocations = ['nowhere']\nthen = 'require'\nlevel = 3\n";
    let mut world = World::with_totp(document);
    let mut come = |country: Option<&str>, address: Option<&str>| {
        let came = visit(&mut world, |origin, _| {
            origin.country = country.map(str::to_owned);
            origin.address = address.map(str::to_owned);
        });
        match &came.outcome {
            Outcome::Challenge(_) => "asked".to_owned(),
            _ => reason(&came).to_owned(),
        }
    };
    assert_eq!(come(Some("YY"), Some("192.0.2.7")), "rule-denied");
    assert_eq!(come(Some("DE"), Some("192.0.2.7")), "asked");
    assert_eq!(come(None, Some("192.0.2.7")), "level-insufficient");
    assert_eq!(
        come(None, None),
        "asked",
        "an absent address is in no location, and in no country"
    );
    assert_eq!(come(Some("XX"), None), "asked");
}

#[test]
fn risk_is_answered_by_rules() {
    let document = "[[rule]]\nname = 'medium'\nrisk = ['medium', 'high']\nthen = 'require'\nmethods = ['hotp']\n\
                    [[rule]]\nname = 'high'\nrisk = ['high']\nthen = 'deny'\n[[rule]]\nname = 'unknown'\nrisk = ['unknown']\nthen = 'require'\nmethods = ['totp']\n";
    let mut world = World::with_totp(document);
    world.import(&uri("hotp", OTHER, "&counter=0"));
    let mut at_risk = |level: Option<RiskLevel>| {
        let came = visit(&mut world, |_, given| {
            given.risk = level.map(|level| Risk {
                level,
                reasons: Vec::new(),
            });
        });
        match came.outcome {
            Outcome::Challenge(challenge) => challenge
                .offers
                .iter()
                .map(|offer| offer.method.clone())
                .collect::<Vec<_>>()
                .join(" "),
            Outcome::Deny(denial) => denial.internal_reason,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(at_risk(None), "totp");
    assert_eq!(at_risk(Some(RiskLevel::Low)), "totp hotp");
    assert_eq!(at_risk(Some(RiskLevel::Medium)), "hotp");
    assert_eq!(at_risk(Some(RiskLevel::High)), "rule-denied");
}

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

#[test]
fn states_say_whether_an_account_is_asked() {
    use cofactor_guest::contract::AccountState;
    let may = "accounts.may-disable = true\n";
    let mut world = World::with_totp(may);
    world.administer(Do::SetState(AccountState::Disabled));
    let passed = world.begin();
    assert_eq!(allowance(&passed).claims.reason, "multifactor-disabled");
    assert_eq!(allowance(&passed).claims.level, 1);
    let disabled = allowance(&passed).claims.generation;
    // Without leave, nobody is exempt.
    let mut strict = world.clone();
    strict.policy = compile("");
    assert!(is_asked(&strict.begin()));
    // Who was let in without is asked once that is over.
    world.administer(Do::SetState(AccountState::Enforced));
    assert!(is_asked(&world.begin()));
    assert_ne!(world.account().generation, disabled);
    // New accounts have the state that the policy says.
    let mut world = World::new("accounts.may-disable = true\naccounts.state = 'disabled'\n");
    assert!(is_allowed(&world.begin()));
    let mut world = World::new("accounts.state = 'enforced'\nenrolment.snooze = '1d'\n");
    let Outcome::Enrol(enrolment) = world.begin().outcome else {
        panic!()
    };
    assert_eq!(enrolment.snoozes_left, 0);
    // Rules can be for states.
    let mut world = World::with_totp(
        "accounts.may-disable = true\n[[rule]]\nname = 'r'\nstates = ['disabled']\nthen = 'require'\nlevel = 2\n",
    );
    world.administer(Do::SetState(AccountState::Disabled));
    assert!(is_asked(&world.begin()));
}

#[test]
fn enrolling_can_be_put_off_so_often_and_so_long() {
    let document = "[enrolment]\nsnooze = '1d'\nsnoozes = 2\n";
    let mut world = World::new(document);
    let snooze = |world: &mut World| world.act(Action::Snooze(sign_in()));
    let left = |transition: &Transition| match &transition.outcome {
        Outcome::Enrol(enrolment) => enrolment.snoozes_left,
        other => panic!("{other:?}"),
    };
    assert_eq!(left(&world.begin()), 2);
    for more in [1, 0] {
        let put_off = snooze(&mut world);
        assert_eq!(allowance(&put_off).claims.reason, "registration-snoozed");
        world.now += 86_399_999;
        assert_eq!(
            allowance(&world.begin()).claims.reason,
            "registration-snoozed",
            "it holds for its whole time"
        );
        assert_eq!(allowance(&snooze(&mut world.clone())).claims.level, 1);
        world.now += 1;
        assert_eq!(left(&world.begin()), more);
    }
    assert_eq!(left(&snooze(&mut world)), 0, "not any more");
    // Nobody puts off what is demanded.
    let mut world = World::new(&format!(
        "{document}[[application]]\nname = 'vault'\nmax-age = '1h'\n"
    ));
    world.application = "vault".into();
    assert_eq!(left(&snooze(&mut world)), 0);
    world.application = "wiki".into();
    let asked = visit(&mut world, |_, given| given.required_level = 2);
    assert_eq!(left(&asked), 0);
    // With a credential there is nothing to put off.
    let mut world = World::new(document);
    snooze(&mut world);
    world.import(&uri("totp", OTHER, "&period=30"));
    assert!(is_asked(&world.begin()));
    // An administrator may end it.
    let mut world = World::new(document);
    snooze(&mut world);
    world.administer(Do::SetState(
        cofactor_guest::contract::AccountState::Enforced,
    ));
    assert_eq!(left(&world.begin()), 0);
}

#[test]
fn a_success_answers_the_requests_beside_it_and_no_others() {
    let document = "cache.lifetime = '10s'\n";
    let mut world = World::with_totp(document);
    let code = world.code(0);
    let first = allowance(&world.sign_in(&code)).claims.clone();
    world.now += 9_999;
    let beside = world.begin();
    let claims = &allowance(&beside).claims;
    assert_eq!(claims.reason, "cached-success");
    assert_eq!(
        (claims.level, &claims.amr, &claims.proved),
        (2, &first.amr, &first.proved)
    );
    assert!(
        claims.verified <= first.verified,
        "nothing was verified since"
    );
    type Change = fn(&mut Origin, &mut SignIn);
    let others: [(&str, Change); 6] = [
        ("another browser", |origin, _| origin.binding = vec![8; 32]),
        ("another application", |origin, _| {
            origin.application = "mail".into()
        }),
        ("another address", |origin, _| {
            origin.address = Some("192.0.2.8".into())
        }),
        ("no address", |origin, _| origin.address = None),
        ("a higher level", |_, given| given.required_level = 3),
        ("a fresher one", |_, given| given.max_age = Some(9_998)),
    ];
    for (name, change) in others {
        assert!(!is_allowed(&visit(&mut world.clone(), change)), "{name}");
    }
    // What ends sessions ends it.
    for change in [Do::SignOut, Do::Block] {
        let mut world = world.clone();
        world.administer(change);
        assert!(!is_allowed(&world.begin()));
    }
    world.now += 1;
    assert!(is_asked(&world.begin()));
    // Nothing is kept where nothing was proved, and nothing without the policy's word.
    let mut world = World::with_totp(&format!("{document}{OFFICE}"));
    from(&mut world, Some("198.51.100.7"));
    assert_eq!(world.account().success, None);
    let mut world = World::with_totp("");
    let code = world.code(0);
    world.sign_in(&code);
    assert!(is_asked(&world.begin()));
}

#[test]
fn a_text_that_cannot_be_shown_as_it_is_is_not_confirmed() {
    let mut world = World::with_totp("");
    for text in ["", "Pay 10\u{0}", "Pay\n10", "Pay \u{202e}01", "\u{feff}"] {
        let asked = visit(&mut world, |_, given| given.transaction = Some(text.into()));
        assert_eq!(reason(&asked), "transaction-invalid", "{text:?}");
    }
    // A token shows no text.
    let asked = visit(&mut world, |_, given| {
        given.transaction = Some("Pay 10 EUR to Bob".into())
    });
    assert_eq!(reason(&asked), "level-insufficient");
}

#[test]
fn what_decides_is_explained() {
    let document = format!(
        "{OFFICE}[[rule]]\nname = 'banned'\ngroups = ['banned']\nthen = 'deny'\n[[rule]]\nname = 'admins'\ngroups = ['admins']\nthen = 'require'\nmethods = ['totp']\nmax-age = '1h'\n"
    );
    let mut world = World::with_totp(&document);
    type Change = fn(&mut Origin, &mut SignIn);
    let office: Change = |origin, _| origin.address = Some("198.51.100.7".into());
    let cases: [(&str, Change, &str, &[&str]); 4] = [
        (
            "elsewhere",
            |_, _| {},
            "ask for totp, or hotp: level 2",
            &["application", "methods"],
        ),
        (
            "at the office",
            office,
            "skip: trusted-network",
            &["rule.at-the-office"],
        ),
        (
            "an administrator",
            |origin, given| {
                origin.address = Some("198.51.100.7".into());
                origin.groups = vec!["admins".into()];
                given.surface = Surface::PROMPT;
            },
            "ask for totp: level 2",
            &["application", "rule.admins", "methods"],
        ),
        (
            "banned",
            |origin, _| origin.groups = vec!["banned".into()],
            "deny: rule-denied",
            &["rule.banned"],
        ),
    ];
    for (name, change, verdict, decided) in cases {
        let mut given = sign_in();
        let mut event = world.event(Action::Poll(String::new()));
        change(&mut event.origin, &mut given);
        event.action = Action::Begin(given);
        let told = step::explain(&world.context(), world.record.as_deref(), &event).unwrap();
        assert_eq!(told.verdict, verdict, "{name}");
        let by: Vec<&str> = told
            .findings
            .iter()
            .filter(|it| it.decided)
            .map(|it| it.rule.as_str())
            .collect();
        assert_eq!(by, decided, "{name}: {:#?}", told.findings);
    }
    let event = world.event(Action::Poll("0".repeat(32)));
    assert!(step::explain(&world.context(), world.record.as_deref(), &event).is_err());
    world.administer(Do::Block);
    assert!(verdict(&mut world, office).contains("blocked"));
    assert!(verdict(&mut world, |_, _| {}).contains("blocked"));
}

#[test]
fn by_11_a_policy_that_cannot_be_read_lets_nobody_in() {
    let document = format!("{OFFICE}[[application]]\nname = 'wiki'\nmethods = ['totp']\n");
    let mut world = World::with_totp(&document);
    let claims = allowance(&from(&mut world, Some("198.51.100.7")))
        .claims
        .clone();
    let whole = world.policy.clone();
    let at =
        |name: &[u8]| whole.windows(name.len()).position(|it| it == name).unwrap() + name.len();
    for (name, place) in [
        ("rule", at(b"at-the-office")),
        ("location", at(b"office") + 1),
        ("application", at(b"wiki") + 13),
    ] {
        world.policy = whole.clone();
        world.policy[place] = 0xff;
        let refused = from(&mut world, Some("198.51.100.7"));
        assert_eq!(reason(&refused), "service-error", "{name}");
        let policy = compiled::decode(&world.policy).unwrap();
        let request = Request {
            application: "wiki".into(),
            host: "wiki.example".into(),
            path: "/".into(),
            method: "GET".into(),
            address: Some("198.51.100.7".into()),
            generation: claims.generation,
            ended: false,
        };
        let verdict = authorize::authorize(&policy, START, &claims, &request);
        assert!(matches!(verdict, Verdict::Deny(_)), "{name} {verdict:?}");
    }
}

#[test]
fn ch_09_what_was_allowed_is_for_one_application_one_generation_and_its_time() {
    let mut world = World::with_totp("");
    let code = world.code(0);
    let claims = allowance(&world.sign_in(&code)).claims.clone();
    let pass = |now: u64, claims: &Claims, application: &str, generation: u64| {
        let bytes = compile("");
        let request = Request {
            application: application.into(),
            host: "wiki.example".into(),
            path: "/".into(),
            method: "GET".into(),
            address: None,
            generation,
            ended: false,
        };
        let policy = compiled::decode(&bytes).unwrap();
        matches!(
            authorize::authorize(&policy, now, claims, &request),
            Verdict::Pass(_)
        )
    };
    assert!(pass(START, &claims, "wiki", claims.generation));
    assert!(!pass(START, &claims, "mail", claims.generation));
    assert!(!pass(START, &claims, "wiki", claims.generation + 1));
    assert!(!pass(
        START + 12 * 3_600_000,
        &claims,
        "wiki",
        claims.generation
    ));
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// A policy of rules over a few groups, places and risks.
    fn documents() -> impl Strategy<Value = String> {
        let rule = (
            prop::sample::select(vec![
                "",
                "groups = ['a']\n",
                "groups = ['b', 'c']\n",
                "users = ['alice']\n",
            ]),
            prop::sample::select(vec![
                "",
                "locations = ['in']\n",
                "not-locations = ['in']\n",
                "locations = ['in', 'six']\n",
            ]),
            prop::sample::select(vec!["", "risk = ['high']\n", "risk = ['unknown', 'low']\n"]),
            prop::sample::select(vec![
                "then = 'skip'\nuntil = 2030-01-01T00:00:00Z\nwhy = 'w'\n",
                "then = 'skip'\nuntil = 2030-01-01T00:00:00Z\nwhy = 'w'\n",
                "then = 'deny'\n",
                "then = 'require'\nlevel = 2\n",
                "then = 'require'\nmax-age = '1h'\n",
                "then = 'require'\nmethods = ['totp']\n",
                "then = 'require'\nstrength = 'mfa'\n",
            ]),
        );
        prop::collection::vec(rule, 0..5).prop_map(|rules| {
            let mut document = "cache.lifetime = '10s'\ndevices.lifetime = '30d'\n[[location]]\nname = 'in'\nnetworks = ['192.0.2.0/24']\n\
                                [[location]]\nname = 'six'\nnetworks = ['2001:db8::/32']\n".to_owned();
            for (at, (who, place, risk, then)) in rules.iter().enumerate() {
                document += &format!("[[rule]]\nname = 'r{at}'\n{who}{place}{risk}{then}");
            }
            document
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_rule_trusts_nowhere_nor_lowers_what_is_asked_for_and_explain_says_what_is_done(
            document in documents(),
            address in prop::sample::select(vec![None, Some("192.0.2.7"), Some("2001:db8::1"), Some("::ffff:192.0.2.9"), Some("198.51.100.1"), Some("nonsense")]),
            group in prop::sample::select(vec!["a", "b", "d"]),
            level in 0_u8..4,
            max_age in prop::option::of(1_000_u64..100_000),
            risk in prop::option::of(prop::sample::select(vec![RiskLevel::Low, RiskLevel::High])),
            before in any::<bool>(),
        ) {
            prop_assume!(cofactor_guest::policy::compile(&document).is_ok());
            let mut world = World::with_totp(&document);
            if before {
                let code = world.code(0);
                world.sign_in(&code);
                world.now += 2_000;
            }
            let change = |origin: &mut Origin, given: &mut SignIn| {
                origin.address = address.map(str::to_owned);
                origin.groups = vec![group.into()];
                given.required_level = level;
                given.max_age = max_age;
                given.risk = risk.map(|level| Risk { level, reasons: Vec::new() });
            };
            let told = verdict(&mut world, change);
            let came = visit(&mut world, change);
            match &came.outcome {
                Outcome::Allow(allowance) => {
                    let claims = &allowance.claims;
                    prop_assert!(claims.level >= level, "{document}");
                    prop_assert!(claims.reason != "trusted-network" || address.is_some_and(|it| it != "nonsense"));
                    prop_assert!(max_age.is_none() || claims.reason == "cached-success");
                    prop_assert_eq!(told, format!("skip: {}", claims.reason));
                }
                Outcome::Deny(denial) => prop_assert_eq!(told, format!("deny: {}", denial.internal_reason)),
                Outcome::Challenge(_) => prop_assert!(told.starts_with("ask for "), "{told}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_challenge_of_many_steps_is_still_one_of_its_caller() {
    let document = "[[strength]]\nname = 'both'\nany-of = ['totp+hotp']\n[[application]]\nname = 'wiki'\nstrength = 'both'\n";
    let mut world = World::with_totp(document);
    world.import(&uri("hotp", OTHER, "&counter=0"));
    let id = challenge_id(&world.begin().outcome);
    let code = world.code(0);
    world.answer(&id, &code);
    world.binding = vec![8; 32];
    assert_eq!(
        reason(&world.answer(&id, &crate::world::hotp(OTHER, 0, 6))),
        "challenge-binding"
    );
}
