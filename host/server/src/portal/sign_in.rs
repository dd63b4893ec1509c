//! The challenge: the code is asked for, answered, and the browser goes back to where it came from.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use cofactor_runtime::contract::{
    Action, Answer, Challenge, Outcome, Proof, SignIn, StepUp, Surface,
};
use cofactor_runtime::service::Settled;
use cofactor_runtime::store::Store;
use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::form::{self, FIELD, Posted, Purpose};
use super::page::{Page, Trouble, redirect, with_browser, with_cookie};
use super::visitor::{Visitor, random_id};
use super::{answer as respond, enrol, handoff, parameter, path};
use crate::gateway::config::RESERVED;
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

/// The address of the challenge that leads back to `back`. `again` asks for a code even if there is a session.
pub(super) fn address(back: &str, again: bool) -> String {
    let again = if again { "again=1&" } else { "" };
    format!(
        "{}?{again}rd={}",
        path(""),
        utf8_percent_encode(back, QUERY)
    )
}

/// GET `/.cofactor/`
pub(super) async fn show<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let result = challenge(&front, &parts).await;
    respond(&front, &parts.headers, result)
}

/// POST `/.cofactor/answer`
pub(super) async fn answer<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Result<Response, Response> {
    let posted = Posted::read(front, request, Purpose::Answer).await?;
    Ok(posted.respond(judge_answer(&posted).await))
}

async fn challenge<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    // A page that is only looked at from elsewhere, or ahead of time, must not open a challenge.
    let says = |name: &str| parts.headers.get(name).map(|value| value.as_bytes());
    if says("sec-fetch-mode").is_some_and(|mode| mode != b"navigate")
        || says("sec-fetch-dest").is_some_and(|destination| destination != b"document")
        || says("sec-purpose").is_some()
    {
        return Err(Trouble::new(StatusCode::BAD_REQUEST, "navigate"));
    }
    let visitor = Visitor::of(front, parts)?;
    let back = back(&visitor, parameter(parts, "rd").as_deref());
    let mut needed = StepUp {
        level: 0,
        max_age: None,
        reason: String::new(),
    };
    if parameter(parts, "again").is_none() {
        match judge(front, &visitor, &back, &parts.headers)? {
            Judgement::Pass { renewed, .. } => {
                let session = renewed.map(|session| *session);
                return leave(front, &visitor, session, &back, &parts.headers);
            }
            Judgement::StepUp(step_up) => needed = step_up,
            // A session that was ended is no reason not to begin another.
            Judgement::Deny(_) | Judgement::None => {}
        }
    }
    let action = Action::Begin(SignIn {
        required_level: needed.level,
        max_age: needed.max_age,
        ..SignIn::new(Surface::REDIRECT)
    });
    let id = random_id().ok_or_else(Trouble::service)?.to_vec();
    let settled = form::step(front, &visitor, id.clone(), action).await?;
    settle(front, &visitor, (&id, settled), &back, &parts.headers)
}

async fn judge_answer<S: Store>(posted: &Posted<S>) -> Result<Response, Trouble> {
    let proof = match posted.field("next") {
        "" => Proof::Code(posted.code("code")),
        _ => Proof::TwoCodes((posted.code("code"), posted.code("next"))),
    };
    let action = Action::Answer(Answer {
        challenge: posted.token.subject.clone(),
        proof,
        remember: false,
    });
    posted.settle(posted.step(action).await?)
}

/// Where the outcome of an event leads.
pub(super) fn settle<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    (event, settled): (&[u8], Settled),
    back: &str,
    headers: &HeaderMap,
) -> Result<Response, Trouble> {
    let Settled {
        outcome, account, ..
    } = settled;
    match outcome {
        Outcome::Allow(allowance) => {
            let session = Session {
                id: front.sessions.id(&account.0, event),
                account: account.0,
                claims: allowance.claims,
            };
            leave(front, visitor, Some(session), back, headers)
        }
        Outcome::Challenge(challenge) => page(front, visitor, &challenge, back),
        Outcome::Enrol(enrolment) => enrol::page(front, visitor, &enrolment, back),
        Outcome::Deny(denial) => Err(Trouble::denied(&denial.public_reason, address(back, false))),
        Outcome::Done(_) => redirect(back),
        // Nothing here can wait or delegate yet: what is not known denies.
        Outcome::Pending(_) | Outcome::Delegate(_) | Outcome::Other(_) => {
            Err(Trouble::denied("service-error", address(back, false)))
        }
    }
}

/// Gives the browser its session, if it is a new one, and sends it back.
fn leave<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    session: Option<Session>,
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
    Ok(with_browser(
        with_cookie(redirect(&to)?, cookie),
        visitor,
        &visitor.site,
    ))
}

/// Whether the session is enough for where the browser wants to go.
pub(super) fn judge<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    to: &str,
    headers: &HeaderMap,
) -> Result<Judgement, Trouble> {
    let target = Address {
        site: visitor.site.clone(),
        target: Address::parse(to).map_or_else(|| to.to_owned(), |address| address.target),
    };
    let visit = Visit {
        gateway: &visitor.gateway,
        user: &visitor.user,
        target: &target,
        method: "GET",
        address: visitor.address.as_deref(),
    };
    Ok(front.judge(&visit, headers)?)
}

/// Where the browser goes afterwards: what it asked for, if that is on the gateway's sites and not this page itself.
fn back(visitor: &Visitor, wanted: Option<&str>) -> String {
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

/// The page that asks for a code.
fn page<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    challenge: &Challenge,
    back: &str,
) -> Result<Response, Trouble> {
    let texts = visitor.texts;
    let text = |key| texts.get("challenge", key);
    let failed = challenge.after.as_deref();
    let token = form::token(front, visitor, Purpose::Answer, &challenge.id, back)?;
    let labels: Vec<&str> = challenge
        .offers
        .iter()
        .map(|offer| offer.label.as_str())
        .collect();
    let lead = match labels.as_slice() {
        [] | [_] => text("lead").to_owned(),
        _ => texts.fill(
            "challenge",
            "lead-several",
            &[("labels", &labels.join(", "))],
        ),
    };
    let content = html! {
        p.lead { (lead) }
        @if let Some(reason) = failed {
            p.alert #problem role="alert" { (texts.get("reason", reason)) }
        }
        form method="post" action=(path("answer")) {
            input type="hidden" name=(FIELD) value=(token);
            (code_field(text("label"), &texts.fill("challenge", "hint", &[("digits", &digits(challenge))]), failed.is_some(), challenge))
            button type="submit" { (text("button")) }
        }
        @if failed.is_some() {
            (resynchronise(front, visitor, challenge, back)?)
        }
    };
    Ok(Page::of(front, visitor, text("title")).ask(failed.is_some(), &content))
}

/// The numbers of digits that may be typed, such as `6` or `6/8`.
fn digits(challenge: &Challenge) -> String {
    let mut digits: Vec<u8> = challenge
        .offers
        .iter()
        .map(|offer| offer.digits)
        .filter(|digits| *digits > 0)
        .collect();
    digits.sort_unstable();
    digits.dedup();
    if digits.is_empty() {
        digits.push(6);
    }
    digits
        .iter()
        .map(u8::to_string)
        .collect::<Vec<_>>()
        .join("/")
}

fn code_field(label: &str, hint: &str, failed: bool, challenge: &Challenge) -> Markup {
    let longest = challenge
        .offers
        .iter()
        .map(|offer| offer.digits)
        .max()
        .unwrap_or(6)
        .max(6);
    code_input(label, hint, failed, longest, Focus::Field)
}

/// Where the cursor is when a page opens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Focus {
    /// In the field: there is nothing to do before.
    Field,
    /// At the top: there is something to read, or to scan, first.
    Top,
}

/// The field for a code, for keyboards, screen readers and password managers alike.
pub(super) fn code_input(
    label: &str,
    hint: &str,
    failed: bool,
    longest: u8,
    focus: Focus,
) -> Markup {
    // Room for the blanks that apps show between groups.
    let length = u16::from(longest) + 3;
    html! {
        div.field {
            label for="code" { (label) }
            input.code #code name="code" type="text" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9 \\-]*"
                maxlength=(length) required autofocus[focus == Focus::Field] spellcheck="false" autocapitalize="off"
                aria-describedby=(if failed { "problem hint" } else { "hint" })
                aria-invalid=[failed.then_some("true")];
            p.hint #hint { (hint) }
        }
    }
}

/// For a device whose clock or counter is off: two codes in a row set it right.
fn resynchronise<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    challenge: &Challenge,
    back: &str,
) -> Result<Markup, Trouble> {
    let text = |key| visitor.texts.get("challenge", key);
    let token = form::token(front, visitor, Purpose::Answer, &challenge.id, back)?;
    let field = |name: &str, label: &str| {
        html! {
            div.field {
                label for={ "two-" (name) } { (label) }
                input #{ "two-" (name) } name=(name) type="text" inputmode="numeric" autocomplete="off" required maxlength="11";
            }
        }
    };
    Ok(html! {
        details {
            summary { (text("resync-title")) }
            form method="post" action=(path("answer")) {
                p { (text("resync-lead")) }
                input type="hidden" name=(FIELD) value=(token);
                (field("code", text("resync-first")))
                (field("next", text("resync-second")))
                button.quiet type="submit" { (text("resync-button")) }
            }
        }
    })
}
