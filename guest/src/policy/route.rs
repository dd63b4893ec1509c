//! Routes: what is demanded of requests by where they go. From `[[route]]` tables to the section of the compiled form, and back.
//!
//! An entry is: name; level; maximum age; hosts; paths, with `=` before those that stand for themselves alone; HTTP methods;
//! applications.

use super::entry::Entry;
use super::presets::LEVEL_3;
use super::report::{Report, listed, nearest, quoted};
use super::sections::{Entries, Malformed, Texts, age, put};
use super::values::{self, Refusal};
use super::{Policy, tables};
use crate::octets::Reader;
use crate::{authority, path};

/// What is demanded by where a request goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Routes<'a>(pub(crate) &'a [u8]);

/// One route. Conditions that are empty hold always.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route<'a> {
    pub(crate) name: &'a str,
    /// Zero for none.
    pub(crate) level: u8,
    pub(crate) max_age: Option<u64>,
    pub(crate) hosts: Texts<'a>,
    pub(crate) paths: Texts<'a>,
    pub(crate) methods: Texts<'a>,
    pub(crate) applications: Texts<'a>,
}

/// How long a host may be, in octets: 253 of a name (RFC 1035 section 2.3.4) without its port.
const MAX_HOST: usize = 253;
/// How long a path may be, in octets.
const MAX_PATH: usize = 254;
/// What stands before a path that is meant without those below it.
pub(crate) const ALONE: u8 = b'=';

/// HTTP methods that there are: RFC 9110, RFC 5789, and those of the IANA registry that servers in use know. Gateways let no
/// other through.
pub(crate) const HTTP_METHODS: [&str; 33] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "CONNECT",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "ACL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKWORKSPACE",
    "MOVE",
    "ORDERPATCH",
    "PROPFIND",
    "PROPPATCH",
    "REBIND",
    "REPORT",
    "SEARCH",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
];

impl<'a> Routes<'a> {
    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Result<Route<'a>, Malformed>> {
        Entries(self.0).map(|entry| Route::read(entry?))
    }
}

impl<'a> Route<'a> {
    fn read(entry: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = Reader::new(entry);
        let route = Self {
            name: rest.text(1, usize::MAX, "")?,
            level: rest.u8()?,
            max_age: age(&mut rest)?,
            hosts: Texts::read(&mut rest)?,
            paths: Texts::read(&mut rest)?,
            methods: Texts::read(&mut rest)?,
            applications: Texts::read(&mut rest)?,
        };
        rest.end()?;
        Ok(route)
    }

    /// Puts it behind the others.
    fn put(&self, section: &mut Vec<u8>) {
        put(section, |out| {
            out.short(self.name.as_bytes());
            out.u8(self.level);
            out.u32(self.max_age.unwrap_or(0) as u32);
            for texts in [self.hosts, self.paths, self.methods, self.applications] {
                texts.put(out);
            }
        });
    }
}

/// What narrows a route down, and what it asks for.
const CONDITIONS: [&str; 4] = ["hosts", "paths", "http-methods", "applications"];
const DEMANDS: [&str; 2] = ["level", "max-age"];

/// Judges a route, and lays it out.
pub(super) fn put_route(
    report: &mut Report,
    entry: &Entry,
    policy: &Policy<'_>,
    out: &mut Vec<u8>,
) {
    let route = Route {
        name: entry.text("name").unwrap_or_default(),
        level: entry.number("level").unwrap_or(0) as u8,
        max_age: entry.number("max-age").map(u64::from),
        hosts: entry.texts("hosts"),
        paths: entry.texts("paths"),
        methods: entry.texts("http-methods"),
        applications: entry.texts("applications"),
    };
    for (keys, problem) in [
        (&CONDITIONS[..], "every request would be on this route"),
        (&DEMANDS[..], "this route demands nothing"),
    ] {
        if !keys.iter().any(|key| entry.is_written(key)) {
            let help = ["one of ", &listed(keys.iter().copied())].concat();
            report.error(entry.place, "route", problem.into(), help);
        }
    }
    if route.level == 3 && !tables::reaches_3(policy) {
        report.warn(
            entry.place("level"),
            "route.level",
            LEVEL_3.into(),
            "2".into(),
        );
    }
    route.put(out);
}

/// A host, as it is kept.
pub(super) fn host(text: &str) -> Result<String, Refusal> {
    let help =
        "a host, and its port if one is meant: \"app.example.com\", \"app.example.com:8443\"";
    authority::kept(text)
        .filter(|host| host.len() <= MAX_HOST)
        .map_or_else(|| values::refuse(wrong(text, " is no host"), help), Ok)
}

/// A path, as it is kept.
pub(super) fn path(text: &str) -> Result<String, Refusal> {
    let help = "a path such as \"/admin\", which is that and all below it, or \"=/admin\" for that alone; without `//`, `\\`, `;`, `?`, `#`, dot segments, or their escapes";
    let (alone, raw) = match text.strip_prefix('=') {
        Some(raw) => ("=", raw),
        None => ("", text),
    };
    let kept = path::Path::read(raw).and_then(|path| path.kept());
    match kept {
        Some(path) if raw.len() <= MAX_PATH => Ok([alone, &path].concat()),
        Some(_) => values::refuse(wrong(text, " is too long"), "at most 254 octets"),
        None => values::refuse(
            wrong(text, " can be read in several ways, or is no path"),
            help,
        ),
    }
}

/// An HTTP method.
pub(super) fn http_method(text: &str) -> Result<String, Refusal> {
    if HTTP_METHODS.contains(&text) {
        return Ok(text.to_owned());
    }
    let upper = text.to_ascii_uppercase();
    let help = match nearest(&upper, HTTP_METHODS) {
        Some(near) => ["did you mean ", &quoted(near), "?"].concat(),
        None => "a list of HTTP methods, such as [\"POST\", \"DELETE\"]".into(),
    };
    values::refuse(wrong(text, " is no HTTP method"), &help)
}

fn wrong(text: &str, what: &str) -> String {
    [&quoted(text), what].concat()
}
