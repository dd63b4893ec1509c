//! The pages where something is typed that cannot be, or an address is gone to without its form.

use std::process::Command;

use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::browser::{Browser, ENTER, View};
use cofactor_tests::nginx::{Guarded, Site};
use cofactor_tests::program::{artefacts, wait_for};

use super::{
    ALICE, BOB, SECRET, Tested, answer, is_application, patient, sign_in, visitor, with_device,
};

/// What was typed is its own fault, and the person's to put right: never the service's.
#[test]
fn what_cannot_be_used_is_said_and_is_no_failure_of_the_service() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let mut bob = visitor(&site, BOB);
    for label in ["   ", &"\u{fc}".repeat(40), &"x".repeat(300)] {
        let page = bob.visit("/")?;
        let page = bob.submit(&page, "/.cofactor/enrol", &[("label", label)])?;
        assert_eq!(page.answer.status, 422, "{label:?}: {}", page.text());
    }
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    for code in ["\u{661}".repeat(40), "7".repeat(5_000)] {
        let page = alice.visit("/")?;
        let page = answer(&mut alice, &page, &code)?;
        assert_eq!(page.answer.status, 422, "{code}: {}", page.text());
        assert!(page.text().contains("was not accepted"), "{}", page.text());
    }
    let page = alice.visit("/")?;
    let page = answer(&mut alice, &page, &phone.fresh()?)?;
    assert!(is_application(&page), "{}", page.text());
    let page = alice.visit("/.cofactor/devices")?;
    let page = alice.submit(&page, "/.cofactor/devices/rename", &[("label", " ")])?;
    assert_eq!(page.answer.status, 422, "{}", page.text());
    let log = site.server.log()?;
    assert!(!log.contains("ERROR"), "{log}");
    Ok(())
}

/// After a wrong code the address bar shows where the form went: Enter must not end on an empty page.
#[test]
fn the_addresses_of_forms_lead_back_to_a_page() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    sign_in(&mut alice, &mut phone, "/")?;
    for (address, to) in [
        ("answer", "/.cofactor/"),
        ("enrol", "/.cofactor/"),
        ("enrol/confirm", "/.cofactor/"),
        ("devices/rename", "/.cofactor/devices"),
        ("devices/remove", "/.cofactor/devices"),
        ("sign-out/everywhere", "/.cofactor/devices"),
    ] {
        let answer = alice.get(&format!("/.cofactor/{address}"))?;
        assert_eq!((answer.status, answer.location()), (303, to), "{address}");
    }
    for (method, address, status) in [
        ("PUT", "/.cofactor/answer", 405),
        ("POST", "/.cofactor/devices", 405),
        ("POST", "/.cofactor/nothing", 404),
    ] {
        let answer = alice.request(method, address, &[], "")?;
        assert_eq!(answer.status, status, "{method} {address}");
        assert!(
            answer.header("content-security-policy").is_some(),
            "{method} {address}"
        );
    }
    Ok(())
}

#[test]
fn every_decision_at_the_portal_is_a_line_with_the_id_that_the_answer_names() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    let page = alice.visit("/")?;
    let asked = page.answer.header("x-request-id").unwrap().to_owned();
    let wrong = answer(&mut alice, &page, "000000")?;
    let refused = wrong.answer.header("x-request-id").unwrap().to_owned();
    assert_ne!(asked, refused);
    assert!(is_application(&answer(
        &mut alice,
        &wrong,
        &phone.fresh()?
    )?));
    let mut bob = visitor(&site, BOB);
    let page = bob.visit("/")?;
    let enrols = page.answer.header("x-request-id").unwrap().to_owned();

    let log = site.server.log()?;
    let line = |id: &str| -> &str {
        log.lines()
            .find(|line| line.contains(id) && line.contains("decided"))
            .unwrap_or_else(|| panic!("no line of {id}: {log}"))
    };
    for (id, words) in [
        (
            &asked,
            &["user=alice", "action=begin", "outcome=challenge"][..],
        ),
        (
            &refused,
            &[
                "user=alice",
                "action=answer",
                "outcome=challenge",
                "reason=incorrect-code",
            ],
        ),
        (&enrols, &["user=bob", "action=begin", "outcome=enrol"]),
    ] {
        for word in words {
            assert!(line(id).contains(word), "{word}: {}", line(id));
        }
    }
    assert!(log.contains("outcome=allow"), "{log}");
    // A gateway is told as well.
    let answer =
        cofactor_tests::http::send(site.server.web(), "GET", "/v1/gateway/nginx", &[], "")?;
    assert_eq!(answer.header("x-request-id").map(str::len), Some(32));
    Ok(())
}

/// Chromium sends these in a query as they are typed.
#[test]
fn an_address_with_a_raw_backslash_in_its_query_is_judged_and_come_back_to() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    let raw = "/s?q=a\\b`c|{}^";
    let page = alice.visit(raw)?;
    let page = answer(&mut alice, &page, &phone.fresh()?)?;
    assert!(is_application(&page), "{}", page.text());
    assert!(
        page.address.ends_with("/s?q=a%5Cb%60c|{}^"),
        "{}",
        page.address
    );
    assert!(is_application(&alice.visit(raw)?));
    Ok(())
}

/// Whoever mistyped is to see what to do, without a scroll.
#[test]
fn after_a_wrong_code_the_button_is_on_the_smallest_screen() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let view = View {
        width: 320,
        height: 640,
        dark: false,
        scripts: false,
    };
    let Some(browser) = Browser::open(view)? else {
        return Ok(());
    };
    browser.go(&format!(
        "http://bob:bob's%20password@127.0.0.1:{}/",
        site.port
    ))?;
    browser.tab_to("input#label")?;
    browser.press(ENTER)?;
    wait_for("the picture", || {
        browser.has("figure.qr svg").ok()?.then_some(())
    })?;
    browser.tab_to("input#code")?;
    browser.type_keys("12345")?;
    browser.press(ENTER)?;
    wait_for("the answer", || browser.has("#problem").ok()?.then_some(()))?;
    browser.screenshot(&artefacts()?.join("small-confirm-wrong.png"))?;
    assert_eq!(browser.focus()?, "input#code");
    for part in ["#problem", "#code", "button"] {
        let rect = browser.rectangle(part)?;
        let end = rect["y"].as_f64().unwrap() + rect["height"].as_f64().unwrap();
        assert!(end <= f64::from(view.height), "{part} ends at {end}");
    }
    Ok(())
}

/// The page offers what the policy allows, not what the component could do.
#[test]
fn a_device_is_added_under_a_policy_of_one_method() -> Tested {
    if Authenticator::with(SECRET).is_none() {
        return Ok(());
    }
    let site = Site {
        policy: "[accounts]\nmethods = [\"hotp\"]\n".to_owned(),
        ..Site::default()
    };
    let Some(site) = Guarded::start(&site)? else {
        return Ok(());
    };
    let mut bob = visitor(&site, BOB);
    let page = bob.visit("/")?;
    let page = bob.submit(&page, "/.cofactor/enrol", &[("label", "Token")])?;
    let code = Command::new("oathtool")
        .args(["-b", &page.secret()?, "-c", "0"])
        .output()?;
    let code = String::from_utf8(code.stdout)?;
    let page = bob.submit(&page, "/.cofactor/enrol/confirm", &[("code", code.trim())])?;
    assert!(is_application(&page), "{}", page.text());
    let page = bob.visit("/.cofactor/devices/add")?;
    let page = bob.submit(&page, "/.cofactor/enrol", &[("label", "Second token")])?;
    assert!(page.text().contains("Scan the picture"), "{}", page.text());
    assert!(page.text().contains("otpauth://hotp/"), "{}", page.text());
    Ok(())
}
