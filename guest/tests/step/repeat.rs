//! A request that comes again, after something has happened in between, or with something else in it.

use cofactor_guest::contract::{
    Action, Administration, AdministrationChange, Answer, Claims, EnrolmentRequest, Event,
    Management, ManagementChange, Outcome, PhoneDecision, Proof, Risk, RiskLevel, SignIn, Surface,
};

use crate::world::{World, is_allowed, reason, sign_in};

fn early(code: String) -> Action {
    Action::Begin(SignIn {
        early_answer: Some(code),
        ..sign_in()
    })
}

/// The answer to the same request does not depend on when the wait is over.
#[test]
fn a_right_code_that_came_too_early_stays_refused() {
    let mut world = World::with_totp("");
    let wrong = world.wrong_code();
    for _ in 0..3 {
        world.sign_in(&wrong);
    }
    let code = world.code(0);
    let event = world.event(early(code.clone()));
    let first = world.judge(&event).unwrap();
    assert_eq!(reason(&first), "throttled");
    world.wait();
    let again = world.judge(&event).unwrap();
    assert_eq!(again.outcome, first.outcome);
    assert_eq!(again.audit[0].kind, "request-repeated");
    assert!(again.counts.is_empty());
    assert!(is_allowed(&world.sign_in(&code)), "as a request of its own");
}

#[test]
fn a_repeated_request_brings_nothing_back_that_was_ended_since() {
    for (change, internal) in [
        (AdministrationChange::SignOut, "session-revoked"),
        (AdministrationChange::Block, "blocked"),
    ] {
        let mut world = World::with_totp("");
        let code = world.code(0);
        let event = world.event(early(code));
        assert!(is_allowed(&world.judge(&event).unwrap()));
        world.administer(change.clone());
        match world.judge(&event).unwrap().outcome {
            Outcome::Deny(denial) => assert_eq!(denial.internal_reason, internal, "{change:?}"),
            other => panic!("{change:?} {other:?}"),
        }
    }
}

/// Everything that a decision may depend on makes another request of it.
#[test]
fn the_same_id_with_anything_else_in_it_is_another_request() {
    let begin = |change: fn(&mut SignIn)| {
        let mut sign_in = sign_in();
        change(&mut sign_in);
        Action::Begin(sign_in)
    };
    let mut world = World::with_totp("");
    let session = world.session();
    let enrol = |change: fn(&mut EnrolmentRequest, Claims)| {
        let mut request = EnrolmentRequest {
            method: "totp".into(),
            label: "Phone".into(),
            address: None,
            session: None,
        };
        change(&mut request, session.clone());
        Action::EnrolBegin(request)
    };
    let challenge = world.challenge();
    let answer = |proof| {
        Action::Answer(Answer {
            challenge: challenge.clone(),
            proof,
            remember: false,
        })
    };
    let risk = |level| Risk {
        level,
        reasons: vec!["new-device".into()],
    };
    let id = world.account().credentials[0].id.text();
    let manage = |change| {
        Action::Manage(Management {
            session: Some(session.clone()),
            change,
        })
    };
    let administer = |change| {
        Action::Administer(Administration {
            actor: "root".into(),
            why: "test".into(),
            change,
        })
    };
    let given = Answer {
        challenge: challenge.clone(),
        proof: Proof::Code("000000".into()),
        remember: false,
    };
    let cases: Vec<Vec<Action>> = vec![
        vec![
            begin(|_| {}),
            begin(|it| it.required_level = 2),
            begin(|it| it.required_level = 3),
            begin(|it| it.max_age = Some(0)),
            begin(|it| it.max_age = Some(1)),
            begin(|it| it.surface = Surface::PROMPT),
            begin(|it| it.device_token = Some(String::new())),
            begin(|it| it.device_token = Some("a".into())),
            begin(|it| it.method = Some("totp".into())),
            Action::Begin(SignIn {
                risk: Some(risk(RiskLevel::Low)),
                ..sign_in()
            }),
            Action::Begin(SignIn {
                risk: Some(Risk {
                    level: RiskLevel::Low,
                    reasons: Vec::new(),
                }),
                ..sign_in()
            }),
            Action::Begin(SignIn {
                risk: Some(risk(RiskLevel::High)),
                ..sign_in()
            }),
        ],
        vec![
            enrol(|_, _| {}),
            enrol(|it, _| it.address = Some(String::new())),
            enrol(|it, _| it.address = Some("+1".into())),
            enrol(|it, claims| it.session = Some(claims)),
            enrol(|it, claims| {
                it.session = Some(Claims {
                    verified: claims.verified + 1,
                    ..claims
                });
            }),
        ],
        vec![
            answer(Proof::Code("000000".into())),
            answer(Proof::Webauthn("000000".into())),
            answer(Proof::Other("000000".into())),
            answer(Proof::TwoCodes(("000000".into(), String::new()))),
            answer(Proof::TwoCodes((String::new(), "000000".into()))),
        ],
        vec![Action::Answer(given.clone()), Action::EnrolFinish(given)],
        vec![
            manage(ManagementChange::Rename((id.clone(), "A".into()))),
            manage(ManagementChange::Rename((id.clone(), "B".into()))),
            manage(ManagementChange::SetDefault(id)),
            manage(ManagementChange::SignOutEverywhere),
        ],
        vec![
            administer(AdministrationChange::Block),
            administer(AdministrationChange::Unblock),
            administer(crate::world::issuance("totp", "A")),
            administer(crate::world::issuance("totp", "B")),
        ],
    ];
    for actions in cases {
        for (at, first) in actions.iter().enumerate() {
            for (other_at, other) in actions.iter().enumerate() {
                let mut world = world.clone();
                let first = world.event(first.clone());
                world.judge(&first).unwrap();
                let other = Event {
                    action: other.clone(),
                    ..first
                };
                let transition = world.judge(&other).unwrap();
                let repeated = transition.audit[0].kind == "request-repeated";
                // Refusals that wrote nothing down are judged anew, and come to the same.
                assert!(!repeated || at == other_at, "{at} {other_at}");
            }
        }
    }
}

/// What a telephone answers first counts, and an id that comes again with another answer is no repetition of it.
#[test]
fn the_same_id_with_another_answer_of_a_call_is_another_request() {
    let mut world = crate::voice::with_number("accounts.methods = ['voice']\n");
    let call = crate::voice::Call::of(&world.begin());
    let answers: Vec<Action> = [
        PhoneDecision::Denied,
        PhoneDecision::Voicemail,
        PhoneDecision::HungUp,
        PhoneDecision::NoAnswer,
        PhoneDecision::Approved,
        PhoneDecision::Digits("#".into()),
        PhoneDecision::Digits("1".into()),
        PhoneDecision::Other("1".into()),
    ]
    .map(|decision| call.ends(decision))
    .into();
    for (at, first) in answers.iter().enumerate() {
        for (other_at, other) in answers.iter().enumerate() {
            let mut world = world.clone();
            let first = world.event(first.clone());
            world.judge(&first).unwrap();
            let other = Event {
                action: other.clone(),
                ..first
            };
            let transition = world.judge(&other).unwrap();
            let mut audit = transition.audit.iter();
            let repeated = audit.any(|fact| fact.kind == "request-repeated");
            assert_eq!(repeated, at == other_at, "{at} {other_at}");
        }
    }
}
