//! The verify API: what custom programs and agents on the same machine call. docs/api.md is its manual, `openapi.json`
//! its contract.
//!
//! JSON one to one with the WIT, less what the host knows better than its caller: whether the user is known, whose users
//! they are and which gateway asks come from the client's credential; claims never come from a client but as the sealed
//! `session` of an earlier answer. A status other than 200 is always a denial.

mod bucket;
mod clients;
mod message;
mod problem;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cofactor_runtime::contract::{Claims, Outcome, Verdict};
use cofactor_runtime::seal::SealedBox;
use cofactor_runtime::service::Service;
use cofactor_runtime::store::{Name, Store};

use crate::config::Client;
use crate::listener::{LONGEST_BODY, Unread};
use crate::log;
use crate::metrics::ApiCounters;
use crate::names::{CanonicalName, Names};

use clients::{Caller, Clients};
use message::{AuthorizeAnswer, AuthorizeRequest, Shown, StepAnswer, StepRequest};
use problem::Problem;

/// The contract of this API, as it is served.
pub const OPENAPI: &str = include_str!("openapi.json");

/// The answer to a request that did not come to its end.
pub(crate) fn refusal(unread: Unread) -> Response {
    match unread {
        Unread::TooSlow => Problem::TooSlow,
        Unread::TooLarge => Problem::TooLarge,
        Unread::Broken => Problem::Malformed("the body is not what its head says".to_owned()),
    }
    .into_response()
}

/// What the API needs.
pub struct Api<S> {
    service: Arc<Service<S>>,
    names: Arc<Names>,
    clients: Clients,
    sessions: SealedBox,
    counters: Arc<ApiCounters>,
    started: Instant,
}

impl<S: Store> Api<S> {
    /// An API over the service for these clients.
    #[must_use]
    pub fn new(
        service: Arc<Service<S>>,
        names: Arc<Names>,
        clients: Vec<Client>,
        counters: Arc<ApiCounters>,
    ) -> Self {
        Self {
            sessions: service.sealed_box("api-session"),
            clients: Clients::new(clients),
            service,
            names,
            counters,
            started: Instant::now(),
        }
    }

    /// Its routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/v1/step", post(step::<S>))
            .route("/v1/authorize", post(authorize::<S>))
            .route("/v1/description", get(description::<S>))
            .route("/v1/openapi.json", get(openapi))
            .fallback(async || Problem::NotFound)
            .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
            .layer(from_fn(log::traced))
            .with_state(Arc::new(self))
    }

    /// The caller, if it may ask for one more thing now.
    fn admit(&self, headers: &HeaderMap) -> Result<&Caller, Problem> {
        let caller = self.clients.of(headers).ok_or(Problem::Unauthorized)?;
        caller
            .take(self.started.elapsed())
            .map_err(Problem::TooMany)?;
        Ok(caller)
    }

    fn user(&self, user: &str) -> Result<CanonicalName, Problem> {
        self.names
            .canonical(user.as_bytes())
            .map_err(|error| Problem::Malformed(format!("user: {error}")))
    }

    /// Seals claims for this user and this client.
    fn seal(&self, caller: &Caller, name: &Name, claims: &Claims) -> Result<String, Problem> {
        let plain = serde_json::to_vec(claims).map_err(|_| Problem::Failure)?;
        let sealed = self
            .sessions
            .seal(&bound(caller, name), &plain)
            .map_err(|_| Problem::Failure)?;
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The claims that this host sealed for this user and this client.
    fn open(&self, caller: &Caller, name: &Name, session: &str) -> Result<Claims, Problem> {
        URL_SAFE_NO_PAD
            .decode(session)
            .ok()
            .and_then(|sealed| self.sessions.open(&bound(caller, name), &sealed))
            .and_then(|plain| serde_json::from_slice(&plain).ok())
            .ok_or_else(|| {
                Problem::Forbidden(
                    "the session was not sealed for this user and this client".to_owned(),
                )
            })
    }

    async fn judge_step(&self, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
        let caller = self.admit(headers)?;
        let asked: StepRequest = json(headers, body).await?;
        let user = self.user(&asked.user)?;
        if asked.enrols() {
            user.may_enrol()
                .map_err(|error| Problem::Forbidden(error.to_string()))?;
        }
        let name = caller.account(&user);
        let application = permitted(caller, asked.application())?.to_owned();
        let action = asked.action();
        let session = match &asked.session {
            Some(session) => Some(self.open(caller, &name, session)?),
            None => None,
        };
        let event = asked.into_event(caller, &name.user, session)?;
        let started = Instant::now();
        let settled = self.service.step(&name, event).await.map_err(|error| {
            let problem = Problem::of(&error, || self.fails_open(&application));
            tracing::warn!(
                client = caller.client.name, user = name.user, application, action, %error, "no outcome"
            );
            problem
        })?;
        let (outcome, reason) = log::decided(&settled.outcome);
        tracing::info!(
            client = caller.client.name,
            user = name.user,
            application,
            action,
            outcome,
            reason,
            micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "decided"
        );
        let session = match &settled.outcome {
            // A confirmed text is no session.
            Outcome::Allow(it) if it.claims.transaction.is_none() => {
                Some(self.seal(caller, &name, &it.claims)?)
            }
            _ => None,
        };
        answer(&StepAnswer {
            outcome: Shown::outcome(&settled.outcome, caller.client.internal_reasons),
            session,
        })
    }

    async fn judge_session(&self, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
        let caller = self.admit(headers)?;
        let asked: AuthorizeRequest = json(headers, body).await?;
        let name = caller.account(&self.user(&asked.user)?);
        let application = permitted(caller, &asked.request.application)?.to_owned();
        let claims = self.open(caller, &name, &asked.session)?;
        let request = asked.request.into_request()?;
        let verdict = self
            .service
            .authorize(&name, None, &claims, request)
            .map_err(|error| {
                tracing::warn!(
                    client = caller.client.name, user = name.user, application, action = "authorize", %error, "no verdict"
                );
                Problem::of(&error, || self.fails_open(&application))
            })?;
        let (word, reason) = match &verdict {
            Verdict::Pass(_) => ("pass", ""),
            Verdict::StepUp(it) => ("step-up", it.reason.as_str()),
            Verdict::Deny(it) => ("deny", it.internal_reason.as_str()),
            Verdict::Other(_) => ("other", ""),
        };
        tracing::debug!(
            client = caller.client.name,
            user = name.user,
            application,
            action = "authorize",
            outcome = word,
            reason,
            "decided"
        );
        let session = match &verdict {
            Verdict::Pass(passage) => match &passage.renewed {
                Some(renewed) => Some(self.seal(caller, &name, renewed)?),
                None => None,
            },
            _ => None,
        };
        answer(&AuthorizeAnswer {
            verdict: Shown::verdict(&verdict, caller.client.internal_reasons),
            session,
        })
    }

    fn fails_open(&self, application: &str) -> bool {
        self.service
            .host_policy()
            .fail_open
            .iter()
            .any(|open| open == application)
    }
}

async fn step<S: Store>(State(api): State<Arc<Api<S>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let result = api.judge_step(&head.headers, body).await;
    api.finish(result)
}

async fn authorize<S: Store>(State(api): State<Arc<Api<S>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let result = api.judge_session(&head.headers, body).await;
    api.finish(result)
}

async fn description<S: Store>(State(api): State<Arc<Api<S>>>, headers: HeaderMap) -> Response {
    let result = api
        .admit(&headers)
        .and_then(|_| answer(api.service.plugin().description()));
    api.finish(result)
}

async fn openapi() -> Response {
    (
        [(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
        OPENAPI,
    )
        .into_response()
}

impl<S: Store> Api<S> {
    /// Counts the answer.
    fn finish(&self, result: Result<Response, Problem>) -> Response {
        let mut response = match result {
            Ok(response) => response,
            Err(problem) => {
                // What is wrong with a request is its sender's own and may hold a code: the log gets the kind alone.
                let status = u64::from(problem.status().as_u16());
                tracing::info!(status, "refused a request");
                problem.into_response()
            }
        };
        self.counters.count(response.status().as_u16());
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// What a session is sealed to: it opens for no other user and no other client. Names hold no control characters.
fn bound(caller: &Caller, name: &Name) -> Vec<u8> {
    [
        name.tenant.as_str(),
        &name.issuer,
        &name.user,
        &caller.client.name,
    ]
    .join("\0")
    .into_bytes()
}

fn permitted<'a>(caller: &Caller, application: &'a str) -> Result<&'a str, Problem> {
    if caller.may_use(application) {
        Ok(application)
    } else {
        Err(Problem::Forbidden(
            "the application is none of the client's".to_owned(),
        ))
    }
}

async fn json<T: serde::de::DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::NotJson);
    }
    let body = to_bytes(body, LONGEST_BODY)
        .await
        .map_err(|_| Problem::TooLarge)?;
    serde_json::from_slice(&body).map_err(|error| Problem::Malformed(error.to_string()))
}

fn answer<T: serde::Serialize>(value: &T) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|_| Problem::Failure)?;
    let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((StatusCode::OK, kind, body).into_response())
}
