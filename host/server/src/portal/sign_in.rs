//! A sign-in: where it begins, where each outcome leads, and how it ends.

use axum::http::header::HeaderMap;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use cofactor_runtime::contract::{Action, Instant, Outcome, SignIn, Surface};
use cofactor_runtime::service::Settled;
use cofactor_runtime::store::Store;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::form::{self, Journey, Posted};
use super::page::{Trouble, redirect, with_browser, with_cookie};
use super::visitor::{Visitor, random_id};
use super::{challenge, demand, enrol, handoff, once, parameter, path, wait};
use crate::gateway::config::RESERVED;
use crate::gateway::cookie::Cookie;
use crate::gateway::forward_auth::asked::registered;
use crate::gateway::session::Session;
use crate::gateway::site::{Address, return_address};
use crate::gateway::{Front, Judgement, Visit};

/// What a value in a query keeps as it is (RFC 3986 section 2.3).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');
/// The longest device token that the contract lets through to the component, in octets.
const LONGEST_TOKEN: usize = 512;
/// How a browser goes to a page.
const GET: &str = "GET";
/// The level of any second factor.
const SECOND_FACTOR: u8 = 2;

/// The address of the challenge that leads back to `back`. `again` asks for a factor even if there is a session.
pub(super) fn address(back: &str, again: bool) -> String {
    let again = if again { "again=1&" } else { "" };
    format!("{}?{again}{}", path(""), leading(back))
}

/// The address of the challenge that a request to `back` needs.
pub(super) fn address_for(back: &str, method: &str) -> String {
    let of = match method {
        "GET" | "HEAD" => String::new(),
        _ => format!("rm={method}&"),
    };
    format!("{}?{of}{}", path(""), leading(back))
}

/// The parameter that leads back to `back`.
pub(super) fn leading(back: &str) -> String {
    format!("rd={}", utf8_percent_encode(back, QUERY))
}

/// GET `/.cofactor/`
pub(super) async fn begin<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    looked_at(parts)?;
    let visitor = Visitor::of(front, parts).await?;
    let back = back(&visitor, parameter(parts, "rd").as_deref());
    let sign_in = if parameter(parts, "again").is_some() {
        // Neither a session nor a remembered browser is what is asked for.
        SignIn {
            required_level: SECOND_FACTOR,
            ..SignIn::new(Surface::REDIRECT)
        }
    } else {
        let method = method(&visitor, parameter(parts, "rm").as_deref());
        match sign_in(front, &visitor, (method, &back), &parts.headers)? {
            Ok(sign_in) => sign_in,
            Err(renewed) => return leave(front, &visitor, renewed, None, &back, &parts.headers),
        }
    };
    let id = random_id().ok_or_else(Trouble::service)?.to_vec();
    let settled = form::step(front, &visitor, id.clone(), Action::Begin(sign_in)).await?;
    let journey = Journey::to(&back);
    settle(front, &visitor, (&id, settled), &journey, &parts.headers)
}

/// The user puts off setting up.
pub(super) async fn snooze<S: Store>(posted: &Posted<S>) -> Result<Response, Trouble> {
    let Posted { front, visitor, .. } = posted;
    let back = &posted.token.back;
    match sign_in(front, visitor, (GET, back), &posted.headers)? {
        Ok(sign_in) => posted.settle(posted.step(Action::Snooze(sign_in)).await?),
        Err(renewed) => leave(front, visitor, renewed, None, back, &posted.headers),
    }
}

/// A page that is only looked at from elsewhere, or ahead of time, must not begin anything.
pub(super) fn looked_at(parts: &Parts) -> Result<(), Trouble> {
    let says = |name: &str| parts.headers.get(name).map(|value| value.as_bytes());
    if says("sec-fetch-mode").is_some_and(|mode| mode != b"navigate")
        || says("sec-fetch-dest").is_some_and(|destination| destination != b"document")
        || says("sec-purpose").is_some()
    {
        return Err(Trouble::new(StatusCode::BAD_REQUEST, "navigate"));
    }
    Ok(())
}

/// The HTTP method that the sign-in is for. Whoever writes another one into the address is asked for what that one needs, and
/// gets no further with it.
fn method(visitor: &Visitor, told: Option<&str>) -> &'static str {
    let told = match &visitor.ticket {
        Some(ticket) => Some(ticket.method.as_str()),
        None => told,
    };
    told.and_then(registered).unwrap_or(GET)
}

/// The sign-in that it takes to make this request, method and address; none, but perhaps a session that was renewed, where the present one is enough.
fn sign_in<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    (method, back): (&str, &str),
    headers: &HeaderMap,
) -> Result<Result<SignIn, Option<Session>>, Trouble> {
    let target = target(visitor, back);
    let visit = visit(visitor, &target, method);
    let needed = match front.judge(&visit, headers)? {
        Judgement::Pass { renewed, .. } => return Ok(Err(renewed.map(|session| *session))),
        Judgement::StepUp(step_up) => Some(step_up),
        // A session that was ended is no reason not to begin another.
        Judgement::Deny(_) | Judgement::None => demand::beyond(front, &visit)?,
    };
    Ok(Ok(SignIn {
        required_level: needed.as_ref().map_or(0, |step_up| step_up.level),
        max_age: needed.and_then(|step_up| step_up.max_age),
        device_token: Cookie::Device
            .values(headers, &visitor.site)
            .find(|token| (1..=LONGEST_TOKEN).contains(&token.len()))
            .map(str::to_owned),
        ..SignIn::new(Surface::REDIRECT)
    }))
}

/// Where the outcome of an event leads.
pub(super) fn settle<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    (event, settled): (&[u8], Settled),
    journey: &Journey,
    headers: &HeaderMap,
) -> Result<Response, Trouble> {
    let Settled {
        outcome, account, ..
    } = settled;
    let back = &journey.back;
    match outcome {
        Outcome::Allow(allowance) => {
            let session = Session {
                id: front.sessions.id(&account.0, event),
                account: account.0,
                claims: allowance.claims,
            };
            let device = allowance.device_token;
            leave(front, visitor, Some(session), device, back, headers)
        }
        Outcome::Challenge(asked) => challenge::page(front, visitor, &asked, journey),
        Outcome::Pending(pending) => wait::page(front, visitor, &pending, journey),
        Outcome::Enrol(enrolment) => enrol::page(front, visitor, &enrolment, back),
        Outcome::Done(done) => match &done.provisioning {
            Some(made) => once::page(front, visitor, made, back),
            None => redirect(back),
        },
        Outcome::Deny(denial) => Err(Trouble::denied(&denial.public_reason, address(back, false))),
        // A third party's factor has no page here, and what is not known denies.
        Outcome::Delegate(_) | Outcome::Other(_) => {
            Err(Trouble::denied("service-error", address(back, false)))
        }
    }
}

/// Gives the browser its session, if it is a new one, and sends it back. A browser that is remembered gets its token.
fn leave<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    session: Option<Session>,
    device: Option<(String, Instant)>,
    back: &str,
    headers: &HeaderMap,
) -> Result<Response, Trouble> {
    let cookie = match &session {
        Some(session) => Some(
            front
                .session_cookie(&visitor.gateway, &visitor.user, &visitor.site, session)
                .ok_or_else(Trouble::service)?,
        ),
        None => None,
    };
    let session = match session {
        Some(session) => Some(session),
        None => front.session(&visitor.gateway, &visitor.user, &visitor.site, headers)?,
    };
    let to = handoff::way_back(front, visitor, session, back)?;
    let device = device.and_then(|(token, until)| remembering(front, visitor, &token, until));
    let response = with_cookie(with_cookie(redirect(&to)?, cookie), device);
    Ok(with_browser(response, visitor, &visitor.site))
}

/// The cookie by which the browser is known again.
fn remembering<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    token: &str,
    until: Instant,
) -> Option<HeaderValue> {
    let now = front.service.now().ok()?;
    Cookie::Device.set(&visitor.site, token, Some(until.saturating_sub(now) / 1000))
}

/// Whether the session is enough for where the browser wants to go.
pub(super) fn judge<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    to: &str,
    headers: &HeaderMap,
) -> Result<Judgement, Trouble> {
    let target = target(visitor, to);
    Ok(front.judge(&visit(visitor, &target, GET), headers)?)
}

/// An address, or a path on the site that is looked at.
fn target(visitor: &Visitor, to: &str) -> Address {
    Address::parse(to).unwrap_or_else(|| Address {
        site: visitor.site.clone(),
        target: to.to_owned(),
    })
}

fn visit<'a>(visitor: &'a Visitor, target: &'a Address, method: &'a str) -> Visit<'a> {
    Visit {
        gateway: &visitor.gateway,
        user: &visitor.user,
        target,
        method,
        address: visitor.address.as_deref(),
    }
}

/// Where the browser goes afterwards: what it asked for, if that is on the gateway's sites and not this page itself.
pub(super) fn back(visitor: &Visitor, wanted: Option<&str>) -> String {
    let wanted = wanted
        .and_then(|raw| return_address(raw, &visitor.site, &visitor.gateway.sites))
        .filter(|address| address.path() != RESERVED)
        .map(|address| address.to_string());
    match &visitor.ticket {
        // On a portal's own site there is nothing to go back to but the portal's pages; the ticket says the rest.
        Some(ticket) => wanted
            .filter(|to| to.starts_with(&format!("{}{RESERVED}", visitor.site)))
            .unwrap_or_else(|| ticket.back.clone()),
        None => wanted.unwrap_or_else(|| format!("{}/", visitor.site)),
    }
}
