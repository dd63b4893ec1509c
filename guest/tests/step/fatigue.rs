//! What holds for every order in which a browser, an attacker, a device and the clock can act on notifications.

use proptest::prelude::*;

use cofactor_guest::contract::{Action, AdministrationChange, Outcome, Pending, PhoneDecision};

use super::phone::{
    APPROVED, DENIED, FRAUD, Notification, Phone, notification, number, other_number,
};
use super::world::{World, is_allowed};

/// What somebody does.
#[derive(Clone, Debug)]
enum Move {
    /// A browser begins.
    Begin,
    /// A device answers this notification, with this number.
    Answer(usize, Decision, Number),
    /// Somebody without the key does.
    Forge(usize, Decision),
    /// The browser asks for the result.
    Poll(usize),
    /// The browser wants another message.
    Resend(usize),
    /// Time passes, in seconds.
    Wait(u64),
    /// An administrator lifts a block.
    Unblock,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Decision {
    Approved,
    Denied,
    Fraud,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Right,
    Wrong,
    None,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let decision = || {
        prop_oneof![
            8 => Just(Decision::Approved),
            2 => Just(Decision::Denied),
            1 => Just(Decision::Fraud),
        ]
    };
    let given =
        prop_oneof![6 => Just(Number::Right), 1 => Just(Number::Wrong), 1 => Just(Number::None)];
    prop::collection::vec(
        prop_oneof![
            3 => Just(Move::Begin),
            5 => (0..4_usize, decision(), given).prop_map(|(at, it, number)| Move::Answer(at, it, number)),
            1 => (0..4_usize, decision()).prop_map(|(at, it)| Move::Forge(at, it)),
            4 => (0..4_usize).prop_map(Move::Poll),
            1 => (0..4_usize).prop_map(Move::Resend),
            2 => prop_oneof![1..40_u64, Just(61), Just(700)].prop_map(Move::Wait),
            1 => Just(Move::Unblock),
        ],
        1..40,
    )
}

/// What the outside knows of one notification.
struct Asked {
    pending: Pending,
    told: Notification,
    shown: String,
    sent: u64,
    /// What its device said first, in time, with a signature of its own.
    first: Option<(Decision, Number)>,
    allowed: u32,
}

fn contract(decision: Decision) -> PhoneDecision {
    match decision {
        Decision::Approved => APPROVED,
        Decision::Denied => DENIED,
        Decision::Fraud => FRAUD,
    }
}

/// From the newest back.
fn pick(asked: &[Asked], back: usize) -> Option<usize> {
    asked.len().checked_sub(back % asked.len().max(1) + 1)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_accepts_twice_or_without_an_approval(moves in moves()) {
        let mut world = World::new("[accounts]\nmethods = ['push']\n[sends]\ncooldown = '0s'\nunanswered = 24\nsince-success = 24\n");
        let phone = Phone::new(1);
        let stranger = Phone::new(2);
        world.enrol_phone(&phone);
        let mut asked: Vec<Asked> = Vec::new();
        for step in moves {
            world.now += 1;
            let generation = world.account().generation;
            let blocked = world.account().is_blocked(world.now);
            let mut allowed = None;
            let transition = match step {
                Move::Begin => {
                    let begun = world.begin();
                    if let (Outcome::Pending(pending), Some(told)) = (&begun.outcome, notification(&begun)) {
                        prop_assert!(!blocked, "nobody is woken for a blocked account");
                        asked.push(Asked {
                            shown: number(pending),
                            pending: pending.clone(),
                            told,
                            sent: world.now,
                            first: None,
                            allowed: 0,
                        });
                    }
                    begun
                }
                Move::Answer(at, decision, given) => {
                    let Some(at) = pick(&asked, at) else { continue };
                    let one = &mut asked[at];
                    let text = match given {
                        Number::Right => Some(one.shown.clone()),
                        Number::Wrong => Some(other_number(&one.shown)),
                        Number::None => None,
                    };
                    let answered = world.phone(phone.answer(&one.told, contract(decision), text.as_deref()));
                    let in_time = decision != Decision::Approved || world.now < one.sent + 60_000;
                    if in_time {
                        one.first.get_or_insert((decision, given));
                    }
                    answered
                }
                Move::Forge(at, decision) => {
                    let Some(at) = pick(&asked, at) else { continue };
                    let one = &asked[at];
                    let before = world.record.clone();
                    let forged = world.phone(stranger.answer(&one.told, contract(decision), Some(&one.shown)));
                    if !world.account().challenges.is_empty() && forged.audit.iter().any(|fact| fact.reason == "signature-invalid") {
                        prop_assert_eq!(&before, &world.record);
                    }
                    prop_assert!(forged.effects.is_empty());
                    forged
                }
                Move::Poll(at) => {
                    let Some(at) = pick(&asked, at) else { continue };
                    allowed = Some(at);
                    world.poll(&asked[at].pending.challenge.clone())
                }
                Move::Resend(at) => {
                    let Some(at) = pick(&asked, at) else { continue };
                    let again = world.act(Action::Resend(asked[at].pending.challenge.clone()));
                    if let (Outcome::Pending(pending), Some(told)) = (&again.outcome, notification(&again)) {
                        let one = &mut asked[at];
                        one.shown = number(pending);
                        one.told = told;
                        one.sent = world.now;
                        one.first = None;
                    }
                    again
                }
                Move::Wait(seconds) => {
                    world.now += seconds * 1000;
                    continue;
                }
                Move::Unblock => world.administer(AdministrationChange::Unblock),
            };
            prop_assert!(transition.generation >= generation, "sessions of before stay void");
            if is_allowed(&transition) {
                let at = allowed.expect("only a browser that asks is let in");
                prop_assert!(!blocked);
                let one = &mut asked[at];
                one.allowed += 1;
                prop_assert_eq!(one.allowed, 1, "one notification, one sign-in");
                prop_assert_eq!(one.first, Some((Decision::Approved, Number::Right)));
            }
            prop_assert!(world.record.as_ref().is_none_or(|record| record.len() < 8 * 1024));
        }
    }
}
