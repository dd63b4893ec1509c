//! The tables that there may be several of, as the compiled form has them, read in place. A step looks at what it needs, so
//! nothing of them is checked before: bytes that cannot be read are an error where they are met, and deny.
//!
//! A section is one entry after the other, each with its length (two octets) before it.
//!
//! | section | entry |
//! |---|---|
//! | locations | name; flags (1: of an unknown country, 2: countries matter); countries (two octets each); IPv4 ranges (four and four octets); IPv6 ranges (sixteen and sixteen) |
//! | strengths | name; alternatives, as sets of methods |
//! | rules | name; what it does; until; why; methods; strength; level; maximum age; locations and other locations, as sets; risks and states, as sets; groups; users; applications |
//! | applications | name; fail mode (1 is OPEN); level; maximum age; methods; strength; approvals; app passwords; approvers; whom it shares sessions with |
//! | routes | as [`super::route`] says |
//! | greetings | message; language; application; text |

use super::network::{Address, Networks};
use super::{Application, Methods};
use crate::account::RecordError;
use crate::octets::{Reader, Writer};

/// Bytes that no compiler has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl From<RecordError> for Malformed {
    fn from(_: RecordError) -> Self {
        Self
    }
}

/// Named sets of addresses and countries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Locations<'a>(pub(crate) &'a [u8]);

/// Named combinations of methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strengths<'a>(pub(crate) &'a [u8]);

/// What decides beside the defaults, in the order of the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules<'a>(pub(crate) &'a [u8]);

/// The applications that the policy names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applications<'a> {
    /// What holds for an application without a table of its own.
    pub(crate) default: Application<'a>,
    /// The others.
    pub(crate) entries: &'a [u8],
}

/// What telephone calls say in the place of the built-in texts (S15).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Greetings<'a>(pub(crate) &'a [u8]);

/// Some texts, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Texts<'a>(&'a [u8]);

/// One location.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Location<'a> {
    flags: u8,
    countries: &'a [u8],
    v4: &'a [u8],
    v6: &'a [u8],
}

/// One rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule<'a> {
    pub(crate) name: &'a str,
    pub(crate) effect: Effect,
    /// Until when it applies.
    pub(crate) until: Option<u64>,
    pub(crate) why: &'a str,
    /// The methods that it leaves; none for all.
    pub(crate) methods: Methods,
    /// Number of a strength; zero for none.
    pub(crate) strength: u8,
    /// Zero for none.
    pub(crate) level: u8,
    pub(crate) max_age: Option<u64>,
    /// Bits by the places of locations; zero for any.
    pub(crate) locations: u64,
    pub(crate) not_locations: u64,
    /// Bits by their numbers; zero for any.
    pub(crate) risks: u8,
    pub(crate) states: u8,
    pub(crate) groups: Texts<'a>,
    pub(crate) users: Texts<'a>,
    pub(crate) applications: Texts<'a>,
}

/// What a rule does where it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Effect {
    Skip = 0,
    Deny = 1,
    Require = 2,
}

/// The country that an address belongs to, as far as somebody says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Country<'a> {
    /// Nobody was asked.
    Untold,
    /// It is not known.
    Unknown,
    /// This one.
    Is(&'a str),
}

impl<'a> Locations<'a> {
    pub(crate) fn iter(self) -> impl Iterator<Item = Result<Location<'a>, Malformed>> {
        Entries(self.0).map(|entry| Location::read(entry?))
    }
}

impl<'a> Location<'a> {
    fn read(entry: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = Reader::new(entry);
        rest.short(1, usize::MAX, "")?;
        let location = Self {
            flags: rest.u8()?,
            countries: rest.long(usize::MAX, "")?,
            v4: rest.long(usize::MAX, "")?,
            v6: rest.long(usize::MAX, "")?,
        };
        rest.end()?;
        Ok(location)
    }

    /// Whether the country decides where the address alone does not.
    pub(crate) fn has_countries(&self) -> bool {
        self.flags & COUNTRIES != 0
    }

    /// Whether an address is in it. None if that depends on a country that nobody told.
    pub(crate) fn holds(&self, address: Address, country: Country<'_>) -> Option<bool> {
        let inside = match address {
            Address::V4(address) => pairs::<4>(self.v4).any(|(first, last)| {
                (u32::from_be_bytes(first)..=u32::from_be_bytes(last)).contains(&address)
            }),
            Address::V6(address) => pairs::<16>(self.v6).any(|(first, last)| {
                (u128::from_be_bytes(first)..=u128::from_be_bytes(last)).contains(&address)
            }),
        };
        match country {
            _ if inside || !self.has_countries() => Some(inside),
            Country::Untold => None,
            Country::Unknown => Some(self.flags & UNKNOWN != 0),
            Country::Is(country) => Some(
                self.countries
                    .chunks_exact(2)
                    .any(|known| known == country.as_bytes()),
            ),
        }
    }
}

const UNKNOWN: u8 = 1;
const COUNTRIES: u8 = 2;

/// Puts a location behind the others.
pub(crate) fn put_location(
    section: &mut Vec<u8>,
    name: &str,
    countries: Texts<'_>,
    unknown_country: bool,
    networks: Option<&Networks>,
) {
    let by_country = unknown_country || !countries.is_empty();
    let countries: Vec<&[u8]> = countries.iter().collect();
    put(section, |out| {
        out.short(name.as_bytes());
        out.u8(u8::from(unknown_country) * UNKNOWN + u8::from(by_country) * COUNTRIES);
        out.long(&countries.concat());
        out.long(networks.map_or(&[], |networks| &networks.v4));
        out.long(networks.map_or(&[], |networks| &networks.v6));
    });
}

impl Strengths<'_> {
    /// The alternatives of the strength at this place.
    pub(crate) fn at(self, place: usize) -> Result<Vec<Methods>, Malformed> {
        let mut rest = Reader::new(Entries(self.0).nth(place).ok_or(Malformed)??);
        rest.short(1, usize::MAX, "")?;
        let sets = rest.list(usize::MAX, "", |rest| rest.u32().map(Methods::from_bits))?;
        rest.end()?;
        // Without an alternative nothing would be enough; with an empty one, nothing would be needed.
        if sets.is_empty() || sets.iter().any(|set| set.is_empty()) {
            return Err(Malformed);
        }
        Ok(sets)
    }

    /// Its name.
    pub(crate) fn name(&self, place: usize) -> Option<&str> {
        let entry = Entries(self.0).nth(place)?.ok()?;
        Reader::new(entry).text(1, usize::MAX, "").ok()
    }
}

/// Puts a strength behind the others.
pub(crate) fn put_strength(section: &mut Vec<u8>, name: &str, sets: &[Methods]) {
    put(section, |out| {
        out.short(name.as_bytes());
        out.list(sets, |set, out| out.u32(set.bits()));
    });
}

impl<'a> Rules<'a> {
    pub(crate) fn iter(self) -> impl Iterator<Item = Result<Rule<'a>, Malformed>> {
        Entries(self.0).map(|entry| Rule::read(entry?))
    }
}

impl<'a> Rule<'a> {
    fn read(entry: &'a [u8]) -> Result<Self, Malformed> {
        let mut rest = Reader::new(entry);
        let rule = Self {
            name: rest.text(1, usize::MAX, "")?,
            effect: match rest.u8()? {
                0 => Effect::Skip,
                1 => Effect::Deny,
                2 => Effect::Require,
                _ => return Err(Malformed),
            },
            until: Some(rest.u64()?).filter(|until| *until != 0),
            why: rest.text(0, usize::MAX, "")?,
            methods: Methods::from_bits(rest.u32()?),
            strength: rest.u8()?,
            level: rest.u8()?,
            max_age: age(&mut rest)?,
            locations: rest.u64()?,
            not_locations: rest.u64()?,
            risks: rest.u8()?,
            states: rest.u8()?,
            groups: Texts::read(&mut rest)?,
            users: Texts::read(&mut rest)?,
            applications: Texts::read(&mut rest)?,
        };
        rest.end()?;
        Ok(rule)
    }

    /// Puts it behind the others.
    pub(crate) fn put(&self, section: &mut Vec<u8>) {
        put(section, |out| {
            out.short(self.name.as_bytes());
            out.u8(self.effect as u8);
            out.u64(self.until.unwrap_or(0));
            out.short(self.why.as_bytes());
            out.u32(self.methods.bits());
            out.u8(self.strength);
            out.u8(self.level);
            out.u32(self.max_age.unwrap_or(0) as u32);
            out.u64(self.locations);
            out.u64(self.not_locations);
            out.u8(self.risks);
            out.u8(self.states);
            for texts in [self.groups, self.users, self.applications] {
                texts.put(out);
            }
        });
    }
}

impl<'a> Applications<'a> {
    /// What holds for the application of this name.
    pub fn of(self, name: &str) -> Result<Application<'a>, Malformed> {
        for entry in Entries(self.entries) {
            let entry = entry?;
            // There may be many: what has a name of another length is passed by at a glance.
            let &[length, ref named @ ..] = entry else {
                return Err(Malformed);
            };
            if usize::from(length) != name.len() || !named.starts_with(name.as_bytes()) {
                continue;
            }
            let mut rest = Reader::new(entry);
            rest.short(1, usize::MAX, "")?;
            let application = Application {
                fail_open: rest.u8()? == 1,
                required_level: rest.u8()?,
                max_age: age(&mut rest)?,
                methods: Methods::from_bits(rest.u32()?),
                strength: rest.u8()?,
                approvals: rest.u8()?,
                app_passwords: rest.u8()? == 1,
                approvers: Texts::read(&mut rest)?,
                session: rest.text(0, usize::MAX, "")?,
            };
            rest.end()?;
            return Ok(application);
        }
        Ok(self.default)
    }
}

/// Puts an application behind the others.
pub(crate) fn put_application(section: &mut Vec<u8>, name: &str, application: &Application<'_>) {
    put(section, |out| {
        out.short(name.as_bytes());
        out.u8(application.fail_open.into());
        out.u8(application.required_level);
        out.u32(application.max_age.unwrap_or(0) as u32);
        out.u32(application.methods.bits());
        out.u8(application.strength);
        out.u8(application.approvals);
        out.u8(application.app_passwords.into());
        out.long(application.approvers.0);
        out.short(application.session.as_bytes());
    });
}

impl<'a> Greetings<'a> {
    /// What to say for a message, in a language, for an application: the text of the greeting that fits best, or the message
    /// itself, whose text is the host's own. A language goes before an application, the whole tag before its first part, and
    /// what is for all before nothing.
    pub(crate) fn find(self, message: &'a str, language: &str, application: &str) -> &'a str {
        let primary = language.split('-').next().unwrap_or_default();
        let mut best = (0, message);
        for entry in Entries(self.0) {
            // What a call says lets nobody in: what cannot be read is not said.
            let Some([what, tag, whose, text]) = entry.ok().and_then(greeting) else {
                break;
            };
            let language = match tag {
                "" => 1,
                _ if tag.eq_ignore_ascii_case(language) => 3,
                _ if tag.eq_ignore_ascii_case(primary) => 2,
                _ => continue,
            };
            let rank = match whose {
                "" => 2 * language,
                _ if whose == application => 2 * language + 1,
                _ => continue,
            };
            if what == message && rank > best.0 {
                best = (rank, text);
            }
        }
        best.1
    }
}

fn greeting(entry: &[u8]) -> Option<[&str; 4]> {
    let mut rest = Reader::new(entry);
    let mut texts = [""; 4];
    for text in &mut texts {
        *text = rest.text(0, usize::MAX, "").ok()?;
    }
    Some(texts)
}

/// Puts a greeting behind the others.
pub(crate) fn put_greeting(section: &mut Vec<u8>, texts: [&str; 4]) {
    put(section, |out| {
        for text in texts {
            out.short(text.as_bytes());
        }
    });
}

impl<'a> Texts<'a> {
    /// Lays texts out; each is at most 255 octets long.
    pub(super) fn lay_out(texts: &[String]) -> Box<[u8]> {
        let size = texts.iter().map(|text| 1 + text.len()).sum();
        let mut kept = Vec::with_capacity(size);
        for text in texts {
            kept.push(text.len() as u8);
            kept.extend_from_slice(text.as_bytes());
        }
        kept.into()
    }

    /// What [`Texts::lay_out`] made.
    pub(super) fn laid_out(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The texts as such.
    pub(super) fn names(self) -> impl Iterator<Item = &'a str> {
        self.iter()
            .filter_map(|text| core::str::from_utf8(text).ok())
    }

    pub(super) fn read(rest: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self(rest.long(usize::MAX, "")?))
    }

    pub(super) fn put(self, out: &mut Writer) {
        out.long(self.0);
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether a text is among them.
    pub(crate) fn has(self, text: &str) -> bool {
        self.iter().any(|one| one == text.as_bytes())
    }

    /// One after the other. Ends early at bytes that nobody has written.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (length, tail) = rest.split_first()?;
            let (text, tail) = tail.split_at_checked(usize::from(*length))?;
            rest = tail;
            Some(text)
        })
    }
}

/// Walks a section.
pub(super) struct Entries<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = Result<&'a [u8], Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let entry = self.0.split_first_chunk::<2>().and_then(|(length, rest)| {
            rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
        });
        let Some((entry, rest)) = entry else {
            self.0 = &[];
            return Some(Err(Malformed));
        };
        self.0 = rest;
        Some(Ok(entry))
    }
}

pub(super) fn put(section: &mut Vec<u8>, write: impl FnOnce(&mut Writer)) {
    let mut out = Writer::new(1024);
    write(&mut out);
    let entry = out.into_bytes();
    // The document's parser keeps entries and sections far below what two octets count.
    section.extend_from_slice(&(entry.len() as u16).to_le_bytes());
    section.extend_from_slice(&entry);
}

pub(super) fn age(rest: &mut Reader<'_>) -> Result<Option<u64>, Malformed> {
    let age = rest.u32()?;
    Ok((age != 0).then_some(age.into()))
}

fn pairs<const N: usize>(octets: &[u8]) -> impl Iterator<Item = ([u8; N], [u8; N])> {
    octets.chunks_exact(2 * N).filter_map(|pair| {
        let (first, last) = pair.split_first_chunk::<N>()?;
        Some((*first, *last.first_chunk::<N>()?))
    })
}
