//! The demonstration's gateway: a first factor, and the part that nginx plays in docs/nginx.md.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cofactor_runtime::store::Store;
use tower::ServiceExt;

use super::{Demo, USER as TEST_USER, application, pages};
use crate::gateway::caller::{FORWARDED, SECRET};
use crate::gateway::config::RESERVED;
use crate::gateway::cookie::Cookie;
use crate::gateway::first_factor::USER;
use crate::gateway::forward_auth::asked::{ORIGINAL_METHOD, ORIGINAL_URL};
use crate::gateway::forward_auth::nginx::PATH;
use crate::gateway::forward_auth::{FACTOR_LEVEL, FACTOR_METHOD, FACTOR_VERIFIED, REMOTE_USER};
use crate::gateway::site::{Address, return_address};
use crate::portal;

/// The first factor's own cookie.
const PASSED: &str = "demonstration";

struct Gateway<S> {
    demo: Arc<Demo<S>>,
    cofactor: Router,
    application: Router,
}

/// The gateway, with the service's front and the application behind it.
pub(super) fn router<S: Store>(demo: Arc<Demo<S>>) -> Router {
    let gateway = Gateway {
        cofactor: crate::gateway::router(Arc::clone(&demo.front)),
        application: application::router(),
        demo,
    };
    Router::new()
        .route("/sign-in", get(ask::<S>).post(sign_in::<S>))
        .route("/sign-out", post(sign_out::<S>))
        .fallback(guard::<S>)
        .layer(DefaultBodyLimit::max(64 * 1024))
        .with_state(Arc::new(gateway))
}

async fn ask<S: Store>(State(gateway): State<Arc<Gateway<S>>>, parts: Parts) -> Response {
    let Some(target) = gateway.target(&parts) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let to = url::form_urlencoded::parse(query)
        .find(|(key, _)| key == "to")
        .map_or_else(String::new, |(_, to)| to.into_owned());
    pages::sign_in(&on_this_site(&to, &target), None).into_response()
}

async fn sign_in<S: Store>(
    State(gateway): State<Arc<Gateway<S>>>,
    parts: Parts,
    body: Bytes,
) -> Response {
    let Some(target) = gateway.target(&parts) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let field = |name: &str| {
        url::form_urlencoded::parse(&body)
            .find(|(key, _)| key == name)
            .map_or_else(String::new, |(_, value)| value.into_owned())
    };
    let to = on_this_site(&field("to"), &target);
    if !is_own(&parts.headers, &target) || !gateway.demo.knows(&field("user"), &field("password")) {
        let page = pages::sign_in(&to, Some("The user name or the password is wrong."));
        return (StatusCode::UNPROCESSABLE_ENTITY, page).into_response();
    }
    let Some(id) = gateway.demo.visitors.admit(TEST_USER) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let cookie = format!("{PASSED}={id}; Path=/; HttpOnly; SameSite=Lax");
    (
        StatusCode::SEE_OTHER,
        [(LOCATION, to), (SET_COOKIE, cookie)],
    )
        .into_response()
}

/// Ends both factors, and the session at the service as well as in the browser.
async fn sign_out<S: Store>(State(gateway): State<Arc<Gateway<S>>>, parts: Parts) -> Response {
    let Some(target) = gateway
        .target(&parts)
        .filter(|target| is_own(&parts.headers, target))
    else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if let Some(id) = passed(&parts.headers) {
        gateway.end_session(&id, &target, &parts.headers).await;
        gateway.demo.visitors.dismiss(&id);
    }
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, "/sign-in")]).into_response();
    let gone = format!("{PASSED}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    let cookies = [
        HeaderValue::try_from(gone).ok(),
        Cookie::Session.clear(&target.site),
    ];
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

async fn guard<S: Store>(State(gateway): State<Arc<Gateway<S>>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(target) = gateway.target(&parts) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    strip(&mut parts.headers);
    let user = passed(&parts.headers).and_then(|id| gateway.demo.visitors.user(&id));
    let reserved = target.path().starts_with(RESERVED);
    match user {
        None if target.path() == portal::style_path() => {
            gateway.to_portal(parts, body, &target, "").await
        }
        None => {
            let to: String =
                url::form_urlencoded::byte_serialize(target.target.as_bytes()).collect();
            let location = format!("/sign-in?to={to}");
            (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
        }
        Some(user) if reserved => gateway.to_portal(parts, body, &target, &user).await,
        Some(user) => gateway.to_application(parts, body, &target, &user).await,
    }
}

impl<S: Store> Gateway<S> {
    /// What the client asked for: none where the host is not the demonstration's.
    fn target(&self, parts: &Parts) -> Option<Address> {
        let host = parts.headers.get(HOST)?.to_str().ok()?;
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let address = Address::parse(&format!("http://{host}{target}"))?;
        self.demo
            .front
            .gateways
            .all
            .iter()
            .any(|gateway| gateway.guards(&address.site))
            .then_some(address)
    }

    async fn to_portal(
        &self,
        mut parts: Parts,
        body: Body,
        target: &Address,
        user: &str,
    ) -> Response {
        if self.vouch(&mut parts, target, user).is_none() {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        call(&self.cofactor, Request::from_parts(parts, body)).await
    }

    /// What `auth_request` and its surroundings do.
    async fn to_application(
        &self,
        mut parts: Parts,
        body: Body,
        target: &Address,
        user: &str,
    ) -> Response {
        let mut question = parts.clone();
        question.headers.remove(CONTENT_LENGTH);
        if self.vouch(&mut question, target, user).is_none() {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        question.uri = Uri::from_static(PATH);
        question.method = Method::GET;
        let verdict = call(&self.cofactor, Request::from_parts(question, Body::empty())).await;
        let told = verdict.headers();
        let mut response = match verdict.status() {
            StatusCode::OK => {
                for name in [REMOTE_USER, FACTOR_METHOD, FACTOR_LEVEL, FACTOR_VERIFIED] {
                    if let Some(value) = told.get(&name) {
                        parts.headers.insert(name, value.clone());
                    }
                }
                call(&self.application, Request::from_parts(parts, body)).await
            }
            StatusCode::UNAUTHORIZED => match told.get(LOCATION) {
                Some(location) => {
                    (StatusCode::SEE_OTHER, [(LOCATION, location.clone())]).into_response()
                }
                None => StatusCode::UNAUTHORIZED.into_response(),
            },
            StatusCode::FORBIDDEN => pages::refused().into_response(),
            // Whatever else there is: never the application.
            _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        };
        for cookie in told.get_all(SET_COOKIE) {
            response.headers_mut().append(SET_COOKIE, cookie.clone());
        }
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// Says who the user is and what was asked for, and proves itself.
    fn vouch(&self, parts: &mut Parts, target: &Address, user: &str) -> Option<()> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|peer| peer.0.ip());
        let headers = &mut parts.headers;
        headers.insert(&SECRET, HeaderValue::try_from(&self.demo.secret).ok()?);
        headers.insert(&USER, HeaderValue::try_from(user).ok()?);
        headers.insert(
            &ORIGINAL_URL,
            HeaderValue::try_from(target.to_string()).ok()?,
        );
        headers.insert(
            &ORIGINAL_METHOD,
            HeaderValue::try_from(parts.method.as_str()).ok()?,
        );
        if let Some(peer) = peer {
            headers.insert(&FORWARDED, HeaderValue::try_from(peer.to_string()).ok()?);
        }
        // The service sees a connection of the gateway's.
        let own = SocketAddr::new(self.demo.address.ip(), 0);
        parts.extensions.insert(ConnectInfo(own));
        Some(())
    }

    async fn end_session(&self, id: &str, target: &Address, headers: &HeaderMap) {
        let front = &self.demo.front;
        let user = self
            .demo
            .visitors
            .user(id)
            .and_then(|user| front.gateways.names.canonical(user.as_bytes()).ok());
        let (Some(user), Some(gateway)) = (user, front.gateways.all.first()) else {
            return;
        };
        let ended = front.sign_out(gateway, &user, &target.site, None, headers);
        if let Err(error) = ended.await {
            tracing::error!(%error, "the session goes on");
        }
    }
}

/// Takes away what only a gateway may say, in any spelling that an application could mistake for it (FA-01, FA-02).
fn strip(headers: &mut HeaderMap) {
    const GATEWAYS: [&str; 4] = ["remote-", "x-cofactor-", "x-original-", "x-forwarded-"];
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str().replace('_', "-");
            GATEWAYS.iter().any(|prefix| name.starts_with(prefix))
        })
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

/// The first factor's cookie.
fn passed(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == PASSED)
        .map(|(_, value)| value.to_owned())
}

/// Where the form leads: a path of this site.
fn on_this_site(to: &str, target: &Address) -> String {
    return_address(to, &target.site, &[]).map_or_else(|| "/".to_owned(), |address| address.target)
}

/// Whether a form was sent from a page of this site.
fn is_own(headers: &HeaderMap, target: &Address) -> bool {
    headers
        .get(ORIGIN)
        .is_none_or(|origin| origin.as_bytes() == target.site.to_string().as_bytes())
}

async fn call(router: &Router, request: Request) -> Response {
    match router.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
