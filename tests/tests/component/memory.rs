//! Memory is fixed, and as small as the largest legal account and the largest legal policy allow.

use cofactor_runtime::contract::Verdict;
use cofactor_runtime::plugin::{Options, Plugin};
use cofactor_tests::heap::{PAGES, with_pages};
use cofactor_tests::scenario::{Scenario, begin, kind, plugin};
use cofactor_tests::tour::{OPERATIONS, largest_policy};
use wasmtime::{Config, Engine, Module};

use crate::largest::{self, Largest};

#[test]
fn the_largest_account_with_the_largest_policy_passes_every_operation() {
    assert_eq!(largest::policy().len(), 64 << 10);
    for method in ["totp", "hotp"] {
        let failed = every_operation(plugin(), method);
        assert_eq!(failed, [""; 0], "{method}");
    }
    for pin in [false, true] {
        let document = largest_policy(pin);
        assert_eq!(document.len(), 64 << 10);
        let compiled = plugin().compile_policy(&document).unwrap().unwrap();
        let octets = compiled.compiled().bytes.len();
        assert!(((15 << 10)..=(16 << 10)).contains(&octets), "{octets}");
    }
    let failed = every_method(plugin());
    assert_eq!(failed, [""; 0]);
}

/// Shown on the component itself, told that it has a page less: its memory and the end of its heap are changed.
#[test]
fn one_page_less_is_too_little() {
    let small = with_pages(cofactor_component::COMPONENT, PAGES - 1).unwrap();
    let less = PAGES as u64 - 1;
    assert_eq!(memories(&small), [(less, Some(less))]);
    let small = Plugin::load(&small, &Options::default()).unwrap();
    // It works as such: a small policy is compiled, a small account signs in.
    let mut it = Scenario::enrolled("").unwrap();
    let policy = small.compile_policy("").unwrap().unwrap();
    let event = it.event(begin(Some(&it.code(0).unwrap())));
    let stepped = small.step(&policy, &it.context(), it.record.as_deref(), &event);
    assert_eq!(kind(&stepped.unwrap().outcome), "allow");

    let mut failed = every_operation(&small, "totp");
    failed.extend(every_method(&small));
    let is_too_much = |document: &String| small.compile_policy(document).is_err();
    assert!(!failed.is_empty() || mistakes().iter().any(is_too_much));
}

/// Runs everything that a component can be asked, each on the largest account under the largest policy, and returns what
/// failed. An outcome of another kind than it should be is a failure too: an operation that is refused at once shows nothing.
fn every_operation(plugin: &Plugin, method: &'static str) -> Vec<String> {
    let mut failed = Vec::new();
    let mut note = |name: &str, passed: Result<(), String>| {
        if let Err(error) = passed {
            failed.push(format!("{name}: {error}"));
        }
    };
    let policy = match plugin.compile_policy(&largest::policy()) {
        Ok(Ok(policy)) => policy,
        // Without it nothing else can be asked.
        other => return vec![format!("compile-policy: {other:?}")],
    };
    let mut it = Largest::of(method);
    assert!(it.scenario.record.as_ref().unwrap().len() > 4 << 10);
    for room in [false, true] {
        let steps = if room {
            it.steps_with_room()
        } else {
            it.steps()
        };
        for (name, action, expected) in steps {
            let event = it.scenario.event(action);
            let context = it.scenario.context();
            let stepped = plugin.step(&policy, &context, it.scenario.record.as_deref(), &event);
            note(
                &name,
                match stepped {
                    Ok(stepped) if kind(&stepped.outcome) == expected => Ok(()),
                    other => Err(format!("{other:?}")),
                },
            );
        }
    }
    let it = Largest::of(method);
    let context = it.scenario.context();
    let verdict = plugin.authorize(&policy, &context, &it.session(), &it.request());
    note(
        "authorize",
        match verdict {
            Ok(Verdict::Pass(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        },
    );
    let view = plugin.view(it.scenario.record.as_ref().unwrap());
    note(
        "view",
        match view {
            Ok(view) if view.credentials.len() == 5 => Ok(()),
            other => Err(format!("{other:?}")),
        },
    );
    failed
}

/// Asks each method everything, for the fullest account, and returns what failed.
fn every_method(plugin: &Plugin) -> Vec<String> {
    let mut failed = Vec::new();
    for operation in OPERATIONS {
        let question = operation.largest().unwrap();
        let record = question.record.as_ref().unwrap();
        let name = format!("{} {}", operation.method, operation.name);
        assert!(record.len() > 23 << 10, "{name}: {} octets", record.len());
        let put = match plugin.compile_policy(&question.document) {
            Ok(Ok(policy)) => question
                .put(plugin, &policy)
                .map_err(|error| error.to_string()),
            other => Err(format!("{other:?}")),
        };
        match put {
            Ok((outcome, _)) if outcome == operation.outcome => {}
            other => failed.push(format!("{name}: {other:?}, {}", operation.outcome)),
        }
        if let Err(error) = plugin.view(record) {
            failed.push(format!("{name}, view: {error}"));
        }
    }
    failed
}

#[test]
fn a_policy_full_of_mistakes_is_refused_and_not_a_fault() {
    for document in mistakes() {
        let errors = plugin().compile_policy(&document).unwrap().unwrap_err();
        assert!(
            (1..=64).contains(&errors.len()),
            "{}: {} errors",
            &document[..20],
            errors.len()
        );
    }
}

/// Every table as often as it may be written, and each with every key.
fn every_key() -> String {
    let mut text = String::new();
    for i in 0..64 {
        text += &format!(
            "[[location]]\nname='l{i}'\nnetworks=['10.{i}.0.0/16','2001:db8:{i}::/48']\n\
             [[rule]]\nname='r{i}'\ngroups=['g']\nusers=['u']\napplications=['a']\nlocations=['l{i}']\nnot-locations=['l0']\n\
             risk=['high']\nstates=['enforced']\nthen='require'\nmethods=['totp']\nstrength='s0'\nlevel=2\nmax-age='1h'\n\
             until=2036-12-31T18:00:00Z\nwhy='w'\n\
             [[application]]\nname='a{i}'\nfail-mode='closed'\nrequired-level=2\nmax-age='1h'\nmethods=['totp']\nstrength='s0'\n\
             {}app-passwords=true\n\
             [[route]]\nname='p{i}'\nhosts=['h{i}.example']\npaths=['/p{i}']\nhttp-methods=['POST']\napplications=['a']\nlevel=2\n\
             max-age='1h'\n\
             [[greeting]]\nmessage='m{i}'\nlanguage='de'\napplication='a'\ntext-id='t'\n",
            ["approvals=1\napprovers=['m']\n", "session='x'\n"][i % 2]
        );
    }
    for i in 0..16 {
        text += &format!("[[strength]]\nname='s{i}'\nany-of=['totp','webauthn+push']\n");
    }
    let room = (64 << 10) - 1 - text.len();
    text + &"#".repeat(room) + "\n"
}

#[test]
fn a_policy_with_every_key_of_every_table_passes() {
    let document = every_key();
    assert_eq!(document.len(), 64 << 10);
    let compiled = plugin().compile_policy(&document).unwrap();
    let octets = compiled.unwrap().compiled().bytes.len();
    assert!(octets > 8 << 10, "{octets}");
}

/// So many names of one octet as rules may hold.
fn full_rules() -> String {
    let letters: Vec<String> = ('0'..='o')
        .filter(|c| *c != '\\')
        .map(|c| format!("\"{c}\""))
        .collect();
    let letters = letters.join(",");
    let rules = (0..64).map(|at| {
        format!("[[rule]]\nname='{at}'\nthen='require'\nlevel=3\nusers=[{letters}]\ngroups=[{letters}]\napplications=[{letters}]\n")
    });
    rules.collect()
}

#[test]
fn lists_that_are_too_full_are_refused_and_not_a_fault() {
    // Networks that touch are one, and take no more room; these do not touch.
    for document in [largest::networks(2), full_rules()] {
        let errors = plugin().compile_policy(&document).unwrap().unwrap_err();
        assert!(errors[0].help.contains("16384"), "{errors:?}");
    }
}

/// The largest documents that are nothing but mistakes, each of another kind.
fn mistakes() -> [String; 7] {
    [
        "x = 1\n".repeat((64 << 10) / 6),
        "[a]\n".repeat((64 << 10) / 4),
        "[[application]]\n".repeat((64 << 10) / 16),
        "a.".repeat((64 << 10) / 2),
        "[".repeat(64 << 10),
        "\"".repeat(64 << 10),
        format!("x = [{}]", "[".repeat((64 << 10) - 10)),
    ]
}

#[test]
fn linear_memory_can_not_grow() {
    let pages = memories(cofactor_component::COMPONENT);
    assert_eq!(pages.len(), 1);
    assert_eq!(pages[0].1, Some(pages[0].0), "minimum and maximum differ");
    assert_eq!(pages[0].0, PAGES as u64);
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
