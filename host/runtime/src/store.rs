//! What the service needs of a store: load one account, commit one step.
//!
//! A store keeps bytes that it cannot read (they are sealed before they reach it) and guarantees three things: a commit
//! is all or nothing, it happens only on the version that was loaded, and it is durable before it is answered. That is
//! what makes a code usable exactly once on any number of hosts.

pub mod memory;

use std::fmt;
use std::future::Future;

use crate::contract::Observation;

/// Names an account for good: 128 random bits. Renaming a user leaves it, deleting and creating again makes another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub [u8; 16]);

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The name under which a first factor knows a user. All three parts are canonical already.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// Whose user.
    pub tenant: String,
    /// Which first factor vouches: two of them may know different people by one name.
    pub issuer: String,
    /// The canonical user name.
    pub user: String,
}

/// Names a session of the host's own, so that it can be ended alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub [u8; 16]);

/// The state of all that a store keeps, as far as it can be told at a glance: two that are equal are of the same state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(pub [u32; 12]);

/// How an account and one of its sessions stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The account's session generation.
    pub generation: u64,
    /// Whether the session that was asked for was ended.
    pub ended: bool,
}

/// A session that is over before its time.
#[derive(Clone, Debug)]
pub struct SessionEnd {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub session: SessionId,
    /// Milliseconds since the epoch after which it would have been over anyway, so that it may be forgotten.
    pub expires: u64,
    /// The audit row, as a JSON object without secrets.
    pub audit: String,
    /// The wall clock, in milliseconds since the epoch.
    pub now: u64,
}

/// What to load.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    /// Whose account.
    pub name: &'a Name,
    /// The shadow record that stands in where there is no account of that name: see [`Load::id`].
    pub shadow: AccountId,
    /// What to count, and under which key: `(kind, key)`; at most 8. The key is a digest.
    pub observe: &'a [(Observation, [u8; 16])],
    /// The wall clock, in milliseconds since the epoch.
    pub now: u64,
}

/// An account as the store has it.
#[derive(Clone, Debug)]
pub struct Load {
    /// The account, or the shadow record of [`Query::shadow`].
    pub id: AccountId,
    /// Whether the name has an account.
    pub known: bool,
    /// The sealed record and its version; none where nothing was written yet, which a known name's account never is.
    pub record: Option<(Vec<u8>, u64)>,
    /// Session generation: zero at first.
    pub generation: u64,
    /// The counts asked for, in the same order.
    pub counts: Vec<u32>,
    /// Codes of before this instant are to be refused, because the database may have been rolled back: zero in
    /// ordinary life. Milliseconds since the epoch.
    pub refuse_before: u64,
}

/// What becomes of the record.
#[derive(Clone, Debug)]
pub enum Write {
    /// Nothing.
    Keep,
    /// These sealed bytes, as version `expected + 1`.
    Put(Vec<u8>),
    /// The account goes with its name, claims and outbox rows.
    Remove,
}

/// One sealed outbox row.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    /// Names the effect.
    pub effect: [u8; 16],
    /// Which kind, such as `notify`.
    pub kind: String,
    /// Milliseconds since the epoch after which it is not to be done any more.
    pub expires: u64,
    /// The sealed effect.
    pub payload: Vec<u8>,
}

/// What a step wants to be made true, in one transaction.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Which account.
    pub id: AccountId,
    /// The name to give it, when it is new.
    pub create: Option<Name>,
    /// The version that was loaded; zero where there was no record.
    pub expected: u64,
    /// The record.
    pub write: Write,
    /// Session generation from now on.
    pub generation: u64,
    /// Increments: kind, key, by how much, length of the window in milliseconds.
    pub counts: Vec<(String, [u8; 16], u32, u64)>,
    /// Digests to take, unique within the tenant.
    pub take: Vec<[u8; 32]>,
    /// Digests to give up.
    pub drop: Vec<[u8; 32]>,
    /// Effects.
    pub outbox: Vec<OutboxRow>,
    /// Audit rows, as JSON objects without secrets, in order. Appended to this host's chain.
    pub audit: Vec<String>,
    /// The tenant that claims and counts belong to.
    pub tenant: String,
    /// The wall clock, in milliseconds since the epoch.
    pub now: u64,
}

impl Commit {
    /// Whether nothing would be written at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.write, Write::Keep)
            && self.create.is_none()
            && self.counts.is_empty()
            && self.take.is_empty()
            && self.drop.is_empty()
            && self.outbox.is_empty()
            && self.audit.is_empty()
    }
}

/// How a commit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// All of it is durable.
    Done,
    /// Another step was faster: nothing was written; load and step again.
    Conflict,
    /// A digest is taken by another account: nothing was written.
    Clash,
}

/// Why a store cannot answer. None of it is the user's failure.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached: the only failure that a fail mode OPEN may answer, so never one that a client can bring about.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What it holds was altered, swapped or rolled back.
    #[error("the store was tampered with: {0}")]
    Tampered(String),
    /// It has more to do than it can, or has run out of room: of disk, memory or descriptors.
    #[error("the store is overloaded")]
    Overloaded,
}

/// Keeps accounts.
pub trait Store: Send + Sync + 'static {
    /// Reads one account, or the shadow record that stands in for it, with the counts asked for. The same number of
    /// operations whether the name is known or not.
    fn load(&self, query: &Query<'_>) -> impl Future<Output = Result<Load, StoreError>> + Send;

    /// Makes all of `commit` true, or nothing. Answers when it is durable.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// How a name's account stands, and one of its sessions if one is named; none where there is no account. Asked at
    /// every request of a session.
    fn standing(
        &self,
        name: &Name,
        session: Option<&SessionId>,
    ) -> Result<Option<Standing>, StoreError>;

    /// The state of all that is kept, from memory and without waiting: what was read since it was the same still holds. None
    /// where that cannot be told, and everything has to be read again.
    fn mark(&self) -> Option<Mark> {
        None
    }

    /// Who holds each of these digests in the tenant, in the same order; none where nobody does.
    fn holders(
        &self,
        tenant: &str,
        digests: &[[u8; 32]],
    ) -> Result<Vec<Option<AccountId>>, StoreError>;

    /// Ends a session for good, on every host of this store. Answers when it is durable; ending it again changes nothing.
    fn end_session(&self, end: SessionEnd) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Commits several accounts' steps in one transaction, in order: all or nothing. Conflict and clash count for all.
    fn commit_all(
        &self,
        commits: Vec<Commit>,
    ) -> impl Future<Output = Result<Committed, StoreError>> + Send;
}
