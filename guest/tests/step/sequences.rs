//! What holds for every sequence of events over every method: PINs, bypasses, messages, calls, devices and reports of fraud
//! among them. What concerns one-time codes alone is in `properties.rs`.

mod moves;

use std::collections::BTreeSet;

use cofactor_guest::account::{Account, Credential, MAX_RECORD, Progress};
use cofactor_guest::contract::{
    Action, Administration, AdministrationChange as Do, Answer, Change, Choice, DeliveryReport,
    Management, ManagementChange as Manage, Outcome, PhoneDecision, Proof, SignIn, Surface,
    Transition,
};
use cofactor_guest::{methods, step};
use proptest::prelude::*;

use self::moves::{Early, METHODS, Move, POLICIES, moves};
use crate::holder::Holder;
use crate::world::{sign_in, uri};

struct Run {
    holder: Holder,
    /// Challenges that were opened, the last one last.
    open: Vec<String>,
    /// What was given, the last one last.
    given: Vec<Action>,
    /// What was accepted: a challenge is so once, and a code or a credential's place as well.
    accepted: BTreeSet<String>,
    /// Bypasses that were granted and not used.
    bypasses: usize,
    effect: String,
    session: Option<cofactor_guest::contract::Claims>,
}

impl Run {
    fn new(policy: usize) -> Self {
        Self {
            holder: Holder::new(POLICIES[policy % POLICIES.len()]),
            open: Vec::new(),
            given: Vec::new(),
            accepted: BTreeSet::new(),
            bypasses: 0,
            effect: "0".repeat(32),
            session: None,
        }
    }

    fn nth(&self, at: usize) -> String {
        let id = self.open.iter().rev().nth(at).cloned();
        id.unwrap_or_else(|| "0".repeat(32))
    }

    fn action(&mut self, next: &Move) -> Option<Action> {
        let holder = &mut self.holder;
        Some(match next {
            Move::Wait(time) => {
                holder.world.now = holder.world.now.saturating_add(*time);
                return None;
            }
            Move::Back(time) => {
                holder.world.now = holder.world.now.saturating_sub(*time);
                return None;
            }
            Move::Elsewhere => {
                holder.world.binding[0] ^= 1;
                return None;
            }
            Move::Begin(method) => Action::Begin(SignIn {
                method: method.map(|at| METHODS[at].to_owned()),
                ..sign_in()
            }),
            Move::Early(early) => {
                let text = match early {
                    Early::Code(steps) => holder.code(*steps),
                    Early::Counted(counter) => holder.counted(*counter),
                    Early::Paper => holder.paper.last()?.clone(),
                    Early::Pass => holder.pass.clone(),
                    Early::AppPassword => holder.app_password.clone(),
                    Early::Nonsense => "00000000".to_owned(),
                };
                let program = matches!(early, Early::AppPassword);
                Action::Begin(SignIn {
                    early_answer: Some(text),
                    surface: if program {
                        Surface::PROGRAM
                    } else {
                        Surface::REDIRECT
                    },
                    ..sign_in()
                })
            }
            Move::Choose(method) => Action::ChooseMethod(Choice {
                challenge: self.nth(0),
                method: METHODS[*method].to_owned(),
                credential: None,
            }),
            Move::Right => {
                let id = self.nth(0);
                let open = self.holder.world.account();
                let is_pin = open
                    .challenges
                    .iter()
                    .any(|it| it.id.text() == id && it.new_pin);
                if is_pin {
                    return Some(Action::Answer(Answer {
                        challenge: id,
                        proof: Proof::NewPin("802917".into()),
                        remember: false,
                    }));
                }
                let right = self.holder.right(&id)?;
                with_pin(right, &open)
            }
            Move::Wrong(at) => Action::Answer(Answer {
                challenge: self.nth(*at),
                proof: Proof::Code("00000000".into()),
                remember: false,
            }),
            Move::Replay(given, open) => {
                let again = self.given.iter().rev().nth(*given).cloned()?;
                match (again, open) {
                    (Action::Answer(answer), 1..) => Action::Answer(Answer {
                        challenge: self.nth(*open - 1),
                        ..answer
                    }),
                    (again, _) => again,
                }
            }
            Move::Poll(at) => Action::Poll(self.nth(*at)),
            Move::Resend => Action::Resend(self.nth(0)),
            Move::Phone(decision) => {
                let id = self.nth(0);
                let Some(Action::PhoneAnswer(right)) = self.holder.right(&id) else {
                    return None;
                };
                let decision = match decision {
                    0 => PhoneDecision::Denied,
                    1 => PhoneDecision::HungUp,
                    2 => PhoneDecision::Voicemail,
                    3 => PhoneDecision::Digits("1#".into()),
                    4 => PhoneDecision::Digits("0#1".into()),
                    _ => PhoneDecision::NoAnswer,
                };
                Action::PhoneAnswer(cofactor_guest::contract::PhoneAnswer { decision, ..right })
            }
            Move::Report(delivered) => Action::DeliveryReport(DeliveryReport {
                effect: self.effect.clone(),
                delivered: *delivered,
                detail: String::new(),
            }),
            Move::Administer(which) => {
                let account = holder.world.account();
                let change = match which {
                    0 | 1 => Do::Unlock,
                    2 => Do::Block,
                    3 | 4 => Do::Unblock,
                    5 => Do::ResetClock,
                    6 => Do::SignOut,
                    7 | 8 => Do::GrantBypass(None),
                    9 => crate::world::issuance("pin", "PIN"),
                    10 => Do::RemoveCredential(account.credentials.last()?.id.text()),
                    _ => Do::ImportOtpauth(uri("totp", b"yet another secret of some", "")),
                };
                Action::Administer(Administration {
                    actor: "root".into(),
                    why: "test".into(),
                    change,
                })
            }
            Move::Manage(which) => {
                let id = holder.world.account().credentials.last()?.id.text();
                let change = match which {
                    0 => Manage::Rename((id, "Renamed".into())),
                    1 => Manage::Remove(id),
                    2 => Manage::SetDefault(id),
                    3 => Manage::SetPin("371946".into()),
                    _ => Manage::SignOutEverywhere,
                };
                Action::Manage(Management {
                    session: self.session.clone(),
                    change,
                })
            }
        })
    }

    fn step(&mut self, next: &Move) -> Result<(), TestCaseError> {
        let Some(action) = self.action(next) else {
            return Ok(());
        };
        let world = &mut self.holder.world;
        let before = world.account();
        let event = world.event(action.clone());
        let ctx = world.context();
        let record = world.record.clone();
        let judge = || step::step(&ctx, record.as_deref(), &event);
        prop_assert_eq!(judge(), judge(), "equal inputs give equal outputs");
        let transition = world.judge(&event).unwrap();
        let at = world.now.max(before.latest);
        let after = world.account();
        if matches!(action, Action::Answer(_) | Action::PhoneAnswer(_)) {
            self.given.push(action.clone());
        }

        if let Change::Write(record) = &transition.account {
            prop_assert!(record.len() <= MAX_RECORD, "{} octets", record.len());
            prop_assert_eq!(&after.encode(), record, "what is written is what is read");
        }
        prop_assert!(after.generation >= before.generation, "the generation fell");
        prop_assert_eq!(after.generation, transition.generation);
        let lists = [
            transition.effects.len(),
            transition.audit.len(),
            transition.counts.len(),
        ];
        prop_assert!(lists.iter().all(|length| *length <= 16), "{:?}", lists);
        let lifted = matches!(&action, Action::Administer(act) if act.change == Do::Unlock);
        let reset = matches!(&action, Action::Administer(act) if act.change == Do::ResetClock);
        prop_assert!(
            after.latest >= before.latest || reset,
            "the latest instant fell"
        );

        let right = proved(&before, &after, &action, &transition);
        for old in &before.credentials {
            let Some(new) = after.credential(&old.id) else {
                continue;
            };
            prop_assert!(
                places(new) >= places(old),
                "{} went back",
                old.method_name()
            );
            prop_assert!(
                new.failures.disabled >= old.failures.disabled,
                "enabled again"
            );
            let used = right.contains(&old.id.text());
            prop_assert!(
                new.failures.count >= old.failures.count || lifted || used,
                "{} was forgiven without a success",
                old.method_name()
            );
        }
        prop_assert!(
            after.failures.count >= before.failures.count || lifted || !right.is_empty(),
            "the account was forgiven without a success"
        );
        if let (Some(old), Some(new)) = (&before.pin, &after.pin) {
            let chosen = old.hash != new.hash;
            prop_assert!(
                new.failures.count >= old.failures.count || lifted || chosen || !right.is_empty(),
                "the PIN was forgiven without a success"
            );
        }

        for id in &right {
            let old = before.credentials.iter().find(|it| it.id.text() == *id);
            let old = old.expect("what is used was there before");
            prop_assert!(!before.is_blocked(at), "accepted while blocked");
            prop_assert!(at - self.holder.world.now <= 300_000, "accepted at no time");
            prop_assert!(!old.failures.disabled, "accepted while disabled");
            prop_assert_eq!(old.failures.refusal(at), None, "accepted while it waits");
            let guessable = methods::nature_of(old.method).is_some_and(|it| it.guessable);
            prop_assert!(
                !guessable || before.failures.refusal(at).is_none(),
                "accepted while the account is locked"
            );
            self.once(&action, old, &after)?;
        }
        if let Outcome::Allow(allowance) = &transition.outcome {
            prop_assert!(!before.is_blocked(at), "let in while blocked");
            prop_assert!(at - self.holder.world.now <= 300_000, "let in at no time");
            match &action {
                Action::Answer(Answer { challenge, .. }) | Action::Poll(challenge) => {
                    let place = before
                        .challenges
                        .iter()
                        .find(|it| it.id.text() == *challenge);
                    let open = place.expect("an open challenge");
                    prop_assert!(at < open.expires, "let in after the end");
                    prop_assert!(
                        open.binding == self.holder.world.binding,
                        "let in from elsewhere"
                    );
                    prop_assert!(
                        self.accepted.insert(format!("challenge {challenge}")),
                        "a challenge was used twice"
                    );
                }
                _ if allowance.claims.reason == "one-time-bypass" => {
                    prop_assert!(self.bypasses > 0, "a bypass was used twice");
                    self.bypasses = 0;
                    prop_assert_eq!(allowance.claims.level, 1);
                }
                _ => prop_assert!(!right.is_empty(), "let in for nothing"),
            }
            self.session = Some(allowance.claims.clone());
        }
        if let Action::Administer(act) = &action
            && matches!(act.change, Do::GrantBypass(_))
            && matches!(transition.outcome, Outcome::Done(_))
        {
            self.bypasses = 1;
        }
        self.note(&transition);
        Ok(())
    }

    /// No proof is accepted twice.
    fn once(
        &mut self,
        action: &Action,
        credential: &Credential,
        after: &Account,
    ) -> Result<(), TestCaseError> {
        let proof = match (credential.method, action) {
            // They are good for as often as they are not taken away.
            (methods::app_password::NUMBER, _) => return Ok(()),
            (methods::temporary_pass::NUMBER, _) if !credential_is_once(credential) => {
                return Ok(());
            }
            (methods::totp::NUMBER | methods::hotp::NUMBER, _) => {
                let new = after.credential(&credential.id).expect("it stays");
                format!("place {:?}", places(new))
            }
            (methods::recovery_code::NUMBER, Action::Answer(answer)) => {
                format!("{:?}", answer.proof)
            }
            (methods::recovery_code::NUMBER, Action::Begin(sign_in)) => {
                let code = sign_in.early_answer.clone().unwrap_or_default();
                format!("{:?}", Proof::Code(code))
            }
            (_, Action::Answer(answer)) => answer.proof_text(),
            (_, Action::PhoneAnswer(answer)) => format!("{:?}", answer.challenge),
            (_, Action::Begin(sign_in)) => format!("{:?}", sign_in.early_answer),
            _ => return Ok(()),
        };
        let proof = format!("{} {proof}", credential.id.text());
        prop_assert!(
            self.accepted.insert(proof.clone()),
            "accepted twice: {}",
            proof
        );
        Ok(())
    }

    fn note(&mut self, transition: &Transition) {
        self.holder.receive(transition);
        if let Some((_, _, effect)) = crate::world::message(transition) {
            self.effect = effect;
        }
        if matches!(
            transition.outcome,
            Outcome::Challenge(_) | Outcome::Pending(_)
        ) {
            let id = crate::world::challenge_id(&transition.outcome);
            self.open.retain(|open| *open != id);
            self.open.push(id);
        }
        if matches!(&transition.outcome, Outcome::Allow(it) if it.claims.method == "recovery-code")
        {
            self.holder.paper.pop();
        }
    }
}

/// Where a PIN goes with the code, both are typed in one field.
fn with_pin(action: Action, account: &Account) -> Action {
    match action {
        Action::Answer(Answer {
            challenge,
            proof: Proof::Code(code),
            remember,
        }) if account.pin.is_some() && code.bytes().all(|it| it.is_ascii_digit()) => {
            Action::Answer(Answer {
                challenge,
                proof: Proof::Code(format!("802917{code}")),
                remember,
            })
        }
        action => action,
    }
}

/// The credentials whose proof this event was accepted for.
fn proved(
    before: &Account,
    after: &Account,
    action: &Action,
    transition: &Transition,
) -> Vec<String> {
    let mut proved = Vec::new();
    // Another device's answer is kept in the challenge until the browser comes for it.
    for open in &after.challenges {
        let was = before.challenges.iter().find(|it| it.id == open.id);
        let accepted = |progress: &Progress| matches!(progress, Progress::Accepted(_));
        let is_new = was.is_none_or(|was| !accepted(&was.progress));
        if let Progress::Accepted(grant) = &open.progress
            && is_new
        {
            proved.extend(grant.credential.map(|id| id.text()));
        }
    }
    let direct = matches!(action, Action::Answer(_) | Action::Begin(_));
    // What a challenge has accepted already was judged then.
    let waits = |challenge: &str| {
        let open = before
            .challenges
            .iter()
            .find(|it| it.id.text() == challenge);
        open.is_some_and(|it| matches!(it.progress, Progress::Accepted(_)))
    };
    let kept = matches!(action, Action::Answer(answer) if waits(&answer.challenge));
    if let Outcome::Allow(allowance) = &transition.outcome
        && direct
        && !kept
    {
        proved.extend(allowance.credential.clone());
    }
    proved.sort();
    proved.dedup();
    proved
}

fn credential_is_once(credential: &Credential) -> bool {
    methods::temporary_pass::State::decode(credential.state.as_bytes()).is_ok_and(|it| it.once)
}

/// What only ever rises.
fn places(credential: &Credential) -> u64 {
    let state = credential.state.as_bytes();
    match credential.method {
        methods::totp::NUMBER => methods::totp::State::decode(state).unwrap().next_step,
        methods::hotp::NUMBER => methods::hotp::State::decode(state).unwrap().counter,
        methods::ocra::NUMBER => methods::ocra::State::decode(state).unwrap().counter,
        methods::webauthn::NUMBER => {
            let facts = methods::of(credential.method).unwrap().view(credential);
            let count = facts.into_iter().find(|(name, _)| name == "sign-count");
            count.unwrap().1.parse().unwrap()
        }
        _ => 0,
    }
}

/// What was typed or signed.
trait ProofText {
    fn proof_text(&self) -> String;
}

impl ProofText for Answer {
    fn proof_text(&self) -> String {
        match &self.proof {
            Proof::Code(code) => format!("{} {code}", self.challenge),
            Proof::Webauthn(json) => json.clone(),
            other => format!("{other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_of_any_method_breaks_a_rule(
        policy in 0_usize..4,
        sequence in prop::collection::vec(moves(), 1..60),
    ) {
        let mut run = Run::new(policy);
        for next in &sequence {
            run.step(next)?;
        }
    }
}

/// The sequences mean something only if every method is let in by them.
#[test]
fn every_method_answers_rightly() {
    for (at, method) in METHODS.iter().enumerate() {
        let mut run = Run::new(0);
        let sequence: &[Move] = match *method {
            "app-password" => &[Move::Early(Early::AppPassword)],
            _ => &[Move::Begin(Some(at)), Move::Right, Move::Poll(0)],
        };
        let mut accepted = false;
        for next in sequence {
            run.step(next).unwrap();
            accepted |= run.session.is_some();
        }
        assert!(accepted, "{method}");
        assert_eq!(run.session.unwrap().method, *method);
    }
}
