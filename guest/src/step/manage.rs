//! What users change of their own, after a fresh verification.

use super::Step;
use super::bypass;
use super::pin;
use super::ruling::{Notes, Ruling, number};
use crate::account::{Account, Device, MAX_LABEL, Resolution};
use crate::audit::Kind;
use crate::authorize::{count_for, is_ahead};
use crate::contract::{Claim, Claims, Fact, Fault, Management, ManagementChange};
use crate::identifier::{ChallengeId, CredentialId, DeviceId};
use crate::methods::{self, Authority, Class};
use crate::reason::Reason;

/// The user manages an enrolled credential.
pub(super) fn manage(
    step: &Step<'_>,
    account: &mut Account,
    management: &Management,
    notes: &mut Notes,
) -> Result<Ruling, Fault> {
    let refuse =
        |reason, notes: &mut Notes| Ok(Ruling::refuse(Kind::ManagementDenied, reason, notes));
    if account.is_blocked(step.at) {
        return refuse(Reason::Blocked, notes);
    }
    if standing(step, account, management.session.as_ref()) < Standing::Full {
        return refuse(Reason::FreshVerificationRequired, notes);
    }
    let done = Reason::SuccessfullyCompleted;
    let changed = Ok(Ruling::write(Resolution::Done {
        reason: done,
        credential: None,
        issued: false,
    }));
    let (id, label) = match &management.change {
        ManagementChange::Rename((id, label)) => (id, Some(label)),
        ManagementChange::Remove(id) | ManagementChange::SetDefault(id) => (id, None),
        ManagementChange::SignOutEverywhere => {
            // Whoever does this has lost a computer: it is to be asked again, too.
            account.devices.clear();
            account.revoke_sessions();
            notes.audit(Kind::SignedOut, done, None, Vec::new());
            return changed;
        }
        ManagementChange::SetPin(_) if !pin::is_used(step) => {
            return refuse(Reason::MethodNotAllowed, notes);
        }
        ManagementChange::SetPin(text) => {
            return match pin::choose(step, account, text, notes)? {
                Ok(()) => changed,
                Err(reason) => refuse(reason, notes),
            };
        }
        ManagementChange::GrantBypass(wish) => {
            return match bypass::by_user(step, account, &wish.why, wish.lifetime, notes) {
                Ok(()) => changed,
                Err(reason) => refuse(reason, notes),
            };
        }
        ManagementChange::ForgetDevice(id) => {
            let id = DeviceId::parse(id);
            let known = |device: &Device| Some(device.id) == id;
            if !account.devices.iter().any(known) {
                return refuse(Reason::CredentialUnknown, notes);
            }
            account.devices.retain(|device| !known(device));
            notes.audit(Kind::DevicesForgotten, done, None, Vec::new());
            return changed;
        }
        ManagementChange::ForgetDevices => {
            account.devices.clear();
            notes.audit(Kind::DevicesForgotten, done, None, Vec::new());
            return changed;
        }
        ManagementChange::Other(_) => return refuse(Reason::MethodNotAllowed, notes),
    };
    if let (ManagementChange::Remove(_), Some(method)) = (&management.change, programs(id)) {
        return match remove_all(step, account, method, Vec::new(), notes) {
            true => changed,
            false => refuse(Reason::CredentialUnknown, notes),
        };
    }
    let id = CredentialId::parse(id);
    let Some(at) = account
        .credentials
        .iter()
        .position(|credential| Some(credential.id) == id)
    else {
        return refuse(Reason::CredentialUnknown, notes);
    };
    match (&management.change, label) {
        (ManagementChange::Rename(_), Some(label)) => {
            if !is_label(label) {
                return refuse(Reason::LabelInvalid, notes);
            }
            if let Some(credential) = account.credentials.get_mut(at) {
                credential.label.clone_from(label);
                notes.audit(Kind::CredentialRenamed, done, Some(credential), Vec::new());
                notes.notice("credential-renamed", Some(credential));
            }
        }
        (ManagementChange::SetDefault(_), _) => {
            if let Some(first) = account.credentials.get_mut(..=at) {
                first.rotate_right(1);
            }
            notes.audit(
                Kind::DefaultChanged,
                done,
                account.credentials.first(),
                Vec::new(),
            );
        }
        _ => {
            // With the last one would go the proof of who the user is (S34): an administrator may, the user may not.
            let kept = account.credentials.iter().enumerate();
            let mut kept = kept.filter(|(place, _)| *place != at);
            let stays = kept.any(|(_, credential)| {
                methods::nature_of(credential.method)
                    .is_some_and(|nature| !nature.last_resort && !nature.for_programs)
            });
            let own = account
                .credentials
                .get(at)
                .map(|credential| credential.method);
            let ordinary = own
                .and_then(methods::nature_of)
                .is_some_and(|nature| !nature.last_resort && !nature.for_programs);
            if ordinary && !stays {
                return refuse(Reason::LastCredential, notes);
            }
            remove(step, account, at, Vec::new(), notes);
        }
    }
    Ok(Ruling::write(Resolution::Done {
        reason: done,
        credential: id,
        issued: false,
    }))
}

/// The method that a name in the place of an id stands for: one for programs, all of whose credentials can go at once.
pub(super) fn programs(id: &str) -> Option<u8> {
    methods::number_of(id)
        .filter(|number| methods::nature_of(*number).is_some_and(|nature| nature.for_programs))
}

/// Removes every credential of a method, as [`remove`] does one. False if there is none.
pub(super) fn remove_all(
    step: &Step<'_>,
    account: &mut Account,
    method: u8,
    mut facts: Vec<Fact>,
    notes: &mut Notes,
) -> bool {
    let before = account.credentials.len();
    let Some(first) = account
        .credentials
        .iter()
        .find(|it| it.method == method)
        .cloned()
    else {
        return false;
    };
    let scene = step.scene(ChallengeId::default(), None, account);
    let claims: Vec<_> = account
        .credentials
        .iter()
        .filter(|it| it.method == method)
        .flat_map(|it| methods::claims(&scene, it, false))
        .collect();
    notes.claims.extend(claims);
    account.credentials.retain(|it| it.method != method);
    account.factors_changed();
    facts.push(number("count", (before - account.credentials.len()) as u64));
    facts.sort();
    notes.audit(
        Kind::CredentialRemoved,
        Reason::SuccessfullyCompleted,
        Some(&first),
        facts,
    );
    notes.notice("credential-removed", Some(&first));
    true
}

/// Removes a credential: sessions of before are over, and the user is told.
pub(super) fn remove(
    step: &Step<'_>,
    account: &mut Account,
    at: usize,
    facts: Vec<Fact>,
    notes: &mut Notes,
) {
    let credential = account.credentials.remove(at);
    let scene = step.scene(ChallengeId::default(), None, account);
    // A number that is called as well as texted stays the account's until both are gone.
    let held: Vec<Claim> = account
        .credentials
        .iter()
        .flat_map(|held| methods::claims(&scene, held, false))
        .collect();
    let dropped = methods::claims(&scene, &credential, false);
    let dropped = dropped.into_iter().filter(|claim| !held.contains(claim));
    notes.claims.extend(dropped);
    account.factors_changed();
    notes.audit(
        Kind::CredentialRemoved,
        Reason::SuccessfullyCompleted,
        Some(&credential),
        facts,
    );
    notes.notice("credential-removed", Some(&credential));
}

/// What a session lets its user change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Nothing.
    None,
    /// The user may enrol what an answer confirms.
    Recovering,
    /// Everything of the user's own.
    Full,
}

/// Whether the session proves a second factor, verified for this application since the last change and not longer ago
/// than the policy's `management.max-age`, and whether that factor is one to change others with.
pub(super) fn standing(step: &Step<'_>, account: &Account, session: Option<&Claims>) -> Standing {
    let Some(claims) = session else {
        return Standing::None;
    };
    let age = step.at.saturating_sub(claims.verified);
    let is_fresh = claims.level >= 2
        && count_for(step.policy, claims, &step.origin.application, step.at).unwrap_or(false)
        && claims.generation == account.generation
        && !is_ahead(claims, step.at)
        && age <= step.policy.management.max_age
        && step.at.saturating_sub(claims.started) <= step.policy.session.lifetime;
    if !is_fresh {
        return Standing::None;
    }
    // Where several methods were verified, the one that may most says what the user may.
    let proved = claims.proved.iter();
    let proved = proved.filter_map(|name| methods::number_of(name).and_then(methods::of));
    let standings = proved.map(|method| match method.authority() {
        Authority::Full => Standing::Full,
        Authority::Within(most) if age <= most => Standing::Full,
        // A recovery code goes with another factor that is bound to the account: the first one (SP 800-63B-4 section 4.2.2.2).
        Authority::Recovery if step.policy.accounts.first_factor != Class::None => {
            Standing::Recovering
        }
        Authority::Within(_) | Authority::Recovery => Standing::None,
    });
    standings.max().unwrap_or(Standing::None)
}

/// Whether a text may be a label: 1 to 64 octets without anything that a log or a terminal would obey (LG-01).
pub(super) fn is_label(text: &str) -> bool {
    (1..=MAX_LABEL).contains(&text.len()) && !text.trim().is_empty() && !text.chars().any(is_obeyed)
}

/// Whether a log or a terminal would obey a character instead of showing it.
pub(super) fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
