//! Remembered devices (S19).

use cofactor_guest::contract::{
    Action, AdministrationChange as Do, Allowance, Answer, Approval, Change, Key,
    ManagementChange as Manage, Origin, Outcome, Proof, SignIn, Transition,
};

use crate::phone::{APPROVED, number, with_phone};
use crate::world::{World, challenge_id, compile, is_allowed, reason, sign_in, uri};

const POLICY: &str = "devices.lifetime = '30d'\n";
const DAY: u64 = 24 * 60 * 60_000;

/// Comes with a token, as the caller says.
fn come(world: &mut World, token: &str, change: fn(&mut Origin, &mut SignIn)) -> Transition {
    let mut given = SignIn {
        device_token: Some(token.into()),
        ..sign_in()
    };
    let mut event = world.event(Action::Poll(String::new()));
    change(&mut event.origin, &mut given);
    event.action = Action::Begin(given);
    world.judge(&event).unwrap()
}

fn again(world: &mut World, token: &str) -> Transition {
    come(world, token, |_, _| {})
}

fn allowance(transition: &Transition) -> &Allowance {
    match &transition.outcome {
        Outcome::Allow(allowance) => allowance,
        other => panic!("{other:?}"),
    }
}

fn token(transition: &Transition) -> String {
    allowance(transition)
        .device_token
        .clone()
        .expect("a token")
        .0
}

/// Signs in and asks to be remembered.
fn remembered(world: &mut World) -> Transition {
    world.now += 30_000;
    let id = challenge_id(&world.begin().outcome);
    let code = world.code(0);
    world.act(Action::Answer(Answer {
        challenge: id,
        proof: Proof::Code(code),
        remember: true,
    }))
}

fn known() -> (World, String) {
    let mut world = World::with_totp(POLICY);
    let token = token(&remembered(&mut world));
    world.now += 60_000;
    (world, token)
}

#[test]
fn a_remembered_device_spares_the_factor_and_is_none() {
    let (mut world, first) = known();
    assert!(first.len() <= 512);
    let passed = again(&mut world, &first);
    let claims = &allowance(&passed).claims;
    assert_eq!(
        (claims.level, claims.reason.as_str()),
        (1, "remembered-device")
    );
    assert!(claims.amr.is_empty() && claims.proved.is_empty());
    assert_eq!(passed.audit[0].facts[0].0, "device");
    // Its token is another one from then on.
    let second = token(&passed);
    assert_ne!(first, second);
    world.now += 60_000;
    assert!(is_allowed(&again(&mut world, &second)));
    // Where more is wanted, it is not enough.
    for change in [
        (|_, given| given.required_level = 2) as fn(&mut Origin, &mut SignIn),
        |_, given| given.max_age = Some(DAY),
        |_, given| given.transaction = Some("Pay".into()),
    ] {
        let mut world = world.clone();
        assert!(!is_allowed(&come(&mut world, &second, change)));
    }
}

#[test]
fn requests_beside_each_other_get_one_successor() {
    let (mut world, first) = known();
    let second = token(&again(&mut world, &first));
    world.now += 9_999;
    assert_eq!(token(&again(&mut world, &first)), second);
    assert_eq!(token(&again(&mut world, &second)), second);
    world.now += 60_000;
    assert_ne!(token(&again(&mut world, &second)), second);
}

#[test]
fn by_05_a_token_that_was_used_before_ends_its_series() {
    let (mut world, first) = known();
    let second = token(&again(&mut world, &first));
    let generation = world.account().generation;
    world.now += 10_000;
    let stolen = again(&mut world, &first);
    assert!(
        matches!(stolen.outcome, Outcome::Challenge(_)),
        "{stolen:?}"
    );
    assert_eq!(stolen.audit[0].kind, "device-stolen");
    assert!(
        stolen
            .effects
            .iter()
            .any(|effect| format!("{effect:?}").contains("device-stolen"))
    );
    assert!(world.account().devices.is_empty());
    assert!(
        world.account().generation > generation,
        "a session may be the thief's"
    );
    assert!(!is_allowed(&again(&mut world, &second)));
    // Even where the sign-in itself is refused.
    let (mut world, first) = known();
    again(&mut world, &first);
    world.now += 10_000;
    come(&mut world, &first, |_, given| {
        given.method = Some("sms".into())
    });
    assert!(world.account().devices.is_empty());
}

#[test]
fn by_05_a_token_is_good_for_one_kind_of_client_and_for_its_time() {
    let (mut world, first) = known();
    let other = come(&mut world, &first, |origin, _| {
        origin.client = "safari-mac".into()
    });
    assert!(matches!(other.outcome, Outcome::Challenge(_)));
    assert_eq!(other.audit[0].kind, "device-refused");
    assert!(
        is_allowed(&again(&mut world.clone(), &first)),
        "and it is ignored"
    );
    let mut late = world.clone();
    late.now += 30 * DAY - 60_001;
    assert!(is_allowed(&again(&mut late.clone(), &first)));
    late.now += 1;
    assert!(!is_allowed(&again(&mut late, &first)));
    // A policy that was made shorter holds for devices of before, and one that has none for all.
    for document in ["", "devices.lifetime = '30s'\n"] {
        let mut world = world.clone();
        world.policy = compile(document);
        assert!(!is_allowed(&again(&mut world, &first)));
    }
}

#[test]
fn by_06_another_users_token_is_ignored_and_on_record() {
    let (mut alice, first) = known();
    let mut bob = World::new(POLICY);
    bob.user = "bob".into();
    bob.import(&uri("totp", b"09876543210987654321", "&period=30"));
    bob.now = alice.now;
    let came = again(&mut bob, &first);
    assert!(matches!(came.outcome, Outcome::Challenge(_)));
    assert_eq!(came.audit[0].kind, "device-refused");
    for forged in [
        "",
        "x",
        &"0".repeat(64),
        &first.to_uppercase(),
        &format!("{first}0"),
        &first[1..],
    ] {
        assert!(!is_allowed(&again(&mut alice.clone(), forged)), "{forged}");
    }
    // Not one digit of it can be another.
    for at in 0..first.len() {
        let mut forged = first.clone().into_bytes();
        forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
        let forged = String::from_utf8(forged).unwrap();
        assert!(!is_allowed(&again(&mut alice.clone(), &forged)), "{at}");
    }
    assert!(is_allowed(&again(&mut alice, &first)));
}

#[test]
fn by_07_what_changes_or_ends_an_account_ends_its_devices() {
    type Change = fn(&mut World);
    let changes: [(&str, Change); 6] = [
        ("a new factor", |world| {
            world.import(&uri("hotp", b"09876543210987654321", "&counter=0"))
        }),
        ("a factor less", |world| {
            let id = world.account().credentials[0].id.text();
            world.administer(Do::RemoveCredential(id));
            world.import(&uri("totp", b"09876543210987654321", "&period=30"));
        }),
        ("an administrator", |world| {
            world.administer(Do::ForgetDevices);
        }),
        ("a block", |world| {
            world.administer(Do::Block);
            world.administer(Do::Unblock);
        }),
        ("its user, for all", |world| {
            let session = world.session();
            world.manage(Manage::ForgetDevices, Some(session));
        }),
        ("its user, for one", |world| {
            let session = world.session();
            let id = world.account().devices[0].id.text();
            world.manage(Manage::ForgetDevice(id), Some(session));
        }),
    ];
    for (name, change) in changes {
        let (mut world, first) = known();
        change(&mut world);
        assert!(world.account().devices.is_empty(), "{name}");
        assert!(!is_allowed(&again(&mut world, &first)), "{name}");
    }
}

#[test]
fn bf_08_who_is_known_is_let_in_while_others_guess() {
    let (mut world, first) = known();
    for _ in 0..60 {
        world.wait();
        world.sign_in("000000");
    }
    let code = world.code(0);
    assert!(!is_allowed(&world.sign_in(&code)));
    assert!(is_allowed(&again(&mut world, &first)));
}

#[test]
fn a_device_is_remembered_only_where_the_policy_does_and_it_can_be_told() {
    let mut world = World::with_totp("");
    assert_eq!(allowance(&remembered(&mut world)).device_token, None);
    let mut world = World::with_totp(POLICY);
    let id = challenge_id(&world.begin().outcome);
    let code = world.code(0);
    let mut event = world.event(Action::Answer(Answer {
        challenge: id,
        proof: Proof::Code(code),
        remember: true,
    }));
    event.origin.client = String::new();
    let passed = world.judge(&event).unwrap();
    assert!(is_allowed(&passed));
    assert_eq!(allowance(&passed).device_token, None);
    assert!(world.account().devices.is_empty());
    // No more than ten.
    let mut world = World::with_totp(POLICY);
    for _ in 0..12 {
        remembered(&mut world);
    }
    assert_eq!(world.account().devices.len(), 10);
}

#[test]
fn tokens_outlive_the_hosts_keys_while_those_are_kept() {
    let (mut world, first) = known();
    let newer = Key {
        id: 2,
        secret: vec![5; 32],
    };
    world.keys.insert(0, newer.clone());
    let second = token(&again(&mut world.clone(), &first));
    assert!(second.starts_with("00000002"));
    world.keys = vec![newer];
    let gone = again(&mut world, &first);
    assert_eq!(reason(&gone), "successfully-completed", "asked: {gone:?}");
    assert!(!is_allowed(&gone));
}

#[test]
fn a_repeated_request_has_the_same_token() {
    let (mut world, first) = known();
    let event = world.event(Action::Begin(SignIn {
        device_token: Some(first),
        ..sign_in()
    }));
    let one = world.judge(&event).unwrap();
    let other = world.judge(&event).unwrap();
    assert_eq!(token(&one), token(&other));
}

#[test]
fn what_is_answered_elsewhere_is_remembered_as_well() {
    let (mut world, phone) = with_phone("[devices]\nlifetime = '30d'\n");
    world.now += 60_000;
    for (remember, expected) in [(false, false), (true, true)] {
        let (pending, told) = world.ask_phone();
        let ask = |world: &mut World, remember| {
            world.act(Action::Answer(Answer {
                challenge: pending.challenge.clone(),
                proof: Proof::Code(String::new()),
                remember,
            }))
        };
        assert!(
            pending
                .prompt
                .arguments
                .contains(&("remember".into(), (30 * DAY).to_string()))
        );
        // Until the device has answered it is a poll like any other.
        let waits = ask(&mut world, true);
        assert!(matches!(waits.outcome, Outcome::Pending(_)), "{waits:?}");
        assert!(matches!(waits.account, Change::Keep));
        world.phone(phone.answer(&told, APPROVED, Some(&number(&pending))));
        let passed = ask(&mut world, remember);
        assert_eq!(allowance(&passed).device_token.is_some(), expected);
        world.now += 60_000;
    }
    // What somebody types is no poll.
    let (pending, _) = world.ask_phone();
    let typed = world.answer(&pending.challenge, "123456");
    assert_eq!(reason(&typed), "method-not-allowed");
}

#[test]
fn signing_out_everywhere_forgets_devices() {
    let (mut world, token) = known();
    let session = world.session();
    world.manage(Manage::SignOutEverywhere, Some(session));
    assert!(world.account().devices.is_empty());
    assert!(!is_allowed(&again(&mut world, &token)));
}

#[test]
fn a_page_is_told_whether_to_ask() {
    let told = |policy: &str, change: fn(&mut Origin, &mut SignIn)| {
        let begun = come(&mut World::with_totp(policy), "", change);
        match begun.outcome {
            Outcome::Challenge(challenge) => challenge.prompt.arguments,
            other => panic!("{other:?}"),
        }
    };
    let remember = |days: u64| vec![("remember".to_owned(), (days * DAY).to_string())];
    assert_eq!(told(POLICY, |_, _| {}), remember(30));
    assert_eq!(told("", |_, _| {}), []);
    assert_eq!(told(POLICY, |origin, _| origin.client.clear()), []);
    let pins = "[pin]\nmethods = ['totp']\norder = 'last'\n";
    assert_eq!(
        told(pins, |_, _| {}),
        [("pin".to_owned(), "last".to_owned())]
    );
}

#[test]
fn each_of_two_devices_has_a_token_of_its_own() {
    let mut world = World::with_totp(POLICY);
    let tokens = [(); 2].map(|()| token(&remembered(&mut world)));
    world.now += 60_000;
    for token in &tokens {
        let passed = again(&mut world, token);
        assert_eq!(allowance(&passed).claims.reason, "remembered-device");
    }
}

/// A text to confirm, and the approval of another's sign-in, make no session: there is nothing to remember a device for.
#[test]
fn a_page_asks_whether_to_remember_where_a_session_comes_of_it() {
    let approvals = "[[application]]\nname = 'wiki'\napprovals = 1\napprovers = ['managers']\n";
    let free = crate::sms::FREE;
    let mut world = crate::sms::with_vouched(&format!("{POLICY}{free}{approvals}"));
    let mut asks = |change: fn(&mut SignIn)| {
        let mut given = sign_in();
        change(&mut given);
        let mut event = world.event(Action::Begin(given));
        event.origin.groups = vec!["managers".into()];
        match world.judge(&event).unwrap().outcome {
            Outcome::Challenge(challenge) => {
                let mut arguments = challenge.prompt.arguments.iter();
                arguments.any(|(name, _)| name == "remember")
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(asks(|_| {}));
    assert!(!asks(|given| given.transaction = Some("Pay".into())));
    assert!(!asks(|given| {
        given.approves = Some(Approval {
            user: "bob".into(),
            challenge: "a".repeat(32),
        });
    }));
}

/// The successor of its token has had a successor since: a repeated request is not told that one.
#[test]
fn a_repeated_request_brings_no_later_token() {
    let (mut world, first) = known();
    let event = world.event(Action::Begin(SignIn {
        device_token: Some(first),
        ..sign_in()
    }));
    let second = token(&world.judge(&event).unwrap());
    world.now += 20_000;
    assert_eq!(token(&world.judge(&event).unwrap()), second);
    let third = token(&again(&mut world, &second));
    assert_ne!(third, second);
    let repeated = world.judge(&event).unwrap();
    assert_eq!(allowance(&repeated).device_token, None);
}
