//! What a host would have counted, in virtual time.

use cofactor_runtime::contract::{Count, Observation, Origin};

/// Everything that was counted so far.
#[derive(Default)]
pub(super) struct Counts {
    counted: Vec<Counted>,
}

struct Counted {
    kind: String,
    whose: String,
    at: u64,
    by: u32,
}

impl Counts {
    /// Counts what a step raised.
    pub(super) fn add(&mut self, counts: &[Count], origin: &Origin, now: u64) {
        self.counted.extend(counts.iter().map(|count| Counted {
            kind: count.kind.clone(),
            whose: whose(&count.kind, origin).to_owned(),
            at: now,
            by: count.by,
        }));
    }

    /// What fell into the window of one observation that ends now.
    pub(super) fn observe(&self, asked: &Observation, origin: &Origin, now: u64) -> Observation {
        let whose = whose(&asked.kind, origin);
        let count = self
            .counted
            .iter()
            .filter(|it| it.kind == asked.kind && it.whose == whose)
            .filter(|it| it.at <= now && now - it.at < asked.window)
            .fold(0_u32, |sum, it| sum.saturating_add(it.by));
        Observation {
            count,
            ..asked.clone()
        }
    }
}

/// Of whom a kind is counted: `observation.kind` in the contract. The empty text is the tenant.
fn whose<'a>(kind: &str, origin: &'a Origin) -> &'a str {
    if kind.starts_with("source") {
        origin.address.as_deref().unwrap_or(&origin.gateway)
    } else if kind.starts_with("user") {
        &origin.user
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_of_a_source_a_user_or_the_tenant_and_run_out() {
        let origin = |user: &str, address: &str| Origin {
            address: Some(address.to_owned()),
            ..Origin::new(user, "example", "simulate", [1; 16])
        };
        let (alice, bob) = (origin("alice", "192.0.2.1"), origin("bob", "192.0.2.2"));
        let mut counts = Counts::default();
        let raised = ["source", "user", "country/49"].map(|kind| Count {
            kind: kind.to_owned(),
            by: 2,
        });
        counts.add(&raised, &alice, 1_000);
        let count = |kind: &str, origin, now| {
            let asked = Observation {
                kind: kind.to_owned(),
                count: 0,
                window: 1_000,
            };
            counts.observe(&asked, origin, now).count
        };
        for (kind, of_bob) in [("source", 0), ("user", 0), ("country/49", 2)] {
            assert_eq!(count(kind, &alice, 1_999), 2, "{kind}");
            assert_eq!(count(kind, &bob, 1_999), of_bob, "{kind}");
            assert_eq!(count(kind, &alice, 2_000), 0, "{kind}");
        }
    }
}
