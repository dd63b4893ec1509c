//! Who asks: a gateway that proves itself, and what it says of the client.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::address::{Prefixes, client_address};
use super::config::{Gateway, Gateways};
use crate::names::{CanonicalName, NameError};

/// The gateway's shared secret.
pub static SECRET: HeaderName = HeaderName::from_static("x-cofactor-secret");
/// Whom the first factor accepted; written by the gateway.
pub static USER: HeaderName = HeaderName::from_static("x-cofactor-user");
/// Where the client came from; believed of trusted proxies only.
pub static FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A gateway that proved itself, and the client behind it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Which gateway.
    pub gateway: Arc<Gateway>,
    /// The client's address in canonical text. Absent is never trusted.
    pub address: Option<String>,
}

/// Why a request is not a gateway's, or cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallerError {
    /// The connection does not come from a gateway's address, or the secret is none of theirs.
    #[error("the connection's address and secret are no gateway's")]
    Stranger,
    /// The gateway is configured as one of another kind.
    #[error("the gateway's kind in the configuration is another one")]
    Kind,
    /// A header that the gateway has to write is missing, twice there, or unreadable.
    #[error("header {0} is missing, given twice, or cannot be read")]
    Header(&'static str),
    /// The site is none of the gateway's.
    #[error("the site is not in the gateway's hosts")]
    Site,
    /// The path can be read in two ways.
    #[error("the path can be read in two ways")]
    Path,
    /// The first factor's user name is none.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl Caller {
    /// Recognises the gateway by the connection's address and by the secret.
    ///
    /// # Errors
    /// [`CallerError::Stranger`], whichever of both is wrong.
    pub fn of(gateways: &Gateways, parts: &Parts) -> Result<Self, CallerError> {
        let peer = peer(parts);
        let secret = single(&parts.headers, &SECRET)?.ok_or(CallerError::Stranger)?;
        let digest = Gateway::digest(secret);
        let gateway = gateways
            .all
            .iter()
            .fold(None, |found, gateway| {
                if gateway.holds(&digest) {
                    Some(gateway)
                } else {
                    found
                }
            })
            .filter(|gateway| gateway.connects_from(peer))
            .ok_or(CallerError::Stranger)?;
        Ok(Self {
            gateway: Arc::clone(gateway),
            address: client(parts, &gateway.trusted),
        })
    }

    /// The user whom the first factor accepted; none where the gateway names none.
    ///
    /// # Errors
    /// Where the name is no user name.
    pub fn user(
        &self,
        gateways: &Gateways,
        headers: &HeaderMap,
    ) -> Result<Option<CanonicalName>, CallerError> {
        match single(headers, &USER)? {
            None | Some(b"") => Ok(None),
            Some(raw) => Ok(Some(gateways.names.canonical(raw)?)),
        }
    }
}

/// The address that a connection comes from; none for the Unix socket, whose connections have no address.
#[must_use]
pub fn peer(parts: &Parts) -> Option<IpAddr> {
    parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|peer| peer.0.ip())
}

/// The client's address in canonical text, as far as proxies are believed; absent is never trusted.
#[must_use]
pub fn client(parts: &Parts, trusted: &Prefixes) -> Option<String> {
    let forwarded: Vec<&[u8]> = parts
        .headers
        .get_all(&FORWARDED)
        .iter()
        .map(|value| value.as_bytes())
        .collect();
    client_address(peer(parts), &forwarded, trusted).map(|address| address.to_string())
}

/// A header that may be there once. Twice, nobody knows which of them the sender meant.
///
/// # Errors
/// [`CallerError::Header`] where it is given twice.
pub(super) fn single<'a>(
    headers: &'a HeaderMap,
    name: &'static HeaderName,
) -> Result<Option<&'a [u8]>, CallerError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    match values.next() {
        Some(_) => Err(CallerError::Header(name.as_str())),
        None => Ok(first.map(|value| value.as_bytes())),
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
    use std::path::Path;

    use axum::http::Request;

    use super::*;
    use crate::names::Names;

    fn gateways() -> Gateways {
        let text = r#"
            [[gateway]]
            name = "one"
            peers = ["192.0.2.1/32"]
            secret = "first-secret-of-all"
            hosts = ["a.example"]
            application = "wiki"
            [[gateway]]
            name = "two"
            peers = ["192.0.2.2/32"]
            secret = "second-secret-of-all"
            hosts = ["b.example"]
            application = "shop"
        "#;
        let mut table: toml::Table = toml::from_str(text).unwrap();
        let sections: Vec<_> = table.remove("gateway").unwrap().try_into().unwrap();
        Gateways::new(&sections, Names::default(), Path::new(".")).unwrap()
    }

    fn parts(peer: Option<&str>, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        if let Some(peer) = peer {
            parts
                .extensions
                .insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        }
        parts
    }

    #[test]
    fn a_gateway_needs_its_address_and_its_secret() {
        let gateways = gateways();
        let (first, second) = ("first-secret-of-all", "second-secret-of-all");
        for (peer, secret, expected) in [
            (Some("192.0.2.1"), Some(first), Some("one")),
            (Some("192.0.2.2"), Some(second), Some("two")),
            (Some("::ffff:192.0.2.2"), Some(second), Some("two")),
            (Some("192.0.2.1"), Some(second), None),
            (Some("192.0.2.3"), Some(first), None),
            (Some("192.0.2.1"), Some("wrong"), None),
            (Some("192.0.2.1"), Some(""), None),
            (Some("192.0.2.1"), None, None),
            (None, Some(first), None),
        ] {
            let headers: Vec<_> = secret
                .iter()
                .map(|secret| ("X-Cofactor-Secret", *secret))
                .collect();
            let caller = Caller::of(&gateways, &parts(peer, &headers));
            assert_eq!(
                caller
                    .ok()
                    .map(|caller| caller.gateway.name.clone())
                    .as_deref(),
                expected,
                "{peer:?} {secret:?}"
            );
        }
        let twice = [("X-Cofactor-Secret", first), ("X-Cofactor-Secret", first)];
        assert!(Caller::of(&gateways, &parts(Some("192.0.2.1"), &twice)).is_err());
    }

    #[test]
    fn whom_the_first_factor_accepted() {
        let gateways = gateways();
        let read = |headers: &[(&str, &str)]| {
            let mut all = vec![("X-Cofactor-Secret", "first-secret-of-all")];
            all.extend_from_slice(headers);
            let parts = parts(Some("192.0.2.1"), &all);
            let caller = Caller::of(&gateways, &parts).unwrap();
            let user = caller.user(&gateways, &parts.headers)?;
            Ok::<_, CallerError>(user.map(|user| user.as_str().to_owned()))
        };
        let user = ("X-Cofactor-User", "Alice");
        assert_eq!(read(&[user]), Ok(Some("alice".into())));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("X-Cofactor-User", "")]), Ok(None));
        assert_eq!(
            read(&[user, user]),
            Err(CallerError::Header("x-cofactor-user"))
        );
        assert_eq!(
            read(&[("X-Cofactor-User", "al ice")]),
            Err(CallerError::Name(NameError::Character))
        );
    }
}
