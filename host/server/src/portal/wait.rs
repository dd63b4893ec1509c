//! The page that waits for an answer from elsewhere: from the user's telephone, or from other people. It goes on by itself,
//! without a script: the browser asks for it again, and the answer is held back for as long as there is nothing new.

use std::time::Duration;

use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use cofactor_runtime::contract::{
    Action, Answer, Enrolment, Outcome, Pending, Prompt, Proof, Provisioning,
};
use cofactor_runtime::service::Settled;
use cofactor_runtime::store::Store;
use maud::{Markup, html};

use super::challenge::{argument, days, others, said};
use super::form::{self, FIELD, Journey, REMEMBER, YES};
use super::page::{Page, Trouble};
use super::purpose::Purpose;
use super::sign_in::{self, address, back, leading, looked_at};
use super::visitor::{Visitor, random_id};
use super::{enrol, parameter, path};
use crate::gateway::Front;

/// The prompt of an enrolment that another device confirms.
pub(super) const CONFIRM_ON_DEVICE: &str = "confirm-on-device";
/// The parameter that asks for an answer at once.
const NOW: &str = "now";
/// How long the browser looks at one page before it asks again, in seconds.
const LOOK: u64 = 2;
/// How long an answer is held back at most: less than the host takes to stop.
const HOLD: Duration = Duration::from_secs(8);
/// Between two looks at the account: what the component says, within these bounds.
const LEAST: Duration = Duration::from_millis(500);
const MOST: Duration = Duration::from_secs(3);

/// GET `/.cofactor/wait`: goes on as soon as there is something new.
pub(super) async fn look<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    looked_at(parts)?;
    let visitor = Visitor::of(front, parts).await?;
    let state = parameter(parts, FIELD).unwrap_or_default();
    let token = form::open(front, &visitor, Purpose::Wait, &state)?;
    let journey = Journey {
        back: token.back,
        remember: parameter(parts, REMEMBER).as_deref() == Some(YES),
    };
    let hold = match parameter(parts, NOW) {
        Some(_) => Duration::ZERO,
        None => HOLD,
    };
    let (id, settled) = ask(front, &visitor, &token.subject, journey.remember, hold).await?;
    let journey = enrol::onward(front, &visitor, &settled, journey).await?;
    sign_in::settle(front, &visitor, (&id, settled), &journey, &parts.headers)
}

/// Asks what became of it, until there is an answer or `hold` is over.
async fn ask<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    challenge: &str,
    remember: bool,
    hold: Duration,
) -> Result<(Vec<u8>, Settled), Trouble> {
    let mut held = Duration::ZERO;
    loop {
        let id = random_id().ok_or_else(Trouble::service)?.to_vec();
        // An answer with an empty code is a poll that can say what is wished besides.
        let action = match remember {
            true => Action::Answer(Answer {
                challenge: challenge.to_owned(),
                proof: Proof::Code(String::new()),
                remember,
            }),
            false => Action::Poll(challenge.to_owned()),
        };
        let settled = form::step(front, visitor, id.clone(), action).await?;
        let now = front.service.now().map_err(|_| Trouble::service())?;
        let pause = match &settled.outcome {
            Outcome::Pending(pending) => pending.poll_after.saturating_sub(now),
            Outcome::Enrol(enrolment) if enrolment.prompt.message == CONFIRM_ON_DEVICE => {
                1000 * LOOK
            }
            _ => return Ok((id, settled)),
        };
        let pause = Duration::from_millis(pause).clamp(LEAST, MOST);
        if held + pause > hold {
            return Ok((id, settled));
        }
        tokio::time::sleep(pause).await;
        held += pause;
    }
}

/// The page of a sign-in.
pub(super) fn page<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    pending: &Pending,
    journey: &Journey,
) -> Result<Response, Trouble> {
    let texts = visitor.texts;
    let text = |key| texts.get("wait", key);
    let state = state(front, visitor, &pending.challenge, &journey.back)?;
    let ways = others(
        front,
        visitor,
        (&pending.challenge, &pending.prompt),
        (&pending.method, &pending.offers),
        &journey.back,
    )?;
    let content = html! {
        (told(visitor, &pending.prompt))
        (until(front, visitor, pending.expires)?)
        @if let Some(days) = days(&pending.prompt) {
            (wish(visitor, &state, &days, journey.remember))
        }
        (go_on(visitor, &state, journey.remember))
        (ways)
        p.center { a href={ (path("stop")) "?" (leading(&journey.back)) } { (text("cancel")) } }
    };
    let title = match pending.method.as_str() {
        "" => "title-others",
        _ => "title",
    };
    Ok(Page::of(front, visitor, text(title))
        .going_on(LOOK, onward(&state, journey.remember))
        .show(StatusCode::OK, &content))
}

/// The page of an enrolment that another device confirms.
pub(super) fn enrolment<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    (enrolment, provisioning): (&Enrolment, &Provisioning),
    back: &str,
) -> Result<Response, Trouble> {
    let text = |key| visitor.texts.get("wait", key);
    let state = state(front, visitor, &provisioning.challenge, back)?;
    let content = html! {
        (told(visitor, &enrolment.prompt))
        (until(front, visitor, provisioning.expires)?)
        (go_on(visitor, &state, false))
        p.center { a href={ (path("stop")) "?" (leading(back)) } { (text("cancel")) } }
    };
    Ok(Page::of(front, visitor, text("title-device"))
        .going_on(LOOK, onward(&state, false))
        .show(StatusCode::OK, &content))
}

/// GET `/.cofactor/stop`: nobody waits any more. What comes now lets nobody in, since nobody asks for it.
pub(super) async fn stopped<S: Store>(
    front: &Front<S>,
    parts: &Parts,
) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts).await?;
    let text = |key| visitor.texts.get("wait", key);
    let back = back(&visitor, parameter(parts, "rd").as_deref());
    let content = html! {
        p.lead { (text("stopped-lead")) }
        a.button href=(address(&back, false)) { (text("stopped-again")) }
    };
    Ok(Page::of(front, &visitor, text("stopped-title")).show(StatusCode::OK, &content))
}

/// What the user is to do elsewhere, and the number to match.
fn told(visitor: &Visitor, prompt: &Prompt) -> Markup {
    let texts = visitor.texts;
    // The number of a telephone is said in the text; one to match is shown so that nobody can mistake it.
    let matched = matches!(
        prompt.message.as_str(),
        "approve-on-device" | CONFIRM_ON_DEVICE
    );
    html! {
        p.lead { (said(texts, prompt)) }
        @if let Some(number) = argument(prompt, "number").filter(|_| matched) {
            p.number { span.hidden { (texts.get("wait", "number")) " " } (number) }
        }
        @if let Some(transaction) = argument(prompt, "transaction") {
            blockquote { (transaction) }
        }
        div.waiting aria-hidden="true" { span {} }
    }
}

/// How long there is for it.
fn until<S: Store>(front: &Front<S>, visitor: &Visitor, expires: u64) -> Result<Markup, Trouble> {
    let now = front.service.now().map_err(|_| Trouble::service())?;
    let seconds = expires.saturating_sub(now) / 1000;
    let (key, left) = match seconds {
        0..=120 => ("until", seconds),
        _ => ("until-minutes", seconds / 60),
    };
    let left = left.to_string();
    let text = visitor.texts.fill("wait", key, &[("left", &left)]);
    Ok(html! { p.hint.center { (text) } })
}

/// Whether this browser is to be remembered, and the button that changes that.
fn wish(visitor: &Visitor, state: &str, days: &str, remember: bool) -> Markup {
    let text = |key| visitor.texts.fill("wait", key, &[("days", days)]);
    html! {
        form.wish method="get" action=(path(Purpose::Wait.path())) {
            input type="hidden" name=(FIELD) value=(state);
            input type="hidden" name=(NOW) value="1";
            @if remember {
                p role="status" { (text("remembering")) }
                button.link type="submit" { (text("forget")) }
            } @else {
                button.link type="submit" name=(REMEMBER) value=(YES) { (text("remember")) }
            }
        }
    }
}

/// For whoever does not want to wait for the page to go on by itself.
fn go_on(visitor: &Visitor, state: &str, remember: bool) -> Markup {
    html! {
        form method="get" action=(path(Purpose::Wait.path())) {
            input type="hidden" name=(FIELD) value=(state);
            input type="hidden" name=(NOW) value="1";
            @if remember { input type="hidden" name=(REMEMBER) value=(YES); }
            button type="submit" { (visitor.texts.get("wait", "go-on")) }
        }
    }
}

/// Where the browser goes by itself.
fn onward(state: &str, remember: bool) -> String {
    let remember = if remember {
        format!("&{REMEMBER}={YES}")
    } else {
        String::new()
    };
    format!("{}?{FIELD}={state}{remember}", path(Purpose::Wait.path()))
}

fn state<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    challenge: &str,
    back: &str,
) -> Result<String, Trouble> {
    form::token(front, visitor, Purpose::Wait, challenge, back)
}
