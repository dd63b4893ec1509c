//! Verifying signatures of devices and authenticators. Only public keys, signatures and signed octets come here, so nothing has
//! to be kept from anybody who measures time.

use ed25519_dalek::VerifyingKey as Ed25519Key;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature as P256Signature, VerifyingKey as P256Key};
use rsa::traits::SignatureScheme;
use rsa::{BoxedUint, Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest, Sha256};

/// How a signature is made, and the form that it and its key have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256 (FIPS 186-5 section 6). The key is a point as SEC 1 section 2.3.3 writes it, 33 or 65
    /// octets; the signature is the DER of `ECDSA-Sig-Value` (RFC 3279 section 2.2.3), as WebAuthn and the key stores of
    /// telephones have it.
    P256Der,
    /// The same, with a signature of `r` and `s` behind one another, 64 octets, as JOSE and WebCrypto have it (RFC 7518
    /// section 3.4).
    P256Raw,
    /// Ed25519 (RFC 8032 section 5.1). The key has 32 octets, the signature 64. Keys and commitments of small order are refused:
    /// one signature of theirs is right for many messages.
    Ed25519,
}

/// Whether the holder of the key signed exactly this message. What is malformed was not signed.
pub fn verify(algorithm: Algorithm, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match algorithm {
        Algorithm::P256Der => is_signed(public_key, message, P256Signature::from_der(signature)),
        Algorithm::P256Raw => is_signed(public_key, message, P256Signature::from_slice(signature)),
        Algorithm::Ed25519 => match (ed25519_key(public_key), <&[u8; 64]>::try_from(signature)) {
            (Some(key), Ok(signature)) => key
                .verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature))
                .is_ok(),
            _ => false,
        },
    }
}

/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2.2). Modulus and exponent are big-endian; the modulus has
/// 2,048 to 4,096 bits.
pub fn verify_rsa(modulus: &[u8], exponent: &[u8], message: &[u8], signature: &[u8]) -> bool {
    /// RFC 8017 section 9.2, note 1: what stands before a SHA-256 digest.
    const PREFIX: [u8; 19] = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0x04, 0x20,
    ];
    let modulus = BoxedUint::from_be_slice_vartime(modulus);
    let exponent = BoxedUint::from_be_slice_vartime(exponent);
    let scheme = Pkcs1v15Sign {
        hash_len: Some(32),
        prefix: PREFIX.into(),
    };
    match RsaPublicKey::new_with_size_limits(modulus, exponent, 2048..=4096) {
        Ok(key) => scheme
            .verify(&key, &Sha256::digest(message), signature)
            .is_ok(),
        Err(_) => false,
    }
}

/// Whether these octets are a key: a point of the curve, and none of small order.
pub fn is_key(algorithm: Algorithm, public_key: &[u8]) -> bool {
    match algorithm {
        Algorithm::P256Der | Algorithm::P256Raw => P256Key::from_sec1_bytes(public_key).is_ok(),
        Algorithm::Ed25519 => ed25519_key(public_key).is_some(),
    }
}

fn is_signed(
    public_key: &[u8],
    message: &[u8],
    signature: Result<P256Signature, p256::ecdsa::Error>,
) -> bool {
    match (P256Key::from_sec1_bytes(public_key), signature) {
        (Ok(key), Ok(signature)) => key.verify(message, &signature).is_ok(),
        _ => false,
    }
}

fn ed25519_key(octets: &[u8]) -> Option<Ed25519Key> {
    let key = Ed25519Key::from_bytes(octets.try_into().ok()?).ok()?;
    (!key.is_weak()).then_some(key)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::{Algorithm, is_key, verify};

    fn octets(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    /// RFC 6979 appendix A.2.5 (P-256, SHA-256, "sample"), and RFC 8032 section 7.1, tests 1 and 2.
    #[test]
    fn the_vectors_of_the_standards_verify_and_nothing_near_them() {
        let x = "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6";
        let y = "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299";
        let r = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716";
        let s = "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8";
        let uncompressed = octets(&format!("04{x}{y}"));
        let compressed = octets(&format!("03{x}"));
        let cases = [
            (
                Algorithm::P256Raw,
                uncompressed.clone(),
                b"sample".to_vec(),
                octets(&format!("{r}{s}")),
            ),
            (
                Algorithm::P256Raw,
                compressed,
                b"sample".to_vec(),
                octets(&format!("{r}{s}")),
            ),
            (
                Algorithm::P256Der,
                uncompressed,
                b"sample".to_vec(),
                octets(&format!("3046022100{r}022100{s}")),
            ),
            (
                Algorithm::Ed25519,
                octets("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
                Vec::new(),
                octets(
                    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
                ),
            ),
            (
                Algorithm::Ed25519,
                octets("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
                vec![0x72],
                octets(
                    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
                ),
            ),
        ];
        for (at, (algorithm, key, message, signature)) in cases.iter().enumerate() {
            assert!(is_key(*algorithm, key), "{at}");
            assert!(verify(*algorithm, key, message, signature), "{at}");
            let mut other = message.clone();
            other.push(0);
            assert!(!verify(*algorithm, key, &other, signature), "{at}");
            for octet in 0..signature.len() {
                let mut bent = signature.clone();
                bent[octet] ^= 1;
                assert!(
                    !verify(*algorithm, key, message, &bent),
                    "{at}: octet {octet}"
                );
                assert!(
                    !verify(*algorithm, key, message, &signature[..octet]),
                    "{at}"
                );
            }
            let mut longer = signature.clone();
            longer.push(0);
            assert!(!verify(*algorithm, key, message, &longer), "{at}");
            for length in 0..key.len() {
                assert!(
                    !verify(*algorithm, &key[..length], message, signature),
                    "{at}"
                );
            }
        }
    }

    #[test]
    fn a_signature_in_the_other_form_or_of_the_other_kind_is_refused() {
        let zeros = [0; 64];
        for algorithm in [Algorithm::P256Der, Algorithm::P256Raw, Algorithm::Ed25519] {
            for key in [&[][..], &[0; 32], &[0; 33], &[4; 65], &[2; 33]] {
                assert!(!verify(algorithm, key, b"", &zeros), "{algorithm:?}");
            }
        }
    }

    /// RFC 8032 section 5.1.7: with the neutral element as key and commitment, a signature of zero fits every message.
    #[test]
    fn a_key_of_small_order_is_no_key() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!is_key(Algorithm::Ed25519, &neutral));
        assert!(!verify(
            Algorithm::Ed25519,
            &neutral,
            b"anything",
            &signature
        ));
    }
}
