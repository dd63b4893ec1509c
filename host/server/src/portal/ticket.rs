//! Sealed tickets that hand a visitor over between a guarded site and a portal on a site of its own.
//!
//! A ticket is good for 60 seconds and once: the ids that were used are kept for that long, and what was sealed before
//! this process started is refused, so that a restart forgets nothing. Where several processes serve one portal, a
//! ticket could be shown to two of them; it would be of no use, because each stage needs the cookie of the browser that
//! began, and on a guarded site also the same first factor.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cofactor_runtime::seal::SealedBox;
use serde::{Deserialize, Serialize};

use super::visitor::STAY;
use crate::gateway::config::{Gateway, Gateways};
use crate::gateway::session::Session;
use crate::names::CanonicalName;

/// How long a ticket in an address is good, in milliseconds.
const LIFETIME: u64 = 60_000;
/// How many used tickets of one user are kept: a hundred hand-offs. Beyond it the user waits until older ones are over,
/// and nobody else does, since somebody with a password alone can begin as often as they like.
const MOST_USED: usize = 400;

/// Which step of the hand-off a ticket is for. It opens for no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Guarded site to portal: somebody wants to be verified.
    Begin,
    /// Portal to guarded site: is this the browser that began?
    Confirm,
    /// Guarded site to portal: it is.
    Enter,
    /// In the portal's cookie, afterwards.
    Visit,
    /// Portal to guarded site: verified, here is the session.
    Finish,
}

/// What is handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    /// Names it. Random.
    #[serde(with = "cofactor_runtime::contract::bytes")]
    pub(super) id: Vec<u8>,
    /// When it was sealed, in milliseconds since the epoch.
    pub(super) at: u64,
    /// The gateway that vouches.
    pub(super) gateway: String,
    /// The user, in canonical form.
    pub(super) user: String,
    /// Where the browser came from and goes back to: an absolute address on one of the gateway's sites.
    pub(super) back: String,
    /// The HTTP method of the request that it is for.
    #[serde(default)]
    pub(super) method: String,
    /// The browser on the guarded site, by digest.
    #[serde(with = "cofactor_runtime::contract::bytes")]
    pub(super) browser: Vec<u8>,
    /// The browser on the portal's site, by digest; empty until it is known.
    #[serde(with = "cofactor_runtime::contract::bytes")]
    pub(super) portal_browser: Vec<u8>,
    /// The groups that the gateway vouches for, once the browser is known to be the one that began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<String>,
    /// The session, at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<Session>,
}

impl Ticket {
    /// The gateway that it is of, if it is still configured.
    pub(super) fn gateway(&self, gateways: &Gateways) -> Option<Arc<Gateway>> {
        gateways
            .all
            .iter()
            .find(|gateway| gateway.name == self.gateway)
            .map(Arc::clone)
    }

    /// The user that it is of.
    pub(super) fn user(&self, gateways: &Gateways) -> Option<CanonicalName> {
        gateways.names.canonical(self.user.as_bytes()).ok()
    }
}

/// Seals tickets, opens them, and knows which were used.
pub(super) struct Tickets {
    seal: SealedBox,
    started: u64,
    used: Mutex<Used>,
}

/// The tickets that were used and are not over.
#[derive(Default)]
struct Used {
    of: HashMap<Owner, HashSet<Vec<u8>>>,
    /// The same, in the order of their use, with when they are over.
    order: VecDeque<(u64, Owner, Vec<u8>)>,
}

/// Whose tickets they are: gateway and user.
type Owner = (String, String);

impl Used {
    /// Uses a ticket up; false where it was, or its owner has used too many.
    fn take(&mut self, ticket: &Ticket, now: u64) -> bool {
        self.forget(now);
        let owner = (ticket.gateway.clone(), ticket.user.clone());
        let ids = self.of.entry(owner.clone()).or_default();
        if ids.len() >= MOST_USED || !ids.insert(ticket.id.clone()) {
            return false;
        }
        // A ticket from a clock ahead of ours lives longer by that much.
        let over = ticket.at.max(now).saturating_add(LIFETIME);
        self.order.push_back((over, owner, ticket.id.clone()));
        true
    }

    fn forget(&mut self, now: u64) {
        while let Some((over, owner, id)) = self.order.pop_front() {
            if over > now {
                self.order.push_front((over, owner, id));
                return;
            }
            if let Some(ids) = self.of.get_mut(&owner) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.of.remove(&owner);
                }
            }
        }
    }
}

impl Tickets {
    /// From `started` on, in milliseconds since the epoch.
    pub(super) fn new(seal: SealedBox, started: u64) -> Self {
        Self {
            seal,
            started,
            used: Mutex::default(),
        }
    }

    /// The ticket as text for an address or a cookie.
    pub(super) fn seal(&self, stage: Stage, ticket: &Ticket) -> Option<String> {
        let plain = serde_json::to_vec(ticket).ok()?;
        Some(URL_SAFE_NO_PAD.encode(self.seal.seal(binding(stage), &plain).ok()?))
    }

    /// Opens a ticket that is not over.
    pub(super) fn open(&self, stage: Stage, text: &str, now: u64) -> Option<Ticket> {
        let ticket = self.unseal(stage, text)?;
        let lifetime = if stage == Stage::Visit {
            STAY
        } else {
            LIFETIME
        };
        let over = ticket.at.saturating_add(lifetime);
        (ticket.at <= now.saturating_add(LIFETIME) && now < over).then_some(ticket)
    }

    /// Where the browser began with a ticket of ours, also one that is over.
    pub(super) fn way_back(&self, stage: Stage, text: &str) -> Option<String> {
        Some(self.unseal(stage, text)?.back)
    }

    fn unseal(&self, stage: Stage, text: &str) -> Option<Ticket> {
        if text.len() > 24 * 1024 {
            return None;
        }
        let plain = self
            .seal
            .open(binding(stage), &URL_SAFE_NO_PAD.decode(text).ok()?)?;
        serde_json::from_slice(&plain).ok()
    }

    /// Opens a ticket and uses it up.
    pub(super) fn take(&self, stage: Stage, text: &str, now: u64) -> Option<Ticket> {
        let ticket = self.open(stage, text, now)?;
        if ticket.at < self.started {
            return None;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.take(&ticket, now).then_some(ticket)
    }
}

fn binding(stage: Stage) -> &'static [u8] {
    match stage {
        Stage::Begin => b"begin",
        Stage::Confirm => b"confirm",
        Stage::Enter => b"enter",
        Stage::Visit => b"visit",
        Stage::Finish => b"finish",
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
mod tests {
    use cofactor_runtime::seal::KeyRing;

    use super::*;

    fn ticket(at: u64) -> Ticket {
        Ticket {
            id: vec![1; 16],
            at,
            gateway: "one".into(),
            user: "alice".into(),
            back: "https://a.example/".into(),
            method: "GET".into(),
            browser: vec![2; 32],
            portal_browser: Vec::new(),
            groups: Vec::new(),
            session: None,
        }
    }

    #[test]
    fn a_ticket_is_good_once_for_its_stage_and_for_a_minute() {
        let ring = KeyRing::generate(0).unwrap();
        let seal = || ring.sealed_box("ticket");
        let tickets = Tickets::new(seal(), 1_000);
        let text = tickets.seal(Stage::Begin, &ticket(2_000)).unwrap();
        assert!(tickets.open(Stage::Enter, &text, 2_000).is_none());
        assert!(tickets.take(Stage::Begin, &text, 62_000).is_none());
        assert_eq!(
            tickets.take(Stage::Begin, &text, 61_999),
            Some(ticket(2_000))
        );
        assert!(tickets.take(Stage::Begin, &text, 61_999).is_none());
        // Another process, or this one after a restart.
        assert!(
            Tickets::new(seal(), 2_001)
                .take(Stage::Begin, &text, 3_000)
                .is_none()
        );
        let foreign = KeyRing::generate(0).unwrap().sealed_box("ticket");
        assert!(
            Tickets::new(foreign, 0)
                .open(Stage::Begin, &text, 2_000)
                .is_none()
        );
    }

    #[test]
    fn one_user_cannot_use_up_the_tickets_of_another() {
        let tickets = Tickets::new(KeyRing::generate(0).unwrap().sealed_box("ticket"), 0);
        let take = |user: &str, id: u64, now: u64| {
            let ticket = Ticket {
                id: id.to_be_bytes().to_vec(),
                user: user.into(),
                ..ticket(now)
            };
            let text = tickets.seal(Stage::Begin, &ticket).unwrap();
            tickets.take(Stage::Begin, &text, now).is_some()
        };
        let taken = (0..100_001)
            .filter(|id| take("mallory", *id, 1_000))
            .count();
        assert_eq!(taken, MOST_USED);
        assert!(take("alice", 0, 1_000));
        assert!(!take("mallory", 200_000, 60_999));
        assert!(take("mallory", 200_000, 61_000), "older ones are over");
        assert!(take("alice", 0, 61_000));
        let used = tickets.used.lock().unwrap();
        assert_eq!((used.of.len(), used.order.len()), (2, 2), "and forgotten");
    }

    #[test]
    fn a_stay_at_the_portal_lasts_longer_than_a_ticket() {
        let tickets = Tickets::new(KeyRing::generate(0).unwrap().sealed_box("ticket"), 0);
        let text = tickets.seal(Stage::Visit, &ticket(0)).unwrap();
        assert!(tickets.open(Stage::Visit, &text, STAY - 1).is_some());
        assert!(tickets.open(Stage::Visit, &text, STAY).is_none());
    }
}
