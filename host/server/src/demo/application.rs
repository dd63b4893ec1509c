//! The application behind the demonstration's gateway. It believes the headers that the gateway writes, and shows them.

use axum::Router;
use axum::http::{HeaderMap, HeaderName};
use axum::response::Html;
use axum::routing::get;

use super::pages;
use crate::gateway::forward_auth::{FACTOR_LEVEL, FACTOR_METHOD, FACTOR_VERIFIED, REMOTE_USER};

/// The application: one page, at any address.
pub(super) fn router() -> Router {
    Router::new()
        .route("/", get(show))
        .route("/{*rest}", get(show))
}

async fn show(headers: HeaderMap) -> Html<String> {
    let value = |name: HeaderName| {
        headers.get(name).map_or_else(String::new, |value| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        })
    };
    pages::application(&[
        ("Remote-User", value(REMOTE_USER)),
        ("X-Cofactor-Method", value(FACTOR_METHOD)),
        ("X-Cofactor-Level", value(FACTOR_LEVEL)),
        ("X-Cofactor-Verified", value(FACTOR_VERIFIED)),
    ])
}
