//! A record of version 2, kept for ever: whatever a component writes, it reads what was written before.

use std::fmt::Write as _;

use cofactor_guest::account::{Account, Progress};
use cofactor_guest::contract::{
    Action, AdministrationChange as Do, Answer, Outcome, Proof, SignIn, Transition,
};
use cofactor_guest::view::view;
use serde_json::{Value, json};

use crate::holder::Holder;
use crate::record::shown;
use crate::world::{START, challenge_id, is_allowed, issuance, sign_in};

const VERSION_2: &[u8] = include_bytes!("../records/account-v2.bin");
const CONTENT: &str = include_str!("../records/account-v2.json");

#[test]
fn the_record_of_version_2_reads_as_ever() {
    assert_eq!(Account::version(VERSION_2), Some(2));
    let account = Account::decode(VERSION_2).unwrap();
    let expected: Value = serde_json::from_str(CONTENT).unwrap();
    assert_eq!(content(&account), expected);
    assert_eq!(account.encode(), VERSION_2, "while it is the newest");
}

/// The secrets in it are still those of its user.
#[test]
fn the_user_of_the_record_of_version_2_signs_in() {
    let mut user = Holder::new("");
    user.world.record = Some(VERSION_2.to_vec());
    user.world.now = START + 24 * 3_600_000;
    let code = user.code(0);
    let challenge = user.world.challenge();
    user.world.choose(&challenge, "totp");
    assert!(is_allowed(&user.world.answer(&challenge, &code)));
    let paper = user.paper.last().unwrap().clone();
    assert!(is_allowed(&user.world.sign_in(&paper)));
}

/// How the files were made on the day that the layout was settled: with this variable set. They are not made again.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test's own files")]
fn a_record_of_every_method_is_written_and_read() {
    let record = made();
    let account = Account::decode(&record).unwrap();
    assert_eq!(account.encode(), record);
    if std::env::var_os("COFACTOR_FREEZE_RECORD").is_some() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/records");
        std::fs::write(format!("{folder}/account-v2.bin"), &record).unwrap();
        let content = serde_json::to_string_pretty(&content(&account)).unwrap() + "\n";
        std::fs::write(format!("{folder}/account-v2.json"), content).unwrap();
    }
}

/// A user of every method on an ordinary day: remembered, asked by several ways at once, with a few failures, a number that
/// waits, a PIN to be changed, and something half enrolled.
fn made() -> Vec<u8> {
    let mut user = Holder::new(
        "[devices]\nlifetime = '30d'\n[pin]\nmethods = ['ocra']\niterations = 1000\n[sends]\ncooldown = '0s'\nhold = '1d'\n",
    );
    let passed = remembered(&mut user);
    let Outcome::Allow(allowance) = passed.outcome else {
        panic!("{passed:?}")
    };
    let session = Some(allowance.claims);
    let begun = user
        .world
        .enrol_address_as("sms", "+4915198765432", session.clone());
    let code = crate::world::argument(&begun, "code");
    let added = user
        .world
        .enrol_finish(&challenge_id(&begun.outcome), &code);
    let Outcome::Allow(allowance) = added.outcome else {
        panic!("{added:?}")
    };
    user.world.enrol_begin("hotp", Some(allowance.claims));
    let wrong = user.world.sign_in("00000000");
    assert!(!is_allowed(&wrong));
    user.world.administer(issuance("pin", "PIN"));
    user.world.administer(Do::GrantBypass(None));
    user.world.administer(Do::Create);
    let mut bypass = user.world.account();
    // The bypass stays for the record's sake: what follows would take it.
    let until = bypass.bypass.take();
    user.world.record = Some(bypass.encode());
    for method in ["push", "voice", "email"] {
        let begun = begin(&mut user, method);
        user.receive(&begun);
        if method == "push" {
            let right = user.right(&challenge_id(&begun.outcome)).unwrap();
            user.world.act(right);
        }
    }
    user.world.now += 30_000;
    assert!(is_allowed(&remembered(&mut user)));
    let mut account = user.world.account();
    account.bypass = until;
    account.encode()
}

/// The user signs in by the time-based token and asks to be remembered.
fn remembered(user: &mut Holder) -> Transition {
    let challenge = user.world.challenge();
    user.world.choose(&challenge, "totp");
    let proof = Proof::Code(user.code(0));
    user.world.act(Action::Answer(Answer {
        challenge,
        proof,
        remember: true,
    }))
}

fn begin(user: &mut Holder, method: &str) -> Transition {
    user.world.act(Action::Begin(SignIn {
        method: Some(method.into()),
        transaction: Some("Pay 10 EUR to Bob".into()),
        ..sign_in()
    }))
}

/// What is in it, by name: what a later version adds is of no account here.
fn content(account: &Account) -> Value {
    let credentials = account.credentials.iter().map(|it| {
        json!({
            "id": it.id.text(),
            "method": it.method_name(),
            "created": it.created,
            "last-used": it.last_used,
            "usable-from": it.usable_from,
            "failures": it.failures.count,
            "state": hex(it.state.as_bytes()),
        })
    });
    let challenges = account.challenges.iter().map(|it| {
        json!({
            "id": it.id.text(),
            "application": it.application,
            "credential": it.credential.map(|id| id.text()),
            "begun": it.begun,
            "expires": it.expires,
            "question-expires": it.question_expires,
            "attempts": it.attempts,
            "sends": it.sends,
            "question": hex(it.question.as_bytes()),
            "effect": it.effect.map(|id| id.text()),
            "text": it.demand.transaction.as_ref().map(|it| it.text.clone()),
            "proved": it.proved.methods.iter().collect::<Vec<_>>(),
            "accepted": match it.progress {
                Progress::Accepted(grant) => Some(grant.proved.methods.iter().collect::<Vec<_>>()),
                _ => None,
            },
        })
    });
    let enrolments = account.enrolments.iter().map(|it| {
        json!({
            "id": it.id.text(),
            "generation": it.generation,
            "expires": it.expires,
            "method": it.credential.method_name(),
            "state": hex(it.credential.state.as_bytes()),
        })
    });
    let devices = account.devices.iter().map(|it| {
        json!({ "id": it.id.text(), "turn": it.turn, "created": it.created, "expires": it.expires })
    });
    let sends = account.sends.iter();
    let sends = sends.map(|it| json!([it.method, it.at, it.answered, it.declined]));
    let requests = account.requests.iter();
    let requests = requests.map(|it| json!([it.key, hex(&it.digest), it.at]));
    let pin = account.pin.as_ref().map(|it| {
        json!({ "salt": hex(&it.salt), "hash": hex(&it.hash), "iterations": it.iterations, "initial": it.initial })
    });
    json!({
        "view": shown(&view(&account.encode()).unwrap()),
        "state": format!("{:?}", account.state),
        "created": account.created,
        "latest": account.latest,
        "generation": account.generation,
        "failures": account.failures.count,
        "bypass": account.bypass,
        "pin": pin,
        "credentials": credentials.collect::<Vec<_>>(),
        "challenges": challenges.collect::<Vec<_>>(),
        "enrolments": enrolments.collect::<Vec<_>>(),
        "devices": devices.collect::<Vec<_>>(),
        "sends": sends.collect::<Vec<_>>(),
        "requests": requests.collect::<Vec<_>>(),
    })
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}
