//! What the host counts for the prefix of the client's address.

use super::Sources;

/// One count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Attempts that did not succeed.
    Failures,
    /// What was begun: sign-ins, enrolments, and other methods for an open challenge.
    Begins,
}

impl Source {
    /// Every one there is.
    pub const ALL: [Self; 2] = [Self::Failures, Self::Begins];

    /// The name under which it is observed and counted.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Failures => "source",
            Self::Begins => "source-begin",
        }
    }

    /// From how many on a prefix is refused; zero for never.
    pub const fn most(self, sources: &Sources) -> u32 {
        match self {
            Self::Failures => sources.failures,
            Self::Begins => sources.begins,
        }
    }
}
