//! Whether a second factor is asked for at all, and which ones are enough. Rules look at who signs in to what, from where, and
//! at what the account remembers; they know nothing of how a method verifies.

mod bypass;
pub(crate) mod device;

use crate::account::{Account, Credential, Demand, Grant};
use crate::contract::{Context, Origin};
use crate::identifier::DeviceId;
use crate::methods::{self, Class};
use crate::policy::{Methods, Policy};
use crate::reason::Reason;

/// What the rules look at.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// What the host supplied.
    pub ctx: &'a Context,
    /// Who signs in, and through which door.
    pub origin: &'a Origin,
    /// What the operator decided.
    pub policy: &'a Policy<'a>,
    /// The later of the host's clock and the record's latest.
    pub at: u64,
    /// What the sign-in asks for.
    pub demand: &'a Demand,
    /// The remembered-device token that came with it.
    pub device_token: Option<&'a str>,
}

/// What the rules came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The user may not pass, whatever is given.
    Deny(Reason),
    /// The user passes on the first factor.
    Skip(Skip),
    /// The user is asked.
    Ask(Need),
}

/// Why the user passes on the first factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Such as `trusted-network`.
    pub reason: Reason,
    /// The remembered device that it was.
    pub device: Option<DeviceId>,
}

/// What is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The methods that may be used.
    pub methods: Methods,
    /// The level that has to be reached.
    pub level: u8,
}

impl Need {
    /// Anything that the policy allows, whatever it reaches.
    pub fn any_of(methods: Methods) -> Self {
        Self { methods, level: 0 }
    }

    /// What can be asked for: what is for programs alone never is (BY-10).
    pub fn for_people(self) -> Self {
        let people = self.methods.natures().filter(|nature| !nature.for_programs);
        Self {
            methods: people.fold(Methods::NONE, |set, nature| set.with(nature.number)),
            ..self
        }
    }

    /// Whether what was verified is enough. A program is asked for one thing, since it cannot be asked.
    pub fn is_met(&self, proved: Methods) -> bool {
        level_of(proved) >= self.level || proved.natures().any(|nature| nature.for_programs)
    }

    /// Whether a credential may be used, and brings the user on.
    pub fn admits(&self, credential: &Credential) -> bool {
        self.methods.has(credential.method)
    }
}

/// Judges a sign-in that has come to its second factor, or an answer to one.
pub fn decide(about: &Circumstances<'_>, account: &Account) -> Decision {
    if let Some(skip) = bypass::skip(about, account) {
        return Decision::Skip(skip);
    }
    match need(about, account) {
        Ok(need) => Decision::Ask(need),
        Err(reason) => Decision::Deny(reason),
    }
}

/// What is enough, where nothing lets the user pass without.
pub fn need(about: &Circumstances<'_>, _account: &Account) -> Result<Need, Reason> {
    let application = about.policy.applications.of(&about.origin.application);
    let level = application.required_level.max(about.demand.level);
    let methods = usable(about, level);
    if methods.is_empty() {
        return Err(Reason::LevelInsufficient);
    }
    Ok(Need { methods, level })
}

/// The level that methods reach on top of the first factor.
pub fn level_of(proved: Methods) -> u8 {
    proved
        .natures()
        .filter(|nature| nature.class != Class::None)
        .map(|nature| nature.level)
        .max()
        .unwrap_or(1)
}

/// What was proved, in RFC 8176 values. A rule that let the user pass proves nothing (OI-05).
pub fn amr_of(_policy: &Policy<'_>, grant: &Grant) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for value in grant.proved.natures().flat_map(|nature| nature.amr) {
        if !values.iter().any(|known| known == value) {
            values.push((*value).to_owned());
        }
    }
    if level_of(grant.proved) > 1 {
        values.push("mfa".to_owned());
    }
    values
}

/// The methods that the policy allows here, that the surface can carry, and that reach the level.
fn usable(about: &Circumstances<'_>, level: u8) -> Methods {
    let programs = about.demand.surface & crate::contract::Surface::PROGRAM.bits() != 0;
    methods::NATURES
        .iter()
        .filter(|nature| about.policy.accounts.methods.has(nature.number))
        .filter(|nature| nature.level >= level || (nature.for_programs && level <= 2))
        .filter(|nature| nature.confirms || about.demand.transaction.is_none())
        .filter(|nature| programs || !nature.for_programs)
        .fold(Methods::NONE, |set, nature| set.with(nature.number))
}
