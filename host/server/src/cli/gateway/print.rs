//! `cofactor gateway print`.
//!
//! | module | what it is |
//! |---|---|
//! | [`files`] | each proxy's files, and how lines are chosen from them |
//! | [`values`] | what stands in the place of each `@name@` in them |

mod files;
mod values;

use std::path::PathBuf;

use axum::http::HeaderName;
use clap::{Args, ValueEnum};
use ipnet::IpNet;

use super::super::{Exit, Failure, output};
use crate::gateway::site::Site;

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
  cofactor gateway print nginx --first-factor authorization
  cofactor gateway print caddy --cofactor cofactor.example.com:7080 --client-certificate /etc/caddy/gateway.pem \\
    --client-key /etc/caddy/gateway.key --authority /etc/caddy/cofactor-ca.pem

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
    #[arg(long, value_name = "FILE", conflicts_with = "client_certificate")]
    secret_file: Option<PathBuf>,
    /// What comes before the second factor: a password that the proxy asks for, a header of another proxy in front, or what
    /// clients send in Authorization, which Cofactor checks.
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
    /// The proxy's own certificate, in the place of a secret: the proxy then speaks TLS to Cofactor, and shows it. A file as the
    /// proxy reads it; with its key for HAProxy, and where --client-key is not given.
    #[arg(long, value_name = "FILE", requires = "authority")]
    client_certificate: Option<PathBuf>,
    /// The key of --client-certificate.
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    client_key: Option<PathBuf>,
    /// With --client-certificate: who signed Cofactor's certificate, as PEM.
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    authority: Option<PathBuf>,
    /// With --client-certificate: the DNS name in Cofactor's certificate. Absent: the host of --cofactor.
    #[arg(long, value_name = "NAME", requires = "client_certificate")]
    cofactor_name: Option<String>,
    /// With --client-certificate: the DNS name in it, by which the `[[gateway]]` knows the proxy.
    #[arg(long, value_name = "NAME", default_value = "gateway.example")]
    proxy_name: String,
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
    /// Cofactor checks what the client sends: a token, a directory's password, a program's password.
    Authorization,
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
            "header" => self.first_factor == FirstFactor::Header,
            "authorization" => self.first_factor == FirstFactor::Authorization,
            "named" => self.first_factor != FirstFactor::Authorization,
            "direct" => self.first_factor != FirstFactor::Header,
            "grpc" => self.over == Over::Grpc,
            "http" => self.over == Over::Http,
            "secret" => self.client_certificate.is_none(),
            "certificate" => self.client_certificate.is_some(),
            "application-by-name" => values::is_by_name(&self.application),
            "cofactor-by-name" => values::is_by_name(&self.cofactor),
            "grpc-by-name" => values::is_by_name(&self.grpc),
            _ => false,
        };
        Ok(files::fill(template, holds, &values))
    }
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
    use crate::gateway::identity_headers::{IDENTITY, REQUEST, spellings};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        print: Print,
    }

    const CERTIFICATE: &str =
        " --client-certificate /c.pem --authority /a.pem --cofactor-name cofactor.example.com";

    fn printed(line: &str) -> Result<String, String> {
        let line = Line::try_parse_from(std::iter::once("print").chain(line.split(' ')));
        line.map_err(|error| error.to_string())?.print.text()
    }

    #[test]
    fn every_file_is_complete_for_every_first_factor_and_scheme() {
        for proxy in Proxy::value_variants() {
            for (file, _) in proxy.files() {
                for host in ["127.0.0.1:8080", "app.example.com", "app.example.com:8443"] {
                    for rest in [
                        "password",
                        "header",
                        "header --over http",
                        "authorization",
                        "authorization --over http",
                    ] {
                        for proof in ["", CERTIFICATE] {
                            let line = format!(
                                "{} --file {file} --host {host} --first-factor {rest}{proof}",
                                proxy.name()
                            );
                            let text = printed(&line).unwrap();
                            let left = text.lines().find(|line| files::condition(line).is_some());
                            assert_eq!(left, None, "{line}");
                            // What is left of the form @name@ is nginx' named location, YAML's @type and a socket alone.
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
    }

    #[test]
    fn envoy_resolves_names_and_no_addresses() {
        let resolved = |line: &str| printed(line).unwrap().matches("STRICT_DNS").count();
        assert_eq!(resolved("envoy"), 0);
        assert_eq!(resolved("envoy --cofactor cofactor.example.com:7080"), 1);
        assert_eq!(resolved("envoy --grpc cofactor.example.com:7083"), 1);
        assert_eq!(resolved("envoy --application localhost:8081"), 1);
    }

    #[test]
    fn a_certificate_stands_in_the_place_of_the_secret() {
        for proxy in Proxy::value_variants() {
            for (file, _) in proxy.files() {
                let name = proxy.name();
                for over in ["grpc", "http"] {
                    let line = format!("{name} --over {over} --file {file}");
                    let without = printed(&line).unwrap();
                    let text = printed(&format!("{line}{CERTIFICATE}")).unwrap();
                    assert!(!text.contains("change-me"), "{line}");
                    assert!(!text.contains("secret-file"), "{line}");
                    assert!(!text.contains("http://cofactor/"), "{line}");
                    let asks = !matches!(*file, "cofactor.toml" | "traefik.yml" | "cofactor.lua");
                    assert_eq!(text.contains("/c.pem"), asks, "{line}");
                    assert_eq!(text.contains("/a.pem"), asks, "{line}");
                    assert!(!without.contains("cofactor.example.com"), "{line}");
                }
            }
            let table = printed(&format!(
                "{} --file cofactor.toml{CERTIFICATE}",
                proxy.name()
            ));
            assert!(
                table
                    .unwrap()
                    .contains("\ncertificates = [\"dns:gateway.example\"]\n")
            );
        }
    }

    #[test]
    fn fa_02_every_spelling_of_every_name_is_taken_away() {
        let nginx = printed("nginx").unwrap();
        let traefik = printed("traefik").unwrap();
        for name in IDENTITY.into_iter().chain(REQUEST) {
            assert!(
                nginx.contains(&format!("proxy_set_header {name} ")),
                "{name}"
            );
            for spelling in spellings(name) {
                assert!(
                    traefik.contains(&format!(" {spelling}: \"\",")),
                    "{spelling}"
                );
            }
        }
        // The proxy in front names the user so; no other spelling of it is its word.
        let behind = printed("traefik --first-factor header").unwrap();
        assert!(!behind.contains(" X-Cofactor-User: \"\","));
        assert!(behind.contains(" X-Cofactor_User: \"\","));
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
            ("nginx --client-certificate /c.pem", "--authority"),
            ("nginx --authority /a.pem", "--client-certificate"),
            (
                "nginx --client-certificate /c.pem --authority /a.pem",
                "is not a DNS name",
            ),
            (
                "nginx --client-certificate /c;d --authority /a.pem",
                "--client-certificate",
            ),
            (
                "nginx --client-certificate /c --authority /a --cofactor-name a;b",
                "--cofactor-name",
            ),
            (
                "nginx --secret-file /s --client-certificate /c --authority /a",
                "--secret-file",
            ),
            (
                "haproxy --client-certificate /c --client-key /k --authority /a",
                "in one file",
            ),
            ("apache", "apache"),
        ] {
            let error = printed(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
