//! The contract's types, made from `wit/` by wit-bindgen. Nothing here is written by hand.
//!
//! Their `Debug` prints codes and secrets: nothing in this crate formats them.
#![allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::indexing_slicing,
    clippy::unwrap_used
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "second-factor",
    generate_all,
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
});

pub use exports::cofactor::mfa::types::*;
pub use exports::cofactor::mfa::verifier::Guest as Verifier;
