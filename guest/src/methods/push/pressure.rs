//! How hard somebody presses a user to approve, and what is done about it (PU-01, X16). A pure function of the messages that
//! went out: each refusal makes the next wait longer, the number longer and the choices more.

use super::NUMBER;
use crate::account::Send;
use crate::policy::{HOUR, Sends};

/// What the notifications of before came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pressure {
    /// In the window, neither approved nor refused.
    unanswered: usize,
    /// Since the last success of any method.
    since_success: usize,
    /// Refused, since the last success.
    declined: u32,
    /// Until when the next one waits.
    resumes: u64,
    at: u64,
}

/// The longest wait after refusals.
const LONGEST_WAIT: u64 = HOUR;
/// How long numbers are.
const LENGTHS: [u8; 3] = [2, 3, 6];

impl Pressure {
    /// Adds up what went out until `at`.
    pub(super) fn of(sends: &[Send], policy: &Sends<'_>, at: u64) -> Self {
        let mut pressure = Self {
            at,
            ..Self::default()
        };
        let mut last = None;
        let open = |send: &&Send| send.method == NUMBER && !send.answered;
        for send in sends.iter().filter(open) {
            pressure.since_success += 1;
            last = last.max(Some(send.at));
            if send.declined {
                pressure.declined += 1;
            } else if at < send.at.saturating_add(policy.window) {
                pressure.unanswered += 1;
            }
        }
        // What was approved was wanted, and nothing waits after it.
        pressure.resumes = last.map_or(0, |last| last.saturating_add(pressure.wait(policy)));
        pressure
    }

    /// Whether too many went out, or the last one is too recent.
    pub(super) fn is_too_high(&self, policy: &Sends<'_>) -> bool {
        self.is_crowded(policy) || self.since_success >= usize::from(policy.since_success)
    }

    /// The same without the bound that only a success lifts: whoever enrols their first device cannot have one.
    pub(super) fn is_crowded(&self, policy: &Sends<'_>) -> bool {
        self.unanswered >= usize::from(policy.unanswered) || self.at < self.resumes
    }

    /// How long a number is: after each refusal as long as the next policy would have it.
    pub(super) fn digits(&self, policy: u8) -> u8 {
        let longer = LENGTHS.iter().filter(|length| **length >= policy);
        let declined = usize::try_from(self.declined).unwrap_or(usize::MAX);
        longer.copied().take(declined.saturating_add(1)).last().unwrap_or(6)
    }

    /// How many numbers there are to pick from: 3, and 2 more after each refusal, up to 9.
    pub(super) fn choices(&self) -> u8 {
        3 + 2 * self.declined.min(3) as u8
    }

    /// The policy's wait, twice as long after each refusal.
    fn wait(&self, policy: &Sends<'_>) -> u64 {
        policy
            .cooldown
            .saturating_mul(1 << self.declined.min(16))
            .min(LONGEST_WAIT.max(policy.cooldown))
    }
}

#[cfg(test)]
mod tests {
    use super::{NUMBER, Pressure, Send};
    use crate::policy::Sends;

    fn send(at: u64, declined: bool) -> Send {
        Send {
            method: NUMBER,
            answered: false,
            declined,
            at,
        }
    }

    #[test]
    fn every_refusal_makes_the_next_one_harder() {
        let policy = Sends::default();
        let mut sends = Vec::new();
        let mut at = 1_000_000_000;
        let mut seen = Vec::new();
        for _ in 0..4 {
            let pressure = Pressure::of(&sends, &policy, at);
            assert!(!pressure.is_too_high(&policy));
            sends.push(send(at, true));
            let after = Pressure::of(&sends, &policy, at);
            assert!(after.is_too_high(&policy));
            seen.push(((after.resumes - at) / 1000, after.digits(2), after.choices()));
            at = after.resumes;
        }
        assert_eq!(seen, [(60, 3, 5), (120, 6, 7), (240, 6, 9), (480, 6, 9)]);
    }

    #[test]
    fn what_was_approved_or_is_of_another_method_presses_nobody() {
        let policy = Sends::default();
        let mut sends = vec![send(1000, false); 8];
        for send in &mut sends {
            send.answered = true;
        }
        sends.push(Send { method: NUMBER + 1, ..send(1000, false) });
        let pressure = Pressure::of(&sends, &policy, 1000);
        assert!(!pressure.is_too_high(&policy));
        assert_eq!((pressure.digits(3), pressure.choices()), (3, 3));
    }
}
