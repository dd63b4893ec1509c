//! A real Envoy with the configuration of docs/envoy.md, taken out of that page as it stands there: only ports, paths and
//! the secret are put in.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};
use tempfile::TempDir;

use crate::application::Application;
use crate::http::send;
use crate::nginx::{SECRET, USERS, block};
use crate::program::{Running, free_port, peer, project, wait_for};
use crate::server::{Server, Setup};

/// What differs from the page.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// The policy document; empty for the defaults.
    pub policy: String,
    /// How Envoy proves itself.
    pub proof: Proof,
    /// How long Envoy waits for an answer. None: as long as a busy machine may need, and not as the page has it.
    pub timeout: Option<&'static str>,
    /// Envoy's threads that answer. None: two.
    pub workers: Option<u8>,
    /// Further keys of the `[[gateway]]`.
    pub gateway: String,
    /// Further tables of cofactor.toml.
    pub tables: String,
    /// Files for the host's folder: name and content.
    pub files: Vec<(String, String)>,
    /// Variables of the host's environment.
    pub environment: Vec<(String, String)>,
    /// Replacements in Envoy's configuration, after the usual ones.
    pub edits: Vec<(String, String)>,
}

/// How Envoy proves to the host that it is the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proof {
    /// By the secret, in the clear.
    #[default]
    Secret,
    /// By the certificate of that name in tests/fixtures/tls, over TLS, and no secret.
    Certificate(&'static str),
    /// Over TLS, and by nothing.
    Nothing,
}

/// What the host has of tests/fixtures/tls.
const FIXTURES: [&str; 3] = ["host.pem", "host.key", "clients.pem"];

/// A guarded site: Envoy, the host behind it, and the application.
pub struct Guarded {
    /// Where browsers go.
    pub port: u16,
    /// The host.
    pub server: Server,
    /// Envoy, before the application.
    pub envoy: Envoy,
}

impl Guarded {
    /// Starts everything. None where Envoy may be missing, or the authenticator of those who sign in there.
    ///
    /// # Errors
    /// Where something does not start; with Envoy's own words.
    pub fn start(site: &Site) -> anyhow::Result<Option<Self>> {
        let (Some(_), Some(_)) = (peer("envoy"), peer("oathtool")) else {
            return Ok(None);
        };
        let port = free_port()?;
        let page = fs::read_to_string(project("docs/envoy.md"))?;
        let server = Server::start(&Setup {
            policy: site.policy.clone(),
            tables: gateway(&page, site, port)?,
            listen: listen(&page, site)?,
            files: files(site)?,
            environment: site.environment.clone(),
        })?;
        let envoy = Envoy::start(site, port, server.web(), server.grpc())?;
        Ok(envoy.map(|envoy| Self {
            port,
            server,
            envoy,
        }))
    }
}

/// Envoy before an application.
pub struct Envoy {
    /// What is protected.
    pub application: Application,
    admin: u16,
    process: Running,
    folder: TempDir,
}

impl Envoy {
    /// Starts both: browsers go to `port`, pages are at `web`, questions go to `grpc`. None where Envoy may be missing.
    ///
    /// # Errors
    /// Where something does not start; with Envoy's own words.
    pub fn start(site: &Site, port: u16, web: u16, grpc: u16) -> anyhow::Result<Option<Self>> {
        let Some(program) = peer("envoy") else {
            return Ok(None);
        };
        let page = fs::read_to_string(project("docs/envoy.md"))?;
        let application = Application::start()?;
        let folder = tempfile::tempdir()?;
        let users = USERS.map(|(user, password)| {
            let digest = STANDARD.encode(Sha1::digest(password));
            format!("{user}:{{SHA}}{digest}\n")
        });
        fs::write(folder.path().join("htpasswd"), users.concat())?;
        let admin = free_port()?;
        let ports = [
            (8080, port),
            (8081, application.port()),
            (7080, web),
            (7083, grpc),
        ];
        let text = configuration(&page, site, ports, folder.path())?;
        let text = format!(
            "admin: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {admin} }} }} }}\n{text}"
        );
        fs::write(folder.path().join("envoy.yaml"), text)?;
        let log = fs::File::create(folder.path().join("envoy.log"))?;
        let process = Running::start(
            Command::new(program)
                .arg("-c")
                .arg(folder.path().join("envoy.yaml"))
                .args([
                    "--concurrency",
                    &site.workers.unwrap_or(2).to_string(),
                    "--disable-hot-restart",
                    "-l",
                    "warning",
                ])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::from(log)),
        )?;
        let mut it = Self {
            application,
            admin,
            process,
            folder,
        };
        it.wait_until_ready(port)?;
        Ok(Some(it))
    }

    fn wait_until_ready(&mut self, port: u16) -> anyhow::Result<()> {
        let admin = self.admin;
        let process = &mut self.process;
        let up = wait_for("Envoy", || {
            if process.ended() {
                return Some(false);
            }
            let ready = send(admin, "GET", "/ready", &[], "").is_ok_and(|a| a.status == 200);
            let listens = std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
            (ready && listens).then_some(true)
        })?;
        if !up {
            bail!("Envoy: {}", self.log());
        }
        Ok(())
    }

    /// What Envoy complained about.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("envoy.log")).unwrap_or_default()
    }

    /// Lines of the access log, where an edit wrote one to `access.log`.
    #[must_use]
    pub fn access_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default()
    }

    /// Envoy's counters of the authorizer: `ok`, `denied`, `error`, `failure_mode_allowed`.
    ///
    /// # Errors
    /// Where it does not tell.
    pub fn counted(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        self.stats("http.guarded.ext_authz.")
            .or_else(|_| self.stats("ext_authz."))
    }

    /// Envoy's figures whose names hold this, by what follows it.
    ///
    /// # Errors
    /// Where it does not tell any.
    pub fn stats(&self, mark: &str) -> anyhow::Result<BTreeMap<String, u64>> {
        let text = send(self.admin, "GET", "/stats", &[], "")?.body;
        let all: BTreeMap<String, u64> = text
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter_map(|(name, value)| {
                Some((name.split_once(mark)?.1.to_owned(), value.parse().ok()?))
            })
            .collect();
        if all.is_empty() {
            bail!("Envoy counts nothing of {mark}");
        }
        Ok(all)
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.process.stop();
    }
}

/// The `[[gateway]]` of the page.
fn gateway(page: &str, site: &Site, port: u16) -> anyhow::Result<String> {
    let mut text =
        block(page, "toml", "[[gateway]]")?.replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"));
    if site.proof != Proof::Secret {
        let secret = "secret-file = \"envoy.secret\"";
        let certificates = "certificates = [\"dns:gateway.example\"]";
        if !text.contains(secret) || !page.contains(certificates) {
            bail!("docs/envoy.md has no `{secret}` or no `{certificates}` any more");
        }
        text = text.replace(secret, certificates);
    }
    Ok(format!("{text}\n{}\n{}\n", site.gateway, site.tables))
}

/// What the page has in `[listen]` for TLS; otherwise nothing.
fn listen(page: &str, site: &Site) -> anyhow::Result<String> {
    if site.proof == Proof::Secret {
        return Ok(String::new());
    }
    let text = block(page, "toml", "grpc-tls")?;
    Ok(text
        .replace("[listen]\n", "")
        .replace("tls/envoy-ca.pem", "clients.pem")
        .replace("tls/", ""))
}

fn files(site: &Site) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = site.files.clone();
    files.push(("envoy.secret".to_owned(), format!("{SECRET}\n")));
    for name in FIXTURES {
        let content = fs::read_to_string(project("tests/fixtures/tls").join(name))?;
        files.push((name.to_owned(), content));
    }
    Ok(files)
}

/// envoy.yaml of the page, with other ports.
fn configuration(
    page: &str,
    site: &Site,
    ports: [(u16, u16); 4],
    folder: &Path,
) -> anyhow::Result<String> {
    let mut text = block(page, "yaml", "static_resources:")?;
    let at = |port: u16| format!("port_value: {port} }}");
    let mut swaps: Vec<(String, String)> = ports.map(|(from, to)| (at(from), at(to))).into();
    let [(_, port), ..] = ports;
    swaps.extend([
        (
            "[\"127.0.0.1:8080\"]".to_owned(),
            format!("[\"127.0.0.1:{port}\"]"),
        ),
        (
            "/etc/envoy/cofactor.htpasswd".to_owned(),
            folder.join("htpasswd").display().to_string(),
        ),
        // So that a test does not wait for the first look.
        ("interval: 5s".to_owned(), "interval: 0.2s".to_owned()),
        (
            "timeout: 0.2s".to_owned(),
            format!("timeout: {}", site.timeout.unwrap_or("60s")),
        ),
    ]);
    match site.proof {
        Proof::Secret => {
            swaps.push((
                "change-me-to-a-long-random-text".to_owned(),
                SECRET.to_owned(),
            ));
        }
        Proof::Certificate(_) | Proof::Nothing => swaps.extend(certificates(page, site.proof)?),
    }
    swaps.extend(site.edits.iter().cloned());
    for (from, to) in swaps {
        if !text.contains(&from) {
            bail!("docs/envoy.md has no `{from}` any more");
        }
        let to = to.replace("@folder@", &folder.display().to_string());
        text = text.replace(&from, &to);
    }
    Ok(text)
}

/// What the page says about TLS: one more block in two clusters, and no secret.
fn certificates(page: &str, proof: Proof) -> anyhow::Result<Vec<(String, String)>> {
    let fixtures = project("tests/fixtures/tls").canonicalize()?;
    let fixture = |name: &str| fixtures.join(name).display().to_string();
    let mut socket = block(page, "yaml", "UpstreamTlsContext")?
        .replace("cofactor.example.com", "localhost")
        .replace("/etc/envoy/cofactor-ca.pem", &fixture("authority.pem"));
    match proof {
        Proof::Certificate(name) => {
            socket = socket
                .replace("/etc/envoy/envoy.pem", &fixture(&format!("{name}.pem")))
                .replace("/etc/envoy/envoy.key", &fixture(&format!("{name}.key")));
        }
        Proof::Secret | Proof::Nothing => {
            let start = socket.find("          tls_certificates:").context("none")?;
            let end = socket
                .find("          validation_context:")
                .context("none")?;
            socket.replace_range(start..end, "");
        }
    }
    let cluster = |name: &str| format!("    load_assignment:\n      cluster_name: {name}\n");
    let mut swaps: Vec<(String, String)> = ["cofactor_web", "cofactor_grpc"]
        .map(|name| (cluster(name), format!("{socket}{}", cluster(name))))
        .into();
    for secret in [
        "                initial_metadata:\n                - { key: x-cofactor-secret, value: \"change-me-to-a-long-random-text\" }\n",
        "                request_headers_to_add:\n                - header: { key: x-cofactor-secret, value: \"change-me-to-a-long-random-text\" }\n                  append_action: OVERWRITE_IF_EXISTS_OR_ADD\n",
    ] {
        swaps.push((secret.to_owned(), String::new()));
    }
    Ok(swaps)
}
