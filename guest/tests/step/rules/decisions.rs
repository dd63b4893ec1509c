//! What decided and why, what is never waived, and what holds for every circumstance.

use cofactor_guest::contract::{
    Action, AdministrationChange as Do, Claims, Origin, Outcome, Request, Risk, RiskLevel, SignIn,
    Surface, Verdict,
};
use cofactor_guest::policy::compiled;
use cofactor_guest::{authorize, step};

use super::{OFFICE, OTHER, allowance, from, verdict, visit};
use crate::world::{START, World, challenge_id, compile, reason, sign_in, uri};

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
