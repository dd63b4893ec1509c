//! A problem in its line of the source, for people; a secret in that line is not shown (LG-02).

use std::fmt;

use super::{Problem, nearest};

/// A problem shown in its line of the source, with a caret below it.
pub struct Excerpt<'a> {
    line: usize,
    column: usize,
    source: &'a str,
    key: &'a str,
    problem: &'a str,
    help: &'a str,
}

impl<'a> Excerpt<'a> {
    /// Takes the line out of the text.
    #[must_use]
    pub fn of(text: &'a str, problem: &'a Problem) -> Self {
        Self::at(
            text,
            (problem.line, problem.column),
            &problem.key,
            &problem.problem,
            &problem.help,
        )
    }

    /// The same, for a problem from elsewhere: line and column from 1.
    #[must_use]
    pub fn at(
        text: &'a str,
        (line, column): (usize, usize),
        key: &'a str,
        problem: &'a str,
        help: &'a str,
    ) -> Self {
        Self {
            line,
            column,
            source: text.lines().nth(line.saturating_sub(1)).unwrap_or_default(),
            key,
            problem,
            help,
        }
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  line {}, column {}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        writeln!(f, "{}", self.problem)?;
        // A tab stays a tab below, so that the caret keeps its column in every terminal.
        let indent: String = self
            .source
            .chars()
            .take(self.column.saturating_sub(1))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let source: String = without_secret(self.source)
            .chars()
            .filter(|c| *c == '\t' || !c.is_control())
            .collect();
        write!(f, "    | {source}\n    | {indent}^")?;
        if !self.help.is_empty() {
            write!(f, " {}", self.help)?;
        }
        Ok(())
    }
}

/// Whether a key names a secret, or may be meant to: `secret`, `secrets`, `Secret`, `sceret`. A path or a digest is
/// none, but the line cannot tell which of them was meant.
#[must_use]
pub(super) fn names_a_secret(key: &str) -> bool {
    const SECRETS: [&str; 4] = ["secret", "password", "token", "key"];
    let last = key.rsplit('.').next().unwrap_or(key);
    let name = last.trim_matches([' ', '\t', '"', '\'']).to_lowercase();
    name.contains("secret") || name.contains("sercet") || nearest(&name, &SECRETS).is_some()
}

/// The line up to the first value of a key that names a secret.
fn without_secret(line: &str) -> String {
    let mut shown = String::new();
    for part in line.split_inclusive('=') {
        shown.push_str(part);
        let key = part
            .strip_suffix('=')
            .and_then(|before| before.rsplit([',', '{', '[']).next());
        if key.is_some_and(names_a_secret) {
            shown.push_str(" [redacted]");
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown_however_its_key_is_spelt() {
        for (line, shown) in [
            ("secret = \"hunter2 hunter2\"", "secret = [redacted]"),
            ("secrets = \"hunter2\"", "secrets = [redacted]"),
            ("  Secret='hunter2' # why", "  Secret= [redacted]"),
            ("secert = \"hunter2\"", "secert = [redacted]"),
            ("\"secret\" = \"hunter2", "\"secret\" = [redacted]"),
            ("gateway.secret = \"a=b\"", "gateway.secret = [redacted]"),
            ("client-secret = \"hunter2\"", "client-secret = [redacted]"),
            (
                "g = { name = \"a\", secret = \"hunter2\" }",
                "g = { name = \"a\", secret = [redacted]",
            ),
            ("name = \"nginx\"", "name = \"nginx\""),
            (
                "hosts = [\"secret.example.com\"]",
                "hosts = [\"secret.example.com\"]",
            ),
            ("issuer = \"a=b\"", "issuer = \"a=b\""),
        ] {
            assert_eq!(without_secret(line), shown);
        }
    }
}
