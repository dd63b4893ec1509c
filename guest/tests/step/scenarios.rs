//! The sequences that other verifiers assert (tests/vectors/oath/scenarios.json).

use cofactor_guest::account::Sealed;
use cofactor_guest::base32::Secret;
use cofactor_guest::contract::{Outcome, Proof};
use cofactor_guest::methods;
use serde_json::Value;

use crate::world::{World, challenge_id, compile, is_allowed, reason, uri};

/// Sequences that need what is not there, or assert what we do not do, with the reason.
const LEFT_OUT: [(&str, &str); 3] = [
    (
        "ga-rate-limit-4-per-120s",
        "limits attempts and not failures: our throttle is another",
    ),
    (
        "ga-time-skew-3-consecutive",
        "its own note advises against it: we ask for two codes, explicitly",
    ),
    ("pi-auth-count-max", "static tokens are no method of ours"),
];

const SCENARIOS: &str = include_str!("../../../tests/vectors/oath/scenarios.json");

const LAX: &str = "[throttle]\ndelay-after = 100\nlock-after = 100\n";

#[test]
fn every_scenario_that_we_do_not_leave_out_holds() {
    let file: Value = serde_json::from_str(SCENARIOS).unwrap();
    let mut ran = 0;
    for scenario in file["scenarios"].as_array().unwrap() {
        let id = scenario["id"].as_str().unwrap();
        match id {
            "hotp-table-6" | "hotp-table-7" | "hotp-table-8" => hotp_table(id, scenario),
            "hotp-pam-lookahead-monotonic"
            | "totp-usersfile-replay"
            | "ga-digits-strict"
            | "pi-totp-order" => {
                one_token(id, scenario);
            }
            "ga-window-3" | "ga-step-60" => fresh_tokens(id, scenario),
            "hotp-pam-pin-prefix" => pin_prefix(id, scenario),
            "ga-scratch-code-once" => scratch_code(id, scenario),
            "pi-hotp-resync" => resync(id, scenario),
            "pi-hotp-autoresync" => auto_resync(id, scenario),
            "pi-failcounter-lock" => failcounter(id, scenario),
            "pi-challenge-single-use" => single_use(id, scenario),
            other => {
                assert!(
                    LEFT_OUT.iter().any(|(left_out, _)| *left_out == other),
                    "{other} is not known"
                );
                continue;
            }
        }
        ran += 1;
    }
    assert_eq!(ran, 15);
    assert_eq!(ran + LEFT_OUT.len(), 18);
    tell(ran);
}

/// The summary of `make test` says what was left out.
fn tell(ran: usize) {
    let Some(folder) = std::env::var_os("COFACTOR_REPORT") else {
        return;
    };
    let left_out: Vec<_> = LEFT_OUT
        .iter()
        .map(|(id, why)| format!("{id} ({why})"))
        .collect();
    let all = ran + LEFT_OUT.len();
    let line = format!(
        "sequences of other verifiers: {ran} of {all}; not {}\n",
        left_out.join(", ")
    );
    let mut notes = std::fs::OpenOptions::new();
    let notes = notes.create(true).append(true);
    let notes = notes.open(std::path::Path::new(&folder).join("notes.txt"));
    std::io::Write::write_all(&mut notes.unwrap(), line.as_bytes()).unwrap();
}

/// A user with the scenario's token.
fn user(scenario: &Value) -> World {
    let token = &scenario["token"];
    let mut world = World::new("");
    set_window(&mut world, token);
    if let Some(now) = token["now"]
        .as_u64()
        .or(scenario["steps"][0]["at"].as_u64())
    {
        world.now = now * 1000;
    }
    let key = token["key_hex"].as_str().unwrap();
    let key: Vec<u8> = (0..key.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&key[at..at + 2], 16).unwrap())
        .collect();
    let kind = token["type"].as_str().unwrap();
    let digits = token["digits"].as_u64().unwrap_or(6);
    let rest = match kind {
        "hotp" => format!(
            "&digits={digits}&counter={}",
            token["counter"].as_u64().unwrap_or(0)
        ),
        _ => format!(
            "&digits={digits}&period={}",
            token["step"].as_u64().unwrap_or(30)
        ),
    };
    world.import(&uri(kind, crate::world::SECRET, &rest));
    // Not by the import, which refuses secrets as short as some of these.
    let mut account = world.account();
    let held = account.credentials[0].state.as_bytes();
    let state = if account.credentials[0].method == methods::hotp::NUMBER {
        let mut state = methods::hotp::State::decode(held).unwrap();
        state.token.secret = Secret::new(key);
        state.encode()
    } else {
        let mut state = methods::totp::State::decode(held).unwrap();
        state.token.secret = Secret::new(key);
        state.encode()
    };
    account.credentials[0].state = Sealed::new(state);
    world.record = Some(account.encode());
    world
}

/// The window that a token or a step of a scenario names.
fn set_window(world: &mut World, from: &Value) {
    let mut policy = LAX.to_owned();
    if let Some(seconds) = from["window_seconds"].as_u64() {
        policy += &format!("[totp]\nwindow = {0}\ndrift-cap = {0}\n", seconds / 30);
    }
    if let Some(window) = from["window"].as_u64() {
        policy += &format!("[totp]\nwindow = {window}\ndrift-cap = {window}\n");
    }
    if let Some(look_ahead) = from["look_ahead"].as_u64() {
        policy += &format!("[hotp]\nlook-ahead = {look_ahead}\n");
    }
    world.policy = compile(&policy);
}

fn hotp_table(id: &str, scenario: &Value) {
    for step in scenario["steps"].as_array().unwrap() {
        let (counter, code) = (
            step["counter"].as_u64().unwrap(),
            step["otp"].as_str().unwrap(),
        );
        let mut world = user(scenario);
        world.policy = compile(&format!(
            "[hotp]\nlook-ahead = {}\n",
            counter.saturating_sub(1)
        ));
        assert_eq!(
            is_allowed(&world.clone().sign_in(code)),
            counter == 0,
            "{id} {step}"
        );
        world.policy = compile("[hotp]\nlook-ahead = 20\n");
        assert!(is_allowed(&world.sign_in(code)), "{id} {step}");
        assert_eq!(counter_of(&world), counter + 1, "{id} {step}");
    }
}

fn one_token(id: &str, scenario: &Value) {
    let mut world = user(scenario);
    for step in scenario["steps"].as_array().unwrap() {
        if step["window"].is_u64() {
            set_window(&mut world, step);
        }
        if let Some(at) = step["at"].as_u64() {
            world.now = at * 1000;
        }
        let transition = world.sign_in(step["otp"].as_str().unwrap());
        assert_eq!(
            is_allowed(&transition),
            step["expect"] == "accept",
            "{id} {step} {}",
            reason(&transition)
        );
        match step["code"].as_str() {
            Some("replayed") => assert_eq!(reason(&transition), "code-already-used", "{id} {step}"),
            Some("invalid") => assert_eq!(reason(&transition), "incorrect-code", "{id} {step}"),
            _ => {}
        }
        if let Some(counter) = step["counter"].as_u64() {
            assert_eq!(counter_of(&world), counter + 1, "{id} {step}");
        }
    }
}

/// Theirs is of letters, ours of digits: one that the user chose stands for it.
fn pin_prefix(id: &str, scenario: &Value) {
    const PIN: &str = "802917";
    let mut world = user(scenario);
    let unused = world.account().credentials[0].state.clone();
    world.policy = compile(&format!(
        "{LAX}[hotp]\nlook-ahead = {}\n[pin]\nmethods = ['hotp']\niterations = 1000\n",
        scenario["token"]["look_ahead"]
    ));
    let prefix = scenario["token"]["pin_prefix"].as_str().unwrap();
    let steps = scenario["steps"].as_array().unwrap();
    let right = |step: &&Value| step["expect"] == "accept";
    let first = steps.iter().find(right).unwrap()["otp"].as_str().unwrap();
    let asked = world.sign_in(first.strip_prefix(prefix).unwrap());
    let chosen = world.prove(&challenge_id(&asked.outcome), Proof::NewPin(PIN.to_owned()));
    assert!(is_allowed(&chosen), "{id}: {chosen:?}");
    let mut account = world.account();
    account.credentials[0].state = unused;
    world.record = Some(account.encode());
    for step in steps {
        let otp = step["otp"].as_str().unwrap().replace(prefix, PIN);
        let allowed = is_allowed(&world.sign_in(&otp));
        assert_eq!(allowed, step["expect"] == "accept", "{id} {step}");
    }
}

/// Codes are made here and never brought along: the first of a set stands for theirs.
fn scratch_code(id: &str, scenario: &Value) {
    let mut world = World::with_totp("[accounts]\nmethods = ['totp', 'recovery-code']\n");
    let session = world.session();
    let begun = world.enrol_begin("recovery-code", Some(session));
    let Outcome::Done(done) = &begun.outcome else {
        panic!("{id}: {begun:?}")
    };
    let given = &done.provisioning.as_ref().unwrap().payload;
    let code = given.lines().next().unwrap();
    for step in scenario["steps"].as_array().unwrap() {
        let allowed = is_allowed(&world.sign_in(code));
        assert_eq!(allowed, step["expect"] == "accept", "{id} {step}");
    }
}

fn fresh_tokens(id: &str, scenario: &Value) {
    for step in scenario["steps"].as_array().unwrap() {
        let mut fresh = scenario.clone();
        fresh["token"]["now"] = step["at"].clone();
        let mut world = user(&fresh);
        let allowed = is_allowed(&world.sign_in(step["otp"].as_str().unwrap()));
        assert_eq!(allowed, step["expect"] == "accept", "{id} {step}");
    }
}

fn resync(id: &str, scenario: &Value) {
    let mut window = scenario["token"]["sync_window"].as_u64().unwrap();
    for step in scenario["steps"].as_array().unwrap() {
        match step["op"].as_str().unwrap() {
            "set_sync_window" => window = step["value"].as_u64().unwrap(),
            "set_counter" => {}
            _ => {
                // Each of them begins at counter zero.
                let mut world = user(scenario);
                world.policy = compile(&format!(
                    "[hotp]\nlook-ahead = {}\nresync-window = {window}\n",
                    scenario["token"]["count_window"]
                ));
                let challenge = world.challenge();
                let codes = (
                    step["otp1"].as_str().unwrap().into(),
                    step["otp2"].as_str().unwrap().into(),
                );
                let allowed = is_allowed(&world.prove(&challenge, Proof::TwoCodes(codes)));
                assert_eq!(allowed, step["expect"] == "ok", "{id} {step}");
            }
        }
    }
}

fn auto_resync(id: &str, scenario: &Value) {
    let mut world = user(scenario);
    world.policy = compile(&format!(
        "{LAX}[hotp]\nlook-ahead = {}\nresync-window = {}\nauto-resync = true\n",
        scenario["token"]["count_window"], scenario["token"]["sync_window"]
    ));
    let mut late = 0;
    for step in scenario["steps"].as_array().unwrap() {
        match step["op"].as_str() {
            Some("set_counter") => {
                let fresh = user(scenario).account().credentials[0].clone();
                let mut account = world.account();
                account.credentials[0].state = fresh.state;
                world.record = Some(account.encode());
            }
            // Theirs is a setting, ours is not: time passes instead.
            Some("set_autoresync_timeout") => late = 300_000,
            _ => {
                let allowed = is_allowed(&world.sign_in(step["otp"].as_str().unwrap()));
                assert_eq!(allowed, step["expect"] == "accept", "{id} {step}");
                if let Some(counter) = step["counter_after"].as_u64() {
                    assert_eq!(counter_of(&world), counter, "{id} {step}");
                }
                world.now += late;
            }
        }
    }
}

fn failcounter(id: &str, scenario: &Value) {
    let mut world = user(scenario);
    world.policy = compile("");
    for step in scenario["steps"].as_array().unwrap() {
        match step["op"].as_str() {
            Some("set_failcount") => {
                for _ in 0..step["value"].as_u64().unwrap() {
                    world.wait();
                    assert_eq!(reason(&world.sign_in("000000")), "incorrect-code");
                }
            }
            Some("clear_timeout_elapsed") => world.wait(),
            _ => {
                let transition = world.sign_in(step["otp"].as_str().unwrap());
                let accept = matches!(
                    step["expect"].as_str(),
                    Some("accept" | "accept_after_timeout")
                );
                assert_eq!(is_allowed(&transition), accept, "{id} {step}");
                if step["code"] == "Failcounter exceeded" {
                    assert_eq!(reason(&transition), "locked", "{id} {step}");
                }
            }
        }
    }
}

/// There the PIN triggers the challenge: here the first factor does.
fn single_use(id: &str, scenario: &Value) {
    let mut world = user(scenario);
    let mut challenge = String::new();
    for step in scenario["steps"].as_array().unwrap() {
        if step["op"] == "expire" {
            world.now += 600_000;
        } else if step["expect"] == "challenge" {
            let Outcome::Challenge(opened) = world.begin().outcome else {
                panic!("{id} {step}")
            };
            challenge = opened.id;
        } else {
            let allowed = is_allowed(&world.answer(&challenge, step["pass"].as_str().unwrap()));
            assert_eq!(allowed, step["expect"] == "accept", "{id} {step}");
        }
    }
}

fn counter_of(world: &World) -> u64 {
    crate::world::counter(&world.account(), 0)
}
