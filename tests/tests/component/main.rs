//! The built component and the engine that runs it: contract, bounds, cost. No server is started.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod anywhere;
mod constant_time;
mod contract;
mod cost;
mod counts;
mod hostile;
mod largest;
mod malformed;
mod memory;
mod programs;
mod races;
