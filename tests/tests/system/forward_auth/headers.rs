//! What a client, or whoever else can connect, writes into headers (FA-01 to FA-03).

use cofactor_tests::http::{Answer, answers, exchange, send};
use cofactor_tests::nginx::{Guarded, SECRET};
use cofactor_tests::server::{Server, Setup};

use crate::{ALICE, BOB, Tested, is_application, patient, sign_in, visitor, with_device};

/// What an attacker writes under names that gateways and applications believe.
const SPOOFED: [&str; 25] = [
    "Remote-User",
    "REMOTE-USER",
    "remote-user",
    "Remote_User",
    "REMOTE_USER",
    "Remote-Groups",
    "Remote-Name",
    "Remote-Email",
    "X-Remote-User",
    "X_Remote_User",
    "X-Forwarded-User",
    "x-forwarded-user",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-Cofactor-User",
    "X_Cofactor_User",
    "X-Cofactor-Secret",
    "X-Cofactor-Method",
    "X-Cofactor-Level",
    "X-Cofactor-Verified",
    "X-Cofactor-Fail-Open",
    "X-Original-URL",
    "X-Original-Method",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
];

#[test]
fn fa_01_a_client_cannot_say_who_it_is() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    let mut nobody = visitor(&site, BOB);
    for name in SPOOFED {
        let answer = nobody.request("GET", "/", &[(name, "mallory")], "")?;
        assert_ne!(answer.status, 200, "{name}");
        assert!(!answer.location().contains("mallory"), "{name}");
    }
    assert!(site.application.asked().is_empty());

    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    // Names that only Cofactor and nginx may say: an application may believe each of them.
    const BELIEVED: [&str; 6] = [
        "remote",
        "cofactor",
        "secret",
        "user",
        "forwarded-for",
        "proto",
    ];
    for name in SPOOFED {
        for headers in [
            &[(name, "mallory")][..],
            &[(name, "mallory"), (name, "mallory")],
        ] {
            let answer = alice.request("GET", "/", headers, "")?;
            assert!(
                matches!(answer.status, 200 | 400),
                "{name}: {}",
                answer.status
            );
        }
    }
    for asked in site.application.asked() {
        assert_eq!(asked.all("remote-user"), ["alice"]);
        for (name, value) in &asked.headers {
            let plain = name.to_ascii_lowercase().replace('_', "-");
            let is_believed = BELIEVED.iter().any(|part| plain.contains(part));
            assert!(!is_believed || value != "mallory", "{name}: {value}");
        }
    }
    Ok(())
}

#[test]
fn fa_02_headers_are_not_split_joined_or_hidden() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let reached = site.application.asked().len();
    let cookie = alice.cookie("cofactor").unwrap();
    let mut statuses = Vec::new();
    for smuggled in [
        "X-A: b\rRemote-User: mallory",
        "X-A: b\nRemote-User: mallory",
        "X-A: b\r\n Remote-User: mallory",
        "X-A: b\0\r\nRemote-User: mallory",
        "Remote-User\0: mallory",
        "Remote-User : mallory",
        " Remote-User: mallory",
        "Remote-User\t: mallory",
        "Remote-User:\tmallory",
        "Remote\u{2011}User: mallory",
        "Remote-User: mallory, alice",
        "Connection: Remote-User\r\nRemote-User: mallory",
    ] {
        let text = format!(
            "GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Basic YWxpY2U6YWxpY2UncyBwYXNzd29yZA==\r\n\
             Cookie: cofactor={cookie}\r\n{smuggled}\r\nConnection: close\r\n\r\n",
            site.port
        );
        let status = answers(&exchange(site.port, text.as_bytes())?)?
            .iter()
            .map(|answer| answer.status)
            .collect::<Vec<_>>();
        statuses.push((smuggled, status));
    }
    // One answer each. These are well-formed, so they come through and show what the application is told; of the others
    // versions of nginx refuse more or less.
    for (smuggled, status) in &statuses {
        assert!(
            matches!(status[..], [200 | 400]),
            "{smuggled:?}: {status:?}"
        );
    }
    for well_formed in [
        "Remote-User:\tmallory",
        "Remote-User: mallory, alice",
        "Connection: Remote-User\r\nRemote-User: mallory",
    ] {
        assert!(statuses.contains(&(well_formed, vec![200])), "{statuses:?}");
    }
    let through = statuses
        .iter()
        .filter(|(_, status)| *status == [200])
        .count();
    let asked = site.application.asked();
    assert_eq!(asked.len(), reached + through);
    for asked in asked.iter().skip(reached) {
        assert_eq!(asked.all("remote-user"), ["alice"], "{asked:?}");
        let values = format!("{:?}", asked.headers);
        assert!(!values.contains("user: mallory"), "{values}");
        assert!(!values.to_lowercase().contains("remote_user"), "{values}");
    }
    Ok(())
}

/// Whoever is not nginx is not believed, whatever is said and however.
#[test]
fn fa_02_identity_is_taken_from_a_gateway_alone() -> Tested {
    let gateway = |name: &str, peers: &str, secret: &str| {
        format!(
            "[[gateway]]\nname = \"{name}\"\npeers = [\"{peers}\"]\nsecret = \"{secret}\"\n\
             hosts = [\"127.0.0.1:8080\"]\napplication = \"intranet\"\n"
        )
    };
    let server = Server::start(&Setup {
        tables: gateway("near", "127.0.0.1/32", SECRET)
            + &gateway("far", "192.0.2.1/32", "the-secret-of-a-gateway-far-away"),
        ..Setup::default()
    })?;
    let right = [
        ("X-Cofactor-Secret", SECRET),
        ("X-Cofactor-User", "alice"),
        ("X-Original-URL", "http://127.0.0.1:8080/"),
        ("X-Original-Method", "GET"),
        ("Accept", "text/html"),
    ];
    let without = |name: &str| -> Vec<(&str, &str)> {
        right.into_iter().filter(|(key, _)| *key != name).collect()
    };
    let with = |name: &'static str, value: &'static str| {
        let mut headers = without(name);
        headers.push((name, value));
        headers
    };
    let twice = |name: &'static str, value: &'static str| {
        let mut headers = right.to_vec();
        headers.push((name, value));
        headers
    };
    let check = |headers: &[(&str, &str)]| -> anyhow::Result<Answer> {
        send(server.web(), "GET", "/v1/gateway/nginx", headers, "")
    };
    assert_eq!(check(&right)?.status, 401);
    assert!(!check(&right)?.location().is_empty());
    for (what, headers, status) in [
        ("no secret", without("X-Cofactor-Secret"), 403),
        ("an empty secret", with("X-Cofactor-Secret", ""), 403),
        (
            "a wrong secret",
            with("X-Cofactor-Secret", "q3Vb7s0yXwZtR1uK5mPf8dLh2gNc6aJf"),
            403,
        ),
        (
            "a secret of another case",
            with("X-Cofactor-Secret", "Q3VB7S0YXWZTR1UK5MPF8DLH2GNC6AJE"),
            403,
        ),
        (
            "the secret of a gateway that is elsewhere",
            with("X-Cofactor-Secret", "the-secret-of-a-gateway-far-away"),
            403,
        ),
        ("two secrets", twice("X-Cofactor-Secret", "x"), 400),
        ("two users", twice("X-Cofactor-User", "bob"), 400),
        (
            "two addresses",
            twice("X-Original-URL", "http://127.0.0.1:8080/b"),
            400,
        ),
        ("two methods", twice("X-Original-Method", "POST"), 400),
        (
            "another name for the user",
            {
                let mut headers = without("X-Cofactor-User");
                headers.push(("Remote-User", "alice"));
                headers
            },
            401,
        ),
    ] {
        let headers: Vec<(&str, &str)> = headers;
        let answer = match check(&headers) {
            Ok(answer) => answer,
            Err(error) => panic!("{what}: {error:#}"),
        };
        let expected: &[u16] = if status == 400 {
            &[400, 403]
        } else {
            &[status]
        };
        assert!(
            expected.contains(&answer.status),
            "{what}: {}",
            answer.status
        );
        assert_eq!(answer.location(), "", "{what}");
        // Nor do the pages, which ask for no method.
        if what == "two methods" {
            continue;
        }
        let page = send(server.web(), "GET", "/.cofactor/", &headers, "")?;
        assert!(matches!(page.status, 400 | 403), "{what}: {}", page.status);
        assert!(!page.body.contains("<form"), "{what}: {}", page.body);
    }
    Ok(())
}

#[test]
fn fa_03_the_address_is_the_gateways_word() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let mut alice = visitor(&site, ALICE);
    let spoofed = [
        ("X-Original-URL", "https://evil.example/"),
        ("X-Original-URI", "/elsewhere"),
        ("X-Original-Method", "TRACE"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Uri", "/elsewhere"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "host=evil.example"),
    ];
    let answer = alice.request("GET", "/here?x=1", &spoofed, "")?;
    let back = format!("http%3A//127.0.0.1%3A{}/here%3Fx%3D1", site.port);
    let expected = [
        format!("http://127.0.0.1:{}/.cofactor/?rd={back}", site.port),
        format!("http://127.0.0.1:{}/.cofactor/?rd=/here%3Fx%3D1", site.port),
    ];
    assert!(
        expected.contains(&answer.location().to_owned()),
        "{}",
        answer.location()
    );

    // Without nginx' word there is no answer.
    let secret = ("X-Cofactor-Secret", SECRET);
    let user = ("X-Cofactor-User", "alice");
    let url = format!("http://127.0.0.1:{}/", site.port);
    let (url, method) = (
        ("X-Original-URL", url.as_str()),
        ("X-Original-Method", "GET"),
    );
    let elsewhere = ("X-Original-URL", "http://evil.example/");
    let forwarded = ("X-Forwarded-Host", "127.0.0.1");
    for (what, headers) in [
        ("no address", vec![secret, user, method]),
        ("no method", vec![secret, user, url]),
        ("another site", vec![secret, user, elsewhere, method]),
        (
            "other headers",
            vec![secret, user, forwarded, ("X-Forwarded-Uri", "/"), method],
        ),
        (
            "no scheme",
            vec![secret, user, ("X-Original-URL", "/"), method],
        ),
    ] {
        let answer = send(site.server.web(), "GET", "/v1/gateway/nginx", &headers, "")?;
        assert_eq!(answer.status, 400, "{what}");
    }
    // Another host in the request itself is none of the gateway's either.
    let answer = alice.request("GET", "/", &[("Host", "evil.example")], "")?;
    assert!(matches!(answer.status, 400 | 500), "{}", answer.status);
    assert!(!answer.location().contains("evil"), "{}", answer.location());
    Ok(())
}
