//! Cookies of our own (RFC 6265bis): read from a request, written for a response.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use super::site::Site;

/// One of our cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// The session.
    Session,
    /// What ties challenges and forms to this browser.
    Browser,
    /// On a portal's own site: whom a gateway sent here.
    Visitor,
    /// That this browser is remembered: the component's token, another one after each use.
    Device,
}

impl Cookie {
    /// Its name on `site`. Over TLS it has the prefix `__Host-`, by which browsers hold it to this host and to TLS; on
    /// plain HTTP they would not take that.
    #[must_use]
    pub fn name(self, site: &Site) -> &'static str {
        match (self, site.is_secure()) {
            (Self::Session, true) => "__Host-cofactor",
            (Self::Session, false) => "cofactor",
            (Self::Browser, true) => "__Host-cofactor-browser",
            (Self::Browser, false) => "cofactor-browser",
            (Self::Visitor, true) => "__Host-cofactor-visitor",
            (Self::Visitor, false) => "cofactor-visitor",
            (Self::Device, true) => "__Host-cofactor-device",
            (Self::Device, false) => "cofactor-device",
        }
    }

    /// The values that a request has under this name, at most four: a sibling site may have planted another of the same
    /// name, and only what opens counts.
    pub fn values<'a>(self, headers: &'a HeaderMap, site: &Site) -> impl Iterator<Item = &'a str> {
        let name = self.name(site);
        headers
            .get_all(COOKIE)
            .into_iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim_start().split_once('='))
            .filter(move |(key, _)| *key == name)
            .map(|(_, value)| value.trim_end())
            .take(4)
    }

    /// The header that sets it. `value` is base64url; `seconds` is how long the browser keeps it, none until it closes.
    ///
    /// Always `HttpOnly`, `SameSite=Lax` and for the whole host; `Secure` except on plain HTTP.
    #[must_use]
    pub fn set(self, site: &Site, value: &str, seconds: Option<u64>) -> Option<HeaderValue> {
        let name = self.name(site);
        let secure = if site.is_secure() { "; Secure" } else { "" };
        let age = seconds
            .map(|seconds| format!("; Max-Age={seconds}"))
            .unwrap_or_default();
        HeaderValue::try_from(format!(
            "{name}={value}; Path=/{age}{secure}; HttpOnly; SameSite=Lax"
        ))
        .ok()
    }

    /// The header that takes it away.
    #[must_use]
    pub fn clear(self, site: &Site) -> Option<HeaderValue> {
        self.set(site, "", Some(0))
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

    #[test]
    fn attributes_follow_the_site() {
        let site = |text: &str| Site::configured(text).unwrap().remove(0);
        let set = |site: &Site| {
            Cookie::Session
                .set(site, "v", Some(60))
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(
            set(&site("https://a.example")),
            "__Host-cofactor=v; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            set(&site("http://localhost")),
            "cofactor=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn values_are_found_among_others() {
        let site = Site::configured("a.example").unwrap().remove(0);
        let mut headers = HeaderMap::new();
        headers.append(
            COOKIE,
            HeaderValue::from_static("a=b; __Host-cofactor=one;cofactor=no"),
        );
        headers.append(
            COOKIE,
            HeaderValue::from_static("__Host-cofactor=two; __host-cofactor=no; x"),
        );
        let values: Vec<&str> = Cookie::Session.values(&headers, &site).collect();
        assert_eq!(values, ["one", "two"]);
    }
}
