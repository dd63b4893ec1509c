//! One value of a document as serde's input: it knows its place, and remembers what is wrong below it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, Visitor};
use toml::Spanned;
use toml::de::DeValue;

use crate::config::nearest;

/// What one walk over the document has seen.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) unknown: RefCell<BTreeMap<(usize, String), (String, String)>>,
    pub(super) skipped: RefCell<BTreeSet<String>>,
}

/// Why a value could not be read.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) path: Option<String>,
    pub(super) span: Option<Range<usize>>,
    pub(super) missing: Option<&'static str>,
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
pub(super) struct Node<'w, 'a> {
    pub(super) walk: &'w Walk,
    pub(super) path: String,
    pub(super) value: &'w Spanned<DeValue<'a>>,
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

/// The key of a value in a table.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
