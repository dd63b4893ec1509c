//! The record: everything that is remembered about one account.
//!
//! Outside the component it is opaque bytes. Its versions are kept apart in [`v1`] and what follows; reading an older
//! one migrates it, and a newer one than this component knows is refused. Every list is bounded, so that the largest
//! record stays far below [`MAX_RECORD`] and later methods have room.

mod credential;
mod sign_in;
mod v1;
mod v2;

use subtle::Choice;

use crate::identifier::{ChallengeId, CredentialId};
use crate::octets::{Reader, Writer};
use crate::throttle::Failures;

pub use credential::{Credential, Device, Enrolment, Pin, Sealed};
pub use sign_in::{
    Challenge, Demand, Grant, Progress, Proved, Request, Resolution, Success, Transaction,
};

/// The largest record that is ever written, in octets.
pub const MAX_RECORD: usize = 24 * 1024;
/// How much of a record its credentials may fill, in octets: what else a record holds always has room beside them.
pub const MAX_CREDENTIAL_OCTETS: usize = 12 * 1024;
/// How many credentials a record holds at most, of all methods. Each method has a bound of its own below it.
pub const MAX_CREDENTIALS: usize = 64;
/// How long the moving part of a credential may be, in octets.
pub const MAX_STATE: usize = 2048;
/// How long what a challenge keeps for its method may be, in octets.
pub const MAX_QUESTION: usize = 255;
/// How many challenges are open at once, at most.
pub const MAX_CHALLENGES: usize = 8;
/// How many enrolments are open at once, at most.
pub const MAX_ENROLMENTS: usize = 2;
/// How many recent requests are remembered.
pub const MAX_REQUESTS: usize = 8;
/// How many devices are remembered.
pub const MAX_DEVICES: usize = 10;
/// How many messages are remembered, for the limits of one account.
pub const MAX_SENDS: usize = 24;
/// How long a challenge may be open, whatever is sent for it, in milliseconds (SP 800-63B-4 section 3.1.3.2, CH-05).
pub const MAX_CHALLENGE_AGE: u64 = 600_000;
/// How many approvals of others a challenge holds.
pub const MAX_APPROVALS: usize = 5;
/// How long a label may be, in octets.
pub const MAX_LABEL: usize = 64;
/// How long a request is remembered.
pub const REQUEST_MEMORY: u64 = 60_000;

/// The oldest and the newest version that is read.
pub const READS: (u32, u32) = (1, 2);
/// The newest version that is written.
pub const WRITES: u32 = 2;

/// One account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Stands in for users that do not exist; never lets anybody in.
    pub decoy: bool,
    /// Every sign-in is refused.
    pub blocked: Option<Block>,
    /// Whether a second factor is asked for.
    pub state: State,
    /// When it was made.
    pub created: u64,
    /// The latest instant at which it was written. Never falls, but for an administrator's `reset-clock`.
    pub latest: u64,
    /// Sessions of an older generation are void. Never falls.
    pub generation: u64,
    /// Failures over all credentials that can be guessed.
    pub failures: Failures,
    /// The user's PIN.
    pub pin: Option<Pin>,
    /// Until when one sign-in passes without a second factor.
    pub bypass: Option<u64>,
    /// How often the user has put off enrolling, and until when the last time holds.
    pub snoozes: (u8, u64),
    /// The last success, for requests that run beside it.
    pub success: Option<Success>,
    /// What the user can prove, the first to be offered first.
    pub credentials: Vec<Credential>,
    /// What the user was asked, oldest first.
    pub challenges: Vec<Challenge>,
    /// What the user is enrolling, oldest first.
    pub enrolments: Vec<Enrolment>,
    /// Devices that are remembered, oldest first.
    pub devices: Vec<Device>,
    /// Messages that went out lately, oldest first.
    pub sends: Vec<Send>,
    /// What was answered lately, oldest first.
    pub requests: Vec<Request>,
}

/// A block, and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// When it ends by itself; `u64::MAX` for never.
    pub until: u64,
    /// The user reported a fraud; otherwise an administrator blocked.
    pub fraud: bool,
}

impl Block {
    /// Whether it is not over. One that does not end by itself holds at the last instant there is, too.
    pub fn holds(&self, at: u64) -> bool {
        self.until == u64::MAX || at < self.until
    }
}

/// Whether a second factor is asked for (S35).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// It is not, where the policy allows that.
    Disabled = 0,
    /// It is, and enrolment may be put off.
    #[default]
    Enabled = 1,
    /// It is, and enrolment may not be put off.
    Enforced = 2,
}

/// A message that went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Send {
    /// The method's number.
    pub method: u8,
    /// A success came after it: it was wanted.
    pub answered: bool,
    /// The user refused it. That is an answer, and no success.
    pub declined: bool,
    /// When.
    pub at: u64,
}

/// Why bytes are no record that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// They do not begin as a record does.
    NotARecord,
    /// They are of a version that this component does not know.
    UnknownVersion,
    /// They end too early.
    Truncated,
    /// They go on too long.
    Overlong,
    /// A value is outside its range: which.
    OutOfRange(&'static str),
}

impl Account {
    /// An account without a credential. Its generation begins at the instant, so that the sessions of an account that
    /// was removed are void for another of the same name (ID-04).
    pub fn new(at: u64) -> Self {
        Self {
            created: at,
            latest: at,
            generation: at,
            ..Self::default()
        }
    }

    /// Reads a record of any known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > MAX_RECORD {
            return Err(RecordError::Overlong);
        }
        let mut rest = Reader::new(bytes.strip_prefix(MAGIC).ok_or(RecordError::NotARecord)?);
        // Each older version is read by its own module and turned, step by step, into the newest.
        let account = match rest.u16()? {
            1 => v1::read(&mut rest)?,
            2 => v2::read(&mut rest)?,
            _ => return Err(RecordError::UnknownVersion),
        };
        rest.end()?;
        Ok(account)
    }

    /// The version of a record, if it is one.
    pub fn version(bytes: &[u8]) -> Option<u16> {
        Reader::new(bytes.strip_prefix(MAGIC)?).u16().ok()
    }

    /// Writes the newest version.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(USUAL_ROOM);
        out.raw(MAGIC);
        out.u16(2);
        v2::write(self, &mut out);
        out.into_bytes()
    }

    /// How many octets the credentials fill.
    pub fn credential_octets(&self) -> usize {
        let mut out = Writer::new(USUAL_ROOM);
        v2::write_credentials(&self.credentials, &mut out);
        out.into_bytes().len()
    }

    /// Whether another credential leaves them within [`MAX_CREDENTIAL_OCTETS`].
    pub fn has_room(&self, another: &Credential) -> bool {
        let mut out = Writer::new(USUAL_ROOM);
        v2::write_credential(another, &mut out);
        self.credential_octets() + out.into_bytes().len() <= MAX_CREDENTIAL_OCTETS
    }

    /// Whether a sign-in at `at` is refused, whatever is given.
    pub fn is_blocked(&self, at: u64) -> bool {
        self.blocked.is_some_and(|block| block.holds(at))
    }

    /// Ends every session of before, and the success that another could begin with.
    pub fn revoke_sessions(&mut self) {
        self.generation = self.generation.saturating_add(1);
        self.success = None;
    }

    /// Factors were added or taken away: whatever rested on them before is over (A-7.4.3, BY-07).
    pub fn factors_changed(&mut self) {
        self.revoke_sessions();
        self.devices.clear();
    }

    /// Drops what is over at `at`, so that a record does not carry it on.
    pub fn forget_expired(&mut self, at: u64) {
        self.challenges.retain(|challenge| at < challenge.expires);
        self.enrolments.retain(|enrolment| at < enrolment.expires);
        self.requests
            .retain(|request| at < request.at.saturating_add(REQUEST_MEMORY));
        self.devices.retain(|device| at < device.expires);
        self.bypass = self.bypass.filter(|until| at < *until);
        self.blocked = self.blocked.filter(|block| block.holds(at));
        self.success = self.success.filter(|success| at < success.until);
    }

    /// Notes that a message went out.
    pub fn note_send(&mut self, method: u8, at: u64) {
        keep_last(&mut self.sends, MAX_SENDS - 1);
        self.sends.push(Send {
            method,
            answered: false,
            declined: false,
            at,
        });
    }

    /// Remembers a device; the oldest goes when there is no room.
    pub fn remember_device(&mut self, device: Device) {
        keep_last(&mut self.devices, MAX_DEVICES - 1);
        self.devices.push(device);
    }

    /// Opens a challenge; the oldest goes when `most` are open (CH-07).
    pub fn open_challenge(&mut self, challenge: Challenge, most: usize) {
        keep_last(&mut self.challenges, most.clamp(1, MAX_CHALLENGES) - 1);
        self.challenges.push(challenge);
    }

    /// Puts an open challenge in the place of what it was.
    pub fn replace_challenge(&mut self, challenge: Challenge) {
        for open in &mut self.challenges {
            if open.id == challenge.id {
                *open = challenge;
                return;
            }
        }
    }

    /// Opens a challenge, or puts it in the place of what it was.
    pub fn keep_challenge(&mut self, challenge: Challenge, most: usize) {
        if self.challenges.iter().any(|open| open.id == challenge.id) {
            self.replace_challenge(challenge);
        } else {
            self.open_challenge(challenge, most);
        }
    }

    /// Ends a challenge.
    pub fn close_challenge(&mut self, id: &ChallengeId) {
        self.challenges.retain(|open| open.id != *id);
    }

    /// Notes that the user answered: messages of before were wanted (PU-01).
    pub fn note_answered(&mut self) {
        self.sends.iter_mut().for_each(|send| send.answered = true);
    }

    /// Notes that the user refused the message of that method which went out then.
    pub fn note_declined(&mut self, method: u8, at: u64) {
        self.sends
            .iter_mut()
            .filter(|send| send.method == method && send.at == at)
            .for_each(|send| send.declined = true);
    }

    /// Opens an enrolment; the oldest goes when there is no room.
    pub fn open_enrolment(&mut self, enrolment: Enrolment) {
        keep_last(&mut self.enrolments, MAX_ENROLMENTS - 1);
        self.enrolments.push(enrolment);
    }

    /// Remembers what a request was answered.
    pub fn remember(&mut self, request: Request) {
        keep_last(&mut self.requests, MAX_REQUESTS - 1);
        self.requests.push(request);
    }

    /// Where the challenge of that id is. Looks at all of them.
    pub fn challenge(&self, id: &ChallengeId) -> Option<usize> {
        position(self.challenges.iter().map(|challenge| challenge.id.is(id)))
    }

    /// Where the enrolment of that id is. Looks at all of them.
    pub fn enrolment(&self, id: &ChallengeId) -> Option<usize> {
        position(self.enrolments.iter().map(|enrolment| enrolment.id.is(id)))
    }

    /// The credential of that id.
    pub fn credential(&self, id: &CredentialId) -> Option<&Credential> {
        self.credentials
            .iter()
            .find(|credential| credential.id == *id)
    }
}

impl RecordError {
    /// What to write into the log.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NotARecord => "not an account record",
            Self::UnknownVersion => "a record version that this component does not read",
            Self::Truncated => "truncated",
            Self::Overlong => "overlong",
            Self::OutOfRange(field) => field,
        }
    }
}

const MAGIC: &[u8] = b"cfac";

/// Holds an account with some credentials and open challenges.
const USUAL_ROOM: usize = 1536;

/// Drops from the front until `most` are left.
fn keep_last<T>(list: &mut Vec<T>, most: usize) {
    list.drain(..list.len().saturating_sub(most));
}

/// The first true one's place, without stopping at it.
fn position(matches: impl Iterator<Item = Choice>) -> Option<usize> {
    let mut found = None;
    for (at, matched) in matches.enumerate() {
        if bool::from(matched) && found.is_none() {
            found = Some(at);
        }
    }
    found
}
