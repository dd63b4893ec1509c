//! Time-based codes: RFC 6238.

use core::ops::RangeInclusive;

use super::code::{Code, Generator, Token, fits, successive};
use super::hardware::Hardware;
use super::{
    Asking, Class, Clock, Draft, Judgement, Method, Nature, Proof, Refusal, Right, Scene, Shown,
    Wish, fact,
};
use crate::account::{Credential, RecordError};
use crate::base32;
use crate::contract::Fact;
use crate::octets::{Reader, Writer};
use crate::otpauth::{MovingFactor, Otpauth};
use crate::policy;
use crate::reason::Reason;

/// The number that records carry.
pub const NUMBER: u8 = 1;
/// What it is.
pub const NATURE: Nature = Nature {
    name: "totp",
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

/// How long a step may be, in seconds.
pub const PERIODS: RangeInclusive<u16> = 15..=300;

/// The method.
pub struct Verifier;

/// What is kept of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Secret, hash and length.
    pub token: Token,
    /// Length of a step, in seconds: 15 to 300.
    pub period: u16,
    /// The first step that is not dead: the one after the last that was accepted (RFC 6238 section 5.2).
    pub next_step: u64,
    /// By how many steps the token is ahead of the server, as two successive codes have shown. At most 1,000 each way.
    pub offset: i16,
    /// By how many steps more it was ahead when last used (RFC 6238 section 6). Never beyond the policy's cap, counted
    /// from the server's time and the offset, so that no history walks the window away (OTP-08).
    pub drift: i16,
    /// What its maker says of it, if it came from a file.
    pub hardware: Option<Hardware>,
}

impl State {
    /// A token that was never used.
    pub fn new(token: Token, period: u16) -> Self {
        Self {
            token,
            period,
            next_step: 0,
            offset: 0,
            drift: 0,
            hardware: None,
        }
    }

    /// The octets that a record carries.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(128);
        self.token.write(&mut out);
        out.u16(self.period);
        out.u64(self.next_step);
        out.i16(self.offset);
        out.i16(self.drift);
        out.optional(self.hardware.as_ref(), Hardware::write);
        out.into_bytes()
    }

    /// Reads what [`State::encode`] wrote.
    pub fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        let mut rest = Reader::new(octets);
        let state = Self {
            token: Token::read(&mut rest)?,
            period: Some(rest.u16()?)
                .filter(|period| PERIODS.contains(period))
                .ok_or(RecordError::OutOfRange("totp.period"))?,
            next_step: rest.u64()?,
            offset: rest.i16()?,
            drift: rest.i16()?,
            hardware: rest.optional("totp.hardware", Hardware::read)?,
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
        let policy = &scene.policy.totp;
        let token = Token {
            secret: scene
                .seed
                .secret(policy.secret_bytes)
                .map_err(Refusal::Fault)?,
            algorithm: policy.algorithm,
            digits: policy.digits,
        };
        Ok(Draft {
            state: State::new(token, policy.period).encode(),
            question: Some(super::Question::default()),
        })
    }

    fn provision(&self, scene: &Scene<'_>, credential: &Credential, _question: &[u8]) -> Shown {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return Shown::default();
        };
        provision(scene, &state.token, MovingFactor::Time(state.period))
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
        if !fits(state.token.digits, proof) {
            return Judgement::Wrong(Reason::IncorrectCode);
        }
        let policy = &scene.policy.totp;
        let generator = Generator::new(&state.token);
        let hardware = state.hardware.clone();
        let judgement = match proof {
            Proof::Text(code) => match Code::parse(code) {
                Some(code) => in_window(&generator, state, code, policy, scene.clock),
                None => Judgement::Wrong(Reason::IncorrectCode),
            },
            Proof::TwoCodes(first, second) => match (Code::parse(first), Code::parse(second)) {
                (Some(first), Some(second)) => {
                    resynchronise(&generator, state, (first, second), policy, scene.clock)
                }
                _ => Judgement::Wrong(Reason::IncorrectCode),
            },
            _ => Judgement::Wrong(Reason::IncorrectCode),
        };
        Hardware::judge(hardware.as_ref(), scene, judgement)
    }

    fn view(&self, credential: &Credential) -> Vec<Fact> {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return Vec::new();
        };
        let facts = vec![
            fact("algorithm", state.token.algorithm.name()),
            fact("digits", state.token.digits),
            fact("drift", state.drift),
            fact("offset", state.offset),
            fact("period", state.period),
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

/// What an authenticator needs to make the same codes.
pub(super) fn provision(scene: &Scene<'_>, token: &Token, moving: MovingFactor) -> Shown {
    Shown {
        message: "confirm-enrolment",
        payload: Otpauth {
            moving,
            algorithm: token.algorithm,
            digits: token.digits,
            issuer: Some(scene.policy.enrolment.issuer.to_owned()),
            account: scene.origin.user.clone(),
            secret: token.secret.clone(),
        }
        .to_uri()
        .to_string(),
        manual_key: base32::encode(token.secret.as_bytes()).to_string(),
        digits: token.digits,
        ..Shown::default()
    }
}

/// Tries every step of the window, whatever the earlier ones gave: the time taken tells nothing (OTP-13).
fn in_window(
    generator: &Generator,
    state: State,
    code: Code,
    policy: &policy::Totp,
    clock: Clock,
) -> Judgement {
    let least = first_alive(&state, policy, clock);
    let expected = step_at(clock.now, state.period).saturating_add(i64::from(state.offset));
    let (window, cap) = (i64::from(policy.window), i64::from(policy.drift_cap));
    // The window slides with the drift, but never so far that its edge passes the reach.
    let slack = i64::from(policy.reach()) - window;
    let centre = expected.saturating_add(i64::from(state.drift).clamp(-slack, slack));
    let mut fresh = None;
    let mut dead = false;
    for step in centre.saturating_sub(window)..=centre.saturating_add(window) {
        // Before 1970 there is no step; the work is done all the same.
        let counter = u64::try_from(step).unwrap_or(0);
        let matched = bool::from(code.is(generator.value(counter))) & (step >= 0);
        let alive = counter >= least;
        dead |= matched & !alive;
        if matched & alive & fresh.is_none() {
            fresh = Some((counter, step));
        }
    }
    match fresh {
        Some((counter, step)) => Judgement::Right(Right {
            state: State {
                next_step: counter.saturating_add(1),
                drift: small(step.saturating_sub(expected).clamp(-cap, cap)),
                ..state
            }
            .encode(),
            ..Right::default()
        }),
        None if dead => Judgement::Used,
        None => Judgement::Wrong(Reason::IncorrectCode),
    }
}

/// Looks for two successive codes around the server's time. The offset is counted from that time and not from the one
/// before, so that it cannot be walked either.
fn resynchronise(
    generator: &Generator,
    state: State,
    codes: (Code, Code),
    policy: &policy::Totp,
    clock: Clock,
) -> Judgement {
    let here = step_at(clock.now, state.period);
    let window = i64::from(policy.resync_window);
    let first = u64::try_from(here.saturating_sub(window)).unwrap_or(0);
    let pairs = u64::from(policy.resync_window).saturating_mul(2);
    // Both codes have to be alive: the first one's step is not before the first that is.
    match successive(
        generator,
        codes,
        first,
        pairs,
        first_alive(&state, policy, clock),
    ) {
        Some(second) => Judgement::Right(Right {
            state: State {
                next_step: second.saturating_add(1),
                offset: small(
                    i64::try_from(second)
                        .unwrap_or(i64::MAX)
                        .saturating_sub(here),
                ),
                drift: 0,
                ..state
            }
            .encode(),
            resynchronised: true,
            ..Right::default()
        }),
        None => Judgement::Wrong(Reason::IncorrectCode),
    }
}

/// The first step that is not dead. After a store was rolled back, that is the first one that cannot have been accepted
/// before the instant which the host names: the token may have been ahead, or found to be by two codes in the time that
/// was forgotten, and the window reaches further.
fn first_alive(state: &State, policy: &policy::Totp, clock: Clock) -> u64 {
    if clock.refuse_before == 0 {
        return state.next_step;
    }
    let ahead = i64::from(state.offset)
        .max(i64::from(policy.resync_window))
        .saturating_add(i64::from(policy.reach()))
        .saturating_add(1);
    let first = step_at(clock.refuse_before, state.period).saturating_add(ahead);
    state.next_step.max(u64::try_from(first).unwrap_or(0))
}

/// RFC 6238 section 4.2: the number of whole steps since 1970.
fn step_at(now: u64, period: u16) -> i64 {
    i64::try_from(now / 1000 / u64::from(period.max(1))).unwrap_or(i64::MAX)
}

/// Values here are at most a few thousand.
fn small(value: i64) -> i16 {
    i16::try_from(value).unwrap_or(0)
}
