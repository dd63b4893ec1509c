//! The largest user: an account that holds as much as is legal, under a policy that says as much as is legal, and everything that
//! can be asked with each method.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use cofactor_guest::account::{
    Account, Challenge, Credential, Device, Grant, MAX_APPROVALS, MAX_CHALLENGES,
    MAX_CREDENTIAL_OCTETS, MAX_CREDENTIALS, MAX_DEVICES, MAX_ENROLMENTS, MAX_LABEL, MAX_RECORD,
    MAX_REQUESTS, MAX_SENDS, Proved, Sealed, Send, Success, Transaction,
};
use cofactor_guest::identifier::Identifier;
use cofactor_guest::methods::{self, totp};
use cofactor_guest::reason::Reason;
use cofactor_runtime::contract::{Context, Event, Fault};
use cofactor_runtime::plugin::{Plugin, PluginError, Policy};
use serde_json::json;

use super::{Move, POLICY, SecurityKey, Tour};
use crate::scenario::{kind, plugin};

/// Something that is asked of a component with one method.
pub struct Operation {
    /// The method.
    pub method: &'static str,
    /// What is asked.
    pub name: &'static str,
    /// The kind of its outcome, as the contract names it.
    pub outcome: &'static str,
    /// Whether the account has to have room for one more credential.
    pub room: bool,
    before: &'static [Move],
    then: Move,
    key: SecurityKey,
    pin: bool,
}

/// A call of `step`, ready to be made.
pub struct Question {
    /// The policy's document.
    pub document: String,
    /// What the host supplies, with the policy as this build's component compiles it.
    pub context: Context,
    /// The account.
    pub record: Option<Vec<u8>>,
    /// What happens.
    pub event: Event,
}

const SIGNED_IN: [Move; 3] = [Move::ImportTotp, Move::Begin, Move::Answer(true)];

/// Beside its own moves, each operation begins with a user who has signed in with a time-based code.
const fn operation(
    method: &'static str,
    name: &'static str,
    outcome: &'static str,
    before: &'static [Move],
    then: Move,
) -> Operation {
    Operation {
        method,
        name,
        outcome,
        room: matches!(
            then,
            Move::Issue(_) | Move::Enrol(_) | Move::Confirm(_) | Move::ImportOcra
        ),
        before,
        then,
        key: SecurityKey::Es256,
        pin: false,
    }
}

const fn with_key(key: SecurityKey, operation: Operation) -> Operation {
    Operation { key, ..operation }
}

const fn with_pin(operation: Operation) -> Operation {
    Operation {
        pin: true,
        ..operation
    }
}

const PASSKEY: [Move; 2] = [Move::Enrol("webauthn"), Move::Confirm(true)];

/// All of them.
#[rustfmt::skip]
pub const OPERATIONS: &[Operation] = &[
    operation("totp", "early", "allow", &[], Move::Early),
    operation("totp", "begin", "challenge", &[], Move::BeginWith("totp")),
    operation("totp", "accept", "allow", &[Move::BeginWith("totp")], Move::Answer(true)),
    operation("totp", "refuse", "challenge", &[Move::BeginWith("totp")], Move::Answer(false)),
    operation("totp", "enrol", "enrol", &[], Move::Enrol("totp")),
    operation("totp", "confirm", "allow", &[Move::Enrol("totp")], Move::Confirm(true)),
    with_pin(operation("totp", "new-pin", "allow", &[Move::Begin, Move::Answer(true)], Move::NewPin)),
    with_pin(operation("totp", "pin-accept", "allow", &[Move::Begin, Move::Answer(true), Move::NewPin, Move::Begin], Move::Answer(true))),
    with_pin(operation("totp", "pin-refuse", "challenge", &[Move::Begin, Move::Answer(true), Move::NewPin, Move::Begin], Move::Answer(false))),
    operation("hotp", "begin", "challenge", &[Move::ImportHotp], Move::BeginWith("hotp")),
    operation("hotp", "accept", "allow", &[Move::ImportHotp, Move::BeginWith("hotp")], Move::Answer(true)),
    operation("hotp", "refuse", "challenge", &[Move::ImportHotp, Move::BeginWith("hotp")], Move::Answer(false)),
    operation("ocra", "import", "done", &[], Move::ImportOcra),
    operation("ocra", "begin", "challenge", &[Move::ImportOcra], Move::BeginWith("ocra")),
    operation("ocra", "accept", "allow", &[Move::ImportOcra, Move::BeginWith("ocra")], Move::Answer(true)),
    operation("ocra", "refuse", "challenge", &[Move::ImportOcra, Move::BeginWith("ocra")], Move::Answer(false)),
    operation("sms", "enrol", "enrol", &[], Move::Enrol("sms")),
    operation("sms", "confirm", "allow", &[Move::Enrol("sms")], Move::Confirm(true)),
    operation("sms", "begin", "challenge", &[Move::Issue("sms")], Move::BeginWith("sms")),
    operation("sms", "resend", "challenge", &[Move::Issue("sms"), Move::BeginWith("sms")], Move::Resend),
    operation("sms", "accept", "allow", &[Move::Issue("sms"), Move::BeginWith("sms")], Move::Answer(true)),
    operation("sms", "refuse", "challenge", &[Move::Issue("sms"), Move::BeginWith("sms")], Move::Answer(false)),
    operation("voice", "begin", "pending", &[Move::Issue("voice")], Move::BeginWith("voice")),
    operation("voice", "accept", "done", &[Move::Issue("voice"), Move::BeginWith("voice")], Move::Phone("approved")),
    operation("voice", "fraud", "done", &[Move::Issue("voice"), Move::BeginWith("voice")], Move::Phone("fraud")),
    operation("voice", "poll", "allow", &[Move::Issue("voice"), Move::BeginWith("voice"), Move::Phone("approved")], Move::Poll),
    operation("email", "begin", "challenge", &[Move::Issue("email")], Move::BeginWith("email")),
    operation("email", "accept", "allow", &[Move::Issue("email"), Move::BeginWith("email")], Move::Answer(true)),
    operation("email", "refuse", "challenge", &[Move::Issue("email"), Move::BeginWith("email")], Move::Answer(false)),
    operation("push", "enrol", "enrol", &[], Move::Enrol("push")),
    operation("push", "begin", "pending", &[Move::Issue("push")], Move::BeginWith("push")),
    operation("push", "accept", "done", &[Move::Issue("push"), Move::BeginWith("push")], Move::Phone("approved")),
    operation("push", "refuse", "done", &[Move::Issue("push"), Move::BeginWith("push")], Move::Phone("wrong")),
    operation("push", "poll", "allow", &[Move::Issue("push"), Move::BeginWith("push"), Move::Phone("approved")], Move::Poll),
    operation("webauthn", "enrol", "enrol", &[], Move::Enrol("webauthn")),
    operation("webauthn", "confirm", "allow", &[Move::Enrol("webauthn")], Move::Confirm(true)),
    operation("webauthn", "begin", "challenge", &PASSKEY, Move::BeginWith("webauthn")),
    operation("webauthn", "accept", "allow", &[PASSKEY[0], PASSKEY[1], Move::BeginWith("webauthn")], Move::Answer(true)),
    operation("webauthn", "refuse", "challenge", &[PASSKEY[0], PASSKEY[1], Move::BeginWith("webauthn")], Move::Answer(false)),
    with_key(SecurityKey::EdDsa, operation("webauthn", "accept-eddsa", "allow", &[PASSKEY[0], PASSKEY[1], Move::BeginWith("webauthn")], Move::Answer(true))),
    with_key(SecurityKey::Rs256, operation("webauthn", "confirm-rs256", "allow", &[PASSKEY[0]], PASSKEY[1])),
    with_key(SecurityKey::Rs256, operation("webauthn", "refuse-rs256", "challenge", &[PASSKEY[0], PASSKEY[1], Move::BeginWith("webauthn")], Move::Answer(true))),
    operation("recovery-code", "issue", "done", &[], Move::Issue("recovery-code")),
    operation("recovery-code", "accept", "allow", &[Move::Issue("recovery-code"), Move::Begin, Move::Choose("recovery-code")], Move::Recover),
    operation("temporary-pass", "issue", "done", &[], Move::Issue("temporary-pass")),
    operation("temporary-pass", "accept", "allow", &[Move::Issue("temporary-pass"), Move::BeginWith("temporary-pass")], Move::Answer(true)),
    operation("temporary-pass", "refuse", "challenge", &[Move::Issue("temporary-pass"), Move::BeginWith("temporary-pass")], Move::Answer(false)),
    operation("app-password", "issue", "done", &[], Move::Issue("app-password")),
    operation("app-password", "accept", "allow", &[Move::Issue("app-password")], Move::Program),
    operation("every", "bypass", "done", &[], Move::Grant),
    operation("every", "transaction", "pending", &[Move::Issue("push")], Move::Transaction),
    operation("every", "remember", "allow", &[Move::Begin], Move::Remember),
    with_pin(operation("every", "set-pin", "done", &[Move::Begin, Move::Answer(true), Move::NewPin], Move::Manage("set-pin"))),
    operation("every", "report", "done", &[Move::Issue("sms"), Move::BeginWith("sms")], Move::Report(false)),
    operation("every", "state", "done", &[], Move::State("enforced")),
];

impl Operation {
    /// The question for a user with nothing but what it takes, under the tour's policy.
    ///
    /// # Errors
    /// If it cannot be put.
    pub fn small(&self) -> anyhow::Result<Question> {
        let document = match self.pin {
            true => POLICY.to_owned() + PIN,
            false => POLICY.to_owned(),
        };
        self.asked(Tour::under(&document, "an operation")?, document, false)
    }

    /// The question for the largest account under the largest policy.
    ///
    /// # Errors
    /// If it cannot be put.
    pub fn largest(&self) -> anyhow::Result<Question> {
        let document = policy(self.pin);
        let mut tour = Tour::under(&document, "an operation")?;
        tour.origin["groups"] = json!(vec!["g".repeat(128); 64]);
        tour.origin["user"] = json!("u".repeat(256));
        tour.origin["gateway"] = json!("g".repeat(64));
        tour.origin["binding"] = json!("b1".repeat(64));
        tour.origin["address"] = json!("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
        tour.origin["client"] = json!("c".repeat(64));
        tour.origin["language"] = json!("l".repeat(35));
        self.asked(tour, document, true)
    }

    fn asked(&self, mut tour: Tour, document: String, full: bool) -> anyhow::Result<Question> {
        tour.known_to_user.key = self.key;
        // No code is given twice in its time, and no answer comes too late.
        let apart = |next: &Move| match next {
            Move::Begin | Move::BeginWith(_) | Move::Early | Move::Program => 31_000,
            _ => 2_000,
        };
        let signed_in: &[Move] = if self.pin {
            &SIGNED_IN[..1]
        } else {
            &SIGNED_IN
        };
        for next in signed_in.iter().chain(self.before) {
            tour.make(apart(next), *next)
                .with_context(|| format!("{} {}", self.method, self.name))?;
        }
        if full {
            tour.fill(self.method, self.room)?;
        }
        tour.question(self.then, apart(&self.then), document)
    }
}

impl Question {
    /// Puts it to a component that has compiled the question's policy.
    ///
    /// # Errors
    /// What the component or its engine says.
    pub fn put(
        &self,
        plugin: &Plugin,
        policy: &Policy,
    ) -> Result<(&'static str, u64), PluginError> {
        let context = Context {
            policy: policy.compiled().bytes.clone(),
            ..self.context.clone()
        };
        let (transition, fuel) =
            plugin.step_metered(policy, &context, self.record.as_deref(), &self.event)?;
        Ok((kind(&transition.outcome), fuel))
    }
}

impl Tour {
    /// What a move asks of the component, without the move being made.
    fn question(&self, next: Move, after: u64, document: String) -> anyhow::Result<Question> {
        let mut tour = self.clone();
        tour.now += after;
        let number = tour.lines.len();
        let at = tour.now;
        let action = tour.action(next, at);
        let event: Event = serde_json::from_value(tour.event(number, action))?;
        let mut context = tour.context(number, &[]);
        let answer = plugin().step(&tour.policy, &context, tour.record.as_deref(), &event);
        if let Err(PluginError::Component(Fault::Unobserved(asked))) = answer {
            context.observed = asked;
        }
        Ok(Question {
            document,
            context,
            record: tour.record,
            event,
        })
    }

    /// Fills the record with as much of everything as is legal, beside what it holds: of the named method's credentials first.
    fn fill(&mut self, method: &str, room: bool) -> anyhow::Result<()> {
        let record = self.record.as_ref().context("no account")?;
        let Ok(mut account) = Account::decode(record) else {
            bail!("no record of ours");
        };
        for credential in &mut account.credentials {
            credential.label = "l".repeat(MAX_LABEL);
            credential.last_used = Some(account.latest);
        }
        let mut samples = samples()?;
        samples.sort_by_key(|it| it.method_name() != method);
        for credential in samples.iter().cycle().take(MAX_CREDENTIALS * samples.len()) {
            add(&mut account, credential, method, room);
        }
        let open = account.challenges.first().cloned().unwrap_or_default();
        account
            .enrolments
            .iter_mut()
            .for_each(|it| it.credential.label = "l".repeat(MAX_LABEL));
        if let Some(enrolment) = account.enrolments.first().cloned() {
            account.enrolments.resize(MAX_ENROLMENTS, enrolment);
            account.enrolments[0].id = Identifier([0xE0; 16]);
        }
        account.devices.resize(MAX_DEVICES, device(&account));
        for (at, device) in account.devices.iter_mut().enumerate() {
            device.id = Identifier([u8::try_from(at)?; 8]);
        }
        let sent = Send {
            method: totp::NUMBER,
            answered: true,
            declined: false,
            at: account.latest.saturating_sub(600_000),
        };
        let missing = MAX_SENDS - account.sends.len();
        // One place is left for what the question sends.
        account
            .sends
            .splice(0..0, vec![sent; missing.saturating_sub(1)]);
        if let Some(request) = account.requests.last().cloned() {
            account.requests.resize(MAX_REQUESTS, request);
        }
        account.success = account.success.or(Some(success(&account)));
        // Others before it, so that the one that is answered is the last to be dropped.
        for at in 0..MAX_CHALLENGES - account.challenges.len() {
            account.challenges.insert(0, largest(&open, &account, at)?);
        }
        while account.encode().len() > MAX_RECORD {
            let other = account.challenges.iter_mut().find(|it| {
                it.demand
                    .transaction
                    .as_ref()
                    .is_some_and(|it| !it.text.is_empty())
            });
            let text = other.and_then(|it| it.demand.transaction.as_mut());
            let text = text.context("more than a record holds")?;
            text.text.pop();
        }
        self.record = Some(account.encode());
        Ok(())
    }
}

/// One credential of each method, as large as it comes.
fn samples() -> anyhow::Result<Vec<Credential>> {
    let mut tour = Tour::new("samples")?;
    tour.known_to_user.key = SecurityKey::Rs256;
    tour.known_to_user.other = true;
    let moves = [
        Move::ImportTotp,
        Move::Begin,
        Move::Answer(true),
        Move::Enrol("webauthn"),
        Move::Confirm(true),
        Move::ImportHotp,
        Move::ImportToken,
        Move::ImportOcra,
        Move::Issue("sms"),
        Move::Issue("voice"),
        Move::Issue("email"),
        Move::Issue("push"),
        Move::Issue("recovery-code"),
        Move::Issue("temporary-pass"),
        Move::Issue("app-password"),
    ];
    // At one instant: what was used is older than what is asked of anybody else.
    for next in moves {
        tour.make(0, next)?;
    }
    let record = tour.record.as_ref().context("no account")?;
    let Ok(account) = Account::decode(record) else {
        bail!("no record of ours");
    };
    for name in methods::NAMES {
        let held = account
            .credentials
            .iter()
            .any(|it| it.method_name() == *name);
        anyhow::ensure!(held, "no sample of {name}");
    }
    Ok(account.credentials)
}

/// One more of it, if it is legal.
fn add(account: &mut Account, sample: &Credential, favourite: &str, room: bool) {
    let nature = |it: &Credential| methods::nature_of(it.method);
    let Some(own) = nature(sample) else { return };
    let family = account
        .credentials
        .iter()
        .filter(|it| nature(it).is_some_and(|it| it.family == own.family));
    let spare = usize::from(room);
    let family_spare = usize::from(
        room && methods::number_of(favourite)
            .and_then(methods::nature_of)
            .is_some_and(|it| it.family == own.family && it.most > 1),
    );
    let place = account.credentials.len();
    if family.count() + family_spare >= usize::from(own.most) || place + spare >= MAX_CREDENTIALS {
        return;
    }
    let mut credential = sample.clone();
    credential.label = "l".repeat(MAX_LABEL);
    credential.id = Identifier([0x80 | place as u8; 8]);
    account.credentials.push(credential);
    // Room for the largest that one more may be.
    let most = MAX_CREDENTIAL_OCTETS - if room { 1_024 } else { 0 };
    if account.credential_octets() > most {
        account.credentials.pop();
    }
}

fn device(account: &Account) -> Device {
    Device {
        id: Identifier([0; 8]),
        turn: 1,
        client: [0xDE; 16],
        created: account.latest,
        last_used: account.latest,
        expires: account.latest + 6_000_000,
    }
}

fn success(account: &Account) -> Success {
    Success {
        digest: [0x5C; 16],
        until: account.latest,
        grant: Grant {
            credential: None,
            method: totp::NUMBER,
            proved: Proved::default(),
            reason: Reason::SuccessfullyCompleted,
        },
        at: account.latest,
    }
}

/// An open challenge with the longest fields.
fn largest(like: &Challenge, account: &Account, at: usize) -> anyhow::Result<Challenge> {
    let mut challenge = like.clone();
    challenge.id = Identifier([u8::try_from(at)?; 16]);
    challenge.application = "a".repeat(128);
    challenge.binding = vec![0xB1; 64];
    challenge.begun = account.latest;
    challenge.expires = account.latest + 600_000;
    challenge.question_expires = challenge.expires;
    challenge.credential = account.credentials.first().map(|it| it.id);
    challenge.question = Sealed::new(vec![0; 255]);
    challenge.approvals = vec![[0xAA; 16]; MAX_APPROVALS];
    challenge.demand.transaction = Some(Transaction {
        digest: [0x7A; 32],
        text: "t".repeat(1_024),
    });
    challenge.demand.approves = Some(("u".repeat(256), Identifier([1; 16])));
    Ok(challenge)
}

const PIN: &str =
    "\n[pin]\nmethods = [\"totp\", \"hotp\", \"ocra\", \"sms\", \"email\"]\niterations = 20000\n";

/// A policy document of 64 KiB that compiles to nearly the most there may be: under it, every method can be used.
#[must_use]
pub fn policy(pin: bool) -> String {
    let mut text = POLICY.to_owned();
    text.push_str(WIDEST);
    if pin {
        text.push_str(PIN);
    }
    for i in 0..64 {
        let name = format!("{i:0>128}");
        let _ = writeln!(
            text,
            "[[application]]\nname = \"{name}\"\nrequired-level = 2\nmax-age = \"12h\""
        );
    }
    for i in 0..16 {
        let groups: Vec<String> = (0..2)
            .map(|at| format!("\"{i}-{at}{}\"", "n".repeat(120)))
            .collect();
        let _ = writeln!(
            text,
            "[[rule]]\nname = \"{i}{}\"\ngroups = [{}]\nthen = \"require\"\nlevel = 3",
            "r".repeat(60),
            groups.join(", ")
        );
    }
    while text.len() < (64 << 10) - 64 {
        text.push_str("# a comment that fills what is left of it, word for word\n");
    }
    let rest = (64 << 10) - 1 - text.len();
    text + &"#".repeat(rest) + "\n"
}

/// The widest windows, so that each credential costs as much as it may.
const WIDEST: &str = "
[challenge]
max-open = 8
[totp]
window = 10
drift-cap = 10
resync-window = 1000
[hotp]
look-ahead = 100
resync-window = 1000
";
