//! My devices: what is enrolled, and its changes. Reading needs a session; changing needs a fresh one, by the
//! component's word.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use cofactor_runtime::contract::{Action, CredentialView, Management, ManagementChange, Outcome};
use cofactor_runtime::store::Store;
use maud::{Markup, html};

use super::form::{self, FIELD, Posted, Purpose};
use super::page::{Page, Trouble, redirect};
use super::sign_in::{address, judge};
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
) -> Result<Response, Response> {
    let posted = Posted::read(front, request, Purpose::Rename).await?;
    let change = ManagementChange::Rename((posted.token.subject.clone(), posted.label()));
    let done = || redirect(&format!("{}?done=renamed", path("devices")));
    Ok(posted.respond(manage(&posted, change, done).await))
}

/// POST `/.cofactor/devices/remove`
pub(super) async fn remove<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Result<Response, Response> {
    let posted = Posted::read(front, request, Purpose::Remove).await?;
    let change = ManagementChange::Remove(posted.token.subject.clone());
    let done = || redirect(&format!("{}?done=removed", path("devices")));
    Ok(posted.respond(manage(&posted, change, done).await))
}

/// Makes a change with the session that the form came with; `done` is the answer then.
pub(super) async fn manage<S: Store>(
    posted: &Posted<S>,
    change: ManagementChange,
    done: impl FnOnce() -> Result<Response, Trouble>,
) -> Result<Response, Trouble> {
    let action = Action::Manage(Management {
        session: posted.session()?.map(|session| session.claims),
        change,
    });
    match posted.step(action).await?.outcome {
        Outcome::Done(_) => done(),
        Outcome::Deny(denial) if denial.public_reason == "fresh-verification-required" => {
            enrol::verify_first()
        }
        Outcome::Deny(denial) => Err(Trouble::denied(&denial.public_reason, path("devices"))),
        _ => Err(Trouble::service()),
    }
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
    Ok(Page::of(front, &visitor, text("title")).show(StatusCode::OK, &content))
}

fn add_page<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts)?;
    let here = path("devices/add");
    let Judgement::Pass { .. } = judge(front, &visitor, &here, &parts.headers)? else {
        return redirect(&address(&here, false));
    };
    let method = enrol::preferred(&front.service.host_policy().methods)
        .ok_or_else(|| Trouble::denied("method-not-allowed", path("devices")))?;
    let text = |key| visitor.texts.get("devices", key);
    let content = html! {
        p.lead { (text("add-lead")) }
        (enrol::start(front, &visitor, method, &path("devices"))?)
        p.center { a href=(path("devices")) { (visitor.texts.get("page", "back")) } }
    };
    Ok(Page::of(front, &visitor, text("add-title")).show(StatusCode::OK, &content))
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
