//! The pages that people see: challenge, enrolment, devices, sign-out. Made on the server, without JavaScript, without
//! anything from elsewhere.
//!
//! | module | what it is |
//! |---|---|
//! | [`visitor`] | who looks at a page, told by the gateway or handed over |
//! | [`sign_in`] | the challenge, and where an outcome leads |
//! | [`enrol`] | setting up a device |
//! | [`devices`] | the user's devices |
//! | [`sign_out`] | the end of a session, here or everywhere |
//! | [`handoff`] | the way to a portal on a site of its own, and back |
//! | [`form`] | forms that only our own pages can send |
//! | [`page`] | frame, headers, errors |
//! | [`texts`] | the words |

mod devices;
mod enrol;
mod form;
mod handoff;
mod page;
mod sign_in;
mod sign_out;
mod texts;
mod ticket;
mod visitor;

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
pub use handoff::way_in;
use page::Trouble;

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

/// The pages, under the reserved path.
pub(crate) fn router<S: Store>() -> Router<Arc<Front<S>>> {
    Router::new()
        .route(&path(""), get(sign_in::show::<S>))
        .route(&path("answer"), post(sign_in::answer::<S>).get(to_start))
        .route(&path("enrol"), post(enrol::begin::<S>).get(to_start))
        .route(
            &path("enrol/confirm"),
            post(enrol::finish::<S>).get(to_start),
        )
        .route(&path("devices"), get(devices::show::<S>))
        .route(&path("devices/add"), get(devices::add::<S>))
        .route(
            &path("devices/rename"),
            post(devices::rename::<S>).get(to_devices),
        )
        .route(
            &path("devices/remove"),
            post(devices::remove::<S>).get(to_devices),
        )
        .route(
            &path("sign-out"),
            get(sign_out::show::<S>).post(sign_out::here::<S>),
        )
        .route(
            &path("sign-out/everywhere"),
            post(sign_out::everywhere::<S>).get(to_devices),
        )
        .route(&path("begin"), get(handoff::begin::<S>))
        .route(&path("confirm"), get(handoff::confirm::<S>))
        .route(&path("enter"), get(handoff::enter::<S>))
        .route(&path("finish"), get(handoff::finish::<S>))
        .route(&page::STYLE_PATH, get(page::style))
        .route(&path("{*rest}"), any(not_found::<S>))
        .method_not_allowed_fallback(not_with_this_method::<S>)
        .layer(DefaultBodyLimit::max(64 * 1024))
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

/// An address that a form is sent to is in the address bar where its page says what was wrong: whoever goes there without
/// the form begins anew.
async fn to_start() -> Redirect {
    Redirect::to(&path(""))
}

async fn to_devices() -> Redirect {
    Redirect::to(&path("devices"))
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
