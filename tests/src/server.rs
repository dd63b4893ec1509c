//! A real `cofactor serve`, in a folder and on ports of its own, and what an operator and a program of theirs do with it.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Running, free_port, own, wait_for};

/// The secret of the client `test`, which may administer and is told internal reasons.
pub const CLIENT_SECRET: &str = "a secret of the tests' own client";
/// The application that the client `test` names.
pub const APPLICATION: &str = "intranet";

/// What differs from the smallest configuration.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The policy document; empty for the defaults.
    pub policy: String,
    /// Further keys of `[listen]`. One that gives `web`, `grpc` or `api` takes the place of the port.
    pub listen: String,
    /// Further tables of cofactor.toml, such as `[[gateway]]`. Relative paths start at the server's folder; `@web@` stands
    /// for the port of gateways and portal.
    pub tables: String,
    /// Files to put into the folder first, readable by their owner alone: name and content.
    pub files: Vec<(String, String)>,
    /// Variables of the host's environment.
    pub environment: Vec<(String, String)>,
}

/// A running host. Its log is `cofactor.log` in its folder.
pub struct Server {
    folder: Arc<TempDir>,
    configuration: PathBuf,
    ports: Ports,
    listen: String,
    tables: String,
    environment: Vec<(String, String)>,
    agent: ureq::Agent,
    /// The process.
    pub process: Running,
}

#[derive(Clone, Copy)]
struct Ports {
    web: u16,
    grpc: u16,
    api: u16,
    metrics: u16,
}

impl Server {
    /// Starts a host on a new database and waits until it is ready.
    ///
    /// # Errors
    /// Where it does not become ready; with its log.
    pub fn start(setup: &Setup) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        for (name, content) in &setup.files {
            private_file(&folder.path().join(name), content)?;
        }
        if !setup.policy.is_empty() {
            fs::write(folder.path().join("policy.toml"), &setup.policy)?;
        }
        Self::start_in(Arc::new(folder), setup)
    }

    /// Starts another process on the same database, keys and policy, with ports of its own.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn twin(&self) -> anyhow::Result<Self> {
        let setup = Setup {
            listen: self.listen.clone(),
            tables: self.tables.clone(),
            environment: self.environment.clone(),
            ..Setup::default()
        };
        Self::start_in(Arc::clone(&self.folder), &setup)
    }

    fn start_in(folder: Arc<TempDir>, setup: &Setup) -> anyhow::Result<Self> {
        let Setup {
            listen,
            tables,
            environment,
            ..
        } = setup;
        let ports = Ports {
            web: free_port()?,
            grpc: free_port()?,
            api: free_port()?,
            metrics: free_port()?,
        };
        let configuration = folder.path().join(format!("cofactor-{}.toml", ports.api));
        let policy = folder.path().join("policy.toml");
        let mut text = format!("[listen]\nmetrics = \"127.0.0.1:{}\"\n", ports.metrics);
        for (door, port) in [("web", ports.web), ("grpc", ports.grpc), ("api", ports.api)] {
            if !listen
                .lines()
                .any(|line| line.starts_with(&format!("{door} =")))
            {
                text.push_str(&format!("{door} = \"127.0.0.1:{port}\"\n"));
            }
        }
        text.push_str(&format!("{listen}\n"));
        if policy.is_file() {
            text.push_str("[policy]\nfile = \"policy.toml\"\n");
        }
        text.push_str(&format!(
            "[[client]]\nname = \"test\"\nsecret = \"{CLIENT_SECRET}\"\napplications = [\"{APPLICATION}\"]\n\
             administer = true\ninternal-reasons = true\nrequests-per-second = 1000000\n{}\n",
            tables.replace("@web@", &ports.web.to_string())
        ));
        private_file(&configuration, &text)?;
        let process = spawn(&configuration, folder.path(), environment)?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        let mut server = Self {
            agent: ureq::Agent::new_with_config(config),
            listen: listen.clone(),
            tables: tables.clone(),
            environment: environment.clone(),
            folder,
            configuration,
            ports,
            process,
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Starts the process again on the same ports, after it was killed or stopped.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.process = spawn(&self.configuration, self.folder.path(), &self.environment)?;
        self.wait_until_ready()
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let address = format!("http://127.0.0.1:{}/readyz", self.ports.metrics);
        let (agent, process) = (&self.agent, &mut self.process);
        let ready = wait_for("the host to be ready", || {
            if process.ended() {
                return Some(false);
            }
            let status = agent.get(&address).call().ok()?.status();
            (status == 200).then_some(true)
        })?;
        if !ready {
            bail!("the host did not start: {}", self.log()?);
        }
        Ok(())
    }

    /// Where its files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its configuration file.
    #[must_use]
    pub fn configuration(&self) -> &Path {
        &self.configuration
    }

    /// The port of gateways and portal. Nobody listens there unless a `[[gateway]]` is configured.
    #[must_use]
    pub fn web(&self) -> u16 {
        self.ports.web
    }

    /// The port of gateways that ask over gRPC. Nobody listens there unless one is configured.
    #[must_use]
    pub fn grpc(&self) -> u16 {
        self.ports.grpc
    }

    /// The port of the verify API.
    #[must_use]
    pub fn api(&self) -> u16 {
        self.ports.api
    }

    /// Everything that it has logged.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub fn log(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("cofactor.log"))?)
    }

    /// What monitoring reads at `/metrics`.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn metrics(&self) -> anyhow::Result<String> {
        self.monitored("metrics")
    }

    /// What monitoring reads at `/readyz`.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn readiness(&self) -> anyhow::Result<String> {
        self.monitored("readyz")
    }

    fn monitored(&self, page: &str) -> anyhow::Result<String> {
        let address = format!("http://127.0.0.1:{}/{page}", self.ports.metrics);
        Ok(self
            .agent
            .get(address)
            .call()?
            .body_mut()
            .read_to_string()?)
    }

    /// Runs `cofactor` with this configuration, as an operator beside the running host.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn command(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        Ok(Command::new(own("cofactor")?)
            .args(arguments)
            .env("COFACTOR_CONFIG", &self.configuration)
            .stdin(Stdio::null())
            .output()?)
    }

    /// The same, where it has to succeed: its standard output.
    ///
    /// # Errors
    /// Where it ends with anything but 0.
    pub fn operator(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(arguments)?;
        if !output.status.success() {
            bail!(
                "cofactor {arguments:?}: {} {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Sends an event of `user` to the verify API: status and answer.
    ///
    /// # Errors
    /// Where there is no answer at all.
    pub fn step(&self, user: &str, action: Value) -> anyhow::Result<(u16, Value)> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        self.step_with_id(user, action, &hex::encode(id))
    }

    /// The same with a request id (hexadecimal) of the caller's: an event that is sent again has the first outcome.
    ///
    /// # Errors
    /// Where there is no answer at all.
    pub fn step_with_id(
        &self,
        user: &str,
        action: Value,
        id: &str,
    ) -> anyhow::Result<(u16, Value)> {
        let request = json!({"user": user, "event": {
            "id": id,
            "origin": {"application": APPLICATION, "binding": "b1".repeat(16), "language": "en"},
            "action": action,
        }});
        let mut answer = self
            .agent
            .post(format!("http://127.0.0.1:{}/v1/step", self.ports.api))
            .header("authorization", format!("Bearer test:{CLIENT_SECRET}"))
            .send_json(request)?;
        let status = answer.status().as_u16();
        Ok((status, answer.body_mut().read_json()?))
    }

    /// An administrator's change through the verify API; it has to be done.
    ///
    /// # Errors
    /// Where the answer is anything else.
    pub fn administer(&self, user: &str, change: Value) -> anyhow::Result<Value> {
        let action = json!({"administer": {"actor": "tests", "why": "a test", "change": change}});
        match self.step(user, action)? {
            (200, answer) if answer.pointer("/outcome/done").is_some() => Ok(answer),
            (status, answer) => bail!("{status} {answer}"),
        }
    }

    /// Gives the user a TOTP credential with this base32 secret.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn enrol(&self, user: &str, secret: &str) -> anyhow::Result<()> {
        let uri = format!("otpauth://totp/Example:somebody?secret={secret}&issuer=Example");
        self.administer(user, json!({"import-otpauth": uri}))
            .map(drop)
    }

    /// Signs in with a code in one step, as a program does: `allow`, or the reason why not.
    ///
    /// # Errors
    /// Where there is no decision.
    pub fn verify(&self, user: &str, code: &str) -> anyhow::Result<String> {
        let action = json!({"begin": {"surface": [], "early-answer": code, "required-level": 0}});
        let (status, answer) = self.step(user, action)?;
        let decided = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str);
        if status == 200 && answer.pointer("/outcome/allow").is_some() {
            return Ok("allow".to_owned());
        }
        let reason = decided("/outcome/deny/internal-reason")
            .or_else(|| decided("/outcome/challenge/after"))
            .or_else(|| decided("/outcome/enrol/after"));
        Ok(reason
            .with_context(|| format!("{status} {answer}"))?
            .to_owned())
    }
}

fn spawn(
    configuration: &Path,
    folder: &Path,
    environment: &[(String, String)],
) -> anyhow::Result<Running> {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.join("cofactor.log"))?;
    Running::start(
        Command::new(own("cofactor")?)
            .arg("serve")
            .arg("--config")
            .arg(configuration)
            .envs(environment.iter().cloned())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log)),
    )
}

/// A file that only its owner may read.
fn private_file(path: &Path, content: &str) -> anyhow::Result<()> {
    let mut file: File = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)?;
    Ok(file.write_all(content.as_bytes())?)
}
