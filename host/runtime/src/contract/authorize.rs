//! The every-request question: is this session enough?

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::{Claims, Denial, Duration, Instant, Reason};

/// A request within a session.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Request {
    /// The application. 1 to 128 octets.
    pub application: String,
    /// Host name and port as the client asked for them. At most 261 octets.
    pub host: String,
    /// The path, not decoded. At most 8 KiB.
    pub path: String,
    /// The HTTP method, in upper-case letters. 1 to 32 octets.
    pub method: String,
    /// The client's address, as in `origin`. Absent is never trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The account's session generation now.
    pub generation: u64,
    /// Whether this session alone was ended, such as by signing out of one browser: the host keeps a list of those.
    #[serde(default)]
    pub ended: bool,
}

/// What a session is enough for.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(variant)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Enough.
    #[component(name = "pass")]
    Pass(Passage),
    /// Not enough: a level, and how old its verification may be.
    #[component(name = "step-up")]
    StepUp(StepUp),
    /// Never enough.
    #[component(name = "deny")]
    Deny(Denial),
    /// A verdict of a later version: its name. Always a denial.
    #[component(name = "other")]
    Other(String),
}

/// The request may pass.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Passage {
    /// Until when the same answer holds for this session, application and address.
    pub until: Instant,
    /// Claims to put in the place of the old ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed: Option<Claims>,
}

/// More is needed.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StepUp {
    /// At least this level.
    pub level: u8,
    /// Verified no longer ago than this.
    #[component(name = "max-age")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// Why.
    pub reason: Reason,
}
