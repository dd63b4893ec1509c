//! The report of an import: a row for each token.

use std::io;

use serde_json::{Value, json};

use super::super::output;
use super::plan::{Line, Verdict};
use crate::token::{Format, cell};

/// In which form a report is printed.
pub(super) enum Shape {
    Text,
    Json,
    Csv,
}

/// What became of a file.
pub(super) struct Report {
    pub(super) format: Format,
    pub(super) encrypted: bool,
    pub(super) signed: bool,
    pub(super) dry_run: bool,
    pub(super) committed: bool,
    pub(super) lines: Vec<Line>,
}

impl Report {
    pub(super) fn print(&self, shape: Shape) -> io::Result<()> {
        match shape {
            Shape::Json => output::json(&self.json()),
            Shape::Csv => {
                let header = "line,key,serial,user,result,reason,field,detail".to_owned();
                output::lines(
                    std::iter::once(header).chain(self.lines.iter().map(|line| self.cells(line))),
                )
            }
            Shape::Text => {
                let lines = self.lines.iter().map(|line| self.text(line));
                output::lines(lines.chain([self.summary()]))
            }
        }
    }

    fn text(&self, line: &Line) -> String {
        let mut text = if line.in_list {
            format!("list of users, {}", line.place)
        } else {
            line.place.to_string()
        };
        if !line.serial.is_empty() {
            text.push_str(&format!(": {}", line.serial.escape_debug()));
        }
        if let Some(user) = &line.user {
            text.push_str(&format!(" for {}", user.escape_debug()));
        }
        let verdict = match &line.verdict {
            Verdict::Accepted {
                credential: Some(credential),
            } if self.committed => format!("imported, credential {credential}"),
            Verdict::Accepted { .. } if self.committed => "imported".to_owned(),
            Verdict::Accepted { .. } => "would be imported".to_owned(),
            Verdict::Refused { reason, detail, .. } => format!("REFUSED, {reason}: {detail}"),
            Verdict::Skipped(why) => format!("skipped: {why}"),
        };
        format!("{text}: {verdict}")
    }

    fn summary(&self) -> String {
        let (accepted, refused, skipped) = self.counts();
        match (self.committed, refused) {
            (true, _) => format!("{accepted} imported, {skipped} skipped"),
            (false, 0) if accepted == 0 => format!("nothing to import: {skipped} skipped"),
            (false, 0) => format!(
                "dry run: {accepted} would be imported, {skipped} skipped; nothing was written"
            ),
            (false, _) => format!(
                "nothing was imported: {refused} refused, {accepted} would be imported without them, {skipped} skipped"
            ),
        }
    }

    /// Accepted, refused, skipped.
    fn counts(&self) -> (usize, usize, usize) {
        self.lines
            .iter()
            .fold((0, 0, 0), |(a, r, s), line| match line.verdict {
                Verdict::Accepted { .. } => (a + 1, r, s),
                Verdict::Refused { .. } => (a, r + 1, s),
                Verdict::Skipped(_) => (a, r, s + 1),
            })
    }

    fn json(&self) -> Value {
        let (accepted, refused, skipped) = self.counts();
        json!({
            "format": self.format.name(),
            "encrypted": self.encrypted,
            "signature": if self.signed { "not-verified" } else { "none" },
            "dry-run": self.dry_run,
            "committed": self.committed,
            "accepted": accepted,
            "refused": refused,
            "skipped": skipped,
            "rows": self.lines.iter().map(|line| self.row(line)).collect::<Vec<_>>(),
        })
    }

    fn row(&self, line: &Line) -> Value {
        let (result, reason, field, detail) = parts(&line.verdict);
        let mut row = json!({ "line": line.place.line, "serial": line.serial, "result": result });
        let credential = match &line.verdict {
            // One that was not written has no credential that could be looked for.
            Verdict::Accepted { credential } if self.committed => credential.as_deref(),
            _ => None,
        };
        let more = [
            ("in", line.in_list.then_some("list")),
            ("key", line.place.key.as_deref()),
            ("user", line.user.as_deref()),
            ("reason", reason),
            ("field", field),
            ("detail", detail),
            ("credential", credential),
        ];
        if let Some(row) = row.as_object_mut() {
            for (name, value) in more {
                if let Some(value) = value {
                    row.insert(name.to_owned(), value.into());
                }
            }
        }
        row
    }

    /// IM-05: what a maker wrote is opened in a spreadsheet by whoever gets the report.
    fn cells(&self, line: &Line) -> String {
        let (result, reason, field, detail) = parts(&line.verdict);
        let number = line.place.line.to_string();
        let cells = [
            &number,
            line.place.key.as_deref().unwrap_or_default(),
            &line.serial,
            line.user.as_deref().unwrap_or_default(),
            result,
            reason.unwrap_or_default(),
            field.unwrap_or_default(),
            detail.unwrap_or_default(),
        ];
        cells.map(cell).join(",")
    }
}

/// Result, reason, field and detail.
fn parts(verdict: &Verdict) -> (&'static str, Option<&str>, Option<&str>, Option<&str>) {
    match verdict {
        Verdict::Accepted { .. } => ("accepted", None, None, None),
        Verdict::Skipped(why) => ("skipped", None, None, Some(why)),
        Verdict::Refused {
            reason,
            field,
            detail,
        } => ("refused", Some(reason), field.as_deref(), Some(detail)),
    }
}

/// What an operator does about a refusal by the component.
pub(super) fn hint(reason: &str, field: Option<&str>) -> String {
    match (reason, field) {
        ("import-invalid", Some(field)) => match field {
            "secret" => "its secret has to have 10 to 80 octets".to_owned(),
            "digits" => "its codes have to have 6 to 8 digits".to_owned(),
            "period" => "its time step has to be 15 to 300 seconds".to_owned(),
            field => format!("its {field} is not taken: docs/tokens.md says what is"),
        },
        ("already-claimed", _) => "an account has this token already, or this row's user has its secret: remove that credential first \
             (`cofactor user remove USER --credential ID`)"
            .to_owned(),
        ("too-many-credentials", _) => {
            "its user would have more than the policy allows (accounts.max-credentials)".to_owned()
        }
        ("method-not-allowed", _) => "the policy does not have its method (accounts.methods)".to_owned(),
        _ => "docs/reasons.md says what that means".to_owned(),
    }
}
