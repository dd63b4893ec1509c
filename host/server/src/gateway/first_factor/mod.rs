//! The first factor: who says whom a request is of. One for each gateway.
//!
//! | module | who the user is |
//! |---|---|
//! | (here) | what the gateway writes into `X-Cofactor-User` |
//! | [`jwt`], [`jwks`], [`json`] | what a signed token says that the proxy passes on |
//! | [`certificate`], [`distinguished_name`] | what the client's certificate says that the proxy has verified |
//! | [`ldap`], [`basic`], [`tries`] | whom a directory accepts with the password of HTTP Basic |
//! | [`trust`] | whose word is taken for the name of a server that the host itself connects to |
//!
//! Whatever says it, the name is canonical before anything is looked up or counted, and who cannot be told is nobody.

pub mod basic;
pub mod certificate;
pub mod distinguished_name;
pub mod json;
pub mod jwks;
pub mod jwt;
pub mod keys;
pub mod ldap;
pub mod tries;
pub mod trust;

use std::path::Path;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use crate::names::{CanonicalName, NameError, Names};
use certificate::{ClientCertificate, ClientCertificateSection};
use jwt::{Jwt, JwtSection};
use ldap::{Directory, LdapSection};

/// Whom the first factor accepted, where the gateway says it itself.
pub static USER: HeaderName = HeaderName::from_static("x-cofactor-user");

/// Which first factor a gateway stands behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The gateway has done it, and writes the name into `X-Cofactor-User`.
    #[default]
    Header,
    /// A token that the proxy passes on: `[gateway.jwt]`.
    Jwt,
    /// A client certificate that the proxy has verified: `[gateway.client-certificate]`.
    ClientCertificate,
    /// HTTP Basic, checked by a directory: `[gateway.ldap]`.
    Ldap,
}

/// How a gateway's users are told, checked.
#[derive(Debug, Default)]
pub enum FirstFactor {
    /// By `X-Cofactor-User`.
    #[default]
    Header,
    /// By a token.
    Jwt(Jwt),
    /// By a client certificate.
    ClientCertificate(ClientCertificate),
    /// By name and password.
    Ldap(Directory),
}

/// Whom the first factor accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: CanonicalName,
    /// The groups that the first factor vouches for: at most 64, each 1 to 128 octets.
    pub groups: Vec<String>,
}

impl Identity {
    /// A user of whom no groups are known.
    #[must_use]
    pub fn of(user: CanonicalName) -> Self {
        Self {
            user,
            groups: Vec::new(),
        }
    }
}

/// Why a request has no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// A header that may be there once is there twice.
    #[error("a header of the first factor is given twice")]
    Twice,
    /// The name is no user name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The credential is not accepted: whoever sends it may try another one. For the log, never for the client.
    #[error("the first factor is not accepted: {0}")]
    Refused(&'static str),
    /// Too many wrong passwords came from there.
    #[error("too many wrong passwords from this address: it has to wait")]
    Throttled,
    /// Nobody can say now; whoever found out has logged why.
    #[error("the first factor cannot be checked now: {0}")]
    Unavailable(&'static str),
}

impl FirstFactor {
    /// Checks what a `[[gateway]]` says of it. `folder` is what relative paths start at.
    ///
    /// # Errors
    /// The key that is wrong, a colon, and what is expected.
    pub fn new(
        kind: Kind,
        jwt: Option<&JwtSection>,
        client_certificate: Option<&ClientCertificateSection>,
        ldap: Option<&LdapSection>,
        folder: &Path,
    ) -> Result<Self, String> {
        for (given, of, key) in [
            (jwt.is_some(), Kind::Jwt, "jwt"),
            (
                client_certificate.is_some(),
                Kind::ClientCertificate,
                "client-certificate",
            ),
            (ldap.is_some(), Kind::Ldap, "ldap"),
        ] {
            if given && kind != of {
                return Err(format!(
                    "{key}: is not used: set first-factor = \"{key}\" as well, or leave the table out"
                ));
            }
            if !given && kind == of {
                return Err(format!(
                    "first-factor: \"{key}\" needs the table [gateway.{key}]"
                ));
            }
        }
        Ok(match (jwt, client_certificate, ldap) {
            (Some(section), _, _) => Self::Jwt(Jwt::new(section, folder)?),
            (_, Some(section), _) => Self::ClientCertificate(ClientCertificate::new(section)?),
            (_, _, Some(section)) => Self::Ldap(Directory::new(section, folder)?),
            (None, None, None) => Self::Header,
        })
    }

    /// Whom a request of this gateway is of; none where it names nobody. `now` is in milliseconds since the epoch,
    /// `source` is where the client is.
    ///
    /// # Errors
    /// Where what it says is not accepted: nobody is let in on any of them.
    pub async fn identify(
        &self,
        names: &Names,
        headers: &HeaderMap,
        source: Option<&str>,
        now: u64,
    ) -> Result<Option<Identity>, IdentityError> {
        match self {
            Self::Header => match single(headers, &USER)? {
                None | Some(b"") => Ok(None),
                Some(raw) => Ok(Some(Identity::of(names.canonical(raw)?))),
            },
            Self::Jwt(jwt) => jwt.identify(names, headers, now).await,
            Self::ClientCertificate(certificate) => certificate.identify(names, headers),
            Self::Ldap(directory) => directory.identify(names, headers, source, now).await,
        }
    }

    /// Looks after what it has from elsewhere. `now` is in milliseconds since the epoch.
    pub async fn refresh(&self, now: u64) {
        if let Self::Jwt(jwt) = self {
            jwt.refresh(now).await;
        }
    }

    /// What a client without a first factor is asked for (RFC 9110 section 11.6.1); none where the gateway asks.
    #[must_use]
    pub fn challenge(&self) -> Option<HeaderValue> {
        match self {
            Self::Header | Self::ClientCertificate(_) => None,
            Self::Jwt(jwt) => jwt.challenge(),
            Self::Ldap(directory) => Some(directory.challenge()),
        }
    }
}

/// A header that may be there once. Twice, nobody knows which of them the sender meant.
pub(super) fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a [u8]>, IdentityError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(IdentityError::Twice);
    }
    Ok(first.map(|value| value.as_bytes()))
}

/// The name of a header as the configuration has it.
fn header_name(key: &str, text: &str) -> Result<HeaderName, String> {
    let name = HeaderName::try_from(text)
        .map_err(|_| format!("{key}: `{}` is no header name", text.escape_debug()))?;
    // The client's own headers of these names reach the host, or mean something else already.
    if ["cookie", "host", "x-cofactor-secret", "x-forwarded-for"].contains(&name.as_str()) {
        return Err(format!("{key}: `{name}` has another meaning"));
    }
    Ok(name)
}

/// Groups as the contract takes them. Those of nobody are none; too many are refused, as a rule for the last of them would
/// not be followed.
fn groups(found: Vec<String>) -> Result<Vec<String>, IdentityError> {
    if found.len() > 64 || found.iter().any(|it| !(1..=128).contains(&it.len())) {
        return Err(IdentityError::Refused(
            "more than 64 groups, or one that is not 1 to 128 octets long",
        ));
    }
    Ok(found)
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

    fn choose(text: &str) -> Result<FirstFactor, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Tables {
            #[serde(default)]
            first_factor: Kind,
            jwt: Option<JwtSection>,
            client_certificate: Option<ClientCertificateSection>,
            ldap: Option<LdapSection>,
        }
        let tables: Tables = toml::from_str(text).map_err(|error| error.to_string())?;
        FirstFactor::new(
            tables.first_factor,
            tables.jwt.as_ref(),
            tables.client_certificate.as_ref(),
            tables.ldap.as_ref(),
            Path::new("."),
        )
    }

    #[test]
    fn a_first_factor_and_its_table_go_together() {
        assert!(matches!(choose(""), Ok(FirstFactor::Header)));
        for (text, said) in [
            ("first-factor = 'jwt'", "needs the table [gateway.jwt]"),
            ("first-factor = 'ldap'", "needs the table [gateway.ldap]"),
            (
                "first-factor = 'client-certificate'",
                "needs the table [gateway.client-certificate]",
            ),
            (
                "[client-certificate]\nheader = 'X-Dn'\nproxy-verifies = true",
                "is not used",
            ),
            ("first-factor = 'password'", "unknown variant"),
        ] {
            let error = choose(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[tokio::test]
    async fn fa_02_the_gateways_header_is_read_once_and_made_canonical() {
        let identify = async |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(&USER, HeaderValue::from_bytes(value).unwrap());
            }
            FirstFactor::Header
                .identify(&Names::default(), &headers, None, 0)
                .await
                .map(|identity| identity.map(|it| it.user.to_string()))
        };
        assert_eq!(identify(&[]).await, Ok(None));
        assert_eq!(identify(&[b""]).await, Ok(None));
        assert_eq!(identify(&[b"ALICE "]).await, Ok(Some("alice".into())));
        assert_eq!(
            identify(&[b"alice", b"bob"]).await,
            Err(IdentityError::Twice)
        );
        assert_eq!(
            identify(&[b"al ice"]).await,
            Err(NameError::Character.into())
        );
    }
}
