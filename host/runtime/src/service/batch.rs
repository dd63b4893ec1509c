//! Several events that are committed in one transaction: a file of tokens, for one.
//!
//! Each event is judged by what those before it would make true, so a user may be named more than once and nothing unique
//! is given out twice. Whatever another process was faster with is seen when all of it is judged again.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant as Stopwatch;

use zeroize::Zeroize;

use super::{ATTEMPTS, Service, Settled, StepError};
use crate::contract::{Action, AdministrationChange, Event, Outcome};
use crate::store::{AccountId, Commit, Committed, Load, Name, Store, Write};

/// What became of administrators' changes that stand or fall together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// What was decided of each, in their order.
    pub settled: Vec<Settled>,
    /// Whether they are durable: all of them, or none because one was denied.
    pub committed: bool,
}

impl<S: Store> Service<S> {
    /// Judges one event after another and commits all of it in one transaction, denials too. Nothing may remove an account.
    ///
    /// # Errors
    /// Those of [`Service::step`], for any of them; then nothing is committed.
    pub async fn step_all(
        &self,
        mut events: Vec<(Name, Event)>,
    ) -> Result<Vec<Settled>, StepError> {
        let batch = self.timed(&mut events, |_| true).await?;
        Ok(batch.settled)
    }

    /// Judges administrators' changes one after another and commits all of them in one transaction, or nothing where one is
    /// denied: then nothing is on record either, because nothing happened.
    ///
    /// # Errors
    /// As [`Service::step_all`]; [`StepError::BadRequest`] where an event is no administrator's.
    pub async fn administer_all(&self, mut events: Vec<(Name, Event)>) -> Result<Batch, StepError> {
        administrative(&events)?;
        let allowed = |settled: &[Settled]| {
            settled
                .iter()
                .all(|settled| !matches!(settled.outcome, Outcome::Deny(_)))
        };
        self.timed(&mut events, allowed).await
    }

    /// Judges administrators' changes exactly as [`Service::administer_all`] does, and commits nothing.
    ///
    /// # Errors
    /// As [`Service::administer_all`].
    pub async fn rehearse_all(
        &self,
        mut events: Vec<(Name, Event)>,
    ) -> Result<Vec<Settled>, StepError> {
        administrative(&events)?;
        let judged = self.judge_all(&mut events).await;
        wipe(&mut events);
        Ok(judged?.0)
    }

    async fn timed(
        &self,
        events: &mut [(Name, Event)],
        may_commit: impl Fn(&[Settled]) -> bool,
    ) -> Result<Batch, StepError> {
        let started = Stopwatch::now();
        let result = self.settle_all(events, may_commit).await;
        wipe(events);
        match &result {
            Ok(batch) => {
                if batch.committed {
                    for settled in &batch.settled {
                        self.metrics.settled(settled);
                    }
                }
                self.metrics.took(started.elapsed());
            }
            Err(error) => self.metrics.failed(started.elapsed(), error),
        }
        result
    }

    async fn settle_all(
        &self,
        events: &mut [(Name, Event)],
        may_commit: impl Fn(&[Settled]) -> bool,
    ) -> Result<Batch, StepError> {
        for _ in 0..ATTEMPTS {
            let (settled, commits) = self.judge_all(events).await?;
            if !may_commit(&settled) {
                return Ok(Batch {
                    settled,
                    committed: false,
                });
            }
            match self.noted(self.store.commit_all(commits).await)? {
                Committed::Done => {
                    self.outages.end();
                    return Ok(Batch {
                        settled,
                        committed: true,
                    });
                }
                // Whoever holds the digest now is found when it is judged again.
                Committed::Conflict | Committed::Clash => {}
            }
        }
        Err(StepError::Overloaded)
    }

    async fn judge_all(
        &self,
        events: &mut [(Name, Event)],
    ) -> Result<(Vec<Settled>, Vec<Commit>), StepError> {
        let mut ahead = Ahead::default();
        let (mut all_settled, mut commits) = (
            Vec::with_capacity(events.len()),
            Vec::with_capacity(events.len()),
        );
        for (name, event) in events {
            let (mut settled, mut commit) = self.prepare(name, event, false, &ahead).await?;
            if self.clashes(&commit, &ahead)? {
                (settled, commit) = self.prepare(name, event, true, &ahead).await?;
                if self.clashes(&commit, &ahead)? {
                    return Err(super::malformed("what clashed is claimed again"));
                }
            }
            if matches!(commit.write, Write::Remove) {
                let why = "an account cannot be removed together with other changes";
                return Err(StepError::BadRequest(why.to_owned()));
            }
            ahead.note(&commit);
            all_settled.push(settled);
            commits.push(commit);
        }
        Ok((all_settled, commits))
    }

    /// Whether another account holds something that this commit would take.
    fn clashes(&self, commit: &Commit, ahead: &Ahead) -> Result<bool, StepError> {
        if commit.take.is_empty() {
            return Ok(false);
        }
        let holders = self.noted(self.store.holders(&commit.tenant, &commit.take))?;
        let taken = commit.take.iter().zip(holders).any(|(digest, stored)| {
            let holder = ahead.claims.get(digest).copied().unwrap_or(stored);
            holder.is_some_and(|holder| holder != commit.id)
        });
        Ok(taken)
    }
}

/// What earlier events of a batch would make true. Empty for an event of its own.
#[derive(Default)]
pub(super) struct Ahead {
    names: HashMap<Name, AccountId>,
    /// The sealed record, its version, and the session generation.
    accounts: BTreeMap<AccountId, (Vec<u8>, u64, u64)>,
    /// Who holds each digest, or nobody any more.
    claims: BTreeMap<[u8; 32], Option<AccountId>>,
}

impl Ahead {
    /// The account as those events leave it.
    pub(super) fn over(&self, name: &Name, mut loaded: Load) -> Load {
        if let Some(id) = self.names.get(name) {
            (loaded.id, loaded.known, loaded.record) = (*id, true, None);
        }
        if let Some((record, version, generation)) = self.accounts.get(&loaded.id) {
            loaded.record = Some((record.clone(), *version));
            loaded.generation = *generation;
        }
        loaded
    }

    fn note(&mut self, commit: &Commit) {
        if let Some(name) = &commit.create {
            self.names.insert(name.clone(), commit.id);
        }
        if let Write::Put(record) = &commit.write {
            let written = (record.clone(), commit.expected + 1, commit.generation);
            self.accounts.insert(commit.id, written);
        }
        for digest in &commit.drop {
            self.claims.insert(*digest, None);
        }
        for digest in &commit.take {
            self.claims.insert(*digest, Some(commit.id));
        }
    }
}

/// A sign-in that is refused has to count, so it cannot depend on what else is in the batch.
fn administrative(events: &[(Name, Event)]) -> Result<(), StepError> {
    let all = |(_, event): &(Name, Event)| matches!(event.action, Action::Administer(_));
    if events.iter().all(all) {
        return Ok(());
    }
    let why = "only administrators' changes are made all together or not at all";
    Err(StepError::BadRequest(why.to_owned()))
}

/// The secrets of a file have served.
fn wipe(events: &mut [(Name, Event)]) {
    for (_, event) in events {
        if let Action::Administer(act) = &mut event.action {
            match &mut act.change {
                AdministrationChange::ImportToken(token) => token.secret.zeroize(),
                AdministrationChange::ImportOtpauth(uri) => uri.zeroize(),
                _ => {}
            }
        }
    }
}
