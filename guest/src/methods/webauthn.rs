//! Passkeys and security keys: WebAuthn level 3, as a relying party verifies it.
//!
//! Nothing that can be asked for elsewhere and used here passes: what the authenticator signs names the site, as the browser
//! saw it. That is what makes the method resistant to phishing (NIST SP 800-63B-4 section 3.2.5).

mod attestation;
mod authenticator_data;
mod base64url;
mod cbor;
mod ceremony;
mod client_data;
mod cose;
mod json;
mod options;
mod response;
mod transports;

use self::attestation::Evidence;
use self::ceremony::Asked;
use self::cose::PublicKey;
use self::options::{Creation, Request};
use self::response::{Assertion, Registration};
use self::transports::Transports;
use super::{
    Asking, Class, Draft, Judgement, Method, Nature, Proof, Question, Refusal, Right, Scene, Shown,
    Wish, claim, fact,
};
use crate::account::{Credential, RecordError};
use crate::contract::Fact;
use crate::entropy::plain_digest;
use crate::octets::{Reader, Writer};
use crate::reason::Reason;

/// The number that records carry.
pub const NUMBER: u8 = 7;
/// What it is. RFC 8176: possession of a key was proved, and the presence of a user. Whether the key is in hardware is not
/// known without roots to trust, so `hwk` is not claimed.
pub const NATURE: Nature = Nature {
    name: "webauthn",
    number: NUMBER,
    class: Class::Possession,
    level: 3,
    amr: &["pop", "user"],
    family: "webauthn",
    most: 10,
    asking: Asking::Question,
    guessable: false,
    confirms: true,
    for_programs: false,
    last_resort: false,
};

/// The method.
pub struct Verifier;

/// What is kept of a credential: the credential record of WebAuthn section 4.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    /// What verifies its answers.
    key: PublicKey,
    /// What the authenticator knows it by. 1 to 1,023 octets.
    id: Vec<u8>,
    /// What it knows the user by: the same for all credentials of an account.
    handle: [u8; 16],
    /// The highest count of signatures that it told.
    sign_count: u32,
    /// It verified its user when it was enrolled.
    user_verified: bool,
    /// It may leave its device.
    backup_eligible: bool,
    /// It has left its device.
    backed_up: bool,
    /// Its model; zeros if it does not say.
    aaguid: [u8; 16],
    /// How it is reached.
    transports: Transports,
    /// What it proved about itself.
    evidence: Evidence,
}

/// What is kept of a question: what was to be signed and, where a credential is enrolled, the user's handle.
struct Kept {
    nonce: [u8; 32],
    handle: [u8; 16],
}

impl State {
    fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(128);
        self.key.write(&mut out);
        out.long(&self.id);
        out.raw(&self.handle);
        out.u32(self.sign_count);
        out.u8(self.user_verified.into());
        out.u8(self.backup_eligible.into());
        out.u8(self.backed_up.into());
        out.raw(&self.aaguid);
        out.u8(self.transports.bits());
        out.u8(self.evidence as u8);
        out.into_bytes()
    }

    fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        const ID: &str = "webauthn.id";
        let mut rest = Reader::new(octets);
        let state = Self {
            key: PublicKey::read(&mut rest)?,
            id: rest.long(authenticator_data::MAX_ID, ID)?.to_vec(),
            handle: rest.array()?,
            sign_count: rest.u32()?,
            user_verified: rest.bool("webauthn.user-verified")?,
            backup_eligible: rest.bool("webauthn.backup-eligible")?,
            backed_up: rest.bool("webauthn.backed-up")?,
            aaguid: rest.array()?,
            transports: Transports::from_bits(rest.u8()?),
            evidence: Evidence::from_number(rest.u8()?)
                .ok_or(RecordError::OutOfRange("webauthn.evidence"))?,
        };
        rest.end()?;
        Some(state)
            .filter(|state| !state.id.is_empty())
            .ok_or(RecordError::OutOfRange(ID))
    }

    fn of(credential: &Credential) -> Option<Self> {
        Self::decode(credential.state.as_bytes()).ok()
    }
}

impl Kept {
    fn new(scene: &Scene<'_>) -> Result<Self, Refusal> {
        let nonce = scene
            .seed
            .expand("webauthn challenge")
            .map_err(Refusal::Fault)?;
        let handle = match held(scene).first() {
            Some(state) => state.handle,
            None => scene.seed.expand("webauthn user").map_err(Refusal::Fault)?,
        };
        Ok(Self { nonce, handle })
    }

    fn encode(&self) -> Vec<u8> {
        [&self.nonce[..], &self.handle].concat()
    }

    fn decode(octets: &[u8]) -> Option<Self> {
        let (nonce, handle) = octets.split_first_chunk::<32>()?;
        Some(Self {
            nonce: *nonce,
            handle: handle.try_into().ok()?,
        })
    }

    /// What is to be signed. With a text to confirm, that text is part of it (S17, dynamic linking).
    fn challenge(&self, scene: &Scene<'_>) -> [u8; 32] {
        match scene.transaction {
            None => self.nonce,
            Some(transaction) => {
                plain_digest(&[b"webauthn transaction", &self.nonce, &transaction.digest])
            }
        }
    }
}

impl Method for Verifier {
    fn nature(&self) -> &'static Nature {
        &NATURE
    }

    fn shares_question(&self) -> bool {
        true
    }

    fn needs_browser(&self) -> bool {
        true
    }

    fn enrol(&self, scene: &Scene<'_>, _wish: &Wish<'_>) -> Result<Draft, Refusal> {
        is_set_up(scene)?;
        Ok(Draft {
            // There is nothing to keep before the authenticator has made a key.
            state: Vec::new(),
            question: Some(Question {
                kept: Kept::new(scene)?.encode(),
                ..Question::default()
            }),
        })
    }

    fn provision(&self, scene: &Scene<'_>, _credential: &Credential, question: &[u8]) -> Shown {
        let Some(kept) = Kept::decode(question) else {
            return Shown::default();
        };
        let creation = Creation {
            policy: scene.policy,
            challenge: &kept.nonce,
            handle: &kept.handle,
            user: &scene.origin.user,
            held: held(scene),
        };
        Shown {
            message: "create-passkey",
            payload: creation.to_json(),
            ..Shown::default()
        }
    }

    fn confirm(
        &self,
        scene: &Scene<'_>,
        _credential: &Credential,
        question: &[u8],
        proof: Proof<'_>,
    ) -> Judgement {
        let given = match proof {
            Proof::Webauthn(json) => Registration::parse(json),
            _ => None,
        };
        let (Some(given), Some(kept)) = (given, Kept::decode(question)) else {
            return Judgement::Wrong(Reason::SignatureInvalid);
        };
        match asked(scene, &kept.nonce).register(given, kept.handle) {
            Ok(state) => Judgement::Right(Right {
                user_verified: state.user_verified,
                state: state.encode(),
                ..Right::default()
            }),
            Err(reason) => Judgement::Wrong(reason),
        }
    }

    fn begin(&self, scene: &Scene<'_>, _credential: &Credential) -> Result<Question, Refusal> {
        is_set_up(scene)?;
        Ok(Question {
            kept: Kept::new(scene)?.encode(),
            expires: Some(scene.at.saturating_add(scene.policy.webauthn.lifetime)),
            ..Question::default()
        })
    }

    fn show(&self, scene: &Scene<'_>, credential: &Credential, question: &[u8]) -> Shown {
        let Some(kept) = Kept::decode(question) else {
            return Shown::default();
        };
        let mut held = held(scene);
        if let Some(asked) = State::of(credential) {
            // A stable sort: the one that was asked for comes first.
            held.sort_by_key(|state| state.id != asked.id);
        }
        let request = Request {
            policy: scene.policy,
            challenge: &kept.challenge(scene),
            held,
        };
        Shown {
            message: "use-passkey",
            payload: request.to_json(),
            ..Shown::default()
        }
    }

    fn fits(&self, credential: &Credential, proof: Proof<'_>) -> bool {
        let Proof::Webauthn(json) = proof else {
            return false;
        };
        match (Assertion::id_of(json), State::of(credential)) {
            (Some(id), Some(state)) => id == state.id,
            _ => false,
        }
    }

    fn verify(
        &self,
        scene: &Scene<'_>,
        credential: &Credential,
        question: &[u8],
        proof: Proof<'_>,
    ) -> Judgement {
        let Some(state) = State::of(credential) else {
            return Judgement::Refused(Reason::ServiceError);
        };
        let given = match proof {
            Proof::Webauthn(json) => Assertion::parse(json),
            _ => None,
        };
        let (Some(given), Some(kept)) = (given, Kept::decode(question)) else {
            return Judgement::Wrong(Reason::SignatureInvalid);
        };
        match asked(scene, &kept.challenge(scene)).verify(&given, state) {
            Ok(asserted) => Judgement::Right(Right {
                state: asserted.state.encode(),
                user_verified: asserted.user_verified,
                notice: asserted.regressed.then_some("passkey-copied"),
                ..Right::default()
            }),
            Err(reason) => Judgement::Wrong(reason),
        }
    }

    fn view(&self, credential: &Credential) -> Vec<Fact> {
        let Some(state) = State::of(credential) else {
            return Vec::new();
        };
        let transports: Vec<&str> = state.transports.names().collect();
        vec![
            fact("aaguid", model_text(&state.aaguid)),
            fact("algorithm", state.key.name()),
            fact("attestation", state.evidence.name()),
            fact("backed-up", state.backed_up),
            fact("backup-eligible", state.backup_eligible),
            fact("sign-count", state.sign_count),
            fact("transports", transports.join(" ")),
            fact("user-verified", state.user_verified),
        ]
    }

    fn unique(&self, scene: &Scene<'_>, credential: &Credential) -> Vec<[u8; 32]> {
        let state = State::of(credential).into_iter();
        state
            .map(|state| claim(scene, "webauthn", &state.id))
            .collect()
    }

    /// A passkey of a telephone or a computer, as most are.
    fn invent(&self, scene: &Scene<'_>) -> Result<Vec<u8>, Refusal> {
        is_set_up(scene)?;
        let state = State {
            key: PublicKey::of_nobody(),
            id: scene
                .seed
                .expand::<32>("decoy passkey")
                .map_err(Refusal::Fault)?
                .to_vec(),
            handle: scene
                .seed
                .expand("decoy handle")
                .map_err(Refusal::Fault)?,
            sign_count: 0,
            user_verified: true,
            backup_eligible: scene.policy.webauthn.synced,
            backed_up: scene.policy.webauthn.synced,
            aaguid: [0; 16],
            transports: Transports::of_platform(),
            evidence: Evidence::None,
        };
        Ok(state.encode())
    }

    /// The same credential is enrolled once (section 7.1 step 26); the claim keeps it from other accounts.
    fn is_twin(&self, one: &Credential, other: &Credential) -> bool {
        match (State::of(one), State::of(other)) {
            (Some(one), Some(other)) => one.id == other.id,
            _ => false,
        }
    }
}

/// Without a domain nothing can be asked for.
fn is_set_up(scene: &Scene<'_>) -> Result<(), Refusal> {
    if scene.policy.webauthn.rp_id.is_empty() {
        return Err(Refusal::Because(Reason::MethodNotAllowed));
    }
    Ok(())
}

fn asked<'a>(scene: &'a Scene<'_>, challenge: &'a [u8; 32]) -> Asked<'a> {
    Asked {
        policy: &scene.policy.webauthn,
        challenge,
        now: scene.clock.now,
    }
}

/// The credentials of this kind that the account holds, in its order.
fn held(scene: &Scene<'_>) -> Vec<State> {
    let ours = scene
        .held
        .iter()
        .filter(|credential| credential.method == NUMBER);
    ours.filter_map(State::of).collect()
}

/// RFC 9562 section 4: as policies and consoles write a model.
fn model_text(aaguid: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, octet) in aaguid.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [octet >> 4, octet & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]
mod tests;
