//! The end of a session: in this browser, or everywhere.

use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use cofactor_runtime::store::Store;
use maud::html;

use super::form::{Posted, form};
use super::page::{Page, Trouble, with_cookie};
use super::path;
use super::purpose::Purpose;
use super::visitor::Visitor;
use crate::gateway::Front;
use crate::gateway::cookie::Cookie;

/// GET `/.cofactor/sign-out`: asks, as a link must not end a session.
pub(super) async fn ask<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts).await?;
    let text = |key| visitor.texts.get("sign-out", key);
    let form = form(
        front,
        &visitor,
        (Purpose::SignOut, ""),
        "",
        &html! { button type="submit" autofocus { (text("button")) } },
    )?;
    let content = html! {
        p.lead { (text("lead")) }
        (form)
        p.center { a href=(path("devices")) { (visitor.texts.get("devices", "title")) } }
    };
    Ok(Page::of(front, &visitor, text("title")).show(StatusCode::OK, &content))
}

/// Ends the session of this browser.
pub(super) async fn here<S: Store>(posted: &Posted<S>) -> Result<Response, Trouble> {
    let Posted { front, visitor, .. } = posted;
    front
        .sign_out(
            &visitor.gateway,
            &visitor.user,
            &visitor.site,
            visitor.address.as_deref(),
            &posted.headers,
        )
        .await?;
    Ok(gone(front, visitor, "done-lead"))
}

/// The page behind it, which takes the session's cookie away.
pub(super) fn gone<S: Store>(front: &Front<S>, visitor: &Visitor, lead: &str) -> Response {
    let text = |key| visitor.texts.get("sign-out", key);
    let content = html! {
        p.lead { (text(lead)) }
        p { (text("password-note")) }
        a.button href="/" { (text("again")) }
    };
    let response = Page::of(front, visitor, text("done-title")).show(StatusCode::OK, &content);
    let response = with_cookie(response, Cookie::Session.clear(&visitor.site));
    match visitor.ticket {
        Some(_) => with_cookie(response, Cookie::Visitor.clear(&visitor.site)),
        None => response,
    }
}
