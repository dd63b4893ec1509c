//! The Cofactor component: everything that decides about a second factor, and no I/O.

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
mod arena;
pub mod authorize;
pub mod base32;
pub mod contract;
pub mod otpauth;
pub mod policy;

use contract::{
    AccountView, Claims, CompiledPolicy, Context, Description, Event, Fault, PolicyError, Request,
    Transition, Verdict,
};

struct Component;

impl contract::Verifier for Component {
    fn describe() -> Description {
        Description {
            name: "cofactor".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            methods: vec!["totp".into(), "hotp".into()],
            actions: Vec::new(),
            effects: Vec::new(),
            reads: (1, 1),
            writes: 1,
            presets: Vec::new(),
        }
    }
    fn compile_policy(_document: String) -> Result<CompiledPolicy, Vec<PolicyError>> {
        Err(Vec::new())
    }
    fn step(_ctx: Context, _account: Option<Vec<u8>>, _event: Event) -> Result<Transition, Fault> {
        Err(Fault::Unsupported("step".into()))
    }
    fn authorize(_ctx: Context, _session: Claims, _request: Request) -> Result<Verdict, Fault> {
        Err(Fault::Unsupported("authorize".into()))
    }
    fn view(_account: Vec<u8>) -> Result<AccountView, Fault> {
        Err(Fault::Unsupported("view".into()))
    }
}

/// The canonical ABI's entry points, made by wit-bindgen.
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
mod entry {
    use crate::Component;
    crate::contract::export!(Component with_types_in crate::contract);
}
