#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
use std::sync::OnceLock;

use axum::http::Request as HttpRequest;
use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::plugin::{Options, Plugin};
use cofactor_runtime::seal::KeyRing;
use cofactor_runtime::store::memory::MemoryStore;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use super::*;

const NOW: u64 = 1_800_000_000_000;
/// The secret of RFC 6238, whose code at [`NOW`] is 768147.
const URI: &str = "otpauth://totp/alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// A client whose secret is `secret-of-NAME`.
pub(crate) fn client(name: &str) -> Client {
    Client {
        name: name.to_owned(),
        secret: Sha256::digest(format!("secret-of-{name}")).into(),
        tenant: "default".to_owned(),
        issuer: "default".to_owned(),
        applications: vec!["payroll".to_owned()],
        administer: false,
        internal_reasons: false,
        requests_per_second: 1000,
    }
}

fn app() -> Router {
    let plugin = Plugin::load(cofactor_component::COMPONENT, &Options::default()).unwrap();
    let ring = KeyRing::generate(NOW).unwrap();
    let clock = Arc::new(FixedClock::at(NOW));
    let service = Service::new(plugin, MemoryStore::new(), ring, "", clock).unwrap();
    let clients = vec![
        client("payroll"),
        Client {
            applications: vec!["intranet".to_owned()],
            ..client("intranet")
        },
        Client {
            administer: true,
            internal_reasons: true,
            ..client("desk")
        },
        Client {
            requests_per_second: 1,
            ..client("slow")
        },
        Client {
            tenant: "other".to_owned(),
            ..client("foreign")
        },
    ];
    Api::new(
        Arc::new(service),
        Arc::new(Names::default()),
        clients,
        Arc::new(ApiCounters::default()),
    )
    .router()
}

async fn send(app: &Router, client: &str, path: &str, body: impl ToString) -> (u16, Value) {
    let request = HttpRequest::post(path)
        .header(
            "authorization",
            format!("Bearer {client}:secret-of-{client}"),
        )
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(response.headers()["x-request-id"].len(), 32);
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

fn event(action: &Value) -> Value {
    let mut id = [0; 16];
    getrandom::fill(&mut id).unwrap();
    json!({
        "user": "alice",
        "event": {
            "id": hex::encode(id),
            "origin": {"application": "payroll", "binding": "ab".repeat(32), "address": "192.0.2.7"},
            "action": action,
        },
    })
}

fn verify(code: &str) -> Value {
    event(&json!({"begin": {"surface": ["prompt"], "required-level": 2, "early-answer": code}}))
}

fn import() -> Value {
    event(
        &json!({"administer": {"actor": "desk", "why": "test", "change": {"import-otpauth": URI}}}),
    )
}

#[tokio::test]
async fn a_code_is_verified_once_and_its_session_authorizes() {
    let app = app();
    let (status, answer) = send(&app, "desk", "/v1/step", import()).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = send(&app, "payroll", "/v1/step", verify("768147")).await;
    assert_eq!(status, 200);
    assert_eq!(answer["outcome"]["allow"]["claims"]["level"], 2, "{answer}");
    let session = answer["session"].as_str().unwrap().to_owned();

    let (_, again) = send(&app, "payroll", "/v1/step", verify("768147")).await;
    assert_eq!(
        again["outcome"]["deny"]["public-reason"], "incorrect-code",
        "{again}"
    );
    assert!(
        again["outcome"]["deny"].get("internal-reason").is_none(),
        "{again}"
    );
    let (_, again) = send(&app, "desk", "/v1/step", verify("768147")).await;
    assert_eq!(
        again["outcome"]["deny"]["internal-reason"], "code-already-used",
        "{again}"
    );

    let ask = |user: &str, session: &str| {
        json!({"user": user, "session": session, "request": {
            "application": "payroll", "host": "payroll.example.com", "path": "/", "method": "GET"}})
    };
    let (status, answer) = send(&app, "payroll", "/v1/authorize", ask("ALICE", &session)).await;
    assert_eq!(
        (status, answer["verdict"].get("pass").is_some()),
        (200, true),
        "{answer}"
    );
    for (client, user, session) in [
        ("payroll", "bob", session.as_str()),
        ("desk", "alice", session.as_str()),
        ("foreign", "alice", session.as_str()),
        ("payroll", "alice", "AAAA"),
        ("payroll", "alice", "not base64!"),
    ] {
        let (status, answer) = send(&app, client, "/v1/authorize", ask(user, session)).await;
        assert_eq!(status, 403, "{client} {user} {session}: {answer}");
    }
}

/// BF-09: an unknown user, a wrong code and a user without a credential of that tenant look alike.
#[tokio::test]
async fn unknown_users_and_wrong_codes_look_alike() {
    let app = app();
    send(&app, "desk", "/v1/step", import()).await;
    let mut unknown = verify("000000");
    unknown["user"] = json!("nobody");
    let challenge =
        event(&json!({"answer": {"challenge": "00".repeat(16), "proof": {"code": "000000"}}}));
    let mut other = challenge.clone();
    other["user"] = json!("nobody");
    let (status, known) = send(&app, "payroll", "/v1/step", challenge).await;
    let (other_status, unknown_answer) = send(&app, "payroll", "/v1/step", other).await;
    assert_eq!((status, &known), (other_status, &unknown_answer));
}

#[tokio::test]
async fn what_a_client_may_not_do_is_refused() {
    let app = app();
    let mut intranet = verify("1");
    intranet["event"]["origin"]["application"] = json!("intranet");
    let mut gateway = verify("1");
    gateway["event"]["origin"]["gateway"] = json!("nginx");
    let mut known = verify("1");
    known["event"]["origin"]["known"] = json!(true);
    let mut short = verify("1");
    short["event"]["origin"]["binding"] = json!("ab");
    let mut address = verify("1");
    address["event"]["origin"]["address"] = json!("here");
    let mut name = verify("1");
    name["user"] = json!("a b\u{7}");
    let mut sealed = event(&json!({"manage": {"change": "sign-out-everywhere"}}));
    sealed["session"] = json!("AAAA");
    let claims = json!({"application": "payroll", "generation": 0, "level": 3, "method": "totp", "amr": [],
        "reason": "", "started": NOW, "verified": NOW, "active": NOW});
    let manage = event(&json!({"manage": {"session": claims, "change": "sign-out-everywhere"}}));
    let enrol = event(&json!({"enrol-begin": {"session": claims, "method": "totp", "label": "x"}}));
    let vouch =
        event(&json!({"vouch": {"challenge": "00".repeat(16), "approver": "bob", "at": NOW}}));
    let factor = event(
        &json!({"factor-answer": {"challenge": "00".repeat(16), "method": "acme.palm", "accepted": true}}),
    );
    // Alice with a Cyrillic `i` may sign in, but sets up nothing.
    let mut mixed = event(&json!({"enrol-begin": {"method": "totp", "label": "x"}}));
    mixed["user"] = json!("al\u{456}ce");
    let mut mixed_end =
        event(&json!({"enrol-finish": {"challenge": "00".repeat(16), "proof": {"code": "1"}}}));
    mixed_end["user"] = json!("al\u{456}ce");
    for (what, client, body, status) in [
        ("a name to be taken for another", "payroll", mixed, 403),
        ("the same at the end", "payroll", mixed_end, 403),
        ("another client's application", "payroll", intranet, 403),
        ("a gateway of its choice", "payroll", gateway, 400),
        (
            "a user that is known because it says so",
            "payroll",
            known,
            400,
        ),
        ("a binding that is too short", "payroll", short, 400),
        ("an address that is none", "payroll", address, 400),
        ("a user name that is none", "payroll", name, 400),
        ("a session that nobody sealed", "payroll", sealed, 403),
        ("raw claims to manage", "payroll", manage, 400),
        ("raw claims to enrol", "payroll", enrol, 400),
        ("a forged approval", "desk", vouch, 403),
        ("a forged factor", "desk", factor, 403),
        ("administration", "payroll", import(), 403),
        (
            "an action of a later version",
            "payroll",
            event(&json!({"other": "fly"})),
            403,
        ),
        (
            "an action that is not there",
            "payroll",
            event(&json!({"fly": {}})),
            400,
        ),
        ("no JSON", "payroll", json!("{"), 400),
        (
            "more than 64 KiB",
            "payroll",
            json!("x".repeat(70_000)),
            413,
        ),
    ] {
        let (found, answer) = send(&app, client, "/v1/step", body).await;
        assert_eq!(found, status, "{what}: {answer}");
        assert_eq!(answer["status"], status, "{what}: {answer}");
        assert!(
            answer["type"]
                .as_str()
                .unwrap()
                .starts_with("urn:cofactor:problem:")
        );
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let app = app();
    let right = "Bearer payroll:secret-of-payroll";
    for (method, path, credential, kind, status) in [
        ("POST", "/v1/step", "", "application/json", 401),
        (
            "POST",
            "/v1/step",
            "Bearer payroll:wrong",
            "application/json",
            401,
        ),
        ("POST", "/v1/authorize", "", "application/json", 401),
        ("GET", "/v1/description", "", "", 401),
        ("GET", "/v1/description", right, "", 200),
        ("GET", "/v1/openapi.json", "", "", 200),
        ("POST", "/v1/step", right, "text/plain", 415),
        (
            "POST",
            "/v1/step",
            right,
            "application/json; charset=utf-8",
            400,
        ),
        ("GET", "/v1/step", right, "", 405),
        ("GET", "/v2/step", right, "", 404),
    ] {
        let request = HttpRequest::builder()
            .method(method)
            .uri(path)
            .header("authorization", credential)
            .header("content-type", kind)
            .body(Body::empty())
            .unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(
            response.status().as_u16(),
            status,
            "{method} {path} {credential} {kind}"
        );
        assert_eq!(
            response.headers().contains_key("www-authenticate"),
            status == 401
        );
    }
}

#[tokio::test]
async fn a_client_that_asks_too_often_waits() {
    let app = app();
    assert_eq!(send(&app, "slow", "/v1/step", verify("1")).await.0, 200);
    assert_eq!(send(&app, "slow", "/v1/step", verify("1")).await.0, 429);
    assert_eq!(
        send(&app, "payroll", "/v1/step", verify("1")).await.0,
        200,
        "only its own"
    );
}

/// A validator for one schema of the served document.
fn validator(name: &str) -> jsonschema::Validator {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| serde_json::from_str(OPENAPI).unwrap());
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{name}"),
        "components": document["components"],
    });
    jsonschema::validator_for(&schema).unwrap()
}

fn assert_valid(schema: &str, value: &Value) {
    let errors: Vec<String> = validator(schema)
        .iter_errors(value)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, [""; 0], "{schema}: {value}");
}

#[test]
fn every_example_of_the_document_fits_its_schema() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut examples = 0;
    for path in ["/v1/step", "/v1/authorize"] {
        let post = &document["paths"][path]["post"];
        for content in [
            &post["requestBody"]["content"],
            &post["responses"]["200"]["content"],
        ] {
            let content = &content["application/json"];
            let schema = content["schema"]["$ref"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap();
            for example in content["examples"].as_object().unwrap().values() {
                assert_valid(schema, &example["value"]);
                examples += 1;
            }
        }
    }
    assert!(examples >= 12, "{examples}");
}

/// What the host takes and gives is what the document says.
#[tokio::test]
async fn real_requests_and_answers_fit_the_document() {
    let app = app();
    let begin = event(&json!({"begin": {"surface": ["redirect"], "required-level": 0}}));
    let enrol = event(&json!({"enrol-begin": {"method": "totp", "label": "Phone"}}));
    let mut newcomer = begin.clone();
    newcomer["user"] = json!("newcomer");
    for (client, request) in [
        ("desk", import()),
        (
            "desk",
            event(
                &json!({"administer": {"actor": "desk", "why": "", "change": {"issue": {"method": "totp", "label": "Phone"}}}}),
            ),
        ),
        ("payroll", begin),
        ("payroll", newcomer),
        ("payroll", enrol),
        ("payroll", verify("768147")),
        ("payroll", verify("768147")),
        ("desk", verify("768147")),
    ] {
        assert_valid("StepRequest", &request);
        let (status, answer) = send(&app, client, "/v1/step", request).await;
        assert_eq!(status, 200, "{answer}");
        assert_valid("StepAnswer", &answer);
    }
    let (_, problem) = send(&app, "payroll", "/v1/step", import()).await;
    assert_valid("Problem", &problem);
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    for example in document["paths"]["/v1/step"]["post"]["requestBody"]["content"]["application/json"]["examples"]
        .as_object()
        .unwrap()
        .values()
    {
        let taken = serde_json::from_value::<StepRequest>(example["value"].clone());
        assert!(taken.is_ok(), "{:?}", taken.err());
    }
}

/// Every case of the contract's variants that a client can meet is named in the document.
#[test]
fn every_case_of_the_contract_is_named() {
    const WIT: &str = include_str!("../../../../wit/types.wit");
    for (kind, name) in [
        ("variant", "action"),
        ("variant", "proof"),
        ("variant", "management-change"),
        ("variant", "administration-change"),
        ("variant", "outcome"),
        ("variant", "verdict"),
        ("flags", "surface"),
    ] {
        let (_, body) = WIT.split_once(&format!("{kind} {name} {{")).unwrap();
        let (body, _) = body.split_once("\n  }").unwrap();
        let cases: Vec<&str> = body
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("///"))
            .map(|line| line.split(['(', ',']).next().unwrap())
            .collect();
        assert!(cases.len() >= 4, "{name}: {cases:?}");
        for case in cases {
            let named =
                OPENAPI.contains(&format!("\"{case}\"")) || OPENAPI.contains(&format!("`{case}`"));
            assert!(named, "{name}.{case}");
        }
    }
}
