//! What a host must not hand in.

use cofactor_guest::contract::{
    Action, Administration, AdministrationChange, Answer, Choice, Context, EnrolmentRequest, Event,
    Fault, Key, Management, ManagementChange, Proof, Risk, RiskLevel, SignIn,
};
use cofactor_guest::step;

use crate::world::{World, compile, sign_in};

fn manage(change: ManagementChange) -> Action {
    Action::Manage(Management {
        session: None,
        change,
    })
}

fn administer(change: AdministrationChange) -> Action {
    Action::Administer(Administration {
        actor: "root".into(),
        why: String::new(),
        change,
    })
}

type Spoil = (&'static str, fn(&mut Context, &mut Event));

#[test]
fn inputs_over_their_limits_are_faults_that_name_the_field() {
    let cases: &[Spoil] = &[
        ("ctx.entropy", |ctx, _| ctx.entropy = vec![0; 32]),
        ("ctx.entropy", |ctx, _| ctx.entropy.truncate(31)),
        ("ctx.entropy", |ctx, _| ctx.entropy.clear()),
        ("ctx.tenant", |ctx, _| ctx.tenant.clear()),
        ("ctx.tenant", |ctx, _| ctx.tenant = "t".repeat(65)),
        ("ctx.keys", |ctx, _| ctx.keys.clear()),
        ("ctx.keys", |ctx, _| {
            ctx.keys = vec![Key {
                id: 1,
                secret: vec![1; 31],
            }]
        }),
        ("ctx.keys", |ctx, _| {
            ctx.keys = vec![
                Key {
                    id: 1,
                    secret: vec![1; 32]
                };
                9
            ]
        }),
        ("ctx.policy", |ctx, _| ctx.policy = vec![0; 16 * 1024 + 1]),
        ("ctx.facts", |ctx, _| {
            ctx.facts = vec![("b".into(), "".into()), ("a".into(), "".into())]
        }),
        ("ctx.facts", |ctx, _| {
            ctx.facts = vec![("a".into(), "".into()), ("a".into(), "".into())]
        }),
        ("ctx.facts", |ctx, _| {
            ctx.facts = vec![("a".into(), "x".repeat(257))]
        }),
        ("ctx.write-version", |ctx, _| ctx.write_version = 3),
        ("event.id", |_, event| event.id = vec![1; 15]),
        ("event.id", |_, event| event.id = vec![1; 65]),
        ("origin.user", |_, event| event.origin.user.clear()),
        ("origin.user", |_, event| {
            event.origin.user = "u".repeat(257)
        }),
        ("origin.groups", |_, event| {
            event.origin.groups = vec![String::new(); 65]
        }),
        ("origin.groups", |_, event| {
            event.origin.groups = vec!["g".repeat(129)]
        }),
        ("origin.application", |_, event| {
            event.origin.application.clear()
        }),
        ("origin.gateway", |_, event| {
            event.origin.gateway = "g".repeat(65)
        }),
        ("origin.binding", |_, event| {
            event.origin.binding = vec![1; 15]
        }),
        ("origin.binding", |_, event| {
            event.origin.binding = vec![1; 65]
        }),
        ("origin.address", |_, event| {
            event.origin.address = Some("1".repeat(46))
        }),
        ("origin.language", |_, event| {
            event.origin.language = "x".repeat(36)
        }),
        ("sign-in.early-answer", |_, event| {
            event.action = Action::Begin(SignIn {
                early_answer: Some("1".repeat(65)),
                ..sign_in()
            });
        }),
        ("origin.groups", |_, event| {
            event.origin.groups = vec![String::new()]
        }),
        ("sign-in.risk", |_, event| {
            event.action = Action::Begin(SignIn {
                risk: Some(Risk {
                    level: RiskLevel::Low,
                    reasons: vec!["r".repeat(65)],
                }),
                ..sign_in()
            });
        }),
        ("answer.challenge", |_, event| {
            event.action = Action::Answer(Answer {
                challenge: "0".repeat(31),
                proof: Proof::Code(String::new()),
                remember: false,
            });
        }),
        ("choice.credential", |_, event| {
            event.action = Action::ChooseMethod(Choice {
                challenge: "0".repeat(32),
                method: "totp".into(),
                credential: Some("0".repeat(17)),
            });
        }),
        ("enrolment-request.label", |_, event| {
            event.action = Action::EnrolBegin(EnrolmentRequest {
                method: "totp".into(),
                label: "l".repeat(257),
                address: None,
                session: None,
            });
        }),
        ("management-change.rename", |_, event| {
            event.action = manage(ManagementChange::Rename(("0".repeat(16), "l".repeat(257))));
        }),
        ("management-change.rename", |_, event| {
            event.action = manage(ManagementChange::Rename(("0".repeat(17), "l".into())));
        }),
        ("management-change", |_, event| {
            event.action = manage(ManagementChange::Remove("0".repeat(17)));
        }),
        ("management-change", |_, event| {
            event.action = manage(ManagementChange::SetDefault("0".repeat(17)));
        }),
        ("management-change.other", |_, event| {
            event.action = manage(ManagementChange::Other("o".repeat(65)));
        }),
        ("remove-credential", |_, event| {
            event.action = administer(AdministrationChange::RemoveCredential("0".repeat(17)));
        }),
        ("issuance.label", |_, event| {
            event.action = administer(crate::world::issuance("totp", &"l".repeat(257)));
        }),
        ("administration-change.other", |_, event| {
            event.action = administer(AdministrationChange::Other("o".repeat(65)));
        }),
        ("sign-in.required-level", |_, event| {
            event.action = Action::Begin(SignIn {
                required_level: 4,
                ..sign_in()
            });
        }),
    ];
    for (at, (field, spoil)) in cases.iter().enumerate() {
        let mut world = World::with_totp("");
        let (mut event, mut ctx) = (world.event(Action::Begin(sign_in())), world.context());
        spoil(&mut ctx, &mut event);
        let fault = step::step(&ctx, world.record.as_deref(), &event).unwrap_err();
        assert_eq!(fault, Fault::BadRequest((*field).to_owned()), "case {at}");
    }
}

#[test]
fn records_and_policies_of_others_are_faults() {
    let mut world = World::with_totp("");
    let (event, mut ctx) = (world.event(Action::Begin(sign_in())), world.context());
    for record in [
        &b""[..],
        b"cfac",
        b"cfac\x02\x00",
        b"cfac\x01\x00",
        b"nothing of ours",
    ] {
        assert!(
            matches!(
                step::step(&ctx, Some(record), &event),
                Err(Fault::BadAccount(_))
            ),
            "{record:?}"
        );
    }
    // A fresh account in its place would be anybody's to enrol to.
    for provision in ["first-sign-in", "known-only"] {
        let mut ctx = ctx.clone();
        ctx.policy = compile(&format!("[accounts]\nprovision = '{provision}'\n"));
        let fault = step::step(&ctx, None, &event).unwrap_err();
        assert_eq!(
            fault,
            Fault::BadAccount("a known user without a record".into()),
            "{provision}"
        );
    }
    ctx.policy = b"nothing of ours".to_vec();
    assert!(matches!(
        step::step(&ctx, world.record.as_deref(), &event),
        Err(Fault::BadPolicy(_))
    ));
}

#[test]
fn what_is_not_implemented_says_so() {
    let mut world = World::with_totp("");
    for (action, name) in [
        (
            Action::FactorAnswer(cofactor_guest::contract::FactorAnswer {
                challenge: "0".repeat(32),
                method: "acme.palm".into(),
                accepted: true,
                amr: Vec::new(),
            }),
            "factor-answer",
        ),
        (Action::Other("teleport".into()), "teleport"),
    ] {
        let event = world.event(action);
        assert_eq!(
            world.judge(&event).unwrap_err(),
            Fault::Unsupported(name.into())
        );
    }
}
