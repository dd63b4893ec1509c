//! What a client asked a proxy for, from the proxy's own headers and from nothing else.

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, header};

use crate::gateway::caller::{CallerError, single};
use crate::gateway::config::Kind;
use crate::gateway::site::{Address, Site};

/// nginx: the address that the client asked for.
pub static ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
/// nginx: the method that the client asked with.
pub static ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
/// Caddy, Traefik, HAProxy: the method that the client asked with.
pub static FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
/// Caddy, Traefik, HAProxy, Envoy: the scheme that the client asked by.
pub static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Caddy, Traefik, HAProxy: the host that the client asked for, with its port.
pub static FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Caddy, Traefik, HAProxy: path and query that the client asked for.
pub static FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// What a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The address.
    pub target: Address,
    /// A registered method.
    pub method: &'static str,
}

impl Asked {
    /// From `X-Original-URL` and `X-Original-Method`, which nginx is told to write.
    ///
    /// # Errors
    /// The header that is missing, given twice, or malformed.
    pub fn original(headers: &HeaderMap) -> Result<Self, CallerError> {
        Ok(Self {
            target: original_url(headers)?,
            method: method(text(headers, &ORIGINAL_METHOD)?, &ORIGINAL_METHOD)?,
        })
    }

    /// From `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`, which Caddy, Traefik and HAProxy write.
    ///
    /// # Errors
    /// The header that is missing, given twice, or malformed.
    pub fn forwarded(headers: &HeaderMap) -> Result<Self, CallerError> {
        let site = forwarded_site(headers)?;
        let uri = text(headers, &FORWARDED_URI)?;
        Ok(Self {
            target: Address::on(site, uri).ok_or(CallerError::Header(FORWARDED_URI.as_str()))?,
            method: method(text(headers, &FORWARDED_METHOD)?, &FORWARDED_METHOD)?,
        })
    }

    /// From the request itself, as Envoy sends it: its method, `Host`, and what follows `prefix` in its path; with
    /// `X-Forwarded-Proto`, which Envoy writes.
    ///
    /// # Errors
    /// The header that is missing, given twice, or malformed; `:path` and `:method` stand for the request line.
    pub fn itself(parts: &Parts, prefix: &str) -> Result<Self, CallerError> {
        let site = own_site(parts)?;
        let target = parts
            .uri
            .path_and_query()
            .and_then(|target| target.as_str().strip_prefix(prefix))
            .and_then(|target| Address::on(site, target))
            .ok_or(CallerError::Header(":path"))?;
        Ok(Self {
            target,
            method: registered(parts.method.as_str()).ok_or(CallerError::Header(":method"))?,
        })
    }
}

/// The site of a page of the portal, told by the same headers as in a check. The page itself is the request's own path.
///
/// # Errors
/// The header that is missing, given twice, or malformed.
pub fn site(kind: Kind, parts: &Parts) -> Result<Site, CallerError> {
    match kind {
        Kind::Nginx => original_url(&parts.headers).map(|address| address.site),
        Kind::Caddy | Kind::Traefik | Kind::Haproxy => forwarded_site(&parts.headers),
        Kind::Envoy | Kind::EnvoyGrpc => own_site(parts),
    }
}

/// A method that servers know, in upper-case letters: RFC 9110, RFC 5789, and those of the IANA registry that are in use
/// (WebDAV and its kin). Others are refused (FA-05): nobody knows what an application makes of them.
#[must_use]
pub fn registered(name: &str) -> Option<&'static str> {
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
    KNOWN.into_iter().find(|known| *known == name)
}

fn original_url(headers: &HeaderMap) -> Result<Address, CallerError> {
    let url = text(headers, &ORIGINAL_URL)?;
    Address::with_path(url).ok_or(CallerError::Header(ORIGINAL_URL.as_str()))
}

fn forwarded_site(headers: &HeaderMap) -> Result<Site, CallerError> {
    let scheme = text(headers, &FORWARDED_PROTO)?;
    let host = text(headers, &FORWARDED_HOST)?;
    let secure = secure(scheme)?;
    Site::new(secure, host).ok_or(CallerError::Header(FORWARDED_HOST.as_str()))
}

fn own_site(parts: &Parts) -> Result<Site, CallerError> {
    let malformed = CallerError::Header("host");
    let secure = secure(text(&parts.headers, &FORWARDED_PROTO)?)?;
    // HTTP/2 has the host beside the path, and HTTP/1.1 has it there as well in a request to a proxy: where both are
    // given, they have to agree.
    let beside = parts.uri.authority().map(Authority::as_str);
    let site = |host: &str| Site::new(secure, host).ok_or(malformed);
    match (single(&parts.headers, &header::HOST)?, beside) {
        (None, None) => Err(malformed),
        (None, Some(host)) => site(host),
        (Some(host), beside) => {
            let named = site(std::str::from_utf8(host).map_err(|_| malformed)?)?;
            match beside {
                Some(beside) if site(beside)? != named => Err(malformed),
                _ => Ok(named),
            }
        }
    }
}

fn secure(scheme: &str) -> Result<bool, CallerError> {
    match scheme {
        "https" | "wss" => Ok(true),
        "http" | "ws" => Ok(false),
        _ => Err(CallerError::Header(FORWARDED_PROTO.as_str())),
    }
}

fn method(name: &str, from: &'static HeaderName) -> Result<&'static str, CallerError> {
    registered(name).ok_or(CallerError::Header(from.as_str()))
}

/// A header that has to be there once.
fn text<'a>(headers: &'a HeaderMap, name: &'static HeaderName) -> Result<&'a str, CallerError> {
    single(headers, name)?
        .and_then(|value| std::str::from_utf8(value).ok())
        .ok_or(CallerError::Header(name.as_str()))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
mod tests {
    use axum::http::Request;

    use super::*;

    type Headers<'a> = &'a [(&'a str, &'a str)];

    fn parts(method: &str, target: &str, headers: Headers<'_>) -> Parts {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn shown(asked: Result<Asked, CallerError>) -> String {
        match asked {
            Ok(asked) => format!("{} {}", asked.method, asked.target),
            Err(error) => format!("{error}"),
        }
    }

    const URL: (&str, &str) = ("X-Original-URL", "https://a.example/x");
    const GET: (&str, &str) = ("X-Original-Method", "GET");
    const BY: (&str, &str) = ("X-Forwarded-Method", "PUT");
    const PROTO: (&str, &str) = ("X-Forwarded-Proto", "https");
    const HOST: (&str, &str) = ("X-Forwarded-Host", "b.example:8443");
    const URI: (&str, &str) = ("X-Forwarded-Uri", "/y?z=1");

    #[test]
    fn fa_03_each_contract_reads_its_own_headers_alone() {
        let all = [URL, GET, BY, PROTO, HOST, URI, ("Host", "c.example")];
        let request = parts("POST", "/prefix/w", &all);
        assert_eq!(
            shown(Asked::original(&request.headers)),
            "GET https://a.example/x"
        );
        assert_eq!(
            shown(Asked::forwarded(&request.headers)),
            "PUT https://b.example:8443/y?z=1"
        );
        assert_eq!(
            shown(Asked::itself(&request, "/prefix")),
            "POST https://c.example/w"
        );
        for (kind, expected) in [
            (Kind::Nginx, "https://a.example"),
            (Kind::Caddy, "https://b.example:8443"),
            (Kind::Traefik, "https://b.example:8443"),
            (Kind::Haproxy, "https://b.example:8443"),
            (Kind::Envoy, "https://c.example"),
        ] {
            assert_eq!(site(kind, &request).unwrap().to_string(), expected);
        }
        // What is missing is taken from nowhere else.
        for missing in [URL, GET] {
            let rest: Vec<_> = all
                .into_iter()
                .filter(|header| *header != missing)
                .collect();
            assert!(Asked::original(&parts("POST", "/prefix/w", &rest).headers).is_err());
        }
        for missing in [BY, PROTO, HOST, URI] {
            let rest: Vec<_> = all
                .into_iter()
                .filter(|header| *header != missing)
                .collect();
            assert!(Asked::forwarded(&parts("POST", "/prefix/w", &rest).headers).is_err());
        }
        for missing in [PROTO, ("Host", "c.example")] {
            let rest: Vec<_> = all
                .into_iter()
                .filter(|header| *header != missing)
                .collect();
            assert!(Asked::itself(&parts("POST", "/prefix/w", &rest), "/prefix").is_err());
        }
    }

    #[test]
    fn what_is_given_twice_or_malformed_is_named() {
        let cases: [(Headers<'_>, &str); 10] = [
            (&[GET, ("X-Original-URL", "/x")], "x-original-url"),
            (
                &[GET, ("X-Original-URL", "https://a.example?x=/admin")],
                "x-original-url",
            ),
            (
                &[GET, ("X-Original-URL", "https://a.example#/admin")],
                "x-original-url",
            ),
            (&[GET, URL, URL], "x-original-url"),
            (
                &[GET, ("X-Original-URL", "ftp://a.example/")],
                "x-original-url",
            ),
            (&[URL, GET, GET], "x-original-method"),
            (&[URL, ("X-Original-Method", "GETz")], "x-original-method"),
            (&[URL, ("X-Original-Method", "get")], "x-original-method"),
            (&[URL, ("X-Original-Method", "BREW")], "x-original-method"),
            (&[URL, ("X-Original-Method", "")], "x-original-method"),
        ];
        for (headers, name) in cases {
            let error = Asked::original(&parts("GET", "/", headers).headers);
            assert_eq!(error, Err(CallerError::Header(name)), "{headers:?}");
        }
        let cases: [(Headers<'_>, &str); 13] = [
            (&[BY, PROTO, HOST, URI, URI], "x-forwarded-uri"),
            (&[BY, PROTO, HOST, HOST, URI], "x-forwarded-host"),
            (&[BY, PROTO, PROTO, HOST, URI], "x-forwarded-proto"),
            (&[BY, BY, PROTO, HOST, URI], "x-forwarded-method"),
            (
                &[BY, PROTO, HOST, ("X-Forwarded-Uri", "")],
                "x-forwarded-uri",
            ),
            (
                &[BY, PROTO, HOST, ("X-Forwarded-Uri", "y")],
                "x-forwarded-uri",
            ),
            (
                &[BY, PROTO, HOST, ("X-Forwarded-Uri", "https://a.example/y")],
                "x-forwarded-uri",
            ),
            (
                &[BY, PROTO, HOST, ("X-Forwarded-Uri", "/y z")],
                "x-forwarded-uri",
            ),
            (
                &[BY, PROTO, URI, ("X-Forwarded-Host", "")],
                "x-forwarded-host",
            ),
            (
                &[BY, PROTO, URI, ("X-Forwarded-Host", "a.example, b.example")],
                "x-forwarded-host",
            ),
            (
                &[BY, PROTO, URI, ("X-Forwarded-Host", "a.example/x")],
                "x-forwarded-host",
            ),
            (
                &[BY, HOST, URI, ("X-Forwarded-Proto", "")],
                "x-forwarded-proto",
            ),
            (
                &[BY, HOST, URI, ("X-Forwarded-Proto", "https,http")],
                "x-forwarded-proto",
            ),
        ];
        for (headers, name) in cases {
            let error = Asked::forwarded(&parts("GET", "/", headers).headers);
            assert_eq!(error, Err(CallerError::Header(name)), "{headers:?}");
        }
        let here = ("Host", "a.example");
        let cases: [(&str, &str, Headers<'_>, &str); 6] = [
            ("GET", "/prefix/x", &[PROTO, here, here], "host"),
            (
                "GET",
                "/prefix/x",
                &[PROTO, ("Host", "a.example@b")],
                "host",
            ),
            ("GET", "http://b.example/prefix/x", &[PROTO, here], "host"),
            ("GET", "/other/x", &[PROTO, here], ":path"),
            ("GET", "/prefix", &[PROTO, here], ":path"),
            ("BREW", "/prefix/x", &[PROTO, here], ":method"),
        ];
        for (method, target, headers, name) in cases {
            let error = Asked::itself(&parts(method, target, headers), "/prefix");
            assert_eq!(
                error,
                Err(CallerError::Header(name)),
                "{target} {headers:?}"
            );
        }
    }
}
