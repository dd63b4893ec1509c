//! The way to the portal, and back.
//!
//! Where the portal lies under the reserved path of the guarded site, the way is a redirect: the gateway says on both
//! ends who the user is. Where it has a site of its own, the user is handed over in steps, so that the one who arrives
//! is the one who began, in the same browser:
//!
//! | step | where | what is checked | what it gives |
//! |---|---|---|---|
//! | the gateway's answer | guarded site | first factor | `begin` ticket, cookie of this browser |
//! | `begin` | portal | ticket, once | `confirm` ticket, cookie of this browser on this site |
//! | `confirm` | guarded site | ticket, once; same user, same gateway, the first cookie | `enter` ticket |
//! | `enter` | portal | ticket, once; the second cookie | the visitor's cookie |
//! | challenge, enrolment | portal | | `finish` ticket with the session |
//! | `finish` | guarded site | ticket, once; same user, same gateway, the first cookie | the session's cookie |
//!
//! An address that is stolen on the way is of no use in another browser, and one that is sent to somebody is of no use
//! in theirs (CH-02).

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use cofactor_runtime::store::Store;

use super::page::{Trouble, redirect, with_cookie};
use super::ticket::{Stage, Ticket};
use super::visitor::{Browser, STAY, Visitor, own_site, random_id};
use super::{answer as respond, parameter, path, sign_in};
use crate::gateway::config::{Portal, RESERVED};
use crate::gateway::cookie::Cookie;
use crate::gateway::session::Session;
use crate::gateway::site::{Address, return_address};
use crate::gateway::{Front, Visit};

/// The longest way back that goes into an address: nginx has room for 4 KiB of headers unless told otherwise, and each
/// octet may take three. A longer one loses its query, or leads to the site's first page.
const LONGEST_BACK: usize = 1024;

/// How long the names of a user's groups may be together, in octets: they travel in an address and in a cookie.
const LONGEST_GROUPS: usize = 1024;

/// Where a gateway sends the browser for a second factor, and the cookie that this needs.
#[must_use]
pub fn way_in<S: Store>(
    front: &Front<S>,
    visit: &Visit<'_>,
    headers: &HeaderMap,
) -> Option<(String, Option<HeaderValue>)> {
    let Visit {
        gateway,
        user,
        target,
        ..
    } = visit;
    let back = back(target);
    match &gateway.portal {
        Portal::Reserved => Some((
            format!(
                "{}{}",
                target.site,
                sign_in::address_for(&back, visit.method)
            ),
            None,
        )),
        Portal::Own(site) => {
            let browser = Browser::of(headers, &target.site)?;
            let ticket = Ticket {
                id: random_id()?.to_vec(),
                at: front.service.now().ok()?,
                gateway: gateway.name.clone(),
                user: user.as_str().to_owned(),
                back: format!("{}{back}", target.site),
                method: visit.method.to_owned(),
                browser: browser.digest(&front.desk.binding),
                portal_browser: Vec::new(),
                groups: Vec::new(),
                session: None,
            };
            let text = front.desk.tickets.seal(Stage::Begin, &ticket)?;
            let location = format!("{site}{}?ticket={text}", path("begin"));
            Some((location, browser.cookie(&target.site)))
        }
    }
}

/// Path and query to go back to; without the query, or to the first page, where that would be too long.
fn back(target: &Address) -> Cow<'_, str> {
    let whole = target.way_back();
    if target.path().starts_with(RESERVED) {
        return "/".into();
    }
    if whole.len() <= LONGEST_BACK {
        return whole;
    }
    let path = Address {
        site: target.site.clone(),
        target: target.path().to_owned(),
    };
    match path.way_back() {
        path if path.len() <= LONGEST_BACK => path.into_owned().into(),
        _ => "/".into(),
    }
}

/// Where the browser goes with its session: straight back, or by way of `finish`.
pub(super) fn way_back<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    session: Option<Session>,
    back: &str,
) -> Result<String, Trouble> {
    let Some(ticket) = &visitor.ticket else {
        return Ok(back.to_owned());
    };
    let Some(address) = Address::parse(back).filter(|address| address.site != visitor.site) else {
        return Ok(back.to_owned());
    };
    let ticket = Ticket {
        session,
        back: back.to_owned(),
        ..again(front, ticket)?
    };
    let text = front
        .desk
        .tickets
        .seal(Stage::Finish, &ticket)
        .ok_or_else(Trouble::service)?;
    Ok(format!("{}{}?ticket={text}", address.site, path("finish")))
}

/// GET `/.cofactor/begin`, on the portal's site.
pub(super) async fn begin<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let result = to_confirm(&front, &parts);
    respond(&front, &parts.headers, result)
}

/// GET `/.cofactor/confirm`, on the guarded site.
pub(super) async fn confirm<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let result = to_enter(&front, &parts).await;
    respond(&front, &parts.headers, result)
}

/// GET `/.cofactor/enter`, on the portal's site.
pub(super) async fn enter<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let result = to_challenge(&front, &parts);
    respond(&front, &parts.headers, result)
}

/// GET `/.cofactor/finish`, on the guarded site.
pub(super) async fn finish<S: Store>(
    State(front): State<Arc<Front<S>>>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let result = to_application(&front, &parts).await;
    respond(&front, &parts.headers, result)
}

fn to_confirm<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    let ticket = take(front, parts, Stage::Begin, |_| true)?;
    let site = own_site(front, &parts.headers).ok_or_else(over)?;
    let browser = Browser::of(&parts.headers, &site).ok_or_else(Trouble::service)?;
    let back = Address::parse(&ticket.back).ok_or_else(over)?;
    let next = Ticket {
        portal_browser: browser.digest(&front.desk.binding),
        ..again(front, &ticket)?
    };
    let text = front
        .desk
        .tickets
        .seal(Stage::Confirm, &next)
        .ok_or_else(Trouble::service)?;
    let response = redirect(&format!("{}{}?ticket={text}", back.site, path("confirm")))?;
    Ok(with_cookie(response, browser.cookie(&site)))
}

async fn to_enter<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts).await?;
    let ticket = take(front, parts, Stage::Confirm, |ticket| {
        began_here(front, &visitor, ticket)
    })?;
    let Portal::Own(portal) = &visitor.gateway.portal else {
        return Err(over());
    };
    if visitor.groups.iter().map(String::len).sum::<usize>() > LONGEST_GROUPS {
        // To leave some out would be to leave out what the policy demands of their members.
        tracing::error!(
            gateway = visitor.gateway.name,
            user = visitor.user.as_str(),
            "more groups than an address can carry: set portal = \"/.cofactor/\", or have the first factor name fewer"
        );
        return Err(Trouble::service());
    }
    let next = Ticket {
        groups: visitor.groups.clone(),
        ..again(front, &ticket)?
    };
    let text = front
        .desk
        .tickets
        .seal(Stage::Enter, &next)
        .ok_or_else(Trouble::service)?;
    redirect(&format!("{portal}{}?ticket={text}", path("enter")))
}

fn to_challenge<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    let site = own_site(front, &parts.headers).ok_or_else(over)?;
    let browser = Browser::of(&parts.headers, &site).ok_or_else(Trouble::service)?;
    let digest = browser.digest(&front.desk.binding);
    let ticket = take(front, parts, Stage::Enter, |ticket| {
        !browser.is_new() && ticket.portal_browser == digest
    })?;
    let text = front
        .desk
        .tickets
        .seal(Stage::Visit, &again(front, &ticket)?)
        .ok_or_else(Trouble::service)?;
    let cookie = Cookie::Visitor.set(&site, &text, Some(STAY / 1000));
    Ok(with_cookie(redirect(&path(""))?, cookie))
}

async fn to_application<S: Store>(front: &Front<S>, parts: &Parts) -> Result<Response, Trouble> {
    let visitor = Visitor::of(front, parts).await?;
    let ticket = take(front, parts, Stage::Finish, |ticket| {
        began_here(front, &visitor, ticket)
    })?;
    let session = ticket.session.ok_or_else(over)?;
    let back =
        return_address(&ticket.back, &visitor.site, &visitor.gateway.sites).ok_or_else(over)?;
    let cookie = front
        .session_cookie(&visitor.gateway, &visitor.user, &visitor.site, &session)
        .ok_or_else(Trouble::service)?;
    Ok(with_cookie(redirect(&back.to_string())?, Some(cookie)))
}

/// Whether a ticket is this user's, at this gateway, in the browser that began on this site.
fn began_here<S: Store>(front: &Front<S>, visitor: &Visitor, ticket: &Ticket) -> bool {
    visitor.ticket.is_none()
        && !visitor.browser.is_new()
        && ticket.browser == visitor.browser.digest(&front.desk.binding)
        && ticket.gateway == visitor.gateway.name
        && ticket.user == visitor.user.as_str()
        && Address::parse(&ticket.back).is_some_and(|back| back.site == visitor.site)
}

/// The ticket of a request, used up: but not by somebody whom it does not fit, who could spoil it for its owner.
fn take<S: Store>(
    front: &Front<S>,
    parts: &Parts,
    stage: Stage,
    fits: impl FnOnce(&Ticket) -> bool,
) -> Result<Ticket, Trouble> {
    let now = front.service.now().map_err(|_| Trouble::service())?;
    let text = parameter(parts, "ticket").unwrap_or_default();
    let tickets = &front.desk.tickets;
    tickets
        .open(stage, &text, now)
        .filter(fits)
        .and_then(|_| tickets.take(stage, &text, now))
        .ok_or_else(|| {
            let back = tickets.way_back(stage, &text);
            over().with_a_way_on(back.or_else(|| home(front, &parts.headers)))
        })
}

/// Where to begin anew without a ticket that says so: the site itself, or the only one that sends its visitors here.
pub(super) fn home<S>(front: &Front<S>, headers: &HeaderMap) -> Option<String> {
    let Some(portal) = own_site(front, headers) else {
        return Some("/".to_owned());
    };
    let mut sites = front
        .gateways
        .all
        .iter()
        .filter(|gateway| gateway.portal == Portal::Own(portal.clone()))
        .flat_map(|gateway| &gateway.sites)
        .filter(|site| site.is_secure() == portal.is_secure());
    let first = sites.next()?;
    sites.all(|site| site == first).then(|| format!("{first}/"))
}

/// The same ticket for the next step: with an id and a time of its own.
fn again<S: Store>(front: &Front<S>, ticket: &Ticket) -> Result<Ticket, Trouble> {
    Ok(Ticket {
        id: random_id().ok_or_else(Trouble::service)?.to_vec(),
        at: front.service.now().map_err(|_| Trouble::service())?,
        ..ticket.clone()
    })
}

fn over() -> Trouble {
    Trouble::new(StatusCode::FORBIDDEN, "ticket")
}
