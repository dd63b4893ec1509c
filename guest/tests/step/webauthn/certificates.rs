//! Packed attestation with a certificate (WebAuthn sections 8.2 and 8.2.1): one that is good, and each way not to be. The
//! certificates are made here, octet by octet, so that every field can be bent.

use super::policy;
use crate::authenticator::{Authenticator, Key};
use crate::world::{START, World, is_allowed, reason};

const MODEL: [u8; 16] = [0x11; 16];
const CERTIFIED: &str =
    "attestation = 'certified'\naaguids = ['11111111-1111-1111-1111-111111111111']\n";

/// What a certificate says.
#[derive(Clone)]
struct Certificate {
    version: u8,
    country: &'static str,
    organisation: &'static str,
    unit: &'static str,
    name: &'static str,
    is_authority: Option<bool>,
    model: Option<(Vec<u8>, bool)>,
    from: &'static str,
    until: &'static str,
    /// Whose key it is for, and who signs it.
    key: Key,
    issuer: Key,
}

impl Certificate {
    /// As section 8.2.1 wants it.
    fn good() -> Self {
        Self {
            version: 2,
            country: "DE",
            organisation: "Example",
            unit: "Authenticator Attestation",
            name: "Example Key",
            is_authority: Some(false),
            model: Some((tlv(0x04, &MODEL), false)),
            from: "20200101000000Z",
            until: "20400101000000Z",
            key: Key::es256(7),
            issuer: Key::es256(8),
        }
    }

    /// RFC 5280 section 4.1, in DER.
    fn der(&self) -> Vec<u8> {
        let algorithm = sequence(&[&ECDSA_WITH_SHA256]);
        let name = |common: &str| {
            let attribute = |oid: u8, text: &str| {
                let pair = sequence(&[&[0x06, 3, 0x55, 0x04, oid], &tlv(0x0c, text.as_bytes())]);
                tlv(0x31, &pair)
            };
            sequence(&[
                &attribute(6, self.country),
                &attribute(10, self.organisation),
                &attribute(11, self.unit),
                &attribute(3, common),
            ])
        };
        let time = |text: &str| tlv(0x18, text.as_bytes());
        let extension = |oid: &[u8], critical: bool, value: &[u8]| {
            let critical = if critical { &[0x01, 1, 0xff][..] } else { &[] };
            sequence(&[oid, critical, &tlv(0x04, value)])
        };
        let mut extensions = Vec::new();
        if let Some(is_authority) = self.is_authority {
            let value: &[u8] = if is_authority { &[0x01, 1, 0xff] } else { &[] };
            extensions.extend(extension(&BASIC_CONSTRAINTS, true, &sequence(&[value])));
        }
        if let Some((value, critical)) = &self.model {
            extensions.extend(extension(&AAGUID, *critical, value));
        }
        let Key::Es256(key) = &self.key else {
            panic!("a key of P-256")
        };
        let point = key.verifying_key().to_sec1_point(false);
        let mut bits = vec![0];
        bits.extend(point.as_bytes());
        let body = sequence(&[
            &tlv(0xa0, &[0x02, 1, self.version]),
            &[0x02, 1, 1],
            &algorithm,
            &name("Example Root"),
            &sequence(&[&time(self.from), &time(self.until)]),
            &name(self.name),
            &sequence(&[&sequence(&[&EC_PUBLIC_KEY, &PRIME256V1]), &tlv(0x03, &bits)]),
            &tlv(0xa3, &sequence(&[&extensions])),
        ]);
        let mut signature = vec![0];
        signature.extend(self.issuer.sign(&body));
        sequence(&[&body, &algorithm, &tlv(0x03, &signature)])
    }
}

const ECDSA_WITH_SHA256: [u8; 10] = [0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const EC_PUBLIC_KEY: [u8; 9] = [0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const PRIME256V1: [u8; 10] = [0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const BASIC_CONSTRAINTS: [u8; 5] = [0x06, 3, 0x55, 0x1d, 0x13];
/// `id-fido-gen-ce-aaguid`: 1.3.6.1.4.1.45724.1.1.4.
const AAGUID: [u8; 13] = [0x06, 11, 0x2b, 6, 1, 4, 1, 0x82, 0xe5, 0x1c, 1, 1, 4];

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match value.len() {
        length @ 0..=127 => out.push(length as u8),
        length @ 128..=255 => out.extend([0x81, length as u8]),
        length => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend(value);
    out
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// What comes of enrolling a key that shows this chain, whose first certificate's key signs.
fn shown(chain: &[Vec<u8>], signer: Key) -> (bool, String) {
    let mut world = World::new(&policy(CERTIFIED));
    world.now = START;
    let mut key = Authenticator::new(Key::eddsa(1), 1);
    key.aaguid = MODEL;
    key.certified = Some((signer, chain.to_vec()));
    let begun = world.enrol_begin("webauthn", None);
    let given = key.create(&begun.outcome);
    let done = world.finish(&begun, &given);
    (is_allowed(&done), reason(&done).to_owned())
}

#[test]
fn wa_06_a_certificate_has_the_form_of_its_kind_or_is_none() {
    let good = (true, "registration-completed".to_owned());
    let refused = (false, "attestation-refused".to_owned());
    type Change = fn(&mut Certificate);
    let cases: [(&str, Change, bool); 21] = [
        ("as it should be", |_| {}, true),
        (
            "without a model, as one of a single kind may be",
            |it| it.model = None,
            true,
        ),
        (
            "another unit",
            |it| it.unit = "Authenticator Attestations",
            false,
        ),
        ("no unit", |it| it.unit = "", false),
        (
            "a unit in another case",
            |it| it.unit = "authenticator attestation",
            false,
        ),
        ("an authority", |it| it.is_authority = Some(true), false),
        (
            "no word on being an authority",
            |it| it.is_authority = None,
            false,
        ),
        (
            "another model",
            |it| it.model = Some((tlv(0x04, &[0x22; 16]), false)),
            false,
        ),
        (
            "a model that is too short",
            |it| it.model = Some((tlv(0x04, &[0x11; 15]), false)),
            false,
        ),
        (
            "a model that is no octet string",
            |it| it.model = Some((tlv(0x0c, &MODEL), false)),
            false,
        ),
        (
            "a bare model",
            |it| it.model = Some((MODEL.to_vec(), false)),
            false,
        ),
        (
            "a critical model",
            |it| it.model = Some((tlv(0x04, &MODEL), true)),
            false,
        ),
        ("over", |it| it.until = "20231114221319Z", false),
        ("over in a second", |it| it.until = "20231114221320Z", true),
        ("not yet", |it| it.from = "20231114221321Z", false),
        ("from now on", |it| it.from = "20231114221320Z", true),
        ("version 1", |it| it.version = 0, false),
        ("no country", |it| it.country = "", false),
        ("a country in small letters", |it| it.country = "de", false),
        ("no organisation", |it| it.organisation = "", false),
        ("no name", |it| it.name = "", false),
    ];
    for (why, change, right) in cases {
        let mut certificate = Certificate::good();
        change(&mut certificate);
        let told = shown(&[certificate.der()], certificate.key.clone());
        assert_eq!(&told, if right { &good } else { &refused }, "{why}");
    }
}

#[test]
fn wa_06_the_certified_key_signs_and_what_is_beside_it_is_in_time() {
    let refused = (false, "attestation-refused".to_owned());
    let leaf = Certificate::good();
    // Another key than the certificate's, and the credential's own, which would be self attestation.
    assert_eq!(shown(&[leaf.der()], Key::es256(9)), refused);
    assert_eq!(shown(&[leaf.der()], Key::eddsa(1)), refused);
    // Cut off, longer, bent, and none at all.
    let der = leaf.der();
    for bent in [
        der[..der.len() - 1].to_vec(),
        [&der[..], &[0]].concat(),
        Vec::new(),
    ] {
        assert_eq!(shown(&[bent], leaf.key.clone()), refused);
    }
    assert_eq!(shown(&[], leaf.key.clone()), refused);
    // Every certificate of the chain has its time.
    let root = Certificate {
        unit: "Root",
        is_authority: Some(true),
        model: None,
        key: Key::es256(8),
        ..Certificate::good()
    };
    assert!(shown(&[leaf.der(), root.der()], leaf.key.clone()).0);
    let over = Certificate {
        until: "20210101000000Z",
        ..root.clone()
    };
    assert_eq!(shown(&[leaf.der(), over.der()], leaf.key.clone()), refused);
    // Which root it leads to is not looked at: there are none to trust here, and the page says what that means.
    let other = Certificate {
        issuer: Key::es256(99),
        key: Key::es256(99),
        ..root
    };
    assert!(shown(&[leaf.der(), other.der()], leaf.key.clone()).0);
    let page = include_str!("../../../../docs/webauthn.md");
    assert!(page.contains("roots") || page.contains("root"));
}

/// Every octet of the certificate and of the signature that it stands for.
#[test]
fn wa_06_no_octet_of_the_certified_signature_can_be_turned() {
    let leaf = Certificate::good();
    let mut world = World::new(&policy(CERTIFIED));
    let mut key = Authenticator::new(Key::eddsa(1), 1);
    key.certified = Some((leaf.key.clone(), vec![leaf.der()]));
    let begun = world.enrol_begin("webauthn", None);
    let given = key.create(&begun.outcome);
    let at = |name: &[u8]| {
        let found = given.made.windows(name.len()).position(|it| it == name);
        found.expect("a part of that name") + name.len()
    };
    for (from, to) in [
        (at(b"sig"), at(b"x5c") - 4),
        (at(b"authData") + 2, given.made.len()),
    ] {
        for place in from..to {
            let mut bent = given.clone();
            bent.made[place] ^= 0x01;
            assert!(!is_allowed(&world.clone().finish(&begun, &bent)), "{place}");
        }
    }
    assert!(is_allowed(&world.finish(&begun, &given)));
}
