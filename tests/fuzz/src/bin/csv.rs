//! Any text as a file of tokens in comma-separated lines, and as a list of users: refused, or tokens that the component judges.
#![no_main]

use cofactor_fuzz::{judged, token};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(list) = token::recipients(text.as_bytes()) {
        assert!(
            list.iter()
                .all(|it| !it.serial.is_empty() && !it.user.is_empty())
        );
    }
    // XML is another target's.
    if text.contains('<') {
        return;
    }
    if let Ok(decoded) = token::decode(text.as_bytes(), None) {
        assert!(!decoded.encrypted && !decoded.signed);
        judged(decoded, text.lines().count());
    }
});
