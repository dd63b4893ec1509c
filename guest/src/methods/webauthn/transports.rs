//! How a browser reaches an authenticator (WebAuthn section 5.8.4): kept from the registration and given back with each
//! question, so that the browser asks for the right thing at once.

use std::borrow::Cow;

/// A set of ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Transports(u8);

/// The ways, in the order of their bits in records.
const NAMES: [&str; 6] = ["usb", "nfc", "ble", "smart-card", "hybrid", "internal"];

impl Transports {
    /// The ones that are known here: a browser may name others, which its question would not miss.
    pub(super) fn of(names: &[Cow<'_, str>]) -> Self {
        let bits = NAMES
            .iter()
            .enumerate()
            .filter(|(_, name)| names.iter().any(|it| it == *name));
        Self(bits.fold(0, |set, (bit, _)| set | 1 << bit))
    }

    /// Those of a passkey on a telephone or a computer.
    pub(super) fn of_platform() -> Self {
        Self::of(&["hybrid".into(), "internal".into()])
    }

    /// What a record holds; bits without a name are dropped.
    pub(super) fn from_bits(bits: u8) -> Self {
        Self(bits & ((1 << NAMES.len()) - 1))
    }

    pub(super) fn bits(self) -> u8 {
        self.0
    }

    /// Their names.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let bits = NAMES
            .iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 & (1 << bit) != 0);
        bits.map(|(_, name)| *name)
    }
}
