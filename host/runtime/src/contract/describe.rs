//! Policy, description, view and fault.

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::{CredentialId, Duration, Fact, Instant, Method, Observation};

/// A policy that was understood.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CompiledPolicy {
    /// What the host hands back in `context.policy`. At most 16 KiB.
    #[serde(with = "super::bytes")]
    pub bytes: Vec<u8>,
    /// What the host itself needs to know.
    pub host: HostPolicy,
    /// What is allowed but unwise, such as a switch that a standard forbids.
    #[serde(default)]
    pub warnings: Vec<PolicyError>,
}

/// The part of a policy that the host acts on.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HostPolicy {
    /// Applications whose fail mode is OPEN. All others are CLOSED.
    #[component(name = "fail-open")]
    #[serde(default)]
    pub fail_open: Vec<String>,
    /// What to count, over which window.
    #[serde(default)]
    pub observe: Vec<Observation>,
    /// How long a session may live at most, so that the host can give its cookie an end.
    #[component(name = "session-lifetime")]
    pub session_lifetime: Duration,
    /// How many shadow records the store keeps for users that it does not know: 1 to 65,536.
    pub shadows: u32,
    /// The methods that users may set up, so that a page offers no other. At most 32.
    #[serde(default)]
    pub methods: Vec<Method>,
}

/// What is wrong with a policy document, and where.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PolicyError {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The key, with its table: `totp.window`.
    pub field: String,
    /// What was found.
    pub problem: String,
    /// What would be right: the allowed range, or the nearest known key.
    pub help: String,
}

/// What a component says of itself. Fixed for its lifetime.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Description {
    /// Such as `cofactor`.
    pub name: String,
    /// Semantic version of the component.
    pub version: String,
    /// Methods that it implements.
    #[serde(default)]
    pub methods: Vec<Method>,
    /// Actions that it implements, by their names in this contract.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Effects that it may return, by their names in this contract.
    #[serde(default)]
    pub effects: Vec<String>,
    /// Oldest and newest record version that it reads.
    pub reads: (u32, u32),
    /// The newest record version that it writes.
    pub writes: u32,
    /// Names of the policy presets.
    #[serde(default)]
    pub presets: Vec<String>,
}

/// What a console may show of an account. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AccountView {
    /// Record version.
    pub version: u32,
    /// When the account was created.
    pub created: Instant,
    /// The latest instant that was committed.
    pub latest: Instant,
    /// Session generation.
    pub generation: u64,
    /// Whether an administrator blocked it.
    pub blocked: bool,
    /// Until when the whole account is locked.
    #[component(name = "locked-until")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Instant>,
    /// Consecutive failures over all credentials.
    pub failures: u32,
    /// Credentials.
    #[serde(default)]
    pub credentials: Vec<CredentialView>,
    /// Open challenges and enrolments.
    pub open: u32,
}

/// What may be shown of a credential.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CredentialView {
    /// Names it.
    pub id: CredentialId,
    /// Which method.
    pub method: Method,
    /// What the user calls it.
    pub label: String,
    /// When it was enrolled.
    pub created: Instant,
    /// When it was last accepted.
    #[component(name = "last-used")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Instant>,
    /// `active`, `locked` or `disabled`.
    pub state: String,
    /// Until when it is locked.
    #[component(name = "locked-until")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Instant>,
    /// Consecutive failures.
    pub failures: u32,
    /// Parameters that are no secret, such as `digits` and `period`.
    #[serde(default)]
    pub parameters: Vec<Fact>,
}

/// The step could not be judged. Never the user's doing; always a denial.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(variant)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The host broke this contract: what.
    #[component(name = "bad-request")]
    BadRequest(String),
    /// The record is not this component's, or of a version that it cannot read.
    #[component(name = "bad-account")]
    BadAccount(String),
    /// The policy bytes are not this component's.
    #[component(name = "bad-policy")]
    BadPolicy(String),
    /// The action or method is named in the contract but not implemented here: its name.
    #[component(name = "unsupported")]
    Unsupported(String),
    /// Any other: for the log.
    #[component(name = "other")]
    Other(String),
}
