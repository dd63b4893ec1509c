//! One-time codes: what was typed, and what RFC 4226 makes of a secret and a counter.

use subtle::{Choice, ConstantTimeEq};
use totp_rs::{Builder, Totp};

use crate::account::{Credential, RecordError};
use crate::base32::{MAX_OCTETS, Secret};
use crate::octets::{Reader, Writer};
use crate::policy::Algorithm;

/// A code as it was typed: ASCII digits and nothing else. Nothing is trimmed and nothing is mapped (OTP-12).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code {
    value: u32,
    digits: u8,
}

/// What every OATH credential has: a shared secret, and how codes are made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The shared secret: 1 to 80 octets.
    pub secret: Secret,
    /// The hash under HMAC.
    pub algorithm: Algorithm,
    /// Length of its codes: 6, 7 or 8.
    pub digits: u8,
}

/// Makes the codes of one credential.
pub struct Generator {
    totp: Totp,
    modulus: u32,
}

impl Code {
    /// Reads 6 to 8 ASCII digits. The work depends on the length alone.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = u8::try_from(text.len())
            .ok()
            .filter(|digits| (6..=8).contains(digits))?;
        let mut value = 0_u32;
        let mut good = true;
        for octet in text.bytes() {
            let digit = octet.wrapping_sub(b'0');
            good &= digit < 10;
            value = value.wrapping_mul(10).wrapping_add(u32::from(digit));
        }
        good.then_some(Self { value, digits })
    }

    /// How many digits it has.
    pub fn digits(self) -> u8 {
        self.digits
    }

    /// Compares in constant time with a value of as many digits.
    pub fn is(self, value: u32) -> Choice {
        self.value.ct_eq(&value)
    }
}

impl Token {
    /// Writes it at the front of a credential's state.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.short(self.secret.as_bytes());
        out.u8(self.algorithm as u8);
        out.u8(self.digits);
    }

    /// Reads what [`Token::write`] wrote.
    pub(crate) fn read(rest: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            secret: Secret::new(rest.short(1, MAX_OCTETS, "token.secret")?.to_vec()),
            algorithm: match rest.u8()? {
                0 => Algorithm::Sha1,
                1 => Algorithm::Sha256,
                2 => Algorithm::Sha512,
                _ => return Err(RecordError::OutOfRange("token.algorithm")),
            },
            digits: Some(rest.u8()?)
                .filter(|digits| (6..=8).contains(digits))
                .ok_or(RecordError::OutOfRange("token.digits"))?,
        })
    }
}

/// Searches two successive codes among so many counters from `first` on: the counter of the second. Looks at all of
/// them. A counter is only found from `least` on: what lies before is dead.
pub(super) fn successive(
    generator: &Generator,
    codes: (Code, Code),
    first: u64,
    pairs: u64,
    least: u64,
) -> Option<u64> {
    let mut found = None;
    let mut before = generator.value(first);
    for counter in (first..first.saturating_add(pairs)).map(|counter| counter.saturating_add(1)) {
        let value = generator.value(counter);
        let both = bool::from(codes.0.is(before) & codes.1.is(value));
        if both && found.is_none() && counter > least {
            found = Some(counter);
        }
        before = value;
    }
    found
}

/// Whether two OATH credentials have one secret, whatever their methods: each would take codes that the other has used.
pub(super) fn same_secret(one: &Credential, other: &Credential) -> bool {
    let secret = |credential: &Credential| {
        Token::read(&mut Reader::new(credential.state.as_bytes())).map(|token| token.secret)
    };
    match (secret(one), secret(other)) {
        (Ok(one), Ok(other)) => bool::from(one.is(&other)),
        _ => false,
    }
}

/// Whether a proof is one code of so many digits, or two.
pub(super) fn fits(digits: u8, proof: super::Proof<'_>) -> bool {
    let fits = |text: &str| Code::parse(text).is_some_and(|code| code.digits() == digits);
    match proof {
        super::Proof::Text(text) => fits(text),
        super::Proof::TwoCodes(first, second) => fits(first) && fits(second),
        _ => false,
    }
}

impl Generator {
    /// Makes ready to generate.
    pub fn new(token: &Token) -> Self {
        let algorithm = match token.algorithm {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        };
        // A step of one second makes the library's time the counter itself, which serves both methods. Its own check of
        // a window is not used: it stops at the first match, and it does not know which steps are dead.
        let totp = Builder::new()
            .with_algorithm(algorithm)
            .with_digits(token.digits)
            .with_secret(token.secret.as_bytes())
            .with_step_duration(1)
            .build_noncompliant();
        Self {
            totp,
            modulus: modulus(token.digits),
        }
    }

    /// The code for a counter: RFC 4226 section 5.3, of which the library has done step 1.
    pub fn value(&self, counter: u64) -> u32 {
        let signature = self.totp.sign(counter);
        let signature = signature.as_ref();
        // Step 2, dynamic truncation: the last octet's low four bits say where 31 bits are taken.
        let offset = usize::from(signature.last().copied().unwrap_or(0) & 15);
        let chosen = signature
            .get(offset..)
            .and_then(<[u8]>::first_chunk::<4>)
            .copied()
            .unwrap_or_default();
        // Step 3.
        (u32::from_be_bytes(chosen) & 0x7fff_ffff) % self.modulus
    }
}

/// 10 to the power of the number of digits, which is 6 to 8 in every record.
fn modulus(digits: u8) -> u32 {
    match digits {
        6 => 1_000_000,
        7 => 10_000_000,
        _ => 100_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn otp_12_only_ascii_digits_of_the_exact_length_are_a_code() {
        for text in ["000000", "123456", "0050548", "99999999"] {
            assert!(
                Code::parse(text).is_some_and(|code| usize::from(code.digits()) == text.len()),
                "{text}"
            );
        }
        for text in [
            "",
            "12345",
            "123456789",
            " 12345",
            "123456 ",
            "+12345",
            "-12345",
            "1e5000",
            "12345\0",
            "123 456",
            "123-456",
            "１２３４５６",
            "١٢٣٤٥٦",
            "１２",
            "12345\u{660}",
            "0x1234",
            "12345a",
            "/23456",
            ":23456",
        ] {
            assert!(Code::parse(text).is_none(), "{text:?}");
        }
    }
}
