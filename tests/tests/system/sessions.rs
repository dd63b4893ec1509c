//! A session belongs to one user, one gateway and one first factor, and ends when it is told to.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use cofactor_tests::http::send;
use cofactor_tests::nginx::{Guarded, SECRET, Site};

use super::{ALICE, BOB, Tested, answer, is_application, patient, sign_in, visitor, with_device};

#[test]
fn a_session_under_anothers_first_factor_is_none() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let mut bob = alice.as_user(BOB.0, BOB.1);
    let answer = bob.get("/")?;
    assert_eq!(answer.status, 303, "bob is asked for a factor of his own");
    assert!(answer.location().contains("/.cofactor/"));
    assert_eq!(site.application.asked().len(), 1, "alice's request alone");
    // Nor does it show or change what alice has.
    let page = bob.visit("/.cofactor/devices")?;
    assert!(page.address.contains("/.cofactor/?rd="), "{}", page.address);
    Ok(())
}

#[test]
fn ch_02_a_challenge_is_not_completed_in_another_browser() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    // The attacker knows the password, begins, and has the victim send the form.
    let mut attacker = alice.elsewhere();
    let planted = attacker.visit("/")?;
    alice.visit("/")?;
    let page = answer(&mut alice, &planted, &phone.fresh()?)?;
    assert_eq!(page.answer.status, 403, "{}", page.text());
    assert!(!is_application(&attacker.visit("/")?));
    assert!(!is_application(&alice.visit("/")?));
    Ok(())
}

#[test]
fn ch_03_a_challenge_is_not_swapped_between_users() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    let page = alice.visit("/")?;
    let mut bob = alice.as_user(BOB.0, BOB.1);
    let code = phone.fresh()?;
    let refused = answer(&mut bob, &page, &code)?;
    assert_eq!(refused.answer.status, 403, "{}", refused.text());
    // Nothing of alice's was used up by it.
    assert!(is_application(&answer(&mut alice, &page, &code)?));
    Ok(())
}

#[test]
fn ch_09_a_session_of_one_gateway_is_none_at_another() -> Tested {
    let other = "another secret of another gateway";
    let site = Site {
        tables: format!(
            "[[gateway]]\nname = \"nginx-2\"\npeers = [\"127.0.0.1/32\"]\nsecret = \"{}\"\n\
             hosts = [\"127.0.0.1:8080\"]\napplication = \"intranet\"",
            other.replace(' ', "-")
        ),
        ..patient()
    };
    let Some(site) = Guarded::start(&site)? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let cookie = format!("cofactor={}", alice.cookie("cofactor").unwrap());
    let ask = |secret: &str, host: &str| {
        let url = format!("http://{host}/");
        let headers = [
            ("X-Cofactor-Secret", secret),
            ("X-Cofactor-User", "alice"),
            ("X-Original-URL", url.as_str()),
            ("X-Original-Method", "GET"),
            ("X-Forwarded-For", "127.0.0.1"),
            ("Cookie", cookie.as_str()),
        ];
        send(site.server.web(), "GET", "/v1/gateway/nginx", &headers, "").map(|it| it.status)
    };
    let own = format!("127.0.0.1:{}", site.port);
    assert_eq!(ask(SECRET, &own)?, 200);
    assert_eq!(ask(&other.replace(' ', "-"), "127.0.0.1:8080")?, 401);
    Ok(())
}

#[test]
fn fa_14_a_block_ends_sessions_at_once() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    // The host has just said that this session holds for a while; a block counts all the same.
    site.server.operator(&["user", "block", "alice"])?;
    assert!(!is_application(&alice.visit("/")?));
    let page = alice.visit("/")?;
    if page.text().contains("/.cofactor/answer") {
        let page = answer(&mut alice, &page, &phone.fresh()?)?;
        assert!(!is_application(&page), "{}", page.text());
    }
    // Lifting it revives no session.
    site.server.operator(&["user", "unblock", "alice"])?;
    assert!(!is_application(&alice.visit("/")?));
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    // An administrator may also end sessions without a block. The user is asked anew, not refused.
    site.server.operator(&["user", "sign-out", "alice"])?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    Ok(())
}

/// What nginx let through runs to its end, as docs/nginx.md says; what comes after is asked about anew.
#[test]
fn fa_14_a_revoked_session_opens_nothing_new_during_a_long_answer() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let mut stream = TcpStream::connect(("127.0.0.1", site.port))?;
    let password = "YWxpY2U6YWxpY2UncyBwYXNzd29yZA==";
    write!(
        stream,
        "GET /stream HTTP/1.0\r\nHost: 127.0.0.1:{}\r\nAuthorization: Basic {password}\r\nCookie: cofactor={}\r\n\r\n",
        site.port,
        alice.cookie("cofactor").unwrap()
    )?;
    let mut begun = Vec::new();
    while !begun.ends_with(b"first\n") {
        let mut one = [0; 1];
        stream.read_exact(&mut one)?;
        begun.push(one[0]);
    }
    site.server.operator(&["user", "sign-out", "alice"])?;
    assert!(!is_application(&alice.visit("/")?));
    site.application.finish();
    let mut rest = String::new();
    stream.read_to_string(&mut rest)?;
    assert_eq!(rest, "second\n");
    Ok(())
}

#[test]
fn a_session_survives_a_restart_of_the_host_and_a_signed_out_one_does_not_come_back() -> Tested {
    let Some(mut site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let stolen = alice.cookie("cofactor").unwrap().to_owned();
    site.server.process.stop()?;
    site.server.start_again()?;
    assert!(is_application(&alice.visit("/")?));
    super::sign_out(&mut alice)?;
    alice.plant("cofactor", &stolen);
    assert!(!is_application(&alice.visit("/")?));
    site.server.process.stop()?;
    site.server.start_again()?;
    alice.plant("cofactor", &stolen);
    assert!(!is_application(&alice.visit("/")?));
    Ok(())
}

/// Back and "send again" within the minute in which a repeated event has its first outcome.
#[test]
fn a_form_that_is_sent_again_after_signing_out_brings_no_session_back() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    let page = alice.visit("/")?;
    let code = phone.fresh()?;
    assert!(is_application(&answer(&mut alice, &page, &code)?));
    // The same form again has the same outcome, and the same session.
    assert!(is_application(&answer(&mut alice, &page, &code)?));
    super::sign_out(&mut alice)?;
    assert!(!is_application(&answer(&mut alice, &page, &code)?));
    assert!(!is_application(&alice.visit("/")?));
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    Ok(())
}

#[test]
fn a_session_that_is_altered_is_none() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let good = alice.cookie("cofactor").unwrap().to_owned();
    let middle = good.len() / 2;
    let flipped = if good.as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    let mut altered = good.clone();
    altered.replace_range(middle..=middle, flipped);
    for bad in [
        "",
        "x",
        &altered,
        &good[..good.len() - 4],
        &format!("{good}AAAA"),
    ] {
        let mut thief = visitor(&site, ALICE);
        thief.plant("cofactor", bad);
        assert!(!is_application(&thief.visit("/")?), "{bad}");
    }
    // A planted cookie of the same name beside the real one takes nothing away from its owner.
    let both = format!("x; cofactor={good}");
    let mut alice = visitor(&site, ALICE);
    alice.plant("cofactor", &both);
    assert!(is_application(&alice.visit("/")?));
    Ok(())
}
