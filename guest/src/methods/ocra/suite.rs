//! OCRA suites, and what a suite makes of a secret and its inputs: RFC 6287 sections 5 and 6.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use crate::policy::Algorithm;

/// A suite, such as `OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    text: String,
    /// The hash under HMAC.
    pub algorithm: Algorithm,
    /// Length of an answer: 4 to 10, or 0 for all that HMAC gives.
    pub digits: u8,
    /// Whether a counter is an input.
    pub counter: bool,
    /// What a question is made of.
    pub format: Format,
    /// How many characters it has: 4 to 64.
    pub length: u8,
    /// Which hash of a PIN is an input.
    pub pin: Option<Algorithm>,
    /// How many octets of a session are an input: 1 to 512.
    pub session: Option<u16>,
    /// Length of a time step that is an input, in seconds: 1 to 172,800.
    pub step: Option<u32>,
}

/// What a question is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `A`: letters and digits.
    Alphanumeric,
    /// `N`: decimal digits.
    Numeric,
    /// `H`: hexadecimal digits.
    Hexadecimal,
}

/// What an answer is made of, beside the secret and the suite. What the suite does not name is not looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inputs<'a> {
    /// `C`.
    pub counter: u64,
    /// `Q`: up to 128 characters of the suite's format.
    pub question: &'a str,
    /// `P`: the digest of the PIN.
    pub pin: &'a [u8],
    /// `S`: the session, filled up with zeros from the left.
    pub session: &'a [u8],
    /// `T`: the number of whole steps since 1970.
    pub time: u64,
}

/// Longest suite that is read.
const MAX_SUITE: usize = 64;
/// RFC 6287 section 5.1: a question fills 128 octets.
const QUESTION: usize = 128;

impl Suite {
    /// Reads a suite: section 6. There is one way to write each.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_SUITE {
            return None;
        }
        let mut parts = text.split(':');
        let (version, function, data) = (parts.next()?, parts.next()?, parts.next()?);
        if version != "OCRA-1" || parts.next().is_some() {
            return None;
        }
        let mut function = function.split('-');
        if function.next() != Some("HOTP") {
            return None;
        }
        let algorithm = hash(function.next()?)?;
        let digits = match function.next()? {
            "0" => 0,
            text => number(text, 4, 10).filter(|_| !text.starts_with('0'))?,
        };
        if function.next().is_some() {
            return None;
        }
        let mut data = data.split('-').peekable();
        let counter = data.next_if_eq(&"C").is_some();
        let (format, length) = question(data.next()?)?;
        let mut suite = Self {
            text: text.to_owned(),
            algorithm,
            digits: digits as u8,
            counter,
            format,
            length,
            pin: None,
            session: None,
            step: None,
        };
        if let Some(name) = data.peek().and_then(|part| part.strip_prefix('P')) {
            suite.pin = Some(hash(name)?);
            data.next();
        }
        if let Some(length) = data.peek().and_then(|part| part.strip_prefix('S')) {
            let length = Some(length).filter(|text| text.len() == 3)?;
            suite.session = Some(number(length, 1, 512)? as u16);
            data.next();
        }
        if let Some(step) = data.peek().and_then(|part| part.strip_prefix('T')) {
            suite.step = Some(time_step(step)?);
            data.next();
        }
        data.next().is_none().then_some(suite)
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The answer: section 5. Empty if the question is not of the format, or an input has not the length that it must have.
    pub fn answer(&self, secret: &[u8], inputs: &Inputs<'_>) -> String {
        let Some(data) = self.data(inputs) else {
            return String::new();
        };
        let code = match self.algorithm {
            Algorithm::Sha1 => mac::<Hmac<Sha1>>(secret, &data),
            Algorithm::Sha256 => mac::<Hmac<Sha256>>(secret, &data),
            Algorithm::Sha512 => mac::<Hmac<Sha512>>(secret, &data),
        };
        if self.digits == 0 {
            return code.iter().map(|octet| format!("{octet:02x}")).collect();
        }
        // Dynamic truncation: RFC 4226 section 5.3.
        let offset = usize::from(code.last().copied().unwrap_or(0) & 15);
        let chosen = code.get(offset..).and_then(<[u8]>::first_chunk::<4>);
        let value = u64::from(u32::from_be_bytes(chosen.copied().unwrap_or_default()) & 0x7fff_ffff);
        let width = usize::from(self.digits);
        format!("{:0width$}", value % 10_u64.pow(self.digits.into()))
    }

    /// `DataInput`: section 5.1.
    fn data(&self, inputs: &Inputs<'_>) -> Option<Vec<u8>> {
        let mut data = self.text.clone().into_bytes();
        data.push(0);
        if self.counter {
            data.extend_from_slice(&inputs.counter.to_be_bytes());
        }
        let mut question = self.format.octets(inputs.question)?;
        if question.len() > QUESTION {
            return None;
        }
        question.resize(QUESTION, 0);
        data.extend_from_slice(&question);
        if let Some(algorithm) = self.pin {
            if inputs.pin.len() != octets_of(algorithm) {
                return None;
            }
            data.extend_from_slice(inputs.pin);
        }
        if let Some(length) = self.session {
            let missing = usize::from(length).checked_sub(inputs.session.len())?;
            data.resize(data.len() + missing, 0);
            data.extend_from_slice(inputs.session);
        }
        if self.step.is_some() {
            data.extend_from_slice(&inputs.time.to_be_bytes());
        }
        Some(data)
    }
}

impl Format {
    /// The characters of a question that is made here: those that a person does not take for others come first in use, so
    /// letters are capitals.
    pub fn alphabet(self) -> &'static [u8] {
        match self {
            Self::Alphanumeric => b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            Self::Numeric => b"0123456789",
            Self::Hexadecimal => b"0123456789ABCDEF",
        }
    }

    /// Section 5.1: letters as they are, digits as a number in hexadecimal, and hexadecimal digits from the left on, with a zero
    /// behind an odd one.
    fn octets(self, question: &str) -> Option<Vec<u8>> {
        if question.is_empty() || question.len() > QUESTION {
            return None;
        }
        let nibbles = match self {
            Self::Alphanumeric => {
                let good = question.bytes().all(|it| it.is_ascii_alphanumeric());
                return good.then(|| question.as_bytes().to_vec());
            }
            Self::Numeric => hexadecimal(question)?,
            Self::Hexadecimal => question
                .chars()
                .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
                .collect::<Option<Vec<u8>>>()?,
        };
        let pairs = nibbles.chunks(2).map(|pair| match pair {
            [high, low] => high << 4 | low,
            [high] => high << 4,
            _ => 0,
        });
        Some(pairs.collect())
    }
}

/// How long a digest is.
pub fn octets_of(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::Sha1 => 20,
        Algorithm::Sha256 => 32,
        Algorithm::Sha512 => 64,
    }
}

fn hash(name: &str) -> Option<Algorithm> {
    match name {
        "SHA1" => Some(Algorithm::Sha1),
        "SHA256" => Some(Algorithm::Sha256),
        "SHA512" => Some(Algorithm::Sha512),
        _ => None,
    }
}

fn question(text: &str) -> Option<(Format, u8)> {
    let rest = text.strip_prefix('Q')?;
    let format = match rest.chars().next()? {
        'A' => Format::Alphanumeric,
        'N' => Format::Numeric,
        'H' => Format::Hexadecimal,
        _ => return None,
    };
    let length = rest.get(1..).filter(|text| text.len() == 2)?;
    Some((format, number(length, 4, 64)? as u8))
}

/// `[1-59]S`, `[1-59]M` or `[1-48]H`; a step of no time is none.
fn time_step(text: &str) -> Option<u32> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let (most, seconds) = match unit {
        "S" => (59, 1),
        "M" => (59, 60),
        "H" => (48, 3600),
        _ => return None,
    };
    let count = number(count, 1, most).filter(|_| !count.starts_with('0'))?;
    Some(count * seconds)
}

/// Decimal digits and nothing else.
fn number(text: &str, least: u32, most: u32) -> Option<u32> {
    let good = (1..=3).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    let value = good.then(|| text.parse().ok())??;
    (least..=most).contains(&value).then_some(value)
}

/// The hexadecimal digits of a decimal number of any length, without zeros before them, but one for zero.
fn hexadecimal(decimal: &str) -> Option<Vec<u8>> {
    // The lowest digit first.
    let mut digits = vec![0_u8];
    for character in decimal.chars() {
        let mut carry = character.to_digit(10)?;
        for digit in &mut digits {
            let value = u32::from(*digit) * 10 + carry;
            *digit = (value & 15) as u8;
            carry = value >> 4;
        }
        if carry > 0 {
            digits.push(carry as u8);
        }
    }
    digits.reverse();
    Some(digits)
}

/// HMAC takes a key of any length.
fn mac<M: Mac + KeyInit>(secret: &[u8], data: &[u8]) -> Vec<u8> {
    let Ok(mac) = <M as KeyInit>::new_from_slice(secret) else {
        return Vec::new();
    };
    mac.chain_update(data).finalize().into_bytes().to_vec()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::{Inputs, Suite, hexadecimal};

    const RFC_6287: &str = include_str!("../../../../tests/vectors/oath/ocra_rfc6287.json");

    fn octets(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn the_seventy_vectors_of_the_rfc() {
        let file: serde_json::Value = serde_json::from_str(RFC_6287).unwrap();
        let vectors = file["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 70);
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().unwrap_or("");
            let pin = octets(text("pin_sha1_hex"));
            let time = u64::from_str_radix(text("time_steps_hex"), 16).unwrap_or(0);
            let suite = Suite::parse(text("suite")).unwrap();
            let answer = suite.answer(
                &octets(text("key_hex")),
                &Inputs {
                    counter: vector["counter"].as_u64().unwrap_or(0),
                    question: text("question"),
                    pin: &pin,
                    session: &[],
                    time,
                },
            );
            assert_eq!(answer, text("expect"), "{vector}");
        }
    }

    #[test]
    fn every_suite_of_the_rfc_is_read_and_nothing_else() {
        for function in ["HOTP-SHA1-4", "HOTP-SHA256-8", "HOTP-SHA512-10", "HOTP-SHA1-0"] {
            for counter in ["", "C-"] {
                for question in ["QA04", "QN08", "QH64"] {
                    for pin in ["", "-PSHA1", "-PSHA256", "-PSHA512"] {
                        for session in ["", "-S064", "-S128", "-S256", "-S512"] {
                            for time in ["", "-T1S", "-T59S", "-T1M", "-T59M", "-T1H", "-T48H"] {
                                let text = format!(
                                    "OCRA-1:{function}:{counter}{question}{pin}{session}{time}"
                                );
                                let suite = Suite::parse(&text).unwrap();
                                assert_eq!(suite.text(), text);
                                assert_eq!(suite.counter, !counter.is_empty(), "{text}");
                                assert_eq!(suite.pin.is_some(), !pin.is_empty(), "{text}");
                                assert_eq!(suite.session.is_some(), !session.is_empty(), "{text}");
                                assert_eq!(suite.step.is_some(), !time.is_empty(), "{text}");
                            }
                        }
                    }
                }
            }
        }
        for text in [
            "",
            "OCRA-1",
            "OCRA-1:HOTP-SHA1-6",
            "OCRA-1:HOTP-SHA1-6:",
            "OCRA-1:HOTP-SHA1-6:C",
            "OCRA-2:HOTP-SHA1-6:QN08",
            "ocra-1:HOTP-SHA1-6:QN08",
            "OCRA-1:TOTP-SHA1-6:QN08",
            "OCRA-1:HOTP-SHA384-6:QN08",
            "OCRA-1:HOTP-SHA1-3:QN08",
            "OCRA-1:HOTP-SHA1-11:QN08",
            "OCRA-1:HOTP-SHA1-06:QN08",
            "OCRA-1:HOTP-SHA1-6-6:QN08",
            "OCRA-1:HOTP-SHA1-6:QN08:",
            "OCRA-1:HOTP-SHA1-6:QN03",
            "OCRA-1:HOTP-SHA1-6:QN65",
            "OCRA-1:HOTP-SHA1-6:QN8",
            "OCRA-1:HOTP-SHA1-6:QN008",
            "OCRA-1:HOTP-SHA1-6:QX08",
            "OCRA-1:HOTP-SHA1-6:QN08-C",
            "OCRA-1:HOTP-SHA1-6:QN08-QN08",
            "OCRA-1:HOTP-SHA1-6:QN08-PMD5",
            "OCRA-1:HOTP-SHA1-6:QN08-T1M-PSHA1",
            "OCRA-1:HOTP-SHA1-6:QN08-S64",
            "OCRA-1:HOTP-SHA1-6:QN08-S000",
            "OCRA-1:HOTP-SHA1-6:QN08-S513",
            "OCRA-1:HOTP-SHA1-6:QN08-T",
            "OCRA-1:HOTP-SHA1-6:QN08-T0S",
            "OCRA-1:HOTP-SHA1-6:QN08-T60M",
            "OCRA-1:HOTP-SHA1-6:QN08-T49H",
            "OCRA-1:HOTP-SHA1-6:QN08-T01M",
            "OCRA-1:HOTP-SHA1-6:QN08-T1D",
            "OCRA-1:HOTP-SHA1-6:QN08-T1M-",
            " OCRA-1:HOTP-SHA1-6:QN08",
            "OCRA-1:HOTP-SHA1-6:QN+8",
            "OCRA-1:HOTP-SHA1-6:Q\u{e9}08",
        ] {
            assert_eq!(Suite::parse(text), None, "{text}");
        }
    }

    #[test]
    fn questions_are_numbers_of_any_length() {
        assert_eq!(hexadecimal("0000"), Some(vec![0]));
        assert_eq!(hexadecimal("255"), Some(vec![15, 15]));
        assert_eq!(hexadecimal("4096"), Some(vec![1, 0, 0, 0]));
        // 10^64 - 1.
        assert_eq!(hexadecimal(&"9".repeat(64)).unwrap().len(), 54);
        assert_eq!(hexadecimal("12a"), None);
    }

    #[test]
    fn an_input_that_does_not_fit_gives_no_answer() {
        let suite = Suite::parse("OCRA-1:HOTP-SHA1-6:QN08-PSHA1-S001").unwrap();
        let good = Inputs {
            question: "12345678",
            pin: &[1; 20],
            session: &[1],
            ..Inputs::default()
        };
        assert_eq!(suite.answer(b"secret", &good).len(), 6);
        for bad in [
            Inputs { question: "", ..good },
            Inputs { question: "1234567a", ..good },
            Inputs { pin: &[1; 19], ..good },
            Inputs { session: &[1, 2], ..good },
        ] {
            assert_eq!(suite.answer(b"secret", &bad), "");
        }
    }
}
