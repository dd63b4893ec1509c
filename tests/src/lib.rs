//! The harness of the whole-system tests and the benchmark.

pub mod scenario;
