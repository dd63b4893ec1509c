//! nginx by `auth_request`: a sub-request for each request, answered by its status.
//!
//! | status | when | what nginx does |
//! |---|---|---|
//! | 200 | the session is enough | goes on, with the headers it takes over |
//! | 401 | there is no session, or one that is not enough | answers 401; with the documented configuration, sends a browser to `Location` |
//! | 403 | never enough, not a gateway, or not a user name | answers 403 |
//! | 400, 500, 503 | what was asked cannot be read, something failed, too much to do | answers 500 |
//!
//! Never 302: nginx would answer 500.
//!
//! While the store cannot be reached, an application whose fail mode is `open` gets 200 with the user's name and
//! [`FAIL_OPEN`] where it would have got 401 or 503, and never a word of a second factor.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cofactor_runtime::service::StepError;
use cofactor_runtime::store::Store;

use super::caller::{Caller, CallerError, method};
use super::config::AmbiguousPaths;
use super::site::Address;
use super::{Front, Judgement, Visit};
use crate::names::CanonicalName;
use crate::{log, portal};

/// Where nginx asks.
pub const PATH: &str = "/v1/gateway/nginx";

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

/// The endpoint.
pub(super) fn router<S: Store>() -> Router<Arc<Front<S>>> {
    Router::new().route(PATH, get(authorize::<S>))
}

async fn authorize<S: Store>(State(front): State<Arc<Front<S>>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    log::traced_here(|| respond(&front, &parts))
}

fn respond<S: Store>(front: &Front<S>, parts: &Parts) -> Response {
    let mut response = match Caller::of(&front.gateways, parts) {
        Err(error) => refuse(None, error),
        Ok(caller) => match answer(front, &caller, &parts.headers) {
            Ok(response) => response,
            Err(Failure::Caller(error)) => refuse(Some(&caller), error),
            Err(Failure::Service(error)) => fail(&caller, &error),
        },
    };
    // Whatever the answer is, it is this request's alone (FA-12).
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

enum Failure {
    Caller(CallerError),
    Service(StepError),
}

impl From<CallerError> for Failure {
    fn from(error: CallerError) -> Self {
        Self::Caller(error)
    }
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        Self::Service(error)
    }
}

fn answer<S: Store>(
    front: &Front<S>,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let target = caller.target(headers)?;
    let method = method(headers)?;
    if caller.gateway.ambiguous_paths == AmbiguousPaths::Refuse && !target.reads_one_way() {
        return Err(CallerError::Path.into());
    }
    let Some(user) = caller.user(&front.gateways, headers)? else {
        // The first factor comes first: there is nobody to ask for a second one.
        tracing::info!(gateway = caller.gateway.name, "no first factor");
        return Ok(StatusCode::UNAUTHORIZED.into_response());
    };
    let visit = Visit {
        gateway: &caller.gateway,
        user: &user,
        target: &target,
        method,
        address: caller.address.as_deref(),
    };
    let judgement = match front.judge(&visit, headers) {
        Err(error @ StepError::Unavailable(_)) => {
            return match passed_open(front, &visit) {
                Some(response) => Ok(response),
                None => Err(error.into()),
            };
        }
        other => other?,
    };
    match judgement {
        Judgement::Pass { pass, renewed } => {
            let mut response = StatusCode::OK.into_response();
            let told = response.headers_mut();
            told.insert(REMOTE_USER, pass.user.clone());
            told.insert(FACTOR_METHOD, pass.method.clone());
            told.insert(FACTOR_LEVEL, pass.level.clone());
            told.insert(FACTOR_VERIFIED, pass.verified.clone());
            let cookie = renewed.and_then(|session| {
                front.session_cookie(&caller.gateway, &user, &target.site, &session)
            });
            if let Some(cookie) = cookie {
                told.insert(SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Judgement::Deny(denial) => {
            tracing::info!(
                gateway = caller.gateway.name,
                user = user.as_str(),
                reason = denial.internal_reason,
                "denied"
            );
            Ok(StatusCode::FORBIDDEN.into_response())
        }
        // The portal could not ask for a second factor: what it asks has to be written down.
        Judgement::StepUp(_) | Judgement::None => Ok(passed_open(front, &visit)
            .unwrap_or_else(|| to_portal(front, caller, headers, &user, &target))),
    }
}

/// The answer of an application that is open while the store cannot be reached, if this one is: who passed the first
/// factor, and nothing else. A session is neither made nor renewed.
fn passed_open<S: Store>(front: &Front<S>, visit: &Visit<'_>) -> Option<Response> {
    let application = visit.gateway.application.as_str();
    if !front.service.passes_open(application) {
        return None;
    }
    tracing::warn!(
        gateway = visit.gateway.name,
        user = visit.user.as_str(),
        application,
        "the store cannot be reached: passed on the first factor alone"
    );
    let mut response = StatusCode::OK.into_response();
    let told = response.headers_mut();
    let user = HeaderValue::from_bytes(visit.user.as_str().as_bytes()).ok()?;
    told.insert(REMOTE_USER, user);
    told.insert(FAIL_OPEN, HeaderValue::from_static("yes"));
    Some(response)
}

/// 401, and for a browser that asks for a page the way to the portal (FA-08: nothing else is sent to one).
fn to_portal<S: Store>(
    front: &Front<S>,
    caller: &Caller,
    headers: &HeaderMap,
    user: &CanonicalName,
    target: &Address,
) -> Response {
    let mut response = StatusCode::UNAUTHORIZED.into_response();
    if !asks_for_a_page(headers) {
        return response;
    }
    let Some((location, cookie)) = portal::way_in(front, &caller.gateway, user, target, headers)
    else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Whether the client is a browser that goes to a page. Browsers say so (Fetch, section 3.6); for others the
/// media types that they name count, and `*/*` names nothing.
fn asks_for_a_page(headers: &HeaderMap) -> bool {
    let says = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if says("x-requested-with").is_some_and(|value| value.eq_ignore_ascii_case("XMLHttpRequest")) {
        return false;
    }
    if let Some(mode) = says("sec-fetch-mode") {
        return mode == "navigate";
    }
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|range| matches!(range.trim(), "text/html" | "application/xhtml+xml"))
}

fn refuse(caller: Option<&Caller>, error: CallerError) -> Response {
    let gateway = caller.map(|caller| caller.gateway.name.as_str());
    tracing::warn!(gateway, %error, "refused a gateway's request");
    match error {
        CallerError::Stranger | CallerError::Name(_) => StatusCode::FORBIDDEN,
        CallerError::Header(_) | CallerError::Site | CallerError::Path => StatusCode::BAD_REQUEST,
    }
    .into_response()
}

/// Every failure that comes here denies.
fn fail(caller: &Caller, error: &StepError) -> Response {
    tracing::error!(gateway = caller.gateway.name, %error, "could not judge a session");
    match error {
        StepError::Overloaded | StepError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
    .into_response()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_are_worth_a_redirect() {
        let cases: [(&[(&str, &str)], bool); 9] = [
            (
                &[("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")],
                true,
            ),
            (&[("accept", "application/json")], false),
            (&[("accept", "*/*")], false),
            (&[], false),
            (
                &[
                    ("accept", "text/html"),
                    ("x-requested-with", "XMLHttpRequest"),
                ],
                false,
            ),
            (&[("accept", "*/*"), ("sec-fetch-mode", "navigate")], true),
            (
                &[("accept", "text/html"), ("sec-fetch-mode", "cors")],
                false,
            ),
            (
                &[("accept", "text/html"), ("sec-fetch-mode", "no-cors")],
                false,
            ),
            (&[("accept", "application/xhtml+xml ; q=1")], true),
        ];
        for (list, expected) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in list {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(asks_for_a_page(&headers), expected, "{list:?}");
        }
    }
}
