//! The page that asks for something.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use super::*;
use crate::portal::form::tests::{front, visitor};

fn offer(method: &str, label: &str, digits: u8) -> Offer {
    Offer {
        method: method.into(),
        credential: Some("0011223344556677".into()),
        label: label.into(),
        digits,
    }
}

fn challenge(message: &str, arguments: &[(&str, &str)], offers: Vec<Offer>) -> Challenge {
    Challenge {
        id: "00".repeat(16),
        method: offers
            .first()
            .map_or_else(String::new, |it| it.method.clone()),
        offers,
        prompt: Prompt {
            message: message.into(),
            arguments: arguments
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        },
        payload: "{\"rpId\":\"</form><b>\"}".into(),
        expires: 0,
        after: None,
    }
}

async fn shown(challenge: &Challenge) -> String {
    let front = front().await;
    let journey = Journey::to("/");
    let response = page(&front, &visitor("alice", "one"), challenge, &journey).unwrap();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
    String::from_utf8(body.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn what_others_wrote_is_text_on_every_page() {
    let label = "<script>alert(1)</script>\"'";
    for message in [
        "enter-code",
        "enter-code-from-text",
        "answer-question",
        "use-passkey",
        "choose-pin",
        "choose-method",
        "from-a-later-version",
    ] {
        let arguments = [
            ("least", label),
            ("number", label),
            ("question", label),
            ("transaction", label),
        ];
        let offers = vec![offer("sms", label, 6), offer("acme.<b>", label, 0)];
        let page = shown(&challenge(message, &arguments, offers)).await;
        assert!(!page.contains("<script>alert"), "{message}: {page}");
        assert!(!page.contains("acme.<b>"), "{message}: {page}");
        assert!(!page.contains("</form><b>"), "{message}: {page}");
        assert!(page.contains("&lt;script&gt;"), "{message}: {page}");
    }
}

#[tokio::test]
async fn a_page_asks_for_what_the_component_wants_and_no_more() {
    let plain = challenge("enter-code", &[], vec![offer("totp", "Phone", 6)]);
    let page = shown(&plain).await;
    for absent in [
        "remember",
        "type=\"password\"",
        "/choose",
        "/resend",
        "<script",
    ] {
        assert!(!page.contains(absent), "{absent}: {page}");
    }
    let arguments = [("pin", "last"), ("remember", "1209600000")];
    let offers = vec![offer("totp", "Phone", 6), offer("sms", "Number", 6)];
    let page = shown(&challenge("enter-code", &arguments, offers)).await;
    for present in [
        "for 14 days",
        "name=\"after\"",
        "value=\"sms:0011223344556677\"",
    ] {
        assert!(page.contains(present), "{present}: {page}");
    }
    assert!(!page.contains("value=\"totp:"), "{page}");
}

#[test]
fn every_prompt_that_a_page_shows_has_words() {
    let list = include_str!("../../../../../docs/prompts.md");
    let shown = list
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter(|line| {
            [
                "a challenge",
                "pending:",
                "or an enrolment",
                "an enrolment:",
                "being enrolled",
                "handed out",
            ]
            .iter()
            .any(|what| line.contains(what))
                && !line.contains("to a device:")
        });
    let names: Vec<&str> = shown.filter_map(|line| line.split('`').nth(1)).collect();
    assert!(names.len() > 15, "{names:?}");
    for texts in Texts::all() {
        for name in &names {
            // The page of an authenticator app has words of its own.
            let own = *name == "confirm-enrolment" || texts.find("prompt", name).is_some();
            assert!(own, "{name} in {}", texts.language());
        }
    }
}
