//! An operator's word that a finding was seen. It ends the report of it and nothing else: codes stay refused.

use std::io;

use cofactor_runtime::store::StoreError;
use serde_json::json;

use super::anchor::Anchor;
use super::apply::Work;
use super::{EmbeddedStore, Finding};

/// Why a finding goes on being reported.
#[derive(Debug, thiserror::Error)]
pub enum AcknowledgeError {
    /// The audit row cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The anchor file cannot be written. The audit row is.
    #[error("the anchor file cannot be written: {0}")]
    Anchor(#[from] io::Error),
}

impl EmbeddedStore {
    /// Acknowledges every finding that raised the database's epoch, with an audit row that says who and why. Returns them;
    /// none where there was nothing to acknowledge, and then no row. `now` is the wall clock in milliseconds since the epoch.
    ///
    /// # Errors
    /// See [`AcknowledgeError`].
    pub async fn acknowledge(
        &self,
        actor: &str,
        why: &str,
        now: u64,
    ) -> Result<Vec<Finding>, AcknowledgeError> {
        let seen = |finding: &&Finding| !matches!(finding, Finding::ClockBehind { .. });
        let seen: Vec<_> = self.findings.iter().filter(seen).cloned().collect();
        if seen.is_empty() {
            return Ok(seen);
        }
        // Only what was found when this store was opened: what is found later nobody has been shown.
        let row = json!({
            "fact": "rollback-acknowledged",
            "epoch": self.epoch,
            "actor": actor,
            "why": why,
        });
        let entry = row.to_string();
        // The row first: a report that ends has somebody who ended it.
        self.writer.ask(Work::Tell { entry, now }).await?;
        let mut written = Ok(());
        self.readers.snapshot(|connection| {
            written = Anchor::acknowledge(&self.anchor, connection, self.epoch).map(drop);
            Ok(())
        })?;
        written?;
        Ok(seen)
    }
}
