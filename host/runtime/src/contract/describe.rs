//! Policy, description, view and fault.

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::{AccountState, CredentialId, DeviceId, Duration, Fact, Instant, Method, Observation};

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
    /// Whether it is blocked, by an administrator or a fraud report.
    pub blocked: bool,
    /// Until when, if the block ends by itself.
    #[component(name = "blocked-until")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_until: Option<Instant>,
    /// Whether a second factor is asked for.
    pub state: AccountState,
    /// Until when one sign-in passes without a second factor.
    #[component(name = "bypass-until")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bypass_until: Option<Instant>,
    /// Whether it has a PIN.
    pub pin: bool,
    /// Remembered devices.
    #[serde(default)]
    pub devices: Vec<DeviceView>,
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

/// What may be shown of a remembered device.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DeviceView {
    /// Names it.
    pub id: DeviceId,
    /// When it was first remembered.
    pub created: Instant,
    /// When it was last known again.
    #[component(name = "last-used")]
    pub last_used: Instant,
    /// Until when it is remembered.
    pub expires: Instant,
}

/// What one rule of the policy said about a request.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Finding {
    /// The rule: its name in the document, such as `rule.office`, or that of a built-in one, such as `remembered-devices`.
    pub rule: String,
    /// Whether its conditions hold.
    pub applies: bool,
    /// Why, or why not: in words.
    pub because: String,
    /// What it asks for where it applies, such as `skip` or `strength = phishing-resistant`.
    pub asks: String,
    /// Whether it is (one of) the rules that the outcome comes from.
    pub decided: bool,
}

/// Which rules decided, in the order in which they were asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Explanation {
    /// The rules.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What came of it: `skip`, `ask`, `deny`, with methods, strength and maximum age.
    pub verdict: String,
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
    /// Not a fault of anybody's: the step needs these counts, which depend on what the record holds. The host runs it again
    /// with them in `ctx.observed`, once, and denies if it is asked a second time. At most 8; `count` is zero.
    #[component(name = "unobserved")]
    Unobserved(Vec<Observation>),
    /// Any other: for the log.
    #[component(name = "other")]
    Other(String),
}
