//! What holds for every sequence of events.

use cofactor_guest::account::{Account, Credential, MAX_RECORD};
use cofactor_guest::contract::{
    Action, AdministrationChange, Answer, Change, Claims, EnrolmentRequest, ManagementChange,
    Outcome, Proof,
};
use cofactor_guest::methods;
use cofactor_guest::step;
use proptest::prelude::*;

use crate::world::{SECRET, World, challenge_id, hotp, sign_in, uri};

/// What a user, an attacker, a clock or an administrator does next.
#[derive(Clone, Debug)]
enum Move {
    Wait(u64),
    Back(u64),
    Begin,
    Early(i64),
    Counter(u64),
    Wrong,
    Answer(usize, i64),
    AnswerCounter(usize, u64),
    TwoCodes(usize, i64),
    Enrol(bool),
    Confirm(usize, bool),
    Manage(u8),
    Administer(u8),
    OtherBinding,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => (0_u64..200_000).prop_map(Move::Wait),
        1 => (0_u64..40_000_000).prop_map(Move::Wait),
        1 => (0_u64..400_000).prop_map(Move::Back),
        3 => Just(Move::Begin),
        4 => (-3_i64..4).prop_map(Move::Early),
        3 => (0_u64..40).prop_map(Move::Counter),
        3 => Just(Move::Wrong),
        4 => (0_usize..4, -3_i64..4).prop_map(|(at, steps)| Move::Answer(at, steps)),
        2 => (0_usize..4, 0_u64..40).prop_map(|(at, counter)| Move::AnswerCounter(at, counter)),
        1 => (0_usize..4, -12_i64..12).prop_map(|(at, steps)| Move::TwoCodes(at, steps)),
        1 => any::<bool>().prop_map(Move::Enrol),
        1 => (0_usize..2, any::<bool>()).prop_map(|(at, right)| Move::Confirm(at, right)),
        1 => (0_u8..4).prop_map(Move::Manage),
        1 => (0_u8..9).prop_map(Move::Administer),
        1 => Just(Move::OtherBinding),
    ]
}

struct Run {
    world: World,
    open: Vec<String>,
    session: Option<Claims>,
    /// What was accepted: credential, and its step or counter.
    accepted: Vec<(String, u64)>,
}

impl Run {
    fn new() -> Self {
        let document = "[throttle]\ndelay-after = 2\nlock-after = 4\nceiling = 12\naccount-lock-after = 9\n[totp]\ndrift-cap = 2\n";
        let mut world = World::with_totp(document);
        world.import(&uri("hotp", b"another secret of some", "&counter=3"));
        Self {
            world,
            open: Vec::new(),
            session: None,
            accepted: Vec::new(),
        }
    }

    fn action(&mut self, next: &Move) -> Option<Action> {
        let early = |code| {
            Action::Begin(cofactor_guest::contract::SignIn {
                early_answer: Some(code),
                ..sign_in()
            })
        };
        let other = |counter: u64| hotp(b"another secret of some", counter, 6);
        let open = |run: &Self, at: usize| {
            let id = run.open.iter().rev().nth(at).cloned();
            id.unwrap_or_else(|| "0".repeat(32))
        };
        let answer = |challenge, proof| {
            Action::Answer(Answer {
                challenge,
                proof,
                remember: false,
            })
        };
        Some(match next {
            Move::Wait(time) => {
                self.world.now = self.world.now.saturating_add(*time);
                return None;
            }
            Move::Back(time) => {
                self.world.now = self.world.now.saturating_sub(*time);
                return None;
            }
            Move::OtherBinding => {
                self.world.binding[0] ^= 1;
                return None;
            }
            Move::Begin => Action::Begin(sign_in()),
            Move::Early(steps) => early(self.world.code(*steps)),
            Move::Counter(counter) => early(other(*counter)),
            Move::Wrong => early("000000".into()),
            Move::Answer(at, steps) => {
                answer(open(self, *at), Proof::Code(self.world.code(*steps)))
            }
            Move::AnswerCounter(at, counter) => {
                answer(open(self, *at), Proof::Code(other(*counter)))
            }
            Move::TwoCodes(at, steps) => answer(
                open(self, *at),
                Proof::TwoCodes((self.world.code(*steps), self.world.code(steps + 1))),
            ),
            Move::Enrol(fresh) => Action::EnrolBegin(EnrolmentRequest {
                method: "totp".into(),
                label: "New".into(),
                address: None,
                session: self.session.clone().filter(|_| *fresh),
            }),
            Move::Confirm(at, right) => {
                let account = self.world.account();
                let enrolment = account.enrolments.get(*at)?;
                let secret = if *right {
                    crate::world::secret(&enrolment.credential)
                } else {
                    SECRET.to_vec()
                };
                let code = hotp(&secret, self.world.now / 30_000, 6);
                Action::EnrolFinish(Answer {
                    challenge: enrolment.id.text(),
                    proof: Proof::Code(code),
                    remember: false,
                })
            }
            Move::Manage(which) => {
                let id = self.world.account().credentials.last()?.id.text();
                let change = match which {
                    0 => ManagementChange::Rename((id, "Renamed".into())),
                    1 => ManagementChange::Remove(id),
                    2 => ManagementChange::SetDefault(id),
                    _ => ManagementChange::SignOutEverywhere,
                };
                Action::Manage(cofactor_guest::contract::Management {
                    session: self.session.clone(),
                    change,
                })
            }
            Move::Administer(which) => {
                let change = match which {
                    0 | 1 => AdministrationChange::Unlock,
                    2 => AdministrationChange::Block,
                    3 | 4 => AdministrationChange::Unblock,
                    5 | 6 => AdministrationChange::ResetClock,
                    7 => AdministrationChange::SignOut,
                    _ => crate::world::issuance("totp", "Spare"),
                };
                Action::Administer(cofactor_guest::contract::Administration {
                    actor: "root".into(),
                    why: String::new(),
                    change,
                })
            }
        })
    }

    fn step(&mut self, next: &Move) -> Result<(), TestCaseError> {
        let Some(action) = self.action(next) else {
            return Ok(());
        };
        let enrols = matches!(action, Action::EnrolFinish(_));
        let resets = matches!(
            &action,
            Action::Administer(act) if act.change == AdministrationChange::ResetClock
        );
        let event = self.world.event(action);
        let before = self.world.account();
        let ctx = self.world.context();
        let first = step::step(&ctx, self.world.record.as_deref(), &event).unwrap();
        let again = step::step(&ctx, self.world.record.as_deref(), &event).unwrap();
        prop_assert_eq!(&first, &again, "equal inputs give equal outputs");
        let transition = self.world.judge(&event).unwrap();
        let after = self.world.account();

        if let Change::Write(record) = &transition.account {
            prop_assert!(record.len() <= MAX_RECORD);
            prop_assert_eq!(&after.encode(), record, "what is written is what is read");
        }
        prop_assert!(after.generation >= before.generation);
        prop_assert_eq!(after.generation, transition.generation);
        prop_assert!(after.latest >= before.latest || resets);
        prop_assert!(
            transition.effects.len() <= 8
                && transition.audit.len() <= 8
                && transition.counts.len() <= 8
        );
        for old in &before.credentials {
            if let Some(new) = after.credential(&old.id) {
                prop_assert!(position(new) >= position(old), "nothing dead comes alive");
                prop_assert!(new.failures.disabled >= old.failures.disabled);
            }
        }
        if let Outcome::Allow(allowance) = &transition.outcome {
            let at = self.world.now.max(before.latest);
            prop_assert!(!before.is_blocked(at), "blocked");
            prop_assert!(at - self.world.now <= 300_000, "clock fault");
            let id = allowance.credential.clone().unwrap();
            let used = after
                .credentials
                .iter()
                .find(|credential| credential.id.text() == id)
                .unwrap();
            let accepted = (id, position(used));
            prop_assert!(
                !self.accepted.contains(&accepted),
                "accepted twice: {:?}",
                accepted
            );
            self.accepted.push(accepted);
            if !enrols {
                prop_assert_eq!(before.failures.refusal(at), None);
                let old = before.credential(&used.id).unwrap();
                prop_assert_eq!(
                    old.failures.refusal(at),
                    None,
                    "locked, waiting or disabled"
                );
            }
            self.session = Some(allowance.claims.clone());
        }
        if matches!(transition.outcome, Outcome::Challenge(_)) {
            let id = challenge_id(&transition.outcome);
            self.open.retain(|open| *open != id);
            self.open.push(id);
        }
        Ok(())
    }
}

/// What only ever rises.
fn position(credential: &Credential) -> u64 {
    let state = credential.state.as_bytes();
    match credential.method {
        methods::totp::NUMBER => methods::totp::State::decode(state).unwrap().next_step,
        _ => methods::hotp::State::decode(state).unwrap().counter,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_breaks_a_rule(sequence in prop::collection::vec(moves(), 1..60)) {
        let mut run = Run::new();
        for next in &sequence {
            run.step(next)?;
        }
    }

    #[test]
    fn no_bytes_make_the_record_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Account::decode(&bytes);
        let mut marked = b"cfac\x02\x00".to_vec();
        marked.extend(&bytes);
        if let Ok(account) = Account::decode(&marked) {
            prop_assert_eq!(account.encode(), marked, "one spelling");
        }
    }

    #[test]
    fn a_damaged_record_is_refused_or_judged_but_never_a_panic(
        sequence in prop::collection::vec(moves(), 1..20),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut run = Run::new();
        for next in &sequence {
            run.step(next)?;
        }
        let good = run.world.record.clone().unwrap();
        let mut flipped = good.clone();
        flipped[at.index(good.len())] ^= 1 << bit;
        let cut = good[..cut.index(good.len())].to_vec();
        prop_assert!(Account::decode(&cut).is_err(), "cut short");
        let mut longer = good.clone();
        longer.push(0);
        prop_assert!(Account::decode(&longer).is_err(), "trailing octets");
        let event = run.world.event(Action::Begin(sign_in()));
        let _ = step::step(&run.world.context(), Some(&flipped), &event);
        let _ = cofactor_guest::view::view(&flipped);
    }
}
