//! Which token goes to whom, before anything is judged.

use std::collections::BTreeMap;

use crate::names::Names;
use crate::token::{Entry, Place, Recipient, Row, Token};

/// What the report will have, and what there is to judge.
pub(super) struct Plan {
    /// One for each row of the file, then one for each of the list that the file does not have.
    pub(super) lines: Vec<Line>,
    /// Which line it is, the canonical name of its user, and the token.
    pub(super) tokens: Vec<(usize, String, Token)>,
}

/// One row of the report.
pub(super) struct Line {
    /// Where it stands: in the file, or in the list of users.
    pub(super) place: Place,
    pub(super) in_list: bool,
    pub(super) serial: String,
    pub(super) user: Option<String>,
    pub(super) verdict: Verdict,
}

impl Line {
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.verdict, Verdict::Refused { .. })
    }
}

/// What becomes of a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted {
        credential: Option<String>,
    },
    Refused {
        /// The component's, or one of ours: `unreadable`, `user-missing`, `user-invalid`, `not-in-file`.
        reason: String,
        field: Option<String>,
        detail: String,
    },
    Skipped(String),
}

impl Verdict {
    fn refused(reason: &str, detail: impl Into<String>) -> Self {
        Self::Refused {
            reason: reason.to_owned(),
            field: None,
            detail: detail.into(),
        }
    }
}

impl Plan {
    pub(super) fn new(rows: Vec<Row>, list: Option<Vec<Recipient>>, names: &Names) -> Self {
        let mut listed: Option<BTreeMap<String, (Recipient, bool)>> = list.map(|list| {
            let entry = |it: Recipient| (it.serial.clone(), (it, false));
            list.into_iter().map(entry).collect()
        });
        let mut plan = Self {
            lines: Vec::with_capacity(rows.len()),
            tokens: Vec::new(),
        };
        for row in rows {
            let mut user = row.user;
            let mut is_listed = true;
            if let Some(listed) = &mut listed {
                let found = listed.get_mut(&row.serial);
                is_listed = found.is_some();
                user = found.map(|(recipient, used)| {
                    *used |= !matches!(row.entry, Entry::Skipped(_));
                    recipient.user.clone()
                });
            }
            let verdict = match row.entry {
                Entry::Refused(refused) => Verdict::refused("unreadable", refused.to_string()),
                Entry::Skipped(skipped) => Verdict::Skipped(skipped.to_string()),
                Entry::Token(_) if !is_listed => {
                    Verdict::Skipped("not in the list of users".to_owned())
                }
                Entry::Token(token) => plan.assign(&mut user, token, names),
            };
            plan.lines.push(Line {
                place: row.place,
                in_list: false,
                serial: row.serial,
                user,
                verdict,
            });
        }
        let unused = listed.into_iter().flatten().filter(|(_, (_, used))| !used);
        let mut unused: Vec<Recipient> = unused.map(|(_, (recipient, _))| recipient).collect();
        unused.sort_by_key(|recipient| recipient.line);
        plan.lines.extend(unused.into_iter().map(|recipient| Line {
            place: Place {
                line: recipient.line,
                key: None,
            },
            in_list: true,
            serial: recipient.serial,
            user: Some(recipient.user),
            verdict: Verdict::refused(
                "not-in-file",
                "the file has no token with this serial number: correct the list, or take another file",
            ),
        }));
        plan
    }

    fn assign(&mut self, user: &mut Option<String>, token: Token, names: &Names) -> Verdict {
        let Some(given) = user else {
            let detail = "the file does not say whose it is: name its user in a list and give that with --users FILE";
            return Verdict::refused("user-missing", detail);
        };
        match names.canonical(given.as_bytes()) {
            Ok(name) => {
                name.as_str().clone_into(given);
                let line = self.lines.len();
                self.tokens.push((line, name.as_str().to_owned(), token));
                // Until it was judged.
                Verdict::Accepted { credential: None }
            }
            Err(error) => Verdict::refused(
                "user-invalid",
                format!("{error}; a list with other names can be given with --users FILE"),
            ),
        }
    }
}
