//! From the operator's document to the compiled policy.
//!
//! The document is read once, statement by statement. What it says is kept as one number for each key; the preset and the rules
//! between keys are applied when all of it was read, so that their order does not matter.

use super::compiled::MAX_BYTES;
use super::entry::Entry;
use super::keys::{KEYS, TABLES};
use super::lists::{self, LISTS, Written};
use super::presets::Preset;
use super::report::{Place, PolicyError, Report, decimal, listed, nearest, quoted};
use super::statement::{Form, Statement, Statements, Value};
use super::texts::{self, TEXTS};
use super::values::{self, Refusal};

/// A policy that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// What the host hands back at every step; at most 16 KiB.
    pub bytes: Vec<u8>,
    /// What the host itself needs to know.
    pub host: HostPolicy,
    /// What is legal but unwise, in the order of the document.
    pub warnings: Vec<PolicyError>,
}

/// The part of a policy that the host acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPolicy {
    /// Applications whose fail mode is OPEN.
    pub fail_open: Vec<String>,
    /// What to count.
    pub observe: Vec<Observed>,
    /// How long a session may live at most, in milliseconds.
    pub session_lifetime: u64,
    /// How many shadow records to keep.
    pub shadows: u32,
    /// Which methods a page may offer.
    pub methods: Vec<&'static str>,
}

/// Something to count over a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// `source` for failures, `source-begin` for begun sign-ins; both for each address prefix.
    pub kind: &'static str,
    /// Milliseconds.
    pub window: u64,
}

/// Longest document, in octets.
pub(crate) const MAX_DOCUMENT: usize = 64 * 1024;

/// Checks a policy document and compiles it. The errors are complete, up to 64 of them, in the order of the document.
pub fn compile(document: &str) -> Result<Compiled, Vec<PolicyError>> {
    read(document)?.finish()
}

/// The same for a document that is needed no more: its memory is free before the compiled form is laid out.
pub fn compile_last(document: String) -> Result<Compiled, Vec<PolicyError>> {
    let reader = read(&document)?;
    drop(document);
    reader.finish()
}

fn read(document: &str) -> Result<Reader, Vec<PolicyError>> {
    let mut reader = Reader::new();
    if document.len() > MAX_DOCUMENT {
        let help = "at most 65536 octets".into();
        reader
            .report
            .error(Place::START, "", "the document is too long".into(), help);
        return Err(reader.report.errors);
    }
    for statement in Statements::new(document) {
        match statement {
            Ok(statement) => reader.statement(statement),
            Err(malformed) => {
                let field = reader.table().to_owned();
                reader
                    .report
                    .error(malformed.place, &field, malformed.problem, malformed.help);
                if malformed.header {
                    reader.section = Section::Refused;
                }
            }
        }
        if reader.report.is_full() || reader.is_too_large() {
            return Err(reader.report.errors);
        }
    }
    Ok(reader)
}

/// What was read so far.
pub(super) struct Reader {
    pub(super) report: Report,
    section: Section,
    /// Where each table of [`TABLES`] began.
    tables: [Option<Place>; TABLES.len()],
    pub(super) preset: Given<&'static Preset>,
    /// What was written for each of [`KEYS`].
    pub(super) given: [Given; KEYS.len()],
    /// What was written for each of [`TEXTS`].
    pub(super) texts: [Given<String>; TEXTS.len()],
    /// What was written for each table of [`LISTS`].
    pub(super) lists: [Vec<Entry>; LISTS.len()],
    /// How many octets of names, texts and networks are kept in `lists`.
    kept: usize,
}

/// What was written for one key.
#[derive(Clone, Copy)]
pub(super) struct Given<T = u32> {
    /// Where, if it was written.
    pub(super) place: Option<Place>,
    /// The value, if it was legal.
    pub(super) value: Option<T>,
}

impl<T> Given<T> {
    pub(super) const NOTHING: Self = Self {
        place: None,
        value: None,
    };
}

/// Which table the next key belongs to.
#[derive(Clone, Copy)]
enum Section {
    Root,
    Table(&'static str),
    /// The last table of a list, by the list's place.
    List(usize),
    /// A table that was refused: what it holds costs no further errors.
    Refused,
}

impl Reader {
    fn new() -> Self {
        Self {
            report: Report::default(),
            section: Section::Root,
            tables: [None; TABLES.len()],
            preset: Given::NOTHING,
            given: [Given::NOTHING; KEYS.len()],
            texts: [const { Given::NOTHING }; TEXTS.len()],
            lists: [const { Vec::new() }; LISTS.len()],
            kept: 0,
        }
    }

    fn statement(&mut self, statement: Statement<'_>) {
        let place = statement.place;
        match (statement.form, statement.path.as_slice()) {
            (Form::Table, [name]) => self.table_header(name, place),
            (Form::ListTable, [name]) => self.list_header(name, place),
            (Form::Table | Form::ListTable, path) => {
                self.section = Section::Refused;
                let name = path.join(".");
                self.unknown_table(&name, place);
            }
            (Form::KeyValue(value, at), path) => match (self.section, path) {
                (Section::Refused, _) => {}
                (Section::Root, [name]) if name == "preset" => self.preset(&value, place, at),
                (Section::Root, [name]) => self.unknown_root(name, place),
                (Section::Root, [table, name]) => match known_table(table) {
                    Some((index, table)) => {
                        // As in TOML: a table that is written by dotted names has no header besides.
                        self.set_table(index, place);
                        self.key(table, name, &value, place, at);
                    }
                    None => self.unknown_table(table, place),
                },
                (Section::Table(table), [name]) => self.key(table, name, &value, place, at),
                (Section::List(list), [name]) => self.list_key(list, name, &value, place, at),
                (Section::Root, path) => self.unknown_root(&path.join("."), place),
                (Section::Table(_) | Section::List(_), path) => {
                    self.unknown_key(&path.join("."), place);
                }
            },
        }
    }

    fn set_table(&mut self, index: usize, place: Place) {
        if let Some(slot) = self.tables.get_mut(index) {
            slot.get_or_insert(place);
        }
    }

    fn table_header(&mut self, name: &str, place: Place) {
        self.section = Section::Refused;
        let Some((index, table)) = known_table(name) else {
            if let Some(list) = lists::find(name).and_then(|at| LISTS.get(at)) {
                let help = ["[[", name, "]], with two brackets: there may be several"].concat();
                let problem = [list.plural, " are a list"].concat();
                self.report.error(place, name, problem, help);
            } else {
                self.unknown_table(name, place);
            }
            return;
        };
        if let Some(first) = self.tables.get(index).copied().flatten() {
            return duplicate(&mut self.report, table, first, place);
        }
        self.set_table(index, place);
        self.section = Section::Table(table);
    }

    fn list_header(&mut self, name: &str, place: Place) {
        self.section = Section::Refused;
        let Some(at) = lists::find(name) else {
            return match known_table(name) {
                Some((_, table)) => {
                    let help = ["[", table, "], with one bracket"].concat();
                    self.report
                        .error(place, table, "this table is no list".into(), help);
                }
                None => self.unknown_table(name, place),
            };
        };
        let (Some(list), Some(entries)) = (LISTS.get(at), self.lists.get_mut(at)) else {
            return;
        };
        if entries.len() > list.most {
            return;
        }
        if entries.len() == list.most {
            let most = decimal(list.most as u64);
            let problem = ["there are more than ", &most, " ", list.plural].concat();
            let help = ["at most ", &most, " ", list.plural].concat();
            self.report.error(place, list.name, problem, help);
        } else {
            self.section = Section::List(at);
        }
        // One beyond the limit is kept, so that the error is told once.
        entries.push(Entry::new(list, place));
    }

    fn preset(&mut self, value: &Value<'_>, place: Place, at: Place) {
        let spot = Spot {
            field: "preset",
            place,
            at,
        };
        fill(
            &mut self.report,
            &mut self.preset,
            &spot,
            values::preset(value),
        );
    }

    fn key(&mut self, table: &'static str, name: &str, value: &Value<'_>, place: Place, at: Place) {
        let path = [table, ".", name].concat();
        let spot = Spot {
            field: &path,
            place,
            at,
        };
        if let Some((at, text)) = texts::find(&path)
            && let Some(given) = self.texts.get_mut(at)
        {
            return fill(&mut self.report, given, &spot, texts::read(text, value));
        }
        if table == "application-default" && name == "fail-mode" {
            let help =
                "write fail-mode into the [[application]] table of each application that needs it"
                    .into();
            let problem = "a fail mode is chosen for one application, never for all".into();
            return self.report.error(place, &path, problem, help);
        }
        match self
            .given
            .iter_mut()
            .zip(&KEYS)
            .find(|(_, key)| key.path == path)
        {
            Some((given, key)) => fill(
                &mut self.report,
                given,
                &spot,
                values::number(&key.kind, value),
            ),
            None => self.unknown_key(name, place),
        }
    }

    fn list_key(&mut self, at: usize, name: &str, value: &Value<'_>, place: Place, of: Place) {
        let Some((entry, earlier)) = self
            .lists
            .get_mut(at)
            .and_then(|list| list.split_last_mut())
        else {
            return;
        };
        let mut keys = entry.list.keys.iter().zip(0..);
        let Some((key, number)) = keys.find(|(key, _)| key.name == name) else {
            return self.unknown_key(name, place);
        };
        let field = [entry.list.name, ".", name].concat();
        let spot = Spot {
            field: &field,
            place,
            at: of,
        };
        let taken = |name: &str| earlier.iter().any(|one| one.text("name") == Some(name));
        let read = lists::read(entry.list, &key.form, value, taken);
        let earlier = entry.place_of(number);
        let mut given = Given {
            place: earlier,
            value: None,
        };
        fill(&mut self.report, &mut given, &spot, read);
        if earlier.is_some() {
            return;
        }
        self.kept += given.value.as_ref().map_or(0, Written::octets);
        entry.keep(number, given.place.unwrap_or(place), given.value);
        if self.is_too_large() {
            let most = decimal(MAX_BYTES as u64);
            let problem = "with this one, names and networks take too much room".into();
            let help = ["at most ", &most, " octets: fewer rules, networks or names"].concat();
            self.report.error(place, spot.field, problem, help);
        }
    }

    /// Whether more is kept than may be compiled. Nothing further is read then: memory is small.
    fn is_too_large(&self) -> bool {
        self.kept > MAX_BYTES
    }

    /// The table that is being read, for errors that have no key.
    fn table(&self) -> &'static str {
        match self.section {
            Section::Table(table) => table,
            Section::List(at) => LISTS.get(at).map_or("", |list| list.name),
            Section::Root | Section::Refused => "",
        }
    }

    fn unknown_table(&mut self, name: &str, place: Place) {
        let known = || TABLES.into_iter().chain(lists::names());
        let help = match nearest(name, known()) {
            Some(near) => ["did you mean ", &quoted(near), "?"].concat(),
            None => ["the tables are ", &listed(known())].concat(),
        };
        self.report.error(
            place,
            &plain(name),
            ["there is no table ", &quoted(name)].concat(),
            help,
        );
    }

    /// A key before the first table.
    fn unknown_root(&mut self, name: &str, place: Place) {
        let help = if nearest(name, ["preset"]).is_some() {
            "did you mean `preset`?".into()
        } else if let Some((_, table)) = known_table(name) {
            ["`", table, "` is a table: [", table, "]"].concat()
        } else if let Some(table) = table_of(name) {
            ["did you mean `", name, "` in [", table, "]?"].concat()
        } else {
            "before the first table there is only `preset`".into()
        };
        self.report.error(
            place,
            &plain(name),
            ["there is no key ", &quoted(name)].concat(),
            help,
        );
    }

    fn unknown_key(&mut self, name: &str, place: Place) {
        let table = self.table();
        let known: Vec<&str> = match self.section {
            Section::List(at) => LISTS.get(at).map_or_else(Vec::new, |list| {
                list.keys.iter().map(|key| key.name).collect()
            }),
            _ => names_of(table).collect(),
        };
        let help = match (nearest(name, known.iter().copied()), table_of(name)) {
            _ if name == "preset" => "`preset` goes before the first table".into(),
            (Some(near), _) => ["did you mean ", &quoted(near), "?"].concat(),
            (None, Some(table)) => ["there is one of that name in [", table, "]"].concat(),
            (None, None) => ["its keys are ", &listed(known)].concat(),
        };
        let field = [table, ".", &plain(name)].concat();
        self.report.error(
            place,
            &field,
            ["there is no key ", &quoted(name)].concat(),
            help,
        );
    }
}

/// A key that was met: its name, where it stands, and where its value does.
struct Spot<'a> {
    field: &'a str,
    place: Place,
    at: Place,
}

/// Keeps what was written for a key, which may be written once.
fn fill<T>(report: &mut Report, given: &mut Given<T>, spot: &Spot<'_>, read: Result<T, Refusal>) {
    if let Some(first) = given.place {
        return duplicate(report, spot.field, first, spot.place);
    }
    given.place = Some(spot.at);
    match read {
        Ok(value) => given.value = Some(value),
        Err(Refusal { problem, help }) => report.error(spot.at, spot.field, problem, help),
    }
}

fn duplicate(report: &mut Report, field: &str, first: Place, place: Place) {
    let problem = ["written before, in line ", &decimal(first.line.into())].concat();
    report.error(place, field, problem, "keep one of the two".into());
}

fn known_table(name: &str) -> Option<(usize, &'static str)> {
    TABLES
        .into_iter()
        .enumerate()
        .find(|(_, table)| *table == name)
}

/// The keys of a table, by their names in it.
fn names_of(table: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .filter_map(move |key| {
            key.path
                .split_once('.')
                .filter(|(owner, _)| *owner == table)
        })
        .map(|(_, name)| name)
        .chain(texts::names(table))
}

/// The table that has a key of this name.
fn table_of(name: &str) -> Option<&'static str> {
    KEYS.iter()
        .map(|key| key.path)
        .chain(TEXTS.iter().map(|text| text.path))
        .filter_map(|path| path.split_once('.'))
        .find(|(_, known)| *known == name)
        .map(|(table, _)| table)
}

/// A name of the document as part of a field path: short, and without the marks of a quotation.
fn plain(name: &str) -> String {
    quoted(name).trim_matches('`').to_owned()
}
