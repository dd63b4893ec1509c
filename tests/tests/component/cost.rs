//! Fuel for each operation, against a baseline file: a change in cost is a diff to review.
//!
//! `COFACTOR_BLESS=1` writes the file anew.

use std::collections::BTreeMap;

use cofactor_runtime::contract::{Action, Answer, Proof};
use cofactor_tests::scenario::{Scenario, answer, begin, plugin};

use crate::memory::{largest_account, largest_policy};

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cost.json");
/// How far a cost may move before it has to be looked at, in percent.
const TOLERANCE: u64 = 2;

#[test]
fn fuel_is_as_the_baseline_says() {
    let measured = measure();
    if std::env::var_os("COFACTOR_BLESS").is_some() {
        std::fs::write(
            BASELINE,
            serde_json::to_string_pretty(&measured).unwrap() + "\n",
        )
        .unwrap();
    }
    let text =
        std::fs::read_to_string(BASELINE).expect("tests/cost.json: make it with COFACTOR_BLESS=1");
    let baseline: BTreeMap<String, u64> = serde_json::from_str(&text).unwrap();
    let moved: Vec<_> = measured
        .iter()
        .filter(|(name, fuel)| {
            let before = baseline.get(*name).copied().unwrap_or(0);
            fuel.abs_diff(before) * 100 > before * TOLERANCE
        })
        .map(|(name, fuel)| format!("{name}: {fuel}, was {:?}", baseline.get(name)))
        .collect();
    assert!(
        moved.is_empty(),
        "moved by more than {TOLERANCE} %: {moved:#?}\nCOFACTOR_BLESS=1 accepts it"
    );
    assert_eq!(
        measured.len(),
        baseline.len(),
        "operations were added or removed"
    );
}

#[test]
fn the_same_step_takes_the_same_fuel_every_time() {
    assert_eq!(measure(), measure());
}

fn measure() -> BTreeMap<String, u64> {
    let mut costs = BTreeMap::new();
    let mut small = Scenario::enrolled("").unwrap();
    let code = small.code(0).unwrap();
    costs.insert(
        "totp-accept".to_owned(),
        fuel(&mut small, begin(Some(&code))),
    );
    costs.insert(
        "totp-refuse".to_owned(),
        fuel(&mut small, begin(Some("000000"))),
    );
    costs.insert("begin".to_owned(), fuel(&mut small, begin(None)));
    let id = small.challenge().unwrap();
    costs.insert(
        "answer-accept".to_owned(),
        fuel(&mut small, answer(&id, &code)),
    );
    let two = |first: &str, second: &str| {
        let proof = Proof::TwoCodes((first.to_owned(), second.to_owned()));
        Action::Answer(Answer {
            challenge: id.clone(),
            proof,
        })
    };
    costs.insert(
        "totp-resynchronise".to_owned(),
        fuel(&mut small, two("000000", "111111")),
    );

    let mut large = largest_account(&largest_policy());
    costs.insert(
        "largest-refuse".to_owned(),
        fuel(&mut large, begin(Some("00000000"))),
    );
    let mut widest = largest_account("[totp]\nresync-window = 1000\n");
    let id = widest.challenge().unwrap();
    let proof = Proof::TwoCodes(("00000000".to_owned(), "11111111".to_owned()));
    costs.insert(
        "largest-resynchronise".to_owned(),
        fuel(
            &mut widest,
            Action::Answer(Answer {
                challenge: id,
                proof,
            }),
        ),
    );
    costs
}

fn fuel(scenario: &mut Scenario, action: Action) -> u64 {
    let event = scenario.event(action);
    let stepped = plugin().step_metered(
        &scenario.policy,
        &scenario.context(),
        scenario.record.as_deref(),
        &event,
    );
    stepped.unwrap().1
}
