//! Programs that show nothing to anybody and so cannot ask for a second factor: they send an app password with each request
//! (S10), by HTTP Basic (RFC 7617). No first factor stands before it, and nothing else is accepted in its place.
//!
//! The component verifies it at the one door, throttled and counted like any other proof. A verification answers the requests
//! beside it and those of the next moments, for as long as the component says (E18): what is kept for that is what was proved,
//! under a keyed digest of who, from where and with which password. It is asked of the component for each place anew, and
//! nothing of it is left when the account's generation changes.

use std::array;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cofactor_runtime::contract::{
    Action, Claims, Denial, Event, Origin, Outcome, SignIn, StepUp, Surface, Verdict,
};
use cofactor_runtime::service::StepError;
use cofactor_runtime::store::{SessionId, Store};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::config::Gateway;
use super::session::{Kept, Pass, Question};
use super::{Front, Visit, pass};
use crate::names::{CanonicalName, Names};

/// The one method that a program may use.
const METHOD: &str = "app-password";
/// The level that lets nobody pass on the first factor, of which there is none here.
const SECOND_FACTOR: u8 = 2;
/// The longest password that the contract lets through to the component, in octets.
const LONGEST: usize = 64;

/// Whom a program says it acts for, and its app password.
pub struct Credentials {
    /// Whose.
    pub user: CanonicalName,
    password: Zeroizing<String>,
}

impl Credentials {
    /// Those of a request: none where there are none, or they can be nobody's.
    #[must_use]
    pub fn shown(headers: &HeaderMap, names: &Names) -> Option<Self> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let value = values.next()?.to_str().ok()?;
        let (scheme, encoded) = value.split_once(' ')?;
        if values.next().is_some() || !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
        let text = str::from_utf8(&decoded).ok()?;
        // Names have no colon, passwords may.
        let (user, password) = text.split_once(':')?;
        if !(1..=LONGEST).contains(&password.len()) {
            return None;
        }
        Some(Self {
            user: names.canonical(user.as_bytes()).ok()?,
            password: Zeroizing::new(password.to_owned()),
        })
    }
}

/// `WWW-Authenticate` for programs (RFC 7617 section 2): the realm is the application, as its passwords are for it alone.
#[must_use]
pub fn challenge(gateway: &Gateway) -> Option<HeaderValue> {
    let visible = |c: &char| c.is_ascii_graphic() || *c == ' ';
    let name: String = gateway.application.chars().filter(visible).collect();
    let name = name.replace('\\', "\\\\").replace('"', "\\\"");
    HeaderValue::try_from(format!("Basic realm=\"{name}\", charset=\"UTF-8\"")).ok()
}

/// What becomes of a program's request.
pub enum Admission {
    /// It may pass.
    Pass(Arc<Pass>),
    /// Its password is right, and not enough for this.
    StepUp(StepUp),
    /// Its password is right, and it may not.
    Deny(Denial),
    /// Its password is none.
    Refused,
}

/// What was verified a moment ago.
pub struct Programs {
    key: Zeroizing<[u8; 32]>,
    shards: [Mutex<HashMap<Proof, Verified>>; SHARDS],
    turns: [tokio::sync::Mutex<()>; TURNS],
}

/// Who showed which password from where, at which gateway: by keyed digest, so that nothing of it is kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Proof([u8; 32]);

/// What the component said of a password.
#[derive(Clone)]
struct Verified {
    claims: Claims,
    session: SessionId,
    until: u64,
}

/// The reasons of verdicts after which a password is looked at again (docs/reasons.md).
const AGAIN: &str = "fresh-verification-required";
const CHANGED: &str = "session-revoked";

const SHARDS: usize = 16;
const MOST_IN_SHARD: usize = 1024;
/// How many verifications may be under way beside each other. Those of the same password never are.
const TURNS: usize = 64;

impl Programs {
    /// With a digest key of its own.
    #[must_use]
    pub fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self {
            key,
            shards: array::from_fn(|_| Mutex::default()),
            turns: array::from_fn(|_| tokio::sync::Mutex::default()),
        }
    }

    fn proof(&self, visit: &Visit<'_>, password: &str) -> Option<Proof> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_slice()).ok()?;
        let gateway = visit.gateway;
        for part in [
            &gateway.name,
            &gateway.tenant,
            &gateway.issuer,
            visit.user.as_str(),
            visit.address.unwrap_or_default(),
            password,
        ] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        Some(Proof(mac.finalize().into_bytes().into()))
    }

    fn get(&self, proof: &Proof, now: u64) -> Option<Verified> {
        let mut shard = self
            .shard(proof)?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let verified = shard.get(proof)?;
        if now < verified.until {
            return Some(verified.clone());
        }
        shard.remove(proof);
        None
    }

    fn keep(&self, proof: Proof, verified: Verified) {
        if let Some(shard) = self.shard(&proof) {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if shard.len() >= MOST_IN_SHARD {
                shard.clear();
            }
            shard.insert(proof, verified);
        }
    }

    fn shard(&self, proof: &Proof) -> Option<&Mutex<HashMap<Proof, Verified>>> {
        self.shards.get(usize::from(*proof.0.first()?) % SHARDS)
    }

    fn turn(&self, proof: &Proof) -> Option<&tokio::sync::Mutex<()>> {
        self.turns.get(usize::from(*proof.0.last()?) % TURNS)
    }
}

impl<S: Store> Front<S> {
    /// Judges a program's request.
    ///
    /// # Errors
    /// Those of the service: every one of them denies.
    pub async fn admit(
        &self,
        visit: &Visit<'_>,
        credentials: &Credentials,
    ) -> Result<Admission, StepError> {
        let programs = &self.programs;
        let Some(proof) = programs.proof(visit, &credentials.password) else {
            return Ok(Admission::Refused);
        };
        let name = visit.gateway.account(visit.user);
        // No cookie has this value: nobody knows the key.
        let question = Question::new(visit, &hex::encode(proof.0));
        if let Some(pass) = self.held(&name, &question)? {
            return Ok(Admission::Pass(pass));
        }
        if let Some(verified) = programs.get(&proof, self.service.now()?)
            && let Some(admission) = self.place(visit, (proof, question), &verified)?
        {
            return Ok(admission);
        }
        // Requests that come together wait for the first, and have what it got.
        let Some(turn) = programs.turn(&proof) else {
            return Ok(Admission::Refused);
        };
        let _mine = turn.lock().await;
        if let Some(verified) = programs.get(&proof, self.service.now()?)
            && let Some(admission) = self.place(visit, (proof, question), &verified)?
        {
            return Ok(admission);
        }
        let Some(verified) = self.verify(visit, &proof, credentials).await? else {
            return Ok(Admission::Refused);
        };
        Ok(self
            .place(visit, (proof, question), &verified)?
            .unwrap_or(Admission::Refused))
    }

    /// Has the component look at a password. None unless it is an app password that is right.
    async fn verify(
        &self,
        visit: &Visit<'_>,
        proof: &Proof,
        credentials: &Credentials,
    ) -> Result<Option<Verified>, StepError> {
        let gateway = visit.gateway;
        let mut id = [0; 16];
        if getrandom::fill(&mut id).is_err() {
            return Ok(None);
        }
        let event = Event {
            id: id.to_vec(),
            origin: Origin {
                address: visit.address.map(str::to_owned),
                ..Origin::new(
                    visit.user.as_str(),
                    gateway.application.clone(),
                    gateway.name.clone(),
                    // A success answers the requests that show the same password, and no others (E18).
                    proof.0,
                )
            },
            action: Action::Begin(SignIn {
                early_answer: Some((*credentials.password).clone()),
                required_level: SECOND_FACTOR,
                method: Some(METHOD.to_owned()),
                ..SignIn::new(Surface::PROGRAM)
            }),
        };
        let settled = self
            .service
            .step(&gateway.account(visit.user), event)
            .await?;
        Ok(match settled.outcome {
            Outcome::Allow(allowance) if allowance.claims.method == METHOD => Some(Verified {
                session: SessionId(self.sessions.id(&settled.account.0, &id)),
                claims: allowance.claims,
                until: 0,
            }),
            _ => None,
        })
    }

    /// What of this place, for a password that is right? None where that has to be verified again.
    fn place(
        &self,
        visit: &Visit<'_>,
        (proof, question): (Proof, Question),
        verified: &Verified,
    ) -> Result<Option<Admission>, StepError> {
        let name = visit.gateway.account(visit.user);
        let claims = &verified.claims;
        let mark = self.service.mark();
        let verdict = self
            .service
            .authorize_program(&name, claims, visit.request())?;
        Ok(match verdict {
            Verdict::Pass(passage) => {
                let pass = pass(visit.user, claims, passage.until, verified.session);
                let Some(pass) = pass.map(Arc::new) else {
                    return Ok(None);
                };
                let kept = Kept {
                    pass: Arc::clone(&pass),
                    mark,
                };
                self.sessions.keep(question, kept);
                let kept = Verified {
                    until: passage.until,
                    ..verified.clone()
                };
                self.programs.keep(proof, kept);
                Some(Admission::Pass(pass))
            }
            Verdict::StepUp(step_up) if step_up.reason == AGAIN => None,
            Verdict::StepUp(step_up) => Some(Admission::StepUp(step_up)),
            // An account that changed since is verified anew.
            Verdict::Deny(denial) if denial.internal_reason == CHANGED => None,
            Verdict::Deny(denial) => Some(Admission::Deny(denial)),
            Verdict::Other(_) => Some(Admission::Refused),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::super::session::tests::gateway;
    use super::*;

    #[test]
    fn credentials_are_read_from_one_header_alone() {
        let shown = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::try_from(*value).unwrap());
            }
            Credentials::shown(&headers, &Names::default())
                .map(|it| (it.user.as_str().to_owned(), (*it.password).clone()))
        };
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let alice = Some(("alice".to_owned(), "a:b".to_owned()));
        assert_eq!(shown(&[&basic("Alice:a:b")]), alice);
        assert_eq!(
            shown(&[&basic("alice:a:b").replace("Basic", "basic")]),
            alice
        );
        assert_eq!(shown(&[]), None);
        assert_eq!(shown(&[&basic("alice:a"), &basic("bob:a")]), None);
        for text in [
            "alice",
            "alice:",
            ":a",
            &format!("alice:{}", "a".repeat(65)),
        ] {
            assert_eq!(shown(&[&basic(text)]), None, "{text}");
        }
        for value in ["Bearer YTpi", "Basic", "Basic !", "Basic YTr/", "BasicYTpi"] {
            assert_eq!(shown(&[value]), None, "{value}");
        }
    }

    #[test]
    fn a_realm_is_one_quoted_text() {
        let mut gateway = gateway("one");
        gateway.application = "a \"mail\" \\ programme\u{e9}".into();
        assert_eq!(
            challenge(&gateway).unwrap(),
            "Basic realm=\"a \\\"mail\\\" \\\\ programme\", charset=\"UTF-8\""
        );
    }
}
