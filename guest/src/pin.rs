//! PINs that are verified here (S11): how they are kept, and which are too weak to be kept.
//!
//! A PIN is short, so that it is slow to try: PBKDF2-HMAC-SHA-256 (RFC 8018 section 5.2) over a digest made with the host's key.
//! Without that key a stolen store gives nothing to try guesses on; with it, each guess costs the policy's iterations. Who calls
//! [`is`] has asked the throttle first.

use hmac::Hmac;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::account::Pin;
use crate::contract::{Context, Fault};
use crate::entropy::{KeyedDigest, Seed};
use crate::methods::{Asking, Nature};
use crate::policy::{self, PinOrder};
use crate::throttle::Failures;

/// How many characters a PIN has at most. With a code behind it, it has to fit into what may be typed.
pub const MOST: usize = 32;

/// A new PIN, under the host's current key.
pub fn keep(
    ctx: &Context,
    seed: Seed<'_>,
    policy: &policy::Pin,
    text: &str,
    initial: bool,
) -> Result<Pin, Fault> {
    let key = ctx
        .keys
        .first()
        .ok_or_else(|| Fault::BadRequest("ctx.keys".to_owned()))?;
    let salt = seed.expand(SALT)?;
    Ok(Pin {
        key: key.id,
        salt,
        iterations: policy.iterations,
        hash: hash(&key.secret, &salt, policy.iterations, text),
        initial,
        failures: Failures::default(),
    })
}

/// Whether this is the PIN. Takes the same time for all of one length, and where the host has dropped the key.
pub fn is(ctx: &Context, pin: &Pin, text: &str) -> bool {
    let key = ctx.keys.iter().find(|key| key.id == pin.key);
    let secret = key.map_or(&[] as &[u8], |key| &key.secret);
    let hash = hash(secret, &pin.salt, pin.iterations, text);
    bool::from(hash.ct_eq(&pin.hash)) & key.is_some()
}

/// Whether it was made in the step of this seed, so that it may be shown.
pub fn is_new(seed: Seed<'_>, pin: &Pin) -> bool {
    seed.expand(SALT)
        .is_ok_and(|salt: [u8; 16]| salt == pin.salt)
}

/// A random PIN for somebody to be told, who has to change it. So many digits as a new one has at least.
pub fn initial(seed: Seed<'_>, policy: &policy::Pin) -> Result<Zeroizing<String>, Fault> {
    let length = usize::from(policy.least);
    // One in a few thousand is weak.
    for attempt in 0..16 {
        let octets = Zeroizing::new(seed.expand::<64>(&format!("pin {attempt}"))?);
        // 250 and more would make some digits likelier than others.
        let digits = octets.iter().filter(|octet| **octet < 250);
        let digits = digits.map(|octet| char::from(b'0' + octet % 10));
        let text = Zeroizing::new(digits.take(length).collect::<String>());
        if !is_weak(policy, &text) {
            return Ok(text);
        }
    }
    Err(Fault::Other("entropy".to_owned()))
}

/// Whether a PIN must not be chosen: too short or too long, one character or block over and over, or neighbours in a row.
pub fn is_weak(policy: &policy::Pin, text: &str) -> bool {
    let characters = Zeroizing::new(text.chars().map(u32::from).collect::<Vec<u32>>());
    let count = characters.len();
    if !(usize::from(policy.least)..=MOST).contains(&count) || text.chars().any(char::is_control) {
        return true;
    }
    // 111111, 121212, 123123: the same as some places before, from the first of those on.
    let repeats = (1..=count / 2).any(|block| {
        let shifted = characters.iter().skip(block);
        shifted
            .zip(characters.iter())
            .all(|(one, other)| one == other)
    });
    // 123456, 890123, 24680, abcdef: the difference between neighbours is always the same, after 9 comes 0.
    let around = if text.bytes().all(|octet| octet.is_ascii_digit()) {
        10
    } else {
        u32::MAX
    };
    let differences = characters.iter().zip(characters.iter().skip(1));
    let mut differences = differences.map(|(one, other)| {
        (u64::from(*other) + u64::from(around) - u64::from(*one)) % u64::from(around)
    });
    let first = differences.next();
    let runs = differences.all(|difference| Some(difference) == first);
    repeats || runs
}

/// Whether a PIN can be typed with this method's answers: they are short codes, typed where the user signs in.
pub fn goes_with(nature: &Nature) -> bool {
    nature.guessable && nature.asking != Asking::Message && !nature.last_resort
}

/// The PIN and the code in what was typed in one field. None if it is too short for both.
pub fn split(order: PinOrder, text: &str, digits: u8) -> Option<(&str, &str)> {
    let digits = usize::from(digits);
    let rest = text.len().checked_sub(digits)?;
    let (pin, code) = match order {
        PinOrder::First => text.split_at_checked(rest)?,
        PinOrder::Last => {
            let (code, pin) = text.split_at_checked(digits)?;
            (pin, code)
        }
    };
    (!pin.is_empty()).then_some((pin, code))
}

const SALT: &str = "pin salt";

fn hash(key: &[u8], salt: &[u8; 16], iterations: u32, text: &str) -> [u8; 32] {
    let mut digest = KeyedDigest::new(key, "pin");
    digest.part(text.as_bytes());
    let keyed: Zeroizing<[u8; 16]> = Zeroizing::new(digest.finish());
    let mut out = [0; 32];
    // Fails for keys of a length that HMAC does not take, and it takes any.
    if pbkdf2::pbkdf2::<Hmac<Sha256>>(keyed.as_slice(), salt, iterations, &mut out).is_err() {
        out = [0; 32];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{is_weak, split};
    use crate::policy::{self, PinOrder};

    #[test]
    fn weak_pins_are_known() {
        let policy = policy::Pin::default();
        for weak in [
            "",
            "12345",
            "000000",
            "121212",
            "123123",
            "123456",
            "987654",
            "024680",
            "abcdef",
            "aaaaaa",
            "1234567890123456789012345678901234567890",
            "80291\n",
        ] {
            assert!(is_weak(&policy, weak), "{weak:?}");
        }
        for good in ["802917", "112358", "correct horse", "ünïcöd"] {
            assert!(!is_weak(&policy, good), "{good:?}");
        }
    }

    #[test]
    fn what_was_typed_in_one_field_is_two() {
        for (order, text, parts) in [
            (PinOrder::First, "802917123456", Some(("802917", "123456"))),
            (PinOrder::Last, "123456802917", Some(("802917", "123456"))),
            (PinOrder::First, "123456", None),
            (PinOrder::First, "12345", None),
            (PinOrder::First, "", None),
            (PinOrder::First, "é23456", None),
            (PinOrder::First, "é123456", Some(("é", "123456"))),
        ] {
            assert_eq!(split(order, text, 6), parts, "{text:?}");
        }
    }
}
