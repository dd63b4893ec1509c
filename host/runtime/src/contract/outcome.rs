//! Outcomes: what becomes of a sign-in.

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::{ChallengeId, Fact, Instant, Method, Reason};

/// Names a credential within its account: 16 octets of lower-case hexadecimal.
pub type CredentialId = String;

/// What becomes of the sign-in. A host that does not know an outcome denies.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(variant)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The user may pass.
    #[component(name = "allow")]
    Allow(Allowance),
    /// The user is asked for something.
    #[component(name = "challenge")]
    Challenge(Challenge),
    /// The answer will come from elsewhere: ask again, or wait.
    #[component(name = "pending")]
    Pending(Pending),
    /// The user has to enrol, or is in the middle of it.
    #[component(name = "enrol")]
    Enrol(Enrolment),
    /// The user may not pass, now.
    #[component(name = "deny")]
    Deny(Denial),
    /// A change was made; no sign-in was judged.
    #[component(name = "done")]
    Done(Completion),
    /// A third party's factor component has to judge: its kind, and the challenge to answer.
    #[component(name = "delegate")]
    Delegate(Delegation),
    /// An outcome of a later version: its name. Always a denial.
    #[component(name = "other")]
    Other(String),
}

/// The session's claims: what was proved, how and when. The host seals them; the component judges what they are
/// enough for.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Claims {
    /// The application they were made for. 1 to 128 octets.
    pub application: String,
    /// The account's session generation at that time. Claims of an older generation are void.
    pub generation: u64,
    /// What was reached: 1 is the first factor alone, 2 a second factor, 3 a phishing-resistant one.
    pub level: u8,
    /// The method that was verified last; empty if none was.
    pub method: Method,
    /// Every method that was verified in this sign-in. At most 4.
    #[serde(default)]
    pub proved: Vec<Method>,
    /// RFC 8176 values. At most 8, each at most 32 octets.
    #[serde(default)]
    pub amr: Vec<String>,
    /// Why the user was let in.
    pub reason: Reason,
    /// When the session began.
    pub started: Instant,
    /// When the factor was last verified.
    pub verified: Instant,
    /// When the session was last used, to the policy's renewal step.
    pub active: Instant,
    /// SHA-256 of the text that was confirmed. Claims that have it are a confirmation and never a session.
    #[serde(
        default,
        with = "super::bytes::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub transaction: Option<Vec<u8>>,
}

/// The user may pass.
#[derive(Clone, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Allowance {
    /// What to remember of it.
    pub claims: Claims,
    /// Which credential was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// A remembered-device token to give to the client, and until when.
    #[component(name = "device-token")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_token: Option<(String, Instant)>,
}

/// A text by name, so that languages are the host's.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Prompt {
    /// Such as `enter-code`. Listed in docs/prompts.md.
    pub message: String,
    /// Values for the text's placeholders. The one of `transaction` has at most 1,024 octets.
    #[serde(default)]
    pub arguments: Vec<Fact>,
}

/// A method that is offered.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Offer {
    /// Which.
    pub method: Method,
    /// The credential, if the account has it enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// What the user calls it.
    pub label: String,
    /// Length of the code to type; zero if there is none.
    pub digits: u8,
}

/// The user is asked for something.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Challenge {
    /// Names it in the answer.
    pub id: ChallengeId,
    /// The method that is asked for.
    pub method: Method,
    /// Everything that could be used instead. At most 64.
    #[serde(default)]
    pub offers: Vec<Offer>,
    /// What to say.
    pub prompt: Prompt,
    /// What a program needs to answer: the JSON options of a WebAuthn assertion; empty for most methods. At most 4 KiB.
    #[serde(default)]
    pub payload: String,
    /// When it ends.
    pub expires: Instant,
    /// The failure that led back here, if this follows a wrong answer: the public reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Reason>,
}

/// Something is under way elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pending {
    /// Names it in `poll`.
    pub challenge: ChallengeId,
    /// The method that is waited for; empty if others have to approve.
    pub method: Method,
    /// Everything that could be used instead. At most 64.
    #[serde(default)]
    pub offers: Vec<Offer>,
    /// What to say.
    pub prompt: Prompt,
    /// When to ask again.
    #[component(name = "poll-after")]
    pub poll_after: Instant,
    /// When it ends.
    pub expires: Instant,
}

/// The user has to enrol, or is in the middle of it.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Enrolment {
    /// Methods that may be enrolled.
    #[serde(default)]
    pub methods: Vec<Method>,
    /// What to say.
    pub prompt: Prompt,
    /// What to hand to the user, once `enrol-begin` was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioning: Option<Provisioning>,
    /// How often the user may still put it off. Zero: not at all.
    #[component(name = "snoozes-left")]
    pub snoozes_left: u8,
    /// The failure that led back here: the public reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Reason>,
}

/// What an authenticator needs. Shown once. Secret.
#[derive(Clone, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Provisioning {
    /// Names it in `enrol-finish`.
    pub challenge: ChallengeId,
    /// Which method.
    pub method: Method,
    /// What the user called it.
    pub label: String,
    /// `otpauth://` URI for a QR code, the JSON options of a WebAuthn registration, recovery codes one a line, or the secret
    /// itself. At most 4 KiB.
    pub payload: String,
    /// The secret for typing: base32, empty if the method has none.
    #[component(name = "manual-key")]
    pub manual_key: String,
    /// Length of the confirming code.
    pub digits: u8,
    /// When it ends.
    pub expires: Instant,
}

/// The user may not pass, now.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Denial {
    /// What the user may be told: never tells a wrong code from an unknown user.
    #[component(name = "public-reason")]
    pub public_reason: Reason,
    /// What the log gets.
    #[component(name = "internal-reason")]
    pub internal_reason: Reason,
    /// What to say.
    pub prompt: Prompt,
    /// When another attempt makes sense.
    #[component(name = "retry-at")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Instant>,
}

/// A change was made.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Completion {
    /// What was done.
    pub reason: Reason,
    /// The credential that it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// What to hand to the user, if the change made a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioning: Option<Provisioning>,
}

/// A third party has to judge.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Delegation {
    /// The factor component's kind.
    pub method: Method,
    /// Names it in `factor-answer`.
    pub challenge: ChallengeId,
    /// When it ends.
    pub expires: Instant,
}
