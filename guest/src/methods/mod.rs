//! How to verify. One file a method, each an implementation of [`Method`]; they know nothing of each other, of the rules, or
//! of the state machine. What a verified answer changes is handed back, so that exactly one credential moves (OTP-16).
//!
//! A new method is one file here and its name in [`methods!`]. What it keeps of a credential and of an open question are
//! octets of its own, which the record carries and nobody else reads.

pub mod code;
pub mod generated;
pub mod hardware;
pub mod number;
pub(crate) mod oob;

/// Declares the methods, in the order in which they are offered.
macro_rules! methods {
    ($($module:ident),+ $(,)?) => {
        $(pub mod $module;)+

        /// Every method that this component implements, in the order in which they are offered.
        pub static NATURES: &[&Nature] = &[$(&$module::NATURE),+];
        /// Their numbers.
        pub const NUMBERS: &[u8] = &[$($module::NATURE.number),+];
        /// Their names.
        pub static NAMES: &[&str] = &[$($module::NATURE.name),+];

        /// The method of that number.
        pub fn of(number: u8) -> Option<&'static dyn Method> {
            $(if number == $module::NATURE.number {
                return Some(&$module::Verifier);
            })+
            None
        }
    };
}

methods!(
    webauthn,
    totp,
    hotp,
    ocra,
    push,
    sms,
    voice,
    email,
    recovery_code,
    temporary_pass,
    app_password
);

use zeroize::Zeroizing;

use crate::account::{Credential, Send, Transaction};
use crate::contract::{Claim, Context, Fact, Observation, Origin, PhoneAnswer};
use crate::entropy::Seed;
use crate::identifier::ChallengeId;
use crate::policy::Policy;
use crate::reason::Reason;

/// What a method is, as far as the rules, the record and the outside have to know.
#[derive(Debug)]
pub struct Nature {
    /// The name that the contract carries.
    pub name: &'static str,
    /// The number that records carry: 1 to 32, never given to another method.
    pub number: u8,
    /// What kind of thing it proves.
    pub class: Class,
    /// What it reaches on top of the first factor: 2, or 3 if it is phishing-resistant.
    pub level: u8,
    /// RFC 8176 values that it proves.
    pub amr: &'static [&'static str],
    /// Methods of one family share a bound, such as `oath`.
    pub family: &'static str,
    /// How many of its family an account may hold: 1 to 40. For [`OATH`], at most as many as the policy says.
    pub most: u8,
    /// What makes a right answer possible.
    pub asking: Asking,
    /// Whether it has fewer than 64 bits, so that it is throttled, locked, and refused while the account is locked.
    pub guessable: bool,
    /// Whether the user is shown, or signs, the text of an event confirmation (S17).
    pub confirms: bool,
    /// Whether it is for programs that show nothing, and for nothing else (S10).
    pub for_programs: bool,
    /// Whether it lets in a user who has lost the others, and so is never the only one that is left.
    pub last_resort: bool,
}

/// The family of one-time code tokens (RFC 4226, 6238, 6287).
pub const OATH: &str = "oath";

/// What kind of thing a factor is (NIST SP 800-63-4, S29).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    /// Something that the user knows.
    Knowledge = 1,
    /// Something that the user has.
    Possession = 2,
    /// Something that the user is.
    Inherence = 3,
    /// Nothing of these.
    None = 4,
}

/// What makes a right answer possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// Nothing: the user has the answer already.
    Nothing,
    /// A question of this challenge, which the user answers where they sign in.
    Question,
    /// A message to another device, which answers by itself.
    Message,
}

/// What a method may look at.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// What the host supplied: keys, tenant, counts, facts.
    pub ctx: &'a Context,
    /// Who is acting, and where.
    pub origin: &'a Origin,
    /// What the operator decided.
    pub policy: &'a Policy<'a>,
    /// What is unpredictable. Labels begin with the method's name.
    pub seed: Seed<'a>,
    /// What time it is.
    pub clock: Clock,
    /// The later of the host's clock and the record's latest: what expiries are compared with.
    pub at: u64,
    /// The challenge, or the enrolment, that this is about.
    pub challenge: ChallengeId,
    /// The text that is to be confirmed, if it is no sign-in.
    pub transaction: Option<&'a Transaction>,
    /// Messages that went out to this user lately.
    pub sends: &'a [Send],
    /// Whether the user has a PIN.
    pub has_pin: bool,
    /// What the account holds. A method looks at its own credentials alone.
    pub held: &'a [Credential],
}

/// What time it is, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The host's clock: what time-based codes are compared with.
    pub now: u64,
    /// The store may have forgotten what was accepted before this instant: `context.refuse-before`.
    pub refuse_before: u64,
}

/// What a user gave back.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// Text, as it was typed.
    Text(&'a str),
    /// Two successive codes, to set a drifted token right.
    TwoCodes(&'a str, &'a str),
    /// The JSON of a browser's WebAuthn call.
    Webauthn(&'a str),
    /// What another device, or a call, answered.
    Phone(&'a PhoneAnswer),
    /// Something that no method here takes.
    Unknown,
}

/// What an answer is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Right.
    Right(Right),
    /// Right once, but used already, or older than one that was used.
    Used,
    /// Wrong: counted as a failure. Why, such as `incorrect-code`.
    Wrong(Reason),
    /// Wrong, and counted as an incorrect code; the credential's state after it, in which it is kept in mind.
    Noted(Vec<u8>),
    /// No answer, or a refusal, by the user or on the way: the challenge ends, and nothing is counted. Why.
    Refused(Reason),
    /// The user reports that somebody else is signing in.
    Fraud,
    /// Not from the credential's holder, such as the signature of another key: nothing is counted, and nothing ends. Why.
    Foreign(Reason),
}

/// What a right answer changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Right {
    /// The credential's state after it.
    pub state: Vec<u8>,
    /// The authenticator verified the user as well, by PIN or biometrics.
    pub user_verified: bool,
    /// The credential is used up and goes.
    pub spent: bool,
    /// A drifted token was set right with it.
    pub resynchronised: bool,
    /// Something that the user should be told: the prompt's name, such as `recovery-codes-low`.
    pub notice: Option<&'static str>,
    /// When a session that rests on it has to end, if before all others.
    pub ends: Option<u64>,
    /// It is right only if this is the user's PIN: the method has no way to tell. Counted and locked as other PINs are.
    pub pin: Option<Typed>,
}

/// Something secret that was typed: erased when dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Typed(Zeroizing<String>);

/// What a session that rests on a method alone may change of the user's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// Everything.
    Full,
    /// Everything, but only so many milliseconds after it was verified.
    Within(u64),
    /// It may enrol what an answer confirms, beside a first factor, and change nothing else.
    Recovery,
}

/// What the user wants to enrol.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// What the method needs to know, such as a telephone number: `enrolment-request.address`.
    pub address: Option<&'a str>,
    /// An administrator does it, and vouches for the address: there is nothing to confirm.
    pub vouched: bool,
    /// How long it is to be good for, if the caller says so.
    pub lifetime: Option<u64>,
    /// Whether it is to be good for one use only, if the caller says so.
    pub once: Option<bool>,
}

/// A new credential.
#[derive(Default)]
pub struct Draft {
    /// What the method keeps of it.
    pub state: Vec<u8>,
    /// What confirms it. None if there is nothing to confirm: it is active at once, and whatever it replaces goes.
    pub question: Option<Question>,
}

/// A question that was put.
#[derive(Default)]
pub struct Question {
    /// What the method keeps to judge the answer: at most 255 octets.
    pub kept: Vec<u8>,
    /// What goes out.
    pub message: Option<Message>,
    /// When the answer is too late, if before the challenge's own end.
    pub expires: Option<u64>,
    /// What the host is to count.
    pub counts: Vec<String>,
}

/// A message that goes out.
pub struct Message {
    /// By which way.
    pub channel: Channel,
    /// Where to: number, mail address or device token.
    pub to: String,
    /// What to say: the prompt's name.
    pub text: &'static str,
    /// What to fill in. Sorted by name.
    pub arguments: Vec<Fact>,
}

/// A way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// `send-text`.
    Text,
    /// `place-call`.
    Call,
    /// `push`.
    Push,
    /// `send-mail`.
    Mail,
}

/// What the user is shown.
#[derive(Default)]
pub struct Shown {
    /// The prompt's name: empty for that of the method's kind.
    pub message: &'static str,
    /// What to fill in. Sorted by name.
    pub arguments: Vec<Fact>,
    /// What a program needs, such as the JSON options of a browser's WebAuthn call.
    pub payload: String,
    /// The secret for typing.
    pub manual_key: String,
    /// Length of the code to type; zero if there is none.
    pub digits: u8,
}

/// Why a question cannot be put, or a credential not be made.
#[derive(Debug)]
pub enum Refusal {
    /// The policy, the limits or the input: why.
    Because(Reason),
    /// Counts are missing: which.
    Unobserved(Vec<Observation>),
    /// The host's doing: what.
    Fault(crate::contract::Fault),
}

/// How one kind of factor is enrolled, asked for and judged. Nothing here changes anything: what is to change is handed back.
pub trait Method: Sync {
    /// What it is.
    fn nature(&self) -> &'static Nature;

    /// Makes a new credential.
    fn enrol(&self, scene: &Scene<'_>, wish: &Wish<'_>) -> Result<Draft, Refusal>;

    /// What the user is shown to enrol it; for one that is active at once, its secret, this once.
    fn provision(&self, scene: &Scene<'_>, credential: &Credential, question: &[u8]) -> Shown;

    /// Judges the answer that confirms an enrolment.
    fn confirm(
        &self,
        scene: &Scene<'_>,
        credential: &Credential,
        question: &[u8],
        proof: Proof<'_>,
    ) -> Judgement {
        self.verify(scene, credential, question, proof)
    }

    /// Puts the question. Not called where nothing has to be asked.
    fn begin(&self, scene: &Scene<'_>, credential: &Credential) -> Result<Question, Refusal> {
        let _ = (scene, credential);
        Ok(Question::default())
    }

    /// What makes a right answer to this question possible, where that was up to the policy when it was put.
    fn asking(&self, question: &[u8]) -> Asking {
        let _ = question;
        self.nature().asking
    }

    /// What the user is shown with the question.
    fn show(&self, scene: &Scene<'_>, credential: &Credential, question: &[u8]) -> Shown;

    /// Whether one question is for every credential of the method that may be used, so that the user answers with whichever
    /// is at hand.
    fn shares_question(&self) -> bool {
        false
    }

    /// Whether only a browser's page can ask for it, so that a line of text is not enough.
    fn needs_browser(&self) -> bool {
        false
    }

    /// How many wrong answers from elsewhere end the wait. A device that has shown its number once has shown enough (PU-03).
    fn tries(&self, policy: &Policy<'_>) -> u8 {
        let _ = policy;
        1
    }

    /// Whether a proof has the form of this credential's answers. One that fits none is meant for all of them.
    fn fits(&self, credential: &Credential, proof: Proof<'_>) -> bool;

    /// Judges an answer.
    fn verify(
        &self,
        scene: &Scene<'_>,
        credential: &Credential,
        question: &[u8],
        proof: Proof<'_>,
    ) -> Judgement;

    /// What a console may show of it, sorted by name.
    fn view(&self, credential: &Credential) -> Vec<Fact>;

    /// What only one account of the tenant may hold: digests made with [`claim`].
    fn unique(&self, scene: &Scene<'_>, credential: &Credential) -> Vec<[u8; 32]> {
        let _ = (scene, credential);
        Vec::new()
    }

    /// What a session that rests on it alone may change of the user's own.
    fn authority(&self) -> Authority {
        Authority::Full
    }

    /// The state of a credential that nobody holds, so that users who do not exist look like users who do (BF-09). As an
    /// administrator's enrolment makes it; where that needs an address, one that nobody has.
    fn invent(&self, scene: &Scene<'_>) -> Result<Vec<u8>, Refusal> {
        let wish = Wish {
            address: None,
            vouched: true,
            lifetime: None,
            once: None,
        };
        Ok(self.enrol(scene, &wish)?.state)
    }

    /// Whether a credential of its own would answer as this one does, so that a used code would be good again (OTP-01).
    fn is_twin(&self, one: &Credential, other: &Credential) -> bool {
        let _ = (one, other);
        false
    }
}

impl Typed {
    /// Keeps what was typed.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// As it was typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for Typed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The name of the method with that number; empty for none.
pub fn name_of(number: u8) -> &'static str {
    nature_of(number).map_or("", |nature| nature.name)
}

/// What the method with that number is.
pub fn nature_of(number: u8) -> Option<&'static Nature> {
    NATURES
        .iter()
        .copied()
        .find(|nature| nature.number == number)
}

/// The number of the method with that name.
pub fn number_of(name: &str) -> Option<u8> {
    NATURES
        .iter()
        .find(|nature| nature.name == name)
        .map(|nature| nature.number)
}

/// Whether this component has a method with that number.
pub fn is_known(number: u8) -> bool {
    nature_of(number).is_some()
}

/// A digest for [`Method::unique`]: of what kind of thing, and which. It is the tenant's and not one account's, so it is
/// not keyed here; the host keys it before it is stored.
pub fn claim(scene: &Scene<'_>, kind: &'static str, value: &[u8]) -> [u8; 32] {
    crate::entropy::plain_digest(&[
        b"claim",
        scene.ctx.tenant.as_bytes(),
        kind.as_bytes(),
        value,
    ])
}

/// The claims that adding a credential takes, or removing it gives up.
pub(crate) fn claims(scene: &Scene<'_>, credential: &Credential, takes: bool) -> Vec<Claim> {
    let Some(method) = of(credential.method) else {
        return Vec::new();
    };
    let claims = method.unique(scene, credential).into_iter();
    claims
        .map(|digest| {
            let digest = digest.to_vec();
            if takes {
                Claim::Take(digest)
            } else {
                Claim::Drop(digest)
            }
        })
        .collect()
}

/// A fact for a view or a prompt.
pub(crate) fn fact(name: &str, value: impl ToString) -> Fact {
    (name.to_owned(), value.to_string())
}

#[cfg(test)]
mod tests {
    use super::NATURES;

    #[test]
    fn numbers_and_names_are_given_once() {
        for (at, nature) in NATURES.iter().enumerate() {
            assert!((1..=32).contains(&nature.number), "{}", nature.name);
            assert!((1..=40).contains(&nature.most), "{}", nature.name);
            for other in NATURES.iter().skip(at + 1) {
                assert_ne!(nature.number, other.number);
                assert_ne!(nature.name, other.name);
            }
        }
    }
}
