//! What users see and change of their own: every method, the browsers that are remembered, recovery codes, app passwords.

use super::Tested;
use super::ways::{NARROW, Person};

const POLICY: &str = "[accounts]\nmethods = ['totp', 'sms', 'recovery-code', 'app-password']\n\
                      [devices]\nlifetime = '14d'\n[totp]\nwindow = 10\ndrift-cap = 10\n[sends]\ncooldown = '0s'\n";

#[test]
fn everything_is_listed_and_can_be_changed() -> Tested {
    let Some(alice) = Person::start(POLICY, NARROW)? else {
        return Ok(());
    };
    alice.site.server.enrol("alice", super::SECRET)?;
    alice.issue("sms", Some("+49 151 23456742"))?;
    let mut phone = super::phone();
    alice.come()?;
    alice.shows("Remember this browser for 14 days")?;
    alice.keep("own-challenge")?;
    // What was ticked stays so after a wrong code.
    alice.click("#remember")?;
    alice.type_into("#code", "000000")?;
    alice.click("main form button")?;
    alice.shows("was not accepted")?;
    assert!(alice.browser.has("#remember:checked")?);
    alice.type_into("#code", &phone.fresh()?)?;
    alice.click("main form button")?;
    alice.shows("reached")?;

    alice.go("devices")?;
    alice.shows("***42")?;
    alice.keep("own-devices")?;
    alice.click("form[action$='devices/default'] button")?;
    alice.shows("asked for first from now on")?;
    let first = alice.browser.text_of("ul.devices > li")?;
    assert!(
        first.contains("My sms") && first.contains("Asked for first"),
        "{first}"
    );

    // A password for a program: shown once, and not again.
    alice.go("devices/add")?;
    alice.click("details:has(#address-app-password) summary")?;
    alice.type_into("#address-app-password", "mail")?;
    alice.click("details:has(#address-app-password) button")?;
    alice.shows("The program's password")?;
    alice.keep("own-app-password")?;
    let password = alice.browser.text_of("pre.secret")?;
    assert!(password.len() >= 28, "{password}");
    alice.click("#kept")?;
    alice.click("main form button")?;
    alice.shows("for mail")?;
    assert!(!alice.browser.text()?.contains(&password));

    // Recovery codes from the list.
    alice.click("form[action$='/enrol'] button")?;
    alice.shows("Your recovery codes")?;
    alice.click("#kept")?;
    alice.click("main form button")?;
    alice.shows("10 left")?;

    // Browsers that are remembered: one of them, then all.
    alice.shows("Remembered browsers")?;
    alice.keep("own-devices-all")?;
    alice.click("form[action$='devices/forget'] button")?;
    alice.shows("It is not remembered any more")?;
    assert!(!alice.browser.text()?.contains("Remembered browsers"));

    // Removed: its sessions are over, and so is this one.
    alice.click("ul.devices > li:nth-child(2) details:last-of-type summary")?;
    alice.click("ul.devices > li:nth-child(2) form[action$='remove'] button")?;
    alice.shows("Confirm it's you")?;
    Ok(())
}

/// An application behind nginx under this file's policy.
fn guarded() -> anyhow::Result<Option<cofactor_tests::nginx::Guarded>> {
    cofactor_tests::nginx::Guarded::start(&cofactor_tests::nginx::Site {
        policy: POLICY.to_owned(),
        ..Default::default()
    })
}

/// The form of what is shown once, sent again: the codes are nowhere any more.
#[test]
fn what_is_shown_once_is_not_shown_again_and_not_kept() -> Tested {
    let Some(site) = guarded()? else {
        return Ok(());
    };
    let (mut alice, mut phone) = super::with_device(&site, super::ALICE)?;
    super::sign_in(&mut alice, &mut phone, "/")?;
    let list = alice.visit("/.cofactor/devices")?;
    let hidden = list.hidden("/.cofactor/enrol")?;
    assert!(hidden.iter().any(|(name, _)| name == "label"));
    let made = alice.submit(&list, "/.cofactor/enrol", &[])?;
    assert!(made.text().contains("class=\"secret\""), "{}", made.text());
    assert_eq!(made.answer.header("cache-control"), Some("no-store"));
    let again = alice.submit(&list, "/.cofactor/enrol", &[])?;
    assert!(
        again.text().contains("It was shown already"),
        "{}",
        again.text()
    );
    assert!(!again.text().contains("class=\"secret\""));
    Ok(())
}

#[test]
fn by_07_signing_out_everywhere_forgets_this_browser_too() -> Tested {
    let Some(site) = guarded()? else {
        return Ok(());
    };
    let (mut alice, mut phone) = super::with_device(&site, super::ALICE)?;
    let agent = [("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) Test/1.0")];
    let page = visit(&mut alice, "/.cofactor/", &agent)?;
    assert!(
        page.text().contains("Remember this browser"),
        "{}",
        page.text()
    );
    let code = phone.fresh()?;
    let passed = submit(
        &mut alice,
        &page,
        "answer",
        &[("code", &code), ("remember", "yes")],
        &agent,
    )?;
    assert_eq!(passed.status, 303, "{}", passed.body);
    let token = alice.cookie("cofactor-device").map(str::to_owned);
    assert!(token.is_some());
    // Another browser without the session, but with the token, passes; of another kind it does not.
    let mut other = alice.elsewhere();
    other.plant("cofactor-device", token.as_deref().unwrap());
    let another = [("User-Agent", "Mozilla/5.0 (Macintosh) Other/1.0")];
    assert_eq!(
        visit(&mut other, "/.cofactor/", &another)?.answer.status,
        200
    );
    let list = visit(&mut alice, "/.cofactor/devices", &agent)?;
    let gone = submit(&mut alice, &list, "sign-out/everywhere", &[], &agent)?;
    assert_eq!(gone.status, 200, "{}", gone.body);
    let page = visit(&mut alice, "/.cofactor/", &agent)?;
    assert!(page.text().contains("Confirm it"), "{}", page.text());
    Ok(())
}

fn visit(
    who: &mut cofactor_tests::visitor::Visitor,
    to: &str,
    headers: &[(&str, &str)],
) -> anyhow::Result<cofactor_tests::visitor::Page> {
    let answer = who.request("GET", to, headers, "")?;
    Ok(cofactor_tests::visitor::Page {
        address: who.absolute(to),
        answer,
    })
}

fn submit(
    who: &mut cofactor_tests::visitor::Visitor,
    page: &cofactor_tests::visitor::Page,
    to: &str,
    typed: &[(&str, &str)],
    headers: &[(&str, &str)],
) -> anyhow::Result<cofactor_tests::http::Answer> {
    let action = format!("/.cofactor/{to}");
    let mut fields = page.hidden(&action)?;
    fields.extend(
        typed
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into())),
    );
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    let headers = [&[kind], headers].concat();
    who.request(
        "POST",
        &action,
        &headers,
        &cofactor_tests::visitor::form(&fields),
    )
}
