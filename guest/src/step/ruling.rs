//! What the functions of the state machine hand back.

use super::Step;
use crate::account::{Credential, Resolution};
use crate::audit::Kind;
use crate::contract::{AuditFact, Claim, Count, Effect, EffectKind, Fact, Fault, Message, Prompt};
use crate::identifier::{EffectId, Identifier};
use crate::methods::{self, Channel};
use crate::reason::Reason;

/// What an event came to.
pub(super) struct Ruling {
    pub(super) resolution: Resolution,
    pub(super) commit: Commit,
}

/// What becomes of the record.
pub(super) enum Commit {
    Keep,
    Write,
    Remove,
}

/// What is to be known of it: by the auditor, the user, and the host's counters. Each list is short by construction: at
/// most one entry a credential and three more.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) audit: Vec<AuditFact>,
    pub(super) notices: Vec<Prompt>,
    pub(super) counts: Vec<Count>,
    pub(super) claims: Vec<Claim>,
    messages: Vec<Effect>,
}

/// After this a notice is no news any more.
const NOTICE_LIFETIME: u64 = 24 * 60 * 60_000;

impl Ruling {
    pub(super) fn keep(resolution: Resolution) -> Self {
        Self {
            resolution,
            commit: Commit::Keep,
        }
    }

    pub(super) fn write(resolution: Resolution) -> Self {
        Self {
            resolution,
            commit: Commit::Write,
        }
    }

    /// A refusal that leaves the record as it is.
    pub(super) fn refuse(kind: Kind, reason: Reason, notes: &mut Notes) -> Self {
        notes.audit(kind, reason, None, Vec::new());
        Self::keep(Resolution::Denied(reason))
    }
}

impl Notes {
    pub(super) fn audit(
        &mut self,
        kind: Kind,
        reason: Reason,
        credential: Option<&Credential>,
        facts: Vec<Fact>,
    ) {
        self.audit.push(kind.fact(reason, credential, facts));
    }

    /// Tells the user, by whatever the host knows of the user.
    pub(super) fn notice(&mut self, message: &str, credential: Option<&Credential>) {
        let arguments = credential.map_or_else(Vec::new, |credential| {
            vec![
                ("label".to_owned(), credential.label.clone()),
                ("method".to_owned(), credential.method_name().to_owned()),
            ]
        });
        self.notices.push(Prompt {
            message: message.to_owned(),
            arguments,
        });
    }

    /// Tells the administrators, whoever they are to the host.
    pub(super) fn alarm(
        &mut self,
        message: &str,
        step: &Step<'_>,
        credential: Option<&Credential>,
    ) {
        let method = credential.map_or("", Credential::method_name);
        self.notices.push(Prompt {
            message: message.to_owned(),
            arguments: vec![
                ("method".to_owned(), method.to_owned()),
                ("user".to_owned(), step.origin.user.clone()),
            ],
        });
    }

    /// Sends the message that carries a question.
    pub(super) fn send(
        &mut self,
        step: &Step<'_>,
        credential: &Credential,
        message: methods::Message,
        expires: u64,
    ) -> Result<EffectId, Fault> {
        let body = Message {
            credential: credential.id.text(),
            to: message.to,
            body: Prompt {
                message: message.text.to_owned(),
                arguments: message.arguments,
            },
        };
        let what = match message.channel {
            Channel::Text => EffectKind::SendText(body),
            Channel::Call => EffectKind::PlaceCall(body),
            Channel::Push => EffectKind::Push(body),
            Channel::Mail => EffectKind::SendMail(body),
        };
        self.effect(step, what, expires)
    }

    /// Has something done.
    pub(super) fn effect(
        &mut self,
        step: &Step<'_>,
        what: EffectKind,
        expires: u64,
    ) -> Result<EffectId, Fault> {
        let label = format!("message {}", self.messages.len());
        let id: EffectId = Identifier(step.seed.expand(&label)?);
        self.messages.push(Effect {
            id: id.text(),
            expires,
            language: step.origin.language.clone(),
            what,
        });
        Ok(id)
    }

    /// Everything that the host is to do.
    pub(super) fn effects(&mut self, step: &Step<'_>) -> Result<Vec<Effect>, Fault> {
        for (at, notice) in self.notices.drain(..).enumerate() {
            let label = format!("effect {at}");
            self.messages.push(Effect {
                id: Identifier::<16>(step.seed.expand(&label)?).text(),
                expires: step.at.saturating_add(NOTICE_LIFETIME),
                language: step.origin.language.clone(),
                what: EffectKind::Notify(notice),
            });
        }
        Ok(core::mem::take(&mut self.messages))
    }

    /// Raises what the host counts under this name by one.
    pub(super) fn count(&mut self, kind: &str) {
        self.counts.push(Count {
            kind: kind.to_owned(),
            by: 1,
        });
    }
}

pub(super) fn number(name: &str, value: u64) -> Fact {
    (name.to_owned(), value.to_string())
}
