//! What the presets set, and what is warned of.

use super::super::advice::RULES;
use super::super::presets::{self, PRESETS, SETTLED};
use super::super::{compile, compiled, keys};
use super::warned;
use crate::methods;

#[test]
fn presets_set_what_they_say_and_written_keys_win() {
    for (name, preset) in presets::NAMES.iter().zip(&PRESETS) {
        assert_eq!(*name, preset.name);
        for (path, value) in SETTLED.iter().chain(preset.values) {
            assert!(keys::find(path).unwrap().kind.allows(*value), "{path}");
        }
        let compiled = compile(&format!("preset = '{name}'")).unwrap();
        assert_eq!(compiled.warnings, [], "{name}");
        let policy = compiled::decode(&compiled.bytes).unwrap();
        let own = |path: &str| preset.values.iter().any(|(own, _)| *own == path);
        let settled = SETTLED.iter().filter(|(path, _)| !own(path));
        for (path, value) in settled.chain(preset.values) {
            assert_eq!(
                (keys::find(path).unwrap().get)(&policy),
                *value,
                "{name} {path}"
            );
        }
        for rule in &RULES {
            let value = |path| (keys::find(path).unwrap().get)(&policy);
            assert!(
                rule.holds(value(rule.lower), value(rule.upper)),
                "{name}: {}",
                rule.lower
            );
        }
        for advice in preset.advice {
            let value = (keys::find(advice.path).unwrap().get)(&policy);
            assert!(
                (advice.is_fine)(value),
                "{name} ignores its own advice on {}",
                advice.path
            );
        }
    }
    let compiled = compile("totp.window = 1\npreset = 'asvs'").unwrap();
    let policy = compiled::decode(&compiled.bytes).unwrap();
    assert_eq!(
        (
            policy.totp.window,
            policy.totp.drift_cap,
            policy.throttle.lock_after
        ),
        (1, 1, 5)
    );
    assert_eq!(compiled.warnings[0].field, "totp.window");
}

/// Every contradiction of the standards that is settled by a switch, and what each preset makes of it: entra, mfa-server,
/// nist, pci, asvs. What is built in and no switch has tests of its own: HOTP counters that stand still on failure (OTP-10), older
/// steps that stay dead (OTP-04), base32 without 0, 1 and 8, and unknown users who look like wrong codes (BF-09).
#[rustfmt::skip]
const SWITCHES: [(&str, &str, [u32; 5]); 26] = [
    ("TOTP window", "totp.window", [1, 1, 1, 1, 0]),
    ("TOTP window, learnt drift", "totp.drift-cap", [1, 1, 1, 1, 0]),
    ("number length (N-07, M05)", "push.number-length", [2, 6, 6, 6, 6]),
    ("out-of-band digits (N-01, A-6.5.4)", "sms.digits", [6, 6, 6, 6, 8]),
    ("out-of-band digits (N-01, A-6.5.4)", "email.digits", [8; 5]),
    ("out-of-band lifetime (N-02, S03)", "sms.lifetime", [180_000, 300_000, 180_000, 180_000, 180_000]),
    ("lockout, first wait", "throttle.delay-after", [3; 5]),
    ("lockout (P 8.3.4)", "throttle.lock-after", [10, 10, 10, 10, 5]),
    ("lockout of the account", "throttle.account-lock-after", [50; 5]),
    ("lockout for good (N-17)", "throttle.ceiling", [100; 5]),
    ("resynchronisation", "totp.resync-window", [10, 10, 10, 10, 0]),
    ("resynchronisation", "hotp.resync-window", [100, 100, 100, 100, 0]),
    ("resynchronisation by itself (E08)", "hotp.auto-resync", [0; 5]),
    ("passkeys that leave their device (N-22)", "webauthn.synced", [1, 1, 0, 1, 1]),
    ("remembered device (N-28, P-2, S19)", "devices.lifetime", [14 * 86_400, 0, 0, 0, 0]),
    ("result cache (E18)", "cache.lifetime", [0; 5]),
    ("e-mail (N-08, A-6.3.6)", "email.possession", [0; 5]),
    ("bypass (P-2: documented, authorised, limited in time)", "bypass.allowed", [1; 5]),
    ("bypass, one's own", "bypass.by-user", [0; 5]),
    ("bypass (S14)", "bypass.lifetime", [300_000; 5]),
    ("exempt accounts (P-2, A-6.3.3)", "accounts.may-disable", [0; 5]),
    ("registration put off (O16, P-4)", "enrolment.snooze", [86_400, 0, 0, 0, 0]),
    ("fraud (S12)", "fraud.block", [1; 5]),
    ("fraud (S12)", "fraud.block-for", [90 * 86_400; 5]),
    ("sessions (N-30: at most 24 hours)", "session.lifetime", [12 * 3_600_000; 5]),
    ("sessions, idle (N-30, P 8.2.8)", "session.idle", [3_600_000, 3_600_000, 3_600_000, 900_000, 3_600_000]),
];

#[test]
fn every_contradiction_of_the_standards_is_settled_in_every_preset() {
    for (name, at) in presets::NAMES.iter().zip(0..) {
        let compiled = compile(&format!("preset = '{name}'")).unwrap();
        let policy = compiled::decode(&compiled.bytes).unwrap();
        for (topic, path, values) in SWITCHES {
            let key = keys::find(path).unwrap();
            assert_eq!((key.get)(&policy), values[at], "{name} {topic} {path}");
            let own = PRESETS[at].values.iter();
            let set = SETTLED.iter().chain(own).any(|(set, _)| *set == path);
            assert!(
                set || path.starts_with("session."),
                "{name} leaves {path} to the default"
            );
        }
        // No e-mail, texts or calls unless somebody writes them.
        assert!(!policy.accounts.methods.contains("email"), "{name}");
        assert!(!policy.accounts.methods.contains("sms"), "{name}");
    }
}

#[test]
fn presets_warn_of_what_their_standard_forbids() {
    let office = "[[location]]\nname = 'office'\nnetworks = ['192.0.2.0/24']\n[[rule]]\nname = 'r'\nlocations = ['office']\nthen = 'skip'\n";
    let people = "[[rule]]\nname = 'r'\ngroups = ['g']\nthen = 'skip'\nuntil = 2030-01-01T00:00:00Z\nwhy = 'w'\n";
    assert_eq!(warned(office), [""; 0]);
    for name in ["nist", "pci", "asvs"] {
        let with = |rest: &str| warned(&format!("preset = '{name}'\n{rest}"));
        assert_eq!(with(office), ["rule.then"], "{name}");
        assert_eq!(with(people), [""; 0], "{name}");
        assert_eq!(
            with("devices.lifetime = '7d'"),
            ["devices.lifetime"],
            "{name}"
        );
        assert_eq!(
            with("email.possession = true"),
            ["email.possession"],
            "{name}"
        );
    }
    for (name, document, field) in [
        ("nist", "push.number-length = 2", "push.number-length"),
        ("asvs", "push.number-length = 3", "push.number-length"),
        ("nist", "totp.period = '3m'", "totp.period"),
        ("nist", "pin.least = 6", "pin.least"),
        ("nist", "webauthn.synced = true", "webauthn.synced"),
        ("asvs", "hotp.auto-resync = true", "hotp.auto-resync"),
        ("pci", "bypass.by-user = true", "bypass.by-user"),
        ("pci", "enrolment.snooze = '1d'", "enrolment.snooze"),
        ("asvs", "sms.digits = 6", "sms.digits"),
        ("entra", "accounts.methods = ['hotp']", "accounts.methods"),
    ] {
        let fields = warned(&format!("preset = '{name}'\n{document}"));
        assert!(
            fields.iter().any(|it| it == field),
            "{name} {document}: {fields:?}"
        );
    }
    for document in ["devices.lifetime = '31d'", "accounts.may-disable = true"] {
        assert_eq!(warned(document).len(), 1, "{document}");
    }
    // Level 3 can be entered with a passkey alone.
    assert_eq!(
        warned("[[application]]\nname = 'vault'\nrequired-level = 3"),
        ["application.required-level"]
    );
    assert_eq!(
        warned(
            "accounts.methods = ['webauthn']\nwebauthn.rp-id = 'example.com'\n[[application]]\nname = 'vault'\nrequired-level = 3"
        ),
        [""; 0]
    );
    if methods::number_of("email").is_some() {
        let document = "preset = 'nist'\naccounts.methods = ['email', 'sms', 'voice']";
        assert_eq!(warned(document), ["accounts.methods", "accounts.methods"]);
    }
}

/// Nobody can use a passkey where no domain is named.
#[test]
fn passkeys_without_a_domain_are_warned_of() {
    let methods = "accounts.methods = ['totp', 'webauthn']\n";
    assert_eq!(warned(methods), ["accounts.methods"]);
    let with = |rest: &str| warned(&format!("{methods}{rest}"));
    assert_eq!(with("webauthn.rp-id = 'example.com'\n"), [""; 0]);
    assert_eq!(warned("webauthn.lifetime = '1m'\n"), [""; 0]);
}
