//! `[[gateway]]`: who may ask, for which sites, and whose users they are.

mod gateways;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use cofactor_runtime::store::Name;
use serde::Deserialize;

use super::address::Prefixes;
use super::credential::Credential;
use super::first_factor::certificate::ClientCertificateSection;
use super::first_factor::jwt::JwtSection;
use super::first_factor::ldap::LdapSection;
use super::first_factor::{self, FirstFactor};
use super::site::{Address, Site};
use crate::certificate::Subject;
use crate::config::Secret;
use crate::names::CanonicalName;
pub use gateways::Gateways;

/// The reserved path of the portal on every guarded site, with both slashes.
pub const RESERVED: &str = "/.cofactor/";

/// One `[[gateway]]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GatewaySection {
    /// What logs and the audit call it. 1 to 64 letters, digits, `-`, `_` and `.`; unique.
    pub name: String,
    /// Which protocol it speaks.
    #[serde(default)]
    pub kind: Kind,
    /// Where its connections come from: address prefixes, and `unix` for the Unix socket of `listen.web`. Everybody
    /// (`0.0.0.0/0`) is refused.
    pub peers: Vec<String>,
    /// Proxies in front of the gateway that are believed in `X-Forwarded-For`, besides `peers`. Absent: none.
    #[serde(default)]
    pub proxies: Vec<String>,
    /// The shared secret that it sends in `X-Cofactor-Secret`: at least 16 octets. Give this or `secret-file`.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// A file whose first line is the shared secret, relative to the configuration file; only its owner may read it.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// The certificates by which it is known, any of them: `dns:NAME`, `uri:URI` or `sha256:DIGEST`. Beside a secret both
    /// are needed; without one, the certificate is enough. Absent: none is needed.
    #[serde(default)]
    pub certificates: Vec<Subject>,
    /// The sites that it guards, such as `app.example.com` or `app.example.com:8443`. They are HTTPS; on the machine itself
    /// (`127.0.0.1:8080`, `localhost`) plain HTTP is meant as well.
    pub hosts: Vec<String>,
    /// The application that policies are written for. 1 to 128 octets.
    pub application: String,
    /// Whose users they are. Absent: `default`.
    #[serde(default = "default_text")]
    pub tenant: String,
    /// Which first factor vouches for them: two of them may know different people by one name. Absent: `default`.
    #[serde(default = "default_text")]
    pub issuer: String,
    /// Where the pages are: `/.cofactor/`, a path on each guarded site, or the address of a site of its own, such as
    /// `https://mfa.example.com`. Absent: the path.
    #[serde(default = "default_portal")]
    pub portal: String,
    /// What to do with paths that can be read in two ways, such as `/a//b`, `/a;x` or `/a%2fb`. Absent: `refuse`.
    #[serde(default)]
    pub ambiguous_paths: AmbiguousPaths,
    /// How its users are told. Absent: `header`.
    #[serde(default)]
    pub first_factor: first_factor::Kind,
    /// For `first-factor = "jwt"`.
    #[serde(default)]
    pub jwt: Option<JwtSection>,
    /// For `first-factor = "client-certificate"`.
    #[serde(default)]
    pub client_certificate: Option<ClientCertificateSection>,
    /// For `first-factor = "ldap"`.
    #[serde(default)]
    pub ldap: Option<LdapSection>,
    /// What the sessions are called that it has in common with other gateways: 1 to 64 letters, digits, `-`, `_` and `.`.
    /// Absent: it has its own.
    #[serde(default)]
    pub sessions: Option<String>,
    /// Whether requests without a first factor may show an app password, by HTTP Basic: for programs that cannot ask for a
    /// second factor. Absent: no.
    #[serde(default)]
    pub app_passwords: bool,
}

/// Which protocol a gateway speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// nginx, by `auth_request`.
    #[default]
    Nginx,
    /// Caddy, by `forward_auth`.
    Caddy,
    /// Traefik, by `ForwardAuth`.
    Traefik,
    /// HAProxy, by a Lua action of our own.
    Haproxy,
    /// Envoy, by `ext_authz` over HTTP.
    Envoy,
    /// Envoy, by `ext_authz` over gRPC.
    EnvoyGrpc,
}

/// What to do with paths that can be read in two ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AmbiguousPaths {
    /// Answer 400, so that no application is asked in another way than it was judged.
    #[default]
    Refuse,
    /// Judge them like any other: for applications that need such paths, as GitLab's needs `%2F`. What protects parts
    /// of a site by path is then the application's own reading.
    Accept,
}

fn default_text() -> String {
    "default".to_owned()
}

fn default_portal() -> String {
    RESERVED.to_owned()
}

/// Where the pages are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Portal {
    /// Under the reserved path of the guarded site itself.
    Reserved,
    /// On a site of its own.
    Own(Site),
}

/// A gateway as the configuration has it, checked.
#[derive(Debug)]
pub struct Gateway {
    /// What logs and the audit call it.
    pub name: String,
    /// Which protocol it speaks.
    pub kind: Kind,
    /// The sites that it guards; at least one.
    pub sites: Vec<Site>,
    /// The application that policies are written for.
    pub application: String,
    /// Whose users they are.
    pub tenant: String,
    /// Which first factor vouches for them.
    pub issuer: String,
    /// Where the pages are.
    pub portal: Portal,
    /// What to do with paths that can be read in two ways.
    pub ambiguous_paths: AmbiguousPaths,
    /// How its users are told.
    pub first_factor: FirstFactor,
    /// Names the sessions that it opens: its own, or those of several gateways.
    pub sessions: String,
    /// Whether requests without a first factor may show an app password.
    pub app_passwords: bool,
    /// Where its connections come from.
    pub peers: Prefixes,
    /// Whether they may also come from the Unix socket.
    pub over_unix: bool,
    /// Who is believed in `X-Forwarded-For`.
    pub trusted: Prefixes,
    /// Those of them that are in front of the gateway itself.
    pub proxies: Prefixes,
    /// By what it proves that it is the gateway.
    pub credential: Credential,
}

impl Gateway {
    /// Checks one table. `folder` is what relative paths start at.
    ///
    /// # Errors
    /// The key that is wrong, what was found, and what is expected.
    pub fn new(section: &GatewaySection, folder: &Path) -> Result<Self, String> {
        let name = section.name.clone();
        let problem = |key: &str, what: String| format!("gateway `{name}`: {key}: {what}");
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(1..=64).contains(&name.len()) || !name.chars().all(plain) {
            return Err(problem(
                "name",
                "expected 1 to 64 letters, digits, `-`, `_` or `.`".into(),
            ));
        }
        for (key, text, longest) in [
            ("application", &section.application, 128),
            ("tenant", &section.tenant, 64),
            ("issuer", &section.issuer, 64),
        ] {
            if !(1..=longest).contains(&text.len()) || text.chars().any(char::is_control) {
                return Err(problem(
                    key,
                    format!("expected 1 to {longest} octets without control characters"),
                ));
            }
        }
        if let Some(sessions) = &section.sessions
            && (!(1..=64).contains(&sessions.len()) || !sessions.chars().all(plain))
        {
            return Err(problem(
                "sessions",
                "expected 1 to 64 letters, digits, `-`, `_` or `.`".into(),
            ));
        }
        let (unix, networks): (Vec<String>, Vec<String>) = section
            .peers
            .iter()
            .cloned()
            .partition(|peer| peer == "unix");
        let peers = Prefixes::parse(&networks).map_err(|error| problem("peers", error))?;
        let over_unix = !unix.is_empty();
        if peers.is_empty() && !over_unix {
            return Err(problem(
                "peers",
                "expected at least one address prefix, such as 127.0.0.1/32, or unix".into(),
            ));
        }
        let proxies =
            Prefixes::parse(&section.proxies).map_err(|error| problem("proxies", error))?;
        if section.app_passwords && section.first_factor == first_factor::Kind::Ldap {
            return Err(problem(
                "app-passwords",
                "do not go with first-factor = \"ldap\": both come by HTTP Basic, and the directory would see them; give programs a gateway of their own".into(),
            ));
        }
        let sites = section
            .hosts
            .iter()
            .map(|entry| Site::configured(entry))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| problem("hosts", error))?
            .concat();
        if sites.is_empty() {
            return Err(problem("hosts", "expected at least one host".into()));
        }
        // Cookies of such a site could not be `Secure`, and everybody on the way could take them (FA-13).
        if let Some(site) = sites
            .iter()
            .find(|site| !site.is_secure() && !site.is_loopback())
        {
            return Err(problem(
                "hosts",
                format!(
                    "`{site}` is plain HTTP, which only the machine itself may use: guard it over HTTPS"
                ),
            ));
        }
        Ok(Self {
            kind: section.kind,
            application: section.application.clone(),
            tenant: section.tenant.clone(),
            issuer: section.issuer.clone(),
            portal: portal(&section.portal).map_err(|error| problem("portal", error))?,
            ambiguous_paths: section.ambiguous_paths,
            first_factor: FirstFactor::new(
                section.first_factor,
                section.jwt.as_ref(),
                section.client_certificate.as_ref(),
                section.ldap.as_ref(),
                folder,
            )
            .map_err(|error| format!("gateway `{name}`: {error}"))?,
            // A colon is in no gateway's name: nobody's own sessions are another's.
            sessions: match &section.sessions {
                None => name.clone(),
                Some(shared) => format!("sessions:{shared}"),
            },
            app_passwords: section.app_passwords,
            trusted: peers.and(&proxies),
            proxies,
            peers,
            over_unix,
            credential: Credential::new(section, folder)
                .map_err(|error| problem("secret", error))?,
            sites,
            name,
        })
    }

    /// The name under which the store knows a user of this gateway.
    #[must_use]
    pub fn account(&self, user: &CanonicalName) -> Name {
        Name {
            tenant: self.tenant.clone(),
            issuer: self.issuer.clone(),
            user: user.as_str().to_owned(),
        }
    }

    /// Whether it connects from there; none is the Unix socket.
    #[must_use]
    pub fn connects_from(&self, peer: Option<IpAddr>) -> bool {
        peer.map_or(self.over_unix, |peer| self.peers.contain(peer))
    }

    /// Whether it guards this site.
    #[must_use]
    pub fn guards(&self, site: &Site) -> bool {
        self.sites.contains(site)
    }
}

fn portal(text: &str) -> Result<Portal, String> {
    if text == RESERVED {
        return Ok(Portal::Reserved);
    }
    match Address::parse(text) {
        Some(address)
            if address.target == "/"
                && (address.site.is_secure() || address.site.is_loopback()) =>
        {
            Ok(Portal::Own(address.site))
        }
        _ => Err(format!(
            "`{text}`: expected `{RESERVED}` or the address of a site, such as https://mfa.example.com"
        )),
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
    use super::*;

    pub(super) const GOOD: &str = r#"
        name = "nginx-1"
        peers = ["127.0.0.1/32"]
        secret = "0123456789abcdef"
        hosts = ["app.example.com", "127.0.0.1:8080"]
        application = "wiki"
    "#;

    fn read(text: &str) -> Result<Gateway, String> {
        let section: GatewaySection = toml::from_str(text).map_err(|error| error.to_string())?;
        Gateway::new(&section, Path::new("."))
    }

    #[test]
    fn a_table_with_nothing_but_what_it_needs() {
        let gateway = read(GOOD).unwrap();
        assert_eq!(gateway.sites.len(), 3);
        assert_eq!(
            (gateway.tenant.as_str(), gateway.issuer.as_str()),
            ("default", "default")
        );
        assert_eq!(gateway.portal, Portal::Reserved);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (from, to, expected) in [
            ("nginx-1", "", "name"),
            ("nginx-1", "a b", "name"),
            ("\"127.0.0.1/32\"", "", "peers"),
            ("127.0.0.1/32", "0.0.0.0/0", "everybody"),
            ("0123456789abcdef", "short", "shorter than 16"),
            ("0123456789abcdef", "with blanks in it", "visible"),
            ("\"app.example.com\", \"127.0.0.1:8080\"", "", "hosts"),
            ("app.example.com", "*.example.com", "is not a host"),
            ("app.example.com", "http://intranet", "plain HTTP"),
            ("app.example.com", "http://10.0.0.1:8080", "plain HTTP"),
            ("wiki", "", "application"),
            (
                "name =",
                "portal = \"http://mfa.example.com\"\nname =",
                "portal",
            ),
            (
                "name =",
                "portal = \"https://mfa.example.com/x\"\nname =",
                "portal",
            ),
            ("name =", "secret-file = \"x\"\nname =", "both given"),
            ("name =", "surprise = 1\nname =", "surprise"),
            ("name =", "first-factor = \"jwt\"\nname =", "[gateway.jwt]"),
            ("name =", "sessions = \"a b\"\nname =", "sessions"),
            ("name =", "sessions = \"\"\nname =", "sessions"),
        ] {
            let error = read(&GOOD.replace(from, to)).unwrap_err();
            assert!(error.contains(expected), "{from} -> {to}: {error}");
        }
    }
}
