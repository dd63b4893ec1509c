//! App passwords (S10): for programs that show nothing and so cannot ask for a second factor. One is good for one application,
//! with programs alone, and never where somebody could be asked (BY-10).

use super::generated::{Generated, Kept, UNGUESSABLE};
use super::{
    Asking, Class, Draft, Judgement, Method, Nature, Proof, Refusal, Right, Scene, Shown, Wish,
    fact,
};
use crate::account::{Credential, RecordError};
use crate::contract::Fact;
use crate::octets::{Reader, Writer};
use crate::reason::Reason;

/// The number that records carry.
pub const NUMBER: u8 = 11;
/// What it is: a password, and no second factor. It reaches what a first factor does.
pub const NATURE: Nature = Nature {
    name: "app-password",
    number: NUMBER,
    class: Class::Knowledge,
    level: 1,
    amr: &["pwd"],
    family: "app-password",
    most: 40,
    asking: Asking::Nothing,
    guessable: false,
    confirms: false,
    for_programs: true,
    last_resort: false,
};

/// How long an application's name may be, in octets: as `origin.application`.
const MAX_APPLICATION: usize = 128;

/// The method.
pub struct Verifier;

/// What is kept of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The password.
    pub kept: Kept,
    /// The application that it is for. 1 to 128 octets.
    pub application: String,
}

impl State {
    /// The octets that a record carries.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(128);
        self.kept.write(&mut out);
        out.short(self.application.as_bytes());
        out.into_bytes()
    }

    /// Reads what [`State::encode`] wrote.
    pub fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        let mut rest = Reader::new(octets);
        let state = Self {
            kept: Kept::read(&mut rest)?,
            application: rest
                .text(1, MAX_APPLICATION, "app-password.application")?
                .to_owned(),
        };
        rest.end()?;
        Ok(state)
    }
}

/// Under which label the host's key makes the digest.
const LABEL: &str = "app-password";

impl Method for Verifier {
    fn nature(&self) -> &'static Nature {
        &NATURE
    }

    fn enrol(&self, scene: &Scene<'_>, wish: &Wish<'_>) -> Result<Draft, Refusal> {
        let application = wish
            .address
            .filter(|name| (1..=MAX_APPLICATION).contains(&name.len()))
            .filter(|name| !name.chars().any(char::is_control))
            .ok_or(Refusal::Because(Reason::AddressInvalid))?;
        let kept = made(scene)
            .and_then(|password| password.keep(scene.ctx, LABEL))
            .map_err(Refusal::Fault)?;
        Ok(Draft {
            state: State {
                kept,
                application: application.to_owned(),
            }
            .encode(),
            question: None,
        })
    }

    fn invent(&self, scene: &Scene<'_>) -> Result<Vec<u8>, Refusal> {
        let wish = Wish {
            address: Some(&scene.origin.application),
            vouched: true,
            lifetime: None,
            once: None,
        };
        Ok(self.enrol(scene, &wish)?.state)
    }

    fn provision(&self, scene: &Scene<'_>, credential: &Credential, _question: &[u8]) -> Shown {
        let Ok(state) = State::decode(credential.state.as_bytes()) else {
            return Shown::default();
        };
        // In the step that made it, the seed gives the password that was kept, and in no other.
        let made = made(scene).ok();
        match made.filter(|password| password.is(scene.ctx, LABEL, &state.kept)) {
            Some(password) => Shown {
                message: "keep-app-password",
                payload: (*password.grouped()).clone(),
                ..Shown::default()
            },
            None => Shown::default(),
        }
    }

    fn show(&self, _scene: &Scene<'_>, _credential: &Credential, _question: &[u8]) -> Shown {
        Shown::default()
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
        let is_right = Generated::typed(proof, UNGUESSABLE).is_some_and(|it| it.is(scene.ctx, LABEL, &state.kept));
        if is_right && state.application == scene.origin.application {
            Judgement::Right(Right {
                state: state.encode(),
                ..Right::default()
            })
        } else {
            Judgement::Wrong(Reason::IncorrectCode)
        }
    }

    fn view(&self, credential: &Credential) -> Vec<Fact> {
        State::decode(credential.state.as_bytes())
            .map(|state| vec![fact("application", state.application)])
            .unwrap_or_default()
    }
}

fn made(scene: &Scene<'_>) -> Result<Generated, crate::contract::Fault> {
    Generated::make(scene, "app-password", UNGUESSABLE)
}

#[cfg(test)]
mod tests {
    use super::{Kept, State};

    #[test]
    fn a_password_is_read_as_it_was_written_and_nothing_else_is() {
        let state = State {
            kept: Kept {
                key: 3,
                digest: [9; 16],
            },
            application: "mail".to_owned(),
        };
        let octets = state.encode();
        assert_eq!(State::decode(&octets), Ok(state.clone()));
        for length in 0..octets.len() {
            assert!(State::decode(octets.get(..length).unwrap_or_default()).is_err());
        }
        let nowhere = State {
            application: String::new(),
            ..state
        };
        assert!(State::decode(&nowhere.encode()).is_err());
    }
}
