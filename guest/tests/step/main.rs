//! The state machine, driven in virtual time through the functions that the component exports. A test that answers an
//! attack of the catalogue carries its id in its name.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

mod administration;
mod bruteforce;
mod challenge;
mod decoy;
mod edges;
mod enrolment;
mod input;
mod otp;
mod properties;
mod record;
mod repeat;
mod scenarios;
mod world;
