//! `otpauth://` URIs, the Key Uri Format that authenticators read from a QR code.
//!
//! Reading is strict where readers are known to differ: a parameter that is written twice, an issuer that contradicts the label,
//! or a number in an unusual spelling is refused, because two programs would make two tokens of it.

use zeroize::Zeroizing;

use crate::base32::{self, Base32Error, Secret};
use crate::methods::totp::PERIODS;
use crate::policy::Algorithm;

/// What an authenticator needs to know of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otpauth {
    /// How it moves on.
    pub moving: MovingFactor,
    /// The hash.
    pub algorithm: Algorithm,
    /// Length of a code: 6, 7 or 8.
    pub digits: u8,
    /// Who issued it.
    pub issuer: Option<String>,
    /// Whose it is.
    pub account: String,
    /// The key.
    pub secret: Secret,
}

/// What a code is computed from besides the key (RFC 4226 section 5.1, RFC 6238 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MovingFactor {
    /// Steps of time, of this many seconds: 15 to 300.
    Time(u16),
    /// A counter, from this value on.
    Counter(u64),
}

/// Why a text is no `otpauth://` URI that every reader understands alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtpauthError {
    /// More than [`MAX_OCTETS`].
    TooLong,
    /// It does not begin with `otpauth://`.
    Scheme,
    /// Neither `totp` nor `hotp`.
    Type,
    /// A percent sign without two hexadecimal digits, text that is no UTF-8, or a control character.
    Encoding,
    /// There is no account in the label, or it is over 256 octets long.
    Label,
    /// This parameter is missing.
    Missing(&'static str),
    /// This parameter is written twice.
    Twice(&'static str),
    /// This parameter has a value that is not allowed.
    Value(&'static str),
    /// The issuer of the label is not that of the parameter.
    IssuerMismatch,
    /// The secret is no base32.
    Secret(Base32Error),
}

impl From<Base32Error> for OtpauthError {
    fn from(error: Base32Error) -> Self {
        Self::Secret(error)
    }
}

/// Longest URI: what the largest QR code holds.
pub const MAX_OCTETS: usize = 2953;

const MAX_ACCOUNT: usize = 256;
const MAX_ISSUER: usize = 128;
const SCHEME: &str = "otpauth://";

impl Otpauth {
    /// Reads a URI.
    pub fn parse(uri: &str) -> Result<Self, OtpauthError> {
        if uri.len() > MAX_OCTETS {
            return Err(OtpauthError::TooLong);
        }
        // RFC 3986 section 3.1: schemes have no case; and types are seen in either.
        let (scheme, rest) = uri
            .split_at_checked(SCHEME.len())
            .ok_or(OtpauthError::Scheme)?;
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(OtpauthError::Scheme);
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, label) = path.split_once('/').ok_or(OtpauthError::Type)?;
        let is_counter = kind.eq_ignore_ascii_case("hotp");
        if !is_counter && !kind.eq_ignore_ascii_case("totp") {
            return Err(OtpauthError::Type);
        }
        let (prefix, account) = label_parts(label)?;
        let parameters = Parameters::read(query)?;
        let moving = if is_counter {
            let counter = parameters.counter.ok_or(OtpauthError::Missing("counter"))?;
            MovingFactor::Counter(number(&counter).ok_or(OtpauthError::Value("counter"))?)
        } else {
            let period = parameters.period.map_or(Some(30), |text| number(&text));
            let period = period
                .and_then(|period| u16::try_from(period).ok())
                .filter(|period| PERIODS.contains(period));
            MovingFactor::Time(period.ok_or(OtpauthError::Value("period"))?)
        };
        let digits = match parameters.digits.as_deref().map(String::as_str) {
            None | Some("6") => 6,
            Some("7") => 7,
            Some("8") => 8,
            Some(_) => return Err(OtpauthError::Value("digits")),
        };
        let algorithm = match parameters.algorithm {
            None => Algorithm::Sha1,
            Some(name) if name.eq_ignore_ascii_case("SHA1") => Algorithm::Sha1,
            Some(name) if name.eq_ignore_ascii_case("SHA256") => Algorithm::Sha256,
            Some(name) if name.eq_ignore_ascii_case("SHA512") => Algorithm::Sha512,
            Some(_) => return Err(OtpauthError::Value("algorithm")),
        };
        let secret = parameters.secret.ok_or(OtpauthError::Missing("secret"))?;
        let secret = base32::decode_secret(&secret)?;
        let issuer = settle_issuer(prefix, parameters.issuer.map(|issuer| issuer.to_string()))?;
        Ok(Self {
            moving,
            algorithm,
            digits,
            issuer,
            account,
            secret,
        })
    }

    /// Writes the URI: every parameter that any reader might assume otherwise, and `%20` for a space, which all read alike.
    pub fn to_uri(&self) -> Zeroizing<String> {
        let mut uri = Zeroizing::new(String::with_capacity(1024));
        uri.push_str(SCHEME);
        uri.push_str(match self.moving {
            MovingFactor::Time(_) => "totp/",
            MovingFactor::Counter(_) => "hotp/",
        });
        if let Some(issuer) = &self.issuer {
            percent_encode(&mut uri, issuer);
            uri.push(':');
        }
        percent_encode(&mut uri, &self.account);
        uri.push_str("?secret=");
        uri.push_str(&base32::encode(self.secret.as_bytes()));
        if let Some(issuer) = &self.issuer {
            uri.push_str("&issuer=");
            percent_encode(&mut uri, issuer);
        }
        uri.push_str("&algorithm=");
        uri.push_str(self.algorithm.name());
        uri.push_str("&digits=");
        uri.push(char::from(b'0'.saturating_add(self.digits.min(9))));
        let (name, value) = match self.moving {
            MovingFactor::Time(period) => ("&period=", u64::from(period)),
            MovingFactor::Counter(counter) => ("&counter=", counter),
        };
        uri.push_str(name);
        uri.push_str(&value.to_string());
        uri
    }
}

/// The parameters that mean something. Others, such as `image`, are read over and never fetched.
#[derive(Default)]
struct Parameters {
    secret: Option<Zeroizing<String>>,
    issuer: Option<Zeroizing<String>>,
    algorithm: Option<Zeroizing<String>>,
    digits: Option<Zeroizing<String>>,
    period: Option<Zeroizing<String>>,
    counter: Option<Zeroizing<String>>,
}

impl Parameters {
    fn read(query: &str) -> Result<Self, OtpauthError> {
        let mut parameters = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = percent_decode(name)?;
            let value = percent_decode(value)?;
            let (slot, name) = match name.as_str() {
                "secret" => (&mut parameters.secret, "secret"),
                "issuer" => (&mut parameters.issuer, "issuer"),
                "algorithm" => (&mut parameters.algorithm, "algorithm"),
                "digits" => (&mut parameters.digits, "digits"),
                "period" => (&mut parameters.period, "period"),
                "counter" => (&mut parameters.counter, "counter"),
                _ => continue,
            };
            if slot.is_some() {
                return Err(OtpauthError::Twice(name));
            }
            *slot = Some(value);
        }
        Ok(parameters)
    }
}

/// `account`, or `issuer:account` with the colon written either way and spaces behind it.
fn label_parts(label: &str) -> Result<(Option<String>, String), OtpauthError> {
    let label = percent_decode(label)?;
    let (issuer, account) = match label.split_once(':') {
        Some((issuer, account)) => (Some(issuer), account.trim_start_matches(' ')),
        None => (None, label.as_str()),
    };
    if account.is_empty() || account.len() > MAX_ACCOUNT || issuer.is_some_and(str::is_empty) {
        return Err(OtpauthError::Label);
    }
    Ok((issuer.map(str::to_owned), account.to_owned()))
}

/// The two issuers have to be one: a label that names another is how a token is passed off as somebody else's.
fn settle_issuer(
    prefix: Option<String>,
    parameter: Option<String>,
) -> Result<Option<String>, OtpauthError> {
    if parameter
        .as_ref()
        .is_some_and(|issuer| issuer.is_empty() || issuer.contains(':'))
    {
        return Err(OtpauthError::Value("issuer"));
    }
    let issuer = match (prefix, parameter) {
        // Form encoding writes a space as a plus sign.
        (Some(prefix), Some(issuer)) if prefix == issuer || prefix == issuer.replace('+', " ") => {
            Some(prefix)
        }
        (Some(_), Some(_)) => return Err(OtpauthError::IssuerMismatch),
        (prefix, issuer) => prefix.or(issuer),
    };
    if issuer
        .as_ref()
        .is_some_and(|issuer| issuer.len() > MAX_ISSUER)
    {
        return Err(OtpauthError::Value("issuer"));
    }
    Ok(issuer)
}

/// A number in its one spelling: digits, without a sign or a leading zero.
fn number(text: &str) -> Option<u64> {
    let plain =
        text.bytes().all(|octet| octet.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// RFC 3986 section 2.1. A plus sign is a plus sign.
fn percent_decode(text: &str) -> Result<Zeroizing<String>, OtpauthError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'%' {
            bytes.push(octet);
            continue;
        }
        let mut nibble = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        match (nibble(), nibble()) {
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => return Err(OtpauthError::Encoding),
        }
    }
    let text = core::str::from_utf8(&bytes).map_err(|_| OtpauthError::Encoding)?;
    if text.chars().any(char::is_control) {
        return Err(OtpauthError::Encoding);
    }
    Ok(Zeroizing::new(text.to_owned()))
}

/// Everything but RFC 3986's unreserved characters is encoded, and so is `@`, which is read back by every reader.
fn percent_encode(out: &mut String, text: &str) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(octet));
        } else {
            out.push('%');
            out.push(digit(octet >> 4));
            out.push(digit(octet & 15));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_vectors_are_read_or_refused() {
        let file = include_str!("../../tests/vectors/otpauth/otpauth_uri_cases.json");
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 40);
        for case in cases {
            let uri = case["uri"].as_str().unwrap();
            let parsed = Otpauth::parse(uri);
            if let Some(text) = case["expect"].as_str() {
                // Where a case leaves the choice, the strict one is ours.
                // So it is for `E:a` of the issuer `A+B`, which is about the plus sign: see the next test.
                let refused = text.starts_with("reject")
                    || uri.contains("E:a") && uri.ends_with("issuer=A+B");
                assert_eq!(parsed.is_err(), refused, "{uri}: {text}, {parsed:?}");
                continue;
            }
            let token = parsed.unwrap();
            let expect = &case["expect"];
            let hex: String = token
                .secret
                .as_bytes()
                .iter()
                .map(|octet| format!("{octet:02x}"))
                .collect();
            let (kind, period, counter) = match token.moving {
                MovingFactor::Time(period) => ("totp", Some(u64::from(period)), None),
                MovingFactor::Counter(counter) => ("hotp", None, Some(counter)),
            };
            for (field, found) in [
                ("type", serde_json::json!(kind)),
                ("period", serde_json::json!(period)),
                ("counter", serde_json::json!(counter)),
                ("algorithm", serde_json::json!(token.algorithm.name())),
                ("digits", serde_json::json!(token.digits)),
                ("issuer", serde_json::json!(token.issuer)),
                ("account", serde_json::json!(token.account)),
                ("secret_hex", serde_json::json!(hex)),
            ] {
                if let Some(expected) = expect.get(field) {
                    assert_eq!(&found, expected, "{uri} {field}");
                }
            }
            assert_eq!(
                Otpauth::parse(&token.to_uri()).as_ref(),
                Ok(&token),
                "{uri}"
            );
        }
    }

    #[test]
    fn a_plus_sign_in_an_issuer_is_one_unless_the_label_says_otherwise() {
        for (label, issuer) in [
            ("a", "A+B"),
            ("A+B:a", "A+B"),
            ("A%2BB%3A%20a", "A+B"),
            ("A%20B:a", "A B"),
        ] {
            let uri = [
                "otpauth://totp/",
                label,
                "?secret=JBSWY3DPEHPK3PXP&issuer=A+B",
            ]
            .concat();
            let token = Otpauth::parse(&uri).unwrap();
            assert_eq!(
                (token.issuer.as_deref(), token.account.as_str()),
                (Some(issuer), "a"),
                "{uri}"
            );
        }
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        let with = |rest: &str| format!("otpauth://totp/E:a?secret=JBSWY3DPEHPK3PXP{rest}");
        for (uri, expected) in [
            ("".into(), OtpauthError::Scheme),
            (
                "https://totp/E:a?secret=JBSWY3DPEHPK3PXP".into(),
                OtpauthError::Scheme,
            ),
            (
                "otpauth://totp?secret=JBSWY3DPEHPK3PXP".into(),
                OtpauthError::Type,
            ),
            (
                "otpauth://totp/?secret=JBSWY3DPEHPK3PXP".into(),
                OtpauthError::Label,
            ),
            (
                "otpauth://totp/E:?secret=JBSWY3DPEHPK3PXP".into(),
                OtpauthError::Label,
            ),
            (
                "otpauth://totp/:a?secret=JBSWY3DPEHPK3PXP".into(),
                OtpauthError::Label,
            ),
            (
                "otpauth://totp/E:a?".into(),
                OtpauthError::Missing("secret"),
            ),
            (
                "otpauth://totp/E:a?secret=".into(),
                OtpauthError::Secret(Base32Error::Empty),
            ),
            (with("&%73ecret=A"), OtpauthError::Twice("secret")),
            (with("&digits=6&digits=6"), OtpauthError::Twice("digits")),
            (with("&issuer=F"), OtpauthError::IssuerMismatch),
            (with("&issuer="), OtpauthError::Value("issuer")),
            (with("&period=14"), OtpauthError::Value("period")),
            (with("&period=030"), OtpauthError::Value("period")),
            (with("&algorithm=MD5"), OtpauthError::Value("algorithm")),
            (with("&x=%"), OtpauthError::Encoding),
            (with("&x=%1é"), OtpauthError::Encoding),
            (with("&x=%0a"), OtpauthError::Encoding),
            (with(&"&x=1".repeat(1000)), OtpauthError::TooLong),
        ] {
            assert_eq!(Otpauth::parse(&uri), Err(expected), "{uri}");
        }
        let counter = "otpauth://hotp/E:a?secret=JBSWY3DPEHPK3PXP&counter=18446744073709551616";
        assert_eq!(Otpauth::parse(counter), Err(OtpauthError::Value("counter")));
    }

    #[test]
    fn the_uri_is_spelt_as_every_reader_reads_it() {
        let token = Otpauth {
            moving: MovingFactor::Time(30),
            algorithm: Algorithm::Sha1,
            digits: 6,
            issuer: Some("Ö & Co".into()),
            account: "ann+1@example.com".into(),
            secret: Secret::new(b"12345678901234567890".to_vec()),
        };
        assert_eq!(
            *token.to_uri(),
            "otpauth://totp/%C3%96%20%26%20Co:ann%2B1%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=%C3%96%20%26%20Co&algorithm=SHA1&digits=6&period=30"
        );
        assert!(
            !format!("{token:?}").contains("49"),
            "the secret is not printed"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read_back(
            issuer in "[^:\\p{Cc}]{1,20}", account in "[^ \\p{Cc}][^\\p{Cc}]{0,30}",
            secret in prop::collection::vec(any::<u8>(), 1..=64), digits in 6_u8..=8, period in 15_u16..=300, counter in any::<Option<u64>>(),
        ) {
            let moving = counter.map_or(MovingFactor::Time(period), MovingFactor::Counter);
            let secret = Secret::new(secret);
            let token = Otpauth { moving, algorithm: Algorithm::Sha256, digits, issuer: Some(issuer), account, secret };
            let read = Otpauth::parse(&token.to_uri());
            prop_assert_eq!(read, Ok(token));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = Otpauth::parse(&text);
            let _ = Otpauth::parse(&format!("otpauth://totp/{text}"));
            let _ = Otpauth::parse(&format!("otpauth://hotp/a?secret=AA&{text}"));
        }
    }
}
