//! What an enrolment hands out, and the proof that it arrived: a picture to scan, a code that was sent, a key to make, a number
//! to type into another device.

use axum::response::Response;
use cofactor_runtime::contract::{Enrolment, Provisioning};
use cofactor_runtime::store::Store;
use maud::{Markup, html};
use qrcode::{Color, EcLevel, QrCode};

use super::challenge::{argument, said};
use super::field::{self, Focus, Typed};
use super::form::form;
use super::page::{Page, Trouble};
use super::passkey::{self, Ceremony};
use super::purpose::Purpose;
use super::texts::Texts;
use super::visitor::Visitor;
use super::{sign_in, wait};
use crate::gateway::Front;

/// The page.
pub(super) fn page<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    enrolment: &Enrolment,
    provisioning: &Provisioning,
    back: &str,
) -> Result<Response, Trouble> {
    let texts = visitor.texts;
    let failed = enrolment.after.as_deref();
    let answer = |content: &Markup| {
        let what = (Purpose::EnrolFinish, provisioning.challenge.as_str());
        form(front, visitor, what, back, content)
    };
    let code = |focus| {
        let hint = match enrolment.prompt.message.as_str() {
            "confirm-enrolment" => "hint",
            _ => "hint-once",
        };
        let digits = provisioning.digits.to_string();
        let hint = texts.fill("confirm", hint, &[("digits", &digits)]);
        let typed = Typed::Digits(provisioning.digits.max(6));
        answer(&html! {
            (field::code(label(texts, &enrolment.prompt.message), &hint, failed.is_some(), typed, focus))
            button type="submit" { (texts.get("confirm", "button")) }
        })
    };
    let (title, content) = match enrolment.prompt.message.as_str() {
        wait::CONFIRM_ON_DEVICE => {
            return wait::enrolment(front, visitor, (enrolment, provisioning), back);
        }
        "create-passkey" => {
            let made = passkey::ceremony(texts, Ceremony::Create, &provisioning.payload);
            let content = html! {
                p.lead { (said(texts, &enrolment.prompt)) }
                (problem(texts, failed))
                (answer(&made)?)
                (passkey::troubles(texts))
                p.center { a href=(sign_in::address(back, false)) { (texts.get("confirm", "other-way")) } }
            };
            ("title-passkey", content)
        }
        "confirm-enrolment" => (
            if failed.is_some() {
                "title-again"
            } else {
                "title"
            },
            app(texts, provisioning, failed, &code)?,
        ),
        "confirm-token" => {
            let content = html! {
                (problem(texts, failed))
                p.lead { (said(texts, &enrolment.prompt)) }
                (key(texts, provisioning))
                @if let Some(suite) = argument(&enrolment.prompt, "suite") {
                    p.meta { (texts.get("confirm", "suite")) " " code { (suite) } }
                }
                @if let Some(question) = argument(&enrolment.prompt, "question") {
                    p.meta { (texts.get("confirm", "question")) }
                    p.number #question { (question) }
                }
                (code(Focus::Top)?)
                p.note { (texts.get("confirm", "secret-note")) }
            };
            ("title-token", content)
        }
        _ => {
            let restricted = matches!(provisioning.method.as_str(), "sms" | "voice");
            let content = html! {
                p.lead { (said(texts, &enrolment.prompt)) }
                (problem(texts, failed))
                (code(Focus::Field)?)
                p.center { a href=(sign_in::address(back, false)) { (texts.get("confirm", "begin-again")) } }
                @if restricted { p.note { (texts.get("confirm", "number-note")) } }
            };
            ("title-sent", content)
        }
    };
    let page = Page::of(front, visitor, texts.get("confirm", title));
    let page = match title {
        "title-passkey" => page.with_script(&passkey::SCRIPT_PATH),
        _ => page,
    };
    Ok(page.ask(failed.is_some(), &content))
}

/// What an app for codes takes: a picture to scan, a link to follow, a key to type.
fn app(
    texts: &Texts,
    provisioning: &Provisioning,
    failed: Option<&str>,
    code: &dyn Fn(Focus) -> Result<Markup, Trouble>,
) -> Result<Markup, Trouble> {
    let text = |key| texts.get("confirm", key);
    let manual = if provisioning.method == "hotp" {
        "manual-lead-hotp"
    } else {
        "manual-lead"
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
                (key(texts, provisioning))
            }
        }
    };
    Ok(html! {
        // Whoever mistyped has scanned already: what is to be done is at the top, also on a small screen.
        @if failed.is_some() {
            (problem(texts, failed))
            (code(Focus::Field)?)
            details {
                summary { (text("picture-again")) }
                (picture)
            }
            (by_hand)
        } @else {
            p.lead { (text("lead")) }
            (picture)
            (by_hand)
            (code(Focus::Top)?)
        }
        p.note { (text("secret-note")) }
    })
}

/// What the code comes from.
fn label<'a>(texts: &'a Texts, prompt: &str) -> &'a str {
    let own = texts.find("confirm", &format!("label-{prompt}"));
    own.unwrap_or_else(|| texts.get("challenge", "label"))
}

fn problem(texts: &Texts, failed: Option<&str>) -> Markup {
    html! {
        @if let Some(reason) = failed {
            p.alert #problem role="alert" { (texts.get("reason", reason)) }
        }
    }
}

/// The secret for typing.
fn key(texts: &Texts, provisioning: &Provisioning) -> Markup {
    html! {
        p { span.hidden { (texts.get("confirm", "manual-key")) ": " } code.key { (in_groups(&provisioning.manual_key)) } }
    }
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
