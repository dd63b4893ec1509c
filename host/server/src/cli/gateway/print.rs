//! `cofactor gateway print`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use axum::http::HeaderName;
use clap::{Args, ValueEnum};
use ipnet::IpNet;

use super::super::{Exit, Failure, output};
use crate::gateway::cookie::Cookie;
use crate::gateway::site::Site;

/// What stands where the secret belongs, unless a file with it is given.
const NO_SECRET: &str = "change-me-to-a-long-random-text";

/// The configuration of a proxy that asks Cofactor before each request
///
/// Prints what the tests run: put it where the proxy reads its configuration. With --secret-file the secret is in it,
/// so let only the proxy's user read it; without, put the secret in the place of `change-me-to-a-long-random-text`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor gateway print nginx
  cofactor gateway print caddy --host app.example.com --secret-file /etc/cofactor/caddy.secret
  cofactor gateway print haproxy --file cofactor.lua > /etc/haproxy/cofactor.lua
  cofactor gateway print traefik --first-factor header --from 10.0.0.5/32
  cofactor gateway print envoy --file cofactor.toml >> /etc/cofactor/cofactor.toml
  cofactor gateway print envoy --over http

Files, the first of which is printed unless --file names another:
  nginx    nginx.conf, cofactor.toml
  envoy    envoy.yaml, cofactor.toml
  caddy    Caddyfile, cofactor.toml
  traefik  cofactor.yml (routes), traefik.yml (what Traefik is started with), cofactor.toml
  haproxy  haproxy.cfg, cofactor.lua, cofactor.toml")]
pub(super) struct Print {
    /// Which proxy.
    #[arg(value_enum)]
    proxy: Proxy,
    /// Which of its files; cofactor.toml is the table for Cofactor's own configuration. See below.
    #[arg(long, value_name = "NAME")]
    file: Option<String>,
    /// The site to guard, as browsers have it in the address bar. Over TLS, but on the machine itself.
    #[arg(long, value_name = "HOST[:PORT]", default_value = "127.0.0.1:8080")]
    host: String,
    /// Where the application listens.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8081")]
    application: String,
    /// Where Cofactor listens for gateways (`listen.web`).
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7080")]
    cofactor: String,
    /// Where Cofactor listens for Envoy's questions (`listen.grpc`).
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7083")]
    grpc: String,
    /// How Envoy asks: over gRPC, or over HTTP as the others do.
    #[arg(long, value_enum, default_value = "grpc")]
    over: Over,
    /// A file whose first line is the secret of the `[[gateway]]`.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// What comes before the second factor: a password that the proxy asks for, or a header of another proxy in front.
    #[arg(long, value_enum, default_value = "password")]
    first_factor: FirstFactor,
    /// The proxy's file of users and passwords. HAProxy has none: its lines are taken over into the configuration.
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// With --first-factor header: where the proxy in front connects from. Nobody else is let in.
    #[arg(long, value_name = "PREFIX", default_value = "10.0.0.5/32")]
    from: IpNet,
    /// With --first-factor header: in which header it names the user. For Traefik, always X-Cofactor-User.
    #[arg(long, value_name = "NAME", default_value = "X-Authenticated-User")]
    user_header: HeaderName,
    /// The certificate chain and its key, in one PEM file. Caddy gets its own.
    #[arg(long, value_name = "FILE", default_value = "/etc/ssl/private/site.pem")]
    certificate: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Proxy {
    Nginx,
    Envoy,
    Caddy,
    Traefik,
    Haproxy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FirstFactor {
    /// The proxy asks for a password.
    Password,
    /// A proxy in front has asked, and names the user in a header.
    Header,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Over {
    Grpc,
    Http,
}

impl Print {
    pub(super) fn run(self) -> Result<(), Failure> {
        let text = self
            .text()
            .map_err(|what| Failure::new(Exit::Usage, what))?;
        Ok(output::lines(text.lines())?)
    }

    fn text(&self) -> Result<String, String> {
        let template = self.proxy.template(self.file.as_deref())?;
        // On the machine itself an entry means both schemes: plain HTTP then, which needs no certificate.
        let site = Site::configured(&self.host)?
            .pop()
            .filter(|site| site.is_secure() || site.is_loopback())
            .ok_or("--host: plain HTTP is for the machine itself, such as 127.0.0.1:8080")?;
        let values = self.values(&site)?;
        let holds = |condition: &str| match condition {
            "tls" => site.is_secure(),
            "plain" => !site.is_secure(),
            "password" => self.first_factor == FirstFactor::Password,
            "grpc" => self.over == Over::Grpc,
            "http" => self.over == Over::Http,
            _ => self.first_factor == FirstFactor::Header,
        };
        Ok(fill(template, holds, &values))
    }

    /// What stands in the place of each `@name@`.
    fn values(&self, site: &Site) -> Result<Vec<(&'static str, String)>, String> {
        let (name, port) = divided(
            site.authority(),
            if site.is_secure() { "443" } else { "80" },
        );
        let address = if name == "localhost" {
            "127.0.0.1"
        } else {
            name
        };
        let upstream = |option: &str, text: &str| {
            Site::new(false, text)
                .map(|site| site.authority().to_owned())
                .ok_or_else(|| format!("{option}: `{text}` is not HOST:PORT"))
        };
        let application = upstream("--application", &self.application)?;
        let cofactor = upstream("--cofactor", &self.cofactor)?;
        let users = match &self.users {
            Some(path) => plain_path("--users", path)?,
            None => self.proxy.users().to_owned(),
        };
        let parts = |authority: &str| {
            let (host, port) = divided(authority, "80");
            (host.to_owned(), port.to_owned())
        };
        let ((application_address, application_port), (cofactor_address, cofactor_port)) =
            (parts(&application), parts(&cofactor));
        let (grpc_address, grpc_port) = parts(&upstream("--grpc", &self.grpc)?);
        let header = self.user_header.as_str();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !header.bytes().all(plain) {
            return Err("--user-header: expected letters, digits and - only".to_owned());
        }
        Ok(vec![
            ("proxy", self.proxy.name().to_owned()),
            ("kind", self.kind().to_owned()),
            ("host", site.authority().to_owned()),
            ("name", name.to_owned()),
            ("port", port.to_owned()),
            ("address", address.to_owned()),
            ("listen", format!("{address}:{port}")),
            ("application", application),
            ("application-address", application_address),
            ("application-port", application_port),
            ("cofactor", cofactor),
            ("cofactor-address", cofactor_address),
            ("cofactor-port", cofactor_port),
            ("grpc-address", grpc_address),
            ("grpc-port", grpc_port),
            ("cookie", Cookie::Session.name(site).to_owned()),
            ("secret", secret(self.secret_file.as_deref())?),
            ("userlist", self.user_list()?),
            ("users", users),
            ("from-address", self.from.addr().to_string()),
            ("from-length", self.from.prefix_len().to_string()),
            ("from", self.from.to_string()),
            ("user-variable", header.replace('-', "_")),
            ("user-header", header.to_owned()),
            (
                "certificate",
                plain_path("--certificate", &self.certificate)?,
            ),
        ])
    }

    /// The `kind` of its `[[gateway]]`.
    fn kind(&self) -> &'static str {
        match (self.proxy, self.over) {
            (Proxy::Envoy, Over::Grpc) => "envoy-grpc",
            (proxy, _) => proxy.name(),
        }
    }

    /// HAProxy's users, of lines such as `alice:$6$…`.
    fn user_list(&self) -> Result<String, String> {
        let Some(path) = self.users.as_ref().filter(|_| self.proxy == Proxy::Haproxy) else {
            // No hash is this: nobody gets in before there are users.
            return Ok("    user alice password *".to_owned());
        };
        let text = read("--users", path)?;
        let mut list = String::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let entry = line.split_once(':').filter(|(name, hash)| {
                let plain = |text: &str| {
                    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
                };
                plain(name) && plain(hash) && !line.contains(['"', '\'', '\\', '#'])
            });
            let (name, hash) = entry
                .ok_or_else(|| format!("--users: {}: a line is not NAME:HASH", path.display()))?;
            let separator = if list.is_empty() { "" } else { "\n" };
            let _ = write!(list, "{separator}    user {name} password {hash}");
        }
        Ok(list)
    }
}

impl Proxy {
    /// What it is called here and in the configuration.
    fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Envoy => "envoy",
            Self::Caddy => "caddy",
            Self::Traefik => "traefik",
            Self::Haproxy => "haproxy",
        }
    }

    /// Where its users and their passwords are, unless told otherwise.
    fn users(self) -> &'static str {
        match self {
            Self::Nginx => "/etc/nginx/cofactor.htpasswd",
            Self::Envoy => "/etc/envoy/cofactor.htpasswd",
            Self::Caddy => "/etc/caddy/cofactor.users",
            Self::Traefik => "/etc/traefik/cofactor.htpasswd",
            Self::Haproxy => "/etc/haproxy/cofactor.htpasswd",
        }
    }

    /// The files, the one that matters most first.
    fn files(self) -> &'static [(&'static str, &'static str)] {
        const OWN: (&str, &str) = ("cofactor.toml", include_str!("print/cofactor.toml"));
        match self {
            Self::Nginx => &[("nginx.conf", include_str!("print/nginx.conf")), OWN],
            Self::Envoy => &[("envoy.yaml", include_str!("print/envoy.yaml")), OWN],
            Self::Caddy => &[("Caddyfile", include_str!("print/Caddyfile")), OWN],
            Self::Traefik => &[
                ("cofactor.yml", include_str!("print/cofactor.yml")),
                ("traefik.yml", include_str!("print/traefik.yml")),
                OWN,
            ],
            Self::Haproxy => &[
                ("haproxy.cfg", include_str!("print/haproxy.cfg")),
                ("cofactor.lua", include_str!("print/cofactor.lua")),
                OWN,
            ],
        }
    }

    fn template(self, file: Option<&str>) -> Result<&'static str, String> {
        let files = self.files();
        files
            .iter()
            .find(|(name, _)| file.is_none_or(|file| file == *name))
            .map(|(_, text)| *text)
            .ok_or_else(|| {
                let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
                format!("--file: {} has {}", self.name(), names.join(", "))
            })
    }
}

/// A template's lines whose conditions hold, with the values put in. A line may begin with conditions: `[tls]`,
/// `[plain]`, `[password]`, `[header]`, `[grpc]`, `[http]`.
fn fill(template: &str, holds: impl Fn(&str) -> bool, values: &[(&'static str, String)]) -> String {
    let mut text = String::new();
    'lines: for line in template.lines() {
        let mut line = line;
        while let Some((condition, rest)) = ["tls", "plain", "password", "header", "grpc", "http"]
            .into_iter()
            .find_map(|name| {
                let rest = line
                    .strip_prefix('[')?
                    .strip_prefix(name)?
                    .strip_prefix(']')?;
                Some((name, rest))
            })
        {
            if !holds(condition) {
                continue 'lines;
            }
            line = rest;
        }
        let mut line = line.to_owned();
        for (name, value) in values {
            line = line.replace(&format!("@{name}@"), value);
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn divided<'a>(authority: &'a str, port: &'a str) -> (&'a str, &'a str) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, port),
    }
}

/// A secret that means itself in every proxy's configuration.
fn secret(path: Option<&Path>) -> Result<String, String> {
    let Some(path) = path else {
        return Ok(NO_SECRET.to_owned());
    };
    let text = read("--secret-file", path)?;
    let secret = text.lines().next().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_.~".contains(&byte);
    if secret.len() < 16 || !secret.bytes().all(plain) {
        return Err(format!(
            "--secret-file: {}: expected at least 16 letters, digits and +/=-_.~ in its first line; \
             `head -c 32 /dev/urandom | base64` makes a good one",
            path.display()
        ));
    }
    Ok(secret.to_owned())
}

/// A path that means itself in every proxy's configuration.
fn plain_path(option: &str, path: &Path) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    path.to_str()
        .filter(|text| !text.is_empty() && text.bytes().all(plain))
        .map(str::to_owned)
        .ok_or_else(|| format!("{option}: expected a path of letters, digits and /._- only"))
}

fn read(option: &str, path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{option}: {}: {error}", path.display()))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        print: Print,
    }

    fn printed(line: &str) -> Result<String, String> {
        let line = Line::try_parse_from(std::iter::once("print").chain(line.split(' ')));
        line.map_err(|error| error.to_string())?.print.text()
    }

    #[test]
    fn every_file_is_complete_for_every_first_factor_and_scheme() {
        for proxy in Proxy::value_variants() {
            for (file, _) in proxy.files() {
                for host in ["127.0.0.1:8080", "app.example.com", "app.example.com:8443"] {
                    for rest in ["password", "header", "header --over http"] {
                        let line = format!(
                            "{} --file {file} --host {host} --first-factor {rest}",
                            proxy.name()
                        );
                        let text = printed(&line).unwrap();
                        let left = text.lines().find(|line| {
                            line.starts_with("[p")
                                || line.starts_with("[h")
                                || line.starts_with("[t")
                                || line.starts_with("[g")
                        });
                        assert_eq!(left, None, "{line}");
                        // What is left of the form @name@ is nginx' named location and YAML's @type alone.
                        let mut odd = text.split('@').skip(1).step_by(2);
                        assert!(
                            odd.all(|name| name.contains(['"', ' ', ';'])),
                            "{line}:\n{text}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_means_something_else_in_a_configuration_is_refused() {
        for (line, expected) in [
            ("nginx --host *.example.com", "is not a host"),
            ("nginx --host http://app.example.com", "plain HTTP"),
            ("nginx --application 127.0.0.1:80/x", "--application"),
            ("nginx --cofactor 127.0.0.1:x", "--cofactor"),
            ("nginx --users /etc/a;b", "--users"),
            ("nginx --file Caddyfile", "nginx.conf, cofactor.toml"),
            ("nginx --from 10.0.0.5/99", "--from"),
            ("nginx --user-header a{b", "--user-header"),
            ("nginx --user-header a$b", "--user-header"),
            ("nginx --secret-file /nowhere/at/all", "--secret-file"),
            ("apache", "apache"),
        ] {
            let error = printed(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
