//! The pages that people see: challenge, enrolment, devices, sign-out. Made on the server, without anything from elsewhere,
//! and without JavaScript but where a passkey is asked for.
//!
//! | module | what it is |
//! |---|---|
//! | [`visitor`] | who looks at a page, told by the gateway or handed over |
//! | [`sign_in`] | where a sign-in begins, and where each outcome leads |
//! | [`demand`] | what a sign-in has to reach |
//! | [`challenge`] | what asks for a code, a passkey, a PIN, or another method |
//! | [`wait`] | what waits for an answer from elsewhere |
//! | [`enrol`], [`confirm`] | setting up a device, and what is handed out for it |
//! | [`once`] | what is shown once |
//! | [`devices`], [`change`] | the user's devices, and their changes |
//! | [`sign_out`] | the end of a session, here or everywhere |
//! | [`handoff`] | the way to a portal on a site of its own, and back |
//! | [`form`], [`purpose`], [`field`] | forms that only our own pages can send, what for, and what is typed into them |
//! | [`passkey`] | the part of a page that takes a script |
//! | [`method`] | what the methods are called, and take |
//! | [`page`] | frame, headers, errors |
//! | [`texts`] | the words |

mod challenge;
mod change;
mod confirm;
mod demand;
mod devices;
mod enrol;
mod field;
mod form;
mod handoff;
mod method;
mod once;
mod page;
mod passkey;
mod purpose;
mod sign_in;
mod sign_out;
mod texts;
mod ticket;
mod visitor;
mod wait;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use cofactor_runtime::service::{Service, StepError};
use cofactor_runtime::store::Store;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::gateway::Front;
use crate::gateway::config::RESERVED;
use form::Posted;
pub use handoff::way_in;
use page::Trouble;
use purpose::Purpose;

/// `[portal]`: what people see on every page.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PortalSection {
    /// The name at the top of each page: 1 to 64 characters. Absent: `Second factor`.
    #[serde(default = "default_title")]
    pub title: String,
    /// Whom to ask for help, shown on each page, such as `Service desk, extension 4400`: at most 256 characters.
    #[serde(default)]
    pub help: Option<String>,
}

impl Default for PortalSection {
    fn default() -> Self {
        Self {
            title: default_title(),
            help: None,
        }
    }
}

impl PortalSection {
    /// Checks what the types cannot see.
    ///
    /// # Errors
    /// The key that is wrong, and what is expected.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=64).contains(&self.title.chars().count()) {
            return Err("portal.title: expected 1 to 64 characters".into());
        }
        if self
            .help
            .as_ref()
            .is_some_and(|help| help.chars().count() > 256)
        {
            return Err("portal.help: expected at most 256 characters".into());
        }
        Ok(())
    }
}

fn default_title() -> String {
    "Second factor".to_owned()
}

/// What the portal keeps: seals, keys, and the words of the operator.
pub(crate) struct Desk {
    title: String,
    help: Option<String>,
    forms: form::Forms,
    tickets: ticket::Tickets,
    binding: Zeroizing<[u8; 32]>,
}

impl Desk {
    /// From now on.
    pub(crate) fn new<S: Store>(
        service: &Service<S>,
        section: &PortalSection,
    ) -> Result<Self, StepError> {
        Ok(Self {
            title: section.title.clone(),
            help: section.help.clone(),
            forms: form::Forms::new(service.sealed_box("form")),
            tickets: ticket::Tickets::new(service.sealed_box("ticket"), service.now()?),
            binding: service.digest_key("browser-binding"),
        })
    }
}

/// A page that is gone to.
#[derive(Clone, Copy, Debug)]
enum Place {
    Start,
    Wait,
    Stopped,
    Recovery,
    Devices,
    Add,
    SignOut,
}

impl Place {
    const ALL: [(Self, &str); 7] = [
        (Self::Start, ""),
        (Self::Wait, "wait"),
        (Self::Stopped, "stop"),
        (Self::Recovery, "recovery"),
        (Self::Devices, "devices"),
        (Self::Add, "devices/add"),
        (Self::SignOut, "sign-out"),
    ];
}

/// The pages, under the reserved path.
pub(crate) fn router<S: Store>() -> Router<Arc<Front<S>>> {
    let mut router = Router::new()
        .route(&path("begin"), get(handoff::begin::<S>))
        .route(&path("confirm"), get(handoff::confirm::<S>))
        .route(&path("enter"), get(handoff::enter::<S>))
        .route(&path("finish"), get(handoff::finish::<S>))
        .route(&page::STYLE_PATH, get(page::style))
        .route(&passkey::SCRIPT_PATH, get(passkey::script))
        .route(&path("{*rest}"), any(not_found::<S>));
    for (place, at) in Place::ALL {
        let shown = move |State(front): State<Arc<Front<S>>>, request: Request| async move {
            shown(&front, request, place).await
        };
        router = router.route(&path(at), get(shown));
    }
    for purpose in Purpose::FORMS {
        let received = move |State(front): State<Arc<Front<S>>>, request: Request| async move {
            received(front, request, purpose).await
        };
        let mut methods = post(received);
        // An address that a form is sent to is in the address bar where its page says what was wrong: whoever goes there
        // without the form begins anew.
        if !Place::ALL.iter().any(|(_, at)| *at == purpose.path()) {
            methods = methods.get(move || async move { Redirect::to(&path(purpose.home())) });
        }
        router = router.route(&path(purpose.path()), methods);
    }
    router
        .method_not_allowed_fallback(not_with_this_method::<S>)
        .layer(DefaultBodyLimit::max(64 * 1024))
}

/// A page that is gone to, or the one that says why not.
async fn shown<S: Store>(front: &Front<S>, request: Request, place: Place) -> Response {
    let (parts, _) = request.into_parts();
    let result = match place {
        Place::Start => sign_in::begin(front, &parts).await,
        Place::Wait => wait::look(front, &parts).await,
        Place::Stopped => wait::stopped(front, &parts).await,
        Place::Recovery => enrol::recovery(front, &parts).await,
        Place::Devices => devices::list(front, &parts).await,
        Place::Add => devices::add(front, &parts).await,
        Place::SignOut => sign_out::ask(front, &parts).await,
    };
    answer(front, &parts.headers, result)
}

/// What comes of a form.
async fn received<S: Store>(
    front: Arc<Front<S>>,
    request: Request,
    purpose: Purpose,
) -> Result<Response, Response> {
    let posted = Posted::read(front, request, purpose).await?;
    let result = match purpose {
        Purpose::Answer => challenge::answer(&posted).await,
        Purpose::Choose => challenge::choose(&posted).await,
        Purpose::Resend => challenge::resend(&posted).await,
        Purpose::EnrolBegin => enrol::begin(&posted).await,
        Purpose::EnrolFinish => enrol::finish(&posted).await,
        Purpose::Snooze => sign_in::snooze(&posted).await,
        Purpose::Kept => once::kept(&posted),
        Purpose::SignOut => sign_out::here(&posted).await,
        _ => change::make(&posted).await,
    };
    Ok(posted.respond(result))
}

/// Where the style sheet is: needs no identity.
#[must_use]
pub(crate) fn style_path() -> &'static str {
    &page::STYLE_PATH
}

/// A path under the reserved one.
fn path(rest: &str) -> String {
    format!("{RESERVED}{rest}")
}

/// A parameter of the query: none where it is not there, or there twice.
fn parameter(parts: &Parts, name: &str) -> Option<String> {
    let mut values = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned());
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// The answer, or the page that says why there is none.
fn answer<S>(front: &Front<S>, headers: &HeaderMap, result: Result<Response, Trouble>) -> Response {
    result.unwrap_or_else(|trouble| match visitor::texts(headers) {
        Ok(texts) => trouble.show(&front.desk, texts),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    })
}

async fn not_with_this_method<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Response {
    answer(
        &front,
        request.headers(),
        Err(Trouble::new(StatusCode::METHOD_NOT_ALLOWED, "not-found")),
    )
}

async fn not_found<S: Store>(State(front): State<Arc<Front<S>>>, request: Request) -> Response {
    answer(
        &front,
        request.headers(),
        Err(Trouble::new(StatusCode::NOT_FOUND, "not-found")),
    )
}
