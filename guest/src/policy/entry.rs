//! One table of a list, as it is kept while the document is read.

use super::Methods;
use super::document::Given;
use super::lists::{List, Written};
use super::network::Networks;
use super::report::Place;
use super::sections::Texts;

/// One table of a list.
pub(crate) struct Entry {
    pub(super) list: &'static List,
    pub(super) place: Place,
    /// What was written, with the place of its key among those of the list. Most keys of most tables are left out.
    pub(super) values: Vec<(u8, Given<Written>)>,
}

impl Entry {
    /// What was written for the key of this name, and where.
    pub(super) fn given(&self, name: &str) -> Option<&Given<Written>> {
        let at = self.list.keys.iter().position(|key| key.name == name)?;
        let mut values = self.values.iter();
        values
            .find(|(key, _)| usize::from(*key) == at)
            .map(|(_, given)| given)
    }

    /// Where the key stands, or else the table.
    pub(super) fn place(&self, name: &str) -> Place {
        let place = self.given(name).and_then(|given| given.place);
        place.unwrap_or(self.place)
    }

    pub(super) fn is_written(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    fn value(&self, name: &str) -> Option<&Written> {
        self.given(name)?.value.as_ref()
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
