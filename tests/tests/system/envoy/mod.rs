//! Envoy as docs/envoy.md has it, asking over gRPC.

mod certificates;
mod failures;
mod many;
mod renewed;
mod wire;

use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::envoy::{Guarded, Site};
use cofactor_tests::http::send;
use cofactor_tests::program::wait_for;
use cofactor_tests::visitor::Visitor;

use super::{ALICE, BOB, PATIENT, SECRET, Tested, is_application, phone, sign_in, sign_out};

fn patient() -> Site {
    Site {
        policy: PATIENT.to_owned(),
        ..Site::default()
    }
}

fn visitor(site: &Guarded, who: (&str, &str)) -> Visitor {
    Visitor::with_password(site.port, who.0, who.1)
}

fn with_device(site: &Guarded, who: (&str, &str)) -> anyhow::Result<(Visitor, Authenticator)> {
    site.server.enrol(who.0, SECRET)?;
    Ok((visitor(site, who), phone()))
}

/// Somebody who is signed in.
fn signed_in(site: &Guarded, who: (&str, &str)) -> anyhow::Result<Visitor> {
    let (mut visitor, mut phone) = with_device(site, who)?;
    let page = sign_in(&mut visitor, &mut phone, "/")?;
    assert!(is_application(&page), "{}", page.text());
    Ok(visitor)
}

#[test]
fn a_visitor_enrols_signs_out_and_is_asked_again_by_envoy() -> Tested {
    let Some(site) = Guarded::start(&Site::default())? else {
        return Ok(());
    };
    let mut alice = visitor(&site, ALICE);
    let wanted = "/reports/2026?quarter=3&for=%C3%A4rger&x=a%26b+c";
    let page = alice.visit(wanted)?;
    assert!(page.address.contains("/.cofactor/?rd="), "{}", page.address);
    let page = alice.submit(&page, "/.cofactor/enrol", &[("label", "My phone")])?;
    let Some(phone) = Authenticator::with(&page.secret()?) else {
        return Ok(());
    };
    let code = phone.code()?;
    let page = alice.submit(&page, "/.cofactor/enrol/confirm", &[("code", &code)])?;

    // Back at the very address, and the application knows who and how.
    assert_eq!(page.address, alice.absolute(wanted));
    assert!(is_application(&page), "{}", page.text());
    let asked = site.envoy.application.asked();
    assert_eq!(asked.len(), 1, "nothing reached it before: {asked:?}");
    let asked = &asked[0];
    assert_eq!(asked.target, wanted);
    assert_eq!(asked.all("remote-user"), ["alice"]);
    assert_eq!(asked.all("x-cofactor-method"), ["totp"]);
    assert_eq!(asked.all("x-cofactor-level"), ["2"]);
    assert_eq!(asked.all("x-cofactor-verified").len(), 1);
    assert!(asked.all("authorization").is_empty(), "the password stays");

    assert!(is_application(&alice.visit("/again")?));
    let page = sign_out(&mut alice)?;
    let text = page.text();
    assert!(text.contains("You are signed out"), "{text}");
    let page = alice.visit(wanted)?;
    assert!(page.text().contains("Enter the code"), "{}", page.text());
    Ok(())
}

#[test]
fn each_client_is_answered_in_its_way_by_envoy() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let mut alice = visitor(&site, ALICE);
    let portal = format!("http://127.0.0.1:{}/.cofactor/?", site.port);
    for (method, status) in [
        ("GET", 302),
        ("HEAD", 302),
        ("POST", 303),
        ("PUT", 303),
        ("DELETE", 303),
        ("OPTIONS", 303),
    ] {
        let answer = alice.request(method, "/x?y=z", &[], "")?;
        assert_eq!(answer.status, status, "{method}");
        assert!(answer.location().starts_with(&portal), "{answer:?}");
        assert!(answer.location().ends_with("rd=/x%3Fy%3Dz"), "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    // Programs have no use for a page (FA-08).
    for header in [
        ("Accept", "application/json"),
        ("Accept", "*/*"),
        ("X-Requested-With", "XMLHttpRequest"),
        ("Sec-Fetch-Mode", "cors"),
    ] {
        let answer = alice.request("GET", "/", &[header], "")?;
        assert_eq!((answer.status, answer.location()), (401, ""), "{header:?}");
    }
    for (method, path, status) in [
        ("GET", "/a;x", 400),
        ("GET", "/a%2fb", 400),
        ("GET", "/a%5cb", 400),
        ("GET", "/a%252fb", 400),
        ("GET", "/a%00", 400),
        ("BREW", "/", 400),
        ("GETz", "/", 400),
    ] {
        let answer = alice.request(method, path, &[], "")?;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    // What Envoy puts right by itself is judged, and handed on, as it then is.
    for path in ["/a/../b", "//b", "/./b", "/%2e%2e/b"] {
        let answer = alice.get(path)?;
        let to = format!("{portal}rd=/b");
        assert!(
            answer.status == 400 || answer.location() == to,
            "{path}: {answer:?}"
        );
    }
    // The first factor comes first.
    let mut mallory = visitor(&site, ("alice", "a guess"));
    for path in ["/", "/.cofactor/", "/.cofactor/devices"] {
        assert_eq!(mallory.get(path)?.status, 401, "{path}");
    }
    assert!(site.envoy.application.asked().is_empty());
    // Other sites than the gateway's are nobody's.
    let answer = alice.request("GET", "/", &[("Host", "other.example")], "");
    assert!(answer.is_err() || answer.is_ok_and(|answer| matches!(answer.status, 400 | 404)));

    let counted = site.envoy.counted()?;
    assert_eq!(counted["error"], 0, "{counted:?}");
    assert!(counted["denied"] > 12, "{counted:?}");
    Ok(())
}

/// Whatever a client says of itself, the application hears it from Cofactor alone.
#[test]
fn fa_01_a_client_of_envoy_cannot_say_who_it_is() -> Tested {
    const SPOOFED: [&str; 18] = [
        "Remote-User",
        "REMOTE-USER",
        "Remote_User",
        "Remote-Groups",
        "Remote-Name",
        "Remote-Email",
        "Remote-Anything",
        "X-Remote-User",
        "X_Remote_User",
        "X-Forwarded-User",
        "X-Forwarded-Groups",
        "X-Auth-Request-User",
        "X-Cofactor-User",
        "X_Cofactor_User",
        "X-Cofactor-Secret",
        "X-Cofactor-Method",
        "X-Cofactor-Level",
        "X-Cofactor-Fail-Open",
    ];
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let mut nobody = visitor(&site, BOB);
    for name in SPOOFED {
        let answer = nobody.request("GET", "/", &[(name, "mallory")], "")?;
        assert_eq!(answer.status, 302, "{name}");
    }
    assert!(site.envoy.application.asked().is_empty());
    let mut alice = signed_in(&site, ALICE)?;
    for name in SPOOFED {
        for headers in [
            &[(name, "mallory")][..],
            &[(name, "mallory"), (name, "trudy")],
        ] {
            let answer = alice.request("GET", "/", headers, "")?;
            assert_eq!(answer.status, 200, "{name}");
            let asked = site.envoy.application.asked();
            let asked = asked.last().unwrap();
            assert_eq!(asked.all("remote-user"), ["alice"], "{name}");
            assert_eq!(asked.all("x-cofactor-level"), ["2"], "{name}");
            let told = format!("{:?}", asked.headers);
            assert!(
                !told.contains("mallory") && !told.contains("trudy"),
                "{name}: {told}"
            );
        }
    }
    // Without a password nobody is anybody, whatever they call themselves.
    let headers = [("X-Cofactor-User", "alice"), ("Remote-User", "alice")];
    assert_eq!(send(site.port, "GET", "/", &headers, "")?.status, 401);
    Ok(())
}

/// Later filters and the access log learn what was proved, and under which id Cofactor's log has it.
#[test]
fn method_level_and_instant_are_metadata_of_envoy() -> Tested {
    let format = "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:user)% \
                  %DYNAMIC_METADATA(envoy.filters.http.ext_authz:method)% \
                  %DYNAMIC_METADATA(envoy.filters.http.ext_authz:level)% \
                  %DYNAMIC_METADATA(envoy.filters.http.ext_authz:verified)% \
                  %DYNAMIC_METADATA(envoy.filters.http.ext_authz:request)%";
    let log = "          http_filters:\n".to_owned();
    let with_log = format!(
        "          access_log:\n          - name: envoy.access_loggers.file\n            typed_config:\n              \
         \"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog\n              \
         path: @folder@/access.log\n              log_format: {{ text_format_source: {{ inline_string: \
         \"%RESPONSE_CODE% {format}\\n\" }} }}\n{log}"
    );
    let site = Site {
        edits: vec![(log, with_log)],
        ..patient()
    };
    let Some(site) = Guarded::start(&site)? else {
        return Ok(());
    };
    let mut alice = signed_in(&site, ALICE)?;
    assert_eq!(alice.get("/last")?.status, 200);
    let line = wait_for("the access log", || {
        let log = site.envoy.access_log();
        let line = log.lines().find(|line| line.starts_with("200 alice"))?;
        Some(line.to_owned())
    })?;
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words[..4], ["200", "alice", "totp", "2"], "{line}");
    assert!(
        words[4].starts_with("20") && words[4].ends_with('Z'),
        "{line}"
    );
    assert_eq!(words[5].len(), 32, "{line}");
    let refused = site.envoy.access_log();
    let refused = refused.lines().find(|line| line.starts_with("302"));
    assert!(refused.is_some_and(|line| line.starts_with("302 - - - -")));
    Ok(())
}

#[test]
fn fa_14_a_block_ends_sessions_at_envoy_at_once() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let mut alice = signed_in(&site, ALICE)?;
    assert!(is_application(&alice.visit("/")?));
    let reached = site.envoy.application.asked().len();
    site.server
        .operator(&["user", "block", "alice", "--why", "a test"])?;
    let answer = alice.get("/")?;
    assert_ne!(answer.status, 200);
    assert_eq!(site.envoy.application.asked().len(), reached);
    Ok(())
}

/// FA-12 and the seal: a session is one user's at one gateway.
#[test]
fn a_session_is_of_no_use_to_anybody_else_at_envoy() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let alice = signed_in(&site, ALICE)?;
    let cookie = alice.cookie("cofactor").unwrap().to_owned();
    let reached = site.envoy.application.asked().len();
    let mut bob = visitor(&site, BOB);
    bob.plant("cofactor", &cookie);
    assert_eq!(bob.get("/")?.status, 302);
    let mut thief = visitor(&site, ALICE);
    let mut bent = cookie.into_bytes();
    let last = bent.len() / 2;
    bent[last] = if bent[last] == b'A' { b'B' } else { b'A' };
    thief.plant("cofactor", &String::from_utf8(bent)?);
    assert_eq!(thief.get("/")?.status, 302);
    assert_eq!(site.envoy.application.asked().len(), reached);
    Ok(())
}
