//! The endpoints without a proxy: each serves its own kind, by its own headers, and answers as its contract says.

use anyhow::Context as _;
use cofactor_tests::http::{Answer, send};
use cofactor_tests::program::borrowed;
use cofactor_tests::server::{Server, Setup};
use serde_json::Value;

use crate::Tested;

const KINDS: [&str; 5] = ["nginx", "envoy", "caddy", "traefik", "haproxy"];

fn secret(kind: &str) -> String {
    format!("the-secret-of-{kind}-in-this-test")
}

/// A host with one gateway of each kind.
fn server() -> anyhow::Result<Server> {
    let tables: String = KINDS
        .iter()
        .map(|kind| {
            format!(
                "[[gateway]]\nname = \"{kind}-1\"\nkind = \"{kind}\"\npeers = [\"127.0.0.1/32\"]\n\
                 secret = \"{}\"\nhosts = [\"example.com\", \"127.0.0.1:8080\"]\napplication = \"intranet\"\n",
                secret(kind)
            )
        })
        .collect();
    Server::start(&Setup {
        tables,
        ..Setup::default()
    })
}

/// Asks for `method` `https://example.com/x?y=z` in that kind's way, with `change`d headers: without a value one is left out.
fn ask(
    server: &Server,
    kind: &str,
    as_kind: &str,
    method: &str,
    change: &[(&str, Option<&str>)],
) -> anyhow::Result<Answer> {
    let (secret, own) = (secret(as_kind), method);
    let mut headers = vec![
        ("X-Cofactor-Secret", secret.as_str()),
        ("X-Cofactor-User", "alice"),
        ("Accept", "text/html"),
    ];
    headers.extend(match kind {
        "nginx" => vec![
            ("X-Original-URL", "https://example.com/x?y=z"),
            ("X-Original-Method", method),
        ],
        "envoy" => vec![("Host", "example.com"), ("X-Forwarded-Proto", "https")],
        _ => vec![
            ("X-Forwarded-Method", method),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "example.com"),
            ("X-Forwarded-Uri", "/x?y=z"),
        ],
    });
    for (name, value) in change {
        headers.retain(|(key, _)| key != name);
        headers.extend(value.map(|value| (*name, value)));
    }
    let (method, path) = match kind {
        "envoy" => (own, "/v1/gateway/envoy/x?y=z".to_owned()),
        _ => ("GET", format!("/v1/gateway/{kind}")),
    };
    send(server.web(), method, &path, &headers, "")
}

#[test]
fn fa_09_a_browser_is_sent_to_the_pages_as_each_contract_has_it() -> Tested {
    let server = server()?;
    for kind in KINDS {
        for (method, status) in [
            ("GET", 302),
            ("HEAD", 302),
            ("POST", 303),
            ("OPTIONS", 303),
            ("PATCH", 303),
        ] {
            let answer = ask(&server, kind, kind, method, &[])?;
            let status = if kind == "nginx" { 401 } else { status };
            assert_eq!(answer.status, status, "{kind} {method}");
            // The pages judge the request by the method that it was made with.
            let judged_as = match method {
                "GET" | "HEAD" => String::new(),
                other => format!("rm={other}&"),
            };
            let pages = format!("https://example.com/.cofactor/?{judged_as}rd=/x%3Fy%3Dz");
            assert_eq!(answer.location(), pages, "{kind} {method}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{kind}");
        }
        for (name, value) in [
            ("Accept", Some("application/json")),
            ("Accept", None),
            ("X-Requested-With", Some("XMLHttpRequest")),
            ("X-Cofactor-User", None),
        ] {
            let answer = ask(&server, kind, kind, "GET", &[(name, value)])?;
            assert_eq!(answer.status, 401, "{kind} {name} {value:?}");
            assert_eq!(answer.location(), "", "{kind} {name} {value:?}");
        }
        let answer = ask(
            &server,
            kind,
            kind,
            "GET",
            &[("X-Cofactor-User", Some("al ice"))],
        )?;
        assert_eq!(answer.status, 403, "{kind}");
    }
    Ok(())
}

#[test]
fn fa_03_an_endpoint_serves_its_own_kind_by_its_own_headers() -> Tested {
    let server = server()?;
    for kind in KINDS {
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            // What would be right for it, with another gateway's secret.
            let answer = ask(&server, kind, other, "GET", &[])?;
            assert_eq!(answer.status, 403, "{kind} asked by {other}");
            assert_eq!(answer.location(), "");
        }
        let required: &[&str] = match kind {
            "nginx" => &["X-Original-URL", "X-Original-Method"],
            "envoy" => &["X-Forwarded-Proto"],
            _ => &[
                "X-Forwarded-Method",
                "X-Forwarded-Proto",
                "X-Forwarded-Host",
                "X-Forwarded-Uri",
            ],
        };
        for name in required {
            for value in [None, Some(""), Some("\u{1}"), Some("GETz")] {
                let answer = ask(&server, kind, kind, "GET", &[(name, value)])?;
                assert_eq!(answer.status, 400, "{kind} {name} {value:?}");
                assert_eq!(answer.location(), "", "{kind} {name} {value:?}");
            }
        }
        // The others' headers say nothing, whatever is in them.
        let others: Vec<(&str, Option<&str>)> = [
            ("X-Original-URL", "https://evil.example/"),
            ("X-Original-Method", "TRACE"),
            ("X-Forwarded-Method", "TRACE"),
            ("X-Forwarded-Proto", "gopher"),
            ("X-Forwarded-Host", "evil.example"),
            ("X-Forwarded-Uri", "/elsewhere"),
        ]
        .into_iter()
        .filter(|(name, _)| !required.contains(name))
        .map(|(name, value)| (name, Some(value)))
        .collect();
        let plain = ask(&server, kind, kind, "GET", &[])?;
        let answer = ask(&server, kind, kind, "GET", &others)?;
        assert_eq!(
            (answer.status, answer.location()),
            (plain.status, plain.location()),
            "{kind}"
        );
    }
    Ok(())
}

#[test]
fn fa_04_addresses_are_taken_whole_or_refused() -> Tested {
    let server = server()?;
    for kind in ["caddy", "traefik", "haproxy"] {
        let forwarded = |name: &str, value: &str| {
            ask(&server, kind, kind, "GET", &[(name, Some(value))]).map(|answer| answer.status)
        };
        for uri in [
            "/a//b",
            "/a/../b",
            "/a%2fb",
            "/a%00",
            "/a;x",
            "/a\\b",
            "/%2e%2e/b",
            "/%252e%252e/b",
        ] {
            assert_eq!(forwarded("X-Forwarded-Uri", uri)?, 400, "{kind} {uri}");
        }
        for host in [
            "evil.example",
            "example.com.evil.example",
            "example.com@evil.example",
            "example.com/x",
            "example.com, example.com",
            "",
        ] {
            assert_eq!(forwarded("X-Forwarded-Host", host)?, 400, "{kind} {host}");
        }
    }
    Ok(())
}

/// Another project's cases of forwarded headers: those that are an error there are one here. Here the path has to be there,
/// and to read in one way, and the site has to be the gateway's.
#[test]
fn forwarded_addresses_are_read_as_the_published_cases_have_it() -> Tested {
    let Some(list) = borrowed("misc/forwarded_uri_cases_authelia.json") else {
        return Ok(());
    };
    let server = server()?;
    let list: Value = serde_json::from_str(&list)?;
    let cases = list["cases"].as_array().context("cases")?;
    assert!(cases.len() > 15);
    for case in cases {
        let name = case["name"].as_str().context("a name")?;
        let text = |key: &str| case[key].as_str();
        let answer = ask(
            &server,
            "caddy",
            "caddy",
            "GET",
            &[
                ("X-Forwarded-Proto", text("protocol")),
                ("X-Forwarded-Host", text("host")),
                ("X-Forwarded-Uri", text("uri")),
            ],
        )?;
        let path = text("uri").map(|uri| uri.split('?').next().unwrap_or(uri));
        let one_way = path.is_some()
            && path == text("ExpectedClean").map(|it| it.split('?').next().unwrap_or(it));
        let plain = one_way || name == "ShouldPreserveEncodedSpace";
        let ours = text("host") == Some("example.com") && text("protocol") == Some("https");
        let is_read = case["Error"].is_null() && plain && ours;
        assert_eq!(answer.status, if is_read { 302 } else { 400 }, "{name}");
    }
    Ok(())
}
