//! What else a step returns: what to store, send, count and put on record.

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::{CredentialId, Fact, Instant, Method, Outcome, Prompt, Reason, Voucher};

/// What to do with the account's record.
#[derive(Clone, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(variant)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It stays as it is: nothing is written.
    #[component(name = "keep")]
    Keep,
    /// These bytes replace it, or are the first of a new account. At most 24 KiB.
    #[component(name = "write")]
    Write(#[serde(with = "super::bytes")] Vec<u8>),
    /// The same, for a user that the host does not know: the bytes go to one of a fixed number of shadow records, so
    /// that an unknown user costs the store what a known one does. They come back as the account of the next event.
    #[component(name = "decoy")]
    Decoy(#[serde(with = "super::bytes")] Vec<u8>),
    /// The account goes, and its name with it.
    #[component(name = "remove")]
    Remove,
    /// A change of a later version: its name. Always malformed.
    #[component(name = "other")]
    Other(String),
}

/// Names an effect, for delivery at most once: 32 octets of lower-case hexadecimal.
pub type EffectId = String;

/// Something for the host to do once the change is committed.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Effect {
    /// Names it.
    pub id: EffectId,
    /// After this it is not to be done any more.
    pub expires: Instant,
    /// BCP 47 language tag of what the user reads.
    pub language: String,
    /// What to do.
    pub what: EffectKind,
}

/// What to do. One that the host does not know, or that is not in `description.effects`, makes the transition malformed.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(variant)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// Send a text message.
    #[component(name = "send-text")]
    SendText(Message),
    /// Place a call and speak.
    #[component(name = "place-call")]
    PlaceCall(Message),
    /// Notify an enrolled device that a decision waits.
    #[component(name = "push")]
    Push(Message),
    /// Send mail.
    #[component(name = "send-mail")]
    SendMail(Message),
    /// Tell the user about something that happened to the account, by whatever the host knows of the user.
    #[component(name = "notify")]
    Notify(Prompt),
    /// Deliver an event to another account.
    #[component(name = "forward")]
    Forward(Forwarded),
    /// An effect of a later version: its name. Always malformed.
    #[component(name = "other")]
    Other(String),
}

/// A message to one address.
#[derive(Clone, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Message {
    /// Which credential it concerns.
    pub credential: CredentialId,
    /// Where to: E.164 number, mail address or device token. Secret.
    pub to: String,
    /// What to say; its arguments may hold a code. Secret.
    pub body: Prompt,
}

/// An event for another account, so that no step touches two records.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Forwarded {
    /// The other account: its canonical user name, in this tenant. 1 to 256 octets.
    pub user: String,
    /// What is told.
    pub voucher: Voucher,
}

/// A count to raise, for a key that the policy names.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Count {
    /// As in `observation`.
    pub kind: String,
    /// By how much.
    pub by: u32,
}

/// A digest that only one account of a tenant may hold: of a WebAuthn credential id, a telephone number, a token
/// serial, a push device. A clash undoes the step, which runs again with the fact `claim-clash`.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(variant)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// 32 bytes, to take.
    #[component(name = "take")]
    Take(#[serde(with = "super::bytes")] Vec<u8>),
    /// 32 bytes, to give up.
    #[component(name = "drop")]
    Drop(#[serde(with = "super::bytes")] Vec<u8>),
    /// A claim of a later version: its name. Always malformed.
    #[component(name = "other")]
    Other(String),
}

/// What goes into the audit chain. Carries no code, secret, entropy, full number or device token.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AuditFact {
    /// What happened, from the published list (docs/audit.md), such as `sign-in-allowed`.
    pub kind: String,
    /// Why.
    pub reason: Reason,
    /// By which method, or empty.
    pub method: Method,
    /// On which credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// Anything else, from the published list.
    #[serde(default)]
    pub facts: Vec<Fact>,
}

/// What a step answers. The host commits all of it in one transaction, and only then lets the outcome out.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Transition {
    /// What to store.
    pub account: Change,
    /// What becomes of the sign-in.
    pub outcome: Outcome,
    /// What to do afterwards. At most 8.
    #[serde(default)]
    pub effects: Vec<Effect>,
    /// What to count. At most 8.
    #[serde(default)]
    pub counts: Vec<Count>,
    /// What to hold uniquely, or no more: one for each credential that has something unique. At most 64.
    #[serde(default)]
    pub claims: Vec<Claim>,
    /// What to put on record. At most 8.
    #[serde(default)]
    pub audit: Vec<AuditFact>,
    /// The account's session generation from now on. It never falls; where it rises, sessions of before are void.
    pub generation: u64,
}
