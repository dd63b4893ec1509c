//! The harness of the whole-system tests and the benchmark.

pub mod hostile;
pub mod scenario;
