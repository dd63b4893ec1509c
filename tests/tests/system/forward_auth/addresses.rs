//! What is asked for, how, and where a browser is sent back to (FA-04 to FA-07).

use cofactor_tests::nginx::{Guarded, Site};
use cofactor_tests::program::borrowed;
use cofactor_tests::visitor::Visitor;

use crate::{ALICE, BOB, Tested, answer, is_application, patient, sign_in, visitor, with_device};

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
    let theirs = borrowed("misc/openredirects_oauth2-proxy.txt").unwrap_or_default();
    lines.extend(theirs.lines().map(str::to_owned));
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
