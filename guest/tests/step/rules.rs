//! Who is asked, and for what: locations, groups, risk, strengths, states, and what may be waived.

mod decisions;
mod demands;
mod states;

use cofactor_guest::contract::{
    Action, AdministrationChange as Do, Allowance, Claims, Origin, Outcome, Request, Risk,
    RiskLevel, SignIn, Transition, Verdict,
};
use cofactor_guest::policy::compiled;
use cofactor_guest::{authorize, step};

use crate::world::{START, World, compile, is_allowed, reason, sign_in, uri};

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
