//! Reads a TOML document into typed sections, and says everything that is wrong with it at once.
//!
//! serde stops at the first mistake and knows no unknown keys but by name. This reader walks the parsed document itself:
//! it compares the keys of every table with the fields that the type asks for, and after a value of the wrong type it
//! goes on without that value.

mod node;

use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::excerpt::names_a_secret;
use node::{Node, Walk, join};

/// What is wrong with a configuration file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key with its table, such as `listen.api`; empty where the document is no TOML.
    pub key: String,
    /// What was found.
    pub problem: String,
    /// What would be right; may be empty.
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.problem)?;
        if !self.help.is_empty() {
            write!(f, " ({})", self.help)?;
        }
        Ok(())
    }
}

/// A parsed document.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    root: Spanned<DeValue<'a>>,
}

impl<'a> Document<'a> {
    /// Parses TOML.
    ///
    /// # Errors
    /// Every syntax error of the text.
    pub fn parse(text: &'a str) -> Result<Self, Vec<Problem>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(errors
                .iter()
                .map(|error| {
                    at(
                        text,
                        error.span().map_or(0, |span| span.start),
                        String::new(),
                        error.message().to_owned(),
                        String::new(),
                    )
                })
                .collect());
        }
        let span = table.span();
        let root = Spanned::new(span, DeValue::Table(table.into_inner()));
        Ok(Self { text, root })
    }

    /// Reads the whole document as one type.
    ///
    /// # Errors
    /// Every unknown key, every value of a wrong type and every missing key, in the order of the document.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Vec<Problem>> {
        let walk = Walk::default();
        let mut wrong: BTreeMap<(usize, String), (String, String)> = BTreeMap::new();
        let mut value = None;
        loop {
            match T::deserialize(Node {
                walk: &walk,
                path: String::new(),
                value: &self.root,
            }) {
                Ok(read) => {
                    value = Some(read);
                    break;
                }
                Err(fault) => {
                    let path = fault.path.unwrap_or_default();
                    let offset = fault.span.map_or(0, |span| span.start);
                    // A key that is "missing" because its bad value was left out is no mistake of its own.
                    let left_out = fault
                        .missing
                        .is_some_and(|field| walk.skipped.borrow().contains(&join(&path, field)));
                    if !left_out {
                        let key = fault
                            .missing
                            .map_or(path.clone(), |field| join(&path, field));
                        // serde's own words hold the value.
                        let message = match fault.missing {
                            None if names_a_secret(&key) => "expected a text in quotes".to_owned(),
                            _ => fault.message,
                        };
                        wrong.insert((offset, key), (message, String::new()));
                    }
                    if !walk.skipped.borrow_mut().insert(path) {
                        break;
                    }
                }
            }
        }
        wrong.extend(walk.unknown.take());
        match value {
            Some(value) if wrong.is_empty() => Ok(value),
            _ => Err(wrong
                .into_iter()
                .map(|((offset, key), (problem, help))| at(self.text, offset, key, problem, help))
                .collect()),
        }
    }

    /// A problem with the value of `key` (`gateway[0].hosts`), which the types cannot see.
    #[must_use]
    pub fn problem(
        &self,
        key: &str,
        problem: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        let offset = self.offset(key);
        at(
            self.text,
            offset,
            key.to_owned(),
            problem.into(),
            help.into(),
        )
    }

    /// Where the value of `key` begins, or the nearest table above it.
    fn offset(&self, key: &str) -> usize {
        let mut here = &self.root;
        for step in key.split(['.', '[', ']']).filter(|step| !step.is_empty()) {
            let next = match here.get_ref() {
                DeValue::Table(table) => table
                    .iter()
                    .find(|(name, _)| name.get_ref().as_ref() == step)
                    .map(|(_, value)| value),
                DeValue::Array(array) => step.parse::<usize>().ok().and_then(|at| array.get(at)),
                _ => None,
            };
            match next {
                Some(value) => here = value,
                None => break,
            }
        }
        here.span().start
    }
}

/// Turns an offset into line and column.
fn at(text: &str, offset: usize, key: String, problem: String, help: String) -> Problem {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let last = before.rsplit('\n').next().unwrap_or_default();
    Problem {
        line: before.matches('\n').count() + 1,
        column: last.chars().count() + 1,
        key,
        problem,
        help,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde::Deserialize;

    use super::Document;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    #[allow(dead_code)]
    struct Whole {
        #[serde(default)]
        section: Section,
        #[serde(default)]
        entry: Vec<Entry>,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "kebab-case", default)]
    #[allow(dead_code)]
    struct Section {
        address: Option<std::net::SocketAddr>,
        user_header: String,
        count: u8,
        kind: Kind,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        #[default]
        Plain,
        Sealed,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Entry {
        name: String,
        size: u16,
    }

    #[test]
    fn a_right_document_is_read() {
        let text = "section = { address = '127.0.0.1:1', kind = 'sealed' }\n[[entry]]\nname = 'a'\nsize = 0x10\n";
        let whole: Whole = Document::parse(text).unwrap().read().unwrap();
        assert_eq!(whole.entry.first().unwrap().size, 16);
        assert!(matches!(whole.section.kind, Kind::Sealed));
    }

    #[test]
    fn everything_wrong_is_said_at_once_with_its_place() {
        let text = "[section]\nadress = '127.0.0.1:1'\ncount = 300\nuser_header = 'x'\nkind = 'seald'\n\n[[entry]]\nname = 'a'\nsize = 'big'\n[[entry]]\nsize = 1\n[[entri]]\n";
        let problems = Document::parse(text).unwrap().read::<Whole>().unwrap_err();
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "line 2, column 1: section.adress: there is no such key (did you mean `address`?)",
                "line 3, column 9: section.count: invalid value: integer `300`, expected u8",
                "line 4, column 1: section.user_header: there is no such key (did you mean `user-header`?)",
                "line 5, column 8: section.kind: `seald` is none of `plain`, `sealed`",
                "line 9, column 8: entry[0].size: invalid type: string \"big\", expected u16",
                "line 10, column 1: entry[1].name: this key is missing",
                "line 12, column 3: entri: there is no such key (did you mean `entry`?)",
            ]
        );
    }

    #[test]
    fn what_is_no_toml_is_said_with_its_line() {
        let problems = Document::parse("a = 1\nb = \n").unwrap_err();
        assert_eq!(problems.first().unwrap().line, 2);
    }

    #[test]
    fn a_problem_that_types_cannot_see_finds_its_line() {
        let text = "[[entry]]\nname = 'a'\nsize = 1\n[[entry]]\nname = 'a'\nsize = 1\n";
        let document = Document::parse(text).unwrap();
        assert_eq!(document.problem("entry[1].name", "", "").line, 5);
        assert_eq!(document.problem("entry[1].nothing", "", "").line, 4);
    }
}
