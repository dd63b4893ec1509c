//! The session cookie: the component's claims, sealed, and the passes that were given for it.
//!
//! A cookie opens only for the gateway, or those that share sessions, and the tenant, issuer and user that it was made for:
//! these are what the seal is bound to, so that one user's session under another's first factor is no session at all. The claims are judged by the
//! component, and at every request the store says how account and session stand, or that nothing was changed since it was
//! asked, so that a session that was revoked or signed out ends with the next request, at every host of the store. A pass
//! is kept for as long as the component allowed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cofactor_runtime::contract::Claims;
use cofactor_runtime::seal::SealedBox;
use cofactor_runtime::store::{Mark, SessionId};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Visit;
use super::config::Gateway;
use crate::names::CanonicalName;

/// What a cookie holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Names the session, so that it can be ended alone: see [`Sessions::id`].
    #[serde(with = "hex")]
    pub id: [u8; 16],
    /// The account that it was made for.
    #[serde(with = "hex")]
    pub account: [u8; 16],
    /// What was proved.
    pub claims: Claims,
}

/// Seals and opens cookies, and keeps what it may of the answers about them.
pub struct Sessions {
    seal: SealedBox,
    passes: Passes,
    names: Zeroizing<[u8; 32]>,
}

impl Sessions {
    /// With a seal and a digest key of their own.
    #[must_use]
    pub fn new(seal: SealedBox, names: Zeroizing<[u8; 32]>) -> Self {
        Self {
            seal,
            passes: Passes::default(),
            names,
        }
    }

    /// The id of the session that an event of an account begins. The same event begins the same session: a form that is
    /// sent again after signing out brings back a session that is over.
    #[must_use]
    pub fn id(&self, account: &[u8; 16], event: &[u8]) -> [u8; 16] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.names.as_slice()) else {
            return [0; 16];
        };
        mac.update(account);
        mac.update(event);
        let mut id = [0; 16];
        id.iter_mut()
            .zip(mac.finalize().into_bytes())
            .for_each(|(to, from)| *to = from);
        id
    }

    /// The cookie's value.
    #[must_use]
    pub fn seal(
        &self,
        gateway: &Gateway,
        user: &CanonicalName,
        session: &Session,
    ) -> Option<String> {
        let plain = serde_json::to_vec(session).ok()?;
        let sealed = self.seal.seal(&binding(gateway, user), &plain).ok()?;
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// What a cookie's value holds: none if it was altered, or made for another user or gateway. Whether it was ended is
    /// the store's to say.
    #[must_use]
    pub fn open(&self, gateway: &Gateway, user: &CanonicalName, value: &str) -> Option<Session> {
        // The longest that is ever made has less than half of this.
        if value.len() > 4096 {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(value).ok()?;
        let plain = self.seal.open(&binding(gateway, user), &sealed)?;
        serde_json::from_slice(&plain).ok()
    }

    /// A pass whose time is not over. It holds if the account and the session still stand as they did.
    #[must_use]
    pub fn pass(&self, question: &Question, now: u64) -> Option<Kept> {
        self.passes.get(question, now)
    }

    /// Keeps a pass.
    pub fn keep(&self, question: Question, kept: Kept) {
        self.passes.put(question, kept);
    }
}

/// What is sealed with a session but not in it.
fn binding(gateway: &Gateway, user: &CanonicalName) -> Vec<u8> {
    [
        &gateway.sessions,
        &gateway.tenant,
        &gateway.issuer,
        user.as_str(),
    ]
    .join("\0")
    .into_bytes()
}

/// What a pass was given for: one cookie value of one user at one gateway, from one address, and one place that it asks for.
/// The component demands more of some places than of others, and which ones belong together is not told: so no pass for
/// one is used for another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Question([u8; 32]);

impl Question {
    /// By digest, so that no cookie is kept.
    #[must_use]
    pub fn new(visit: &Visit<'_>, cookie: &str) -> Self {
        let mut digest = Sha256::new();
        for part in [
            &visit.gateway.name,
            visit.user.as_str(),
            visit.address.unwrap_or(""),
            cookie,
            visit.target.site.authority(),
            visit.target.path(),
            visit.method,
        ] {
            digest.update(part);
            digest.update([0]);
        }
        Self(digest.finalize().into())
    }
}

/// An answer that holds for a while, with the headers that tell it.
#[derive(Debug)]
pub struct Pass {
    /// Until when, in milliseconds since the epoch.
    pub until: u64,
    /// The account's generation that it was given under.
    pub generation: u64,
    /// Which session.
    pub session: SessionId,
    /// Who.
    pub user: HeaderValue,
    /// By which method.
    pub method: HeaderValue,
    /// The level that was reached.
    pub level: HeaderValue,
    /// When it was verified: RFC 3339, in UTC.
    pub verified: HeaderValue,
}

/// A pass, and how the store was marked before account and session were found to stand as it says.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The pass.
    pub pass: Arc<Pass>,
    /// None where the store has no marks.
    pub mark: Option<Mark>,
}

const SHARDS: usize = 16;
const MOST_IN_SHARD: usize = 4096;

/// Passes by question, in shards so that threads seldom meet. At most 65,536; a full shard is emptied, which costs one
/// judgement for each of its sessions and nothing else.
#[derive(Default)]
struct Passes {
    shards: [Mutex<HashMap<Question, Kept>>; SHARDS],
}

impl Passes {
    fn get(&self, question: &Question, now: u64) -> Option<Kept> {
        let mut shard = self
            .shard(question)?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let kept = shard.get(question)?;
        if now < kept.pass.until {
            return Some(kept.clone());
        }
        shard.remove(question);
        None
    }

    fn put(&self, question: Question, kept: Kept) {
        if let Some(shard) = self.shard(&question) {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if shard.len() >= MOST_IN_SHARD {
                shard.clear();
            }
            shard.insert(question, kept);
        }
    }

    fn shard(&self, question: &Question) -> Option<&Mutex<HashMap<Question, Kept>>> {
        self.shards.get(usize::from(question.0.first()? % 16))
    }
}

/// An instant as RFC 3339 has it, in UTC and whole seconds, such as `2026-03-01T09:30:00Z`. Years to 9999.
#[must_use]
pub fn instant_text(ms: u64) -> String {
    let seconds = ms / 1000;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, so that the leap day is a year's last (the civil calendar of ISO 8601).
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
pub(crate) mod tests {
    use std::path::Path;

    use cofactor_runtime::seal::KeyRing;

    use super::*;
    use crate::gateway::site::Address;
    use crate::names::Names;

    pub(crate) fn gateway(name: &str) -> Gateway {
        let text = format!(
            "name = {name:?}\npeers = [\"127.0.0.1/32\"]\nsecret = \"0123456789abcdef\"\nhosts = [\"a.example\"]\napplication = \"wiki\""
        );
        Gateway::new(&toml::from_str(&text).unwrap(), Path::new(".")).unwrap()
    }

    pub(crate) fn user(name: &str) -> CanonicalName {
        Names::default().canonical(name.as_bytes()).unwrap()
    }

    fn session() -> Session {
        Session {
            id: [7; 16],
            account: [1; 16],
            claims: Claims {
                application: "wiki".into(),
                generation: 3,
                level: 2,
                method: "totp".into(),
                proved: vec!["totp".into()],
                amr: vec!["otp".into(), "mfa".into()],
                reason: "successfully-completed".into(),
                started: 1,
                verified: 2,
                active: 3,
                transaction: None,
            },
        }
    }

    fn sessions() -> Sessions {
        let ring = KeyRing::generate(0).unwrap();
        Sessions::new(ring.sealed_box("session"), ring.digest_key("session"))
    }

    #[test]
    fn a_cookie_opens_for_its_user_at_its_gateway_only() {
        let sessions = sessions();
        let (one, two) = (gateway("one"), gateway("two"));
        let value = sessions.seal(&one, &user("alice"), &session()).unwrap();
        assert_eq!(sessions.open(&one, &user("ALICE"), &value), Some(session()));
        assert_eq!(sessions.open(&one, &user("bob"), &value), None);
        assert_eq!(sessions.open(&two, &user("alice"), &value), None);
        // Gateways of one operator may have their sessions in common.
        let (mut three, mut four) = (gateway("three"), gateway("four"));
        three.sessions = "sessions:company".into();
        four.sessions = "sessions:company".into();
        let shared = sessions.seal(&three, &user("alice"), &session()).unwrap();
        assert_eq!(
            sessions.open(&four, &user("alice"), &shared),
            Some(session())
        );
        assert_eq!(sessions.open(&four, &user("bob"), &shared), None);
        assert_eq!(sessions.open(&one, &user("alice"), &shared), None);
        let mut other = gateway("one");
        other.issuer = "other".into();
        assert_eq!(sessions.open(&other, &user("alice"), &value), None);
        for at in 0..value.len() {
            let mut bent = value.clone().into_bytes();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            let bent = String::from_utf8(bent).unwrap();
            assert!(
                bent == value || sessions.open(&one, &user("alice"), &bent).is_none(),
                "octet {at}"
            );
        }
        assert!(value.len() < 1024, "{} octets", value.len());
    }

    #[test]
    fn an_event_begins_one_session_of_one_account() {
        let sessions = sessions();
        assert_eq!(sessions.id(&[1; 16], b"a"), sessions.id(&[1; 16], b"a"));
        assert_ne!(sessions.id(&[1; 16], b"a"), sessions.id(&[2; 16], b"a"));
        assert_ne!(sessions.id(&[1; 16], b"a"), sessions.id(&[1; 16], b"b"));
    }

    #[test]
    fn a_pass_is_kept_until_its_time_is_over() {
        let sessions = sessions();
        let text = HeaderValue::from_static("x");
        let pass = Arc::new(Pass {
            until: 100,
            generation: 3,
            session: SessionId([7; 16]),
            user: text.clone(),
            method: text.clone(),
            level: text.clone(),
            verified: text,
        });
        let ask = |name: &str, address, method: &str, target: &str| {
            let visit = Visit {
                gateway: &gateway(name),
                user: &user("alice"),
                target: &Address::parse(target).unwrap(),
                method,
                address,
            };
            Question::new(&visit, "cookie")
        };
        let here = Some("192.0.2.1");
        let question = ask("one", here, "GET", "https://a.example/x?y");
        sessions.keep(question, Kept { pass, mark: None });
        assert!(sessions.pass(&question, 99).is_some());
        let other_query = ask("one", here, "GET", "https://a.example/x?z");
        assert!(sessions.pass(&other_query, 99).is_some());
        for other in [
            ask("two", here, "GET", "https://a.example/x"),
            ask("one", None, "GET", "https://a.example/x"),
            ask("one", here, "POST", "https://a.example/x"),
            ask("one", here, "GET", "https://b.example/x"),
            ask("one", here, "GET", "https://a.example/x/admin"),
        ] {
            assert!(sessions.pass(&other, 99).is_none());
        }
        assert!(sessions.pass(&question, 100).is_none());
    }

    #[test]
    fn instants_as_text() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_772_357_399_999, "2026-03-01T09:29:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(instant_text(ms), text);
        }
    }
}
