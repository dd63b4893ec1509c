//! What goes in is bounded before the call.
//!
//! The lengths are those of wit/types.wit. The component checks its inputs again; the host does it first so that an
//! oversize input is a clear error and never a trap.

use super::PluginError;
use crate::contract::{
    Action, AdministrationChange, Claims, Context, Event, Fact, ManagementChange, Origin,
    PhoneDecision, Proof, Request, SignIn, Token,
};

/// The largest account record: 24 KiB.
pub const MAX_ACCOUNT: usize = 24 << 10;
/// The largest compiled policy: 16 KiB.
pub const MAX_POLICY: usize = 16 << 10;
/// The largest policy document: 64 KiB.
pub const MAX_POLICY_SOURCE: usize = 64 << 10;
/// What an answer may make the host copy out: bytes, counted by the engine.
pub(super) const MAX_ANSWER: usize = 128 << 10;
/// The largest table of functions a component may have.
pub(super) const MAX_TABLE: usize = 2_000;

/// The longest text of an IPv6 address with an IPv4 one in it.
const MAX_ADDRESS: usize = 45;
/// The longest label that gets an answer of its own.
const MAX_LABEL: usize = 256;
/// The longest address of a credential: a device's key is one.
const MAX_ENROLLED: usize = 1 << 10;
/// The longest code, password or PIN that is typed.
const MAX_CODE: usize = 64;

pub(super) type Check = Result<(), PluginError>;

/// Checks an event against the lengths that the contract states.
///
/// # Errors
/// [`PluginError::BadRequest`], naming the field and its limit.
pub fn check_event(event: &Event) -> Check {
    length("event.id", event.id.len(), 16, 64)?;
    check_origin(&event.origin)?;
    match &event.action {
        Action::Begin(it) | Action::Snooze(it) => check_sign_in(it),
        Action::Answer(it) | Action::EnrolFinish(it) => {
            check_challenge(&it.challenge)?;
            check_proof(&it.proof)
        }
        Action::ChooseMethod(it) => {
            check_challenge(&it.challenge)?;
            length("choice.method", it.method.len(), 1, 32)?;
            optional("choice.credential", it.credential.as_deref(), 16)
        }
        Action::Resend(challenge) | Action::Poll(challenge) => check_challenge(challenge),
        Action::PhoneAnswer(it) => {
            check_challenge(&it.challenge)?;
            at_most("phone-answer.credential", it.credential.len(), 16)?;
            at_most("phone-answer.signature", it.signature.len(), 1 << 10)?;
            optional("phone-answer.number", it.number.as_deref(), 8)?;
            match &it.decision {
                PhoneDecision::Digits(digits) => at_most("phone-decision.digits", digits.len(), 32),
                PhoneDecision::Other(name) => at_most("phone-decision.other", name.len(), 64),
                _ => Ok(()),
            }
        }
        Action::DeliveryReport(it) => {
            length("delivery-report.effect", it.effect.len(), 32, 32)?;
            at_most("delivery-report.detail", it.detail.len(), 128)
        }
        Action::EnrolBegin(it) => {
            length("enrolment-request.method", it.method.len(), 1, 32)?;
            at_most("enrolment-request.label", it.label.len(), MAX_LABEL)?;
            optional(
                "enrolment-request.address",
                it.address.as_deref(),
                MAX_ENROLLED,
            )?;
            it.session.as_ref().map_or(Ok(()), check_claims)
        }
        Action::Manage(it) => {
            it.session.as_ref().map_or(Ok(()), check_claims)?;
            match &it.change {
                ManagementChange::Rename((credential, label)) => {
                    at_most("management-change.rename", credential.len(), 16)?;
                    at_most("management-change.rename", label.len(), MAX_LABEL)
                }
                ManagementChange::Remove(credential) | ManagementChange::SetDefault(credential) => {
                    at_most("management-change", credential.len(), 16)
                }
                ManagementChange::SetPin(pin) => at_most("set-pin", pin.len(), MAX_CODE),
                ManagementChange::GrantBypass(bypass) => {
                    length("bypass.why", bypass.why.len(), 1, 256)
                }
                ManagementChange::ForgetDevice(device) => {
                    at_most("forget-device", device.len(), 16)
                }
                ManagementChange::SignOutEverywhere | ManagementChange::ForgetDevices => Ok(()),
                ManagementChange::Other(name) => at_most("management-change.other", name.len(), 64),
            }
        }
        Action::Administer(it) => {
            length("administration.actor", it.actor.len(), 1, 128)?;
            at_most("administration.why", it.why.len(), 256)?;
            match &it.change {
                AdministrationChange::ImportOtpauth(uri) => {
                    length("import-otpauth", uri.len(), 1, 1 << 10)
                }
                AdministrationChange::ImportToken(token) => check_token(token),
                AdministrationChange::Issue(it) => {
                    length("issuance.method", it.method.len(), 1, 32)?;
                    at_most("issuance.label", it.label.len(), MAX_LABEL)?;
                    optional("issuance.address", it.address.as_deref(), MAX_ENROLLED)
                }
                AdministrationChange::RemoveCredential(credential) => {
                    at_most("remove-credential", credential.len(), 16)
                }
                AdministrationChange::Other(name) => {
                    at_most("administration-change.other", name.len(), 64)
                }
                AdministrationChange::Create
                | AdministrationChange::SetState(_)
                | AdministrationChange::GrantBypass(_)
                | AdministrationChange::Unlock
                | AdministrationChange::Block
                | AdministrationChange::Unblock
                | AdministrationChange::ResetClock
                | AdministrationChange::SignOut
                | AdministrationChange::ForgetDevices
                | AdministrationChange::Remove => Ok(()),
            }
        }
        Action::Vouch(it) => {
            check_challenge(&it.challenge)?;
            length("voucher.approver", it.approver.len(), 1, 256)
        }
        Action::FactorAnswer(it) => {
            check_challenge(&it.challenge)?;
            length("factor-answer.method", it.method.len(), 1, 32)?;
            at_most("factor-answer.amr", it.amr.len(), 8)?;
            it.amr
                .iter()
                .try_for_each(|value| at_most("factor-answer.amr", value.len(), 32))
        }
        Action::Other(name) => at_most("action.other", name.len(), 64),
    }
}

pub(super) fn check_context(context: &Context) -> Check {
    length("context.entropy", context.entropy.len(), 32, 32)?;
    if context.entropy.iter().all(|byte| *byte == 0) {
        return Err(PluginError::BadRequest(
            "context.entropy is all zero".to_owned(),
        ));
    }
    length("context.keys", context.keys.len(), 1, 8)?;
    check_standing(context)
}

/// What `authorize` gets of a context: no entropy, and keys only if there are any.
pub(super) fn check_standing(context: &Context) -> Check {
    at_most("context.policy", context.policy.len(), MAX_POLICY)?;
    length("context.tenant", context.tenant.len(), 1, 64)?;
    at_most("context.keys", context.keys.len(), 8)?;
    context
        .keys
        .iter()
        .try_for_each(|key| length("key.secret", key.secret.len(), 32, 32))?;
    at_most("context.observed", context.observed.len(), 16)?;
    context
        .observed
        .iter()
        .try_for_each(|it| length("observation.kind", it.kind.len(), 1, 64))?;
    check_facts("context.facts", &context.facts)
}

pub(super) fn check_account(account: Option<&[u8]>) -> Check {
    at_most("account", account.map_or(0, <[u8]>::len), MAX_ACCOUNT)
}

pub(super) fn check_policy_source(document: &str) -> Check {
    at_most("document", document.len(), MAX_POLICY_SOURCE)
}

pub(super) fn check_request(request: &Request) -> Check {
    length("request.application", request.application.len(), 1, 128)?;
    at_most("request.host", request.host.len(), 261)?;
    at_most("request.path", request.path.len(), 8 << 10)?;
    length("request.method", request.method.len(), 1, 32)?;
    optional("request.address", request.address.as_deref(), MAX_ADDRESS)
}

fn check_origin(origin: &Origin) -> Check {
    length("origin.user", origin.user.len(), 1, 256)?;
    at_most("origin.groups", origin.groups.len(), 64)?;
    origin
        .groups
        .iter()
        .try_for_each(|group| length("origin.groups", group.len(), 1, 128))?;
    length("origin.application", origin.application.len(), 1, 128)?;
    length("origin.gateway", origin.gateway.len(), 1, 64)?;
    length("origin.binding", origin.binding.len(), 16, 64)?;
    optional("origin.address", origin.address.as_deref(), MAX_ADDRESS)?;
    at_most("origin.language", origin.language.len(), 35)?;
    at_most("origin.client", origin.client.len(), 64)?;
    let country = |code: &str| code.len() == 2 && code.bytes().all(|c| c.is_ascii_uppercase());
    if origin.country.as_deref().is_none_or(country) {
        return Ok(());
    }
    Err(PluginError::BadRequest(
        "origin.country: expected two upper-case letters".to_owned(),
    ))
}

fn check_sign_in(sign_in: &SignIn) -> Check {
    optional(
        "sign-in.early-answer",
        sign_in.early_answer.as_deref(),
        MAX_CODE,
    )?;
    optional("sign-in.device-token", sign_in.device_token.as_deref(), 512)?;
    optional("sign-in.method", sign_in.method.as_deref(), 32)?;
    optional("sign-in.transaction", sign_in.transaction.as_deref(), 1_024)?;
    if sign_in
        .transaction
        .as_deref()
        .is_some_and(|text| text.chars().any(char::is_control))
    {
        return Err(PluginError::BadRequest(
            "sign-in.transaction: expected no control characters".to_owned(),
        ));
    }
    if let Some(approval) = &sign_in.approves {
        length("approval.user", approval.user.len(), 1, 256)?;
        check_challenge(&approval.challenge)?;
    }
    if let Some(risk) = &sign_in.risk {
        at_most("sign-in.risk.reasons", risk.reasons.len(), 8)?;
        risk.reasons
            .iter()
            .try_for_each(|reason| at_most("sign-in.risk.reasons", reason.len(), 64))?;
    }
    if sign_in.required_level > 3 {
        return Err(PluginError::BadRequest(
            "sign-in.required-level: expected 0 to 3".to_owned(),
        ));
    }
    Ok(())
}

fn check_token(token: &Token) -> Check {
    length("token.serial", token.serial.len(), 1, 64)?;
    at_most("token.manufacturer", token.manufacturer.len(), 64)?;
    at_most("token.model", token.model.len(), 64)?;
    length("token.method", token.method.len(), 1, 32)?;
    at_most("token.secret", token.secret.len(), 128)?;
    at_most("token.algorithm", token.algorithm.len(), 16)?;
    at_most("token.suite", token.suite.len(), 128)
}

/// Checks a list of facts. What a component answers has the same bounds.
pub(super) fn check_facts(field: &str, facts: &[Fact]) -> Check {
    at_most(field, facts.len(), 16)?;
    for (name, value) in facts {
        length(field, name.len(), 1, 64)?;
        at_most(field, value.len(), 256)?;
    }
    if facts.is_sorted_by(|(before, _), (after, _)| before < after) {
        return Ok(());
    }
    Err(PluginError::BadRequest(format!(
        "{field}: expected names in order, none twice"
    )))
}

pub(super) fn check_claims(claims: &Claims) -> Check {
    length("claims.application", claims.application.len(), 1, 128)?;
    length("claims.method", claims.method.len(), 0, 32)?;
    at_most("claims.proved", claims.proved.len(), 4)?;
    claims
        .proved
        .iter()
        .try_for_each(|method| length("claims.proved", method.len(), 1, 32))?;
    if let Some(digest) = &claims.transaction {
        length("claims.transaction", digest.len(), 32, 32)?;
    }
    at_most("claims.reason", claims.reason.len(), 64)?;
    at_most("claims.amr", claims.amr.len(), 8)?;
    claims
        .amr
        .iter()
        .try_for_each(|value| at_most("claims.amr", value.len(), 32))
}

fn check_proof(proof: &Proof) -> Check {
    match proof {
        Proof::Code(code) => at_most("proof.code", code.len(), MAX_CODE),
        Proof::NewPin(pin) => at_most("proof.new-pin", pin.len(), MAX_CODE),
        Proof::Webauthn(json) => at_most("proof.webauthn", json.len(), 16 << 10),
        Proof::TwoCodes((first, second)) => {
            at_most("proof.two-codes", first.len(), MAX_CODE)?;
            at_most("proof.two-codes", second.len(), MAX_CODE)
        }
        Proof::Other(name) => at_most("proof.other", name.len(), 64),
    }
}

fn check_challenge(id: &str) -> Check {
    if lower_hex(id, 32) {
        return Ok(());
    }
    Err(PluginError::BadRequest(
        "challenge: expected 32 lower-case hexadecimal digits".to_owned(),
    ))
}

pub(super) fn lower_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

fn optional(field: &str, value: Option<&str>, limit: usize) -> Check {
    at_most(field, value.map_or(0, str::len), limit)
}

pub(super) fn at_most(field: &str, found: usize, limit: usize) -> Check {
    length(field, found, 0, limit)
}

pub(super) fn length(field: &str, found: usize, least: usize, most: usize) -> Check {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(PluginError::BadRequest(format!(
        "{field}: {found} long, expected {least} to {most}"
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use serde_json::{Value, json};

    use super::*;

    fn event(origin: &Value, action: &Value) -> Event {
        let mut whole = json!({
            "user": "alice", "known": true, "groups": [], "application": "wiki", "gateway": "nginx-1",
            "binding": "ab".repeat(32), "language": "en",
        });
        for (name, value) in origin.as_object().unwrap() {
            whole[name] = value.clone();
        }
        let event = json!({"id": "00".repeat(16), "origin": whole, "action": action});
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn what_the_contract_bounds_is_refused_with_its_name() {
        let begin = json!({"begin": {"surface": [], "required-level": 0}});
        let answer = json!({"challenge": "0".repeat(32), "proof": {"code": "000000"}});
        assert!(check_event(&event(&json!({}), &begin)).is_ok());
        assert!(check_event(&event(&json!({}), &json!({"answer": answer}))).is_ok());
        for (origin, field) in [
            (json!({"user": ""}), "origin.user"),
            (json!({"groups": [""]}), "origin.groups"),
            (json!({"address": "1".repeat(46)}), "origin.address"),
            (json!({"client": "c".repeat(65)}), "origin.client"),
            (json!({"country": "de"}), "origin.country"),
            (json!({"binding": "ab".repeat(15)}), "origin.binding"),
        ] {
            let error = check_event(&event(&origin, &begin)).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
        let administer =
            |change: Value| json!({"administer": {"actor": "desk", "why": "", "change": change}});
        for (action, field) in [
            (
                json!({"begin": {"surface": [], "required-level": 4}}),
                "required-level",
            ),
            (
                json!({"begin": {"surface": [], "required-level": 0, "risk": {"level": "low", "reasons": ["r".repeat(65)]}}}),
                "risk.reasons",
            ),
            (
                json!({"answer": {"challenge": "0".repeat(31), "proof": {"code": ""}}}),
                "challenge",
            ),
            (
                json!({"enrol-begin": {"method": "totp", "label": "l".repeat(257)}}),
                "enrolment-request.label",
            ),
            (
                json!({"manage": {"change": {"rename": ["0".repeat(16), "l".repeat(257)]}}}),
                "management-change.rename",
            ),
            (
                json!({"snooze": {"surface": [], "required-level": 0, "transaction": "pay\n100"}}),
                "transaction",
            ),
            (
                json!({"begin": {"surface": [], "required-level": 0, "approves": {"user": "", "challenge": "0".repeat(32)}}}),
                "approval.user",
            ),
            (
                json!({"manage": {"change": {"grant-bypass": {"why": ""}}}}),
                "bypass.why",
            ),
            (
                administer(
                    json!({"issue": {"method": "sms", "label": "", "address": "1".repeat(1025)}}),
                ),
                "issuance.address",
            ),
            (
                administer(json!({"import-token": {
                    "serial": "1", "manufacturer": "", "model": "", "method": "totp", "secret": "00".repeat(129),
                    "algorithm": "SHA1", "digits": 6, "period": 30, "counter": 0, "suite": "",
                }})),
                "token.secret",
            ),
            (
                administer(json!({"remove-credential": "0".repeat(17)})),
                "remove-credential",
            ),
        ] {
            let error = check_event(&event(&json!({}), &action)).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
        // The component has an answer for labels that are none.
        let long = json!({"enrol-begin": {"method": "totp", "label": "l".repeat(65)}});
        assert!(check_event(&event(&json!({}), &long)).is_ok());
    }
}
