//! `Debug` for the types that carry secrets: the shape, never the secret.

use std::fmt::{Debug, Formatter, Result};

use super::{
    AdministrationChange, Change, Context, Key, Message, PhoneDecision, Proof, Provisioning, SignIn,
};

const REDACTED: &str = "[redacted]";

impl Debug for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("secret", &REDACTED)
            .finish()
    }
}

impl Debug for Context {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Context")
            .field("now", &self.now)
            .field("entropy", &REDACTED)
            .field("policy", &format_args!("{} bytes", self.policy.len()))
            .field("tenant", &self.tenant)
            .field("keys", &self.keys)
            .field("observed", &self.observed)
            .field("write_version", &self.write_version)
            .field("refuse_before", &self.refuse_before)
            .field("facts", &self.facts)
            .finish()
    }
}

impl Debug for SignIn {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("SignIn")
            .field("surface", &self.surface)
            .field(
                "early_answer",
                &self.early_answer.as_ref().map(|_| REDACTED),
            )
            .field(
                "device_token",
                &self.device_token.as_ref().map(|_| REDACTED),
            )
            .field("risk", &self.risk)
            .field("required_level", &self.required_level)
            .field("max_age", &self.max_age)
            .field("method", &self.method)
            .field("transaction", &self.transaction)
            .finish()
    }
}

impl Debug for Proof {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let name = match self {
            Self::Code(_) => "Code",
            Self::Webauthn(_) => "Webauthn",
            Self::TwoCodes(_) => "TwoCodes",
            Self::Other(name) => return f.debug_tuple("Other").field(name).finish(),
        };
        f.debug_tuple(name).field(&REDACTED).finish()
    }
}

impl Debug for PhoneDecision {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Approved => "Approved",
            Self::Denied => "Denied",
            Self::Fraud => "Fraud",
            Self::Digits(_) => "Digits([redacted])",
            Self::Voicemail => "Voicemail",
            Self::HungUp => "HungUp",
            Self::NoAnswer => "NoAnswer",
            Self::Other(name) => return f.debug_tuple("Other").field(name).finish(),
        })
    }
}

impl Debug for AdministrationChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Create => f.write_str("Create"),
            Self::ImportOtpauth(_) => f.write_str("ImportOtpauth([redacted])"),
            Self::IssueTotp(label) => f.debug_tuple("IssueTotp").field(label).finish(),
            Self::Unlock => f.write_str("Unlock"),
            Self::Block => f.write_str("Block"),
            Self::Unblock => f.write_str("Unblock"),
            Self::RemoveCredential(id) => f.debug_tuple("RemoveCredential").field(id).finish(),
            Self::ResetClock => f.write_str("ResetClock"),
            Self::SignOut => f.write_str("SignOut"),
            Self::Remove => f.write_str("Remove"),
            Self::Other(name) => f.debug_tuple("Other").field(name).finish(),
        }
    }
}

impl Debug for Provisioning {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Provisioning")
            .field("challenge", &self.challenge)
            .field("method", &self.method)
            .field("label", &self.label)
            .field("payload", &REDACTED)
            .field("manual_key", &REDACTED)
            .field("digits", &self.digits)
            .field("expires", &self.expires)
            .finish()
    }
}

impl Debug for Message {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Message")
            .field("credential", &self.credential)
            .field("to", &REDACTED)
            .field("body", &REDACTED)
            .finish()
    }
}

impl Debug for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Keep => f.write_str("Keep"),
            Self::Write(record) => write!(f, "Write({} bytes)", record.len()),
            Self::Decoy(record) => write!(f, "Decoy({} bytes)", record.len()),
            Self::Remove => f.write_str("Remove"),
            Self::Other(name) => f.debug_tuple("Other").field(name).finish(),
        }
    }
}
