//! Time that says nothing, shown by fuel: it counts the instructions that ran, and is the same on every machine.

use cofactor_runtime::contract::AdministrationChange;
use cofactor_tests::scenario::{Scenario, begin, plugin};

/// How much more or less an unknown user's step may cost than a known one's, in percent: the decoy's own digests, about a
/// microsecond (docs/attacks.md).
const BAND: u64 = 10;

fn fuel(scenario: &mut Scenario, code: &str) -> u64 {
    // The same number of events before it, so that entropy and ids are the same.
    let mut scenario = scenario.clone();
    let event = scenario.event(begin(Some(code)));
    plugin()
        .step_metered(
            &scenario.policy,
            &scenario.context(),
            scenario.record.as_deref(),
            &event,
        )
        .unwrap()
        .1
}

#[test]
fn otp_13_every_wrong_code_of_one_length_costs_the_same() {
    let mut scenario = Scenario::enrolled("").unwrap();
    let right = scenario.code(0).unwrap();
    let mut costs = Vec::new();
    for matching in 0..6 {
        for change in 1..10 {
            let wrong: String = right
                .char_indices()
                .map(|(at, digit)| {
                    let value = digit.to_digit(10).unwrap();
                    char::from_digit(
                        if at < matching {
                            value
                        } else {
                            (value + change) % 10
                        },
                        10,
                    )
                    .unwrap()
                })
                .collect();
            costs.push((fuel(&mut scenario, &wrong), wrong));
        }
    }
    let first = costs[0].0;
    assert!(costs.iter().all(|(cost, _)| *cost == first), "{costs:?}");
}

#[test]
fn pl_10_which_step_of_the_window_matches_does_not_show() {
    let mut scenario = Scenario::enrolled("").unwrap();
    scenario.now += 3_600_000;
    let costs: Vec<_> = [-1, 0, 1]
        .map(|step| scenario.clone().code(step).unwrap())
        .map(|code| fuel(&mut scenario, &code))
        .into();
    let (least, most) = (costs.iter().min().unwrap(), costs.iter().max().unwrap());
    assert!((most - least) * 100 <= least * BAND, "{costs:?}");
}

#[test]
fn bf_09_an_unknown_user_costs_what_a_known_one_does() {
    let policy = "[accounts]\nprovision = \"known-only\"\n";
    let mut known = Scenario::enrolled(policy).unwrap();
    let mut unknown = Scenario::new(policy).unwrap();
    unknown.origin = cofactor_tests::scenario::origin("mallo");
    // The record of a user who was asked before, on both sides.
    known.challenge().unwrap();
    unknown.challenge().unwrap();
    for code in ["000000", "123456"] {
        let (of_known, of_unknown) = (fuel(&mut known, code), fuel(&mut unknown, code));
        let apart = of_known.abs_diff(of_unknown);
        assert!(
            apart * 100 <= of_known * BAND,
            "known {of_known}, unknown {of_unknown}"
        );
    }
}

#[test]
fn bf_10_a_locked_account_answers_the_right_code_like_a_wrong_one() {
    let mut scenario = Scenario::enrolled("").unwrap();
    for _ in 0..60 {
        scenario.early("000000").unwrap();
        scenario.now += 400_000;
        if plugin()
            .view(scenario.record.as_ref().unwrap())
            .unwrap()
            .credentials[0]
            .state
            == "locked"
        {
            break;
        }
    }
    let view = plugin().view(scenario.record.as_ref().unwrap()).unwrap();
    assert_eq!(view.credentials[0].state, "locked", "{view:?}");
    let right = scenario.code(0).unwrap();
    assert_eq!(fuel(&mut scenario, &right), fuel(&mut scenario, "000000"));
    let (a, b) = (
        scenario.clone().early(&right).unwrap(),
        scenario.clone().early("000000").unwrap(),
    );
    assert_eq!(a, b);
    assert!(scenario.administer(AdministrationChange::Unlock).is_ok());
}
