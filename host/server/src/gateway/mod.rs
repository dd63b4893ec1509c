//! Front ends that speak a sign-in pipeline's protocol: they turn its requests into events and questions for the
//! service, and outcomes and verdicts back into its answers. They decide nothing about a sign-in.
//!
//! | module | what it is |
//! |---|---|
//! | [`config`] | `[[gateway]]`: who may ask, for which sites |
//! | [`caller`] | which gateway asks, and what it says of the client |
//! | [`first_factor`] | who the user is |
//! | [`address`] | the client's address, by trusted proxies only |
//! | [`browser`] | what kind of browser it is |
//! | [`identity_headers`] | what no client tells an application |
//! | [`site`] | sites, addresses on them, and where a browser may be sent back to |
//! | [`path`] | paths that everybody reads in the same way |
//! | [`cookie`] | our cookies |
//! | [`program`] | programs that show an app password with each request |
//! | [`session`] | the session in its cookie, and passes that still hold |
//! | [`credential`] | by what a gateway proves that it is one |
//! | [`ext_authz`] | the answer to Envoy over gRPC |
//! | [`forward_auth`] | the answers to nginx, Caddy, Traefik, HAProxy and Envoy |

pub mod address;
pub mod browser;
pub mod caller;
pub mod config;
pub mod cookie;
pub mod credential;
pub mod ext_authz;
pub mod first_factor;
pub mod forward_auth;
pub mod identity_headers;
pub mod path;
pub mod program;
pub mod session;
pub mod site;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::from_fn;
use cofactor_runtime::contract::{Claims, Denial, Origin, Request, StepUp, Verdict};
use cofactor_runtime::service::{Service, StepError};
use cofactor_runtime::store::{AccountId, Name, SessionId, Store};

use crate::names::CanonicalName;
use crate::{log, portal};
use config::{Gateway, Gateways};
use cookie::Cookie;
use program::Programs;
use session::{Kept, Pass, Question, Session, Sessions, instant_text};
use site::{Address, Site};

/// What gateways and portal share: the service, the gateways' configuration, the sessions.
pub struct Front<S> {
    /// The one door.
    pub service: Arc<Service<S>>,
    /// Who may ask.
    pub gateways: Gateways,
    /// Cookies, and the passes that were given for them.
    pub sessions: Sessions,
    /// What programs have shown a moment ago.
    programs: Programs,
    /// What the portal needs besides.
    pub(crate) desk: portal::Desk,
}

impl<S: Store> Front<S> {
    /// A front before this service.
    ///
    /// # Errors
    /// Where the clock cannot be trusted, or there is no randomness.
    pub fn new(
        service: Arc<Service<S>>,
        gateways: Gateways,
        portal: &portal::PortalSection,
    ) -> Result<Self, StepError> {
        let sessions = Sessions::new(service.sealed_box("session"), service.digest_key("session"));
        let programs = Programs::new(service.digest_key("program"));
        let desk = portal::Desk::new(&service, portal)?;
        Ok(Self {
            service,
            gateways,
            programs,
            sessions,
            desk,
        })
    }

    /// Judges whether the request's session is enough for what was asked for.
    ///
    /// # Errors
    /// Those of the service: every one of them denies.
    pub fn judge(&self, visit: &Visit<'_>, headers: &HeaderMap) -> Result<Judgement, StepError> {
        let gateway = visit.gateway;
        let name = gateway.account(visit.user);
        let mut weaker = Judgement::None;
        for value in Cookie::Session.values(headers, &visit.target.site) {
            let question = Question::new(visit, value);
            // Before anything is read that it is to vouch for.
            let mark = self.service.mark();
            if let Some(pass) = self.held(&name, &question)? {
                return Ok(Judgement::Pass {
                    pass,
                    renewed: None,
                });
            }
            let Some(session) = self.sessions.open(gateway, visit.user, value) else {
                continue;
            };
            let request = visit.request();
            let id = SessionId(session.id);
            weaker = match self
                .service
                .authorize(&name, Some(&id), &session.claims, request)?
            {
                Verdict::Pass(passage) => {
                    let renewed = passage.renewed.map(|claims| Session {
                        claims,
                        ..session.clone()
                    });
                    let claims = renewed
                        .as_ref()
                        .map_or(&session.claims, |session| &session.claims);
                    let Some(pass) = pass(visit.user, claims, passage.until, id) else {
                        continue;
                    };
                    let pass = Arc::new(pass);
                    let kept = Kept {
                        pass: Arc::clone(&pass),
                        mark,
                    };
                    self.sessions.keep(question, kept);
                    return Ok(Judgement::Pass {
                        pass,
                        renewed: renewed.map(Box::new),
                    });
                }
                Verdict::StepUp(step_up) => Judgement::StepUp(step_up),
                Verdict::Deny(denial) if is_over(&denial) => Judgement::None,
                Verdict::Deny(denial) => Judgement::Deny(denial),
                Verdict::Other(_) => Judgement::None,
            };
        }
        Ok(weaker)
    }

    /// A pass that was given and holds, as far as memory tells: nothing was changed in the store since account and
    /// session were looked at. Waits for nobody.
    #[must_use]
    pub fn recall(&self, visit: &Visit<'_>, headers: &HeaderMap) -> Option<Arc<Pass>> {
        let mark = self.service.mark()?;
        let now = self.service.now().ok()?;
        Cookie::Session
            .values(headers, &visit.target.site)
            .find_map(|value| self.sessions.pass(&Question::new(visit, value), now))
            .filter(|kept| kept.mark == Some(mark))
            .map(|kept| kept.pass)
    }

    /// A pass that was given, if account and session still stand as they did.
    fn held(&self, name: &Name, question: &Question) -> Result<Option<Arc<Pass>>, StepError> {
        let Some(kept) = self.sessions.pass(question, self.service.now()?) else {
            return Ok(None);
        };
        let mark = self.service.mark();
        if mark.is_some() && mark == kept.mark {
            return Ok(Some(kept.pass));
        }
        let pass = kept.pass;
        let standing = self.service.standing(name, Some(&pass.session))?;
        let holds = standing
            .is_some_and(|standing| !standing.ended && standing.generation == pass.generation);
        if !holds {
            return Ok(None);
        }
        let kept = Kept {
            pass: Arc::clone(&pass),
            mark,
        };
        self.sessions.keep(*question, kept);
        Ok(Some(pass))
    }

    /// The session that a request came with, judged or not, unless it was ended.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub fn session(
        &self,
        gateway: &Gateway,
        user: &CanonicalName,
        site: &Site,
        headers: &HeaderMap,
    ) -> Result<Option<Session>, StepError> {
        let name = gateway.account(user);
        for value in Cookie::Session.values(headers, site) {
            if let Some(session) = self.sessions.open(gateway, user, value) {
                let id = SessionId(session.id);
                let standing = self.service.standing(&name, Some(&id))?;
                if standing.is_some_and(|standing| !standing.ended) {
                    return Ok(Some(session));
                }
            }
        }
        Ok(None)
    }

    /// Ends the session that a request came with, and says whether there was one.
    ///
    /// # Errors
    /// Where it could not be made durable: the session goes on.
    pub async fn sign_out(
        &self,
        gateway: &Gateway,
        user: &CanonicalName,
        site: &Site,
        address: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<bool, StepError> {
        let Some(session) = self.session(gateway, user, site, headers)? else {
            return Ok(false);
        };
        let (account, id) = (AccountId(session.account), SessionId(session.id));
        let origin = Origin {
            user: user.as_str().to_owned(),
            known: true,
            groups: Vec::new(),
            application: gateway.application.clone(),
            gateway: gateway.name.clone(),
            binding: Vec::new(),
            address: address.map(str::to_owned),
            language: String::new(),
            client: String::new(),
            country: None,
        };
        let name = gateway.account(user);
        self.service
            .end_session(&name, &origin, account, id)
            .await?;
        tracing::info!(gateway = gateway.name, user = user.as_str(), "signed out");
        Ok(true)
    }

    /// The header that gives a session to the browser, for as long as the session may live.
    #[must_use]
    pub fn session_cookie(
        &self,
        gateway: &Gateway,
        user: &CanonicalName,
        site: &Site,
        session: &Session,
    ) -> Option<HeaderValue> {
        let value = self.sessions.seal(gateway, user, session)?;
        let now = self.service.now().ok()?;
        let end = session
            .claims
            .started
            .saturating_add(self.service.host_policy().session_lifetime);
        Cookie::Session.set(site, &value, Some(end.saturating_sub(now) / 1000))
    }
}

/// One request of one user at one gateway.
pub struct Visit<'a> {
    /// Which gateway.
    pub gateway: &'a Gateway,
    /// Whom the first factor accepted.
    pub user: &'a CanonicalName,
    /// What was asked for.
    pub target: &'a Address,
    /// With which method.
    pub method: &'a str,
    /// Where the client is; absent is never trusted.
    pub address: Option<&'a str>,
}

impl Visit<'_> {
    /// The component's question; how the account stands is the service's to say.
    pub(crate) fn request(&self) -> Request {
        Request {
            application: self.gateway.application.clone(),
            host: self.target.site.authority().to_owned(),
            path: self.target.path().to_owned(),
            method: self.method.to_owned(),
            address: self.address.map(str::to_owned),
            generation: 0,
            ended: false,
        }
    }
}

/// What a request's session is enough for.
pub enum Judgement {
    /// Enough.
    Pass {
        /// What to tell the application.
        pass: Arc<Pass>,
        /// What to put in the place of the cookie.
        renewed: Option<Box<Session>>,
    },
    /// Not enough.
    StepUp(StepUp),
    /// Never enough.
    Deny(Denial),
    /// There is no session of this user.
    None,
}

/// The endpoints for gateways, and the pages. Whoever serves it gives each request a `ConnectInfo<SocketAddr>` with the
/// connection's address; a request without one came over the Unix socket.
pub fn router<S: Store>(front: Arc<Front<S>>) -> Router {
    Router::new()
        .merge(portal::router())
        .layer(from_fn(log::traced))
        .merge(forward_auth::router())
        .with_state(front)
}

/// Whether a session was denied because it is over: it is none then, and the user may begin another.
fn is_over(denial: &Denial) -> bool {
    matches!(
        denial.internal_reason.as_str(),
        "session-expired" | "session-idle" | "session-revoked" | "application-mismatch"
    )
}

fn pass(user: &CanonicalName, claims: &Claims, until: u64, session: SessionId) -> Option<Pass> {
    Some(Pass {
        until,
        generation: claims.generation,
        session,
        user: HeaderValue::from_bytes(user.as_str().as_bytes()).ok()?,
        method: HeaderValue::try_from(&claims.method).ok()?,
        level: HeaderValue::from(u16::from(claims.level)),
        verified: HeaderValue::try_from(instant_text(claims.verified)).ok()?,
    })
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use axum::http::header::COOKIE;
    use cofactor_runtime::clock::{Clock, ClockJumped};
    use cofactor_runtime::contract::{Action, Administration, AdministrationChange, Event};
    use cofactor_runtime::plugin::{Options, Plugin};
    use cofactor_runtime::seal::KeyRing;
    use cofactor_runtime::store::memory::MemoryStore;

    use super::*;
    use crate::names::Names;

    const START: u64 = 1_700_000_000_000;

    struct Hands(AtomicU64);

    impl Clock for Hands {
        fn now(&self) -> Result<u64, ClockJumped> {
            Ok(self.0.load(Ordering::SeqCst))
        }
    }

    struct House {
        front: Front<MemoryStore>,
        clock: Arc<Hands>,
        gateway: Gateway,
        user: CanonicalName,
        target: Address,
    }

    impl House {
        async fn with_an_account() -> Self {
            let plugin = Plugin::load(cofactor_component::COMPONENT, &Options::default()).unwrap();
            let clock = Arc::new(Hands(AtomicU64::new(START)));
            let ring = KeyRing::generate(START).unwrap();
            let service =
                Service::new(plugin, MemoryStore::new(), ring, "", clock.clone()).unwrap();
            let gateways = Gateways::new(&[], Names::default(), std::path::Path::new(".")).unwrap();
            let front = Front::new(Arc::new(service), gateways, &Default::default()).unwrap();
            let house = Self {
                front,
                clock,
                gateway: session::tests::gateway("one"),
                user: session::tests::user("alice"),
                target: Address::parse("https://a.example/x").unwrap(),
            };
            house.administer(1, AdministrationChange::Create).await;
            house
        }

        async fn administer(&self, id: u8, change: AdministrationChange) {
            let administration = Administration {
                actor: "test".into(),
                why: "test".into(),
                change,
            };
            let event = Event {
                id: vec![id; 16],
                origin: Origin {
                    user: self.user.as_str().into(),
                    known: false,
                    groups: Vec::new(),
                    application: "wiki".into(),
                    gateway: "test".into(),
                    binding: vec![1; 32],
                    address: None,
                    language: String::new(),
                    client: String::new(),
                    country: None,
                },
                action: Action::Administer(administration),
            };
            let name = self.gateway.account(&self.user);
            self.front.service.step(&name, event).await.unwrap();
        }

        /// A cookie header with a session that was verified now.
        fn cookie(&self, application: &str, level: u8) -> HeaderMap {
            let name = self.gateway.account(&self.user);
            let now = self.clock.now().unwrap();
            let session = Session {
                id: [1; 16],
                account: [2; 16],
                claims: Claims {
                    application: application.into(),
                    generation: self
                        .front
                        .service
                        .standing(&name, None)
                        .unwrap()
                        .unwrap()
                        .generation,
                    level,
                    method: "totp".into(),
                    proved: vec!["totp".into()],
                    amr: vec!["otp".into(), "mfa".into()],
                    reason: "successfully-completed".into(),
                    started: now,
                    verified: now,
                    active: now,
                    transaction: None,
                },
            };
            let value = self
                .front
                .sessions
                .seal(&self.gateway, &self.user, &session);
            let cookie = format!("__Host-cofactor={}", value.unwrap());
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, HeaderValue::try_from(cookie).unwrap());
            headers
        }

        async fn sign_out(&self, headers: &HeaderMap) -> bool {
            self.front
                .sign_out(&self.gateway, &self.user, &self.target.site, None, headers)
                .await
                .unwrap()
        }

        fn judge(&self, headers: &HeaderMap) -> &'static str {
            let visit = Visit {
                gateway: &self.gateway,
                user: &self.user,
                target: &self.target,
                method: "GET",
                address: None,
            };
            match self.front.judge(&visit, headers).unwrap() {
                Judgement::Pass { renewed: None, .. } => "pass",
                Judgement::Pass { .. } => "pass, renewed",
                Judgement::StepUp(_) => "step up",
                Judgement::Deny(_) => "deny",
                Judgement::None => "none",
            }
        }

        fn wait(&self, ms: u64) {
            self.clock.0.fetch_add(ms, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn a_session_passes_is_renewed_and_ends_when_it_was_not_used() {
        let house = House::with_an_account().await;
        let cookie = house.cookie("wiki", 2);
        assert_eq!(house.judge(&cookie), "pass");
        house.wait(61_000);
        assert_eq!(house.judge(&cookie), "pass, renewed");
        house.wait(60 * 60_000);
        assert_eq!(house.judge(&cookie), "none");
    }

    #[tokio::test]
    async fn a_revoked_session_is_none_at_the_next_request() {
        let house = House::with_an_account().await;
        let cookie = house.cookie("wiki", 2);
        assert_eq!(house.judge(&cookie), "pass");
        house.administer(2, AdministrationChange::SignOut).await;
        assert_eq!(house.judge(&cookie), "none");
        assert_eq!(house.judge(&house.cookie("wiki", 2)), "pass");
        house.administer(3, AdministrationChange::Remove).await;
        assert_eq!(house.judge(&cookie), "none");
    }

    #[tokio::test]
    async fn a_session_that_was_signed_out_is_none_at_the_next_request() {
        let house = House::with_an_account().await;
        let cookie = house.cookie("wiki", 2);
        assert_eq!(house.judge(&cookie), "pass");
        assert!(house.sign_out(&cookie).await);
        assert_eq!(house.judge(&cookie), "none");
        assert!(!house.sign_out(&cookie).await);
    }

    #[tokio::test]
    async fn a_session_of_another_application_or_level_is_not_enough() {
        let house = House::with_an_account().await;
        assert_eq!(house.judge(&house.cookie("shop", 2)), "none");
        assert_eq!(house.judge(&house.cookie("wiki", 1)), "step up");
        assert_eq!(house.judge(&HeaderMap::new()), "none");
    }
}
