//! Embeds the Cofactor component.

pub mod contract;
pub mod store;
