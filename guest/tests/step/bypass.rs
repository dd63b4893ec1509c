//! One-time bypasses (S14).

use cofactor_guest::contract::{
    Action, Administration, AdministrationChange as Do, Bypass, ManagementChange as Manage,
    Outcome, SignIn, Transition,
};
use cofactor_guest::step;

use crate::world::{World, is_allowed, reason, sign_in};

fn grant(world: &mut World, actor: &str, why: &str, lifetime: Option<u64>) -> Transition {
    world.act(Action::Administer(Administration {
        actor: actor.into(),
        why: why.into(),
        change: Do::GrantBypass(lifetime),
    }))
}

fn granted(world: &mut World) {
    let granted = grant(world, "root", "lost phone", None);
    assert!(matches!(granted.outcome, Outcome::Done(_)), "{granted:?}");
}

#[test]
fn by_01_a_bypass_is_good_for_one_sign_in_and_says_so() {
    let mut world = World::with_totp("");
    let given = grant(&mut world, "root", "lost phone", None);
    let until = (world.now + 300_000).to_string();
    assert_eq!(given.audit[0].kind, "bypass-granted");
    let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        given.audit[0].facts,
        [
            fact("actor", "root"),
            fact("until", &until),
            fact("why", "lost phone")
        ]
    );
    let passed = world.begin();
    let Outcome::Allow(allowance) = &passed.outcome else {
        panic!("{passed:?}")
    };
    // It is no factor, and claims none.
    assert_eq!(allowance.claims.level, 1);
    assert_eq!(allowance.claims.reason, "one-time-bypass");
    assert!(allowance.claims.amr.is_empty());
    assert!(allowance.claims.proved.is_empty());
    assert_eq!(reason(&passed), "one-time-bypass");
    assert!(matches!(world.begin().outcome, Outcome::Challenge(_)));
}

#[test]
fn by_01_a_bypass_ends_unused() {
    let mut world = World::with_totp("");
    granted(&mut world);
    world.now += 299_999;
    assert!(is_allowed(&world.clone().begin()));
    world.now += 1;
    assert!(matches!(world.begin().outcome, Outcome::Challenge(_)));
    // A clock that goes back does not bring it back.
    world.now -= 60_000;
    assert!(matches!(world.begin().outcome, Outcome::Challenge(_)));
}

#[test]
fn by_01_nobody_grants_one_to_themselves_or_without_a_reason() {
    let mut world = World::with_totp("");
    for (actor, why, lifetime) in [
        ("alice", "lost phone", None),
        ("root", "", None),
        ("root", "  ", None),
        ("root", "lost phone", Some(29_999)),
        ("root", "lost phone", Some(24 * 3_600_000 + 1)),
    ] {
        let refused = grant(&mut world, actor, why, lifetime);
        assert_eq!(
            reason(&refused),
            "bypass-refused",
            "{actor} {why} {lifetime:?}"
        );
    }
    let mut never = World::with_totp("[bypass]\nallowed = false\n");
    assert_eq!(
        reason(&grant(&mut never, "root", "lost phone", None)),
        "bypass-refused"
    );
    // One that was granted before the policy forbade it is of no use.
    granted(&mut world);
    world.policy = never.policy;
    assert!(matches!(world.begin().outcome, Outcome::Challenge(_)));
}

#[test]
fn by_02_two_hosts_with_one_record_use_it_once() {
    let mut world = World::with_totp("");
    granted(&mut world);
    let (first, second) = (
        world.event(Action::Begin(sign_in())),
        world.event(Action::Begin(sign_in())),
    );
    let before = world.record.clone();
    // Both judge the same record; the store takes one of them, and the other runs again on what that one wrote.
    let won = world.judge(&first).unwrap();
    assert!(is_allowed(&won));
    let lost = step::step(&world.context(), before.as_deref(), &second).unwrap();
    assert!(is_allowed(&lost));
    let again = world.judge(&second).unwrap();
    assert!(matches!(again.outcome, Outcome::Challenge(_)), "{again:?}");
}

#[test]
fn a_bypass_stands_in_for_a_second_factor_and_nothing_more() {
    let mut world = World::with_totp("[[application]]\nname = 'vault'\nrequired-level = 3\n");
    granted(&mut world);
    for more in [
        SignIn {
            required_level: 2,
            ..sign_in()
        },
        SignIn {
            transaction: Some("Pay 100".into()),
            ..sign_in()
        },
    ] {
        assert!(!is_allowed(&world.act(Action::Begin(more))));
    }
    world.application = "vault".into();
    assert!(!is_allowed(&world.begin()));
    world.application = "wiki".into();
    world.administer(Do::Block);
    assert_eq!(world.account().bypass, None);
    assert!(!is_allowed(&world.begin()));
}

#[test]
fn users_grant_one_where_the_policy_lets_them() {
    let bypass = |why: &str, lifetime| {
        Manage::GrantBypass(Bypass {
            lifetime,
            why: why.into(),
        })
    };
    let mut world = World::with_totp("");
    let session = world.session();
    assert_eq!(
        reason(&world.manage(bypass("gym", None), Some(session))),
        "bypass-refused"
    );
    let mut world = World::with_totp("[bypass]\nby-user = true\n");
    assert_eq!(
        reason(&world.manage(bypass("gym", None), None)),
        "fresh-verification-required"
    );
    let session = world.session();
    assert_eq!(
        reason(&world.manage(bypass(" ", None), Some(session.clone()))),
        "bypass-refused"
    );
    // Never longer than the policy says.
    world.manage(bypass("gym", Some(3_600_000)), Some(session));
    assert_eq!(world.account().bypass, Some(world.now + 300_000));
    assert!(is_allowed(&world.begin()));
}

#[test]
fn by_01_an_administrator_may_choose_thirty_seconds_to_a_day() {
    for lifetime in [30_000, 24 * 3_600_000] {
        let mut world = World::with_totp("");
        let given = grant(&mut world, "root", "lost phone", Some(lifetime));
        assert!(matches!(given.outcome, Outcome::Done(_)), "{lifetime}");
        assert_eq!(world.account().bypass, Some(world.now + lifetime));
    }
}
