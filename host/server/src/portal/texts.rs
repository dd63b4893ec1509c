//! What the pages say: a catalogue a language, looked up by name.

use std::collections::BTreeMap;
use std::sync::LazyLock;

const ENGLISH: &str = include_str!("texts/en.toml");

/// The texts of one language.
pub(super) struct Texts {
    language: &'static str,
    sections: BTreeMap<String, BTreeMap<String, String>>,
}

/// Every language there is, the default first.
static CATALOGUES: LazyLock<Vec<Texts>> = LazyLock::new(|| {
    // A test reads each file: one that cannot be read would leave its pages without words, never without a decision.
    vec![Texts {
        language: "en",
        sections: toml::from_str(ENGLISH).unwrap_or_default(),
    }]
});

impl Texts {
    /// The best language for an `Accept-Language` header (RFC 9110 section 12.5.4), by the primary subtag.
    #[must_use]
    pub(super) fn accepted(header: Option<&str>) -> Option<&'static Self> {
        let mut wanted: Vec<(f32, &str)> = header
            .unwrap_or_default()
            .split(',')
            .filter_map(|range| {
                let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
                Some((weight.trim().parse().ok()?, tag.trim().split('-').next()?))
            })
            .collect();
        wanted.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let known = |tag: &str| {
            CATALOGUES
                .iter()
                .find(|texts| texts.language.eq_ignore_ascii_case(tag))
        };
        wanted
            .iter()
            .find_map(|(_, tag)| known(tag))
            .or_else(|| CATALOGUES.first())
    }

    /// Every language.
    #[cfg(test)]
    pub(super) fn all() -> impl Iterator<Item = &'static Self> {
        CATALOGUES.iter()
    }

    /// Its BCP 47 tag.
    #[must_use]
    pub(super) fn language(&self) -> &'static str {
        self.language
    }

    /// The text `section.key`, or the section's `neutral` one.
    #[must_use]
    pub(super) fn get(&self, section: &str, key: &str) -> &str {
        let Some(section) = self.sections.get(section) else {
            return "";
        };
        section
            .get(key)
            .or_else(|| section.get("neutral"))
            .map_or("", String::as_str)
    }

    /// The text `section.key`, if there is one of its own.
    #[must_use]
    pub(super) fn find(&self, section: &str, key: &str) -> Option<&str> {
        Some(self.sections.get(section)?.get(key)?.as_str())
    }

    /// What [`Texts::get`] gives, with `{name}` replaced by values. Values are never read for placeholders themselves.
    #[must_use]
    pub(super) fn fill(&self, section: &str, key: &str, values: &[(&str, &str)]) -> String {
        let text = self.get(section, key);
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            filled.push_str(
                values
                    .iter()
                    .find(|(key, _)| *key == name)
                    .map_or("", |(_, value)| value),
            );
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
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

    #[test]
    fn the_catalogue_can_be_read_and_language_is_chosen() {
        let _: BTreeMap<String, BTreeMap<String, String>> = toml::from_str(ENGLISH).unwrap();
        for header in [
            None,
            Some(""),
            Some("de-AT, en;q=0.5"),
            Some("xx;q=oops,,;"),
            Some("en-GB"),
        ] {
            assert_eq!(
                Texts::accepted(header).unwrap().language(),
                "en",
                "{header:?}"
            );
        }
    }

    #[test]
    fn every_public_reason_of_a_component_has_a_text_of_its_own_or_the_neutral_one() {
        let texts = Texts::accepted(None).unwrap();
        assert!(
            texts
                .get("reason", "incorrect-code")
                .contains("not accepted")
        );
        assert_eq!(
            texts.get("reason", "from-a-later-version"),
            texts.get("reason", "neutral")
        );
    }

    #[test]
    fn values_are_not_read_again() {
        let texts = Texts::accepted(None).unwrap();
        assert_eq!(
            texts.fill("page", "signed-in-as", &[("user", "{user}<b>")]),
            "User: {user}<b>"
        );
        assert_eq!(texts.fill("page", "signed-in-as", &[]), "User: ");
    }
}
