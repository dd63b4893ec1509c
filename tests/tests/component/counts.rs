//! Counts that a step asks for, and digests that clash: what the service does with a component's answers.

use std::sync::Arc;

use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::{Event, Outcome};
use cofactor_runtime::plugin::{Options, Plugin, PluginError};
use cofactor_runtime::seal::KeyRing;
use cofactor_runtime::service::{Service, Settled, StepError};
use cofactor_runtime::store::{Name, memory::MemoryStore};
use cofactor_tests::hostile::Hostile;
use cofactor_tests::lowering::lower;
use cofactor_tests::scenario::{START, begin, origin};
use serde_json::{Value, json};

/// Where the three answers lie.
const FIRST: u32 = 8192;
const SECOND: u32 = 16_384;
const THIRD: u32 = 24_576;

/// A component that answers with one of three, as `choice` (WebAssembly text for its address) has it.
fn service(answers: [&Value; 3], choice: &str) -> Service<MemoryStore> {
    let at = [FIRST, SECOND, THIRD];
    let it = Hostile {
        step: choice.to_owned(),
        memory: answers
            .into_iter()
            .zip(at)
            .map(|(answer, at)| {
                let image = lower("step", answer, at).unwrap();
                assert!(image.octets.len() <= 8192);
                (image.at, image.octets)
            })
            .collect(),
        ..Hostile::default()
    };
    let plugin = Plugin::load(&it.component().unwrap(), &Options::default()).unwrap();
    let ring = KeyRing::generate(START).unwrap();
    let clock = Arc::new(FixedClock::at(START));
    Service::new(plugin, MemoryStore::new(), ring, "", clock).unwrap()
}

fn step(service: &Service<MemoryStore>, user: &str, tenant: &str) -> Result<Settled, StepError> {
    let name = Name {
        tenant: tenant.to_owned(),
        issuer: "default".to_owned(),
        user: user.to_owned(),
    };
    let mut id = vec![0; 16];
    getrandom::fill(&mut id).unwrap();
    let event = Event {
        id,
        origin: origin(user),
        action: begin(None),
    };
    pollster::block_on(service.step(&name, event))
}

fn reason(settled: Result<Settled, StepError>) -> String {
    match settled.unwrap().outcome {
        Outcome::Deny(denial) => denial.internal_reason,
        other => panic!("{other:?}"),
    }
}

fn denial(reason: &str, account: Value, counts: Value, claims: Value) -> Value {
    json!({"ok": {
        "account": account,
        "outcome": {"deny": {
            "public-reason": "incorrect-code", "internal-reason": reason,
            "prompt": {"message": "incorrect-code", "arguments": []},
        }},
        "effects": [], "counts": counts, "claims": claims, "audit": [], "generation": 0,
    }})
}

fn asks() -> Value {
    json!({"err": {"unobserved": [{"kind": "country/49", "count": 0, "window": 3_600_000}]}})
}

/// In `step`, the arguments begin with the context: its list of counts is at 40, that of facts at 64.
const NO_COUNTS: &str = "(i32.eqz (i32.load offset=44 (local.get 0)))";
const COUNT: &str = "(i32.load offset=8 (i32.load offset=40 (local.get 0)))";
const CLASH: &str = "(i32.load offset=68 (local.get 0))";

#[test]
fn a_step_gets_the_counts_that_it_asks_for_and_they_are_the_tenants() {
    let counted = json!([{"kind": "country/49", "by": 1}]);
    let service = service(
        [
            &asks(),
            &denial("incorrect-code", json!("keep"), counted, json!([])),
            &denial("throttled", json!("keep"), json!([]), json!([])),
        ],
        &format!(
            "(if (result i32) {NO_COUNTS} (then (i32.const {FIRST}))
               (else (if (result i32) (i32.lt_u {COUNT} (i32.const 3)) (then (i32.const {SECOND})) (else (i32.const {THIRD})))))"
        ),
    );
    // Whoever it is: the count is nobody's own.
    for user in ["alice", "bob", "carol"] {
        assert_eq!(
            reason(step(&service, user, "default")),
            "incorrect-code",
            "{user}"
        );
    }
    assert_eq!(reason(step(&service, "dave", "default")), "throttled");
    // Another tenant has counted nothing.
    assert_eq!(reason(step(&service, "dave", "other")), "incorrect-code");
}

#[test]
fn a_step_that_goes_on_asking_is_a_fault() {
    let any = denial("incorrect-code", json!("keep"), json!([]), json!([]));
    let service = service([&asks(), &any, &any], &format!("(i32.const {FIRST})"));
    let error = step(&service, "alice", "default").unwrap_err();
    assert!(
        matches!(error, StepError::Plugin(PluginError::Component(_))),
        "{error}"
    );
}

#[test]
fn what_is_asked_has_to_be_countable() {
    let any = denial("incorrect-code", json!("keep"), json!([]), json!([]));
    let observation = |kind: &str, window| json!({"kind": kind, "count": 0, "window": window});
    for asked in [
        json!([]),
        json!(vec![observation("country/49", 1); 9]),
        json!([observation("", 1)]),
        json!([observation(&"k".repeat(65), 1)]),
        json!([observation("country/49", 0)]),
    ] {
        let answer = json!({"err": {"unobserved": asked}});
        let service = service([&answer, &any, &any], &format!("(i32.const {FIRST})"));
        let error = step(&service, "alice", "default").unwrap_err();
        assert!(
            matches!(error, StepError::Plugin(PluginError::Malformed(_))),
            "{asked}: {error}"
        );
    }
}

#[test]
fn a_digest_that_another_account_holds_is_told_to_the_step() {
    let take = |account: &str| {
        let claims = json!([{"take": "05".repeat(32)}]);
        denial(
            "incorrect-code",
            json!({"write": account}),
            json!([]),
            claims,
        )
    };
    let refused = denial("rule-denied", json!("keep"), json!([]), json!([]));
    let service = service(
        [&take("00"), &refused, &refused],
        &format!(
            "(if (result i32) {CLASH} (then (i32.const {SECOND})) (else (i32.const {FIRST})))"
        ),
    );
    assert_eq!(reason(step(&service, "alice", "default")), "incorrect-code");
    assert_eq!(reason(step(&service, "bob", "default")), "rule-denied");
    // Whoever holds it may take it again, and another tenant has its own.
    assert_eq!(reason(step(&service, "alice", "default")), "incorrect-code");
    assert_eq!(reason(step(&service, "bob", "other")), "incorrect-code");
}
