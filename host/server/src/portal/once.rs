//! What is shown once: recovery codes, app passwords. The page is made by the step that made them; asked for again it has none.

use axum::http::StatusCode;
use axum::response::Response;
use cofactor_runtime::contract::Provisioning;
use cofactor_runtime::store::Store;
use maud::html;

use super::form::{Posted, form};
use super::page::{Page, Trouble, redirect};
use super::purpose::Purpose;
use super::texts::Texts;
use super::visitor::Visitor;
use crate::gateway::Front;

/// The page. Nothing keeps it: it says `no-store`, as all pages do.
pub(super) fn page<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    made: &Provisioning,
    back: &str,
) -> Result<Response, Trouble> {
    let texts = visitor.texts;
    let secret = made.payload.trim_end();
    if secret.is_empty() {
        return gone(front, visitor, back);
    }
    let go_on = form(
        front,
        visitor,
        (Purpose::Kept, ""),
        back,
        &html! {
            div.box {
                input #kept type="checkbox" name="kept" value="yes" required;
                label for="kept" { (said(texts, "kept", &made.method)) }
            }
            button type="submit" { (texts.get("page", "continue")) }
        },
    )?;
    let content = html! {
        p.lead { (said(texts, "lead", &made.method)) }
        p.print-only { (front.desk.title) " · " (visitor.user.as_str()) " · " (made.label) }
        // In one block, so that one gesture selects all of it, with a line for each.
        pre.secret tabindex="0" role="region" aria-label=(said(texts, "name", &made.method)) { (secret) }
        p.hint { (said(texts, "hint", &made.method)) }
        (go_on)
    };
    Ok(
        Page::of(front, visitor, &said(texts, "title", &made.method))
            .show(StatusCode::OK, &content),
    )
}

/// The user has them.
pub(super) fn kept<S: Store>(posted: &Posted<S>) -> Result<Response, Trouble> {
    redirect(&posted.token.back)
}

/// The same form a second time: the codes were shown, and are not kept anywhere.
fn gone<S: Store>(front: &Front<S>, visitor: &Visitor, back: &str) -> Result<Response, Trouble> {
    let text = |key| visitor.texts.get("once", key);
    let content = html! {
        p.lead { (text("gone-lead")) }
        a.button href=(back) { (visitor.texts.get("page", "continue")) }
    };
    Ok(Page::of(front, visitor, text("gone-title")).show(StatusCode::OK, &content))
}

/// The method's own words, or those that fit any.
fn said(texts: &Texts, key: &str, method: &str) -> String {
    let own = texts.find("once", &format!("{key}-{method}"));
    own.unwrap_or_else(|| texts.get("once", key)).to_owned()
}
