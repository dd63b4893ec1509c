//! What is refused: what hostile makers send, and what is somebody's already.

use std::process::{Command, Stdio};

use anyhow::Context as _;
use cofactor_tests::program::{own, project};
use serde_json::Value;

use super::{Desk, HEAD, KEY, OTHER, results, vector};
use crate::{SECRET, Tested};

/// A serial number is one account's: in the file, in the store, and when two operators import at once.
#[test]
fn im_03_of_two_imports_of_one_token_one_is_refused_row_by_row() -> Tested {
    let desk = Desk::open()?;
    let bulk = desk.file("fig10.xml", vector("rfc6030_fig10.xml")?)?;
    let users = "serial,user\n654321,alice\n123456,bob\n9999999,carol\n";
    let users = desk.file("users.csv", users)?;
    let (code, report) = desk.import(&[&bulk, "--users", &users])?;
    // One device with two keys that are the same one.
    let last = [
        "accepted",
        "accepted",
        "accepted",
        "refused already-claimed",
    ];
    assert_eq!(
        (code, results(&report)),
        (1, last.map(str::to_owned).to_vec())
    );
    // Two users for one serial number.
    let two = String::from_utf8(vector("rfc6030_fig10.xml")?)?;
    let with_users = two
        .split("<Policy>")
        .enumerate()
        .map(|(at, part)| match at {
            4 => part.to_owned(),
            at => format!("{part}<UserId>user{at}</UserId><Policy>"),
        });
    let two = desk.file("two.xml", with_users.collect::<String>())?;
    let (code, report) = desk.import(&[&two])?;
    assert_eq!(
        (code, results(&report)),
        (1, last.map(str::to_owned).to_vec())
    );

    for round in 0..5 {
        let text = |user: &str| {
            format!(
                "{HEAD}{user},{round},{},30,A,B\n{user},x{round},{OTHER},30,A,B\n",
                SECRET
            )
        };
        let files = [
            desk.file("one.csv", text(&format!("one{round}")))?,
            desk.file("other.csv", text(&format!("other{round}")))?,
        ];
        let start = |file: &String| {
            Command::new(own("cofactor")?)
                .args(["token", "import", "--json", file])
                .env("COFACTOR_CONFIG", desk.0.configuration())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .map_err(anyhow::Error::from)
        };
        let both = [start(&files[0])?, start(&files[1])?];
        let mut found = Vec::new();
        for child in both {
            let output = child.wait_with_output()?;
            let report: Value = serde_json::from_slice(&output.stdout)
                .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
            found.push((output.status.code(), results(&report)));
        }
        found.sort();
        let expected = [
            (Some(0), vec!["accepted".to_owned(); 2]),
            (Some(1), vec!["refused already-claimed".to_owned(); 2]),
        ];
        assert_eq!(found, expected, "round {round}");
    }
    Ok(())
}

/// What the component makes of the files of tests/vectors/pskc, of which the decoder's own tests say what is in them.
#[test]
fn im_01_every_pskc_file_of_the_vectors_is_taken_or_refused_as_its_manifest_says() -> Tested {
    let desk = Desk::open()?;
    let key = desk.file("key.txt", KEY)?;
    let passphrase = desk.file("passphrase.txt", "qwerty")?;
    let manifest: Value = serde_json::from_slice(&vector("manifest.json")?)?;
    let before = desk.traces()?;
    let expected = |name: &str| -> (i32, &[&str]) {
        match name {
            "rfc6030_fig02.xml" | "bad/secret_8_bytes.xml" => {
                (1, &["refused import-invalid secret"])
            }
            "rfc6030_fig03.xml" | "rfc6030_fig06.xml" | "rfc6030_fig07.xml"
            | "rfc6030_fig09.xml" => (0, &["accepted"]),
            "rfc6030_fig05.xml" => (0, &["accepted", "skipped"]),
            "rfc6030_fig10.xml" => (
                1,
                &[
                    "accepted",
                    "accepted",
                    "accepted",
                    "refused already-claimed",
                ],
            ),
            "bad/dup_key_id.xml" => (
                1,
                &[
                    "accepted",
                    "refused unreadable",
                    "accepted",
                    "refused already-claimed",
                ],
            ),
            "bad/digits_9.xml" => (1, &["refused import-invalid digits"]),
            "rfc6030_fig04.xml"
            | "bad/fig06_mac_flipped.xml"
            | "bad/fig06_macmethod_removed.xml"
            | "bad/fig06_iv_flipped.xml"
            | "bad/secret_empty.xml"
            | "bad/encoding_hex.xml"
            | "bad/counter_negative.xml"
            | "bad/algorithm_unknown.xml" => (1, &["refused unreadable"]),
            _ => (3, &[]),
        }
    };
    for kind in ["good", "bad"] {
        for case in manifest[kind].as_array().context("cases")? {
            let name = case["file"].as_str().context("a name")?;
            // Made by its own test: it is too large to be kept.
            let Ok(content) = vector(name) else {
                assert_eq!(name, "bad/deep_nesting.xml");
                continue;
            };
            // Every token has a user, whoever it is.
            let content = String::from_utf8_lossy(&content).into_owned();
            let mut list = "serial,user\n".to_owned();
            for (serial, user) in [
                ("12345678", "a"),
                ("987654321", "b"),
                ("0755225266", "c"),
                ("654321", "d"),
                ("123456", "e"),
                ("9999999", "f"),
            ] {
                let is_there = content.contains(&format!(">{serial}<"));
                if is_there || (serial == "12345678" && name == "rfc6030_fig02.xml") {
                    list.push_str(&format!("{serial},{user}\n"));
                }
            }
            let users = desk.file("users.csv", list)?;
            let file = desk.file("file.xml", vector(name)?)?;
            let mut arguments = vec![file.as_str(), "--users", &users, "--dry-run"];
            if name.contains("fig06") {
                arguments.extend(["--key", &key]);
            }
            if name.contains("fig07") {
                arguments.extend(["--passphrase", &passphrase]);
            }
            let (code, report) = desk.import(&arguments)?;
            let rows = if code == 3 {
                Vec::new()
            } else {
                results(&report)
            };
            let (expected, words) = expected(name);
            assert_eq!(
                (code, rows),
                (expected, words.iter().map(|it| (*it).to_owned()).collect()),
                "{name}"
            );
            let signed = if name == "rfc6030_fig09.xml" {
                "not-verified"
            } else {
                "none"
            };
            assert!(
                code == 3 || report["signature"] == signed,
                "{name}: {report}"
            );
        }
    }
    assert_eq!(desk.traces()?, before);
    Ok(())
}

/// A URI from a QR code is whatever somebody printed. Nothing of a batch that another program exports is taken as one token.
#[test]
fn im_06_a_hostile_uri_enrols_nobody_and_costs_a_refusal() -> Tested {
    let desk = Desk::open()?;
    let vectors = |name: &str| -> anyhow::Result<Value> {
        let file = project("tests/vectors/otpauth").join(name);
        Ok(serde_json::from_slice(&std::fs::read(file)?)?)
    };
    let cases = vectors("otpauth_uri_cases.json")?;
    let mut hostile: Vec<String> = Vec::new();
    for case in cases["cases"].as_array().context("cases")? {
        let expect = case["expect"].as_str().unwrap_or_default();
        if expect.starts_with("reject") {
            hostile.push(case["uri"].as_str().context("a URI")?.to_owned());
        }
    }
    let samples = vectors("google_migration_samples.json")?;
    for sample in samples["samples"].as_array().context("samples")? {
        hostile.push(sample["uri"].as_str().context("a URI")?.to_owned());
    }
    assert!(hostile.len() > 20, "{}", hostile.len());
    for uri in [
        String::new(),
        "\u{0}".repeat(64),
        "otpauth://totp/a?secret=GEZDGNBV&".repeat(40),
    ] {
        hostile.push(uri);
    }
    for uri in hostile {
        let change = serde_json::json!({"import-otpauth": uri});
        let action = serde_json::json!({"administer": {"actor": "tests", "why": "a test", "change": change}});
        let (status, answer) = desk.0.step("alice", action)?;
        let denied = answer.pointer("/outcome/deny/internal-reason");
        let refused = status == 400 || denied.is_some_and(|reason| reason == "import-invalid");
        assert!(refused, "{uri}: {status} {answer}");
    }
    assert_eq!(desk.0.operator(&["user", "list"])?, "");
    Ok(())
}
