//! The compiled form of a policy: little-endian numbers in the order of [`KEYS`], then the texts.
//!
//! | octets | what |
//! |---|---|
//! | 4 | `cfpo` |
//! | 4 | fingerprint of the table of keys: bytes of another build's table are refused, not misread |
//! | 4 each | one number for each key |
//! | 2, n each | one text for each key of texts |
//! | 2, n each | the sections of `sections`: locations, strengths, rules, applications, routes, greetings |
//!
//! It is read at every step, so nothing is copied, and what a section holds is looked up in place.

use super::Policy;
use super::keys::{self, COUNT, KEYS, Key};
use super::texts::{self, TEXTS};

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

/// Longest compiled policy that there is.
pub const MAX_BYTES: usize = 16 * 1024;
/// How long an issuer may be, in octets.
pub const MAX_ISSUER: usize = 64;

/// Lays a policy out. Its texts are within their limits, which the document's parser has checked.
pub fn encode(policy: &Policy<'_>) -> Vec<u8> {
    let sections = sections(policy);
    let size: usize = sections.iter().map(|section| section.len()).sum();
    let mut out = Vec::with_capacity(128 + 4 * COUNT + size);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FINGERPRINT.to_le_bytes());
    for key in &KEYS {
        out.extend_from_slice(&(key.get)(policy).to_le_bytes());
    }
    let texts = TEXTS.iter().map(|key| (key.get)(policy).as_bytes());
    for octets in texts.chain(sections) {
        out.extend_from_slice(&(octets.len() as u16).to_le_bytes());
        out.extend_from_slice(octets);
    }
    out
}

/// Reads a policy in place.
pub fn decode(bytes: &[u8]) -> Result<Policy<'_>, CompiledPolicyError> {
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or(CompiledPolicyError::NotAPolicy)?;
    let (fingerprint, rest) = rest
        .split_first_chunk()
        .ok_or(CompiledPolicyError::Length)?;
    if u32::from_le_bytes(*fingerprint) != FINGERPRINT {
        return Err(CompiledPolicyError::OtherBuild);
    }
    let (numbers, mut rest) = rest
        .split_first_chunk::<{ 4 * COUNT }>()
        .ok_or(CompiledPolicyError::Length)?;
    let mut policy = Policy::default();
    keys::put_back(&mut policy, numbers).map_err(CompiledPolicyError::OutOfRange)?;
    texts::put_back(&mut policy, |path| {
        core::str::from_utf8(long(&mut rest)?)
            .ok()
            .filter(|text| text.len() <= texts::MAX_TEXT)
            .ok_or(CompiledPolicyError::OutOfRange(path))
    })?;
    policy.locations.0 = long(&mut rest)?;
    policy.strengths.0 = long(&mut rest)?;
    policy.rules.0 = long(&mut rest)?;
    policy.applications.entries = long(&mut rest)?;
    policy.routes.0 = long(&mut rest)?;
    policy.greetings.0 = long(&mut rest)?;
    if rest.is_empty() {
        Ok(policy)
    } else {
        Err(CompiledPolicyError::Length)
    }
}

/// In the order of the compiled form.
fn sections<'a>(policy: &Policy<'a>) -> [&'a [u8]; 6] {
    [
        policy.locations.0,
        policy.strengths.0,
        policy.rules.0,
        policy.applications.entries,
        policy.routes.0,
        policy.greetings.0,
    ]
}

const MAGIC: &[u8] = b"cfpo";

/// Ties bytes to the table that they were written with, and to the form of the sections: FNV-1a over the paths of its keys.
const FINGERPRINT: u32 = fingerprint();
/// The form of the sections: another number for another form.
const SECTIONS: u32 = 2;

const fn fingerprint() -> u32 {
    let mut hash = 0x811c_9dc5_u32 ^ SECTIONS;
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

fn long<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], CompiledPolicyError> {
    let (head, tail) = rest
        .split_first_chunk::<2>()
        .ok_or(CompiledPolicyError::Length)?;
    let (octets, tail) = tail
        .split_at_checked(usize::from(u16::from_le_bytes(*head)))
        .ok_or(CompiledPolicyError::Length)?;
    *rest = tail;
    Ok(octets)
}
