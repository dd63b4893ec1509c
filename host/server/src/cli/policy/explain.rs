//! `cofactor policy explain`: which rule decides about a sign-in, and why.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use cofactor_runtime::clock::{Clock, SystemClock};
use cofactor_runtime::contract::{
    Action, Context, Event, Explanation, Fact, Key, Origin, Risk, RiskLevel, SignIn, Surface,
};
use cofactor_runtime::plugin::PluginError;
use cofactor_runtime::store::Name;

use super::super::report::report;
use super::super::{Exit, Failure, existing, input, open_service, output, wait};
use crate::config::Config;
use crate::gateway::site::Address;
use crate::serve;

/// Say which rule of a policy decides about a sign-in, and why
///
/// Asks the component, in the order in which it decides: each rule, whether it applies and why, what it asks for, and what
/// comes of it. Rules that decided are marked with `*`. Nothing is changed and nobody is signed in.
///
/// Without --config the user is one of whom nothing is known: no credential, no remembered device. With it, the account in the
/// configured database is looked at.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor policy explain policy.toml --user alice --application wiki --address 192.0.2.7
  cofactor policy explain policy.toml --user alice --application payroll --groups staff,admins --risk high --level 3
  cofactor policy explain policy.toml --user alice --application wiki --url https://wiki.example.com/admin --http-method POST
  cofactor policy explain policy.toml --user alice --application wiki --config cofactor.toml --json | jq .verdict")]
pub(super) struct Explain {
    /// The policy document (TOML); `-` reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who signs in.
    #[arg(long, value_name = "USER")]
    user: String,
    /// To which application.
    #[arg(long, value_name = "NAME")]
    application: String,
    /// From which address. Absent is never trusted.
    #[arg(long, value_name = "IP")]
    address: Option<std::net::IpAddr>,
    /// From which country: ISO 3166-1, two letters.
    #[arg(long, value_name = "CC")]
    country: Option<String>,
    /// In which groups, separated by commas.
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    groups: Vec<String>,
    /// How likely it is that somebody else is signing in.
    #[arg(long, value_name = "RISK")]
    risk: Option<Grade>,
    /// The level that the application asks for: 0 leaves it to the policy.
    #[arg(long, value_name = "LEVEL", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=3))]
    level: u8,
    /// The method that is asked for.
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// What the user is asked to confirm.
    #[arg(long, value_name = "TEXT")]
    transaction: Option<String>,
    /// What was asked for: an address of the application. Without it no route of the policy counts.
    #[arg(long, value_name = "URL", value_parser = address)]
    url: Option<Address>,
    /// With which HTTP method.
    #[arg(long, value_name = "METHOD", default_value = "GET", requires = "url")]
    http_method: String,
    /// Look at the account in the database of this configuration.
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Whose user it is, in that database.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Which first factor vouches for the name, in that database.
    #[arg(long, default_value = "default")]
    issuer: String,
    /// Ask this component instead of the one that the command carries.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    component: Option<PathBuf>,
    /// Print the explanation of the contract (wit/types.wit) as one JSON object.
    #[arg(long)]
    json: bool,
}

/// As `risk-level` of the contract.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Grade {
    Low,
    Medium,
    High,
}

impl Explain {
    pub(super) fn run(self) -> Result<(), Failure> {
        let explanation = match &self.config {
            Some(path) => self.of_an_account(path)?,
            None => self.of_anybody()?,
        };
        if self.json {
            return Ok(output::json(&explanation)?);
        }
        Ok(output::lines(table(&explanation))?)
    }

    /// By the document alone.
    fn of_anybody(&self) -> Result<Explanation, Failure> {
        let wrong = |error: PluginError| Failure::new(Exit::Failed, error.to_string());
        let text = input::text(&self.file)?;
        let plugin = serve::component(&crate::config::Component {
            file: self.component.clone(),
            sha256: None,
            instances: Some(1),
        })?;
        let name = self.file.display().to_string();
        let policy = plugin
            .compile_policy(&text)
            .map_err(wrong)?
            .map_err(|errors| Failure::new(Exit::Configuration, report(&name, &text, &errors)))?;
        let random = random()?;
        let (entropy, secret) = random.split_at(32);
        let now = SystemClock::new()
            .now()
            .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        let context = Context {
            now,
            entropy: entropy.to_vec(),
            policy: policy.compiled().bytes.clone(),
            tenant: self.tenant.clone(),
            keys: vec![Key {
                id: 1,
                secret: secret.to_vec(),
            }],
            observed: Vec::new(),
            write_version: 0,
            refuse_before: 0,
            facts: self.facts(),
        };
        let event = self.event(self.user.clone())?;
        plugin
            .explain(&policy, &context, None, &event)
            .map_err(wrong)
    }

    /// By the account as the database has it.
    fn of_an_account(&self, path: &Path) -> Result<Explanation, Failure> {
        let mut config = Config::load(path)?;
        config.policy = Some(self.file.clone());
        existing(&config)?;
        let user = config
            .names
            .canonical(self.user.as_bytes())
            .map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        let name = Name {
            tenant: self.tenant.clone(),
            issuer: self.issuer.clone(),
            user: user.as_str().to_owned(),
        };
        let (service, _in_use) = open_service(&config)?;
        let event = self.event(name.user.clone())?;
        let explanation = wait(service.explain(&name, event, self.facts()))?;
        service.store().close();
        Ok(explanation?)
    }

    /// What the sign-in is for, by the names that the component knows.
    fn facts(&self) -> Vec<Fact> {
        let Some(url) = &self.url else {
            return Vec::new();
        };
        let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            fact("request-host", url.site.authority()),
            fact("request-method", &self.http_method),
            fact("request-path", url.path()),
        ]
    }

    fn event(&self, user: String) -> Result<Event, Failure> {
        let random = random()?;
        let (id, binding) = random.split_at(32);
        Ok(Event {
            id: id.to_vec(),
            origin: Origin {
                groups: self.groups.clone(),
                address: self
                    .address
                    .map(|address| address.to_canonical().to_string()),
                country: self.country.as_deref().map(str::to_ascii_uppercase),
                ..Origin::new(user, self.application.clone(), "command-line", binding)
            },
            action: Action::Begin(SignIn {
                risk: self.risk.map(|grade| Risk {
                    level: match grade {
                        Grade::Low => RiskLevel::Low,
                        Grade::Medium => RiskLevel::Medium,
                        Grade::High => RiskLevel::High,
                    },
                    reasons: Vec::new(),
                }),
                required_level: self.level,
                method: self.method.clone(),
                transaction: self.transaction.clone(),
                ..SignIn::new(Surface::REDIRECT)
            }),
        })
    }
}

/// An address of which the contract can tell the path in a fact.
fn address(text: &str) -> Result<Address, String> {
    const LONGEST: usize = 256;
    Address::parse(text)
        .filter(|address| address.path().len() <= LONGEST)
        .ok_or_else(|| {
            "expected an address such as https://app.example.com/admin, with a path of at most 256 octets".to_owned()
        })
}

fn random() -> Result<[u8; 64], Failure> {
    let mut random = [0; 64];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::new(Exit::Failed, format!("no randomness: {error}")))?;
    Ok(random)
}

/// One line a rule, and the verdict.
fn table(explanation: &Explanation) -> Vec<String> {
    let rows = explanation.findings.iter().map(|it| {
        let mark = if it.decided { "*" } else { " " };
        let applies = if it.applies { "yes" } else { "no" };
        [
            format!("{mark} {}", it.rule.escape_debug()),
            applies.to_owned(),
            it.asks.escape_debug().to_string(),
            it.because.escape_debug().to_string(),
        ]
    });
    let head = ["  rule", "applies", "asks", "because"].map(str::to_owned);
    let rows: Vec<[String; 4]> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let (rule, applies, asks) = (width(0), width(1), width(2));
    let mut lines: Vec<String> = rows
        .iter()
        .map(|[a, b, c, d]| {
            let line = format!("{a:rule$}  {b:applies$}  {c:asks$}  {d}");
            line.trim_end().to_owned()
        })
        .collect();
    lines.push(String::new());
    lines.push(format!("verdict  {}", explanation.verdict.escape_debug()));
    lines
}

#[cfg(test)]
mod tests {
    use cofactor_runtime::contract::Finding;

    use super::*;

    #[test]
    fn rules_that_decided_are_marked() {
        let finding = |rule: &str, applies, decided| Finding {
            rule: rule.to_owned(),
            applies,
            because: "the address is in it".to_owned(),
            asks: if applies { "skip" } else { "" }.to_owned(),
            decided,
        };
        let lines = table(&Explanation {
            findings: vec![
                finding("rule.office", true, true),
                finding("bypass", false, false),
            ],
            verdict: "skip".to_owned(),
        });
        assert_eq!(
            lines,
            [
                "  rule         applies  asks  because",
                "* rule.office  yes      skip  the address is in it",
                "  bypass       no             the address is in it",
                "",
                "verdict  skip",
            ]
        );
    }
}
