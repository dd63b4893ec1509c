//! Envoy by `ext_authz` over gRPC: `envoy.service.auth.v3.Authorization/Check` for each request.
//!
//! It is the same decision as behind every other contract ([`super::forward_auth`]). What differs is who hears of
//! failures: Envoy takes whatever is no answer to its question (an error of gRPC, a connection that breaks, a time that is
//! over) as a failure of the authorizer, and where its operator wrote `failure_mode_allow`, lets the request through. So
//! nothing that a client can bring about ends in anything but an answer: a question that is too long or cannot be read,
//! overload, and a fault of the component are denied like any other. And it is given before Envoy stops
//! waiting, which is after 200 ms unless it is told otherwise.

mod health;
mod message;
mod question;
mod reply;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use cofactor_runtime::store::Store;
use prost::Message as _;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tonic::codec::EncodeBody;
use tonic_prost::ProstEncoder;
use tracing::Instrument as _;

use super::Front;
use super::caller::{Caller, CallerError};
use super::config::Kind;
use super::forward_auth::{Answer, closed, identified, judged, recalled, refusal};
use crate::log;
use message::{CheckRequest, CheckResponse};
use question::Question;
use reply::reply;

/// The service's name.
pub const SERVICE: &str = "envoy.service.auth.v3.Authorization";
/// Where Envoy asks.
pub const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";

/// How long an answer may take where Envoy does not say how long it waits: its default is 200 ms, and the way takes some of
/// it.
const PATIENCE: Duration = Duration::from_millis(150);
/// How long it may take at most, whatever Envoy says.
const LONGEST_PATIENCE: Duration = Duration::from_secs(30);
/// The longest question, in octets. Envoy takes 60 KiB of headers unless it is told otherwise, and a path among them
/// comes three times.
const LONGEST: usize = 256 << 10;
/// Questions of one gateway that are judged at once. More wait, as long as they may.
const JUDGED_AT_ONCE: usize = 64;

/// The authorizer and `grpc.health.v1`. Whoever serves it speaks HTTP/2.
pub fn router<S: Store>(front: Arc<Front<S>>) -> Router {
    let (watch, health) = health::health(Arc::clone(&front.service));
    let gateways = front.gateways.all.iter();
    let places = gateways.map(|gateway| {
        let places = Arc::new(Semaphore::new(JUDGED_AT_ONCE));
        (gateway.name.clone(), places)
    });
    let authorizer = Arc::new(Authorizer {
        places: places.collect(),
        front,
        _watch: watch,
    });
    Router::new()
        .route(PATH, post(check::<S>))
        .with_state(authorizer)
        .route_service("/grpc.health.v1.Health/{method}", health)
        .fallback(async || tonic::Status::unimplemented("").into_http::<Body>())
}

struct Authorizer<S> {
    front: Arc<Front<S>>,
    /// By gateway: a directory that one of them waits for keeps no other waiting.
    places: HashMap<String, Arc<Semaphore>>,
    _watch: health::Watch,
}

/// Why a question was not read.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error("it has more than {LONGEST} octets")]
    TooLong,
    #[error("it broke off")]
    Broken,
    #[error("it is not one whole message without compression")]
    Framing,
    #[error("{0}")]
    Message(#[from] prost::DecodeError),
}

/// Why a question has no judgement.
enum Unjudged {
    Unread(Unread),
    Fault(String),
}

impl From<Unread> for Unjudged {
    fn from(error: Unread) -> Self {
        Self::Unread(error)
    }
}

async fn check<S: Store>(State(it): State<Arc<Authorizer<S>>>, request: Request) -> Response {
    let id = log::request_id();
    let span = tracing::info_span!("request", request = id);
    let (parts, body) = request.into_parts();
    let deadline = Instant::now() + patience(&parts.headers);
    let answer = it.answer(parts, body, deadline, id);
    framed(answer.instrument(span).await)
}

impl<S: Store> Authorizer<S> {
    async fn answer(
        self: Arc<Self>,
        parts: Parts,
        body: Body,
        deadline: Instant,
        id: String,
    ) -> CheckResponse {
        let denied = |answer: &Answer| reply(answer, &HeaderMap::new(), &id);
        // Who is no gateway is not listened to.
        let caller = match caller(&self.front, &parts) {
            Ok(caller) => caller,
            Err(answer) => return denied(&answer),
        };
        let gateway = Arc::clone(&caller.gateway);
        let failed = |cause, error: &dyn std::fmt::Display, answer| {
            denied(&closed(&self.front, &gateway, cause, error, answer))
        };
        let answered = timeout_at(deadline, self.clone().judged(caller, body, id.clone())).await;
        match answered {
            Ok(Ok(response)) => response,
            Ok(Err(Unjudged::Unread(error))) => {
                tracing::warn!(gateway = gateway.name, %error, "a question that cannot be read");
                denied(&Answer::Malformed)
            }
            Ok(Err(Unjudged::Fault(error))) => failed("fault", &error, Answer::Failed),
            Err(_) => failed("late", &"no answer in time", Answer::Overloaded),
        }
    }

    async fn judged(
        self: Arc<Self>,
        caller: Caller,
        body: Body,
        id: String,
    ) -> Result<CheckResponse, Unjudged> {
        let message = read(body).await?;
        let stopping = || Unjudged::Fault("the host is stopping".to_owned());
        let places = self.places.get(&caller.gateway.name).cloned();
        let place = places.ok_or_else(stopping)?.acquire_owned().await;
        let place = place.map_err(|_| stopping())?;
        let question = match Question::read(message) {
            Ok(question) => question,
            Err(error) => {
                let answer = refusal(Some(&caller), error);
                return Ok(reply(&answer, &HeaderMap::new(), &id));
            }
        };
        let caller = Caller {
            address: question.address(&caller.gateway.proxies),
            ..caller
        };
        let Question { asked, headers, .. } = question;
        let identity = match identified(&self.front, &caller, &asked, &headers).await {
            Ok(identity) => identity,
            Err(answer) => return Ok(reply(&answer, &headers, &id)),
        };
        let known = identity.as_ref();
        if let Some(answer) =
            known.and_then(|known| recalled(&self.front, &caller, &asked, &headers, known))
        {
            return Ok(reply(&answer, &headers, &id));
        }
        // Apart from what waits for it: a store that does not answer must not keep the clock from being looked at.
        let span = tracing::Span::current();
        let answered = tokio::task::spawn_blocking(move || {
            let _place = place;
            let judging = judged(&self.front, &caller, &asked, &headers, identity.as_ref());
            let answer = tokio::runtime::Handle::current().block_on(judging.instrument(span));
            reply(&answer, &headers, &id)
        });
        answered
            .await
            .map_err(|error| Unjudged::Fault(error.to_string()))
    }
}

/// The gateway that asks, by the metadata of its call and by its connection. Of the client nothing is known yet.
fn caller<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Caller, Answer> {
    match Caller::of(&front.gateways, parts) {
        Ok(caller) if caller.gateway.kind == Kind::EnvoyGrpc => Ok(Caller {
            address: None,
            ..caller
        }),
        Ok(caller) => Err(refusal(Some(&caller), CallerError::Kind)),
        Err(error) => Err(refusal(None, error)),
    }
}

/// How long an answer may take: three quarters of what Envoy says that it waits.
fn patience(headers: &HeaderMap) -> Duration {
    let told = headers
        .get("grpc-timeout")
        .and_then(|value| value.to_str().ok())
        .and_then(timeout);
    told.map_or(PATIENCE, |told| (told / 4 * 3).min(LONGEST_PATIENCE))
}

/// A time as gRPC writes it: at most eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let many: u32 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    let one = match unit {
        "H" => Duration::from_secs(3600),
        "M" => Duration::from_secs(60),
        "S" => Duration::from_secs(1),
        "m" => Duration::from_millis(1),
        "u" => Duration::from_micros(1),
        "n" => Duration::from_nanos(1),
        _ => return None,
    };
    one.checked_mul(many)
}

/// The one message of a call: taken out of its frame here, as tonic turns whatever is wrong with it into an error.
async fn read(body: Body) -> Result<CheckRequest, Unread> {
    let mut body = pin!(body);
    let mut octets = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await
    {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else {
            continue;
        };
        if octets.len() + data.len() > LONGEST {
            return Err(Unread::TooLong);
        }
        octets.extend_from_slice(&data);
    }
    let (frame, message) = octets.split_at_checked(5).ok_or(Unread::Framing)?;
    match frame {
        [0, length @ ..]
            if u32::try_from(message.len()).is_ok_and(|l| l.to_be_bytes() == length) =>
        {
            Ok(CheckRequest::decode(message)?)
        }
        _ => Err(Unread::Framing),
    }
}

/// A call that was answered: the message in its frame, and that all is well.
fn framed(message: CheckResponse) -> Response {
    let message = tokio_stream::once(Ok(message));
    let encoder = ProstEncoder::<CheckResponse>::default();
    let body = EncodeBody::new_server(encoder, message, None, Default::default(), None);
    let mut response = Body::new(body).into_response();
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_answer_comes_before_envoy_stops_waiting() {
        let told = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", HeaderValue::from_static(text));
            patience(&headers)
        };
        assert_eq!(patience(&HeaderMap::new()), PATIENCE);
        for (text, expected) in [
            ("200m", 150),
            ("100m", 75),
            ("100000u", 75),
            ("1S", 750),
            ("99999999H", 30_000),
            ("0m", 0),
            ("nonsense", 150),
            ("m", 150),
            ("", 150),
            ("123456789m", 150),
        ] {
            assert_eq!(told(text), Duration::from_millis(expected), "{text}");
        }
    }

    #[tokio::test]
    async fn a_question_is_one_whole_message() {
        let message = CheckRequest::default().encode_to_vec();
        let framed = |flag: u8, length: u32, rest: &[u8]| {
            let mut octets = vec![flag];
            octets.extend_from_slice(&length.to_be_bytes());
            octets.extend_from_slice(rest);
            read(Body::from(octets))
        };
        assert!(framed(0, 0, &message).await.is_ok());
        for (flag, length, rest) in [
            (1, 0, &[][..]),
            (0, 1, &[]),
            (0, 0, &[0]),
            (0, u32::MAX, &[]),
            (0, 1, &[0xff]),
        ] {
            assert!(framed(flag, length, rest).await.is_err());
        }
        for octets in [&b""[..], b"\0\0"] {
            assert!(read(Body::from(octets.to_vec())).await.is_err());
        }
        let long = read(Body::from(vec![0; LONGEST + 1])).await;
        assert!(matches!(long, Err(Unread::TooLong)));
    }
}
