//! Forward authentication: a proxy asks before each request, and goes by the answer.
//!
//! What is asked is decided once ([`decide`]), whatever the proxy; a contract only says where its proxy tells what the
//! client asked for ([`asked`]), and by which status it takes the answer:
//!
//! | answer | nginx | Caddy, Traefik, HAProxy | Envoy over HTTP |
//! |---|---|---|---|
//! | allowed | 200 | 200 | 200 |
//! | a browser is to go to the portal | 401 with `Location` | 302 for GET and HEAD, 303 for others | as these |
//! | no first factor, or a program without a session that is enough | 401 | 401 | 401 |
//! | denied: never enough, not a gateway, or not a user name | 403 | 403 | 403 |
//! | what was asked cannot be read | 400 | 400 | 400 |
//! | too much to do, or the store cannot be reached | 503 | 503 | 403 |
//! | something failed | 500 | 500 | 403 |
//!
//! Each endpoint serves only gateways of its own kind, and reads no other proxy's headers: what one proxy overwrites,
//! another lets through from the client (FA-03).

pub mod asked;
pub mod caddy;
pub mod envoy;
pub mod haproxy;
pub mod nginx;
pub mod traefik;

mod challenge;
mod closed;
mod decide;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use cofactor_runtime::store::Store;

use super::Front;
use super::caller::{Caller, CallerError};
use super::config::Kind;
use super::session::Pass;
use crate::log;
use asked::Asked;
pub use closed::closed;
pub use decide::{decide, refusal};
pub(crate) use decide::{identified, judged, recalled};

/// Who was let in.
pub const REMOTE_USER: HeaderName = HeaderName::from_static("remote-user");
/// By which method the second factor was verified.
pub const FACTOR_METHOD: HeaderName = HeaderName::from_static("x-cofactor-method");
/// The level that was reached.
pub const FACTOR_LEVEL: HeaderName = HeaderName::from_static("x-cofactor-level");
/// When it was verified, as RFC 3339 has it.
pub const FACTOR_VERIFIED: HeaderName = HeaderName::from_static("x-cofactor-verified");
/// `yes` where nobody was asked for a second factor, because the store cannot be reached.
pub const FAIL_OPEN: HeaderName = HeaderName::from_static("x-cofactor-fail-open");

/// `yes` where nobody is let through, because nothing could be decided.
pub const FAIL_CLOSED: HeaderName = HeaderName::from_static("x-cofactor-fail-closed");

/// What a proxy is to do with a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Let it through: the session is enough.
    Allowed {
        /// What to tell the application.
        pass: Arc<Pass>,
        /// The cookie of a session that was renewed.
        cookie: Option<HeaderValue>,
    },
    /// Let it through on the first factor alone: the store cannot be reached, and the application is open then.
    PassedOpen {
        /// Whom the first factor accepted.
        user: HeaderValue,
    },
    /// Send the browser to the portal.
    ToPortal {
        /// Where.
        location: HeaderValue,
        /// What the browser needs there.
        cookie: Option<HeaderValue>,
        /// How it goes there by GET: 302, or 303 where it would take a body along (FA-09).
        status: StatusCode,
    },
    /// The session is not enough, and whoever asks has no use for a page (FA-08).
    SecondFactorMissing {
        /// `WWW-Authenticate`: what would be enough, where there is a session.
        challenge: Option<HeaderValue>,
    },
    /// There is nobody to ask for a second factor.
    FirstFactorMissing {
        /// `WWW-Authenticate`: what the client is asked for, where it is not the proxy that asks.
        challenge: Option<HeaderValue>,
    },
    /// Never enough, not a gateway, or not a user name.
    Denied,
    /// What was asked cannot be read.
    Malformed,
    /// Too much to do, or the store cannot be reached.
    Overloaded,
    /// Something failed.
    Failed,
}

impl Answer {
    /// The status by which most proxies take it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Allowed { .. } | Self::PassedOpen { .. } => StatusCode::OK,
            Self::ToPortal { status, .. } => *status,
            Self::SecondFactorMissing { .. } | Self::FirstFactorMissing { .. } => {
                StatusCode::UNAUTHORIZED
            }
            Self::Denied => StatusCode::FORBIDDEN,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the application is told: the proxy puts these in the place of whatever a client wrote under their names.
    #[must_use]
    pub fn told(&self) -> Vec<(HeaderName, HeaderValue)> {
        match self {
            Self::Allowed { pass, .. } => vec![
                (REMOTE_USER, pass.user.clone()),
                (FACTOR_METHOD, pass.method.clone()),
                (FACTOR_LEVEL, pass.level.clone()),
                (FACTOR_VERIFIED, pass.verified.clone()),
            ],
            Self::PassedOpen { user } => vec![
                (REMOTE_USER, user.clone()),
                (FAIL_OPEN, HeaderValue::from_static("yes")),
            ],
            Self::Overloaded | Self::Failed => {
                vec![(FAIL_CLOSED, HeaderValue::from_static("yes"))]
            }
            _ => Vec::new(),
        }
    }

    /// What the client is told: where to go, a cookie, or how to come back.
    #[must_use]
    pub fn for_browser(&self) -> Vec<(HeaderName, HeaderValue)> {
        let (location, cookie) = match self {
            Self::SecondFactorMissing { challenge } | Self::FirstFactorMissing { challenge } => {
                let challenge = challenge.iter();
                return challenge
                    .map(|challenge| (WWW_AUTHENTICATE, challenge.clone()))
                    .collect();
            }
            Self::Allowed { cookie, .. } => (None, cookie),
            Self::ToPortal {
                location, cookie, ..
            } => (Some(location), cookie),
            _ => return Vec::new(),
        };
        let location = location.map(|location| (LOCATION, location.clone()));
        let cookie = cookie.as_ref().map(|cookie| (SET_COOKIE, cookie.clone()));
        location.into_iter().chain(cookie).collect()
    }
}

/// How one kind of proxy asks over HTTP, and takes answers.
#[derive(Clone, Copy)]
struct Contract {
    kind: Kind,
    /// Reads what the client asked for.
    read: fn(&Parts) -> Result<Asked, CallerError>,
    /// The status that carries an answer.
    status: fn(&Answer) -> StatusCode,
}

/// The endpoints.
pub(super) fn router<S: Store>() -> Router<Arc<Front<S>>> {
    let asks_by_get = [
        (nginx::PATH, nginx::CONTRACT),
        (caddy::PATH, caddy::CONTRACT),
        (traefik::PATH, traefik::CONTRACT),
        (haproxy::PATH, haproxy::CONTRACT),
    ];
    let mut router = Router::new();
    for (path, contract) in asks_by_get {
        let authorize = move |State(front): State<Arc<Front<S>>>, request: Request| async move {
            authorize(&front, contract, request).await
        };
        router = router.route(path, get(authorize));
    }
    // Envoy asks with the client's method, on the client's path behind a prefix.
    for path in envoy::PATHS {
        let authorize = move |State(front): State<Arc<Front<S>>>, request: Request| async move {
            authorize(&front, envoy::CONTRACT, request).await
        };
        router = router.route(path, any(authorize));
    }
    router
}

async fn authorize<S: Store>(front: &Front<S>, contract: Contract, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    log::traced_here(async {
        let answer = answer(front, contract, &parts).await;
        let mut response = (contract.status)(&answer).into_response();
        let headers = response.headers_mut();
        for (name, value) in answer.told().into_iter().chain(answer.for_browser()) {
            headers.insert(name, value);
        }
        // Whatever the answer is, it is this request's alone (FA-12).
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    })
    .await
}

async fn answer<S: Store>(front: &Front<S>, contract: Contract, parts: &Parts) -> Answer {
    let caller = Caller::of(&front.gateways, parts);
    let caller = match caller {
        Ok(caller) if caller.gateway.kind == contract.kind => caller,
        Ok(caller) => return refusal(Some(&caller), CallerError::Kind),
        Err(error) => return refusal(None, error),
    };
    match (contract.read)(parts) {
        Ok(asked) => decide(front, &caller, &asked, &parts.headers).await,
        Err(error) => refusal(Some(&caller), error),
    }
}
