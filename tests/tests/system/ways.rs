//! Every way to confirm a sign-in, in a real browser without scripts: set up, asked for, waited for, refused. What goes out to
//! telephones and mailboxes is carried by hand.

use cofactor_runtime::contract::PhoneDecision;
use cofactor_tests::browser::{Browser, View};
use cofactor_tests::carrier::{Carrier, registration};
use cofactor_tests::nginx::{Guarded, Site};
use cofactor_tests::program::{artefacts, wait_for};
use p256::ecdsa::SigningKey;
use serde_json::json;

use super::{ALICE, Tested};

/// A narrow telephone, without scripts.
pub(crate) const NARROW: View = View {
    width: 360,
    height: 740,
    dark: false,
    scripts: false,
};
const METHODS: &str = "[accounts]\nmethods = ['totp', 'push', 'sms', 'voice', 'email', 'ocra', 'recovery-code', 'temporary-pass', 'app-password']\n";
const RELAXED: &str = "[sends]\ncooldown = '0s'\naccount = 24\nnumber = 0\ncountry = 0\n[totp]\nwindow = 10\ndrift-cap = 10\n";

/// A browser on a guarded site, and what goes out of the host.
pub(crate) struct Person {
    pub(crate) site: Guarded,
    pub(crate) browser: Browser,
    pub(crate) carrier: Carrier,
    pub(crate) home: String,
}

impl Person {
    /// Alice, whose browser has given the password.
    pub(crate) fn start(policy: &str, view: View) -> anyhow::Result<Option<Self>> {
        Self::start_at(policy, view, None)
    }

    pub(crate) fn start_at(
        policy: &str,
        view: View,
        name: Option<&'static str>,
    ) -> anyhow::Result<Option<Self>> {
        let site = Site {
            policy: policy.to_owned(),
            name,
            ..Site::default()
        };
        let Some(site) = Guarded::start(&site)? else {
            return Ok(None);
        };
        let Some(browser) = Browser::open(view)? else {
            return Ok(None);
        };
        let carrier = Carrier::beside(&site.server)?;
        let home = format!("http://{}:{}", name.unwrap_or("127.0.0.1"), site.port);
        Ok(Some(Self {
            site,
            browser,
            carrier,
            home,
        }))
    }

    /// Goes to the site as Alice.
    pub(crate) fn come(&self) -> Tested {
        let password = ALICE.1.replace('\'', "%27").replace(' ', "%20");
        let address = self
            .home
            .replace("http://", &format!("http://alice:{password}@"));
        self.browser.go(&format!("{address}/papers"))
    }

    pub(crate) fn go(&self, path: &str) -> Tested {
        self.browser.go(&format!("{}/.cofactor/{path}", self.home))
    }

    pub(crate) fn shows(&self, text: &str) -> Tested {
        let shown = wait_for(text, || {
            self.browser
                .text()
                .is_ok_and(|shown| shown.contains(text))
                .then_some(())
        });
        shown.map_err(|error| {
            anyhow::anyhow!("{error}: {:?}", self.browser.text().unwrap_or_default())
        })
    }

    pub(crate) fn type_into(&self, selector: &str, typed: &str) -> Tested {
        self.browser.type_into(selector, typed)
    }

    pub(crate) fn click(&self, selector: &str) -> Tested {
        self.browser.activate(selector)
    }

    /// Keeps pictures of the page, and looks whether everything on it has a name and fits.
    pub(crate) fn keep(&self, name: &str) -> Tested {
        let browser = &self.browser;
        super::pages::is_in_order(browser, name)?;
        let rect = browser.rectangle("main")?;
        let right = rect["x"].as_f64().unwrap() + rect["width"].as_f64().unwrap();
        assert!(right <= 360.0, "{name}: {right}");
        browser.portraits(&artefacts()?, name)
    }

    pub(crate) fn sign_out(&self) -> Tested {
        self.go("sign-out")?;
        self.click("main form button")?;
        self.shows("You are signed out")
    }

    /// What the issuing administrator is given.
    pub(crate) fn issue(
        &self,
        method: &str,
        address: Option<&str>,
    ) -> anyhow::Result<serde_json::Value> {
        let mut issuance = json!({"method": method, "label": format!("My {method}")});
        if let Some(address) = address {
            issuance["address"] = json!(address);
        }
        self.site
            .server
            .administer("alice", json!({ "issue": issuance }))
    }

    /// The code of the latest message of that kind.
    pub(crate) fn code(&mut self, kind: &str) -> anyhow::Result<String> {
        let mut last = self.carrier.take(kind)?;
        while let Some(later) = self.carrier.find(kind)? {
            last = later;
        }
        Ok(last.argument("code").to_owned())
    }
}

#[test]
fn by_text_message_with_a_way_back_in() -> Tested {
    let policy = format!("{METHODS}{RELAXED}[enrolment]\nsnooze = '1d'\nsnoozes = 2\n");
    let Some(mut alice) = Person::start(&policy, NARROW)? else {
        return Ok(());
    };
    // The first time it is put off.
    alice.come()?;
    alice.shows("Set up your second factor")?;
    alice.keep("ways-enrol")?;
    alice.click("form[action$='snooze'] button")?;
    alice.shows("reached")?;
    alice.sign_out()?;
    // It holds for a day, so an administrator says that it is enough.
    let enforce = json!({"set-state": "enforced"});
    alice.site.server.administer("alice", enforce)?;
    alice.come()?;
    alice.shows("Set up your second factor")?;
    assert!(!alice.browser.has("form[action$='snooze']")?);
    // Which method, with which number.
    alice.click("details:has(#address-sms) summary")?;
    alice.keep("ways-enrol-number")?;
    alice.type_into("#address-sms", "+49 151 23456742")?;
    alice.click("details:has(#address-sms) button")?;
    alice.shows("***42")?;
    alice.keep("ways-confirm-sent")?;
    alice.type_into("#code", "000000")?;
    alice.click("main form button")?;
    alice.shows("was not accepted")?;
    let code = alice.code("send-text")?;
    alice.type_into("#code", &code)?;
    alice.click("main form button")?;
    // A way back in, shown once.
    alice.shows("Keep a way back in")?;
    alice.keep("ways-recovery-offer")?;
    alice.click("main form button")?;
    alice.shows("Your recovery codes")?;
    alice.keep("ways-recovery-codes")?;
    let codes: Vec<String> = alice
        .browser
        .text_of("pre.secret")?
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(codes.len(), 10);
    // Whoever has not kept them does not go on by mistake.
    alice.click("main form button")?;
    assert!(alice.browser.has("pre.secret")?);
    alice.click("#kept")?;
    alice.click("main form button")?;
    alice.shows("reached")?;
    alice.sign_out()?;

    // A text, another text, and instead of it a recovery code.
    alice.come()?;
    alice.shows("***42")?;
    alice.keep("ways-text")?;
    let first = alice.code("send-text")?;
    alice.click("form[action$='resend'] button")?;
    alice.shows("***42")?;
    let second = alice.code("send-text")?;
    if first != second {
        alice.type_into("#code", &first)?;
        alice.click("main form button")?;
        alice.shows("was not accepted")?;
    }
    alice.click("button[value^='recovery-code']")?;
    alice.shows("Enter one of your recovery codes")?;
    alice.keep("ways-recovery-code")?;
    alice.type_into("#code", &codes[3].to_uppercase())?;
    alice.click("main form button")?;
    alice.shows("reached")?;
    // The list says how many are left.
    alice.go("devices")?;
    alice.shows("9 left")?;
    Ok(())
}

#[test]
fn by_a_notification_that_the_page_waits_for() -> Tested {
    let policy =
        format!("{METHODS}{RELAXED}[devices]\nlifetime = '14d'\n[push]\nnumber-length = 2\n");
    let Some(mut alice) = Person::start(&policy, NARROW)? else {
        return Ok(());
    };
    let key = SigningKey::from_slice(&[7; 32])?;
    let number = |alice: &Person| -> anyhow::Result<String> {
        let shown = alice.browser.text_of("p.number")?;
        Ok(shown.chars().filter(char::is_ascii_digit).collect())
    };
    // Set up: the page shows a number, the device says it, the page goes on by itself.
    alice.come()?;
    alice.click("details:has(#address-push) summary")?;
    alice.type_into("#address-push", &registration(&key))?;
    alice.click("details:has(#address-push) button")?;
    alice.shows("Confirm it on the device")?;
    alice.shows("There are 9 minutes left")?;
    alice.keep("ways-device")?;
    let sent = alice.carrier.take("push")?;
    let shown = number(&alice)?;
    let answer = sent.signed(&key, PhoneDecision::Approved, &shown);
    alice.carrier.answer(&sent, answer)?;
    alice.shows("Keep a way back in")?;
    alice.click("main p.center a")?;
    alice.shows("reached")?;
    alice.sign_out()?;

    // Declined.
    alice.come()?;
    alice.shows("Confirm it elsewhere")?;
    assert!(alice.browser.text()?.contains(" seconds left."));
    assert!(!alice.browser.text()?.contains("are seconds"));
    alice.keep("ways-wait")?;
    let sent = alice.carrier.take("push")?;
    let answer = sent.signed(&key, PhoneDecision::Denied, "");
    alice.carrier.answer(&sent, answer)?;
    alice.shows("You declined on your device")?;
    alice.keep("ways-declined")?;
    // A user who declined is left in peace for a while; an administrator lifts that.
    alice.site.server.administer("alice", json!("unlock"))?;

    // Given up.
    alice.click("a.button")?;
    alice.shows("Confirm it elsewhere")?;
    alice.carrier.take("push")?;
    alice.click("p.center a")?;
    alice.shows("You stopped this sign-in")?;
    alice.keep("ways-stopped")?;
    alice.site.server.administer("alice", json!("unlock"))?;

    // Approved, and the browser is remembered.
    alice.click("a.button")?;
    alice.shows("Confirm it elsewhere")?;
    alice.click("button[name=remember]")?;
    alice.shows("This browser will be remembered for 14 days")?;
    alice.keep("ways-wait-remembered")?;
    let sent = alice.carrier.take("push")?;
    let shown = number(&alice)?;
    let answer = sent.signed(&key, PhoneDecision::Approved, &shown);
    alice.carrier.answer(&sent, answer)?;
    alice.shows("reached")?;
    let device = |alice: &Person| -> anyhow::Result<serde_json::Value> {
        let cookies = alice.browser.cookies()?;
        let found = cookies
            .into_iter()
            .find(|cookie| cookie["name"] == "cofactor-device");
        found.ok_or_else(|| anyhow::anyhow!("no cookie"))
    };
    let before = device(&alice)?;
    assert_eq!(
        (&before["httpOnly"], &before["sameSite"]),
        (&json!(true), &json!("Lax"))
    );
    // The next sign-in asks nothing, and the token is another one.
    alice.sign_out()?;
    alice.come()?;
    alice.shows("reached")?;
    assert_ne!(device(&alice)?["value"], before["value"]);
    assert!(alice.carrier.find("push")?.is_none());
    Ok(())
}

#[test]
fn by_a_call_that_nobody_takes_and_by_mail_instead() -> Tested {
    let policy = format!("{METHODS}{RELAXED}[email]\npossession = true\n");
    let Some(mut alice) = Person::start(&policy, NARROW)? else {
        return Ok(());
    };
    alice.issue("voice", Some("+49 30 1234567"))?;
    alice.issue("email", Some("alice@example.com"))?;
    alice.come()?;
    alice.shows("You are being called")?;
    alice.keep("ways-call")?;
    let call = alice.carrier.take("place-call")?;
    alice
        .carrier
        .answer(&call, call.called(PhoneDecision::NoAnswer))?;
    alice.shows("Nobody answered")?;
    alice.click("a.button")?;
    alice.shows("You are being called")?;
    let call = alice.carrier.take("place-call")?;
    alice
        .carrier
        .answer(&call, call.called(PhoneDecision::Digits("#".to_owned())))?;
    alice.shows("reached")?;
    alice.sign_out()?;
    alice.come()?;
    alice.shows("You are being called")?;
    alice.click("button[value^='email']")?;
    alice.shows("was sent to a")?;
    alice.keep("ways-mail")?;
    let code = alice.code("send-mail")?;
    alice.type_into("#code", &code)?;
    alice.click("main form button")?;
    alice.shows("reached")
}

#[test]
fn by_a_token_that_answers_questions_and_by_a_pass() -> Tested {
    let Some(alice) = Person::start(&format!("{METHODS}{RELAXED}"), NARROW)? else {
        return Ok(());
    };
    alice.issue("ocra", None)?;
    let issued = alice.issue("temporary-pass", None)?;
    let pass = issued.pointer("/outcome/done/provisioning/payload");
    let pass = pass.and_then(serde_json::Value::as_str).unwrap().to_owned();
    alice.come()?;
    alice.shows("Type this into your token")?;
    assert_eq!(alice.browser.text_of("#question")?.len(), 8);
    alice.keep("ways-question")?;
    alice.type_into("#code", "00000000")?;
    alice.click("main form button")?;
    alice.shows("was not accepted")?;
    alice.click("button[value^='temporary-pass']")?;
    alice.shows("Enter the pass that you were given")?;
    alice.keep("ways-pass")?;
    alice.type_into("#code", &pass)?;
    alice.click("main form button")?;
    alice.shows("reached")?;
    // Fresh enough to set something up: a token of an app.
    alice.go("devices/add")?;
    alice.keep("ways-add")?;
    alice.click("details:has(#label-ocra) summary")?;
    alice.click("details:has(#label-ocra) button")?;
    alice.shows("Set up the token")?;
    alice.keep("ways-token")?;
    Ok(())
}

#[test]
fn with_a_pin_that_the_user_chooses() -> Tested {
    let policy = format!("{RELAXED}[pin]\nmethods = ['totp']\niterations = 1000\n");
    let Some(alice) = Person::start(&policy, NARROW)? else {
        return Ok(());
    };
    alice.site.server.enrol("alice", super::SECRET)?;
    let mut phone = super::phone();
    alice.come()?;
    alice.shows("Confirm it's you")?;
    alice.keep("ways-pin")?;
    alice.type_into("#code", &phone.fresh()?)?;
    alice.click("main form button")?;
    alice.shows("Choose a PIN")?;
    alice.keep("ways-new-pin")?;
    alice.type_into("#new-pin", "123456")?;
    alice.click("main form button")?;
    alice.shows("This PIN cannot be used")?;
    alice.type_into("#new-pin", "a-good-pin")?;
    alice.click("main form button")?;
    alice.shows("reached")?;
    alice.sign_out()?;
    // From then on both are typed.
    alice.come()?;
    alice.type_into("#code", &phone.fresh()?)?;
    alice.click("main form button")?;
    alice.shows("was not accepted")?;
    alice.type_into("#pin", "a-good-pin")?;
    alice.type_into("#code", &phone.fresh()?)?;
    alice.click("main form button")?;
    alice.shows("reached")?;
    alice.go("devices")?;
    alice.shows("Change the PIN")
}
