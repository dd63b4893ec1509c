//! The vectors: what a browser and an authenticator gave, as JSON, against what is known.

use super::attestation::Evidence;
use super::base64url;
use super::ceremony::Asked;
use super::cose::{self, PublicKey};
use super::response::{Assertion, Registration};
use super::transports::Transports;
use super::{State, cbor};
use crate::policy::{Attestation, UserVerification, Webauthn};
use crate::reason::Reason;
use serde_json::{Value, json};

/// Within the time of the certificates in the vectors: 2025-06-01.
const NOW: u64 = 1_748_736_000_000;
/// The user of the vectors.
const HANDLE: [u8; 16] = [0xaa; 16];

fn octets(value: &Value) -> Vec<u8> {
    let hex = value.as_str().unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn text(octets: &[u8]) -> String {
    base64url::encode(octets)
}

fn negatives() -> Value {
    let text = include_str!("../../../../tests/vectors/webauthn/assertion_negatives_es256.json");
    serde_json::from_str(text).unwrap()
}

/// The W3C's own, which the project may not hold a copy of.
#[allow(clippy::disallowed_methods)]
fn recommendation() -> Option<Value> {
    let path = "/../../shared/vectors/webauthn/w3c_webauthn_l3.json";
    let text = std::fs::read_to_string([env!("CARGO_MANIFEST_DIR"), path].concat());
    let Ok(text) = text else {
        println!("left out: the W3C's WebAuthn vectors are not beside the project");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn key(octets: &[u8]) -> PublicKey {
    let key = cbor::Reader::new(octets).item().unwrap().map().unwrap();
    PublicKey::of(&key).unwrap()
}

fn state(key: PublicKey, id: Vec<u8>) -> State {
    State {
        key,
        id,
        handle: HANDLE,
        sign_count: 0,
        user_verified: true,
        backup_eligible: false,
        backed_up: false,
        aaguid: [0; 16],
        transports: Transports::default(),
        evidence: Evidence::None,
    }
}

fn assertion(id: &[u8], response: &Value) -> Option<Assertion> {
    let part = |name: &str| text(&octets(&response[name]));
    let handle = &response["user_handle_hex"];
    Assertion::parse(
        &json!({
            "id": text(id),
            "rawId": text(id),
            "type": "public-key",
            "authenticatorAttachment": "cross-platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": part("client_data_json_hex"),
                "authenticatorData": part("authenticator_data_hex"),
                "signature": part("signature_hex"),
                "userHandle": handle.as_str().map(|_| text(&octets(handle))),
            },
        })
        .to_string(),
    )
}

#[test]
fn wa_01_every_assertion_of_the_vectors_is_judged_as_marked() {
    let file = negatives();
    let cases = file["vectors"].as_array().unwrap();
    assert_eq!(cases.len(), 44);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let (known, response) = (&case["relying_party_state"], &case["response"]);
        let origins: Vec<&str> = known["origins"]
            .as_array()
            .unwrap()
            .iter()
            .map(|origin| origin.as_str().unwrap())
            .collect();
        let origins = origins.join("\n");
        let policy = Webauthn {
            rp_id: known["rp_id"].as_str().unwrap(),
            origins: &origins,
            user_verification: if known["require_user_verification"] == true {
                UserVerification::Required
            } else {
                UserVerification::Preferred
            },
            ..Webauthn::default()
        };
        let asked = Asked {
            policy: &policy,
            challenge: &octets(&known["challenge_hex"]),
            now: NOW,
        };
        let state = State {
            sign_count: known["stored_sign_count"].as_u64().unwrap() as u32,
            handle: octets(&known["user_handle_hex"]).try_into().unwrap(),
            // The one case whose registration had both flags says so.
            backup_eligible: name == "be_changed",
            backed_up: name == "be_changed",
            ..state(
                key(&octets(&known["cose_key_hex"])),
                octets(&known["credential_id_hex"]),
            )
        };
        let id = octets(&response["credential_id_hex"]);
        let judged = match assertion(&id, response) {
            Some(given) => asked.verify(&given, state).map(drop),
            None => Err(Reason::SignatureInvalid),
        };
        if case["expect"] == "ok" {
            assert_eq!(judged, Ok(()), "{name}");
        } else {
            assert!(judged.is_err(), "{name}");
        }
        match name {
            "counter_equal" | "counter_lower" | "counter_zero_after_nonzero" => {
                assert_eq!(judged, Err(Reason::CounterRegressed), "{name}");
            }
            "uv_required_not_set" => assert_eq!(judged, Err(Reason::UserNotVerified), "{name}"),
            _ => {}
        }
    }
}

/// What becomes of the registration in each of the W3C's vectors, with everything allowed.
fn expected(id: &str) -> Result<Evidence, Reason> {
    match id {
        // This site is in no other's frame.
        "none-es256-crossOrigin" | "none-es256-topOrigin" => Err(Reason::SignatureInvalid),
        // Not offered.
        "packed-es384" | "packed-es512" | "packed-ed448" => Err(Reason::SignatureInvalid),
        "packed-self-es256" => Ok(Evidence::Own),
        _ if id.starts_with("packed-") => Ok(Evidence::Certified),
        _ => Ok(Evidence::None),
    }
}

#[test]
fn the_vectors_of_the_recommendation_register_and_assert() {
    let Some(file) = recommendation() else {
        return;
    };
    let mut asserted = 0;
    for case in file["vectors"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let (made, used) = (&case["registration"], &case["authentication"]);
        let policy = Webauthn {
            rp_id: case["rp_id"].as_str().unwrap(),
            origins: case["origin"].as_str().unwrap(),
            ..Webauthn::default()
        };
        let credential = octets(&made["credential_id"]);
        let registration = Registration::parse(
            &json!({
                "id": text(&credential),
                "rawId": text(&credential),
                "type": "public-key",
                "response": {
                    "clientDataJSON": text(&octets(&made["clientDataJSON"])),
                    "attestationObject": text(&octets(&made["attestationObject"])),
                    "transports": ["usb", "a-later-one"],
                },
            })
            .to_string(),
        )
        .unwrap();
        let asked = Asked {
            policy: &policy,
            challenge: &octets(&made["challenge"]),
            now: NOW,
        };
        let state = asked.register(registration, HANDLE);
        let evidence = state
            .as_ref()
            .map(|state| state.evidence)
            .map_err(|reason| *reason);
        assert_eq!(evidence, expected(id), "{id}");
        let Ok(state) = state else { continue };
        assert_eq!(State::decode(&state.encode()), Ok(state.clone()), "{id}");

        let asked = Asked {
            challenge: &octets(&used["challenge"]),
            ..asked
        };
        let response = json!({
            "client_data_json_hex": used["clientDataJSON"],
            "authenticator_data_hex": used["authenticatorData"],
            "signature_hex": used["signature"],
            "user_handle_hex": null,
        });
        let given = assertion(&credential, &response).unwrap();
        let judged = asked.verify(&given, state).map(drop);
        assert_eq!(judged, Ok(()), "{id}");
        asserted += 1;
    }
    assert_eq!(asserted, 10);
}

/// A registration of the W3C's vectors, under a policy and at a time.
fn registered(id: &str, now: u64, policy: Webauthn<'_>) -> Option<Result<Evidence, Reason>> {
    let file = recommendation()?;
    let cases = file["vectors"].as_array()?;
    let case = cases.iter().find(|case| case["id"] == id)?;
    let made = &case["registration"];
    let asked = Asked {
        policy: &Webauthn {
            rp_id: "example.org",
            ..policy
        },
        challenge: &octets(&made["challenge"]),
        now,
    };
    let given = Registration {
        id: octets(&made["credential_id"]),
        client_data: octets(&made["clientDataJSON"]),
        attestation_object: octets(&made["attestationObject"]),
        transports: Transports::default(),
    };
    Some(asked.register(given, HANDLE).map(|state| state.evidence))
}

#[test]
fn wa_06_attestation_is_what_the_policy_wants() {
    let certified = Webauthn {
        attestation: Attestation::Certified,
        ..Webauthn::default()
    };
    let own = Webauthn {
        attestation: Attestation::Own,
        ..Webauthn::default()
    };
    let refused = Err(Reason::AttestationRefused);
    if registered("packed-es256", NOW, own).is_none() {
        return;
    }
    for (id, policy, now, wanted) in [
        ("packed-es256", certified, NOW, Ok(Evidence::Certified)),
        ("packed-self-es256", certified, NOW, refused),
        ("packed-self-es256", own, NOW, Ok(Evidence::Own)),
        ("none-es256", own, NOW, refused),
        // Other formats prove nothing here.
        ("tpm-es256", own, NOW, refused),
        ("fido-u2f-es256", own, NOW, refused),
        // Before the certificate's time, and after it.
        ("packed-es256", certified, 1_000, refused),
        ("packed-es256", certified, 40_000_000_000_000, refused),
    ] {
        assert_eq!(registered(id, now, policy), Some(wanted), "{id}");
    }
}

#[test]
fn keys_that_are_no_good_are_no_keys() {
    let modulus = |octets: usize, first: u8, last: u8| {
        let mut modulus = vec![0x5a; octets];
        modulus[0] = first;
        modulus[octets - 1] = last;
        modulus
    };
    for (why, modulus, exponent, good) in [
        ("2,048 bits", modulus(256, 0x80, 1), &[1, 0, 1][..], true),
        ("4,096 bits", modulus(512, 0xff, 1), &[3], true),
        ("2,047 bits", modulus(256, 0x7f, 1), &[1, 0, 1], false),
        (
            "more than 4,096 bits",
            modulus(513, 1, 1),
            &[1, 0, 1],
            false,
        ),
        ("an even modulus", modulus(256, 0x80, 2), &[1, 0, 1], false),
        ("a zero in front", modulus(257, 0, 1), &[1, 0, 1], false),
        ("an exponent of 1", modulus(256, 0x80, 1), &[1], false),
        ("an even exponent", modulus(256, 0x80, 1), &[4], false),
        (
            "a long exponent",
            modulus(256, 0x80, 1),
            &[1, 0, 0, 0, 1],
            false,
        ),
        ("no exponent", modulus(256, 0x80, 1), &[], false),
        ("no modulus", Vec::new(), &[3], false),
    ] {
        assert_eq!(
            PublicKey::rs256(&modulus, exponent).is_some(),
            good,
            "{why}"
        );
    }
    assert!(PublicKey::p256(&[4; 65]).is_none());
    assert!(PublicKey::ed25519(&[0; 32]).is_none());
    assert_eq!(cose::OFFERED, [-7, -8, -257]);
}

#[test]
fn a_key_with_a_member_too_many_or_too_few_is_refused() {
    let file = negatives();
    let whole = octets(&file["vectors"][0]["relying_party_state"]["cose_key_hex"]);
    let read = |octets: &[u8]| {
        let map = cbor::Reader::new(octets).item()?.map()?;
        PublicKey::of(&map)
    };
    assert!(read(&whole).is_some());
    // A fifth member, `key_ops`, between `alg` and the curve.
    let mut more = whole.clone();
    more[0] = 0xa6;
    more.splice(5..5, [0x04, 0x80]);
    assert!(read(&more).is_none());
    // The coordinate `y` as a sign: a compressed point.
    let mut sign = whole[..whole.len() - 34].to_vec();
    sign.push(0xf5);
    assert!(read(&sign).is_none());
    for at in 0..whole.len() {
        let mut bent = whole.clone();
        bent[at] ^= 0x10;
        assert_ne!(read(&bent), read(&whole), "octet {at}");
    }
}
