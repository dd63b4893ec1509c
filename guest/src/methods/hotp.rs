//! Counter-based codes: RFC 4226.

use subtle::{Choice, ConditionallySelectable};

use super::code::{Code, Generator, Token, fits, successive};
use super::hardware::Hardware;
use super::totp::provision;
use super::{
    Asking, Class, Draft, Judgement, Method, Nature, Proof, Refusal, Right, Scene, Shown, Wish,
    fact,
};
use crate::account::{Credential, RecordError};
use crate::contract::Fact;
use crate::octets::{Reader, Writer};
use crate::otpauth::MovingFactor;
use crate::policy;
use crate::reason::Reason;

/// The number that records carry.
pub const NUMBER: u8 = 2;
/// What it is.
pub const NATURE: Nature = Nature {
    name: "hotp",
    number: NUMBER,
    class: Class::Possession,
    level: 2,
    amr: &["otp"],
    family: super::OATH,
    most: 5,
    asking: Asking::Nothing,
    guessable: true,
    confirms: false,
    for_programs: false,
    last_resort: false,
};

/// The method.
pub struct Verifier;

/// What is kept of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Secret, hash and length.
    pub token: Token,
    /// The counter of the next code. Moves on success only (RFC 4226 section 7.4, OTP-10), and never back. The last one
    /// there is, 2^64 - 1, is never accepted.
    pub counter: u64,
    /// The counter of a code that was too far ahead, and when it came: the code after it, soon enough, shows where the token is.
    pub seen: Option<(u64, u64)>,
    /// What its maker says of it, if it came from a file.
    pub hardware: Option<Hardware>,
}

impl State {
    /// A token at this counter.
    pub fn new(token: Token, counter: u64) -> Self {
        Self {
            token,
            counter,
            seen: None,
            hardware: None,
        }
    }

    /// The octets that a record carries.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(128);
        self.token.write(&mut out);
        out.u64(self.counter);
        out.optional(self.seen.as_ref(), |(counter, at), out| {
            out.u64(*counter);
            out.u64(*at);
        });
        out.optional(self.hardware.as_ref(), Hardware::write);
        out.into_bytes()
    }

    /// Reads what [`State::encode`] wrote.
    pub fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        let mut rest = Reader::new(octets);
        let state = Self {
            token: Token::read(&mut rest)?,
            counter: rest.u64()?,
            seen: rest.optional("hotp.seen", |rest| Ok((rest.u64()?, rest.u64()?)))?,
            hardware: rest.optional("hotp.hardware", Hardware::read)?,
        };
        rest.end()?;
        Ok(state)
    }
}

impl Method for Verifier {
    fn nature(&self) -> &'static Nature {
        &NATURE
    }

    fn enrol(&self, scene: &Scene<'_>, _wish: &Wish<'_>) -> Result<Draft, Refusal> {
        let policy = &scene.policy.hotp;
        let token = Token {
            secret: scene
                .seed
                .secret(policy.secret_bytes)
                .map_err(Refusal::Fault)?,
            algorithm: policy.algorithm,
            digits: policy.digits,
        };
        Ok(Draft {
            state: State::new(token, 0).encode(),
            question: Some(super::Question::default()),
        })
    }

    fn provision(&self, scene: &Scene<'_>, credential: &Credential, _question: &[u8]) -> Shown {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return Shown::default();
        };
        provision(scene, &state.token, MovingFactor::Counter(state.counter))
    }

    fn show(&self, _scene: &Scene<'_>, credential: &Credential, _question: &[u8]) -> Shown {
        Shown {
            message: "enter-code",
            digits: State::decode(credential.state.as_bytes())
                .map_or(0, |state| state.token.digits),
            ..Shown::default()
        }
    }

    fn fits(&self, credential: &Credential, proof: Proof<'_>) -> bool {
        State::decode(credential.state.as_bytes())
            .is_ok_and(|state| fits(state.token.digits, proof))
    }

    fn verify(
        &self,
        scene: &Scene<'_>,
        credential: &Credential,
        _question: &[u8],
        proof: Proof<'_>,
    ) -> Judgement {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return Judgement::Refused(Reason::ServiceError);
        };
        let wrong = Judgement::Wrong(Reason::IncorrectCode);
        if !fits(state.token.digits, proof) {
            return wrong;
        }
        let policy = &scene.policy.hotp;
        let generator = Generator::new(&state.token);
        let hardware = state.hardware.clone();
        let judgement = match proof {
            Proof::Text(code) => match Code::parse(code) {
                Some(code) => look_ahead(&generator, state, code, policy, scene.at),
                None => wrong,
            },
            Proof::TwoCodes(first, second) => match (Code::parse(first), Code::parse(second)) {
                (Some(first), Some(second)) => {
                    resynchronise(&generator, state, (first, second), policy)
                }
                _ => wrong,
            },
            _ => wrong,
        };
        // A store that was rolled back holds a counter that the token may have passed by any number. Two codes in a row
        // prove no more than one: both may have been used and seen. Only a new enrolment says where the token is (ST-01).
        let unknown = credential.created < scene.clock.refuse_before;
        let judgement = match judgement {
            Judgement::Right(_) if unknown => Judgement::Used,
            judgement => judgement,
        };
        Hardware::judge(hardware.as_ref(), scene, judgement)
    }

    fn view(&self, credential: &Credential) -> Vec<Fact> {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return Vec::new();
        };
        let facts = vec![
            fact("algorithm", state.token.algorithm.name()),
            fact("counter", state.counter),
            fact("digits", state.token.digits),
        ];
        Hardware::view(state.hardware.as_ref(), facts)
    }

    fn unique(&self, scene: &Scene<'_>, credential: &Credential) -> Vec<[u8; 32]> {
        let state = State::decode(credential.state.as_bytes()).ok();
        Hardware::unique(state.and_then(|state| state.hardware).as_ref(), scene)
    }

    fn is_twin(&self, one: &Credential, other: &Credential) -> bool {
        super::code::same_secret(one, other)
    }
}

/// How long after a code that was too far ahead the one after it may come, in milliseconds.
const SEEN_FOR: u64 = 300_000;

/// RFC 4226 section 7.4: tries the expected counter and so many after it, whatever the earlier ones gave. The code of the
/// counter before is looked at too, to tell a repeated code from a wrong one in the log. Where the policy wants it, a code from
/// further ahead is kept in mind: it is a wrong one, and the next one in a row sets the token right.
fn look_ahead(
    generator: &Generator,
    state: State,
    code: Code,
    policy: &policy::Hotp,
    at: u64,
) -> Judgement {
    let awaited = state
        .seen
        .filter(|(_, seen)| at < seen.saturating_add(SEEN_FOR))
        .map(|(counter, _)| counter.saturating_add(1));
    // Without a branch on what matched: the time taken tells nothing of the place (OTP-13).
    let (mut found, mut further) = (First::default(), First::default());
    for ahead in 0..=u64::from(policy.look_ahead).max(policy.auto_reach()) {
        let counter = state.counter.saturating_add(ahead);
        let matched = code.is(generator.value(counter));
        let near = Choice::from(u8::from(ahead <= u64::from(policy.look_ahead)));
        let in_row = Choice::from(u8::from(awaited == Some(counter)));
        let taken = found.note(counter, matched & (near | in_row));
        further.note(counter, matched & !taken);
    }
    let resynchronised = found.get().is_some() && found.get() == awaited;
    let found = found.get().and_then(|counter| counter.checked_add(1));
    let before =
        bool::from(code.is(generator.value(state.counter.saturating_sub(1)))) & (state.counter > 0);
    let seen = further.get().map(|counter| (counter, at));
    match found {
        Some(counter) => Judgement::Right(Right {
            state: State {
                counter,
                seen: None,
                ..state
            }
            .encode(),
            resynchronised,
            ..Right::default()
        }),
        None if before => Judgement::Used,
        None if seen.is_some() => Judgement::Noted(State { seen, ..state }.encode()),
        None => Judgement::Wrong(Reason::IncorrectCode),
    }
}

/// The first of several counters that was noted.
#[derive(Default)]
struct First {
    counter: u64,
    noted: u8,
}

impl First {
    /// Takes a counter, if it is one and the first. Whether it did.
    fn note(&mut self, counter: u64, is: Choice) -> Choice {
        let takes = is & !Choice::from(self.noted);
        self.counter.conditional_assign(&counter, takes);
        self.noted.conditional_assign(&1, takes);
        takes
    }

    fn get(&self) -> Option<u64> {
        (self.noted == 1).then_some(self.counter)
    }
}

/// RFC 4226 section 7.4 and appendix E.4: two successive codes prove where the token is.
fn resynchronise(
    generator: &Generator,
    state: State,
    codes: (Code, Code),
    policy: &policy::Hotp,
) -> Judgement {
    let pairs = u64::from(policy.resync_window);
    match successive(generator, codes, state.counter, pairs, state.counter)
        .and_then(|second| second.checked_add(1))
    {
        Some(counter) => Judgement::Right(Right {
            state: State {
                counter,
                seen: None,
                ..state
            }
            .encode(),
            resynchronised: true,
            ..Right::default()
        }),
        None => Judgement::Wrong(Reason::IncorrectCode),
    }
}
