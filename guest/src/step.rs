//! The state machine. [`step`] judges one event of one account: it reads the record, hands the event to the function for
//! its kind, and puts the transition together. It has no clock, no randomness and no store: equal inputs give equal
//! transitions.

mod action;
mod administer;
mod again;
mod ask;
mod bypass;
mod decoy;
mod enrol;
mod explain;
mod import;
mod manage;
mod outcome;
mod pass;
mod phone;
mod pin;
mod prove;
mod repeat;
mod ruling;
mod sign_in;
mod source;
mod vouch;

use crate::account::{Account, MAX_RECORD, Resolution, Transaction, WRITES};
use crate::audit::Kind;
use crate::contract::{
    Action, AdministrationChange, Change, Context, Event, Fault, Origin, Transition,
};
use crate::entropy::Seed;
use crate::identifier::ChallengeId;
use crate::input;
use crate::methods::{Clock, Scene};
use crate::policy::{Policy, Provision, compiled};
use crate::reason::Reason;
use action::Implemented;
use repeat::Digests;
use ruling::{Commit, Notes, Ruling};

pub use action::ACTIONS;
pub use explain::explain;

/// The effects that a transition may hold, by their names in the contract.
pub const EFFECTS: [&str; 6] = [
    "send-text",
    "place-call",
    "push",
    "send-mail",
    "notify",
    "forward",
];

/// How far behind the record's latest instant the clock may be before it is not believed.
const CLOCK_TOLERANCE: u64 = 5 * 60_000;

/// Judges one event of one account.
pub fn step(ctx: &Context, account: Option<&[u8]>, event: &Event) -> Result<Transition, Fault> {
    let action = Implemented::of(&event.action)?;
    input::context(ctx)?;
    input::event(event)?;
    // Version 1 knows too little to be written any more.
    if !matches!(ctx.write_version, 0 | WRITES) {
        return Err(Fault::BadRequest("ctx.write-version".to_owned()));
    }
    let policy = compiled::decode(&ctx.policy)
        .map_err(|error| Fault::BadPolicy(error.message().to_owned()))?;
    let mut account = load(ctx, account, event, &policy)?;

    // An administrator who resets the clock believes the host's and not the record's.
    let resets_clock = matches!(action, Implemented::Administer(act) if act.change == AdministrationChange::ResetClock);
    let at = if resets_clock {
        ctx.now
    } else {
        ctx.now.max(account.latest)
    };
    let step = Step {
        ctx,
        origin: &event.origin,
        policy: &policy,
        seed: Seed::new(ctx),
        clock: Clock {
            now: ctx.now,
            refuse_before: ctx.refuse_before,
        },
        at,
    };

    let mut digests = Digests::new(&step, event, action);
    let mut notes = Notes::default();
    let behind = at - ctx.now;
    let ruling = if behind > CLOCK_TOLERANCE {
        notes.audit(
            Kind::ClockFault,
            Reason::ClockFault,
            None,
            vec![ruling::number("behind", behind)],
        );
        Ruling::keep(Resolution::Denied(Reason::ClockFault))
    } else if let Some((resolution, first)) = digests.find(&account, at) {
        notes.audit(
            Kind::RequestRepeated,
            Reason::SuccessfullyCompleted,
            None,
            Vec::new(),
        );
        return Ok(transition_kept(&step, &account, resolution, first, notes));
    } else if source::refuses(&step, action) {
        Ruling::refuse(action.refusal(), Reason::SourceThrottled, &mut notes)
    } else {
        source::count(&step, action, &mut notes);
        let account = &mut account;
        match action {
            Implemented::Begin(sign_in) => sign_in::begin(&step, account, sign_in, &mut notes)?,
            Implemented::Snooze(sign_in) => sign_in::snooze(&step, account, sign_in, &mut notes)?,
            Implemented::Answer(answer) => sign_in::answer(&step, account, answer, &mut notes)?,
            Implemented::ChooseMethod(choice) => again::choose(&step, account, choice, &mut notes)?,
            Implemented::Resend(challenge) => again::resend(&step, account, challenge, &mut notes)?,
            Implemented::Poll(challenge) => {
                again::poll(&step, account, challenge, false, &mut notes)?
            }
            Implemented::PhoneAnswer(answer) => phone::answer(&step, account, answer, &mut notes)?,
            Implemented::DeliveryReport(report) => {
                phone::report(&step, account, report, &mut notes)
            }
            Implemented::EnrolBegin(request) => enrol::begin(&step, account, request, &mut notes)?,
            Implemented::EnrolFinish(answer) => enrol::finish(&step, account, answer, &mut notes),
            Implemented::Manage(management) => {
                manage::manage(&step, account, management, &mut notes)?
            }
            Implemented::Vouch(voucher) => vouch::vouch(&step, account, voucher, &mut notes),
            Implemented::Administer(act) => {
                administer::administer(&step, account, act, &mut notes)?
            }
        }
    };
    transition(&step, &mut account, &mut digests, ruling, notes)
}

/// What one step works with.
pub(crate) struct Step<'a> {
    ctx: &'a Context,
    origin: &'a Origin,
    policy: &'a Policy<'a>,
    seed: Seed<'a>,
    clock: Clock,
    /// The later of the host's clock and the record's latest: what expiries and lockouts are compared with.
    at: u64,
}

impl<'a> Step<'a> {
    /// What a method may look at.
    pub(crate) fn scene(
        &self,
        challenge: ChallengeId,
        transaction: Option<&'a Transaction>,
        account: &'a Account,
    ) -> Scene<'a> {
        Scene {
            ctx: self.ctx,
            origin: self.origin,
            policy: self.policy,
            seed: self.seed,
            clock: self.clock,
            at: self.at,
            challenge,
            transaction,
            sends: &account.sends,
            has_pin: account.pin.is_some(),
            held: &account.credentials,
        }
    }
}

/// The account that the event is judged on.
fn load(
    ctx: &Context,
    bytes: Option<&[u8]>,
    event: &Event,
    policy: &Policy<'_>,
) -> Result<Account, Fault> {
    let origin = &event.origin;
    let administers = matches!(event.action, Action::Administer(_));
    let decoys = policy.accounts.provision == Provision::KnownOnly && !administers;
    if !origin.known {
        // A shadow record that comes with a user who may enrol, or whom an administrator creates, is of no account.
        return if decoys {
            decoy::load(ctx, bytes, event, policy)
        } else {
            Ok(Account {
                state: policy.accounts.state,
                ..Account::new(ctx.now)
            })
        };
    }
    // A fresh account would be one that anybody with the first factor may enrol to.
    let bytes =
        bytes.ok_or_else(|| Fault::BadAccount("a known user without a record".to_owned()))?;
    let account = decode(bytes)?;
    if account.decoy {
        return Err(Fault::BadAccount(
            "a shadow record for a known user".to_owned(),
        ));
    }
    if decoys {
        // Known users pay for the guise of a decoy too, so that unknown ones take no longer (BF-09).
        core::hint::black_box(decoy::guise(ctx, event, policy, &account));
    }
    Ok(account)
}

fn decode(bytes: &[u8]) -> Result<Account, Fault> {
    Account::decode(bytes).map_err(|error| Fault::BadAccount(error.message().to_owned()))
}

/// Puts together what the host commits.
fn transition(
    step: &Step<'_>,
    account: &mut Account,
    digests: &mut Digests<'_>,
    ruling: Ruling,
    mut notes: Notes,
) -> Result<Transition, Fault> {
    let change = match ruling.commit {
        Commit::Keep => {
            return Ok(transition_kept(
                step,
                account,
                ruling.resolution,
                step.at,
                notes,
            ));
        }
        Commit::Remove => {
            account.revoke_sessions();
            Change::Remove
        }
        Commit::Write => {
            account.latest = step.at;
            account.forget_expired(step.at);
            account.remember(digests.request(step.at, ruling.resolution)?);
            let bytes = fitting(account)?;
            if account.decoy {
                Change::Decoy(bytes)
            } else {
                Change::Write(bytes)
            }
        }
    };
    // A decoy has the effects of an account, so that its commit costs the same (BF-09). The host does none of them.
    let outcome = outcome::of(step, account, ruling.resolution, step.at);
    Ok(Transition {
        account: change,
        outcome,
        effects: notes.effects(step)?,
        counts: notes.counts,
        claims: notes.claims,
        audit: notes.audit,
        generation: account.generation,
    })
}

/// A transition that leaves the record as it is. It has no effects: what is not written down could be done twice.
fn transition_kept(
    step: &Step<'_>,
    account: &Account,
    resolution: Resolution,
    at: u64,
    notes: Notes,
) -> Transition {
    Transition {
        account: Change::Keep,
        outcome: outcome::of(step, account, resolution, at),
        effects: Vec::new(),
        counts: notes.counts,
        claims: Vec::new(),
        audit: notes.audit,
        generation: account.generation,
    }
}

/// The record's bytes. Should everything be as large as can be, the oldest challenges go (CH-07).
fn fitting(account: &mut Account) -> Result<Vec<u8>, Fault> {
    loop {
        let bytes = account.encode();
        if bytes.len() <= MAX_RECORD {
            return Ok(bytes);
        }
        if account.challenges.len() < 2 {
            return Err(Fault::Other("the record is too large".to_owned()));
        }
        account.challenges.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::fitting;
    use crate::account::{Account, Challenge, Credential, MAX_RECORD, Sealed};
    use crate::contract::Fault;
    use crate::identifier::Identifier;
    use crate::throttle::Failures;

    /// An account with these challenges, whose record is so many octets too large as soon as one is open.
    fn crowded(open: &[u8], excess: usize) -> Account {
        let challenge = |number: &u8| Challenge {
            id: Identifier([*number; 16]),
            ..Challenge::default()
        };
        let account = |challenges, filler| Account {
            challenges,
            credentials: vec![Credential {
                id: Identifier::default(),
                method: 1,
                label: "x".to_owned(),
                created: 0,
                last_used: None,
                usable_from: 0,
                failures: Failures::default(),
                state: Sealed::new(vec![0; filler]),
            }],
            ..Account::new(0)
        };
        let least = account(vec![challenge(&0)], 0).encode().len();
        let open = open.iter().map(challenge).collect();
        account(open, MAX_RECORD + excess - least)
    }

    #[test]
    fn ch_07_the_oldest_challenges_go_from_a_record_that_is_too_large() {
        for open in [&[1][..], &[2, 1], &[3, 2, 1]] {
            let mut account = crowded(open, 0);
            let fits = fitting(&mut account).is_ok_and(|bytes| bytes.len() == MAX_RECORD);
            assert!(fits, "{open:?}");
            let left = account.challenges.iter().map(|it| it.id);
            assert!(left.eq([Identifier([1; 16])]), "{:?}", account.challenges);
        }
        assert!(fitting(&mut crowded(&[], 0)).is_ok());
    }

    /// The newest is the one that the user is about to answer: without it the step would come to nothing.
    #[test]
    fn a_record_that_has_no_room_for_the_newest_challenge_is_a_fault() {
        for open in [&[1][..], &[2, 1], &[3, 2, 1]] {
            let fault = fitting(&mut crowded(open, 1));
            assert!(matches!(fault, Err(Fault::Other(_))), "{open:?}: {fault:?}");
        }
    }
}
