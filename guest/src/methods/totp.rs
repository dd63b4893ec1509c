//! Time-based codes: RFC 6238.

use core::ops::RangeInclusive;

use super::code::{Code, Generator};
use super::{Clock, Judgement, Mould, Proof, fact, offer, successive};
use crate::account::{Credential, Factor};
use crate::contract::{Fact, Offer};
use crate::policy;

/// How long a step may be, in seconds.
pub const PERIODS: RangeInclusive<u16> = 15..=300;

/// What moves in a time-based credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totp {
    /// Length of a step, in seconds: 15 to 300.
    pub period: u16,
    /// The first step that is not dead: the one after the last that was accepted (RFC 6238 section 5.2).
    pub next_step: u64,
    /// By how many steps the token is ahead of the server, as two successive codes have shown. At most 1,000 each way.
    pub offset: i16,
    /// By how many steps more it was ahead when last used (RFC 6238 section 6). Never beyond the policy's cap, counted
    /// from the server's time and the offset, so that no history walks the window away (OTP-08).
    pub drift: i16,
}

pub(super) fn enrol(policy: &policy::Totp) -> Mould {
    Mould {
        algorithm: policy.algorithm,
        digits: policy.digits,
        secret_bytes: policy.secret_bytes,
        factor: Factor::Totp(Totp {
            period: policy.period,
            next_step: 0,
            offset: 0,
            drift: 0,
        }),
    }
}

pub(super) fn begin(credential: &Credential) -> Offer {
    offer(credential)
}

pub(super) fn verify(
    credential: &Credential,
    state: Totp,
    proof: Proof,
    policy: &policy::Totp,
    clock: Clock,
) -> Judgement {
    if !proof.fits(credential.digits) {
        return Judgement::Wrong;
    }
    let generator = Generator::new(credential);
    match proof {
        Proof::Code(code) => in_window(&generator, state, code, policy, clock),
        Proof::TwoCodes(first, second) => {
            resynchronise(&generator, state, (first, second), policy, clock)
        }
        Proof::Malformed => Judgement::Wrong,
    }
}

pub(super) fn view(credential: &Credential, state: Totp) -> Vec<Fact> {
    // Sorted by name, as every list of facts.
    vec![
        fact("algorithm", credential.algorithm.name()),
        fact("digits", credential.digits),
        fact("drift", state.drift),
        fact("offset", state.offset),
        fact("period", state.period),
    ]
}

/// Tries every step of the window, whatever the earlier ones gave: the time taken tells nothing (OTP-13).
fn in_window(
    generator: &Generator,
    state: Totp,
    code: Code,
    policy: &policy::Totp,
    clock: Clock,
) -> Judgement {
    let least = first_alive(state, policy, clock);
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
        Some((counter, step)) => Judgement::Right(Factor::Totp(Totp {
            next_step: counter.saturating_add(1),
            drift: small(step.saturating_sub(expected).clamp(-cap, cap)),
            ..state
        })),
        None if dead => Judgement::Used,
        None => Judgement::Wrong,
    }
}

/// Looks for two successive codes around the server's time. The offset is counted from that time and not from the one
/// before, so that it cannot be walked either.
fn resynchronise(
    generator: &Generator,
    state: Totp,
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
        first_alive(state, policy, clock),
    ) {
        Some(second) => Judgement::Right(Factor::Totp(Totp {
            next_step: second.saturating_add(1),
            offset: small(
                i64::try_from(second)
                    .unwrap_or(i64::MAX)
                    .saturating_sub(here),
            ),
            drift: 0,
            ..state
        })),
        None => Judgement::Wrong,
    }
}

/// The first step that is not dead. After a store was rolled back, that is the first one that cannot have been accepted
/// before the instant which the host names: the token may have been ahead, or found to be by two codes in the time that
/// was forgotten, and the window reaches further.
fn first_alive(state: Totp, policy: &policy::Totp, clock: Clock) -> u64 {
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
