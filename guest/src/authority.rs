//! A request's host and port, compared with the hosts of a policy.

/// A host as a policy names it: of any port, or of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Authority<'a> {
    /// Without the dot of a full name at its end.
    host: &'a [u8],
    port: Option<u16>,
}

/// Whether a request goes to this host of a policy. One that cannot be read may go anywhere.
pub(crate) fn is_at(wanted: &[u8], requested: &str) -> bool {
    let (Some(wanted), Some(requested)) = (read(wanted), read(requested.as_bytes())) else {
        return true;
    };
    let port = match (wanted.port, requested.port) {
        (None, _) => true,
        (Some(wanted), Some(requested)) => wanted == requested,
        // Ports that are the scheme's own are left out, and which scheme it is is not told.
        (Some(wanted), None) => matches!(wanted, 80 | 443),
    };
    port && wanted.host.eq_ignore_ascii_case(requested.host)
}

/// A host as a policy keeps it; none if it is no host.
pub(crate) fn kept(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let plain = read(text.as_bytes())?;
    (!text.ends_with('.') && plain.port != Some(0)).then_some(text)
}

fn read(text: &[u8]) -> Option<Authority<'_>> {
    let (host, port) = match text.strip_prefix(b"[") {
        Some(rest) => {
            let end = rest.iter().position(|octet| *octet == b']')?;
            let is_address = |octet: &u8| octet.is_ascii_hexdigit() || matches!(octet, b':' | b'.');
            if !rest.get(..end)?.iter().all(is_address) {
                return None;
            }
            // The first bracket was taken away.
            text.split_at_checked(end + 2)?
        }
        None => {
            let end = text.iter().position(|octet| *octet == b':');
            let (host, port) = text.split_at_checked(end.unwrap_or(text.len()))?;
            let is_name = |octet: &u8| octet.is_ascii_alphanumeric() || b"-_.".contains(octet);
            if !host.iter().all(is_name) {
                return None;
            }
            (host.strip_suffix(b".").unwrap_or(host), port)
        }
    };
    if host.is_empty() {
        return None;
    }
    let port = match port.split_first() {
        None => None,
        Some((b':', digits)) if digits.iter().all(u8::is_ascii_digit) => {
            Some(core::str::from_utf8(digits).ok()?.parse().ok()?)
        }
        Some(_) => return None,
    };
    Some(Authority { host, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fa_04_hosts_are_compared_without_their_clothes() {
        #[rustfmt::skip] // One case a line.
        let cases = [
            ("app.example", "app.example", true),
            ("app.example", "APP.Example", true),
            ("app.example", "app.example.", true),
            ("app.example", "app.example:8443", true),
            ("app.example", "app.example.:443", true),
            ("app.example", "other.example", false),
            ("app.example", "app.example.evil.example", false),
            ("app.example", "xapp.example", false),
            ("app.example:8443", "app.example:8443", true),
            ("app.example:8443", "app.example:08443", true),
            ("app.example:8443", "app.example:443", false),
            ("app.example:8443", "app.example", false),
            ("app.example:443", "app.example", true),
            ("[::1]:8443", "[::1]:8443", true),
            ("[::1]", "[::1]:8443", true),
            ("[::1]", "[::2]", false),
            // Nobody knows where these go.
            ("app.example", "", true),
            ("app.example", "user@other.example", true),
            ("app.example", "other.example:http", true),
            ("app.example", "other.example:99999", true),
            ("app.example", "other.example/", true),
            ("app.example", "other example", true),
            ("app.example", "%61pp.example", true),
            ("app.example", "[::1", true),
        ];
        for (wanted, requested, expected) in cases {
            assert_eq!(
                is_at(wanted.as_bytes(), requested),
                expected,
                "{wanted} {requested}"
            );
        }
    }

    #[test]
    fn a_policy_names_hosts() {
        for (text, expected) in [
            ("App.Example", Some("app.example")),
            ("app.example:8443", Some("app.example:8443")),
            ("[2001:DB8::1]:443", Some("[2001:db8::1]:443")),
            ("app.example.", None),
            ("app.example:", None),
            ("app.example:0", None),
            ("https://app.example", None),
            ("app.example/x", None),
            ("*.example", None),
            ("bücher.example", None),
            ("", None),
        ] {
            assert_eq!(kept(text).as_deref(), expected, "{text}");
        }
    }
}
