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
mod approvals;
mod authenticator;
mod bruteforce;
mod bypass;
mod challenge;
mod decoy;
mod delivery;
mod devices;
mod edges;
mod email;
mod enrolment;
mod fatigue;
mod frozen;
mod holder;
mod import;
mod input;
mod kinds;
mod lifetime;
mod notification;
mod ocra;
mod otp;
mod phone;
mod pin;
mod programs;
mod properties;
mod push;

mod reasons;
mod record;
mod recovery;
mod repeat;
mod rules;
mod scenarios;
mod sends;
mod sequences;
mod sms;
mod voice;
mod webauthn;
mod world;
