//! Who gets which token, where the file itself does not say: a list with the columns `serial` and `user`.

use std::collections::HashMap;

use super::csv::fields;
use super::error::{FileError, Refused};
use super::{MAX_FILE, MAX_ROWS, first};

/// Whose token it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The line, from one.
    pub line: usize,
    /// The serial number.
    pub serial: String,
    /// The user's name, as the first factor writes it.
    pub user: String,
}

/// Reads the list. Its first line is the header row `serial,user`.
///
/// # Errors
/// Where a line cannot be read or has a serial number for the second time: nothing of the list is used then.
pub fn recipients(file: &[u8]) -> Result<Vec<Recipient>, FileError> {
    if file.len() > MAX_FILE {
        return Err(FileError::TooLarge);
    }
    let text = std::str::from_utf8(file).map_err(|_| FileError::Encoding)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text
        .lines()
        .zip(1..)
        .filter(|(line, _)| !line.trim().is_empty());
    let (header, line) = lines.next().ok_or(FileError::Empty)?;
    let missing = |name| FileError::NoColumn { line, name };
    let names = fields(header).map_err(|why| FileError::Line { line, why })?;
    let mut names = names.iter().map(|name| name.trim().to_ascii_lowercase());
    if !matches!(names.next().as_deref(), Some("serial" | "serial number")) {
        return Err(missing("serial"));
    }
    if !matches!(names.next().as_deref(), Some("user" | "upn")) || names.next().is_some() {
        return Err(missing("user"));
    }
    let mut seen = HashMap::new();
    let mut found = Vec::new();
    for (text, line) in lines {
        if found.len() == MAX_ROWS {
            return Err(FileError::TooMany);
        }
        let refused = |why| FileError::Line { line, why };
        let fields = fields(text).map_err(refused)?;
        let [serial, user] = fields.as_slice() else {
            return Err(refused(match fields.len() {
                1 => Refused::Few(1, 2),
                many => Refused::Many(many, 2),
            }));
        };
        let recipient = Recipient {
            line,
            serial: serial.trim().to_owned(),
            user: user.trim().to_owned(),
        };
        if recipient.serial.is_empty() {
            return Err(refused(Refused::Missing("serial number")));
        }
        if recipient.user.is_empty() {
            return Err(refused(Refused::Missing("user")));
        }
        if let Some(first) = first(&mut seen, recipient.serial.clone(), line) {
            return Err(FileError::Twice { line, first });
        }
        found.push(recipient);
    }
    Ok(found)
}
