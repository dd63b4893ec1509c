//! Passkeys and security keys: the part of a page that has the browser use one, or make one. It is the only thing that takes
//! a script, which is a file of this site's own.

use std::sync::LazyLock;

use axum::response::Response;
use maud::{Markup, html};

use super::page::{kept, kept_path};
use super::texts::Texts;

const SCRIPT: &str = include_str!("passkey.js");

/// The script's path.
pub(super) static SCRIPT_PATH: LazyLock<String> =
    LazyLock::new(|| kept_path("passkey", "js", SCRIPT));

/// The field with what the browser answered.
pub(super) const FIELD: &str = "credential";

/// What the browser is asked to do (WebAuthn section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ceremony {
    /// To make a key.
    Create,
    /// To sign with one.
    Get,
}

/// The script.
pub(super) async fn script() -> Response {
    kept("text/javascript; charset=utf-8", SCRIPT)
}

/// What belongs into the form: a button, which is there only once the script has seen that the browser can.
pub(super) fn ceremony(texts: &Texts, ceremony: Ceremony, options: &str) -> Markup {
    let (name, text) = match ceremony {
        Ceremony::Create => ("create", "create-button"),
        Ceremony::Get => ("get", "get-button"),
    };
    html! {
        input type="hidden" name=(FIELD);
        button type="button" data-passkey=(name) data-options=(options) hidden { (texts.get("passkey", text)) }
    }
}

/// What is said where it does not work.
pub(super) fn troubles(texts: &Texts) -> Markup {
    let text = |key| texts.get("passkey", key);
    html! {
        noscript { p.alert { (text("no-script")) } }
        p.alert #passkey-missing role="alert" data-trouble hidden { (text("missing")) }
        p.alert #passkey-stopped role="alert" data-trouble hidden { (text("stopped")) }
        p.alert #passkey-known role="alert" data-trouble hidden { (text("known")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_text_and_never_markup() {
        let Some(texts) = Texts::accepted(None) else {
            unreachable!("there is always a language");
        };
        let options = r#"{"rp":{"name":"\"><script>alert(1)</script>"}}"#;
        let markup = ceremony(texts, Ceremony::Create, options).into_string();
        assert!(!markup.contains("<script"), "{markup}");
        assert!(markup.contains("&quot;rp&quot;"), "{markup}");
    }
}
