//! One account in virtual time, driven through the component alone: what tests and benchmarks of decisions start from.

use std::sync::OnceLock;

use anyhow::{Context as _, bail};
use cofactor_runtime::contract::{
    Action, Administration, AdministrationChange, Answer, Change, Context, Event, Key, Origin,
    Outcome, Proof, SignIn, Surface, Transition,
};
use cofactor_runtime::plugin::{Options, Plugin, PluginError, Policy};
use totp_rs::{Algorithm, Builder};

/// The secret of RFC 4226 appendix D and RFC 6238 appendix B.
pub const SECRET: &[u8] = b"12345678901234567890";
/// When scenarios begin: 2027-01-15T08:00:00Z, at the start of a TOTP step.
pub const START: u64 = 1_800_000_000_000;

/// The component as it is built, loaded once for a whole test run.
///
/// # Panics
/// If it does not load: then nothing else makes sense.
#[allow(clippy::expect_used)]
pub fn plugin() -> &'static Plugin {
    static PLUGIN: OnceLock<Plugin> = OnceLock::new();
    PLUGIN.get_or_init(|| {
        Plugin::load(cofactor_component::COMPONENT, &Options::default())
            .expect("the component loads")
    })
}

/// An account, its policy and its clock.
#[derive(Clone)]
pub struct Scenario {
    /// The compiled policy.
    pub policy: Policy,
    /// The record as the last step wrote it.
    pub record: Option<Vec<u8>>,
    /// Whether the host knows the user.
    pub known: bool,
    /// Milliseconds since the epoch.
    pub now: u64,
    /// Who acts. `known` is filled in for each event.
    pub origin: Origin,
    events: u64,
}

impl Scenario {
    /// Nobody yet, under the policy of that document.
    ///
    /// # Errors
    /// If the policy is refused.
    pub fn new(policy: &str) -> anyhow::Result<Self> {
        let policy = match plugin().compile_policy(policy)? {
            Ok(policy) => policy,
            Err(errors) => bail!("the policy is refused: {errors:?}"),
        };
        Ok(Self {
            policy,
            record: None,
            known: false,
            now: START,
            origin: origin("alice"),
            events: 0,
        })
    }

    /// A user with a TOTP credential whose secret is [`SECRET`].
    ///
    /// # Errors
    /// If enrolment fails.
    pub fn enrolled(policy: &str) -> anyhow::Result<Self> {
        let mut it = Self::new(policy)?;
        it.administer(AdministrationChange::Create)?;
        it.import(
            "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example",
        )?;
        Ok(it)
    }

    /// The event that `action` makes, with an id of its own.
    pub fn event(&mut self, action: Action) -> Event {
        self.events += 1;
        let mut id = vec![0xA5; 16];
        id.extend_from_slice(&self.events.to_be_bytes());
        Event {
            id,
            origin: Origin {
                known: self.known,
                ..self.origin.clone()
            },
            action,
        }
    }

    /// The context of now. Entropy is a function of the number of events so far.
    #[must_use]
    pub fn context(&self) -> Context {
        let mut entropy = vec![1; 24];
        entropy.extend_from_slice(&self.events.to_be_bytes());
        Context {
            now: self.now,
            entropy,
            policy: self.policy.compiled().bytes.clone(),
            tenant: "default".to_owned(),
            keys: vec![Key {
                id: 1,
                secret: vec![9; 32],
            }],
            observed: Vec::new(),
            write_version: 0,
            refuse_before: 0,
            facts: Vec::new(),
        }
    }

    /// Judges `action` and takes over the record.
    ///
    /// # Errors
    /// If the step has no transition.
    pub fn step(&mut self, action: Action) -> Result<Transition, PluginError> {
        let event = self.event(action);
        self.step_event(&event)
    }

    /// Judges an event that was made before.
    ///
    /// # Errors
    /// If the step has no transition.
    pub fn step_event(&mut self, event: &Event) -> Result<Transition, PluginError> {
        let transition =
            plugin().step(&self.policy, &self.context(), self.record.as_deref(), event)?;
        match &transition.account {
            Change::Keep | Change::Other(_) => {}
            Change::Write(record) => {
                self.record = Some(record.clone());
                self.known = true;
            }
            Change::Decoy(record) => self.record = Some(record.clone()),
            Change::Remove => {
                self.record = None;
                self.known = false;
            }
        }
        Ok(transition)
    }

    /// Acts as an administrator.
    ///
    /// # Errors
    /// If the step has no transition.
    pub fn administer(&mut self, change: AdministrationChange) -> Result<Outcome, PluginError> {
        let by = Administration {
            actor: "test".to_owned(),
            why: "test".to_owned(),
            change,
        };
        Ok(self.step(Action::Administer(by))?.outcome)
    }

    /// Enrols the credential of an `otpauth` URI.
    ///
    /// # Errors
    /// If it is refused.
    pub fn import(&mut self, uri: &str) -> anyhow::Result<()> {
        match self.administer(AdministrationChange::ImportOtpauth(uri.to_owned()))? {
            Outcome::Done(_) => Ok(()),
            other => bail!("the credential was refused: {other:?}"),
        }
    }

    /// Signs in with a code given at once.
    ///
    /// # Errors
    /// If the step has no transition.
    pub fn early(&mut self, code: &str) -> Result<Outcome, PluginError> {
        Ok(self.step(begin(Some(code)))?.outcome)
    }

    /// Starts a sign-in and returns its challenge's id.
    ///
    /// # Errors
    /// If there is no challenge.
    pub fn challenge(&mut self) -> anyhow::Result<String> {
        match self.step(begin(None))?.outcome {
            Outcome::Challenge(challenge) => Ok(challenge.id),
            other => bail!("no challenge: {other:?}"),
        }
    }

    /// Answers a challenge with a code.
    ///
    /// # Errors
    /// If the step has no transition.
    pub fn answer(&mut self, challenge: &str, code: &str) -> Result<Outcome, PluginError> {
        Ok(self.step(answer(challenge, code))?.outcome)
    }

    /// The code that [`SECRET`] shows now, `steps` away.
    ///
    /// # Errors
    /// Never for the default parameters.
    pub fn code(&self, steps: i64) -> anyhow::Result<String> {
        let at = (self.now / 1_000)
            .checked_add_signed(30 * steps)
            .context("before 1970")?;
        totp(SECRET, Algorithm::SHA1, 6, 30, at)
    }
}

/// A sign-in, with a code given at once or not.
#[must_use]
pub fn begin(early_answer: Option<&str>) -> Action {
    Action::Begin(SignIn {
        surface: Surface::PROMPT,
        early_answer: early_answer.map(str::to_owned),
        device_token: None,
        risk: None,
        required_level: 0,
        max_age: None,
        method: None,
        transaction: None,
        approves: None,
    })
}

/// An answer to a challenge.
#[must_use]
pub fn answer(challenge: &str, code: &str) -> Action {
    Action::Answer(Answer {
        challenge: challenge.to_owned(),
        proof: Proof::Code(code.to_owned()),
        remember: false,
    })
}

/// A user at an application called `example`, with a binding that is the user's own.
#[must_use]
pub fn origin(user: &str) -> Origin {
    Origin {
        user: user.to_owned(),
        known: true,
        groups: Vec::new(),
        application: "example".to_owned(),
        gateway: "test".to_owned(),
        binding: user.bytes().cycle().take(32).collect(),
        address: Some("192.0.2.1".to_owned()),
        language: "en".to_owned(),
        client: String::new(),
        country: None,
    }
}

/// A TOTP code at a Unix time in seconds.
///
/// # Errors
/// Where totp-rs refuses the parameters.
pub fn totp(
    secret: &[u8],
    algorithm: Algorithm,
    digits: u8,
    period: u64,
    at: u64,
) -> anyhow::Result<String> {
    let token = Builder::new()
        .with_algorithm(algorithm)
        .with_digits(digits)
        .with_step_duration(period)
        .with_secret(secret)
        .build_noncompliant();
    Ok(token.generate(at).to_string())
}

/// The kind of an outcome, as the contract names it.
#[must_use]
pub fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Allow(_) => "allow",
        Outcome::Challenge(_) => "challenge",
        Outcome::Pending(_) => "pending",
        Outcome::Enrol(_) => "enrol",
        Outcome::Deny(_) => "deny",
        Outcome::Done(_) => "done",
        Outcome::Delegate(_) => "delegate",
        Outcome::Other(_) => "other",
    }
}
