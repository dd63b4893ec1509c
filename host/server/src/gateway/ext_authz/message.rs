//! The messages of `envoy.service.auth.v3`, as far as they are read or written here.
//!
//! Written by hand with Envoy's field numbers: these are forty fields. Generated from Envoy's own files they would be a
//! thousand types, or need a compiler of them at every build. Fields that are not named here are skipped, so Envoy may
//! add others. [Source: data-plane-api, `envoy/service/auth/v3`.]

use std::collections::BTreeMap;

use prost::{Message, Oneof};

/// What Envoy asks.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CheckRequest {
    /// About what.
    #[prost(message, optional, tag = "1")]
    pub(super) attributes: Option<Attributes>,
}

/// `AttributeContext`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Attributes {
    /// Whoever opened the connection to Envoy.
    #[prost(message, optional, tag = "1")]
    pub(super) source: Option<Peer>,
    /// The request.
    #[prost(message, optional, tag = "4")]
    pub(super) request: Option<Request>,
}

/// One end of a connection.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Peer {
    /// Where it is.
    #[prost(message, optional, tag = "1")]
    pub(super) address: Option<Address>,
}

/// Where an end of a connection is. A Unix socket has another field and no address here.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Address {
    /// An IP address and a port.
    #[prost(message, optional, tag = "1")]
    pub(super) socket: Option<SocketAddress>,
}

/// The address of a socket.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SocketAddress {
    /// The IP address as text.
    #[prost(string, tag = "2")]
    pub(super) address: String,
}

/// `AttributeContext.Request`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Request {
    /// As HTTP has it.
    #[prost(message, optional, tag = "2")]
    pub(super) http: Option<HttpRequest>,
}

/// What the client sent.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HttpRequest {
    /// The method.
    #[prost(string, tag = "2")]
    pub(super) method: String,
    /// The headers by name, in lower case; values of one name joined.
    #[prost(btree_map = "string, string", tag = "3")]
    pub(super) headers: BTreeMap<String, String>,
    /// The headers one by one, octet by octet: in the place of the map, where Envoy is told `encode_raw_headers`.
    #[prost(message, optional, tag = "13")]
    pub(super) header_map: Option<HeaderMap>,
    /// Path and query.
    #[prost(string, tag = "4")]
    pub(super) path: String,
    /// Host and port.
    #[prost(string, tag = "5")]
    pub(super) host: String,
    /// `http` or `https`.
    #[prost(string, tag = "6")]
    pub(super) scheme: String,
}

/// Headers one by one.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderMap {
    /// In the order of the message.
    #[prost(message, repeated, tag = "1")]
    pub(super) headers: Vec<HeaderValue>,
}

/// One header.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderValue {
    /// Its name.
    #[prost(string, tag = "1")]
    pub(super) key: String,
    /// Its value, where it is text.
    #[prost(string, tag = "2")]
    pub(super) value: String,
    /// Its value, where it is octets.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) raw_value: Vec<u8>,
}

/// What Envoy is told.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CheckResponse {
    /// Whether the request may go on: code 0, and no other.
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<Status>,
    /// What to do with it.
    #[prost(oneof = "HttpResponse", tags = "2, 3")]
    pub(super) http_response: Option<HttpResponse>,
    /// What later filters may know, and the access log.
    #[prost(message, optional, tag = "4")]
    pub(super) dynamic_metadata: Option<Struct>,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    /// A code of gRPC.
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
}

/// What to do with a request. The third way, `error_response`, is left out: it counts as a failure, which
/// `failure_mode_allow` lets through.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum HttpResponse {
    /// Answer it.
    #[prost(message, tag = "2")]
    Denied(Denied),
    /// Let it go on.
    #[prost(message, tag = "3")]
    Ok(Allowed),
}

/// `DeniedHttpResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Denied {
    /// The status of the answer.
    #[prost(message, optional, tag = "1")]
    pub(super) status: Option<HttpStatus>,
    /// Its headers.
    #[prost(message, repeated, tag = "2")]
    pub(super) headers: Vec<HeaderValueOption>,
}

/// The status of an answer.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct HttpStatus {
    /// Its number.
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
}

/// `OkHttpResponse`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Allowed {
    /// Headers for the application.
    #[prost(message, repeated, tag = "2")]
    pub(super) headers: Vec<HeaderValueOption>,
    /// Headers that the application must not see.
    #[prost(string, repeated, tag = "5")]
    pub(super) headers_to_remove: Vec<String>,
    /// Headers for the client.
    #[prost(message, repeated, tag = "6")]
    pub(super) response_headers_to_add: Vec<HeaderValueOption>,
}

/// A header, and what becomes of others of its name. `append`, which this replaced, is left out: with it Envoy would go
/// by that alone.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HeaderValueOption {
    /// The header.
    #[prost(message, optional, tag = "1")]
    pub(super) header: Option<HeaderValue>,
    /// What becomes of others.
    #[prost(enumeration = "Append", tag = "3")]
    pub(super) action: i32,
}

/// What becomes of a header of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(super) enum Append {
    /// It stays beside the new one.
    Beside = 0,
    /// It goes.
    InPlace = 2,
}

/// `google.protobuf.Struct`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Struct {
    /// Its members.
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) fields: BTreeMap<String, Value>,
}

/// `google.protobuf.Value`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Value {
    /// What it is.
    #[prost(oneof = "ValueKind", tags = "2, 3, 4")]
    pub(super) kind: Option<ValueKind>,
}

/// The kinds of values that are written.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum ValueKind {
    /// A number.
    #[prost(double, tag = "2")]
    Number(f64),
    /// Text.
    #[prost(string, tag = "3")]
    Text(String),
    /// Yes or no.
    #[prost(bool, tag = "4")]
    Bool(bool),
}
