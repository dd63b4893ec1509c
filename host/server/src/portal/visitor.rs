//! Who looks at a page. Never taken from a query.
//!
//! On a guarded site the gateway says it, with its secret or its certificate, as it does for the application; which site it is, it says by
//! the headers of its own contract. On a portal's own site a
//! sealed cookie says it, which the hand-off put into the browser that began ([`super::handoff`]).

use std::sync::Arc;

use axum::http::header::{ACCEPT_LANGUAGE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cofactor_runtime::contract::{Action, Event, Origin};
use cofactor_runtime::store::{Name, Store};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::handoff;
use super::page::Trouble;
use super::texts::Texts;
use super::ticket::{Stage, Ticket};
use crate::certificate::ClientCertificate;
use crate::gateway::caller::{Caller, CallerError, SECRET, client};
use crate::gateway::config::{Gateway, Portal};
use crate::gateway::cookie::Cookie;
use crate::gateway::first_factor::{Identity, IdentityError};
use crate::gateway::forward_auth::asked;
use crate::gateway::site::Site;
use crate::gateway::{Front, browser};
use crate::names::CanonicalName;

/// How long an identity that was handed to a portal's own site holds there, in milliseconds.
pub(super) const STAY: u64 = 15 * 60 * 1000;

/// Who looks at a page, and with which browser.
pub(super) struct Visitor {
    /// The gateway that vouches.
    pub(super) gateway: Arc<Gateway>,
    /// Whom its first factor accepted.
    pub(super) user: CanonicalName,
    /// The groups that it vouches for.
    pub(super) groups: Vec<String>,
    /// The site that this page is on.
    pub(super) site: Site,
    /// Where the client is; absent is never trusted.
    pub(super) address: Option<String>,
    /// The browser.
    pub(super) browser: Browser,
    /// What kind of browser it is.
    pub(super) client: String,
    /// On a portal's own site: what the gateway handed over.
    pub(super) ticket: Option<Box<Ticket>>,
    /// The language to speak.
    pub(super) texts: &'static Texts,
}

/// A browser, by the random cookie that it was given.
#[derive(Clone)]
pub(super) struct Browser {
    value: String,
    is_new: bool,
}

impl Browser {
    /// The browser of a request; a new one where it has no cookie of ours.
    pub(super) fn of(headers: &HeaderMap, site: &Site) -> Option<Self> {
        let known = Cookie::Browser.values(headers, site).find(|value| {
            URL_SAFE_NO_PAD
                .decode(value)
                .is_ok_and(|bytes| bytes.len() == 16)
        });
        match known {
            Some(value) => Some(Self {
                value: value.to_owned(),
                is_new: false,
            }),
            None => Some(Self {
                value: URL_SAFE_NO_PAD.encode(random_id()?),
                is_new: true,
            }),
        }
    }

    /// Whether the request came without the cookie.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// The header that gives the cookie to a new browser.
    pub(super) fn cookie(&self, site: &Site) -> Option<HeaderValue> {
        if self.is_new {
            Cookie::Browser.set(site, &self.value, None)
        } else {
            None
        }
    }

    /// Names the browser in tokens, without telling its cookie.
    pub(super) fn digest(&self, key: &[u8; 32]) -> Vec<u8> {
        keyed_digest(key, &[b"browser", self.value.as_bytes()])
    }
}

impl Visitor {
    /// The visitor of a request.
    ///
    /// # Errors
    /// The page to show instead.
    pub(super) async fn of<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Self, Trouble> {
        let texts = texts(&parts.headers)?;
        let is_a_gateways = parts.headers.contains_key(&SECRET)
            || parts.extensions.get::<ClientCertificate>().is_some();
        if is_a_gateways {
            return Self::at_a_gateway(front, parts, texts).await;
        }
        Self::at_our_own_site(front, parts, texts)
    }

    async fn at_a_gateway<S: Store>(
        front: &Front<S>,
        parts: &Parts,
        texts: &'static Texts,
    ) -> Result<Self, Trouble> {
        let read = |error: CallerError| {
            tracing::warn!(%error, "refused a page");
            match error {
                CallerError::Stranger | CallerError::Kind => {
                    Trouble::new(StatusCode::FORBIDDEN, "stranger")
                }
                CallerError::Identity(IdentityError::Unavailable(_)) => Trouble::service(),
                CallerError::Identity(_) => Trouble::new(StatusCode::FORBIDDEN, "identity"),
                _ => Trouble::new(StatusCode::BAD_REQUEST, "not-found"),
            }
        };
        let caller = Caller::of(&front.gateways, parts).map_err(read)?;
        let site = asked::site(caller.gateway.kind, parts).map_err(read)?;
        if !caller.gateway.guards(&site) {
            return Err(read(CallerError::Site));
        }
        let now = front.service.now().map_err(|_| Trouble::service())?;
        let missing = || Trouble::identity(caller.gateway.first_factor.challenge());
        let Identity { user, groups } = caller
            .identity(&front.gateways, &parts.headers, now)
            .await
            .map_err(|error| match error {
                IdentityError::Refused(why) => {
                    tracing::warn!(gateway = caller.gateway.name, why, "refused a page");
                    missing()
                }
                error => read(error.into()),
            })?
            .ok_or_else(missing)?;
        Ok(Self {
            browser: Browser::of(&parts.headers, &site).ok_or_else(Trouble::service)?,
            gateway: caller.gateway,
            user,
            groups,
            site,
            address: caller.address,
            client: browser::kind(&parts.headers),
            ticket: None,
            texts,
        })
    }

    fn at_our_own_site<S: Store>(
        front: &Front<S>,
        parts: &Parts,
        texts: &'static Texts,
    ) -> Result<Self, Trouble> {
        let site = own_site(front, &parts.headers)
            .ok_or(Trouble::new(StatusCode::FORBIDDEN, "stranger"))?;
        let browser = Browser::of(&parts.headers, &site).ok_or_else(Trouble::service)?;
        let now = front.service.now().map_err(|_| Trouble::service())?;
        let ticket = Cookie::Visitor
            .values(&parts.headers, &site)
            .find_map(|value| front.desk.tickets.open(Stage::Visit, value, now))
            .filter(|ticket| ticket.portal_browser == browser.digest(&front.desk.binding))
            .ok_or_else(|| {
                Trouble::new(StatusCode::FORBIDDEN, "ticket")
                    .with_a_way_on(handoff::home(front, &parts.headers))
            })?;
        let gateway = ticket
            .gateway(&front.gateways)
            .ok_or(Trouble::new(StatusCode::FORBIDDEN, "ticket"))?;
        let user = ticket
            .user(&front.gateways)
            .ok_or(Trouble::new(StatusCode::FORBIDDEN, "identity"))?;
        let address = client(parts, &gateway.trusted);
        Ok(Self {
            gateway,
            user,
            groups: ticket.groups.clone(),
            site,
            address,
            browser,
            client: browser::kind(&parts.headers),
            ticket: Some(Box::new(ticket)),
            texts,
        })
    }

    /// The user's name in the store.
    pub(super) fn account(&self) -> Name {
        self.gateway.account(&self.user)
    }

    /// An event of this visitor's.
    pub(super) fn event(&self, binding: &[u8; 32], id: Vec<u8>, action: Action) -> Event {
        Event {
            id,
            origin: Origin {
                user: self.user.as_str().to_owned(),
                known: false,
                groups: self.groups.clone(),
                application: self.gateway.application.clone(),
                gateway: self.gateway.name.clone(),
                binding: self.binding(binding),
                address: self.address.clone(),
                language: self.texts.language().to_owned(),
                client: self.client.clone(),
                country: None,
            },
            action,
        }
    }

    /// Ties what is begun to this browser, this user and this gateway (CH-02).
    fn binding(&self, key: &[u8; 32]) -> Vec<u8> {
        let parts: [&[u8]; 6] = [
            b"binding",
            self.browser.value.as_bytes(),
            self.gateway.name.as_bytes(),
            self.gateway.tenant.as_bytes(),
            self.gateway.issuer.as_bytes(),
            self.user.as_str().as_bytes(),
        ];
        keyed_digest(key, &parts)
    }
}

/// The languages that the client reads, as far as there are texts.
pub(super) fn texts(headers: &HeaderMap) -> Result<&'static Texts, Trouble> {
    let accepted = headers
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    Texts::accepted(accepted).ok_or_else(Trouble::service)
}

/// The portal's own site that a request is for, by its `Host`: only where a gateway is configured for it.
pub(super) fn own_site<S>(front: &Front<S>, headers: &HeaderMap) -> Option<Site> {
    let host = headers.get(HOST)?.to_str().ok()?;
    front
        .gateways
        .all
        .iter()
        .find_map(|gateway| match &gateway.portal {
            Portal::Own(site) if site.authority().eq_ignore_ascii_case(host) => Some(site.clone()),
            _ => None,
        })
}

/// HMAC-SHA-256 over parts, each with its length, so that no two lists of parts are one text.
fn keyed_digest(key: &[u8; 32], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of any length (RFC 2104); without a digest nothing matches and nobody is let in.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// 128 random bits.
pub(super) fn random_id() -> Option<[u8; 16]> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).ok()?;
    Some(id)
}
