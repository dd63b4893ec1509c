//! Public keys as authenticators write them: COSE_Key (RFC 9052 section 7, RFC 9053, RFC 8230), with exactly the members that
//! WebAuthn section 5.8.5 wants.

use super::cbor::Map;
use crate::account::RecordError;
use crate::octets::{Reader, Writer};
use crate::signature::{self, Algorithm};

/// A public key: on its curve, and of a length that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// ECDSA over P-256 with SHA-256: the point, uncompressed (SEC 1 section 2.3.3).
    Es256([u8; 65]),
    /// Ed25519.
    EdDsa([u8; 32]),
    /// RSASSA-PKCS1-v1_5 with SHA-256: modulus and exponent, without leading zeros.
    Rs256(Vec<u8>, Vec<u8>),
}

/// COSE's numbers of what is offered, the preferred one first (RFC 9053, RFC 8812).
pub(super) const OFFERED: [i64; 3] = [ES256, EDDSA, RS256];
pub(super) const ES256: i64 = -7;
pub(super) const EDDSA: i64 = -8;
pub(super) const RS256: i64 = -257;

#[rustfmt::skip]
const BASE_POINT: [u8; 65] = [
    0x04,
    0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
    0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
    0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
    0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

/// How long a modulus may be, in octets: 2,048 to 4,096 bits.
const MODULUS: core::ops::RangeInclusive<usize> = 256..=512;
/// How long an exponent may be, in octets. A long one only costs time.
const EXPONENT: usize = 4;

impl PublicKey {
    /// Reads a key of one of the kinds that are offered.
    pub(super) fn of(key: &Map<'_>) -> Option<Self> {
        let number = |label| key.labelled(label)?.number();
        let octets = |label| key.labelled(label)?.bytes();
        let (kind, algorithm) = (number(KEY_TYPE)?, number(ALGORITHM)?);
        let (found, members) = match (kind, algorithm) {
            (EC2, ES256) => {
                let (x, y) = (octets(X)?, octets(Y)?);
                (number(CURVE)? == P256).then_some(())?;
                (Self::es256(x, y)?, 5)
            }
            (OKP, EDDSA) => {
                (number(CURVE)? == ED25519).then_some(())?;
                (Self::ed25519(octets(X)?)?, 4)
            }
            (RSA, RS256) => (
                Self::rs256(octets(MODULUS_LABEL)?, octets(EXPONENT_LABEL)?)?,
                4,
            ),
            _ => return None,
        };
        (key.len() == members).then_some(found)
    }

    /// A point of P-256, by its coordinates.
    fn es256(x: &[u8], y: &[u8]) -> Option<Self> {
        (x.len() == 32 && y.len() == 32).then_some(())?;
        Self::p256(&[&[4], x, y].concat())
    }

    /// A point of P-256, uncompressed.
    pub(super) fn p256(point: &[u8]) -> Option<Self> {
        let point: [u8; 65] = point.try_into().ok()?;
        signature::is_key(Algorithm::P256Der, &point).then_some(Self::Es256(point))
    }

    /// A point of Ed25519 that is of no small order.
    pub(super) fn ed25519(octets: &[u8]) -> Option<Self> {
        let octets: [u8; 32] = octets.try_into().ok()?;
        signature::is_key(Algorithm::Ed25519, &octets).then_some(Self::EdDsa(octets))
    }

    /// A modulus of 2,048 to 4,096 bits, and an odd exponent above one.
    pub(super) fn rs256(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let shortest = |octets: &[u8]| octets.first().is_some_and(|first| *first != 0);
        let first = *modulus.first()?;
        let good = MODULUS.contains(&modulus.len())
            && (modulus.len() > *MODULUS.start() || first >= 0x80)
            && modulus.last()? & 1 == 1
            && shortest(modulus)
            && shortest(exponent)
            && exponent.len() <= EXPONENT
            && exponent.last()? & 1 == 1
            && exponent != [1];
        good.then(|| Self::Rs256(modulus.to_vec(), exponent.to_vec()))
    }

    /// The base point of P-256 (SEC 2 section 2.4.2): a key like any other, for a user who does not exist.
    pub(super) fn of_nobody() -> Self {
        Self::Es256(BASE_POINT)
    }

    /// Its number in COSE.
    pub(super) fn algorithm(&self) -> i64 {
        match self {
            Self::Es256(_) => ES256,
            Self::EdDsa(_) => EDDSA,
            Self::Rs256(..) => RS256,
        }
    }

    /// Its name in COSE.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Rs256(..) => "RS256",
        }
    }

    /// Whether its holder signed exactly this.
    pub(super) fn verifies(&self, message: &[u8], signed: &[u8]) -> bool {
        match self {
            Self::Es256(point) => signature::verify(Algorithm::P256Der, point, message, signed),
            Self::EdDsa(point) => signature::verify(Algorithm::Ed25519, point, message, signed),
            Self::Rs256(modulus, exponent) => {
                signature::verify_rsa(modulus, exponent, message, signed)
            }
        }
    }

    /// Puts it into a record.
    pub(super) fn write(&self, out: &mut Writer) {
        match self {
            Self::Es256(point) => {
                out.u8(1);
                out.raw(point);
            }
            Self::EdDsa(point) => {
                out.u8(2);
                out.raw(point);
            }
            Self::Rs256(modulus, exponent) => {
                out.u8(3);
                out.long(modulus);
                out.short(exponent);
            }
        }
    }

    /// Reads what [`PublicKey::write`] wrote. Whether it is a good key was judged before.
    pub(super) fn read(rest: &mut Reader<'_>) -> Result<Self, RecordError> {
        const FIELD: &str = "webauthn.key";
        match rest.u8()? {
            1 => rest.array().map(Self::Es256),
            2 => rest.array().map(Self::EdDsa),
            3 => {
                let modulus = rest.long(*MODULUS.end(), FIELD)?;
                Self::rs256(modulus, rest.short(1, EXPONENT, FIELD)?)
                    .ok_or(RecordError::OutOfRange(FIELD))
            }
            _ => Err(RecordError::OutOfRange(FIELD)),
        }
    }
}

// RFC 9052 section 7.1, RFC 9053 section 7, RFC 8230 section 4.
const KEY_TYPE: i64 = 1;
const ALGORITHM: i64 = 3;
const CURVE: i64 = -1;
const X: i64 = -2;
const Y: i64 = -3;
const MODULUS_LABEL: i64 = -1;
const EXPONENT_LABEL: i64 = -2;
const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;
const P256: i64 = 1;
const ED25519: i64 = 6;
