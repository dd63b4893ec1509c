//! `cofactor demo`, as a person sees it who has just typed `make run`.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::browser::{Browser, ENTER, TAB, View};
use cofactor_tests::program::{artefacts, free_port, own, wait_for};

use super::Tested;

#[test]
fn a_person_sees_it_work() -> Tested {
    let Some(browser) = Browser::open(View::DESKTOP_DARK)? else {
        return Ok(());
    };
    let mut demo = Command::new(own("cofactor")?)
        .args(["demo", "--listen", &format!("127.0.0.1:{}", free_port()?)])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut told = std::collections::BTreeMap::new();
    for line in BufReader::new(demo.stdout.take().unwrap()).lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        if let (Some(what), Some(value)) = (words.next(), words.next()) {
            told.insert(what.to_owned(), value.to_owned());
        }
        if line.contains("Ctrl-C") {
            break;
        }
    }
    let seen = sees(&browser, &told["Open"], &told["User"], &told["Password"]);
    Command::new("kill").arg(demo.id().to_string()).status()?;
    let ended = demo.wait()?;
    seen?;
    assert!(ended.success(), "{ended}");
    Ok(())
}

fn sees(browser: &Browser, open: &str, user: &str, password: &str) -> Tested {
    let shows = |text: &str| {
        wait_for(text, || {
            browser
                .text()
                .is_ok_and(|shown| shown.contains(text))
                .then_some(())
        })
    };
    let password_page = |password: &str| -> Tested {
        shows("User name")?;
        assert_eq!(browser.focus()?, "input#user");
        browser.type_keys(user)?;
        browser.press(TAB)?;
        browser.type_keys(password)?;
        browser.press(ENTER)
    };
    browser.go(open)?;
    browser.screenshot(&artefacts()?.join("demo-sign-in.png"))?;
    password_page("wrong")?;
    shows("wrong")?;
    password_page(password)?;

    shows("Set up your second factor")?;
    browser.screenshot(&artefacts()?.join("demo-enrol.png"))?;
    browser.tab_to("input#label")?;
    browser.press(ENTER)?;
    shows("Scan the picture")?;
    browser.tab_to("summary")?;
    browser.press(ENTER)?;
    let Some(phone) = Authenticator::with(&browser.text_of("code.key")?) else {
        return Ok(());
    };
    let code = phone.code()?;
    browser.tab_to("input#code")?;
    browser.type_keys(&code)?;
    browser.press(ENTER)?;

    shows("Hello, alice")?;
    shows("Remote-User")?;
    browser.screenshot(&artefacts()?.join("demo-application.png"))?;
    let text = browser.text()?;
    assert!(text.contains("totp"), "{text}");

    browser.click("main form button")?;
    password_page(password)?;
    shows("Enter the code")?;
    browser.type_keys(&code)?;
    browser.press(ENTER)?;
    shows("was not accepted")?;
    browser.screenshot(&artefacts()?.join("demo-replay.png"))?;
    Ok(())
}
