//! Who asks: a gateway that proves itself, and what it says of the client.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::address::{Prefixes, client_address};
use super::config::{Gateway, Gateways};
use super::first_factor::{Identity, IdentityError};
use crate::certificate::ClientCertificate;

/// The gateway's shared secret.
pub static SECRET: HeaderName = HeaderName::from_static("x-cofactor-secret");
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
    /// The connection does not come from a gateway's address, or its secret or certificate is none of theirs.
    #[error("the connection's address, secret and certificate are no gateway's")]
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
    /// Who the user is cannot be told.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

impl Caller {
    /// Recognises the gateway by the connection's address, and by the secret, the certificate, or both.
    ///
    /// # Errors
    /// [`CallerError::Stranger`], whichever of them is wrong.
    pub fn of(gateways: &Gateways, parts: &Parts) -> Result<Self, CallerError> {
        let secret = single(&parts.headers, &SECRET)?;
        let certificate = parts.extensions.get::<ClientCertificate>();
        let gateway = gateways
            .recognise(peer(parts), secret, certificate)
            .ok_or(CallerError::Stranger)?;
        Ok(Self {
            gateway: Arc::clone(gateway),
            address: client(parts, &gateway.trusted),
        })
    }

    /// Whom the gateway's first factor accepted; none where it names nobody. `now` is in milliseconds since the epoch.
    ///
    /// # Errors
    /// Where what it says is not accepted.
    pub async fn identity(
        &self,
        gateways: &Gateways,
        headers: &HeaderMap,
        now: u64,
    ) -> Result<Option<Identity>, IdentityError> {
        self.gateway
            .first_factor
            .identify(&gateways.names, headers, self.address.as_deref(), now)
            .await
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
}
