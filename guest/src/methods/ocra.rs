//! Tokens that answer questions (M07, S17): RFC 6287. The question is shown where the user signs in and typed into the token;
//! for an event confirmation it comes from the text, so that an answer for one text is none for another.

mod suite;

use subtle::ConstantTimeEq;

use super::{
    Asking, Class, Draft, Judgement, Method, Nature, Proof, Question, Refusal, Right, Scene, Shown,
    Wish, fact,
};
use super::hardware::Hardware;
use crate::account::{Credential, RecordError};
use crate::base32::{self, MAX_OCTETS, Secret};
use crate::contract::Fact;
use crate::entropy::{plain_digest, sha256};
use crate::octets::{Reader, Writer};
use crate::reason::Reason;

pub use self::suite::{Format, Inputs, Suite, octets_of};

/// The number that records carry.
pub const NUMBER: u8 = 3;
/// What it is.
pub const NATURE: Nature = Nature {
    name: "ocra",
    number: NUMBER,
    class: Class::Possession,
    level: 2,
    amr: &["otp"],
    family: super::OATH,
    most: 5,
    asking: Asking::Question,
    guessable: true,
    confirms: true,
    for_programs: false,
    last_resort: false,
};

/// The method.
pub struct Verifier;

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// How it answers.
    pub suite: Suite,
    /// The shared secret: 10 to 80 octets.
    pub secret: Secret,
    /// The counter of the next answer, where the suite has one. Moves on success only, and never back.
    pub counter: u64,
    /// The digest of the PIN that goes into the answer, where the suite has one; otherwise empty.
    pub pin: Secret,
    /// What its maker says of it, if it came from a file.
    pub hardware: Option<Hardware>,
}

/// The suite of a token that is made here, if nobody names another.
const SUITE: &str = "OCRA-1:HOTP-SHA256-8:QN08";
/// The shortest secret that is taken: 80 bits, as for other imported tokens.
const LEAST_SECRET: usize = 10;
/// How long what a clock may be off is, in seconds, for each step of the policy's window: the usual length of a step.
const USUAL_STEP: u32 = 30;
/// How many steps to each side are tried at most, and how many counters if there are steps as well.
const MOST: u32 = 60;
const MOST_COUNTERS: u64 = 10;

impl State {
    /// A token of this suite; none if it cannot be used: answers of fewer than 6 digits (RFC 4226 R4) or of no fixed number, a
    /// secret that is too short or too long, a spent counter, or a PIN's digest that is missing or not of the suite.
    pub fn new(suite: &str, secret: Vec<u8>, counter: u64, pin: Option<Vec<u8>>) -> Option<Self> {
        let suite = Suite::parse(suite)?;
        let secret = Secret::new(secret);
        let pin = Secret::new(pin.unwrap_or_default());
        let good = suite.digits >= 6
            && (LEAST_SECRET..=MAX_OCTETS).contains(&secret.as_bytes().len())
            && counter < u64::MAX
            && pin.as_bytes().len() == suite.pin.map_or(0, octets_of);
        good.then_some(Self {
            suite,
            secret,
            counter,
            pin,
            hardware: None,
        })
    }

    /// The octets that a record carries.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(128);
        out.short(self.suite.text().as_bytes());
        out.short(self.secret.as_bytes());
        out.u64(self.counter);
        out.short(self.pin.as_bytes());
        out.optional(self.hardware.as_ref(), Hardware::write);
        out.into_bytes()
    }

    /// Reads what [`State::encode`] wrote.
    pub fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        let mut rest = Reader::new(octets);
        let suite = Suite::parse(rest.text(1, 64, "ocra.suite")?)
            .filter(|suite| suite.digits >= 6)
            .ok_or(RecordError::OutOfRange("ocra.suite"))?;
        let state = Self {
            secret: Secret::new(rest.short(1, MAX_OCTETS, "ocra.secret")?.to_vec()),
            counter: rest.u64()?,
            pin: {
                let length = suite.pin.map_or(0, octets_of);
                Secret::new(rest.short(length, length, "ocra.pin")?.to_vec())
            },
            suite,
            hardware: rest.optional("ocra.hardware", Hardware::read)?,
        };
        rest.end()?;
        Ok(state)
    }
}

impl Method for Verifier {
    fn nature(&self) -> &'static Nature {
        &NATURE
    }

    fn enrol(&self, scene: &Scene<'_>, wish: &Wish<'_>) -> Result<Draft, Refusal> {
        let refused = Refusal::Because(Reason::AddressInvalid);
        let suite = wish.address.unwrap_or(SUITE);
        let Some(parsed) = Suite::parse(suite) else {
            return Err(refused);
        };
        // RFC 6287 section 6.3: as long as what the hash gives.
        let secret = scene
            .seed
            .secret(octets_of(parsed.algorithm) as u8)
            .map_err(Refusal::Fault)?;
        let state = State::new(suite, secret.as_bytes().to_vec(), 0, None).ok_or(refused)?;
        let question = if wish.vouched {
            None
        } else {
            Some(put(scene, &state.suite)?)
        };
        Ok(Draft {
            state: state.encode(),
            question,
        })
    }

    fn provision(&self, _scene: &Scene<'_>, credential: &Credential, question: &[u8]) -> Shown {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return Shown::default();
        };
        let question = Put::decode(question).map(|put| fact("question", put.question));
        let suite = fact("suite", state.suite.text());
        Shown {
            message: "confirm-token",
            arguments: question.into_iter().chain([suite]).collect(),
            manual_key: base32::encode(state.secret.as_bytes()).to_string(),
            digits: state.suite.digits,
            ..Shown::default()
        }
    }

    fn begin(&self, scene: &Scene<'_>, credential: &Credential) -> Result<Question, Refusal> {
        let state = State::decode(credential.state.as_bytes())
            .map_err(|_| Refusal::Because(Reason::ServiceError))?;
        put(scene, &state.suite)
    }

    fn show(&self, scene: &Scene<'_>, credential: &Credential, question: &[u8]) -> Shown {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return Shown::default();
        };
        let question = Put::decode(question).map(|put| fact("question", put.question));
        let text = scene.transaction.map(|it| fact("transaction", &it.text));
        Shown {
            message: "answer-question",
            arguments: question.into_iter().chain(text).collect(),
            digits: state.suite.digits,
            ..Shown::default()
        }
    }

    fn fits(&self, credential: &Credential, proof: Proof<'_>) -> bool {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return false;
        };
        matches!(proof, Proof::Text(text) if is_answer(&state.suite, text))
    }

    fn verify(
        &self,
        scene: &Scene<'_>,
        credential: &Credential,
        question: &[u8],
        proof: Proof<'_>,
    ) -> Judgement {
        let (Ok(state), Some(put)) =
            (State::decode(credential.state.as_bytes()), Put::decode(question))
        else {
            return Judgement::Refused(Reason::ServiceError);
        };
        let wrong = Judgement::Wrong(Reason::IncorrectCode);
        let Proof::Text(answer) = proof else {
            return wrong;
        };
        if !is_answer(&state.suite, answer) {
            return wrong;
        }
        let Some(counter) = search(scene, &state, put.question, answer) else {
            return wrong;
        };
        // A store that was rolled back may have forgotten that this question was answered. A later one never was.
        if put.at < scene.clock.refuse_before {
            return Judgement::Used;
        }
        let hardware = state.hardware.clone();
        let right = Judgement::Right(Right {
            state: State { counter, ..state }.encode(),
            ..Right::default()
        });
        Hardware::judge(hardware.as_ref(), scene, right)
    }

    fn view(&self, credential: &Credential) -> Vec<Fact> {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return Vec::new();
        };
        let counter = state.suite.counter.then(|| fact("counter", state.counter));
        let facts = counter
            .into_iter()
            .chain([fact("digits", state.suite.digits), fact("suite", state.suite.text())])
            .collect();
        Hardware::view(state.hardware.as_ref(), facts)
    }

    fn unique(&self, scene: &Scene<'_>, credential: &Credential) -> Vec<[u8; 32]> {
        let state = State::decode(credential.state.as_bytes()).ok();
        Hardware::unique(state.and_then(|state| state.hardware).as_ref(), scene)
    }

    fn is_twin(&self, one: &Credential, other: &Credential) -> bool {
        // The suite goes into every answer, so that a secret under another suite answers otherwise.
        let state = |credential: &Credential| {
            Some(credential.method)
                .filter(|method| *method == NUMBER)
                .and_then(|_| State::decode(credential.state.as_bytes()).ok())
        };
        match (state(one), state(other)) {
            (Some(one), Some(other)) => {
                one.suite == other.suite && bool::from(one.secret.is(&other.secret))
            }
            _ => false,
        }
    }
}

/// A question that was put, and when.
struct Put<'a> {
    at: u64,
    question: &'a str,
}

impl<'a> Put<'a> {
    fn decode(octets: &'a [u8]) -> Option<Self> {
        let (at, question) = octets.split_first_chunk()?;
        Some(Self {
            at: u64::from_le_bytes(*at),
            question: core::str::from_utf8(question).ok().filter(|it| !it.is_empty())?,
        })
    }
}

/// Puts a question of the suite's length: unpredictable, or of the text to confirm and of this challenge alone (S17).
fn put(scene: &Scene<'_>, suite: &Suite) -> Result<Question, Refusal> {
    let seed: [u8; 32] = match scene.transaction {
        Some(transaction) => plain_digest(&[
            b"ocra question",
            &transaction.digest,
            &scene.challenge.0,
        ]),
        None => scene.seed.expand("ocra question").map_err(Refusal::Fault)?,
    };
    let mut kept = scene.at.to_le_bytes().to_vec();
    kept.extend(question(&seed, suite));
    Ok(Question {
        kept,
        ..Question::default()
    })
}

/// Characters of the suite's alphabet, each as likely as the others.
fn question(seed: &[u8; 32], suite: &Suite) -> Vec<u8> {
    let alphabet = suite.format.alphabet();
    let length = alphabet.len().max(1);
    // What lies beyond the last whole alphabet is left out: or the first characters would come more often.
    let bound = 256 / length * length;
    let mut characters = Vec::with_capacity(usize::from(suite.length));
    let mut block = *seed;
    while characters.len() < usize::from(suite.length) {
        block = sha256(&block);
        let fair = block.iter().map(|octet| usize::from(*octet));
        let fair = fair.filter(|octet| *octet < bound);
        characters.extend(fair.filter_map(|octet| alphabet.get(octet % length)));
    }
    characters.truncate(usize::from(suite.length));
    characters
}

/// The counter after the one that the answer is right for; for a suite without one, the same. Looks at all that are in reach.
fn search(scene: &Scene<'_>, state: &State, question: &str, answer: &str) -> Option<u64> {
    let suite = &state.suite;
    let window = match suite.step {
        None => 0,
        Some(step) => {
            let steps = u32::from(scene.policy.totp.window);
            // Steps of a second are no narrower in time than those of half a minute.
            steps.max(steps * USUAL_STEP / step.max(1)).min(MOST)
        }
    };
    let ahead = u64::from(scene.policy.hotp.look_ahead);
    let ahead = match (suite.counter, suite.step) {
        (false, _) => 0,
        (true, None) => ahead,
        (true, Some(_)) => ahead.min(MOST_COUNTERS),
    };
    let now = scene.clock.now / 1000 / u64::from(suite.step.unwrap_or(1).max(1));
    let first = now.saturating_sub(window.into());
    let last = now.saturating_add(window.into());
    let application = sha256(scene.origin.application.as_bytes());
    let session = usize::from(suite.session.unwrap_or(0)).min(application.len());
    let mut found = None;
    for counter in state.counter..=state.counter.saturating_add(ahead) {
        for time in first..=last {
            let inputs = Inputs {
                counter,
                question,
                pin: state.pin.as_bytes(),
                session: application.get(..session).unwrap_or(&[]),
                time,
            };
            let wanted = suite.answer(state.secret.as_bytes(), &inputs);
            let matched = bool::from(wanted.as_bytes().ct_eq(answer.as_bytes()));
            if matched & found.is_none() {
                found = if suite.counter {
                    counter.checked_add(1)
                } else {
                    Some(counter)
                };
            }
        }
    }
    found
}

/// Whether a text has the form of the suite's answers: ASCII digits of the exact length (OTP-12).
fn is_answer(suite: &Suite, text: &str) -> bool {
    text.len() == usize::from(suite.digits) && text.bytes().all(|it| it.is_ascii_digit())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{State, question};

    #[test]
    fn a_token_that_cannot_be_used_is_refused() {
        let new = |suite: &str, secret: usize, counter, pin: Option<usize>| {
            State::new(suite, vec![7; secret], counter, pin.map(|pin| vec![1; pin]))
        };
        for (suite, pin) in [
            ("OCRA-1:HOTP-SHA1-6:QN08", None),
            ("OCRA-1:HOTP-SHA512-10:C-QH64-T48H", None),
            ("OCRA-1:HOTP-SHA256-8:C-QA10-PSHA512-S512-T1S", Some(64)),
        ] {
            let state = new(suite, 20, 5, pin).unwrap();
            assert_eq!(State::decode(&state.encode()), Ok(state.clone()));
            for cut in 0..state.encode().len() {
                assert!(State::decode(state.encode().get(..cut).unwrap()).is_err());
            }
        }
        for (suite, secret, counter, pin) in [
            ("OCRA-1:HOTP-SHA1-5:QN08", 20, 0, None),
            ("OCRA-1:HOTP-SHA1-0:QN08", 20, 0, None),
            ("OCRA-1:HOTP-SHA1-6:QN08", 9, 0, None),
            ("OCRA-1:HOTP-SHA1-6:QN08", 81, 0, None),
            ("OCRA-1:HOTP-SHA1-6:C-QN08", 20, u64::MAX, None),
            ("OCRA-1:HOTP-SHA1-6:QN08-PSHA1", 20, 0, None),
            ("OCRA-1:HOTP-SHA1-6:QN08-PSHA1", 20, 0, Some(32)),
            ("OCRA-1:HOTP-SHA1-6:QN08", 20, 0, Some(20)),
        ] {
            assert_eq!(new(suite, secret, counter, pin), None, "{suite}");
        }
    }

    #[test]
    fn questions_have_the_suite_s_length_and_alphabet() {
        for (suite, alphabet) in [
            ("OCRA-1:HOTP-SHA1-6:QN64", "0123456789"),
            ("OCRA-1:HOTP-SHA1-6:QH07", "0123456789ABCDEF"),
            ("OCRA-1:HOTP-SHA1-6:QA10", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ] {
            let suite = super::Suite::parse(suite).unwrap();
            let made = String::from_utf8(question(&[1; 32], &suite)).unwrap();
            assert_eq!(made.len(), usize::from(suite.length));
            assert!(made.chars().all(|it| alphabet.contains(it)), "{made}");
            assert_ne!(made.as_bytes(), question(&[2; 32], &suite));
        }
    }
}
