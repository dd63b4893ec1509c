//! Why a component was not loaded, and why a call has no result.

use std::fmt;

use wasmtime::Trap;

use super::export::INTERFACE;
use crate::contract::Fault;

/// Why a component was not loaded. Whatever ran before goes on running.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not the ones that the configuration pins.
    #[error("the component's SHA-256 is {found}, but the configuration pins {pinned}")]
    Digest {
        /// What the bytes have.
        found: Hex,
        /// What was asked for.
        pinned: Hex,
    },
    /// It wants something from the host: it would have a way out.
    #[error("the component imports `{0}`; a component may import nothing")]
    Imports(String),
    /// It does not export what the contract says.
    #[error("the component does not export `{INTERFACE}` as the contract has it: {0}")]
    Contract(String),
    /// It needs more than an instance may have.
    #[error("the component does not fit: {0}")]
    Resources(String),
    /// It is no component, or it could not be compiled.
    #[error("the component could not be compiled: {0}")]
    Invalid(String),
    /// It failed when it was asked what it is.
    #[error("the component failed when it was asked to describe itself: {0}")]
    Describe(PluginError),
}

/// Why a call has no result. Always a denial.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// All instances are busy: 503, never the user's failure.
    #[error("all instances are busy")]
    Overloaded,
    /// The component answered with a fault of its own.
    #[error("the component answered with a fault: {0:?}")]
    Component(Fault),
    /// The component trapped, ran out of fuel or memory, or answered with more than it may.
    #[error("the component failed: {0}")]
    Fault(Failure),
    /// What it was to be asked breaks the contract; it was not asked.
    #[error("the input breaks the contract: {0}")]
    BadRequest(String),
    /// The answer breaks the contract.
    #[error("the component's answer breaks the contract: {0}")]
    Malformed(String),
}

/// How a component failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It used up its fuel: an endless loop, or work out of proportion.
    OutOfFuel,
    /// It trapped: the engine's name of the trap.
    Trap(String),
    /// Its answer was larger than an answer may be, or could not be read.
    Answer(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfFuel => f.write_str("it used up its fuel"),
            Self::Trap(trap) => write!(f, "it trapped: {trap}"),
            Self::Answer(what) => write!(f, "its answer could not be taken: {what}"),
        }
    }
}

/// A SHA-256 digest in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hex(pub [u8; 32]);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whose fault it was that a call failed.
pub(super) fn classify(error: &wasmtime::Error) -> PluginError {
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        return PluginError::Overloaded;
    }
    PluginError::Fault(match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => Failure::OutOfFuel,
        Some(trap) => Failure::Trap(trap.to_string()),
        None => Failure::Answer(describe_error(error)),
    })
}

/// The whole chain of causes in one line; wasmtime's own text has a backtrace in it.
pub(super) fn describe_error(error: &wasmtime::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
