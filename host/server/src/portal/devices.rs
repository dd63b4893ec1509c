//! My devices: what the account holds, and the forms that change it. Reading needs a session; changing needs a fresh one, by
//! the component's word.

use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use cofactor_runtime::contract::{AccountView, CredentialView, DeviceView};
use cofactor_runtime::store::Store;
use maud::{Markup, html};

use super::form::form;
use super::method::{self, RECOVERY};
use super::page::{Page, Trouble, redirect};
use super::purpose::Purpose;
use super::sign_in::{address, judge};
use super::visitor::Visitor;
use super::{enrol, field, parameter, path};
use crate::gateway::session::instant_text;
use crate::gateway::{Front, Judgement};

/// GET `/.cofactor/devices`
pub(super) async fn list<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts).await?;
    let here = path("devices");
    let Judgement::Pass { .. } = judge(front, &visitor, &here, &parts.headers)? else {
        return redirect(&address(&here, false));
    };
    let text = |key| visitor.texts.get("devices", key);
    let view = front.service.view(&visitor.account()).await?;
    let done = parameter(parts, "done").and_then(|done| {
        let key = format!("done-{done}");
        visitor.texts.find("devices", &key)
    });
    let content = html! {
        @if let Some(done) = done {
            p.good role="status" { (done) }
        }
        p.lead { (text("lead")) }
        @if let Some(view) = &view {
            ul.devices {
                @for credential in &view.credentials {
                    li { (item(front, &visitor, view, credential)?) }
                }
            }
        }
        a.button href=(path("devices/add")) { (text("add")) }
        p.hint { (text("fresh")) }
        (recovery(front, &visitor, view.as_ref())?)
        @if let Some(view) = &view {
            (pin(front, &visitor, view)?)
            (remembered(front, &visitor, view)?)
        }
        section {
            h2 { (text("everywhere-title")) }
            p { (text("everywhere-lead")) }
            (form(front, &visitor, (Purpose::SignOutEverywhere, ""), &here,
                &html! { button.danger type="submit" { (text("everywhere-button")) } })?)
        }
        p.center { a href=(path("sign-out")) { (visitor.texts.get("sign-out", "title")) } }
    };
    Ok(Page::of(front, &visitor, text("title")).show(StatusCode::OK, &content))
}

/// GET `/.cofactor/devices/add`
pub(super) async fn add<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts).await?;
    let here = path("devices/add");
    let Judgement::Pass { .. } = judge(front, &visitor, &here, &parts.headers)? else {
        return redirect(&address(&here, false));
    };
    let methods = method::allowed(&front.service.host_policy().methods);
    if methods.is_empty() {
        return Err(Trouble::denied("method-not-allowed", path("devices")));
    }
    let text = |key| visitor.texts.get("devices", key);
    let lead = match methods.as_slice() {
        [only] if only.name == "totp" || only.name == "hotp" => "add-lead",
        _ => "add-lead-any",
    };
    let content = html! {
        p.lead { (text(lead)) }
        (enrol::ways(front, &visitor, &methods, &path("devices"))?)
        p.center { a href=(path("devices")) { (visitor.texts.get("page", "back")) } }
    };
    Ok(Page::of(front, &visitor, text("add-title")).show(StatusCode::OK, &content))
}

/// One credential, and what can be done with it.
fn item<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    view: &AccountView,
    credential: &CredentialView,
) -> Result<Markup, Trouble> {
    let texts = visitor.texts;
    let text = |key| texts.get("devices", key);
    let here = path("devices");
    let id = credential.id.as_str();
    let ordinary = method::is_ordinary(&credential.method);
    let others = view
        .credentials
        .iter()
        .filter(|it| method::is_ordinary(&it.method));
    let others = others.count();
    let is_first = view.credentials.first().is_some_and(|first| first.id == id);
    let change = |purpose, content: &Markup| form(front, visitor, (purpose, id), &here, content);
    let label = format!("label-{id}");
    Ok(html! {
        h2 { (credential.label) }
        p.meta {
            (method::kind(texts, &credential.method))
            @if let Some(detail) = detail(texts, credential) { " · " (detail) }
        }
        p.meta {
            (text("added")) " " (day(credential.created)) " · " (text("used")) " "
            @match credential.last_used {
                Some(at) => { (minute(at)) }
                None => { (text("never")) }
            }
        }
        @if is_first && ordinary && others > 1 { p.meta { span.badge { (text("first")) } } }
        @match credential.state.as_str() {
            "locked" => { p.alert { (text("locked")) } }
            "disabled" => { p.alert { (text("disabled")) } }
            _ => {}
        }
        div.actions {
            details {
                summary aria-label={ (text("rename")) ": " (credential.label) } { (text("rename")) }
                (change(Purpose::Rename, &html! {
                    div.field {
                        label for=(label) { (text("rename-label")) }
                        input #(label) name="label" type="text" required maxlength="64" value=(credential.label) autocomplete="off";
                    }
                    button.quiet type="submit" { (text("rename-button")) }
                })?)
            }
            @if ordinary && !is_first && others > 1 {
                (change(Purpose::SetDefault, &html! {
                    button.link type="submit" aria-label={ (text("default")) ": " (credential.label) } { (text("default")) }
                })?)
            }
            @if !ordinary || others > 1 {
                details {
                    summary aria-label={ (text("remove")) ": " (credential.label) } { (text("remove")) }
                    (change(Purpose::Remove, &html! {
                        p { (text(if ordinary { "remove-lead" } else { "remove-lead-other" })) }
                        button.danger type="submit" { (text("remove-button")) }
                    })?)
                }
            }
        }
    })
}

/// What tells one credential from the next of its kind, as far as it is no secret.
fn detail(texts: &super::texts::Texts, credential: &CredentialView) -> Option<String> {
    let (name, value) = credential
        .parameters
        .iter()
        .find(|(name, _)| texts.find("detail", name).is_some())?;
    Some(texts.fill("detail", name, &[(name, value)]))
}

/// Recovery codes: how many are left, and new ones.
fn recovery<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    view: Option<&AccountView>,
) -> Result<Markup, Trouble> {
    let allowed = front.service.host_policy();
    if !allowed.methods.iter().any(|name| name == RECOVERY) {
        return Ok(html! {});
    }
    let has = view.is_some_and(|view| view.credentials.iter().any(|it| it.method == RECOVERY));
    let text = |key| visitor.texts.get("recovery", key);
    Ok(html! {
        section {
            h2 { (text("section")) }
            p { (text(if has { "section-again" } else { "lead" })) }
            (enrol::recovery_codes(front, visitor, &path("devices"), "quiet")?)
        }
    })
}

/// The PIN of a user who has one.
fn pin<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    view: &AccountView,
) -> Result<Markup, Trouble> {
    if !view.pin {
        return Ok(html! {});
    }
    let text = |key| visitor.texts.get("devices", key);
    let content = html! {
        (field::new_pin(visitor.texts, None, false))
        button.quiet type="submit" { (text("pin-button")) }
    };
    Ok(html! {
        section {
            h2 { (text("pin-title")) }
            details {
                summary { (text("pin-change")) }
                (form(front, visitor, (Purpose::SetPin, ""), &path("devices"), &content)?)
            }
        }
    })
}

/// The browsers that are remembered.
fn remembered<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    view: &AccountView,
) -> Result<Markup, Trouble> {
    if view.devices.is_empty() {
        return Ok(html! {});
    }
    let here = path("devices");
    let text = |key| visitor.texts.get("devices", key);
    let one = |device: &DeviceView| {
        let name = format!("{} {}", text("browser"), instant_text(device.created));
        let content = html! {
            button.link type="submit" aria-label={ (text("forget")) ": " (name) } { (text("forget")) }
        };
        let forget = form(
            front,
            visitor,
            (Purpose::ForgetDevice, &device.id),
            &here,
            &content,
        )?;
        Ok::<_, Trouble>(html! {
            p.meta { (text("browser")) " " (minute(device.created)) }
            p.meta { (text("used")) " " (minute(device.last_used)) " · " (text("until")) " " (day(device.expires)) }
            div.actions { (forget) }
        })
    };
    Ok(html! {
        section {
            h2 { (text("browsers-title")) }
            p { (text("browsers-lead")) }
            ul.devices { @for device in &view.devices { li { (one(device)?) } } }
            (form(front, visitor, (Purpose::ForgetDevices, ""), &here,
                &html! { button.quiet type="submit" { (text("forget-all")) } })?)
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
