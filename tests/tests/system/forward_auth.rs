//! Attacks on the way between client, nginx, host and application (FA-01 to FA-14).

use cofactor_tests::http::{Answer, exchange, send};
use cofactor_tests::nginx::{Guarded, SECRET, Site};
use cofactor_tests::program::project;
use cofactor_tests::server::{Server, Setup};
use cofactor_tests::visitor::{Page, Visitor};

use super::{ALICE, BOB, Tested, answer, is_application, patient, sign_in, visitor, with_device};

/// What an attacker writes under names that gateways and applications believe.
const SPOOFED: [&str; 24] = [
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
        exchange(site.port, text.as_bytes())?;
    }
    let asked = site.application.asked();
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

#[test]
fn fa_04_a_path_that_can_be_read_in_two_ways_reaches_nothing() -> Tested {
    const PATHS: [&str; 16] = [
        "/admin/..%2f",
        "/public/..%2fadmin",
        "/%2e%2e/admin",
        "/public/%2e%2e/admin",
        "/public/../admin",
        "/public//admin",
        "//admin",
        "/admin;x",
        "/public;/../admin",
        "/admin%3bx",
        "/admin%00",
        "/admin%00.css",
        "/admin\\x",
        "/public/..%5cadmin",
        "/public/%252e%252e/admin",
        "/.cofactor/..%2fadmin",
    ];
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let reached = site.application.asked().len();
    let mut nobody = visitor(&site, BOB);
    for path in PATHS {
        for who in [&mut alice, &mut nobody] {
            let answer = who.get(path)?;
            assert!(
                matches!(answer.status, 400 | 404 | 500),
                "{path}: {}",
                answer.status
            );
        }
    }
    assert_eq!(site.application.asked().len(), reached);

    // Where the operator accepts such paths, they need a session like all others.
    let Some(site) = Guarded::start(&Site {
        gateway: "ambiguous-paths = \"accept\"".into(),
        ..patient()
    })?
    else {
        return Ok(());
    };
    let mut nobody = visitor(&site, BOB);
    for path in PATHS {
        let answer = nobody.get(path)?;
        // A backslash is no part of any address (RFC 3986).
        let refused = path.contains('\\') && answer.status == 500;
        assert!(
            refused || matches!(answer.status, 303 | 400 | 404),
            "{path}: {}",
            answer.status
        );
    }
    assert!(site.application.asked().is_empty());
    Ok(())
}

#[test]
fn fa_05_a_method_is_what_it_is() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let reached = site.application.asked().len();
    for method in ["get", "Get", "GETz", "BREW", "G\u{200b}ET", "POST\t"] {
        let answer = alice.request(method, "/", &[], "")?;
        assert!(
            matches!(answer.status, 400 | 405 | 500),
            "{method}: {}",
            answer.status
        );
    }
    assert_eq!(site.application.asked().len(), reached);

    // What a client would like the method to be changes nothing: the host judges the real one, the application gets it.
    for name in [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
    ] {
        let answer = alice.request("POST", "/x?_method=DELETE", &[(name, "DELETE")], "a=b")?;
        assert_eq!(answer.status, 200, "{name}");
    }
    for asked in site.application.asked().iter().skip(reached) {
        assert_eq!(asked.method, "POST");
    }
    // And without a session no method is let through.
    let mut nobody = visitor(&site, BOB);
    let reached = site.application.asked().len();
    for method in [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND",
    ] {
        let answer = nobody.request(method, "/", &[("X-HTTP-Method-Override", "GET")], "")?;
        assert_eq!(answer.status, 303, "{method}");
    }
    assert_eq!(site.application.asked().len(), reached);
    Ok(())
}

/// Return addresses that lead away from the site, one for each trick.
const AWAY: [&str; 40] = [
    "http://evil.example/",
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\n/evil.example",
    "/%09/evil.example",
    "/%0d%0aLocation:%20http://evil.example",
    "/\r\nLocation: http://evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "http:evil.example",
    "http:/evil.example",
    "http:///evil.example",
    "https:evil.example",
    "http://127.0.0.1:@PORT@@evil.example/",
    "http://alice:x@127.0.0.1:@PORT@/",
    "http://127.0.0.1:@PORT@.evil.example/",
    "http://127.0.0.1.evil.example:@PORT@/",
    "http://evil.example/127.0.0.1:@PORT@",
    "http://evil.example#127.0.0.1:@PORT@/",
    "http://evil.example?127.0.0.1:@PORT@/",
    "http://evil.example\\@127.0.0.1:@PORT@/",
    "http://127.0.0.1:1/",
    "http://127.1:@PORT@/",
    "http://2130706433:@PORT@/",
    "http://0x7f.0.0.1:@PORT@/",
    "http://127.0.0.1:@PORT@\u{ff0f}evil.example",
    "http://localhost:@PORT@/",
    "ftp://127.0.0.1:@PORT@/",
    "ws://127.0.0.1:@PORT@/",
    "/..//evil.example",
];

#[test]
fn fa_06_no_address_leads_away_from_the_site() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let own = format!("http://127.0.0.1:{}/", site.port);
    for good in ["/a?b=c", "/", &format!("{own}deep/er?x=y")] {
        let location = returned(&mut alice, good)?;
        assert!(
            location.ends_with(good) && location.starts_with(&own),
            "{good}: {location}"
        );
    }
    let mut lines: Vec<String> = AWAY
        .iter()
        .map(|line| line.replace("@PORT@", &site.port.to_string()))
        .collect();
    // Another project's list, where the working copy has it beside it.
    let list = project("../shared/vectors/misc/openredirects_oauth2-proxy.txt");
    lines.extend(
        std::fs::read_to_string(list)
            .unwrap_or_default()
            .lines()
            .map(str::to_owned),
    );
    for line in &lines {
        let location = returned(&mut alice, line)?;
        let rest = location.strip_prefix(&own);
        let stays = rest.is_some_and(|rest| !rest.starts_with(['/', '\\']));
        assert!(stays, "{line:?} leads to {location:?}");
    }
    Ok(())
}

#[test]
fn fa_07_schemes_and_line_breaks_in_an_address_go_nowhere() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    // The address goes through the form as well as through the query: it is checked before it gets there.
    let page = alice.visit("/.cofactor/?rd=javascript%3Aalert(1)%0d%0aX-Injected%3A%201")?;
    let page = answer(&mut alice, &page, &phone.fresh()?)?;
    assert!(is_application(&page), "{}", page.text());
    assert_eq!(page.address, alice.absolute("/"));
    assert!(page.answer.header("x-injected").is_none());
    // Twice given is not given.
    let twice = alice.get("/.cofactor/?rd=/a&rd=http://evil.example/")?;
    assert_eq!(twice.location(), alice.absolute("/"));
    Ok(())
}

/// Where somebody with a session is sent who asks for `to`.
fn returned(who: &mut Visitor, to: &str) -> anyhow::Result<String> {
    let mut encoded = String::new();
    for octet in to.bytes() {
        encoded.push_str(&format!("%{octet:02x}"));
    }
    let answer = who.get(&format!("/.cofactor/?rd={encoded}"))?;
    anyhow::ensure!(answer.status == 303, "{to:?}: {}", answer.status);
    Ok(answer.location().to_owned())
}

#[test]
fn fa_08_programs_get_401_and_no_page() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let mut alice = visitor(&site, ALICE);
    for headers in [
        &[("Accept", "application/json")][..],
        &[("Accept", "*/*")],
        &[("Accept", "")],
        &[
            ("Accept", "text/html"),
            ("X-Requested-With", "XMLHttpRequest"),
        ],
        &[("Accept", "text/html"), ("Sec-Fetch-Mode", "cors")],
        &[("Accept", "text/html"), ("Sec-Fetch-Mode", "no-cors")],
        &[("Accept", "text/html"), ("Sec-Fetch-Mode", "websocket")],
        &[("Accept", "text/event-stream")],
    ] {
        let answer = alice.request("GET", "/api/items", headers, "")?;
        assert_eq!(answer.status, 401, "{headers:?}");
        assert_eq!(answer.location(), "", "{headers:?}");
    }
    let answer = alice.request("GET", "/", &[("Sec-Fetch-Mode", "navigate")], "")?;
    assert_eq!(answer.status, 303);
    assert!(site.application.asked().is_empty());
    Ok(())
}

#[test]
fn fa_09_a_body_goes_to_nobody_but_the_application() -> Tested {
    // The application stands in the host's place as well, to see what a check carries.
    let site = Site {
        edits: vec![(
            "http://cofactor/v1/gateway/nginx".into(),
            "http://127.0.0.1:@application@/check".into(),
        )],
        ..patient()
    };
    let Some(site) = Guarded::start(&site)? else {
        return Ok(());
    };
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let mut alice = visitor(&site, ALICE);
    alice.request("POST", "/transfer", &[form], "amount=canary-in-the-body")?;
    let asked = site.application.asked();
    let check = asked.iter().find(|it| it.target == "/check").unwrap();
    assert_eq!(check.body, "");
    assert!(
        check.all("authorization").is_empty(),
        "nor does the password"
    );
    assert!(asked.iter().any(|it| it.body.contains("canary")));

    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let mut alice = visitor(&site, ALICE);
    let answer = alice.request("POST", "/transfer", &[form], "amount=canary-in-the-body")?;
    // 303: the browser goes to the page by GET and leaves the body behind; 307 and 308 would have it sent again.
    assert_eq!(answer.status, 303);
    assert!(!answer.location().contains("canary"));
    assert!(site.application.asked().is_empty());
    assert!(!site.server.log()?.contains("canary"));
    Ok(())
}

#[test]
fn fa_10_a_form_from_elsewhere_changes_nothing() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    site.server
        .enrol("alice", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")?;
    sign_in(&mut alice, &mut phone, "/")?;
    let page = alice.visit("/.cofactor/devices")?;
    let own = format!("http://127.0.0.1:{}", site.port);
    let forms = [
        "/.cofactor/devices/remove",
        "/.cofactor/devices/rename",
        "/.cofactor/sign-out/everywhere",
    ];
    let form = |action: &str| -> anyhow::Result<String> {
        let mut fields = page.hidden(action)?;
        fields.push(("label".into(), "taken over".into()));
        Ok(cofactor_tests::visitor::form(&fields))
    };
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    for action in forms {
        let (good, other) = (
            form(action)?,
            form(forms[(forms.iter().position(|it| it == &action).unwrap() + 1) % 3])?,
        );
        for (what, headers, body) in [
            (
                "another origin",
                vec![kind, ("Origin", "http://evil.example")],
                good.as_str(),
            ),
            ("no origin at all", vec![kind, ("Origin", "null")], &good),
            (
                "another site, says the browser",
                vec![kind, ("Origin", &own), ("Sec-Fetch-Site", "cross-site")],
                &good,
            ),
            (
                "a sibling site",
                vec![kind, ("Origin", &own), ("Sec-Fetch-Site", "same-site")],
                &good,
            ),
            ("no token", vec![kind, ("Origin", &own)], "label=x"),
            (
                "an invented token",
                vec![kind, ("Origin", &own)],
                "token=AAAA&label=x",
            ),
            (
                "the token of another form",
                vec![kind, ("Origin", &own)],
                &other,
            ),
            (
                "a kind of body that any site can send",
                vec![("Content-Type", "text/plain"), ("Origin", &own)],
                &good,
            ),
        ] {
            let answer = alice.request("POST", action, &headers, body)?;
            assert_eq!(answer.status, 403, "{action}: {what}");
        }
        // Nor with the cookies of another browser, nor of another user.
        let mut elsewhere = alice.elsewhere();
        elsewhere.get("/.cofactor/")?;
        let answer = elsewhere.request("POST", action, &[kind], &good)?;
        assert_eq!(answer.status, 403, "{action}: another browser");
        let mut bob = alice.as_user(BOB.0, BOB.1);
        let answer = bob.request("POST", action, &[kind], &good)?;
        assert_eq!(answer.status, 403, "{action}: another user");
        // And a link does nothing.
        let answer = alice.get(action)?;
        assert!(
            matches!(answer.status, 404 | 405),
            "{action}: {}",
            answer.status
        );
    }
    let page = alice.visit("/.cofactor/devices")?;
    assert!(!page.text().contains("taken over"));
    assert!(
        page.text().matches("/.cofactor/devices/remove").count() == 2,
        "both are there"
    );
    Ok(())
}

#[test]
fn fa_11_no_page_is_framed() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let mut bob = visitor(&site, BOB);
    let enrol = bob.visit("/")?;
    let confirm = bob.submit(&enrol, "/.cofactor/enrol", &[("label", "x")])?;
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    let challenge = alice.visit("/")?;
    let wrong = answer(&mut alice, &challenge, "000000")?;
    answer(&mut alice, &wrong, &phone.fresh()?)?;
    let mut pages = vec![enrol, confirm, challenge, wrong];
    for address in [
        "devices",
        "devices/add",
        "sign-out",
        "nothing",
        "finish",
        "begin",
    ] {
        pages.push(alice.visit(&format!("/.cofactor/{address}"))?);
    }
    for Page { address, answer } in pages {
        let policy = answer.header("content-security-policy").unwrap_or_default();
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(part), "{address}: {policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains("script-src"),
            "{policy}"
        );
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{address}: {name}");
        }
    }
    Ok(())
}

#[test]
fn fa_12_a_decision_is_cached_for_nobody() -> Tested {
    // An operator who puts a cache where docs/nginx.md says that none belongs, and keys it by the site alone.
    let site = Site {
        edits: vec![
            (
                "upstream cofactor {".into(),
                "proxy_cache_path cache keys_zone=checks:1m;\nupstream cofactor {".into(),
            ),
            (
                "proxy_pass_request_body off;".into(),
                "proxy_pass_request_body off; proxy_cache checks; proxy_cache_key $host; proxy_cache_valid any 1h;"
                    .into(),
            ),
        ],
        ..patient()
    };
    let Some(site) = Guarded::start(&site)? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    for _ in 0..3 {
        assert!(is_application(&alice.visit("/")?));
        let mut bob = visitor(&site, BOB);
        assert_eq!(bob.get("/")?.status, 303);
        assert_eq!(bob.get("/")?.header("cache-control"), Some("no-store"));
    }
    super::sign_out(&mut alice)?;
    assert!(!is_application(&alice.visit("/")?));
    for asked in site.application.asked() {
        assert_eq!(asked.all("remote-user"), ["alice"]);
    }
    Ok(())
}

#[test]
fn fa_13_cookies_stay_on_their_site_and_out_of_scripts() -> Tested {
    let server = Server::start(&Setup {
        policy: super::PATIENT.into(),
        tables: format!(
            "[[gateway]]\nname = \"nginx-1\"\npeers = [\"127.0.0.1/32\"]\nsecret = \"{SECRET}\"\n\
             hosts = [\"app.example.com\", \"http://intranet\"]\napplication = \"intranet\"\n"
        ),
        ..Setup::default()
    })?;
    server.enrol("alice", super::SECRET)?;
    let mut phone = super::phone();
    for (site, prefix, secure) in [
        ("https://app.example.com", "__Host-", true),
        ("http://intranet", "", false),
    ] {
        let url = format!("{site}/.cofactor/");
        let ask = |method: &str, path: &str, more: &[(&str, &str)], body: &str| {
            let mut headers = vec![
                ("X-Cofactor-Secret", SECRET),
                ("X-Cofactor-User", "alice"),
                ("X-Original-URL", url.as_str()),
                ("X-Original-Method", method),
            ];
            headers.extend_from_slice(more);
            send(server.web(), method, path, &headers, body)
        };
        let shown = ask("GET", "/.cofactor/", &[], "")?;
        let browser = shown.header("set-cookie").unwrap().to_owned();
        let page = Page {
            address: url.clone(),
            answer: shown,
        };
        let mut fields = page.hidden("/.cofactor/answer")?;
        fields.push(("code".into(), phone.fresh()?));
        let jar = browser.split(';').next().unwrap();
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let answer = ask(
            "POST",
            "/.cofactor/answer",
            &[kind, ("Cookie", jar)],
            &cofactor_tests::visitor::form(&fields),
        )?;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let session = answer.header("set-cookie").unwrap();
        for (cookie, name) in [
            (browser.as_str(), "cofactor-browser"),
            (session, "cofactor"),
        ] {
            assert!(cookie.starts_with(&format!("{prefix}{name}=")), "{cookie}");
            for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Lax"] {
                assert!(cookie.contains(attribute), "{cookie}");
            }
            assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
            assert!(!cookie.contains("Domain"), "{cookie}");
        }
    }
    Ok(())
}
