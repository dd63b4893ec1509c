//! Sealed tickets that hand a visitor over between a guarded site and a portal on a site of its own.
//!
//! A ticket is good for 60 seconds and once: the ids that were used are kept for that long, and what was sealed before
//! this process started is refused, so that a restart forgets nothing. Where several processes serve one portal, a
//! ticket could be shown to two of them; it would be of no use, because each stage needs the cookie of the browser that
//! began, and on a guarded site also the same first factor.

use std::collections::HashMap;
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
/// How many used tickets are kept: beyond it no ticket is accepted until older ones are over.
const MOST_USED: usize = 100_000;

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
    /// The browser on the guarded site, by digest.
    #[serde(with = "cofactor_runtime::contract::bytes")]
    pub(super) browser: Vec<u8>,
    /// The browser on the portal's site, by digest; empty until it is known.
    #[serde(with = "cofactor_runtime::contract::bytes")]
    pub(super) portal_browser: Vec<u8>,
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
    used: Mutex<HashMap<Vec<u8>, u64>>,
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
        if text.len() > 24 * 1024 {
            return None;
        }
        let plain = self
            .seal
            .open(binding(stage), &URL_SAFE_NO_PAD.decode(text).ok()?)?;
        let ticket: Ticket = serde_json::from_slice(&plain).ok()?;
        let lifetime = if stage == Stage::Visit {
            STAY
        } else {
            LIFETIME
        };
        let over = ticket.at.saturating_add(lifetime);
        (ticket.at <= now.saturating_add(LIFETIME) && now < over).then_some(ticket)
    }

    /// Opens a ticket and uses it up.
    pub(super) fn take(&self, stage: Stage, text: &str, now: u64) -> Option<Ticket> {
        let ticket = self.open(stage, text, now)?;
        if ticket.at < self.started {
            return None;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= MOST_USED {
            used.retain(|_, over| *over > now);
        }
        if used.len() >= MOST_USED || used.contains_key(&ticket.id) {
            return None;
        }
        // A ticket from a clock ahead of ours lives longer by that much.
        used.insert(
            ticket.id.clone(),
            ticket.at.max(now).saturating_add(LIFETIME),
        );
        Some(ticket)
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
            browser: vec![2; 32],
            portal_browser: Vec::new(),
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
    fn a_stay_at_the_portal_lasts_longer_than_a_ticket() {
        let tickets = Tickets::new(KeyRing::generate(0).unwrap().sealed_box("ticket"), 0);
        let text = tickets.seal(Stage::Visit, &ticket(0)).unwrap();
        assert!(tickets.open(Stage::Visit, &text, STAY - 1).is_some());
        assert!(tickets.open(Stage::Visit, &text, STAY).is_none());
    }
}
