//! Telephone calls (S01, S02): the user presses `#`, configured digits, or a PIN and `#`. Whoever only answers has accepted
//! nothing, and a code of its own reports a fraud.

use super::number::Number;
use super::oob::{self, Asked, TELEPHONE};
use super::{
    Asking, Channel, Class, Draft, Judgement, Message, Method, Nature, Proof, Question, Refusal,
    Right, Scene, Shown, Typed, Wish, fact,
};
use crate::account::Credential;
use crate::contract::{Fact, PhoneAnswer, PhoneDecision};
use crate::policy::{Policy, VoiceAnswer};
use crate::reason::Reason;

pub use super::number::Number as State;

/// The number that records carry.
pub const NUMBER: u8 = 5;
/// What it is.
pub const NATURE: Nature = Nature {
    name: "voice",
    number: NUMBER,
    class: Class::Possession,
    level: 2,
    amr: &["tel"],
    family: TELEPHONE,
    most: 5,
    asking: Asking::Message,
    guessable: true,
    confirms: true,
    for_programs: false,
    last_resort: false,
};

/// How often the digits may be wrong in one call: they are asked for once more, and then the sign-in is refused (S02).
const TRIES: u8 = 2;

/// The method.
pub struct Verifier;

impl Method for Verifier {
    fn nature(&self) -> &'static Nature {
        &NATURE
    }

    fn enrol(&self, scene: &Scene<'_>, wish: &Wish<'_>) -> Result<Draft, Refusal> {
        let number = oob::wished(scene, wish)?;
        let question = match wish.vouched {
            true => None,
            false => Some(spell(scene, &number)?),
        };
        Ok(Draft {
            state: number.encode(),
            question,
        })
    }

    fn provision(&self, _scene: &Scene<'_>, credential: &Credential, question: &[u8]) -> Shown {
        match Asked::decode(question) {
            Ok(Asked { code: Some((digits, _)), .. }) => Shown {
                message: "enter-code-from-call",
                digits,
                arguments: oob::destination(credential),
                ..Shown::default()
            },
            _ => Shown::default(),
        }
    }

    /// The code that the call spelled, typed where the user enrols: whoever hears it and whoever enrols are one person.
    fn confirm(
        &self,
        scene: &Scene<'_>,
        credential: &Credential,
        question: &[u8],
        proof: Proof<'_>,
    ) -> Judgement {
        let (Ok(number), Ok(asked)) = (oob::number(credential), Asked::decode(question)) else {
            return Judgement::Refused(Reason::ServiceError);
        };
        match proof {
            Proof::Phone(_) => Judgement::Foreign(Reason::SignatureInvalid),
            Proof::Text(code) if asked.is_code(scene, number.as_str(), code) => right(&number, None),
            _ => Judgement::Wrong(Reason::IncorrectCode),
        }
    }

    fn begin(&self, scene: &Scene<'_>, credential: &Credential) -> Result<Question, Refusal> {
        let number = oob::number(credential)?;
        let counts = oob::telephone(scene, &number)?;
        let policy = &scene.policy.voice;
        // Nobody is called who could not accept.
        let acceptable = match policy.answer {
            VoiceAnswer::Hash => true,
            VoiceAnswer::Digits => !policy.digits.is_empty(),
            VoiceAnswer::Pin => scene.has_pin,
        };
        if !acceptable {
            return Err(Refusal::Because(Reason::MethodNotAllowed));
        }
        let call = oob::call(scene, "voice call", number.as_str())?;
        let text = match scene.transaction {
            Some(_) => "confirm-transaction",
            None => "approve-call",
        };
        let mut arguments = spoken(scene, text);
        arguments.push(fact("answer", name(policy.answer)));
        arguments.push(fact("call", call.text.as_str()));
        arguments.push(fact("challenge", scene.challenge.text()));
        if !policy.fraud_code.is_empty() {
            arguments.push(fact("fraud-code", policy.fraud_code));
            arguments.push(fact("fraud-confirm", if scene.policy.fraud.confirm { "1" } else { "" }));
        }
        arguments.sort();
        let asked = Asked {
            call: Some(call.kept),
            mode: policy.answer as u8,
            ..Asked::default()
        };
        Ok(Question {
            kept: asked.encode(),
            message: Some(Message {
                channel: Channel::Call,
                to: number.as_str().to_owned(),
                text,
                arguments,
            }),
            expires: Some(scene.at.saturating_add(policy.lifetime)),
            counts,
        })
    }

    fn show(&self, scene: &Scene<'_>, credential: &Credential, _question: &[u8]) -> Shown {
        let shown = Shown {
            message: "answer-call",
            arguments: oob::destination(credential),
            ..Shown::default()
        };
        oob::with_transaction(scene, shown)
    }

    fn fits(&self, _credential: &Credential, proof: Proof<'_>) -> bool {
        matches!(proof, Proof::Phone(_))
    }

    fn tries(&self, _policy: &Policy<'_>) -> u8 {
        TRIES
    }

    fn verify(
        &self,
        scene: &Scene<'_>,
        credential: &Credential,
        question: &[u8],
        proof: Proof<'_>,
    ) -> Judgement {
        let (Ok(number), Ok(asked)) = (oob::number(credential), Asked::decode(question)) else {
            return Judgement::Refused(Reason::ServiceError);
        };
        let Proof::Phone(answer) = proof else {
            return Judgement::Wrong(Reason::IncorrectCode);
        };
        if !asked.is_call(scene, number.as_str(), &answer.signature) {
            return Judgement::Foreign(Reason::SignatureInvalid);
        }
        if oob::is_swapped(scene) {
            return Judgement::Refused(Reason::NumberSwapped);
        }
        heard(scene, &number, asked.mode, answer)
    }

    fn view(&self, credential: &Credential) -> Vec<Fact> {
        oob::view(credential)
    }

    fn unique(&self, scene: &Scene<'_>, credential: &Credential) -> Vec<[u8; 32]> {
        oob::claims(scene, credential)
    }

    fn invent(&self, scene: &Scene<'_>) -> Result<Vec<u8>, Refusal> {
        Ok(oob::invented(scene)?.encode())
    }

    fn is_twin(&self, one: &Credential, other: &Credential) -> bool {
        oob::is_twin(one, other)
    }
}

/// Judges what happened in the call.
fn heard(scene: &Scene<'_>, number: &Number, mode: u8, answer: &PhoneAnswer) -> Judgement {
    match &answer.decision {
        PhoneDecision::Digits(keys) if keys.is_empty() => Judgement::Refused(Reason::NoResponse),
        PhoneDecision::Digits(keys) => pressed(scene, number, mode, keys),
        PhoneDecision::Denied => Judgement::Refused(Reason::UserDeclined),
        PhoneDecision::Fraud => Judgement::Fraud,
        PhoneDecision::Voicemail => Judgement::Refused(Reason::Voicemail),
        PhoneDecision::HungUp => Judgement::Refused(Reason::HungUp),
        // Answering is not accepting: without a key there is no answer (SV-04).
        PhoneDecision::NoAnswer | PhoneDecision::Approved | PhoneDecision::Other(_) => {
            Judgement::Refused(Reason::NoResponse)
        }
    }
}

/// Judges the keys. What follows the `#` belongs to the report of a fraud alone: a line that repeats tones, or a user who goes
/// on pressing, accepts nothing (SV-04, SV-05).
fn pressed(scene: &Scene<'_>, number: &Number, mode: u8, keys: &str) -> Judgement {
    let policy = &scene.policy.voice;
    let Some((before, after)) = keys.split_once('#') else {
        return Judgement::Wrong(Reason::IncorrectCode);
    };
    if before == policy.fraud_code && !before.is_empty() {
        return if !scene.policy.fraud.confirm || after.starts_with('1') {
            Judgement::Fraud
        } else {
            Judgement::Refused(Reason::UserDeclined)
        };
    }
    let accepted = after.is_empty()
        && match mode {
            HASH => before.is_empty(),
            DIGITS => before == policy.digits && !before.is_empty(),
            PIN => !before.is_empty(),
            _ => false,
        };
    match (accepted, mode) {
        (true, PIN) => right(number, Some(Typed::new(before))),
        (true, _) => right(number, None),
        (false, PIN) => Judgement::Wrong(Reason::IncorrectPin),
        (false, _) => Judgement::Wrong(Reason::IncorrectCode),
    }
}

const HASH: u8 = VoiceAnswer::Hash as u8;
const DIGITS: u8 = VoiceAnswer::Digits as u8;
const PIN: u8 = VoiceAnswer::Pin as u8;

fn right(number: &Number, pin: Option<Typed>) -> Judgement {
    Judgement::Right(Right {
        state: number.encode(),
        pin,
        ..Right::default()
    })
}

/// A call that spells a code.
fn spell(scene: &Scene<'_>, number: &Number) -> Result<Question, Refusal> {
    let counts = oob::telephone(scene, number)?;
    let digits = scene.policy.sms.digits;
    let code = oob::code(scene, "voice code", digits, number.as_str())?;
    let text = "confirm-number";
    let mut arguments = spoken(scene, text);
    arguments.push(fact("code", code.text.as_str()));
    arguments.sort();
    let asked = Asked {
        code: Some((digits, code.kept)),
        ..Asked::default()
    };
    Ok(Question {
        kept: asked.encode(),
        message: Some(Message {
            channel: Channel::Call,
            to: number.as_str().to_owned(),
            text,
            arguments,
        }),
        expires: Some(scene.at.saturating_add(scene.policy.sms.lifetime)),
        counts,
    })
}

/// What every call needs: whose number calls (S16), and what it says first (S15).
fn spoken(scene: &Scene<'_>, text: &'static str) -> Vec<Fact> {
    let policy = scene.policy;
    let mut arguments = oob::context(scene);
    let greeting = policy.greeting(text, &scene.origin.language, &scene.origin.application);
    arguments.push(fact("greeting", greeting));
    if !policy.voice.caller_id.is_empty() {
        arguments.push(fact("caller-id", policy.voice.caller_id));
    }
    arguments
}

const fn name(answer: VoiceAnswer) -> &'static str {
    match answer {
        VoiceAnswer::Hash => "hash",
        VoiceAnswer::Digits => "digits",
        VoiceAnswer::Pin => "pin",
    }
}
