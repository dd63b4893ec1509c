//! Errors as RFC 9457 has them: `application/problem+json`.

use axum::Json;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use cofactor_runtime::service::StepError;
use serde::Serialize;
use std::time::Duration;

/// Why a request has no outcome. Whatever it is, the caller has to deny.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// 400: the request breaks the contract.
    Malformed(String),
    /// 401: no credential, or a wrong one.
    Unauthorized,
    /// 403: the client may not ask for this.
    Forbidden(String),
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 408: the request did not come to its end.
    TooSlow,
    /// 413.
    TooLarge,
    /// 415.
    NotJson,
    /// 429: the client asks too much.
    TooMany(Duration),
    /// 500: the component failed, or the store was tampered with. The log says which.
    Failure,
    /// 501: an action or a method of a later version: its name.
    Unsupported(String),
    /// 503: too much to do.
    Overloaded,
    /// 503: the store cannot answer. `open` where the policy's fail mode for the application is OPEN.
    Unavailable {
        /// Whether the policy lets users pass with the first factor alone meanwhile.
        open: bool,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fail_mode: Option<&'static str>,
}

impl Problem {
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::Malformed(_) => (
                S::BAD_REQUEST,
                "urn:cofactor:problem:malformed",
                "The request breaks the contract",
            ),
            Self::Unauthorized => (
                S::UNAUTHORIZED,
                "urn:cofactor:problem:unauthorized",
                "No client has this credential",
            ),
            Self::Forbidden(_) => (
                S::FORBIDDEN,
                "urn:cofactor:problem:forbidden",
                "The client may not ask for this",
            ),
            Self::NotFound => (
                S::NOT_FOUND,
                "urn:cofactor:problem:not-found",
                "There is nothing here",
            ),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "urn:cofactor:problem:method",
                "Not with this method",
            ),
            Self::TooSlow => (
                S::REQUEST_TIMEOUT,
                "urn:cofactor:problem:timeout",
                "The request took too long to arrive",
            ),
            Self::TooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "urn:cofactor:problem:too-large",
                "The request has more than 64 KiB",
            ),
            Self::NotJson => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "urn:cofactor:problem:media-type",
                "The request is not application/json",
            ),
            Self::TooMany(_) => (
                S::TOO_MANY_REQUESTS,
                "urn:cofactor:problem:rate",
                "The client asks too often",
            ),
            Self::Failure => (
                S::INTERNAL_SERVER_ERROR,
                "urn:cofactor:problem:failure",
                "The step could not be judged",
            ),
            Self::Unsupported(_) => (
                S::NOT_IMPLEMENTED,
                "urn:cofactor:problem:unsupported",
                "Nothing here does that yet",
            ),
            Self::Overloaded => (
                S::SERVICE_UNAVAILABLE,
                "urn:cofactor:problem:overloaded",
                "Too much to do",
            ),
            Self::Unavailable { .. } => (
                S::SERVICE_UNAVAILABLE,
                "urn:cofactor:problem:unavailable",
                "The store cannot answer",
            ),
        }
    }

    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        self.parts().0
    }

    /// What the service's error means to a client: who is to blame, and no more.
    pub(super) fn of(error: &StepError, fail_open: impl FnOnce() -> bool) -> Self {
        match error {
            StepError::BadRequest(what) => Self::Malformed(what.clone()),
            StepError::Unsupported(what) => Self::Unsupported(what.clone()),
            StepError::Overloaded => Self::Overloaded,
            StepError::Unavailable(_) => Self::Unavailable { open: fail_open() },
            StepError::Plugin(_)
            | StepError::Tampered(_)
            | StepError::Clock(_)
            | StepError::Randomness => Self::Failure,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, kind, title) = self.parts();
        let body = Body {
            kind,
            title,
            status: status.as_u16(),
            detail: match &self {
                Self::Malformed(detail) | Self::Forbidden(detail) | Self::Unsupported(detail) => {
                    Some(detail)
                }
                _ => None,
            },
            fail_mode: match &self {
                Self::Unavailable { open: true } => Some("open"),
                Self::Unavailable { open: false } => Some("closed"),
                _ => None,
            },
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        match self {
            Self::Unauthorized => {
                headers.insert(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"cofactor\""),
                );
            }
            Self::TooMany(wait) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
            }
            Self::Overloaded | Self::Unavailable { .. } => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::MethodNotAllowed => {
                headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
            }
            _ => {}
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use cofactor_runtime::contract::Fault;
    use cofactor_runtime::plugin::PluginError;

    use super::*;

    #[test]
    fn who_is_to_blame_is_in_the_status() {
        for (fault, status) in [
            (Fault::BadRequest("event.id".to_owned()), 400),
            (Fault::Unsupported("resend".to_owned()), 501),
            (Fault::BadAccount("truncated".to_owned()), 500),
            (Fault::BadPolicy("not ours".to_owned()), 500),
            (Fault::Other("a bug".to_owned()), 500),
        ] {
            let error = StepError::from(PluginError::Component(fault));
            assert_eq!(Problem::of(&error, || false).status(), status, "{error}");
        }
    }
}
