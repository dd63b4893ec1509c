//! `Debug` for the types that carry secrets: the shape, never the secret.

use std::fmt::{Debug, Formatter, Result};

use super::{
    AdministrationChange, Allowance, Change, Context, Key, ManagementChange, Message,
    PhoneDecision, Proof, Provisioning, SignIn, Token,
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
            .field("approves", &self.approves)
            .finish()
    }
}

impl Debug for Proof {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let name = match self {
            Self::Code(_) => "Code",
            Self::Webauthn(_) => "Webauthn",
            Self::TwoCodes(_) => "TwoCodes",
            Self::NewPin(_) => "NewPin",
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

impl Debug for ManagementChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Rename(it) => f.debug_tuple("Rename").field(it).finish(),
            Self::Remove(id) => f.debug_tuple("Remove").field(id).finish(),
            Self::SetDefault(id) => f.debug_tuple("SetDefault").field(id).finish(),
            Self::SignOutEverywhere => f.write_str("SignOutEverywhere"),
            Self::SetPin(_) => f.write_str("SetPin([redacted])"),
            Self::GrantBypass(it) => f.debug_tuple("GrantBypass").field(it).finish(),
            Self::ForgetDevice(id) => f.debug_tuple("ForgetDevice").field(id).finish(),
            Self::ForgetDevices => f.write_str("ForgetDevices"),
            Self::Other(name) => f.debug_tuple("Other").field(name).finish(),
        }
    }
}

impl Debug for AdministrationChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Create => f.write_str("Create"),
            Self::ImportOtpauth(_) => f.write_str("ImportOtpauth([redacted])"),
            Self::ImportToken(it) => f.debug_tuple("ImportToken").field(it).finish(),
            Self::Issue(it) => f.debug_tuple("Issue").field(it).finish(),
            Self::SetState(state) => f.debug_tuple("SetState").field(state).finish(),
            Self::GrantBypass(lifetime) => f.debug_tuple("GrantBypass").field(lifetime).finish(),
            Self::Unlock => f.write_str("Unlock"),
            Self::Block => f.write_str("Block"),
            Self::Unblock => f.write_str("Unblock"),
            Self::RemoveCredential(id) => f.debug_tuple("RemoveCredential").field(id).finish(),
            Self::ResetClock => f.write_str("ResetClock"),
            Self::SignOut => f.write_str("SignOut"),
            Self::ForgetDevices => f.write_str("ForgetDevices"),
            Self::Remove => f.write_str("Remove"),
            Self::Other(name) => f.debug_tuple("Other").field(name).finish(),
        }
    }
}

impl Debug for Token {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Token")
            .field("serial", &self.serial)
            .field("manufacturer", &self.manufacturer)
            .field("model", &self.model)
            .field("method", &self.method)
            .field("secret", &REDACTED)
            .field("algorithm", &self.algorithm)
            .field("digits", &self.digits)
            .field("period", &self.period)
            .field("counter", &self.counter)
            .field("suite", &self.suite)
            .field("starts", &self.starts)
            .field("expires", &self.expires)
            .finish()
    }
}

impl Debug for Allowance {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_struct("Allowance")
            .field("claims", &self.claims)
            .field("credential", &self.credential)
            .field(
                "device_token",
                &self
                    .device_token
                    .as_ref()
                    .map(|(_, until)| (REDACTED, until)),
            )
            .finish()
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
