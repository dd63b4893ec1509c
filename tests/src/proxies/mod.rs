//! Real proxies, with the configuration that `cofactor gateway print` prints, before a host and an application. One module
//! a proxy: where its files belong, and how it is started.

mod caddy;
mod envoy;
mod haproxy;
mod nginx;
mod traefik;

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::bail;
use tempfile::TempDir;

use crate::application::Application;
use crate::nginx::SECRET;
use crate::program::{Running, free_port, own, peer, project, wait_for};
use crate::server::{Server, Setup};
use crate::tls;

/// A proxy that asks before it lets a request through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// nginx, by `auth_request`.
    Nginx,
    /// Envoy, by `ext_authz` over gRPC.
    Envoy,
    /// Envoy, by `ext_authz` over HTTP.
    EnvoyHttp,
    /// Caddy, by `forward_auth`.
    Caddy,
    /// Traefik, by `ForwardAuth`.
    Traefik,
    /// HAProxy, by the Lua action that the command carries.
    Haproxy,
}

/// What everybody's password is.
pub const PASSWORD: &str = "alice's password";
/// Somebody whom a policy may treat in another way.
pub const TRUSTED: &str = "trusted";
/// How many other people the first factor knows: see [`Guarded::somebody`].
const PEOPLE: usize = 80;

impl Proxy {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::Nginx,
        Self::Envoy,
        Self::EnvoyHttp,
        Self::Caddy,
        Self::Traefik,
        Self::Haproxy,
    ];

    /// What the table calls it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Envoy => "Envoy, gRPC",
            Self::EnvoyHttp => "Envoy, HTTP",
            Self::Nginx => "nginx",
            Self::Caddy => "Caddy",
            Self::Traefik => "Traefik",
            Self::Haproxy => "HAProxy",
        }
    }

    /// Its program, and what `cofactor gateway print` calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Envoy | Self::EnvoyHttp => "envoy",
            Self::Caddy => "caddy",
            Self::Traefik => "traefik",
            Self::Haproxy => "haproxy",
        }
    }

    /// The first file that is printed.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Nginx => "nginx.conf",
            Self::Envoy | Self::EnvoyHttp => "envoy.yaml",
            Self::Caddy => "Caddyfile",
            Self::Traefik => "cofactor.yml",
            Self::Haproxy => "haproxy.cfg",
        }
    }

    /// What `cofactor gateway print` prints for it.
    ///
    /// # Errors
    /// Where it prints nothing.
    pub fn printed(self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(own("cofactor")?)
            .args(["gateway", "print", self.name()])
            .args(matches!(self, Self::EnvoyHttp).then_some("--over=http"))
            .args(arguments)
            .output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// A line of its file of users.
    fn user(self, name: &str) -> String {
        // Hashes of the one password, in the forms that each of them reads; quick ones.
        match self {
            Self::Nginx => format!("{name}:{{PLAIN}}{PASSWORD}\n"),
            Self::Envoy | Self::EnvoyHttp => {
                format!("{name}:{{SHA}}m764xr0G+FhqxYWSAmECnr0Qnkg=\n")
            }
            Self::Caddy => format!("{name} {BCRYPT}\n"),
            Self::Traefik => format!("{name}:{BCRYPT}\n"),
            Self::Haproxy => format!("{name}:{SHA_512}\n"),
        }
    }
}

const BCRYPT: &str = "$2a$04$qNtS0wlDu1kUIxykBhNx4.Wtn2pV28kCTrHzyOswXm8RpBld9RV0S";
const SHA_512: &str = "$6$rounds=1000$cofactor$UQkZlaTk9go/uHLRVKF1.6FlM8uKdt9SyfD0CCPq.fCo5oEdjaV8lGXIqN6bmaIWYWMDSzdK9EDXb2qi/nNPq0";

/// What differs from a site on the machine itself, whose proxy asks for a password and proves itself by a secret.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The policy document; empty for the defaults.
    pub policy: String,
    /// Further options for `cofactor gateway print`.
    pub print: Vec<&'static str>,
    /// Further keys and tables of the `[[gateway]]`.
    pub gateway: String,
    /// Further files of the host's folder: name and content.
    pub files: Vec<(String, String)>,
    /// Whether the site is [`tls::SITE`], over TLS.
    pub tls: bool,
    /// By which certificate of tests/fixtures/tls the proxy is known, in the place of the secret.
    pub certificate: Option<&'static str>,
    /// What the proxy stands before, where it is not the host and the application that are started with it.
    pub behind: Behind,
}

/// Ports of others on this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Behind {
    /// An authorizer, over HTTP and over gRPC.
    pub authorizer: Option<(u16, u16)>,
    /// An application.
    pub application: Option<u16>,
}

/// The host's side of TLS, where gateways are known by certificates.
const LISTEN: &str = "\
web-tls = { certificate = \"host.pem\", key = \"host.key\", client-ca = \"clients.pem\" }
grpc-tls = { certificate = \"host.pem\", key = \"host.key\", client-ca = \"clients.pem\" }
";
/// The files for that.
const LISTEN_FILES: [&str; 3] = ["host.pem", "host.key", "clients.pem"];

/// A guarded site: the proxy, the host behind it, and the application.
pub struct Guarded {
    /// Which proxy.
    pub proxy: Proxy,
    /// Where browsers go.
    pub port: u16,
    /// The host.
    pub server: Server,
    /// What is protected.
    pub application: Application,
    process: Running,
    folder: TempDir,
    people: AtomicUsize,
}

impl Guarded {
    /// Starts everything. None where the proxy may be missing, or the authenticator of those who sign in there.
    ///
    /// # Errors
    /// Where something does not start; with the proxy's own words.
    pub fn start(proxy: Proxy, policy: &str) -> anyhow::Result<Option<Self>> {
        let options = Options {
            policy: policy.to_owned(),
            ..Options::default()
        };
        Self::start_with(proxy, &options)
    }

    /// The same, with what differs.
    ///
    /// # Errors
    /// As [`Guarded::start`].
    pub fn start_with(proxy: Proxy, options: &Options) -> anyhow::Result<Option<Self>> {
        let (Some(program), Some(_)) = (peer(proxy.name()), peer("oathtool")) else {
            return Ok(None);
        };
        let port = free_port()?;
        let folder = tempfile::tempdir()?;
        let host = match options.tls {
            true => format!("{}:{port}", tls::SITE),
            false => format!("127.0.0.1:{port}"),
        };
        let mut arguments: Vec<(&'static str, String)> = vec![("--host", host)];
        if options.tls {
            arguments.push(("--certificate", fixture("site.pem")?));
        }
        if let Some(name) = options.certificate {
            arguments.extend(certificate(proxy, name, folder.path())?);
        }
        let mut place = Place {
            program,
            folder: folder.path(),
            proxy,
            options,
            arguments,
        };
        let own_table = place.printed("cofactor.toml")?;
        let component = folder.path().join("component.wasm");
        fs::write(&component, cofactor_component::COMPONENT)?;
        let secret = format!("{}.secret", proxy.name());
        let server = Server::start(&Setup {
            policy: options.policy.clone(),
            tables: format!(
                "{own_table}\n{}\n[component]\nfile = {:?}\n",
                options.gateway,
                shown(&component)
            ),
            listen: match options.certificate {
                Some(_) => LISTEN.to_owned(),
                None => String::new(),
            },
            files: host_files(options, &secret)?,
            ..Setup::default()
        })?;
        let application = Application::start()?;
        let people = (0..PEOPLE).map(person).chain([TRUSTED.to_owned()]);
        let users: String = people.map(|name| proxy.user(&name)).collect();
        fs::write(folder.path().join("users"), users)?;
        let Behind {
            authorizer,
            application: other,
        } = options.behind;
        let (web, grpc) = authorizer.unwrap_or_else(|| (server.web(), server.grpc()));
        let port_of_application = other.unwrap_or_else(|| application.port());
        place.arguments.extend([
            ("--cofactor", format!("127.0.0.1:{web}")),
            ("--grpc", format!("127.0.0.1:{grpc}")),
            ("--application", format!("127.0.0.1:{port_of_application}")),
            ("--users", shown(&folder.path().join("users"))),
        ]);
        if options.certificate.is_none() {
            let file = shown(&server.folder().join(secret));
            place.arguments.push(("--secret-file", file));
        }
        let mut process = match proxy {
            Proxy::Nginx => nginx::start(&place),
            Proxy::Envoy | Proxy::EnvoyHttp => envoy::start(&place),
            Proxy::Caddy => caddy::start(&place),
            Proxy::Traefik => traefik::start(&place),
            Proxy::Haproxy => haproxy::start(&place),
        }?;
        // It is up when it asks for the first factor: some listen before they know what for.
        let up = wait_for(proxy.name(), || {
            if process.ended() {
                return Some(false);
            }
            TcpStream::connect(("127.0.0.1", port)).ok()?;
            let answer = if options.tls {
                let host = format!("{}:{port}", tls::SITE);
                tls::send(port, "GET", "/", &[("Host", &host)], "")
            } else {
                crate::http::send(port, "GET", "/", &[], "")
            };
            (answer.ok()?.status == 401).then_some(true)
        });
        if !matches!(up, Ok(true)) {
            let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            bail!("{}: {log}", proxy.name());
        }
        Ok(Some(Self {
            proxy,
            port,
            server,
            application,
            process,
            folder,
            people: AtomicUsize::new(0),
        }))
    }

    /// A user whom nobody was yet, with a password and without a second factor.
    ///
    /// # Panics
    /// Where there are no more of them.
    #[must_use]
    #[allow(clippy::panic)]
    pub fn somebody(&self) -> String {
        let at = self.people.fetch_add(1, Ordering::Relaxed);
        if at >= PEOPLE {
            panic!("more than {PEOPLE} people");
        }
        person(at)
    }

    /// The component that the host reads when it starts.
    #[must_use]
    pub fn component(&self) -> PathBuf {
        self.folder.path().join("component.wasm")
    }

    /// What the proxy complained about.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Workers go with a master that is asked, not with one that is killed.
        if self.proxy == Proxy::Nginx {
            let _ = self.process.stop();
        }
    }
}

fn person(at: usize) -> String {
    format!("person-{at}")
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Where a file of tests/fixtures/tls is.
fn fixture(name: &str) -> anyhow::Result<String> {
    let folder = project("tests/fixtures/tls").canonicalize()?;
    Ok(shown(&folder.join(name)))
}

/// How the proxy is told to show that certificate, and whom to believe to be Cofactor. Whatever it shows, the host believes
/// the name in `gateway.pem` alone.
fn certificate(
    proxy: Proxy,
    name: &str,
    folder: &Path,
) -> anyhow::Result<Vec<(&'static str, String)>> {
    let (chain, key) = (
        fixture(&format!("{name}.pem"))?,
        fixture(&format!("{name}.key"))?,
    );
    let mut arguments = vec![
        ("--authority", fixture("authority.pem")?),
        ("--cofactor-name", "localhost".to_owned()),
        ("--proxy-name", "gateway.example".to_owned()),
    ];
    if proxy == Proxy::Haproxy {
        // It reads both from one file.
        let both = fs::read_to_string(chain)? + &fs::read_to_string(key)?;
        let file = folder.join("client.pem");
        fs::write(&file, both)?;
        arguments.push(("--client-certificate", shown(&file)));
    } else {
        arguments.extend([("--client-certificate", chain), ("--client-key", key)]);
    }
    Ok(arguments)
}

/// The files of the host's folder.
fn host_files(options: &Options, secret: &str) -> anyhow::Result<Vec<(String, String)>> {
    let mut files = options.files.clone();
    if options.certificate.is_none() {
        files.push((secret.to_owned(), format!("{SECRET}\n")));
        return Ok(files);
    }
    for name in LISTEN_FILES {
        files.push((name.to_owned(), fs::read_to_string(fixture(name)?)?));
    }
    Ok(files)
}

/// What a proxy is started with.
struct Place<'a> {
    program: PathBuf,
    folder: &'a Path,
    proxy: Proxy,
    options: &'a Options,
    arguments: Vec<(&'static str, String)>,
}

impl Place<'_> {
    /// One of the printed files, for this site.
    fn printed(&self, file: &str) -> anyhow::Result<String> {
        let mut arguments = vec!["--file", file];
        for (name, value) in &self.arguments {
            arguments.extend([*name, value.as_str()]);
        }
        arguments.extend(&self.options.print);
        self.proxy.printed(&arguments)
    }

    /// Writes a file into the folder, and says where it is.
    fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// The program, in its folder, with what it says in `log`.
    fn command(&self) -> anyhow::Result<Command> {
        let log = File::create(self.folder.join("log"))?;
        let mut command = Command::new(&self.program);
        command
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log));
        Ok(command)
    }
}

/// A printed file with another text in the place of one that has to be there.
fn with(text: &str, from: &str, to: &str) -> anyhow::Result<String> {
    if !text.contains(from) {
        bail!("no `{from}` is printed any more");
    }
    Ok(text.replace(from, to))
}
