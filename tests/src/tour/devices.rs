//! What the user carries: a telephone with the app, and a security key. Their keys are fixed, and so is what they sign.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Knowledge;

/// The relying party and the origin of the tour's policy.
const RP_ID: &str = "example.com";
const ORIGIN: &str = "https://app.example.com";
/// WebAuthn section 6.1: user present, user verified, attested credential data.
const PRESENT_AND_VERIFIED: u8 = 0x05;
const ATTESTED: u8 = 0x40;
/// Of RSA, in octets.
const MODULUS: usize = 512;

/// The app's key and token, as an enrolment takes them.
pub(super) fn address() -> String {
    let point = key(7).verifying_key().to_sec1_point(true);
    format!("p256:{}:device-token", hex::encode(point.as_bytes()))
}

/// What the app signs (docs/push.md).
pub(super) fn approve(
    mind: &Knowledge,
    decision: &str,
    number: &str,
    transaction: &[u8],
) -> String {
    let mut octets = Vec::new();
    for part in [
        b"cofactor-push-1".as_slice(),
        mind.arrived("purpose").as_bytes(),
        mind.arrived("tenant").as_bytes(),
        mind.arrived("user").as_bytes(),
        mind.arrived_for.as_bytes(),
        mind.arrived("challenge").as_bytes(),
        decision.as_bytes(),
        number.as_bytes(),
        mind.arrived("application").as_bytes(),
        mind.arrived("address").as_bytes(),
        mind.arrived("country").as_bytes(),
        transaction,
        mind.arrived("issued").as_bytes(),
    ] {
        octets.extend((part.len() as u32).to_be_bytes());
        octets.extend(part);
    }
    let signature: Signature = key(7).sign(&octets);
    hex::encode(signature.to_bytes())
}

/// What kind of key the security key has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecurityKey {
    /// ECDSA over P-256.
    #[default]
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSA of 4,096 bits with the dearest exponent there is. Nobody knows the other half of it: what it signs is wrong.
    Rs256,
}

impl SecurityKey {
    /// Its public half as COSE_Key (RFC 9053 section 7, RFC 8230 section 4).
    fn public(self) -> Vec<u8> {
        let mut cose;
        match self {
            Self::Es256 => {
                let point = key(9).verifying_key().to_sec1_point(false);
                let (x, y) = point.as_bytes()[1..].split_at(32);
                cose = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
                cose.extend(x);
                cose.extend([0x22, 0x58, 0x20]);
                cose.extend(y);
            }
            Self::EdDsa => {
                cose = vec![0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
                cose.extend(edwards().verifying_key().as_bytes());
            }
            Self::Rs256 => {
                cose = vec![
                    0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x59, 0x02, 0x00,
                ];
                cose.extend([0xfd; MODULUS]);
                cose.extend([0x21, 0x44, 0xff, 0xff, 0xff, 0xff]);
            }
        }
        cose
    }

    fn sign(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256 => {
                let signature: Signature = key(9).sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Self::EdDsa => edwards().sign(message).to_bytes().to_vec(),
            Self::Rs256 => vec![0x5a; MODULUS],
        }
    }
}

/// What a browser's `create()` returns for these options.
pub(super) fn register(mind: &Knowledge) -> String {
    let client = client_data("webauthn.create", &mind.payload);
    let id = credential(mind);
    let mut data = authenticator_data(PRESENT_AND_VERIFIED | ATTESTED, 0);
    data.extend([0; 16]);
    data.extend((id.len() as u16).to_be_bytes());
    data.extend(id);
    data.extend(mind.key.public());
    let mut attestation = vec![0xa3, 0x63];
    attestation.extend(b"fmt");
    attestation.push(0x64);
    attestation.extend(b"none");
    attestation.push(0x67);
    attestation.extend(b"attStmt");
    attestation.extend([0xa0, 0x68]);
    attestation.extend(b"authData");
    // The shortest form alone is good (CTAP2 canonical CBOR).
    match u8::try_from(data.len()) {
        Ok(length) => attestation.extend([0x58, length]),
        Err(_) => {
            attestation.push(0x59);
            attestation.extend((data.len() as u16).to_be_bytes());
        }
    }
    attestation.extend(&data);
    response(
        mind,
        json!({
            "clientDataJSON": text(&client),
            "attestationObject": text(&attestation),
            "transports": ["usb"],
        }),
    )
}

/// What a browser's `get()` returns for these options.
pub(super) fn assert(mind: &Knowledge) -> String {
    let client = client_data("webauthn.get", &mind.payload);
    let data = authenticator_data(PRESENT_AND_VERIFIED, mind.signatures);
    let mut signed = data.clone();
    signed.extend(Sha256::digest(&client));
    response(
        mind,
        json!({
            "clientDataJSON": text(&client),
            "authenticatorData": text(&data),
            "signature": text(&mind.key.sign(&signed)),
        }),
    )
}

fn client_data(kind: &str, options: &str) -> Vec<u8> {
    let options: Value = serde_json::from_str(options).unwrap_or_default();
    json!({"type": kind, "challenge": options["challenge"], "origin": ORIGIN, "crossOrigin": false})
        .to_string()
        .into_bytes()
}

fn authenticator_data(flags: u8, counter: u32) -> Vec<u8> {
    let mut data = Sha256::digest(RP_ID).to_vec();
    data.push(flags);
    data.extend(counter.to_be_bytes());
    data
}

fn response(mind: &Knowledge, response: Value) -> String {
    let id = text(&credential(mind));
    json!({"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {}, "response": response}).to_string()
}

/// What the security key calls its credential.
fn credential(mind: &Knowledge) -> [u8; 16] {
    if mind.other {
        *b"security key two"
    } else {
        *b"security key one"
    }
}

fn text(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

#[allow(clippy::expect_used)]
fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).expect("a scalar in range")
}

fn edwards() -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[11; 32])
}
