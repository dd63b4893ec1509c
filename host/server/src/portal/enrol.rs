//! Setting up a device: a name for it, the secret as a picture, a link and a key, and a code as the proof.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use cofactor_runtime::contract::{
    Action, Answer, Enrolment, EnrolmentRequest, Outcome, Proof, Provisioning,
};
use cofactor_runtime::store::Store;
use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};

use super::form::{self, FIELD, Posted, Purpose};
use super::page::{Page, Trouble, redirect};
use super::path;
use super::sign_in::{self, Focus, address, code_input};
use super::visitor::Visitor;
use crate::gateway::Front;

/// Methods that can be set up on a page, the preferred first.
const METHODS: [&str; 2] = ["totp", "hotp"];

/// POST `/.cofactor/enrol`
pub(super) async fn begin<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Result<Response, Response> {
    let posted = Posted::read(front, request, Purpose::EnrolBegin).await?;
    Ok(posted.respond(hand_out(&posted).await))
}

/// POST `/.cofactor/enrol/confirm`
pub(super) async fn finish<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Result<Response, Response> {
    let posted = Posted::read(front, request, Purpose::EnrolFinish).await?;
    Ok(posted.respond(prove(&posted).await))
}

async fn hand_out<S: Store>(posted: &Posted<S>) -> Result<Response, Trouble> {
    refuse_mixed_names(&posted.visitor)?;
    let action = Action::EnrolBegin(EnrolmentRequest {
        method: posted.token.subject.clone(),
        label: posted.label(),
        address: None,
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

async fn prove<S: Store>(posted: &Posted<S>) -> Result<Response, Trouble> {
    refuse_mixed_names(&posted.visitor)?;
    let action = Action::EnrolFinish(Answer {
        challenge: posted.token.subject.clone(),
        proof: Proof::Code(posted.code("code")),
        remember: false,
    });
    posted.settle(posted.step(action).await?)
}

/// Names that are there to be taken for others are not enrolled (ID-01).
fn refuse_mixed_names(visitor: &Visitor) -> Result<(), Trouble> {
    visitor
        .user
        .may_enrol()
        .map_err(|_| Trouble::new(StatusCode::FORBIDDEN, "name-mixed"))
}

/// The page of an enrolment: the start, or the secret.
pub(super) fn page<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    enrolment: &Enrolment,
    back: &str,
) -> Result<Response, Trouble> {
    refuse_mixed_names(visitor)?;
    if let Some(provisioning) = &enrolment.provisioning {
        return confirm(
            front,
            visitor,
            provisioning,
            enrolment.after.as_deref(),
            back,
        );
    }
    let method = preferred(&enrolment.methods)
        .ok_or_else(|| Trouble::denied("no-methods-registered", address(back, false)))?;
    let text = |key| visitor.texts.get("enrol", key);
    let content = html! {
        p.lead { (text("lead")) }
        ol.steps {
            li { (text("step-app")) }
            li { (text("step-scan")) }
            li { (text("step-code")) }
        }
        (start(front, visitor, method, back)?)
    };
    Ok(Page::of(front, visitor, text("title")).ask(false, &content))
}

/// The form that begins an enrolment.
pub(super) fn start<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    method: &str,
    back: &str,
) -> Result<Markup, Trouble> {
    let text = |key| visitor.texts.get("enrol", key);
    let token = form::token(front, visitor, Purpose::EnrolBegin, method, back)?;
    Ok(html! {
        form method="post" action=(path("enrol")) {
            input type="hidden" name=(FIELD) value=(token);
            div.field {
                label for="label" { (text("name-label")) }
                input #label name="label" type="text" required maxlength="64" autocomplete="off"
                    value=(text("name-default")) aria-describedby="label-hint";
                p.hint #label-hint { (text("name-hint")) }
            }
            button type="submit" { (text("button")) }
        }
    })
}

/// The page with the secret.
fn confirm<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    provisioning: &Provisioning,
    failed: Option<&str>,
    back: &str,
) -> Result<Response, Trouble> {
    let texts = visitor.texts;
    let text = |key| texts.get("confirm", key);
    let token = form::token(
        front,
        visitor,
        Purpose::EnrolFinish,
        &provisioning.challenge,
        back,
    )?;
    let manual = if provisioning.method == "hotp" {
        "manual-lead-hotp"
    } else {
        "manual-lead"
    };
    let digits = provisioning.digits.to_string();
    let hint = texts.fill("confirm", "hint", &[("digits", &digits)]);
    let ask = |focus| {
        let code = code_input(
            text("label"),
            &hint,
            failed.is_some(),
            provisioning.digits,
            focus,
        );
        html! {
            form method="post" action=(path("enrol/confirm")) {
                input type="hidden" name=(FIELD) value=(token);
                (code)
                button type="submit" { (text("button")) }
            }
        }
    };
    let picture = html! {
        figure.qr { (picture(&provisioning.payload, text("picture"))?) }
        p.center { a href=(provisioning.payload) { (text("link")) } }
    };
    let by_hand = html! {
        @if !provisioning.manual_key.is_empty() {
            details {
                summary { (text("manual-title")) }
                p { (text(manual)) }
                p { span.hidden { (text("manual-key")) ": " } code.key { (in_groups(&provisioning.manual_key)) } }
            }
        }
    };
    let content = html! {
        // Whoever mistyped has scanned already: what is to be done is at the top, also on a small screen.
        @if let Some(reason) = failed {
            p.alert #problem role="alert" { (texts.get("reason", reason)) }
            (ask(Focus::Field))
            details {
                summary { (text("picture-again")) }
                (picture)
            }
            (by_hand)
        } @else {
            p.lead { (text("lead")) }
            (picture)
            (by_hand)
            (ask(Focus::Top))
        }
        p.note { (text("secret-note")) }
    };
    let title = if failed.is_some() {
        "title-again"
    } else {
        "title"
    };
    Ok(Page::of(front, visitor, text(title)).ask(failed.is_some(), &content))
}

/// A key in groups of four, as people read them.
fn in_groups(key: &str) -> String {
    let letters: Vec<char> = key.chars().filter(|c| !c.is_whitespace()).collect();
    letters
        .chunks(4)
        .map(|group| group.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A QR code as one path, dark on light whatever the page's colours are, with the quiet zone that scanners need
/// (ISO/IEC 18004: four modules).
fn picture(payload: &str, label: &str) -> Result<Markup, Trouble> {
    const QUIET: usize = 4;
    let code =
        QrCode::with_error_correction_level(payload, EcLevel::M).map_err(|_| Trouble::service())?;
    let width = code.width();
    let mut path = String::new();
    for (index, colour) in code.to_colors().into_iter().enumerate() {
        if colour == Color::Dark {
            path.push_str(&format!(
                "M{} {}h1v1h-1z",
                index % width + QUIET,
                index / width + QUIET
            ));
        }
    }
    let side = width + 2 * QUIET;
    Ok(html! {
        svg viewBox={ "0 0 " (side) " " (side) } role="img" aria-label=(label) shape-rendering="crispEdges" {
            rect width=(side) height=(side) fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    })
}

/// The first method that can be set up on a page.
pub(super) fn preferred(allowed: &[String]) -> Option<&'static str> {
    METHODS
        .into_iter()
        .find(|method| allowed.iter().any(|name| name == method))
}

/// Begins anew where a session is needed first.
pub(super) fn verify_first() -> Result<Response, Trouble> {
    redirect(&sign_in::address(&path("devices"), true))
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
    fn keys_are_shown_in_groups_of_four() {
        assert_eq!(in_groups("JBSWY3DPEHPK3PXP"), "JBSW Y3DP EHPK 3PXP");
        assert_eq!(in_groups("JBSWY3"), "JBSW Y3");
        assert_eq!(in_groups(""), "");
    }

    #[test]
    fn pictures_need_no_style_and_hold_the_longest_uri() {
        let uri = format!("otpauth://totp/a?secret={}", "A".repeat(1000));
        let svg = picture(&uri, "a \"label\"").unwrap().into_string();
        assert!(
            svg.starts_with("<svg")
                && svg.contains("a &quot;label&quot;")
                && !svg.contains("style"),
            "{svg:.200}"
        );
    }
}
