//! Paths that everybody reads in the same way, and paths that are refused because somebody might not (FA-04).

use percent_encoding::percent_decode_str;

/// Whether a path means the same to a proxy, an application server and a browser: no dot segments, empty segments,
/// backslashes or path parameters, plain or encoded (even twice), and no encoded slash, control character or broken
/// escape. Dot segments are normalised by every browser, so an honest client never sends them.
#[must_use]
pub fn reads_one_way(path: &str) -> bool {
    let mut level = path.to_owned();
    for depth in 0..3 {
        if depth > 0 && level.matches('/').count() != path.matches('/').count() {
            return false;
        }
        if level.contains(['\\', ';'])
            || level.chars().any(char::is_control)
            || level.contains("//")
        {
            return false;
        }
        if level
            .split('/')
            .any(|segment| matches!(segment, "." | ".."))
        {
            return false;
        }
        if !level.contains('%') {
            return true;
        }
        if depth == 0 && !escapes_are_whole(&level) {
            return false;
        }
        let Ok(decoded) = percent_decode_str(&level).decode_utf8() else {
            // Bytes that are no UTF-8 hide no ASCII character, and an overlong form of one is what nobody should see.
            return depth == 0 && !is_overlong(percent_decode_str(&level));
        };
        if decoded == level {
            return true;
        }
        level = decoded.into_owned();
    }
    // Encoded three times over: nobody does that by accident.
    false
}

/// Whether there are octets that a careless decoder takes for a character that has a shorter form (RFC 3629 section 3).
fn is_overlong(octets: impl Iterator<Item = u8>) -> bool {
    let mut before = 0;
    for octet in octets {
        if matches!(octet, 0xc0 | 0xc1 | 0xf5..)
            || matches!((before, octet), (0xe0, 0x80..=0x9f) | (0xf0, 0x80..=0x8f))
        {
            return true;
        }
        before = octet;
    }
    false
}

fn escapes_are_whole(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes().take(2);
        let whole = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
        whole(digits.next()) && whole(digits.next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_can_be_read_in_two_ways() {
        for path in [
            "/",
            "/a/b",
            "/.cofactor/",
            "/.well-known/x",
            "/a%20b",
            "/caf%C3%A9",
            "/caf%E9",
            "/50%25",
            "/a.b..c/...",
            "/a:b@c,d=e+f!",
        ] {
            assert!(reads_one_way(path), "{path}");
        }
        for path in [
            "/a/../b",
            "/..",
            "/./a",
            "/a/.",
            "//a",
            "/a//b",
            "/%c1%a1dmin",
            "/%e0%81%a1dmin",
            "/%f0%80%81%a1dmin",
            "/a;x/b",
            "/a%3bx",
            "/a\\b",
            "/a%5cb",
            "/a%2fb",
            "/a%2Fb",
            "/%2e%2e/secret",
            "/..%2f",
            "/admin/..%2f",
            "/%252e%252e/x",
            "/a%252fb",
            "/a%00",
            "/a%0d%0aSet-Cookie:x",
            "/a%2500",
            "/a%",
            "/a%zz",
            "/%c0%af",
            "/%25252e%25252e/x",
            "/%2f..%2f",
        ] {
            assert!(!reads_one_way(path), "{path}");
        }
    }
}
