//! The record: everything that is remembered about one account.
//!
//! Outside the component it is opaque bytes. Its versions are kept apart in [`v1`] and what follows; reading an older
//! one migrates it, and a newer one than this component knows is refused. Every list is bounded, so that the largest
//! record stays far below [`MAX_RECORD`] and later methods have room.

mod octets;
mod v1;

use subtle::Choice;

use crate::base32::{MAX_OCTETS, Secret};
use crate::identifier::{ChallengeId, CredentialId};
use crate::methods::hotp::Hotp;
use crate::methods::totp::Totp;
use crate::policy::Algorithm;
use crate::reason::Reason;
use crate::throttle::Failures;

/// The largest record that is ever written, in octets.
pub const MAX_RECORD: usize = 24 * 1024;
/// How many credentials a record holds at most.
pub const MAX_CREDENTIALS: usize = 5;
/// How many challenges are open at once, at most.
pub const MAX_CHALLENGES: usize = 8;
/// How many enrolments are open at once, at most.
pub const MAX_ENROLMENTS: usize = 2;
/// How many recent requests are remembered.
pub const MAX_REQUESTS: usize = 8;
/// How long a label may be, in octets.
pub const MAX_LABEL: usize = 64;
/// How long a secret may be, in octets.
pub const MAX_SECRET: usize = MAX_OCTETS;
/// How long a request is remembered.
pub const REQUEST_MEMORY: u64 = 60_000;

/// The oldest and the newest version that is read.
pub const READS: (u32, u32) = (1, 1);
/// The newest version that is written.
pub const WRITES: u32 = 1;

/// One account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Stands in for users that do not exist; never lets anybody in.
    pub decoy: bool,
    /// An administrator refuses every sign-in.
    pub blocked: bool,
    /// When it was made.
    pub created: u64,
    /// The latest instant at which it was written. Never falls, but for an administrator's `reset-clock`.
    pub latest: u64,
    /// Sessions of an older generation are void. Never falls.
    pub generation: u64,
    /// Failures over all credentials.
    pub failures: Failures,
    /// What the user can prove, the first to be offered first.
    pub credentials: Vec<Credential>,
    /// What the user was asked, oldest first.
    pub challenges: Vec<Challenge>,
    /// What the user is enrolling, oldest first.
    pub enrolments: Vec<Enrolment>,
    /// What was answered lately, oldest first.
    pub requests: Vec<Request>,
}

/// One enrolled credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Names it.
    pub id: CredentialId,
    /// What the user calls it. 1 to 64 octets.
    pub label: String,
    /// When it was enrolled.
    pub created: u64,
    /// When it was last accepted.
    pub last_used: Option<u64>,
    /// The shared secret.
    pub secret: Secret,
    /// The hash under HMAC.
    pub algorithm: Algorithm,
    /// Length of its codes: 6, 7 or 8.
    pub digits: u8,
    /// What moves, and how.
    pub factor: Factor,
    /// Its failures.
    pub failures: Failures,
}

/// What distinguishes the OATH methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// Time-based, RFC 6238.
    Totp(Totp),
    /// Counter-based, RFC 4226.
    Hotp(Hotp),
}

/// A question that was put to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Names it.
    pub id: ChallengeId,
    /// Which application it was asked for.
    pub application: String,
    /// Who may answer: `origin.binding`.
    pub binding: Vec<u8>,
    /// Which credential is asked for; none means any that the policy allows.
    pub credential: Option<CredentialId>,
    /// When it ends.
    pub expires: u64,
    /// How many wrong answers it took.
    pub attempts: u8,
}

/// A credential that waits for its confirming code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Names it.
    pub id: ChallengeId,
    /// Which application it was begun in.
    pub application: String,
    /// Who may finish it: `origin.binding`.
    pub binding: Vec<u8>,
    /// The account's generation when it was begun. A factor change in between ends it: without this, somebody who has
    /// only the password could begin before the user enrols and finish after.
    pub generation: u64,
    /// When it ends.
    pub expires: u64,
    /// How many wrong codes it took.
    pub attempts: u8,
    /// What is being enrolled.
    pub credential: Credential,
}

/// A request that was answered, so that a repeated one is answered alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which generation of the host's key the digest was made with.
    pub key: u32,
    /// Keyed digest of the request's id and of what it asked.
    pub digest: [u8; 16],
    /// When.
    pub at: u64,
    /// What was answered.
    pub resolution: Resolution,
}

/// What a step came to, in the form that the outcome can be told from, now and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The user may pass.
    Allowed {
        /// Which credential was used.
        credential: CredentialId,
        /// By which method.
        method: Method,
        /// Why.
        reason: Reason,
        /// The session's generation.
        generation: u64,
    },
    /// The user is asked for a code.
    Challenged {
        /// The open challenge.
        challenge: ChallengeId,
        /// The method that is asked for.
        method: Method,
        /// Until when.
        expires: u64,
        /// Whether a wrong answer led here.
        again: bool,
    },
    /// The user has to enrol.
    EnrolmentRequired,
    /// The user is enrolling.
    Enrolling {
        /// The open enrolment.
        enrolment: ChallengeId,
        /// Whether a wrong code led here.
        again: bool,
    },
    /// The user may not pass.
    Denied(Reason),
    /// A change was made.
    Done {
        /// What was done.
        reason: Reason,
        /// On which credential.
        credential: Option<CredentialId>,
        /// Whether its secret is to be handed out: an administrator issued it just now.
        issued: bool,
    },
}

/// The methods that this component implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Method {
    /// RFC 6238.
    Totp = 1,
    /// RFC 4226.
    Hotp = 2,
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
        let mut rest =
            octets::Reader::new(bytes.strip_prefix(MAGIC).ok_or(RecordError::NotARecord)?);
        // Each older version is read by its own module and turned, step by step, into the newest.
        let account = match rest.u16()? {
            1 => v1::read(&mut rest)?,
            _ => return Err(RecordError::UnknownVersion),
        };
        rest.end()?;
        Ok(account)
    }

    /// The version of a record, if it is one.
    pub fn version(bytes: &[u8]) -> Option<u16> {
        octets::Reader::new(bytes.strip_prefix(MAGIC)?).u16().ok()
    }

    /// Writes the newest version.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = octets::Writer::new();
        out.raw(MAGIC);
        out.u16(1);
        v1::write(self, &mut out);
        out.into_bytes()
    }

    /// Ends every session of before.
    pub fn revoke_sessions(&mut self) {
        self.generation = self.generation.saturating_add(1);
    }

    /// Drops what is over at `at`, so that a record does not carry it on.
    pub fn forget_expired(&mut self, at: u64) {
        self.challenges.retain(|challenge| at < challenge.expires);
        self.enrolments.retain(|enrolment| at < enrolment.expires);
        self.requests
            .retain(|request| at < request.at.saturating_add(REQUEST_MEMORY));
    }

    /// Opens a challenge; the oldest goes when `most` are open (CH-07).
    pub fn open_challenge(&mut self, challenge: Challenge, most: usize) {
        keep_last(&mut self.challenges, most.clamp(1, MAX_CHALLENGES) - 1);
        self.challenges.push(challenge);
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

    /// Whether a credential has this secret. Looks at all of them.
    pub fn holds(&self, secret: &Secret) -> bool {
        position(
            self.credentials
                .iter()
                .map(|credential| credential.secret.is(secret)),
        )
        .is_some()
    }

    /// The credential of that id.
    pub fn credential(&self, id: &CredentialId) -> Option<&Credential> {
        self.credentials
            .iter()
            .find(|credential| credential.id == *id)
    }
}

impl Credential {
    /// Its method.
    pub fn method(&self) -> Method {
        match self.factor {
            Factor::Totp(_) => Method::Totp,
            Factor::Hotp(_) => Method::Hotp,
        }
    }
}

impl Method {
    /// The name that the contract carries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Hotp => "hotp",
        }
    }

    /// The method of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Totp, Self::Hotp]
            .into_iter()
            .find(|method| method.name() == name)
    }

    /// RFC 8176 values: a one-time code, on top of the first factor.
    pub const fn amr(self) -> [&'static str; 2] {
        match self {
            Self::Totp | Self::Hotp => ["otp", "mfa"],
        }
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
