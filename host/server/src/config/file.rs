//! The file as it is written, and the way from there to [`Config`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use crate::gateway::config::{Gateway, GatewaySection, Gateways};
use crate::names::{Names, NamesSection};
use crate::portal::PortalSection;

use super::listen::ListenSection;
use super::{Client, Component, Config, Log, Secret, StoreFiles};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(super) struct File {
    listen: ListenSection,
    store: StoreSection,
    keys: KeysSection,
    policy: PolicySection,
    component: ComponentSection,
    log: LogSection,
    names: NamesSection,
    portal: PortalSection,
    gateway: Vec<GatewaySection>,
    client: Vec<ClientSection>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct StoreSection {
    path: PathBuf,
    anchor: PathBuf,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self {
            path: PathBuf::from("cofactor.db"),
            anchor: PathBuf::from("cofactor.anchor"),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct KeysSection {
    file: PathBuf,
}

impl Default for KeysSection {
    fn default() -> Self {
        Self {
            file: PathBuf::from("cofactor.keys"),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct PolicySection {
    file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct ComponentSection {
    file: Option<PathBuf>,
    sha256: Option<Sha256Text>,
    instances: Option<u32>,
}

/// 64 hexadecimal digits.
#[derive(Clone, Copy, Debug)]
struct Sha256Text([u8; 32]);

impl<'de> Deserialize<'de> for Sha256Text {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest)
            .map(|()| Self(digest))
            .map_err(|_| serde::de::Error::custom("a SHA-256 digest is 64 hexadecimal digits"))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct LogSection {
    format: LogFormat,
    level: Level,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// From which gravity on lines are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nobody can sign in, or somebody tampers.
    Error,
    /// An operator should look.
    Warn,
    /// Every decision.
    #[default]
    Info,
    /// What led to it.
    Debug,
    /// Everything.
    Trace,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClientSection {
    name: String,
    #[serde(default)]
    secret: Option<Secret>,
    #[serde(default)]
    secret_file: Option<PathBuf>,
    #[serde(default)]
    secret_sha256: Option<Sha256Text>,
    #[serde(default = "default_name")]
    tenant: String,
    #[serde(default = "default_name")]
    issuer: String,
    applications: Vec<String>,
    #[serde(default)]
    administer: bool,
    #[serde(default)]
    internal_reasons: bool,
    #[serde(default = "default_rate")]
    requests_per_second: u32,
}

fn default_name() -> String {
    "default".to_owned()
}

fn default_rate() -> u32 {
    100
}

impl File {
    /// Checks what types cannot, and turns names into what the host works with. `wrong` is told of every problem: key,
    /// problem, help.
    pub(super) fn resolve(
        self,
        base: &Path,
        mut wrong: impl FnMut(&str, String, String),
    ) -> Option<Config> {
        let listen = self.listen.resolve(base, &mut wrong);
        let clients = clients(self.client, base, &mut wrong)?;
        if let Some(0) = self.component.instances {
            wrong(
                "component.instances",
                "at least one step has to run".to_owned(),
                "leave the key out".to_owned(),
            );
        }
        let names = Names::new(&self.names).unwrap_or_else(|problem| {
            wrong("names.realms", problem, String::new());
            Names::default()
        });
        if let Err(problem) = self.portal.check() {
            let key = if problem.starts_with("portal.help") {
                "portal.help"
            } else {
                "portal.title"
            };
            wrong(key, unnamed(&problem, key), String::new());
        }
        let gateways = gateways(&self.gateway, &names, base, &mut wrong)?;
        listen.check(&gateways, &mut wrong);
        Some(Config {
            listen,
            gateways,
            portal: self.portal,
            names: Arc::new(names),
            store: StoreFiles {
                path: base.join(self.store.path),
                anchor: base.join(self.store.anchor),
            },
            keys: base.join(self.keys.file),
            policy: self.policy.file.map(|file| base.join(file)),
            component: Component {
                file: self.component.file.map(|file| base.join(file)),
                sha256: self.component.sha256.map(|digest| digest.0),
                instances: self.component.instances,
            },
            log: Log {
                format: self.log.format,
                level: self.log.level,
            },
            clients,
        })
    }
}

/// Each table alone first, so that the problem is shown in its place; then all of them together.
fn gateways(
    sections: &[GatewaySection],
    names: &Names,
    base: &Path,
    wrong: &mut impl FnMut(&str, String, String),
) -> Option<Gateways> {
    let mut right = true;
    for (at, section) in sections.iter().enumerate() {
        if let Err(problem) = Gateway::new(section, base) {
            right = false;
            let text = unnamed(&problem, &format!("gateway `{}`", section.name));
            let (key, text) = text.split_once(": ").unwrap_or(("name", &text));
            let key = if key == "secret" && section.secret.is_none() {
                "secret-file"
            } else {
                key
            };
            wrong(
                &format!("gateway[{at}].{key}"),
                text.to_owned(),
                String::new(),
            );
        }
    }
    if !right {
        return None;
    }
    Gateways::new(sections, names.clone(), base)
        .map_err(|problem| wrong("gateway", problem, String::new()))
        .ok()
}

/// A problem without the name of its place in front: the place is shown anyway.
fn unnamed(problem: &str, place: &str) -> String {
    problem
        .strip_prefix(place)
        .and_then(|rest| rest.strip_prefix(": "))
        .unwrap_or(problem)
        .to_owned()
}

fn clients(
    sections: Vec<ClientSection>,
    base: &Path,
    wrong: &mut impl FnMut(&str, String, String),
) -> Option<Vec<Client>> {
    let mut names = BTreeSet::new();
    let mut clients = Vec::new();
    for (at, section) in sections.into_iter().enumerate() {
        let key = |name: &str| format!("client[{at}].{name}");
        if let Some(problem) = plain_name(&section.name, 64) {
            wrong(&key("name"), problem, String::new());
        }
        if !names.insert(section.name.clone()) {
            wrong(
                &key("name"),
                format!("two clients are named `{}`", section.name),
                "give each program a name and a secret of its own".to_owned(),
            );
        }
        for (name, value) in [("tenant", &section.tenant), ("issuer", &section.issuer)] {
            if let Some(problem) = plain_name(value, 64) {
                wrong(&key(name), problem, String::new());
            }
        }
        if section.applications.is_empty() {
            wrong(
                &key("applications"),
                "a client without applications may ask for nothing".to_owned(),
                "name at least one, such as [\"intranet\"]".to_owned(),
            );
        }
        for (index, application) in section.applications.iter().enumerate() {
            if let Some(problem) = plain_name(application, 128) {
                wrong(
                    &format!("client[{at}].applications[{index}]"),
                    problem,
                    String::new(),
                );
            }
        }
        if section.requests_per_second == 0 {
            wrong(
                &key("requests-per-second"),
                "a client with no requests may ask for nothing".to_owned(),
                "leave the key out for 100".to_owned(),
            );
        }
        let secret = match (section.secret_sha256, &section.secret, &section.secret_file) {
            (Some(digest), None, None) => Ok(digest.0),
            (Some(_), _, _) => Err("secret-sha256 is given beside another secret".to_owned()),
            (None, inline, file) => {
                Secret::from_either(base, inline.as_ref(), file.as_deref()).map(|s| s.sha256())
            }
        };
        let secret = match secret {
            Ok(secret) => secret,
            Err(problem) => {
                wrong(
                    &key("secret-file"),
                    problem,
                    "set one of secret-file, secret-sha256, secret".to_owned(),
                );
                continue;
            }
        };
        clients.push(Client {
            name: section.name,
            secret,
            tenant: section.tenant,
            issuer: section.issuer,
            applications: section.applications,
            administer: section.administer,
            internal_reasons: section.internal_reasons,
            requests_per_second: section.requests_per_second,
        });
    }
    Some(clients)
}

/// What is wrong with a name that ends up in logs, credentials and keys.
fn plain_name(name: &str, most: usize) -> Option<String> {
    if name.is_empty() || name.len() > most {
        return Some(format!("a name has 1 to {most} characters"));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '@');
    (!name.chars().all(plain)).then(|| {
        format!(
            "`{}` has a character other than letters, digits and - _ . / @",
            name.escape_debug()
        )
    })
}
