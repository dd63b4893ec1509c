//! Envoy by the HTTP service of `ext_authz`: the client's request without its body, its path behind a prefix.
//!
//! 200 goes on, any other answer goes to the client as it is, except that Envoy takes 5xx for a failure of its own
//! authorizer: where an operator has set `failure_mode_allow`, that lets the request through. So every answer that is no
//! 200 is below 500 here, and whatever could not be decided is 403.

use axum::http::StatusCode;

use super::asked::Asked;
use super::{Answer, Contract};
use crate::gateway::config::Kind;

/// What Envoy puts before the client's path (`path_prefix`).
pub const PREFIX: &str = "/v1/gateway/envoy";

/// The paths of the endpoint: the prefix, and whatever the client asked for.
pub(super) const PATHS: [&str; 2] = ["/v1/gateway/envoy/", "/v1/gateway/envoy/{*target}"];

pub(super) const CONTRACT: Contract = Contract {
    kind: Kind::Envoy,
    read: |parts| Asked::itself(parts, PREFIX),
    status: |answer| match answer {
        Answer::Overloaded | Answer::Failed => StatusCode::FORBIDDEN,
        other => other.status(),
    },
};
