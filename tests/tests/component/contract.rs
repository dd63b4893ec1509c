//! The built file against the contract: what it imports, exports and says of itself.

use cofactor_runtime::plugin::{LoadError, Options, Plugin};
use cofactor_tests::scenario::plugin;
use sha2::{Digest, Sha256};
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

#[test]
fn the_component_imports_nothing() {
    let engine = Engine::new(&Config::new()).unwrap();
    let component = Component::new(&engine, cofactor_component::COMPONENT).unwrap();
    let imports: Vec<_> = component
        .component_type()
        .imports(&engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    assert!(imports.is_empty(), "{imports:?}");
    let exports: Vec<_> = component
        .component_type()
        .exports(&engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    assert!(
        exports.contains(&"cofactor:mfa/verifier@0.1.0".to_owned()),
        "{exports:?}"
    );
}

#[test]
fn the_component_is_small() {
    let size = cofactor_component::COMPONENT.len();
    assert!(size < 2 << 20, "{size} bytes");
}

#[test]
fn the_component_says_what_it_is() {
    let it = plugin().description();
    assert_eq!(it.name, "cofactor");
    assert_eq!(it.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(it.methods, cofactor_guest::methods::NAMES);
    assert_eq!(it.presets, ["entra", "mfa-server", "nist", "pci", "asvs"]);
    assert!(it.reads.0 <= it.writes && it.writes <= it.reads.1);
}

#[test]
fn pl_06_a_pinned_digest_is_checked_before_anything_is_parsed() {
    let right: [u8; 32] = Sha256::digest(cofactor_component::COMPONENT).into();
    let pinned = Options {
        sha256: Some(right),
        ..Options::default()
    };
    assert!(Plugin::load(cofactor_component::COMPONENT, &pinned).is_ok());

    let mut bent = cofactor_component::COMPONENT.to_vec();
    let middle = bent.len() / 2;
    bent[middle] ^= 1;
    assert!(matches!(
        Plugin::load(&bent, &pinned),
        Err(LoadError::Digest { .. })
    ));
    assert!(matches!(
        Plugin::load(b"not a component", &pinned),
        Err(LoadError::Digest { .. })
    ));
}

#[test]
fn pl_06_what_is_no_component_of_this_contract_does_not_load() {
    let cases = [
        ("nothing", ""),
        ("another world", "(component)"),
        ("a core module", "(module)"),
        (
            "an import",
            r#"(component (import "wasi:sockets/tcp@0.2.0" (instance)))"#,
        ),
        (
            "a function import",
            r#"(component (import "clock" (func)))"#,
        ),
    ];
    for (name, text) in cases {
        let bytes = wat::parse_str(text).unwrap_or_default();
        let refused = Plugin::load(&bytes, &Options::default())
            .err()
            .unwrap_or_else(|| panic!("{name} was loaded"));
        match name {
            "an import" | "a function import" => assert!(
                matches!(refused, LoadError::Imports(_)),
                "{name}: {refused}"
            ),
            "another world" => assert!(
                matches!(refused, LoadError::Contract(_)),
                "{name}: {refused}"
            ),
            _ => assert!(
                matches!(refused, LoadError::Invalid(_)),
                "{name}: {refused}"
            ),
        }
    }
}

/// The frozen copy of the contract: a released version is never changed (CONTRIBUTING.md).
#[test]
fn the_wit_is_the_released_one() {
    let now = [
        include_str!("../../../wit/types.wit"),
        include_str!("../../../wit/verifier.wit"),
    ];
    let released = [
        include_str!("../../released/0.1.0/types.wit"),
        include_str!("../../released/0.1.0/verifier.wit"),
    ];
    assert!(
        now == released,
        "wit/ differs from tests/released/0.1.0: bump the package version, or freeze a new copy"
    );
}
