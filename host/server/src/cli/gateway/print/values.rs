//! What stands in the place of each `@name@` in a proxy's files. Whatever an operator gives has to mean itself in each of
//! these languages, or is refused.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use super::{FirstFactor, Over, Print, Proxy};
use crate::gateway::cookie::Cookie;
use crate::gateway::identity_headers::{IDENTITY, REQUEST, TOLD, spellings};
use crate::gateway::site::Site;

/// What stands where the secret belongs, unless a file with it is given.
const NO_SECRET: &str = "change-me-to-a-long-random-text";

/// What Traefik writes itself, under these names alone: in other spellings it is the client's word.
const WRITTEN_BY_TRAEFIK: [&str; 6] = [
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Server",
    "X-Real-Ip",
];

impl Print {
    /// Every value, by its name.
    ///
    /// # Errors
    /// The option that is wrong, and what is expected.
    pub(super) fn values(&self, site: &Site) -> Result<Vec<(&'static str, String)>, String> {
        let (name, port) = divided(
            site.authority(),
            if site.is_secure() { "443" } else { "80" },
        );
        let address = if name == "localhost" {
            "127.0.0.1"
        } else {
            name
        };
        let application = upstream("--application", &self.application)?;
        let cofactor = upstream("--cofactor", &self.cofactor)?;
        let users = match &self.users {
            Some(path) => plain_path("--users", path)?,
            None => self.proxy.users().to_owned(),
        };
        let (application_address, application_port) = parts(&application);
        let (cofactor_address, cofactor_port) = parts(&cofactor);
        let (grpc_address, grpc_port) = parts(&upstream("--grpc", &self.grpc)?);
        let header = self.user_header.as_str();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !header.bytes().all(plain) {
            return Err("--user-header: expected letters, digits and - only".to_owned());
        }
        let certificate = plain_path("--certificate", &self.certificate)?;
        let mut values = self.proof(&cofactor_address)?;
        values.extend([
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
            ("userlist", self.user_list()?),
            ("users", users),
            ("from-address", self.from.addr().to_string()),
            ("from-length", self.from.prefix_len().to_string()),
            ("from", self.from.to_string()),
            ("user-variable", header.replace('-', "_")),
            ("user-header", header.to_owned()),
            ("stripped", self.stripped()),
            ("certificate", certificate),
        ]);
        Ok(values)
    }

    /// By what the proxy proves that it is the gateway, and how it knows Cofactor.
    fn proof(&self, cofactor: &str) -> Result<Vec<(&'static str, String)>, String> {
        let Some(certificate) = &self.client_certificate else {
            let secret = secret(self.secret_file.as_deref())?;
            return Ok(vec![("scheme", "http".to_owned()), ("secret", secret)]);
        };
        if self.proxy == Proxy::Haproxy && self.client_key.is_some() {
            return Err(
                "--client-key: HAProxy wants certificate and key in one file, --client-certificate"
                    .to_owned(),
            );
        }
        let key = self.client_key.as_ref().unwrap_or(certificate);
        let authority = self.authority.as_deref().unwrap_or(Path::new(""));
        let name = self.cofactor_name.as_deref().unwrap_or(cofactor);
        Ok(vec![
            ("scheme", "https".to_owned()),
            (
                "client-certificate",
                plain_path("--client-certificate", certificate)?,
            ),
            ("client-key", plain_path("--client-key", key)?),
            ("authority", plain_path("--authority", authority)?),
            ("cofactor-name", dns_name("--cofactor-name", name)?),
            ("proxy-name", dns_name("--proxy-name", &self.proxy_name)?),
        ])
    }

    /// The lines that take away what clients may not say, for proxies that know no patterns.
    fn stripped(&self) -> String {
        let names = IDENTITY.into_iter().chain(REQUEST);
        let lines: Vec<String> = match self.proxy {
            // nginx passes on no name with an underscore; what it tells itself it writes in the place of the client's.
            Proxy::Nginx => names
                .filter(|name| !TOLD.contains(name))
                .map(|name| format!("        proxy_set_header {name:<19} \"\";"))
                .collect(),
            Proxy::Traefik => names
                .chain(WRITTEN_BY_TRAEFIK)
                .map(|name| self.stripped_by_traefik(name))
                .collect(),
            Proxy::Envoy | Proxy::Caddy | Proxy::Haproxy => Vec::new(),
        };
        lines.join("\n")
    }

    fn stripped_by_traefik(&self, name: &str) -> String {
        let named = name == "X-Cofactor-User" && self.first_factor == FirstFactor::Header;
        let is_kept = named || WRITTEN_BY_TRAEFIK.contains(&name);
        let entries: Vec<String> = spellings(name)
            .iter()
            .skip(usize::from(is_kept))
            .map(|spelling| format!("{spelling}: \"\","))
            .collect();
        format!("          {}", entries.join(" "))
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
    pub(super) fn name(self) -> &'static str {
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
}

fn divided<'a>(authority: &'a str, port: &'a str) -> (&'a str, &'a str) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, port),
    }
}

fn parts(authority: &str) -> (String, String) {
    let (host, port) = divided(authority, "80");
    (host.to_owned(), port.to_owned())
}

/// Whether a host and port name the host, which has to be resolved then.
pub(super) fn is_by_name(authority: &str) -> bool {
    let (host, _) = divided(authority, "");
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_err()
}

fn upstream(option: &str, text: &str) -> Result<String, String> {
    Site::new(false, text)
        .map(|site| site.authority().to_owned())
        .ok_or_else(|| format!("{option}: `{text}` is not HOST:PORT"))
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

/// A name that stands in a certificate. Addresses are no such names: nginx and HAProxy compare none.
fn dns_name(option: &str, name: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    let is_address = !is_by_name(name);
    if name.is_empty() || is_address || !name.bytes().all(plain) {
        return Err(format!(
            "{option}: `{name}` is not a DNS name, as it stands in a certificate"
        ));
    }
    Ok(name.to_owned())
}

fn read(option: &str, path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{option}: {}: {error}", path.display()))
}
