//! The audit chain: each row carries the hash of all that came before it.
//!
//! One chain a database. Processes that share a database extend the same chain, each inside SQLite's one write
//! transaction, where they wait for each other anyway: the order of the rows is the order of the commits.

use rusqlite::{Connection, OptionalExtension, Row};
use sha2::{Digest, Sha256};

use super::number::{stored, whole};
use cofactor_runtime::store::{AccountId, Name};

/// The newest row of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Rows are numbered from 1, without gaps; 0 before the first.
    pub seq: u64,
    /// SHA-256 over the previous hash and the row.
    pub hash: [u8; 32],
    /// When the row was written, in milliseconds since the epoch.
    pub time: u64,
}

/// What a row says besides its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) account: Option<AccountId>,
    /// The version that the account has from this row on.
    pub(super) version: Option<u64>,
    /// The session generation from this row on; none with a version where the account was removed.
    pub(super) generation: Option<u64>,
    /// A name (as a digest) and whether it belongs to the account from now on, or to nobody.
    pub(super) subject: Option<([u8; 16], bool)>,
}

impl Facts {
    /// Whether a load is held against this row.
    pub(super) fn tell(&self) -> bool {
        self.version.is_some() || self.subject.is_some()
    }
}

/// Where the chain was found broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainBreak {
    /// A row is missing.
    #[error("audit row {0} is missing")]
    Missing(u64),
    /// A row is not what was written, or a row before it is not.
    #[error("audit row {0} does not follow from the rows before it")]
    Altered(u64),
    /// The chain is whole but ends before the row that the anchor file has seen, or passes it with another hash.
    #[error("the chain does not contain row {0}, which the anchor file has seen")]
    NotAnchored(u64),
    /// It cannot be read.
    #[error("the audit table cannot be read: {0}")]
    Unreadable(String),
}

impl Head {
    /// The newest row as the database has it now.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        connection
            .prepare_cached("SELECT seq, hash, time FROM audit ORDER BY seq DESC LIMIT 1")?
            .query_row([], |row| {
                Ok(Self {
                    seq: stored(row, 0)?,
                    hash: row.get(1)?,
                    time: stored(row, 2)?,
                })
            })
            .optional()
            .map(Option::unwrap_or_default)
    }

    /// Whether the database has exactly this row.
    pub(super) fn is_in(&self, connection: &Connection) -> rusqlite::Result<bool> {
        if self.seq == 0 {
            return Ok(true);
        }
        let hash: Option<[u8; 32]> = connection
            .query_row(
                "SELECT hash FROM audit WHERE seq = ?1",
                [whole(self.seq)],
                |row| row.get(0),
            )
            .optional()?;
        Ok(hash == Some(self.hash))
    }

    /// Writes the next row, inside the caller's transaction.
    pub(super) fn append(
        &mut self,
        connection: &Connection,
        time: u64,
        facts: &Facts,
        entry: &str,
    ) -> rusqlite::Result<()> {
        let next = Self {
            seq: self.seq.saturating_add(1),
            hash: digest(&self.hash, self.seq.saturating_add(1), time, facts, entry),
            time,
        };
        connection
            .prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
            .execute((
                whole(next.seq),
                whole(time),
                facts.account.as_ref().map(|account| &account.0),
                facts.version.map(whole),
                facts.generation.map(whole),
                facts.subject.as_ref().map(|(subject, _)| subject),
                facts.subject.map(|(_, bound)| bound),
                entry,
                &next.hash,
            ))?;
        *self = next;
        Ok(())
    }
}

/// Reads the whole chain and returns its head, or the first place where it does not hold.
pub(super) fn verify(connection: &Connection) -> Result<Head, ChainBreak> {
    let unreadable = |error: rusqlite::Error| ChainBreak::Unreadable(error.to_string());
    let mut statement = connection
        .prepare("SELECT seq, hash, time, account, version, generation, subject, bound, entry FROM audit ORDER BY seq")
        .map_err(unreadable)?;
    let mut rows = statement.query([]).map_err(unreadable)?;
    let mut head = Head::default();
    while let Some(row) = rows.next().map_err(unreadable)? {
        let expected = head.seq.saturating_add(1);
        let seq = stored(row, 0).map_err(unreadable)?;
        if seq != expected {
            return Err(ChainBreak::Missing(expected));
        }
        // A value of another type than was written is an alteration like any other.
        head = follow(&head, seq, row).ok_or(ChainBreak::Altered(seq))?;
    }
    Ok(head)
}

/// The digest under which a name stands in the chain: the first half of a SHA-256.
pub(super) fn subject(name: &Name) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in [&name.tenant, &name.issuer, &name.user] {
        put(&mut hash, part.as_bytes());
    }
    let whole: [u8; 32] = hash.finalize().into();
    let mut half = [0; 16];
    half.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
    half
}

fn follow(head: &Head, seq: u64, row: &Row<'_>) -> Option<Head> {
    let time = stored(row, 2).ok()?;
    let number = |index| row.get::<_, Option<i64>>(index).ok();
    let optional = |index| match number(index)? {
        None => Some(None),
        Some(value) => u64::try_from(value).ok().map(Some),
    };
    let subject = match (
        row.get::<_, Option<[u8; 16]>>(6).ok()?,
        row.get::<_, Option<bool>>(7).ok()?,
    ) {
        (Some(subject), Some(bound)) => Some((subject, bound)),
        (None, None) => None,
        _ => return None,
    };
    let facts = Facts {
        account: row.get::<_, Option<[u8; 16]>>(3).ok()?.map(AccountId),
        version: optional(4)?,
        generation: optional(5)?,
        subject,
    };
    let entry: String = row.get(8).ok()?;
    let hash: [u8; 32] = row.get(1).ok()?;
    (hash == digest(&head.hash, seq, time, &facts, &entry)).then_some(Head { seq, hash, time })
}

/// The canonical bytes of a row: fixed-width numbers, every optional part behind a byte that says whether it is there,
/// every text behind its length.
fn digest(previous: &[u8; 32], seq: u64, time: u64, facts: &Facts, entry: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(seq.to_be_bytes());
    hash.update(time.to_be_bytes());
    optional(&mut hash, facts.account.as_ref().map(|account| &account.0));
    optional(&mut hash, facts.version.map(u64::to_be_bytes).as_ref());
    optional(&mut hash, facts.generation.map(u64::to_be_bytes).as_ref());
    optional(
        &mut hash,
        facts.subject.as_ref().map(|(subject, _)| subject),
    );
    hash.update([facts.subject.is_some_and(|(_, bound)| bound).into()]);
    put(&mut hash, entry.as_bytes());
    hash.finalize().into()
}

fn optional<const N: usize>(hash: &mut Sha256, value: Option<&[u8; N]>) {
    match value {
        None => hash.update([0]),
        Some(value) => {
            hash.update([1]);
            hash.update(value);
        }
    }
}

fn put(hash: &mut Sha256, bytes: &[u8]) {
    hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(bytes);
}
