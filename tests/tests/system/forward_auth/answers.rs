//! What nginx and the pages answer, and to whom (FA-08 to FA-13).

use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::http::send;
use cofactor_tests::nginx::{Guarded, SECRET, Site};
use cofactor_tests::server::{Server, Setup};
use cofactor_tests::visitor::{Page, Visitor};

use crate::{ALICE, BOB, Tested, answer, is_application, patient, sign_in, visitor, with_device};

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
        assert_eq!(
            (answer.status, answer.location()),
            (303, "/.cofactor/devices"),
            "{action}"
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

/// The forms of the way in and out, each with everything right but where it comes from.
#[test]
fn fa_10_a_way_in_is_not_gone_by_a_form_from_elsewhere() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let own = format!("http://127.0.0.1:{}", site.port);
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let forged = |who: &mut Visitor, page: &Page, action: &str, typed: &[(&str, &str)]| -> Tested {
        let typed = typed
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut fields = page.hidden(action)?;
        fields.extend(typed.clone());
        let good = cofactor_tests::visitor::form(&fields);
        let bare = cofactor_tests::visitor::form(&typed.collect::<Vec<_>>());
        for (what, headers, body) in [
            (
                "another origin",
                vec![kind, ("Origin", "http://evil.example")],
                &good,
            ),
            ("no origin at all", vec![kind, ("Origin", "null")], &good),
            (
                "another site, says the browser",
                vec![kind, ("Origin", &own), ("Sec-Fetch-Site", "cross-site")],
                &good,
            ),
            ("no token", vec![kind, ("Origin", &own)], &bare),
            (
                "a kind of body that any site can send",
                vec![("Content-Type", "text/plain"), ("Origin", &own)],
                &good,
            ),
        ] {
            let answer = who.request("POST", action, &headers, body)?;
            assert_eq!(answer.status, 403, "{action}: {what}");
        }
        let mut elsewhere = who.elsewhere();
        elsewhere.get("/.cofactor/")?;
        let answer = elsewhere.request("POST", action, &[kind], &good)?;
        assert_eq!(answer.status, 403, "{action}: another browser");
        Ok(())
    };

    // Enrolling: a form of somebody else's would give the user the attacker's token.
    let mut bob = visitor(&site, BOB);
    let page = bob.visit("/")?;
    forged(
        &mut bob,
        &page,
        "/.cofactor/enrol",
        &[("label", "taken over")],
    )?;
    let page = bob.submit(&page, "/.cofactor/enrol", &[("label", "Phone")])?;
    let Some(mut phone) = Authenticator::with(&page.secret()?) else {
        return Ok(());
    };
    let code = phone.fresh()?;
    forged(
        &mut bob,
        &page,
        "/.cofactor/enrol/confirm",
        &[("code", &code)],
    )?;
    let page = bob.submit(&page, "/.cofactor/enrol/confirm", &[("code", &code)])?;
    assert!(
        is_application(&page),
        "the code was not used up: {}",
        page.text()
    );

    // Signing out, and in again: a form of somebody else's would sign the user in as the attacker wants.
    let page = bob.visit("/.cofactor/sign-out")?;
    forged(&mut bob, &page, "/.cofactor/sign-out", &[])?;
    assert!(is_application(&bob.visit("/")?), "still signed in");
    crate::sign_out(&mut bob)?;
    let page = bob.visit("/")?;
    let code = phone.fresh()?;
    forged(&mut bob, &page, "/.cofactor/answer", &[("code", &code)])?;
    assert!(!is_application(&bob.visit("/")?));
    assert!(is_application(&answer(&mut bob, &page, &code)?));
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
    crate::sign_out(&mut alice)?;
    assert!(!is_application(&alice.visit("/")?));
    for asked in site.application.asked() {
        assert_eq!(asked.all("remote-user"), ["alice"]);
    }
    Ok(())
}

#[test]
fn fa_13_cookies_stay_on_their_site_and_out_of_scripts() -> Tested {
    let Some(mut phone) = Authenticator::with(crate::SECRET) else {
        return Ok(());
    };
    let server = Server::start(&Setup {
        policy: crate::PATIENT.into(),
        tables: format!(
            "[[gateway]]\nname = \"nginx-1\"\npeers = [\"127.0.0.1/32\"]\nsecret = \"{SECRET}\"\n\
             hosts = [\"app.example.com\", \"127.0.0.1:8080\"]\napplication = \"intranet\"\n"
        ),
        ..Setup::default()
    })?;
    server.enrol("alice", crate::SECRET)?;
    for (site, prefix, secure) in [
        ("https://app.example.com", "__Host-", true),
        // Plain HTTP on the machine itself alone: elsewhere the configuration is refused.
        ("http://127.0.0.1:8080", "", false),
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
