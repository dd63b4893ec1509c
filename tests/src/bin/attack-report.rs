//! Proves by a run's report, and not by the source, that every attack of the catalogue has tests that ran and passed, or a
//! capability that is named to carry it. Usage: `attack-report tests/attacks.toml REPORT`. Beside the report the run leaves
//! `skipped.txt` (tests that did nothing, for want of a program) and `notes.txt` (what a reader should know).
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;

/// The catalogue: what has to be in the list, whatever the list says.
const CATALOGUE: &str = include_str!("../../vectors/attacks.json");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attack {
    /// Names of tests, each found in the report as `test NAME ... ok`; a name may be the end of a longer path.
    #[serde(default)]
    tests: Vec<String>,
    /// What will carry it, or the part of it that no test answers yet.
    later: Option<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let (list, report) = (
        arguments.next().context("which attacks?")?,
        arguments.next().context("which report?")?,
    );
    let attacks = toml::from_str(&std::fs::read_to_string(&list)?).context(list)?;
    let beside = |name| {
        let file = Path::new(&report).with_file_name(name);
        std::fs::read_to_string(file).unwrap_or_default()
    };
    let run = Run::read(&std::fs::read_to_string(&report)?, &beside("skipped.txt"));
    let notes: BTreeSet<_> = beside("notes.txt").lines().map(str::to_owned).collect();
    for note in notes.iter().chain(&run.notes) {
        println!("note: {note}");
    }
    let count = |result: &str| run.results.iter().filter(|(_, is)| is == result).count();
    let (passed, ignored) = (count("ok"), count("ignored"));
    let failed = run.results.len() - passed - ignored;
    println!("tests: {passed} passed, {failed} failed, {ignored} ignored");
    let summary = judge(&attacks, &catalogue()?, &run);
    println!(
        "attacks: {} listed, {} answered by tests that passed, {} not shown for want of a program, {} for a later capability",
        attacks.len(),
        summary.shown,
        summary.skipped.len(),
        summary.later
    );
    for line in summary.skipped.iter().chain(&summary.wrong) {
        println!("  {line}");
    }
    Ok(if summary.wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The ids of the catalogue.
fn catalogue() -> anyhow::Result<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct Known {
        id: String,
    }
    let known: Vec<Known> = serde_json::from_str(CATALOGUE)?;
    Ok(known.into_iter().map(|attack| attack.id).collect())
}

/// What a run's report says of each test. Tests of several programs may share a name.
struct Run {
    results: Vec<(String, String)>,
    skipped: BTreeMap<String, BTreeSet<String>>,
    notes: Vec<String>,
}

impl Run {
    fn read(report: &str, skipped: &str) -> Self {
        let mut run = Self {
            results: Vec::new(),
            skipped: BTreeMap::new(),
            notes: Vec::new(),
        };
        for line in report.lines() {
            let Some((name, result)) = line
                .strip_prefix("test ")
                .and_then(|rest| rest.split_once(" ... "))
            else {
                continue;
            };
            let name = name.trim_end_matches(" - should panic").to_owned();
            run.results.push((name, result.to_owned()));
        }
        for line in skipped.lines() {
            let (test, program) = line.split_once(": without ").unwrap_or((line, "?"));
            let of = run.skipped.entry(test.to_owned()).or_default();
            of.insert(program.to_owned());
        }
        let skipped = run.skipped.iter().map(|(test, programs)| {
            let programs: Vec<_> = programs.iter().map(String::as_str).collect();
            format!("skipped: {test}, without {}", programs.join(" and "))
        });
        run.notes = skipped.collect();
        run
    }

    /// Every test of that name has to have passed, and none of them may have been skipped.
    fn of(&self, test: &str) -> Proof {
        let named = |name: &str| {
            name == test
                || name
                    .strip_suffix(test)
                    .is_some_and(|head| head.ends_with("::"))
        };
        let mut found = self
            .results
            .iter()
            .filter(|(name, _)| named(name))
            .peekable();
        if found.peek().is_none() || !found.all(|(_, result)| result == "ok") {
            return Proof::Missing;
        }
        match self.skipped.keys().any(|name| named(name)) {
            true => Proof::Skipped,
            false => Proof::Passed,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Passed,
    Skipped,
    Missing,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Summary {
    shown: usize,
    later: usize,
    skipped: Vec<String>,
    wrong: Vec<String>,
}

fn judge(attacks: &BTreeMap<String, Attack>, catalogue: &BTreeSet<String>, run: &Run) -> Summary {
    let mut summary = Summary::default();
    for id in catalogue {
        if !attacks.contains_key(id) {
            summary.wrong.push(format!("{id}: is not listed"));
        }
    }
    // A skip that names no test could be that of any (tests run on the main thread where there is but one).
    let nameless = |name: &String| name == "main" || name == "a test";
    if run.skipped.keys().any(nameless) {
        let how = "skipped tests did not give their names: run with RUST_TEST_THREADS=2";
        summary.wrong.push(how.to_owned());
    }
    for (id, attack) in attacks {
        if !catalogue.contains(id) {
            summary.wrong.push(format!("{id}: is not in the catalogue"));
        }
        if attack.tests.is_empty() {
            match attack.later {
                Some(_) => summary.later += 1,
                None => summary.wrong.push(format!(
                    "{id}: neither a test nor a capability that will carry it"
                )),
            }
            continue;
        }
        let without = |proof| -> Vec<_> {
            let tests = attack.tests.iter();
            tests.filter(|test| run.of(test) == proof).collect()
        };
        let (missing, skipped) = (without(Proof::Missing), without(Proof::Skipped));
        if !missing.is_empty() {
            let line = format!("{id}: did not run or did not pass: {missing:?}");
            summary.wrong.push(line);
        } else if !skipped.is_empty() {
            let line = format!("{id}: not shown, as tests were skipped: {skipped:?}");
            summary.skipped.push(line);
        } else {
            summary.shown += 1;
        }
    }
    summary
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const REPORT: &str = "test a::one ... ok\ntest b::two ... FAILED\ntest c::two ... ok\ntest d::three ... ok\n\
                          test e::four - should panic ... ok\ntest f::five ... ignored\n";

    fn listed(text: &str) -> BTreeMap<String, Attack> {
        toml::from_str(text).unwrap()
    }

    fn ids(of: &[&str]) -> BTreeSet<String> {
        of.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_test_counts_where_all_of_its_name_ran_and_passed() {
        let run = Run::read(REPORT, "d::three: without nginx\nd::three: without nginx\n");
        let proofs = [
            ("one", Proof::Passed),
            ("a::one", Proof::Passed),
            ("four", Proof::Passed),
            // One of two with that name failed.
            ("two", Proof::Missing),
            ("c::two", Proof::Passed),
            // The end of a name is not the name.
            ("ne", Proof::Missing),
            ("three", Proof::Skipped),
            // Ignored is not passed.
            ("five", Proof::Missing),
            ("six", Proof::Missing),
        ];
        for (test, proof) in proofs {
            assert_eq!(run.of(test), proof, "{test}");
        }
        assert_eq!(run.notes, ["skipped: d::three, without nginx"]);
    }

    #[test]
    fn every_attack_of_the_catalogue_needs_an_answer() {
        let run = Run::read(REPORT, "d::three: without nginx\n");
        let attacks = listed(
            "A-1 = { tests = [\"one\"] }\nA-2 = { tests = [\"one\", \"three\"] }\nA-3 = { later = \"x\" }\n",
        );
        let summary = judge(&attacks, &ids(&["A-1", "A-2", "A-3"]), &run);
        assert_eq!((summary.shown, summary.later), (1, 1));
        assert_eq!((summary.skipped.len(), summary.wrong.len()), (1, 0));

        let wrong = |list, catalogue: &[&str]| judge(&listed(list), &ids(catalogue), &run).wrong;
        assert_eq!(wrong("", &["A-1"]).len(), 1, "not listed");
        assert_eq!(wrong("A-1 = { later = \"x\" }", &[]).len(), 1, "unknown");
        assert_eq!(wrong("A-1 = {}", &["A-1"]).len(), 1, "nothing");
        let failed = "A-1 = { tests = [\"one\", \"two\"] }";
        assert_eq!(wrong(failed, &["A-1"]).len(), 1, "failed");
        let nameless = Run::read(REPORT, "main: without nginx\n");
        assert_eq!(
            judge(&attacks, &ids(&["A-1", "A-2", "A-3"]), &nameless)
                .wrong
                .len(),
            1
        );
    }

    #[test]
    fn the_catalogue_has_143_attacks() {
        assert_eq!(catalogue().unwrap().len(), 143);
    }
}
