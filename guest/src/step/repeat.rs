//! A request that comes again, because the gateway did not hear the answer, is answered as the first time: without
//! counting, without effects, on any host.

use super::Step;
use crate::account::{Account, REQUEST_MEMORY, Request, Resolution};
use crate::contract::{
    Action, AdministrationChange, Answer, Event, Fault, Key, ManagementChange, Proof,
};
use crate::entropy::keyed_digest;
use subtle::ConstantTimeEq;

/// The digests of one request, each made at most once: with the current key to remember it by, and with an older one while
/// the record still holds a request of that generation.
pub(super) struct Digests<'a> {
    event: &'a Event,
    keys: &'a [Key],
    made: Vec<(u32, [u8; 16])>,
}

impl<'a> Digests<'a> {
    pub(super) fn new(step: &Step<'a>, event: &'a Event) -> Self {
        Self {
            event,
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
        let digest = digest(self.keys.iter().find(|key| key.id == id)?, self.event);
        self.made.push((id, digest));
        Some(digest)
    }
}

/// Binds the request's id to who asked, for what, and to everything that was given: an id that comes again with another
/// code, or another user's, is another request.
fn digest(key: &Key, event: &Event) -> [u8; 16] {
    let origin = &event.origin;
    let (name, given) = content(&event.action);
    let parts = [
        &event.id,
        &origin.binding,
        origin.user.as_bytes(),
        origin.application.as_bytes(),
        name.as_bytes(),
    ];
    let digest = keyed_digest(
        key,
        "request",
        parts.into_iter().chain(given.map(str::as_bytes)),
    );
    let mut half = [0; 16];
    half.iter_mut()
        .zip(digest)
        .for_each(|(octet, from)| *octet = from);
    half
}

fn content(action: &Action) -> (&'static str, [&str; 3]) {
    match action {
        Action::Begin(sign_in) => {
            let code = sign_in.early_answer.as_deref();
            let given = if code.is_some() { "code" } else { "" };
            (
                "begin",
                [
                    given,
                    code.unwrap_or(""),
                    sign_in.method.as_deref().unwrap_or(""),
                ],
            )
        }
        Action::Answer(answer) => given("answer", answer),
        Action::EnrolFinish(answer) => given("enrol-finish", answer),
        Action::ChooseMethod(choice) => (
            "choose-method",
            [
                &choice.challenge,
                &choice.method,
                choice.credential.as_deref().unwrap_or(""),
            ],
        ),
        Action::EnrolBegin(request) => ("enrol-begin", [&request.method, &request.label, ""]),
        Action::Manage(management) => match &management.change {
            ManagementChange::Rename((id, label)) => ("rename", [id, label, ""]),
            ManagementChange::Remove(id) => ("remove", [id, "", ""]),
            ManagementChange::SetDefault(id) => ("set-default", [id, "", ""]),
            ManagementChange::SignOutEverywhere => ("sign-out-everywhere", ["", "", ""]),
            ManagementChange::Other(name) => ("other", [name, "", ""]),
        },
        Action::Administer(act) => {
            let (name, value) = match &act.change {
                AdministrationChange::Create => ("administer create", ""),
                AdministrationChange::ImportOtpauth(uri) => {
                    ("administer import-otpauth", uri.as_str())
                }
                AdministrationChange::IssueTotp(label) => ("administer issue-totp", label.as_str()),
                AdministrationChange::Unlock => ("administer unlock", ""),
                AdministrationChange::Block => ("administer block", ""),
                AdministrationChange::Unblock => ("administer unblock", ""),
                AdministrationChange::RemoveCredential(id) => {
                    ("administer remove-credential", id.as_str())
                }
                AdministrationChange::ResetClock => ("administer reset-clock", ""),
                AdministrationChange::SignOut => ("administer sign-out", ""),
                AdministrationChange::Remove => ("administer remove", ""),
                AdministrationChange::Other(name) => ("administer other", name.as_str()),
            };
            (name, [value, &act.actor, &act.why])
        }
        _ => ("unsupported", ["", "", ""]),
    }
}

fn given<'a>(name: &'static str, answer: &'a Answer) -> (&'static str, [&'a str; 3]) {
    let (first, second) = match &answer.proof {
        Proof::Code(code) => (code.as_str(), ""),
        Proof::TwoCodes((first, second)) => (first.as_str(), second.as_str()),
        Proof::Webauthn(json) => (json.as_str(), ""),
        Proof::Other(name) => (name.as_str(), ""),
    };
    (name, [&answer.challenge, first, second])
}
