//! Telephone calls: S01, S02, S15, S16.

use cofactor_guest::contract::{
    Action, AdministrationChange, Management, ManagementChange, Outcome, PhoneAnswer,
    PhoneDecision, Transition,
};

use crate::sms::NUMBER;
use crate::world::{
    World, argument, challenge_id, compile, is_allowed, message, public_reason, reason,
};

const POLICY: &str = "accounts.methods = [\"voice\"]\n";

/// A call that is going on.
pub struct Call {
    pub challenge: String,
    pub credential: String,
    pub token: String,
}

impl Call {
    pub fn of(transition: &Transition) -> Self {
        let (way, sent, _) = message(transition).expect("a call");
        assert_eq!((way, sent.to.as_str()), ("call", NUMBER));
        Self {
            challenge: challenge_id(&transition.outcome),
            credential: sent.credential,
            token: argument(transition, "call"),
        }
    }

    pub fn ends(&self, decision: PhoneDecision) -> Action {
        Action::PhoneAnswer(PhoneAnswer {
            challenge: self.challenge.clone(),
            credential: self.credential.clone(),
            decision,
            signature: self.token.clone().into_bytes(),
            number: None,
        })
    }

    pub fn keys(&self, keys: &str) -> Action {
        self.ends(PhoneDecision::Digits(keys.into()))
    }
}

/// A user with a number that an administrator vouched for.
pub fn with_number(document: &str) -> World {
    let mut world = World::new(document);
    let issued = world.issue("voice", NUMBER);
    assert!(
        matches!(issued.outcome, Outcome::Done(_)),
        "{:?}",
        issued.outcome
    );
    world
}

#[test]
fn s01_a_call_is_accepted_by_the_hash_key_and_the_browser_comes_for_the_result() {
    let mut world = with_number(POLICY);
    let begun = world.begin();
    let Outcome::Pending(pending) = &begun.outcome else {
        panic!("{:?}", begun.outcome)
    };
    assert_eq!(pending.prompt.message, "answer-call");
    assert_eq!(
        pending.prompt.arguments,
        [("number".to_owned(), "+49***78".to_owned())]
    );
    assert_eq!(argument(&begun, "answer"), "hash");
    let call = Call::of(&begun);
    assert_eq!(argument(&begun, "challenge"), call.challenge);
    assert!(matches!(
        world.poll(&call.challenge).outcome,
        Outcome::Pending(_)
    ));
    let answered = world.act(call.keys("#"));
    assert!(
        matches!(answered.outcome, Outcome::Done(_)),
        "{:?}",
        answered.outcome
    );
    let Outcome::Allow(allowance) = world.poll(&call.challenge).outcome else {
        panic!()
    };
    assert_eq!(allowance.claims.amr, ["tel", "mfa"]);
    assert_eq!(reason(&world.poll(&call.challenge)), "challenge-unknown");
}

#[test]
fn s01_whatever_is_no_key_ends_the_call_with_a_reason_of_its_own() {
    let cases = [
        (PhoneDecision::Approved, "no-response"),
        (PhoneDecision::Other("smiled".into()), "no-response"),
        (PhoneDecision::Digits(String::new()), "no-response"),
        (PhoneDecision::NoAnswer, "no-response"),
        (PhoneDecision::Voicemail, "voicemail"),
        (PhoneDecision::HungUp, "hung-up"),
        (PhoneDecision::Denied, "user-declined"),
    ];
    for (decision, expected) in cases {
        let mut world = with_number(POLICY);
        let call = Call::of(&world.begin());
        let ended = world.act(call.ends(decision.clone()));
        assert_eq!(reason(&ended), expected, "{decision:?}");
        let polled = world.poll(&call.challenge);
        assert_eq!(public_reason(&polled), expected, "{decision:?}");
        assert_eq!(
            world.account().credentials[0].failures.count,
            0,
            "nothing is counted"
        );
        assert_eq!(
            reason(&world.act(call.keys("#"))),
            "challenge-unknown",
            "too late"
        );
    }
}

#[test]
fn s01_a_call_that_nobody_takes_in_time_is_no_answer() {
    for document in [
        POLICY,
        "accounts.methods = [\"voice\"]\n[voice]\nlifetime = \"30s\"\n",
    ] {
        let mut world = with_number(document);
        let call = Call::of(&world.begin());
        world.now += 120_000;
        assert_eq!(reason(&world.act(call.keys("#"))), "challenge-expired");
        assert_eq!(
            reason(&world.poll(&call.challenge)),
            "no-response",
            "{document}"
        );
    }
}

#[test]
fn s02_configured_digits_are_asked_for_once_more_and_counted() {
    let mut world = with_number(
        "accounts.methods = [\"voice\"]\n[voice]\nanswer = \"digits\"\ndigits = \"4711\"\n",
    );
    let begun = world.begin();
    assert_eq!(argument(&begun, "answer"), "digits");
    let (_, sent, _) = message(&begun).unwrap();
    assert!(
        sent.body
            .arguments
            .iter()
            .all(|(_, value)| !value.contains("4711"))
    );
    let call = Call::of(&begun);
    let wrong = world.act(call.keys("4712#"));
    assert!(matches!(wrong.outcome, Outcome::Done(_)));
    assert_eq!(reason(&wrong), "incorrect-code");
    assert!(matches!(
        world.poll(&call.challenge).outcome,
        Outcome::Pending(_)
    ));
    world.act(call.keys("4711#"));
    assert!(is_allowed(&world.poll(&call.challenge)));

    world.now += 60_000;
    let call = Call::of(&world.begin());
    for keys in ["#", "471#"] {
        assert_eq!(reason(&world.act(call.keys(keys))), "incorrect-code");
    }
    assert_eq!(world.account().credentials[0].failures.count, 2);
    assert_eq!(reason(&world.act(call.keys("4711#"))), "challenge-unknown");
    assert_eq!(
        public_reason(&world.poll(&call.challenge)),
        "incorrect-code"
    );
}

#[test]
fn s11_a_pin_is_pressed_in_a_call() {
    let mut world = with_number(
        "accounts.methods = [\"voice\"]\n[voice]\nanswer = \"pin\"\n[pin]\nleast = 4\n",
    );
    // The first PIN is set by a session of a call by hash.
    let policy = world.policy.clone();
    world.policy = compile(POLICY);
    let call = Call::of(&world.begin());
    world.act(call.keys("#"));
    let Outcome::Allow(allowance) = world.poll(&call.challenge).outcome else {
        panic!()
    };
    world.policy = policy;
    let begun = world.begin();
    assert_eq!(
        reason(&begun),
        "method-not-allowed",
        "nobody is called without a PIN"
    );
    assert!(begun.effects.is_empty());
    let set = world.act(Action::Manage(Management {
        session: Some(allowance.claims),
        change: ManagementChange::SetPin("739158".into()),
    }));
    assert!(matches!(set.outcome, Outcome::Done(_)), "{:?}", set.outcome);
    let begun = world.begin();
    assert_eq!(argument(&begun, "answer"), "pin");
    let call = Call::of(&begun);
    let wrong = world.act(call.keys("739159#"));
    assert_eq!(reason(&wrong), "incorrect-pin");
    assert_eq!(world.account().pin.unwrap().failures.count, 1);
    world.act(call.keys("739158#"));
    assert!(is_allowed(&world.poll(&call.challenge)));
    assert_eq!(world.account().pin.unwrap().failures.count, 0);
}

#[test]
fn sv_04_only_one_hash_accepts() {
    for keys in [
        "##", "###", "#1", "1#", "1", "*", "#*", " #", "0", "00#", "＃",
    ] {
        let mut world = with_number(POLICY);
        let call = Call::of(&world.begin());
        let pressed = world.act(call.keys(keys));
        assert_eq!(reason(&pressed), "incorrect-code", "{keys}");
        assert!(!is_allowed(&world.poll(&call.challenge)), "{keys}");
    }
}

#[test]
fn sv_05_the_fraud_code_is_never_a_success_even_if_hash_follows() {
    let confirmed = "accounts.methods = [\"voice\"]\n";
    let at_once = "accounts.methods = [\"voice\"]\n[fraud]\nconfirm = false\n";
    for (document, keys, expected) in [
        (confirmed, "0#1", "fraud-reported"),
        (confirmed, "0#1#", "fraud-reported"),
        (confirmed, "0##", "user-declined"),
        (confirmed, "0#", "user-declined"),
        (confirmed, "0#2", "user-declined"),
        (at_once, "0#", "fraud-reported"),
        (at_once, "0##", "fraud-reported"),
    ] {
        let mut world = with_number(document);
        let call = Call::of(&world.begin());
        let pressed = world.act(call.keys(keys));
        assert!(
            pressed.audit.iter().any(|fact| fact.reason == expected),
            "{keys}: {:?}",
            pressed.audit
        );
        let polled = world.poll(&call.challenge);
        assert!(!is_allowed(&polled), "{keys}");
        let blocked = world.account().blocked.is_some_and(|block| block.fraud);
        assert_eq!(blocked, expected == "fraud-reported", "{keys}");
        assert_eq!(
            reason(&world.act(call.keys("#"))),
            "challenge-unknown",
            "{keys}"
        );
    }
    // In digits mode too, before anything else.
    let mut world = with_number(
        "accounts.methods = [\"voice\"]\n[voice]\nanswer = \"digits\"\ndigits = \"4711\"\nfraud-code = \"99\"\n",
    );
    let begun = world.begin();
    assert_eq!(argument(&begun, "fraud-code"), "99");
    let call = Call::of(&begun);
    world.act(call.keys("99#1"));
    assert!(world.account().blocked.is_some());
}

#[test]
fn sv_05_a_fraud_is_heard_though_the_account_is_locked() {
    let mut world = with_number(
        "accounts.methods = [\"voice\"]
[throttle]
lock-after = 4
[sends]
cooldown = \"0s\"
account = 24
number = 0
",
    );
    for _ in 0..2 {
        let call = Call::of(&world.begin());
        for keys in ["1#", "2#"] {
            world.wait();
            world.act(call.keys(keys));
        }
    }
    assert!(world.account().credentials[0].failures.locked_until > world.now);
    let call = Call::of(&world.begin());
    let stranger = Call {
        token: "00".into(),
        ..Call::of(&world.begin())
    };
    let forged = world.act(stranger.keys("#"));
    assert_eq!(
        reason(&forged),
        "signature-invalid",
        "a stranger ends nothing, locked or not"
    );
    let pressed = world.act(call.keys("0#1"));
    assert!(
        pressed
            .audit
            .iter()
            .any(|fact| fact.kind == "fraud-reported")
    );
    assert!(world.account().blocked.is_some());
}

#[test]
fn a_locked_number_does_not_accept() {
    let mut world = with_number(
        "accounts.methods = [\"voice\"]\n[throttle]\nlock-after = 2\ndelay-after = 1\n[sends]\ncooldown = \"0s\"\n",
    );
    let call = Call::of(&world.begin());
    world.act(call.keys("1#"));
    world.wait();
    world.act(call.keys("2#"));
    let call = Call::of(&world.begin());
    for _ in 0..2 {
        assert_eq!(reason(&world.act(call.keys("#"))), "locked");
    }
    assert_eq!(
        public_reason(&world.poll(&call.challenge)),
        "incorrect-code"
    );
}

#[test]
fn sv_06_an_answer_belongs_to_its_call() {
    let mut world = with_number(
        "accounts.methods = [\"voice\"]\n[sends]\ncooldown = \"0s\"\naccount = 24\nnumber = 0\n",
    );
    let first = Call::of(&world.begin());
    let second = Call::of(&world.begin());
    let swapped = Call {
        token: first.token.clone(),
        challenge: second.challenge.clone(),
        credential: second.credential.clone(),
    };
    for (name, forged) in [
        ("another call's", swapped.keys("#")),
        (
            "none",
            Call {
                token: String::new(),
                challenge: second.challenge.clone(),
                credential: second.credential.clone(),
            }
            .keys("#"),
        ),
        (
            "hung up",
            Call {
                token: "x".into(),
                challenge: second.challenge.clone(),
                credential: second.credential.clone(),
            }
            .ends(PhoneDecision::HungUp),
        ),
        (
            "fraud",
            Call {
                token: "x".into(),
                challenge: second.challenge.clone(),
                credential: second.credential.clone(),
            }
            .ends(PhoneDecision::Fraud),
        ),
    ] {
        assert_eq!(reason(&world.act(forged)), "signature-invalid", "{name}");
        assert!(
            matches!(world.poll(&second.challenge).outcome, Outcome::Pending(_)),
            "{name}"
        );
    }
    let elsewhere = Call {
        credential: "0011223344556677".into(),
        token: second.token.clone(),
        challenge: second.challenge.clone(),
    };
    assert_eq!(reason(&world.act(elsewhere.keys("#"))), "challenge-unknown");
    assert_eq!(world.account().credentials[0].failures.count, 0);
    // The token of before a resend is dead.
    let resent = Call::of(&world.resend(&second.challenge));
    assert_eq!(reason(&world.act(second.keys("#"))), "signature-invalid");
    world.act(resent.keys("#"));
    assert!(is_allowed(&world.poll(&resent.challenge)));
    // Replayed.
    assert_eq!(reason(&world.act(resent.keys("#"))), "challenge-unknown");
    // An answer for a challenge of another user.
    let mut bob = with_number(POLICY);
    bob.user = "bob".into();
    bob.keys[0].secret = vec![10; 32];
    assert_eq!(reason(&bob.act(first.keys("#"))), "challenge-unknown");
}

#[test]
fn the_result_is_for_the_browser_that_waits() {
    let mut world = with_number(POLICY);
    let call = Call::of(&world.begin());
    world.act(call.keys("#"));
    let mut elsewhere = world.clone();
    elsewhere.binding = vec![8; 32];
    let polled = elsewhere.poll(&call.challenge);
    assert_eq!(reason(&polled), "challenge-binding");
    assert!(is_allowed(&world.poll(&call.challenge)));
}

#[test]
fn a_number_is_confirmed_by_the_code_that_a_call_spells() {
    let mut world = World::new(POLICY);
    let begun = world.enrol_address("voice", NUMBER);
    let (way, sent, _) = message(&begun).unwrap();
    assert_eq!(
        (way, sent.body.message.as_str()),
        ("call", "confirm-number")
    );
    let Outcome::Enrol(enrolment) = &begun.outcome else {
        panic!("{:?}", begun.outcome)
    };
    assert_eq!(enrolment.prompt.message, "enter-code-from-call");
    let challenge = challenge_id(&begun.outcome);
    assert!(!is_allowed(&world.enrol_finish(&challenge, "x")));
    let finished = world.enrol_finish(&challenge, &argument(&begun, "code"));
    assert!(is_allowed(&finished), "{:?}", finished.outcome);
    assert_eq!(finished.claims.len(), 1);
}

#[test]
fn s16_the_caller_s_number_and_s15_the_greeting_go_with_the_call() {
    let mut world = with_number(
        "accounts.methods = [\"voice\"]
[voice]
caller-id = \"+4930123456\"
[[greeting]]
message = \"approve-call\"
text-id = \"everybody\"
[[greeting]]
message = \"approve-call\"
language = \"en\"
application = \"wiki\"
text-id = \"wiki-en\"
",
    );
    let begun = world.begin();
    assert_eq!(argument(&begun, "caller-id"), "+4930123456");
    assert_eq!(argument(&begun, "greeting"), "wiki-en");
    world.now += 60_000;
    world.application = "mail".into();
    assert_eq!(argument(&world.begin(), "greeting"), "everybody");
    assert!(cofactor_guest::policy::compile("[voice]\ncaller-id = \"030 123\"\n").is_err());
}

#[test]
fn sv_07_a_moved_number_is_not_called_and_does_not_accept() {
    let mut world = with_number(POLICY);
    let call = Call::of(&world.begin());
    world.now += 60_000;
    world.facts = vec![("number-swapped".into(), "yes".into())];
    assert_eq!(reason(&world.act(call.keys("#"))), "number-swapped");
    assert_eq!(public_reason(&world.poll(&call.challenge)), "undelivered");
    let begun = world.begin();
    assert_eq!(public_reason(&begun), "undelivered");
    assert!(begun.effects.is_empty());
}

#[test]
fn a_removed_number_answers_nothing_any_more() {
    let mut world = with_number("accounts.methods = [\"voice\", \"totp\"]\n");
    let call = Call::of(&world.begin());
    world.administer(AdministrationChange::RemoveCredential(
        call.credential.clone(),
    ));
    let pressed = world.act(call.keys("#"));
    assert!(
        !is_allowed(&world.poll(&call.challenge)),
        "{:?}",
        pressed.audit
    );
}
