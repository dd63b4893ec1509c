//! Tables that there may be several of: `[[application]]`, `[[rule]]` and those that rules name. Which keys each has, and what
//! may be written for them.

use super::keys::{Kind, LEVELS};
use super::network::{Networks, Range};
use super::report::{decimal, quoted};
use super::sections::Texts;
use super::statement::Value;
use super::values::{self, Refusal};
use super::{Methods, instant, route};

/// One kind of table.
pub(crate) struct List {
    /// What it is called.
    pub(crate) name: &'static str,
    /// What several of them are called.
    pub(crate) plural: &'static str,
    /// How many there may be.
    pub(crate) most: usize,
    /// Its keys.
    pub(crate) keys: &'static [ListKey],
}

/// One key of such a table.
pub(crate) struct ListKey {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
}

/// What may be written for it.
pub(crate) enum Form {
    /// A number, a duration, a choice or a flag.
    Number(Kind),
    /// `closed` or `open`.
    FailMode,
    /// A name that no other table of its kind has, of at most so many octets.
    Name(usize),
    /// Text of at most so many octets.
    Text(usize),
    /// At most so many texts, each of at most so many octets.
    Texts(usize, usize),
    /// Some of these words, at least one.
    Words(&'static [&'static str]),
    /// An instant.
    Instant,
    /// Networks, ranges and addresses.
    Networks,
    /// Countries, by their codes of ISO 3166-1.
    Countries,
    /// Sets of methods, each written with `+` between them.
    Sets,
    /// Hosts of requests.
    Hosts,
    /// Paths of requests.
    Paths,
    /// HTTP methods.
    HttpMethods,
}

/// What was written for it, as tightly as it will be compiled: a document holds thousands of names and networks, and the
/// component's memory little else.
pub(crate) enum Written {
    Number(u32),
    Instant(Box<u64>),
    Text(Box<str>),
    /// As [`Texts`] has them.
    Texts(Box<[u8]>),
    Networks(Box<Networks>),
    Sets(Box<[Methods]>),
}

impl Written {
    /// How many octets of text and addresses are kept.
    pub(crate) fn octets(&self) -> usize {
        match self {
            Self::Number(_) | Self::Instant(_) => 0,
            Self::Text(text) => text.len(),
            Self::Texts(texts) => texts.len(),
            Self::Networks(networks) => networks.v4.len() + networks.v6.len(),
            Self::Sets(sets) => size_of_val(&**sets),
        }
    }
}

/// Where each of [`LISTS`] is.
pub(crate) const LOCATION: usize = 0;
pub(crate) const STRENGTH: usize = 1;
pub(crate) const RULE: usize = 2;
pub(crate) const APPLICATION: usize = 3;
pub(crate) const ROUTE: usize = 4;
pub(crate) const GREETING: usize = 5;

/// What a rule does where it applies, by the numbers that the compiled form has.
pub(crate) const EFFECTS: [&str; 3] = ["skip", "deny", "require"];
/// How grave a risk is, by the numbers of `account::Demand::risk`.
pub(crate) const RISKS: [&str; 4] = ["unknown", "low", "medium", "high"];
/// States of an account, by the numbers of `account::State`.
pub(crate) const STATES: [&str; 3] = ["disabled", "enabled", "enforced"];
/// How many networks, or countries, a location may have.
pub(crate) const MAX_NETWORKS: usize = 100;
/// How many alternatives a strength may have.
pub(crate) const MAX_SETS: usize = 16;
/// How long the names of rules, locations and strengths may be, in octets.
pub(crate) const MAX_SHORT: usize = 64;
/// How long a name that the outside gives may be, in octets: of an application, a group, or a user.
pub(crate) const MAX_NAME: usize = 128;
const MAX_USER: usize = 255;
/// How many hosts, paths or HTTP methods a route may have.
const MAX_ROUTED: usize = 64;

/// All of them, in the order of docs/policy.md.
#[rustfmt::skip]
pub(crate) static LISTS: [List; 6] = [
    List { name: "location", plural: "locations", most: 64, keys: &[
        ListKey { name: "name", form: Form::Name(MAX_SHORT) },
        ListKey { name: "networks", form: Form::Networks },
        ListKey { name: "countries", form: Form::Countries },
        ListKey { name: "unknown-country", form: Form::Number(Kind::Flag) },
    ] },
    List { name: "strength", plural: "strengths", most: 16, keys: &[
        ListKey { name: "name", form: Form::Name(MAX_SHORT) },
        ListKey { name: "any-of", form: Form::Sets },
    ] },
    List { name: "rule", plural: "rules", most: 64, keys: &[
        ListKey { name: "name", form: Form::Name(MAX_SHORT) },
        ListKey { name: "groups", form: Form::Texts(64, MAX_NAME) },
        ListKey { name: "users", form: Form::Texts(64, MAX_USER) },
        ListKey { name: "applications", form: Form::Texts(64, MAX_NAME) },
        ListKey { name: "locations", form: Form::Texts(64, MAX_SHORT) },
        ListKey { name: "not-locations", form: Form::Texts(64, MAX_SHORT) },
        ListKey { name: "risk", form: Form::Words(&RISKS) },
        ListKey { name: "states", form: Form::Words(&STATES) },
        ListKey { name: "then", form: Form::Number(Kind::Choice(&EFFECTS)) },
        ListKey { name: "methods", form: Form::Number(Kind::Methods { least: 1 }) },
        ListKey { name: "strength", form: Form::Text(MAX_SHORT) },
        ListKey { name: "level", form: Form::Number(Kind::Count(2..=3)) },
        ListKey { name: "max-age", form: Form::Number(Kind::Age) },
        ListKey { name: "until", form: Form::Instant },
        ListKey { name: "why", form: Form::Text(255) },
    ] },
    List { name: "application", plural: "applications", most: 64, keys: &[
        ListKey { name: "name", form: Form::Name(MAX_NAME) },
        ListKey { name: "fail-mode", form: Form::FailMode },
        ListKey { name: "required-level", form: Form::Number(Kind::Count(LEVELS)) },
        ListKey { name: "max-age", form: Form::Number(Kind::Age) },
        ListKey { name: "methods", form: Form::Number(Kind::Methods { least: 1 }) },
        ListKey { name: "strength", form: Form::Text(MAX_SHORT) },
        ListKey { name: "approvals", form: Form::Number(Kind::Count(1..=5)) },
        ListKey { name: "approvers", form: Form::Texts(16, MAX_NAME) },
        ListKey { name: "app-passwords", form: Form::Number(Kind::Flag) },
        ListKey { name: "session", form: Form::Text(MAX_SHORT) },
    ] },
    List { name: "route", plural: "routes", most: 64, keys: &[
        ListKey { name: "name", form: Form::Name(MAX_SHORT) },
        ListKey { name: "hosts", form: Form::Hosts },
        ListKey { name: "paths", form: Form::Paths },
        ListKey { name: "http-methods", form: Form::HttpMethods },
        ListKey { name: "applications", form: Form::Texts(64, MAX_NAME) },
        ListKey { name: "level", form: Form::Number(Kind::Count(2..=3)) },
        ListKey { name: "max-age", form: Form::Number(Kind::Age) },
    ] },
    List { name: "greeting", plural: "greetings", most: 64, keys: &[
        ListKey { name: "message", form: Form::Text(MAX_SHORT) },
        ListKey { name: "language", form: Form::Text(35) },
        ListKey { name: "application", form: Form::Text(MAX_NAME) },
        ListKey { name: "text-id", form: Form::Text(MAX_SHORT) },
    ] },
];

/// Reads what was written for a key of a table.
pub(crate) fn read(
    list: &List,
    form: &Form,
    value: &Value<'_>,
    is_taken: impl Fn(&str) -> bool,
) -> Result<Written, Refusal> {
    match form {
        Form::Number(kind) => values::number(kind, value).map(Written::Number),
        Form::FailMode => values::fail_open(value).map(|open| Written::Number(open.into())),
        Form::Name(most) => name(list, *most, value, is_taken).map(short),
        Form::Text(most) => {
            let help = ["a text of 1 to ", &decimal(*most as u64), " octets"].concat();
            let text = values::text(value, &help)?;
            checked(text, *most, &help).map(short)
        }
        Form::Texts(most, longest) => {
            let help = ["a list of 1 to ", &decimal(*most as u64), " names"].concat();
            let read = |text: &str| checked(text, *longest, &help);
            texts(value, *most, &help, read).map(packed)
        }
        Form::Words(words) => values::set(words, value).map(Written::Number),
        Form::Instant => {
            let help = "an instant such as 2026-12-31T18:00:00Z";
            let text = match value {
                Value::Date(text) | Value::Text(text) => text,
                other => return values::mistyped(other, help),
            };
            instant::parse(text)
                .map(|instant| Written::Instant(instant.into()))
                .ok_or_else(|| Refusal {
                    problem: [&quoted(text), " is no date and time with an offset"].concat(),
                    help: help.into(),
                })
        }
        Form::Networks => {
            let help = "a list of networks, such as [\"192.0.2.0/24\", \"2001:db8::/32\", \"198.51.100.1-198.51.100.9\"]";
            texts(value, MAX_NETWORKS, help, |text| {
                Range::parse(text).map_err(|problem| Refusal {
                    problem: [&quoted(text), ": ", &problem].concat(),
                    help: help.into(),
                })
            })
            .map(|ranges| Written::Networks(Networks::of(ranges).into()))
        }
        Form::Countries => {
            let help = "a list of countries, such as [\"DE\", \"AT\"]: two upper-case letters of ISO 3166-1 each";
            texts(value, MAX_NETWORKS, help, |text| {
                if text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_uppercase()) {
                    Ok(text.to_owned())
                } else {
                    values::refuse([&quoted(text), " is no country"].concat(), help)
                }
            })
            .map(packed)
        }
        Form::Sets => {
            let help = "a list of methods that are enough, such as [\"webauthn\", \"totp+push\"]";
            texts(value, MAX_SETS, help, set).map(|sets| Written::Sets(sets.into()))
        }
        Form::Hosts => {
            let help = "a list of hosts, such as [\"app.example.com\"]";
            texts(value, MAX_ROUTED, help, route::host).map(packed)
        }
        Form::Paths => {
            let help = "a list of paths, such as [\"/admin\", \"=/settings/keys\"]";
            texts(value, MAX_ROUTED, help, route::path).map(packed)
        }
        Form::HttpMethods => {
            let help = "a list of HTTP methods, such as [\"POST\", \"DELETE\"]";
            texts(value, MAX_ROUTED, help, route::http_method).map(packed)
        }
    }
}

fn short(text: String) -> Written {
    Written::Text(text.into())
}

pub(crate) fn packed(texts: Vec<String>) -> Written {
    Written::Texts(Texts::lay_out(&texts))
}

/// Methods with `+` between them: all of them are needed.
fn set(text: &str) -> Result<Methods, Refusal> {
    let mut set = Methods::NONE;
    for name in text.split('+').map(str::trim) {
        let names = crate::methods::NAMES;
        let Some(number) = crate::methods::number_of(name) else {
            return Err(Refusal {
                problem: ["there is no method ", &quoted(name)].concat(),
                help: values::guess(name, names),
            });
        };
        if set.has(number) {
            return values::refuse(
                [&quoted(name), " is written twice"].concat(),
                "another method: one alone is proved once",
            );
        }
        set = set.with(number);
    }
    Ok(set)
}

fn name(
    list: &List,
    most: usize,
    value: &Value<'_>,
    is_taken: impl Fn(&str) -> bool,
) -> Result<String, Refusal> {
    let whose = if list.name == "application" {
        " octets, as the gateway names the application"
    } else {
        " octets"
    };
    let help = ["a name of 1 to ", &decimal(most as u64), whose].concat();
    let name = checked(values::text(value, &help)?, most, &help)?;
    if is_taken(&name) {
        return values::refuse(
            [&quoted(&name), " has a table already"].concat(),
            &["one table for each ", list.name].concat(),
        );
    }
    Ok(name)
}

fn checked(text: &str, most: usize, help: &str) -> Result<String, Refusal> {
    if text.is_empty() || text.len() > most {
        return values::refuse("the text is empty or too long".into(), help);
    }
    if text.chars().any(char::is_control) {
        return values::refuse("the text has a control character".into(), help);
    }
    Ok(text.to_owned())
}

fn texts<T: PartialEq>(
    value: &Value<'_>,
    most: usize,
    help: &str,
    read: impl Fn(&str) -> Result<T, Refusal>,
) -> Result<Vec<T>, Refusal> {
    let Value::List(items) = value else {
        return values::mistyped(value, help);
    };
    if items.is_empty() || items.len() > most {
        return values::refuse("the list is empty or too long".into(), help);
    }
    let mut texts = Vec::with_capacity(items.len());
    for (item, _) in items {
        let Value::Text(text) = item else {
            return values::refuse([item.describe(), " in the list"].concat(), help);
        };
        let item = read(text)?;
        if texts.contains(&item) {
            return values::refuse([&quoted(text), " is written twice"].concat(), help);
        }
        texts.push(item);
    }
    Ok(texts)
}

/// The table of a name.
pub(crate) fn find(name: &str) -> Option<usize> {
    LISTS.iter().position(|list| list.name == name)
}

/// Names of all tables.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LISTS.iter().map(|list| list.name)
}
