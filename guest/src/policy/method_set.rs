//! Sets of methods, as policies and records hold them: a bit a method's number.

use crate::methods::{self, Nature};

/// A set of methods.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Methods(u32);

impl Methods {
    /// None.
    pub const NONE: Self = Self(0);

    /// All that this component has.
    pub const ALL: Self = {
        let (mut set, mut numbers) = (Self::NONE, methods::NUMBERS);
        while let [number, rest @ ..] = numbers {
            set = set.with(*number);
            numbers = rest;
        }
        set
    };

    /// All that this component has.
    pub const fn all() -> Self {
        Self::ALL
    }

    /// The method of this number, alone.
    pub fn of(number: u8) -> Self {
        Self::NONE.with(number)
    }

    /// With the method of this number, if there is one.
    pub const fn with(self, number: u8) -> Self {
        match number {
            1..=32 => Self(self.0 | 1 << (number - 1)),
            _ => self,
        }
    }

    /// Whether the method of this number is in the set.
    pub const fn has(self, number: u8) -> bool {
        matches!(number, 1..=32) && self.0 >> (number - 1) & 1 == 1
    }

    /// Whether the method of this name is in the set. One that this component does not know never is.
    pub fn contains(self, name: &str) -> bool {
        methods::number_of(name).is_some_and(|number| self.has(number))
    }

    /// What is in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The methods of the set, in the order in which they are offered.
    pub fn natures(self) -> impl Iterator<Item = &'static Nature> {
        methods::NATURES
            .iter()
            .copied()
            .filter(move |nature| self.has(nature.number))
    }

    /// Their names.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        self.natures().map(|nature| nature.name)
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// Bits of methods that this component does not have are dropped.
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }
}

impl core::fmt::Debug for Methods {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
