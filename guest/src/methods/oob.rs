//! What the methods share that ask by another way than the one on which the user signs in: one-time codes, the names of calls,
//! and how many messages may go out.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::number::Number;
use super::{Refusal, Scene, Shown, Wish, fact, nature_of};
use crate::account::{Credential, RecordError, Send};
use crate::contract::{Fact, Fault, Observation};
use crate::entropy::KeyedDigest;
use crate::octets::{Reader, Writer};
use crate::policy::texts;
use crate::reason::Reason;

/// The family of what is reached by a telephone number.
pub(crate) const TELEPHONE: &str = "telephone";
/// The family of what is reached by a mail address.
pub(super) const MAIL: &str = "email";

/// The context fact by which a host says that the number of this user was moved to another SIM, or to another carrier, a
/// short time ago: `yes` (SV-07).
const SWAPPED: &str = "number-swapped";

/// A question that was sent, as a challenge keeps it. What has to come back is kept as a keyed digest over the challenge, the
/// address, and what is confirmed: it is of no use for any other, and nobody who reads the record can answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// A code to give back, and its length.
    pub(super) code: Option<(u8, Kept)>,
    /// What names the call, or the text that is replied to. An answer that does not carry it is somebody else's (SV-06).
    pub(super) call: Option<Kept>,
    /// What accepts the call, as the method numbers it.
    pub(super) mode: u8,
}

/// A keyed digest, and which generation of the host's key it was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    key: u32,
    digest: [u8; 16],
}

/// Something that is told to the user's device alone, and what is kept of it.
pub(super) struct Told {
    pub(super) text: Zeroizing<String>,
    pub(super) kept: Kept,
}

impl Asked {
    /// The octets that a challenge carries.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(128);
        out.optional(self.code.as_ref(), |(digits, kept), out| {
            out.u8(*digits);
            kept.write(out);
        });
        out.optional(self.call.as_ref(), Kept::write);
        out.u8(self.mode);
        out.into_bytes()
    }

    /// Reads what [`Asked::encode`] wrote.
    pub(super) fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        let mut rest = Reader::new(octets);
        let asked = Self {
            code: rest.optional("asked.code", |rest| Ok((rest.u8()?, Kept::read(rest)?)))?,
            call: rest.optional("asked.call", Kept::read)?,
            mode: rest.u8()?,
        };
        rest.end()?;
        Ok(asked)
    }

    /// Whether this is the code that went to the address.
    pub(super) fn is_code(&self, scene: &Scene<'_>, address: &str, typed: &str) -> bool {
        self.code
            .is_some_and(|(_, kept)| kept.is(scene, "code", address, typed.as_bytes()))
    }

    /// Whether this is the name of the call that went to the address.
    pub(super) fn is_call(&self, scene: &Scene<'_>, address: &str, given: &[u8]) -> bool {
        self.call
            .is_some_and(|kept| kept.is(scene, "call", address, given))
    }
}

impl Kept {
    fn new(
        scene: &Scene<'_>,
        what: &'static str,
        address: &str,
        text: &str,
    ) -> Result<Self, Fault> {
        let key = scene.ctx.keys.first();
        let key = key.ok_or_else(|| Fault::BadRequest("ctx.keys".to_owned()))?;
        let digest = digest(&key.secret, scene, what, address, text.as_bytes());
        Ok(Self {
            key: key.id,
            digest,
        })
    }

    fn is(&self, scene: &Scene<'_>, what: &'static str, address: &str, given: &[u8]) -> bool {
        let key = scene.ctx.keys.iter().find(|key| key.id == self.key);
        key.is_some_and(|key| {
            bool::from(digest(&key.secret, scene, what, address, given).ct_eq(&self.digest))
        })
    }

    fn write(&self, out: &mut Writer) {
        out.u32(self.key);
        out.raw(&self.digest);
    }

    fn read(rest: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            key: rest.u32()?,
            digest: rest.array()?,
        })
    }
}

/// A new code of so many digits for an address: uniform, and with its leading zeros (N-01).
pub(super) fn code(
    scene: &Scene<'_>,
    label: &str,
    digits: u8,
    address: &str,
) -> Result<Told, Refusal> {
    let octets = scene.seed.expand::<8>(label).map_err(Refusal::Fault)?;
    // Of 2^64 values, what does not divide evenly favours a code by less than one in 10^11.
    let mut value = u64::from_le_bytes(octets);
    let mut text = Zeroizing::new(String::with_capacity(usize::from(digits)));
    for _ in 0..digits {
        text.push(char::from(b'0' + (value % 10) as u8));
        value /= 10;
    }
    let kept = Kept::new(scene, "code", address, &text).map_err(Refusal::Fault)?;
    Ok(Told { text, kept })
}

/// What names a call to an address: 128 bits, which the carrier's side hands back with what the user pressed.
pub(super) fn call(scene: &Scene<'_>, label: &str, address: &str) -> Result<Told, Refusal> {
    let octets = scene.seed.expand::<16>(label).map_err(Refusal::Fault)?;
    let text = Zeroizing::new(crate::identifier::Identifier(octets).text());
    let kept = Kept::new(scene, "call", address, &text).map_err(Refusal::Fault)?;
    Ok(Told { text, kept })
}

/// The number of a credential.
pub(super) fn number(credential: &Credential) -> Result<Number, Refusal> {
    Number::decode(credential.state.as_bytes())
        .map_err(|_| Refusal::Because(Reason::AddressInvalid))
}

/// The number that somebody wants to enrol.
pub(super) fn wished(scene: &Scene<'_>, wish: &Wish<'_>) -> Result<Number, Refusal> {
    let number = wish.address.and_then(Number::parse);
    let number = number.filter(|number| is_admitted(scene, number));
    number.ok_or(Refusal::Because(Reason::AddressInvalid))
}

/// A number of nobody's in a country that is called, for a user who does not exist.
pub(super) fn invented(scene: &Scene<'_>) -> Result<Number, Refusal> {
    let mut countries = texts::lines(scene.policy.sends.countries);
    let country = countries.next().unwrap_or("1");
    let length = if country.starts_with('1') {
        11 - country.len().min(4)
    } else {
        9
    };
    // Now and then one falls into a premium range, and is not taken.
    for turn in 0..8_u8 {
        let label = ["decoy number ", &turn.to_string()].concat();
        let octets = scene.seed.expand::<8>(&label).map_err(Refusal::Fault)?;
        let value = u64::from_le_bytes(octets) % 10_u64.pow(length as u32);
        let text = format!("+{country}{value:0length$}");
        if let Some(number) = Number::parse(&text).filter(|it| it.country() == country) {
            return Ok(number);
        }
    }
    Err(Refusal::Because(Reason::AddressInvalid))
}

/// What a console may show of a number. The network that carries it is not one that SP 800-63B-4 section 3.2.9 leaves
/// unrestricted: who has nothing else is to be found.
pub(super) fn view(credential: &Credential) -> Vec<Fact> {
    let Ok(number) = number(credential) else {
        return Vec::new();
    };
    let held = Some(credential.usable_from).filter(|from| *from != 0);
    let facts = [
        fact("country", number.country()),
        fact("number", number.masked()),
        fact("restricted", "yes"),
    ];
    let held = held.map(|from| fact("usable-from", from));
    facts.into_iter().chain(held).collect()
}

/// Where the message went, as far as it is shown.
pub(super) fn destination(credential: &Credential) -> Vec<Fact> {
    let number = number(credential);
    number
        .map(|number| fact("number", number.masked()))
        .into_iter()
        .collect()
}

/// What only one account may hold: the number, by whichever way it is reached.
pub(super) fn claims(scene: &Scene<'_>, credential: &Credential) -> Vec<[u8; 32]> {
    let number = number(credential);
    let claim = number.map(|number| super::claim(scene, TELEPHONE, number.as_str().as_bytes()));
    claim.into_iter().collect()
}

/// Whether two credentials are one number, reached in the same way.
pub(super) fn is_twin(one: &Credential, other: &Credential) -> bool {
    one.method == other.method && one.state == other.state
}

/// Shows the text that is to be confirmed where the user signs in as well (S17).
pub(super) fn with_transaction(scene: &Scene<'_>, mut shown: Shown) -> Shown {
    shown
        .arguments
        .extend(scene.transaction.map(|it| fact("transaction", &it.text)));
    shown
}

/// What every message says: for what, and the text to confirm if it is no sign-in. A recipient who did not ask can tell.
pub(super) fn context(scene: &Scene<'_>) -> Vec<Fact> {
    let application = Some(fact("application", &scene.origin.application));
    let transaction = scene.transaction.map(|it| fact("transaction", &it.text));
    application.into_iter().chain(transaction).collect()
}

/// Whether a message may go to this number now (SV-01, SV-02, SV-07): what the host is to count if it does.
pub(super) fn telephone(scene: &Scene<'_>, number: &Number) -> Result<Vec<String>, Refusal> {
    if is_swapped(scene) {
        return Err(Refusal::Because(Reason::NumberSwapped));
    }
    if !is_admitted(scene, number) {
        return Err(Refusal::Because(Reason::AddressInvalid));
    }
    paced(scene, TELEPHONE)?;
    let sends = &scene.policy.sends;
    let all = number.as_str();
    let range = all.get(..all.len().saturating_sub(4)).unwrap_or(all);
    let limits = [
        ([NUMBER, &half(scene, all)].concat(), sends.number),
        (["range/", &half(scene, range)].concat(), sends.range),
        (["country/", number.country()].concat(), sends.country),
        ("messages".to_owned(), sends.total),
    ];
    let mut missing = Vec::new();
    let mut full = false;
    for (kind, limit) in limits.iter().filter(|(_, limit)| *limit != 0) {
        match scene.ctx.observed.iter().find(|it| it.kind == *kind) {
            Some(observation) => full |= observation.count >= *limit,
            None => missing.push(Observation {
                kind: kind.clone(),
                count: 0,
                window: sends.window,
            }),
        }
    }
    if !missing.is_empty() {
        return Err(Refusal::Unobserved(missing));
    }
    if full {
        return Err(Refusal::Because(Reason::SendThrottled));
    }
    let counted = limits.into_iter().filter(|(_, limit)| *limit != 0);
    Ok(counted.map(|(kind, _)| kind).collect())
}

/// How the count of one number's messages is named. Those of the others are shared by many users.
const NUMBER: &str = "number/";

/// Whether a count is of one number alone.
pub(crate) fn is_own(kind: &str) -> bool {
    kind.starts_with(NUMBER)
}

/// 64 octets at most name a count: half of a digest is enough to tell numbers apart.
fn half(scene: &Scene<'_>, number: &str) -> String {
    let digest = super::claim(scene, TELEPHONE, number.as_bytes());
    crate::identifier::Identifier::<16>(*digest.first_chunk().unwrap_or(&[0; 16])).text()
}

/// Whether another message may go to this account now by a way of this family.
pub(super) fn paced(scene: &Scene<'_>, family: &str) -> Result<(), Refusal> {
    let policy = &scene.policy.sends;
    let of = |send: &&Send| nature_of(send.method).map_or("", |nature| nature.family);
    let counted = scene.sends.iter().filter(|send| {
        matches!(of(send), TELEPHONE | MAIL) && scene.at < send.at.saturating_add(policy.window)
    });
    // What led to a success was wanted: the next sign-in need not wait for it.
    let too_soon = scene.sends.iter().any(|send| {
        of(&send) == family && !send.answered && scene.at < send.at.saturating_add(policy.cooldown)
    });
    if too_soon || counted.count() >= usize::from(policy.account) {
        return Err(Refusal::Because(Reason::SendThrottled));
    }
    Ok(())
}

/// Whether the policy lets messages go to the number's country.
fn is_admitted(scene: &Scene<'_>, number: &Number) -> bool {
    let mut countries = texts::lines(scene.policy.sends.countries).peekable();
    countries.peek().is_none() || countries.any(|country| country == number.country())
}

/// Whether the host has heard that somebody else may have the number by now.
pub(super) fn is_swapped(scene: &Scene<'_>) -> bool {
    let mut facts = scene.ctx.facts.iter();
    facts.any(|(name, value)| name == SWAPPED && value == "yes")
}

fn digest(
    key: &[u8],
    scene: &Scene<'_>,
    what: &'static str,
    address: &str,
    given: &[u8],
) -> [u8; 16] {
    let mut digest = KeyedDigest::new(key, "out-of-band");
    digest.part(what.as_bytes());
    digest.part(&scene.challenge.0);
    digest.part(address.as_bytes());
    match scene.transaction {
        Some(transaction) => digest.part(&transaction.digest),
        None => digest.nothing(),
    }
    digest.part(given);
    digest.finish()
}
