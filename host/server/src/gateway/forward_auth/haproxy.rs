//! HAProxy by a Lua action of our own (`cofactor gateway print haproxy --file cofactor.lua`): a GET for each
//! request.
//!
//! The script hands any answer but 200 to the client. What HAProxy does when the script fails is in the printed
//! configuration: it denies.

use super::asked::Asked;
use super::{Answer, Contract};
use crate::gateway::config::Kind;

/// Where it asks.
pub const PATH: &str = "/v1/gateway/haproxy";

pub(super) const CONTRACT: Contract = Contract {
    kind: Kind::Haproxy,
    read: |parts| Asked::forwarded(&parts.headers),
    status: Answer::status,
};
