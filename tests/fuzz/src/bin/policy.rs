//! Any text as a policy, and any settings of its keys: refused with errors that point into it, or compiled to octets that every function reads.
#![no_main]

use cofactor_fuzz::world::{World, sign_in};
use cofactor_guest::Component;
use cofactor_guest::contract::{Action, Verifier as _};
use cofactor_guest::policy::compiled;
use libfuzzer_sys::fuzz_target;

/// More errors than this are not told.
const MAX_ERRORS: usize = 64;

thread_local! {
    static WORLD: World = World::with_totp("");
}

const KEYS: [&str; 41] = [
    "accounts.provision",
    "accounts.max-credentials",
    "accounts.methods",
    "accounts.shadows",
    "totp.algorithm",
    "totp.digits",
    "totp.period",
    "totp.window",
    "totp.drift-cap",
    "totp.resync-window",
    "totp.secret-bytes",
    "hotp.algorithm",
    "hotp.digits",
    "hotp.look-ahead",
    "hotp.resync-window",
    "hotp.secret-bytes",
    "throttle.delay-after",
    "throttle.delay-base",
    "throttle.delay-max",
    "throttle.lock-after",
    "throttle.lock-for",
    "throttle.lock-max",
    "throttle.account-lock-after",
    "throttle.ceiling",
    "challenge.lifetime",
    "challenge.max-open",
    "challenge.attempts",
    "enrolment.lifetime",
    "enrolment.issuer",
    "session.lifetime",
    "session.idle",
    "session.renew",
    "session.recheck",
    "management.max-age",
    "sources.window",
    "sources.failures",
    "sources.begins",
    "application-default.fail-mode",
    "application-default.required-level",
    "application-default.max-age",
    "preset",
];
const APPLICATION_KEYS: [&str; 3] = ["fail-mode", "required-level", "max-age"];
const VALUES: [&str; 60] = [
    "\"entra\"",
    "\"mfa-server\"",
    "\"nist\"",
    "\"pci\"",
    "\"asvs\"",
    "\"first-sign-in\"",
    "\"known-only\"",
    "[\"totp\"]",
    "[\"hotp\"]",
    "[]",
    "\"SHA1\"",
    "\"SHA512\"",
    "\"open\"",
    "\"closed\"",
    "\"none\"",
    "\"\"",
    "\"Example\"",
    "\"a:b\"",
    "\"é\"",
    "\"0s\"",
    "\"1s\"",
    "\"15s\"",
    "\"29s\"",
    "\"30s\"",
    "\"90s\"",
    "\"5m\"",
    "\"15m\"",
    "\"60m\"",
    "\"61m\"",
    "\"12h\"",
    "\"24h\"",
    "\"1d\"",
    "\"30d\"",
    "\"31d\"",
    "\"999999999d\"",
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "8",
    "9",
    "10",
    "20",
    "64",
    "65",
    "100",
    "101",
    "1000",
    "1001",
    "65536",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "-1",
    "1.5",
    "0x1f",
    "true",
];

/// A document of settings, two octets each: which key, and which value. One octet changed is one setting changed.
fn settings(octets: &[u8]) -> String {
    let (mut keys, mut applications) = (String::new(), String::new());
    for [key, value] in octets.as_chunks().0 {
        let value = VALUES[usize::from(*value) % VALUES.len()];
        let place = usize::from(*key) % (KEYS.len() + APPLICATION_KEYS.len());
        match place.checked_sub(KEYS.len()) {
            None => keys += &format!("{} = {value}\n", KEYS[place]),
            Some(place) => {
                let (name, key) = (applications.len(), APPLICATION_KEYS[place]);
                applications += &format!("[[application]]\nname = \"{name}\"\n{key} = {value}\n");
            }
        }
    }
    keys + &applications
}

fuzz_target!(|octets: &[u8]| {
    // Octets that a document's compiler did not make are refused, or at least read without harm.
    let _ = compiled::decode(octets);
    let document = match octets.strip_prefix(b"=") {
        Some(pairs) => settings(pairs),
        None => String::from_utf8_lossy(octets).into_owned(),
    };
    if std::env::var_os("COFACTOR_FUZZ_SHOW").is_some() {
        eprintln!("{document}");
    }
    let lines = document.lines().count().max(1) + 1;
    let compiled = match Component::compile_policy(document.clone()) {
        Ok(compiled) => compiled,
        Err(errors) => {
            assert!((1..=MAX_ERRORS).contains(&errors.len()), "{}", errors.len());
            for error in &errors {
                assert!(
                    error.line as usize <= lines,
                    "an error in line {}",
                    error.line
                );
                assert!(!error.problem.is_empty() && !error.help.is_empty());
            }
            return;
        }
    };
    compiled::decode(&compiled.bytes).expect("what is compiled can be read");
    let again = Component::compile_policy(document.clone()).expect("it was compiled before");
    assert!(again == compiled, "one document, one form");

    let mut world = WORLD.with(World::clone);
    world.policy = compiled.bytes;
    let event = world.event(Action::Begin(sign_in()));
    world.judge(&event).expect("a step under the policy");
});
