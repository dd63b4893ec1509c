//! Secrets that are made here, shown once and typed by people: letters and digits that are not mistaken for each other.
//!
//! Only a digest is kept, made with the host's key: without that key a stolen store gives nothing to try guesses on.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Proof, Scene};
use crate::account::RecordError;
use crate::contract::{Context, Fault};
use crate::entropy::KeyedDigest;
use crate::octets::{Reader, Writer};

/// How many characters have the 128 bits that need no protection from guesses: 28 of five bits, in seven groups of four.
pub const UNGUESSABLE: usize = 28;
/// How many characters one has at most.
pub const MAX_CHARACTERS: usize = 48;

/// What was made, or typed: characters of [`ALPHABET`] without spaces and hyphens. Erased when dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Generated(Zeroizing<String>);

/// What is kept of one: which of the host's keys, and the digest made with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The key's generation.
    pub key: u32,
    /// 128 bits.
    pub digest: [u8; 16],
}

/// The digits and letters without i, l, o and u: the first three look like others, and without the last no words come about.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl Generated {
    /// Makes one of so many characters, five bits each, from what the step's seed gives for this label.
    pub fn make(scene: &Scene<'_>, label: &str, characters: usize) -> Result<Self, Fault> {
        let octets = Zeroizing::new(scene.seed.expand::<MAX_CHARACTERS>(label)?);
        let text = octets
            .iter()
            .take(characters)
            .filter_map(|octet| ALPHABET.get(usize::from(octet & 31)))
            .map(|character| char::from(*character))
            .collect();
        Ok(Self(Zeroizing::new(text)))
    }

    /// What the user typed, if it can be one of so many characters.
    pub(super) fn typed(proof: Proof<'_>, characters: usize) -> Option<Self> {
        match proof {
            Proof::Text(text) => Self::parse(text).filter(|typed| typed.characters() == characters),
            _ => None,
        }
    }

    /// Reads what was typed: letters of either case, spaces and hyphens anywhere, and what looks alike for what it looks like.
    pub fn parse(text: &str) -> Option<Self> {
        let mut read = Zeroizing::new(String::with_capacity(MAX_CHARACTERS));
        for character in text.chars() {
            let character = match character.to_ascii_lowercase() {
                ' ' | '-' => continue,
                'o' => '0',
                'i' | 'l' => '1',
                other if other.is_ascii() && ALPHABET.contains(&(other as u8)) => other,
                _ => return None,
            };
            if read.len() >= MAX_CHARACTERS {
                return None;
            }
            read.push(character);
        }
        Some(Self(read))
    }

    /// How many characters it has.
    pub fn characters(&self) -> usize {
        self.0.len()
    }

    /// As it is shown.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// As it is shown where it is long: in groups of four.
    pub fn grouped(&self) -> Zeroizing<String> {
        let mut out = Zeroizing::new(String::with_capacity(self.0.len() * 5 / 4));
        for (at, character) in self.0.chars().enumerate() {
            if at != 0 && at % 4 == 0 {
                out.push('-');
            }
            out.push(character);
        }
        out
    }

    /// What is kept of it, under the host's current key.
    pub fn keep(&self, ctx: &Context, label: &'static str) -> Result<Kept, Fault> {
        let key = ctx
            .keys
            .first()
            .ok_or_else(|| Fault::BadRequest("ctx.keys".to_owned()))?;
        Ok(Kept {
            key: key.id,
            digest: self.digest(&key.secret, label),
        })
    }

    /// Whether it is the one that was kept. Compares in constant time. Never, once the host has dropped the key.
    pub fn is(&self, ctx: &Context, label: &'static str, kept: &Kept) -> bool {
        ctx.keys
            .iter()
            .find(|key| key.id == kept.key)
            .is_some_and(|key| bool::from(self.digest(&key.secret, label).ct_eq(&kept.digest)))
    }

    pub(super) fn digest(&self, key: &[u8], label: &'static str) -> [u8; 16] {
        let mut digest = KeyedDigest::new(key, label);
        digest.part(self.0.as_bytes());
        digest.finish()
    }
}

impl core::fmt::Debug for Generated {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Kept {
    pub(super) fn write(&self, out: &mut Writer) {
        out.u32(self.key);
        out.raw(&self.digest);
    }

    pub(super) fn read(rest: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            key: rest.u32()?,
            digest: rest.array()?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Generated;

    #[test]
    fn what_is_typed_is_read_as_it_was_meant() {
        let read = |text: &str| Generated::parse(text).map(|read| read.text().to_owned());
        for (typed, meant) in [
            ("abcd-efgh", "abcdefgh"),
            ("ABCD EFGH", "abcdefgh"),
            ("o0Ol1I-i", "0001111"),
            ("", ""),
            (" - - ", ""),
        ] {
            assert_eq!(read(typed).as_deref(), Some(meant), "{typed:?}");
        }
        for bad in ["abcu", "ab_c", "äbc", "１２", "ab\0c", &"a".repeat(49)] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(
            Generated::parse("abcdefghj").unwrap().grouped().as_str(),
            "abcd-efgh-j"
        );
        assert_eq!(
            format!("{:?}", Generated::parse("abcd").unwrap()),
            "[redacted]"
        );
    }
}
