//! Counter-based codes: RFC 4226.

use super::code::{Code, Generator};
use super::{Clock, Judgement, Mould, Proof, fact, offer, successive};
use crate::account::{Credential, Factor};
use crate::contract::{Fact, Offer};
use crate::policy;

/// What moves in a counter-based credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hotp {
    /// The counter of the next code. Moves on success only (RFC 4226 section 7.4, OTP-10), and never back. The last one
    /// there is, 2^64 - 1, is never accepted.
    pub counter: u64,
}

pub(super) fn enrol(policy: &policy::Hotp) -> Mould {
    Mould {
        algorithm: policy.algorithm,
        digits: policy.digits,
        secret_bytes: policy.secret_bytes,
        factor: Factor::Hotp(Hotp { counter: 0 }),
    }
}

pub(super) fn begin(credential: &Credential) -> Offer {
    offer(credential)
}

pub(super) fn verify(
    credential: &Credential,
    state: Hotp,
    proof: Proof,
    policy: &policy::Hotp,
    clock: Clock,
) -> Judgement {
    if !proof.fits(credential.digits) {
        return Judgement::Wrong;
    }
    let generator = Generator::new(credential);
    let judgement = match proof {
        Proof::Code(code) => look_ahead(&generator, state, code, policy),
        Proof::TwoCodes(first, second) => resynchronise(&generator, state, (first, second), policy),
        Proof::Malformed => Judgement::Wrong,
    };
    // A store that was rolled back holds a counter that the token may have passed by any number. Two codes in a row prove
    // no more than one: both may have been used and seen. Only a new enrolment says where the token is (ST-01).
    let unknown = credential.created < clock.refuse_before;
    match judgement {
        Judgement::Right(_) if unknown => Judgement::Used,
        judgement => judgement,
    }
}

pub(super) fn view(credential: &Credential, state: Hotp) -> Vec<Fact> {
    vec![
        fact("algorithm", credential.algorithm.name()),
        fact("counter", state.counter),
        fact("digits", credential.digits),
    ]
}

/// RFC 4226 section 7.4: tries the expected counter and so many after it, whatever the earlier ones gave. The code of the
/// counter before is looked at too, to tell a repeated code from a wrong one in the log.
fn look_ahead(generator: &Generator, state: Hotp, code: Code, policy: &policy::Hotp) -> Judgement {
    let mut found = None;
    for ahead in 0..=u64::from(policy.look_ahead) {
        let counter = state.counter.saturating_add(ahead);
        let matched = bool::from(code.is(generator.value(counter)));
        if matched & found.is_none() {
            found = counter.checked_add(1);
        }
    }
    let before =
        bool::from(code.is(generator.value(state.counter.saturating_sub(1)))) & (state.counter > 0);
    match found {
        Some(counter) => Judgement::Right(Factor::Hotp(Hotp { counter })),
        None if before => Judgement::Used,
        None => Judgement::Wrong,
    }
}

/// RFC 4226 section 7.4 and appendix E.4: two successive codes prove where the token is.
fn resynchronise(
    generator: &Generator,
    state: Hotp,
    codes: (Code, Code),
    policy: &policy::Hotp,
) -> Judgement {
    let pairs = u64::from(policy.resync_window);
    match successive(generator, codes, state.counter, pairs, state.counter)
        .and_then(|second| second.checked_add(1))
    {
        Some(counter) => Judgement::Right(Factor::Hotp(Hotp { counter })),
        None => Judgement::Wrong,
    }
}
