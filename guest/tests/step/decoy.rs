//! Group `bruteforce` of the catalogue, BF-09: users that do not exist, over longer than one sign-in.

use cofactor_guest::contract::{Action, AdministrationChange, Change, Key, Outcome};

use crate::authenticator::Authenticator;
use crate::phone::Phone;
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

/// A user who has one credential, of this method alone.
fn holder(method: &str, document: &str) -> World {
    let mut world = World::new(document);
    match method {
        "webauthn" => {
            // Nobody enrols alone where only known users come: an administrator made the account.
            world.administer(AdministrationChange::Create);
            let mut passkey = Authenticator::new(crate::authenticator::Key::es256(1), 1);
            passkey.id = (0..32).collect();
            world.enrol(&mut passkey, None);
        }
        "push" => {
            world.issue(method, &Phone::new(1).address());
        }
        "sms" | "voice" => {
            world.issue(method, "+1 201 555 0134");
        }
        "email" => {
            world.issue(method, "mallory@example.com");
        }
        "app-password" => {
            world.issue(method, "wiki");
        }
        _ => {
            world.administer(crate::world::issuance(method, "Authenticator"));
        }
    }
    let mut account = world.account();
    assert_eq!(account.credentials.len(), 1, "{method}");
    account.credentials[0].label = "Authenticator".into();
    account.sends.clear();
    world.record = Some(account.encode());
    world.now += 60_000;
    world
}

/// An outcome without what differs between any two users: names, numbers and what is made anew each time.
fn outline(outcome: &Outcome) -> String {
    let text = format!("{outcome:?}").replace("\\\"usb\\\",\\\"nfc", "\\\"hybrid\\\",\\\"internal");
    let mut outline = String::new();
    let is_word = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '-';
    for word in text.split_inclusive(|it| !is_word(it)) {
        let bare = word.trim_end_matches(|it| !is_word(it));
        let named = bare.len() >= 16 && bare.bytes().any(|octet| octet.is_ascii_digit());
        if named {
            outline += &format!("<{}>", bare.len());
            outline += &word[bare.len()..];
        } else {
            outline.extend(
                word.chars()
                    .map(|it| if it.is_ascii_digit() { '#' } else { it }),
            );
        }
    }
    outline
}

/// Whatever the policy has, and with nothing but it.
#[test]
fn bf_09_unknown_users_look_like_known_ones_by_every_method() {
    for method in cofactor_guest::methods::NAMES {
        let document = format!(
            "{KNOWN_ONLY}methods = ['{method}']\n\
             [webauthn]\nrp-id = 'example.com'\norigins = ['https://app.example.com']\n"
        );
        let mut known = holder(method, &document);
        let mut unknown = World::new(&document);
        unknown.user = "mallory".into();
        unknown.now = known.now;
        for round in 0..8 {
            let pair = [known.begin(), unknown.begin()];
            let [held, decoy] = &pair;
            assert_eq!(
                outline(&held.outcome),
                outline(&decoy.outcome),
                "{method} {round}"
            );
            assert_eq!(held.effects.len(), decoy.effects.len(), "{method} {round}");
            assert_eq!(held.counts.len(), decoy.counts.len(), "{method} {round}");
            assert_eq!(
                held.account == Change::Keep,
                decoy.account == Change::Keep,
                "{method} {round}"
            );
            let id = match &held.outcome {
                Outcome::Challenge(_) | Outcome::Pending(_) => pair
                    .each_ref()
                    .map(|it| crate::world::challenge_id(&it.outcome)),
                _ => ["0".repeat(32), "0".repeat(32)],
            };
            for next in 0..3 {
                let act = |world: &mut World, id: &str| match next {
                    0 => world.answer(id, "00000000"),
                    1 => world.resend(id),
                    _ => world.act(Action::Poll(id.into())),
                };
                let (held, decoy) = (act(&mut known, &id[0]), act(&mut unknown, &id[1]));
                assert_eq!(
                    outline(&held.outcome),
                    outline(&decoy.outcome),
                    "{method} {round} {next}"
                );
                assert_eq!(held.counts.len(), decoy.counts.len(), "{method} {round}");
            }
            let early = [known.sign_in("00000000"), unknown.sign_in("00000000")];
            assert_eq!(
                outline(&early[0].outcome),
                outline(&early[1].outcome),
                "{method} {round}"
            );
            known.now += 30_000;
            unknown.now = known.now;
        }
        assert!(!unknown.known);
    }
}

/// What is shown of a decoy is its name's own, and stays.
#[test]
fn bf_09_decoys_of_other_methods_are_stable_by_name_too() {
    let document = format!(
        "{KNOWN_ONLY}methods = ['sms']\n[sends]\ncooldown = '0s'\naccount = 24\nnumber = 0\n"
    );
    let shown = |world: &mut World| {
        let begun = world.begin();
        let (_, sent, _) = crate::world::message(&begun).expect("a text");
        (offered(world), sent.to)
    };
    let mut world = World::new(&document);
    world.user = "mallory".into();
    let mallory = shown(&mut world);
    world.user = "trudy".into();
    let trudy = shown(&mut world);
    assert!(mallory.0 != trudy.0 && mallory.1 != trudy.1);
    world.user = "mallory".into();
    world.keys[0].id = 2;
    world.keys[0].secret = vec![8; 32];
    assert_eq!(shown(&mut world), mallory);
    assert!(
        world
            .counted
            .iter()
            .all(|(kind, _)| !kind.starts_with("country/"))
    );
    // A policy that goes over to codes and back finds the same name's credential.
    world.policy = crate::world::compile(KNOWN_ONLY);
    assert_eq!(offered(&mut world), mallory.0);
    world.policy = crate::world::compile(&document);
    assert_eq!(shown(&mut world), mallory);
}

/// Somebody who never answers is held back; a shadow record that nobody can answer is so for a time.
#[test]
fn bf_09_a_decoy_that_is_asked_by_notification_is_not_held_back_for_ever() {
    let mut world = World::new(&format!("{KNOWN_ONLY}methods = ['push']\n"));
    let mut asked = 0;
    for _ in 0..20 {
        asked += usize::from(matches!(world.begin().outcome, Outcome::Pending(_)));
        world.now += HOUR;
    }
    assert_eq!(asked, 5);
    world.now += 24 * HOUR;
    assert!(matches!(world.begin().outcome, Outcome::Pending(_)));
}

/// A length that no number of the country has would tell whoever sees the messages, and make the record another size.
#[test]
fn bf_09_the_number_of_a_decoy_is_as_long_as_its_country_s_are() {
    for (country, length) in [("1", 12), ("1876", 12), ("49", 12), ("370", 13)] {
        for user in 0..20 {
            let mut world = World::new(&format!(
                "{KNOWN_ONLY}methods = ['sms']\n[sends]\ncountries = ['{country}']\n"
            ));
            world.user = format!("mallory{user}");
            let begun = world.begin();
            let (_, sent, _) = crate::world::message(&begun).expect("a text");
            assert_eq!(sent.to.len(), length, "{}", sent.to);
        }
    }
}

#[test]
fn bf_09_a_decoy_forgets_the_failures_of_its_pin_too() {
    let mut world = World::new(&format!(
        "{KNOWN_ONLY}[pin]\nmethods = ['totp']\niterations = 1000\n"
    ));
    let failures = |world: &World| world.account().pin.unwrap().failures.count;
    world.sign_in("802917123456");
    assert_eq!(failures(&world), 1);
    world.now += 24 * HOUR;
    world.begin();
    assert_eq!(failures(&world), 1);
    world.now += 48 * HOUR;
    world.begin();
    assert_eq!(failures(&world), 0);
}
