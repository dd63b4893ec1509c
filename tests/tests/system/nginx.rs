//! The operator's story: nginx as docs/nginx.md has it.

use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::nginx::{FirstFactor, Guarded, Site};
use cofactor_tests::visitor::Visitor;

use super::{
    ALICE, PATIENT, Tested, answer, is_application, patient, sign_in, sign_out, visitor,
    with_device,
};

#[test]
fn a_visitor_enrols_signs_out_and_is_asked_again() -> Tested {
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
    let page = alice.submit(
        &page,
        "/.cofactor/enrol/confirm",
        &[("code", &phone.code()?)],
    )?;

    // Back at the very address, and the application knows who and how.
    assert_eq!(page.address, alice.absolute(wanted));
    assert!(is_application(&page), "{}", page.text());
    let asked = site.application.asked();
    assert_eq!(asked.len(), 1, "nothing reached it before: {asked:?}");
    let asked = &asked[0];
    assert_eq!(asked.target, wanted);
    assert_eq!(asked.all("remote-user"), ["alice"]);
    assert_eq!(asked.all("x-cofactor-method"), ["totp"]);
    assert_eq!(asked.all("x-cofactor-level"), ["2"]);
    let verified = asked.all("x-cofactor-verified");
    assert!(
        verified.len() == 1 && verified[0].ends_with('Z'),
        "{verified:?}"
    );
    assert!(asked.all("authorization").is_empty(), "the password stays");

    // The session lasts; after a sign-out it does not.
    assert!(is_application(&alice.visit("/again")?));
    let page = sign_out(&mut alice)?;
    assert!(
        page.text().contains("You are signed out"),
        "{}",
        page.text()
    );
    let page = alice.visit(wanted)?;
    assert!(page.text().contains("Enter the code"), "{}", page.text());

    // The code after this one is good once.
    let next = phone.code_at(now() + 30)?;
    let page = answer(&mut alice, &page, &next)?;
    assert_eq!(page.address, alice.absolute(wanted));
    assert!(is_application(&page), "{}", page.text());
    sign_out(&mut alice)?;
    let page = alice.visit("/")?;
    let page = answer(&mut alice, &page, &next)?;
    assert_eq!(page.answer.status, 422);
    assert!(page.text().contains("not accepted"), "{}", page.text());
    assert!(!is_application(&alice.visit("/")?));
    Ok(())
}

#[test]
fn a_proxy_in_front_may_be_the_first_factor() -> Tested {
    let site = Site {
        first: FirstFactor::Header,
        ..patient()
    };
    let Some(site) = Guarded::start(&site)? else {
        return Ok(());
    };
    site.server.enrol("alice", super::SECRET)?;
    let mut alice = Visitor::with_header(site.port, "X-Authenticated-User", "alice");
    let page = sign_in(&mut alice, &mut super::phone(), "/a?b=c")?;
    assert!(is_application(&page), "{}", page.text());
    assert_eq!(page.address, alice.absolute("/a?b=c"));
    // The proxy names nobody: the first factor was not passed.
    let mut nobody = Visitor::with_header(site.port, "X-Authenticated-User", "");
    assert_eq!(nobody.visit("/")?.answer.status, 401);
    Ok(())
}

#[test]
fn only_that_proxy_is_believed() -> Tested {
    let site = Site {
        first: FirstFactor::Header,
        edits: vec![("    127.0.0.1/32 1;".into(), "    127.0.0.99/32 1;".into())],
        ..patient()
    };
    let Some(site) = Guarded::start(&site)? else {
        return Ok(());
    };
    let mut mallory = Visitor::with_header(site.port, "X-Authenticated-User", "alice");
    for address in ["/", "/.cofactor/", "/.cofactor/devices"] {
        let page = mallory.visit(address)?;
        assert!(matches!(page.answer.status, 401 | 403), "{address}");
    }
    assert!(site.application.asked().is_empty());
    Ok(())
}

#[test]
fn without_a_password_there_is_no_second_factor_either() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    for wrong in [("alice", "bob's password"), ("nobody", "x"), ("", "")] {
        let mut mallory = visitor(&site, wrong);
        for address in ["/", "/.cofactor/", "/.cofactor/devices"] {
            let answer = mallory.get(address)?;
            assert_eq!(answer.status, 401, "{wrong:?} {address}");
            assert!(answer.header("www-authenticate").is_some(), "{address}");
        }
    }
    assert!(site.application.asked().is_empty());
    Ok(())
}

#[test]
fn a_user_manages_devices() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    let page = sign_in(&mut alice, &mut phone, "/.cofactor/devices")?;
    assert!(
        page.address.ends_with("/.cofactor/devices"),
        "{}",
        page.address
    );

    let page = alice.visit("/.cofactor/devices/add")?;
    let page = alice.submit(&page, "/.cofactor/enrol", &[("label", "Tablet")])?;
    let Some(tablet) = Authenticator::with(&page.secret()?) else {
        return Ok(());
    };
    let page = alice.submit(
        &page,
        "/.cofactor/enrol/confirm",
        &[("code", &tablet.code()?)],
    )?;
    assert!(page.text().contains("Tablet"), "{}", page.text());

    let page = alice.submit(
        &page,
        "/.cofactor/devices/rename",
        &[("label", "Old phone")],
    )?;
    assert!(page.text().contains("Old phone"), "{}", page.text());
    let page = alice.submit(&page, "/.cofactor/devices/remove", &[])?;
    let shown: serde_json::Value =
        serde_json::from_str(&site.server.operator(&["user", "show", "alice", "--json"])?)?;
    let credentials = shown["credentials"].as_array().unwrap();
    assert_eq!(credentials.len(), 1, "{} {shown}", page.text());
    Ok(())
}

#[test]
fn a_device_that_was_lost_ends_every_session() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    let mut elsewhere = alice.elsewhere();
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    assert!(is_application(&sign_in(&mut elsewhere, &mut phone, "/")?));
    let page = alice.visit("/.cofactor/devices")?;
    let page = alice.submit(&page, "/.cofactor/sign-out/everywhere", &[])?;
    assert!(page.text().contains("every browser"), "{}", page.text());
    assert!(!is_application(&alice.visit("/")?));
    assert!(!is_application(&elsewhere.visit("/")?));
    Ok(())
}

#[test]
fn two_codes_set_a_drifted_device_right() -> Tested {
    let Some(site) = Guarded::start(&Site::default())? else {
        return Ok(());
    };
    let (mut alice, phone) = with_device(&site, ALICE)?;
    // Its clock is five steps behind: outside the window, inside that of resynchronisation.
    let then = now() - 150;
    let page = alice.visit("/")?;
    let page = answer(&mut alice, &page, &phone.code_at(then)?)?;
    assert_eq!(page.answer.status, 422);
    let codes = [phone.code_at(then)?, phone.code_at(then + 30)?];
    let page = alice.submit(
        &page,
        "/.cofactor/answer",
        &[("code", &codes[0]), ("next", &codes[1])],
    )?;
    assert!(is_application(&page), "{}", page.text());
    Ok(())
}

#[test]
fn a_policy_may_leave_unknown_users_outside() -> Tested {
    let site = Site {
        policy: format!("{PATIENT}[accounts]\nprovision = \"known-only\"\n"),
        ..Site::default()
    };
    let Some(site) = Guarded::start(&site)? else {
        return Ok(());
    };
    let mut alice = visitor(&site, ALICE);
    let page = alice.visit("/")?;
    assert!(!page.text().contains("/.cofactor/enrol"), "{}", page.text());
    let page = answer(&mut alice, &page, "000000")?;
    assert!(!is_application(&page));
    Ok(())
}

fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
