//! The harness of the whole-system tests and the benchmark.
//!
//! | module | what it is |
//! |---|---|
//! | [`scenario`] | one account through the component alone, in virtual time |
//! | [`heap`] | the component with less memory |
//! | [`hostile`] | components that mean harm |
//! | [`lowering`] | what such a component can be made to answer |
//! | [`program`] | real programs, started and gone afterwards |
//! | [`promises`] | what every store promises, as tests that any of them can run |
//! | [`server`] | a running host, with its operator and a program that calls it |
//! | [`tour`] | a user of every method, written down as a scenario |
//! | [`nginx`] | a real nginx as docs/nginx.md has it, before a host and an application |
//! | [`proxies`] | real proxies as `cofactor gateway print` has them |
//! | [`envoy`] | a real Envoy as docs/envoy.md has it, asking over gRPC |
//! | [`application`] | what is protected |
//! | [`visitor`] | a person with a browser that keeps cookies |
//! | [`carrier`] | what carries messages to telephones, and their answers back |
//! | [`disk`] | a disk that fails when a test says so |
//! | [`directory`] | a real OpenLDAP server with a few people in it |
//! | [`issuer`] | who signs tokens, and publishes the keys for that |
//! | [`http`] | requests that no well-behaved client would send |
//! | [`tls`] | requests over TLS |
//! | [`authenticator`] | the user's authenticator app: oathtool |
//! | [`api`] | a program that calls the verify API |
//! | [`browser`] | a person at a real Chromium |

pub mod api;
pub mod application;
pub mod authenticator;
pub mod browser;
pub mod carrier;
pub mod directory;
pub mod disk;
pub mod envoy;
pub mod heap;
pub mod hostile;
pub mod http;
pub mod issuer;
pub mod lowering;
pub mod nginx;
pub mod program;
pub mod promises;
pub mod proxies;
pub mod scenario;
pub mod server;
pub mod tls;
pub mod tour;
pub mod visitor;
