//! Passkeys in a real Chromium with a virtual authenticator: the pages that run a script, and what they say where none runs.

use cofactor_tests::browser::{Key, View};

use super::Tested;
use super::ways::{NARROW, Person};

const SCRIPTED: View = View {
    scripts: true,
    ..NARROW
};
const POLICY: &str = "[accounts]\nmethods = ['webauthn', 'totp']\n[webauthn]\nrp-id = 'localhost'\norigins = ['http://localhost:@port@']\n[totp]\nwindow = 10\ndrift-cap = 10\n";

fn person(view: View) -> anyhow::Result<Option<Person>> {
    Person::start_at(POLICY, view, Some("localhost"))
}

#[test]
fn a_passkey_is_made_and_used_and_another_key_is_added() -> Tested {
    let Some(alice) = person(SCRIPTED)? else {
        return Ok(());
    };
    let own = alice.browser.add_authenticator(Key::Platform)?;
    alice.come()?;
    alice.shows("Set up your second factor")?;
    alice.click("details:has(#label-webauthn) summary")?;
    alice.click("details:has(#label-webauthn) button")?;
    alice.shows("Create a passkey")?;
    alice.keep("passkey-create")?;
    alice.click("[data-passkey]")?;
    alice.shows("reached")?;
    let held = alice.browser.credentials(&own)?;
    assert_eq!(held.len(), 1, "{held:?}");
    assert_eq!(held[0]["isResidentCredential"], true);
    assert_eq!(held[0]["rpId"], "localhost");
    // The application is told that it was phishing-resistant.
    let asked = alice.site.application.asked();
    let asked = asked.last().unwrap();
    assert_eq!(asked.all("x-cofactor-level"), ["3"]);
    assert_eq!(asked.all("x-cofactor-method"), ["webauthn"]);

    // Used at the next sign-in.
    alice.sign_out()?;
    alice.come()?;
    alice.shows("Your browser will ask for your passkey")?;
    alice.keep("passkey-use")?;
    assert_eq!(alice.browser.focus()?, "button");
    alice.browser.press(cofactor_tests::browser::ENTER)?;
    alice.shows("reached")?;

    // The same authenticator is refused, with a word; a security key that keeps nothing is added.
    alice.go("devices/add")?;
    alice.click("details:has(#label-webauthn) summary")?;
    alice.type_into("#label-webauthn", " too")?;
    alice.click("details:has(#label-webauthn) button")?;
    alice.shows("Create a passkey")?;
    alice.click("[data-passkey]")?;
    alice.shows("set up already")?;
    alice.keep("passkey-known")?;
    alice.browser.remove_authenticator(&own)?;
    let key = alice.browser.add_authenticator(Key::Security)?;
    alice.click("[data-passkey]")?;
    alice.shows("Your devices")?;
    let held = alice.browser.credentials(&key)?;
    assert_eq!(held[0]["isResidentCredential"], false, "{held:?}");
    alice.shows("Passkey or security key")?;
    alice.keep("passkey-devices")?;

    // One question is for both: the key that is in the port answers.
    alice.sign_out()?;
    alice.come()?;
    alice.shows("Your browser will ask for your passkey")?;
    alice.click("[data-passkey]")?;
    alice.shows("reached")?;

    // Without any, the page says so and stays.
    alice.sign_out()?;
    alice.browser.remove_authenticator(&key)?;
    alice.browser.add_authenticator(Key::Platform)?;
    alice.come()?;
    alice.shows("Your browser will ask for your passkey")?;
    alice.click("[data-passkey]")?;
    alice.shows("That did not work")?;
    alice.keep("passkey-stopped")
}

#[test]
fn without_scripts_the_page_says_so_and_offers_the_rest() -> Tested {
    let Some(alice) = person(SCRIPTED)? else {
        return Ok(());
    };
    alice.browser.add_authenticator(Key::Platform)?;
    alice.come()?;
    alice.click("details:has(#label-webauthn) summary")?;
    alice.click("details:has(#label-webauthn) button")?;
    alice.click("[data-passkey]")?;
    alice.shows("reached")?;
    alice.site.server.enrol("alice", super::SECRET)?;

    let plain = cofactor_tests::browser::Browser::open(NARROW)?;
    let Some(plain) = plain else { return Ok(()) };
    let alice = Person {
        browser: plain,
        ..alice
    };
    alice.come()?;
    alice.shows("Passkeys need JavaScript")?;
    assert!(!alice.browser.has("[data-passkey]:not([hidden])")?);
    alice.keep("passkey-no-script")?;
    alice.click("button[value^='totp']")?;
    alice.shows("Enter the code")?;
    alice.type_into("#code", &super::phone().fresh()?)?;
    alice.click("main form button")?;
    alice.shows("reached")
}

/// Scripts run where a passkey is asked for, from this site's own file, and nowhere else.
#[test]
fn no_other_page_may_run_a_script() -> Tested {
    let site = cofactor_tests::nginx::Site {
        policy: POLICY.to_owned(),
        name: Some("localhost"),
        ..Default::default()
    };
    let Some(site) = cofactor_tests::nginx::Guarded::start(&site)? else {
        return Ok(());
    };
    let mut bob = super::visitor(&site, super::BOB);
    let page = bob.visit("/")?;
    let policy = |page: &cofactor_tests::visitor::Page| {
        let policy = page.answer.header("content-security-policy");
        policy.unwrap_or_default().to_owned()
    };
    assert!(!policy(&page).contains("script-src"));
    let page = bob.submit(&page, "/.cofactor/enrol", &[("label", "Key")])?;
    assert!(policy(&page).starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(page.text().contains("Create a passkey"), "{}", page.text());
    let script = page.text().split("<script src=\"").nth(1).unwrap();
    let script = script.split('"').next().unwrap();
    let script = bob.get(script)?;
    assert_eq!(script.status, 200);
    assert_eq!(
        script.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    Ok(())
}
