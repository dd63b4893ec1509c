//! The key and the address of a device, as they are enrolled and as a record carries them.

use crate::octets::{Reader, Writer};
use crate::signature::{self, Algorithm};

/// What is kept of an enrolled device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Of which kind its key is.
    pub kind: Kind,
    /// Its public key: 33 octets for P-256 (SEC 1 section 2.3.3, compressed), 32 for Ed25519.
    pub key: Vec<u8>,
    /// Where notifications go: what the push service calls the device. 1 to 512 printable ASCII characters.
    pub token: String,
}

/// What kind of key a device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// ECDSA over P-256 with SHA-256.
    P256 = 1,
    /// Ed25519.
    Ed25519 = 2,
}

/// Longest token: those of the push services have under 300 characters, addresses of UnifiedPush somewhat more.
const MAX_TOKEN: usize = 512;

impl Device {
    /// Reads `p256:<key>:<token>` or `ed25519:<key>:<token>`, the key in lower-case hexadecimal.
    pub fn parse(address: &str) -> Option<Self> {
        let (kind, rest) = address.split_once(':')?;
        let (key, token) = rest.split_once(':')?;
        let key = octets(key)?;
        let (kind, key) = match kind {
            "p256" => (Kind::P256, compressed(key)?),
            "ed25519" => (Kind::Ed25519, key),
            _ => return None,
        };
        let is_token = (1..=MAX_TOKEN).contains(&token.len())
            && token.bytes().all(|octet| octet.is_ascii_graphic());
        let algorithm = kind.algorithm();
        (is_token && signature::is_key(algorithm, &key)).then(|| Self {
            kind,
            key,
            token: token.to_owned(),
        })
    }

    /// The octets that a record carries.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(128);
        out.u8(self.kind as u8);
        out.short(&self.key);
        out.long(self.token.as_bytes());
        out.into_bytes()
    }

    /// Reads what [`Device::encode`] wrote.
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let mut rest = Reader::new(octets);
        let kind = match rest.u8().ok()? {
            1 => Kind::P256,
            2 => Kind::Ed25519,
            _ => return None,
        };
        let device = Self {
            kind,
            key: rest.short(32, 33, "device.key").ok()?.to_vec(),
            token: rest.long_text(MAX_TOKEN, "device.token").ok()?,
        };
        rest.end().ok()?;
        Some(device)
    }

    /// Whether this device signed the octets. Key stores of telephones write DER, other libraries `r` and `s`.
    pub fn has_signed(&self, octets: &[u8], signature: &[u8]) -> bool {
        let by = |algorithm| signature::verify(algorithm, &self.key, octets, signature);
        match self.kind {
            Kind::P256 if signature.len() == 64 => by(Algorithm::P256Raw) || by(Algorithm::P256Der),
            Kind::P256 => by(Algorithm::P256Der),
            Kind::Ed25519 => by(Algorithm::Ed25519),
        }
    }
}

impl Kind {
    /// What a console shows: RFC 7518 section 3.1 and RFC 8037.
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "ES256",
            Self::Ed25519 => "Ed25519",
        }
    }

    fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::P256Raw,
            Self::Ed25519 => Algorithm::Ed25519,
        }
    }
}

/// SEC 1 section 2.3.3: one form for one key, so that it is claimed once. Whether it is a point is not looked at here.
fn compressed(key: Vec<u8>) -> Option<Vec<u8>> {
    match (key.first(), key.len()) {
        (Some(2 | 3), 33) => Some(key),
        // Whether `y` belongs to `x` is checked before it is dropped: or one would enrol another key than was sent.
        (Some(4), 65) if signature::is_key(Algorithm::P256Raw, &key) => {
            let odd = key.last()? & 1;
            let mut short = vec![2 | odd];
            short.extend_from_slice(key.get(1..33)?);
            Some(short)
        }
        _ => None,
    }
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    let digit = |character: &u8| match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    };
    if !hex.len().is_multiple_of(2) || hex.len() > 130 {
        return None;
    }
    hex.as_bytes()
        .chunks_exact(2)
        .map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.last()?)?))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{Device, Kind};

    const X: &str = "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6";
    const Y: &str = "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";
    const ED25519: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    #[test]
    fn both_forms_of_a_point_are_one_device() {
        let long = Device::parse(&format!("p256:04{X}{Y}:fcm:abc")).unwrap();
        assert_eq!(Device::parse(&format!("p256:03{X}:fcm:abc")), Some(long.clone()));
        assert_eq!((long.kind, long.key.len(), long.token.as_str()), (Kind::P256, 33, "fcm:abc"));
        assert_eq!(Device::decode(&long.encode()), Some(long.clone()));
        let other = Device::parse(&format!("ed25519:{ED25519}:t")).unwrap();
        assert_eq!(Device::decode(&other.encode()), Some(other));
        for cut in 0..long.encode().len() {
            assert_eq!(Device::decode(long.encode().get(..cut).unwrap()), None);
        }
    }

    #[test]
    fn what_is_no_device_is_refused() {
        let other_y = format!("04{X}{}", Y.replace("2299", "229a"));
        let neutral = format!("01{}", "0".repeat(62));
        for address in [
            String::new(),
            "p256".into(),
            format!("p256:04{X}{Y}"),
            format!("p256:04{X}{Y}:"),
            format!("p256:{other_y}:t"),
            format!("p256:{X}:t"),
            format!("p256:05{X}:t"),
            format!("p256:03{}:t", X.to_uppercase()),
            format!("p256:03{X}:a b"),
            format!("p256:03{X}:é"),
            format!("p256:03{X}:{}", "t".repeat(513)),
            format!("P256:03{X}:t"),
            format!("rsa:03{X}:t"),
            format!("ed25519:03{X}:t"),
            format!("ed25519:{neutral}:t"),
            format!("ed25519:{ED25519}0:t"),
        ] {
            assert_eq!(Device::parse(&address), None, "{address}");
        }
        assert!(Device::parse(&format!("p256:03{X}:{}", "t".repeat(512))).is_some());
    }
}
