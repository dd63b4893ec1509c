//! A user of every method, whose sign-ins are written down as a scenario (docs/scenario.md) with what the Rust host answered: the
//! measure for hosts in other languages, and for scenarios that are kept.
//!
//! What a person and their devices know is here: secrets, codes that arrived, keys that sign. Which move comes next is said by a
//! list, or by chance from a seed.
// What is indexed is JSON that is made here.
#![allow(clippy::indexing_slicing)]

mod devices;
mod full;
mod moves;

use anyhow::{Context as _, bail};
use cofactor_runtime::contract::{
    Change, Claims, Context, EffectKind, Event, Fault, Key, Observation, Outcome, Transition,
};
use cofactor_runtime::plugin::{PluginError, Policy};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use devices::SecurityKey;
pub use full::{OPERATIONS, Operation, Question, policy as largest_policy};
pub use moves::Move;

use crate::scenario::{START, plugin};

/// A policy under which every method can be used.
pub const POLICY: &str = include_str!("tour/policy.toml");

/// One user, and what was written down.
#[derive(Clone)]
pub struct Tour {
    policy: Policy,
    /// Who asks, and where, but for `known`.
    origin: Value,
    seed: String,
    now: u64,
    record: Option<Vec<u8>>,
    known: bool,
    generation: u64,
    /// The scenario, from its setting on.
    pub lines: Vec<String>,
    /// What the Rust host answered to each line behind the first: JSON with sorted keys.
    pub answers: Vec<String>,
    /// What the user and their devices know.
    pub(crate) known_to_user: Knowledge,
}

/// What a person has in mind, on paper and in their devices.
#[derive(Clone, Default)]
pub(crate) struct Knowledge {
    /// The open challenge or enrolment.
    pub(crate) challenge: Option<String>,
    /// Its method.
    pub(crate) method: String,
    /// The credential that was asked for or made last.
    pub(crate) credential: Option<String>,
    /// Everything that could be used instead.
    pub(crate) offers: Vec<(String, Option<String>)>,
    /// What the page shows: prompt arguments.
    pub(crate) shown: Vec<(String, String)>,
    /// What a browser was handed.
    pub(crate) payload: String,
    /// What arrived by text, call, mail or push: the message's arguments, and the credential it is for.
    pub(crate) arrived: Vec<(String, String)>,
    /// Whom the message is for.
    pub(crate) arrived_for: String,
    /// The effect that brought it.
    pub(crate) effect: String,
    /// What was handed out once, by method.
    pub(crate) issued: Vec<(String, String)>,
    /// The session of the last sign-in.
    pub(crate) session: Option<Claims>,
    /// The remembered-device token.
    pub(crate) token: Option<String>,
    /// How far the counting token has come.
    pub(crate) counter: u64,
    /// What kind of security key it is.
    pub(crate) key: SecurityKey,
    /// Signatures that it made.
    pub(crate) signatures: u32,
    /// They are another person, with a telephone and a security key of their own.
    pub(crate) other: bool,
    /// The PIN that goes before each code; empty for none.
    pub(crate) pin: &'static str,
}

impl Knowledge {
    /// What arrived under this name.
    pub(crate) fn arrived(&self, name: &str) -> &str {
        found(&self.arrived, name)
    }

    /// What the page shows under this name.
    pub(crate) fn shown(&self, name: &str) -> &str {
        found(&self.shown, name)
    }
}

impl Tour {
    /// A scenario that begins.
    ///
    /// # Errors
    /// If the policy is refused.
    pub fn new(seed: &str) -> anyhow::Result<Self> {
        Self::under(POLICY, seed)
    }

    /// One under another policy.
    ///
    /// # Errors
    /// If the policy is refused.
    pub fn under(document: &str, seed: &str) -> anyhow::Result<Self> {
        let policy = match plugin().compile_policy(document)? {
            Ok(policy) => policy,
            Err(errors) => bail!("the policy is refused: {errors:?}"),
        };
        let setting = json!({"entropy": seed, "start": START, "policy": document});
        Ok(Self {
            policy,
            origin: json!({
                "user": "alice",
                "application": "example",
                "gateway": "simulate",
                "binding": hex::encode(bytes(seed, "binding")),
                "address": "192.0.2.7",
                "client": "firefox-linux",
                "language": "en",
            }),
            seed: seed.to_owned(),
            now: START,
            record: None,
            known: false,
            generation: 0,
            lines: vec![setting.to_string()],
            answers: Vec::new(),
            known_to_user: Knowledge::default(),
        })
    }

    /// The instant, in milliseconds since the epoch.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Lets an action happen, so many milliseconds after the last, and writes it down.
    ///
    /// # Errors
    /// If the host cannot ask the component.
    pub fn happen(&mut self, after: u64, action: Value) -> anyhow::Result<Option<Transition>> {
        self.now += after;
        let number = self.lines.len();
        let event = self.event(number, action);
        let typed: Event =
            serde_json::from_value(event.clone()).with_context(|| event.to_string())?;
        let mut observed = Vec::new();
        let mut step = self.step(number, &typed, &observed);
        if let Err(PluginError::Component(Fault::Unobserved(asked))) = step {
            observed = asked;
            step = self.step(number, &typed, &observed);
        }
        let mut line = json!({"at": format!("+{after}ms"), "event": {"origin": event["origin"], "action": event["action"]}});
        if !observed.is_empty() {
            line["observed"] = json!(observed);
        }
        self.lines.push(line.to_string());
        let (answer, transition) = match step {
            Ok(transition) => (json!(transition), Some(transition)),
            Err(PluginError::Component(fault)) => (json!({ "fault": fault }), None),
            Err(other) => return Err(other.into()),
        };
        self.answers.push(answer.to_string());
        if let Some(transition) = &transition {
            self.follow(transition);
        }
        Ok(transition)
    }

    /// Asks whether the session is enough for a request, and writes it down.
    ///
    /// # Errors
    /// If the host cannot ask the component.
    pub fn authorize(&mut self, after: u64) -> anyhow::Result<()> {
        let Some(session) = self.known_to_user.session.clone() else {
            return Ok(());
        };
        self.now += after;
        let request = json!({"application": "example", "host": "app.example.com", "path": "/", "method": "GET",
            "address": "192.0.2.7", "generation": self.generation, "ended": false});
        let context = Context {
            entropy: Vec::new(),
            keys: Vec::new(),
            ..self.context(0, &[])
        };
        let typed = serde_json::from_value(request.clone())?;
        let verdict = plugin().authorize(&self.policy, &context, &session, &typed)?;
        let line = json!({"at": format!("+{after}ms"), "authorize": {"session": session, "request": request}});
        self.lines.push(line.to_string());
        self.answers.push(json!({ "verdict": verdict }).to_string());
        Ok(())
    }

    fn event(&self, number: usize, action: Value) -> Value {
        let mut origin = self.origin.clone();
        origin["known"] = json!(self.known);
        let id = hex::encode(self.bytes(&format!("id {number}")));
        json!({"id": id, "origin": origin, "action": action})
    }

    fn step(
        &self,
        number: usize,
        event: &Event,
        observed: &[Observation],
    ) -> Result<Transition, PluginError> {
        let context = self.context(number, observed);
        plugin().step(&self.policy, &context, self.record.as_deref(), event)
    }

    fn context(&self, number: usize, observed: &[Observation]) -> Context {
        Context {
            now: self.now,
            entropy: self.bytes(&format!("line {number}")),
            policy: self.policy.compiled().bytes.clone(),
            tenant: "default".to_owned(),
            keys: vec![Key {
                id: 1,
                secret: self.bytes("key"),
            }],
            observed: observed.to_vec(),
            write_version: 0,
            refuse_before: 0,
            facts: Vec::new(),
        }
    }

    /// What the user and their devices learn.
    fn follow(&mut self, transition: &Transition) {
        self.generation = transition.generation;
        match &transition.account {
            Change::Write(record) => (self.record, self.known) = (Some(record.clone()), true),
            Change::Remove => (self.record, self.known) = (None, false),
            _ => {}
        }
        let mind = &mut self.known_to_user;
        match &transition.outcome {
            Outcome::Challenge(it) => {
                mind.challenge = Some(it.id.clone());
                mind.method.clone_from(&it.method);
                mind.shown.clone_from(&it.prompt.arguments);
                mind.payload.clone_from(&it.payload);
                mind.offers = offers(&it.offers);
            }
            Outcome::Pending(it) => {
                mind.challenge = Some(it.challenge.clone());
                mind.method.clone_from(&it.method);
                mind.shown.clone_from(&it.prompt.arguments);
                mind.offers = offers(&it.offers);
            }
            Outcome::Enrol(it) => {
                mind.shown.clone_from(&it.prompt.arguments);
                if let Some(handed) = &it.provisioning {
                    mind.challenge = Some(handed.challenge.clone());
                    mind.method.clone_from(&handed.method);
                    mind.payload.clone_from(&handed.payload);
                    let secret = if handed.manual_key.is_empty() {
                        &handed.payload
                    } else {
                        &handed.manual_key
                    };
                    mind.issued.push((handed.method.clone(), secret.clone()));
                }
            }
            Outcome::Done(it) => {
                mind.credential = it.credential.clone().or(mind.credential.take());
                if let Some(handed) = &it.provisioning {
                    let secret = if handed.manual_key.is_empty() {
                        &handed.payload
                    } else {
                        &handed.manual_key
                    };
                    mind.issued.push((handed.method.clone(), secret.clone()));
                }
            }
            Outcome::Allow(it) => {
                if it.claims.transaction.is_none() {
                    mind.session = Some(it.claims.clone());
                }
                mind.token = it
                    .device_token
                    .as_ref()
                    .map(|(token, _)| token.clone())
                    .or(mind.token.take());
                mind.credential = it.credential.clone().or(mind.credential.take());
            }
            _ => {}
        }
        for effect in &transition.effects {
            if let EffectKind::SendText(it)
            | EffectKind::PlaceCall(it)
            | EffectKind::Push(it)
            | EffectKind::SendMail(it) = &effect.what
            {
                mind.arrived.clone_from(&it.body.arguments);
                mind.arrived_for.clone_from(&it.credential);
                mind.effect.clone_from(&effect.id);
            }
        }
    }

    fn bytes(&self, label: &str) -> Vec<u8> {
        bytes(&self.seed, label)
    }
}

fn bytes(seed: &str, label: &str) -> Vec<u8> {
    let digest = Sha256::new()
        .chain_update(b"cofactor simulate\0")
        .chain_update(seed)
        .chain_update([0])
        .chain_update(label)
        .finalize();
    digest.to_vec()
}

fn offers(offers: &[cofactor_runtime::contract::Offer]) -> Vec<(String, Option<String>)> {
    offers
        .iter()
        .map(|offer| (offer.method.clone(), offer.credential.clone()))
        .collect()
}

fn found<'a>(arguments: &'a [(String, String)], name: &str) -> &'a str {
    arguments
        .iter()
        .find(|(known, _)| known == name)
        .map_or("", |(_, value)| value)
}
