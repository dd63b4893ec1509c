//! From what was written to what is kept: one value, with its range.

use core::ops::RangeInclusive;

use super::keys::{AGES, Kind};
use super::presets::{self, Preset};
use super::report::{decimal, listed, nearest, quoted};
use super::statement::Value;
use super::{Methods, SECOND, duration};
use crate::methods;

/// Why a value is not taken.
pub(crate) struct Refusal {
    /// What was found.
    pub(crate) problem: String,
    /// What would be right.
    pub(crate) help: String,
}

/// The value of a key that is kept as a number.
pub(crate) fn number(kind: &Kind, value: &Value<'_>) -> Result<u32, Refusal> {
    match kind {
        Kind::Count(range) => count(range, value),
        Kind::Duration(range) => span(range, value),
        Kind::Age => span(&AGES, value),
        Kind::Choice(words) => choice(words, value),
        Kind::OneOf(numbers) => one_of(numbers, value),
        Kind::Methods { least } => methods(*least, value),
        Kind::Flag => flag(value),
        Kind::Long(range) => long(range, value),
    }
}

/// A number as the document writes it.
pub(crate) fn shown(kind: &Kind, value: u32) -> String {
    match kind {
        Kind::Count(_) => decimal(value.into()),
        Kind::Duration(_) | Kind::Age => duration::shown(value.into()),
        Kind::Choice(words) => {
            let word = words.get(value as usize).copied();
            word.unwrap_or_default().to_owned()
        }
        Kind::OneOf(_) => decimal(value.into()),
        Kind::Methods { .. } => listed(Methods::from_bits(value).iter()),
        Kind::Flag => if value == 1 { "true" } else { "false" }.to_owned(),
        Kind::Long(_) => duration::shown(u64::from(value) * SECOND),
    }
}

/// Whether the fail mode is OPEN.
pub(crate) fn fail_open(value: &Value<'_>) -> Result<bool, Refusal> {
    match text(value, "`closed` or `open`")? {
        "closed" => Ok(false),
        "open" => Ok(true),
        "phantom" => refuse(
            "`phantom` would tell the application that a factor was verified when none was".into(),
            "`closed`, or `open`, which lets users in but claims nothing",
        ),
        "none" => refuse(
            "`none` would not even look whether a factor can be verified, so that nobody would notice when none is".into(),
            "`closed`, or `open`, which leaves an audit record of everybody who was let in",
        ),
        other => refuse(["there is no fail mode ", &quoted(other)].concat(), "`closed` or `open`"),
    }
}

/// The preset of a name.
pub(crate) fn preset(value: &Value<'_>) -> Result<&'static Preset, Refusal> {
    let help = ["one of ", &listed(presets::NAMES)].concat();
    let name = text(value, &help)?;
    presets::find(name).ok_or_else(|| Refusal {
        problem: ["there is no preset ", &quoted(name)].concat(),
        help: guess(name, &presets::NAMES),
    })
}

fn count(range: &RangeInclusive<u32>, value: &Value<'_>) -> Result<u32, Refusal> {
    let help = [
        "a whole number from ",
        &decimal((*range.start()).into()),
        " to ",
        &decimal((*range.end()).into()),
    ]
    .concat();
    match value {
        Value::Integer(number) => number
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or(Refusal {
                problem: "out of range".into(),
                help,
            }),
        other => mistyped(other, &help),
    }
}

fn span(range: &RangeInclusive<u64>, value: &Value<'_>) -> Result<u32, Refusal> {
    let milliseconds = spanned(range, value)?;
    u32::try_from(milliseconds).map_err(|_| Refusal {
        problem: "out of range".into(),
        help: String::new(),
    })
}

/// Milliseconds.
fn spanned(range: &RangeInclusive<u64>, value: &Value<'_>) -> Result<u64, Refusal> {
    let help = [
        "a duration from \"",
        &duration::shown(*range.start()),
        "\" to \"",
        &duration::shown(*range.end()),
        "\"",
    ]
    .concat();
    match value {
        Value::Text(text) => {
            let Some(milliseconds) = duration::parse(text) else {
                let problem = [
                    &quoted(text),
                    " is no whole number with a unit (s, m, h or d)",
                ]
                .concat();
                return Err(Refusal { problem, help });
            };
            // Every range ends far below the largest number.
            Some(milliseconds)
                .filter(|milliseconds| range.contains(milliseconds))
                .ok_or(Refusal {
                    problem: "out of range".into(),
                    help,
                })
        }
        Value::Integer(_) => refuse("a number without a unit".into(), &help),
        other => mistyped(other, &help),
    }
}

fn choice(words: &[&str], value: &Value<'_>) -> Result<u32, Refusal> {
    let help = ["one of ", &listed(words.iter().copied())].concat();
    let word = text(value, &help)?;
    words
        .iter()
        .position(|known| *known == word)
        .and_then(|at| u32::try_from(at).ok())
        .ok_or_else(|| Refusal {
            problem: [&quoted(word), " is not known here"].concat(),
            help: guess(word, words),
        })
}

pub(crate) fn set(words: &[&str], value: &Value<'_>) -> Result<u32, Refusal> {
    let help = [
        "a list of ",
        &listed(words.iter().copied()),
        ", at least one",
    ]
    .concat();
    let Value::List(values) = value else {
        return mistyped(value, &help);
    };
    let mut bits = 0_u32;
    for (value, _) in values {
        let bit = 1_u32.checked_shl(choice(words, value)?).unwrap_or(0);
        if bits & bit != 0 {
            return refuse("a word is written twice".into(), &help);
        }
        bits |= bit;
    }
    if bits == 0 {
        refuse("the list is empty".into(), &help)
    } else {
        Ok(bits)
    }
}

/// A list of methods, as bits by their numbers.
fn methods(least: u32, value: &Value<'_>) -> Result<u32, Refusal> {
    if least == 0 && matches!(value, Value::List(list) if list.is_empty()) {
        return Ok(0);
    }
    let places = set(methods::NAMES, value)?;
    let named = methods::NATURES.iter().enumerate();
    Ok(named
        .filter(|(at, _)| places >> at & 1 == 1)
        .fold(Methods::NONE, |set, (_, nature)| set.with(nature.number))
        .bits())
}

fn one_of(numbers: &[u32], value: &Value<'_>) -> Result<u32, Refusal> {
    let words: Vec<String> = numbers.iter().map(|it| decimal((*it).into())).collect();
    let help = ["one of ", &listed(words.iter().map(String::as_str))].concat();
    match value {
        Value::Integer(number) => number
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| numbers.contains(number))
            .ok_or(Refusal {
                problem: "not one of them".into(),
                help,
            }),
        other => mistyped(other, &help),
    }
}

/// A duration that is kept in seconds.
fn long(range: &RangeInclusive<u64>, value: &Value<'_>) -> Result<u32, Refusal> {
    let milliseconds = spanned(range, value)?;
    u32::try_from(milliseconds / SECOND).map_err(|_| Refusal {
        problem: "out of range".into(),
        help: String::new(),
    })
}

fn flag(value: &Value<'_>) -> Result<u32, Refusal> {
    match value {
        Value::Flag(on) => Ok((*on).into()),
        other => mistyped(other, "true or false"),
    }
}

pub(crate) fn text<'v>(value: &'v Value<'_>, help: &str) -> Result<&'v str, Refusal> {
    match value {
        Value::Text(text) => Ok(text),
        other => mistyped(other, help),
    }
}

pub(crate) fn guess(word: &str, words: &[&str]) -> String {
    match nearest(word, words.iter().copied()) {
        Some(near) => ["did you mean ", &quoted(near), "?"].concat(),
        None => ["one of ", &listed(words.iter().copied())].concat(),
    }
}

pub(crate) fn mistyped<T>(value: &Value<'_>, help: &str) -> Result<T, Refusal> {
    refuse(
        [value.describe(), " where something else belongs"].concat(),
        help,
    )
}

pub(crate) fn refuse<T>(problem: String, help: &str) -> Result<T, Refusal> {
    Err(Refusal {
        problem,
        help: help.into(),
    })
}
