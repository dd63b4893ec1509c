//! Names that the component makes, and their lower-case hexadecimal form.

use subtle::{Choice, ConstantTimeEq};

/// Names a credential within its account.
pub type CredentialId = Identifier<8>;
/// Names an open challenge or enrolment: 128 bits from the entropy (CH-01).
pub type ChallengeId = Identifier<16>;

/// Names a remembered device within its account.
pub type DeviceId = Identifier<8>;
/// Names an effect.
pub type EffectId = Identifier<16>;

/// So many octets, written in hexadecimal outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identifier<const N: usize>(pub [u8; N])
where
    [u8; N]: Default;

impl<const N: usize> Identifier<N>
where
    [u8; N]: Default,
{
    /// Reads the only form there is: `2 * N` digits in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let mut octets = [0; N];
        if text.len() != 2 * N {
            return None;
        }
        for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let &[high, low] = pair else { return None };
            *octet = digit(high)? << 4 | digit(low)?;
        }
        Some(Self(octets))
    }

    /// The form that the contract carries.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(2 * N);
        for octet in self.0 {
            for nibble in [octet >> 4, octet & 15] {
                text.push(char::from(if nibble < 10 {
                    b'0' + nibble
                } else {
                    b'a' + nibble - 10
                }));
            }
        }
        text
    }

    /// Compares in constant time.
    pub fn is(&self, other: &Self) -> Choice {
        self.0.as_slice().ct_eq(other.0.as_slice())
    }
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::CredentialId;

    #[test]
    fn only_the_canonical_form_is_read() {
        let id = CredentialId::parse("00ff10a9b8c7d6e5");
        assert_eq!(id.map(|id| id.text()).as_deref(), Some("00ff10a9b8c7d6e5"));
        for bad in [
            "",
            "00",
            "00FF10a9b8c7d6e5",
            "00ff10a9b8c7d6e",
            "00ff10a9b8c7d6e5a",
            "0 ff10a9b8c7d6e5",
            "+0ff10a9b8c7d6e5",
        ] {
            assert_eq!(CredentialId::parse(bad), None, "{bad}");
        }
    }
}
