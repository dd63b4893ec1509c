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
    static WORDS: Words = Words::of_example();
}

/// The document that has every key, which the guest's own tests see to.
const EXAMPLE: &str = include_str!("../../../../docs/policy.example.toml");

/// What may be written: keys of tables by their whole names, the keys of each list's tables, and values.
struct Words {
    keys: Vec<String>,
    lists: Vec<(String, String)>,
    values: Vec<String>,
}

impl Words {
    /// All that the example has, also where it is a remark, and [`VALUES`].
    fn of_example() -> Self {
        let mut words = Self {
            keys: vec![
                "preset".to_owned(),
                "application-default.fail-mode".to_owned(),
            ],
            lists: Vec::new(),
            values: VALUES.map(str::to_owned).to_vec(),
        };
        let (mut table, mut is_list) = (String::new(), false);
        for line in EXAMPLE.lines().map(|line| line.trim_start_matches("# ")) {
            if let Some(header) = line.strip_prefix('[') {
                is_list = header.starts_with('[');
                let name = header.trim_start_matches('[').split(']').next();
                table = name.unwrap_or_default().to_owned();
            } else if let Some((key, value)) = line.split_once(" = ") {
                let value = value.split("  #").next().unwrap_or_default().trim();
                words.values.push(value.to_owned());
                match (is_list, table.as_str()) {
                    (true, _) => words.lists.push((table.clone(), key.to_owned())),
                    (false, "") => {}
                    (false, table) => words.keys.push(format!("{table}.{key}")),
                }
            }
        }
        assert!(
            words.keys.len() > 80 && words.lists.len() > 20,
            "the example is read"
        );
        words
    }
}

/// Values beside those of the example, good and bad.
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

/// A document of settings, two octets each: which key, and which value. One octet changed is one setting changed. A list's key
/// makes a table of its own, or belongs to the table before if it is of the same list and its octet is odd.
fn settings(words: &Words, octets: &[u8]) -> String {
    let (mut keys, mut tables, mut last) = (String::new(), String::new(), "");
    for (number, [key, value]) in octets.as_chunks().0.iter().enumerate() {
        let written = &words.values[usize::from(*value) % words.values.len()];
        let place = usize::from(*key) % (words.keys.len() + words.lists.len());
        match place.checked_sub(words.keys.len()) {
            None => keys += &format!("{} = {written}\n", words.keys[place]),
            Some(place) => {
                let (list, key) = &words.lists[place];
                if last != list || value % 2 == 0 {
                    tables += &format!("[[{list}]]\n");
                    if key != "name" && list != "greeting" {
                        tables += &format!("name = \"n{number}\"\n");
                    }
                }
                last = list;
                tables += &format!("{key} = {written}\n");
            }
        }
    }
    keys + &tables
}

fuzz_target!(|octets: &[u8]| {
    // Octets that a document's compiler did not make are refused, or at least read without harm.
    let _ = compiled::decode(octets);
    let document = match octets.strip_prefix(b"=") {
        Some(pairs) => WORDS.with(|words| settings(words, pairs)),
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
