//! A store in memory: for tests, and for whoever needs no more than one process and may forget everything.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    AccountId, Commit, Committed, Load, Name, OutboxRow, Query, SessionEnd, SessionId, Standing,
    Store, StoreError, Write,
};

/// Keeps accounts as long as the process lives.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Clone, Default)]
struct State {
    names: BTreeMap<(String, String, String), AccountId>,
    accounts: BTreeMap<AccountId, Account>,
    claims: BTreeMap<(String, [u8; 32]), AccountId>,
    counts: BTreeMap<(String, String, [u8; 16], u64), u32>,
    ended: BTreeSet<SessionId>,
    outbox: Vec<OutboxRow>,
    audit: Vec<String>,
}

#[derive(Clone)]
struct Account {
    version: u64,
    generation: u64,
    record: Vec<u8>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The audit rows so far, oldest first.
    #[must_use]
    pub fn audit(&self) -> Vec<String> {
        self.state().audit.clone()
    }

    /// The outbox rows so far, oldest first.
    #[must_use]
    pub fn outbox(&self) -> Vec<OutboxRow> {
        self.state().outbox.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn load(&self, query: &Query<'_>) -> impl Future<Output = Result<Load, StoreError>> + Send {
        let state = self.state();
        let found = state.names.get(&key(query.name)).copied();
        let id = found.unwrap_or(query.shadow);
        let account = state.accounts.get(&id);
        let count = |(observation, digest): &(crate::contract::Observation, [u8; 16])| {
            let window = window_start(query.now, observation.window);
            let at = (
                query.name.tenant.clone(),
                observation.kind.clone(),
                *digest,
                window,
            );
            state.counts.get(&at).copied().unwrap_or(0)
        };
        std::future::ready(Ok(Load {
            id,
            known: found.is_some(),
            record: account.map(|account| (account.record.clone(), account.version)),
            generation: account.map_or(0, |account| account.generation),
            counts: query.observe.iter().map(count).collect(),
            refuse_before: 0,
        }))
    }

    fn commit(&self, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>> + Send {
        self.commit_all(vec![commit])
    }

    fn standing(
        &self,
        name: &Name,
        session: Option<&SessionId>,
    ) -> Result<Option<Standing>, StoreError> {
        let state = self.state();
        let Some(id) = state.names.get(&key(name)) else {
            return Ok(None);
        };
        let account = state.accounts.get(id);
        Ok(Some(Standing {
            generation: account.map_or(0, |account| account.generation),
            ended: session.is_some_and(|session| state.ended.contains(session)),
        }))
    }

    fn holders(
        &self,
        tenant: &str,
        digests: &[[u8; 32]],
    ) -> Result<Vec<Option<AccountId>>, StoreError> {
        let state = self.state();
        let holder = |digest: &[u8; 32]| state.claims.get(&(tenant.to_owned(), *digest)).copied();
        Ok(digests.iter().map(holder).collect())
    }

    fn end_session(&self, end: SessionEnd) -> impl Future<Output = Result<(), StoreError>> + Send {
        let mut state = self.state();
        if state.ended.insert(end.session) {
            state.audit.push(end.audit);
        }
        std::future::ready(Ok(()))
    }

    fn commit_all(
        &self,
        commits: Vec<Commit>,
    ) -> impl Future<Output = Result<Committed, StoreError>> + Send {
        let mut state = self.state();
        // Each is judged by what those before it have made true, and none of them stays if one is refused.
        let mut next = (commits.len() > 1).then(|| state.clone());
        for commit in commits {
            let next = next.as_mut().unwrap_or(&mut state);
            match next.check(&commit) {
                Committed::Done => next.apply(commit),
                refused => return std::future::ready(Ok(refused)),
            }
        }
        if let Some(next) = next {
            *state = next;
        }
        std::future::ready(Ok(Committed::Done))
    }
}

impl State {
    fn check(&self, commit: &Commit) -> Committed {
        let version = self
            .accounts
            .get(&commit.id)
            .map_or(0, |account| account.version);
        if version != commit.expected {
            return Committed::Conflict;
        }
        if commit
            .create
            .as_ref()
            .is_some_and(|name| self.names.contains_key(&key(name)))
        {
            return Committed::Conflict;
        }
        let taken = |digest: &[u8; 32]| {
            self.claims
                .get(&(commit.tenant.clone(), *digest))
                .is_some_and(|holder| *holder != commit.id)
        };
        if commit.take.iter().any(taken) {
            Committed::Clash
        } else {
            Committed::Done
        }
    }

    fn apply(&mut self, commit: Commit) {
        if let Some(name) = &commit.create {
            self.names.insert(key(name), commit.id);
        }
        match commit.write {
            Write::Keep => {
                if let Some(account) = self.accounts.get_mut(&commit.id) {
                    account.generation = account.generation.max(commit.generation);
                }
            }
            Write::Put(record) => {
                let account = Account {
                    version: commit.expected + 1,
                    generation: commit.generation,
                    record,
                };
                self.accounts.insert(commit.id, account);
            }
            Write::Remove => {
                self.accounts.remove(&commit.id);
                self.names.retain(|_, id| *id != commit.id);
            }
        }
        for digest in commit.drop {
            let claim = (commit.tenant.clone(), digest);
            if self.claims.get(&claim) == Some(&commit.id) {
                self.claims.remove(&claim);
            }
        }
        for digest in commit.take {
            self.claims
                .insert((commit.tenant.clone(), digest), commit.id);
        }
        if !self.accounts.contains_key(&commit.id) {
            self.claims.retain(|_, id| *id != commit.id);
        }
        for (kind, digest, by, window) in commit.counts {
            let at = (
                commit.tenant.clone(),
                kind,
                digest,
                window_start(commit.now, window),
            );
            let count = self.counts.entry(at).or_insert(0);
            *count = count.saturating_add(by);
        }
        self.outbox.extend(commit.outbox);
        self.audit.extend(commit.audit);
    }
}

fn key(name: &Name) -> (String, String, String) {
    (name.tenant.clone(), name.issuer.clone(), name.user.clone())
}

/// Windows are fixed, not sliding: counting needs one row a window then.
fn window_start(now: u64, window: u64) -> u64 {
    now - now % window.max(1)
}
