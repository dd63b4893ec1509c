//! My devices: what is enrolled, and its changes. Reading needs a session; changing needs a fresh one, by the
//! component's word.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use cofactor_runtime::contract::{Action, CredentialView, Management, ManagementChange, Outcome};
use cofactor_runtime::store::Store;
use maud::{Markup, html};

use super::form::{self, FIELD, Form, Purpose};
use super::page::{Page, Trouble, redirect};
use super::sign_in::{address, judge, split};
use super::visitor::Visitor;
use super::{answer as respond, enrol, parameter, path};
use crate::gateway::session::instant_text;
use crate::gateway::{Front, Judgement};

/// GET `/.cofactor/devices`
pub(super) async fn show<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let result = list(&front, &parts).await;
    respond(&front, &parts.headers, result)
}

/// GET `/.cofactor/devices/add`
pub(super) async fn add<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let result = add_page(&front, &parts);
    respond(&front, &parts.headers, result)
}

/// POST `/.cofactor/devices/rename`
pub(super) async fn rename<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Response {
    change_by_form(front, request, Purpose::Rename).await
}

/// POST `/.cofactor/devices/remove`
pub(super) async fn remove<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Response {
    change_by_form(front, request, Purpose::Remove).await
}

async fn change_by_form<S: Store>(
    front: Arc<Front<S>>,
    request: Request,
    purpose: Purpose,
) -> Response {
    let (parts, body) = match split(request).await {
        Ok(request) => request,
        Err((headers, trouble)) => return respond(&front, &headers, Err(trouble)),
    };
    let result = change(&front, &parts, &body, purpose).await;
    respond(&front, &parts.headers, result)
}

async fn change<S: Store>(
    front: &Front<S>,
    parts: &Parts,
    body: &Bytes,
    purpose: Purpose,
) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts)?;
    let form = Form::read(front, &visitor, purpose, &parts.headers, body)?;
    let credential = form.token.subject.clone();
    let (change, done) = match purpose {
        Purpose::Rename => (
            ManagementChange::Rename((credential, form.field("label").trim().to_owned())),
            "renamed",
        ),
        Purpose::Remove => (ManagementChange::Remove(credential), "removed"),
        _ => return Err(Trouble::new(StatusCode::FORBIDDEN, "form")),
    };
    match manage(front, &visitor, parts, form.token.id.clone(), change).await? {
        Outcome::Done(_) => redirect(&format!("{}?done={done}", path("devices"))),
        Outcome::Deny(denial) if denial.public_reason == "fresh-verification-required" => {
            enrol::verify_first()
        }
        Outcome::Deny(denial) => Err(Trouble::denied(&denial.public_reason, path("devices"))),
        _ => Err(Trouble::service()),
    }
}

/// Sends a change with the session that the request came with.
pub(super) async fn manage<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    parts: &Parts,
    id: Vec<u8>,
    change: ManagementChange,
) -> Result<Outcome, Trouble> {
    let session = front.session(
        &visitor.gateway,
        &visitor.user,
        &visitor.site,
        &parts.headers,
    );
    let action = Action::Manage(Management {
        session: session.map(|session| session.claims),
        change,
    });
    let event = visitor.event(&front.desk.binding, id, action);
    Ok(front.service.step(&visitor.account(), event).await?.outcome)
}

async fn list<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts)?;
    let here = path("devices");
    let Judgement::Pass { .. } = judge(front, &visitor, &here, &parts.headers)? else {
        return redirect(&address(&here, false));
    };
    let text = |key| visitor.texts.get("devices", key);
    let credentials = front
        .service
        .view(&visitor.account())
        .await?
        .map(|view| view.credentials)
        .unwrap_or_default();
    let only = credentials.len() == 1;
    let items = credentials
        .iter()
        .map(|credential| item(front, &visitor, credential, only))
        .collect::<Result<Vec<_>, _>>()?;
    let everywhere = form::token(front, &visitor, Purpose::SignOutEverywhere, "", &here)?;
    let done = match parameter(parts, "done").as_deref() {
        Some("renamed") => Some("done-renamed"),
        Some("removed") => Some("done-removed"),
        _ => None,
    };
    let content = html! {
        @if let Some(done) = done {
            p.good role="status" { (text(done)) }
        }
        p.lead { (text("lead")) }
        ul.devices { @for item in &items { (item) } }
        a.button href=(path("devices/add")) { (text("add")) }
        p.hint { (text("fresh")) }
        section {
            h2 { (text("everywhere-title")) }
            p { (text("everywhere-lead")) }
            form method="post" action=(path("sign-out/everywhere")) {
                input type="hidden" name=(FIELD) value=(everywhere);
                button.danger type="submit" { (text("everywhere-button")) }
            }
        }
        p.center { a href=(path("sign-out")) { (visitor.texts.get("sign-out", "title")) } }
    };
    Ok(frame(front, &visitor, "title").show(StatusCode::OK, &content))
}

fn add_page<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts)?;
    let here = path("devices/add");
    let Judgement::Pass { .. } = judge(front, &visitor, &here, &parts.headers)? else {
        return redirect(&address(&here, false));
    };
    let method = enrol::preferred(&front.service.plugin().description().methods)
        .ok_or_else(Trouble::service)?;
    let content = html! {
        p.lead { (visitor.texts.get("devices", "add-lead")) }
        (enrol::start(front, &visitor, method, &path("devices"))?)
        p.center { a href=(path("devices")) { (visitor.texts.get("page", "back")) } }
    };
    Ok(frame(front, &visitor, "add-title").show(StatusCode::OK, &content))
}

fn frame<'a, S: Store>(front: &'a Front<S>, visitor: &'a Visitor, title: &str) -> Page<'a> {
    Page {
        desk: &front.desk,
        texts: visitor.texts,
        visitor: Some(visitor),
        title: visitor.texts.get("devices", title).to_owned(),
        is_correction: false,
    }
}

fn item<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    credential: &CredentialView,
    only: bool,
) -> Result<Markup, Trouble> {
    let text = |key| visitor.texts.get("devices", key);
    let token = |purpose| form::token(front, visitor, purpose, &credential.id, &path("devices"));
    let (rename, remove) = (token(Purpose::Rename)?, token(Purpose::Remove)?);
    let id = &credential.id;
    let kind = match credential.method.as_str() {
        "totp" => text("totp"),
        "hotp" => text("hotp"),
        other => other,
    };
    Ok(html! {
        li {
            h2 { (credential.label) }
            p.meta { (kind) " · " (text("added")) " " (day(credential.created)) }
            p.meta {
                (text("used")) " "
                @match credential.last_used {
                    Some(at) => { (minute(at)) }
                    None => { (text("never")) }
                }
            }
            @match credential.state.as_str() {
                "locked" => { p.alert { (text("locked")) } }
                "disabled" => { p.alert { (text("disabled")) } }
                _ => {}
            }
            div.actions {
                details {
                    summary aria-label={ (text("rename")) ": " (credential.label) } { (text("rename")) }
                    form method="post" action=(path("devices/rename")) {
                        input type="hidden" name=(FIELD) value=(rename);
                        div.field {
                            label for={ "label-" (id) } { (text("rename-label")) }
                            input #{ "label-" (id) } name="label" type="text" required maxlength="64" value=(credential.label) autocomplete="off";
                        }
                        button.quiet type="submit" { (text("rename-button")) }
                    }
                }
                @if !only {
                    details {
                        summary aria-label={ (text("remove")) ": " (credential.label) } { (text("remove")) }
                        form method="post" action=(path("devices/remove")) {
                            p { (text("remove-lead")) }
                            input type="hidden" name=(FIELD) value=(remove);
                            button.danger type="submit" { (text("remove-button")) }
                        }
                    }
                }
            }
        }
    })
}

fn day(at: u64) -> Markup {
    let instant = instant_text(at);
    html! { time datetime=(instant) { (instant.get(..10).unwrap_or_default()) } }
}

fn minute(at: u64) -> Markup {
    let instant = instant_text(at);
    let shown = instant.get(..16).unwrap_or_default().replace('T', " ");
    html! { time datetime=(instant) { (shown) " UTC" } }
}
