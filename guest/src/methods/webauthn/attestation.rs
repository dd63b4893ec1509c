//! What an authenticator proves about itself when it is enrolled (WebAuthn sections 6.5 and 8.2).
//!
//! There are no roots here to trust, so a certificate proves no more than that somebody made it: it keeps users from enrolling
//! the wrong model, and nobody from faking the right one. Formats other than `none` and `packed` prove nothing here.

use der::asn1::{ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Encode, Reader as _, SliceReader};
use x509_cert::certificate::{Certificate, TbsCertificate, Version};
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::authenticator_data::{Attested, AuthenticatorData};
use super::cbor::{Item, Reader};
use super::cose::{OFFERED, PublicKey};

/// An attestation object, taken apart (section 6.5.4).
pub(super) struct AttestationObject<'a> {
    /// What the statement is.
    format: &'a str,
    /// The statement.
    statement: Item<'a>,
    /// What it is about, as it was signed.
    signed: &'a [u8],
    /// What it is about.
    pub(super) data: AuthenticatorData<'a>,
}

/// What was proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Evidence {
    /// Nothing.
    #[default]
    None = 0,
    /// That it holds the key.
    Own = 1,
    /// That a certificate for its model signs for it.
    Certified = 2,
}

/// RFC 9562 has these octets as text with hyphens; here they are as an authenticator writes them.
type Aaguid = [u8; 16];

impl<'a> AttestationObject<'a> {
    /// Reads all of it.
    pub(super) fn parse(octets: &'a [u8]) -> Option<Self> {
        let mut rest = Reader::new(octets);
        let object = rest.item()?.map()?;
        let signed = object.named("authData")?.bytes()?;
        (rest.is_empty() && object.len() == 3).then_some(Self {
            format: object.named("fmt")?.text()?,
            statement: object.named("attStmt")?,
            signed,
            data: AuthenticatorData::parse(signed)?,
        })
    }

    /// Verifies the statement: steps 21 to 24 of section 7.1. None if it is wrong.
    pub(super) fn evidence(
        &self,
        attested: &Attested<'_>,
        key: &PublicKey,
        client_data_hash: &[u8; 32],
        now: u64,
    ) -> Option<Evidence> {
        let statement = self.statement.map()?;
        if self.format == "none" {
            return (statement.len() == 0).then_some(Evidence::None);
        }
        if self.format != "packed" {
            return Some(Evidence::None);
        }
        // Section 8.2, the verification procedure.
        let algorithm = statement.named("alg")?.number()?;
        let signature = statement.named("sig")?.bytes()?;
        let message = [self.signed, client_data_hash].concat();
        let Some(chain) = statement.named("x5c") else {
            let proved = statement.len() == 2
                && algorithm == key.algorithm()
                && key.verifies(&message, signature);
            return proved.then_some(Evidence::Own);
        };
        let chain = chain.byte_strings()?;
        let (first, _) = chain.split_first()?;
        (statement.len() == 3).then_some(())?;
        if !OFFERED.contains(&algorithm) {
            return Some(Evidence::None);
        }
        for link in &chain {
            is_valid(Certificate::from_der(link).ok()?.tbs_certificate(), now).then_some(())?;
        }
        let leaf = Certificate::from_der(first).ok()?;
        let leaf = leaf.tbs_certificate();
        let certified = public_key(leaf.subject_public_key_info())?;
        let good = certified.algorithm() == algorithm
            && certified.verifies(&message, signature)
            && has_attestation_form(leaf);
        good.then_some(())?;
        // A certificate that names no model is for one alone, which its root would tell.
        let model = model(leaf)?;
        model
            .is_none_or(|model| model == *attested.aaguid)
            .then_some(Evidence::Certified)
    }
}

impl Evidence {
    /// What a record holds.
    pub(super) fn from_number(number: u8) -> Option<Self> {
        [Self::None, Self::Own, Self::Certified]
            .into_iter()
            .find(|evidence| *evidence as u8 == number)
    }

    /// Its name for a console.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Own => "own",
            Self::Certified => "certified",
        }
    }
}

/// Section 8.2.1, but for the model.
fn has_attestation_form(leaf: &TbsCertificate) -> bool {
    let subject = |attribute: ObjectIdentifier| {
        let mut attributes = leaf.subject().iter().filter(move |it| it.oid == attribute);
        match (attributes.next(), attributes.next()) {
            (Some(only), None) => Some(only.value.value()),
            _ => None,
        }
    };
    let country = subject(COUNTRY)
        .is_some_and(|code| code.len() == 2 && code.iter().all(u8::is_ascii_uppercase));
    leaf.version() == Version::V3
        && country
        && subject(ORGANISATION).is_some_and(|name| !name.is_empty())
        && subject(UNIT) == Some(b"Authenticator Attestation")
        && subject(COMMON_NAME).is_some_and(|name| !name.is_empty())
        && matches!(leaf.get_extension::<BasicConstraints>(), Ok(Some((_, basic))) if !basic.ca)
}

/// The model that a certificate is for, if it says so. None if what it says is malformed.
fn model(leaf: &TbsCertificate) -> Option<Option<Aaguid>> {
    let mut said = leaf
        .extensions()
        .into_iter()
        .flatten()
        .filter(|it| it.extn_id == MODEL);
    let Some(extension) = said.next() else {
        return Some(None);
    };
    let octets = <&OctetStringRef>::from_der(extension.extn_value.as_bytes()).ok()?;
    let good = said.next().is_none() && !extension.critical;
    good.then_some(Some(octets.as_bytes().try_into().ok()?))
}

/// Whether the instant, in milliseconds since 1970, lies within a certificate's time.
fn is_valid(certificate: &TbsCertificate, now: u64) -> bool {
    let validity = certificate.validity();
    let seconds = now / 1000;
    (validity.not_before.to_unix_duration().as_secs()
        ..=validity.not_after.to_unix_duration().as_secs())
        .contains(&seconds)
}

/// The public key of a certificate, if it is of a kind that is known here (RFC 3279, RFC 5480, RFC 8410).
fn public_key(info: &SubjectPublicKeyInfoOwned) -> Option<PublicKey> {
    let octets = info.subject_public_key.as_bytes()?;
    match info.algorithm.oid {
        EC_PUBLIC_KEY => {
            let curve = info.algorithm.parameters.as_ref()?.to_der().ok()?;
            (ObjectIdentifier::from_der(&curve).ok()? == P256).then_some(())?;
            PublicKey::p256(octets)
        }
        ED25519 => PublicKey::ed25519(octets),
        RSA => {
            let mut rest = SliceReader::new(octets).ok()?;
            let (modulus, exponent) = rest
                .sequence(|inner| {
                    Ok::<_, der::Error>((UintRef::decode(inner)?, UintRef::decode(inner)?))
                })
                .ok()?;
            rest.is_finished().then_some(())?;
            PublicKey::rs256(modulus.as_bytes(), exponent.as_bytes())
        }
        _ => None,
    }
}

const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const ORGANISATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// `id-fido-gen-ce-aaguid`.
const MODEL: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.45724.1.1.4");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
