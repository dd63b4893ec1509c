//! Whether an account is asked at all, enrolling that is put off, and successes that answer for others.

use cofactor_guest::contract::{
    Action, AdministrationChange as Do, Origin, Outcome, SignIn, Transition,
};

use super::{OFFICE, OTHER, allowance, from, is_asked, visit};
use crate::world::{World, compile, is_allowed, sign_in, uri};

#[test]
fn states_say_whether_an_account_is_asked() {
    use cofactor_guest::contract::AccountState;
    let may = "accounts.may-disable = true\n";
    let mut world = World::with_totp(may);
    world.administer(Do::SetState(AccountState::Disabled));
    let passed = world.begin();
    assert_eq!(allowance(&passed).claims.reason, "multifactor-disabled");
    assert_eq!(allowance(&passed).claims.level, 1);
    let disabled = allowance(&passed).claims.generation;
    // Without leave, nobody is exempt.
    let mut strict = world.clone();
    strict.policy = compile("");
    assert!(is_asked(&strict.begin()));
    // Who was let in without is asked once that is over.
    world.administer(Do::SetState(AccountState::Enforced));
    assert!(is_asked(&world.begin()));
    assert_ne!(world.account().generation, disabled);
    // New accounts have the state that the policy says.
    let mut world = World::new("accounts.may-disable = true\naccounts.state = 'disabled'\n");
    assert!(is_allowed(&world.begin()));
    let mut world = World::new("accounts.state = 'enforced'\nenrolment.snooze = '1d'\n");
    let Outcome::Enrol(enrolment) = world.begin().outcome else {
        panic!()
    };
    assert_eq!(enrolment.snoozes_left, 0);
    // Rules can be for states.
    let mut world = World::with_totp(
        "accounts.may-disable = true\n[[rule]]\nname = 'r'\nstates = ['disabled']\nthen = 'require'\nlevel = 2\n",
    );
    world.administer(Do::SetState(AccountState::Disabled));
    assert!(is_asked(&world.begin()));
}

#[test]
fn enrolling_can_be_put_off_so_often_and_so_long() {
    let document = "[enrolment]\nsnooze = '1d'\nsnoozes = 2\n";
    let mut world = World::new(document);
    let snooze = |world: &mut World| world.act(Action::Snooze(sign_in()));
    let left = |transition: &Transition| match &transition.outcome {
        Outcome::Enrol(enrolment) => enrolment.snoozes_left,
        other => panic!("{other:?}"),
    };
    assert_eq!(left(&world.begin()), 2);
    for more in [1, 0] {
        let put_off = snooze(&mut world);
        assert_eq!(allowance(&put_off).claims.reason, "registration-snoozed");
        world.now += 86_399_999;
        assert_eq!(
            allowance(&world.begin()).claims.reason,
            "registration-snoozed",
            "it holds for its whole time"
        );
        assert_eq!(allowance(&snooze(&mut world.clone())).claims.level, 1);
        world.now += 1;
        assert_eq!(left(&world.begin()), more);
    }
    assert_eq!(left(&snooze(&mut world)), 0, "not any more");
    // Nobody puts off what is demanded.
    let mut world = World::new(&format!(
        "{document}[[application]]\nname = 'vault'\nmax-age = '1h'\n"
    ));
    world.application = "vault".into();
    assert_eq!(left(&snooze(&mut world)), 0);
    world.application = "wiki".into();
    let asked = visit(&mut world, |_, given| given.required_level = 2);
    assert_eq!(left(&asked), 0);
    // With a credential there is nothing to put off.
    let mut world = World::new(document);
    snooze(&mut world);
    world.import(&uri("totp", OTHER, "&period=30"));
    assert!(is_asked(&world.begin()));
    // An administrator may end it.
    let mut world = World::new(document);
    snooze(&mut world);
    world.administer(Do::SetState(
        cofactor_guest::contract::AccountState::Enforced,
    ));
    assert_eq!(left(&world.begin()), 0);
}

#[test]
fn a_success_answers_the_requests_beside_it_and_no_others() {
    let document = "cache.lifetime = '10s'\n";
    let mut world = World::with_totp(document);
    let code = world.code(0);
    let first = allowance(&world.sign_in(&code)).claims.clone();
    world.now += 9_999;
    let beside = world.begin();
    let claims = &allowance(&beside).claims;
    assert_eq!(claims.reason, "cached-success");
    assert_eq!(
        (claims.level, &claims.amr, &claims.proved),
        (2, &first.amr, &first.proved)
    );
    assert!(
        claims.verified <= first.verified,
        "nothing was verified since"
    );
    type Change = fn(&mut Origin, &mut SignIn);
    let others: [(&str, Change); 6] = [
        ("another browser", |origin, _| origin.binding = vec![8; 32]),
        ("another application", |origin, _| {
            origin.application = "mail".into()
        }),
        ("another address", |origin, _| {
            origin.address = Some("192.0.2.8".into())
        }),
        ("no address", |origin, _| origin.address = None),
        ("a higher level", |_, given| given.required_level = 3),
        ("a fresher one", |_, given| given.max_age = Some(9_998)),
    ];
    for (name, change) in others {
        assert!(!is_allowed(&visit(&mut world.clone(), change)), "{name}");
    }
    // What ends sessions ends it.
    for change in [Do::SignOut, Do::Block] {
        let mut world = world.clone();
        world.administer(change);
        assert!(!is_allowed(&world.begin()));
    }
    world.now += 1;
    assert!(is_asked(&world.begin()));
    // Nothing is kept where nothing was proved, and nothing without the policy's word.
    let mut world = World::with_totp(&format!("{document}{OFFICE}"));
    from(&mut world, Some("198.51.100.7"));
    assert_eq!(world.account().success, None);
    let mut world = World::with_totp("");
    let code = world.code(0);
    world.sign_in(&code);
    assert!(is_asked(&world.begin()));
}
