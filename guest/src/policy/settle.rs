//! What follows from a document that was read: rules between keys, warnings, and the compiled policy.

use super::advice::{ADVICE, RULES};
use super::compiled::{self, MAX_BYTES};
use super::document::{Compiled, Given, HostPolicy, Observed, Reader};
use super::keys::{self, KEYS};
use super::presets::{Advice, Equal, LEVEL_3, NO_DOMAIN, Rule, SETTLED};
use super::report::{Place, PolicyError, decimal};
use super::tables;
use super::texts::{self, TEXTS};
use super::values;
use super::{Attestation, Policy, Source};

impl Reader {
    /// Settles everything that could not be judged key by key.
    pub(super) fn finish(mut self) -> Result<Compiled, Vec<PolicyError>> {
        let mut policy = self.settle();
        for rule in &RULES {
            self.judge(&policy, rule);
        }
        self.judge_attestation(&policy);
        self.judge_pin(&policy);
        let sections = self.sections(&policy);
        if !self.report.errors.is_empty() {
            self.report.sort();
            return Err(self.report.errors);
        }
        self.advise(tables::reaches_3(&policy));
        self.advise_domain(&policy);
        self.report.sort();

        policy.locations.0 = &sections.locations;
        policy.strengths.0 = &sections.strengths;
        policy.rules.0 = &sections.rules;
        policy.applications.entries = &sections.applications;
        policy.routes.0 = &sections.routes;
        policy.greetings.0 = &sections.greetings;
        for (text, given) in TEXTS.iter().zip(&self.texts) {
            if let Some(value) = given.value.as_deref() {
                (text.set)(&mut policy, value);
            }
        }
        let bytes = compiled::encode(&policy);
        if bytes.len() > MAX_BYTES {
            let size = decimal(bytes.len() as u64);
            let problem = ["the policy takes ", &size, " octets when it is compiled"].concat();
            let help = [
                "at most ",
                &decimal(MAX_BYTES as u64),
                ": fewer rules, networks or names",
            ]
            .concat();
            self.report.error(Place::START, "", problem, help);
            return Err(self.report.errors);
        }
        let observe = Source::ALL
            .into_iter()
            .filter(|source| source.most(&policy.sources) != 0)
            .map(|source| Observed {
                kind: source.kind(),
                window: policy.sources.window,
            })
            .collect();
        let host = HostPolicy {
            fail_open: sections.fail_open,
            observe,
            session_lifetime: policy.session.lifetime,
            shadows: policy.accounts.shadows,
            methods: policy.accounts.methods.iter().collect(),
        };
        Ok(Compiled {
            bytes,
            host,
            warnings: self.report.warnings,
        })
    }

    /// The defaults, the preset over them, and over both what was written.
    fn settle<'p>(&self) -> Policy<'p> {
        let mut policy = Policy::default();
        if let Some(preset) = self.preset.value {
            for (path, value) in SETTLED.iter().chain(preset.values) {
                if let Some(key) = KEYS.iter().find(|key| key.path == *path) {
                    (key.set)(&mut policy, *value);
                }
            }
        }
        for (key, given) in KEYS.iter().zip(&self.given) {
            if let Some(value) = given.value {
                (key.set)(&mut policy, value);
            }
        }
        // Two bounds follow what was written, unless they were written themselves.
        if self.given("totp.drift-cap").place.is_none() {
            policy.totp.drift_cap = policy.totp.reach();
        }
        if self.given("session.idle").place.is_none() {
            policy.session.idle = policy.session.idle.min(policy.session.lifetime);
        }
        policy
    }

    fn given(&self, path: &str) -> Given {
        self.given
            .iter()
            .zip(&KEYS)
            .find(|(_, key)| key.path == path)
            .map_or(Given::NOTHING, |(given, _)| *given)
    }

    /// A PIN is typed with a code, so that what has none cannot go with it.
    fn judge_pin(&mut self, policy: &Policy<'_>) {
        let mut natures = policy.pin.methods.natures();
        let alone = natures.find(|nature| !crate::pin::goes_with(nature));
        if let (Some(place), Some(nature)) = (self.given("pin.methods").place, alone) {
            let problem = [
                "`",
                nature.name,
                "` does not go with a PIN: no code is typed",
            ]
            .concat();
            let help = "methods with a code to type, such as [\"totp\"]; for calls, voice.answer = \"pin\"";
            self.report
                .error(place, "pin.methods", problem, help.into());
        }
    }

    /// Judges one rule, unless one of its keys could not be read; the key that was written last is blamed.
    fn judge(&mut self, policy: &Policy<'_>, rule: &Rule) {
        let (lower, upper) = (self.given(rule.lower), self.given(rule.upper));
        let unread = |given: Given| given.place.is_some() && given.value.is_none();
        let (Some(low), Some(high)) = (keys::find(rule.lower), keys::find(rule.upper)) else {
            return;
        };
        let (small, large) = ((low.get)(policy), (high.get)(policy));
        if rule.holds(small, large) || unread(lower) || unread(upper) {
            return;
        }
        let Some(place) = lower.place.max(upper.place) else {
            return;
        };
        let (blamed, value, other, bound, wanted) = if lower.place == Some(place) {
            (low, small, high, large, "at most ")
        } else {
            (high, large, low, small, "at least ")
        };
        let wanted = match (rule.equal, blamed.path == rule.lower) {
            (Equal::Allowed | Equal::OrOff, _) => wanted,
            (Equal::Refused, true) => "less than ",
            (Equal::Refused, false) => "more than ",
        };
        let problem = [
            &values::shown(&blamed.kind, value),
            " does not go with ",
            other.path,
            " = ",
            &values::shown(&other.kind, bound),
        ]
        .concat();
        let help = [
            wanted,
            &values::shown(&other.kind, bound),
            ", or change ",
            other.path,
        ]
        .concat();
        self.report.error(place, blamed.path, problem, help);
    }

    /// A certificate is for a model; which ones are wanted has to be said.
    fn judge_attestation(&mut self, policy: &Policy<'_>) {
        const MODELS: &str = "webauthn.aaguids";
        const PATH: &str = "webauthn.attestation";
        let models = texts::find(MODELS).and_then(|(at, _)| self.texts.get(at));
        let unsaid = models.is_none_or(|models| models.place.is_none());
        if let (Attestation::Certified, true, Some(place)) =
            (policy.webauthn.attestation, unsaid, self.given(PATH).place)
        {
            self.report.error(
                place,
                PATH,
                ["\"certified\" does not go with ", MODELS, " = []"].concat(),
                "name the models that may be enrolled".into(),
            );
        }
    }

    /// Passkeys are for a domain: without one, nobody can enrol or use any.
    fn advise_domain(&mut self, policy: &Policy<'_>) {
        const METHODS: &str = "accounts.methods";
        const DOMAIN: &str = "webauthn.rp-id";
        let domain = texts::find(DOMAIN).and_then(|(at, _)| self.texts.get(at));
        let unsaid = domain.is_none_or(|domain| domain.value.as_deref().is_none_or(str::is_empty));
        if let (true, true, Some(place)) = (
            policy.accounts.methods.contains("webauthn"),
            unsaid,
            self.given(METHODS).place,
        ) {
            let help = [DOMAIN, " = \"example.com\""].concat();
            self.report.warn(place, METHODS, NO_DOMAIN.into(), help);
        }
    }

    /// Warns of what was written and is unwise.
    fn advise(&mut self, reaches_3: bool) {
        let preset = self
            .preset
            .value
            .map_or(&[] as &[Advice], |preset| preset.advice);
        let level = self.given("application-default.required-level");
        if let (Some(place), Some(3), false) = (level.place, level.value, reaches_3) {
            let path = "application-default.required-level";
            self.report.warn(place, path, LEVEL_3.into(), "2".into());
        }
        for advice in ADVICE.iter().chain(preset) {
            let Given {
                place: Some(place),
                value: Some(value),
            } = self.given(advice.path)
            else {
                continue;
            };
            if !(advice.is_fine)(value) {
                self.report
                    .warn(place, advice.path, advice.why.into(), advice.help.into());
            }
        }
    }
}
