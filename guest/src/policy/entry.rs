//! One table of a list, as it is kept while the document is read.

use super::Methods;
use super::lists::{List, Written};
use super::network::Networks;
use super::report::Place;
use super::sections::Texts;

/// One table of a list.
pub(crate) struct Entry {
    pub(super) list: &'static List,
    pub(super) place: Place,
    /// What was written. Most keys of most tables are left out.
    kept: Vec<Kept>,
}

/// What was written for one key, and where, as tightly as it goes: a document has thousands of them. Neither a line nor a column of
/// its 64 KiB at which a key can begin is beyond 65,536.
struct Kept {
    /// The place of the key among those of the list.
    key: u8,
    line_before: u16,
    column_before: u16,
    value: Option<Written>,
}

impl Entry {
    pub(super) fn new(list: &'static List, place: Place) -> Self {
        let kept = Vec::new();
        Self { list, place, kept }
    }

    /// Keeps what was given for the key at `key` in the list.
    pub(super) fn keep(&mut self, key: u8, place: Place, value: Option<Written>) {
        let before = |number: u32| u16::try_from(number.saturating_sub(1)).unwrap_or(u16::MAX);
        if self.kept.len() == self.kept.capacity() {
            self.kept.reserve_exact(4);
        }
        self.kept.push(Kept {
            key,
            line_before: before(place.line),
            column_before: before(place.column),
            value,
        });
    }

    /// Where the key at `key` in the list was written.
    pub(super) fn place_of(&self, key: u8) -> Option<Place> {
        let mut kept = self.kept.iter();
        kept.find(|kept| kept.key == key).map(Kept::place)
    }

    /// What was written for the key of this name.
    fn kept(&self, name: &str) -> Option<&Kept> {
        let at = self.list.keys.iter().position(|key| key.name == name)?;
        let mut kept = self.kept.iter();
        kept.find(|kept| usize::from(kept.key) == at)
    }

    /// Where the key stands, or else the table.
    pub(super) fn place(&self, name: &str) -> Place {
        self.kept(name).map_or(self.place, Kept::place)
    }

    pub(super) fn is_written(&self, name: &str) -> bool {
        self.kept(name).is_some()
    }

    fn value(&self, name: &str) -> Option<&Written> {
        self.kept(name)?.value.as_ref()
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Written::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn texts(&self, name: &str) -> Texts<'_> {
        match self.value(name) {
            Some(Written::Texts(texts)) => Texts::laid_out(texts),
            _ => Texts::default(),
        }
    }

    pub(super) fn number(&self, name: &str) -> Option<u32> {
        match self.value(name)? {
            Written::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn instant(&self, name: &str) -> Option<u64> {
        match self.value(name)? {
            Written::Instant(instant) => Some(**instant),
            _ => None,
        }
    }

    pub(super) fn networks(&self, name: &str) -> Option<&Networks> {
        match self.value(name)? {
            Written::Networks(networks) => Some(networks),
            _ => None,
        }
    }

    pub(super) fn sets(&self, name: &str) -> &[Methods] {
        match self.value(name) {
            Some(Written::Sets(sets)) => sets,
            _ => &[],
        }
    }
}

impl Kept {
    fn place(&self) -> Place {
        Place {
            line: u32::from(self.line_before) + 1,
            column: u32::from(self.column_before) + 1,
        }
    }
}
