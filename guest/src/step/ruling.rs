//! What the functions of the state machine hand back.

use crate::account::{Credential, Resolution};
use crate::audit::Kind;
use crate::contract::{AuditFact, Count, Fact, Prompt};
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
}

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
                ("method".to_owned(), credential.method().name().to_owned()),
            ]
        });
        self.notices.push(Prompt {
            message: message.to_owned(),
            arguments,
        });
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
