//! The `cofactor` command: a second factor for sign-ins that already exist.
//!
//! The library target exists so that whole-system tests and benchmarks can use its parts; the command is in `main.rs`.

pub mod api;
pub mod bench;
pub mod certificate;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod demo;
pub mod gateway;
pub mod keyring;
pub mod listener;
pub mod log;
pub mod metrics;
pub mod names;
pub mod portal;
pub mod serve;
pub mod store;
pub mod token;
