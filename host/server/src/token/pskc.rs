//! PSKC (RFC 6030), as far as it describes OATH tokens.
//!
//! A signature is noticed and never verified: nothing says which certificate the maker's would be. Whatever a key's policy
//! demands that cannot be kept makes the key unusable (RFC 6030 section 5).

use std::collections::HashMap;

use roxmltree::{Document, Node};
use zeroize::Zeroizing;

use super::date::instant;
use super::decrypt::{Opener, Unlock, base64};
use super::error::{FileError, Refused, Skipped, printable};
use super::xml::{self, PSKC, SIGNATURE, children, only, value};
use super::{Decoded, Entry, Format, MAX_ROWS, Method, Place, Row, Token, first, number};

/// Section 10.1 and the profiles registered since.
const PREFIX: &str = "urn:ietf:params:xml:ns:keyprov:pskc:";

pub(super) fn decode(text: &str, unlock: Option<&Unlock>) -> Result<Decoded, FileError> {
    let document = xml::parse(text)?;
    let container = document.root_element();
    if !container.has_tag_name((PSKC, "KeyContainer")) {
        return Err(FileError::NotPskc);
    }
    // Section 1.2: another major version is another format.
    match container
        .attribute("Version")
        .and_then(|it| it.split_once('.'))
    {
        Some(("1", minor)) if number::<u16>("Version", minor).is_ok() && !minor.is_empty() => {}
        _ => {
            let version = container.attribute("Version").unwrap_or_default();
            return Err(FileError::Version(printable(version)));
        }
    }
    let opener = Opener::new(container, unlock)?;
    let mut lines = Lines::new(&document);
    let mut ids = HashMap::new();
    let mut rows = Vec::new();
    for package in children(container, PSKC, "KeyPackage") {
        for key in children(package, PSKC, "Key") {
            if rows.len() >= MAX_ROWS {
                return Err(FileError::TooMany);
            }
            let place = Place {
                line: lines.of(key),
                key: key.attribute("Id").map(printable),
            };
            rows.push(row(package, key, place, opener.as_ref(), &mut ids));
        }
    }
    Ok(Decoded {
        format: Format::Pskc,
        encrypted: opener.is_some(),
        // The RFC's own figure has the element in the namespace of PSKC.
        signed: [PSKC, SIGNATURE]
            .iter()
            .any(|namespace| children(container, namespace, "Signature").next().is_some()),
        rows,
    })
}

fn row(
    package: Node<'_, '_>,
    key: Node<'_, '_>,
    place: Place,
    opener: Option<&Opener>,
    ids: &mut HashMap<String, usize>,
) -> Row {
    let twin = key
        .attribute("Id")
        .and_then(|id| first(ids, id.to_owned(), place.line));
    let read = Device::new(package, key).map(|device| {
        let entry = match key.attribute("Algorithm").unwrap_or_default() {
            // Section 4.4 (PINPolicy): a PIN travels as a key of its own.
            name if name.strip_prefix(PREFIX) == Some("pin") => Entry::Skipped(Skipped::Pin),
            name => match (
                twin,
                token(&device, key, name, opener).and_then(Token::bounded),
            ) {
                (Some(line), _) => Entry::Refused(Refused::KeyId(line)),
                (None, Ok(token)) => Entry::Token(token),
                (None, Err(refused)) => Entry::Refused(refused),
            },
        };
        (device.serial, device.user, entry)
    });
    let (serial, user, entry) =
        read.unwrap_or_else(|refused| (String::new(), None, Entry::Refused(refused)));
    Row {
        place,
        serial,
        user,
        entry,
    }
}

/// Section 4.3.
struct Device {
    serial: String,
    manufacturer: String,
    model: String,
    user: Option<String>,
    starts: Option<u64>,
    expires: Option<u64>,
}

impl Device {
    fn new(package: Node<'_, '_>, key: Node<'_, '_>) -> Result<Self, Refused> {
        let info = only(package, PSKC, "DeviceInfo")?;
        let of_device = |name| info.map_or(Ok(None), |info| value(info, name));
        let user = match value(key, "UserId")? {
            Some(user) => Some(user),
            None => of_device("UserId")?,
        };
        // A file without devices tells its keys apart by their Ids alone.
        let serial = of_device("SerialNo")?
            .or_else(|| key.attribute("Id").map(str::to_owned))
            .unwrap_or_default();
        Ok(Self {
            serial: serial.trim().to_owned(),
            manufacturer: of_device("Manufacturer")?.unwrap_or_default(),
            model: of_device("Model")?.unwrap_or_default(),
            user: user.as_deref().map(user_of),
            starts: date("StartDate", of_device("StartDate")?)?,
            expires: date("ExpiryDate", of_device("ExpiryDate")?)?,
        })
    }
}

/// Section 4.3.2: a distinguished name. Of one, its UID is a user's name; another attribute may be anything, and is left for
/// the first factor's rules to refuse.
fn user_of(distinguished: &str) -> String {
    let first = distinguished.split([',', '+']).next().unwrap_or_default();
    match first.trim().split_once('=') {
        Some((name, uid)) if name.trim().eq_ignore_ascii_case("uid") && !uid.contains('\\') => {
            uid.trim().to_owned()
        }
        _ => distinguished.to_owned(),
    }
}

fn token(
    device: &Device,
    key: Node<'_, '_>,
    algorithm: &str,
    opener: Option<&Opener>,
) -> Result<Token, Refused> {
    let method = match algorithm.strip_prefix(PREFIX) {
        Some("hotp") => Method::Hotp,
        Some("totp") => Method::Totp,
        Some("ocra") => Method::Ocra,
        _ => return Err(Refused::Algorithm(printable(algorithm))),
    };
    for name in ["KeyProfileId", "KeyReference"] {
        if children(key, PSKC, name).next().is_some() {
            return Err(Refused::Reference(name));
        }
    }
    let (starts, expires) = policy(key, method)?;
    let data = only(key, PSKC, "Data")?.ok_or(Refused::Missing("Data"))?;
    let (digits, suite) = parameters(key)?;
    let (algorithm, suite) = match method {
        Method::Ocra => ("", suite),
        _ => (hash(&suite)?, String::new()),
    };
    let secret = only(data, PSKC, "Secret")?.ok_or(Refused::Missing("Secret"))?;
    let secret = match opener {
        Some(opener) => opener.secret(secret)?,
        None => plain(secret)?,
    };
    let counter = plain_number(data, "Counter")?.unwrap_or(0);
    let interval = plain_number(data, "TimeInterval")?.unwrap_or(30);
    let interval = u32::try_from(interval).map_err(|_| Refused::Number("TimeInterval"))?;
    let counts = method != Method::Totp;
    Ok(Token {
        serial: device.serial.clone(),
        manufacturer: device.manufacturer.clone(),
        model: device.model.clone(),
        method,
        secret,
        algorithm,
        digits,
        period: if counts { 0 } else { interval },
        counter: if counts { counter } else { 0 },
        suite,
        starts: device.starts.max(starts),
        expires: match (device.expires, expires) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        },
    })
}

/// Section 4.5: what is demanded of whoever uses the key; when it may be used. What is not known may not be passed over.
fn policy(key: Node<'_, '_>, method: Method) -> Result<(Option<u64>, Option<u64>), Refused> {
    let Some(policy) = only(key, PSKC, "Policy")? else {
        return Ok((None, None));
    };
    let mut usages = Vec::new();
    for node in policy.children().filter(Node::is_element) {
        match node.tag_name().name() {
            "StartDate" | "ExpiryDate" => {}
            "KeyUsage" => usages.push(xml::text(node, "KeyUsage")?.into_owned()),
            "PINPolicy" => match node.attribute("PINUsageMode") {
                Some("Local") => {}
                mode => return Err(Refused::Pin(printable(mode.unwrap_or_default()))),
            },
            name => return Err(Refused::Policy(printable(name))),
        }
    }
    let wanted: &[&str] = match method {
        Method::Ocra => &["CR", "OTP", "Integrity"],
        _ => &["OTP"],
    };
    if !usages.is_empty() && !usages.iter().any(|usage| wanted.contains(&usage.as_str())) {
        return Err(Refused::Usage);
    }
    Ok((
        date("StartDate", value(policy, "StartDate")?)?,
        date("ExpiryDate", value(policy, "ExpiryDate")?)?,
    ))
}

/// Section 4.2: how many digits (six where nothing is said), and the suite.
fn parameters(key: Node<'_, '_>) -> Result<(u8, String), Refused> {
    let Some(parameters) = only(key, PSKC, "AlgorithmParameters")? else {
        return Ok((6, String::new()));
    };
    let suite = value(parameters, "Suite")?.unwrap_or_default();
    let Some(format) = only(parameters, PSKC, "ResponseFormat")? else {
        return Ok((6, suite));
    };
    match format.attribute("Encoding") {
        Some("DECIMAL") => {}
        other => return Err(Refused::Encoding(printable(other.unwrap_or_default()))),
    }
    if matches!(format.attribute("CheckDigits"), Some("true" | "1")) {
        return Err(Refused::CheckDigits);
    }
    let length = format.attribute("Length").unwrap_or_default();
    Ok((number("Length", length)?, suite))
}

/// The hash that the suite of a counting or time-keeping key names; HMAC-SHA-1 where it names none.
fn hash(suite: &str) -> Result<&'static str, Refused> {
    let name = suite.to_ascii_uppercase().replace(['-', '_'], "");
    match name.strip_prefix("HMAC").unwrap_or(&name) {
        "" | "SHA1" => Ok("SHA1"),
        "SHA256" => Ok("SHA256"),
        "SHA512" => Ok("SHA512"),
        _ => Err(Refused::Hash(printable(suite))),
    }
}

fn plain(secret: Node<'_, '_>) -> Result<Zeroizing<Vec<u8>>, Refused> {
    if only(secret, PSKC, "EncryptedValue")?.is_some() {
        return Err(Refused::NoEncryptionKey);
    }
    let value = only(secret, PSKC, "PlainValue")?.ok_or(Refused::Missing("Secret"))?;
    base64(&xml::text(value, "Secret")?).ok_or(Refused::Base64("Secret"))
}

fn plain_number(data: Node<'_, '_>, name: &'static str) -> Result<Option<u64>, Refused> {
    let Some(node) = only(data, PSKC, name)? else {
        return Ok(None);
    };
    if only(node, PSKC, "EncryptedValue")?.is_some() {
        return Err(Refused::Encrypted(name));
    }
    match value(node, "PlainValue")? {
        Some(text) => number(name, &text).map(Some),
        None => Err(Refused::Missing(name)),
    }
}

fn date(name: &'static str, text: Option<String>) -> Result<Option<u64>, Refused> {
    match text {
        Some(text) => instant(&text).map(Some).ok_or(Refused::Date(name)),
        None => Ok(None),
    }
}

/// Counts lines once for all keys, which come in order.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(document: &'a Document<'_>) -> Self {
        Self {
            text: document.input_text(),
            at: 0,
            line: 1,
        }
    }

    fn of(&mut self, node: Node<'_, '_>) -> usize {
        let start = node.range().start;
        let between = self.text.get(self.at..start).unwrap_or_default();
        self.line += between.matches('\n').count();
        self.at = start;
        self.line
    }
}
