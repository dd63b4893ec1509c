//! Recovery codes (M03): look-up secrets (SP 800-63B-4 section 3.1.2) on paper, for users who have lost what they sign in with.
//! Each is good once; a new set makes the old one dead.

use subtle::ConstantTimeEq;

use super::generated::{Generated, UNGUESSABLE};
use super::{
    Asking, Authority, Class, Draft, Judgement, Method, Nature, Proof, Refusal, Right, Scene,
    Shown, Wish, fact,
};
use crate::account::{Credential, RecordError};
use crate::contract::{Fact, Fault};
use crate::octets::{Reader, Writer};
use crate::reason::Reason;

/// The number that records carry.
pub const NUMBER: u8 = 9;
/// What it is.
pub const NATURE: Nature = Nature {
    name: "recovery-code",
    number: NUMBER,
    class: Class::Possession,
    level: 2,
    amr: &[],
    family: "recovery-code",
    most: 1,
    asking: Asking::Nothing,
    guessable: false,
    confirms: false,
    for_programs: false,
    last_resort: true,
};

/// How many codes a set has at most.
pub const MAX_CODES: usize = 12;

/// The method.
pub struct Verifier;

/// What is kept of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Which generation of the host's key the digests were made with.
    pub key: u32,
    /// The codes, as digests of 128 bits. 1 to 12.
    pub digests: Vec<[u8; 16]>,
    /// Which were used, the first in the lowest bit.
    pub used: u16,
}

impl State {
    /// The octets that a record carries.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(128);
        out.u32(self.key);
        out.list(&self.digests, |digest, out| out.raw(digest));
        out.u16(self.used);
        out.into_bytes()
    }

    /// Reads what [`State::encode`] wrote.
    pub fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        let mut rest = Reader::new(octets);
        let key = rest.u32()?;
        let digests = rest.list(MAX_CODES, "recovery-code.digests", Reader::array)?;
        let used = rest.u16()?;
        rest.end()?;
        if digests.is_empty() || u32::from(used) >> digests.len() != 0 {
            return Err(RecordError::OutOfRange("recovery-code.used"));
        }
        Ok(Self { key, digests, used })
    }

    /// How many are left.
    pub fn left(&self) -> u32 {
        (self.digests.len() as u32).saturating_sub(self.used.count_ones())
    }
}

/// Under which label the host's key makes the digests.
const LABEL: &str = "recovery-code";

impl Method for Verifier {
    fn nature(&self) -> &'static Nature {
        &NATURE
    }

    fn enrol(&self, scene: &Scene<'_>, _wish: &Wish<'_>) -> Result<Draft, Refusal> {
        let key = scene.ctx.keys.first();
        let key = key.ok_or_else(|| Refusal::Fault(Fault::BadRequest("ctx.keys".to_owned())))?;
        let codes = codes(scene, usize::from(scene.policy.recovery.count));
        let digests = codes
            .map(|code| Ok(code?.digest(&key.secret, LABEL)))
            .collect::<Result<_, _>>()
            .map_err(Refusal::Fault)?;
        Ok(Draft {
            state: State {
                key: key.id,
                digests,
                used: 0,
            }
            .encode(),
            question: None,
        })
    }

    fn provision(&self, scene: &Scene<'_>, credential: &Credential, _question: &[u8]) -> Shown {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return Shown::default();
        };
        let mut payload = String::new();
        let keys = &scene.ctx.keys;
        let key = keys.iter().find(|key| key.id == state.key);
        for (code, kept) in codes(scene, state.digests.len()).zip(&state.digests) {
            // Made anew from the step's seed. In the step that made them they are the ones that were kept, and in no other.
            let shown = code.ok().zip(key);
            match shown.filter(|(code, key)| code.digest(&key.secret, LABEL) == *kept) {
                Some((code, _)) => payload.push_str(&code.grouped()),
                None => return Shown::default(),
            }
            payload.push('\n');
        }
        Shown {
            message: "keep-recovery-codes",
            payload,
            ..Shown::default()
        }
    }

    fn show(&self, _scene: &Scene<'_>, _credential: &Credential, _question: &[u8]) -> Shown {
        Shown {
            message: "enter-recovery-code",
            ..Shown::default()
        }
    }

    fn fits(&self, _credential: &Credential, proof: Proof<'_>) -> bool {
        Generated::typed(proof, UNGUESSABLE).is_some()
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
        let key = scene.ctx.keys.iter().find(|key| key.id == state.key);
        let Some((typed, key)) = Generated::typed(proof, UNGUESSABLE).zip(key) else {
            return Judgement::Wrong(Reason::IncorrectCode);
        };
        let digest = typed.digest(&key.secret, LABEL);
        // All are compared, whichever it is.
        let mut found = 0_u16;
        for (at, kept) in state.digests.iter().enumerate() {
            found |= u16::from(digest.ct_eq(kept).unwrap_u8()) << at;
        }
        if found == 0 {
            return Judgement::Wrong(Reason::IncorrectCode);
        }
        if found & state.used != 0 {
            return Judgement::Used;
        }
        let state = State {
            used: state.used | found,
            ..state
        };
        let low = state.left() <= u32::from(scene.policy.recovery.low);
        Judgement::Right(Right {
            state: state.encode(),
            // The user is told of every one (SP 800-63B-4 section 4.2.1.1).
            notice: Some(if low {
                "recovery-codes-low"
            } else {
                "recovery-code-used"
            }),
            ..Right::default()
        })
    }

    fn view(&self, credential: &Credential) -> Vec<Fact> {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return Vec::new();
        };
        vec![
            fact("count", state.digests.len()),
            fact("left", state.left()),
        ]
    }

    /// One code and the password are enough to bind something new (SP 800-63B-4 section 4.2.2.2), and for no other change
    /// (BY-09).
    fn authority(&self) -> Authority {
        Authority::Recovery
    }
}

/// The codes that this step's seed gives.
fn codes(scene: &Scene<'_>, count: usize) -> impl Iterator<Item = Result<Generated, Fault>> {
    (0..count.min(MAX_CODES))
        .map(|at| Generated::make(scene, &format!("recovery-code {at}"), UNGUESSABLE))
}

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn a_set_is_read_as_it_was_written_and_nothing_else_is() {
        let state = State {
            key: 7,
            digests: vec![[1; 16], [2; 16], [3; 16]],
            used: 0b101,
        };
        let octets = state.encode();
        assert_eq!(State::decode(&octets), Ok(state.clone()));
        assert_eq!(state.left(), 1);
        for length in 0..octets.len() {
            assert!(State::decode(octets.get(..length).unwrap_or_default()).is_err());
        }
        let marked = State {
            used: 0b1000,
            ..state.clone()
        };
        assert!(State::decode(&marked.encode()).is_err(), "a code that is not there was used");
        let empty = State {
            digests: Vec::new(),
            used: 0,
            ..state
        };
        assert!(State::decode(&empty.encode()).is_err());
    }
}
