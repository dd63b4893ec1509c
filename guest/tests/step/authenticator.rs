//! A browser and an authenticator in software: real keys, real signatures, and every field within reach of a test.

use cofactor_guest::contract::{Outcome, Proof};
use ed25519_dalek::Signer as _;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The flags of authenticator data.
pub const UP: u8 = 1;
pub const UV: u8 = 1 << 2;
pub const BE: u8 = 1 << 3;
pub const BS: u8 = 1 << 4;
const AT: u8 = 1 << 6;

/// One credential on one authenticator, and the browser in front of it.
#[derive(Clone)]
pub struct Authenticator {
    pub key: Key,
    pub id: Vec<u8>,
    pub handle: Vec<u8>,
    pub aaguid: [u8; 16],
    pub count: u32,
    pub flags: u8,
    pub origin: String,
    /// It signs for itself when it is enrolled: packed self attestation.
    pub attests: bool,
    /// Another key signs in its place, and these certificates, that key's first, say which model it is for.
    pub certified: Option<(Key, Vec<Vec<u8>>)>,
}

/// A private key.
#[derive(Clone)]
pub enum Key {
    Es256(p256::ecdsa::SigningKey),
    EdDsa(ed25519_dalek::SigningKey),
    Rs256(Box<rsa::RsaPrivateKey>),
}

/// What a browser hands on: each part by itself, so that one can be bent.
#[derive(Clone, Debug)]
pub struct Given {
    pub id: Vec<u8>,
    pub client_data: Vec<u8>,
    /// Authenticator data, or the attestation object.
    pub made: Vec<u8>,
    /// None where a credential was made.
    pub signature: Option<Vec<u8>>,
    pub handle: Option<Vec<u8>>,
}

impl Authenticator {
    /// With a key and an id of that number.
    pub fn new(key: Key, number: u8) -> Self {
        Self {
            key,
            id: vec![number; 32],
            handle: Vec::new(),
            aaguid: [0x11; 16],
            count: 1,
            flags: UP | UV,
            origin: "https://app.example.com".into(),
            attests: false,
            certified: None,
        }
    }

    /// `navigator.credentials.create()`, with what an outcome carries.
    pub fn create(&mut self, outcome: &Outcome) -> Given {
        let options = options(outcome);
        assert_eq!(options["rp"]["id"], "example.com");
        self.handle = decode(&options["user"]["id"]);
        let client_data = self.client_data("webauthn.create", &options);
        let mut data = self.data("example.com", self.flags | AT);
        data.extend(self.aaguid);
        data.extend((self.id.len() as u16).to_be_bytes());
        data.extend(&self.id);
        data.extend(self.key.cose());
        let object = self.object(&data, &client_data);
        Given {
            id: self.id.clone(),
            client_data,
            made: object,
            signature: None,
            handle: None,
        }
    }

    /// An attestation object over this authenticator data, signed as this one signs.
    pub fn object(&self, data: &[u8], client_data: &[u8]) -> Vec<u8> {
        let mut object = vec![0xa3];
        object.extend(cbor_text("fmt"));
        let signer = match &self.certified {
            Some((signer, _)) => Some(signer),
            None => self.attests.then_some(&self.key),
        };
        if let Some(signer) = signer {
            let signature = signer.sign(&signed(data, client_data));
            object.extend(cbor_text("packed"));
            object.extend(cbor_text("attStmt"));
            object.push(0xa2 + u8::from(self.certified.is_some()));
            object.extend(cbor_text("alg"));
            object.extend(signer.algorithm());
            object.extend(cbor_text("sig"));
            object.extend(cbor_bytes(&signature));
        } else {
            object.extend(cbor_text("none"));
            object.extend(cbor_text("attStmt"));
            object.push(0xa0);
        }
        if let Some((_, chain)) = &self.certified {
            object.extend(cbor_text("x5c"));
            object.push(0x80 + chain.len() as u8);
            chain
                .iter()
                .for_each(|link| object.extend(cbor_bytes(link)));
        }
        object.extend(cbor_text("authData"));
        object.extend(cbor_bytes(data));
        object
    }

    /// `navigator.credentials.get()`, with what an outcome carries.
    pub fn get(&mut self, outcome: &Outcome) -> Given {
        let options = options(outcome);
        let allowed = options["allowCredentials"].as_array().unwrap();
        assert!(allowed.iter().any(|one| decode(&one["id"]) == self.id));
        self.answer(&options)
    }

    /// The same, whoever it was that was asked.
    pub fn answer(&mut self, options: &Value) -> Given {
        self.count += 1;
        let client_data = self.client_data("webauthn.get", options);
        let made = self.data("example.com", self.flags);
        Given {
            id: self.id.clone(),
            signature: Some(self.key.sign(&signed(&made, &client_data))),
            client_data,
            made,
            handle: Some(self.handle.clone()),
        }
    }

    /// Signs again what a test has bent.
    pub fn sign(&self, given: Given) -> Given {
        Given {
            signature: Some(self.key.sign(&signed(&given.made, &given.client_data))),
            ..given
        }
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        json!({
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": false,
            "other_keys_can_be_added_here": "do not compare clientDataJSON against a template",
        })
        .to_string()
        .into_bytes()
    }

    fn data(&self, rp_id: &str, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(rp_id.as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.count.to_be_bytes());
        data
    }
}

impl Key {
    pub fn es256(seed: u8) -> Self {
        Self::Es256(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub fn eddsa(seed: u8) -> Self {
        Self::EdDsa(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]))
    }

    pub fn rs256() -> Self {
        let prime = |hex: &str| rsa::BoxedUint::from_be_hex(hex, 1024).unwrap();
        let key =
            rsa::RsaPrivateKey::from_p_q(prime(P), prime(Q), rsa::BoxedUint::from(65_537_u32));
        Self::Rs256(Box::new(key.unwrap()))
    }

    fn algorithm(&self) -> Vec<u8> {
        match self {
            Self::Es256(_) => vec![0x26],
            Self::EdDsa(_) => vec![0x27],
            Self::Rs256(_) => vec![0x39, 1, 0],
        }
    }

    fn cose(&self) -> Vec<u8> {
        match self {
            Self::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = point.as_bytes()[1..].split_at(32);
                [
                    &[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21][..],
                    &cbor_bytes(x),
                    &[0x22],
                    &cbor_bytes(y),
                ]
                .concat()
            }
            Self::EdDsa(key) => {
                let x = key.verifying_key().to_bytes();
                [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21][..], &cbor_bytes(&x)].concat()
            }
            Self::Rs256(key) => {
                let n = key.n().to_be_bytes();
                [
                    &[0xa4, 1, 3, 3, 0x39, 1, 0, 0x20][..],
                    &cbor_bytes(&n),
                    &[0x21, 0x43, 1, 0, 1],
                ]
                .concat()
            }
        }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Self::EdDsa(key) => key.sign(message).to_bytes().to_vec(),
            Self::Rs256(key) => {
                let prefix = [
                    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                    0x02, 0x01, 0x05, 0x00, 0x04, 0x20,
                ];
                let scheme = rsa::Pkcs1v15Sign {
                    hash_len: Some(32),
                    prefix: prefix.into(),
                };
                key.sign(scheme, &Sha256::digest(message)).unwrap()
            }
        }
    }
}

impl Given {
    /// `PublicKeyCredential.toJSON()`.
    pub fn json(&self) -> Value {
        let mut response = json!({ "clientDataJSON": encode(&self.client_data) });
        match &self.signature {
            Some(signature) => {
                response["authenticatorData"] = encode(&self.made).into();
                response["signature"] = encode(signature).into();
                response["userHandle"] = self.handle.as_deref().map(encode).into();
            }
            None => {
                response["attestationObject"] = encode(&self.made).into();
                response["transports"] = json!(["usb", "nfc"]);
            }
        }
        json!({
            "id": encode(&self.id),
            "rawId": encode(&self.id),
            "type": "public-key",
            "authenticatorAttachment": "cross-platform",
            "clientExtensionResults": {},
            "response": response,
        })
    }

    pub fn proof(&self) -> Proof {
        Proof::Webauthn(self.json().to_string())
    }
}

/// The options that an outcome carries for the browser.
pub fn options(outcome: &Outcome) -> Value {
    let payload = match outcome {
        Outcome::Challenge(challenge) => &challenge.payload,
        Outcome::Enrol(enrolment) => &enrolment.provisioning.as_ref().expect("options").payload,
        other => panic!("{other:?}"),
    };
    assert!(payload.len() <= 4096);
    serde_json::from_str(payload).expect("JSON")
}

pub fn encode(octets: &[u8]) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::encode_string(octets)
}

pub fn decode(text: &Value) -> Vec<u8> {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::decode_vec(text.as_str().unwrap()).unwrap()
}

fn signed(data: &[u8], client_data: &[u8]) -> Vec<u8> {
    [data, &Sha256::digest(client_data)].concat()
}

fn cbor_head(major: u8, length: usize) -> Vec<u8> {
    match length {
        0..=23 => vec![major | length as u8],
        24..=255 => vec![major | 24, length as u8],
        _ => [&[major | 25][..], &(length as u16).to_be_bytes()].concat(),
    }
}

fn cbor_bytes(octets: &[u8]) -> Vec<u8> {
    [&cbor_head(0x40, octets.len())[..], octets].concat()
}

fn cbor_text(text: &str) -> Vec<u8> {
    [&cbor_head(0x60, text.len())[..], text.as_bytes()].concat()
}

/// The primes of a key that was made for these tests alone.
const P: &str = "ecb55790d57218fae57280b6c7ea51b1d1fc6faf53794804bde359538140a88b42322fbf90bb653083aee53840e85585\
    64627832402250416e209722e5c058078222c7b6fb6cd4492c5eaebbfba24db82acd320b59d32e3653376966bb1ffaee\
    4e4c9056a59467dc7ec69b89c6fa80923ef8e1897d4666bbe03e87584b55fed7";
const Q: &str = "ceb14b99a6f34fe32a78b82220f799b6cf8ff32a3c20c0f7f997b4843e63736c120ea9a8b9f310c2575f33c40a02e632\
    037567b688797f1f3344ad73120c2187b216463c2e579bffd6341870d20e3d24854f5e6bf548fcf706d76c2ddf40a6e9\
    066181b38d03218d208097701ba484d3d9efe2842ac5f9b1fcfcabf54b6f98c3";
