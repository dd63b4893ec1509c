//! Embeds the Cofactor component: engine, sign-in service, store trait and sealing.
//!
//! A host needs four things: the component's bytes, a [`store::Store`], a [`seal::KeyRing`] and a policy document. With
//! them a [`service::Service`] judges events one at a time and answers only after what it decided is durable.
//! `examples/embed.rs` enrols a user and signs in with a code.
//!
//! | module | what it is |
//! |---|---|
//! | [`contract`] | the WIT types in Rust, with their JSON form |
//! | [`plugin`] | the engine: one instance a call, bounded in memory and fuel |
//! | [`service`] | the one door: load, step, commit, answer |
//! | [`store`] | what a store must do, and one in memory |
//! | [`seal`] | key ring, seals, derived keys |
//! | [`clock`] | the time as an argument |
//! | [`metrics`] | what was counted |

#![forbid(unsafe_code)]

pub mod clock;
pub mod contract;
pub mod metrics;
pub mod plugin;
pub mod seal;
pub mod service;
pub mod store;
