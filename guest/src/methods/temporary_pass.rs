//! Temporary access passes (M09): what an administrator gives a user who has nothing yet, or nothing any more, to sign in with
//! for a while and enrol.

use super::generated::{Generated, Kept, MAX_CHARACTERS};
use super::{
    Asking, Authority, Class, Draft, Judgement, Method, Nature, Proof, Refusal, Right, Scene,
    Shown, Wish, fact,
};
use crate::account::{Credential, RecordError};
use crate::contract::Fact;
use crate::octets::{Reader, Writer};
use crate::reason::Reason;

/// The number that records carry.
pub const NUMBER: u8 = 10;
/// What it is. RFC 8176 has no value for it: it is good more than once, and nothing that the user carries makes it.
pub const NATURE: Nature = Nature {
    name: "temporary-pass",
    number: NUMBER,
    class: Class::Possession,
    level: 2,
    amr: &[],
    family: "temporary-pass",
    most: 1,
    asking: Asking::Nothing,
    guessable: true,
    confirms: false,
    for_programs: false,
    last_resort: true,
};

/// How long after a sign-in with a pass something new may be enrolled with it, in milliseconds.
const REGISTRATION: u64 = 10 * 60_000;

/// The method.
pub struct Verifier;

/// What is kept of a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The pass.
    pub kept: Kept,
    /// How many characters it has: 8 to 48.
    pub characters: u8,
    /// Until when it is good.
    pub expires: u64,
    /// It is good for one sign-in.
    pub once: bool,
    /// That one was.
    pub used: bool,
}

impl State {
    /// The octets that a record carries.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(128);
        self.kept.write(&mut out);
        out.u8(self.characters);
        out.u64(self.expires);
        out.u8(self.once.into());
        out.u8(self.used.into());
        out.into_bytes()
    }

    /// Reads what [`State::encode`] wrote.
    pub fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        let mut rest = Reader::new(octets);
        let state = Self {
            kept: Kept::read(&mut rest)?,
            characters: Some(rest.u8()?)
                .filter(|characters| (8..=MAX_CHARACTERS).contains(&usize::from(*characters)))
                .ok_or(RecordError::OutOfRange("temporary-pass.characters"))?,
            expires: rest.u64()?,
            once: rest.bool("temporary-pass.once")?,
            used: rest.bool("temporary-pass.used")?,
        };
        rest.end()?;
        Ok(state)
    }
}

/// Under which label the host's key makes the digest.
const LABEL: &str = "temporary-pass";

impl Method for Verifier {
    fn nature(&self) -> &'static Nature {
        &NATURE
    }

    /// Only an administrator issues one.
    fn enrol(&self, scene: &Scene<'_>, wish: &Wish<'_>) -> Result<Draft, Refusal> {
        if !wish.vouched {
            return Err(Refusal::Because(Reason::MethodNotAllowed));
        }
        let policy = &scene.policy.temporary_pass;
        let lifetime = wish.lifetime.unwrap_or(policy.lifetime);
        let state = State {
            kept: made(scene, policy.length)
                .and_then(|pass| pass.keep(scene.ctx, LABEL))
                .map_err(Refusal::Fault)?,
            characters: policy.length,
            expires: scene.at.saturating_add(lifetime.min(policy.lifetime_max)),
            once: wish.once.unwrap_or(policy.once),
            used: false,
        };
        Ok(Draft {
            state: state.encode(),
            question: None,
        })
    }

    fn provision(&self, scene: &Scene<'_>, credential: &Credential, _question: &[u8]) -> Shown {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return Shown::default();
        };
        // In the step that made it, the seed gives the pass that was kept, and in no other.
        let made = made(scene, state.characters).ok();
        match made.filter(|pass| pass.is(scene.ctx, LABEL, &state.kept)) {
            Some(pass) => Shown {
                message: "hand-over-temporary-pass",
                payload: pass.text().to_owned(),
                ..Shown::default()
            },
            None => Shown::default(),
        }
    }

    fn show(&self, _scene: &Scene<'_>, _credential: &Credential, _question: &[u8]) -> Shown {
        Shown {
            message: "enter-temporary-pass",
            ..Shown::default()
        }
    }

    fn fits(&self, credential: &Credential, proof: Proof<'_>) -> bool {
        State::decode(credential.state.as_bytes()).is_ok_and(|state| Generated::typed(proof, usize::from(state.characters)).is_some())
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
        let is_right = Generated::typed(proof, usize::from(state.characters)).is_some_and(|it| it.is(scene.ctx, LABEL, &state.kept));
        if !is_right {
            return Judgement::Wrong(Reason::IncorrectCode);
        }
        if scene.at >= state.expires {
            return Judgement::Wrong(Reason::CredentialExpired);
        }
        if state.used {
            return Judgement::Used;
        }
        Judgement::Right(Right {
            spent: state.once,
            ends: Some(state.expires),
            state: State {
                used: state.once,
                ..state
            }
            .encode(),
            ..Right::default()
        })
    }

    fn view(&self, credential: &Credential) -> Vec<Fact> {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return Vec::new();
        };
        vec![
            fact("expires", state.expires),
            fact("once", state.once),
            fact("used", state.used),
        ]
    }

    fn authority(&self) -> Authority {
        Authority::Within(REGISTRATION)
    }
}

fn made(scene: &Scene<'_>, characters: u8) -> Result<Generated, crate::contract::Fault> {
    Generated::make(scene, "temporary-pass", usize::from(characters))
}

#[cfg(test)]
mod tests {
    use super::{Kept, State};

    #[test]
    fn a_pass_is_read_as_it_was_written_and_nothing_else_is() {
        let state = State {
            kept: Kept {
                key: 3,
                digest: [9; 16],
            },
            characters: 8,
            expires: 1_700_000_000_000,
            once: true,
            used: false,
        };
        let octets = state.encode();
        assert_eq!(State::decode(&octets), Ok(state.clone()));
        for length in 0..octets.len() {
            assert!(State::decode(octets.get(..length).unwrap_or_default()).is_err());
        }
        for characters in [0, 7, 49, 255] {
            let state = State {
                characters,
                ..state.clone()
            };
            assert!(State::decode(&state.encode()).is_err(), "{characters}");
        }
    }
}
