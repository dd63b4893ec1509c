//! What the pages have to know of the methods: what they are called, and what their users have to say when they set one up.
//! Which of them may be used is the component's to say.

use super::texts::Texts;

/// What setting up takes besides a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// Nothing.
    None,
    /// A telephone number.
    Telephone,
    /// A mailbox.
    Mail,
    /// The application that a password is for.
    Application,
    /// What an app shows for its own registration (docs/push.md).
    Device,
}

/// A method that users set up here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Method {
    /// The name that the contract carries.
    pub(super) name: &'static str,
    /// What it takes.
    pub(super) address: Address,
}

/// Every method that can be set up on a page, the preferred first. Recovery codes are made with a button of their own.
const METHODS: [Method; 9] = [
    method("webauthn", Address::None),
    method("totp", Address::None),
    method("hotp", Address::None),
    method("push", Address::Device),
    method("sms", Address::Telephone),
    method("voice", Address::Telephone),
    method("email", Address::Mail),
    method("ocra", Address::None),
    method("app-password", Address::Application),
];

/// The way back in that is made beside other methods.
pub(super) const RECOVERY: &str = "recovery-code";

const fn method(name: &'static str, address: Address) -> Method {
    Method { name, address }
}

/// Those of the allowed methods that can be set up on a page. An app for codes holds either kind: one of them is enough.
pub(super) fn allowed(names: &[String]) -> Vec<&'static Method> {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    METHODS
        .iter()
        .filter(|method| has(method.name) && !(method.name == "hotp" && has("totp")))
        .collect()
}

/// The method of that name, if it can be set up on a page.
#[cfg(test)]
fn of(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// What a credential of the method is.
pub(super) fn kind<'a>(texts: &'a Texts, name: &'a str) -> &'a str {
    texts.find("kind", name).unwrap_or(name)
}

/// What using the method means, where it is offered.
pub(super) fn offered<'a>(texts: &'a Texts, name: &'a str) -> &'a str {
    texts.find("offer", name).unwrap_or(name)
}

/// Whether it is the user's way in, and not one back in or a program's: only such a one is asked for first.
pub(super) fn is_ordinary(name: &str) -> bool {
    !matches!(name, RECOVERY | "temporary-pass" | "app-password")
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<&'static str> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        allowed(&names).iter().map(|method| method.name).collect()
    }

    #[test]
    fn a_page_offers_what_the_policy_allows_and_one_kind_of_app() {
        assert_eq!(names(&["hotp", "totp"]), ["totp"]);
        assert_eq!(names(&["hotp"]), ["hotp"]);
        assert_eq!(
            names(&["sms", "acme.palm", "webauthn"]),
            ["webauthn", "sms"]
        );
        assert_eq!(names(&["recovery-code", "temporary-pass"]), [""; 0]);
    }

    #[test]
    fn every_method_of_the_component_has_words_in_every_language() {
        for texts in Texts::all() {
            for name in cofactor_component_methods() {
                assert!(texts.find("kind", name).is_some(), "{name}");
                assert!(texts.find("offer", name).is_some(), "{name}");
                if of(name).is_some() {
                    for text in ["title", "lead", "name"] {
                        let key = format!("{name}-{text}");
                        assert!(texts.find("setup", &key).is_some(), "{key}");
                    }
                }
            }
        }
    }

    fn cofactor_component_methods() -> [&'static str; 11] {
        [
            "webauthn",
            "totp",
            "hotp",
            "ocra",
            "push",
            "sms",
            "voice",
            "email",
            RECOVERY,
            "temporary-pass",
            "app-password",
        ]
    }
}
