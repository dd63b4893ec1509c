//! What follows once something was proved, or a rule lets the user pass.

use super::Step;
use super::ask::{self, Unasked};
use super::bypass;
use super::ruling::{Notes, Ruling, number};
use crate::account::{Account, Block, Challenge, Grant, Progress, Resolution};
use crate::audit::Kind;
use crate::contract::{Answer, EffectKind, Fault, Forwarded, Voucher};
use crate::identifier::CredentialId;
use crate::reason::Reason;
use crate::rules::{Need, Skip};

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
    let proved = challenge.proved.or(grant.proved);
    let grant = Grant { proved, ..grant };
    let mut challenge = Challenge {
        proved,
        attempts: 0,
        ..challenge
    };
    if !need.is_met(proved) {
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
    let _ = remember;
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
    }
    if let Some(transaction) = challenge.demand.transaction {
        return Ok(Ruling::write(Resolution::Confirmed {
            grant,
            digest: transaction.digest,
        }));
    }
    Ok(Ruling::write(Resolution::Allowed {
        grant,
        generation: account.generation,
        device: None,
    }))
}

/// A rule lets the user pass on the first factor.
pub(super) fn skip(
    step: &Step<'_>,
    account: &mut Account,
    skip: Skip,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let _ = step;
    if skip.reason == Reason::OneTimeBypass {
        bypass::use_up(account, notes);
    }
    notes.audit(Kind::SignInAllowed, skip.reason, None, Vec::new());
    Ok(Ruling::write(Resolution::Allowed {
        grant: Grant::without_factor(skip.reason),
        generation: account.generation,
        device: None,
    }))
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
    let _ = (step, account, challenge, answer);
    Ok(Ruling::refuse(
        Kind::SignInDenied,
        Reason::MethodNotAllowed,
        notes,
    ))
}

/// What another device, or another user, came to: kept until the caller asks again.
pub(super) fn settle(account: &mut Account, challenge: Challenge, progress: Progress) {
    account.replace_challenge(Challenge {
        progress,
        ..challenge
    });
}
