//! CBOR (RFC 8949) in the one form that authenticators may write: CTAP2's canonical one (CTAP 2.1 section 8). Whatever could be
//! written in two ways is refused in all but one, and lengths are believed only as far as there are octets.

/// How deep maps and lists may be nested. CTAP2 has four; an attestation's statement begins one below the top.
const DEPTH: u8 = 5;

/// Octets that are read from the front.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

/// A data item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// Of zero or above.
    Unsigned(u64),
    /// Minus one minus this.
    Negative(u64),
    /// Octets.
    Bytes(&'a [u8]),
    /// Text.
    Text(&'a str),
    /// A list, by the octets of its items.
    List(&'a [u8]),
    /// A map: how many members, and their octets.
    Map(usize, &'a [u8]),
    /// `false`, `true`, `null`, or a floating-point number.
    Simple(u64),
}

/// A map: keys and values, of good form. The keys are in order, and none is twice.
pub(super) struct Map<'a>(Vec<(Item<'a>, Item<'a>)>);

impl<'a> Reader<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// Takes one item, checked through and through.
    pub(super) fn item(&mut self) -> Option<Item<'a>> {
        self.nested(DEPTH)
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    fn nested(&mut self, depth: u8) -> Option<Item<'a>> {
        let (&[first], rest) = self.0.split_first_chunk::<1>()?;
        self.0 = rest;
        let (major, argument) = (first >> 5, self.argument(first & 31, first >> 5 == 7)?);
        // Numbers on 64-bit and 32-bit machines alike: what does not fit is longer than what there is.
        let length = usize::try_from(argument).ok();
        Some(match major {
            0 => Item::Unsigned(argument),
            1 => Item::Negative(argument),
            2 => Item::Bytes(self.take(length?)?),
            3 => Item::Text(core::str::from_utf8(self.take(length?)?).ok()?),
            4 => {
                let below = depth.checked_sub(1)?;
                let before = self.0;
                for _ in 0..argument {
                    self.nested(below)?;
                }
                Item::List(self.since(before)?)
            }
            5 => {
                let below = depth.checked_sub(1)?;
                let before = self.0;
                let mut last: Option<&[u8]> = None;
                for _ in 0..argument {
                    let from = self.0;
                    self.nested(below)?;
                    let key = self.since(from)?;
                    if last.is_some_and(|last| !is_before(last, key)) {
                        return None;
                    }
                    last = Some(key);
                    self.nested(below)?;
                }
                Item::Map(length?, self.since(before)?)
            }
            7 => Item::Simple(argument),
            // Tags.
            _ => return None,
        })
    }

    /// The number that belongs to the first octet, in its shortest form.
    fn argument(&mut self, low: u8, simple: bool) -> Option<u64> {
        let (value, least) = match low {
            // Of the simple values there are `false`, `true` and `null`.
            0..=23 if simple => return matches!(low, 20..=22).then_some(low.into()),
            0..=23 => return Some(low.into()),
            24 if simple => return None,
            24 => (u64::from(u8::from_be_bytes(self.array()?)), 24),
            25 => (u64::from(u16::from_be_bytes(self.array()?)), 1 << 8),
            26 => (u64::from(u32::from_be_bytes(self.array()?)), 1 << 16),
            27 => (u64::from_be_bytes(self.array()?), 1 << 32),
            // Lengths that are told at the end.
            _ => return None,
        };
        // The octets of a floating-point number are no length.
        (simple || value >= least).then_some(value)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(first)
    }

    /// What was read since `before` was what is left.
    fn since(&self, before: &'a [u8]) -> Option<&'a [u8]> {
        before.get(..before.len().checked_sub(self.0.len())?)
    }
}

impl<'a> Item<'a> {
    /// The map, if it is one.
    pub(super) fn map(self) -> Option<Map<'a>> {
        let Self::Map(count, octets) = self else {
            return None;
        };
        let mut rest = Reader(octets);
        let mut members = Vec::with_capacity(count.min(octets.len() / 2));
        for _ in 0..count {
            members.push((rest.item()?, rest.item()?));
        }
        Some(Map(members))
    }

    /// The octets, if it is a string of them.
    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(octets) => Some(octets),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is a small one.
    pub(super) fn number(self) -> Option<i64> {
        match self {
            Self::Unsigned(value) => i64::try_from(value).ok(),
            Self::Negative(value) => i64::try_from(value).ok().map(|value| -1 - value),
            _ => None,
        }
    }

    /// The octet strings of a list of them.
    pub(super) fn byte_strings(self) -> Option<Vec<&'a [u8]>> {
        let Self::List(octets) = self else {
            return None;
        };
        let mut rest = Reader(octets);
        let mut strings = Vec::new();
        while !rest.is_empty() {
            strings.push(rest.item()?.bytes()?);
        }
        Some(strings)
    }
}

impl<'a> Map<'a> {
    /// How many members it has.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value of a text.
    pub(super) fn named(&self, name: &str) -> Option<Item<'a>> {
        self.get(Item::Text(name))
    }

    /// The value of a number.
    pub(super) fn labelled(&self, label: i64) -> Option<Item<'a>> {
        let mut members = self.0.iter();
        members
            .find(|(key, _)| key.number() == Some(label))
            .map(|(_, value)| *value)
    }

    fn get(&self, key: Item<'_>) -> Option<Item<'a>> {
        let mut members = self.0.iter();
        members
            .find(|(known, _)| *known == key)
            .map(|(_, value)| *value)
    }
}

/// The order of keys: by kind, then the shorter one, then octet by octet.
fn is_before(one: &[u8], other: &[u8]) -> bool {
    let kind = |key: &[u8]| key.first().map(|first| first >> 5);
    (kind(one), one.len(), one) < (kind(other), other.len(), other)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Item, Reader};

    fn read(octets: &[u8]) -> Option<Item<'_>> {
        let mut rest = Reader::new(octets);
        let item = rest.item()?;
        rest.is_empty().then_some(item)
    }

    #[test]
    fn canonical_items_are_read() {
        assert_eq!(read(&[0x17]), Some(Item::Unsigned(23)));
        assert_eq!(read(&[0x18, 24]), Some(Item::Unsigned(24)));
        assert_eq!(read(&[0x39, 1, 0]).unwrap().number(), Some(-257));
        assert_eq!(read(&[0x42, 1, 2]), Some(Item::Bytes(&[1, 2])));
        assert_eq!(read(&[0xf5]), Some(Item::Simple(21)));
        assert!(read(&[0xfa, 0, 0, 0, 0]).is_some());
        // {1: 2, 3: -7, -1: [], "a": {}}
        let map = [0xa4, 1, 2, 3, 0x26, 0x20, 0x80, 0x61, b'a', 0xa0];
        let map = read(&map).unwrap().map().unwrap();
        assert_eq!(map.len(), 4);
        assert_eq!(map.labelled(3).unwrap().number(), Some(-7));
        assert!(map.named("a").unwrap().map().is_some());
    }

    #[test]
    fn every_other_form_is_refused() {
        for (why, octets) in [
            ("nothing", &[][..]),
            ("23 in two octets", &[0x18, 23]),
            ("255 in three", &[0x19, 0, 255]),
            ("65,535 in five", &[0x1a, 0, 0, 255, 255]),
            ("2^32 - 1 in nine", &[0x1b, 0, 0, 0, 0, 255, 255, 255, 255]),
            ("a length in two octets", &[0x58, 1, 0]),
            ("octets that are missing", &[0x42, 1]),
            ("a list of 2^32 - 1", &[0x9a, 255, 255, 255, 255]),
            (
                "a list of 2^64 - 1",
                &[0x9b, 255, 255, 255, 255, 255, 255, 255, 255],
            ),
            (
                "a map of 2^64 - 1",
                &[0xbb, 255, 255, 255, 255, 255, 255, 255, 255],
            ),
            (
                "octets of 2^64 - 1",
                &[0x5b, 255, 255, 255, 255, 255, 255, 255, 255],
            ),
            ("a list without a length", &[0x9f, 0xff]),
            ("octets without a length", &[0x5f, 0xff]),
            ("the end of what has no length", &[0xff]),
            ("a reserved length", &[0x1c]),
            ("a tag", &[0xc0, 0]),
            ("undefined", &[0xf7]),
            ("a simple value in two octets", &[0xf8, 21]),
            ("no UTF-8", &[0x61, 0xff]),
            ("a key twice", &[0xa2, 1, 0, 1, 0]),
            ("keys in no order", &[0xa2, 2, 0, 1, 0]),
            ("a negative key first", &[0xa2, 0x20, 0, 1, 0]),
            (
                "the longer key first",
                &[0xa2, 0x62, b'a', b'a', 0, 0x61, b'b', 0],
            ),
            ("a key without a value", &[0xa1, 1]),
            ("too deep", &[0x81; 6]),
            ("something behind it", &[0, 0]),
        ] {
            assert_eq!(read(octets), None, "{why}");
        }
        let deep = [&[0x81; 5][..], &[0]].concat();
        assert!(read(&deep).is_some());
    }
}
