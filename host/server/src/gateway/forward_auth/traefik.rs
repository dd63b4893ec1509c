//! Traefik by the `ForwardAuth` middleware: a GET for each request, without its body.
//!
//! 2xx goes on, with the headers named in `authResponseHeaders`; any other answer goes to the client as it is. With
//! `trustForwardHeader` Traefik would hand on a client's own `X-Forwarded-*`: it has to be off.

use super::asked::Asked;
use super::{Answer, Contract};
use crate::gateway::config::Kind;

/// Where it asks.
pub const PATH: &str = "/v1/gateway/traefik";

pub(super) const CONTRACT: Contract = Contract {
    kind: Kind::Traefik,
    read: |parts| Asked::forwarded(&parts.headers),
    status: Answer::status,
};
