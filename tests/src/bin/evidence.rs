//! Proves by a run's report, and not by the source, that every attack of the catalogue, and every feature, has tests that ran
//! and passed, or a capability that is named to carry it. Usage: `evidence tests/attacks.toml tests/coverage.md REPORT`.
//! Beside the report the run leaves `skipped.txt` (tests that did nothing, for want of a program) and `notes.txt` (what a
//! reader should know).
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;

/// The catalogue: what has to be in the list, whatever the list says.
const CATALOGUE: &str = include_str!("../../vectors/attacks.json");

/// The features that have to be in the table: those of Azure MFA (S), methods beyond them (M), and what an engine must get
/// right (E).
const FEATURES: &[(&str, &[u8])] = &[
    (
        "S",
        &[
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
            25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,
        ],
    ),
    ("M", &[1, 2, 3, 4, 5, 6, 9, 11]),
    (
        "E",
        &[
            1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
        ],
    ),
];

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    /// Names of tests, each found in the report as `test NAME ... ok`; a name may be the end of a longer path.
    #[serde(default)]
    tests: Vec<String>,
    /// What will carry it, or the part of it that no test answers yet.
    later: Option<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let (attacks, table, report) = (
        arguments.next().context("which attacks?")?,
        arguments.next().context("which coverage?")?,
        arguments.next().context("which report?")?,
    );
    let attacks = toml::from_str(&std::fs::read_to_string(&attacks)?).context(attacks)?;
    let features = coverage(&std::fs::read_to_string(&table)?).context(table)?;
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
    let mut complete = true;
    for (what, claims, ids) in [
        ("attacks", attacks, catalogue()?),
        ("features", features, features_known()),
    ] {
        let summary = judge(&claims, &ids, &run);
        println!(
            "{what}: {} listed, {} answered by tests that passed, {} not shown for want of a program, {} for a later capability",
            claims.len(),
            summary.shown,
            summary.skipped.len(),
            summary.later
        );
        for line in summary.skipped.iter().chain(&summary.wrong) {
            println!("  {line}");
        }
        complete &= summary.wrong.is_empty();
    }
    Ok(if complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The rows of a table of Markdown: an id, what it is, and the names of its tests in back quotes, or what will carry it.
fn coverage(table: &str) -> anyhow::Result<BTreeMap<String, Claim>> {
    let mut claims = BTreeMap::new();
    for line in table.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let ["", id, _, proof, ""] = cells.as_slice() else {
            continue;
        };
        if !id.starts_with(|first: char| first.is_ascii_uppercase()) {
            continue;
        }
        let quoted = proof.split('`').skip(1).step_by(2);
        let tests: Vec<String> = quoted.map(str::to_owned).collect();
        let later = proof.strip_prefix("later: ").map(str::to_owned);
        let claim = Claim { tests, later };
        if claims.insert((*id).to_owned(), claim).is_some() {
            anyhow::bail!("{id} is there twice");
        }
    }
    Ok(claims)
}

fn features_known() -> BTreeSet<String> {
    let ids = FEATURES.iter();
    ids.flat_map(|(group, numbers)| numbers.iter().map(move |at| format!("{group}{at:02}")))
        .collect()
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

fn judge(claims: &BTreeMap<String, Claim>, catalogue: &BTreeSet<String>, run: &Run) -> Summary {
    let mut summary = Summary::default();
    for id in catalogue {
        if !claims.contains_key(id) {
            summary.wrong.push(format!("{id}: is not listed"));
        }
    }
    // A skip that names no test could be that of any (tests run on the main thread where there is but one).
    let nameless = |name: &String| name == "main" || name == "a test";
    if run.skipped.keys().any(nameless) {
        let how = "skipped tests did not give their names: run with RUST_TEST_THREADS=2";
        summary.wrong.push(how.to_owned());
    }
    for (id, claim) in claims {
        if !catalogue.contains(id) {
            summary.wrong.push(format!("{id}: is not in the catalogue"));
        }
        if claim.tests.is_empty() {
            match claim.later {
                Some(_) => summary.later += 1,
                None => summary.wrong.push(format!(
                    "{id}: neither a test nor a capability that will carry it"
                )),
            }
            continue;
        }
        let without = |proof| -> Vec<_> {
            let tests = claim.tests.iter();
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
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const REPORT: &str = "test a::one ... ok\ntest b::two ... FAILED\ntest c::two ... ok\ntest d::three ... ok\n\
                          test e::four - should panic ... ok\ntest f::five ... ignored\n";

    fn listed(text: &str) -> BTreeMap<String, Claim> {
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
    fn a_table_names_tests_or_what_will_carry_a_feature() {
        let table = "| id | what | tests |\n|---|---|---|\n| S01 | a call | `voice::one`, `two` |\n| S13 | reports | later: Reports |\n";
        let claims = coverage(table).unwrap();
        assert_eq!(claims.len(), 2);
        assert_eq!(claims["S01"].tests, ["voice::one", "two"]);
        assert_eq!(claims["S13"].later.as_deref(), Some("Reports"));
        assert!(coverage(&table.repeat(2)).is_err(), "twice");
        assert_eq!(features_known().len(), 66);
    }

    #[test]
    fn the_catalogue_has_143_attacks() {
        assert_eq!(catalogue().unwrap().len(), 143);
    }
}
