//! Setting up a device: which kind, a name for it, what else it takes; and afterwards a way back in.

use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use cofactor_runtime::contract::{Action, Answer, Enrolment, EnrolmentRequest, Outcome};
use cofactor_runtime::service::Settled;
use cofactor_runtime::store::Store;
use maud::{Markup, html};

use super::challenge::proof;
use super::form::{Journey, Posted, form};
use super::method::{self, Address, Method, RECOVERY};
use super::page::{Page, Trouble, redirect};
use super::purpose::Purpose;
use super::sign_in::{self, address, back, leading};
use super::visitor::Visitor;
use super::{confirm, field, parameter, path};
use crate::gateway::{Front, Judgement};

/// The longest address that the contract lets through to the component, in octets.
const LONGEST_ADDRESS: usize = 1024;

/// Begins an enrolment.
pub(super) async fn begin<S: Store>(posted: &Posted<S>) -> Result<Response, Trouble> {
    refuse_mixed_names(&posted.visitor)?;
    let typed = posted.text("address", LONGEST_ADDRESS);
    let typed = typed.trim();
    let action = Action::EnrolBegin(EnrolmentRequest {
        method: posted.token.subject.clone(),
        label: posted.label(),
        address: Some(typed.to_owned()).filter(|typed| !typed.is_empty()),
        session: posted.session()?.map(|session| session.claims),
    });
    let settled = posted.step(action).await?;
    match &settled.outcome {
        Outcome::Deny(denial) if denial.public_reason == "fresh-verification-required" => {
            redirect(&address(&path("devices/add"), true))
        }
        _ => posted.settle(settled),
    }
}

/// Completes it. Whoever has no way back in is offered one.
pub(super) async fn finish<S: Store>(posted: &Posted<S>) -> Result<Response, Trouble> {
    refuse_mixed_names(&posted.visitor)?;
    let action = Action::EnrolFinish(Answer {
        challenge: posted.token.subject.clone(),
        proof: proof(posted),
        remember: false,
    });
    let settled = posted.step(action).await?;
    let Posted { front, visitor, .. } = posted;
    let journey = onward(front, visitor, &settled, posted.journey()).await?;
    let event = (posted.token.id.as_slice(), settled);
    sign_in::settle(front, visitor, event, &journey, &posted.headers)
}

/// Where a completed enrolment leads: by way of the recovery codes, if the policy has them and the user does not.
pub(super) async fn onward<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    settled: &Settled,
    journey: Journey,
) -> Result<Journey, Trouble> {
    let enrolled = matches!(&settled.outcome, Outcome::Allow(allowed) if allowed.claims.reason == "registration-completed");
    if !enrolled || !has_no_way_back(front, visitor).await? {
        return Ok(journey);
    }
    let offered = format!(
        "{}{}?{}",
        visitor.site,
        path("recovery"),
        leading(&journey.back)
    );
    Ok(Journey {
        back: offered,
        ..journey
    })
}

async fn has_no_way_back<S: Store>(front: &Front<S>, visitor: &Visitor) -> Result<bool, Trouble> {
    let policy = front.service.host_policy();
    if !policy.methods.iter().any(|name| name == RECOVERY) {
        return Ok(false);
    }
    let view = front.service.view(&visitor.account()).await?;
    Ok(view.is_some_and(|view| view.credentials.iter().all(|held| held.method != RECOVERY)))
}

/// Names that are there to be taken for others are not enrolled (ID-01).
fn refuse_mixed_names(visitor: &Visitor) -> Result<(), Trouble> {
    visitor
        .user
        .may_enrol()
        .map_err(|_| Trouble::new(StatusCode::FORBIDDEN, "name-mixed"))
}

/// The page of an enrolment: the start, or what was handed out.
pub(super) fn page<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    enrolment: &Enrolment,
    back: &str,
) -> Result<Response, Trouble> {
    refuse_mixed_names(visitor)?;
    if let Some(provisioning) = &enrolment.provisioning {
        return confirm::page(front, visitor, enrolment, provisioning, back);
    }
    let methods = method::allowed(&enrolment.methods);
    let text = |key| visitor.texts.get("enrol", key);
    let app_alone = matches!(methods.as_slice(), [only] if matches!(only.name, "totp" | "hotp"));
    let content = html! {
        @if app_alone {
            p.lead { (text("lead")) }
            ol.steps {
                li { (text("step-app")) }
                li { (text("step-scan")) }
                li { (text("step-code")) }
            }
        } @else {
            p.lead { (text("lead-any")) }
        }
        (ways(front, visitor, &methods, back)?)
        @if enrolment.snoozes_left > 0 {
            section {
                p { (snoozes(visitor, enrolment.snoozes_left)) }
                (form(front, visitor, (Purpose::Snooze, ""), back,
                    &html! { button.quiet type="submit" { (text("snooze-button")) } })?)
            }
        }
    };
    Ok(Page::of(front, visitor, text("title")).ask(false, &content))
}

fn snoozes(visitor: &Visitor, left: u8) -> String {
    let key = if left == 1 { "snooze-last" } else { "snooze" };
    let left = left.to_string();
    visitor.texts.fill("enrol", key, &[("left", &left)])
}

/// A form for each method that can be set up: unfolded where there is one alone.
pub(super) fn ways<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    methods: &[&'static Method],
    back: &str,
) -> Result<Markup, Trouble> {
    let texts = visitor.texts;
    if let [only] = methods {
        return start(front, visitor, only, "label", back);
    }
    if methods.is_empty() {
        return Err(Trouble::denied(
            "no-methods-registered",
            address(back, false),
        ));
    }
    let forms = methods
        .iter()
        .map(|method| {
            start(
                front,
                visitor,
                method,
                &format!("label-{}", method.name),
                back,
            )
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(html! {
        div.kinds {
            @for (method, form) in methods.iter().zip(&forms) {
                // One name for all: a browser has at most one of them open.
                details name="kind" {
                    summary { (texts.get("setup", &format!("{}-title", method.name))) }
                    p { (texts.get("setup", &format!("{}-lead", method.name))) }
                    (form)
                }
            }
        }
    })
}

/// The form that begins an enrolment.
fn start<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    method: &Method,
    id: &str,
    back: &str,
) -> Result<Markup, Trouble> {
    let texts = visitor.texts;
    let name = texts.get("setup", &format!("{}-name", method.name));
    let content = html! {
        (asked(visitor, method))
        (field::label(texts, id, name))
        button type="submit" { (texts.get("enrol", "button")) }
    };
    form(
        front,
        visitor,
        (Purpose::EnrolBegin, method.name),
        back,
        &content,
    )
}

/// What the method takes besides a name.
fn asked(visitor: &Visitor, method: &Method) -> Markup {
    let text = |key: &str| {
        visitor
            .texts
            .get("setup", &format!("{}-{key}", method.name))
    };
    let id = format!("address-{}", method.name);
    let (kind, mode, complete, most) = match method.address {
        Address::None => return html! {},
        Address::Telephone => ("tel", "tel", "tel", 32),
        Address::Mail => ("email", "email", "email", 254),
        Address::Application => ("text", "text", "off", 128),
        Address::Device => ("text", "text", "off", LONGEST_ADDRESS),
    };
    html! {
        div.field {
            label for=(id) { (text("address")) }
            input #(id) name="address" type=(kind) inputmode=(mode) autocomplete=(complete) maxlength=(most) required
                spellcheck="false" autocapitalize="off" aria-describedby={ (id) "-hint" };
            p.hint #{ (id) "-hint" } { (text("hint")) }
        }
    }
}

/// The form that makes recovery codes.
pub(super) fn recovery_codes<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    back: &str,
    class: &str,
) -> Result<Markup, Trouble> {
    let texts = visitor.texts;
    let content = html! {
        input type="hidden" name="label" value=(method::kind(texts, RECOVERY));
        button class=(class) type="submit" { (texts.get("recovery", "button")) }
    };
    form(
        front,
        visitor,
        (Purpose::EnrolBegin, RECOVERY),
        back,
        &content,
    )
}

/// GET `/.cofactor/recovery`: a way back in, for whoever has just set up the first device.
pub(super) async fn recovery<S: Store>(
    front: &Front<S>,
    parts: &Parts,
) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts).await?;
    let back = back(&visitor, parameter(parts, "rd").as_deref());
    let Judgement::Pass { .. } =
        sign_in::judge(front, &visitor, &path("recovery"), &parts.headers)?
    else {
        return redirect(&address(&back, false));
    };
    let text = |key| visitor.texts.get("recovery", key);
    let content = html! {
        p.lead { (text("lead")) }
        (recovery_codes(front, &visitor, &back, "")?)
        p.center { a href=(back) { (text("later")) } }
    };
    Ok(Page::of(front, &visitor, text("title")).show(StatusCode::OK, &content))
}
