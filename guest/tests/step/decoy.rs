//! Group `bruteforce` of the catalogue, BF-09: users that do not exist, over longer than one sign-in.

use cofactor_guest::contract::{AdministrationChange, Change, Key, Outcome};

use crate::world::{World, hotp, is_allowed, reason, shape};

const KNOWN_ONLY: &str = "[accounts]\nprovision = 'known-only'\n";
const HOUR: u64 = 3_600_000;

/// The credential's id that a begun sign-in offers.
fn offered(world: &mut World) -> String {
    match world.begin().outcome {
        Outcome::Challenge(challenge) => challenge.offers[0].credential.clone().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn bf_09_unknown_users_are_answered_like_known_ones() {
    let document = "[accounts]\nprovision = 'known-only'\n";
    let mut known = World::with_totp(document);
    let mut account = known.account();
    account.credentials[0].label = "Authenticator".into();
    known.record = Some(account.encode());
    let mut unknown = World::new(document);
    unknown.user = "mallory".into();
    let wrong = known.wrong_code();
    for round in 0..12 {
        let pair = [known.begin(), unknown.begin()];
        let shapes = pair.each_ref().map(|transition| shape(&transition.outcome));
        assert_eq!(shapes[0], shapes[1], "{round}");
        assert!(
            matches!(pair[1].account, Change::Decoy(_)),
            "as many rows are written"
        );
        let challenges = pair.map(|transition| crate::world::challenge_id(&transition.outcome));
        let answers = [
            known.answer(&challenges[0], &wrong),
            unknown.answer(&challenges[1], &wrong),
        ];
        assert_eq!(
            shape(&answers[0].outcome),
            shape(&answers[1].outcome),
            "{round}"
        );
        assert_eq!(answers[0].counts, answers[1].counts, "{round}");
        assert_eq!(
            answers[0].account == Change::Keep,
            answers[1].account == Change::Keep,
            "the same store operations: {round}"
        );
        let early = [known.sign_in(&wrong), unknown.sign_in(&wrong)];
        assert_eq!(
            shape(&early[0].outcome),
            shape(&early[1].outcome),
            "{round}"
        );
        assert_eq!(early[0].effects.len(), early[1].effects.len());
        known.wait();
        unknown.wait();
        known.now = known.now.max(unknown.now);
        unknown.now = known.now;
    }
    assert!(!unknown.known);
}

#[test]
fn bf_09_a_decoy_is_never_right_and_stable_by_name() {
    let mut world = World::new("[accounts]\nprovision = 'known-only'\n");
    let offers = |world: &mut World| match world.begin().outcome {
        Outcome::Challenge(challenge) => challenge.offers[0].credential.clone().unwrap(),
        other => panic!("{other:?}"),
    };
    let first = offers(&mut world);
    assert_eq!(first, offers(&mut world));
    let secret = crate::world::secret(&world.account().credentials[0]);
    let right = hotp(&secret, world.now / 30_000, 6);
    assert!(!is_allowed(&world.sign_in(&right)));
    world.user = "trudy".into();
    assert_ne!(
        first,
        offers(&mut world),
        "another name in the same shadow record"
    );
    world.known = true;
    let event = world.event(cofactor_guest::contract::Action::Begin(
        crate::world::sign_in(),
    ));
    assert!(
        world.judge(&event).is_err(),
        "a shadow record never serves a known user"
    );
}

/// A real credential's id does not change when the host's keys do.
#[test]
fn bf_09_a_decoy_keeps_its_id_when_keys_are_rotated_and_retired() {
    let mut world = World::new(KNOWN_ONLY);
    let first = offered(&mut world);
    world.keys.insert(
        0,
        Key {
            id: 2,
            secret: vec![8; 32],
        },
    );
    assert_eq!(offered(&mut world), first, "rotated");
    world.keys.truncate(1);
    assert_eq!(offered(&mut world), first, "retired");
    let mut other = World::new(KNOWN_ONLY);
    other.binding = vec![1; 32];
    assert_ne!(offered(&mut other), first, "another shadow record");
}

/// Nobody succeeds with a decoy, so without this every shadow record would be disabled in the end.
#[test]
fn bf_09_a_decoy_forgets_its_failures_in_time_and_is_not_disabled_for_good() {
    let mut world = World::new(KNOWN_ONLY);
    let id = offered(&mut world);
    for _ in 0..12 {
        world.wait();
        world.sign_in("000000");
    }
    assert_eq!(world.account().credentials[0].failures.count, 12);
    world.wait();
    world.now += 24 * HOUR;
    world.begin();
    assert_eq!(world.account().credentials[0].failures.count, 12);
    world.now += 1;
    world.begin();
    assert_eq!(world.account().credentials[0].failures.count, 0);
    assert_eq!(world.account().failures.count, 0);

    let mut failures = 0;
    while !world.account().credentials[0].failures.disabled {
        world.wait();
        assert_eq!(reason(&world.sign_in("000000")), "incorrect-code");
        failures += 1;
    }
    assert_eq!(failures, 100);
    world.wait();
    assert_eq!(reason(&world.sign_in("000000")), "incorrect-code");
    assert_eq!(offered(&mut world), id);
}

/// The first failures lead to no wait, and are counted until one does.
#[test]
fn bf_09_a_decoys_first_failures_add_up() {
    let mut world = World::new(KNOWN_ONLY);
    for count in 1..=3 {
        world.sign_in("000000");
        assert_eq!(world.account().credentials[0].failures.count, count);
        world.now += HOUR;
    }
}

#[test]
fn bf_09_a_decoy_follows_the_policys_methods() {
    let mut world = World::new(KNOWN_ONLY);
    let id = offered(&mut world);
    world.policy = crate::world::compile(&format!("{KNOWN_ONLY}methods = ['hotp']\n"));
    assert_eq!(offered(&mut world), id);
    assert!(
        matches!(world.begin().outcome, Outcome::Challenge(challenge) if challenge.method == "hotp")
    );
}

/// An administrator can set an account's clock right, and knows of no shadow record.
#[test]
fn bf_09_a_decoy_gets_over_a_clock_that_ran_ahead() {
    let mut world = World::new(KNOWN_ONLY);
    let id = offered(&mut world);
    let generation = world.account().generation;
    world.now += 365 * 24 * HOUR;
    world.sign_in("000000");
    world.now -= 365 * 24 * HOUR;
    assert_eq!(offered(&mut world), id);
    assert_eq!(world.account().latest, world.now);
    assert!(world.account().generation >= generation);
    assert_eq!(
        reason(&world.administer(AdministrationChange::ResetClock)),
        "user-not-found"
    );
}

#[test]
fn bf_09_a_blocked_user_is_asked_like_any_other() {
    let mut blocked = World::with_totp(KNOWN_ONLY);
    let mut account = blocked.account();
    account.credentials[0].label = "Authenticator".into();
    blocked.record = Some(account.encode());
    blocked.administer(AdministrationChange::Block);
    let mut unknown = World::new(KNOWN_ONLY);
    let right = blocked.code(0);
    for world in [&mut blocked, &mut unknown] {
        let Outcome::Challenge(challenge) = world.begin().outcome else {
            panic!("no challenge")
        };
        let Outcome::Challenge(again) = world.answer(&challenge.id, &right).outcome else {
            panic!("no second chance")
        };
        assert_eq!(again.after.as_deref(), Some("incorrect-code"));
    }
    assert_eq!(reason(&blocked.sign_in(&right)), "blocked");
    assert_eq!(blocked.account().credentials[0].failures.count, 0);
}
