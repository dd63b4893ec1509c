//! Components that mean harm, made from text.

use std::fmt::Write as _;

use serde_json::Value;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::lowering::lower;

/// Where an answer lies in the component's memory. Arguments come behind it, from 65,536 on.
const ANSWER: u32 = 8192;

/// What a component does that differs from doing as little as the contract allows: each is the body of a function in
/// WebAssembly text.
#[derive(Clone, Debug)]
pub struct Hostile {
    /// `step`: a pointer to the arguments in, a pointer to the answer out.
    pub step: String,
    /// `authorize`, alike.
    pub authorize: String,
    /// `view`: address and length of the record in, a pointer to the answer out.
    pub view: String,
    /// `compile-policy`: address and length of the document in, a pointer to the answer out. By itself it answers a
    /// policy with one shadow record and a lifetime of one millisecond.
    pub compile_policy: String,
    /// What else is in its memory.
    pub memory: Vec<(u32, Vec<u8>)>,
}

impl Default for Hostile {
    fn default() -> Self {
        Self {
            step: "(unreachable)".to_owned(),
            authorize: "(unreachable)".to_owned(),
            view: "(unreachable)".to_owned(),
            compile_policy: "(i32.const 1024)".to_owned(),
            memory: Vec::new(),
        }
    }
}

impl Hostile {
    /// One whose `function` answers that value, whatever it is asked: see [`crate::lowering`].
    ///
    /// # Errors
    /// Where the value is not of the function's type, or the function is none of the four above.
    pub fn answering(function: &str, value: &Value) -> anyhow::Result<Self> {
        let image = lower(function, value, ANSWER)?;
        let mut it = Self {
            memory: vec![(image.at, image.octets)],
            ..Self::default()
        };
        let body = match function {
            "step" => &mut it.step,
            "authorize" => &mut it.authorize,
            "view" => &mut it.view,
            "compile-policy" => &mut it.compile_policy,
            other => anyhow::bail!("{other} cannot answer that"),
        };
        *body = format!("(i32.const {ANSWER})");
        Ok(it)
    }

    /// The component. What `describe` points to is all zero: empty lists.
    ///
    /// # Errors
    /// If a body is not WebAssembly text.
    pub fn component(&self) -> anyhow::Result<Vec<u8>> {
        let Self {
            step,
            authorize,
            view,
            compile_policy,
            memory,
        } = self;
        let mut data = String::new();
        for (at, octets) in memory {
            let text: String = octets
                .iter()
                .map(|octet| format!("\\{octet:02x}"))
                .collect();
            writeln!(data, "(data (i32.const {at}) \"{text}\")")?;
        }
        let text = format!(
            r#"(module
          (memory (export "memory") 3 3)
          (global $next (mut i32) (i32.const 65536))
          (data (i32.const 1056) "\01") (data (i32.const 1064) "\01")
          {data}
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3))))
          (func (export "cofactor:mfa/verifier@0.1.0#describe") (result i32) (i32.const 4096))
          (func (export "cofactor:mfa/verifier@0.1.0#compile-policy") (param i32 i32) (result i32) {compile_policy})
          (func $step (export "cofactor:mfa/verifier@0.1.0#step") (param i32) (result i32) {step})
          (func (export "cofactor:mfa/verifier@0.1.0#authorize") (param i32) (result i32) {authorize})
          (func (export "cofactor:mfa/verifier@0.1.0#explain") (param i32) (result i32) (unreachable))
          (func (export "cofactor:mfa/verifier@0.1.0#view") (param i32 i32) (result i32) {view}))"#
        );
        let mut module = wat::parse_str(&text)?;
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit"))?;
        let world = resolve.select_world(&[package], Some("second-factor"))?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
        ComponentEncoder::default().module(&module)?.encode()
    }
}

/// A component whose `step` is `body`.
///
/// # Errors
/// If `step` is not WebAssembly text.
pub fn component(step: &str) -> anyhow::Result<Vec<u8>> {
    let it = Hostile {
        step: step.to_owned(),
        ..Hostile::default()
    };
    it.component()
}
