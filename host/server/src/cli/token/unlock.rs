//! The key or the passphrase of an encrypted file: from a file, from standard input, or asked for at a terminal.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::{Zeroize, Zeroizing};

use super::super::{Exit, Failure, input};
use crate::token::{Lock, Unlock};

/// No key and no passphrase is longer, in octets.
const MAX_SECRET: usize = 4_096;

/// What the command line points to.
pub(super) fn given(
    key: Option<&Path>,
    passphrase: Option<&Path>,
) -> Result<Option<Unlock>, Failure> {
    let secret = |path: &Path| {
        let text = input::octets(path, MAX_SECRET)?;
        if text.len() > MAX_SECRET {
            let text = format!("{}: longer than any key or passphrase", path.display());
            return Err(Failure::new(Exit::Configuration, text));
        }
        Ok(Zeroizing::new(first_line(&text).to_vec()))
    };
    match (key, passphrase) {
        (Some(path), _) => parse_key(&secret(path)?).map(Some).map_err(|text| {
            Failure::new(Exit::Configuration, format!("{}: {text}", path.display()))
        }),
        (_, Some(path)) => Ok(Some(Unlock::Passphrase(secret(path)?))),
        (None, None) => Ok(None),
    }
}

/// Asks for it, if somebody is there.
pub(super) fn asked(lock: Lock) -> Result<Option<Unlock>, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Ok(None);
    }
    let what = match lock {
        Lock::Key => "Pre-shared key (hexadecimal): ",
        Lock::Passphrase => "Passphrase: ",
    };
    let mut stderr = io::stderr();
    write!(stderr, "{what}")?;
    stderr.flush()?;
    let mut line = Zeroizing::new(String::with_capacity(MAX_SECRET));
    {
        let _quiet = Quiet::new()?;
        stdin.lock().read_line(&mut line)?;
    }
    writeln!(stderr)?;
    let secret = Zeroizing::new(first_line(line.as_bytes()).to_vec());
    match lock {
        Lock::Key => parse_key(&secret)
            .map(Some)
            .map_err(|text| Failure::new(Exit::Configuration, text)),
        Lock::Passphrase => Ok(Some(Unlock::Passphrase(secret))),
    }
}

fn parse_key(text: &[u8]) -> Result<Unlock, &'static str> {
    const EXPECTED: &str = "expected the key as 32, 48 or 64 hexadecimal digits in the first line";
    let mut digits = text.to_vec();
    digits.retain(|octet| !octet.is_ascii_whitespace());
    let key = hex::decode(&digits).map(Zeroizing::new);
    digits.zeroize();
    match key {
        Ok(key) if [16, 24, 32].contains(&key.len()) => Ok(Unlock::Key(key)),
        _ => Err(EXPECTED),
    }
}

/// Blanks belong to a passphrase, line ends do not.
fn first_line(text: &[u8]) -> &[u8] {
    let line = text
        .split(|octet| *octet == b'\n')
        .next()
        .unwrap_or_default();
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// While it lives, the terminal does not show what is typed.
struct Quiet(Termios);

impl Quiet {
    fn new() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nobody is left to tell if this fails.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_hexadecimal_and_passphrases_a_line() {
        for (text, length) in [
            ("12345678901234567890123456789012", Some(16)),
            ("12345678 90123456 78901234 56789012", Some(16)),
            ("12345678901234567890123456789012ABCDEFabcdefABCD", Some(24)),
            ("1234567890123456789012345678901", None),
            ("1234567890123456", None),
            ("", None),
        ] {
            let found = match parse_key(text.as_bytes()) {
                Ok(Unlock::Key(key)) => Some(key.len()),
                _ => None,
            };
            assert_eq!(found, length, "{text}");
        }
        assert_eq!(first_line(b" a b \r\nc"), b" a b ");
        assert_eq!(first_line(b""), b"");
    }
}
