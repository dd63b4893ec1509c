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
/// What the security key calls its credential.
const CREDENTIAL: [u8; 16] = *b"security key one";
/// WebAuthn section 6.1: user present, user verified, attested credential data.
const PRESENT_AND_VERIFIED: u8 = 0x05;
const ATTESTED: u8 = 0x40;

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

/// What a browser's `create()` returns for these options.
pub(super) fn register(options: &str) -> String {
    let client = client_data("webauthn.create", options);
    let mut data = authenticator_data(PRESENT_AND_VERIFIED | ATTESTED, 0);
    data.extend([0; 16]);
    data.extend((CREDENTIAL.len() as u16).to_be_bytes());
    data.extend(CREDENTIAL);
    let point = key(9).verifying_key().to_sec1_point(false);
    let (x, y) = point.as_bytes()[1..].split_at(32);
    // COSE (RFC 9053 section 7.1.1): EC2, ES256, P-256.
    data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
    data.extend(x);
    data.extend([0x22, 0x58, 0x20]);
    data.extend(y);
    let mut attestation = vec![0xa3, 0x63];
    attestation.extend(b"fmt");
    attestation.push(0x64);
    attestation.extend(b"none");
    attestation.push(0x67);
    attestation.extend(b"attStmt");
    attestation.extend([0xa0, 0x68]);
    attestation.extend(b"authData");
    attestation.extend([0x58, data.len() as u8]);
    attestation.extend(&data);
    response(json!({
        "clientDataJSON": text(&client),
        "attestationObject": text(&attestation),
        "transports": ["usb"],
    }))
}

/// What a browser's `get()` returns for these options.
pub(super) fn assert(options: &str, counter: u32) -> String {
    let client = client_data("webauthn.get", options);
    let data = authenticator_data(PRESENT_AND_VERIFIED, counter);
    let mut signed = data.clone();
    signed.extend(Sha256::digest(&client));
    let signature: Signature = key(9).sign(&signed);
    response(json!({
        "clientDataJSON": text(&client),
        "authenticatorData": text(&data),
        "signature": text(signature.to_der().as_bytes()),
    }))
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

fn response(response: Value) -> String {
    let id = text(&CREDENTIAL);
    json!({"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {}, "response": response}).to_string()
}

fn text(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

#[allow(clippy::expect_used)]
fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).expect("a scalar in range")
}
