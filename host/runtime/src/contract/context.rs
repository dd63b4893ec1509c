//! What the host supplies with every call.

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

/// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
pub type Instant = u64;

/// Milliseconds.
pub type Duration = u64;

/// A name and a value that this version of the contract has no field for. Names at most 64 octets, values at most
/// 256, at most 16 in a list. Sorted by name, no name twice. Nothing may fail because a fact is missing.
pub type Fact = (String, String);

/// A kind of factor, such as `totp`, `hotp`, `sms`, `voice`, `push`, `webauthn`, `email`, `recovery-code`,
/// `app-password`, `temporary-pass`. Kinds outside this project carry their owner: `acme.palm`. At most 32 octets: lower-case
/// letters, digits, hyphens and dots.
pub type Method = String;

/// Why something was decided: one of the published list (docs/reasons.md), such as `incorrect-code`. At most 64 octets of
/// the same characters.
pub type Reason = String;

/// A key that the host derived for one tenant and one account from its key ring.
#[derive(Clone, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Key {
    /// Which generation of the key ring it came from. Written beside every hash made with it.
    pub id: u32,
    /// 32 bytes. Secret.
    #[serde(with = "super::bytes")]
    pub secret: Vec<u8>,
}

/// What the host counted, over the policy's window, for a key that the policy names.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Observation {
    /// What is counted. The component gives the kinds their names, 1 to 64 octets; the host has to know what each is
    /// counted for: those that begin with `source` for the prefix of the client's address (`source` are failures,
    /// `source-begin` begun sign-ins), `user` for the user's name, and every other for the tenant: such as
    /// `number/` with a digest of a telephone number, which the host keys before it stores it, or `country/49`.
    pub kind: String,
    /// How many events fell into the window, before this one.
    pub count: u32,
    /// The length of that window.
    pub window: Duration,
}

/// Everything a decision may depend on besides the account and the event. The component has no clock, no randomness
/// and no store of its own.
#[derive(Clone, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Context {
    /// The host's wall clock. May step back; no decision grows more lenient when it does.
    pub now: Instant,
    /// 32 bytes from a cryptographic generator, used for this call only (a retry after a lost race takes fresh ones).
    /// A seed: the component expands it by HKDF with a label for each use. All zero is a fault.
    #[serde(with = "super::bytes")]
    pub entropy: Vec<u8>,
    /// What `compile-policy` returned. At most 16 KiB.
    #[serde(with = "super::bytes")]
    pub policy: Vec<u8>,
    /// Whose users these are. 1 to 64 octets.
    pub tenant: String,
    /// Current generation first, then older ones that records may still refer to. 1 to 8 keys.
    #[serde(default)]
    pub keys: Vec<Key>,
    /// Counts for the keys that the compiled policy asked for, which count as zero if they are missing, and for those that
    /// an earlier run of this step named in [`Fault::Unobserved`](super::Fault::Unobserved). At most 16.
    #[serde(default)]
    pub observed: Vec<Observation>,
    /// The record version to write: lower than the newest that the component knows while a fleet still has hosts that
    /// cannot read the newest. Zero means the newest. One that the component cannot write is a bad request.
    #[component(name = "write-version")]
    pub write_version: u32,
    /// The store may have been rolled back to a state of before this instant, so one-time codes from before it are
    /// refused: TOTP steps that can have been accepted before it, and HOTP credentials that were enrolled before it, since
    /// nobody knows how far their counters had come. Zero in ordinary life.
    #[component(name = "refuse-before")]
    #[serde(default)]
    pub refuse_before: Instant,
    /// Anything else the host knows.
    #[serde(default)]
    pub facts: Vec<Fact>,
}
