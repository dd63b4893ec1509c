//! What a command reads: a file, or standard input for `-`.

use std::io::{BufRead, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::{Exit, Failure};

/// Opens it, to be read line by line.
pub(super) fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    Ok(Box::new(std::io::BufReader::new(file)))
}

/// Reads it whole.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map_err(|error| unreadable(path, &error))?;
    Ok(text)
}

/// Reads it whole, if it is no longer than `most` octets, and one more otherwise. It may be a secret.
pub(super) fn octets(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let (input, length): (Box<dyn Read>, u64) = if path == Path::new("-") {
        (Box::new(std::io::stdin().lock()), 0)
    } else {
        let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
        let length = file.metadata().map_or(0, |data| data.len());
        (Box::new(file), length)
    };
    // Room for all of it, so that no copy of a part stays behind.
    let room = usize::try_from(length.saturating_add(1).min(bound)).unwrap_or(0);
    let mut octets = Zeroizing::new(Vec::with_capacity(room));
    input
        .take(bound)
        .read_to_end(&mut octets)
        .map_err(|error| unreadable(path, &error))?;
    Ok(octets)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        Exit::Configuration,
        format!("cannot read {}: {error}", path.display()),
    )
}
