//! Caddy by `forward_auth`: a GET for each request, without its body.
//!
//! 2xx goes on, with the headers named in `copy_headers`; any other answer goes to the client as it is.

use super::asked::Asked;
use super::{Answer, Contract};
use crate::gateway::config::Kind;

/// Where it asks.
pub const PATH: &str = "/v1/gateway/caddy";

pub(super) const CONTRACT: Contract = Contract {
    kind: Kind::Caddy,
    read: |parts| Asked::forwarded(&parts.headers),
    status: Answer::status,
};
