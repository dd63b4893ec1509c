//! Codes by text message (S03), typed where the user signs in, or sent back by text if the policy wants that (S04).

use super::number::Number;
use super::oob::{self, Asked, TELEPHONE};
use super::{
    Asking, Channel, Class, Draft, Judgement, Message, Method, Nature, Proof, Question, Refusal,
    Right, Scene, Shown, Wish, fact,
};
use crate::account::Credential;
use crate::contract::{Fact, PhoneDecision};
use crate::policy::Policy;
use crate::reason::Reason;

pub use super::number::Number as State;

/// The number that records carry.
pub const NUMBER: u8 = 4;
/// What it is.
pub const NATURE: Nature = Nature {
    name: "sms",
    number: NUMBER,
    class: Class::Possession,
    level: 2,
    amr: &["sms"],
    family: TELEPHONE,
    most: 5,
    asking: Asking::Question,
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
        let number = oob::wished(scene, wish)?;
        let question = match wish.vouched {
            true => None,
            // It is typed where the user enrols, whatever the policy says of sign-ins: both ends are one person's.
            false => Some(put(scene, &number, Way::Typed, "confirm-number")?),
        };
        Ok(Draft {
            state: number.encode(),
            question,
        })
    }

    fn provision(&self, _scene: &Scene<'_>, credential: &Credential, question: &[u8]) -> Shown {
        if question.is_empty() {
            return Shown::default();
        }
        shown(credential, question, 0)
    }

    fn confirm(
        &self,
        scene: &Scene<'_>,
        credential: &Credential,
        question: &[u8],
        proof: Proof<'_>,
    ) -> Judgement {
        self.verify(scene, credential, question, proof)
    }

    fn begin(&self, scene: &Scene<'_>, credential: &Credential) -> Result<Question, Refusal> {
        let number = oob::number(credential)?;
        let text = match scene.transaction {
            Some(_) => "confirm-transaction",
            None => "sign-in-code",
        };
        let way = if scene.policy.sms.two_way { Way::SentBack } else { Way::Typed };
        put(scene, &number, way, text)
    }

    fn asking(&self, question: &[u8]) -> Asking {
        match Asked::decode(question) {
            Ok(asked) if asked.call.is_some() => Asking::Message,
            _ => Asking::Question,
        }
    }

    fn show(&self, scene: &Scene<'_>, credential: &Credential, question: &[u8]) -> Shown {
        let shown = shown(credential, question, scene.policy.sms.digits);
        oob::with_transaction(scene, shown)
    }

    fn fits(&self, _credential: &Credential, proof: Proof<'_>) -> bool {
        matches!(proof, Proof::Text(_) | Proof::Phone(_))
    }

    fn tries(&self, policy: &Policy<'_>) -> u8 {
        policy.challenge.attempts
    }

    fn verify(
        &self,
        scene: &Scene<'_>,
        credential: &Credential,
        question: &[u8],
        proof: Proof<'_>,
    ) -> Judgement {
        let (Ok(number), Ok(asked)) =
            (oob::number(credential), Asked::decode(question))
        else {
            return Judgement::Wrong(Reason::IncorrectCode);
        };
        let code = match proof {
            Proof::Text(code) if asked.call.is_none() => code,
            Proof::Phone(reply) if asked.is_call(scene, number.as_str(), &reply.signature) => {
                match &reply.decision {
                    PhoneDecision::Digits(code) => code,
                    PhoneDecision::Denied => return Judgement::Refused(Reason::UserDeclined),
                    PhoneDecision::Fraud => return Judgement::Fraud,
                    _ => return Judgement::Refused(Reason::NoResponse),
                }
            }
            Proof::Phone(_) => return Judgement::Foreign(Reason::SignatureInvalid),
            _ => return Judgement::Wrong(Reason::IncorrectCode),
        };
        if oob::is_swapped(scene) {
            return Judgement::Refused(Reason::NumberSwapped);
        }
        if !asked.is_code(scene, number.as_str(), code) {
            return Judgement::Wrong(Reason::IncorrectCode);
        }
        Judgement::Right(Right {
            state: number.encode(),
            ..Right::default()
        })
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

/// How the code comes back.
#[derive(Clone, Copy)]
enum Way {
    /// The user types it where the user signs in.
    Typed,
    /// The user answers the text with it.
    SentBack,
}

fn put(
    scene: &Scene<'_>,
    number: &Number,
    way: Way,
    text: &'static str,
) -> Result<Question, Refusal> {
    let counts = oob::telephone(scene, number)?;
    let policy = &scene.policy.sms;
    let code = oob::code(scene, "sms code", policy.digits, number.as_str())?;
    let mut asked = Asked {
        code: Some((policy.digits, code.kept)),
        ..Asked::default()
    };
    let mut arguments = oob::context(scene);
    arguments.push(fact("code", code.text.as_str()));
    let mut text = text;
    if let Way::SentBack = way {
        let call = oob::call(scene, "sms call", number.as_str())?;
        asked.call = Some(call.kept);
        arguments.push(fact("call", call.text.as_str()));
        arguments.push(fact("challenge", scene.challenge.text()));
        text = "reply-with-code";
    }
    arguments.sort();
    Ok(Question {
        kept: asked.encode(),
        message: Some(Message {
            channel: Channel::Text,
            to: number.as_str().to_owned(),
            text,
            arguments,
        }),
        expires: Some(scene.at.saturating_add(policy.lifetime)),
        counts,
    })
}

fn shown(credential: &Credential, question: &[u8], digits: u8) -> Shown {
    let asked = Asked::decode(question).unwrap_or_default();
    let sent_back = asked.call.is_some();
    Shown {
        message: if sent_back { "answer-text" } else { "enter-code-from-text" },
        digits: match asked.code {
            _ if sent_back => 0,
            Some((digits, _)) => digits,
            None => digits,
        },
        arguments: oob::destination(credential),
        ..Shown::default()
    }
}
