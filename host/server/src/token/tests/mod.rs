//! The vectors of RFC 6030 and of hostile makers, the forms of comma-separated files, and random damage to all of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod container;
mod damage;
mod lines;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::*;

/// Far more than it takes, on a machine that is busy, and far less than what is prevented would.
const SOON: Duration = Duration::from_secs(5);
const SECRET: &[u8] = b"12345678901234567890";

fn vectors(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/vectors")
        .join(path)
}

/// A file of the vectors. The deepest one is made here: it is the same tag many times.
fn file(name: &str) -> Vec<u8> {
    if name == "bad/deep_nesting.xml" {
        let (open, close) = ("<a>".repeat(100_000), "</a>".repeat(100_000));
        return format!("<?xml version=\"1.0\"?>\n{open}{close}").into_bytes();
    }
    std::fs::read(vectors("pskc").join(name)).unwrap()
}

fn text(name: &str) -> String {
    String::from_utf8(file(name)).unwrap()
}

/// What opens the files of the vectors.
fn unlock(name: &str) -> Option<Unlock> {
    let key = || hex::decode("12345678901234567890123456789012").unwrap();
    if name.contains("fig06") {
        return Some(Unlock::Key(Zeroizing::new(key())));
    }
    name.contains("fig07")
        .then(|| Unlock::Passphrase(Zeroizing::new(b"qwerty".to_vec())))
}

fn decoded(name: &str) -> Result<Decoded, FileError> {
    decode(&file(name), unlock(name).as_ref())
}

/// One word for each row.
fn words(decoded: &Decoded) -> Vec<String> {
    let word = |row: &Row| match &row.entry {
        Entry::Token(token) => format!(
            "{} {} {} {} {} {} {}",
            token.method.name(),
            token.serial,
            hex::encode(token.secret.as_slice()),
            token.algorithm,
            token.digits,
            token.period,
            token.counter
        ),
        Entry::Refused(refused) => format!("refused: {refused}"),
        Entry::Skipped(skipped) => format!("skipped: {skipped}"),
    };
    decoded.rows.iter().map(word).collect()
}

const RFC: &str = "3132333435363738393031323334353637383930";
