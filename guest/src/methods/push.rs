//! Notifications of an app (S05, S06, M05, M06). The device holds a key that was enrolled with it, and answers by a signature
//! over everything that it was told (docs/push.md). Nobody approves without a number: it is shown on one side and typed on the
//! other, so that whoever approves has both before them (SP 800-63B-4 section 3.1.3).

mod device;
mod pressure;
mod question;

use subtle::ConstantTimeEq;

use self::device::Device;
use self::pressure::Pressure;
use self::question::{Answer, Matched, Put};
use super::{
    Asking, Channel, Class, Draft, Judgement, Message, Method, Nature, Proof, Question, Refusal,
    Right, Scene, Shown, Wish, fact,
};
use crate::account::Credential;
use crate::contract::{Fact, PhoneAnswer, PhoneDecision};
use crate::policy::Matching;
use crate::reason::Reason;

pub use self::device::Device as State;

/// The number that records carry.
pub const NUMBER: u8 = 6;
/// What it is.
pub const NATURE: Nature = Nature {
    name: "push",
    number: NUMBER,
    class: Class::Possession,
    level: 2,
    // Nobody has shown that the key cannot leave the device.
    amr: &["swk"],
    family: "push",
    most: 5,
    asking: Asking::Message,
    guessable: true,
    confirms: true,
    for_programs: false,
    last_resort: false,
};

/// The method.
pub struct Verifier;

impl Method for Verifier {
    fn nature(&self) -> &'static Nature {
        &NATURE
    }

    fn enrol(&self, scene: &Scene<'_>, wish: &Wish<'_>) -> Result<Draft, Refusal> {
        let device = wish
            .address
            .and_then(Device::parse)
            .ok_or(Refusal::Because(Reason::AddressInvalid))?;
        if wish.vouched {
            return Ok(Draft {
                state: device.encode(),
                question: None,
            });
        }
        let pressure = Pressure::of(scene.sends, &scene.policy.sends, scene.at);
        if pressure.is_crowded(&scene.policy.sends) {
            return Err(Refusal::Because(Reason::SendThrottled));
        }
        // The code of the other mode would prove that the message arrived, and not that the key is there.
        let put = Put::typed(scene, pressure.digits(scene.policy.push.number_length))?;
        Ok(Draft {
            state: device.encode(),
            question: Some(Question {
                kept: put.encode(),
                message: Some(message(scene, &device, &put, "enrolment", "confirm-device", Vec::new())),
                ..Question::default()
            }),
        })
    }

    fn provision(&self, _scene: &Scene<'_>, _credential: &Credential, question: &[u8]) -> Shown {
        Put::decode(question).map_or_else(Shown::default, |put| Shown {
            message: "confirm-on-device",
            arguments: put.number().map(|number| fact("number", number)).into_iter().collect(),
            ..Shown::default()
        })
    }

    fn confirm(
        &self,
        scene: &Scene<'_>,
        credential: &Credential,
        question: &[u8],
        proof: Proof<'_>,
    ) -> Judgement {
        let (Some(device), Some(put)) =
            (Device::decode(credential.state.as_bytes()), Put::decode(question))
        else {
            return Judgement::Refused(Reason::ServiceError);
        };
        match proof {
            Proof::Phone(answer) => match judge(scene, credential, &device, &put, "enrolment", answer) {
                // The key is not bound to the account yet: it reports nothing (PU-09).
                Judgement::Fraud => Judgement::Refused(Reason::UserDeclined),
                judgement => judgement,
            },
            // The browser asks whether the device has answered: not yet.
            _ => Judgement::Foreign(Reason::NoResponse),
        }
    }

    fn begin(&self, scene: &Scene<'_>, credential: &Credential) -> Result<Question, Refusal> {
        let device = Device::decode(credential.state.as_bytes())
            .ok_or(Refusal::Because(Reason::ServiceError))?;
        let policy = &scene.policy.push;
        let pressure = Pressure::of(scene.sends, &scene.policy.sends, scene.at);
        if pressure.is_too_high(&scene.policy.sends) {
            return Err(Refusal::Because(Reason::SendThrottled));
        }
        let digits = pressure.digits(policy.number_length);
        let (put, extra) = match policy.matching {
            Matching::TypeIn => (Put::typed(scene, digits)?, Vec::new()),
            Matching::Pick => Put::picked(scene, digits, pressure.choices())?,
            Matching::CodeToPhone => Put::coded(scene, credential)?,
        };
        let text = if scene.transaction.is_some() {
            "confirm-transaction"
        } else {
            "approve-sign-in"
        };
        Ok(Question {
            kept: put.encode(),
            message: Some(message(scene, &device, &put, "sign-in", text, extra)),
            expires: Some(scene.at.saturating_add(policy.lifetime)),
            counts: Vec::new(),
        })
    }

    fn asking(&self, question: &[u8]) -> Asking {
        match Put::decode(question) {
            Some(put) if put.number().is_none() => Asking::Question,
            _ => Asking::Message,
        }
    }

    fn show(&self, scene: &Scene<'_>, _credential: &Credential, question: &[u8]) -> Shown {
        let Some(put) = Put::decode(question) else {
            return Shown::default();
        };
        let number = put.number().map(|number| fact("number", number));
        let text = scene.transaction.map(|it| fact("transaction", &it.text));
        Shown {
            message: if number.is_some() {
                "approve-on-device"
            } else {
                "enter-code-from-device"
            },
            digits: if number.is_some() { 0 } else { question::CODE_DIGITS },
            arguments: number.into_iter().chain(text).collect(),
            ..Shown::default()
        }
    }

    fn fits(&self, _credential: &Credential, proof: Proof<'_>) -> bool {
        matches!(proof, Proof::Phone(_) | Proof::Text(_))
    }

    fn verify(
        &self,
        scene: &Scene<'_>,
        credential: &Credential,
        question: &[u8],
        proof: Proof<'_>,
    ) -> Judgement {
        let (Some(device), Some(put)) =
            (Device::decode(credential.state.as_bytes()), Put::decode(question))
        else {
            return Judgement::Refused(Reason::ServiceError);
        };
        match proof {
            Proof::Phone(answer) => judge(scene, credential, &device, &put, "sign-in", answer),
            Proof::Text(code) if put.is_code(scene, credential, code) => right(credential),
            _ => Judgement::Wrong(Reason::IncorrectCode),
        }
    }

    fn view(&self, credential: &Credential) -> Vec<Fact> {
        Device::decode(credential.state.as_bytes())
            .map(|device| fact("algorithm", device.kind.name()))
            .into_iter()
            .collect()
    }

    fn unique(&self, scene: &Scene<'_>, credential: &Credential) -> Vec<[u8; 32]> {
        Device::decode(credential.state.as_bytes())
            .map(|device| super::claim(scene, "push", &device.key))
            .into_iter()
            .collect()
    }

    fn invent(&self, _scene: &Scene<'_>) -> Result<Vec<u8>, Refusal> {
        // The base point of the curve: a key like any other, and nothing that anybody signs is taken for a decoy.
        let mut key = vec![0x66; 32];
        if let Some(first) = key.first_mut() {
            *first = 0x58;
        }
        let token = "nobody".to_owned();
        let kind = device::Kind::Ed25519;
        Ok(Device { kind, key, token }.encode())
    }

    fn is_twin(&self, one: &Credential, other: &Credential) -> bool {
        let key = |credential: &Credential| {
            Some(credential.method)
                .filter(|method| *method == NUMBER)
                .and_then(|_| Device::decode(credential.state.as_bytes()))
                .map(|device| device.key)
        };
        key(one).is_some_and(|found| key(other) == Some(found))
    }
}

/// Judges what a device answered. The signature comes first: what it does not cover, the device did not say (PU-05, PU-09).
fn judge(
    scene: &Scene<'_>,
    credential: &Credential,
    device: &Device,
    put: &Put,
    purpose: &str,
    answer: &PhoneAnswer,
) -> Judgement {
    let decision = match answer.decision {
        PhoneDecision::Approved => "approved",
        PhoneDecision::Denied => "denied",
        PhoneDecision::Fraud => "fraud",
        _ => return Judgement::Foreign(Reason::SignatureInvalid),
    };
    let number = answer.number.as_deref().unwrap_or("");
    let signed = Answer {
        purpose,
        tenant: &scene.ctx.tenant,
        user: &scene.origin.user,
        credential: &credential.id.text(),
        challenge: &scene.challenge.text(),
        decision,
        number,
        transaction: scene.transaction.map(|it| it.digest),
    };
    if !device.has_signed(&put.octets(&signed), &answer.signature) {
        return Judgement::Foreign(Reason::SignatureInvalid);
    }
    match (decision, &put.matched) {
        ("denied", _) => Judgement::Refused(Reason::UserDeclined),
        ("fraud", _) => Judgement::Fraud,
        (_, Matched::Number(wanted)) if bool::from(wanted.as_bytes().ct_eq(number.as_bytes())) => {
            right(credential)
        }
        // An app that sends none is old, and no fraud (PU-02).
        (_, Matched::Number(_)) if scene.policy.push.wrong_number_is_fraud && !number.is_empty() => {
            Judgement::Fraud
        }
        _ => Judgement::Wrong(Reason::IncorrectCode),
    }
}

fn right(credential: &Credential) -> Judgement {
    Judgement::Right(Right {
        state: credential.state.as_bytes().to_vec(),
        ..Right::default()
    })
}

/// What goes to the device: all that its answer covers. A number that it has to prove is not among it (PU-04).
fn message(
    scene: &Scene<'_>,
    device: &Device,
    put: &Put,
    purpose: &str,
    text: &'static str,
    extra: Vec<Fact>,
) -> Message {
    let given = |name: &str, value: &str| (!value.is_empty()).then(|| fact(name, value));
    let mut arguments: Vec<Fact> = vec![
        fact("challenge", scene.challenge.text()),
        fact("issued", put.issued),
        fact("purpose", purpose),
        fact("tenant", &scene.ctx.tenant),
        fact("user", &scene.origin.user),
        fact("version", question::VERSION),
    ];
    arguments.extend(given("address", &put.address));
    arguments.extend(given("application", &put.application));
    arguments.extend(given("country", &put.country));
    arguments.extend(scene.transaction.map(|it| fact("transaction", &it.text)));
    if extra.is_empty() {
        arguments.extend(put.number().map(|number| fact("digits", number.len())));
    }
    arguments.extend(extra);
    arguments.sort();
    Message {
        channel: Channel::Push,
        to: device.token.clone(),
        text,
        arguments,
    }
}
