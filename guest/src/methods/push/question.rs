//! What was put to a device, what is kept of it, and the octets that the device signs.

use subtle::ConstantTimeEq;

use super::super::{Refusal, Scene, fact};
use crate::account::{Credential, MAX_QUESTION};
use crate::contract::{Fact, Fault};
use crate::entropy::KeyedDigest;
use crate::octets::{Reader, Writer};
use crate::reason::Reason;

/// The version of what is signed, which the device is told.
pub(super) const VERSION: u8 = 1;
/// How long the code is that goes to the device to be typed elsewhere: whoever has it has no need of the device's key.
pub(super) const CODE_DIGITS: u8 = 6;

/// What was put to a device, and what it was told of it. What the policy keeps from it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Put {
    /// What ties the device to the place where the user signs in.
    pub(super) matched: Matched,
    /// When, in milliseconds.
    pub(super) issued: u64,
    /// The application that is signed in to.
    pub(super) application: String,
    /// Where the sign-in comes from: an IP address.
    pub(super) address: String,
    /// The country that it belongs to.
    pub(super) country: String,
}

/// What ties the device to the place where the user signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Matched {
    /// A number that is shown there, and comes back with the device's signature.
    Number(String),
    /// A code that the device shows, and that is typed there: its keyed digest, and the key's id.
    Code { key: u32, digest: [u8; 16] },
}

/// What a device says of it.
pub(super) struct Answer<'a> {
    /// `enrolment` or `sign-in`.
    pub(super) purpose: &'a str,
    /// Whose users these are.
    pub(super) tenant: &'a str,
    /// The canonical user name.
    pub(super) user: &'a str,
    /// The device's credential.
    pub(super) credential: &'a str,
    /// The challenge, or the enrolment.
    pub(super) challenge: &'a str,
    /// `approved`, `denied` or `fraud`.
    pub(super) decision: &'a str,
    /// The number that the user typed or picked; empty for none.
    pub(super) number: &'a str,
    /// SHA-256 of the text that is confirmed.
    pub(super) transaction: Option<[u8; 32]>,
}

impl Put {
    /// A number to type into the device.
    pub(super) fn typed(scene: &Scene<'_>, digits: u8) -> Result<Self, Refusal> {
        let number = random(scene, "push number", digits)?;
        Self::new(scene, Matched::Number(padded(number, digits)))
    }

    /// A number to pick on the device, and what the device is told of it: so many, of which it is one.
    pub(super) fn picked(
        scene: &Scene<'_>,
        digits: u8,
        choices: u8,
    ) -> Result<(Self, Vec<Fact>), Refusal> {
        let number = random(scene, "push number", digits)?;
        let bound = 10_u64.pow(digits.into());
        let mut numbers = vec![number];
        for at in 1..choices {
            let mut other = random(scene, &format!("push choice {at}"), digits)?;
            while numbers.contains(&other) {
                other = (other + 1) % bound;
            }
            numbers.push(other);
        }
        // The right one is anywhere among them.
        let place = u64::from_le_bytes(scene.seed.expand("push place").map_err(Refusal::Fault)?);
        numbers.rotate_right((place % u64::from(choices.max(1))) as usize);
        let choices: Vec<String> = numbers.into_iter().map(|it| padded(it, digits)).collect();
        let put = Self::new(scene, Matched::Number(padded(number, digits)))?;
        Ok((put, vec![fact("choices", choices.join(" "))]))
    }

    /// A code that the device shows, and what the device is told of it.
    pub(super) fn coded(
        scene: &Scene<'_>,
        credential: &Credential,
    ) -> Result<(Self, Vec<Fact>), Refusal> {
        let code = padded(random(scene, "push code", CODE_DIGITS)?, CODE_DIGITS);
        let key = scene.ctx.keys.first();
        let key = key.ok_or_else(|| Refusal::Fault(Fault::BadRequest("ctx.keys".to_owned())))?;
        let digest = digest(&key.secret, scene, credential, &code);
        let put = Self::new(scene, Matched::Code { key: key.id, digest })?;
        Ok((put, vec![fact("code", code)]))
    }

    fn new(scene: &Scene<'_>, matched: Matched) -> Result<Self, Refusal> {
        let policy = &scene.policy.push;
        let shown = |text: &str, show: bool| if show { text.to_owned() } else { String::new() };
        let text = |text: &Option<String>| shown(text.as_deref().unwrap_or(""), policy.show_location);
        let put = Self {
            matched,
            issued: scene.at,
            application: shown(&scene.origin.application, policy.show_application),
            address: text(&scene.origin.address),
            country: text(&scene.origin.country),
        };
        // It always does: the contract bounds every part.
        if put.encode().len() > MAX_QUESTION {
            return Err(Refusal::Because(Reason::ServiceError));
        }
        Ok(put)
    }

    /// The number to match; none where a code is typed.
    pub(super) fn number(&self) -> Option<&str> {
        match &self.matched {
            Matched::Number(number) => Some(number),
            Matched::Code { .. } => None,
        }
    }

    /// Whether this is the code that went to the device.
    pub(super) fn is_code(&self, scene: &Scene<'_>, credential: &Credential, code: &str) -> bool {
        let Matched::Code { key, digest: kept } = &self.matched else {
            return false;
        };
        let mut keys = scene.ctx.keys.iter();
        keys.find(|held| held.id == *key).is_some_and(|key| {
            bool::from(digest(&key.secret, scene, credential, code).ct_eq(kept))
        })
    }

    /// What a challenge keeps.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(128);
        match &self.matched {
            Matched::Number(number) => {
                out.u8(0);
                out.short(number.as_bytes());
            }
            Matched::Code { key, digest } => {
                out.u8(1);
                out.u32(*key);
                out.raw(digest);
            }
        }
        out.u64(self.issued);
        for text in [&self.application, &self.address, &self.country] {
            out.short(text.as_bytes());
        }
        out.into_bytes()
    }

    /// Reads what [`Put::encode`] wrote.
    pub(super) fn decode(octets: &[u8]) -> Option<Self> {
        let mut rest = Reader::new(octets);
        let matched = match rest.u8().ok()? {
            0 => Matched::Number(rest.text(2, 6, "push.number").ok()?.to_owned()),
            1 => Matched::Code {
                key: rest.u32().ok()?,
                digest: rest.array().ok()?,
            },
            _ => return None,
        };
        let put = Self {
            matched,
            issued: rest.u64().ok()?,
            application: rest.text(0, 128, "push.application").ok()?.to_owned(),
            address: rest.text(0, 45, "push.address").ok()?.to_owned(),
            country: rest.text(0, 2, "push.country").ok()?.to_owned(),
        };
        rest.end().ok()?;
        Some(put)
    }

    /// What the device signs: each part with its length before it, four octets, the highest first (docs/push.md).
    pub(super) fn octets(&self, answer: &Answer<'_>) -> Vec<u8> {
        let mut octets = Vec::with_capacity(512);
        let transaction = answer.transaction.as_ref().map_or(&[] as &[u8], |it| it);
        for part in [
            b"cofactor-push-1" as &[u8],
            answer.purpose.as_bytes(),
            answer.tenant.as_bytes(),
            answer.user.as_bytes(),
            answer.credential.as_bytes(),
            answer.challenge.as_bytes(),
            answer.decision.as_bytes(),
            answer.number.as_bytes(),
            self.application.as_bytes(),
            self.address.as_bytes(),
            self.country.as_bytes(),
            transaction,
            self.issued.to_string().as_bytes(),
        ] {
            octets.extend_from_slice(&(part.len() as u32).to_be_bytes());
            octets.extend_from_slice(part);
        }
        octets
    }
}

/// A number below 10 to the power of `digits`. That 2^64 is no multiple of it shifts nothing by more than 10^-13.
fn random(scene: &Scene<'_>, label: &str, digits: u8) -> Result<u64, Refusal> {
    let octets = scene.seed.expand(label).map_err(Refusal::Fault)?;
    Ok(u64::from_le_bytes(octets) % 10_u64.pow(digits.into()))
}

fn padded(number: u64, digits: u8) -> String {
    format!("{number:0width$}", width = usize::from(digits))
}

fn digest(key: &[u8], scene: &Scene<'_>, credential: &Credential, code: &str) -> [u8; 16] {
    let mut digest = KeyedDigest::new(key, "push code");
    digest.part(&scene.challenge.0);
    digest.part(&credential.id.0);
    digest.part(code.as_bytes());
    digest.finish()
}
