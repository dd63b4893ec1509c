//! The contract's limits, checked before anything is looked at. A host has the same ones and refuses first, so that a value
//! outside them never is the user's mistake.

use crate::contract::{
    Action, AdministrationChange, Answer, Claims, Context, Event, Fact, Fault, ManagementChange,
    Origin, PhoneDecision, Proof, Request, SignIn, Token,
};
use crate::policy::compiled::MAX_BYTES;

/// Checks the context of a step.
pub fn context(ctx: &Context) -> Result<(), Fault> {
    within(ctx.entropy.len(), 32, 32, "ctx.entropy")?;
    // A generator that was never seeded, or a host that forgot to fill the field in.
    if ctx.entropy.iter().all(|octet| *octet == 0) {
        return Err(refused("ctx.entropy"));
    }
    within(ctx.keys.len(), 1, 8, "ctx.keys")?;
    standing_context(ctx)
}

/// Checks what `authorize` reads of a context: no entropy, and keys only if there are any.
pub fn standing_context(ctx: &Context) -> Result<(), Fault> {
    within(ctx.policy.len(), 0, MAX_BYTES, "ctx.policy")?;
    within(ctx.tenant.len(), 1, 64, "ctx.tenant")?;
    within(ctx.keys.len(), 0, 8, "ctx.keys")?;
    for key in &ctx.keys {
        within(key.secret.len(), 32, 32, "ctx.keys")?;
    }
    within(ctx.observed.len(), 0, 16, "ctx.observed")?;
    for observation in &ctx.observed {
        within(observation.kind.len(), 1, 64, "ctx.observed")?;
    }
    facts(&ctx.facts, "ctx.facts")
}

/// Checks an event.
pub fn event(event: &Event) -> Result<(), Fault> {
    within(event.id.len(), 16, 64, "event.id")?;
    origin(&event.origin)?;
    match &event.action {
        Action::Begin(sign_in) | Action::Snooze(sign_in) => begin(sign_in),
        Action::Resend(challenge) | Action::Poll(challenge) => {
            within(challenge.len(), 32, 32, "challenge")
        }
        Action::PhoneAnswer(answer) => {
            within(answer.challenge.len(), 32, 32, "phone-answer.challenge")?;
            within(answer.credential.len(), 0, 16, "phone-answer.credential")?;
            within(answer.signature.len(), 0, 1024, "phone-answer.signature")?;
            optional(&answer.number, 8, "phone-answer.number")?;
            match &answer.decision {
                PhoneDecision::Digits(digits) => {
                    within(digits.len(), 0, 32, "phone-decision.digits")
                }
                PhoneDecision::Other(name) => within(name.len(), 0, 64, "phone-decision.other"),
                _ => Ok(()),
            }
        }
        Action::DeliveryReport(report) => {
            within(report.effect.len(), 32, 32, "delivery-report.effect")?;
            within(report.detail.len(), 0, 128, "delivery-report.detail")
        }
        Action::Vouch(voucher) => {
            within(voucher.challenge.len(), 32, 32, "voucher.challenge")?;
            within(voucher.approver.len(), 1, 256, "voucher.approver")
        }
        Action::Answer(given) | Action::EnrolFinish(given) => answer(given),
        Action::ChooseMethod(choice) => {
            within(choice.challenge.len(), 32, 32, "choice.challenge")?;
            within(choice.method.len(), 1, 32, "choice.method")?;
            optional(&choice.credential, 16, "choice.credential")
        }
        Action::EnrolBegin(request) => {
            within(request.method.len(), 1, 32, "enrolment-request.method")?;
            label(&request.label, "enrolment-request.label")?;
            optional(&request.address, MAX_ENROLLED, "enrolment-request.address")?;
            request.session.as_ref().map_or(Ok(()), claims)
        }
        Action::Manage(management) => {
            management.session.as_ref().map_or(Ok(()), claims)?;
            match &management.change {
                ManagementChange::Rename((id, text)) => {
                    within(id.len(), 0, 16, "management-change.rename")?;
                    label(text, "management-change.rename")
                }
                ManagementChange::Remove(id) | ManagementChange::SetDefault(id) => {
                    within(id.len(), 0, 16, "management-change")
                }
                ManagementChange::SetPin(pin) => within(pin.len(), 0, MAX_CODE, "set-pin"),
                ManagementChange::GrantBypass(bypass) => {
                    within(bypass.why.len(), 0, 256, "bypass.why")
                }
                ManagementChange::ForgetDevice(id) => within(id.len(), 0, 16, "forget-device"),
                ManagementChange::SignOutEverywhere | ManagementChange::ForgetDevices => Ok(()),
                ManagementChange::Other(name) => {
                    within(name.len(), 0, 64, "management-change.other")
                }
            }
        }
        Action::Administer(administration) => {
            within(administration.actor.len(), 1, 128, "administration.actor")?;
            within(administration.why.len(), 0, 256, "administration.why")?;
            match &administration.change {
                AdministrationChange::ImportOtpauth(uri) => {
                    within(uri.len(), 1, 1024, "import-otpauth")
                }
                AdministrationChange::ImportToken(it) => token(it),
                AdministrationChange::Issue(it) => {
                    within(it.method.len(), 1, 32, "issuance.method")?;
                    label(&it.label, "issuance.label")?;
                    optional(&it.address, MAX_ENROLLED, "issuance.address")
                }
                AdministrationChange::RemoveCredential(id) => {
                    within(id.len(), 0, 16, "remove-credential")
                }
                AdministrationChange::Other(name) => {
                    within(name.len(), 0, 64, "administration-change.other")
                }
                AdministrationChange::Create
                | AdministrationChange::Unlock
                | AdministrationChange::Block
                | AdministrationChange::Unblock
                | AdministrationChange::ResetClock
                | AdministrationChange::SignOut
                | AdministrationChange::SetState(_)
                | AdministrationChange::GrantBypass(_)
                | AdministrationChange::ForgetDevices
                | AdministrationChange::Remove => Ok(()),
            }
        }
        // Not implemented: a fault in any case.
        _ => Ok(()),
    }
}

/// Checks a session's claims.
pub fn claims(claims: &Claims) -> Result<(), Fault> {
    within(claims.application.len(), 1, 128, "claims.application")?;
    within(claims.method.len(), 0, 32, "claims.method")?;
    within(claims.reason.len(), 0, 64, "claims.reason")?;
    within(claims.proved.len(), 0, 4, "claims.proved")?;
    for method in &claims.proved {
        within(method.len(), 1, 32, "claims.proved")?;
    }
    if let Some(digest) = &claims.transaction {
        within(digest.len(), 32, 32, "claims.transaction")?;
    }
    within(claims.amr.len(), 0, 8, "claims.amr")?;
    claims
        .amr
        .iter()
        .try_for_each(|value| within(value.len(), 0, 32, "claims.amr"))
}

/// Checks a request within a session.
pub fn request(request: &Request) -> Result<(), Fault> {
    within(request.application.len(), 1, 128, "request.application")?;
    within(request.host.len(), 0, 261, "request.host")?;
    within(request.path.len(), 0, 8 * 1024, "request.path")?;
    within(request.method.len(), 1, 32, "request.method")?;
    optional(&request.address, MAX_ADDRESS, "request.address")
}

/// Longest text of an IPv6 address with an embedded IPv4 one.
const MAX_ADDRESS: usize = 45;

fn origin(origin: &Origin) -> Result<(), Fault> {
    within(origin.user.len(), 1, 256, "origin.user")?;
    within(origin.groups.len(), 0, 64, "origin.groups")?;
    for group in &origin.groups {
        within(group.len(), 1, 128, "origin.groups")?;
    }
    within(origin.application.len(), 1, 128, "origin.application")?;
    within(origin.gateway.len(), 1, 64, "origin.gateway")?;
    within(origin.binding.len(), 16, 64, "origin.binding")?;
    optional(&origin.address, MAX_ADDRESS, "origin.address")?;
    within(origin.language.len(), 0, 35, "origin.language")?;
    within(origin.client.len(), 0, 64, "origin.client")?;
    match &origin.country {
        Some(country)
            if country.len() != 2 || !country.bytes().all(|it| it.is_ascii_uppercase()) =>
        {
            Err(refused("origin.country"))
        }
        _ => Ok(()),
    }
}

fn begin(sign_in: &SignIn) -> Result<(), Fault> {
    optional(&sign_in.early_answer, MAX_CODE, "sign-in.early-answer")?;
    optional(&sign_in.device_token, 512, "sign-in.device-token")?;
    optional(&sign_in.transaction, 1024, "sign-in.transaction")?;
    if let Some(approval) = &sign_in.approves {
        within(approval.user.len(), 1, 256, "approval.user")?;
        within(approval.challenge.len(), 32, 32, "approval.challenge")?;
    }
    if let Some(risk) = &sign_in.risk {
        within(risk.reasons.len(), 0, 8, "sign-in.risk")?;
        for reason in &risk.reasons {
            within(reason.len(), 0, 64, "sign-in.risk")?;
        }
    }
    within(
        usize::from(sign_in.required_level),
        0,
        3,
        "sign-in.required-level",
    )?;
    optional(&sign_in.method, 32, "sign-in.method")
}

fn answer(answer: &Answer) -> Result<(), Fault> {
    within(answer.challenge.len(), 32, 32, "answer.challenge")?;
    match &answer.proof {
        Proof::Code(code) => within(code.len(), 0, MAX_CODE, "answer.proof"),
        Proof::TwoCodes((first, second)) => {
            within(first.len().max(second.len()), 0, MAX_CODE, "answer.proof")
        }
        Proof::NewPin(pin) => within(pin.len(), 0, MAX_CODE, "answer.proof"),
        Proof::Webauthn(json) => within(json.len(), 0, 16 * 1024, "answer.proof"),
        Proof::Other(name) => within(name.len(), 0, 64, "answer.proof"),
    }
}

fn token(token: &Token) -> Result<(), Fault> {
    within(token.serial.len(), 1, 64, "token.serial")?;
    within(token.manufacturer.len(), 0, 64, "token.manufacturer")?;
    within(token.model.len(), 0, 64, "token.model")?;
    within(token.method.len(), 1, 32, "token.method")?;
    within(token.secret.len(), 0, 128, "token.secret")?;
    within(token.algorithm.len(), 0, 16, "token.algorithm")?;
    within(token.suite.len(), 0, 128, "token.suite")
}

fn optional(text: &Option<String>, most: usize, field: &'static str) -> Result<(), Fault> {
    within(text.as_ref().map_or(0, String::len), 0, most, field)
}

/// Longest address, key or name that a method needs to know.
const MAX_ENROLLED: usize = 1024;
/// Longest text that is taken for a code.
const MAX_CODE: usize = 64;

/// A bad label is the user's, and gets an answer; but not one of any length.
fn label(text: &str, field: &'static str) -> Result<(), Fault> {
    within(text.len(), 0, 256, field)
}

fn facts(facts: &[Fact], field: &'static str) -> Result<(), Fault> {
    within(facts.len(), 0, 16, field)?;
    for (name, value) in facts {
        within(name.len(), 1, 64, field)?;
        within(value.len(), 0, 256, field)?;
    }
    if !facts.is_sorted_by(|(before, _), (after, _)| before < after) {
        return Err(refused(field));
    }
    Ok(())
}

fn within(value: usize, least: usize, most: usize, field: &'static str) -> Result<(), Fault> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(refused(field))
    }
}

fn refused(field: &str) -> Fault {
    Fault::BadRequest(field.to_owned())
}
