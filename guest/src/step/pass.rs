//! What follows once something was proved, or a rule lets the user pass.

use super::Step;
use super::ask::{self, Unasked};
use super::ruling::{Notes, Ruling, number};
use super::{bypass, pin, sign_in};
use crate::account::{Account, Block, Challenge, Grant, Progress, Resolution, Sealed};
use crate::audit::Kind;
use crate::contract::{self, Answer, EffectKind, Fault, Forwarded, Prompt, Voucher};
use crate::entropy::plain_digest;
use crate::identifier::{CredentialId, DeviceId, Identifier};
use crate::reason::Reason;
use crate::rules::device::Presented;
use crate::rules::{self, Need, Skip};

/// A method accepted: asks for what is still missing, or lets the user pass. The challenge is used once (CH-04).
pub(super) fn proved(
    step: &Step<'_>,
    account: &mut Account,
    challenge: Challenge,
    need: &Need,
    grant: Grant,
    remember: bool,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let proved = challenge.proved.and(grant.proved);
    let grant = Grant { proved, ..grant };
    let challenge = Challenge {
        proved,
        attempts: 0,
        ..challenge
    };
    if !need.is_met(&grant) {
        let mut challenge = ask::opened(step, challenge)?;
        return match ask::first(step, account, &mut challenge, need, None, notes) {
            Ok(_) => {
                let told = ask::told(account, &challenge, None);
                account.keep_challenge(challenge, usize::from(step.policy.challenge.max_open));
                Ok(Ruling::write(told))
            }
            Err(Unasked::Because(reason)) => {
                account.close_challenge(&challenge.id);
                notes.audit(Kind::SignInDenied, reason, None, Vec::new());
                Ok(Ruling::write(Resolution::Denied(reason)))
            }
            Err(Unasked::Fault(fault)) => Err(fault),
        };
    }
    if pin::is_due(step, account, proved.methods) {
        let challenge = ask::opened(step, challenge)?;
        return Ok(ask_new_pin(step, account, challenge, grant, notes));
    }
    let approved = challenge.approvals.len();
    if challenge.demand.approves.is_none() && approved < approvals(step, &challenge.application) {
        let challenge = ask::opened(step, challenge)?;
        return Ok(await_others(step, account, challenge, grant, notes));
    }
    account.close_challenge(&challenge.id);
    account.note_answered();
    let credential = grant.credential.and_then(|id| account.credential(&id));
    notes.audit(Kind::SignInAllowed, grant.reason, credential, Vec::new());
    if let Some((user, approved)) = &challenge.demand.approves {
        notes.effect(
            step,
            EffectKind::Forward(Forwarded {
                user: user.clone(),
                voucher: Voucher {
                    challenge: approved.text(),
                    approver: step.origin.user.clone(),
                    at: step.at,
                },
            }),
            challenge.expires,
        )?;
        // It opens nothing for the approver: the application would have asked for approvals of its own.
        let digest = plain_digest(&[b"approval", user.as_bytes(), &approved.0]);
        return Ok(Ruling::write(Resolution::Confirmed { grant, digest }));
    }
    if let Some(transaction) = challenge.demand.transaction {
        return Ok(Ruling::write(Resolution::Confirmed {
            grant,
            digest: transaction.digest,
        }));
    }
    let cache = step.policy.cache.lifetime;
    account.success = rules::cache::success(cache, step.origin, grant, step.at);
    let level = rules::level_of(step.policy, &grant);
    let device = if remember && level > 1 {
        remembered(step, account, notes)?
    } else {
        None
    };
    Ok(Ruling::write(Resolution::Allowed {
        grant,
        generation: account.generation,
        device,
    }))
}

/// How many others have to approve (M11). A policy that cannot be read is met by nobody.
fn approvals(step: &Step<'_>, application: &str) -> usize {
    let application = step.policy.applications.of(application);
    application.map_or(usize::MAX, |application| usize::from(application.approvals))
}

/// The user has done what is theirs, and waits for others. The host asks those (M11).
fn await_others(
    step: &Step<'_>,
    account: &mut Account,
    challenge: Challenge,
    grant: Grant,
    notes: &mut Notes,
) -> Ruling {
    let waiting = Challenge {
        credential: None,
        question: Sealed::default(),
        question_expires: challenge.expires,
        effect: None,
        progress: Progress::Accepted(grant),
        ..challenge
    };
    let credential = grant.credential.and_then(|id| account.credential(&id));
    let reason = Reason::ApprovalPending;
    notes.audit(Kind::ChallengeIssued, reason, credential, Vec::new());
    notes.notices.push(Prompt {
        message: "approval-requested".to_owned(),
        arguments: vec![
            ("application".to_owned(), waiting.application.clone()),
            ("challenge".to_owned(), waiting.id.text()),
            ("user".to_owned(), step.origin.user.clone()),
        ],
    });
    let id = waiting.id;
    account.forget_expired(step.at);
    account.keep_challenge(waiting, usize::from(step.policy.challenge.max_open));
    Ruling::write(Resolution::Pending { challenge: id })
}

/// Whether a challenge has all that is its user's, and waits for others alone.
pub(super) fn awaits_others(step: &Step<'_>, challenge: &Challenge) -> bool {
    matches!(challenge.progress, Progress::Accepted(_))
        && !challenge.new_pin
        && challenge.credential.is_none()
        && challenge.approvals.len() < approvals(step, &challenge.application)
}

/// Remembers the device, where the policy does and the gateway can tell it from others.
fn remembered(
    step: &Step<'_>,
    account: &mut Account,
    notes: &mut Notes,
) -> Result<Option<(DeviceId, u32)>, Fault> {
    let id = Identifier(step.seed.expand("device")?);
    let Some(device) = rules::device::remembered(step.origin, step.policy, id, step.at) else {
        return Ok(None);
    };
    account.forget_expired(step.at);
    account.remember_device(device);
    let reason = Reason::SuccessfullyCompleted;
    let facts = vec![
        ("device".to_owned(), id.text()),
        number("until", device.expires),
    ];
    notes.audit(Kind::DeviceRemembered, reason, None, facts);
    Ok(Some((id, device.turn)))
}

/// A device token came with a sign-in: a copied one ends its series and every session, since one may be the thief's (BY-05).
/// Whether the account was changed.
pub(super) fn presented(account: &mut Account, device: Presented, notes: &mut Notes) -> bool {
    let reason = Reason::RememberedDevice;
    match device {
        Presented::Nothing | Presented::Known(_) | Presented::Over => false,
        Presented::Foreign => {
            notes.audit(Kind::DeviceRefused, reason, None, Vec::new());
            false
        }
        Presented::Stolen(id) => {
            account.devices.retain(|device| device.id != id);
            account.revoke_sessions();
            let facts = vec![("device".to_owned(), id.text())];
            notes.audit(Kind::DeviceStolen, reason, None, facts);
            notes.notice("device-stolen", None);
            true
        }
    }
}

/// A rule lets the user pass without another proof. What is used up by that is used up.
pub(super) fn skip(
    step: &Step<'_>,
    account: &mut Account,
    skip: Skip,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    // An account that is new has to be written, or its session would be of none.
    let mut changed = !step.origin.known;
    let mut facts = Vec::new();
    if skip.reason == Reason::OneTimeBypass {
        bypass::use_up(account, notes);
        changed = true;
    }
    let mut device = None;
    if let Some(known) = account
        .devices
        .iter_mut()
        .find(|known| Some(known.id) == skip.device)
    {
        let turn = rules::device::turned(known, step.policy.devices.grace, step.at);
        device = Some((known.id, turn));
        facts.push(("device".to_owned(), known.id.text()));
        changed = true;
    }
    if let Some((rule, why)) = skip.rule {
        facts.push(("rule".to_owned(), rule));
        facts.push(("why".to_owned(), why));
    }
    let grant = skip.success.unwrap_or(Grant::without_factor(skip.reason));
    let credential = grant.credential.and_then(|id| account.credential(&id));
    notes.audit(Kind::SignInAllowed, skip.reason, credential, facts);
    let allowed = Resolution::Allowed {
        grant,
        generation: account.generation,
        device,
    };
    Ok(if changed {
        Ruling::write(allowed)
    } else {
        Ruling::keep(allowed)
    })
}

/// The user reported that somebody else is signing in (S12, PU-08): whatever is open is over, and the account is blocked if
/// the policy says so.
pub(super) fn fraud(
    step: &Step<'_>,
    account: &mut Account,
    reported_with: Option<CredentialId>,
    notes: &mut Notes,
) -> Ruling {
    let reason = Reason::FraudReported;
    let credential = reported_with.and_then(|id| account.credential(&id));
    notes.audit(Kind::FraudReported, reason, credential, Vec::new());
    notes.notice("fraud-reported", credential);
    notes.alarm("fraud-alarm", step, credential);
    account.challenges.clear();
    account.enrolments.clear();
    account.success = None;
    account.bypass = None;
    account.devices.clear();
    account.revoke_sessions();
    if step.policy.fraud.block {
        let until = step.at.saturating_add(step.policy.fraud.block_for);
        // A block that lasts longer stays.
        if account.blocked.is_none_or(|block| block.until < until) {
            account.blocked = Some(Block { until, fraud: true });
        }
        notes.audit(
            Kind::AccountBlocked,
            reason,
            None,
            vec![number("until", until)],
        );
    }
    Ruling::write(Resolution::Denied(reason))
}

/// The user chose a new PIN, where the challenge asks for one.
pub(super) fn new_pin(
    step: &Step<'_>,
    account: &mut Account,
    challenge: Challenge,
    answer: &Answer,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let refuse = |reason, notes: &mut Notes| Ok(Ruling::refuse(Kind::SignInDenied, reason, notes));
    let (contract::Proof::NewPin(text), Progress::Accepted(grant)) =
        (&answer.proof, challenge.progress)
    else {
        return refuse(Reason::PinChangeRequired, notes);
    };
    if account.is_blocked(step.at) {
        return refuse(Reason::Blocked, notes);
    }
    let need = match sign_in::need(step, account, &challenge) {
        Ok(need) => need,
        Err(reason) => return refuse(reason, notes),
    };
    let Err(reason) = pin::choose(step, account, text, notes)? else {
        let challenge = Challenge {
            new_pin: false,
            ..challenge
        };
        return proved(
            step,
            account,
            challenge,
            &need,
            grant,
            answer.remember,
            notes,
        );
    };
    notes.audit(Kind::SignInDenied, reason, None, Vec::new());
    let attempts = challenge.attempts.saturating_add(1);
    if attempts >= step.policy.challenge.attempts {
        account.close_challenge(&challenge.id);
        return Ok(Ruling::write(Resolution::Denied(reason)));
    }
    let told = Resolution::Challenged {
        challenge: challenge.id,
        after: Some(reason),
    };
    account.replace_challenge(Challenge {
        attempts,
        ..challenge
    });
    Ok(Ruling::write(told))
}

/// Everything was right, and the user passes once there is a PIN that only the user knows.
fn ask_new_pin(
    step: &Step<'_>,
    account: &mut Account,
    challenge: Challenge,
    grant: Grant,
    notes: &mut Notes,
) -> Ruling {
    let expires = step.at.saturating_add(step.policy.challenge.lifetime);
    let told = Resolution::Challenged {
        challenge: challenge.id,
        after: None,
    };
    notes.audit(
        Kind::ChallengeIssued,
        Reason::PinChangeRequired,
        None,
        Vec::new(),
    );
    account.keep_challenge(
        Challenge {
            new_pin: true,
            progress: Progress::Accepted(grant),
            expires,
            ..challenge
        },
        usize::from(step.policy.challenge.max_open),
    );
    Ruling::write(told)
}

/// What another device, or another user, came to: kept until the caller asks again.
pub(super) fn settle(account: &mut Account, challenge: Challenge, progress: Progress) {
    account.replace_challenge(Challenge {
        progress,
        ..challenge
    });
}
