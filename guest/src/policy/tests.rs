//! The document, its compiled form and the presets, from the operator's side.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod errors;
mod presets;
mod properties;

use super::advice::ADVICE;
use super::compiled::{self, CompiledPolicyError};
use super::keys::{KEYS, Kind, TABLES};
use super::lists::LISTS;
use super::presets::NAMES;
use super::*;

const EXAMPLE: &str = include_str!("../../../docs/policy.example.toml");
const PAGE: &str = include_str!("../../../docs/policy.md");

fn errors(document: &str) -> Vec<PolicyError> {
    compile(document)
        .map(|compiled| panic!("{document} compiled: {:?}", compiled.host))
        .unwrap_err()
}

fn warned(document: &str) -> Vec<String> {
    compile(document)
        .unwrap()
        .warnings
        .into_iter()
        .map(|warning| warning.field)
        .collect()
}

#[test]
fn the_example_and_the_empty_document_are_the_defaults() {
    for document in [EXAMPLE, "", "\u{feff}# nothing\r\n"] {
        let compiled = compile(document).unwrap();
        assert_eq!(compiled.warnings, []);
        assert_eq!(compiled::decode(&compiled.bytes), Ok(Policy::default()));
        assert_eq!(compiled.host.shadows, 4096);
        assert_eq!(compiled.host.session_lifetime, 12 * HOUR);
        assert_eq!(compiled.host.fail_open, [""; 0]);
        assert_eq!(compiled.host.methods, ["totp", "hotp"]);
        let observed: Vec<_> = compiled
            .host
            .observe
            .iter()
            .map(|seen| (seen.kind, seen.window))
            .collect();
        assert_eq!(
            observed,
            [("source", 10 * MINUTE), ("source-begin", 10 * MINUTE)]
        );
    }
}

#[test]
fn the_example_and_the_page_have_every_key() {
    let mut table = "";
    let mut written = vec![];
    for line in EXAMPLE.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.split(']').next())
        {
            table = name;
        } else if let Some((key, _)) = line.split_once(" = ") {
            written.push(format!("{table}.{key}"));
        }
    }
    for key in &KEYS {
        assert!(
            written.iter().any(|path| path == key.path),
            "{} is not in the example",
            key.path
        );
        let (table, name) = key.path.split_once('.').unwrap();
        let section = PAGE
            .split("\n## ")
            .find(|section| {
                section
                    .lines()
                    .next()
                    .unwrap()
                    .contains(&format!("[{table}]"))
            })
            .unwrap();
        assert!(
            section.contains(&format!("| `{name}` |")),
            "{} is not in policy.md",
            key.path
        );
        assert!(TABLES.contains(&table));
    }
    for list in &LISTS {
        let section = PAGE
            .split("\n## ")
            .find(|section| {
                section
                    .lines()
                    .next()
                    .unwrap()
                    .contains(&format!("[[{}]]", list.name))
            })
            .unwrap();
        for key in list.keys {
            let path = format!("[{}.{}", list.name, key.name);
            assert!(written.contains(&path), "{path} is not in the example");
            assert!(
                section.contains(&format!("| `{}` |", key.name)),
                "{path} is not in policy.md"
            );
        }
    }
    for preset in NAMES {
        assert!(
            PAGE.contains(&format!("| `{preset}` |")),
            "{preset} is not in policy.md"
        );
    }
}

#[test]
fn each_key_is_read_where_it_is_written() {
    for (document, field) in [
        (
            "totp.window = 0",
            (|p: &Policy<'_>| p.totp.window.into()) as fn(&Policy<'_>) -> u64,
        ),
        ("accounts.shadows = 65_536", |p| {
            u64::from(p.accounts.shadows) - 65_536
        }),
        ("[accounts]\nprovision = 'known-only'", |p| {
            u64::from(p.accounts.provision != Provision::KnownOnly)
        }),
        ("[totp]\nalgorithm = \"SHA\\u00351\\u0032\"", |p| {
            u64::from(p.totp.algorithm != Algorithm::Sha512)
        }),
        ("[totp]\nperiod = \"5m\"", |p| {
            u64::from(p.totp.period) - 300
        }),
        ("[accounts]\nmethods = [\n 'hotp', # one\n]", |p| {
            u64::from(p.accounts.methods.contains("totp"))
        }),
        ("application-default.max-age = '1d'", |p| {
            p.applications.default.max_age.unwrap() - DAY
        }),
        ("enrolment.issuer = 'Ü & Co'", |p| {
            u64::from(p.enrolment.issuer != "Ü & Co")
        }),
    ] {
        let compiled = compile(document).unwrap_or_else(|errors| panic!("{document}: {errors:?}"));
        assert_eq!(
            field(&compiled::decode(&compiled.bytes).unwrap()),
            0,
            "{document}"
        );
    }
}

#[test]
fn applications_are_looked_up_by_name() {
    let document = "[application-default]\nmax-age = '8h'\n[[application]]\nname = 'payroll'\nmax-age = '15m'\n\
                    [[application]]\nname = 'door'\nfail-mode = 'open'\nrequired-level = 1\n";
    let compiled = compile(document).unwrap();
    let policy = compiled::decode(&compiled.bytes).unwrap();
    let of = |name: &str| policy.applications.of(name).unwrap();
    assert_eq!(
        of("payroll"),
        Application {
            fail_open: false,
            required_level: 2,
            max_age: Some(15 * MINUTE),
            ..Application::default()
        }
    );
    assert_eq!(
        of("door"),
        Application {
            fail_open: true,
            required_level: 1,
            max_age: Some(8 * HOUR),
            ..Application::default()
        }
    );
    assert_eq!(
        of("doo"),
        Application {
            fail_open: false,
            required_level: 2,
            max_age: Some(8 * HOUR),
            ..Application::default()
        }
    );
    assert_eq!(compiled.host.fail_open, ["door"]);
    let fields: Vec<_> = compiled
        .warnings
        .iter()
        .map(|warning| (warning.line, warning.field.as_str()))
        .collect();
    assert_eq!(
        fields,
        [
            (8, "application.fail-mode"),
            (9, "application.required-level")
        ]
    );
}

#[test]
fn the_defaults_are_wise_and_what_is_unwise_is_warned_of() {
    let defaults = Policy::default();
    for advice in &ADVICE {
        assert!(
            (advice.is_fine)((keys::find(advice.path).unwrap().get)(&defaults)),
            "{}",
            advice.path
        );
    }
    for (document, field) in [
        ("totp.window = 3", "totp.window"),
        ("totp.algorithm = 'SHA256'", "totp.algorithm"),
        ("totp.digits = 7", "totp.digits"),
        ("totp.period = '60s'", "totp.period"),
        ("hotp.look-ahead = 50", "hotp.look-ahead"),
        ("sources.failures = 0", "sources.failures"),
        ("throttle.delay-after = 100", "throttle.delay-after"),
        (
            "throttle.account-lock-after = 1000",
            "throttle.account-lock-after",
        ),
        (
            "preset = 'asvs'\ntotp.resync-window = 10",
            "totp.resync-window",
        ),
        ("session.lifetime = '2d'", "session.lifetime"),
        (
            "application-default.required-level = 3",
            "application-default.required-level",
        ),
        ("preset = 'pci'\nsession.idle = '1h'", "session.idle"),
    ] {
        assert_eq!(warned(document), [field], "{document}");
    }
}

#[test]
fn the_greeting_that_fits_best_is_said() {
    let greeting = |message: &str, language: &str, application: &str, text: &str| {
        let given = |key: &str, value: &str| {
            if value.is_empty() {
                String::new()
            } else {
                format!("{key} = '{value}'\n")
            }
        };
        format!(
            "[[greeting]]\nmessage = '{message}'\n{}{}text-id = '{text}'\n",
            given("language", language),
            given("application", application)
        )
    };
    let document = [
        greeting("call", "", "", "all"),
        greeting("call", "de", "", "german"),
        greeting("call", "de-AT", "", "austrian"),
        greeting("call", "", "bank", "bank"),
        greeting("call", "de", "bank", "german-bank"),
    ];
    let compiled = compile(&document.concat()).unwrap();
    let policy = compiled::decode(&compiled.bytes).unwrap();
    for (message, language, application, text) in [
        ("call", "en", "wiki", "all"),
        ("call", "", "wiki", "all"),
        ("call", "de-CH", "wiki", "german"),
        ("call", "de-AT", "wiki", "austrian"),
        ("call", "DE", "wiki", "german"),
        ("call", "en", "bank", "bank"),
        ("call", "de", "bank", "german-bank"),
        ("call", "de-CH", "bank", "german-bank"),
        ("call", "de-AT", "bank", "austrian"),
        ("goodbye", "de", "bank", "goodbye"),
    ] {
        assert_eq!(
            policy.greeting(message, language, application),
            text,
            "{message} {language} {application}"
        );
    }
}

#[test]
fn a_policy_that_is_too_large_when_compiled_is_refused() {
    let networks: Vec<String> = (0..100).map(|at| format!("'2001:db8:{at:x}::1'")).collect();
    let location = |at: usize| {
        format!(
            "[[location]]\nname = 'l{at}'\nnetworks = [{}]\n",
            networks.join(", ")
        )
    };
    assert!(
        compile(&location(0)).is_ok(),
        "a hundred networks are not too many"
    );
    let many: String = (0..6).map(location).collect();
    assert!(errors(&many)[0].help.contains("16384"));
}

#[test]
fn sections_that_cannot_be_read_are_errors_where_they_are_met() {
    let document = "[[location]]\nname = 'l'\nnetworks = ['192.0.2.0/24']\n[[strength]]\nname = 's'\nany-of = ['totp']\n\
                    [[rule]]\nname = 'r'\nlocations = ['l']\nthen = 'deny'\n[[application]]\nname = 'a'\nstrength = 's'\n";
    let bytes = compile(document).unwrap().bytes;
    let mut policy = compiled::decode(&bytes).unwrap();
    assert!(policy.rules.iter().all(|rule| rule.is_ok()));
    let whole = policy.rules.0;
    for cut in 1..whole.len() {
        policy.rules.0 = &whole[..cut];
        assert!(policy.rules.iter().any(|rule| rule.is_err()), "{cut}");
    }
    let whole = policy.applications.entries;
    for cut in 1..whole.len() {
        policy.applications.entries = &whole[..cut];
        assert!(policy.applications.of("a").is_err(), "{cut}");
    }
}

#[test]
fn resynchronisation_can_be_switched_off() {
    let document = "[totp]\nresync-window = 0\n[hotp]\nresync-window = 0\n";
    assert_eq!(compile(document).unwrap().warnings, []);
    let strict = compile("preset = 'asvs'").unwrap();
    let strict = compiled::decode(&strict.bytes).unwrap();
    assert_eq!(
        (strict.totp.resync_window, strict.hotp.resync_window),
        (0, 0)
    );
}

#[test]
fn methods_are_shown_by_their_names() {
    let methods = Kind::Methods { least: 1 };
    assert_eq!(values::shown(&methods, 0b11), "`totp` or `hotp`");
}

#[test]
fn a_wider_window_takes_the_drift_cap_along() {
    let compiled = compile("totp.window = 3").unwrap();
    assert_eq!(compiled::decode(&compiled.bytes).unwrap().totp.drift_cap, 3);
    let compiled = compile("session.lifetime = '30m'").unwrap();
    assert_eq!(
        compiled::decode(&compiled.bytes).unwrap().session.idle,
        30 * MINUTE
    );
}

#[test]
fn other_bytes_are_no_policy() {
    let bytes = compile("[[application]]\nname = 'a'").unwrap().bytes;
    assert_eq!(
        compiled::decode(b"").unwrap_err(),
        CompiledPolicyError::NotAPolicy
    );
    for len in 4..bytes.len() {
        assert_eq!(
            compiled::decode(&bytes[..len]).unwrap_err(),
            CompiledPolicyError::Length,
            "{len}"
        );
    }
    let mut other = bytes.clone();
    other[4] ^= 1;
    assert_eq!(
        compiled::decode(&other).unwrap_err(),
        CompiledPolicyError::OtherBuild
    );
    for (at, key) in KEYS.iter().enumerate() {
        let mut other = bytes.clone();
        other[8 + 4 * at..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(
            compiled::decode(&other).unwrap_err(),
            CompiledPolicyError::OutOfRange(key.path)
        );
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(compiled::decode(&longer).is_err());
}
