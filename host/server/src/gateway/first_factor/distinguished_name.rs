//! Distinguished names as text (RFC 4514): what proxies tell of a certificate's subject.

use der::asn1::{Ia5StringRef, PrintableStringRef, Utf8StringRef};
use der::{AnyRef, Decode};

/// The attributes of a subject that may be a user's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `CN`, 2.5.4.3.
    CommonName,
    /// `UID`, 0.9.2342.19200300.100.1.1.
    UserId,
    /// `emailAddress`, 1.2.840.113549.1.9.1.
    Email,
}

impl Attribute {
    /// Its object identifier.
    #[must_use]
    pub fn oid(self) -> &'static str {
        match self {
            Self::CommonName => "2.5.4.3",
            Self::UserId => "0.9.2342.19200300.100.1.1",
            Self::Email => "1.2.840.113549.1.9.1",
        }
    }

    fn is_called(self, kind: &str) -> bool {
        let names: &[&str] = match self {
            Self::CommonName => &["cn", "commonname"],
            Self::UserId => &["uid", "userid"],
            Self::Email => &["e", "emailaddress"],
        };
        kind == self.oid() || names.iter().any(|name| kind.eq_ignore_ascii_case(name))
    }
}

/// All values that an attribute has in a name; none where the text is no distinguished name.
#[must_use]
pub fn values(text: &str, of: Attribute) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        // Blanks behind a comma are what RFC 2253 allowed, and many programs write.
        let (kind, value) = rest.trim_start_matches(' ').split_once('=')?;
        if !is_type(kind) {
            return None;
        }
        let (value, after) = value_of(value)?;
        if of.is_called(kind) {
            found.push(value);
        }
        match after.split_at_checked(1) {
            None => return Some(found),
            Some((",", "") | ("+", "")) => return None,
            Some((_, more)) => rest = more,
        }
    }
}

/// `descr` or `numericoid` (RFC 4512 section 1.4).
fn is_type(kind: &str) -> bool {
    let descr = kind.starts_with(|c: char| c.is_ascii_alphabetic())
        && kind
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let number = |part: &str| {
        part == "0"
            || (!part.is_empty()
                && !part.starts_with('0')
                && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    descr || (kind.contains('.') && kind.split('.').all(number))
}

/// A value, and what stands behind it: nothing, or a comma or plus sign and more.
fn value_of(text: &str) -> Option<(String, &str)> {
    if let Some(hex) = text.strip_prefix('#') {
        let end = hex.find([',', '+']).unwrap_or(hex.len());
        let (digits, after) = hex.split_at_checked(end)?;
        return Some((encoded(&hex::decode(digits).ok()?)?, after));
    }
    let mut octets = Vec::new();
    let mut escaped_end = 0;
    let mut chars = text.char_indices();
    let mut end = text.len();
    while let Some((at, c)) = chars.next() {
        match c {
            ',' | '+' => {
                end = at;
                break;
            }
            // Each of these is written behind a backslash, or is no part of a value.
            '"' | ';' | '<' | '>' | '\0' => return None,
            ' ' if octets.is_empty() => return None,
            '\\' => {
                let (_, next) = chars.next()?;
                if matches!(
                    next,
                    '"' | '+' | ',' | ';' | '<' | '>' | ' ' | '#' | '=' | '\\'
                ) {
                    octets.push(u8::try_from(next).ok()?);
                } else {
                    let (_, second) = chars.next()?;
                    let high = next.to_digit(16)?;
                    let low = second.to_digit(16)?;
                    octets.push(u8::try_from(high * 16 + low).ok()?);
                }
                escaped_end = octets.len();
            }
            other => octets.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    // A blank at the end is escaped.
    if octets.last() == Some(&b' ') && escaped_end != octets.len() {
        return None;
    }
    Some((String::from_utf8(octets).ok()?, text.get(end..)?))
}

/// The text of a value in BER, where it is one of the kinds that names are of today.
fn encoded(octets: &[u8]) -> Option<String> {
    let any = AnyRef::from_der(octets).ok()?;
    text_of(any)
}

/// The text of a string of ASN.1.
#[must_use]
pub fn text_of(any: AnyRef<'_>) -> Option<String> {
    Utf8StringRef::try_from(any)
        .map(|it| it.as_str().to_owned())
        .or_else(|_| PrintableStringRef::try_from(any).map(|it| it.as_str().to_owned()))
        .or_else(|_| Ia5StringRef::try_from(any).map(|it| it.as_str().to_owned()))
        .ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ld_04_the_values_of_a_name_are_read_as_rfc_4514_has_them() {
        for (text, expected) in [
            ("CN=alice", Some(vec!["alice"])),
            ("CN=alice,OU=People,DC=example,DC=org", Some(vec!["alice"])),
            (
                "UID=alice, CN=Alice Liddell, O=Example",
                Some(vec!["Alice Liddell"]),
            ),
            ("O=Example,CN=a\\,b", Some(vec!["a,b"])),
            ("O=x\\,CN=mallory,CN=alice", Some(vec!["alice"])),
            ("O=x\\2cCN=mallory,CN=alice", Some(vec!["alice"])),
            ("O=x+CN=alice", Some(vec!["alice"])),
            ("cn=alice", Some(vec!["alice"])),
            ("commonName=alice", Some(vec!["alice"])),
            ("2.5.4.3=alice", Some(vec!["alice"])),
            ("2.5.4.3=#0c05616c696365,O=x", Some(vec!["alice"])),
            ("2.5.4.3=#1305616c696365", Some(vec!["alice"])),
            ("CN=J\\C3\\A4rn", Some(vec!["J\u{e4}rn"])),
            ("CN=J\u{e4}rn", Some(vec!["J\u{e4}rn"])),
            ("CN=\\ alice\\ ", Some(vec![" alice "])),
            ("CN=\\#alice", Some(vec!["#alice"])),
            ("CN=a=b", Some(vec!["a=b"])),
            ("CN=", Some(vec![""])),
            ("CN=alice,CN=bob", Some(vec!["alice", "bob"])),
            ("O=Example", Some(vec![])),
            ("", None),
            ("alice", None),
            ("/CN=alice", None),
            ("CN=alice,", None),
            (",CN=alice", None),
            ("CN=alice,bob", None),
            ("CN= alice", None),
            ("CN=alice ", None),
            ("CN=alice ,O=x", None),
            ("CN=\"alice\"", None),
            ("CN=alice;O=x", None),
            ("CN=al\\", None),
            ("CN=al\\zz", None),
            ("CN=\\ff", None),
            ("CN=#", None),
            ("CN=#0c", None),
            ("CN=#0c05616c6963", None),
            ("CN=#zz", None),
            ("C N=alice", None),
            ("2..5=alice", None),
            ("02.5=alice", None),
        ] {
            let found = values(text, Attribute::CommonName);
            let expected =
                expected.map(|them| them.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn attributes_have_several_names() {
        let name = "emailAddress=a@b,UID=u,CN=c,0.9.2342.19200300.100.1.1=v";
        assert_eq!(values(name, Attribute::Email).unwrap(), ["a@b"]);
        assert_eq!(values(name, Attribute::UserId).unwrap(), ["u", "v"]);
        assert_eq!(values("E=a@b", Attribute::Email).unwrap(), ["a@b"]);
    }
}
