//! What comes out is checked before it is believed: an answer has to be one to what was asked, within the contract's bounds,
//! and with nothing in it that this host does not know. A component that breaks this has failed, which denies.

use super::PluginError;
use super::bounds::{
    Check, MAX_ACCOUNT, MAX_POLICY, at_most, check_claims, check_facts, length, lower_hex,
};
use crate::contract::{
    AccountView, Action, Allowance, AuditFact, Challenge, Change, Claim, Claims, CompiledPolicy,
    Denial, Description, Effect, EffectKind, Enrolment, Event, Explanation, Message, Observation,
    Offer, Outcome, Prompt, Provisioning, Transition, Verdict,
};

/// The longest text for a program: the JSON options of a WebAuthn call.
const MAX_PAYLOAD: usize = 4 << 10;

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
        compiled.host.methods.len() <= 32,
        "host-policy.methods has over 32 entries",
    )?;
    answer(
        compiled.host.session_lifetime > 0,
        "host-policy.session-lifetime is zero",
    )
}

/// Checks a transition against the event that it answers, and against what the component said that it may return.
pub(super) fn check_transition(
    transition: &Transition,
    event: &Event,
    description: &Description,
) -> Check {
    check_change(&transition.account, event)?;
    for (name, count) in [
        ("transition.effects", transition.effects.len()),
        ("transition.counts", transition.counts.len()),
        ("transition.audit", transition.audit.len()),
    ] {
        entries(name, count, 8)?;
    }
    let claims = transition.claims.len();
    answer(claims <= 64, "transition.claims has over 64 entries")?;
    for effect in &transition.effects {
        check_effect(effect, description)?;
    }
    for count in &transition.counts {
        text("count.kind", &count.kind, 64)?;
    }
    for claim in &transition.claims {
        let (Claim::Take(digest) | Claim::Drop(digest)) = claim else {
            return answer(false, "a claim that this host does not know");
        };
        answer(digest.len() == 32, "a claim's digest is not 32 bytes")?;
    }
    transition.audit.iter().try_for_each(check_audit)?;
    match &transition.outcome {
        Outcome::Allow(allowance) => check_allowance(allowance, transition, event),
        Outcome::Challenge(challenge) => check_challenge(challenge),
        Outcome::Pending(pending) => {
            check_id("pending.challenge", &pending.challenge)?;
            if !pending.method.is_empty() {
                word("pending.method", &pending.method, 32)?;
            }
            check_offers("pending.offers", &pending.offers)?;
            check_prompt(&pending.prompt)
        }
        Outcome::Delegate(it) => {
            word("delegation.method", &it.method, 32)?;
            check_id("delegation.challenge", &it.challenge)
        }
        Outcome::Enrol(enrolment) => check_enrolment(enrolment),
        Outcome::Deny(denial) => check_denial(denial),
        Outcome::Done(completion) => {
            word("completion.reason", &completion.reason, 64)?;
            check_credential(completion.credential.as_deref())?;
            completion
                .provisioning
                .as_ref()
                .map_or(Ok(()), check_provisioning)
        }
        Outcome::Other(_) => answer(false, "an outcome that this host does not know"),
    }
}

/// Checks what the component asks to be counted before it decides.
pub(super) fn check_unobserved(asked: &[Observation]) -> Check {
    answer(
        (1..=8).contains(&asked.len()),
        "fault.unobserved has not 1 to 8 entries",
    )?;
    for observation in asked {
        length("observation.kind", observation.kind.len(), 1, 64).map_err(as_answer)?;
        answer(observation.window > 0, "observation.window is zero")?;
    }
    Ok(())
}

/// Checks what may be shown of an account.
pub(super) fn check_view(view: &AccountView) -> Check {
    let ids = view.devices.iter().map(|device| device.id.as_str());
    answer(
        ids.into_iter().all(|id| lower_hex(id, 16)),
        "a device id is not 16 hexadecimal digits",
    )
}

/// Checks an explanation: its texts go to a person's screen.
pub(super) fn check_explanation(explanation: &Explanation) -> Check {
    answer(
        explanation.findings.len() <= 256,
        "explanation.findings has over 256 entries",
    )?;
    for finding in &explanation.findings {
        text("finding.rule", &finding.rule, 128)?;
        text("finding.because", &finding.because, 1_024)?;
        text("finding.asks", &finding.asks, 1_024)?;
    }
    text("explanation.verdict", &explanation.verdict, 1_024)
}

/// A verdict gives a session nothing that it did not have: renewed claims are the old ones, used later.
pub(super) fn check_verdict(verdict: &Verdict, session: &Claims) -> Check {
    match verdict {
        Verdict::Pass(passage) => {
            let Some(renewed) = &passage.renewed else {
                return Ok(());
            };
            let before = Claims {
                active: session.active,
                ..renewed.clone()
            };
            answer(
                before == *session && renewed.active >= session.active,
                "renewed claims that say more than the old ones",
            )
        }
        Verdict::StepUp(step_up) => {
            answer(step_up.level <= 3, "step-up.level is over 3")?;
            word("step-up.reason", &step_up.reason, 64)
        }
        Verdict::Deny(denial) => check_denial(denial),
        Verdict::Other(_) => answer(false, "a verdict that this host does not know"),
    }
}

fn check_change(change: &Change, event: &Event) -> Check {
    let known = event.origin.known;
    match change {
        Change::Write(record) | Change::Decoy(record) => {
            answer(
                record.len() <= MAX_ACCOUNT,
                "transition.account is over 24 KiB",
            )?;
            answer(!record.is_empty(), "transition.account is empty")?;
            let decoy = matches!(change, Change::Decoy(_));
            answer(!(decoy && known), "a shadow record for a known user")
        }
        Change::Keep => Ok(()),
        Change::Remove => {
            answer(
                matches!(event.action, Action::Administer(_)),
                "an account goes only by an administrator's event",
            )?;
            answer(known, "an account goes that there is not")
        }
        Change::Other(_) => answer(false, "a change that this host does not know"),
    }
}

fn check_effect(effect: &Effect, description: &Description) -> Check {
    check_id("effect.id", &effect.id)?;
    text("effect.language", &effect.language, 35)?;
    let name = match &effect.what {
        EffectKind::SendText(message) => {
            check_message(message)?;
            "send-text"
        }
        EffectKind::PlaceCall(message) => {
            check_message(message)?;
            "place-call"
        }
        EffectKind::Push(message) => {
            check_message(message)?;
            "push"
        }
        EffectKind::SendMail(message) => {
            check_message(message)?;
            "send-mail"
        }
        EffectKind::Notify(prompt) => {
            check_prompt(prompt)?;
            "notify"
        }
        EffectKind::Forward(forwarded) => {
            answer(
                (1..=256).contains(&forwarded.user.len()),
                "forwarded.user is not 1 to 256 octets",
            )?;
            check_id("voucher.challenge", &forwarded.voucher.challenge)?;
            answer(
                (1..=256).contains(&forwarded.voucher.approver.len()),
                "voucher.approver is not 1 to 256 octets",
            )?;
            "forward"
        }
        EffectKind::Other(_) => return answer(false, "an effect that this host does not know"),
    };
    answer(
        description.effects.iter().any(|granted| granted == name),
        "an effect that the component did not say it has",
    )
}

fn check_allowance(allowance: &Allowance, transition: &Transition, event: &Event) -> Check {
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
        (1..=3).contains(&claims.level),
        "claims of an unknown level",
    )?;
    answer(
        !transition.audit.is_empty(),
        "an allowance that leaves no trace",
    )?;
    let account = match transition.account {
        Change::Write(_) => true,
        // A repeated request.
        Change::Keep => event.origin.known,
        Change::Decoy(_) | Change::Remove | Change::Other(_) => false,
    };
    answer(account, "an allowance without an account")?;
    word("claims.reason", &claims.reason, 64)?;
    check_credential(allowance.credential.as_deref())?;
    if let Some((token, _)) = &allowance.device_token {
        text("allowance.device-token", token, 512)?;
    }
    check_claims(claims).map_err(as_answer)
}

fn check_challenge(challenge: &Challenge) -> Check {
    check_id("challenge.id", &challenge.id)?;
    word("challenge.method", &challenge.method, 32)?;
    check_offers("challenge.offers", &challenge.offers)?;
    check_prompt(&challenge.prompt)?;
    text("challenge.payload", &challenge.payload, MAX_PAYLOAD)?;
    challenge
        .after
        .as_ref()
        .map_or(Ok(()), |after| word("challenge.after", after, 64))
}

fn check_offers(field: &str, offers: &[Offer]) -> Check {
    entries(field, offers.len(), 64)?;
    for Offer {
        method,
        credential,
        label,
        ..
    } in offers
    {
        word("offer.method", method, 32)?;
        check_credential(credential.as_deref())?;
        text("offer.label", label, 64)?;
    }
    Ok(())
}

fn check_enrolment(enrolment: &Enrolment) -> Check {
    answer(
        enrolment.methods.len() <= 16,
        "enrolment.methods has over 16 entries",
    )?;
    for method in &enrolment.methods {
        word("enrolment.methods", method, 32)?;
    }
    check_prompt(&enrolment.prompt)?;
    if let Some(after) = &enrolment.after {
        word("enrolment.after", after, 64)?;
    }
    enrolment
        .provisioning
        .as_ref()
        .map_or(Ok(()), check_provisioning)
}

fn check_provisioning(provisioning: &Provisioning) -> Check {
    // One that is active already has no enrolment to finish.
    if !provisioning.challenge.is_empty() {
        check_id("provisioning.challenge", &provisioning.challenge)?;
    }
    word("provisioning.method", &provisioning.method, 32)?;
    text("provisioning.label", &provisioning.label, 64)?;
    text("provisioning.payload", &provisioning.payload, MAX_PAYLOAD)?;
    text("provisioning.manual-key", &provisioning.manual_key, 256)
}

fn check_denial(denial: &Denial) -> Check {
    word("denial.public-reason", &denial.public_reason, 64)?;
    word("denial.internal-reason", &denial.internal_reason, 64)?;
    check_prompt(&denial.prompt)
}

fn check_audit(fact: &AuditFact) -> Check {
    word("audit-fact.kind", &fact.kind, 64)?;
    word("audit-fact.reason", &fact.reason, 64)?;
    if !fact.method.is_empty() {
        word("audit-fact.method", &fact.method, 32)?;
    }
    check_credential(fact.credential.as_deref())?;
    check_facts("audit-fact.facts", &fact.facts).map_err(as_answer)
}

fn check_message(message: &Message) -> Check {
    check_credential(Some(&message.credential))?;
    text("message.to", &message.to, 1 << 10)?;
    check_prompt(&message.body)
}

fn check_prompt(prompt: &Prompt) -> Check {
    word("prompt.message", &prompt.message, 64)?;
    // The text that is confirmed is the one argument that is longer than a fact.
    let (transaction, others): (Vec<_>, Vec<_>) = prompt
        .arguments
        .iter()
        .cloned()
        .partition(|(name, _)| name == "transaction");
    answer(
        prompt.arguments.len() <= 16 && transaction.len() <= 1,
        "prompt.arguments has over 16 entries, or one twice",
    )?;
    for (_, value) in &transaction {
        text("prompt.arguments.transaction", value, 1_024)?;
    }
    check_facts("prompt.arguments", &others).map_err(as_answer)
}

fn check_credential(id: Option<&str>) -> Check {
    answer(
        id.is_none_or(|id| lower_hex(id, 16)),
        "a credential id is not 16 hexadecimal digits",
    )
}

fn check_id(field: &str, id: &str) -> Check {
    if lower_hex(id, 32) {
        return Ok(());
    }
    malformed(field, "is not 32 hexadecimal digits")
}

/// A name of a published list goes into metrics and logs as it is: lower-case letters, digits, hyphens and dots.
fn word(field: &str, name: &str, most: usize) -> Check {
    length(field, name.len(), 1, most).map_err(as_answer)?;
    let plain = |octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    if name.bytes().all(plain) {
        return Ok(());
    }
    malformed(field, "is not a name in lower-case letters")
}

fn entries(field: &str, found: usize, most: usize) -> Check {
    if found <= most {
        return Ok(());
    }
    malformed(field, &format!("has over {most} entries"))
}

fn text(field: &str, text: &str, most: usize) -> Check {
    at_most(field, text.len(), most).map_err(as_answer)
}

fn answer(holds: bool, otherwise: &str) -> Check {
    if holds {
        Ok(())
    } else {
        Err(PluginError::Malformed(otherwise.to_owned()))
    }
}

fn malformed(field: &str, how: &str) -> Check {
    Err(PluginError::Malformed(format!("{field} {how}")))
}

fn as_answer(error: PluginError) -> PluginError {
    match error {
        PluginError::BadRequest(what) => PluginError::Malformed(what),
        other => other,
    }
}
