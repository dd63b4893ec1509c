//! `cofactor gateway check`: the mistakes that let somebody past a running proxy, looked for from outside.
//!
//! | module | what it is |
//! |---|---|
//! | [`wire`] | requests as they are written, which no ordinary client would send |
//! | [`answer`] | what an answer says about who gave it |
//! | [`probes`] | who asks, and what the page answers to them |
//! | [`spoofing`] | headers that are the proxy's to write |
//! | [`ways_around`] | paths, methods and requests that are not asked about |
//! | [`while_down`] | what is let through while Cofactor is stopped |

mod answer;
mod probes;
mod spoofing;
mod ways_around;
mod while_down;
mod wire;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::super::{Exit, Failure, output};
use probes::Probes;
use wire::{Place, WireError};

/// Look for the mistakes that let somebody past a running proxy
///
/// Sends requests that no browser sends, and looks whether the answers are the gateway's or those of somebody behind it.
/// Nothing is changed on the other side. Give a page that needs a second factor; without --first-factor and --session only
/// what a stranger gets can be seen.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor gateway check https://app.example.com/reports
  cofactor gateway check https://app.example.com/reports --first-factor alice.headers --public /static/
  cofactor gateway check https://app.example.com/whoami --first-factor alice.headers --session session.headers --json
  systemctl stop cofactor && cofactor gateway check https://app.example.com/reports --first-factor alice.headers --while-down

A file of headers has one a line, such as `Authorization: Basic YWxpY2U6...` or `Cookie: __Host-cofactor=...`, and should be
readable by you alone.

Exit codes: 0 nothing was found, 1 a mistake was found or the proxy does not answer.")]
pub(super) struct Check {
    /// A page that needs a second factor.
    #[arg(value_name = "URL")]
    url: String,
    /// Headers with which somebody passes the first factor, and has no second.
    #[arg(long, value_name = "FILE")]
    first_factor: Option<PathBuf>,
    /// Further headers with which the same somebody is signed in. A page that shows the headers it gets shows most.
    #[arg(long, value_name = "FILE")]
    session: Option<PathBuf>,
    /// A path that the proxy lets everybody into, such as `/static/`. May be given several times.
    #[arg(long, value_name = "PATH")]
    public: Vec<String>,
    /// Connect there, whatever the URL's host resolves to.
    #[arg(long, value_name = "ADDRESS:PORT")]
    connect: Option<SocketAddr>,
    /// Certificates that are believed, as PEM. Absent: those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Cofactor is stopped: look, and look for nothing else, whether the proxy lets somebody in without it.
    #[arg(long)]
    while_down: bool,
    /// Print one JSON object: `url`, `findings`, `mistakes`.
    #[arg(long)]
    json: bool,
}

/// What came of one probe.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    /// What was looked for.
    check: &'static str,
    result: Outcome,
    /// What was found.
    found: String,
    /// What to do about it; empty where there is nothing to do.
    #[serde(skip_serializing_if = "str::is_empty")]
    help: &'static str,
}

/// How a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// No mistake.
    Right,
    /// Somebody should look.
    Unsure,
    /// A mistake.
    Mistake,
    /// What it takes was not given.
    NotTried,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Unsure => "unsure",
            Self::Mistake => "MISTAKE",
            Self::NotTried => "not tried",
        }
    }
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let place = Place::new(&self.url, self.connect, self.ca.as_deref())
            .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        let first = headers(self.first_factor.as_deref())?;
        let session = headers(self.session.as_deref())?;
        let probes = Probes::new(&place, first, session, &self.public)
            .ok_or_else(|| Failure::new(Exit::Failed, "no randomness"))?;
        let findings = match self.while_down {
            true => probes.while_down(),
            false => probes.run(),
        };
        let findings =
            findings.map_err(|error: WireError| Failure::new(Exit::Failed, error.to_string()))?;
        let count = |outcome| findings.iter().filter(|it| it.result == outcome).count();
        let mistakes = count(Outcome::Mistake);
        if self.json {
            let url = &self.url;
            output::json(
                &serde_json::json!({ "url": url, "findings": findings, "mistakes": mistakes }),
            )?;
        } else {
            let mut lines: Vec<String> = findings.iter().flat_map(lines).collect();
            lines.push(String::new());
            lines.push(format!(
                "{mistakes} mistakes, {} to look at, {} right, {} not tried",
                count(Outcome::Unsure),
                count(Outcome::Right),
                count(Outcome::NotTried),
            ));
            output::lines(lines)?;
        }
        if mistakes == 0 {
            Ok(())
        } else {
            Err(Failure::silent(Exit::Failed))
        }
    }
}

/// A finding as people read it. What a server sent is never written to a terminal as it came.
fn lines(finding: &Finding) -> Vec<String> {
    let mut lines = vec![format!(
        "{:9}  {:22}  {}",
        finding.result.name(),
        finding.check,
        finding.found.escape_debug()
    )];
    if !finding.help.is_empty() {
        lines.push(format!("{:35}{}", "", finding.help));
    }
    lines
}

/// Headers of a file: one a line; empty lines and those that begin with `#` are left out.
fn headers(path: Option<&Path>) -> Result<Option<Vec<(String, String)>>, Failure> {
    let Some(path) = path else {
        return Ok(None);
    };
    let wrong = |what: String| Failure::new(Exit::Usage, format!("{}: {what}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let headers = lines.map(|line| {
        line.split_once(':')
            .filter(|(name, _)| !name.is_empty() && !name.contains(char::is_whitespace))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .ok_or_else(|| wrong("expected one header a line, such as `Cookie: a=b`".to_owned()))
    });
    headers.collect::<Result<Vec<_>, _>>().map(Some)
}
