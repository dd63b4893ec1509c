//! Fuel for each operation, against a baseline file: a change in cost is a diff to review.
//!
//! `COFACTOR_BLESS=1` writes the file anew.

use std::collections::BTreeMap;

use cofactor_runtime::contract::{
    Action, Answer, Claims, Context, Outcome, Proof, Request, Verdict,
};
use cofactor_runtime::plugin::Fuel;
use cofactor_tests::scenario::{Scenario, answer, begin, plugin};
use cofactor_tests::tour::{OPERATIONS, Question};

use crate::largest::{self, Largest};

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cost.json");
/// How far a cost may move before it has to be looked at, in percent.
const TOLERANCE: u64 = 2;

#[test]
fn fuel_is_as_the_baseline_says() {
    let measured = measure();
    if std::env::var_os("COFACTOR_BLESS").is_some() {
        std::fs::write(
            BASELINE,
            serde_json::to_string_pretty(&measured).unwrap() + "\n",
        )
        .unwrap();
    }
    let text =
        std::fs::read_to_string(BASELINE).expect("tests/cost.json: make it with COFACTOR_BLESS=1");
    let baseline: BTreeMap<String, u64> = serde_json::from_str(&text).unwrap();
    let moved: Vec<_> = measured
        .iter()
        .filter(|(name, fuel)| {
            let before = baseline.get(*name).copied().unwrap_or(0);
            fuel.abs_diff(before) * 100 > before * TOLERANCE
        })
        .map(|(name, fuel)| format!("{name}: {fuel}, was {:?}", baseline.get(name)))
        .collect();
    assert!(
        moved.is_empty(),
        "moved by more than {TOLERANCE} %: {moved:#?}\nCOFACTOR_BLESS=1 accepts it"
    );
    assert_eq!(
        measured.len(),
        baseline.len(),
        "operations were added or removed"
    );
}

#[test]
fn the_same_step_takes_the_same_fuel_every_time() {
    assert_eq!(measure(), measure());
}

fn measure() -> BTreeMap<String, u64> {
    let mut costs = BTreeMap::new();
    for method in ["totp", "hotp"] {
        small(method, &mut costs);
        largest(method, &mut costs);
    }
    for (name, question) in questions() {
        let fuel = fuel_of(&question);
        costs.insert(name, fuel);
    }
    costs.insert("largest-routes-authorize".to_owned(), routes());
    let mut insert = |name: &str, document: &str| {
        let (compiled, fuel) = plugin().compile_policy_metered(document).unwrap();
        assert!(compiled.is_ok());
        costs.insert(format!("compile-policy-{name}"), fuel);
    };
    insert("empty", "");
    insert("largest", &largest::policy());
    insert("networks", &largest::networks(1));
    costs
}

/// Everything that can be asked with each method, for a user with little and for the fullest account.
fn questions() -> impl Iterator<Item = (String, Question)> {
    OPERATIONS.iter().flat_map(|operation| {
        let name = format!("{}-{}", operation.method, operation.name);
        [
            (format!("method-{name}"), operation.small().unwrap()),
            (
                format!("method-largest-{name}"),
                operation.largest().unwrap(),
            ),
        ]
    })
}

fn fuel_of(question: &Question) -> u64 {
    let policy = plugin()
        .compile_policy(&question.document)
        .unwrap()
        .unwrap();
    question.put(plugin(), &policy).unwrap().1
}

/// What most sign-ins cost: one credential, the default policy.
fn small(method: &str, costs: &mut BTreeMap<String, u64>) {
    let mut it = Scenario::new("").unwrap();
    let counter = if method == "hotp" { "&counter=0" } else { "" };
    it.import(&format!(
        "otpauth://{method}/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example{counter}"
    ))
    .unwrap();
    let code = match method {
        // RFC 4226 appendix D, counter 0.
        "hotp" => "755224".to_owned(),
        _ => it.code(0).unwrap(),
    };
    let mut insert = |name: &str, fuel| costs.insert(format!("{method}-{name}"), fuel);
    insert("accept", fuel(&mut it, begin(Some(&code))));
    insert("refuse", fuel(&mut it, begin(Some("000000"))));
    insert("begin", fuel(&mut it, begin(None)));
    let id = it.challenge().unwrap();
    insert("answer-accept", fuel(&mut it, answer(&id, &code)));
    insert("answer-refuse", fuel(&mut it, answer(&id, "000000")));
    let two = Action::Answer(Answer {
        challenge: id,
        proof: Proof::TwoCodes(("000000".to_owned(), "111111".to_owned())),
        remember: false,
    });
    insert("resynchronise", fuel(&mut it, two));
    insert("view", view(&it));
    let Outcome::Allow(allowance) = it.early(&code).unwrap() else {
        panic!("{method}: not allowed")
    };
    let request = Request {
        application: "example".to_owned(),
        host: "app.example.com".to_owned(),
        path: "/".to_owned(),
        method: "GET".to_owned(),
        address: Some("192.0.2.1".to_owned()),
        generation: allowance.claims.generation,
        ended: false,
    };
    insert("authorize", authorize(&it, &allowance.claims, &request));
}

/// A request that has to be decoded, and is nearly on each of as many routes as a policy has room for.
fn routes() -> u64 {
    let near = "a".repeat(200);
    let mut document = String::new();
    for at in 0..64 {
        document.push_str(&format!(
            "[[route]]\nname = '{at}'\npaths = ['/{near}{at:02}']\nlevel = 3\n"
        ));
    }
    let it = Scenario::new(&document).unwrap();
    let claims = Claims {
        application: "example".to_owned(),
        generation: 1,
        level: 2,
        method: "totp".to_owned(),
        proved: vec!["totp".to_owned()],
        amr: Vec::new(),
        reason: "successfully-completed".to_owned(),
        started: it.context().now,
        verified: it.context().now,
        active: it.context().now,
        transaction: None,
    };
    let request = Request {
        application: "example".to_owned(),
        host: "app.example.com".to_owned(),
        path: format!("/{near}zz/{}", "%2561".repeat(368)),
        method: "GET".to_owned(),
        address: Some("192.0.2.1".to_owned()),
        generation: 1,
        ended: false,
    };
    authorize(&it, &claims, &request)
}

/// What the bounds in host/runtime/src/plugin/fuel.rs have to leave room for.
fn largest(method: &'static str, costs: &mut BTreeMap<String, u64>) {
    let mut it = Largest::of(method);
    let mut insert = |name: &str, fuel| costs.insert(format!("largest-{method}-{name}"), fuel);
    insert("view", view(&it.scenario));
    insert(
        "authorize",
        authorize(&it.scenario, &it.session(), &it.request()),
    );
    for room in [false, true] {
        let steps = if room {
            it.steps_with_room()
        } else {
            it.steps()
        };
        for (name, action, _) in steps {
            // From the same state each, so that no operation's cost depends on those before it in the list.
            insert(&name, fuel(&mut it.scenario.clone(), action));
        }
    }
}

/// A method is bounded by what its largest case takes, whatever other methods may.
#[test]
fn every_method_has_a_quarter_to_spare() {
    for (name, question) in questions() {
        let fuel = fuel_of(&question);
        let bound = Fuel::default().of(&question.event.action);
        assert!(
            fuel * 5 / 4 <= bound,
            "{name}: {bound} leaves no room for {fuel}"
        );
    }
}

#[test]
fn the_bounds_leave_room_for_the_largest_and_not_for_much_more() {
    let bounds = Fuel::default();
    let mut all = measure();
    // Those have a test of their own, by the kind of their action.
    all.retain(|name, _| !name.starts_with("method-"));
    let most = |of: &dyn Fn(&str) -> bool| {
        let all = all.iter().filter(|(name, _)| of(name));
        all.map(|(_, fuel)| *fuel).max().unwrap()
    };
    let is_search = |name: &str| name.contains("resynchronise");
    let is_change = |name: &str| {
        ["choose-method", "enrol-begin", "manage-", "administer-"]
            .iter()
            .any(|kind| name.contains(kind))
    };
    let is_own = |name: &str| {
        ["view", "authorize"]
            .iter()
            .any(|kind| name.ends_with(kind))
    };
    let compiles = |name: &str| name.starts_with("compile-policy");
    for (name, bound, most) in [
        ("resynchronise", bounds.resynchronise, most(&is_search)),
        (
            "verify",
            bounds.verify,
            most(&|name| !is_search(name) && !is_own(name) && !compiles(name) && !is_change(name)),
        ),
        ("change", bounds.change, most(&is_change)),
        ("compile-policy", bounds.compile_policy, most(&compiles)),
        (
            "authorize",
            bounds.authorize,
            most(&|name| name.ends_with("authorize")),
        ),
        ("view", bounds.view, most(&|name| name.ends_with("view"))),
    ] {
        assert!(
            most * 5 / 4 <= bound,
            "{name}: {bound} leaves no room for {most}"
        );
        assert!(
            most * 200 >= bound,
            "{name}: {bound} is far from what is needed, {most}"
        );
    }
}

fn fuel(scenario: &mut Scenario, action: Action) -> u64 {
    let event = scenario.event(action);
    let stepped = plugin().step_metered(
        &scenario.policy,
        &scenario.context(),
        scenario.record.as_deref(),
        &event,
    );
    stepped.unwrap().1
}

fn view(scenario: &Scenario) -> u64 {
    plugin()
        .view_metered(scenario.record.as_ref().unwrap())
        .unwrap()
        .1
}

fn authorize(scenario: &Scenario, session: &Claims, request: &Request) -> u64 {
    let context = Context {
        entropy: Vec::new(),
        ..scenario.context()
    };
    let judged = plugin().authorize_metered(&scenario.policy, &context, session, request);
    let (verdict, fuel) = judged.unwrap();
    assert!(matches!(verdict, Verdict::Pass(_)), "{verdict:?}");
    fuel
}
