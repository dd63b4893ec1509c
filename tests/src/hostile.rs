//! Components that mean harm, made from text.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A component whose `step` is `body`. Everything else answers as little as the contract allows: what `describe` points
/// to is all zero (empty lists), and `compile-policy` has one shadow record and a lifetime of one millisecond.
///
/// # Errors
/// If `step` is not WebAssembly text.
pub fn component(step: &str) -> anyhow::Result<Vec<u8>> {
    let text = format!(
        r#"(module
          (memory (export "memory") 3 3)
          (global $next (mut i32) (i32.const 65536))
          (data (i32.const 1056) "\01") (data (i32.const 1064) "\01")
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3))))
          (func (export "cofactor:mfa/verifier@0.1.0#describe") (result i32) (i32.const 4096))
          (func (export "cofactor:mfa/verifier@0.1.0#compile-policy") (param i32 i32) (result i32) (i32.const 1024))
          (func $step (export "cofactor:mfa/verifier@0.1.0#step") (param i32) (result i32) {step})
          (func (export "cofactor:mfa/verifier@0.1.0#authorize") (param i32) (result i32) (unreachable))
          (func (export "cofactor:mfa/verifier@0.1.0#view") (param i32 i32) (result i32) (unreachable)))"#
    );
    let mut module = wat::parse_str(&text)?;
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit"))?;
    let world = resolve.select_world(&[package], Some("second-factor"))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    ComponentEncoder::default().module(&module)?.encode()
}
