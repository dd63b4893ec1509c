//! What administrators change. Every change names its actor and its reason in the audit.

use super::ask::Unasked;
use super::ruling::{Commit, Notes, Ruling};
use super::{Step, bypass, enrol, manage, pin};
use crate::account::{Account, Block, Credential, Resolution, State};
use crate::audit::Kind;
use crate::contract::{AccountState, Administration, AdministrationChange, Fact, Fault};
use crate::identifier::{ChallengeId, CredentialId};
use crate::methods::code::Token;
use crate::methods::{self, Wish, hotp, totp};
use crate::otpauth::{MovingFactor, Otpauth};
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
        AdministrationChange::ImportOtpauth(uri) => {
            let Some((credential, short)) = imported(step, uri)? else {
                return Ok(refuse(Reason::ImportInvalid, facts(), notes));
            };
            let mut facts = facts();
            if short {
                facts.insert(1, ("secret".to_owned(), "short".to_owned()));
            }
            created(step, &facts, notes);
            return Ok(enrol::issue(
                step,
                account,
                credential,
                Kind::CredentialImported,
                facts,
                notes,
            ));
        }
        AdministrationChange::ImportToken(_) => {
            return Ok(refuse(Reason::ImportInvalid, facts(), notes));
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
            created(step, &facts, notes);
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
fn created(step: &Step<'_>, facts: &[Fact], notes: &mut Notes) {
    if !step.origin.known {
        notes.audit(
            Kind::AccountCreated,
            Reason::SuccessfullyCompleted,
            None,
            facts.to_vec(),
        );
    }
}

/// The shortest secret that is imported: 80 bits, as authenticators of old have. RFC 4226 R6 wants 128: what is shorter is
/// noted in the audit.
const LEAST_SECRET: usize = 10;

/// A credential from an `otpauth://` URI, if it can be used, and whether its secret is short. It is called what the URI calls
/// the account.
fn imported(step: &Step<'_>, uri: &str) -> Result<Option<(Credential, bool)>, Fault> {
    let Ok(parsed) = Otpauth::parse(uri) else {
        return Ok(None);
    };
    if parsed.secret.as_bytes().len() < LEAST_SECRET {
        return Ok(None);
    }
    let short = parsed.secret.is_short();
    let label = if manage::is_label(&parsed.account) {
        parsed.account
    } else {
        "Imported".to_owned()
    };
    let token = Token {
        secret: parsed.secret,
        algorithm: parsed.algorithm,
        digits: parsed.digits,
    };
    let (number, state) = match parsed.moving {
        MovingFactor::Time(period) => (totp::NUMBER, totp::State::new(token, period).encode()),
        // There is nothing left of it to accept.
        MovingFactor::Counter(u64::MAX) => return Ok(None),
        MovingFactor::Counter(counter) => (hotp::NUMBER, hotp::State { token, counter }.encode()),
    };
    let Some(method) = methods::of(number) else {
        return Ok(None);
    };
    let credential = enrol::credential(step, method, label, state)?;
    Ok(Some((credential, short)))
}

fn refuse(reason: Reason, facts: Vec<Fact>, notes: &mut Notes) -> Ruling {
    notes.audit(Kind::AdministrationDenied, reason, None, facts);
    Ruling::keep(Resolution::Denied(reason))
}
