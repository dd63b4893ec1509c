//! Where accounts are kept. The trait and what it guarantees are in `cofactor_runtime::store`.

pub mod embedded;

pub use embedded::EmbeddedStore;
