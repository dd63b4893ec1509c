//! What opening the store has found, now or before: every command says it until an operator acknowledges it.

use super::output;
use crate::store::embedded::{EmbeddedStore, Finding};

/// Says on standard error what is wrong with the database as a whole; true where nothing is.
pub(super) fn tell(store: &EmbeddedStore) -> bool {
    let all = said(store);
    for finding in &all {
        output::error(finding);
    }
    all.is_empty()
}

/// The same, one text a finding.
pub(super) fn said(store: &EmbeddedStore) -> Vec<String> {
    store.findings().iter().map(describe).collect()
}

/// One finding in words.
pub(super) fn describe(finding: &Finding) -> String {
    match finding {
        Finding::RolledBack {
            anchored,
            found,
            time,
        } => format!(
            "the database was put back: its newest row is {found}, the anchor of {} has seen row {anchored}",
            output::instant(*time)
        ),
        Finding::ClockBehind { newest, now } => format!(
            "the clock says {}, but the newest row is of {}: one of them is wrong",
            output::instant(*now),
            output::instant(*newest)
        ),
        Finding::AnchorMissing => {
            "the anchor was missing: whether the database was put back cannot be told".to_owned()
        }
        Finding::Unacknowledged { epoch } => format!(
            "the database was put back before (epoch {epoch}), and nobody has acknowledged it"
        ),
    }
}
