//! What a record keeps of sign-ins: what is asked, what was proved, and what was answered.

use super::Sealed;
use crate::identifier::{ChallengeId, CredentialId, DeviceId, EffectId};
use crate::policy::Methods;
use crate::reason::Reason;

/// A question that was put to the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Names it.
    pub id: ChallengeId,
    /// Which application it was asked for.
    pub application: String,
    /// Who may answer: `origin.binding`.
    pub binding: Vec<u8>,
    /// Which credential is asked for; none means any that the policy allows and that needs no question.
    pub credential: Option<CredentialId>,
    /// When it was opened. Zero if the record is older than this is kept.
    pub begun: u64,
    /// When it ends.
    pub expires: u64,
    /// When the question ends, if before.
    pub question_expires: u64,
    /// How many wrong answers it took.
    pub attempts: u8,
    /// How often the question was sent.
    pub sends: u8,
    /// When it was last sent.
    pub sent: u64,
    /// What the method keeps of the question. At most [`MAX_QUESTION`] octets.
    pub question: Sealed,
    /// The effect that carries the question, so that a report on it is understood.
    pub effect: Option<EffectId>,
    /// What was asked of the sign-in, to be judged again with each answer.
    pub demand: Demand,
    /// What was verified already, where one method is not enough.
    pub proved: Proved,
    /// What came from elsewhere.
    pub progress: Progress,
    /// Users who approved, as keyed digests.
    pub approvals: Vec<[u8; 16]>,
    /// A PIN has to be changed before the user passes.
    pub new_pin: bool,
}

/// What a sign-in asks for, beside what the policy does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// What the gateway can do.
    pub surface: u8,
    /// The level that the caller wants; zero if it does not say.
    pub level: u8,
    /// How grave the risk is: zero unknown, then low, medium, high.
    pub risk: u8,
    /// How old a verification may be.
    pub max_age: Option<u64>,
    /// SHA-256 of the text to confirm, and the text.
    pub transaction: Option<Transaction>,
    /// What is approved with it: whose sign-in, and which.
    pub approves: Option<(String, ChallengeId)>,
}

/// A text to confirm (S17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// SHA-256 of it.
    pub digest: [u8; 32],
    /// The text: 1 to 1,024 octets.
    pub text: String,
}

/// What came from elsewhere for an open challenge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// Nothing yet.
    #[default]
    Waiting,
    /// The method accepted, or what is still missing is not of this user.
    Accepted(Grant),
    /// It refused, for good.
    Refused(Reason),
}

/// What a sign-in was allowed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which credential was used last; none if a rule let the user pass.
    pub credential: Option<CredentialId>,
    /// The number of its method; zero if there is none.
    pub method: u8,
    /// Everything that was verified.
    pub proved: Proved,
    /// Why.
    pub reason: Reason,
}

/// What was verified, by one method or by several after each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proved {
    /// The methods.
    pub methods: Methods,
    /// The user was verified too, by PIN or biometrics, on the authenticator.
    pub user_verified: bool,
    /// The user's PIN was right, too.
    pub pin: bool,
    /// When a session that rests on it has to end, if before all others.
    pub ends: Option<u64>,
}

/// A success that answers the requests that run beside it (E18).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Success {
    /// Digest of application, binding and address.
    pub digest: [u8; 16],
    /// Until when.
    pub until: u64,
    /// What was decided.
    pub grant: Grant,
    /// When.
    pub at: u64,
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
        /// What for.
        grant: Grant,
        /// The session's generation.
        generation: u64,
        /// The remembered device whose token goes out with it, and the token's number.
        device: Option<(DeviceId, u32)>,
    },
    /// The user is asked for something.
    Challenged {
        /// The open challenge.
        challenge: ChallengeId,
        /// The failure that led here.
        after: Option<Reason>,
    },
    /// The answer will come from elsewhere.
    Pending {
        /// The open challenge.
        challenge: ChallengeId,
    },
    /// The user has to enrol.
    EnrolmentRequired {
        /// How often it may still be put off.
        snoozes_left: u8,
    },
    /// The user is enrolling.
    Enrolling {
        /// The open enrolment.
        enrolment: ChallengeId,
        /// The failure that led here.
        after: Option<Reason>,
    },
    /// The user may not pass.
    Denied(Reason),
    /// A text was confirmed: what for is in the grant, and which text in the digest.
    Confirmed {
        /// What for.
        grant: Grant,
        /// SHA-256 of the text.
        digest: [u8; 32],
    },
    /// A change was made.
    Done {
        /// What was done.
        reason: Reason,
        /// On which credential.
        credential: Option<CredentialId>,
        /// Whether its secret is to be handed out: it was made just now.
        issued: bool,
    },
}

impl Proved {
    /// Nothing was.
    pub const NOTHING: Self = Self {
        methods: Methods::NONE,
        user_verified: false,
        pin: false,
        ends: None,
    };

    /// With what was verified after it. The session ends with whatever ends first.
    pub fn and(self, later: Self) -> Self {
        Self {
            methods: self.methods.or(later.methods),
            user_verified: self.user_verified || later.user_verified,
            pin: self.pin || later.pin,
            ends: match (self.ends, later.ends) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        }
    }
}
