//! The harness of the whole-system tests and the benchmark.
//!
//! | module | what it is |
//! |---|---|
//! | [`scenario`] | one account through the component alone, in virtual time |
//! | [`hostile`] | components that mean harm |
//! | [`program`] | real programs, started and gone afterwards |
//! | [`authenticator`] | the user's authenticator app: oathtool |
//! | [`browser`] | a person at a real Chromium |

pub mod authenticator;
pub mod browser;
pub mod hostile;
pub mod program;
pub mod scenario;
