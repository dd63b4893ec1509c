//! Time that says nothing, shown by fuel: it counts the instructions that ran, and is the same on every machine.

use cofactor_runtime::contract::{Action, AdministrationChange, Choice, Outcome};
use cofactor_tests::scenario::{SECRET, Scenario, answer, begin, plugin, totp};
use totp_rs::Algorithm;

/// How much more or less an unknown user's step may cost than a known one's, in percent: the decoy's own digests, about a
/// microsecond (docs/attacks.md).
const BAND: u64 = 10;

fn fuel(scenario: &Scenario, action: Action) -> u64 {
    // The same number of events before it, so that entropy and ids are the same.
    let mut scenario = scenario.clone();
    let event = scenario.event(action);
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

/// A user with one credential of the method, and its code `steps` from now.
fn enrolled(method: &str, digits: u8, policy: &str) -> (Scenario, impl Fn(u64) -> String) {
    let mut scenario = Scenario::new(policy).unwrap();
    let counter = if method == "hotp" { "&counter=0" } else { "" };
    let uri = format!(
        "otpauth://{method}/E:a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits={digits}{counter}"
    );
    scenario.import(&uri).unwrap();
    let (period, at) = match method {
        "hotp" => (1, 0),
        _ => (30, scenario.now / 1_000),
    };
    let code = move |steps: u64| {
        totp(SECRET, Algorithm::SHA1, digits, period, at + period * steps).unwrap()
    };
    (scenario, code)
}

#[test]
fn otp_13_every_wrong_code_of_one_length_costs_the_same() {
    for method in ["totp", "hotp"] {
        for digits in [6, 7, 8] {
            let (scenario, code) = enrolled(method, digits, "");
            let right = code(0);
            let mut costs = Vec::new();
            for matching in 0..right.len() {
                for change in 1..10 {
                    let wrong: String = right
                        .char_indices()
                        .map(|(at, digit)| {
                            let value = digit.to_digit(10).unwrap();
                            let value = if at < matching {
                                value
                            } else {
                                (value + change) % 10
                            };
                            char::from_digit(value, 10).unwrap()
                        })
                        .collect();
                    costs.push((fuel(&scenario, begin(Some(&wrong))), wrong));
                }
            }
            let first = costs[0].0;
            let same = costs.iter().all(|(cost, _)| *cost == first);
            assert!(same, "{method} {digits}: {costs:?}");
        }
    }
}

#[test]
fn pl_10_which_step_of_the_window_matches_does_not_show() {
    let window = "[totp]\nwindow = 10\ndrift-cap = 10\n[hotp]\nlook-ahead = 20\n";
    for method in ["totp", "hotp"] {
        for digits in [6, 8] {
            let (mut scenario, code) = enrolled(method, digits, window);
            // The first step of the window is now ten steps old.
            scenario.now += if method == "totp" { 300_000 } else { 0 };
            let costs: Vec<_> = (0..=20)
                .map(|steps| fuel(&scenario, begin(Some(&code(steps)))))
                .collect();
            let same = costs.iter().all(|cost| *cost == costs[0]);
            assert!(same, "{method} {digits}: {costs:?}");
        }
    }
}

/// In each state that an account may be in, whatever is asked.
#[test]
fn bf_09_an_unknown_user_costs_what_a_known_one_does() {
    let policy = "[accounts]\nprovision = \"known-only\"\n";
    let mut known = Scenario::enrolled(policy).unwrap();
    let mut unknown = Scenario::new(policy).unwrap();
    unknown.origin = cofactor_tests::scenario::origin("mallo");
    // Both were asked before: a decoy is made at the first question.
    let mut challenges = [known.challenge().unwrap(), unknown.challenge().unwrap()];
    for (state, failures) in [("new", 0), ("throttled", 4), ("locked", 10)] {
        for it in [&mut known, &mut unknown] {
            while failures > failed(it) {
                // Past every delay; the last failure is just now.
                it.now += 400_000;
                it.early("000000").unwrap();
            }
        }
        let now = known.now.max(unknown.now);
        (known.now, unknown.now) = (now, now);
        let code = known.code(0).unwrap();
        let accepted = matches!(known.clone().early(&code).unwrap(), Outcome::Allow(_));
        assert_eq!(accepted, state == "new", "{state}");
        for action in [
            "begin",
            "begin-with-code",
            "answer",
            "answer-unknown",
            "choose",
        ] {
            let costs = [(&known, &challenges[0]), (&unknown, &challenges[1])].map(|(it, id)| {
                let action = match action {
                    "begin" => begin(None),
                    "begin-with-code" => begin(Some("123456")),
                    "answer" => answer(id, "123456"),
                    "answer-unknown" => answer(&"0".repeat(32), "123456"),
                    _ => Action::ChooseMethod(Choice {
                        challenge: id.clone(),
                        method: "totp".to_owned(),
                        credential: None,
                    }),
                };
                fuel(it, action)
            });
            let apart = costs[0].abs_diff(costs[1]);
            assert!(
                apart * 100 <= costs[0] * BAND,
                "{state}, {action}: known and unknown cost {costs:?}"
            );
        }
        challenges = [known.challenge().unwrap(), unknown.challenge().unwrap()];
    }
}

fn failed(scenario: &Scenario) -> u32 {
    let view = plugin().view(scenario.record.as_ref().unwrap()).unwrap();
    view.credentials[0].failures
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
    assert_eq!(
        fuel(&scenario, begin(Some(&right))),
        fuel(&scenario, begin(Some("000000")))
    );
    let (a, b) = (
        scenario.clone().early(&right).unwrap(),
        scenario.clone().early("000000").unwrap(),
    );
    assert_eq!(a, b);
    assert!(scenario.administer(AdministrationChange::Unlock).is_ok());
}
