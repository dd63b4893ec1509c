//! Any octets as a PSKC file, plain or encrypted with a key that the fuzzer has examples of: refused, or tokens that the component
//! judges. No secret comes out of an encrypted file but the one that was put in.
#![no_main]

use cofactor_fuzz::token::{Entry, FileError, Format, Unlock, decode};
use cofactor_fuzz::{judged, token};
use libfuzzer_sys::fuzz_target;

/// RFC 6030 section 6.1.
const KEY: [u8; 16] = [
    0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12,
];

fuzz_target!(|file: &[u8]| {
    let unlock = Unlock::Key(KEY.to_vec().into());
    let decoded = match decode(file, Some(&unlock)) {
        Ok(decoded) => decoded,
        Err(FileError::OtherLock(_)) => {
            // Within its bounds a derivation may take seconds, and finds nothing new.
            assert!(matches!(decode(file, None), Err(FileError::Locked(_))));
            return;
        }
        Err(_) => return,
    };
    if decoded.format != Format::Pskc {
        return;
    }
    if decoded.encrypted {
        for row in &decoded.rows {
            if let Entry::Token(token::Token { secret, .. }) = &row.entry {
                assert_eq!(secret.as_slice(), b"12345678901234567890");
            }
        }
    }
    let lines = file.split(|octet| *octet == b'\n').count();
    judged(decoded, lines);
});
