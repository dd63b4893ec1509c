//! Which methods are enough: two different classes (S29), a level, and named combinations (E20).

use super::Circumstances;
use super::demand::Demands;
use super::trace::{Role, finding};
use crate::account::{Account, Credential, Grant};
use crate::contract::Surface;
use crate::methods::{self, Class, Nature};
use crate::policy::sections::Malformed;
use crate::policy::tables::BUILT_IN;
use crate::policy::{Methods, Policy};
use crate::reason::Reason;

/// What is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// The methods that may be used.
    pub methods: Methods,
    /// The level that has to be reached.
    pub level: u8,
    /// More is demanded than a second factor at all: enrolling cannot be put off.
    pub(crate) more: bool,
    /// Methods of which each one alone is enough.
    alone: Methods,
    /// Methods of which each one alone is enough where the authenticator verified its user.
    alone_verified: Methods,
    /// Sets of which each one is enough, where not every method alone is.
    sets: Vec<Methods>,
}

impl Need {
    /// Anything that the policy allows, whatever it reaches.
    pub fn any_of(methods: Methods) -> Self {
        Self {
            methods,
            level: 0,
            more: false,
            alone: methods,
            alone_verified: methods,
            sets: Vec::new(),
        }
    }

    /// What can be asked for: what is for programs alone never is (BY-10).
    pub fn for_people(self) -> Self {
        let people = self.methods.natures().filter(|nature| !nature.for_programs);
        Self {
            methods: people.fold(Methods::NONE, |set, nature| set.with(nature.number)),
            ..self
        }
    }

    /// Whether what was verified is enough.
    pub fn is_met(&self, grant: &Grant) -> bool {
        let proved = grant.proved.methods;
        let alone = if grant.proved.user_verified {
            self.alone_verified
        } else {
            self.alone
        };
        !alone.and(proved).is_empty() || self.sets.iter().any(|set| set.and(proved) == *set)
    }

    /// What is enough, in words: methods that have to be proved together have `+` between them.
    pub(crate) fn ways(&self) -> impl Iterator<Item = String> {
        let sets = self
            .sets
            .iter()
            .map(|set| set.iter().collect::<Vec<_>>().join("+"));
        self.alone_verified.iter().map(str::to_owned).chain(sets)
    }

    /// Whether a credential may be used, and brings the user on.
    pub fn admits(&self, credential: &Credential) -> bool {
        self.methods.has(credential.method)
    }
}

/// How many sets a need has at most: strengths that add up multiply theirs. What is cut off is not enough.
const MAX_SETS: usize = 64;

/// What is enough for a sign-in, of what its account holds. Where it holds nothing that is enough, no method is left.
pub(super) fn need(
    about: &Circumstances<'_>,
    account: &Account,
    demands: &Demands<'_>,
) -> Result<Need, Reason> {
    let policy = about.policy;
    let usable = usable(about, demands);
    let reaches = |set: Methods, verified: bool| {
        level(policy, set, verified).max(program_level(set.natures())) >= demands.level
    };
    let alone = |verified: bool| {
        let alone = |nature: &&'static Nature| {
            let one = || core::iter::once(*nature);
            level_of_natures(policy, one(), verified).max(program_level(one())) >= demands.level
        };
        let numbers = usable.natures().filter(alone).map(|nature| nature.number);
        numbers.fold(Methods::NONE, Methods::with)
    };
    let alone_verified = alone(true);
    let mut need = Need {
        methods: alone_verified,
        level: demands.level,
        more: demands.more,
        alone: alone(false),
        alone_verified,
        sets: Vec::new(),
    };
    if demands.strengths != 0 {
        let sets = sets(policy, usable, demands.strengths).map_err(|_| Reason::ServiceError)?;
        // What a strength leaves below the level has to be brought up to it.
        let (enough, short): (Vec<_>, Vec<_>) =
            sets.into_iter().partition(|set| reaches(*set, false));
        let raised = crossed(&short, &singles(need.alone));
        need.sets = smallest(
            enough
                .into_iter()
                .chain(raised)
                .filter(|set| reaches(*set, false)),
        );
        need.alone = Methods::NONE;
        need.alone_verified = Methods::NONE;
        need.methods = need
            .sets
            .iter()
            .fold(Methods::NONE, |all, set| all.or(*set));
    }
    if need.methods.is_empty() {
        note(about, demands, &need);
        return Err(Reason::LevelInsufficient);
    }
    need.keep_held(account, about.proved);
    note(about, demands, &need);
    Ok(need)
}

impl Need {
    /// Leaves the sets that the account can prove: the first of two methods is not asked for where there is no second.
    fn keep_held(&mut self, account: &Account, proved: Methods) {
        if self.sets.is_empty() || account.credentials.is_empty() {
            return;
        }
        let held = account
            .credentials
            .iter()
            .fold(proved, |held, credential| held.with(credential.method));
        self.sets.retain(|set| set.and(held) == *set);
        self.methods = self
            .sets
            .iter()
            .fold(Methods::NONE, |all, set| all.or(*set));
    }
}

/// The methods that the demands leave, and that the surface can carry.
fn usable(about: &Circumstances<'_>, demands: &Demands<'_>) -> Methods {
    let has = |surface: Surface| about.demand.surface & surface.bits() != 0;
    let programs = has(Surface::PROGRAM);
    // A gateway that can do no more than show a line of text, such as RADIUS.
    let text_alone = has(Surface::PROMPT) && !has(Surface::REDIRECT);
    let needs_browser =
        |number: u8| methods::of(number).is_some_and(|method| method.needs_browser());
    demands
        .methods
        .natures()
        .filter(|nature| !text_alone || !needs_browser(nature.number))
        .filter(|nature| nature.confirms || about.demand.transaction.is_none())
        .filter(|nature| !nature.for_programs || (programs && demands.application.app_passwords))
        .fold(Methods::NONE, |set, nature| set.with(nature.number))
}

/// A program is asked for one thing, since it cannot be asked for two: that stands for a second factor with it, and for
/// nothing in a session.
pub(crate) fn program_level(mut proved: impl Iterator<Item = &'static Nature>) -> u8 {
    if proved.any(|nature| nature.for_programs) {
        2
    } else {
        1
    }
}

/// The level that was reached on top of the first factor.
pub(crate) fn level_of(policy: &Policy<'_>, grant: &Grant) -> u8 {
    level(policy, grant.proved.methods, grant.proved.user_verified)
}

/// The level that methods reach: none above the first factor's without a factor of another class (S29). A passkey that verified
/// its user is two, if the policy says so (M02).
fn level(policy: &Policy<'_>, proved: Methods, user_verified: bool) -> u8 {
    level_of_natures(policy, proved.natures(), user_verified)
}

fn level_of_natures(
    policy: &Policy<'_>,
    proved: impl Iterator<Item = &'static Nature>,
    user_verified: bool,
) -> u8 {
    let mut classes = class_bit(policy.accounts.first_factor);
    let mut level = 1;
    for nature in proved {
        let class = class_of(policy, nature);
        if class != Class::None {
            classes |= class_bit(class);
            level = level.max(nature.level);
        }
        if nature.level > 2 && user_verified && policy.webauthn.two_factors {
            classes |= class_bit(Class::Inherence);
        }
    }
    if classes.count_ones() > 1 { level } else { 1 }
}

/// What kind of thing a method proves here: a mailbox is nothing, unless the policy says that the user has it (N-08).
fn class_of(policy: &Policy<'_>, nature: &Nature) -> Class {
    match (nature.name, policy.email.possession) {
        ("email", true) => Class::Possession,
        ("email", false) => Class::None,
        _ => nature.class,
    }
}

fn class_bit(class: Class) -> u8 {
    match class {
        Class::None => 0,
        class => 1 << class as u8,
    }
}

/// What was proved, in RFC 8176 values. A rule that let the user pass proves nothing (OI-05), and `mfa` stands for two
/// classes only.
pub(crate) fn amr_of(policy: &Policy<'_>, grant: &Grant) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    let proved = grant.proved.methods.natures();
    let of_methods = proved.flat_map(|nature| nature.amr);
    for value in of_methods.chain(grant.proved.pin.then_some(&"pin")) {
        if !values.iter().any(|known| known == value) {
            values.push((*value).to_owned());
        }
    }
    if level_of(policy, grant) > 1 {
        values.push("mfa".to_owned());
    }
    values
}

/// Whether what was proved meets all strengths whose bits are set.
pub(crate) fn meets(
    policy: &Policy<'_>,
    strengths: u32,
    proved: Methods,
) -> Result<bool, Malformed> {
    for number in numbers(strengths) {
        let sets = alternatives(policy, number)?;
        if !sets.iter().any(|set| set.and(proved) == *set) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The sets of usable methods that meet all strengths.
fn sets(policy: &Policy<'_>, usable: Methods, strengths: u32) -> Result<Vec<Methods>, Malformed> {
    let mut sets = vec![Methods::NONE];
    for number in numbers(strengths) {
        let mut alternatives = alternatives(policy, number)?;
        alternatives.retain(|set| set.and(usable) == *set);
        sets = smallest(crossed(&sets, &alternatives));
    }
    Ok(sets)
}

/// The alternatives of a strength: of a built-in one, the methods of which each is enough.
fn alternatives(policy: &Policy<'_>, number: u8) -> Result<Vec<Methods>, Malformed> {
    let of = |enough: &dyn Fn(&Nature) -> bool| {
        let natures = Methods::ALL.natures().filter(|nature| enough(nature));
        Ok(natures.map(|nature| Methods::of(nature.number)).collect())
    };
    match number {
        1 => of(&|nature| level(policy, Methods::of(nature.number), true) > 1),
        // A key of the user's own signs: there is nothing that could be told to anybody.
        2 => of(&|nature| {
            nature
                .amr
                .iter()
                .any(|value| ["pop", "swk", "hwk"].contains(value))
        }),
        3 => of(&|nature| nature.level > 2),
        own => policy
            .strengths
            .at(usize::from(own).wrapping_sub(1 + BUILT_IN.len())),
    }
}

/// The name of a strength.
pub(crate) fn name<'a>(policy: &'a Policy<'_>, number: u8) -> &'a str {
    let at = usize::from(number).wrapping_sub(1);
    let own = || policy.strengths.name(at.wrapping_sub(BUILT_IN.len()));
    BUILT_IN.get(at).copied().or_else(own).unwrap_or_default()
}

fn numbers(strengths: u32) -> impl Iterator<Item = u8> {
    (1..32_u8).filter(move |number| strengths >> number & 1 == 1)
}

fn singles(methods: Methods) -> Vec<Methods> {
    methods
        .natures()
        .map(|nature| Methods::of(nature.number))
        .collect()
}

/// One set of each list, together.
fn crossed(one: &[Methods], other: &[Methods]) -> Vec<Methods> {
    let pairs = one
        .iter()
        .flat_map(|one| other.iter().map(|other| one.or(*other)));
    pairs.collect()
}

/// Without those that hold another one.
fn smallest(sets: impl IntoIterator<Item = Methods>) -> Vec<Methods> {
    let mut kept: Vec<Methods> = Vec::new();
    for set in sets {
        if kept.iter().any(|other| other.and(set) == *other) {
            continue;
        }
        kept.retain(|other| set.and(*other) != set);
        if kept.len() < MAX_SETS {
            kept.push(set);
        }
    }
    kept
}

fn note(about: &Circumstances<'_>, demands: &Demands<'_>, need: &Need) {
    about.note(Role::Demand, || {
        let methods: Vec<&str> = need.methods.iter().collect();
        let because = if methods.is_empty() {
            "the account holds nothing, or the policy leaves nothing, that is enough".to_owned()
        } else {
            ["what is left to prove it with: ", &methods.join(", ")].concat()
        };
        finding(
            "methods",
            true,
            &because,
            &super::demand::in_words(about, demands),
        )
    });
}

#[cfg(test)]
mod tests {
    use super::{amr_of, level_of};
    use crate::account::{Grant, Proved};
    use crate::methods::NATURES;
    use crate::policy::{Methods, Policy};
    use crate::reason::Reason;

    fn grant(proved: Proved) -> Grant {
        Grant {
            credential: None,
            method: 0,
            proved,
            reason: Reason::SuccessfullyCompleted,
        }
    }

    /// RFC 8176 section 2. What it has no value for claims none, and `mfa` stands for a level above the first factor's.
    #[test]
    fn each_method_claims_its_own_values_and_level() {
        const CLAIMED: [(&str, u8, &[&str]); 11] = [
            ("webauthn", 3, &["pop", "user", "mfa"]),
            ("totp", 2, &["otp", "mfa"]),
            ("hotp", 2, &["otp", "mfa"]),
            ("ocra", 2, &["otp", "mfa"]),
            ("push", 2, &["swk", "mfa"]),
            ("sms", 2, &["sms", "mfa"]),
            ("voice", 2, &["tel", "mfa"]),
            ("email", 1, &["otp"]),
            ("recovery-code", 2, &["mfa"]),
            ("temporary-pass", 2, &["mfa"]),
            ("app-password", 1, &["pwd"]),
        ];
        let policy = Policy::default();
        assert_eq!(NATURES.len(), CLAIMED.len());
        for (nature, (name, level, amr)) in NATURES.iter().zip(CLAIMED) {
            let proved = Proved {
                methods: Methods::of(nature.number),
                ..Proved::NOTHING
            };
            assert_eq!(nature.name, name);
            assert_eq!(level_of(&policy, &grant(proved)), level, "{name}");
            assert_eq!(amr_of(&policy, &grant(proved)), amr, "{name}");
            let with_pin = amr_of(
                &policy,
                &grant(Proved {
                    pin: true,
                    ..proved
                }),
            );
            assert!(with_pin.iter().any(|value| value == "pin"), "{name}");
            assert_eq!(with_pin.len(), amr.len() + 1, "{name}");
        }
        // What a rule waived proves nothing (OI-05).
        assert!(amr_of(&policy, &grant(Proved::NOTHING)).is_empty());
    }
}
