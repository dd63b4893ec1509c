//! One audit row as JSON: what the component put on record, and who, where and when by the host. Never a secret.

use serde::Serialize;

use crate::contract::{AuditFact, Origin};
use crate::store::{AccountId, Name};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row<'a> {
    kind: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'a str>,
    account: String,
    tenant: &'a str,
    issuer: &'a str,
    user: &'a str,
    application: &'a str,
    gateway: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    facts: &'a [(String, String)],
}

pub(super) fn row(account: AccountId, name: &Name, origin: &Origin, fact: &AuditFact) -> String {
    let row = Row {
        kind: &fact.kind,
        reason: &fact.reason,
        method: &fact.method,
        credential: fact.credential.as_deref(),
        account: account.to_string(),
        tenant: &name.tenant,
        issuer: &name.issuer,
        user: &name.user,
        application: &origin.application,
        gateway: &origin.gateway,
        address: origin.address.as_deref(),
        facts: &fact.facts,
    };
    // Strings and lists of strings always serialize.
    serde_json::to_string(&row).unwrap_or_default()
}

/// Of a session that its user has signed out.
pub(super) fn session_ended(account: AccountId, name: &Name, origin: &Origin) -> String {
    let fact = AuditFact {
        kind: "session-ended".to_owned(),
        reason: "signed-out".to_owned(),
        method: String::new(),
        credential: None,
        facts: Vec::new(),
    };
    row(account, name, origin, &fact)
}
