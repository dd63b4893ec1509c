//! Octets inside JSON: base64url without padding (RFC 4648 section 5), in its one canonical form.

use base64ct::{Base64UrlUnpadded, Encoding};

/// The octets of a text. None for any other alphabet, padding, space, or bits that are left over.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

/// The text of octets.
pub(super) fn encode(octets: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(octets)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn only_the_canonical_form_is_read() {
        assert_eq!(decode("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(encode(&[0xfb, 0xff]), "-_8");
        assert_eq!(decode(""), Some(Vec::new()));
        for text in ["-_8=", "+/8", "-_9", "-", "-_8 ", "-_\n8", "A", "AB", "é"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
