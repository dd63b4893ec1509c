//! What goes in is bounded before the call, what comes out is checked before it is believed.
//!
//! The lengths are those of wit/types.wit. The component checks its inputs again; the host does it first so that an
//! oversize input is a clear error and never a trap.

use super::PluginError;
use crate::contract::{
    Action, AdministrationChange, Change, Claim, Claims, CompiledPolicy, Context, EffectKind,
    Event, ManagementChange, Origin, Outcome, PhoneDecision, Proof, Request, Transition, Verdict,
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

type Check = Result<(), PluginError>;

/// Checks an event against the lengths that the contract states.
///
/// # Errors
/// [`PluginError::BadRequest`], naming the field and its limit.
pub fn check_event(event: &Event) -> Check {
    length("event.id", event.id.len(), 16, 64)?;
    check_origin(&event.origin)?;
    match &event.action {
        Action::Begin(it) => {
            optional("sign-in.early-answer", it.early_answer.as_deref(), 64)?;
            optional("sign-in.device-token", it.device_token.as_deref(), 512)?;
            optional("sign-in.method", it.method.as_deref(), 32)?;
            optional("sign-in.transaction", it.transaction.as_deref(), 1_024)?;
            it.risk.as_ref().map_or(Ok(()), |risk| {
                at_most("sign-in.risk.reasons", risk.reasons.len(), 8)?;
                risk.reasons
                    .iter()
                    .try_for_each(|reason| length("sign-in.risk.reasons", reason.len(), 0, 64))
            })
        }
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
            length("enrolment-request.label", it.label.len(), 1, 64)?;
            optional("enrolment-request.address", it.address.as_deref(), 256)?;
            it.session.as_ref().map_or(Ok(()), check_claims)
        }
        Action::Manage(it) => {
            it.session.as_ref().map_or(Ok(()), check_claims)?;
            match &it.change {
                ManagementChange::Rename((credential, label)) => {
                    at_most("management-change.rename", credential.len(), 16)?;
                    length("management-change.rename", label.len(), 1, 64)
                }
                ManagementChange::Remove(credential) | ManagementChange::SetDefault(credential) => {
                    at_most("management-change", credential.len(), 16)
                }
                ManagementChange::SignOutEverywhere => Ok(()),
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
                AdministrationChange::IssueTotp(label) => length("issue-totp", label.len(), 1, 64),
                AdministrationChange::RemoveCredential(credential) => {
                    at_most("remove-credential", credential.len(), 16)
                }
                AdministrationChange::Other(name) => {
                    at_most("administration-change.other", name.len(), 64)
                }
                _ => Ok(()),
            }
        }
        Action::Vouch(it) => {
            check_challenge(&it.challenge)?;
            length("voucher.account", it.account.len(), 16, 16)
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
    at_most("context.policy", context.policy.len(), MAX_POLICY)?;
    length("context.tenant", context.tenant.len(), 1, 64)?;
    length("context.keys", context.keys.len(), 1, 8)?;
    context
        .keys
        .iter()
        .try_for_each(|key| length("key.secret", key.secret.len(), 32, 32))?;
    at_most("context.observed", context.observed.len(), 8)?;
    at_most("context.facts", context.facts.len(), 16)
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
    optional("request.address", request.address.as_deref(), 64)
}

pub(super) fn check_compiled(compiled: &CompiledPolicy) -> Check {
    answer(
        compiled.bytes.len() <= MAX_POLICY,
        "compiled-policy.bytes is over 16 KiB",
    )?;
    answer(
        compiled.host.observe.len() <= 8,
        "host-policy.observe has over 8 entries",
    )?;
    answer(
        (1..=65_536).contains(&compiled.host.shadows),
        "host-policy.shadows is not 1 to 65,536",
    )?;
    answer(
        compiled.host.session_lifetime > 0,
        "host-policy.session-lifetime is zero",
    )
}

/// A transition is believed only if it answers this event: nothing unknown, nothing over its bound, and claims that are
/// for the application that asked.
pub(super) fn check_transition(transition: &Transition, event: &Event) -> Check {
    match &transition.account {
        Change::Write(record) | Change::Decoy(record) => {
            answer(
                record.len() <= MAX_ACCOUNT,
                "transition.account is over 24 KiB",
            )?;
            answer(!record.is_empty(), "transition.account is empty")?;
        }
        Change::Keep => {}
        Change::Other(_) => return answer(false, "a change that this host does not know"),
        Change::Remove => {
            answer(
                matches!(event.action, Action::Administer(_)),
                "an account goes only by an administrator's event",
            )?;
        }
    }
    for (name, count) in [
        ("effects", transition.effects.len()),
        ("counts", transition.counts.len()),
        ("claims", transition.claims.len()),
        ("audit", transition.audit.len()),
    ] {
        answer(count <= 8, &format!("transition.{name} has over 8 entries"))?;
    }
    for effect in &transition.effects {
        answer(
            lower_hex(&effect.id, 32),
            "effect.id is not 32 hexadecimal digits",
        )?;
        answer(
            !matches!(effect.what, EffectKind::Other(_)),
            "an effect that this host does not know",
        )?;
    }
    for claim in &transition.claims {
        let (Claim::Take(digest) | Claim::Drop(digest)) = claim else {
            return answer(false, "a claim that this host does not know");
        };
        answer(digest.len() == 32, "a claim's digest is not 32 bytes")?;
    }
    match &transition.outcome {
        Outcome::Allow(allowance) => {
            let claims = &allowance.claims;
            answer(
                claims.application == event.origin.application,
                "claims for another application",
            )?;
            answer(
                claims.generation == transition.generation,
                "claims of another session generation",
            )?;
            answer(
                (2..=3).contains(&claims.level),
                "claims of an unknown level",
            )?;
            answer(
                !transition.audit.is_empty(),
                "an allowance that leaves no trace",
            )?;
            answer(
                !matches!(transition.account, Change::Remove | Change::Decoy(_)),
                "an allowance without an account",
            )?;
            check_claims(claims).map_err(as_answer)
        }
        Outcome::Challenge(challenge) => {
            answer(
                lower_hex(&challenge.id, 32),
                "challenge.id is not 32 hexadecimal digits",
            )?;
            answer(
                challenge.offers.len() <= 16,
                "challenge.offers has over 16 entries",
            )
        }
        Outcome::Pending(pending) => answer(
            lower_hex(&pending.challenge, 32),
            "pending.challenge is not 32 hexadecimal digits",
        ),
        Outcome::Delegate(it) => answer(
            lower_hex(&it.challenge, 32),
            "delegation.challenge is not 32 hexadecimal digits",
        ),
        Outcome::Enrol(_) | Outcome::Deny(_) | Outcome::Done(_) => Ok(()),
        Outcome::Other(_) => answer(false, "an outcome that this host does not know"),
    }
}

pub(super) fn check_verdict(verdict: &Verdict, session: &Claims) -> Check {
    match verdict {
        Verdict::Pass(passage) => match &passage.renewed {
            Some(renewed) => {
                let same = renewed.application == session.application
                    && renewed.generation == session.generation
                    && renewed.level <= session.level
                    && renewed.started == session.started
                    && renewed.verified == session.verified;
                answer(same, "renewed claims that say more than the old ones")
            }
            None => Ok(()),
        },
        Verdict::StepUp(_) | Verdict::Deny(_) => Ok(()),
        Verdict::Other(_) => answer(false, "a verdict that this host does not know"),
    }
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
    optional("origin.address", origin.address.as_deref(), 64)?;
    at_most("origin.language", origin.language.len(), 35)
}

fn check_claims(claims: &Claims) -> Check {
    length("claims.application", claims.application.len(), 1, 128)?;
    length("claims.method", claims.method.len(), 0, 32)?;
    at_most("claims.reason", claims.reason.len(), 64)?;
    at_most("claims.amr", claims.amr.len(), 8)?;
    claims
        .amr
        .iter()
        .try_for_each(|value| at_most("claims.amr", value.len(), 32))
}

fn check_proof(proof: &Proof) -> Check {
    match proof {
        Proof::Code(code) => at_most("proof.code", code.len(), 64),
        Proof::Webauthn(json) => at_most("proof.webauthn", json.len(), 16 << 10),
        Proof::TwoCodes((first, second)) => {
            at_most("proof.two-codes", first.len(), 64)?;
            at_most("proof.two-codes", second.len(), 64)
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

fn lower_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

fn optional(field: &str, value: Option<&str>, limit: usize) -> Check {
    at_most(field, value.map_or(0, str::len), limit)
}

fn at_most(field: &str, found: usize, limit: usize) -> Check {
    length(field, found, 0, limit)
}

fn length(field: &str, found: usize, least: usize, most: usize) -> Check {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(PluginError::BadRequest(format!(
        "{field}: {found} long, expected {least} to {most}"
    )))
}

fn answer(holds: bool, otherwise: &str) -> Check {
    if holds {
        Ok(())
    } else {
        Err(PluginError::Malformed(otherwise.to_owned()))
    }
}

fn as_answer(error: PluginError) -> PluginError {
    match error {
        PluginError::BadRequest(what) => PluginError::Malformed(what),
        other => other,
    }
}
