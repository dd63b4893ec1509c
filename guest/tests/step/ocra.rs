//! Tokens that answer questions (M07, S17): RFC 6287. The published vectors are beside the suite's own code.

use cofactor_guest::base32;
use cofactor_guest::contract::{
    Action, AdministrationChange, Challenge, EnrolmentRequest, Issuance, Outcome, SignIn,
};
use cofactor_guest::methods::ocra::{Inputs, State, Suite};

use super::world::{START, World, challenge_id, is_allowed, public_reason, reason, sign_in};

const POLICY: &str = "[accounts]\nmethods = ['totp', 'ocra']\n";

/// A token, as its user holds it.
struct Token {
    suite: Suite,
    secret: Vec<u8>,
    counter: u64,
}

impl Token {
    /// What it shows for a question, so many seconds from now, and then counts on.
    fn answer(&mut self, question: &str, now: u64) -> String {
        let step = u64::from(self.suite.step.unwrap_or(1));
        let inputs = Inputs {
            counter: self.counter,
            question,
            time: now / 1000 / step,
            ..Inputs::default()
        };
        self.counter += 1;
        self.suite.answer(&self.secret, &inputs)
    }
}

/// A user with a token of that suite.
fn with_token(suite: &str) -> (World, Token) {
    let mut world = World::new(POLICY);
    let issued = world.administer(AdministrationChange::Issue(Issuance {
        method: "ocra".into(),
        label: "Token".into(),
        address: Some(suite.into()),
        lifetime: None,
        once: None,
    }));
    let Outcome::Done(done) = &issued.outcome else {
        panic!("{:?}", issued.outcome);
    };
    let made = done.provisioning.as_ref().expect("the secret, this once");
    let secret = base32::decode(&made.manual_key)
        .unwrap()
        .as_bytes()
        .to_vec();
    let suite = Suite::parse(suite).unwrap();
    assert_eq!(made.digits, suite.digits);
    let counter = 0;
    (
        world,
        Token {
            suite,
            secret,
            counter,
        },
    )
}

fn asked(world: &mut World) -> (Challenge, String) {
    let begun = world.begin();
    let Outcome::Challenge(challenge) = begun.outcome else {
        panic!("{:?}", begun.outcome);
    };
    assert_eq!(challenge.prompt.message, "answer-question");
    let question = challenge.prompt.arguments[0].1.clone();
    (challenge, question)
}

#[test]
fn a_token_of_every_kind_signs_in_once_a_question() {
    for suite in [
        "OCRA-1:HOTP-SHA1-6:QN08",
        "OCRA-1:HOTP-SHA256-8:C-QN08",
        "OCRA-1:HOTP-SHA512-10:QH40-T1M",
        "OCRA-1:HOTP-SHA512-9:C-QA64-T30S",
    ] {
        let (mut world, mut token) = with_token(suite);
        let mut questions = Vec::new();
        for _ in 0..5 {
            let (challenge, question) = asked(&mut world);
            assert_eq!(question.len(), usize::from(token.suite.length));
            let answer = token.answer(&question, world.now);
            let allowed = world.answer(&challenge.id, &answer);
            assert!(is_allowed(&allowed), "{suite}: {:?}", allowed.outcome);
            assert!(!is_allowed(&world.answer(&challenge.id, &answer)));
            assert!(!questions.contains(&question));
            questions.push(question);
            // The answer to one question is none to another.
            let (challenge, _) = asked(&mut world);
            let replayed = world.answer(&challenge.id, &answer);
            assert_eq!(public_reason(&replayed), "incorrect-code", "{suite}");
        }
    }
}

#[test]
fn an_answer_needs_its_question() {
    let (mut world, mut token) = with_token("OCRA-1:HOTP-SHA1-6:QN08");
    let answer = token.answer("00000000", world.now);
    assert!(!is_allowed(&world.sign_in(&answer)));
    let (challenge, question) = asked(&mut world);
    let answer = token.answer(&question, world.now);
    let mut elsewhere = world.clone();
    elsewhere.binding = vec![8; 32];
    assert_eq!(
        reason(&elsewhere.answer(&challenge.id, &answer)),
        "challenge-binding"
    );
    for wrong in ["", "12345", "1234567", "12345a", "１２３４５６"] {
        let mut world = world.clone();
        assert!(!is_allowed(&world.answer(&challenge.id, wrong)), "{wrong}");
    }
    assert!(is_allowed(&world.answer(&challenge.id, &answer)));
}

#[test]
fn the_counter_moves_on_success_only_and_never_back() {
    let (mut world, mut token) = with_token("OCRA-1:HOTP-SHA1-6:C-QN08");
    let counter = |world: &World| {
        let account = world.account();
        State::decode(account.credentials[0].state.as_bytes())
            .unwrap()
            .counter
    };
    let (challenge, question) = asked(&mut world);
    token.counter = 11;
    let beyond = token.answer(&question, world.now);
    assert!(
        !is_allowed(&world.answer(&challenge.id, &beyond)),
        "10 are looked at"
    );
    assert_eq!(counter(&world), 0);
    token.counter = 10;
    let ahead = token.answer(&question, world.now);
    assert!(is_allowed(&world.answer(&challenge.id, &ahead)));
    assert_eq!(counter(&world), 11);
    let (challenge, question) = asked(&mut world);
    token.counter = 10;
    let behind = token.answer(&question, world.now);
    assert!(!is_allowed(&world.answer(&challenge.id, &behind)));
    assert_eq!(counter(&world), 11);
}

#[test]
fn a_clock_may_be_off_by_the_window_and_no_more() {
    for (suite, reach) in [("T1M", 60_000), ("T30S", 30_000), ("T1S", 30_000)] {
        let suite = format!("OCRA-1:HOTP-SHA1-6:QN08-{suite}");
        for (off, allowed) in [
            (-2 * reach - 1000, false),
            (-reach, true),
            (0, true),
            (reach, true),
            (2 * reach + 1000, false),
        ] {
            let (mut world, mut token) = with_token(&suite);
            let (challenge, question) = asked(&mut world);
            let answer = token.answer(&question, (START as i64 + off) as u64);
            let answered = world.answer(&challenge.id, &answer);
            assert_eq!(is_allowed(&answered), allowed, "{suite} {off}");
        }
    }
}

#[test]
fn a_question_of_before_a_rollback_is_not_answered_again() {
    let (mut world, mut token) = with_token("OCRA-1:HOTP-SHA1-6:QN08");
    let (challenge, question) = asked(&mut world);
    let answer = token.answer(&question, world.now);
    world.now += 10;
    world.refuse_before = world.now;
    assert_eq!(
        reason(&world.answer(&challenge.id, &answer)),
        "code-already-used"
    );
    let (challenge, question) = asked(&mut world);
    let answer = token.answer(&question, world.now);
    assert!(is_allowed(&world.answer(&challenge.id, &answer)));
}

#[test]
fn an_answer_for_one_text_confirms_no_other() {
    let (mut world, mut token) = with_token("OCRA-1:HOTP-SHA256-8:QN08");
    let mut ask = |world: &mut World, text: &str| {
        let begun = world.act(Action::Begin(SignIn {
            transaction: Some(text.into()),
            ..sign_in()
        }));
        let Outcome::Challenge(challenge) = begun.outcome else {
            panic!("{:?}", begun.outcome);
        };
        let arguments: std::collections::BTreeMap<_, _> =
            challenge.prompt.arguments.into_iter().collect();
        assert_eq!(arguments["transaction"], text);
        let answer = token.answer(&arguments["question"], world.now);
        (challenge.id, answer)
    };
    let (first, first_answer) = ask(&mut world, "Pay 10 EUR to Bob");
    let (second, second_answer) = ask(&mut world, "Pay 1000 EUR to Eve");
    let (again, _) = ask(&mut world, "Pay 10 EUR to Bob");
    for challenge in [&second, &again] {
        let refused = world.clone().answer(challenge, &first_answer);
        assert_eq!(public_reason(&refused), "incorrect-code");
    }
    assert!(!is_allowed(&world.clone().answer(&first, &second_answer)));
    let Outcome::Allow(allowance) = world.answer(&first, &first_answer).outcome else {
        panic!();
    };
    let digest = <sha2::Sha256 as sha2::Digest>::digest(b"Pay 10 EUR to Bob").to_vec();
    assert_eq!(allowance.claims.transaction, Some(digest));
}

#[test]
fn a_token_is_enrolled_by_answering() {
    let mut world = World::new(POLICY);
    let enrol = |world: &mut World, suite: Option<&str>| {
        world.act(Action::EnrolBegin(EnrolmentRequest {
            method: "ocra".into(),
            label: "Token".into(),
            address: suite.map(str::to_owned),
            session: None,
        }))
    };
    for suite in [
        "",
        "OCRA-1:HOTP-SHA1-5:QN08",
        "OCRA-1:HOTP-SHA1-6:QN08-PSHA1",
    ] {
        assert_eq!(
            reason(&enrol(&mut world, Some(suite))),
            "address-invalid",
            "{suite}"
        );
    }
    let begun = enrol(&mut world, None);
    let Outcome::Enrol(enrolment) = &begun.outcome else {
        panic!("{:?}", begun.outcome);
    };
    let shown = &enrolment.prompt.arguments;
    let made = enrolment.provisioning.as_ref().unwrap();
    let mut token = Token {
        suite: Suite::parse(&shown[1].1).unwrap(),
        secret: base32::decode(&made.manual_key)
            .unwrap()
            .as_bytes()
            .to_vec(),
        counter: 0,
    };
    let answer = token.answer(&shown[0].1, world.now);
    let id = challenge_id(&begun.outcome);
    assert!(is_allowed(&world.enrol_finish(&id, &answer)));
    let (challenge, question) = asked(&mut world);
    let answer = token.answer(&question, world.now);
    assert!(is_allowed(&world.answer(&challenge.id, &answer)));
}
