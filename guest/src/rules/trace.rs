//! What each rule said, for [`explain`](crate::step::explain). The rules write it down while they decide, so that what is
//! explained cannot be another thing than what is decided.

use core::cell::RefCell;

use super::{Circumstances, Decision};
use crate::contract::Finding;
use crate::reason::Reason;

/// Findings, in the order in which the rules were asked.
#[derive(Default)]
pub struct Trace(RefCell<Vec<(Role, Finding)>>);

/// What a finding can bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A refusal.
    Deny,
    /// A demand on what has to be proved.
    Demand,
    /// That nothing has to be proved.
    Skip(Reason),
}

impl Circumstances<'_> {
    /// Writes down what a rule said, if somebody wants to know.
    pub(crate) fn note(&self, role: Role, finding: impl FnOnce() -> Finding) {
        if let Some(trace) = self.trace
            && let Ok(mut findings) = trace.0.try_borrow_mut()
        {
            findings.push((role, finding()));
        }
    }
}

impl Trace {
    /// The findings, with those marked that the decision comes from.
    pub(crate) fn into_findings(self, decision: &Decision) -> Vec<Finding> {
        let mut skipped = false;
        let findings = self.0.into_inner().into_iter();
        findings
            .map(|(role, finding)| {
                let decided = match (decision, role) {
                    (Decision::Deny(Reason::RuleDenied), Role::Deny) => true,
                    (Decision::Deny(Reason::RuleDenied), _) => false,
                    (Decision::Deny(_) | Decision::Ask(_), Role::Demand) => true,
                    // The first of its reason: no other was asked behind it.
                    (Decision::Skip(skip), Role::Skip(reason)) => skip.reason == reason && !skipped,
                    _ => false,
                };
                let decided = decided && finding.applies;
                skipped |= decided;
                Finding { decided, ..finding }
            })
            .collect()
    }
}

/// A finding in words.
pub(crate) fn finding(rule: &str, applies: bool, because: &str, asks: &str) -> Finding {
    Finding {
        rule: rule.to_owned(),
        applies,
        because: because.to_owned(),
        asks: asks.to_owned(),
        decided: false,
    }
}
