//! User names: one canonical form at every gateway, made before anything is looked up, counted or compared.
//!
//! The form is PRECIS `UsernameCaseMapped` (RFC 8265 section 3.3) with three rules of our own:
//!
//! * blanks at the end go, because directories ignore them;
//! * `REALM\user` becomes `user@domain` by a configured table, and a realm that is not in the table is refused, so that
//!   one person never has two sets of counters;
//! * more than one `@`, or an `@` with nothing on one side, is refused.
//!
//! Everything else that PRECIS bars (blanks inside, controls, invisible and compatibility characters, symbols) is
//! refused and never repaired: a name that is folded too far would be another person's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use serde::Deserialize;
use unicode_script::{Script, UnicodeScript};

/// A user name in its canonical form: 1 to 255 octets of UTF-8. Two spellings of one user give equal values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalName(String);

impl CanonicalName {
    /// The longest name, in octets, before and after it was made canonical.
    pub const LONGEST: usize = 255;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Refuses to set up a device for a name that mixes letters of several scripts, as `alice` with a Cyrillic `i`: it is
    /// there to be taken for another (ID-01). Such a name is somebody's all the same, and may sign in. Every door asks
    /// this; an operator's own command does not.
    ///
    /// # Errors
    /// [`NameError::MixedScripts`].
    pub fn may_enrol(&self) -> Result<(), NameError> {
        if self.mixes_scripts() {
            return Err(NameError::MixedScripts);
        }
        Ok(())
    }

    /// Japanese, Korean and Chinese combinations (UTS 39 section 5.1) are one script here.
    fn mixes_scripts(&self) -> bool {
        const TOGETHER: [&[Script]; 3] = [
            &[Script::Han, Script::Hiragana, Script::Katakana],
            &[Script::Han, Script::Hangul],
            &[Script::Han, Script::Bopomofo],
        ];
        let scripts: Vec<Script> = self
            .0
            .chars()
            .map(|c| c.script())
            .filter(|script| !matches!(script, Script::Common | Script::Inherited))
            .collect();
        let one = scripts.windows(2).all(|pair| pair.first() == pair.last());
        let family = TOGETHER
            .iter()
            .any(|family| scripts.iter().all(|script| family.contains(script)));
        !one && !family
    }
}

impl fmt::Display for CanonicalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CanonicalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Why a name is refused. Says nothing about whether such a user exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left of it.
    #[error("the user name is empty")]
    Empty,
    /// It has more than [`CanonicalName::LONGEST`] octets.
    #[error("the user name is longer than 255 octets")]
    TooLong,
    /// It is not UTF-8.
    #[error("the user name is not UTF-8")]
    Encoding,
    /// It has a character that RFC 8265 bars from user names, or breaks its rule for right-to-left text.
    #[error("the user name has a character that user names cannot have (RFC 8265)")]
    Character,
    /// It has more than one realm, or half of one.
    #[error("the user name has a realm that cannot be read")]
    Realm,
    /// Its letters are of several scripts; only where a device is to be set up.
    #[error("the user name mixes letters of several scripts")]
    MixedScripts,
    /// It has the form `REALM\user`, and the table does not have that realm.
    #[error("the user name has a realm that is not in names.realms")]
    UnknownRealm,
}

/// `[names]`: how user names of several spellings become one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NamesSection {
    /// Which domain stands for which down-level realm: `CONTOSO = "contoso.com"` makes `CONTOSO\alice` the same user
    /// as `alice@contoso.com`. Realms are compared without regard to case.
    #[serde(default)]
    pub realms: BTreeMap<String, String>,
}

/// Makes names canonical, by one table of realms for all gateways.
#[derive(Clone, Debug, Default)]
pub struct Names {
    realms: BTreeMap<String, String>,
}

impl Names {
    /// Reads the table.
    ///
    /// # Errors
    /// What is wrong with it: a realm or domain that no user name could have, or a realm given twice.
    pub fn new(section: &NamesSection) -> Result<Self, String> {
        let mut realms = BTreeMap::new();
        for (realm, domain) in &section.realms {
            let key = part(realm).map_err(|error| format!("names.realms.{realm}: {error}"))?;
            let domain = part(domain)
                .map_err(|error| format!("names.realms.{realm} = {domain:?}: {error}"))?;
            if realms
                .insert(key.into_owned(), domain.into_owned())
                .is_some()
            {
                return Err(format!(
                    "names.realms.{realm} is given twice (case does not count)"
                ));
            }
        }
        Ok(Self { realms })
    }

    /// The canonical form of a name as a first factor wrote it.
    ///
    /// # Errors
    /// Where it is not a user name.
    pub fn canonical(&self, raw: &[u8]) -> Result<CanonicalName, NameError> {
        // Blanks at the end may bring a name under the limit, but never by much: one comparison refuses a megabyte.
        if raw.len() > CanonicalName::LONGEST {
            return Err(NameError::TooLong);
        }
        let text = std::str::from_utf8(raw).map_err(|_| NameError::Encoding)?;
        let text = text.trim_end_matches(' ');
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let name = match (text.split_once('\\'), text.split_once('@')) {
            (None, None) => part(text)?.into_owned(),
            (None, Some((user, domain))) => join(&part(user)?, &part(domain)?),
            (Some((realm, user)), None) => {
                let realm = part(realm)?;
                let domain = self
                    .realms
                    .get(realm.as_ref())
                    .ok_or(NameError::UnknownRealm)?;
                join(&part(user)?, domain)
            }
            (Some(_), Some(_)) => return Err(NameError::Realm),
        };
        if name.len() > CanonicalName::LONGEST {
            return Err(NameError::TooLong);
        }
        Ok(CanonicalName(name))
    }
}

fn join(user: &str, domain: &str) -> String {
    format!("{user}@{domain}")
}

/// One side of a name, by the profile. The profile is applied until it changes nothing (RFC 8264 section 7): a name
/// that does not settle is refused, because it would be another user the next time.
fn part(text: &str) -> Result<Cow<'_, str>, NameError> {
    if text.is_empty() || text.contains(['@', '\\']) {
        return Err(NameError::Realm);
    }
    // ASCII without controls and blanks is what PRECIS' ASCII7 category has, and lower-casing is all that happens to it.
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        });
    }
    let once = UsernameCaseMapped::enforce(text).map_err(|_| NameError::Character)?;
    let twice = UsernameCaseMapped::enforce(once.as_ref()).map_err(|_| NameError::Character)?;
    if once != twice {
        return Err(NameError::Character);
    }
    // Width mapping may bring forth what separates the parts of a name.
    if once.contains(['@', '\\']) {
        return Err(NameError::Realm);
    }
    Ok(Cow::Owned(once.into_owned()))
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

    fn names() -> Names {
        let realms = [("CONTOSO".to_owned(), "contoso.com".to_owned())].into();
        Names::new(&NamesSection { realms }).unwrap()
    }

    fn text(name: &str) -> Result<String, NameError> {
        names()
            .canonical(name.as_bytes())
            .map(|name| name.to_string())
    }

    #[test]
    fn pairs_of_the_published_cases_are_the_same_subject_or_not() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/vectors/misc/username_cases.json"
        );
        let file = std::fs::read_to_string(file).expect(file);
        let cases: serde_json::Value = serde_json::from_str(&file).unwrap();
        let pairs = cases["pairs"].as_array().unwrap();
        assert!(pairs.len() >= 23, "{} pairs", pairs.len());
        for case in pairs {
            let a = text(case["a"].as_str().unwrap());
            let b = match case["b"].as_str() {
                Some(b) => text(b),
                None => Err(NameError::Empty),
            };
            let same = a.is_ok() && a == b;
            assert_eq!(
                same,
                case["same_subject"].as_bool().unwrap(),
                "{}",
                case["why"]
            );
        }
    }

    #[test]
    fn names_that_are_refused() {
        let long = "a".repeat(256);
        let mebibyte = "a".repeat(1 << 20);
        let cases: [(&[u8], NameError); 21] = [
            (b"", NameError::Empty),
            (b"   ", NameError::Empty),
            (long.as_bytes(), NameError::TooLong),
            (mebibyte.as_bytes(), NameError::TooLong),
            (b"\xff", NameError::Encoding),
            (b"\xc0\xaf", NameError::Encoding),
            (b"\xed\xa0\x80", NameError::Encoding),
            (b"\xf4\x90\x80\x80", NameError::Encoding),
            (b"alice\xe2\x80", NameError::Encoding),
            (b"alice\0", NameError::Character),
            (b"alice\n", NameError::Character),
            (b"al ice", NameError::Character),
            (b"alice\x7f", NameError::Character),
            ("alice\u{200b}".as_bytes(), NameError::Character),
            ("\u{fb01}ona".as_bytes(), NameError::Character),
            ("\u{212a}elvin".as_bytes(), NameError::Character),
            ("\u{1f600}".as_bytes(), NameError::Character),
            (b"alice@contoso.com@evil.com", NameError::Realm),
            (b"@contoso.com", NameError::Realm),
            (b"CONTOSO\\alice@contoso.com", NameError::Realm),
            (b"FABRIKAM\\alice", NameError::UnknownRealm),
        ];
        for (raw, expected) in cases {
            let shown = String::from_utf8_lossy(raw)
                .chars()
                .take(40)
                .collect::<String>();
            assert_eq!(names().canonical(raw), Err(expected), "{shown:?}");
        }
    }

    #[test]
    fn full_width_characters_cannot_smuggle_a_realm() {
        for name in ["alice\u{ff20}contoso.com", "CONTOSO\u{ff3c}alice"] {
            assert_eq!(text(name), Err(NameError::Realm), "{name}");
        }
    }

    #[test]
    fn the_short_cut_for_ascii_is_the_profile() {
        for byte in (0x21..=0x7eu8).filter(|byte| !matches!(byte, b'@' | b'\\')) {
            let name = format!("a{}", char::from(byte));
            let profile = UsernameCaseMapped::enforce(name.as_str()).unwrap();
            assert_eq!(text(&name).unwrap(), profile, "{name}");
        }
    }

    #[test]
    fn canonical_is_a_fixed_point() {
        for name in [
            "ALICE",
            "Jose\u{301}",
            "CONTOSO\\Bob",
            "\u{130}pek",
            "Stra\u{df}e",
            "\u{391}\u{3a3}",
        ] {
            let once = text(name).unwrap();
            assert_eq!(text(&once).unwrap(), once, "{name}");
        }
    }

    #[test]
    fn mixed_scripts_are_told() {
        for (name, mixed) in [
            ("alice", false),
            ("alice-7@contoso.com", false),
            ("al\u{456}ce", true),
            ("\u{430}\u{43b}\u{438}\u{441}\u{430}", false),
            ("\u{5c71}\u{7530}\u{305f}\u{308d}\u{3046}", false),
            ("\u{3b1}lice", true),
        ] {
            assert_eq!(
                names()
                    .canonical(name.as_bytes())
                    .unwrap()
                    .may_enrol()
                    .is_err(),
                mixed,
                "{name}"
            );
        }
    }
}
