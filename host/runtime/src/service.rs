//! The one door: load, step, commit, answer.
//!
//! Nothing else calls the component and nothing else writes accounts. An outcome leaves this module only after all that
//! belongs to it is durable; a lost race runs the step again on the new record.

mod audit;
mod batch;
mod error;
mod explain;
mod observe;
mod outage;
mod outbox;
mod session;

use std::sync::Arc;
use std::time::Instant as Stopwatch;

use zeroize::{Zeroize, Zeroizing};

use crate::clock::{Clock, ClockJumped};
use crate::contract::{
    AccountView, Change, Context, Event, Fault, HostPolicy, Observation, Origin, Outcome,
    PolicyError, Transition,
};
use crate::metrics::Metrics;
use crate::plugin::{Plugin, PluginError, Policy};
use crate::seal::{
    AccountKeys, ClaimKey, KeyRing, OUTBOX, RECORD, SealedBox, random, record_binding,
};
use crate::store::{AccountId, Commit, Committed, Load, Name, Query, Store, Write};

use batch::Ahead;
use observe::Observer;
use outage::Outages;

pub use batch::Batch;
pub use error::{ServiceError, StepError};
pub use outbox::Errand;

/// How often a step is run again after a lost race before the answer is overload.
const ATTEMPTS: u32 = 8;

/// Signs in: one service for each store.
pub struct Service<S> {
    plugin: Plugin,
    policy: Policy,
    store: S,
    clock: Arc<dyn Clock>,
    ring: KeyRing,
    records: SealedBox,
    effects: SealedBox,
    account_keys: AccountKeys,
    claim_key: ClaimKey,
    observer: Observer,
    metrics: Metrics,
    outages: Outages,
}

/// What became of an event, after it was committed.
#[derive(Clone, Debug)]
pub struct Settled {
    /// What the component decided.
    pub outcome: Outcome,
    /// Whose account it is; a shadow record's for an unknown user.
    pub account: AccountId,
    /// Whether the user has an account now.
    pub known: bool,
    /// The account's session generation.
    pub generation: u64,
    /// Which field of an import was no good, where that is why it was denied: the audit's word for it (docs/tokens.md).
    pub field: Option<String>,
}

impl<S: Store> Service<S> {
    /// A service with this component, store, key ring and policy document (TOML; empty for the defaults).
    ///
    /// # Errors
    /// Where the policy is wrong.
    pub fn new(
        plugin: Plugin,
        store: S,
        ring: KeyRing,
        policy: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServiceError> {
        let policy = plugin
            .compile_policy(policy)?
            .map_err(ServiceError::Policy)?;
        let observer = Observer::new(&ring, &policy.compiled().host);
        Ok(Self {
            records: ring.sealed_box(RECORD),
            effects: ring.sealed_box(OUTBOX),
            account_keys: ring.account_keys(),
            claim_key: ring.claim_key(),
            plugin,
            policy,
            store,
            clock,
            ring,
            observer,
            metrics: Metrics::default(),
            outages: Outages::default(),
        })
    }

    /// Judges one event of the user of that name. Fills in `event.origin.known`; the rest is the gateway's.
    ///
    /// # Errors
    /// Every one of them denies.
    pub async fn step(&self, name: &Name, mut event: Event) -> Result<Settled, StepError> {
        let started = Stopwatch::now();
        let result = self.settle(name, &mut event).await;
        match &result {
            Ok(settled) => {
                self.metrics.settled(settled);
                self.metrics.took(started.elapsed());
            }
            Err(error) => self.metrics.failed(started.elapsed(), error),
        }
        result
    }

    /// What a console may show of the user's account; none where there is none.
    ///
    /// # Errors
    /// Where the record cannot be read.
    pub async fn view(&self, name: &Name) -> Result<Option<AccountView>, StepError> {
        let now = self.clock.now()?;
        let loaded = self.load(name, &[], now).await?;
        if !loaded.known {
            return Ok(None);
        }
        match self.open(name, &loaded)? {
            Some(record) => Ok(Some(self.plugin.view(&record)?)),
            None => Ok(None),
        }
    }

    /// The part of the policy that the host acts on.
    #[must_use]
    pub fn host_policy(&self) -> &HostPolicy {
        &self.policy.compiled().host
    }

    /// What is allowed in the policy but unwise.
    #[must_use]
    pub fn policy_warnings(&self) -> &[PolicyError] {
        &self.policy.compiled().warnings
    }

    /// The component.
    #[must_use]
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// What was counted and timed so far.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The clock that decisions go by.
    ///
    /// # Errors
    /// While it is not to be trusted.
    pub fn now(&self) -> Result<u64, ClockJumped> {
        self.clock.now()
    }

    /// A seal for cookies and tokens of the host's own.
    #[must_use]
    pub fn sealed_box(&self, purpose: &str) -> SealedBox {
        self.ring.sealed_box(purpose)
    }

    /// A key for digests of the host's own.
    #[must_use]
    pub fn digest_key(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        self.ring.digest_key(purpose)
    }

    async fn settle(&self, name: &Name, event: &mut Event) -> Result<Settled, StepError> {
        let (mut clash, nothing) = (false, Ahead::default());
        for _ in 0..ATTEMPTS {
            let (settled, commit) = self.prepare(name, event, clash, &nothing).await?;
            if commit.is_empty() {
                return Ok(settled);
            }
            let started = Stopwatch::now();
            let committed = self.noted(self.store.commit(commit).await)?;
            self.metrics.commit(started.elapsed(), committed);
            match committed {
                Committed::Done => {
                    self.outages.end();
                    return Ok(settled);
                }
                Committed::Conflict => {}
                Committed::Clash => clash = true,
            }
        }
        Err(StepError::Overloaded)
    }

    /// Runs the step on the account as it is now, and says what to commit before the outcome may be told.
    async fn prepare(
        &self,
        name: &Name,
        event: &mut Event,
        clash: bool,
        ahead: &Ahead,
    ) -> Result<(Settled, Commit), StepError> {
        crate::plugin::check_event(event)?;
        let Scene {
            loaded,
            record,
            mut context,
        } = self.scene(name, event, ahead).await?;
        if clash {
            context
                .facts
                .push(("claim-clash".to_owned(), "true".to_owned()));
        }
        let (now, mut id) = (context.now, loaded.id);
        let account = record.as_ref().map(|record| record.as_slice());
        let (mut transition, mut asked) = self.decide(name, event, &mut context, account).await?;
        if !loaded.known && matches!(transition.account, Change::Keep) {
            // The generation of an account that never came to be is not the shadow record's.
            transition.generation = loaded.generation;
        }
        if loaded.known && transition.generation < loaded.generation {
            // Sessions of before a change of factors would be good again.
            let fell = "the session generation fell".to_owned();
            return Err(PluginError::Malformed(fell).into());
        }
        let create = !loaded.known && matches!(transition.account, Change::Write(_));
        if create {
            // A new account hashes with keys of its own, and those belong to its id: run again with them.
            id = AccountId(random::<16>().map_err(|_| StepError::Randomness)?);
            wipe(&mut context);
            context.keys = self.account_keys.derive(&name.tenant, id);
            context.entropy = entropy()?;
            context.observed.truncate(loaded.counts.len());
            if let Change::Write(record) = &mut transition.account {
                record.zeroize();
            }
            (transition, asked) = self.decide(name, event, &mut context, account).await?;
            if !matches!(transition.account, Change::Write(_)) {
                return Err(malformed(
                    "an account that was to be made is not, by other keys",
                ));
            }
        }
        wipe(&mut context);
        let expected = if create {
            0
        } else {
            loaded.record.as_ref().map_or(0, |(_, version)| *version)
        };
        let settled = Settled {
            outcome: transition.outcome.clone(),
            account: id,
            known: (loaded.known || create) && !matches!(transition.account, Change::Remove),
            generation: transition.generation,
            field: denied_field(&transition),
        };
        Ok((
            settled,
            self.commit(name, event, now, (id, create, expected), &asked, transition)?,
        ))
    }

    /// The account as it is now, and all that the component gets beside it.
    async fn scene(
        &self,
        name: &Name,
        event: &mut Event,
        ahead: &Ahead,
    ) -> Result<Scene, StepError> {
        let now = self.clock.now()?;
        let observe = self.observer.keys(name, &event.origin);
        let loaded = ahead.over(name, self.load(name, &observe, now).await?);
        event.origin.known = loaded.known;
        let record = self.open(name, &loaded)?;
        let mut context = self.context(
            now,
            &name.tenant,
            Observer::counts(&observe, &loaded.counts),
            Some(loaded.id),
        );
        context.entropy = entropy()?;
        context.refuse_before = loaded.refuse_before;
        Ok(Scene {
            loaded,
            record,
            context,
        })
    }

    /// Runs the step, and once more where the component asks for counts that depend on what the record holds: which those
    /// were is said beside the transition.
    async fn decide(
        &self,
        name: &Name,
        event: &Event,
        context: &mut Context,
        account: Option<&[u8]>,
    ) -> Result<(Transition, Vec<Observation>), StepError> {
        match self.plugin.step(&self.policy, context, account, event) {
            Err(PluginError::Component(Fault::Unobserved(asked))) => {
                self.observe(name, &event.origin, context, &asked).await?;
                let transition = self.plugin.step(&self.policy, context, account, event)?;
                Ok((transition, asked))
            }
            stepped => Ok((stepped?, Vec::new())),
        }
    }

    /// Adds the counts that the component asked for. The record may be another one by now: then the commit is refused.
    async fn observe(
        &self,
        name: &Name,
        origin: &Origin,
        context: &mut Context,
        asked: &[Observation],
    ) -> Result<(), StepError> {
        let observe = self.observer.keys_of(asked, name, origin);
        let loaded = self.load(name, &observe, context.now).await?;
        context
            .observed
            .extend(Observer::counts(&observe, &loaded.counts));
        context.entropy.zeroize();
        context.entropy = entropy()?;
        Ok(())
    }

    async fn load(
        &self,
        name: &Name,
        observe: &[(Observation, [u8; 16])],
        now: u64,
    ) -> Result<Load, StepError> {
        let query = Query {
            name,
            shadow: self.observer.shadow(name),
            observe,
            now,
        };
        let loaded = self.noted(self.store.load(&query).await)?;
        // Without it the user would be asked to enrol anew, on the strength of the first factor alone.
        if loaded.known && loaded.record.is_none() {
            return Err(StepError::Tampered(format!(
                "account {} has no record",
                loaded.id
            )));
        }
        Ok(loaded)
    }

    /// Opens the record's seal: it opens only as this tenant's, this account's and this version's.
    fn open(&self, name: &Name, loaded: &Load) -> Result<Option<Zeroizing<Vec<u8>>>, StepError> {
        let Some((sealed, version)) = &loaded.record else {
            return Ok(None);
        };
        let bound = record_binding(&name.tenant, loaded.id, *version);
        match self.records.open(&bound, sealed) {
            Some(record) => Ok(Some(record)),
            None => Err(StepError::Tampered(format!(
                "the seal of account {} is broken",
                loaded.id
            ))),
        }
    }

    fn context(
        &self,
        now: u64,
        tenant: &str,
        observed: Vec<crate::contract::Observation>,
        account: Option<AccountId>,
    ) -> Context {
        Context {
            now,
            entropy: Vec::new(),
            policy: self.policy.compiled().bytes.clone(),
            tenant: tenant.to_owned(),
            keys: account.map_or_else(Vec::new, |id| self.account_keys.derive(tenant, id)),
            observed,
            write_version: 0,
            refuse_before: 0,
            facts: Vec::new(),
        }
    }

    fn commit(
        &self,
        name: &Name,
        event: &Event,
        now: u64,
        (id, create, expected): (AccountId, bool, u64),
        asked: &[Observation],
        transition: Transition,
    ) -> Result<Commit, StepError> {
        // An unknown user's notices cost the store what a known one's do, and have nowhere to go: they are over at once.
        let latest = match transition.account {
            Change::Decoy(_) => now,
            _ => u64::MAX,
        };
        let write = match transition.account {
            // The plugin believes no change that it does not know.
            Change::Keep | Change::Other(_) => Write::Keep,
            Change::Remove => Write::Remove,
            Change::Write(record) | Change::Decoy(record) => {
                let record = Zeroizing::new(record);
                let bound = record_binding(&name.tenant, id, expected + 1);
                Write::Put(
                    self.records
                        .seal(&bound, &record)
                        .map_err(|_| StepError::Randomness)?,
                )
            }
        };
        let outbox = transition
            .effects
            .iter()
            .map(|effect| outbox::row(&self.effects, name, &event.origin, effect, latest))
            .collect::<Result<_, _>>()?;
        let (take, drop) = self.claim_key.digests(&name.tenant, &transition.claims);
        let audit = transition
            .audit
            .iter()
            .map(|fact| audit::row(id, name, &event.origin, fact))
            .collect();
        Ok(Commit {
            id,
            create: create.then(|| name.clone()),
            expected,
            write,
            generation: transition.generation,
            counts: self
                .observer
                .increments(name, &event.origin, asked, &transition.counts),
            take,
            drop,
            outbox,
            audit,
            tenant: name.tenant.clone(),
            now,
        })
    }
}

/// What a step starts from.
struct Scene {
    loaded: Load,
    record: Option<Zeroizing<Vec<u8>>>,
    context: Context,
}

fn entropy() -> Result<Vec<u8>, StepError> {
    Ok(random::<32>().map_err(|_| StepError::Randomness)?.to_vec())
}

/// The keys and the seed have served.
fn wipe(context: &mut Context) {
    context.entropy.zeroize();
    for key in &mut context.keys {
        key.secret.zeroize();
    }
}

/// Only a denial of an administrator's has a field.
fn denied_field(transition: &Transition) -> Option<String> {
    let mut facts = transition
        .audit
        .iter()
        .filter(|fact| fact.kind == "administration-denied")
        .flat_map(|fact| &fact.facts);
    facts
        .find(|(name, _)| name == "field")
        .map(|(_, field)| field.clone())
}

fn malformed(what: &str) -> StepError {
    StepError::Plugin(PluginError::Malformed(what.to_owned()))
}
