//! Answers that break the contract, each one field away from one that is believed (PL-04).

use std::sync::Arc;

use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::{AdministrationChange, Event, Outcome};
use cofactor_runtime::plugin::{Options, Plugin, PluginError, Policy};
use cofactor_runtime::seal::KeyRing;
use cofactor_runtime::service::Service;
use cofactor_runtime::store::{
    AccountId, Commit, Committed, Load, Name, Query, SessionEnd, SessionId, Standing, Store,
    StoreError, memory::MemoryStore,
};
use cofactor_tests::hostile::{Hostile, component};
use cofactor_tests::scenario::{Scenario, begin, plugin};
use serde_json::{Value, json};

/// An honest answer, and the same with what stands at that pointer replaced.
fn with(honest: &Value, pointer: &str, value: &Value) -> Value {
    let mut bent = honest.clone();
    let place = bent
        .pointer_mut(&format!("/ok{pointer}"))
        .unwrap_or_else(|| panic!("{pointer} is not in {honest}"));
    *place = value.clone();
    bent
}

fn load(it: &Hostile) -> Plugin {
    let options = Options {
        instances: 2,
        ..Options::default()
    };
    Plugin::load(&it.component().unwrap(), &options).unwrap()
}

/// What cannot be read at all, whatever the field's type allows: with the engine's words.
fn unreadable() -> [(Value, &'static str); 6] {
    [
        (json!({"$octets": "ff"}), "invalid utf-8"),
        // An overlong slash, and half of a pair of surrogates.
        (json!({"$octets": "c0af"}), "invalid utf-8"),
        (json!({"$octets": "eda080"}), "invalid utf-8"),
        (json!({"$raw": [8192, 180_000]}), "fuel"),
        (json!({"$raw": [190_000, 100_000]}), "out of bounds"),
        (json!({"$raw": [0xFFFF_FFFF_u32, 2]}), "out of bounds"),
    ]
}

fn refused<T: std::fmt::Debug>(answer: Result<T, PluginError>, what: &str, words: &str) {
    let error = answer.expect_err(what);
    assert!(
        matches!(error, PluginError::Malformed(_) | PluginError::Fault(_)),
        "{what}: {error}"
    );
    assert!(
        error.to_string().to_lowercase().contains(words),
        "{what}: {error}, expected {words}"
    );
}

/// A sign-in that the component accepts, and its transition.
struct Accepted {
    scenario: Scenario,
    event: Event,
    honest: Value,
}

impl Accepted {
    fn new() -> Self {
        let mut scenario = Scenario::enrolled("").unwrap();
        let event = scenario.event(begin(Some(&scenario.code(0).unwrap())));
        let transition = plugin()
            .step(
                &scenario.policy,
                &scenario.context(),
                scenario.record.as_deref(),
                &event,
            )
            .unwrap();
        assert!(matches!(transition.outcome, Outcome::Allow(_)));
        Self {
            scenario,
            event,
            honest: json!({ "ok": transition }),
        }
    }

    /// The same event, judged by a component that answers so.
    fn answered(
        &self,
        answer: &Value,
    ) -> Result<cofactor_runtime::contract::Transition, PluginError> {
        let plugin = load(&Hostile::answering("step", answer).unwrap());
        let policy = plugin.compile_policy("").unwrap().unwrap();
        let record = self.scenario.record.as_deref();
        plugin.step(&policy, &self.scenario.context(), record, &self.event)
    }
}

#[test]
fn pl_04_an_answer_that_says_more_than_it_may_is_not_believed() {
    let it = Accepted::new();
    // Laid out by the tests, and believed: whatever is refused below is refused for what differs.
    let believed = it.answered(&it.honest).unwrap();
    assert!(matches!(believed.outcome, Outcome::Allow(_)));

    let claims = "/outcome/allow/claims";
    let effect =
        |id: &str, what: Value| json!([{"id": id, "expires": 1, "language": "en", "what": what}]);
    let notice = json!({"notify": {"message": "factors-changed", "arguments": []}});
    let cases = [
        (
            "/account",
            json!({"write": ""}),
            "transition.account is empty",
        ),
        (
            "/account",
            json!({"write": "00".repeat((24 << 10) + 1)}),
            "over 24 kib",
        ),
        ("/account", json!("remove"), "only by an administrator"),
        ("/account", json!({"$case": 9}), "discriminant"),
        ("/outcome", json!({"$case": 99}), "discriminant"),
        (
            "/outcome",
            json!({"other": "let-in"}),
            "an outcome that this host does not know",
        ),
        ("/generation", json!(99), "another session generation"),
        ("/audit", json!([]), "leaves no trace"),
        (
            "/counts",
            json!(vec![json!({"kind": "source", "by": 1}); 9]),
            "over 8 entries",
        ),
        (
            "/claims",
            json!([{"other": "everything"}]),
            "a claim that this host does not know",
        ),
        ("/claims", json!([{"take": "00"}]), "not 32 bytes"),
        ("/effects", effect("x", notice.clone()), "effect.id"),
        (
            "/effects",
            effect(&"A".repeat(32), notice.clone()),
            "effect.id",
        ),
        (
            "/effects",
            effect(&"a".repeat(32), json!({"other": "run"})),
            "an effect",
        ),
        (
            "/effects",
            effect(&"a".repeat(32), json!({"$case": 9})),
            "discriminant",
        ),
        (
            "/effects",
            effect(&"a".repeat(32), notice.clone()),
            "did not say it has",
        ),
        ("/account", json!({"decoy": "00"}), "for a known user"),
        ("/account", json!({"other": "forget"}), "a change"),
        ("/audit/0/kind", json!("Sign-in allowed"), "audit-fact.kind"),
        ("/audit/0/kind", json!(""), "audit-fact.kind"),
        ("/audit/0/reason", json!("a\nb"), "audit-fact.reason"),
        (
            "/audit/0/method",
            json!("m".repeat(33)),
            "audit-fact.method",
        ),
        (
            "/audit/0/facts",
            json!([["b", ""], ["a", ""]]),
            "audit-fact.facts",
        ),
        (
            "/audit/0/facts",
            json!([["a", "v".repeat(257)]]),
            "audit-fact.facts",
        ),
        (
            "/counts",
            json!([{"kind": "k".repeat(65), "by": 1}]),
            "count.kind",
        ),
        (
            "/outcome/allow/claims/reason",
            json!("because {I} say so"),
            "claims.reason",
        ),
        ("/outcome/allow/credential", json!("x"), "credential id"),
        (
            "/outcome/allow/claims/application",
            json!("payroll"),
            "another application",
        ),
        (
            "/outcome/allow/claims/application",
            json!("exampl"),
            "another application",
        ),
        ("/outcome/allow/claims/level", json!(0), "unknown level"),
        ("/outcome/allow/claims/level", json!(4), "unknown level"),
        ("/outcome/allow/claims/level", json!(255), "unknown level"),
        (
            "/outcome/allow/claims/method",
            json!("m".repeat(33)),
            "claims.method",
        ),
        (
            "/outcome/allow/claims/reason",
            json!("r".repeat(65)),
            "claims.reason",
        ),
        (
            "/outcome/allow/claims/amr",
            json!(vec!["otp"; 9]),
            "claims.amr",
        ),
        (
            "/outcome/allow/claims/amr",
            json!(["a".repeat(33)]),
            "claims.amr",
        ),
    ];
    for (pointer, value, words) in cases {
        let answer = it.answered(&with(&it.honest, pointer, &value));
        refused(answer, &format!("{pointer} {value}"), words);
    }
    for (value, words) in unreadable() {
        for field in ["application", "method", "reason"] {
            let pointer = format!("{claims}/{field}");
            let answer = it.answered(&with(&it.honest, &pointer, &value));
            refused(answer, &format!("{pointer} {value}"), words);
        }
    }
    let challenge = json!({
        "id": "0".repeat(32), "method": "totp", "offers": [], "expires": 1,
        "prompt": {"message": "enter-code", "arguments": []}, "payload": "",
    });
    let asked = with(&it.honest, "/outcome", &json!({ "challenge": challenge }));
    assert!(it.answered(&asked).is_ok());
    for (pointer, value, words) in [
        ("/id", json!("0".repeat(31)), "challenge.id"),
        ("/id", json!("../".repeat(11)), "challenge.id"),
        ("/offers", json!({"$raw": [8192, 4096]}), ""),
    ] {
        let pointer = format!("/outcome/challenge{pointer}");
        refused(
            it.answered(&with(&asked, &pointer, &value)),
            &pointer,
            words,
        );
    }
}

/// Pointers that no answer has: the engine itself refuses them.
#[test]
fn pl_04_an_answer_that_is_nowhere_is_refused() {
    let it = Accepted::new();
    for (what, step) in [
        ("out of memory", "(i32.const -8)"),
        ("not aligned", "(i32.const 8193)"),
        ("across the end", "(i32.const 196600)"),
    ] {
        let plugin = Plugin::load(&component(step).unwrap(), &Options::default()).unwrap();
        let policy = plugin.compile_policy("").unwrap().unwrap();
        let answer = plugin.step(&policy, &it.scenario.context(), None, &it.event);
        refused(answer, what, "pointer");
    }
    // All zero: keep, and an allowance with empty claims.
    let plugin =
        Plugin::load(&component("(i32.const 8192)").unwrap(), &Options::default()).unwrap();
    let policy = plugin.compile_policy("").unwrap().unwrap();
    let answer = plugin.step(&policy, &it.scenario.context(), None, &it.event);
    refused(answer, "nothing", "another application");
}

/// What may become of a user whom the host does not know is less than of one whom it does.
#[test]
fn pl_04_an_unknown_user_is_neither_removed_nor_let_in_without_an_account() {
    let mut it = Accepted::new();
    let keep = with(&it.honest, "/account", &json!("keep"));
    assert!(it.answered(&keep).is_ok(), "a repeated request");
    it.event.origin.known = false;
    refused(it.answered(&keep), "keep", "without an account");
    let decoy = with(&it.honest, "/account", &json!({"decoy": "00"}));
    refused(it.answered(&decoy), "decoy", "without an account");
    let Event { id, origin, .. } = it.scenario.event(begin(None));
    it.event = Event {
        id,
        origin,
        action: crate::largest::administer(AdministrationChange::Remove),
    };
    let done = with(
        &it.honest,
        "/outcome",
        &json!({"done": {"reason": "successfully-completed"}}),
    );
    let removed = with(&done, "/account", &json!("remove"));
    assert!(it.answered(&removed).is_ok());
    it.event.origin.known = false;
    refused(it.answered(&removed), "remove", "that there is not");
}

/// A store whose accounts have gone on to a later session generation than the component answers.
struct GoneOn(MemoryStore);

impl Store for GoneOn {
    async fn load(&self, query: &Query<'_>) -> Result<Load, StoreError> {
        let mut loaded = self.0.load(query).await?;
        loaded.generation += u64::from(loaded.known);
        Ok(loaded)
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.0.commit(commit).await
    }

    fn standing(
        &self,
        name: &Name,
        session: Option<&SessionId>,
    ) -> Result<Option<Standing>, StoreError> {
        self.0.standing(name, session)
    }

    fn holders(
        &self,
        tenant: &str,
        digests: &[[u8; 32]],
    ) -> Result<Vec<Option<AccountId>>, StoreError> {
        self.0.holders(tenant, digests)
    }

    async fn end_session(&self, end: SessionEnd) -> Result<(), StoreError> {
        self.0.end_session(end).await
    }

    async fn commit_all(&self, commits: Vec<Commit>) -> Result<Committed, StoreError> {
        self.0.commit_all(commits).await
    }
}

/// Otherwise sessions of before a change of factors would be good again.
#[test]
fn pl_04_the_session_generation_never_falls() {
    let it = Accepted::new();
    let plugin = load(&Hostile::answering("step", &it.honest).unwrap());
    let ring = KeyRing::generate(it.scenario.now).unwrap();
    let clock = Arc::new(FixedClock::at(it.scenario.now));
    let service = Service::new(plugin, GoneOn(MemoryStore::new()), ring, "", clock).unwrap();
    let name = Name {
        tenant: "default".into(),
        issuer: "test".into(),
        user: "alice".into(),
    };
    let step = || pollster::block_on(service.step(&name, it.event.clone()));
    assert!(step().is_ok(), "the account is created");
    let error = step().unwrap_err().to_string();
    assert!(error.contains("generation fell"), "{error}");
}

#[test]
fn pl_04_a_verdict_that_says_more_than_it_may_is_not_believed() {
    let mut it = Scenario::enrolled("").unwrap();
    let code = it.code(0).unwrap();
    let Outcome::Allow(allowance) = it.early(&code).unwrap() else {
        panic!("not allowed")
    };
    let claims = allowance.claims;
    let request = cofactor_runtime::contract::Request {
        application: "example".to_owned(),
        host: "app.example.com".to_owned(),
        path: "/".to_owned(),
        method: "GET".to_owned(),
        address: None,
        generation: claims.generation,
        ended: false,
    };
    let judged = |answer: &Value| {
        let plugin = load(&Hostile::answering("authorize", answer).unwrap());
        let policy = plugin.compile_policy("").unwrap().unwrap();
        plugin.authorize(&policy, &it.context(), &claims, &request)
    };
    let honest = json!({"ok": {"pass": {"until": it.now + 1, "renewed": claims}}});
    assert!(judged(&honest).is_ok());
    let more = "renewed claims that say more";
    for (pointer, value, words) in [
        ("/pass/renewed/application", json!("payroll"), more),
        (
            "/pass/renewed/generation",
            json!(claims.generation + 1),
            more,
        ),
        ("/pass/renewed/level", json!(3), more),
        ("/pass/renewed/started", json!(claims.started + 1), more),
        ("/pass/renewed/verified", json!(claims.verified + 1), more),
        ("/pass/renewed/active", json!(claims.active - 1), more),
        ("/pass/renewed/method", json!("webauthn"), more),
        ("/pass/renewed/amr", json!(["otp", "mfa", "hwk"]), more),
    ] {
        refused(judged(&with(&honest, pointer, &value)), pointer, words);
    }
    for (value, words) in unreadable() {
        let bent = with(&honest, "/pass/renewed/method", &value);
        refused(judged(&bent), &format!("method {value}"), words);
    }
    for (verdict, words) in [
        (
            json!({"other": "pass"}),
            "a verdict that this host does not know",
        ),
        (json!({"$case": 9}), "discriminant"),
    ] {
        refused(judged(&json!({ "ok": verdict })), "a verdict", words);
    }
    let fault = judged(&json!({"err": {"bad-policy": "no"}})).unwrap_err();
    assert!(matches!(fault, PluginError::Component(_)), "{fault}");
}

#[test]
fn pl_04_a_view_or_a_policy_that_cannot_be_read_is_a_fault() {
    let mut it = Scenario::enrolled("").unwrap();
    it.administer(AdministrationChange::Unlock).unwrap();
    let record = it.record.unwrap();
    let honest = json!({ "ok": plugin().view(&record).unwrap() });
    let seen = |answer: &Value| load(&Hostile::answering("view", answer).unwrap()).view(&record);
    assert!(seen(&honest).is_ok());
    for (value, words) in unreadable() {
        for field in ["label", "state", "method"] {
            let bent = with(&honest, &format!("/credentials/0/{field}"), &value);
            refused(seen(&bent), &format!("{field} {value}"), words);
        }
    }
    let many = with(&honest, "/credentials", &json!({"$raw": [8192, 100_000]}));
    refused(seen(&many), "a hundred thousand credentials", "");

    let honest = json!({ "ok": it.policy.compiled() });
    let compiled = |answer: &Value| -> Result<Policy, PluginError> {
        let plugin = load(&Hostile::answering("compile-policy", answer).unwrap());
        plugin.compile_policy("").map(|compiled| compiled.unwrap())
    };
    assert!(compiled(&honest).is_ok());
    let observation = json!({"kind": "source", "count": 0, "window": 1});
    for (pointer, value, words) in [
        ("/bytes", json!("00".repeat((16 << 10) + 1)), "over 16 kib"),
        ("/bytes", json!({"$raw": [8192, 180_000]}), ""),
        (
            "/host/observe",
            json!(vec![observation; 9]),
            "over 8 entries",
        ),
        ("/host/shadows", json!(0), "host-policy.shadows"),
        (
            "/host/methods",
            json!(vec!["totp"; 33]),
            "host-policy.methods",
        ),
        ("/host/shadows", json!(65_537), "host-policy.shadows"),
        (
            "/host/session-lifetime",
            json!(0),
            "session-lifetime is zero",
        ),
        (
            "/host/fail-open",
            json!([{"$octets": "ff"}]),
            "invalid utf-8",
        ),
    ] {
        refused(compiled(&with(&honest, pointer, &value)), pointer, words);
    }
}
