//! Events: something that happened to one account.

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::{Claims, CredentialId, Duration, EffectId, Instant, Method, Surface};

/// Something that happened to one account.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Event {
    /// Names this event, so that within a minute a repeated one has the outcome of the first, without effects and without
    /// counting. What changed nothing is not remembered and judged anew; what was ended since is not allowed again. Made
    /// or authenticated by the gateway, never chosen by the user. 16 to 64 bytes.
    #[serde(with = "super::bytes")]
    pub id: Vec<u8>,
    /// Who, through which door.
    pub origin: Origin,
    /// What happened.
    pub action: Action,
}

/// Who is acting, and through which door.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Origin {
    /// The canonical user name. 1 to 256 octets.
    pub user: String,
    /// Whether the host has an account of that name. Unknown users take the same path as known ones.
    pub known: bool,
    /// The groups that the first factor vouches for. At most 64, each 1 to 128 octets.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The application that is being signed in to: what policies are written for. 1 to 128 octets.
    pub application: String,
    /// The gateway that asked, such as `nginx-1`. 1 to 64 octets.
    pub gateway: String,
    /// Ties the caller to its browser or connection and to its first-factor session: a digest made by the gateway. A
    /// challenge that was opened under one binding cannot be answered under another. 16 to 64 bytes.
    #[serde(with = "super::bytes")]
    pub binding: Vec<u8>,
    /// The client's IP address in its canonical text form, at most 45 octets. Absent is never trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// BCP 47 language tag of what the user reads. At most 35 octets; empty for the tenant's default.
    pub language: String,
    /// What the client is, as far as the gateway can tell: for a browser, a digest of its kind and platform that stays the same
    /// from one sign-in to the next. A remembered device is known again only with the same. At most 64 octets; empty if
    /// unknown.
    #[serde(default)]
    pub client: String,
    /// The country that the address belongs to: ISO 3166-1, two upper-case letters. Absent if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

impl Origin {
    /// A user at a door that knows nothing else of them. `binding` ties what is begun to who began it: 16 to 64 bytes.
    #[must_use]
    pub fn new(
        user: impl Into<String>,
        application: impl Into<String>,
        gateway: impl Into<String>,
        binding: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            user: user.into(),
            // Said by the service, which looks.
            known: false,
            groups: Vec::new(),
            application: application.into(),
            gateway: gateway.into(),
            binding: binding.into(),
            address: None,
            language: String::new(),
            client: String::new(),
            country: None,
        }
    }
}

/// What the event is. A component answers an action that it does not implement with [`Fault::Unsupported`].
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(variant)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A sign-in has come to its second factor.
    #[component(name = "begin")]
    Begin(SignIn),
    /// The user answered a challenge.
    #[component(name = "answer")]
    Answer(Answer),
    /// The user wants another of the methods that the challenge offers.
    #[component(name = "choose-method")]
    ChooseMethod(Choice),
    /// The user wants the message again. The old code is dead from then on.
    #[component(name = "resend")]
    Resend(ChallengeId),
    /// The caller is still waiting for something that happens elsewhere.
    #[component(name = "poll")]
    Poll(ChallengeId),
    /// An enrolled device answered a push, or a telephone call ended.
    #[component(name = "phone-answer")]
    PhoneAnswer(PhoneAnswer),
    /// A carrier reports what became of an effect.
    #[component(name = "delivery-report")]
    DeliveryReport(DeliveryReport),
    /// The user starts to enrol a credential.
    #[component(name = "enrol-begin")]
    EnrolBegin(EnrolmentRequest),
    /// The user proves possession of what `enrol-begin` handed out.
    #[component(name = "enrol-finish")]
    EnrolFinish(Answer),
    /// The user manages an enrolled credential.
    #[component(name = "manage")]
    Manage(Management),
    /// An administrator acts.
    #[component(name = "administer")]
    Administer(Administration),
    /// Another account approved what this one waits for.
    #[component(name = "vouch")]
    Vouch(Voucher),
    /// A third party's factor component answered.
    #[component(name = "factor-answer")]
    FactorAnswer(FactorAnswer),
    /// The user puts off the enrolment that `begin` asked for. Judged as `begin` is, and allowed while the policy lets the
    /// user wait.
    #[component(name = "snooze")]
    Snooze(SignIn),
    /// An action of a later version: its name. Always a fault.
    #[component(name = "other")]
    Other(String),
}

/// Names an open challenge or enrolment: 32 octets of lower-case hexadecimal, 128 bits from the entropy.
pub type ChallengeId = String;

/// A sign-in that the first factor has already accepted.
#[derive(Clone, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SignIn {
    /// What the gateway can do.
    pub surface: Surface,
    /// A code that the user gave at once, such as the end of an LDAP password. At most 64 octets. Secret.
    #[component(name = "early-answer")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_answer: Option<String>,
    /// The remembered-device token, if the client presented one. At most 512 octets. Secret.
    #[component(name = "device-token")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_token: Option<String>,
    /// What the host's risk engine says, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// The level that the application needs: 0 to 3. 2 is any second factor. Zero leaves it to the policy.
    #[component(name = "required-level")]
    pub required_level: u8,
    /// How old a verification may be, at most.
    #[component(name = "max-age")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// The method that the caller wants. It must be one that the policy allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// What the user is asked to confirm, if this is an event confirmation and not a sign-in: the canonical text, shown as it
    /// is. At most 1,024 octets, no control characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// The sign-in of another user that this one approves with it: once this is allowed, that one is told by an effect
    /// `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approves: Option<Approval>,
}

impl SignIn {
    /// A sign-in that asks for whatever the policy asks for, at a gateway that can do this.
    #[must_use]
    pub fn new(surface: Surface) -> Self {
        Self {
            surface,
            early_answer: None,
            device_token: None,
            risk: None,
            required_level: 0,
            max_age: None,
            method: None,
            transaction: None,
            approves: None,
        }
    }

    /// One whose user gave the code at once: judged in this one step.
    #[must_use]
    pub fn with_code(code: impl Into<String>) -> Self {
        Self {
            early_answer: Some(code.into()),
            ..Self::new(Surface::PROMPT)
        }
    }
}

/// A sign-in of another user that waits for approvals.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Approval {
    /// Whose: the canonical user name. 1 to 256 octets.
    pub user: String,
    /// Which challenge of that user.
    pub challenge: ChallengeId,
}

/// A judgement that was made outside, and what led to it.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Risk {
    /// How grave.
    pub level: RiskLevel,
    /// Why, in the engine's words. At most 8, each at most 64 octets.
    #[serde(default)]
    pub reasons: Vec<String>,
}

/// How likely it is that somebody else is signing in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(enum)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum RiskLevel {
    #[component(name = "low")]
    /// Unlikely.
    Low,
    #[component(name = "medium")]
    /// Possible.
    Medium,
    #[component(name = "high")]
    /// Likely.
    High,
}

/// An answer to an open challenge or enrolment.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Answer {
    /// Which one.
    pub challenge: ChallengeId,
    /// What the user gave.
    pub proof: Proof,
    /// The user wants this device to be remembered. Done only where the policy allows it.
    #[serde(default)]
    pub remember: bool,
}

/// What a user gives back.
#[derive(Clone, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(variant)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Text that was typed, not trimmed. At most 64 octets. Secret. An empty one asks, as [`Action::Poll`] does, what became
    /// of a question that is answered elsewhere, and says besides whether the device is to be remembered.
    #[component(name = "code")]
    Code(String),
    /// The JSON that a browser's WebAuthn call returned. At most 16 KiB.
    #[component(name = "webauthn")]
    Webauthn(String),
    /// Two successive codes of one OATH credential, to set a drifted token right. Each at most 64 octets. Secret.
    #[component(name = "two-codes")]
    TwoCodes((String, String)),
    /// A new PIN, where the challenge asks to change it. At most 64 octets. Secret.
    #[component(name = "new-pin")]
    NewPin(String),
    /// A kind of proof of a later version: its name. Always denied.
    #[component(name = "other")]
    Other(String),
}

/// Another method for an open challenge.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Choice {
    /// Which challenge.
    pub challenge: ChallengeId,
    /// Which method.
    pub method: Method,
    /// Which credential, if the account has several of that method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
}

/// What came back from an enrolled telephone or device.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PhoneAnswer {
    /// Which challenge.
    pub challenge: ChallengeId,
    /// Which credential, as the effect named it.
    pub credential: CredentialId,
    /// What the user did.
    pub decision: PhoneDecision,
    /// A device's signature over challenge, user, application, decision and number (docs/push.md), or for a call and a reply by
    /// text the `call` argument of the message, as octets of the text. At most 1 KiB.
    #[serde(with = "super::bytes")]
    pub signature: Vec<u8>,
    /// The number that the user typed or picked. At most 8 octets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
}

/// What a user did on another device.
#[derive(Clone, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(variant)]
#[serde(rename_all = "kebab-case")]
pub enum PhoneDecision {
    /// Approved.
    #[component(name = "approved")]
    Approved,
    /// Denied.
    #[component(name = "denied")]
    Denied,
    /// Denied, and reported that somebody else was signing in.
    #[component(name = "fraud")]
    Fraud,
    /// Keys were pressed in a call. At most 32 octets. Secret.
    #[component(name = "digits")]
    Digits(String),
    /// A voice mailbox answered.
    #[component(name = "voicemail")]
    Voicemail,
    /// The call was ended without an answer.
    #[component(name = "hung-up")]
    HungUp,
    /// Nobody answered.
    #[component(name = "no-answer")]
    NoAnswer,
    /// A decision of a later version: its name. Always denied.
    #[component(name = "other")]
    Other(String),
}

/// What became of an effect.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DeliveryReport {
    /// The effect.
    pub effect: EffectId,
    /// Whether it reached the user.
    pub delivered: bool,
    /// The carrier's word. At most 128 octets.
    pub detail: String,
}

/// What the user wants to enrol.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EnrolmentRequest {
    /// Which method.
    pub method: Method,
    /// What the user calls it: 1 to 64 octets, no control characters. Anything else of at most 256 octets is answered
    /// with `label-invalid`.
    pub label: String,
    /// What the method needs to know, such as a telephone number, a mail address, the application of an app password, or the
    /// key of a device (docs/methods.md). At most 1,024 octets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The session that the request came with: needed, and to be fresh, once the account has a credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Claims>,
}

/// A user's change to a credential of their own. Needs a fresh session.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Management {
    /// The session that the request came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Claims>,
    /// The change.
    pub change: ManagementChange,
}

/// What to change.
#[derive(Clone, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(variant)]
#[serde(rename_all = "kebab-case")]
pub enum ManagementChange {
    /// A new label, as in [`EnrolmentRequest`].
    #[component(name = "rename")]
    Rename((CredentialId, String)),
    /// The credential goes.
    #[component(name = "remove")]
    Remove(CredentialId),
    /// The method to offer first.
    #[component(name = "set-default")]
    SetDefault(CredentialId),
    /// End every session of this account. Remembered devices are known no more.
    #[component(name = "sign-out-everywhere")]
    SignOutEverywhere,
    /// A new PIN of the user's choice. At most 64 octets. Secret.
    #[component(name = "set-pin")]
    SetPin(String),
    /// Let the next sign-in pass without a second factor.
    #[component(name = "grant-bypass")]
    GrantBypass(Bypass),
    /// A remembered device is known no more.
    #[component(name = "forget-device")]
    ForgetDevice(DeviceId),
    /// None is.
    #[component(name = "forget-devices")]
    ForgetDevices,
    /// A change of a later version: its name. Always denied.
    #[component(name = "other")]
    Other(String),
}

/// Names a remembered device within its account: 16 octets of lower-case hexadecimal.
pub type DeviceId = String;

/// One sign-in without a second factor.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bypass {
    /// Until when at most; none for the policy's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Duration>,
    /// Why. 1 to 256 octets.
    pub why: String,
}

/// What an administrator does, and why.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Administration {
    /// Who. 1 to 128 octets.
    pub actor: String,
    /// Why, for the audit. At most 256 octets.
    pub why: String,
    /// What.
    pub change: AdministrationChange,
}

/// An administrator's change.
#[derive(Clone, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(variant)]
#[serde(rename_all = "kebab-case")]
pub enum AdministrationChange {
    /// Create the account, without a credential.
    #[component(name = "create")]
    Create,
    /// Enrol a credential whose secret is given as an `otpauth://` URI of at most 1 KiB. Secret.
    #[component(name = "import-otpauth")]
    ImportOtpauth(String),
    /// Enrol a hardware token whose secret came in a file.
    #[component(name = "import-token")]
    ImportToken(Token),
    /// Enrol a credential that the component makes, or whose address the administrator vouches for.
    #[component(name = "issue")]
    Issue(Issuance),
    /// Whether a second factor is asked for at all.
    #[component(name = "set-state")]
    SetState(AccountState),
    /// Let the next sign-in pass without a second factor. The administration's `why` is not empty.
    #[component(name = "grant-bypass")]
    GrantBypass(Option<Duration>),
    /// Lift lockouts and clear failure counters. A credential that reached the hard ceiling stays disabled.
    #[component(name = "unlock")]
    Unlock,
    /// Refuse every sign-in until `unblock`. Ends every session.
    #[component(name = "block")]
    Block,
    /// Lift `block`.
    #[component(name = "unblock")]
    Unblock,
    /// Remove one credential.
    #[component(name = "remove-credential")]
    RemoveCredential(CredentialId),
    /// Forget the latest instant, after a clock that ran ahead was set right.
    #[component(name = "reset-clock")]
    ResetClock,
    /// End every session.
    #[component(name = "sign-out")]
    SignOut,
    /// Remembered devices are known no more.
    #[component(name = "forget-devices")]
    ForgetDevices,
    /// Remove the account with everything in it.
    #[component(name = "remove")]
    Remove,
    /// A change of a later version: its name. Always a fault.
    #[component(name = "other")]
    Other(String),
}

/// A credential that an administrator issues.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Issuance {
    /// Which method.
    pub method: Method,
    /// The label, as in [`EnrolmentRequest`].
    pub label: String,
    /// As in [`EnrolmentRequest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// How long it is good for, where the method has an end; none for the policy's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Duration>,
    /// Whether it is good for one sign-in only, where the method knows that; none for the policy's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<bool>,
}

impl Issuance {
    /// A credential of that method, with all that the policy has for it.
    #[must_use]
    pub fn new(method: impl Into<Method>, label: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            label: label.into(),
            address: None,
            lifetime: None,
            once: None,
        }
    }
}

/// A hardware token, as a file of its maker describes it (PSKC, OATH CSV). The host decodes files; the component judges.
#[derive(Clone, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Token {
    /// The maker's serial number. 1 to 64 octets.
    pub serial: String,
    /// Who made it. At most 64 octets.
    pub manufacturer: String,
    /// What it is. At most 64 octets.
    pub model: String,
    /// `totp`, `hotp` or `ocra`.
    pub method: Method,
    /// At most 128 bytes. Secret.
    #[serde(with = "super::bytes")]
    pub secret: Vec<u8>,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// Length of its codes.
    pub digits: u8,
    /// Length of a step, in seconds; zero if it counts.
    pub period: u32,
    /// Its counter; zero if it keeps time.
    pub counter: u64,
    /// Its OCRA suite; empty for others. At most 128 octets.
    pub suite: String,
    /// It may be used from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<Instant>,
    /// It may be used until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Instant>,
}

/// Whether a second factor is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(enum)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum AccountState {
    /// It is not: the account passes on the first factor, where the policy allows that.
    #[component(name = "disabled")]
    Disabled,
    /// It is, and an account without a credential is asked to enrol at its next sign-in.
    #[component(name = "enabled")]
    Enabled,
    /// It is, and enrolment cannot be put off.
    #[component(name = "enforced")]
    Enforced,
}

/// An approval by another account, forwarded by the host.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Voucher {
    /// What was approved.
    pub challenge: ChallengeId,
    /// Who approved: the canonical user name. 1 to 256 octets.
    pub approver: String,
    /// When.
    pub at: Instant,
}

/// The result of a third party's factor component.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lift, Lower, Serialize, Deserialize)]
#[component(record)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FactorAnswer {
    /// Which challenge.
    pub challenge: ChallengeId,
    /// The kind that answered, such as `acme.palm`.
    pub method: Method,
    /// Whether it accepted.
    pub accepted: bool,
    /// What it proved: RFC 8176 values. At most 8, each at most 32 octets.
    #[serde(default)]
    pub amr: Vec<String>,
}
