//! What all pages have in common: frame, style sheet, headers, and the page for what went wrong.

use std::sync::LazyLock;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use cofactor_runtime::service::StepError;
use maud::{DOCTYPE, Markup, html};
use sha2::{Digest, Sha256};

use super::texts::Texts;
use super::visitor::Visitor;
use super::{Desk, path};
use crate::gateway::Front;
use crate::gateway::config::Portal;
use crate::gateway::site::Site;

const STYLE: &str = include_str!("style.css");
/// Two overlapping rings: the sign-in and its second factor.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32' fill='none' stroke='%230e7c66' stroke-width='4'%3E%3Ccircle cx='12' cy='16' r='8'/%3E%3Ccircle cx='20' cy='16' r='8'/%3E%3C/svg%3E";

/// The style sheet's path.
pub(super) static STYLE_PATH: LazyLock<String> = LazyLock::new(|| kept_path("style", "css", STYLE));

/// The style sheet.
pub(super) async fn style() -> Response {
    kept("text/css; charset=utf-8", STYLE)
}

/// What has its digest in its name, so that a browser may keep it for good.
pub(super) fn kept(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content).into_response()
}

/// The path of such a thing.
pub(super) fn kept_path(name: &str, extension: &str, content: &str) -> String {
    let digest = hex::encode(Sha256::digest(content));
    path(&format!(
        "{name}-{}.{extension}",
        digest.get(..16).unwrap_or_default()
    ))
}

/// A page to be.
pub(super) struct Page<'a> {
    /// Names and texts.
    desk: &'a Desk,
    /// The language.
    texts: &'static Texts,
    /// Who looks at it, where that is known.
    visitor: Option<&'a Visitor>,
    /// The heading.
    title: String,
    /// Whether something that was typed has to be typed again.
    is_correction: bool,
    /// Where the browser goes by itself, and after how many seconds.
    refresh: Option<(u64, String)>,
    /// The only script that the page may run.
    script: Option<&'static str>,
}

impl<'a> Page<'a> {
    /// A page for somebody, with a title.
    pub(super) fn of<S>(front: &'a Front<S>, visitor: &'a Visitor, title: &str) -> Self {
        Self {
            desk: &front.desk,
            texts: visitor.texts,
            visitor: Some(visitor),
            title: title.to_owned(),
            is_correction: false,
            refresh: None,
            script: None,
        }
    }

    /// The same, from where the browser goes on by itself after so many seconds.
    pub(super) fn going_on(self, seconds: u64, to: String) -> Self {
        Self {
            refresh: Some((seconds, to)),
            ..self
        }
    }

    /// The same, with a script of this site's own.
    pub(super) fn with_script(self, script: &'static str) -> Self {
        Self {
            script: Some(script),
            ..self
        }
    }

    /// The page around a form; `failed` where it has to be filled in again.
    pub(super) fn ask(self, failed: bool, content: &Markup) -> Response {
        let status = if failed {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::OK
        };
        Self {
            is_correction: failed,
            ..self
        }
        .show(status, content)
    }

    /// The page around its content, with the headers that keep it safe.
    pub(super) fn show(&self, status: StatusCode, content: &Markup) -> Response {
        let text = |key| self.texts.get("page", key);
        let prefix = if self.is_correction {
            text("error-prefix")
        } else {
            ""
        };
        let markup = html! {
            (DOCTYPE)
            html lang=(self.texts.language()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    title { (prefix) (self.title) " · " (self.desk.title) }
                    link rel="icon" href=(ICON);
                    link rel="stylesheet" href=(*STYLE_PATH);
                    @if let Some((seconds, to)) = &self.refresh {
                        meta http-equiv="refresh" content={ (seconds) ";url=" (to) };
                    }
                    @if let Some(script) = self.script {
                        script src=(script) defer {}
                    }
                }
                body {
                    a.skip href="#content" { (text("skip")) }
                    header {
                        (mark())
                        span.brand { (self.desk.title) }
                    }
                    main #content tabindex="-1" {
                        h1 { (self.title) }
                        (content)
                    }
                    footer {
                        @if let Some(visitor) = self.visitor {
                            p { (self.texts.fill("page", "signed-in-as", &[("user", visitor.user.as_str())])) }
                        }
                        @if let Some(help) = &self.desk.help {
                            p { strong { (text("help-title")) } " " (help) }
                        }
                    }
                }
            }
        };
        let mut response = (
            status,
            [(CONTENT_TYPE, "text/html; charset=utf-8")],
            markup.into_string(),
        )
            .into_response();
        let headers = response.headers_mut();
        secure(headers, self.visitor, self.script.is_some());
        if let Some(visitor) = self.visitor
            && let Some(cookie) = visitor.browser.cookie(&visitor.site)
        {
            headers.append(SET_COOKIE, cookie);
        }
        response
    }
}

fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 32" width="28" height="28" fill="none" stroke="currentColor" stroke-width="3.5" aria-hidden="true" {
            circle cx="12" cy="16" r="8" {}
            circle cx="20" cy="16" r="8" {}
        }
    }
}

/// The headers of every page (FA-11, RFC 9700 section 4.16). Forms go to this site; where the portal has a site of its
/// own, their answers also lead back to the guarded ones. Scripts run where a passkey is asked for and nowhere else, and
/// none but this site's own file.
fn secure(headers: &mut HeaderMap, visitor: Option<&Visitor>, scripted: bool) {
    let mut forms = "'self'".to_owned();
    if let Some(visitor) = visitor
        && matches!(visitor.gateway.portal, Portal::Own(_))
    {
        for site in &visitor.gateway.sites {
            forms.push_str(&format!(" {site}"));
        }
    }
    let scripts = if scripted { " script-src 'self';" } else { "" };
    let policy = format!(
        "default-src 'none';{scripts} style-src 'self'; img-src 'self' data:; form-action {forms}; frame-ancestors 'none'; base-uri 'none'"
    );
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (X_FRAME_OPTIONS, "DENY"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Sends the browser elsewhere by GET, whatever it came with (FA-09).
pub(super) fn redirect(to: &str) -> Result<Response, Trouble> {
    let location = HeaderValue::try_from(to).map_err(|_| Trouble::service())?;
    let headers = [
        (LOCATION, location),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// Adds a cookie.
pub(super) fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// The cookie of a new browser goes along with a redirect as well.
pub(super) fn with_browser(response: Response, visitor: &Visitor, site: &Site) -> Response {
    with_cookie(response, visitor.browser.cookie(site))
}

/// What went wrong, as a page to be.
#[derive(Debug)]
pub(super) struct Trouble {
    status: StatusCode,
    section: &'static str,
    key: String,
    again: Option<String>,
    challenge: Option<HeaderValue>,
}

impl Trouble {
    /// A text of the section `error`.
    pub(super) fn new(status: StatusCode, key: &str) -> Self {
        Self {
            status,
            section: "error",
            key: key.to_owned(),
            again: None,
            challenge: None,
        }
    }

    /// There is no first factor, and perhaps the browser is the one to ask for it.
    pub(super) fn identity(challenge: Option<HeaderValue>) -> Self {
        let status = match challenge {
            Some(_) => StatusCode::UNAUTHORIZED,
            None => StatusCode::FORBIDDEN,
        };
        Self {
            challenge,
            ..Self::new(status, "identity")
        }
    }

    /// The same with a link to where it can be tried again.
    pub(super) fn with_a_way_on(self, again: Option<String>) -> Self {
        Self { again, ..self }
    }

    /// A denial, by its public reason, and where to try again.
    pub(super) fn denied(reason: &str, again: String) -> Self {
        let status = match reason {
            "service-error" => StatusCode::SERVICE_UNAVAILABLE,
            "source-throttled" | "send-throttled" => StatusCode::TOO_MANY_REQUESTS,
            "label-invalid" | "address-invalid" | "pin-change-required" => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            _ => StatusCode::FORBIDDEN,
        };
        Self {
            status,
            section: "reason",
            key: reason.to_owned(),
            again: Some(again),
            challenge: None,
        }
    }

    /// Something failed that is nobody's doing.
    pub(super) fn service() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "service")
    }

    /// The page.
    pub(super) fn show(&self, desk: &Desk, texts: &'static Texts) -> Response {
        let title = match self.section {
            "error" => texts.get("error", &format!("{}-title", self.key)),
            _ => texts.get("error", "title"),
        };
        let page = Page {
            desk,
            texts,
            visitor: None,
            title: title.to_owned(),
            is_correction: false,
            refresh: None,
            script: None,
        };
        let mut response = page.show(
            self.status,
            &html! {
                p.lead { (texts.get(self.section, &self.key)) }
                @if let Some(again) = &self.again {
                    a.button href=(again) { (texts.get("page", "again")) }
                }
            },
        );
        if let Some(challenge) = &self.challenge {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, challenge.clone());
        }
        response
    }
}

impl From<StepError> for Trouble {
    fn from(error: StepError) -> Self {
        match error {
            // What the contract has no room for was typed by somebody; what it was is not for the log.
            StepError::BadRequest(_) => {
                tracing::warn!("what was typed is outside the contract");
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "input")
            }
            StepError::Overloaded => {
                tracing::error!(%error, "could not judge a step");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy")
            }
            _ => {
                tracing::error!(%error, "could not judge a step");
                Self::service()
            }
        }
    }
}
