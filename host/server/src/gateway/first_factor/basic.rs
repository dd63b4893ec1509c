//! Name and password of HTTP Basic (RFC 7617).

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{IdentityError, single};

/// The longest credential that is looked at, in octets of its base64: a name and a password of a few hundred each.
const LONGEST: usize = 2_048;

/// What a client sent: the name as it was typed, and the password.
pub struct Basic {
    /// The user's name, not canonical.
    pub user: Zeroizing<Vec<u8>>,
    /// The password: UTF-8.
    pub password: Zeroizing<String>,
}

impl Basic {
    /// The credential of a request; none where it has none, or one of another scheme.
    ///
    /// # Errors
    /// Where it is there twice, or cannot be read.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, IdentityError> {
        const UNREADABLE: IdentityError =
            IdentityError::Refused("the Basic credential cannot be read");
        let Some(value) = single(headers, &AUTHORIZATION)? else {
            return Ok(None);
        };
        let Some((scheme, rest)) = value.split_at_checked(6) else {
            return Ok(None);
        };
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return Ok(None);
        }
        if rest.len() > LONGEST {
            return Err(UNREADABLE);
        }
        let pair = STANDARD
            .decode(rest.trim_ascii())
            .map(Zeroizing::new)
            .map_err(|_| UNREADABLE)?;
        // A name has no colon, so the first one ends it.
        let colon = pair
            .iter()
            .position(|byte| *byte == b':')
            .ok_or(UNREADABLE)?;
        let (user, password) = pair.split_at_checked(colon).ok_or(UNREADABLE)?;
        let password = password.get(1..).unwrap_or_default();
        let password = std::str::from_utf8(password).map_err(|_| UNREADABLE)?;
        Ok(Some(Self {
            user: Zeroizing::new(user.to_vec()),
            password: Zeroizing::new(password.to_owned()),
        }))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(value: &str) -> Result<Option<(Vec<u8>, String)>, IdentityError> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::try_from(value).unwrap());
        let read = Basic::of(&headers)?;
        Ok(read.map(|it| (it.user.to_vec(), it.password.to_string())))
    }

    #[test]
    fn name_and_password_are_parted_at_the_first_colon() {
        let encode = |pair: &[u8]| format!("Basic {}", STANDARD.encode(pair));
        let found =
            |user: &str, password: &str| Ok(Some((user.as_bytes().to_vec(), password.to_owned())));
        assert_eq!(read(&encode(b"alice:a:b")), found("alice", "a:b"));
        assert_eq!(read(&encode(b"alice:")), found("alice", ""));
        assert_eq!(read(&encode(b":x")), found("", "x"));
        let unicode = "al\u{ed}ce:p\u{e4}ss";
        assert_eq!(
            read(&encode(unicode.as_bytes())),
            found("al\u{ed}ce", "p\u{e4}ss")
        );
        assert_eq!(
            read("bAsIc YWxpY2U6eA=="),
            found("alice", "x"),
            "the scheme has no case"
        );
        assert_eq!(read("Bearer YWxpY2U6eA=="), Ok(None));
        assert_eq!(read("Basic"), Ok(None));
        for bad in [
            "Basic ",
            "Basic !",
            "Basic YWxpY2U",
            &encode(b"alice"),
            &encode(b"alice:\xff"),
            &encode(&[b'a'; 4_096]),
        ] {
            assert!(
                matches!(read(bad), Err(IdentityError::Refused(_))),
                "{bad:.40}"
            );
        }
    }

    #[test]
    fn two_credentials_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic YTpi"));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic Yzpk"));
        assert!(matches!(Basic::of(&headers), Err(IdentityError::Twice)));
    }
}
