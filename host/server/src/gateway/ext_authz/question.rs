//! What Envoy asks about: the client's request, and where the client is.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::message::{CheckRequest, HttpRequest};
use crate::gateway::address::{Prefixes, client_address};
use crate::gateway::caller::{CallerError, FORWARDED};
use crate::gateway::forward_auth::asked::{Asked, registered};
use crate::gateway::site::{Address, Site};

/// One question.
#[derive(Debug)]
pub(super) struct Question {
    /// What the client asked for.
    pub(super) asked: Asked,
    /// The headers that it sent, and those that filters before this one wrote.
    pub(super) headers: HeaderMap,
    /// Whoever opened the connection to Envoy; none over a Unix socket.
    source: Option<IpAddr>,
}

impl Question {
    /// Reads a message. Address and method are those that Envoy goes by itself: its own fields, and no header.
    ///
    /// # Errors
    /// What is missing or malformed; names that begin with a colon are those of HTTP/2.
    pub(super) fn read(message: CheckRequest) -> Result<Self, CallerError> {
        let attributes = message
            .attributes
            .ok_or(CallerError::Header("attributes"))?;
        let source = attributes
            .source
            .and_then(|peer| peer.address?.socket)
            .and_then(|socket| socket.address.parse().ok());
        let request = attributes
            .request
            .and_then(|request| request.http)
            .ok_or(CallerError::Header("attributes.request.http"))?;
        Ok(Self {
            asked: asked(&request)?,
            headers: headers(request)?,
            source,
        })
    }

    /// The client's address in canonical text: Envoy's own peer, or the one that `proxies` in front of Envoy tell of.
    /// Absent is never trusted.
    pub(super) fn address(&self, proxies: &Prefixes) -> Option<String> {
        let source = self.source?;
        let forwarded: Vec<&[u8]> = self
            .headers
            .get_all(&FORWARDED)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        client_address(Some(source), &forwarded, proxies).map(|address| address.to_string())
    }
}

fn asked(request: &HttpRequest) -> Result<Asked, CallerError> {
    let secure = match request.scheme.as_str() {
        "https" => true,
        "http" => false,
        _ => return Err(CallerError::Header(":scheme")),
    };
    let site = Site::new(secure, &request.host).ok_or(CallerError::Header(":authority"))?;
    Ok(Asked {
        target: Address::on(site, &request.path).ok_or(CallerError::Header(":path"))?,
        method: registered(&request.method).ok_or(CallerError::Header(":method"))?,
    })
}

/// The headers, without those of HTTP/2 that begin with a colon.
fn headers(request: HttpRequest) -> Result<HeaderMap, CallerError> {
    let malformed = CallerError::Header("headers");
    let raw = request.header_map.into_iter().flat_map(|map| {
        map.headers.into_iter().map(|header| {
            let value = match header.raw_value.is_empty() {
                true => header.value.into_bytes(),
                false => header.raw_value,
            };
            (header.key, value)
        })
    });
    let joined = request
        .headers
        .into_iter()
        .map(|(key, value)| (key, value.into_bytes()));
    let mut headers = HeaderMap::new();
    for (key, value) in raw.chain(joined) {
        if key.starts_with(':') {
            continue;
        }
        let name = HeaderName::from_bytes(key.as_bytes()).map_err(|_| malformed)?;
        let value = HeaderValue::try_from(value).map_err(|_| malformed)?;
        headers.try_append(name, value).map_err(|_| malformed)?;
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::message::{self, Attributes, HeaderMap, Peer, Request, SocketAddress};
    use super::*;

    fn request() -> HttpRequest {
        HttpRequest {
            method: "GET".into(),
            path: "/x?y=1".into(),
            host: "A.example:8443".into(),
            scheme: "https".into(),
            ..HttpRequest::default()
        }
    }

    fn from(source: &str, http: HttpRequest) -> CheckRequest {
        let socket = SocketAddress {
            address: source.into(),
        };
        CheckRequest {
            attributes: Some(Attributes {
                source: Some(Peer {
                    address: Some(message::Address {
                        socket: Some(socket),
                    }),
                }),
                request: Some(Request { http: Some(http) }),
            }),
        }
    }

    #[test]
    fn fa_03_address_and_method_are_those_that_envoy_goes_by() {
        let mut http = request();
        for (name, value) in [
            (":path", "/other"),
            (":method", "PUT"),
            ("x-original-url", "https://b.example/"),
            ("x-forwarded-uri", "/other"),
            ("x-forwarded-host", "b.example"),
            ("x-forwarded-proto", "http"),
            ("x-envoy-original-path", "/other"),
            ("x-http-method-override", "PUT"),
        ] {
            http.headers.insert(name.into(), value.into());
        }
        let question = Question::read(from("192.0.2.1", http)).unwrap();
        assert_eq!(
            question.asked.target.to_string(),
            "https://a.example:8443/x?y=1"
        );
        assert_eq!(question.asked.method, "GET");
        assert_eq!(question.headers.len(), 6);
    }

    #[test]
    fn what_is_missing_or_malformed_is_named() {
        type Bend = fn(&mut HttpRequest);
        let bends: [(Bend, &str); 9] = [
            (|http| http.method.clear(), ":method"),
            (|http| http.method = "GETz".into(), ":method"),
            (|http| http.path.clear(), ":path"),
            (|http| http.path = "/a\0".into(), ":path"),
            (|http| http.path = "https://b.example/".into(), ":path"),
            (|http| http.host.clear(), ":authority"),
            (
                |http| http.host = "a.example, b.example".into(),
                ":authority",
            ),
            (|http| http.scheme.clear(), ":scheme"),
            (
                |http| {
                    http.headers.insert("x".into(), "a\r\nb".into());
                },
                "headers",
            ),
        ];
        for (bend, name) in bends {
            let mut http = request();
            bend(&mut http);
            let error = Question::read(from("192.0.2.1", http)).unwrap_err();
            assert_eq!(error, CallerError::Header(name));
        }
        assert!(Question::read(CheckRequest::default()).is_err());
    }

    #[test]
    fn headers_are_read_one_by_one_where_envoy_sends_them_so() {
        let header = |key: &str, raw: &[u8]| message::HeaderValue {
            key: key.into(),
            value: String::new(),
            raw_value: raw.to_vec(),
        };
        let http = HttpRequest {
            header_map: Some(HeaderMap {
                headers: vec![
                    header("x-cofactor-user", b"alice"),
                    header("x-cofactor-user", b"bob"),
                    header("x-octets", b"\xff"),
                    header(":path", b"/x"),
                ],
            }),
            ..request()
        };
        let question = Question::read(from("192.0.2.1", http)).unwrap();
        let users = question.headers.get_all("x-cofactor-user");
        assert_eq!(users.iter().count(), 2);
        assert_eq!(question.headers.len(), 3);
    }

    #[test]
    fn the_address_is_envoys_own_peer_unless_that_is_a_proxy() {
        let proxies = Prefixes::parse(&["192.0.2.1".into()]).unwrap();
        for (source, forwarded, expected) in [
            ("198.51.100.9", "203.0.113.5", Some("198.51.100.9")),
            ("192.0.2.1", "203.0.113.5", Some("203.0.113.5")),
            // Envoy adds its own peer at the end.
            ("192.0.2.1", "203.0.113.5, 192.0.2.1", Some("203.0.113.5")),
            ("192.0.2.1", "", Some("192.0.2.1")),
            ("192.0.2.1", "nonsense", None),
            ("/run/socket", "203.0.113.5", None),
        ] {
            let mut http = request();
            http.headers
                .insert("x-forwarded-for".into(), forwarded.into());
            let question = Question::read(from(source, http)).unwrap();
            assert_eq!(
                question.address(&proxies).as_deref(),
                expected,
                "{source} {forwarded}"
            );
        }
    }
}
