//! nginx by `auth_request`: a sub-request for each request, answered by its status.
//!
//! nginx knows 2xx, 401 and 403; whatever else it is told, 302 among it, it answers 500. So a browser is sent to the
//! portal by 401 with `Location`, which the documented configuration turns into a redirect.

use axum::http::StatusCode;

use super::asked::Asked;
use super::{Answer, Contract};
use crate::gateway::config::Kind;

/// Where nginx asks.
pub const PATH: &str = "/v1/gateway/nginx";

pub(super) const CONTRACT: Contract = Contract {
    kind: Kind::Nginx,
    read: |parts| Asked::original(&parts.headers),
    status: |answer| match answer {
        Answer::ToPortal { .. } => StatusCode::UNAUTHORIZED,
        other => other.status(),
    },
};
