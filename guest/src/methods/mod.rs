//! How to verify. One file a method, each with the same four functions: `enrol` makes a credential's moving part, `begin`
//! says what the user is asked, `verify` judges an answer without changing anything, and `view` tells a console what is
//! no secret. What a verified answer moves is applied by [`accept`], so that exactly one credential moves (OTP-16).

pub mod code;
pub mod hotp;
pub mod totp;

use crate::account::{Credential, Factor, Method};
use crate::contract::{Fact, Offer};
use crate::otpauth::{MovingFactor, Otpauth};
use crate::policy::{Algorithm, Policy};
use code::{Code, Generator};

/// What a user gave back, of the kinds that these methods take.
#[derive(Clone, Copy)]
pub enum Proof {
    /// One code.
    Code(Code),
    /// Two successive codes, to set a drifted token right.
    TwoCodes(Code, Code),
    /// Something that is no code at all. It is judged like a wrong one.
    Malformed,
}

/// What an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Right: this is how the credential looks after it.
    Right(Factor),
    /// Right once, but used already, or older than one that was used.
    Used,
    /// Wrong.
    Wrong,
}

/// What time it is, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The host's clock: what time-based codes are compared with.
    pub now: u64,
    /// The store may have forgotten what was accepted before this instant: `context.refuse-before`.
    pub refuse_before: u64,
}

/// What a new credential of a method is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mould {
    /// The hash under HMAC.
    pub algorithm: Algorithm,
    /// Length of its codes.
    pub digits: u8,
    /// Length of its secret, in octets.
    pub secret_bytes: u8,
    /// Its moving part at the start.
    pub factor: Factor,
}

/// What a new credential is made of, by the policy.
pub fn enrol(method: Method, policy: &Policy<'_>) -> Mould {
    match method {
        Method::Totp => totp::enrol(&policy.totp),
        Method::Hotp => hotp::enrol(&policy.hotp),
    }
}

/// What the user is asked for.
pub fn begin(credential: &Credential) -> Offer {
    match credential.factor {
        Factor::Totp(_) => totp::begin(credential),
        Factor::Hotp(_) => hotp::begin(credential),
    }
}

/// Judges an answer.
pub fn verify(
    credential: &Credential,
    proof: Proof,
    policy: &Policy<'_>,
    clock: Clock,
) -> Judgement {
    match credential.factor {
        Factor::Totp(state) => totp::verify(credential, state, proof, &policy.totp, clock),
        Factor::Hotp(state) => hotp::verify(credential, state, proof, &policy.hotp, clock),
    }
}

/// What an authenticator needs to make the same codes.
pub fn provision(credential: &Credential, issuer: &str, account: &str) -> Otpauth {
    Otpauth {
        moving: match credential.factor {
            Factor::Totp(state) => MovingFactor::Time(state.period),
            Factor::Hotp(state) => MovingFactor::Counter(state.counter),
        },
        algorithm: credential.algorithm,
        digits: credential.digits,
        issuer: Some(issuer.to_owned()),
        account: account.to_owned(),
        secret: credential.secret.clone(),
    }
}

/// The moving part of a token from elsewhere. None if there is nothing left of it to accept.
pub fn import(token: &Otpauth) -> Option<Factor> {
    match token.moving {
        MovingFactor::Time(period) => Some(Factor::Totp(totp::Totp {
            period,
            next_step: 0,
            offset: 0,
            drift: 0,
        })),
        MovingFactor::Counter(u64::MAX) => None,
        MovingFactor::Counter(counter) => Some(Factor::Hotp(hotp::Hotp { counter })),
    }
}

/// Moves a credential on after a right answer.
pub fn accept(credential: &mut Credential, factor: Factor, at: u64) {
    credential.factor = factor;
    credential.last_used = Some(at);
}

/// What may be shown of it.
pub fn view(credential: &Credential) -> Vec<Fact> {
    match credential.factor {
        Factor::Totp(state) => totp::view(credential, state),
        Factor::Hotp(state) => hotp::view(credential, state),
    }
}

impl Proof {
    /// One code, as typed.
    pub fn code(text: &str) -> Self {
        Code::parse(text).map_or(Self::Malformed, Self::Code)
    }

    /// Two codes, as typed.
    pub fn two_codes(first: &str, second: &str) -> Self {
        match (Code::parse(first), Code::parse(second)) {
            (Some(first), Some(second)) => Self::TwoCodes(first, second),
            _ => Self::Malformed,
        }
    }

    /// Whether a credential with codes of that length could have made it.
    pub fn fits(self, digits: u8) -> bool {
        match self {
            Self::Code(code) => code.digits() == digits,
            Self::TwoCodes(first, second) => first.digits() == digits && second.digits() == digits,
            Self::Malformed => false,
        }
    }
}

/// Searches two successive codes among so many counters from `first` on: the counter of the second. Looks at all of
/// them. A counter is only found from `least` on: what lies before is dead.
fn successive(
    generator: &Generator,
    codes: (Code, Code),
    first: u64,
    pairs: u64,
    least: u64,
) -> Option<u64> {
    let mut found = None;
    let mut before = generator.value(first);
    for counter in (first..first.saturating_add(pairs)).map(|counter| counter.saturating_add(1)) {
        let value = generator.value(counter);
        let both = bool::from(codes.0.is(before) & codes.1.is(value));
        if both && found.is_none() && counter > least {
            found = Some(counter);
        }
        before = value;
    }
    found
}

fn offer(credential: &Credential) -> Offer {
    Offer {
        method: credential.method().name().to_owned(),
        credential: Some(credential.id.text()),
        label: credential.label.clone(),
        digits: credential.digits,
    }
}

fn fact(name: &str, value: impl ToString) -> Fact {
    (name.to_owned(), value.to_string())
}
