//! The built Cofactor component, as bytes.
//!
//! The build script compiles the crate `cofactor-guest` for `wasm32-unknown-unknown` and wraps the result into a
//! component, so that `cargo build` alone builds guest and host, and the host carries exactly the component that was
//! built with it. The same sources give the same bytes in every folder and on every machine with the pinned compiler.

/// The component. Its SHA-256 is what an operator pins.
pub static COMPONENT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cofactor.wasm"));
