//! The one decision behind every contract: what was asked, by whom, and is the session enough for it.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use cofactor_runtime::contract::StepUp;
use cofactor_runtime::service::StepError;
use cofactor_runtime::store::Store;

use super::asked::Asked;
use super::closed::{closed, failure};
use super::{Answer, challenge};
use crate::gateway::caller::{Caller, CallerError};
use crate::gateway::config::AmbiguousPaths;
use crate::gateway::first_factor::{Identity, IdentityError};
use crate::gateway::program::{self, Admission, Credentials};
use crate::gateway::{Front, Judgement, Visit};
use crate::names::CanonicalName;
use crate::portal;

/// What `caller` is to do with a request for `asked` that came with `headers`: the client's own, and what its gateway
/// says of the user.
///
/// While the store cannot be reached, an application whose fail mode is `open` gets [`Answer::PassedOpen`] where a
/// second factor would have been asked for or nothing could have been decided, and never a word of a second factor.
pub async fn decide<S: Store>(
    front: &Front<S>,
    caller: &Caller,
    asked: &Asked,
    headers: &HeaderMap,
) -> Answer {
    match identified(front, caller, asked, headers).await {
        Ok(identity) => judged(front, caller, asked, headers, identity.as_ref()).await,
        Err(answer) => answer,
    }
}

/// Who asks, by the first factor; none for a program, which shows a password instead. An answer where the request ends here.
/// Does not wait for the store.
///
/// # Errors
/// The answer.
pub(crate) async fn identified<S: Store>(
    front: &Front<S>,
    caller: &Caller,
    asked: &Asked,
    headers: &HeaderMap,
) -> Result<Option<Identity>, Answer> {
    admitted(caller, asked).map_err(|error| refusal(Some(caller), error))?;
    let now = front.service.now();
    let now = now.map_err(|error| failure(front, &caller.gateway, &error.into()))?;
    match caller.identity(&front.gateways, headers, now).await {
        Ok(None) if !caller.gateway.app_passwords => {
            // The first factor comes first: there is nobody to ask for a second one.
            tracing::info!(gateway = caller.gateway.name, "no first factor");
            Err(first_factor_missing(caller))
        }
        Ok(identity) => Ok(identity),
        Err(error @ IdentityError::Unavailable(_)) => {
            let (gateway, answer) = (&caller.gateway, Answer::Overloaded);
            Err(closed(front, gateway, "first-factor", &error, answer))
        }
        Err(error) => Err(refusal(Some(caller), error.into())),
    }
}

/// The answer that memory has, to whom [`identified`] names: a pass that holds. Waits for nobody.
pub(crate) fn recalled<S: Store>(
    front: &Front<S>,
    caller: &Caller,
    asked: &Asked,
    headers: &HeaderMap,
    identity: &Identity,
) -> Option<Answer> {
    let pass = front.recall(&visit(caller, asked, &identity.user), headers)?;
    Some(Answer::Allowed { pass, cookie: None })
}

/// The answer to whom [`identified`] names. Waits for the store, on the thread that it is called on.
pub(crate) async fn judged<S: Store>(
    front: &Front<S>,
    caller: &Caller,
    asked: &Asked,
    headers: &HeaderMap,
    identity: Option<&Identity>,
) -> Answer {
    let Some(Identity { user, .. }) = identity else {
        return of_program(front, caller, asked, headers).await;
    };
    let visit = visit(caller, asked, user);
    match front.judge(&visit, headers) {
        Ok(Judgement::Pass { pass, renewed }) => Answer::Allowed {
            cookie: renewed.and_then(|session| {
                front.session_cookie(&caller.gateway, user, &asked.target.site, &session)
            }),
            pass,
        },
        Ok(Judgement::Deny(denial)) => {
            tracing::info!(
                gateway = caller.gateway.name,
                user = user.as_str(),
                reason = denial.internal_reason,
                "denied"
            );
            Answer::Denied
        }
        // The portal could not ask for a second factor: what it asks has to be written down.
        Ok(Judgement::StepUp(needed)) => passed_open(front, &visit)
            .unwrap_or_else(|| second_factor(front, &visit, Some(&needed), headers)),
        Ok(Judgement::None) => passed_open(front, &visit)
            .unwrap_or_else(|| second_factor(front, &visit, None, headers)),
        Err(error @ StepError::Unavailable(_)) => {
            passed_open(front, &visit).unwrap_or_else(|| failure(front, &caller.gateway, &error))
        }
        Err(error) => failure(front, &caller.gateway, &error),
    }
}

/// The answer to a program, which has nobody who could be asked: what it shows is enough, or it is told what to show. It is never
/// let through without.
async fn of_program<S: Store>(
    front: &Front<S>,
    caller: &Caller,
    asked: &Asked,
    headers: &HeaderMap,
) -> Answer {
    let gateway = &caller.gateway;
    // A browser would ask its user for the password, and then send it with whatever another site makes it ask for (S10).
    if is_browsers(headers) {
        tracing::info!(gateway = gateway.name, "no app password from a browser");
        return Answer::FirstFactorMissing { challenge: None };
    }
    let unknown = || Answer::FirstFactorMissing {
        challenge: program::challenge(gateway),
    };
    let Some(credentials) = Credentials::shown(headers, &front.gateways.names) else {
        return unknown();
    };
    let visit = visit(caller, asked, &credentials.user);
    match front.admit(&visit, &credentials).await {
        Ok(Admission::Pass(pass)) => Answer::Allowed { pass, cookie: None },
        Ok(Admission::StepUp(needed)) => Answer::SecondFactorMissing {
            challenge: challenge::step_up(&needed),
        },
        Ok(Admission::Deny(denial)) => {
            let reason = denial.internal_reason;
            tracing::info!(gateway = gateway.name, reason, "denied a program");
            Answer::Denied
        }
        Ok(Admission::Refused) => {
            tracing::info!(gateway = gateway.name, "a program's password is none");
            unknown()
        }
        Err(error) => failure(front, &caller.gateway, &error),
    }
}

fn visit<'a>(caller: &'a Caller, asked: &'a Asked, user: &'a CanonicalName) -> Visit<'a> {
    Visit {
        gateway: &caller.gateway,
        user,
        target: &asked.target,
        method: asked.method,
        address: caller.address.as_deref(),
    }
}

/// The answer to a request that is no gateway's, or cannot be read.
#[must_use]
pub fn refusal(caller: Option<&Caller>, error: CallerError) -> Answer {
    let gateway = caller.map(|caller| caller.gateway.name.as_str());
    tracing::warn!(gateway, %error, "refused a gateway's request");
    match error {
        CallerError::Stranger | CallerError::Kind => Answer::Denied,
        CallerError::Header(_) | CallerError::Site | CallerError::Path => Answer::Malformed,
        CallerError::Identity(error) => match error {
            IdentityError::Twice => Answer::Malformed,
            IdentityError::Name(_) | IdentityError::Throttled => Answer::Denied,
            IdentityError::Refused(_) => caller.map_or(Answer::Denied, first_factor_missing),
            IdentityError::Unavailable(_) => Answer::Overloaded,
        },
    }
}

/// What the client is asked for is the first factor's to say.
fn first_factor_missing(caller: &Caller) -> Answer {
    Answer::FirstFactorMissing {
        challenge: caller.gateway.first_factor.challenge(),
    }
}

/// Whether the address that is asked for is one of the gateway's, and means one thing.
fn admitted(caller: &Caller, asked: &Asked) -> Result<(), CallerError> {
    let gateway = &caller.gateway;
    if !gateway.guards(&asked.target.site) {
        return Err(CallerError::Site);
    }
    if gateway.ambiguous_paths == AmbiguousPaths::Refuse && !asked.target.reads_one_way() {
        return Err(CallerError::Path);
    }
    Ok(())
}

/// The answer of an application that is open while the store cannot be reached, if this one is: who passed the first
/// factor, and nothing else. A session is neither made nor renewed.
fn passed_open<S: Store>(front: &Front<S>, visit: &Visit<'_>) -> Option<Answer> {
    let application = visit.gateway.application.as_str();
    if !front.service.passes_open(application) {
        return None;
    }
    tracing::warn!(
        gateway = visit.gateway.name,
        user = visit.user.as_str(),
        application,
        fail = "open",
        "the store cannot be reached: passed on the first factor alone"
    );
    let user = HeaderValue::from_bytes(visit.user.as_str().as_bytes()).ok()?;
    Some(Answer::PassedOpen { user })
}

/// For a browser that asks for a page the way to the portal; nothing else is sent to one (FA-08). `needed` is what a session
/// that there is falls short of.
fn second_factor<S: Store>(
    front: &Front<S>,
    visit: &Visit<'_>,
    needed: Option<&StepUp>,
    headers: &HeaderMap,
) -> Answer {
    if !asks_for_a_page(headers) {
        return Answer::SecondFactorMissing {
            challenge: needed.and_then(challenge::step_up),
        };
    }
    let failed = |what: &str| closed(front, visit.gateway, "portal", &what, Answer::Failed);
    let Some((location, cookie)) = portal::way_in(front, visit, headers) else {
        return failed("no way to the pages");
    };
    match HeaderValue::try_from(location) {
        Err(_) => failed("the address of the pages is no header"),
        Ok(location) => Answer::ToPortal {
            location,
            cookie,
            // A browser takes the method along for 302 but for POST, and for 303 never (RFC 9110, section 15.4).
            status: match visit.method {
                "GET" | "HEAD" => StatusCode::FOUND,
                _ => StatusCode::SEE_OTHER,
            },
        },
    }
}

/// Whether the client is a browser that goes to a page. Browsers say so (Fetch, section 3.6); for others the
/// media types that they name count, and `*/*` names nothing.
fn asks_for_a_page(headers: &HeaderMap) -> bool {
    let says = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if says("x-requested-with").is_some_and(|value| value.eq_ignore_ascii_case("XMLHttpRequest")) {
        return false;
    }
    if let Some(mode) = says("sec-fetch-mode") {
        return mode == "navigate";
    }
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|range| matches!(range.trim(), "text/html" | "application/xhtml+xml"))
}

/// Whether a browser says that the request is its own: all of them do, by headers that no page can write (Fetch Metadata).
fn is_browsers(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .any(|name| name.as_str().starts_with("sec-fetch-"))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_are_worth_a_redirect() {
        let cases: [(&[(&str, &str)], bool); 9] = [
            (
                &[("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")],
                true,
            ),
            (&[("accept", "application/json")], false),
            (&[("accept", "*/*")], false),
            (&[], false),
            (
                &[
                    ("accept", "text/html"),
                    ("x-requested-with", "XMLHttpRequest"),
                ],
                false,
            ),
            (&[("accept", "*/*"), ("sec-fetch-mode", "navigate")], true),
            (
                &[("accept", "text/html"), ("sec-fetch-mode", "cors")],
                false,
            ),
            (
                &[("accept", "text/html"), ("sec-fetch-mode", "no-cors")],
                false,
            ),
            (&[("accept", "application/xhtml+xml ; q=1")], true),
        ];
        for (list, expected) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in list {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(asks_for_a_page(&headers), expected, "{list:?}");
        }
    }
}
