//! Proves by a run's report, and not by the source, that every attack of tests/attacks.toml has a test that ran and passed,
//! or a capability that is named to carry it. Usage: `attack-report tests/attacks.toml REPORT`.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attack {
    /// Names of tests, each found in the report as `test NAME ... ok`; a name may be the end of a longer path.
    #[serde(default)]
    tests: Vec<String>,
    /// What will carry it.
    later: Option<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let (list, report) = (
        arguments.next().context("which attacks?")?,
        arguments.next().context("which report?")?,
    );
    let attacks: BTreeMap<String, Attack> =
        toml::from_str(&std::fs::read_to_string(&list)?).context(list)?;
    let skipped = std::path::Path::new(&report).with_file_name("skipped.txt");
    let report = std::fs::read_to_string(&report).context(report)?;

    let (mut shown, mut later, mut wrong) = (0, 0, Vec::new());
    for (id, attack) in &attacks {
        match (attack.tests.is_empty(), &attack.later) {
            (true, Some(_)) => later += 1,
            (true, None) => wrong.push(format!(
                "{id}: neither a test nor a capability that will carry it"
            )),
            (false, _) => {
                let missing: Vec<_> = attack
                    .tests
                    .iter()
                    .filter(|test| !passed(&report, test))
                    .collect();
                if missing.is_empty() {
                    shown += 1;
                } else {
                    wrong.push(format!("{id}: did not run or did not pass: {missing:?}"));
                }
            }
        }
    }
    for left_out in std::fs::read_to_string(skipped).unwrap_or_default().lines() {
        println!("skipped: {left_out}");
    }
    println!(
        "attacks: {} listed, {shown} answered by a test that passed, {later} for a later capability",
        attacks.len()
    );
    for complaint in &wrong {
        println!("  {complaint}");
    }
    Ok(if wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn passed(report: &str, test: &str) -> bool {
    report.lines().any(|line| {
        let Some((name, result)) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... "))
        else {
            return false;
        };
        let name = name.trim_end_matches(" - should panic");
        result == "ok"
            && (name == test
                || name
                    .strip_suffix(test)
                    .is_some_and(|head| head.ends_with("::")))
    })
}
