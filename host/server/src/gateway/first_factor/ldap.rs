//! Who the user is, by name and password that a directory accepts: for operators who have no first factor in front.
//!
//! The user's name reaches the directory in canonical form and escaped, in a distinguished name (RFC 4514) or in a filter
//! (RFC 4515). An empty password is never sent: to a directory it is no password but a bind of nobody, which succeeds
//! (RFC 4513 section 5.1.2). Passwords cross the network inside TLS only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, SearchOptions, dn_escape,
    ldap_escape,
};
use rustls::ClientConfig;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::{Host, Url};

use super::basic::Basic;
use super::tries::Tries;
use super::{Identity, IdentityError, trust};
use crate::config::Secret;
use crate::names::{CanonicalName, Names};

/// What stands for the user's name in a pattern.
const PLACE: &str = "{user}";
/// Results of a bind that are about the user and the password (RFC 4511 appendix A): all of them are "no".
const REFUSALS: [u32; 7] = [19, 32, 34, 48, 49, 50, 53];

/// `[gateway.ldap]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LdapSection {
    /// The directory: `ldaps://host`, or `ldap://host` with `starttls`. In the clear on this machine only.
    pub url: String,
    /// Whether a connection to `ldap://` begins with StartTLS.
    #[serde(default)]
    pub starttls: bool,
    /// A PEM file with the authorities that may vouch for it. Absent: those of the system.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// The distinguished name of a user, `{user}` in the place of the name. Give this or `[gateway.ldap.search]`.
    #[serde(default)]
    pub bind_dn: Option<String>,
    /// How a user's distinguished name is found.
    #[serde(default)]
    pub search: Option<SearchSection>,
    /// What a browser shows when it asks for the password: 1 to 64 characters. Absent: `Sign in`.
    #[serde(default = "sign_in")]
    pub realm: String,
    /// How long the directory may take: 1 to 30 seconds. Absent: 5.
    #[serde(default = "five")]
    pub timeout_seconds: u64,
    /// How many connections there may be at once: 1 to 64. Absent: 8.
    #[serde(default = "eight")]
    pub connections: u32,
    /// How long a password that was right is known to be: at most 600 seconds, 0 for not at all. Absent: 60.
    #[serde(default = "sixty")]
    pub cache_seconds: u64,
    /// How many wrong passwords a minute are taken from one address: 1 to 10,000. Absent: 20.
    #[serde(default = "twenty")]
    pub failures_per_minute: u32,
}

/// `[gateway.ldap.search]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SearchSection {
    /// Where users are.
    pub base: String,
    /// Which of the entries below is the user's, `{user}` in the place of the name.
    pub filter: String,
    /// The attribute that is the user's name: what was typed may be another of theirs. Absent: `uid`.
    #[serde(default = "uid")]
    pub name_attribute: String,
    /// As whom the directory is searched.
    pub dn: String,
    /// The password for that. Give this or `password-file`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// A file whose first line is that password; only its owner may read it.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
}

fn sign_in() -> String {
    "Sign in".to_owned()
}

fn five() -> u64 {
    5
}

fn eight() -> u32 {
    8
}

fn sixty() -> u64 {
    60
}

fn twenty() -> u32 {
    20
}

fn uid() -> String {
    "uid".to_owned()
}

/// A directory that knows users and their passwords.
#[derive(Debug)]
pub struct Directory {
    url: Url,
    starttls: bool,
    tls: Option<Arc<ClientConfig>>,
    lookup: Lookup,
    challenge: HeaderValue,
    patience: Duration,
    connections: Semaphore,
    tries: Tries,
}

/// How a name becomes a distinguished one.
#[derive(Debug)]
enum Lookup {
    Pattern(String),
    Search {
        base: String,
        filter: String,
        attribute: String,
        dn: String,
        password: Secret,
    },
}

impl Directory {
    /// Checks the table. `folder` is what relative paths start at.
    ///
    /// # Errors
    /// The key that is wrong, a colon, and what is expected.
    pub fn new(section: &LdapSection, folder: &Path) -> Result<Self, String> {
        let said = |key: &str, problem: String| format!("ldap.{key}: {problem}");
        let url = address(section).map_err(|problem| said("url", problem))?;
        let tls = if url.scheme() == "ldaps" || section.starttls {
            let ca = section.ca.as_ref().map(|file| folder.join(file));
            Some(trust::client(ca.as_deref()).map_err(|problem| said("ca", problem))?)
        } else {
            None
        };
        for (key, value, least, most) in [
            ("timeout-seconds", section.timeout_seconds, 1, 30),
            ("connections", section.connections.into(), 1, 64),
            ("cache-seconds", section.cache_seconds, 0, 600),
            (
                "failures-per-minute",
                section.failures_per_minute.into(),
                1,
                10_000,
            ),
        ] {
            if !(least..=most).contains(&value) {
                return Err(said(key, format!("expected {least} to {most}")));
            }
        }
        Ok(Self {
            lookup: lookup(section, folder)?,
            challenge: challenge(&section.realm).map_err(|problem| said("realm", problem))?,
            starttls: section.starttls,
            url,
            tls,
            patience: Duration::from_secs(section.timeout_seconds),
            connections: Semaphore::new(section.connections as usize),
            tries: Tries::new(
                section.cache_seconds.saturating_mul(1_000),
                section.failures_per_minute,
            )?,
        })
    }

    /// What a client without a password is asked for.
    pub(super) fn challenge(&self) -> HeaderValue {
        self.challenge.clone()
    }

    /// Whose name and password the request came with; none where it came with none.
    ///
    /// # Errors
    /// Where they are not accepted, or nobody can say.
    pub async fn identify(
        &self,
        names: &Names,
        headers: &HeaderMap,
        source: Option<&str>,
        now: u64,
    ) -> Result<Option<Identity>, IdentityError> {
        const WRONG: IdentityError = IdentityError::Refused("the directory does not accept it");
        let Some(basic) = Basic::of(headers)? else {
            return Ok(None);
        };
        let user = names.canonical(&basic.user)?;
        if basic.password.is_empty() {
            return Err(IdentityError::Refused("the password is empty"));
        }
        let credential = self.tries.credential(user.as_str(), &basic.password);
        let known = || self.tries.known(credential.as_ref()?, now);
        if let Some(known) = known() {
            return known.map(Some).ok_or(WRONG);
        }
        let unavailable = IdentityError::Unavailable;
        let _one = timeout(self.patience, self.connections.acquire())
            .await
            .map_err(|_| unavailable("too many passwords are being checked"))?
            .map_err(|_| unavailable("the host is stopping"))?;
        // Another request of the same page has asked meanwhile.
        if let Some(known) = known() {
            return known.map(Some).ok_or(WRONG);
        }
        let source: Option<IpAddr> = source.and_then(|text| text.parse().ok());
        if !self.tries.take(source, now) {
            return Err(IdentityError::Throttled);
        }
        let answer = timeout(self.patience, self.ask(names, &user, &basic.password)).await;
        let answer = answer.unwrap_or_else(|_| Err("the directory does not answer".to_owned()));
        if !matches!(answer, Ok(None)) {
            self.tries.give_back(source);
        }
        let identity = answer.map_err(|error| {
            tracing::error!(directory = %self.url, error, "a password cannot be checked");
            unavailable("the directory has no answer")
        })?;
        if let Some(credential) = credential {
            self.tries.keep(credential, identity.clone(), now);
        }
        identity.map(Some).ok_or(WRONG)
    }

    /// Whose they are: none where the directory says that they are nobody's.
    async fn ask(
        &self,
        names: &Names,
        user: &CanonicalName,
        password: &str,
    ) -> Result<Option<Identity>, String> {
        match &self.lookup {
            Lookup::Pattern(pattern) => {
                // A directory compares what is not ASCII by rules of its own (RFC 4518), which take `strasse` and `straße`
                // for one name. Two names of one person are two accounts, and the second has no factor yet.
                if !user.as_str().is_ascii() {
                    return Ok(None);
                }
                let dn = pattern.replace(PLACE, &dn_escape(user.as_str()));
                let mut connection = self.connect().await?;
                let accepted = binds(&mut connection, &dn, password).await?;
                let _ = connection.unbind().await;
                Ok(accepted.then(|| Identity::of(user.clone())))
            }
            Lookup::Search { .. } => {
                let mut connection = self.connect().await?;
                let identity = self.search(&mut connection, names, user, password).await;
                let _ = connection.unbind().await;
                identity
            }
        }
    }

    async fn search(
        &self,
        connection: &mut Ldap,
        names: &Names,
        user: &CanonicalName,
        password: &str,
    ) -> Result<Option<Identity>, String> {
        let Lookup::Search {
            base,
            filter,
            attribute,
            dn,
            password: own,
        } = &self.lookup
        else {
            return Ok(None);
        };
        let own = std::str::from_utf8(own.as_bytes()).map_err(|error| error.to_string())?;
        if !binds(connection, dn, own).await? {
            return Err(format!(
                "the directory does not accept the password of {dn}"
            ));
        }
        let filter = filter.replace(PLACE, &ldap_escape(user.as_str()));
        let found = connection
            .with_search_options(SearchOptions::new().sizelimit(2))
            .search(
                base,
                Scope::Subtree,
                &filter,
                [attribute.as_str()].as_slice(),
            )
            .await
            .map_err(plain)?;
        let code = found.1.rc;
        let mut entries: Vec<SearchEntry> = found
            .0
            .into_iter()
            .filter(|entry| !entry.is_ref())
            .map(SearchEntry::construct)
            .collect();
        // Exceeding the limit of two (4) and there being no such base (32) are answers as well.
        if !matches!(code, 0 | 4 | 32) {
            return Err(format!("the directory's search ended with result {code}"));
        }
        let entry = match (entries.pop(), entries.is_empty()) {
            (Some(entry), true) if !entry.dn.is_empty() && code == 0 => entry,
            (None, _) => {
                // It takes as long as for a user who is there, and is refused: this entry is nobody.
                binds(connection, base, password).await?;
                return Ok(None);
            }
            _ => {
                tracing::warn!(
                    user = user.as_str(),
                    "the directory has several entries of a user"
                );
                return Ok(None);
            }
        };
        let name = entry
            .attrs
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(attribute))
            .map(|(_, values)| values.as_slice());
        // Two names of one person are two accounts, and the second has no factor yet.
        let Some([name]) = name else {
            tracing::warn!(
                user = user.as_str(),
                attribute,
                "the directory's entry of a user does not have exactly one name"
            );
            return Ok(None);
        };
        let Ok(name) = names.canonical(name.as_bytes()) else {
            tracing::warn!(
                user = user.as_str(),
                "the name in the directory is no user name"
            );
            return Ok(None);
        };
        let accepted = binds(connection, &entry.dn, password).await?;
        Ok(accepted.then(|| Identity::of(name)))
    }

    async fn connect(&self) -> Result<Ldap, String> {
        let mut settings = LdapConnSettings::new()
            .set_conn_timeout(self.patience)
            .set_starttls(self.starttls);
        if let Some(tls) = &self.tls {
            settings = settings.set_config(Arc::clone(tls));
        }
        let (connection, ldap) = LdapConnAsync::from_url_with_settings(settings, &self.url)
            .await
            .map_err(plain)?;
        // It ends when the other half is dropped.
        tokio::spawn(connection.drive());
        Ok(ldap)
    }
}

/// Whether the directory accepts a name and a password, which is not empty.
async fn binds(connection: &mut Ldap, dn: &str, password: &str) -> Result<bool, String> {
    if dn.is_empty() || password.is_empty() {
        return Ok(false);
    }
    let code = connection
        .simple_bind(dn, password)
        .await
        .map_err(plain)?
        .rc;
    match code {
        0 => Ok(true),
        _ if REFUSALS.contains(&code) => {
            tracing::debug!(code, "the directory refused a bind");
            Ok(false)
        }
        _ => Err(format!("the directory's bind ended with result {code}")),
    }
}

fn plain(error: LdapError) -> String {
    error.to_string()
}

/// An address at which no password crosses a network in the clear.
fn address(section: &LdapSection) -> Result<Url, String> {
    let text = &section.url;
    let url = Url::parse(text).map_err(|error| format!("`{text}`: {error}"))?;
    let host = url.host().ok_or(format!("`{text}` has no host"))?;
    if !matches!(url.path(), "" | "/") || url.query().is_some() || !url.username().is_empty() {
        return Err(format!(
            "`{text}`: expected scheme, host and perhaps a port, such as ldaps://ldap.example.com"
        ));
    }
    // To a scheme that the URL standard does not know, an address is a name like any other.
    let here = match &host {
        Host::Domain(name) => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse::<Ipv4Addr>().is_ok_and(|it| it.is_loopback())
        }
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => *address == Ipv6Addr::LOCALHOST,
    };
    match (url.scheme(), section.starttls) {
        ("ldaps", false) | ("ldap", true) => Ok(url),
        ("ldap", false) if here => Ok(url),
        ("ldaps", true) => Err("`ldaps` is TLS from its beginning: leave starttls out".to_owned()),
        ("ldap", false) => Err(format!(
            "`{text}` would send passwords over the network in the clear: set starttls = true, or use ldaps"
        )),
        _ => Err(format!("`{text}`: expected ldaps://host or ldap://host")),
    }
}

fn lookup(section: &LdapSection, folder: &Path) -> Result<Lookup, String> {
    match (&section.bind_dn, &section.search) {
        (Some(pattern), None) => {
            if pattern.matches(PLACE).count() != 1 {
                return Err(format!(
                    "ldap.bind-dn: expected {PLACE} once, as in uid={PLACE},ou=people,dc=example,dc=org"
                ));
            }
            Ok(Lookup::Pattern(pattern.clone()))
        }
        (None, Some(search)) => {
            if !search.filter.contains(PLACE) || !search.filter.starts_with('(') {
                return Err(format!(
                    "ldap.search.filter: expected a filter with {PLACE}, as in (&(objectClass=person)(uid={PLACE}))"
                ));
            }
            if ldap3::parse_filter(search.filter.replace(PLACE, "x")).is_err() {
                return Err("ldap.search.filter: is no filter (RFC 4515)".to_owned());
            }
            for (key, text) in [
                ("base", &search.base),
                ("dn", &search.dn),
                ("name-attribute", &search.name_attribute),
            ] {
                if text.is_empty() {
                    return Err(format!("ldap.search.{key}: is empty"));
                }
            }
            let password = match (&search.password, &search.password_file) {
                (Some(password), None) => password.clone(),
                (None, Some(file)) => Secret::from_file(&folder.join(file))
                    .map_err(|problem| format!("ldap.search.password-file: {problem}"))?,
                _ => {
                    return Err(
                        "ldap.search.password-file: expected one of password-file and password"
                            .to_owned(),
                    );
                }
            };
            if password.as_bytes().is_empty() {
                return Err("ldap.search.password-file: the password is empty".to_owned());
            }
            Ok(Lookup::Search {
                base: search.base.clone(),
                filter: search.filter.clone(),
                attribute: search.name_attribute.clone(),
                dn: search.dn.clone(),
                password,
            })
        }
        _ => Err("ldap.bind-dn: expected bind-dn, or the table [gateway.ldap.search]".to_owned()),
    }
}

fn challenge(realm: &str) -> Result<HeaderValue, String> {
    let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && c != '"' && c != '\\';
    if !(1..=64).contains(&realm.len()) || !realm.chars().all(plain) {
        return Err("expected 1 to 64 characters of ASCII without quotation marks".to_owned());
    }
    HeaderValue::try_from(format!("Basic realm=\"{realm}\", charset=\"UTF-8\""))
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
