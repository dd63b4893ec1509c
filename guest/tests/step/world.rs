//! One user, one clock, one record: what a host is to the component.

use cofactor_guest::account::{Account, Credential};
use cofactor_guest::contract::{
    Action, Administration, AdministrationChange, Answer, Change, Choice, Claims, Context,
    EffectKind, EnrolmentRequest, Event, Fault, Issuance, Key, Management, ManagementChange,
    Message, Observation, Origin, Outcome, Proof, SignIn, Surface, Transition,
};
use cofactor_guest::methods;
use cofactor_guest::{policy, step};

/// The counter of the HOTP credential at this place.
pub fn counter(account: &Account, at: usize) -> u64 {
    let state = methods::hotp::State::decode(account.credentials[at].state.as_bytes());
    state.expect("an HOTP credential").counter
}

/// The shared secret of an OATH credential.
pub fn secret(credential: &Credential) -> Vec<u8> {
    let state = credential.state.as_bytes();
    state[1..=usize::from(state[0])].to_vec()
}

/// What an administrator issues.
pub fn issuance(method: &str, label: &str) -> AdministrationChange {
    AdministrationChange::Issue(Issuance {
        method: method.into(),
        label: label.into(),
        address: None,
        lifetime: None,
        once: None,
    })
}

/// Where every test begins: 2023-11-14T22:13:20Z, in the middle of a step.
pub const START: u64 = 1_700_000_000_000;
/// The secret of RFC 4226 and RFC 6238: `12345678901234567890`.
pub const SECRET: &[u8] = b"12345678901234567890";

/// A host with one user.
#[derive(Clone)]
pub struct World {
    pub now: u64,
    pub record: Option<Vec<u8>>,
    pub known: bool,
    pub user: String,
    pub application: String,
    pub binding: Vec<u8>,
    pub policy: Vec<u8>,
    pub observed: Vec<Observation>,
    pub refuse_before: u64,
    pub keys: Vec<Key>,
    pub facts: Vec<(String, String)>,
    /// What was counted under which name, and when.
    pub counted: Vec<(String, u64)>,
    events: u64,
    /// Contexts handed out: no two have the same entropy.
    contexts: std::cell::Cell<u64>,
}

impl World {
    /// A user without a record, under the policy.
    pub fn new(document: &str) -> Self {
        Self {
            now: START,
            record: None,
            known: false,
            user: "alice".into(),
            application: "wiki".into(),
            binding: vec![7; 32],
            policy: compile(document),
            observed: Vec::new(),
            refuse_before: 0,
            keys: vec![Key {
                id: 1,
                secret: vec![9; 32],
            }],
            facts: Vec::new(),
            counted: Vec::new(),
            events: 0,
            contexts: std::cell::Cell::new(0),
        }
    }

    /// A user with a TOTP credential of [`SECRET`], 6 digits, 30 seconds.
    pub fn with_totp(document: &str) -> Self {
        let mut world = Self::new(document);
        world.import(&uri("totp", SECRET, "&period=30"));
        world
    }

    /// A user with an HOTP credential of [`SECRET`], 6 digits, counter zero.
    pub fn with_hotp(document: &str) -> Self {
        let mut world = Self::new(document);
        world.import(&uri("hotp", SECRET, "&counter=0"));
        world
    }

    pub fn import(&mut self, uri: &str) {
        let outcome = self
            .administer(AdministrationChange::ImportOtpauth(uri.into()))
            .outcome;
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
    }

    /// An event with an id of its own.
    pub fn event(&mut self, action: Action) -> Event {
        self.events += 1;
        let mut id = vec![0xee; 16];
        id.extend(self.events.to_le_bytes());
        Event {
            id,
            origin: Origin {
                user: self.user.clone(),
                known: self.known,
                groups: Vec::new(),
                application: self.application.clone(),
                gateway: "nginx-1".into(),
                binding: self.binding.clone(),
                address: Some("192.0.2.7".into()),
                language: "en".into(),
                client: "firefox-linux".into(),
                country: None,
            },
            action,
        }
    }

    pub fn context(&self) -> Context {
        self.contexts.set(self.contexts.get() + 1);
        let mut entropy = vec![self.binding[0]; 19];
        entropy.extend(&self.user.as_bytes()[..5.min(self.user.len())]);
        entropy.resize(24, 0);
        entropy.extend(self.contexts.get().to_le_bytes());
        Context {
            now: self.now,
            entropy,
            policy: self.policy.clone(),
            tenant: "default".into(),
            keys: self.keys.clone(),
            observed: self.observed.clone(),
            write_version: 0,
            refuse_before: self.refuse_before,
            facts: self.facts.clone(),
        }
    }

    /// Runs a step, and once more with the counts that it wants to see.
    fn run(&self, event: &Event) -> Result<Transition, Fault> {
        match step::step(&self.context(), self.record.as_deref(), event) {
            Err(Fault::Unobserved(asked)) => {
                let mut context = self.context();
                context.observed.extend(asked.into_iter().map(|mut asked| {
                    let since = self.now.saturating_sub(asked.window);
                    let counted = self.counted.iter();
                    let counted = counted.filter(|(kind, at)| *kind == asked.kind && *at > since);
                    asked.count = counted.count() as u32;
                    asked
                }));
                step::step(&context, self.record.as_deref(), event)
            }
            result => result,
        }
    }

    /// Judges an event and commits what comes of it.
    pub fn judge(&mut self, event: &Event) -> Result<Transition, Fault> {
        let transition = self.run(event)?;
        let counts = transition.counts.iter();
        self.counted
            .extend(counts.map(|count| (count.kind.clone(), self.now)));
        match &transition.account {
            Change::Keep => {}
            Change::Write(record) => {
                self.record = Some(record.clone());
                self.known = true;
            }
            Change::Decoy(record) => {
                assert!(!self.known, "a decoy for a known user");
                self.record = Some(record.clone());
            }
            Change::Remove => {
                self.record = None;
                self.known = false;
            }
            Change::Other(name) => panic!("{name}"),
        }
        Ok(transition)
    }

    pub fn act(&mut self, action: Action) -> Transition {
        let event = self.event(action);
        self.judge(&event).expect("no fault")
    }

    pub fn begin(&mut self) -> Transition {
        self.act(Action::Begin(sign_in()))
    }

    /// A sign-in with its code at once.
    pub fn sign_in(&mut self, code: &str) -> Transition {
        self.act(Action::Begin(SignIn {
            early_answer: Some(code.into()),
            ..sign_in()
        }))
    }

    pub fn answer(&mut self, challenge: &str, code: &str) -> Transition {
        self.prove(challenge, Proof::Code(code.into()))
    }

    pub fn prove(&mut self, challenge: &str, proof: Proof) -> Transition {
        self.act(Action::Answer(Answer {
            challenge: challenge.into(),
            proof,
            remember: false,
        }))
    }

    pub fn enrol_begin(&mut self, method: &str, session: Option<Claims>) -> Transition {
        self.act(Action::EnrolBegin(EnrolmentRequest {
            method: method.into(),
            label: "Phone".into(),
            address: None,
            session,
        }))
    }

    pub fn enrol_address(&mut self, method: &str, address: &str) -> Transition {
        self.enrol_address_as(method, address, None)
    }

    pub fn enrol_address_as(
        &mut self,
        method: &str,
        address: &str,
        session: Option<Claims>,
    ) -> Transition {
        self.act(Action::EnrolBegin(EnrolmentRequest {
            method: method.into(),
            label: "Phone".into(),
            address: Some(address.into()),
            session,
        }))
    }

    /// An administrator enrols an address and vouches for it.
    pub fn issue(&mut self, method: &str, address: &str) -> Transition {
        self.administer(AdministrationChange::Issue(Issuance {
            method: method.into(),
            label: "Phone".into(),
            address: Some(address.into()),
            lifetime: None,
            once: None,
        }))
    }

    pub fn resend(&mut self, challenge: &str) -> Transition {
        self.act(Action::Resend(challenge.into()))
    }

    pub fn choose(&mut self, challenge: &str, method: &str) -> Transition {
        self.act(Action::ChooseMethod(Choice {
            challenge: challenge.into(),
            method: method.into(),
            credential: None,
        }))
    }

    pub fn enrol_finish(&mut self, challenge: &str, code: &str) -> Transition {
        self.act(Action::EnrolFinish(Answer {
            challenge: challenge.into(),
            proof: Proof::Code(code.into()),
            remember: false,
        }))
    }

    pub fn manage(&mut self, change: ManagementChange, session: Option<Claims>) -> Transition {
        self.act(Action::Manage(Management { session, change }))
    }

    pub fn administer(&mut self, change: AdministrationChange) -> Transition {
        self.act(Action::Administer(Administration {
            actor: "root".into(),
            why: "test".into(),
            change,
        }))
    }

    pub fn account(&self) -> Account {
        Account::decode(self.record.as_deref().expect("a record")).expect("readable")
    }

    /// The code that the token of [`SECRET`] shows so many steps from now.
    pub fn code(&self, steps: i64) -> String {
        let step = self.now as i64 / 30_000 + steps;
        hotp(SECRET, step as u64, 6)
    }

    /// A code that is none of the 2,001 around now.
    pub fn wrong_code(&self) -> String {
        let near: Vec<String> = (-1000..=1000).map(|steps| self.code(steps)).collect();
        (0..)
            .map(|n| format!("{n:06}"))
            .find(|code| !near.contains(code))
            .unwrap()
    }

    /// Goes on to where the throttle looks at codes again.
    pub fn wait(&mut self) {
        let account = self.account();
        let until = account
            .credentials
            .iter()
            .map(|credential| &credential.failures);
        let until = until
            .chain([&account.failures])
            .map(|failures| failures.next_attempt.max(failures.locked_until));
        self.now = self.now.max(until.max().unwrap_or(0));
    }

    /// Opens a challenge.
    pub fn challenge(&mut self) -> String {
        challenge_id(&self.begin().outcome)
    }

    /// Signs in, one step later, for a fresh session.
    pub fn session(&mut self) -> Claims {
        self.now += 30_000;
        let code = self.code(0);
        match self.sign_in(&code).outcome {
            Outcome::Allow(allowance) => allowance.claims,
            other => panic!("{other:?}"),
        }
    }
}

pub fn sign_in() -> SignIn {
    SignIn {
        surface: Surface::REDIRECT,
        early_answer: None,
        device_token: None,
        risk: None,
        required_level: 0,
        max_age: None,
        method: None,
        transaction: None,
        approves: None,
    }
}

pub fn compile(document: &str) -> Vec<u8> {
    policy::compile(document).expect("a good policy").bytes
}

pub fn uri(kind: &str, secret: &[u8], rest: &str) -> String {
    let secret = cofactor_guest::base32::encode(secret);
    format!(
        "otpauth://{kind}/Example:alice?secret={}&issuer=Example{rest}",
        *secret
    )
}

/// RFC 4226 by the library alone, as the user's token does it.
pub fn hotp(secret: &[u8], counter: u64, digits: u8) -> String {
    otp(secret, counter, digits, totp_rs::Algorithm::SHA1)
}

pub fn otp(secret: &[u8], counter: u64, digits: u8, algorithm: totp_rs::Algorithm) -> String {
    totp_rs::Builder::new()
        .with_secret(secret)
        .with_digits(digits)
        .with_algorithm(algorithm)
        .with_step_duration(1)
        .build_noncompliant()
        .generate(counter)
        .to_string()
}

/// The message that went out, and its effect's id.
pub fn message(transition: &Transition) -> Option<(&'static str, Message, String)> {
    transition.effects.iter().find_map(|effect| {
        let (way, message) = match &effect.what {
            EffectKind::SendText(message) => ("text", message),
            EffectKind::PlaceCall(message) => ("call", message),
            EffectKind::SendMail(message) => ("mail", message),
            EffectKind::Push(message) => ("push", message),
            _ => return None,
        };
        Some((way, message.clone(), effect.id.clone()))
    })
}

/// An argument of the message that went out.
pub fn argument(transition: &Transition, name: &str) -> String {
    let (_, message, _) = message(transition).expect("a message");
    let mut arguments = message.body.arguments.into_iter();
    let found = arguments.find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("no {name}")).1
}

pub fn challenge_id(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Challenge(challenge) => challenge.id.clone(),
        Outcome::Enrol(enrolment) => enrolment
            .provisioning
            .as_ref()
            .expect("provisioning")
            .challenge
            .clone(),
        Outcome::Pending(pending) => pending.challenge.clone(),
        other => panic!("{other:?}"),
    }
}

pub fn is_allowed(transition: &Transition) -> bool {
    matches!(transition.outcome, Outcome::Allow(_))
}

/// The internal reason of the last audit fact: what the log gets, whatever the outside is told.
pub fn reason(transition: &Transition) -> &str {
    transition
        .audit
        .last()
        .map_or("", |fact| fact.reason.as_str())
}

/// The public reason, wherever the outcome carries it.
pub fn public_reason(transition: &Transition) -> &str {
    match &transition.outcome {
        Outcome::Deny(denial) => &denial.public_reason,
        Outcome::Challenge(challenge) => challenge.after.as_deref().unwrap_or(""),
        Outcome::Enrol(enrolment) => enrolment.after.as_deref().unwrap_or(""),
        _ => "",
    }
}

/// All of an outcome but the values that are made anew each time.
pub fn shape(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Challenge(challenge) => {
            let mut challenge = challenge.clone();
            challenge.id = "*".repeat(challenge.id.len());
            for offer in &mut challenge.offers {
                offer.credential = offer.credential.as_ref().map(|id| "*".repeat(id.len()));
            }
            format!("{challenge:?}")
        }
        Outcome::Deny(denial) => format!(
            "{} {:?} {:?}",
            denial.public_reason, denial.prompt, denial.retry_at
        ),
        other => panic!("{other:?}"),
    }
}
