//! What kind of browser asks: the same at every sign-in from one browser, through its updates and those of its platform.

use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;
use sha2::{Digest, Sha256};

/// The longest `User-Agent` that is looked at, in octets.
const LONGEST: usize = 1_024;

/// A digest of the browser's products and platform, without versions: 32 hexadecimal digits, empty where the request does
/// not tell. It tells browsers apart as far as they say what they are, so it never proves anything by itself.
#[must_use]
pub fn kind(headers: &HeaderMap) -> String {
    let mut values = headers.get_all(USER_AGENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return String::new();
    };
    match value.to_str() {
        Ok(text) if !text.is_empty() && text.len() <= LONGEST => {
            let digest = hex::encode(Sha256::digest(family(text)));
            digest.get(..32).unwrap_or_default().to_owned()
        }
        _ => String::new(),
    }
}

/// The names of the products, and the first two words of the first comment, which are the platform (RFC 9110 section
/// 10.1.5). Versions, builds and models change; these stay.
fn family(agent: &str) -> String {
    let mut platform = None;
    let mut products = String::new();
    let mut rest = agent;
    while let Some(start) = rest.find('(') {
        let (before, after) = rest.split_at(start);
        products.push_str(before);
        let end = after.find(')').unwrap_or(after.len());
        if platform.is_none() {
            platform = after.get(1..end);
        }
        rest = after.get(end + 1..).unwrap_or_default();
    }
    products.push_str(rest);
    let products = products
        .split_whitespace()
        .filter_map(|product| product.split('/').next());
    let platform = platform.unwrap_or_default().split(';').take(2);
    products
        .chain(platform)
        .map(|part| {
            part.chars()
                .filter(char::is_ascii_alphabetic)
                .collect::<String>()
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(agent: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        kind(&headers)
    }

    #[test]
    fn a_browser_stays_what_it_is_through_updates() {
        let before = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
        let after = "Mozilla/5.0 (Windows NT 11.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
        assert_eq!(of(before), of(after));
        assert_eq!(of(before).len(), 32);
        let others = [
            // Another product.
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
            // Another platform.
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        ];
        for other in others {
            assert_ne!(of(before), of(other), "{other}");
        }
    }

    #[test]
    fn who_says_nothing_is_unknown() {
        assert_eq!(kind(&HeaderMap::new()), "");
        assert_eq!(of(""), "");
        // Parentheses that do not close are no reason to fail.
        assert_ne!(of("tool/1 ("), "");
    }
}
