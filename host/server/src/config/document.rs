//! Reads a TOML document into typed sections, and says everything that is wrong with it at once.
//!
//! serde stops at the first mistake and knows no unknown keys but by name. This reader walks the parsed document itself:
//! it compares the keys of every table with the fields that the type asks for, and after a value of the wrong type it
//! goes on without that value.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::excerpt::names_a_secret;
use super::nearest::nearest;

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

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// What one walk over the document has seen.
#[derive(Default)]
struct Walk {
    unknown: RefCell<BTreeMap<(usize, String), (String, String)>>,
    skipped: RefCell<BTreeSet<String>>,
}

/// Why a value could not be read.
#[derive(Debug)]
struct Fault {
    message: String,
    path: Option<String>,
    span: Option<Range<usize>>,
    missing: Option<&'static str>,
}

impl Fault {
    /// Keeps the innermost place.
    fn at(mut self, path: &str, span: Range<usize>) -> Self {
        self.path.get_or_insert_with(|| path.to_owned());
        self.span.get_or_insert(span);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            path: None,
            span: None,
            missing: None,
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            missing: Some(field),
            ..Self::custom("this key is missing")
        }
    }
}

/// One value and its place.
struct Node<'w, 'a> {
    walk: &'w Walk,
    path: String,
    value: &'w Spanned<DeValue<'a>>,
}

impl<'w, 'a> Node<'w, 'a> {
    fn visit<'de, V: Visitor<'de>>(
        self,
        visitor: V,
        fields: Option<&'static [&'static str]>,
    ) -> Result<V::Value, Fault> {
        let (path, span) = (self.path.clone(), self.value.span());
        let result = match self.value.get_ref() {
            DeValue::String(text) => visitor.visit_str(text),
            DeValue::Boolean(flag) => visitor.visit_bool(*flag),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => visitor.visit_i64(number),
                    Err(_) => Err(de::Error::custom("this number is too large")),
                }
            }
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => visitor.visit_f64(number),
                Err(_) => Err(de::Error::custom("this is no number")),
            },
            DeValue::Datetime(date) => visitor.visit_string(date.to_string()),
            DeValue::Array(array) => visitor.visit_seq(Elements {
                walk: self.walk,
                path: self.path,
                rest: array.iter().enumerate(),
            }),
            DeValue::Table(table) => visitor.visit_map(Entries {
                walk: self.walk,
                path: self.path,
                fields,
                rest: table.iter(),
                value: None,
            }),
        };
        result.map_err(|fault| fault.at(&path, span))
    }
}

impl<'de> de::Deserializer<'de> for Node<'_, '_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit(visitor, None)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.visit(visitor, Some(fields))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let (path, span) = (self.path, self.value.span());
        let result = match self.value.get_ref() {
            DeValue::String(word) if words.contains(&word.as_ref()) => {
                let word: StrDeserializer<'_, Fault> = word.as_ref().into_deserializer();
                visitor.visit_enum(word)
            }
            DeValue::String(word) => Err(de::Error::custom(format_args!(
                "`{word}` is none of {}",
                listed(words)
            ))),
            _ => Err(de::Error::custom(format_args!(
                "expected one of {}",
                listed(words)
            ))),
        };
        result.map_err(|fault| fault.at(&path, span))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

fn listed(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The elements of an array, without those that were found to be wrong.
struct Elements<'w, 'a> {
    walk: &'w Walk,
    path: String,
    rest: std::iter::Enumerate<std::slice::Iter<'w, Spanned<DeValue<'a>>>>,
}

impl<'de> de::SeqAccess<'de> for Elements<'_, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        for (at, value) in self.rest.by_ref() {
            let path = format!("{}[{at}]", self.path);
            if self.walk.skipped.borrow().contains(&path) {
                continue;
            }
            let node = Node {
                walk: self.walk,
                path,
                value,
            };
            return locate(node, |node| seed.deserialize(node)).map(Some);
        }
        Ok(None)
    }
}

/// The entries of a table, without unknown keys and those that were found to be wrong.
struct Entries<'w, 'a, I> {
    walk: &'w Walk,
    path: String,
    fields: Option<&'static [&'static str]>,
    rest: I,
    value: Option<(String, &'w Spanned<DeValue<'a>>)>,
}

impl<'de, 'w, 'a: 'w, I> de::MapAccess<'de> for Entries<'w, 'a, I>
where
    I: Iterator<
        Item = (
            &'w Spanned<std::borrow::Cow<'a, str>>,
            &'w Spanned<DeValue<'a>>,
        ),
    >,
{
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        for (key, value) in self.rest.by_ref() {
            let name = key.get_ref().as_ref();
            let path = join(&self.path, name);
            if self.walk.skipped.borrow().contains(&path) {
                continue;
            }
            if let Some(fields) = self.fields
                && !fields.contains(&name)
            {
                let help = match nearest(name, fields) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => format!("known here: {}", listed(fields)),
                };
                self.walk.unknown.borrow_mut().insert(
                    (key.span().start, path),
                    ("there is no such key".to_owned(), help),
                );
                continue;
            }
            self.value = Some((path, value));
            let name: StrDeserializer<'_, Fault> = name.into_deserializer();
            return seed.deserialize(name).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((path, value)) = self.value.take() else {
            return Err(de::Error::custom("a value without a key"));
        };
        let node = Node {
            walk: self.walk,
            path,
            value,
        };
        locate(node, |node| seed.deserialize(node))
    }
}

/// Gives errors that a type's own parser makes of a value the place of that value.
fn locate<'w, 'a, T>(
    node: Node<'w, 'a>,
    read: impl FnOnce(Node<'w, 'a>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let (path, span) = (node.path.clone(), node.value.span());
    read(node).map_err(|fault| fault.at(&path, span))
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
