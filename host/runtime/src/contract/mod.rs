//! The contract `cofactor:mfa@0.1.0` (wit/) as Rust types.
//!
//! Names are the WIT's: kebab-case in JSON, variants tagged by their case, byte lists as lower-case hexadecimal, flags
//! as lists of names. The engine checks these types against a component's when it is loaded, field by field.
//! `Debug` never shows a code, a key or a secret.

mod authorize;
pub mod bytes;
mod context;
mod describe;
mod event;
mod outcome;
mod redacted;
mod surface;
mod transition;

pub use authorize::*;
pub use context::*;
pub use describe::*;
pub use event::*;
pub use outcome::*;
pub use surface::Surface;
pub use transition::*;
