//! A person at a real Chromium, by WebDriver: what is seen, typed and pressed. Scripts can be switched off.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Running, free_port, peer, wait_for};

/// How the page is shown.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Width in CSS pixels.
    pub width: u32,
    /// Height in CSS pixels.
    pub height: u32,
    /// Whether the user prefers a dark page.
    pub dark: bool,
    /// Whether pages may run scripts.
    pub scripts: bool,
}

impl View {
    /// A telephone held upright, light, without scripts.
    pub const PHONE: Self = Self {
        width: 390,
        height: 844,
        dark: false,
        scripts: false,
    };
    /// A desktop window, dark, without scripts.
    pub const DESKTOP_DARK: Self = Self {
        width: 1280,
        height: 900,
        dark: true,
        scripts: false,
    };
}

/// Which authenticator a person has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Of the machine itself: keeps the passkey and knows its user.
    Platform,
    /// A security key: keeps nothing and knows nobody.
    Security,
}

/// The return key, as WebDriver writes it.
pub const ENTER: char = '\u{e007}';
/// The space bar, as WebDriver writes it.
pub const SPACE: char = '\u{e00d}';
/// The tabulator key, as WebDriver writes it.
pub const TAB: char = '\u{e004}';

/// One browser with a profile of its own.
pub struct Browser {
    agent: ureq::Agent,
    session: String,
    _driver: Running,
    _profile: TempDir,
}

impl Browser {
    /// Opens a browser. None where Chromium may be missing.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn open(view: View) -> anyhow::Result<Option<Self>> {
        // Who does without the browser does without its driver.
        let Some(chromium) = peer("chromium") else {
            return Ok(None);
        };
        let Some(driver) = peer("chromedriver") else {
            return Ok(None);
        };
        let port = free_port()?;
        let profile = tempfile::tempdir()?;
        let driver = Running::start(
            Command::new(driver)
                .arg(format!("--port={port}"))
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build();
        let agent = ureq::Agent::new_with_config(config);
        let base = format!("http://127.0.0.1:{port}");
        wait_for("chromedriver", || {
            agent.get(format!("{base}/status")).call().ok()
        })?;
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            format!("--window-size={},{}", view.width, view.height),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        if view.dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let scripts = if view.scripts { 1 } else { 2 };
        // A window cannot be as narrow as a telephone; what the page is told can.
        let is_narrow = view.width < 600;
        let metrics = json!({
            "width": view.width, "height": view.height, "mobile": is_narrow, "touch": is_narrow,
            "pixelRatio": if is_narrow { 2.0 } else { 1.0 },
        });
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "acceptInsecureCerts": true,
            "goog:chromeOptions": {
                "binary": chromium,
                "args": arguments,
                "mobileEmulation": {"deviceMetrics": metrics},
                "prefs": {"profile.managed_default_content_settings.javascript": scripts},
                "perfLoggingPrefs": {"enableNetwork": true, "enablePage": false},
            },
            "goog:loggingPrefs": {"performance": "ALL"},
        }}});
        let opened = value(agent.post(format!("{base}/session")).send_json(wanted)?)?;
        let id = opened
            .get("sessionId")
            .and_then(Value::as_str)
            .context("no session")?;
        Ok(Some(Self {
            session: format!("{base}/session/{id}"),
            agent,
            _driver: driver,
            _profile: profile,
        }))
    }

    /// Goes to an address.
    ///
    /// # Errors
    /// Where the browser cannot.
    pub fn go(&self, address: &str) -> anyhow::Result<()> {
        self.post("url", json!({ "url": address })).map(drop)
    }

    /// The address shown.
    ///
    /// # Errors
    /// Where the browser does not answer.
    pub fn address(&self) -> anyhow::Result<String> {
        text(self.get("url")?)
    }

    /// The page's title.
    ///
    /// # Errors
    /// Where the browser does not answer.
    pub fn title(&self) -> anyhow::Result<String> {
        text(self.get("title")?)
    }

    /// All text that the page shows.
    ///
    /// # Errors
    /// Where the browser does not answer.
    pub fn text(&self) -> anyhow::Result<String> {
        self.text_of("body")
    }

    /// The text of the first element that the CSS selector finds.
    ///
    /// # Errors
    /// Where there is none.
    pub fn text_of(&self, selector: &str) -> anyhow::Result<String> {
        let element = self.element(selector)?;
        text(self.get(&format!("element/{element}/text"))?)
    }

    /// An attribute of the first element that the CSS selector finds.
    ///
    /// # Errors
    /// Where there is none.
    pub fn attribute(&self, selector: &str, name: &str) -> anyhow::Result<Option<String>> {
        let element = self.element(selector)?;
        Ok(self
            .get(&format!("element/{element}/attribute/{name}"))?
            .as_str()
            .map(str::to_owned))
    }

    /// Whether the CSS selector finds anything.
    ///
    /// # Errors
    /// Where the browser does not answer.
    pub fn has(&self, selector: &str) -> anyhow::Result<bool> {
        let found = self.post(
            "elements",
            json!({"using": "css selector", "value": selector}),
        )?;
        Ok(found
            .as_array()
            .is_some_and(|elements| !elements.is_empty()))
    }

    /// Types into a field.
    ///
    /// # Errors
    /// Where there is no such field.
    pub fn type_into(&self, selector: &str, typed: &str) -> anyhow::Result<()> {
        let element = self.element(selector)?;
        self.post(
            &format!("element/{element}/value"),
            json!({ "text": typed }),
        )
        .map(drop)
    }

    /// Presses a key in whatever has the focus: what a person without a mouse does.
    ///
    /// # Errors
    /// Where the browser does not answer.
    pub fn press(&self, key: char) -> anyhow::Result<()> {
        let strokes = json!([{"type": "keyDown", "value": key.to_string()}, {"type": "keyUp", "value": key.to_string()}]);
        self.post(
            "actions",
            json!({"actions": [{"type": "key", "id": "keys", "actions": strokes}]}),
        )
        .map(drop)
    }

    /// Types with the keyboard, into whatever has the focus.
    ///
    /// # Errors
    /// Where the browser does not answer.
    pub fn type_keys(&self, typed: &str) -> anyhow::Result<()> {
        typed.chars().try_for_each(|key| self.press(key))
    }

    /// What has the focus: the element's name, with `#id` where it has one.
    ///
    /// # Errors
    /// Where the browser does not answer.
    pub fn focus(&self) -> anyhow::Result<String> {
        let element = element_of(&self.get("element/active")?)?;
        let name = text(self.get(&format!("element/{element}/name"))?)?.to_lowercase();
        let id = self.get(&format!("element/{element}/attribute/id"))?;
        Ok(match id.as_str() {
            Some(id) if !id.is_empty() => format!("{name}#{id}"),
            _ => name,
        })
    }

    /// Moves the focus by the tabulator key until it is on such an element, as [`Browser::focus`] names it.
    ///
    /// # Errors
    /// Where it never gets there.
    pub fn tab_to(&self, wanted: &str) -> anyhow::Result<()> {
        let mut passed = Vec::new();
        for _ in 0..40 {
            let focus = self.focus()?;
            if focus == wanted {
                return Ok(());
            }
            passed.push(focus);
            self.press(TAB)?;
        }
        bail!("the keyboard does not lead to {wanted}: {passed:?}")
    }

    /// What assistive technology is told of each element that the CSS selector finds: role and name.
    ///
    /// # Errors
    /// Where the browser does not answer.
    pub fn spoken(&self, selector: &str) -> anyhow::Result<Vec<(String, String)>> {
        let found = self.post(
            "elements",
            json!({"using": "css selector", "value": selector}),
        )?;
        let mut spoken = Vec::new();
        for element in found.as_array().into_iter().flatten() {
            let element = element_of(element)?;
            spoken.push((
                text(self.get(&format!("element/{element}/computedrole"))?)?,
                text(self.get(&format!("element/{element}/computedlabel"))?)?,
            ));
        }
        Ok(spoken)
    }

    /// Where the first element that the CSS selector finds is, in CSS pixels: `x`, `y`, `width`, `height`.
    ///
    /// # Errors
    /// Where there is none.
    pub fn rectangle(&self, selector: &str) -> anyhow::Result<Value> {
        let element = self.element(selector)?;
        self.get(&format!("element/{element}/rect"))
    }

    /// The addresses of all requests that the pages have made since the last call.
    ///
    /// # Errors
    /// Where the browser does not answer.
    pub fn requests(&self) -> anyhow::Result<Vec<String>> {
        let log = self.post("se/log", json!({"type": "performance"}))?;
        let mut addresses = Vec::new();
        for entry in log.as_array().into_iter().flatten() {
            let message = entry
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let message: Value = serde_json::from_str(message)?;
            let is_request =
                message.pointer("/message/method") == Some(&json!("Network.requestWillBeSent"));
            let address = message.pointer("/message/params/request/url");
            if let (true, Some(address)) = (is_request, address.and_then(Value::as_str)) {
                addresses.push(address.to_owned());
            }
        }
        Ok(addresses)
    }

    /// Clicks the first element that the CSS selector finds. Only where pages may run scripts: without them the driver waits
    /// for ever.
    ///
    /// # Errors
    /// Where there is none.
    pub fn click(&self, selector: &str) -> anyhow::Result<()> {
        let element = self.element(selector)?;
        self.post(&format!("element/{element}/click"), json!({}))
            .map(drop)
    }

    /// Uses the first element that the CSS selector finds by the keyboard, which also works where pages run no scripts: a button,
    /// a link, a summary, a box to tick.
    ///
    /// # Errors
    /// Where there is none, or the keyboard does not reach it.
    pub fn activate(&self, selector: &str) -> anyhow::Result<()> {
        let is_box = self.attribute(selector, "type")?.as_deref() == Some("checkbox");
        let key = if is_box { SPACE } else { ENTER };
        self.type_into(selector, &key.to_string())
    }

    /// The cookies of the page: name and attributes.
    ///
    /// # Errors
    /// Where the browser does not answer.
    pub fn cookies(&self) -> anyhow::Result<Vec<Value>> {
        Ok(self.get("cookie")?.as_array().cloned().unwrap_or_default())
    }

    /// Keeps a picture of what is seen.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub fn screenshot(&self, file: &Path) -> anyhow::Result<()> {
        let encoded = text(self.get("screenshot")?)?;
        let png = base64::engine::general_purpose::STANDARD.decode(encoded)?;
        Ok(std::fs::write(file, png)?)
    }

    /// Keeps a picture of the first element that the CSS selector finds.
    ///
    /// # Errors
    /// Where there is none.
    pub fn picture(&self, selector: &str, file: &Path) -> anyhow::Result<()> {
        let element = self.element(selector)?;
        let encoded = text(self.get(&format!("element/{element}/screenshot"))?)?;
        let png = base64::engine::general_purpose::STANDARD.decode(encoded)?;
        Ok(std::fs::write(file, png)?)
    }

    /// Keeps a picture of the whole page, light and dark, also of what is below the fold.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub fn portraits(&self, folder: &Path, name: &str) -> anyhow::Result<()> {
        for scheme in ["dark", "light"] {
            // Colours change slowly where motion is wanted.
            let media = json!({"features": [
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ]});
            self.tool("Emulation.setEmulatedMedia", media)?;
            let taken = self.tool(
                "Page.captureScreenshot",
                json!({"format": "png", "captureBeyondViewport": true}),
            )?;
            let encoded = taken.get("data").and_then(Value::as_str);
            let png =
                base64::engine::general_purpose::STANDARD.decode(encoded.context("no picture")?)?;
            std::fs::write(folder.join(format!("{name}-{scheme}.png")), png)?;
        }
        Ok(())
    }

    /// Puts an authenticator into the machine: one of its own that keeps passkeys, or a security key in the USB port that keeps
    /// none. Its user is always there and always willing. Gives its name.
    ///
    /// # Errors
    /// Where the browser does not answer.
    pub fn add_authenticator(&self, kind: Key) -> anyhow::Result<String> {
        let is_own = kind == Key::Platform;
        let added = self.post(
            "webauthn/authenticator",
            json!({
                "protocol": "ctap2",
                "transport": if is_own { "internal" } else { "usb" },
                "hasResidentKey": is_own,
                "hasUserVerification": is_own,
                "isUserConsenting": true,
                "isUserVerified": is_own,
            }),
        )?;
        text(added)
    }

    /// Takes an authenticator away.
    ///
    /// # Errors
    /// Where there is none of that name.
    pub fn remove_authenticator(&self, name: &str) -> anyhow::Result<()> {
        self.agent
            .delete(format!("{}/webauthn/authenticator/{name}", self.session))
            .call()
            .map_err(anyhow::Error::from)
            .and_then(value)
            .map(drop)
    }

    /// The credentials that an authenticator holds.
    ///
    /// # Errors
    /// Where there is none of that name.
    pub fn credentials(&self, name: &str) -> anyhow::Result<Vec<Value>> {
        let held = self.get(&format!("webauthn/authenticator/{name}/credentials"))?;
        Ok(held.as_array().cloned().unwrap_or_default())
    }

    /// A command of the browser's debugging protocol.
    fn tool(&self, command: &str, parameters: Value) -> anyhow::Result<Value> {
        self.post(
            "goog/cdp/execute",
            json!({"cmd": command, "params": parameters}),
        )
    }

    /// The first element that fits. A key that was pressed may still be on its way to the page that has it.
    fn element(&self, selector: &str) -> anyhow::Result<String> {
        let which = json!({"using": "css selector", "value": selector});
        let found = wait_for(selector, || self.post("element", which.clone()).ok());
        let found = found.with_context(|| {
            format!(
                "looking for `{selector}` on {}",
                self.address().unwrap_or_default()
            )
        })?;
        element_of(&found)
    }

    fn get(&self, path: &str) -> anyhow::Result<Value> {
        value(self.agent.get(format!("{}/{path}", self.session)).call()?)
    }

    fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        value(
            self.agent
                .post(format!("{}/{path}", self.session))
                .send_json(body)?,
        )
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.agent.delete(&self.session).call();
    }
}

fn element_of(found: &Value) -> anyhow::Result<String> {
    let id = found
        .as_object()
        .and_then(|fields| fields.values().next())
        .and_then(Value::as_str);
    Ok(id.context("no element")?.to_owned())
}

fn value(mut answer: ureq::http::Response<ureq::Body>) -> anyhow::Result<Value> {
    let body: Value = answer.body_mut().read_json()?;
    let value = body.get("value").cloned().unwrap_or_default();
    match value.get("error").and_then(Value::as_str) {
        Some(error) => bail!(
            "{error}: {}",
            value
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or_default()
        ),
        None => Ok(value),
    }
}

fn text(value: Value) -> anyhow::Result<String> {
    Ok(value.as_str().context("not a text")?.to_owned())
}
