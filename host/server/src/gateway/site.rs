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

    /// The site of a scheme and an authority: a host, and perhaps a port. None where it is no host.
    #[must_use]
    pub fn new(secure: bool, authority: &str) -> Option<Self> {
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

    /// The same, where the path is written and is what follows the authority. A client's `Host` of `a.example?x=` puts the path
    /// that it asks for into the query of an address that nginx is told to write.
    #[must_use]
    pub fn with_path(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("://")?;
        let end = rest.find(['/', '?', '#'])?;
        (rest.as_bytes().get(end) == Some(&b'/')).then(|| Self::parse(text))?
    }

    /// An address on a site, of path and query as a request line has them.
    #[must_use]
    pub fn on(site: Site, target: &str) -> Option<Self> {
        let is_whole = target.starts_with('/') && target.len() <= Self::LONGEST;
        (is_whole && is_requested(target)).then(|| Self {
            site,
            target: target.to_owned(),
        })
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
mod tests;
