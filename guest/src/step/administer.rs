//! What administrators change. Every change names its actor and its reason in the audit.

use super::ruling::{Commit, Notes, Ruling};
use super::sign_in::allowed;
use super::{Step, enrol, manage};
use crate::account::{Account, Credential, Method, Resolution};
use crate::audit::Kind;
use crate::contract::{Administration, AdministrationChange, Fact, Fault};
use crate::identifier::{CredentialId, Identifier};
use crate::methods;
use crate::otpauth::Otpauth;
use crate::reason::Reason;
use crate::throttle::Failures;

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
            | AdministrationChange::IssueTotp(_)
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
            let Some(credential) = imported(step, uri)? else {
                return Ok(refuse(Reason::ImportInvalid, facts(), notes));
            };
            // The twin would take a code that the other one has used (OTP-01).
            if account.holds(&credential.secret) {
                return Ok(refuse(Reason::ImportInvalid, facts(), notes));
            }
            let mut facts = facts();
            if credential.secret.is_short() {
                facts.insert(1, ("secret".to_owned(), "short".to_owned()));
            }
            return Ok(enrolled(
                step,
                account,
                credential,
                Kind::CredentialImported,
                facts,
                notes,
            ));
        }
        AdministrationChange::IssueTotp(label) => {
            if !manage::is_label(label) {
                return Ok(refuse(Reason::LabelInvalid, facts(), notes));
            }
            let credential = enrol::make(step, Method::Totp, label.clone())?;
            return Ok(enrolled(
                step,
                account,
                credential,
                Kind::CredentialIssued,
                facts(),
                notes,
            ));
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
            manage::remove(account, at, facts(), notes);
            return Ok(done);
        }
        AdministrationChange::Unlock => {
            account.failures.clear();
            account
                .credentials
                .iter_mut()
                .for_each(|credential| credential.failures.clear());
            Kind::AccountUnlocked
        }
        AdministrationChange::Block => {
            account.blocked = true;
            account.challenges.clear();
            account.enrolments.clear();
            account.revoke_sessions();
            Kind::AccountBlocked
        }
        AdministrationChange::Unblock => {
            account.blocked = false;
            Kind::AccountUnblocked
        }
        AdministrationChange::ResetClock => {
            // What was opened in the time that never was would stay open until it comes.
            account.challenges.clear();
            account.enrolments.clear();
            account.requests.clear();
            // Sessions of that time would be good again once it comes.
            account.revoke_sessions();
            Kind::ClockReset
        }
        AdministrationChange::SignOut => {
            account.revoke_sessions();
            Kind::SignedOut
        }
        AdministrationChange::Remove => {
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

fn enrolled(
    step: &Step<'_>,
    account: &mut Account,
    credential: Credential,
    kind: Kind,
    facts: Vec<Fact>,
    notes: &mut Notes,
) -> Ruling {
    if account.credentials.len() >= usize::from(step.policy.accounts.max_credentials) {
        return refuse(Reason::TooManyCredentials, facts, notes);
    }
    if allowed(step, credential.method().name()).is_none() {
        return refuse(Reason::MethodNotAllowed, facts, notes);
    }
    if !step.origin.known {
        notes.audit(
            Kind::AccountCreated,
            Reason::SuccessfullyCompleted,
            None,
            facts.clone(),
        );
    }
    let (id, issued) = (credential.id, kind == Kind::CredentialIssued);
    notes.audit(
        kind,
        Reason::RegistrationCompleted,
        Some(&credential),
        facts,
    );
    enrol::add(account, credential, notes);
    Ruling::write(Resolution::Done {
        reason: Reason::RegistrationCompleted,
        credential: Some(id),
        issued,
    })
}

/// The shortest secret that is imported: 80 bits, as authenticators of old have. RFC 4226 R6 wants 128: what is shorter is
/// noted in the audit.
const LEAST_SECRET: usize = 10;

/// A credential from an `otpauth://` URI, if it can be used. It is called what the URI calls the account.
fn imported(step: &Step<'_>, uri: &str) -> Result<Option<Credential>, Fault> {
    let Ok(token) = Otpauth::parse(uri) else {
        return Ok(None);
    };
    if token.secret.as_bytes().len() < LEAST_SECRET {
        return Ok(None);
    }
    let Some(factor) = methods::import(&token) else {
        return Ok(None);
    };
    let label = if manage::is_label(&token.account) {
        token.account
    } else {
        "Imported".to_owned()
    };
    Ok(Some(Credential {
        id: Identifier(step.seed.expand("credential")?),
        label,
        created: step.at,
        last_used: None,
        secret: token.secret,
        algorithm: token.algorithm,
        digits: token.digits,
        factor,
        failures: Failures::default(),
    }))
}

fn refuse(reason: Reason, facts: Vec<Fact>, notes: &mut Notes) -> Ruling {
    notes.audit(Kind::AdministrationDenied, reason, None, facts);
    Ruling::keep(Resolution::Denied(reason))
}
