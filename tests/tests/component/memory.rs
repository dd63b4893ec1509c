//! Memory is fixed, and as small as the largest legal account and the largest legal policy allow.

use std::fmt::Write as _;

use cofactor_runtime::contract::{Action, AdministrationChange, EnrolmentRequest, Outcome};
use cofactor_tests::scenario::{Scenario, answer, begin, plugin};
use wasmtime::{Config, Engine, Module};

/// A policy document of 64 KiB with 64 applications: the largest that is legal.
pub(crate) fn largest_policy() -> String {
    let mut text = String::from("[challenge]\nmax-open = 8\n");
    for i in 0..64 {
        let name = format!("{i:0>128}");
        writeln!(
            text,
            "[[application]]\nname = \"{name}\"\nrequired-level = 2\nmax-age = \"12h\""
        )
        .unwrap();
    }
    while text.len() < (64 << 10) - 64 {
        text.push_str("# a comment that fills what is left of it, word for word\n");
    }
    text
}

/// A user with as many credentials, challenges and enrolments as an account may hold, each with the longest fields.
pub(crate) fn largest_account(policy: &str) -> Scenario {
    let mut it = Scenario::new(policy).unwrap();
    it.origin.application = "a".repeat(128);
    it.origin.user = "u".repeat(256);
    it.administer(AdministrationChange::Create).unwrap();
    for i in 0..5 {
        let secret = "A".repeat(127) + ["A", "B", "C", "D", "E"][i];
        let label = format!("{i:0>58}");
        it.import(&format!(
            "otpauth://totp/{label}?secret={}&algorithm=SHA512&digits=8",
            &secret[..104]
        ))
        .unwrap();
    }
    for _ in 0..8 {
        it.step(begin(None)).unwrap();
    }
    it
}

#[test]
fn the_largest_account_with_the_largest_policy_passes_every_operation() {
    let mut it = largest_account(&largest_policy());
    let record = it.record.clone().unwrap();
    assert!(record.len() <= 24 << 10);
    let id = it.challenge().unwrap();
    let asked_again = it.answer(&id, "12345678").unwrap();
    assert!(
        matches!(asked_again, Outcome::Challenge(_)),
        "{asked_again:?}"
    );
    it.early("12345678").unwrap();
    it.step(Action::EnrolBegin(EnrolmentRequest {
        method: "totp".to_owned(),
        label: "l".repeat(64),
        address: None,
        session: None,
    }))
    .unwrap();
    it.administer(AdministrationChange::Unlock).unwrap();
    let view = plugin().view(it.record.as_ref().unwrap()).unwrap();
    assert_eq!(view.credentials.len(), 5);
    it.step(answer(&"0".repeat(32), "12345678")).unwrap();
}

#[test]
fn a_policy_full_of_mistakes_is_refused_and_not_a_fault() {
    let documents = [
        "x = 1\n".repeat((64 << 10) / 6),
        "[a]\n".repeat((64 << 10) / 4),
        "[[application]]\n".repeat((64 << 10) / 16),
        "a.".repeat((64 << 10) / 2),
        "[".repeat(64 << 10),
        "\"".repeat(64 << 10),
        format!("x = [{}]", "[".repeat((64 << 10) - 10)),
    ];
    for document in documents {
        let errors = plugin().compile_policy(&document).unwrap().unwrap_err();
        assert!(
            (1..=64).contains(&errors.len()),
            "{}: {} errors",
            &document[..20],
            errors.len()
        );
    }
}

#[test]
fn linear_memory_can_not_grow() {
    let pages = memories(cofactor_component::COMPONENT);
    assert_eq!(pages.len(), 1);
    assert_eq!(pages[0].1, Some(pages[0].0), "minimum and maximum differ");
    assert!(pages[0].0 <= 4, "{} pages", pages[0].0);
}

/// Minimum and maximum pages of each memory that the core modules of a component define.
fn memories(component: &[u8]) -> Vec<(u64, Option<u64>)> {
    let engine = Engine::new(&Config::new()).unwrap();
    // A component holds its core modules as they are: each begins with the magic number of version 1.
    let starts = component
        .windows(8)
        .enumerate()
        .filter(|(_, bytes)| bytes == b"\0asm\x01\0\0\0")
        .map(|(at, _)| at);
    let modules = starts.filter_map(|start| {
        let rest = &component[start..];
        let whole = section_ends(rest)
            .into_iter()
            .rev()
            .find(|end| Module::validate(&engine, &rest[..*end]).is_ok())?;
        Module::new(&engine, &rest[..whole]).ok()
    });
    let memories = modules.map(|module| {
        module
            .exports()
            .filter_map(|export| export.ty().memory().cloned())
            .collect()
    });
    memories
        .flat_map(|of: Vec<_>| of)
        .map(|memory| (memory.minimum(), memory.maximum()))
        .collect()
}

/// Where the sections of a core module that starts here could end; one of them is the module's end.
fn section_ends(module: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 8;
    while let Some((&id, rest)) = module.get(at..).and_then(<[u8]>::split_first) {
        let digits = rest.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
        let size = rest
            .iter()
            .take(digits)
            .rev()
            .fold(0, |size, byte| size << 7 | usize::from(byte & 0x7F));
        at += 1 + digits + size;
        if id > 13 || digits > 5 || at > module.len() {
            break;
        }
        ends.push(at);
    }
    ends
}
