//! The end of a session: in this browser, or everywhere.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use cofactor_runtime::contract::ManagementChange;
use cofactor_runtime::store::Store;
use maud::html;

use super::form::{self, FIELD, Posted, Purpose};
use super::page::{Page, Trouble, with_cookie};
use super::visitor::Visitor;
use super::{answer as respond, devices, path};
use crate::gateway::Front;
use crate::gateway::cookie::Cookie;

/// GET `/.cofactor/sign-out`: asks, as a link must not end a session.
pub(super) async fn show<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let result = ask(&front, &parts);
    respond(&front, &parts.headers, result)
}

/// POST `/.cofactor/sign-out`
pub(super) async fn here<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Result<Response, Response> {
    let posted = Posted::read(front, request, Purpose::SignOut).await?;
    Ok(posted.respond(end(&posted).await))
}

/// POST `/.cofactor/sign-out/everywhere`
pub(super) async fn everywhere<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Result<Response, Response> {
    let posted = Posted::read(front, request, Purpose::SignOutEverywhere).await?;
    let change = ManagementChange::SignOutEverywhere;
    let done = || Ok(gone(&posted.front, &posted.visitor, "done-everywhere"));
    Ok(posted.respond(devices::manage(&posted, change, done).await))
}

fn ask<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts)?;
    let text = |key| visitor.texts.get("sign-out", key);
    let token = form::token(front, &visitor, Purpose::SignOut, "", "")?;
    let content = html! {
        p.lead { (text("lead")) }
        form method="post" action=(path("sign-out")) {
            input type="hidden" name=(FIELD) value=(token);
            button type="submit" autofocus { (text("button")) }
        }
        p.center { a href=(path("devices")) { (visitor.texts.get("devices", "title")) } }
    };
    Ok(Page::of(front, &visitor, text("title")).show(StatusCode::OK, &content))
}

async fn end<S: Store>(posted: &Posted<S>) -> Result<Response, Trouble> {
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

fn gone<S: Store>(front: &Front<S>, visitor: &Visitor, lead: &str) -> Response {
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
