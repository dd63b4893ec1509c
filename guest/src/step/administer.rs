//! What administrators change. Every change names its actor and its reason in the audit.

use super::ask::Unasked;
use super::ruling::{Commit, Notes, Ruling};
use super::{Step, bypass, enrol, import, manage, pin};
use crate::account::{Account, Block, Resolution, State};
use crate::audit::Kind;
use crate::contract::{AccountState, Administration, AdministrationChange, Fact, Fault};
use crate::identifier::{ChallengeId, CredentialId};
use crate::methods::{self, Wish};
use crate::reason::Reason;

/// An administrator acts.
pub(super) fn administer(
    step: &Step<'_>,
    account: &mut Account,
    act: &Administration,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let facts = || {
        vec![
            ("actor".to_owned(), act.actor.clone()),
            ("why".to_owned(), act.why.clone()),
        ]
    };
    let completed = Reason::SuccessfullyCompleted;
    let done = Ruling::write(Resolution::Done {
        reason: completed,
        credential: None,
        issued: false,
    });
    let creates = matches!(
        act.change,
        AdministrationChange::Create
            | AdministrationChange::ImportOtpauth(_)
            | AdministrationChange::ImportToken(_)
            | AdministrationChange::Issue(_)
    );
    if !step.origin.known && !creates {
        return Ok(refuse(Reason::UserNotFound, facts(), notes));
    }
    let kind = match &act.change {
        AdministrationChange::Create if step.origin.known => {
            return Ok(Ruling {
                commit: Commit::Keep,
                ..done
            });
        }
        AdministrationChange::Create => Kind::AccountCreated,
        AdministrationChange::ImportOtpauth(_) | AdministrationChange::ImportToken(_) => {
            let imported = match &act.change {
                AdministrationChange::ImportOtpauth(uri) => import::uri(step, uri)?,
                AdministrationChange::ImportToken(token) => import::token(step, token)?,
                _ => Err("change"),
            };
            let mut facts = facts();
            let credential = match imported {
                Ok((credential, short)) => {
                    if short {
                        facts.insert(1, ("secret".to_owned(), "short".to_owned()));
                    }
                    credential
                }
                Err(field) => {
                    facts.insert(1, ("field".to_owned(), field.to_owned()));
                    return Ok(refuse(Reason::ImportInvalid, facts, notes));
                }
            };
            return Ok(enrol::issue(
                step,
                account,
                credential,
                Kind::CredentialImported,
                facts,
                notes,
            ));
        }
        AdministrationChange::Issue(issuance) if issuance.method == pin::NAME => {
            if let Err(reason) = pin::issue(step, account)? {
                return Ok(refuse(reason, facts(), notes));
            }
            created(step, &facts(), notes);
            notes.audit(Kind::PinChanged, completed, None, facts());
            notes.notice("pin-issued", None);
            return Ok(Ruling::write(Resolution::Done {
                reason: completed,
                credential: None,
                issued: true,
            }));
        }
        AdministrationChange::Issue(issuance) => {
            if !manage::is_label(&issuance.label) {
                return Ok(refuse(Reason::LabelInvalid, facts(), notes));
            }
            let Some(method) = enrol::allowed(step, &issuance.method) else {
                return Ok(refuse(Reason::MethodNotAllowed, facts(), notes));
            };
            let wish = Wish {
                address: issuance.address.as_deref(),
                vouched: true,
                lifetime: issuance.lifetime,
                once: issuance.once,
            };
            let draft = match enrol::draft(step, account, method, ChallengeId::default(), &wish) {
                Ok(draft) => draft,
                Err(Unasked::Because(reason)) => return Ok(refuse(reason, facts(), notes)),
                Err(Unasked::Fault(fault)) => return Err(fault),
            };
            let credential = enrol::credential(step, method, issuance.label.clone(), draft.state)?;
            let facts = facts();
            return Ok(enrol::issue(
                step,
                account,
                credential,
                Kind::CredentialIssued,
                facts,
                notes,
            ));
        }
        AdministrationChange::SetState(state) => {
            // Who was let in without a second factor is asked for one.
            if account.state == State::Disabled {
                account.revoke_sessions();
            }
            account.state = match state {
                AccountState::Disabled => State::Disabled,
                AccountState::Enabled => State::Enabled,
                AccountState::Enforced => State::Enforced,
            };
            Kind::StateChanged
        }
        AdministrationChange::GrantBypass(lifetime) => {
            let who = (act.actor.as_str(), act.why.as_str());
            return Ok(
                match bypass::by_administrator(step, account, who, *lifetime, facts(), notes) {
                    Ok(()) => done,
                    Err(reason) => refuse(reason, facts(), notes),
                },
            );
        }
        AdministrationChange::ForgetDevices => {
            account.devices.clear();
            Kind::DevicesForgotten
        }
        AdministrationChange::RemoveCredential(id) if manage::programs(id).is_some() => {
            let method = manage::programs(id).unwrap_or(0);
            return Ok(
                if manage::remove_all(step, account, method, facts(), notes) {
                    done
                } else {
                    refuse(Reason::CredentialUnknown, facts(), notes)
                },
            );
        }
        AdministrationChange::RemoveCredential(id) => {
            let id = CredentialId::parse(id);
            let Some(at) = account
                .credentials
                .iter()
                .position(|credential| Some(credential.id) == id)
            else {
                return Ok(refuse(Reason::CredentialUnknown, facts(), notes));
            };
            manage::remove(step, account, at, facts(), notes);
            return Ok(done);
        }
        AdministrationChange::Unlock => {
            account.failures.clear();
            // What was held back because nobody answered goes out again.
            account.note_answered();
            account
                .credentials
                .iter_mut()
                .for_each(|credential| credential.failures.clear());
            if let Some(pin) = &mut account.pin {
                pin.failures.clear();
            }
            Kind::AccountUnlocked
        }
        AdministrationChange::Block => {
            account.blocked = Some(Block {
                until: u64::MAX,
                fraud: false,
            });
            account.challenges.clear();
            account.enrolments.clear();
            account.bypass = None;
            account.factors_changed();
            Kind::AccountBlocked
        }
        AdministrationChange::Unblock => {
            account.blocked = None;
            account.note_answered();
            Kind::AccountUnblocked
        }
        AdministrationChange::ResetClock => {
            // What was opened in the time that never was would stay open until it comes.
            account.challenges.clear();
            account.enrolments.clear();
            account.requests.clear();
            account.success = None;
            account.bypass = None;
            account.devices.clear();
            account.sends.clear();
            account
                .credentials
                .iter_mut()
                .for_each(|credential| credential.usable_from = 0);
            // Sessions of that time would be good again once it comes.
            account.revoke_sessions();
            Kind::ClockReset
        }
        AdministrationChange::SignOut => {
            account.revoke_sessions();
            Kind::SignedOut
        }
        AdministrationChange::Remove => {
            let scene = step.scene(ChallengeId::default(), None, account);
            for credential in &account.credentials {
                notes
                    .claims
                    .extend(methods::claims(&scene, credential, false));
            }
            notes.audit(Kind::AccountRemoved, completed, None, facts());
            return Ok(Ruling {
                commit: Commit::Remove,
                ..done
            });
        }
        AdministrationChange::Other(name) => return Err(Fault::Unsupported(name.clone())),
    };
    notes.audit(kind, completed, None, facts());
    Ok(done)
}

/// A credential for a user who has no account makes one.
pub(super) fn created(step: &Step<'_>, facts: &[Fact], notes: &mut Notes) {
    if !step.origin.known {
        notes.audit(
            Kind::AccountCreated,
            Reason::SuccessfullyCompleted,
            None,
            facts.to_vec(),
        );
    }
}

fn refuse(reason: Reason, facts: Vec<Fact>, notes: &mut Notes) -> Ruling {
    notes.audit(Kind::AdministrationDenied, reason, None, facts);
    Ruling::keep(Resolution::Denied(reason))
}
