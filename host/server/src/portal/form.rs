//! Forms that only our own pages can send: a sealed token in each, bound to browser, user, gateway and purpose, and the
//! browser's own word about where the form stood (FA-10).
//!
//! The token also names the event that the form will be, so that a form that is sent twice has the first outcome.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cofactor_runtime::contract::Action;
use cofactor_runtime::seal::SealedBox;
use cofactor_runtime::service::Settled;
use cofactor_runtime::store::Store;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::page::Trouble;
use super::purpose::Purpose;
use super::visitor::{Visitor, random_id};
use super::{answer, path, sign_in};
use crate::gateway::Front;
use crate::gateway::session::Session;
use crate::gateway::site::Site;
use crate::log;

/// How long a form may lie, in milliseconds. Challenges and enrolments end sooner, by the component's word.
const LIFETIME: u64 = 60 * 60 * 1000;
/// The longest code and the longest name of a device that the contract lets through to the component, in octets
/// (wit/types.wit).
const LONGEST_CODE: usize = 64;
const LONGEST_LABEL: usize = 256;
/// The name of the hidden field.
pub(super) const FIELD: &str = "token";
/// The name of the box that asks for the browser to be remembered, and what it says where it is ticked.
pub(super) const REMEMBER: &str = "remember";
pub(super) const YES: &str = "yes";

/// Where a sign-in leads, and what its user wants besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Journey {
    /// Where the browser goes afterwards: an address that was checked.
    pub(super) back: String,
    /// Whether the browser is to be remembered.
    pub(super) remember: bool,
}

impl Journey {
    /// To an address that was checked.
    pub(super) fn to(back: &str) -> Self {
        Self {
            back: back.to_owned(),
            remember: false,
        }
    }
}

/// What the hidden field holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Token {
    /// The event's id. Random.
    #[serde(with = "cofactor_runtime::contract::bytes")]
    pub(super) id: Vec<u8>,
    /// When the page was made, in milliseconds since the epoch.
    at: u64,
    /// The browser, by digest.
    #[serde(with = "cofactor_runtime::contract::bytes")]
    browser: Vec<u8>,
    /// The challenge, enrolment or credential that the form is about; empty for none.
    pub(super) subject: String,
    /// Where the browser goes afterwards: an address that was checked.
    pub(super) back: String,
}

/// Seals tokens and opens them.
pub(super) struct Forms {
    seal: SealedBox,
}

impl Forms {
    pub(super) fn new(seal: SealedBox) -> Self {
        Self { seal }
    }

    fn seal(&self, visitor: &Visitor, purpose: Purpose, token: &Token) -> Option<String> {
        let plain = serde_json::to_vec(token).ok()?;
        let sealed = self.seal.seal(&binding(visitor, purpose), &plain).ok()?;
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    fn open(
        &self,
        visitor: &Visitor,
        purpose: Purpose,
        text: &str,
        browser: &[u8],
        now: u64,
    ) -> Option<Token> {
        if text.len() > 32 * 1024 {
            return None;
        }
        let plain = self.seal.open(
            &binding(visitor, purpose),
            &URL_SAFE_NO_PAD.decode(text).ok()?,
        )?;
        let token: Token = serde_json::from_slice(&plain).ok()?;
        (token.browser == browser && now < token.at.saturating_add(LIFETIME)).then_some(token)
    }
}

fn binding(visitor: &Visitor, purpose: Purpose) -> Vec<u8> {
    let gateway = &visitor.gateway;
    format!(
        "{purpose:?}\0{}\0{}\0{}\0{}\0{}",
        gateway.name, gateway.tenant, gateway.issuer, visitor.user, visitor.site
    )
    .into_bytes()
}

/// The value of a form's hidden field.
pub(super) fn token<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    purpose: Purpose,
    subject: &str,
    back: &str,
) -> Result<String, Trouble> {
    let token = Token {
        id: random_id().ok_or_else(Trouble::service)?.to_vec(),
        at: front.service.now().map_err(|_| Trouble::service())?,
        browser: visitor.browser.digest(&front.desk.binding),
        subject: subject.to_owned(),
        back: back.to_owned(),
    };
    front
        .desk
        .forms
        .seal(visitor, purpose, &token)
        .ok_or_else(Trouble::service)
}

/// A form for one thing that its sender wants: its token, and around it what can be filled in.
pub(super) fn form<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    (purpose, subject): (Purpose, &str),
    back: &str,
    content: &Markup,
) -> Result<Markup, Trouble> {
    let token = token(front, visitor, purpose, subject, back)?;
    Ok(html! {
        form method="post" action=(path(purpose.path())) {
            input type="hidden" name=(FIELD) value=(token);
            (content)
        }
    })
}

/// What the address of a waiting page holds, if it was made for this visitor.
pub(super) fn open<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    purpose: Purpose,
    text: &str,
) -> Result<Token, Trouble> {
    let now = front.service.now().map_err(|_| Trouble::service())?;
    let browser = visitor.browser.digest(&front.desk.binding);
    front
        .desk
        .forms
        .open(visitor, purpose, text, &browser, now)
        .ok_or(Trouble::new(StatusCode::FORBIDDEN, "form"))
}

/// A form that came from our own page, with who sent it.
pub(super) struct Posted<S> {
    pub(super) front: Arc<Front<S>>,
    pub(super) visitor: Visitor,
    pub(super) headers: HeaderMap,
    /// What it is for.
    pub(super) purpose: Purpose,
    /// What its token says.
    pub(super) token: Token,
    fields: HashMap<String, Zeroizing<String>>,
}

impl<S: Store> Posted<S> {
    /// Reads a form.
    ///
    /// # Errors
    /// The page to show where it is not from our own page, or too old.
    pub(super) async fn read(
        front: Arc<Front<S>>,
        request: Request,
        purpose: Purpose,
    ) -> Result<Self, Response> {
        let headers = request.headers().clone();
        match Self::parse(Arc::clone(&front), request, purpose).await {
            Ok(posted) => Ok(posted),
            Err(trouble) => Err(answer(&front, &headers, Err(trouble))),
        }
    }

    async fn parse(
        front: Arc<Front<S>>,
        request: Request,
        purpose: Purpose,
    ) -> Result<Self, Trouble> {
        let (parts, body) = request.into_parts();
        let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &())
            .await
            .map_err(|_| Trouble::new(StatusCode::PAYLOAD_TOO_LARGE, "form"))?;
        let visitor = Visitor::of(&front, &parts).await?;
        if !is_from(&visitor.site, &parts.headers) {
            return Err(Trouble::new(StatusCode::FORBIDDEN, "origin"));
        }
        if visitor.browser.is_new() {
            return Err(Trouble::new(StatusCode::FORBIDDEN, "browser"));
        }
        let stale = || Trouble::new(StatusCode::FORBIDDEN, "form");
        if !is_urlencoded(&parts.headers) {
            return Err(stale());
        }
        let mut fields = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(&body).take(16) {
            // A field that is there twice is nobody's.
            if fields
                .insert(name.into_owned(), Zeroizing::new(value.into_owned()))
                .is_some()
            {
                return Err(stale());
            }
        }
        let text = fields.get(FIELD).ok_or_else(stale)?;
        let token = open(&front, &visitor, purpose, text)?;
        Ok(Self {
            front,
            visitor,
            headers: parts.headers,
            purpose,
            token,
            fields,
        })
    }

    /// The answer, or the page that says why there is none.
    pub(super) fn respond(&self, result: Result<Response, Trouble>) -> Response {
        answer(&self.front, &self.headers, result)
    }

    /// Has the event judged that this form is: once, however often it is sent.
    pub(super) async fn step(&self, action: Action) -> Result<Settled, Trouble> {
        step(&self.front, &self.visitor, self.token.id.clone(), action).await
    }

    /// The session that it came with, judged or not, unless it was ended.
    pub(super) fn session(&self) -> Result<Option<Session>, Trouble> {
        let visitor = &self.visitor;
        Ok(self.front.session(
            &visitor.gateway,
            &visitor.user,
            &visitor.site,
            &self.headers,
        )?)
    }

    /// Where the outcome of a step leads.
    pub(super) fn settle(&self, settled: Settled) -> Result<Response, Trouble> {
        sign_in::settle(
            &self.front,
            &self.visitor,
            (&self.token.id, settled),
            &self.journey(),
            &self.headers,
        )
    }

    /// Where the browser goes, and what its user wants besides.
    pub(super) fn journey(&self) -> Journey {
        Journey {
            back: self.token.back.clone(),
            remember: self.field(REMEMBER) == YES,
        }
    }

    /// What was typed into a field.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.as_str())
    }

    /// A code that was typed: apps show codes in groups, so blanks and hyphens go. Everything else is for the component
    /// to judge, as far as the contract lets it through.
    pub(super) fn code(&self, name: &str) -> String {
        let typed: String = self
            .field(name)
            .chars()
            .filter(|c| !matches!(c, ' ' | '-'))
            .collect();
        cut(typed, LONGEST_CODE)
    }

    /// What was typed into a field, as far as the contract lets it through.
    pub(super) fn text(&self, name: &str, longest: usize) -> String {
        cut(self.field(name).to_owned(), longest)
    }

    /// What the user calls a device. What is wrong with it is for the component to say, as far as the contract lets it
    /// through.
    pub(super) fn label(&self) -> String {
        cut(self.field("label").trim().to_owned(), LONGEST_LABEL)
    }
}

/// Has an event of this visitor's judged, and logs what became of it.
pub(super) async fn step<S: Store>(
    front: &Front<S>,
    visitor: &Visitor,
    id: Vec<u8>,
    action: Action,
) -> Result<Settled, Trouble> {
    let asked = log::asked(&action);
    let event = visitor.event(&front.desk.binding, id, action);
    let settled = front.service.step(&visitor.account(), event).await?;
    let (outcome, reason) = log::decided(&settled.outcome);
    tracing::info!(
        gateway = visitor.gateway.name,
        user = visitor.user.as_str(),
        application = visitor.gateway.application,
        action = asked,
        outcome,
        reason,
        "decided"
    );
    Ok(settled)
}

/// The text up to the last whole character within so many octets.
fn cut(mut text: String, longest: usize) -> String {
    text.truncate(text.floor_char_boundary(longest));
    text
}

fn is_urlencoded(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|media| {
            media
                .trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
}

/// Whether the browser says that the request came from a page of this site. One that says nothing is an old one, and is
/// held to the token alone.
fn is_from(site: &Site, headers: &HeaderMap) -> bool {
    let fetch = headers.get("sec-fetch-site").map(|value| value.as_bytes());
    if fetch.is_some_and(|value| value != b"same-origin") {
        return false;
    }
    headers
        .get(ORIGIN)
        .is_none_or(|origin| origin.as_bytes() == site.to_string().as_bytes())
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
pub(super) mod tests {
    use axum::http::HeaderValue;
    use cofactor_runtime::clock::SystemClock;
    use cofactor_runtime::plugin::{Options, Plugin};
    use cofactor_runtime::seal::KeyRing;
    use cofactor_runtime::service::Service;
    use cofactor_runtime::store::memory::MemoryStore;

    use super::super::texts::Texts;
    use super::super::visitor::Browser;
    use super::*;
    use crate::gateway::config::Gateways;
    use crate::gateway::session::tests::{gateway, user};
    use crate::names::Names;

    /// A front on an empty store under the default policy.
    pub(in crate::portal) async fn front() -> Front<MemoryStore> {
        let plugin = Plugin::load(cofactor_component::COMPONENT, &Options::default()).unwrap();
        let ring = KeyRing::generate(0).unwrap();
        let clock = Arc::new(SystemClock::new());
        let service = Service::new(plugin, MemoryStore::new(), ring, "", clock).unwrap();
        let gateways = Gateways::new(&[], Names::default(), std::path::Path::new(".")).unwrap();
        Front::new(Arc::new(service), gateways, &Default::default()).unwrap()
    }

    /// Somebody at a gateway, with a browser that is new.
    pub(in crate::portal) fn visitor(name: &str, at: &str) -> Visitor {
        let site = Site::configured("https://a.example").unwrap().remove(0);
        Visitor {
            gateway: gateway(at).into(),
            user: user(name),
            groups: Vec::new(),
            browser: Browser::of(&HeaderMap::new(), &site).unwrap(),
            site,
            address: None,
            client: String::new(),
            ticket: None,
            texts: Texts::accepted(None).unwrap(),
        }
    }

    #[test]
    fn a_token_opens_for_its_purpose_user_gateway_and_browser_only() {
        let forms = Forms::new(KeyRing::generate(0).unwrap().sealed_box("form"));
        let alice = visitor("alice", "one");
        let token = Token {
            id: vec![1; 16],
            at: 0,
            browser: vec![9],
            subject: "s".into(),
            back: "/".into(),
        };
        let text = forms.seal(&alice, Purpose::Answer, &token).unwrap();
        let open = |visitor: &Visitor, purpose, browser: &[u8], now| {
            forms.open(visitor, purpose, &text, browser, now)
        };
        assert_eq!(
            open(&alice, Purpose::Answer, &[9], LIFETIME - 1),
            Some(token)
        );
        assert_eq!(open(&alice, Purpose::Remove, &[9], 0), None);
        assert_eq!(open(&visitor("bob", "one"), Purpose::Answer, &[9], 0), None);
        assert_eq!(
            open(&visitor("alice", "two"), Purpose::Answer, &[9], 0),
            None
        );
        assert_eq!(open(&alice, Purpose::Answer, &[8], 0), None);
        assert_eq!(open(&alice, Purpose::Answer, &[9], LIFETIME), None);
    }

    #[test]
    fn forms_from_elsewhere_are_told_by_the_browser() {
        let site = Site::configured("https://a.example").unwrap().remove(0);
        for (origin, fetch, expected) in [
            (None, None, true),
            (Some("https://a.example"), None, true),
            (Some("https://a.example"), Some("same-origin"), true),
            (None, Some("same-origin"), true),
            (Some("https://evil.example"), None, false),
            (Some("http://a.example"), None, false),
            (Some("https://a.example:444"), None, false),
            (Some("null"), None, false),
            (Some("https://a.example"), Some("same-site"), false),
            (None, Some("cross-site"), false),
            (None, Some("none"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            if let Some(fetch) = fetch {
                headers.insert("sec-fetch-site", HeaderValue::from_static(fetch));
            }
            assert_eq!(is_from(&site, &headers), expected, "{origin:?} {fetch:?}");
        }
    }

    #[test]
    fn browsers_are_recognised_by_their_cookie() {
        let site = Site::configured("https://a.example").unwrap().remove(0);
        let new = Browser::of(&HeaderMap::new(), &site).unwrap();
        let cookie = new.cookie(&site).unwrap();
        let pair = cookie
            .to_str()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        let mut headers = HeaderMap::new();
        headers.insert("cookie", HeaderValue::try_from(pair).unwrap());
        let known = Browser::of(&headers, &site).unwrap();
        assert!(new.is_new() && !known.is_new());
        assert_eq!(known.digest(&[1; 32]), new.digest(&[1; 32]));
        assert_ne!(known.digest(&[1; 32]), known.digest(&[2; 32]));
        headers.insert(
            "cookie",
            HeaderValue::from_static("__Host-cofactor-browser=short"),
        );
        assert!(Browser::of(&headers, &site).unwrap().is_new());
    }
}
