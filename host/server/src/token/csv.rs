//! Tokens in comma-separated lines. The kind of file is told by its first line, and a file of no known kind is refused: with
//! columns that are guessed, a serial number would become a secret.

use std::collections::HashMap;

use zeroize::Zeroizing;

use super::error::{FileError, Refused, Skipped, printable};
use super::{Decoded, Entry, Format, MAX_ROWS, Method, Place, Row, Token, first, number};

/// No token needs a longer line, in octets.
const MAX_LINE: usize = 4_096;
/// The most fields of a line.
const MAX_FIELDS: usize = 32;

/// The names of columns.
pub(super) const KNOWN: &str = "upn, serial number, secret key, time interval, manufacturer, model, type, algorithm, digits, \
                                counter";

pub(super) fn decode(text: &str) -> Result<Decoded, FileError> {
    let lines = || {
        text.lines()
            .zip(1..)
            .filter(|(line, _)| !line.trim().is_empty())
    };
    if lines().count() > MAX_ROWS + 1 {
        return Err(FileError::TooMany);
    }
    let (head, at) = lines().next().ok_or(FileError::Empty)?;
    let (format, rows) = if let Some(comment) = head.strip_prefix('#') {
        let with_users = match comment.split_whitespace().collect::<String>().as_str() {
            "version:1" => false,
            "version:2" => true,
            _ => return Err(FileError::NoHeader),
        };
        let lines = lines().filter(|(line, _)| !line.starts_with('#'));
        let fixed = |line: &str| fixed(line, with_users);
        (Format::OathCsv, lines.map(|it| row(it, fixed)).collect())
    } else if let Some(header) = Header::new(head, at)? {
        let mut serials = HashMap::new();
        let read = |it| unique(row(it, |line| header.row(line)), &mut serials);
        (Format::Header, lines().skip(1).map(read).collect())
    } else if is_yubico(head) {
        let lines = lines().filter(|(line, _)| !line.starts_with("LOGGING"));
        (Format::Yubico, lines.map(|it| row(it, yubico)).collect())
    } else {
        return Err(FileError::NoHeader);
    };
    Ok(Decoded {
        format,
        encrypted: false,
        signed: false,
        rows,
    })
}

/// What a line says: the serial number, the user, and what it is.
type Said = (String, Option<String>, Result<Token, Entry>);

fn row((line, at): (&str, usize), read: impl Fn(&str) -> Result<Said, Refused>) -> Row {
    let (serial, user, entry) = match read(line) {
        Ok((serial, user, Ok(token))) => match token.bounded() {
            Ok(token) => (serial, user, Entry::Token(token)),
            Err(refused) => (serial, user, Entry::Refused(refused)),
        },
        Ok((serial, user, Err(entry))) => (serial, user, entry),
        Err(refused) => (String::new(), None, Entry::Refused(refused)),
    };
    Row {
        place: Place {
            line: at,
            key: None,
        },
        serial,
        user,
        entry,
    }
}

/// A maker gives a serial number once.
fn unique(mut row: Row, serials: &mut HashMap<(String, String), usize>) -> Row {
    if let Entry::Token(token) = &row.entry {
        let one = (token.manufacturer.clone(), token.serial.clone());
        if let Some(line) = first(serials, one, row.place.line) {
            row.entry = Entry::Refused(Refused::Serial(line));
        }
    }
    row
}

/// The columns of a header row, by what they are.
struct Header {
    columns: Vec<Column>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    User,
    Serial,
    Secret,
    Interval,
    Manufacturer,
    Model,
    Type,
    Algorithm,
    Digits,
    Counter,
}

impl Header {
    /// None where the line is no header row: nothing in it is a column's name.
    fn new(line: &str, at: usize) -> Result<Option<Self>, FileError> {
        let refused = |why| FileError::Line { line: at, why };
        let names: Vec<Option<Column>> = match fields(line) {
            Ok(names) => names.iter().map(|name| Column::of(name)).collect(),
            Err(_) if !line.to_ascii_lowercase().contains("secret key") => return Ok(None),
            Err(why) => return Err(refused(why)),
        };
        if names.iter().all(Option::is_none) {
            return Ok(None);
        }
        let mut columns = Vec::new();
        for (name, column) in names.into_iter().zip(1..) {
            match name {
                Some(name) if !columns.contains(&name) => columns.push(name),
                _ => return Err(FileError::Column { line: at, column }),
            }
        }
        let needed = [
            (Column::Serial, "serial number"),
            (Column::Secret, "secret key"),
        ];
        match needed.iter().find(|(column, _)| !columns.contains(column)) {
            Some((_, name)) => Err(FileError::NoColumn { line: at, name }),
            None => Ok(Some(Self { columns })),
        }
    }

    fn row(&self, line: &str) -> Result<Said, Refused> {
        let fields = fields(line)?;
        if fields.len() > self.columns.len() {
            return Err(Refused::Many(fields.len(), self.columns.len()));
        }
        if fields.len() < self.columns.len() {
            return Err(Refused::Few(fields.len(), self.columns.len()));
        }
        let field = |column| {
            let at = self.columns.iter().position(|it| *it == column);
            at.and_then(|at| fields.get(at)).map_or("", |it| it.trim())
        };
        let serial = field(Column::Serial).to_owned();
        let user = field(Column::User);
        let user = (!user.is_empty()).then(|| user.to_owned());
        let token = || {
            let method = match field(Column::Type).to_ascii_lowercase().as_str() {
                "" | "totp" => Method::Totp,
                "hotp" => Method::Hotp,
                other => return Err(Refused::Algorithm(printable(other))),
            };
            let algorithm = match field(Column::Algorithm).to_ascii_uppercase().as_str() {
                "" | "SHA1" | "HMACSHA1" => "SHA1",
                "SHA256" | "HMACSHA256" => "SHA256",
                "SHA512" | "HMACSHA512" => "SHA512",
                other => return Err(Refused::Hash(printable(other))),
            };
            let interval = field(Column::Interval);
            let period = match (method, interval) {
                (Method::Totp, "30") => 30,
                (Method::Totp, "60") => 60,
                (Method::Totp, _) => return Err(Refused::Interval),
                (_, "" | "0") => 0,
                _ => return Err(Refused::Interval),
            };
            let or = |text: &str, default| match text {
                "" => default,
                text => text.to_owned(),
            };
            Ok(Token {
                serial: serial.clone(),
                manufacturer: field(Column::Manufacturer).to_owned(),
                model: field(Column::Model).to_owned(),
                method,
                secret: base32(field(Column::Secret))?,
                algorithm,
                digits: number("digits", &or(field(Column::Digits), "6".to_owned()))?,
                period,
                counter: number("counter", &or(field(Column::Counter), "0".to_owned()))?,
                suite: String::new(),
                starts: None,
                expires: None,
            })
        };
        let token = token().map_err(Entry::Refused);
        Ok((serial, user, token))
    }
}

impl Column {
    fn of(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "upn" | "user" | "username" => Some(Self::User),
            "serial number" | "serial" => Some(Self::Serial),
            "secret key" | "secret" => Some(Self::Secret),
            "time interval" | "timeinterval" | "interval" => Some(Self::Interval),
            "manufacturer" => Some(Self::Manufacturer),
            "model" => Some(Self::Model),
            "type" => Some(Self::Type),
            "algorithm" | "hash function" => Some(Self::Algorithm),
            "digits" => Some(Self::Digits),
            "counter" => Some(Self::Counter),
            _ => None,
        }
    }
}

/// `# version:2`: user, resolver, realm, serial number, secret, type, and what the type needs; version 1 begins with the
/// serial number.
fn fixed(line: &str, with_users: bool) -> Result<Said, Refused> {
    let mut fields = fields(line)?;
    let (user, rest) = if with_users {
        if fields.len() < 5 {
            return Err(Refused::Few(fields.len(), 5));
        }
        let rest = fields.split_off(3);
        (user(&fields), rest)
    } else {
        (None, fields)
    };
    let field = |at: usize| rest.get(at).map_or("", |it| it.trim());
    if rest.len() < 2 {
        return Err(Refused::Few(rest.len(), 2));
    }
    if rest.len() > 5 {
        return Err(Refused::Many(rest.len(), 5));
    }
    let serial = field(0).to_owned();
    if serial.is_empty() {
        return Ok((serial, user, Err(Entry::Skipped(Skipped::NoSerial))));
    }
    let token = || {
        let method = match field(2).to_ascii_lowercase().as_str() {
            "" | "hotp" => Method::Hotp,
            "totp" => Method::Totp,
            "ocra" => Method::Ocra,
            other => return Err(Refused::Algorithm(printable(other))),
        };
        let (digits, suite) = match (method, field(3)) {
            (Method::Ocra, suite) => (6, suite.to_owned()),
            (_, "") => (6, String::new()),
            (_, digits) => (number("digits", digits)?, String::new()),
        };
        let period = match (method, field(4)) {
            (Method::Totp, "") => 30,
            (Method::Totp, period) => number("time step", period)?,
            _ => 0,
        };
        Ok(Token {
            serial: serial.clone(),
            manufacturer: String::new(),
            model: String::new(),
            method,
            secret: hexadecimal(field(1))?,
            algorithm: if method == Method::Ocra { "" } else { "SHA1" },
            digits,
            period,
            counter: 0,
            suite,
            starts: None,
            expires: None,
        })
    };
    let token = token().map_err(Entry::Refused);
    Ok((serial, user, token))
}

/// One name may be two people's in two realms, so that the realm goes with it.
fn user(fields: &[Zeroizing<String>]) -> Option<String> {
    let field = |at: usize| fields.get(at).map_or("", |it| it.trim());
    match (field(0), field(2)) {
        ("", _) => None,
        (user, "") => Some(user.to_owned()),
        (user, realm) => Some(format!("{realm}\\{user}")),
    }
}

/// Whether the first line is one of Yubico's: it begins with what was written to the key, or with a serial number and has a
/// secret in its fourth column.
fn is_yubico(line: &str) -> bool {
    let Ok(fields) = fields(line) else {
        return false;
    };
    let field = |at: usize| fields.get(at).map_or("", |it| it.trim());
    let known = [
        "LOGGING START",
        "OATH-HOTP",
        "Yubico OTP",
        "Static Password",
    ];
    let is_known = known.iter().any(|it| field(0).eq_ignore_ascii_case(it));
    is_known
        || (is_number(field(0))
            && [32, 40].contains(&field(3).len())
            && hexadecimal(field(3)).is_ok())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// The personalization tool's log (type, time, slot, public id, private id, secret, two access codes, three flags, digits,
/// counter …), or a line a key (serial number, public id, counter, secret, access code, time).
fn yubico(line: &str) -> Result<Said, Refused> {
    let fields = fields(line)?;
    let field = |at: usize| fields.get(at).map_or("", |it| it.trim());
    let (serial, secret, digits, counter) = if is_number(field(0)) {
        // A Yubico OTP has a private id in place of the counter.
        if !is_number(field(2)) || field(3).len() != 40 {
            return Ok((
                field(0).to_owned(),
                None,
                Err(Entry::Skipped(Skipped::NotOath)),
            ));
        }
        (field(0), field(3), "6", field(2))
    } else if field(0).eq_ignore_ascii_case("OATH-HOTP") {
        if fields.len() < 13 {
            return Err(Refused::Few(fields.len(), 13));
        }
        (field(3), field(5), field(11), field(12))
    } else {
        return Ok((String::new(), None, Err(Entry::Skipped(Skipped::NotOath))));
    };
    let token = || {
        Ok(Token {
            serial: serial.to_owned(),
            manufacturer: "Yubico".to_owned(),
            model: "YubiKey".to_owned(),
            method: Method::Hotp,
            secret: hexadecimal(secret)?,
            algorithm: "SHA1",
            digits: number("digits", digits)?,
            period: 0,
            counter: number("counter", counter)?,
            suite: String::new(),
            starts: None,
            expires: None,
        })
    };
    Ok((serial.to_owned(), None, token().map_err(Entry::Refused)))
}

/// The fields of a line, by RFC 4180. A line break inside quotes is none of it: what follows would be another token's.
pub(super) fn fields(line: &str) -> Result<Vec<Zeroizing<String>>, Refused> {
    if line.len() > MAX_LINE {
        return Err(Refused::LongLine);
    }
    let mut fields = Vec::new();
    let mut rest = Some(line);
    while let Some(text) = rest {
        if fields.len() == MAX_FIELDS {
            return Err(Refused::Many(MAX_FIELDS + 1, MAX_FIELDS));
        }
        let quoted = text.trim_start_matches([' ', '\t']);
        let Some(mut inside) = quoted.strip_prefix('"') else {
            let (field, after) = match text.split_once(',') {
                Some((field, after)) => (field, Some(after)),
                None => (text, None),
            };
            if field.contains('"') {
                return Err(Refused::Quotes);
            }
            fields.push(Zeroizing::new(field.to_owned()));
            rest = after;
            continue;
        };
        let mut field = Zeroizing::new(String::with_capacity(inside.len()));
        loop {
            let (part, after) = inside.split_once('"').ok_or(Refused::Quotes)?;
            field.push_str(part);
            match after.strip_prefix('"') {
                Some(after) => {
                    field.push('"');
                    inside = after;
                }
                None => {
                    inside = after.trim_start_matches([' ', '\t']);
                    break;
                }
            }
        }
        fields.push(field);
        rest = match inside.strip_prefix(',') {
            Some(after) => Some(after),
            None if inside.is_empty() => None,
            None => return Err(Refused::Quotes),
        };
    }
    Ok(fields)
}

/// A field as a spreadsheet may open it: quoted where it has to be, and never a formula (IM-05).
#[must_use]
pub fn cell(text: &str) -> String {
    let formula = text.starts_with([
        '=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '＝', '＋', '－', '＠',
    ]);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r', ';', '\t']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

/// RFC 4648 section 6, in either case, with or without padding and with blanks between groups. Bits that are left over are
/// dropped, as makers' own files have them.
fn base32(text: &str) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let digits = text.trim_end_matches('=');
    let mut octets = Zeroizing::new(Vec::with_capacity(digits.len()));
    let (mut bits, mut held, mut count) = (0_u32, 0_u32, 0_usize);
    for (character, at) in digits.chars().zip(1..) {
        let value = match character {
            ' ' => continue,
            'A'..='Z' => u32::from(character) - u32::from('A'),
            'a'..='z' => u32::from(character) - u32::from('a'),
            '2'..='7' => u32::from(character) - u32::from('2') + 26,
            _ => return Err(Refused::Base32(at)),
        };
        (bits, held, count) = ((bits << 5 | value) & 0xFFF, held + 5, count + 1);
        if held >= 8 {
            held -= 8;
            octets.push((bits >> held & 0xFF) as u8);
        }
    }
    if matches!(count % 8, 1 | 3 | 6) {
        return Err(Refused::CutShort);
    }
    Ok(octets)
}

fn hexadecimal(text: &str) -> Result<Zeroizing<Vec<u8>>, Refused> {
    hex::decode(text)
        .map(Zeroizing::new)
        .map_err(|_| Refused::Hexadecimal)
}
