//! The pages in a real browser, without scripts, by keyboard alone. Pictures are kept in tests/artefacts.

use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::browser::{Browser, ENTER, TAB, View};
use cofactor_tests::nginx::Guarded;
use cofactor_tests::program::{artefacts, peer, wait_for};

use super::{Tested, patient};

const TABLET: View = View {
    width: 820,
    height: 1180,
    dark: false,
    scripts: false,
};

#[test]
fn on_a_telephone_by_keyboard_alone() -> Tested {
    walk(View::PHONE, "phone")
}

#[test]
fn on_a_dark_desktop_by_keyboard_alone() -> Tested {
    walk(View::DESKTOP_DARK, "dark")
}

/// What a scanner reads from the picture, as it is shown. None where the scanner may be missing.
fn scanned(browser: &Browser) -> anyhow::Result<Option<String>> {
    let Some(zbarimg) = peer("zbarimg") else {
        return Ok(None);
    };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("picture.png");
    browser.picture("svg[role=img]", &file)?;
    let output = std::process::Command::new(zbarimg)
        .args(["--quiet", "--raw"])
        .arg(&file)
        .output()?;
    anyhow::ensure!(output.status.success(), "nothing was read: {output:?}");
    Ok(Some(String::from_utf8(output.stdout)?.trim().to_owned()))
}

/// One person's whole way: enrol, sign out, mistype, sign in, look at the devices, get lost.
fn walk(view: View, name: &str) -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let Some(browser) = Browser::open(view)? else {
        return Ok(());
    };
    let picture = |page: &str| -> Tested {
        looks_right(&browser, page)?;
        browser.screenshot(&artefacts()?.join(format!("{name}-{page}.png")))
    };
    let home = format!("http://127.0.0.1:{}", site.port);
    let shows = |text: &str| {
        wait_for(text, || {
            browser
                .text()
                .is_ok_and(|shown| shown.contains(text))
                .then_some(())
        })
    };

    // The password, once, as a browser remembers it; then the page that the visitor wanted.
    let wanted = format!("{home}/papers?page=7");
    browser.go(&wanted.replace("http://", "http://alice:alice's%20password@"))?;
    picture("enrol")?;
    assert!(browser.title()?.starts_with("Set up your second factor"));
    browser.tab_to("input#label")?;
    browser.press(ENTER)?;
    shows("Scan the picture")?;
    picture("confirm")?;
    browser.tab_to("summary")?;
    browser.press(ENTER)?;
    let key = browser.text_of("code.key")?;
    picture("confirm-key")?;
    let Some(mut phone) = Authenticator::with(&key) else {
        return Ok(());
    };
    if let Some(scanned) = scanned(&browser)? {
        // What a camera reads is what the page says for typing, for this user, with the parameters that the host expects.
        let typed: String = key.split_whitespace().collect();
        assert!(scanned.starts_with("otpauth://totp/"), "{scanned}");
        assert!(scanned.contains(":alice?"), "{scanned}");
        let parameters = scanned.split_once('?').map_or("", |(_, rest)| rest);
        let parameters: Vec<_> = parameters.split('&').collect();
        for expected in [&format!("secret={typed}"), "digits=6", "period=30"] {
            assert!(parameters.contains(&expected), "{scanned}");
        }
    }
    browser.tab_to("input#code")?;
    browser.type_keys("12345")?;
    browser.press(ENTER)?;
    shows("was not accepted")?;
    picture("confirm-wrong")?;
    assert_eq!(browser.focus()?, "input#code");
    browser.type_keys(&phone.fresh()?)?;
    browser.press(ENTER)?;
    shows("reached")?;
    assert_eq!(browser.address()?, wanted);

    browser.go(&format!("{home}/.cofactor/sign-out"))?;
    picture("sign-out")?;
    assert_eq!(browser.focus()?, "button");
    browser.press(ENTER)?;
    shows("You are signed out")?;
    picture("signed-out")?;

    browser.go(&wanted)?;
    assert!(browser.title()?.starts_with("Confirm it's you"));
    picture("challenge")?;
    // Nothing has to be pressed before the code is typed.
    assert_eq!(browser.focus()?, "input#code");
    browser.type_keys("000000")?;
    browser.press(ENTER)?;
    shows("was not accepted")?;
    picture("wrong")?;
    assert!(browser.title()?.starts_with("Error: "));
    assert_eq!(
        browser.attribute("#problem", "role")?.as_deref(),
        Some("alert")
    );
    assert_eq!(
        browser.attribute("#code", "aria-invalid")?.as_deref(),
        Some("true")
    );
    assert_eq!(browser.focus()?, "input#code");
    // As authenticators show it, with a blank in the middle.
    let code = phone.fresh()?;
    browser.type_keys(&format!("{} {}", &code[..3], &code[3..]))?;
    browser.press(ENTER)?;
    shows("reached")?;
    assert_eq!(browser.address()?, wanted);
    assert!(
        browser
            .cookies()?
            .iter()
            .all(|cookie| cookie["httpOnly"] == true && cookie["sameSite"] == "Lax")
    );

    browser.go(&format!("{home}/.cofactor/devices"))?;
    picture("devices")?;
    browser.tab_to("summary")?;
    browser.press(ENTER)?;
    browser.press(TAB)?;
    picture("rename")?;
    browser.go(&format!("{home}/.cofactor/devices/add"))?;
    picture("add")?;
    browser.tab_to("input#label")?;
    browser.press(ENTER)?;
    shows("Scan the picture")?;
    browser.go(&format!("{home}/.cofactor/nothing"))?;
    picture("not-found")?;
    // The form of an earlier page that comes without its token.
    browser.go(&format!("{home}/.cofactor/finish?ticket=x"))?;
    picture("over")?;

    // Nothing was asked of anybody else, on any page.
    let requests = browser.requests()?;
    assert!(requests.len() > 10, "{requests:?}");
    for address in requests {
        let own = address.starts_with(&format!("{home}/")) || address.contains("@127.0.0.1");
        // What is in the page already, and the browser's own first tab.
        let is_local = address.starts_with("data:") || address.starts_with("chrome:");
        assert!(own || is_local, "{address}");
    }
    Ok(())
}

/// What every page has, whether it may run a script or not.
pub(crate) fn is_in_order(browser: &Browser, page: &str) -> Tested {
    assert_eq!(browser.spoken("h1")?.len(), 1, "{page}");
    assert_eq!(browser.spoken("main, header, footer")?.len(), 3, "{page}");
    let controls = "input:not([type=hidden]), button, a, summary, svg[role=img]";
    for (role, name) in browser.spoken(controls)? {
        // What is folded away is told to nobody.
        assert!(
            !name.trim().is_empty() || matches!(role.as_str(), "none" | "ignored" | "generic"),
            "{page}: a {role} without a name"
        );
    }
    assert!(!browser.has("iframe, [style], [onclick]")?, "{page}");
    Ok(())
}

/// What every page has: a language, one heading, landmarks, and a name for everything that can be used.
fn looks_right(browser: &Browser, page: &str) -> Tested {
    assert_eq!(
        browser.attribute("html", "lang")?.as_deref(),
        Some("en"),
        "{page}"
    );
    is_in_order(browser, page)?;
    assert!(!browser.has("script")?, "{page}");
    Ok(())
}

#[test]
fn in_between_sizes_nothing_is_cut_off() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    for (view, name) in [
        (TABLET, "tablet"),
        (
            View {
                width: 320,
                height: 568,
                dark: true,
                scripts: true,
            },
            "small",
        ),
    ] {
        let Some(browser) = Browser::open(view)? else {
            return Ok(());
        };
        let home = format!("http://bob:bob's%20password@127.0.0.1:{}/", site.port);
        browser.go(&home)?;
        browser.tab_to("input#label")?;
        browser.press(ENTER)?;
        wait_for("the picture", || {
            browser.has("figure.qr svg").ok()?.then_some(())
        })?;
        browser.screenshot(&artefacts()?.join(format!("{name}-confirm.png")))?;
        let size = |dimension: &str| -> anyhow::Result<f64> {
            let rect = browser.rectangle("main")?;
            Ok(rect[dimension].as_f64().unwrap_or(f64::MAX))
        };
        let right = size("x")? + size("width")?;
        assert!(
            right <= f64::from(view.width),
            "{name}: {right} of {}",
            view.width
        );
        for part in ["h1", "figure.qr svg", "#code", "button"] {
            let rect = browser.rectangle(part)?;
            let right = rect["x"].as_f64().unwrap() + rect["width"].as_f64().unwrap();
            assert!(
                right <= f64::from(view.width),
                "{name}: {part} ends at {right}"
            );
        }
    }
    Ok(())
}
