//! Failure counters, back-off, lockout and the hard ceiling (RFC 4226 section 7.3, NIST SP 800-63B-4 section 3.2.2).
//!
//! Instants here are the later of the host's clock and the record's latest, so that a clock that steps back shortens
//! nothing. Counters live in the record, so they outlast challenges, sessions, methods and hosts.

use crate::policy::{self, DAY, Throttle};
use crate::reason::Reason;

/// Consecutive failures of one credential, or of one account over all its credentials, and what they led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many, since the last success.
    pub count: u32,
    /// How many of a credential's the account was forgiven already, by a success with another credential that they were
    /// counted on as well. Zero for the account.
    pub forgiven: u32,
    /// Before this instant an attempt is not looked at: the back-off.
    pub next_attempt: u64,
    /// Before this instant an attempt is not looked at: the lockout.
    pub locked_until: u64,
    /// Lockouts since the last success; each lasts twice as long as the one before.
    pub locks: u8,
    /// The ceiling was reached. Only a new enrolment helps.
    pub disabled: bool,
}

/// What one more failure led to, beyond a longer wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escalation {
    /// Nothing.
    None,
    /// Locked until the instant.
    Locked(u64),
    /// Disabled for good.
    Disabled,
}

impl Failures {
    /// Counts a failure of a credential at `at`.
    pub fn fail_credential(&mut self, policy: &Throttle, at: u64) -> Escalation {
        self.count = self.count.saturating_add(1);
        if self.count >= u32::from(policy.ceiling) {
            self.disabled = true;
            return Escalation::Disabled;
        }
        if self.count.is_multiple_of(u32::from(policy.lock_after)) {
            return self.lock(policy, at);
        }
        if let Some(doublings) = self.count.checked_sub(u32::from(policy.delay_after)) {
            let wait = doubled(policy.delay_base, doublings, policy.delay_max);
            self.next_attempt = self.next_attempt.max(at.saturating_add(wait));
        }
        Escalation::None
    }

    /// Counts a failure of the account at `at`, whichever credentials were tried (BF-03).
    pub fn fail_account(&mut self, policy: &Throttle, at: u64) -> Escalation {
        self.count = self.count.saturating_add(1);
        if self
            .count
            .is_multiple_of(u32::from(policy.account_lock_after))
        {
            return self.lock(policy, at);
        }
        Escalation::None
    }

    /// Counts a wrong PIN at `at` (S11): every so many lock it, each time twice as long, and `ceiling` disable it.
    pub fn fail_pin(&mut self, policy: &policy::Pin, ceiling: u16, at: u64) -> Escalation {
        self.count = self.count.saturating_add(1);
        if self.count >= u32::from(ceiling) {
            self.disabled = true;
            return Escalation::Disabled;
        }
        if !self.count.is_multiple_of(u32::from(policy.lock_after)) {
            return Escalation::None;
        }
        let wait = doubled(policy.lock_for, u32::from(self.locks), DAY);
        self.locks = self.locks.saturating_add(1);
        self.locked_until = self.locked_until.max(at.saturating_add(wait));
        Escalation::Locked(self.locked_until)
    }

    /// What a success with this credential forgives the account: what it cost it, and nothing that others did (BF-04).
    pub fn owed(&self) -> u32 {
        self.count.saturating_sub(self.forgiven)
    }

    /// Notes for another credential that the account was forgiven so many. Some may have been counted on both, and nothing
    /// says which: as many as there are count as those, so that none is forgiven twice.
    pub fn note_forgiven(&mut self, count: u32) {
        self.forgiven = self.forgiven.saturating_add(count).min(self.count);
    }

    /// Takes what a credential owed off the account's failures.
    pub fn forgive(&mut self, count: u32) {
        self.count = self.count.saturating_sub(count);
        if self.count == 0 {
            self.locks = 0;
        }
    }

    /// Lifts waits and locks and starts counting anew. Disabled stays disabled.
    pub fn clear(&mut self) {
        *self = Self {
            disabled: self.disabled,
            ..Self::default()
        };
    }

    /// Whether an attempt at `at` is looked at; the reason if it is not.
    pub fn refusal(&self, at: u64) -> Option<Reason> {
        if self.disabled {
            return Some(Reason::Disabled);
        }
        if at < self.locked_until {
            return Some(Reason::Locked);
        }
        if at < self.next_attempt {
            return Some(Reason::Throttled);
        }
        None
    }

    fn lock(&mut self, policy: &Throttle, at: u64) -> Escalation {
        let until = at.saturating_add(doubled(
            policy.lock_for,
            u32::from(self.locks),
            policy.lock_max,
        ));
        self.locks = self.locks.saturating_add(1);
        self.locked_until = self.locked_until.max(until);
        Escalation::Locked(self.locked_until)
    }
}

/// `base`, doubled so many times, but never over `most`.
fn doubled(base: u64, doublings: u32, most: u64) -> u64 {
    1_u64
        .checked_shl(doublings)
        .and_then(|factor| base.checked_mul(factor))
        .map_or(most, |wait| wait.min(most))
}

#[cfg(test)]
mod tests {
    use super::{Escalation, Failures, doubled};
    use crate::policy::Throttle;
    use crate::reason::Reason;

    #[test]
    fn waits_double_up_to_the_limit_and_locks_up_to_the_ceiling() {
        let policy = Throttle::default();
        let mut failures = Failures::default();
        let mut at = 1_000_000;
        let waits: Vec<u64> = (1..=10)
            .map(|_| {
                let escalation = failures.fail_credential(&policy, at);
                let until = failures.next_attempt.max(failures.locked_until);
                let wait = until.saturating_sub(at);
                if escalation != Escalation::None {
                    assert_eq!(escalation, Escalation::Locked(until));
                }
                at = at.max(until);
                wait / 1000
            })
            .collect();
        assert_eq!(waits, [0, 0, 2, 4, 8, 16, 32, 64, 128, 900]);
        while failures.fail_credential(&policy, at) != Escalation::Disabled {
            at = at.max(failures.next_attempt).max(failures.locked_until);
        }
        assert_eq!(failures.count, 100);
        failures.clear();
        assert_eq!(
            failures.refusal(u64::MAX),
            Some(Reason::Disabled),
            "an unlock does not lift the ceiling"
        );
    }

    #[test]
    fn nothing_overflows() {
        assert_eq!(doubled(2, 63, u64::MAX), u64::MAX);
        assert_eq!(doubled(1, 64, 7), 7);
        assert_eq!(doubled(0, 200, 7), 7);
        let mut failures = Failures {
            count: u32::MAX,
            locks: u8::MAX,
            ..Failures::default()
        };
        assert_eq!(
            failures.fail_credential(&Throttle::default(), u64::MAX),
            Escalation::Disabled
        );
        failures.fail_account(&Throttle::default(), u64::MAX);
    }
}
