//! Who asks: a gateway that proves itself, and what it says of the client.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use super::address::{Prefixes, client_address};
use super::config::{Gateway, Gateways};
use super::site::Address;
use crate::names::{CanonicalName, NameError};

/// The gateway's shared secret.
pub const SECRET: HeaderName = HeaderName::from_static("x-cofactor-secret");
/// Whom the first factor accepted; written by the gateway.
pub const USER: HeaderName = HeaderName::from_static("x-cofactor-user");
/// The address that the client asked for; written by the gateway.
pub const URL: HeaderName = HeaderName::from_static("x-original-url");
/// The method that the client asked with; written by the gateway.
pub const METHOD: HeaderName = HeaderName::from_static("x-original-method");
/// Where the client came from; believed of trusted proxies only.
pub const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

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

    /// What the client asked for.
    ///
    /// # Errors
    /// Where the header is missing or malformed, or the site is not the gateway's. Never taken from anything else.
    pub fn target(&self, headers: &HeaderMap) -> Result<Address, CallerError> {
        let malformed = CallerError::Header("X-Original-URL");
        let raw = single(headers, &URL)?.ok_or(malformed)?;
        let address = std::str::from_utf8(raw)
            .ok()
            .and_then(Address::parse)
            .ok_or(malformed)?;
        if !self.gateway.guards(&address.site) {
            return Err(CallerError::Site);
        }
        Ok(address)
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
        .get_all(FORWARDED)
        .iter()
        .map(|value| value.as_bytes())
        .collect();
    client_address(peer(parts), &forwarded, trusted).map(|address| address.to_string())
}

/// The method that the client asked with.
///
/// # Errors
/// Where the header is missing, or its value is no registered method in upper-case letters.
pub fn method(headers: &HeaderMap) -> Result<&'static str, CallerError> {
    /// RFC 9110, RFC 5789, and those of the IANA registry that servers in use know (WebDAV and its kin).
    const KNOWN: [&str; 33] = [
        "GET",
        "HEAD",
        "POST",
        "PUT",
        "DELETE",
        "CONNECT",
        "OPTIONS",
        "TRACE",
        "PATCH",
        "ACL",
        "BIND",
        "CHECKIN",
        "CHECKOUT",
        "COPY",
        "LABEL",
        "LINK",
        "LOCK",
        "MERGE",
        "MKACTIVITY",
        "MKCALENDAR",
        "MKCOL",
        "MKWORKSPACE",
        "MOVE",
        "ORDERPATCH",
        "PROPFIND",
        "PROPPATCH",
        "REBIND",
        "REPORT",
        "SEARCH",
        "UNBIND",
        "UNLINK",
        "UNLOCK",
        "UPDATE",
    ];
    let malformed = CallerError::Header("X-Original-Method");
    let raw = single(headers, &METHOD)?.ok_or(malformed)?;
    KNOWN
        .into_iter()
        .find(|known| known.as_bytes() == raw)
        .ok_or(malformed)
}

/// A header that may be there once. Twice, nobody knows which of them the sender meant.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, CallerError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        let name = match name.as_str() {
            "x-cofactor-user" => "X-Cofactor-User",
            "x-original-url" => "X-Original-URL",
            "x-original-method" => "X-Original-Method",
            _ => "X-Cofactor-Secret",
        };
        return Err(CallerError::Header(name));
    }
    Ok(first.map(|value| value.as_bytes()))
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
    fn what_the_gateway_has_to_say() {
        let gateways = gateways();
        let good = ("X-Cofactor-Secret", "first-secret-of-all");
        let read = |headers: &[(&str, &str)]| {
            let mut all = vec![good];
            all.extend_from_slice(headers);
            let parts = parts(Some("192.0.2.1"), &all);
            let caller = Caller::of(&gateways, &parts).unwrap();
            let target = caller.target(&parts.headers)?;
            let method = method(&parts.headers)?;
            let user = caller.user(&gateways, &parts.headers)?;
            Ok::<_, CallerError>(format!("{user:?} {method} {target}"))
        };
        let (url, get, user) = (
            ("X-Original-URL", "https://a.example/x"),
            ("X-Original-Method", "GET"),
            ("X-Cofactor-User", "Alice"),
        );
        assert_eq!(
            read(&[url, get, user]).unwrap(),
            "Some(\"alice\") GET https://a.example/x"
        );
        assert_eq!(read(&[url, get]).unwrap(), "None GET https://a.example/x");
        assert_eq!(
            read(&[url, get, ("X-Cofactor-User", "")]).unwrap(),
            "None GET https://a.example/x"
        );
        for (headers, expected) in [
            (&[get][..], CallerError::Header("X-Original-URL")),
            (
                &[get, ("X-Original-URL", "/x")],
                CallerError::Header("X-Original-URL"),
            ),
            (&[get, url, url], CallerError::Header("X-Original-URL")),
            (
                &[
                    get,
                    ("X-Forwarded-Host", "a.example"),
                    ("X-Forwarded-Uri", "/"),
                ],
                CallerError::Header("X-Original-URL"),
            ),
            (
                &[get, ("X-Original-URL", "https://b.example/")],
                CallerError::Site,
            ),
            (
                &[get, ("X-Original-URL", "http://a.example/")],
                CallerError::Site,
            ),
            (&[url], CallerError::Header("X-Original-Method")),
            (
                &[url, ("X-Original-Method", "GETz")],
                CallerError::Header("X-Original-Method"),
            ),
            (
                &[url, ("X-Original-Method", "get")],
                CallerError::Header("X-Original-Method"),
            ),
            (
                &[url, ("X-Original-Method", "BREW")],
                CallerError::Header("X-Original-Method"),
            ),
            (
                &[url, ("X-Forwarded-Method", "GET")],
                CallerError::Header("X-Original-Method"),
            ),
            (
                &[url, get, user, user],
                CallerError::Header("X-Cofactor-User"),
            ),
            (
                &[url, get, ("X-Cofactor-User", "al ice")],
                CallerError::Name(NameError::Character),
            ),
        ] {
            assert_eq!(read(headers), Err(expected), "{headers:?}");
        }
    }
}
