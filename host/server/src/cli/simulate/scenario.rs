//! The format of scenarios: a setting, then one happening a line.

use std::collections::BTreeMap;
use std::path::Path;

use cofactor_runtime::contract::{
    Change, Claims, Context, Event, Fact, Fault, Key, Observation, Outcome, Request, Transition,
};
use cofactor_runtime::plugin::{Plugin, PluginError, Policy};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::report::report;
use super::counts::Counts;
use super::expectation::compare;
use super::line::{At, Line, Setting, duration};

/// What a scenario has come to.
pub(super) struct Scenario<'p> {
    plugin: &'p Plugin,
    policy: Policy,
    setting: Setting,
    accounts: BTreeMap<String, Account>,
    counts: Counts,
    now: u64,
    refuse_before: u64,
}

/// What came of one line.
pub(super) struct Happened {
    /// A transition, a verdict or a fault.
    pub(super) answer: Value,
    /// How it differs from what the line expects.
    pub(super) unexpected: Vec<String>,
}

/// One user and what can be referred to.
#[derive(Default)]
struct Account {
    record: Option<Vec<u8>>,
    known: bool,
    generation: u64,
    challenge: Option<String>,
    credential: Option<String>,
    session: Option<Claims>,
}

impl<'p> Scenario<'p> {
    /// Reads the setting. `policy` stands in for its policy; files are relative to `base`.
    pub(super) fn begin(
        plugin: &'p Plugin,
        line: &str,
        policy: Option<&str>,
        base: &Path,
    ) -> Result<Self, String> {
        let mut setting: Setting = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let text = match (policy, setting.policy.take(), &setting.policy_file) {
            (Some(text), ..) => text.to_owned(),
            (None, Some(text), None) => text,
            (None, None, Some(file)) => {
                let path = base.join(file);
                std::fs::read_to_string(&path)
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?
            }
            (None, None, None) => String::new(),
            (None, Some(_), Some(_)) => {
                return Err("policy and policy-file are both given".to_owned());
            }
        };
        let policy = plugin
            .compile_policy(&text)
            .map_err(|error| error.to_string())?
            .map_err(|errors| report("the policy", &text, &errors))?;
        if setting.keys.is_empty() {
            setting.keys.push(Key {
                id: 1,
                secret: expand(&setting.entropy, "key").to_vec(),
            });
        }
        Ok(Self {
            plugin,
            policy,
            accounts: BTreeMap::new(),
            counts: Counts::default(),
            now: setting.start,
            refuse_before: 0,
            setting,
        })
    }

    /// Lets one line happen. `number` counts the lines of the file from 0.
    pub(super) fn happen(&mut self, line: &str, number: usize) -> Result<Happened, String> {
        let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
        self.now = match &line.at {
            None => self.now,
            Some(At::Instant(now)) => *now,
            Some(At::After(text)) => {
                let by = duration(text).ok_or_else(|| {
                    format!("at: `{text}` is neither an instant in milliseconds nor a duration such as \"+30s\" or \"-5m\"")
                })?;
                self.now
                    .checked_add_signed(by)
                    .ok_or("at: before the epoch")?
            }
        };
        if let Some(instant) = line.refuse_before {
            self.refuse_before = instant;
        }
        let answer = match (line.event, line.authorize) {
            (Some(event), None) => {
                self.event(line.account, event, (line.observed, line.facts), number)?
            }
            (None, Some(request)) => self.authorize(line.account, request)?,
            _ => return Err("a line has either `event` or `authorize`".to_owned()),
        };
        let mut unexpected = Vec::new();
        if let Some(expected) = &line.expect {
            compare("", expected, &answer, &mut unexpected);
        }
        Ok(Happened { answer, unexpected })
    }

    fn event(
        &mut self,
        account: Option<String>,
        mut event: Value,
        (said, facts): (Vec<Observation>, Vec<Fact>),
        number: usize,
    ) -> Result<Value, String> {
        self.complete(&mut event, account.as_deref(), number)?;
        let user = account_name(account, &event);
        let account = self.accounts.entry(user).or_default();
        refer(&mut event, account)?;
        let mut event: Event =
            serde_json::from_value(event).map_err(|error| format!("event: {error}"))?;
        event.origin.known = account.known;
        // What the line says was counted stands for what happened outside of the scenario.
        let observe = |asked: &[Observation]| -> Vec<Observation> {
            let unsaid = |it: &&Observation| said.iter().all(|said| said.kind != it.kind);
            let counted = |it| self.counts.observe(it, &event.origin, self.now);
            asked.iter().filter(unsaid).map(counted).collect()
        };
        let mut observed = observe(&self.policy.compiled().host.observe);
        observed.extend(said.iter().cloned());
        let mut context = Context {
            now: self.now,
            entropy: expand(&self.setting.entropy, &format!("line {number}")).to_vec(),
            policy: self.policy.compiled().bytes.clone(),
            tenant: self.setting.tenant.clone(),
            keys: self.setting.keys.clone(),
            observed,
            write_version: 0,
            refuse_before: self.refuse_before,
            facts,
        };
        let record = account.record.as_deref();
        let mut step = self.plugin.step(&self.policy, &context, record, &event);
        if let Err(PluginError::Component(Fault::Unobserved(asked))) = &step {
            context.observed.extend(observe(asked));
            step = self.plugin.step(&self.policy, &context, record, &event);
        }
        match step {
            Ok(transition) => {
                self.counts.add(&transition.counts, &event.origin, self.now);
                account.follow(&transition);
                serde_json::to_value(&transition).map_err(|error| error.to_string())
            }
            Err(error) => fault(error),
        }
    }

    fn authorize(&mut self, account: Option<String>, mut asked: Value) -> Result<Value, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        struct Asked {
            session: Claims,
            request: Request,
        }
        let user = account_name(account, &Value::Null);
        let account = self.accounts.entry(user).or_default();
        refer(&mut asked, account)?;
        if let Some(request) = asked.get_mut("request").and_then(Value::as_object_mut) {
            request
                .entry("generation")
                .or_insert(json!(account.generation));
        }
        let asked: Asked =
            serde_json::from_value(asked).map_err(|error| format!("authorize: {error}"))?;
        let context = Context {
            now: self.now,
            entropy: Vec::new(),
            policy: self.policy.compiled().bytes.clone(),
            tenant: self.setting.tenant.clone(),
            keys: Vec::new(),
            observed: Vec::new(),
            write_version: 0,
            refuse_before: 0,
            facts: Vec::new(),
        };
        match self
            .plugin
            .authorize(&self.policy, &context, &asked.session, &asked.request)
        {
            Ok(verdict) => Ok(json!({ "verdict": verdict })),
            Err(error) => fault(error),
        }
    }

    /// Fills in what a line leaves out: the origin from the setting, the id from the line.
    fn complete(
        &self,
        event: &mut Value,
        account: Option<&str>,
        number: usize,
    ) -> Result<(), String> {
        let event = event.as_object_mut().ok_or("event: expected an object")?;
        event.entry("id").or_insert_with(|| {
            json!(hex::encode(expand(
                &self.setting.entropy,
                &format!("id {number}")
            )))
        });
        let origin = event.entry("origin").or_insert_with(|| json!({}));
        let origin = origin
            .as_object_mut()
            .ok_or("event.origin: expected an object")?;
        for (key, value) in &self.setting.origin {
            origin.entry(key).or_insert_with(|| value.clone());
        }
        for (key, value) in [
            ("user", json!(account.unwrap_or("alice"))),
            ("known", json!(false)),
            ("application", json!("example")),
            ("gateway", json!("simulate")),
            (
                "binding",
                json!(hex::encode(expand(&self.setting.entropy, "binding"))),
            ),
            ("language", json!("")),
        ] {
            origin.entry(key).or_insert(value);
        }
        Ok(())
    }
}

impl Account {
    /// Carries the record along, and remembers what later lines may refer to.
    fn follow(&mut self, transition: &Transition) {
        self.generation = transition.generation;
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
        let (challenge, credential) = match &transition.outcome {
            Outcome::Allow(it) => {
                self.session = Some(it.claims.clone());
                (None, it.credential.clone())
            }
            Outcome::Challenge(it) => (Some(it.id.clone()), None),
            Outcome::Pending(it) => (Some(it.challenge.clone()), None),
            Outcome::Enrol(it) => (
                it.provisioning.as_ref().map(|it| it.challenge.clone()),
                None,
            ),
            Outcome::Done(it) => (None, it.credential.clone()),
            Outcome::Deny(_) | Outcome::Delegate(_) | Outcome::Other(_) => (None, None),
        };
        self.challenge = challenge.or(self.challenge.take());
        self.credential = credential.or(self.credential.take());
    }
}

fn account_name(account: Option<String>, event: &Value) -> String {
    account.unwrap_or_else(|| {
        event
            .pointer("/origin/user")
            .and_then(Value::as_str)
            .unwrap_or("alice")
            .to_owned()
    })
}

/// Puts what an earlier line brought in the place of `$challenge`, `$credential` and `$session`.
fn refer(value: &mut Value, account: &Account) -> Result<(), String> {
    match value {
        Value::Array(all) => all.iter_mut().try_for_each(|value| refer(value, account)),
        Value::Object(all) => all.values_mut().try_for_each(|value| refer(value, account)),
        Value::String(text) => {
            let meant = match text.as_str() {
                "$challenge" => account.challenge.as_ref().map(|id| json!(id)),
                "$credential" => account.credential.as_ref().map(|id| json!(id)),
                "$session" => account.session.as_ref().map(|claims| json!(claims)),
                _ => return Ok(()),
            };
            *value = meant.ok_or_else(|| format!("{text}: no earlier line brought one"))?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A fault as an answer. What the scenario itself has wrong is an error of the scenario.
fn fault(error: PluginError) -> Result<Value, String> {
    match error {
        PluginError::Component(fault) => Ok(json!({ "fault": fault })),
        PluginError::BadRequest(what) => Err(what),
        other => Ok(json!({ "fault": { "other": other.to_string() } })),
    }
}

/// 32 bytes for one use, from the scenario's seed: SHA-256 over both.
fn expand(seed: &str, label: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"cofactor simulate\0")
        .chain_update(seed)
        .chain_update([0])
        .chain_update(label)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use cofactor_runtime::plugin::Options;

    use super::*;

    const MANUAL: &str = include_str!("../../../../../docs/scenario.md");

    /// Runs the lines of a scenario; the answers, and what was not expected.
    fn run(text: &str) -> (Vec<Value>, Vec<String>) {
        let plugin = Plugin::load(cofactor_component::COMPONENT, &Options::default()).unwrap();
        let mut lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty());
        let (_, setting) = lines.next().unwrap();
        let mut scenario = Scenario::begin(&plugin, setting, None, Path::new(".")).unwrap();
        let (mut answers, mut unexpected) = (Vec::new(), Vec::new());
        for (number, line) in lines {
            let happened = match scenario.happen(line, number) {
                Ok(happened) => happened,
                Err(error) => panic!("line {}: {error}", number + 1),
            };
            answers.push(happened.answer);
            unexpected.extend(
                happened
                    .unexpected
                    .into_iter()
                    .map(|text| format!("line {}: {text}", number + 1)),
            );
        }
        (answers, unexpected)
    }

    #[test]
    fn the_manuals_examples_run_as_they_say() {
        let mut examples = 0;
        for block in MANUAL.split("```jsonl\n").skip(1) {
            let (text, _) = block.split_once("```").unwrap();
            let (answers, unexpected) = run(text);
            assert_eq!(unexpected, [""; 0], "{answers:#?}");
            assert!(text.matches("\"expect\"").count() >= 3);
            examples += 1;
        }
        assert!(examples >= 2, "{examples} examples");
    }

    #[test]
    fn the_same_scenario_gives_the_same_lines() {
        let text = MANUAL
            .split("```jsonl\n")
            .nth(1)
            .unwrap()
            .split_once("```")
            .unwrap()
            .0;
        assert_eq!(run(text).0, run(text).0);
    }

    #[test]
    fn what_is_not_as_expected_is_said() {
        let actual = json!({"outcome": {"deny": {"internal-reason": "locked", "list": [1, 2]}}});
        for (expected, said) in [
            (
                json!({"outcome": {"deny": {"internal-reason": "locked"}}}),
                None,
            ),
            (json!({"outcome": {"deny": {"list": [1, 2]}}}), None),
            (
                json!({"outcome": {"allow": {}}}),
                Some("outcome: expected `allow`, found `deny`"),
            ),
            (
                json!({"outcome": {"deny": {"internal-reason": "throttled"}}}),
                Some("outcome.deny.internal-reason: expected \"throttled\", found \"locked\""),
            ),
            (
                json!({"outcome": {"deny": {"list": [1]}}}),
                Some("outcome.deny.list: expected [1], found [1,2]"),
            ),
            (
                json!({"fault": {}}),
                Some("the answer: expected `fault`, found `outcome`"),
            ),
        ] {
            let mut differences = Vec::new();
            compare("", &expected, &actual, &mut differences);
            assert_eq!(differences.first().map(String::as_str), said, "{expected}");
        }
    }

    #[test]
    fn an_action_that_is_not_there_is_a_fault() {
        let (answers, _) =
            run("{\"entropy\": \"x\"}\n{\"event\": {\"action\": {\"other\": \"fly\"}}}");
        assert!(
            answers[0]["fault"].get("unsupported").is_some(),
            "{answers:?}"
        );
    }
}
