//! The compiled form of a policy: little-endian numbers in the order of [`KEYS`], then the texts.
//!
//! | octets | what |
//! |---|---|
//! | 4 | `cfpo` |
//! | 4 | fingerprint of the table of keys: bytes of another build's table are refused, not misread |
//! | 4 each | one number for each key |
//! | 2, n each | one text for each key of texts |
//! | 1 | number of applications, at most 64 |
//! | 1, n, 1, 1, 4 | for each: name, fail mode (1 is OPEN), required level, maximum age in milliseconds (zero is none) |
//!
//! It is read at every step, so nothing is copied and an application is looked up in place.

use super::keys::{AGES, KEYS, Key, LEVELS};
use super::texts::{self, TEXTS};
use super::{Application, Applications, Policy};

/// Why bytes are no compiled policy of this build. Never the user's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompiledPolicyError {
    /// They do not begin as a compiled policy does.
    NotAPolicy,
    /// They were compiled by a build with other keys: the source has to be compiled again.
    OtherBuild,
    /// They end too early, or go on too long.
    Length,
    /// A value is outside its range: which key.
    OutOfRange(&'static str),
}

impl CompiledPolicyError {
    /// What to write into the log.
    pub fn message(self) -> &'static str {
        match self {
            Self::NotAPolicy => "not a compiled policy",
            Self::OtherBuild => "compiled by another build of the component",
            Self::Length => "truncated or overlong",
            Self::OutOfRange(_) => "a value is out of range",
        }
    }
}

/// Longest compiled policy that there is: 64 applications with the longest names and ages.
pub const MAX_BYTES: usize = 16 * 1024;
/// How many applications a policy may name.
pub const MAX_APPLICATIONS: usize = 64;
/// How long an application's name may be, in octets, as in `origin.application`.
pub const MAX_NAME: usize = 128;
/// How long an issuer may be, in octets.
pub const MAX_ISSUER: usize = 64;

/// Lays a policy out. Its texts are within their limits, which the document's parser has checked.
pub fn encode(policy: &Policy<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + 4 * KEYS.len() + policy.applications.entries.len());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FINGERPRINT.to_le_bytes());
    for key in &KEYS {
        out.extend_from_slice(&(key.get)(policy).to_le_bytes());
    }
    for key in &TEXTS {
        let text = (key.get)(policy).as_bytes();
        out.extend_from_slice(&(text.len() as u16).to_le_bytes());
        out.extend_from_slice(text);
    }
    let entries = policy.applications.entries;
    out.push(u8::try_from(Entries(entries).count()).unwrap_or(u8::MAX));
    out.extend_from_slice(entries);
    out
}

/// Reads a policy in place.
pub fn decode(bytes: &[u8]) -> Result<Policy<'_>, CompiledPolicyError> {
    let mut rest = bytes
        .strip_prefix(MAGIC)
        .ok_or(CompiledPolicyError::NotAPolicy)?;
    if number(&mut rest)? != FINGERPRINT {
        return Err(CompiledPolicyError::OtherBuild);
    }
    let mut policy = Policy::default();
    for key in &KEYS {
        let value = number(&mut rest)?;
        if !key.kind.allows(value) {
            return Err(CompiledPolicyError::OutOfRange(key.path));
        }
        (key.set)(&mut policy, value);
    }
    for key in &TEXTS {
        let text = core::str::from_utf8(long_text(&mut rest)?)
            .ok()
            .filter(|text| text.len() <= texts::MAX_TEXT)
            .ok_or(CompiledPolicyError::OutOfRange(key.path))?;
        (key.set)(&mut policy, text);
    }
    let applications = usize::from(octet(&mut rest)?);
    policy.applications.entries = rest;
    check_entries(rest, applications)?;
    Ok(policy)
}

impl Applications<'_> {
    /// What holds for the application of this name.
    pub fn of(&self, name: &str) -> Application {
        Entries(self.entries)
            .find(|(entry, _)| *entry == name.as_bytes())
            .map_or(self.default, |(_, application)| application)
    }
}

/// Adds one application to those that a policy lends.
pub(crate) fn put_application(entries: &mut Vec<u8>, name: &str, application: Application) {
    put_text(entries, name);
    entries.push(application.fail_open.into());
    entries.push(application.required_level);
    entries.extend_from_slice(&(application.max_age.unwrap_or(0) as u32).to_le_bytes());
}

/// Walks the applications. Ends early at bytes that [`check_entries`] would refuse.
pub(crate) struct Entries<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], Application);

    fn next(&mut self) -> Option<Self::Item> {
        let name = text(&mut self.0).ok()?;
        let fail_open = octet(&mut self.0).ok()? == 1;
        let required_level = octet(&mut self.0).ok()?;
        let max_age = number(&mut self.0).ok()?;
        Some((
            name,
            Application {
                fail_open,
                required_level,
                max_age: (max_age != 0).then_some(max_age.into()),
            },
        ))
    }
}

fn check_entries(entries: &[u8], count: usize) -> Result<(), CompiledPolicyError> {
    let mut walk = Entries(entries);
    let mut seen = 0;
    while !walk.0.is_empty() {
        let (name, application) = walk.next().ok_or(CompiledPolicyError::Length)?;
        if name.is_empty() || name.len() > MAX_NAME {
            return Err(CompiledPolicyError::OutOfRange("application.name"));
        }
        if !LEVELS.contains(&application.required_level.into()) {
            return Err(CompiledPolicyError::OutOfRange(
                "application.required-level",
            ));
        }
        if application.max_age.is_some_and(|age| !AGES.contains(&age)) {
            return Err(CompiledPolicyError::OutOfRange("application.max-age"));
        }
        seen += 1;
    }
    if seen != count || seen > MAX_APPLICATIONS {
        Err(CompiledPolicyError::Length)
    } else {
        Ok(())
    }
}

const MAGIC: &[u8] = b"cfpo";

/// Ties bytes to the table that they were written with: FNV-1a over the paths of its keys.
const FINGERPRINT: u32 = fingerprint();

const fn fingerprint() -> u32 {
    let mut hash = 0x811c_9dc5_u32;
    let mut keys: &[Key] = &super::keys::KEYS;
    while let [key, rest @ ..] = keys {
        let mut path = key.path.as_bytes();
        while let [octet, tail @ ..] = path {
            hash = (hash ^ *octet as u32).wrapping_mul(0x0100_0193);
            path = tail;
        }
        // Between two paths, so that no two tables read alike.
        hash = (hash ^ 0xff).wrapping_mul(0x0100_0193);
        keys = rest;
    }
    hash
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let len = u8::try_from(text.len()).unwrap_or(u8::MAX);
    out.push(len);
    out.extend_from_slice(text.as_bytes().get(..usize::from(len)).unwrap_or_default());
}

fn number(rest: &mut &[u8]) -> Result<u32, CompiledPolicyError> {
    let (head, tail) = rest
        .split_first_chunk::<4>()
        .ok_or(CompiledPolicyError::Length)?;
    *rest = tail;
    Ok(u32::from_le_bytes(*head))
}

fn octet(rest: &mut &[u8]) -> Result<u8, CompiledPolicyError> {
    let (head, tail) = rest.split_first().ok_or(CompiledPolicyError::Length)?;
    *rest = tail;
    Ok(*head)
}

fn long_text<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], CompiledPolicyError> {
    let (head, tail) = rest
        .split_first_chunk::<2>()
        .ok_or(CompiledPolicyError::Length)?;
    let (text, tail) = tail
        .split_at_checked(usize::from(u16::from_le_bytes(*head)))
        .ok_or(CompiledPolicyError::Length)?;
    *rest = tail;
    Ok(text)
}

fn text<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], CompiledPolicyError> {
    let len = usize::from(octet(rest)?);
    let (head, tail) = rest
        .split_at_checked(len)
        .ok_or(CompiledPolicyError::Length)?;
    *rest = tail;
    Ok(head)
}
