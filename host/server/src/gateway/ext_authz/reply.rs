//! An answer as Envoy takes it. What does not let a request through is always a denial, and never an error: Envoy counts
//! an error as a failure of the authorizer, which `failure_mode_allow` turns into a request that goes through.

use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::message::{
    self, Allowed, Append, CheckResponse, Denied, HeaderValueOption, HttpResponse, HttpStatus,
    Status, Struct, Value, ValueKind,
};
use crate::gateway::forward_auth::Answer;
use crate::gateway::identity_headers::is_ours_to_say;

/// What Cofactor tells applications, and what is between it and Envoy.
const OURS: [&str; 7] = [
    "remote-user",
    "x-cofactor-method",
    "x-cofactor-level",
    "x-cofactor-verified",
    "x-cofactor-fail-open",
    "x-cofactor-user",
    "x-cofactor-secret",
];

/// `PERMISSION_DENIED` of gRPC: what matters to Envoy is that it is not 0.
const PERMISSION_DENIED: i32 = 7;

/// The message for an answer to a request that came with `headers`. `request` is the id under which the log has it.
pub(super) fn reply(answer: &Answer, headers: &HeaderMap, request: &str) -> CheckResponse {
    let mut metadata = metadata(answer);
    metadata.insert("request".to_owned(), text(request));
    let (code, response) = match answer {
        Answer::Allowed { .. } | Answer::PassedOpen { .. } => {
            (0, HttpResponse::Ok(allowed(answer, headers)))
        }
        _ => (PERMISSION_DENIED, HttpResponse::Denied(denied(answer))),
    };
    CheckResponse {
        status: Some(Status { code }),
        http_response: Some(response),
        dynamic_metadata: Some(Struct { fields: metadata }),
    }
}

fn allowed(answer: &Answer, headers: &HeaderMap) -> Allowed {
    let told = answer.told();
    // Envoy asks with all headers that there are, so what was not seen need not be removed; what Cofactor itself would say is, in
    // case an operator lets it ask with fewer (`allowed_headers`).
    let seen = headers.keys().map(HeaderName::as_str);
    let seen = seen.filter(|name| is_ours_to_say(name) && !OURS.contains(name));
    let headers_to_remove = OURS
        .into_iter()
        .chain(seen)
        .filter(|name| !told.iter().any(|(own, _)| own == name))
        .map(str::to_owned)
        .collect();
    Allowed {
        headers: told
            .iter()
            .filter_map(|(name, value)| header(name, value, Append::InPlace))
            .collect(),
        headers_to_remove,
        // Beside the cookies that the application sets.
        response_headers_to_add: answer
            .for_browser()
            .iter()
            .filter_map(|(name, value)| header(name, value, Append::Beside))
            .collect(),
    }
}

fn denied(answer: &Answer) -> Denied {
    let no_store = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Denied {
        status: Some(HttpStatus {
            code: answer.status().as_u16().into(),
        }),
        headers: answer
            .for_browser()
            .iter()
            // Of a denial nothing is told but that nothing could be decided.
            .chain(&answer.told())
            .chain([&no_store])
            .filter_map(|(name, value)| header(name, value, Append::InPlace))
            .collect(),
    }
}

fn header(name: &HeaderName, value: &HeaderValue, action: Append) -> Option<HeaderValueOption> {
    Some(HeaderValueOption {
        header: Some(message::HeaderValue {
            key: name.as_str().to_owned(),
            // Names of users and cookies are text by then.
            value: std::str::from_utf8(value.as_bytes()).ok()?.to_owned(),
            raw_value: Vec::new(),
        }),
        action: action.into(),
    })
}

fn metadata(answer: &Answer) -> std::collections::BTreeMap<String, Value> {
    let members = match answer {
        Answer::Allowed { pass, .. } => {
            let known = |value: &HeaderValue| text(value.to_str().unwrap_or_default());
            let level = pass
                .level
                .to_str()
                .ok()
                .and_then(|level| level.parse().ok());
            vec![
                ("user", text(&String::from_utf8_lossy(pass.user.as_bytes()))),
                ("method", known(&pass.method)),
                ("level", value(ValueKind::Number(level.unwrap_or_default()))),
                ("verified", known(&pass.verified)),
            ]
        }
        Answer::PassedOpen { user } => vec![
            ("user", text(&String::from_utf8_lossy(user.as_bytes()))),
            ("fail_open", value(ValueKind::Bool(true))),
        ],
        Answer::Overloaded | Answer::Failed => {
            vec![("fail_closed", value(ValueKind::Bool(true)))]
        }
        _ => Vec::new(),
    };
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn text(text: &str) -> Value {
    value(ValueKind::Text(text.to_owned()))
}

fn value(kind: ValueKind) -> Value {
    Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::sync::Arc;

    use axum::http::StatusCode;
    use cofactor_runtime::store::SessionId;

    use super::*;
    use crate::gateway::session::Pass;

    fn told(of: &[HeaderValueOption]) -> Vec<String> {
        of.iter()
            .map(|option| {
                let header = option.header.clone().unwrap();
                format!("{}: {} ({})", header.key, header.value, option.action)
            })
            .collect()
    }

    #[test]
    fn whatever_does_not_let_through_is_a_denial() {
        let to_portal = Answer::ToPortal {
            location: HeaderValue::from_static("/.cofactor/"),
            cookie: Some(HeaderValue::from_static("a=b")),
            status: StatusCode::SEE_OTHER,
        };
        for (answer, status) in [
            (Answer::SecondFactorMissing { challenge: None }, 401),
            (Answer::FirstFactorMissing { challenge: None }, 401),
            (Answer::Denied, 403),
            (Answer::Malformed, 400),
            (Answer::Overloaded, 503),
            (Answer::Failed, 500),
            (to_portal, 303),
        ] {
            let reply = reply(&answer, &HeaderMap::new(), "1");
            assert_ne!(reply.status.unwrap().code, 0, "{answer:?}");
            let Some(HttpResponse::Denied(denied)) = reply.http_response else {
                panic!("{answer:?}");
            };
            assert_eq!(denied.status.unwrap().code, status);
            let told = told(&denied.headers);
            assert!(told.contains(&"cache-control: no-store (2)".to_owned()));
            // An operator sees that it was not decided, and not a refusal.
            let closed = matches!(answer, Answer::Overloaded | Answer::Failed);
            let header = "x-cofactor-fail-closed: yes (2)".to_owned();
            assert_eq!(told.contains(&header), closed, "{answer:?}");
            let metadata = reply.dynamic_metadata.unwrap().fields;
            assert_eq!(metadata.contains_key("fail_closed"), closed);
            if status == 303 {
                assert!(told.contains(&"location: /.cofactor/ (2)".to_owned()));
                assert!(told.contains(&"set-cookie: a=b (2)".to_owned()));
            }
        }
    }

    #[test]
    fn fa_01_what_a_client_says_of_itself_is_overwritten_or_removed() {
        let pass = Pass {
            until: 0,
            generation: 0,
            session: SessionId([0; 16]),
            user: HeaderValue::from_static("alice"),
            method: HeaderValue::from_static("totp"),
            level: HeaderValue::from_static("2"),
            verified: HeaderValue::from_static("2026-03-01T09:30:00Z"),
        };
        let answer = Answer::Allowed {
            pass: Arc::new(pass),
            cookie: Some(HeaderValue::from_static("c=d")),
        };
        let mut headers = HeaderMap::new();
        for name in [
            "remote-user",
            "remote_user",
            "remote-department",
            "remote-groups",
            "x-cofactor-anything",
            "x-forwarded-user",
            "x-auth-request-user",
            "x-original-url",
            "x-http-method_override",
            "x-forwarded-for",
            "cookie",
            "x-application",
        ] {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static("eve"),
            );
        }
        let reply = reply(&answer, &headers, "1");
        assert_eq!(reply.status.unwrap().code, 0);
        let Some(HttpResponse::Ok(allowed)) = reply.http_response else {
            panic!("not allowed");
        };
        assert_eq!(
            told(&allowed.headers),
            [
                "remote-user: alice (2)",
                "x-cofactor-method: totp (2)",
                "x-cofactor-level: 2 (2)",
                "x-cofactor-verified: 2026-03-01T09:30:00Z (2)",
            ]
        );
        assert_eq!(
            told(&allowed.response_headers_to_add),
            ["set-cookie: c=d (0)"]
        );
        let removed = &allowed.headers_to_remove;
        for name in [
            "remote_user",
            "remote-department",
            "remote-groups",
            "x-cofactor-anything",
            "x-cofactor-secret",
            "x-cofactor-user",
            "x-cofactor-fail-open",
            "x-forwarded-user",
            "x-auth-request-user",
            "x-original-url",
            "x-http-method_override",
        ] {
            assert!(removed.contains(&name.to_owned()), "{name}: {removed:?}");
        }
        for name in [
            "remote-user",
            "x-cofactor-level",
            "x-forwarded-for",
            "cookie",
        ] {
            assert!(!removed.contains(&name.to_owned()), "{name}: {removed:?}");
        }
        let metadata = reply.dynamic_metadata.unwrap().fields;
        assert_eq!(metadata.get("level"), Some(&value(ValueKind::Number(2.0))));
        assert_eq!(metadata.get("method"), Some(&text("totp")));
    }
}
