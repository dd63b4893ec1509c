//! The end of a session: in this browser, or everywhere.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use cofactor_runtime::contract::{ManagementChange, Outcome};
use cofactor_runtime::store::Store;
use maud::html;

use super::form::{self, FIELD, Form, Purpose};
use super::page::{Page, Trouble, with_cookie};
use super::sign_in::split;
use super::visitor::Visitor;
use super::{answer as respond, devices, enrol, path};
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
) -> Response {
    let (parts, body) = match split(request).await {
        Ok(request) => request,
        Err((headers, trouble)) => return respond(&front, &headers, Err(trouble)),
    };
    let result = end(&front, &parts, &body);
    respond(&front, &parts.headers, result)
}

/// POST `/.cofactor/sign-out/everywhere`
pub(super) async fn everywhere<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Response {
    let (parts, body) = match split(request).await {
        Ok(request) => request,
        Err((headers, trouble)) => return respond(&front, &headers, Err(trouble)),
    };
    let result = end_everywhere(&front, &parts, &body).await;
    respond(&front, &parts.headers, result)
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
    Ok(frame(front, &visitor, "title").show(StatusCode::OK, &content))
}

fn end<S: Store>(front: &Front<S>, parts: &Parts, body: &Bytes) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts)?;
    Form::read(front, &visitor, Purpose::SignOut, &parts.headers, body)?;
    if let Some(session) = front.session(
        &visitor.gateway,
        &visitor.user,
        &visitor.site,
        &parts.headers,
    ) {
        let now = front.service.now().map_err(|_| Trouble::service())?;
        front.sessions.end(&session, now);
        tracing::info!(gateway = visitor.gateway.name, user = ?visitor.user, "signed out");
    }
    Ok(gone(front, &visitor, "done-lead"))
}

async fn end_everywhere<S: Store>(
    front: &Front<S>,
    parts: &Parts,
    body: &Bytes,
) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts)?;
    let form = Form::read(
        front,
        &visitor,
        Purpose::SignOutEverywhere,
        &parts.headers,
        body,
    )?;
    let change = ManagementChange::SignOutEverywhere;
    match devices::manage(front, &visitor, parts, form.token.id, change).await? {
        Outcome::Done(_) => Ok(gone(front, &visitor, "done-everywhere")),
        Outcome::Deny(denial) if denial.public_reason == "fresh-verification-required" => {
            enrol::verify_first()
        }
        Outcome::Deny(denial) => Err(Trouble::denied(&denial.public_reason, path("devices"))),
        _ => Err(Trouble::service()),
    }
}

fn gone<S: Store>(front: &Front<S>, visitor: &Visitor, lead: &str) -> Response {
    let text = |key| visitor.texts.get("sign-out", key);
    let content = html! {
        p.lead { (text(lead)) }
        p { (text("password-note")) }
        a.button href="/" { (text("again")) }
    };
    let response = frame(front, visitor, "done-title").show(StatusCode::OK, &content);
    let response = with_cookie(response, Cookie::Session.clear(&visitor.site));
    match visitor.ticket {
        Some(_) => with_cookie(response, Cookie::Visitor.clear(&visitor.site)),
        None => response,
    }
}

fn frame<'a, S: Store>(front: &'a Front<S>, visitor: &'a Visitor, title: &str) -> Page<'a> {
    Page {
        desk: &front.desk,
        texts: visitor.texts,
        visitor: Some(visitor),
        title: visitor.texts.get("sign-out", title).to_owned(),
        is_correction: false,
    }
}
