//! Races, crashes and meddling: what two hosts on one database, a kill, a power cut, a full disk and somebody with write
//! access to the files can do, and that no code is accepted twice and no secret shows. docs/tests.md says more.
//!
//! Real hosts, real files, the real clock. No test sleeps for a fixed time, none asserts how long something took.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod batches;
mod canaries;
mod forward;
mod full;
mod isolation;
mod keys;
mod kills;
mod place;
mod power;
mod promises;
mod races;
mod strangers;
mod tampering;
mod trace;
