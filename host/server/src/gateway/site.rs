//! What a browser asked for: sites that a gateway guards, and addresses on them.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv4Addr;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::path::reads_one_way;

/// Scheme, host and port of a site, in canonical form: what a browser calls an origin.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    secure: bool,
    authority: String,
}

impl Site {
    /// Whether it is reached over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Host, and port where it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Whether the host is the machine itself: there, plain HTTP tells nobody anything.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = host_of(&self.authority);
        host == "localhost"
            || host == "[::1]"
            || host
                .parse::<Ipv4Addr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// Reads one entry of `hosts`: `app.example.com`, `app.example.com:8443`, `https://…` or `http://…`. An entry
    /// without a scheme is HTTPS, and on the machine itself plain HTTP as well.
    ///
    /// # Errors
    /// For what is not a host, with what is wrong.
    pub fn configured(entry: &str) -> Result<Vec<Self>, String> {
        let (schemes, authority): (&[bool], _) = match entry.split_once("://") {
            Some(("https", rest)) => (&[true], rest),
            Some(("http", rest)) => (&[false], rest),
            Some((scheme, _)) => {
                return Err(format!(
                    "`{entry}`: scheme `{scheme}`, expected https or http"
                ));
            }
            None => (&[true, false], entry),
        };
        let explicit = schemes.len() == 1;
        let mut sites = Vec::new();
        for secure in schemes {
            let site = Self::new(*secure, authority).ok_or_else(|| {
                format!("`{entry}` is not a host such as app.example.com or app.example.com:8443")
            })?;
            if explicit || site.secure || site.is_loopback() {
                sites.push(site);
            }
        }
        Ok(sites)
    }

    fn new(secure: bool, authority: &str) -> Option<Self> {
        let authority = authority.to_ascii_lowercase();
        let host = host_of(&authority);
        let port = authority.get(host.len()..)?;
        if !is_host(host) {
            return None;
        }
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse::<u16>().ok()?)
            }
            None if port.is_empty() => None,
            _ => return None,
        };
        let own = if secure { 443 } else { 80 };
        let authority = match port {
            Some(port) if port != own => format!("{host}:{port}"),
            _ => host.to_owned(),
        };
        Some(Self { secure, authority })
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "http{}://{}",
            if self.secure { "s" } else { "" },
            self.authority
        )
    }
}

/// An address on a site, as the client wrote it: what a gateway asks about, and where a browser may be sent back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where.
    pub site: Site,
    /// Path and query, not decoded; begins with one slash. Visible ASCII only.
    pub target: String,
}

impl Address {
    /// The longest address, in octets.
    pub const LONGEST: usize = 8192;

    /// Reads an absolute address with the scheme http, https, ws or wss. Nothing but the site's authority may stand
    /// before the path: no user, no second slash, nothing encoded.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > Self::LONGEST {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let secure = match scheme {
            "https" | "wss" => true,
            "http" | "ws" => false,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end)?;
        let site = Site::new(secure, authority)?;
        let target = match target.bytes().next() {
            Some(b'/') => target.to_owned(),
            _ => format!("/{target}"),
        };
        is_requested(&target).then_some(Self { site, target })
    }

    /// Path and query as a browser may be sent back to them: what a browser leaves as it is in a query, though a
    /// [`return_address`] has none of it, is encoded. To the application it is the same.
    #[must_use]
    pub fn way_back(&self) -> Cow<'_, str> {
        const LEFT: &AsciiSet = &CONTROLS.add(b'\\').add(b'`').add(b'"').add(b'<').add(b'>');
        utf8_percent_encode(&self.target, LEFT).into()
    }

    /// The path, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        path_of(&self.target)
    }

    /// Whether the path means the same to everybody who may read it: see [`reads_one_way`].
    #[must_use]
    pub fn reads_one_way(&self) -> bool {
        reads_one_way(self.path())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.site, self.target)
    }
}

/// Where a browser goes after the second factor: on a site of the gateway's own, or nowhere (RFC 9700 section 4.11).
///
/// `raw` is a path on `here`, or an absolute address on one of `sites`. A path that can be read in two ways is refused,
/// as a browser, the gateway and the application may each go to another place with it.
#[must_use]
pub fn return_address(raw: &str, here: &Site, sites: &[Site]) -> Option<Address> {
    let address = if raw.starts_with('/') {
        if raw.len() > Address::LONGEST || !is_visible(raw) {
            return None;
        }
        Address {
            site: here.clone(),
            target: raw.to_owned(),
        }
    } else {
        let address = Address::parse(raw)?;
        // A browser is sent to pages: http and https.
        if !raw.starts_with("http")
            || !sites.contains(&address.site)
            || !is_visible(&address.target)
        {
            return None;
        }
        address
    };
    address.reads_one_way().then_some(address)
}

fn path_of(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or(target)
}

/// What a client sends in a request: in a query, any visible ASCII, as browsers encode little there (the query state of
/// the WHATWG URL standard: neither backslash nor backtick).
fn is_requested(target: &str) -> bool {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    is_visible(path)
        && query
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

/// Visible ASCII, without what a browser would change (backslash) or leave out (fragment). What a browser sends in an
/// address is this, as it encodes the rest.
fn is_visible(target: &str) -> bool {
    target.bytes().all(|byte| {
        byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'<' | b'>' | b'"' | b'`')
    })
}

fn host_of(authority: &str) -> &str {
    let end = match authority.find(']') {
        Some(end) => end + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    authority.get(..end).unwrap_or(authority)
}

/// A DNS name in letters, digits and hyphens, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    if let Some(inside) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return inside.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    // A name whose last label is a number is an address to a browser, in one of several old notations (WHATWG URL).
    let numeric = host.rsplit('.').next().is_some_and(|last| {
        last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x")
    });
    host.len() <= 253
        && host.split('.').all(label)
        && (!numeric || host.parse::<Ipv4Addr>().is_ok())
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
mod tests {
    use std::io::Write as _;

    use percent_encoding::percent_decode_str;

    use super::*;

    fn site(text: &str) -> Site {
        Site::configured(text).unwrap().remove(0)
    }

    /// Third-party lists: they lie beside the working copy, and are used where they are. Where not, the summary of
    /// `make test` says so. No attack is answered by them alone.
    fn borrowed(name: &str) -> Option<String> {
        let path = format!(
            "{}/../../../shared/vectors/misc/{name}",
            env!("CARGO_MANIFEST_DIR")
        );
        let list = std::fs::read_to_string(path).ok();
        if let (None, Some(folder)) = (&list, std::env::var_os("COFACTOR_REPORT")) {
            let mut notes = std::fs::OpenOptions::new();
            let notes = notes.create(true).append(true);
            let notes = notes.open(std::path::Path::new(&folder).join("notes.txt"));
            let line = format!("left out: misc/{name}, a list of another project's\n");
            notes.unwrap().write_all(line.as_bytes()).unwrap();
        }
        list
    }

    #[test]
    fn entries_of_hosts() {
        let cases: [(&str, &[&str]); 7] = [
            ("app.example.com", &["https://app.example.com"]),
            ("App.Example.COM:8443", &["https://app.example.com:8443"]),
            ("https://app.example.com:443", &["https://app.example.com"]),
            ("http://intranet:80", &["http://intranet"]),
            (
                "127.0.0.1:8080",
                &["https://127.0.0.1:8080", "http://127.0.0.1:8080"],
            ),
            ("[::1]:8080", &["https://[::1]:8080", "http://[::1]:8080"]),
            ("localhost", &["https://localhost", "http://localhost"]),
        ];
        for (entry, expected) in cases {
            let sites: Vec<String> = Site::configured(entry)
                .unwrap()
                .iter()
                .map(Site::to_string)
                .collect();
            assert_eq!(sites, expected, "{entry}");
        }
        for entry in [
            "",
            "*.example.com",
            ".example.com",
            "app.example.com.",
            "ftp://app",
            "app/path",
            "a b",
            "user@app",
            "app:99999",
            "app:",
            "app:+80",
            "0x7f.1",
            "127.1",
            "2130706433",
            "[::1",
            "[fe80::1%eth0]",
            "b\u{fc}cher.de",
            "-a.de",
        ] {
            assert!(Site::configured(entry).is_err(), "{entry}");
        }
    }

    #[test]
    fn a_way_back_is_one_that_is_accepted_back() {
        let here = site("https://a.example");
        let asked = Address::parse("https://a.example/s?q=a\\b`<\">").unwrap();
        assert!(return_address(&asked.target, &here, &[]).is_none());
        assert!(return_address(&asked.to_string(), &here, std::slice::from_ref(&here)).is_none());
        assert_eq!(asked.way_back(), "/s?q=a%5Cb%60%3C%22%3E");
        let back = return_address(&asked.way_back(), &here, &[]).unwrap();
        assert_eq!(back.to_string(), "https://a.example/s?q=a%5Cb%60%3C%22%3E");
    }

    #[test]
    fn addresses_as_gateways_send_them() {
        let cases = [
            (
                "https://example.com/path?query=value",
                Some("https://example.com/path?query=value"),
            ),
            ("https://example.com", Some("https://example.com/")),
            ("https://EXAMPLE.com:443?x", Some("https://example.com/?x")),
            (
                "wss://example.com/socket",
                Some("https://example.com/socket"),
            ),
            ("http://example.com:8080/", Some("http://example.com:8080/")),
            ("example.com/", None),
            ("://example.com/", None),
            ("ftp://example.com/", None),
            ("HTTPS://example.com/", None),
            ("https:///path", None),
            ("https://exa mple.com/", None),
            ("https://a@example.com/", None),
            ("https://example.com/a b", None),
            ("https://example.com/\0", None),
            // Chromium leaves all of these in a query as they are.
            (
                "https://example.com/s?q=a\\b`{|}^[]'",
                Some("https://example.com/s?q=a\\b`{|}^[]'"),
            ),
            ("https://example.com/s\\?q=a", None),
            ("https://example.com/s`?q=a", None),
            ("https://example.com/s?q=a#b", None),
            ("https://example.com/\\evil", None),
            ("https://example.com/#f", None),
            ("https://example.com/\u{e9}", None),
        ];
        for (text, expected) in cases {
            assert_eq!(
                Address::parse(text)
                    .map(|address| address.to_string())
                    .as_deref(),
                expected,
                "{text}"
            );
        }
        assert!(Address::parse(&format!("https://e/{}", "a".repeat(Address::LONGEST))).is_none());
    }

    #[test]
    fn forwarded_addresses_of_another_projects_tests() {
        let Some(file) = borrowed("forwarded_uri_cases_authelia.json") else {
            return;
        };
        let cases: serde_json::Value = serde_json::from_str(&file).unwrap();
        for case in cases["cases"].as_array().unwrap() {
            let part = |name: &str| case[name].as_str().unwrap_or_default();
            let address = Address::parse(&format!(
                "{}://{}{}",
                part("protocol"),
                part("host"),
                part("uri")
            ));
            let name = part("name");
            if case["Error"].is_string() {
                assert!(address.is_none(), "{name}");
                continue;
            }
            let address = address.expect(name);
            // Their clean form is the path itself exactly where ours reads it in one way only.
            let clean = case["ExpectedClean"].as_str().unwrap();
            let decoded = percent_decode_str(address.path()).decode_utf8().unwrap();
            let same = path_of(clean) == decoded || clean == ".";
            assert_eq!(address.reads_one_way(), same, "{name}");
        }
    }

    #[test]
    fn return_addresses_stay_on_the_gateways_sites() {
        let here = site("https://www.whitelisteddomain.tld");
        let sites = [here.clone(), site("https://other.tld:8443")];
        let back =
            |raw: &str| return_address(raw, &here, &sites).map(|address| address.to_string());
        for (raw, expected) in [
            ("/a?b=//c", "https://www.whitelisteddomain.tld/a?b=//c"),
            ("https://other.tld:8443/x", "https://other.tld:8443/x"),
            (
                "https://WWW.whitelisteddomain.tld",
                "https://www.whitelisteddomain.tld/",
            ),
        ] {
            assert_eq!(back(raw).as_deref(), Some(expected), "{raw}");
        }
        for raw in [
            "",
            "a",
            "//evil",
            "/\\evil",
            "/\t/evil",
            "/a\r\nSet-Cookie:x",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://other.tld/",
            "http://www.whitelisteddomain.tld/",
            "https://www.whitelisteddomain.tld@evil/",
            "https://www.whitelisteddomain.tld.evil/",
            "https:/www.whitelisteddomain.tld",
            "https:\\\\www.whitelisteddomain.tld",
            "wss://www.whitelisteddomain.tld/",
        ] {
            assert_eq!(back(raw), None, "{raw:?}");
        }
    }

    /// What browsers, decoders and our own parser could take for the end of a scheme, a host or nothing, in every order.
    #[test]
    fn every_mixture_of_slashes_and_encodings_stays_on_the_site() {
        const PARTS: [&str; 16] = [
            "/", "\\", "%2f", "%5c", "%252f", "\t", "\n", "\r", " ", "%09", "%00", "@", ":",
            "https:", ".", ";",
        ];
        let here = site("https://www.whitelisteddomain.tld");
        let base = url::Url::parse(&here.to_string()).unwrap();
        let mut starts = vec![String::new()];
        let (mut given, mut accepted) = (0, 0);
        for _ in 0..4 {
            starts = starts
                .iter()
                .flat_map(|start| PARTS.map(|part| format!("{start}{part}")))
                .collect();
            for start in &starts {
                let raw = format!("{start}evil.example");
                given += 1;
                let Some(back) = return_address(&raw, &here, std::slice::from_ref(&here)) else {
                    continue;
                };
                accepted += 1;
                // As a browser reads it: whole, with the site left out, and after a proxy has decoded it once.
                let whole = back.to_string();
                let decoded = percent_decode_str(&whole).decode_utf8_lossy();
                for read in [&whole, &back.target, decoded.as_ref()] {
                    let read = base.join(read).unwrap();
                    assert_eq!(read.host_str(), base.host_str(), "{raw:?}");
                }
            }
        }
        assert_eq!(given, 16 + 256 + 4_096 + 65_536);
        // Paths that begin with one slash and are plain text after it.
        assert!(accepted > 50, "{accepted}");
    }

    #[test]
    fn open_redirects_that_others_met() {
        let here = site("https://www.whitelisteddomain.tld");
        if let Some(list) = borrowed("openredirects_oauth2-proxy.txt") {
            // A few are an address in the query of our own page: where that leads is for the page to judge.
            let on_our_own_page = |raw: &str| raw.starts_with("/?") || raw.starts_with("/redirect");
            let base = url::Url::parse(&here.to_string()).unwrap();
            for raw in list.lines() {
                if let Some(back) = return_address(raw, &here, std::slice::from_ref(&here)) {
                    assert_eq!(
                        base.join(&back.to_string()).unwrap().host_str(),
                        base.host_str(),
                        "{raw:?}"
                    );
                    assert!(on_our_own_page(raw), "{raw:?}");
                }
            }
        }
        let Some(file) = borrowed("redirect_validator_oauth2-proxy.json") else {
            return;
        };
        let cases: serde_json::Value = serde_json::from_str(&file).unwrap();
        let sites: Vec<Site> = [
            "foo.bar",
            "bar.foo",
            "port.bar:8080",
            "sub.port.bar:8080",
            "www.whitelisteddomain.tld",
        ]
        .iter()
        .map(|host| site(host))
        .collect();
        for case in cases["cases"].as_array().unwrap() {
            let (raw, name) = (case["rd"].as_str().unwrap(), case["name"].as_str().unwrap());
            if case["valid"] == false {
                assert_eq!(return_address(raw, &here, &sites), None, "{name}");
                continue;
            }
            // Sites are named one by one here, so a site that a wildcard would have had is named for the case.
            let own: Vec<Site> = Address::parse(raw)
                .map(|address| address.site)
                .into_iter()
                .collect();
            assert!(return_address(raw, &here, &own).is_some(), "{name}");
        }
    }
}
