//! A request that comes again, because the gateway did not hear the answer, is answered as the first time: without
//! counting, without effects, on any host.

use subtle::ConstantTimeEq;

use super::Step;
use super::action::Implemented;
use crate::account::{Account, REQUEST_MEMORY, Request, Resolution};
use crate::contract::{
    AdministrationChange, Answer, Claims, Event, Fault, Key, ManagementChange, PhoneDecision,
    Proof, SignIn,
};
use crate::entropy::KeyedDigest;

/// The digests of one request, each made at most once: with the current key to remember it by, and with an older one while
/// the record still holds a request of that generation.
pub(super) struct Digests<'a> {
    event: &'a Event,
    action: Implemented<'a>,
    keys: &'a [Key],
    made: Vec<(u32, [u8; 16])>,
}

impl<'a> Digests<'a> {
    pub(super) fn new(step: &Step<'a>, event: &'a Event, action: Implemented<'a>) -> Self {
        Self {
            event,
            action,
            keys: &step.ctx.keys,
            made: Vec::new(),
        }
    }

    /// What the same request was answered within the last minute, and when.
    pub(super) fn find(&mut self, account: &Account, at: u64) -> Option<(Resolution, u64)> {
        let fresh = |request: &&Request| at < request.at.saturating_add(REQUEST_MEMORY);
        let mut found = None;
        for request in account.requests.iter().filter(fresh) {
            let digest = self.of(request.key);
            if digest.is_some_and(|digest| bool::from(digest.ct_eq(&request.digest))) {
                found = Some((request.resolution, request.at));
            }
        }
        found
    }

    /// What to remember of the request.
    pub(super) fn request(&mut self, at: u64, resolution: Resolution) -> Result<Request, Fault> {
        let key = self.keys.first().map(|key| key.id);
        let digest = key.and_then(|key| Some((key, self.of(key)?)));
        let (key, digest) = digest.ok_or_else(|| Fault::BadRequest("ctx.keys".to_owned()))?;
        Ok(Request {
            key,
            digest,
            at,
            resolution,
        })
    }

    fn of(&mut self, id: u32) -> Option<[u8; 16]> {
        if let Some((_, digest)) = self.made.iter().find(|(made, _)| *made == id) {
            return Some(*digest);
        }
        let key = self.keys.iter().find(|key| key.id == id)?;
        let digest = digest(key, self.event, self.action);
        self.made.push((id, digest));
        Some(digest)
    }
}

/// Binds the request's id to who asked, for what, and to everything that was given: an id that comes again with another
/// code, or another user's, is another request.
fn digest(key: &Key, event: &Event, action: Implemented<'_>) -> [u8; 16] {
    let mut digest = KeyedDigest::new(&key.secret, "request");
    let origin = &event.origin;
    digest.part(&event.id);
    digest.part(&origin.binding);
    digest.part(origin.user.as_bytes());
    digest.part(origin.application.as_bytes());
    digest.part(action.name().as_bytes());
    match action {
        Implemented::Begin(given) | Implemented::Snooze(given) => sign_in(&mut digest, given),
        Implemented::Answer(given) | Implemented::EnrolFinish(given) => answer(&mut digest, given),
        Implemented::Resend(challenge) | Implemented::Poll(challenge) => {
            digest.part(challenge.as_bytes());
        }
        Implemented::PhoneAnswer(given) => {
            digest.part(given.challenge.as_bytes());
            digest.part(given.credential.as_bytes());
            let (decision, digits) = decision(&given.decision);
            digest.part(decision.as_bytes());
            digest.part(digits.as_bytes());
            digest.part(&given.signature);
            optional(&mut digest, given.number.as_deref());
        }
        Implemented::DeliveryReport(given) => {
            digest.part(given.effect.as_bytes());
            digest.part(&[given.delivered.into()]);
            digest.part(given.detail.as_bytes());
        }
        Implemented::Vouch(given) => {
            digest.part(given.challenge.as_bytes());
            digest.part(given.approver.as_bytes());
            digest.part(&given.at.to_le_bytes());
        }
        Implemented::ChooseMethod(choice) => {
            digest.part(choice.challenge.as_bytes());
            digest.part(choice.method.as_bytes());
            optional(&mut digest, choice.credential.as_deref());
        }
        Implemented::EnrolBegin(request) => {
            digest.part(request.method.as_bytes());
            digest.part(request.label.as_bytes());
            optional(&mut digest, request.address.as_deref());
            session(&mut digest, request.session.as_ref());
        }
        Implemented::Manage(given) => {
            manage(&mut digest, &given.change);
            session(&mut digest, given.session.as_ref());
        }
        Implemented::Administer(act) => {
            administer(&mut digest, &act.change);
            digest.part(act.actor.as_bytes());
            digest.part(act.why.as_bytes());
        }
    }
    digest.finish()
}

fn sign_in(digest: &mut KeyedDigest, given: &SignIn) {
    let risk = given.risk.as_ref();
    let level = risk.map_or(0, |risk| 1 + risk.level as u8);
    digest.part(&[given.surface.bits(), given.required_level, level]);
    optional(digest, given.early_answer.as_deref());
    optional(digest, given.method.as_deref());
    optional(digest, given.device_token.as_deref());
    optional(digest, given.transaction.as_deref());
    match &given.approves {
        Some(approval) => {
            digest.part(approval.user.as_bytes());
            digest.part(approval.challenge.as_bytes());
        }
        None => digest.nothing(),
    }
    number(digest, given.max_age);
    for reason in risk.iter().flat_map(|risk| &risk.reasons) {
        digest.part(reason.as_bytes());
    }
}

fn answer(digest: &mut KeyedDigest, given: &Answer) {
    digest.part(given.challenge.as_bytes());
    digest.part(&[given.remember.into()]);
    let (kind, first, second) = match &given.proof {
        Proof::Code(code) => ("code", code.as_str(), ""),
        Proof::TwoCodes((first, second)) => ("two-codes", first.as_str(), second.as_str()),
        Proof::Webauthn(json) => ("webauthn", json.as_str(), ""),
        Proof::NewPin(pin) => ("new-pin", pin.as_str(), ""),
        Proof::Other(name) => ("other", name.as_str(), ""),
    };
    for part in [kind, first, second] {
        digest.part(part.as_bytes());
    }
}

fn manage(digest: &mut KeyedDigest, change: &ManagementChange) {
    let (name, id, label) = match change {
        ManagementChange::Rename((id, label)) => ("rename", id.as_str(), label.as_str()),
        ManagementChange::Remove(id) => ("remove", id.as_str(), ""),
        ManagementChange::SetDefault(id) => ("set-default", id.as_str(), ""),
        ManagementChange::SignOutEverywhere => ("sign-out-everywhere", "", ""),
        ManagementChange::SetPin(pin) => ("set-pin", pin.as_str(), ""),
        ManagementChange::GrantBypass(bypass) => {
            number(digest, bypass.lifetime);
            ("grant-bypass", bypass.why.as_str(), "")
        }
        ManagementChange::ForgetDevice(id) => ("forget-device", id.as_str(), ""),
        ManagementChange::ForgetDevices => ("forget-devices", "", ""),
        ManagementChange::Other(name) => ("other", name.as_str(), ""),
    };
    for part in [name, id, label] {
        digest.part(part.as_bytes());
    }
}

fn administer(digest: &mut KeyedDigest, change: &AdministrationChange) {
    let (name, value) = match change {
        AdministrationChange::Create => ("create", ""),
        AdministrationChange::ImportOtpauth(uri) => ("import-otpauth", uri.as_str()),
        AdministrationChange::ImportToken(token) => {
            for part in [
                &token.serial,
                &token.manufacturer,
                &token.model,
                &token.method,
                &token.algorithm,
                &token.suite,
            ] {
                digest.part(part.as_bytes());
            }
            digest.part(&token.secret);
            digest.part(&[token.digits]);
            number(digest, Some(token.period.into()));
            number(digest, Some(token.counter));
            number(digest, token.starts);
            number(digest, token.expires);
            ("import-token", "")
        }
        AdministrationChange::Issue(issuance) => {
            digest.part(issuance.method.as_bytes());
            optional(digest, issuance.address.as_deref());
            number(digest, issuance.lifetime);
            number(digest, issuance.once.map(u64::from));
            ("issue", issuance.label.as_str())
        }
        AdministrationChange::SetState(state) => {
            digest.part(&[*state as u8]);
            ("set-state", "")
        }
        AdministrationChange::GrantBypass(lifetime) => {
            number(digest, *lifetime);
            ("grant-bypass", "")
        }
        AdministrationChange::ForgetDevices => ("forget-devices", ""),
        AdministrationChange::Unlock => ("unlock", ""),
        AdministrationChange::Block => ("block", ""),
        AdministrationChange::Unblock => ("unblock", ""),
        AdministrationChange::RemoveCredential(id) => ("remove-credential", id.as_str()),
        AdministrationChange::ResetClock => ("reset-clock", ""),
        AdministrationChange::SignOut => ("sign-out", ""),
        AdministrationChange::Remove => ("remove", ""),
        AdministrationChange::Other(name) => ("other", name.as_str()),
    };
    for part in [name, value] {
        digest.part(part.as_bytes());
    }
}

fn session(digest: &mut KeyedDigest, claims: Option<&Claims>) {
    let Some(claims) = claims else { return };
    for number in [
        claims.generation,
        claims.level.into(),
        claims.started,
        claims.verified,
        claims.active,
    ] {
        digest.part(&number.to_le_bytes());
    }
    for text in [&claims.application, &claims.method, &claims.reason]
        .into_iter()
        .chain(&claims.amr)
        .chain(&claims.proved)
    {
        digest.part(text.as_bytes());
    }
}

fn decision(given: &PhoneDecision) -> (&'static str, &str) {
    match given {
        PhoneDecision::Approved => ("approved", ""),
        PhoneDecision::Denied => ("denied", ""),
        PhoneDecision::Fraud => ("fraud", ""),
        PhoneDecision::Digits(digits) => ("digits", digits),
        PhoneDecision::Voicemail => ("voicemail", ""),
        PhoneDecision::HungUp => ("hung-up", ""),
        PhoneDecision::NoAnswer => ("no-answer", ""),
        PhoneDecision::Other(name) => ("other", name),
    }
}

fn number(digest: &mut KeyedDigest, given: Option<u64>) {
    match given {
        Some(number) => digest.part(&number.to_le_bytes()),
        None => digest.nothing(),
    }
}

/// What was left out is not what was given empty.
fn optional(digest: &mut KeyedDigest, given: Option<&str>) {
    match given {
        Some(text) => digest.part(text.as_bytes()),
        None => digest.nothing(),
    }
}
