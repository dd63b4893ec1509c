//! Sign-ins that others have to approve (M11).

use cofactor_guest::contract::{
    Action, Answer, Approval, Change, DeliveryReport, EffectKind, Key, Outcome, Proof, Request,
    SignIn, Transition, Verdict, Voucher,
};
use cofactor_guest::{authorize, policy};

use crate::world::{World, argument, challenge_id, is_allowed, message, reason, sign_in, uri};

const POLICY: &str = "[[application]]\nname = 'wiki'\napprovals = 2\napprovers = ['managers']\n\
                      [[application]]\nname = 'mail'\napprovals = 1\napprovers = ['clerks']\n";

/// The user has done what is theirs: the challenge that waits.
fn waiting(world: &mut World) -> String {
    world.now += 30_000;
    let code = world.code(0);
    let pending = world.sign_in(&code);
    let Outcome::Pending(open) = &pending.outcome else {
        panic!("{pending:?}")
    };
    assert_eq!(open.prompt.message, "approval-awaited");
    assert_eq!(pending.audit[0].reason, "approval-pending");
    let asked = pending.effects.iter().any(|effect| {
        matches!(&effect.what, EffectKind::Notify(prompt) if prompt.message == "approval-requested")
    });
    assert!(asked, "{pending:?}");
    open.challenge.clone()
}

fn vouch(world: &mut World, challenge: &str, approver: &str) -> Transition {
    let at = world.now;
    world.act(Action::Vouch(Voucher {
        challenge: challenge.into(),
        approver: approver.into(),
        at,
    }))
}

fn poll(world: &mut World, challenge: &str) -> Transition {
    world.act(Action::Poll(challenge.into()))
}

#[test]
fn a_sign_in_waits_for_as_many_others_as_the_application_says() {
    let mut world = World::with_totp(POLICY);
    let id = waiting(&mut world);
    let still = poll(&mut world, &id);
    assert!(matches!(still.outcome, Outcome::Pending(_)) && still.account == Change::Keep);
    let given = vouch(&mut world, &id, "bob");
    assert!(matches!(given.outcome, Outcome::Done(_)), "{given:?}");
    assert_eq!(given.audit[0].kind, "approval-given");
    assert_eq!(
        given.audit[0].facts,
        [("approver".to_owned(), "bob".to_owned())]
    );
    assert!(matches!(poll(&mut world, &id).outcome, Outcome::Pending(_)));
    // Nobody counts twice, under no key, and nobody for themselves.
    assert_eq!(reason(&vouch(&mut world, &id, "bob")), "rule-denied");
    assert_eq!(reason(&vouch(&mut world, &id, "alice")), "rule-denied");
    world.keys.insert(
        0,
        Key {
            id: 2,
            secret: vec![5; 32],
        },
    );
    assert_eq!(reason(&vouch(&mut world, &id, "bob")), "rule-denied");
    assert!(matches!(poll(&mut world, &id).outcome, Outcome::Pending(_)));
    vouch(&mut world, &id, "carol");
    let passed = poll(&mut world, &id);
    let Outcome::Allow(allowance) = &passed.outcome else {
        panic!("{passed:?}")
    };
    assert_eq!(
        (allowance.claims.level, allowance.claims.proved.as_slice()),
        (2, ["totp".to_owned()].as_slice())
    );
    assert!(!is_allowed(&poll(&mut world, &id)), "once");
}

#[test]
fn an_approval_is_for_one_sign_in_of_one_application_and_for_its_time() {
    let mut world = World::with_totp(POLICY);
    let id = waiting(&mut world);
    assert_eq!(
        reason(&vouch(&mut world, &"0".repeat(32), "bob")),
        "challenge-unknown"
    );
    world.application = "mail".into();
    assert_eq!(reason(&vouch(&mut world, &id, "bob")), "challenge-unknown");
    world.application = "wiki".into();
    // What was not proved by its own user waits for nobody.
    let open = world.challenge();
    assert_eq!(
        reason(&vouch(&mut world, &open, "bob")),
        "challenge-unknown"
    );
    // Nothing else can be done with what waits.
    assert_eq!(reason(&world.answer(&id, "000000")), "method-not-allowed");
    let other = Action::ChooseMethod(cofactor_guest::contract::Choice {
        challenge: id.clone(),
        method: "totp".into(),
        credential: None,
    });
    assert_eq!(reason(&world.act(other)), "method-not-allowed");
    vouch(&mut world, &id, "bob");
    world.now += 120_000;
    assert_eq!(
        reason(&vouch(&mut world, &id, "carol")),
        "challenge-expired"
    );
    assert!(!is_allowed(&poll(&mut world, &id)));
}

/// Somebody approves alice's sign-in with an own one.
fn approve(world: &mut World, groups: &[&str], whose: &str, challenge: &str) -> Transition {
    world.now += 30_000;
    let code = crate::world::hotp(b"09876543210987654321", world.now / 30_000, 6);
    let mut event = world.event(Action::Begin(SignIn {
        early_answer: Some(code),
        approves: Some(Approval {
            user: whose.into(),
            challenge: challenge.into(),
        }),
        ..sign_in()
    }));
    event.origin.groups = groups.iter().map(|group| (*group).to_owned()).collect();
    world.judge(&event).unwrap()
}

#[test]
fn an_approver_proves_a_factor_of_now_and_gets_in_nowhere_with_it() {
    let mut bob = World::new(&format!(
        "devices.lifetime = '30d'\ncache.lifetime = '10s'\n{POLICY}"
    ));
    bob.user = "bob".into();
    bob.import(&uri("totp", b"09876543210987654321", "&period=30"));
    let challenge = "a".repeat(32);
    let given = approve(&mut bob, &["managers"], "alice", &challenge);
    let forwarded = given.effects.iter().find_map(|effect| match &effect.what {
        EffectKind::Forward(forwarded) => Some(forwarded),
        _ => None,
    });
    let forwarded = forwarded.expect("a forwarded approval");
    assert_eq!(
        (forwarded.user.as_str(), forwarded.voucher.approver.as_str()),
        ("alice", "bob")
    );
    assert_eq!(forwarded.voucher.challenge, challenge);
    let Outcome::Allow(allowance) = &given.outcome else {
        panic!("{given:?}")
    };
    // The application would have wanted others to approve of a sign-in.
    let request = Request {
        application: "wiki".into(),
        host: "wiki.example".into(),
        path: "/".into(),
        method: "GET".into(),
        address: None,
        generation: allowance.claims.generation,
        ended: false,
    };
    let bytes = policy::compile(POLICY).unwrap().bytes;
    let policy = policy::compiled::decode(&bytes).unwrap();
    let verdict = authorize::authorize(&policy, bob.now, &allowance.claims, &request);
    assert!(matches!(verdict, Verdict::Deny(_)), "{verdict:?}");
    assert_eq!(bob.account().success, None);

    assert_eq!(
        reason(&approve(&mut bob, &["staff"], "alice", &challenge)),
        "rule-denied"
    );
    assert_eq!(
        reason(&approve(&mut bob, &[], "alice", &challenge)),
        "rule-denied"
    );
    assert_eq!(
        reason(&approve(&mut bob, &["managers"], "bob", &challenge)),
        "rule-denied"
    );
    bob.application = "mail".into();
    assert_eq!(
        reason(&approve(&mut bob, &["managers"], "alice", &challenge)),
        "rule-denied",
        "another application's"
    );
    bob.application = "blog".into();
    assert_eq!(
        reason(&approve(&mut bob, &["managers"], "alice", &challenge)),
        "rule-denied",
        "nothing to approve"
    );
}

/// Whoever approves learns nothing of whom they approve, and neither does whoever sees what became of the approval (BF-09).
#[test]
fn an_approval_for_nobody_is_answered_like_one_for_somebody() {
    let challenge = "a".repeat(32);
    let given = ["alice", "nobody"].map(|whose| {
        let mut bob = World::new(POLICY);
        bob.user = "bob".into();
        bob.import(&uri("totp", b"09876543210987654321", "&period=30"));
        let given = approve(&mut bob, &["managers"], whose, &challenge);
        assert!(is_allowed(&given), "{whose}");
        let forwarded = given
            .effects
            .iter()
            .filter(|effect| matches!(&effect.what, EffectKind::Forward(it) if it.user == whose));
        assert_eq!(forwarded.count(), 1, "{whose}");
        (given.effects.len(), given.audit, given.counts)
    });
    assert_eq!(given[0].0, given[1].0);
    assert_eq!(given[0].2, given[1].2);
    let kinds = given.map(|(_, audit, _)| audit.into_iter().map(|it| it.kind).collect::<Vec<_>>());
    assert_eq!(kinds[0], kinds[1]);

    // It arrives, at an account without such a challenge, and at none.
    for provision in ["first-sign-in", "known-only"] {
        let document = format!("accounts.provision = '{provision}'\n{POLICY}");
        let mut known = World::with_totp(&document);
        let mut unknown = World::new(&document);
        unknown.user = "nobody".into();
        let told = [&mut known, &mut unknown].map(|world| {
            let told = vouch(world, &challenge, "bob");
            assert_eq!(told.account, Change::Keep, "{provision}");
            assert!(told.effects.is_empty() && told.counts.is_empty());
            (told.outcome, told.audit)
        });
        assert_eq!(told[0], told[1], "{provision}");
        assert!(unknown.record.is_none(), "{provision}");
    }
}

/// What was asked is answered, and is over: nothing of it is left in what waits for others.
#[test]
fn nothing_is_left_of_the_question_while_a_sign_in_waits_for_others() {
    let mut world = crate::sms::with_vouched(&format!(
        "accounts.methods = ['sms', 'totp']\nsms.lifetime = '30s'\ndevices.lifetime = '30d'\n{POLICY}"
    ));
    world.import(&uri("totp", crate::world::SECRET, "&period=30"));
    let begun = world.begin();
    let id = challenge_id(&begun.outcome);
    let (_, _, effect) = message(&begun).unwrap();
    let pending = world.answer(&id, &argument(&begun, "code"));
    let Outcome::Pending(open) = &pending.outcome else {
        panic!("{pending:?}")
    };
    assert_eq!(open.prompt.message, "approval-awaited");
    assert_eq!(open.expires, world.now + 120_000, "not the message's end");
    assert!(world.account().challenges[0].question.as_bytes().is_empty());
    let reported = world.act(Action::DeliveryReport(DeliveryReport {
        effect,
        delivered: true,
        detail: String::new(),
    }));
    assert_eq!(reason(&reported), "challenge-unknown");
    // It is not asked for again, by another method either.
    let chosen = world.choose(&id, "totp");
    assert_eq!(reason(&chosen), "method-not-allowed");
    let still = poll(&mut world, &id);
    assert!(matches!(still.outcome, Outcome::Pending(_)) && still.account == Change::Keep);
    for approver in ["bob", "carol"] {
        vouch(&mut world, &id, approver);
    }
    // A page that asks by answering can have the device remembered.
    let passed = world.act(Action::Answer(Answer {
        challenge: id,
        proof: Proof::Code(String::new()),
        remember: true,
    }));
    let Outcome::Allow(allowance) = &passed.outcome else {
        panic!("{passed:?}")
    };
    assert!(allowance.device_token.is_some());
}
