//! The page that asks for something: a code, a passkey, a new PIN, or which of the user's methods it is to be.

use axum::response::Response;
use cofactor_runtime::contract::{Action, Answer, Challenge, Choice, Offer, Prompt, Proof};
use cofactor_runtime::store::Store;
use maud::{Markup, html};

use super::field::{self, Focus, Typed};
use super::form::{Journey, Posted, REMEMBER, YES, form};
use super::method;
use super::page::{Page, Trouble};
use super::passkey::{self, Ceremony};
use super::purpose::Purpose;
use super::texts::Texts;
use super::visitor::Visitor;
use crate::gateway::Front;

/// The longest PIN that the contract lets through to the component, in octets.
const LONGEST_PIN: usize = 64;
/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1000;

/// What a challenge wants, by the name of its prompt (docs/prompts.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// Digits.
    Digits,
    /// Letters and digits.
    Characters,
    /// A PIN of the user's choice.
    NewPin,
    /// A passkey's signature.
    Passkey,
    /// Nothing before the user has chosen a method.
    Method,
}

impl Wanted {
    fn of(prompt: &Prompt) -> Self {
        match prompt.message.as_str() {
            "choose-method" => Self::Method,
            "choose-pin" => Self::NewPin,
            "use-passkey" => Self::Passkey,
            "enter-recovery-code" | "enter-temporary-pass" => Self::Characters,
            _ => Self::Digits,
        }
    }
}

/// What the user typed, or a key signed.
pub(super) async fn answer<S: Store>(posted: &Posted<S>) -> Result<Response, Trouble> {
    let action = Action::Answer(Answer {
        challenge: posted.token.subject.clone(),
        proof: proof(posted),
        remember: posted.journey().remember,
    });
    posted.settle(posted.step(action).await?)
}

/// Another of the methods that were offered.
pub(super) async fn choose<S: Store>(posted: &Posted<S>) -> Result<Response, Trouble> {
    let (method, credential) = posted
        .field("offer")
        .split_once(':')
        .unwrap_or((posted.field("offer"), ""));
    let action = Action::ChooseMethod(Choice {
        challenge: posted.token.subject.clone(),
        method: method.to_owned(),
        credential: Some(credential.to_owned()).filter(|id| !id.is_empty()),
    });
    posted.settle(posted.step(action).await?)
}

/// The message once more.
pub(super) async fn resend<S: Store>(posted: &Posted<S>) -> Result<Response, Trouble> {
    let action = Action::Resend(posted.token.subject.clone());
    posted.settle(posted.step(action).await?)
}

/// What a form of a challenge, or of an enrolment, gives back.
pub(super) fn proof<S: Store>(posted: &Posted<S>) -> Proof {
    let signed = posted.field(passkey::FIELD);
    if !signed.is_empty() {
        return Proof::Webauthn(signed.to_owned());
    }
    let pin = posted.text("new-pin", LONGEST_PIN);
    if !pin.is_empty() {
        return Proof::NewPin(pin);
    }
    // A PIN is typed into a field of its own, on the side of the code on which the component looks for it.
    let (before, after) = (posted.field(field::BEFORE), posted.field(field::AFTER));
    let code = [before, &posted.code("code"), after].concat();
    match posted.field("next") {
        "" => Proof::Code(code),
        _ => Proof::TwoCodes((code, posted.code("next"))),
    }
}

/// The page.
pub(super) fn page<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    challenge: &Challenge,
    journey: &Journey,
) -> Result<Response, Trouble> {
    let texts = visitor.texts;
    let text = |key| texts.get("challenge", key);
    let wanted = Wanted::of(&challenge.prompt);
    let failed = challenge.after.as_deref();
    let remember = remember(texts, &challenge.prompt, journey);
    let answer = |content: &Markup| {
        let what = (Purpose::Answer, challenge.id.as_str());
        form(front, visitor, what, &journey.back, content)
    };
    let asked = match wanted {
        Wanted::Method => html! {},
        Wanted::Passkey => {
            let signed = passkey::ceremony(texts, Ceremony::Get, &challenge.payload);
            html! {
                (answer(&html! { (remember) (signed) })?)
                (passkey::troubles(texts))
            }
        }
        Wanted::NewPin => answer(&html! {
            (field::new_pin(texts, argument(&challenge.prompt, "least"), failed.is_some()))
            (remember)
            button type="submit" { (text("pin-button")) }
        })?,
        Wanted::Digits | Wanted::Characters => answer(&html! {
            (code_fields(texts, challenge, wanted, failed.is_some()))
            (remember)
            button type="submit" { (text("button")) }
        })?,
    };
    let content = html! {
        p.lead { (lead(texts, challenge)) }
        @if let Some(transaction) = argument(&challenge.prompt, "transaction") {
            blockquote { (transaction) }
        }
        @if let Some(question) = argument(&challenge.prompt, "question") {
            p.number #question { (question) }
        }
        @if let Some(reason) = failed {
            p.alert #problem role="alert" { (texts.get("reason", reason)) }
        }
        (asked)
        @if failed.is_some() && is_oath(&challenge.method) {
            (resynchronise(front, visitor, challenge, &journey.back)?)
        }
        (others(front, visitor, (&challenge.id, &challenge.prompt), (&challenge.method, &challenge.offers), &journey.back)?)
    };
    let title = match wanted {
        Wanted::NewPin => "pin-title",
        Wanted::Method => "choose-title",
        _ => "title",
    };
    let page = Page::of(front, visitor, text(title));
    let page = match wanted {
        Wanted::Passkey => page.with_script(&passkey::SCRIPT_PATH),
        _ => page,
    };
    Ok(page.ask(failed.is_some(), &content))
}

/// What the page says first.
fn lead(texts: &Texts, challenge: &Challenge) -> String {
    let prompt = &challenge.prompt;
    let labels: Vec<&str> = challenge
        .offers
        .iter()
        .filter(|offer| is_oath(&offer.method))
        .map(|offer| offer.label.as_str())
        .collect();
    if prompt.message == "enter-code" && labels.len() > 1 {
        return texts.fill(
            "prompt",
            "enter-code-several",
            &[("labels", &labels.join(", "))],
        );
    }
    said(texts, prompt)
}

/// The text of a prompt, with its arguments.
pub(super) fn said(texts: &Texts, prompt: &Prompt) -> String {
    let arguments: Vec<(&str, &str)> = prompt
        .arguments
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    texts.fill("prompt", &prompt.message, &arguments)
}

/// An argument of a prompt.
pub(super) fn argument<'a>(prompt: &'a Prompt, name: &str) -> Option<&'a str> {
    let mut arguments = prompt.arguments.iter();
    arguments
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// The box that asks for this browser to be remembered, where the component would do that.
fn remember(texts: &Texts, prompt: &Prompt, journey: &Journey) -> Markup {
    html! {
        @if let Some(days) = days(prompt) {
            div.box {
                input #remember type="checkbox" name=(REMEMBER) value=(YES) checked[journey.remember] aria-describedby="remember-hint";
                label for="remember" { (texts.fill("challenge", "remember", &[("days", &days)])) }
                p.hint #remember-hint { (texts.get("challenge", "remember-hint")) }
            }
        }
    }
}

/// For how many days the component would remember this browser.
pub(super) fn days(prompt: &Prompt) -> Option<String> {
    let lifetime: u64 = argument(prompt, "remember")?.parse().ok()?;
    Some((lifetime / DAY).max(1).to_string())
}

/// The fields of a code, and of the PIN beside it.
fn code_fields(texts: &Texts, challenge: &Challenge, wanted: Wanted, failed: bool) -> Markup {
    let text = |key| texts.get("challenge", key);
    let digits = digits(challenge);
    let shown: Vec<String> = digits.iter().map(u8::to_string).collect();
    let hint = match challenge.prompt.message.as_str() {
        _ if wanted == Wanted::Characters => text("hint-characters").to_owned(),
        "enter-code" => texts.fill("challenge", "hint", &[("digits", &shown.join("/"))]),
        _ => texts.fill("challenge", "hint-once", &[("digits", &shown.join("/"))]),
    };
    let typed = match wanted {
        Wanted::Characters => Typed::Characters,
        _ => Typed::Digits(digits.last().copied().unwrap_or(6).max(6)),
    };
    let label = texts.find("challenge", &format!("label-{}", challenge.prompt.message));
    let label = label.unwrap_or_else(|| text("label"));
    let pin = argument(&challenge.prompt, "pin");
    let focus = match pin {
        Some("first") => Focus::Top,
        _ => Focus::Field,
    };
    html! {
        @if pin == Some("first") { (field::pin(texts, field::BEFORE, "pin")) }
        (field::code(label, &hint, failed, typed, focus))
        @if pin == Some("last") { (field::pin(texts, field::AFTER, "pin")) }
    }
}

/// The numbers of digits that may be typed, in order.
fn digits(challenge: &Challenge) -> Vec<u8> {
    let asked = |offer: &&Offer| {
        offer.method == challenge.method || is_oath(&offer.method) && is_oath(&challenge.method)
    };
    let offers = challenge.offers.iter().filter(asked);
    let mut digits: Vec<u8> = offers.map(|offer| offer.digits).collect();
    digits.retain(|digits| *digits > 0);
    digits.sort_unstable();
    digits.dedup();
    if digits.is_empty() {
        digits.push(6);
    }
    digits
}

/// Whether any of the user's devices of these methods may answer, without being chosen.
fn is_oath(method: &str) -> bool {
    matches!(method, "totp" | "hotp")
}

/// Another message, and everything that the component offers beside what it asks for.
pub(super) fn others<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    (id, prompt): (&str, &Prompt),
    (method, offers): (&str, &[Offer]),
    back: &str,
) -> Result<Markup, Trouble> {
    let texts = visitor.texts;
    let text = |key| texts.get("challenge", key);
    let again = match prompt.message.as_str() {
        "enter-code-from-text"
        | "enter-code-from-mail"
        | "enter-code-from-device"
        | "answer-text"
        | "answer-call"
        | "approve-on-device" => Some(form(
            front,
            visitor,
            (Purpose::Resend, id),
            back,
            &html! { button.quiet type="submit" { (texts.get("resend", &prompt.message)) } },
        )?),
        _ => None,
    };
    let same = |offer: &&Offer| offer.method == method;
    let several = offers.iter().filter(same).count() > 1;
    let is_asked = |offer: &Offer| match method {
        // Any of these may answer as it is.
        "webauthn" => offer.method == method,
        _ if is_oath(method) => is_oath(&offer.method),
        _ => offer.method == method && !several,
    };
    let offers: Vec<&Offer> = offers.iter().filter(|offer| !is_asked(offer)).collect();
    let choice = match offers.is_empty() {
        true => None,
        false => Some(form(
            front,
            visitor,
            (Purpose::Choose, id),
            back,
            &html! {
                ul.ways {
                    @for offer in offers {
                        li {
                            button.way type="submit" name="offer" value={ (offer.method) ":" (offer.credential.as_deref().unwrap_or_default()) } {
                                span { (method::offered(texts, &offer.method)) }
                                " "
                                small { (offer.label) }
                            }
                        }
                    }
                }
            },
        )?),
    };
    Ok(html! {
        @if let Some(again) = again { div.again { (again) } }
        @if let Some(choice) = choice {
            section.others {
                h2 { (text(if method.is_empty() { "ways" } else { "another-way" })) }
                (choice)
            }
        }
    })
}

/// For a device whose clock or counter is off: two codes in a row set it right.
fn resynchronise<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    challenge: &Challenge,
    back: &str,
) -> Result<Markup, Trouble> {
    let texts = visitor.texts;
    let text = |key| texts.get("challenge", key);
    let field = |name: &str, label: &str| {
        html! {
            div.field {
                label for={ "two-" (name) } { (label) }
                input #{ "two-" (name) } name=(name) type="text" inputmode="numeric" autocomplete="off" required maxlength="11";
            }
        }
    };
    let pin = argument(&challenge.prompt, "pin");
    let form = form(
        front,
        visitor,
        (Purpose::Answer, &challenge.id),
        back,
        &html! {
            p { (text("resync-lead")) }
            @if pin == Some("first") { (field::pin(texts, field::BEFORE, "two-pin")) }
            (field("code", text("resync-first")))
            @if pin == Some("last") { (field::pin(texts, field::AFTER, "two-pin")) }
            (field("next", text("resync-second")))
            button.quiet type="submit" { (text("resync-button")) }
        },
    )?;
    Ok(html! {
        details {
            summary { (text("resync-title")) }
            (form)
        }
    })
}

#[cfg(test)]
mod tests;
