//! The contract's limits, checked before anything is looked at. A host has the same ones and refuses first, so that a value
//! outside them never is the user's mistake.

use crate::contract::{
    Action, AdministrationChange, Answer, Claims, Context, Event, Fact, Fault, ManagementChange,
    Origin, Proof, Request, SignIn,
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
    within(ctx.observed.len(), 0, 8, "ctx.observed")?;
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
        Action::Begin(sign_in) => begin(sign_in),
        Action::Answer(given) | Action::EnrolFinish(given) => answer(given),
        Action::ChooseMethod(choice) => {
            within(choice.challenge.len(), 32, 32, "choice.challenge")?;
            within(choice.method.len(), 1, 32, "choice.method")?;
            within(
                choice.credential.as_ref().map_or(0, String::len),
                0,
                16,
                "choice.credential",
            )
        }
        Action::EnrolBegin(request) => {
            within(request.method.len(), 1, 32, "enrolment-request.method")?;
            label(&request.label, "enrolment-request.label")?;
            within(
                request.address.as_ref().map_or(0, String::len),
                0,
                256,
                "enrolment-request.address",
            )?;
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
                ManagementChange::SignOutEverywhere => Ok(()),
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
                AdministrationChange::IssueTotp(text) => label(text, "issue-totp"),
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
    within(
        request.address.as_ref().map_or(0, String::len),
        0,
        MAX_ADDRESS,
        "request.address",
    )
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
    within(
        origin.address.as_ref().map_or(0, String::len),
        0,
        MAX_ADDRESS,
        "origin.address",
    )?;
    within(origin.language.len(), 0, 35, "origin.language")
}

fn begin(sign_in: &SignIn) -> Result<(), Fault> {
    within(
        sign_in.early_answer.as_ref().map_or(0, String::len),
        0,
        MAX_CODE,
        "sign-in.early-answer",
    )?;
    within(
        sign_in.device_token.as_ref().map_or(0, String::len),
        0,
        512,
        "sign-in.device-token",
    )?;
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
    within(
        sign_in.method.as_ref().map_or(0, String::len),
        0,
        32,
        "sign-in.method",
    )
}

fn answer(answer: &Answer) -> Result<(), Fault> {
    within(answer.challenge.len(), 32, 32, "answer.challenge")?;
    match &answer.proof {
        Proof::Code(code) => within(code.len(), 0, MAX_CODE, "answer.proof"),
        Proof::TwoCodes((first, second)) => {
            within(first.len().max(second.len()), 0, MAX_CODE, "answer.proof")
        }
        Proof::Webauthn(json) => within(json.len(), 0, 16 * 1024, "answer.proof"),
        Proof::Other(name) => within(name.len(), 0, 64, "answer.proof"),
    }
}

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
