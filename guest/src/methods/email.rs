//! Codes by e-mail (M04). A mailbox is read by whoever has its password: it counts as something that the user has only where
//! the policy says so (SP 800-63B-4 section 3.1.3.1).

use super::oob::{self, Asked, MAIL};
use super::{
    Asking, Channel, Class, Draft, Judgement, Message, Method, Nature, Proof, Question, Refusal,
    Right, Scene, Shown, Wish, fact,
};
use crate::account::{Credential, RecordError};
use crate::contract::Fact;
use crate::reason::Reason;

/// The number that records carry.
pub const NUMBER: u8 = 8;
/// What it is.
pub const NATURE: Nature = Nature {
    name: "email",
    number: NUMBER,
    class: Class::None,
    level: 2,
    amr: &["otp"],
    family: MAIL,
    most: 2,
    asking: Asking::Question,
    guessable: true,
    confirms: true,
    for_programs: false,
    last_resort: false,
};

/// The method.
pub struct Verifier;

/// What is kept of a mailbox: its address, of 3 to 254 octets (RFC 5321 section 4.5.3.1). It prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct State(String);

impl State {
    /// Reads an address: the unquoted form of RFC 5321 section 4.1.2 with a domain name, in ASCII, and nothing that a mail
    /// header would obey.
    pub fn parse(text: &str) -> Option<Self> {
        let (mailbox, domain) = text.split_once('@')?;
        let in_mailbox = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&octet);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
        };
        let good = text.len() <= 254
            && (1..=64).contains(&mailbox.len())
            && mailbox.bytes().all(in_mailbox)
            && mailbox.split('.').all(|part| !part.is_empty())
            && domain.contains('.')
            && domain.split('.').all(is_label);
        good.then(|| Self(text.to_owned()))
    }

    /// The octets that a record carries.
    pub fn encode(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }

    /// Reads what [`State::encode`] wrote.
    pub fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        core::str::from_utf8(octets)
            .ok()
            .and_then(Self::parse)
            .ok_or(RecordError::OutOfRange("email.address"))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As much of it as its user needs to know it again, such as `a***@example.com`.
    pub fn masked(&self) -> String {
        let (mailbox, domain) = self.0.split_once('@').unwrap_or_default();
        [mailbox.get(..1).unwrap_or_default(), "***@", domain].concat()
    }
}

impl core::fmt::Debug for State {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Method for Verifier {
    fn nature(&self) -> &'static Nature {
        &NATURE
    }

    fn enrol(&self, scene: &Scene<'_>, wish: &Wish<'_>) -> Result<Draft, Refusal> {
        let address = wish
            .address
            .and_then(State::parse)
            .ok_or(Refusal::Because(Reason::AddressInvalid))?;
        let question = match wish.vouched {
            true => None,
            false => Some(put(scene, &address, "confirm-address")?),
        };
        Ok(Draft {
            state: address.encode(),
            question,
        })
    }

    fn provision(&self, _scene: &Scene<'_>, credential: &Credential, question: &[u8]) -> Shown {
        if question.is_empty() {
            return Shown::default();
        }
        shown(credential, question, 0)
    }

    fn begin(&self, scene: &Scene<'_>, credential: &Credential) -> Result<Question, Refusal> {
        let text = match scene.transaction {
            Some(_) => "confirm-transaction",
            None => "sign-in-code",
        };
        put(scene, &state(credential)?, text)
    }

    fn show(&self, scene: &Scene<'_>, credential: &Credential, question: &[u8]) -> Shown {
        let shown = shown(credential, question, scene.policy.email.digits);
        oob::with_transaction(scene, shown)
    }

    fn fits(&self, _credential: &Credential, proof: Proof<'_>) -> bool {
        matches!(proof, Proof::Text(_))
    }

    fn verify(
        &self,
        scene: &Scene<'_>,
        credential: &Credential,
        question: &[u8],
        proof: Proof<'_>,
    ) -> Judgement {
        let (Ok(address), Ok(asked)) = (state(credential), Asked::decode(question)) else {
            return Judgement::Wrong(Reason::IncorrectCode);
        };
        match proof {
            Proof::Text(code) if asked.is_code(scene, address.as_str(), code) => {
                Judgement::Right(Right {
                    state: address.encode(),
                    ..Right::default()
                })
            }
            Proof::Phone(_) => Judgement::Foreign(Reason::SignatureInvalid),
            _ => Judgement::Wrong(Reason::IncorrectCode),
        }
    }

    fn view(&self, credential: &Credential) -> Vec<Fact> {
        destination(credential)
    }

    /// The user's name, if it is an address; otherwise one at the domain that passkeys are for.
    fn invent(&self, scene: &Scene<'_>) -> Result<Vec<u8>, Refusal> {
        let name = scene.origin.user.as_str();
        let domain = Some(scene.policy.webauthn.rp_id).filter(|domain| !domain.is_empty());
        let first = name.get(..1).filter(|it| it.bytes().all(|octet| octet.is_ascii_alphanumeric()));
        let at_domain = [first.unwrap_or("u"), "@", domain.unwrap_or("example.com")].concat();
        let address = State::parse(name).or_else(|| State::parse(&at_domain));
        let address = address.ok_or(Refusal::Because(Reason::AddressInvalid))?;
        Ok(address.encode())
    }

    fn is_twin(&self, one: &Credential, other: &Credential) -> bool {
        one.method == other.method
            && one.state.as_bytes().eq_ignore_ascii_case(other.state.as_bytes())
    }
}

fn state(credential: &Credential) -> Result<State, Refusal> {
    State::decode(credential.state.as_bytes()).map_err(|_| Refusal::Because(Reason::ServiceError))
}

fn put(scene: &Scene<'_>, address: &State, text: &'static str) -> Result<Question, Refusal> {
    oob::paced(scene, MAIL)?;
    let policy = &scene.policy.email;
    let code = oob::code(scene, "email code", policy.digits, address.as_str())?;
    let asked = Asked {
        code: Some((policy.digits, code.kept)),
        ..Asked::default()
    };
    let mut arguments = oob::context(scene);
    arguments.push(fact("code", code.text.as_str()));
    arguments.sort();
    Ok(Question {
        kept: asked.encode(),
        message: Some(Message {
            channel: Channel::Mail,
            to: address.as_str().to_owned(),
            text,
            arguments,
        }),
        expires: Some(scene.at.saturating_add(policy.lifetime)),
        counts: Vec::new(),
    })
}

fn shown(credential: &Credential, question: &[u8], digits: u8) -> Shown {
    Shown {
        message: "enter-code-from-mail",
        digits: Asked::decode(question)
            .ok()
            .and_then(|asked| asked.code)
            .map_or(digits, |(digits, _)| digits),
        arguments: destination(credential),
        ..Shown::default()
    }
}

/// Where the message went, as far as it is shown.
fn destination(credential: &Credential) -> Vec<Fact> {
    let address = State::decode(credential.state.as_bytes());
    address.map(|it| fact("address", it.masked())).into_iter().collect()
}
