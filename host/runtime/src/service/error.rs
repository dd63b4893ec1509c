//! Why there is no outcome, and why there is no service.

use crate::clock::ClockJumped;
use crate::contract::{Fault, PolicyError};
use crate::plugin::PluginError;
use crate::store::StoreError;

/// Why there is no outcome. Every one of them denies; none is the user's failure.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// Too much to do, or too many lost races: 503.
    #[error("overloaded")]
    Overloaded,
    /// The component failed, or its answer breaks the contract.
    #[error(transparent)]
    Plugin(PluginError),
    /// The caller broke the contract: 400.
    #[error("{0}")]
    BadRequest(String),
    /// The caller asked for something that the contract names and the component does not have: 501.
    #[error("`{0}` is not implemented")]
    Unsupported(String),
    /// The store cannot answer: the only failure that a fail mode OPEN may answer.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A record was altered, swapped or rolled back.
    #[error("tampered with: {0}")]
    Tampered(String),
    /// The host's clock is not to be trusted now.
    #[error(transparent)]
    Clock(#[from] ClockJumped),
    /// The operating system has no randomness to give.
    #[error("no randomness")]
    Randomness,
}

/// Why a service could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The policy document is wrong: all that is wrong with it.
    #[error("the policy has {} error(s)", .0.len())]
    Policy(Vec<PolicyError>),
    /// The component failed on the policy.
    #[error("the component could not compile the policy: {0}")]
    Plugin(#[from] PluginError),
}

impl From<PluginError> for StepError {
    fn from(error: PluginError) -> Self {
        match error {
            PluginError::Overloaded => Self::Overloaded,
            PluginError::BadRequest(what) | PluginError::Component(Fault::BadRequest(what)) => {
                Self::BadRequest(what)
            }
            PluginError::Component(Fault::Unsupported(what)) => Self::Unsupported(what),
            other => Self::Plugin(other),
        }
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(what) => Self::Unavailable(what),
            StoreError::Tampered(what) => Self::Tampered(what),
            StoreError::Overloaded => Self::Overloaded,
        }
    }
}
