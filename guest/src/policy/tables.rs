//! From the tables of lists to the sections of the compiled form: what names what, and what goes with what.

use super::document::Reader;
use super::entry::Entry;
use super::lists::{self, APPLICATION, EFFECTS, GREETING, LISTS, LOCATION, ROUTE, RULE, STRENGTH};
use super::network::EVERYTHING;
use super::presets::{FAIL_OPEN, LEVEL_1, LEVEL_3};
use super::report::{Report, listed, nearest, quoted};
use super::route;
use super::sections::{self, Effect, Rule};
use super::{Application, Methods, Policy};

/// Every section, and what the host has to know of them.
#[derive(Default)]
pub(super) struct Sections {
    pub(super) locations: Vec<u8>,
    pub(super) strengths: Vec<u8>,
    pub(super) rules: Vec<u8>,
    pub(super) applications: Vec<u8>,
    pub(super) routes: Vec<u8>,
    pub(super) greetings: Vec<u8>,
    /// Applications whose fail mode is OPEN.
    pub(super) fail_open: Vec<String>,
}

/// Strengths that need no table. Their numbers are their places here, from 1; those of the document follow.
pub(crate) const BUILT_IN: [&str; 3] = ["mfa", "passwordless", "phishing-resistant"];

impl Reader {
    /// Judges what was written in the tables of lists, and lays it out.
    pub(super) fn sections(&mut self, policy: &Policy<'_>) -> Sections {
        let mut out = Sections::default();
        let lists = core::mem::replace(&mut self.lists, [const { Vec::new() }; LISTS.len()]);
        let skips = self.preset.value.and_then(|preset| preset.skips);
        let report = &mut self.report;
        for (list, entries) in LISTS.iter().zip(&lists) {
            // What is beyond the limit had its error.
            for entry in entries.iter().take(list.most) {
                complete(report, entry);
            }
        }
        let entries = |at: usize| lists.get(at).map_or(&[] as &[Entry], Vec::as_slice);
        for location in entries(LOCATION) {
            put_location(report, location, &mut out);
        }
        for strength in entries(STRENGTH) {
            put_strength(report, strength, &mut out);
        }
        let names = Names {
            locations: entries(LOCATION),
            strengths: entries(STRENGTH),
        };
        for rule in entries(RULE) {
            put_rule(report, rule, &names, &mut out);
            advise_rule(report, rule, policy, skips);
        }
        for application in entries(APPLICATION) {
            put_application(report, application, &names, policy, &mut out);
        }
        for it in entries(ROUTE) {
            route::put_route(report, it, policy, &mut out.routes);
        }
        for (at, greeting) in entries(GREETING).iter().enumerate() {
            let earlier = entries(GREETING).get(..at).unwrap_or_default();
            put_greeting(report, greeting, earlier, &mut out);
        }
        out
    }
}

/// Whether a method that the policy allows is phishing-resistant.
pub(super) fn reaches_3(policy: &Policy<'_>) -> bool {
    policy
        .accounts
        .methods
        .natures()
        .any(|nature| nature.level > 2)
}

/// What rules and applications name.
struct Names<'a> {
    locations: &'a [Entry],
    strengths: &'a [Entry],
}

impl Names<'_> {
    /// The number of the strength that a table asks for; zero for none.
    fn strength(&self, report: &mut Report, entry: &Entry) -> u8 {
        let Some(name) = entry.text("strength") else {
            return 0;
        };
        let own = self.strengths.iter().filter_map(|it| it.text("name"));
        let known = || BUILT_IN.into_iter().chain(own.clone());
        if let Some(at) = known().position(|known| known == name) {
            return at as u8 + 1;
        }
        unknown(report, entry, "strength", name, known());
        0
    }

    /// Which locations a rule names, by their places.
    fn locations(&self, report: &mut Report, rule: &Entry, key: &'static str) -> u64 {
        let known = || self.locations.iter().filter_map(|it| it.text("name"));
        let mut places = 0;
        for name in rule.texts(key).names() {
            let at = self
                .locations
                .iter()
                .position(|it| it.text("name") == Some(name));
            match at {
                Some(at) => places |= 1_u64.checked_shl(at as u32).unwrap_or(0),
                None => unknown(report, rule, key, name, known()),
            }
        }
        places
    }
}

fn complete(report: &mut Report, entry: &Entry) {
    let list = entry.list.name;
    let needed: &[(&str, &str)] = match list {
        "application" => &[("name", "name = \"…\", as the gateway names the application")],
        "rule" => &[
            (
                "name",
                "name = \"…\", as the audit and `policy explain` name it",
            ),
            ("then", "then = \"skip\", \"deny\" or \"require\""),
        ],
        "strength" => &[
            ("name", "name = \"…\", as rules and applications name it"),
            (
                "any-of",
                "any-of = [\"webauthn\", \"totp+push\"]: the sets of methods that are enough",
            ),
        ],
        "route" => &[("name", "name = \"…\", as `policy explain` names it")],
        "greeting" => &[
            ("message", "message = \"…\", as docs/prompts.md names it"),
            (
                "text-id",
                "text-id = \"…\", as the host names the text or the recording",
            ),
        ],
        _ => &[("name", "name = \"…\", as rules name it")],
    };
    for (key, help) in needed {
        if !entry.is_written(key) {
            let article = if list == "application" {
                "the application has no "
            } else {
                "this table has no "
            };
            let field = [list, ".", key].concat();
            report.error(entry.place, &field, [article, key].concat(), (*help).into());
        }
    }
}

fn put_location(report: &mut Report, entry: &Entry, out: &mut Sections) {
    let networks = entry.networks("networks");
    if networks.is_some_and(|networks| networks.are_everything) {
        let help = "the networks that are meant: a location of all addresses is none".into();
        report.error(
            entry.place("networks"),
            "location.networks",
            EVERYTHING.into(),
            help,
        );
    } else if networks.is_some_and(|networks| networks.are_wide) {
        let why =
            "more addresses than one organisation has: whoever is among them counts as being there"
                .into();
        report.warn(
            entry.place("networks"),
            "location.networks",
            why,
            "at most a /8, or a /16 of IPv6".into(),
        );
    }
    let unknown_country = entry.number("unknown-country") == Some(1);
    let empty = !entry.is_written("networks") && !entry.is_written("countries") && !unknown_country;
    if empty {
        let help = "networks, countries, or unknown-country = true".into();
        report.error(
            entry.place,
            "location",
            "nothing is in this location".into(),
            help,
        );
    }
    sections::put_location(
        &mut out.locations,
        entry.text("name").unwrap_or_default(),
        entry.texts("countries"),
        unknown_country,
        networks,
    );
}

fn put_strength(report: &mut Report, entry: &Entry, out: &mut Sections) {
    let name = entry.text("name").unwrap_or_default();
    if BUILT_IN.contains(&name) {
        let problem = [&quoted(name), " is built in"].concat();
        report.error(
            entry.place("name"),
            "strength.name",
            problem,
            "another name".into(),
        );
    }
    sections::put_strength(&mut out.strengths, name, entry.sets("any-of"));
}

fn put_rule(report: &mut Report, entry: &Entry, names: &Names<'_>, out: &mut Sections) {
    let effect = match entry.number("then") {
        Some(0) => Effect::Skip,
        Some(1) => Effect::Deny,
        _ => Effect::Require,
    };
    let rule = Rule {
        name: entry.text("name").unwrap_or_default(),
        effect,
        until: entry.instant("until"),
        why: entry.text("why").unwrap_or_default(),
        methods: Methods::from_bits(entry.number("methods").unwrap_or(0)),
        strength: names.strength(report, entry),
        level: entry.number("level").unwrap_or(0) as u8,
        max_age: entry.number("max-age").map(u64::from),
        locations: names.locations(report, entry, "locations"),
        not_locations: names.locations(report, entry, "not-locations"),
        risks: entry.number("risk").unwrap_or(0) as u8,
        states: entry.number("states").unwrap_or(0) as u8,
        groups: entry.texts("groups"),
        users: entry.texts("users"),
        applications: entry.texts("applications"),
    };
    if entry.number("then").is_some() {
        match effect {
            Effect::Skip => judge_skip(report, entry, names),
            Effect::Deny => judge_deny(report, entry),
            Effect::Require => judge_require(report, entry),
        }
    }
    rule.put(&mut out.rules);
}

/// Warns of what a rule says and is unwise.
fn advise_rule(report: &mut Report, entry: &Entry, policy: &Policy<'_>, skips: Option<&str>) {
    let people = entry.is_written("groups") || entry.is_written("users");
    if let (Some(why), Some(0), false) = (skips, entry.number("then"), people) {
        let help = "`require`, or groups with `until` and `why`".into();
        report.warn(entry.place("then"), "rule.then", why.into(), help);
    }
    if entry.number("level") == Some(3) && !reaches_3(policy) {
        report.warn(
            entry.place("level"),
            "rule.level",
            LEVEL_3.into(),
            "2".into(),
        );
    }
}

/// What a rule asks for.
const DEMANDS: [&str; 4] = ["methods", "strength", "level", "max-age"];

/// A skip is for networks, or for named people for a named time and reason (S30).
fn judge_skip(report: &mut Report, entry: &Entry, names: &Names<'_>) {
    refuse_demands(report, entry);
    let people = entry.is_written("groups") || entry.is_written("users");
    if people {
        for (key, help) in [
            (
                "until",
                "until = 2026-12-31T18:00:00Z: who is exempt is exempt for a time",
            ),
            ("why", "why = \"…\", which the audit tells with each use"),
        ] {
            if !entry.is_written(key) {
                let field = ["rule.", key].concat();
                let problem = ["a skip for people has no ", key].concat();
                report.error(entry.place, &field, problem, help.into());
            }
        }
    } else if !entry.is_written("locations") {
        let problem = "this skip is for everybody, everywhere".into();
        let help = "locations, or groups with `until` and `why`".into();
        report.error(entry.place("then"), "rule.then", problem, help);
    }
    // A session that was let in because of its network is let on only while it is there, and no country is told with the
    // requests of a session. Besides, a country is no network that anybody runs.
    let by_country = |name: &&str| {
        names.locations.iter().any(|it| {
            it.text("name") == Some(*name)
                && (it.is_written("countries") || it.number("unknown-country") == Some(1))
        })
    };
    for key in ["locations", "not-locations"] {
        if let Some(name) = entry.texts(key).names().find(by_country) {
            let problem = [&quoted(name), " has countries: no country is trusted"].concat();
            let help = "a location of networks alone".into();
            report.error(entry.place(key), &["rule.", key].concat(), problem, help);
        }
    }
}

fn judge_deny(report: &mut Report, entry: &Entry) {
    refuse_demands(report, entry);
    let conditions = [
        "groups",
        "users",
        "applications",
        "locations",
        "not-locations",
        "risk",
        "states",
    ];
    if !conditions.iter().any(|key| entry.is_written(key)) {
        let help = ["one of ", &listed(conditions)].concat();
        report.error(
            entry.place("then"),
            "rule.then",
            "this rule refuses everybody".into(),
            help,
        );
    }
}

fn judge_require(report: &mut Report, entry: &Entry) {
    if !DEMANDS.iter().any(|key| entry.is_written(key)) {
        let help = ["one of ", &listed(DEMANDS)].concat();
        report.error(
            entry.place("then"),
            "rule.then",
            "this rule requires nothing".into(),
            help,
        );
    }
}

fn refuse_demands(report: &mut Report, entry: &Entry) {
    for key in DEMANDS {
        if entry.is_written(key) {
            let then = entry.number("then").and_then(|at| EFFECTS.get(at as usize));
            let problem = [
                "a rule that says ",
                &quoted(then.unwrap_or(&"")),
                " asks for nothing",
            ]
            .concat();
            let help = "leave it out, or `then = \"require\"`".into();
            report.error(entry.place(key), &["rule.", key].concat(), problem, help);
        }
    }
}

fn put_application(
    report: &mut Report,
    entry: &Entry,
    names: &Names<'_>,
    policy: &Policy<'_>,
    out: &mut Sections,
) {
    let default = policy.applications.default;
    let application = Application {
        fail_open: entry.number("fail-mode") == Some(1),
        required_level: entry
            .number("required-level")
            .map_or(default.required_level, |level| level as u8),
        max_age: entry.number("max-age").map(u64::from).or(default.max_age),
        methods: Methods::from_bits(entry.number("methods").unwrap_or(0)),
        strength: names.strength(report, entry),
        approvals: entry.number("approvals").unwrap_or(0) as u8,
        app_passwords: entry.number("app-passwords") != Some(0),
        approvers: entry.texts("approvers"),
        session: entry.text("session").unwrap_or_default(),
    };
    let other = [("approvals", "approvers"), ("approvers", "approvals")];
    for (key, missing) in other {
        if entry.is_written(key) && !entry.is_written(missing) {
            let field = ["application.", key].concat();
            let problem = ["there is no `", missing, "` beside it"].concat();
            let help =
                "approvals = 1 and approvers = [\"…\"]: how many, and of which groups".into();
            report.error(entry.place(key), &field, problem, help);
        }
    }
    if application.approvals != 0 && !application.session.is_empty() {
        let problem =
            "approvals are for one sign-in, and a shared session begins at another".into();
        let help = "leave `session` out: whoever needs approvals signs in here".into();
        let at = entry.place("session");
        report.error(at, "application.session", problem, help);
    }
    if application.fail_open {
        let at = entry.place("fail-mode");
        report.warn(
            at,
            "application.fail-mode",
            FAIL_OPEN.into(),
            "`closed`".into(),
        );
    }
    let unwise = match entry.number("required-level") {
        Some(1) => Some(LEVEL_1),
        Some(3) if !reaches_3(policy) => Some(LEVEL_3),
        _ => None,
    };
    if let Some(why) = unwise {
        let at = entry.place("required-level");
        report.warn(at, "application.required-level", why.into(), "2".into());
    }
    let name = entry.text("name").unwrap_or_default();
    sections::put_application(&mut out.applications, name, &application);
    if application.fail_open {
        out.fail_open.push(name.to_owned());
    }
}

fn put_greeting(report: &mut Report, entry: &Entry, earlier: &[Entry], out: &mut Sections) {
    let texts = ["message", "language", "application", "text-id"];
    let texts = texts.map(|key| entry.text(key).unwrap_or_default());
    let [message, language, application, _] = texts;
    let same = |other: &Entry| {
        other.text("message") == Some(message)
            && other.text("language").unwrap_or_default() == language
            && other.text("application").unwrap_or_default() == application
    };
    if earlier.iter().any(same) {
        let problem = "there is a greeting for the same message, language and application".into();
        report.error(
            entry.place,
            "greeting",
            problem,
            "keep one of the two".into(),
        );
    }
    let tag = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    if !language.bytes().all(tag) {
        let help = "a tag such as \"de\" or \"pt-BR\" (BCP 47)".into();
        report.error(
            entry.place("language"),
            "greeting.language",
            "no language".into(),
            help,
        );
    }
    let word = |octet: u8| octet.is_ascii_alphanumeric() || b"-_./".contains(&octet);
    for (key, text) in ["message", "text-id"].into_iter().zip([message, texts[3]]) {
        if !text.bytes().all(word) {
            let help = "letters, digits, hyphens, dots and slashes".into();
            let field = ["greeting.", key].concat();
            report.error(entry.place(key), &field, "no name of a text".into(), help);
        }
    }
    sections::put_greeting(&mut out.greetings, texts);
}

fn unknown<'n>(
    report: &mut Report,
    entry: &Entry,
    key: &str,
    name: &str,
    known: impl Iterator<Item = &'n str> + Clone,
) {
    let what = key.trim_start_matches("not-").trim_end_matches('s');
    // `strengths` and `locations` lose their plural, `strength` keeps all of it.
    let what = lists::names()
        .find(|list| list.starts_with(what))
        .unwrap_or(key);
    let help = match nearest(name, known.clone()) {
        Some(near) => ["did you mean ", &quoted(near), "?"].concat(),
        None if known.clone().next().is_none() => ["there is no [[", what, "]] table"].concat(),
        None => ["one of ", &listed(known)].concat(),
    };
    let field = [entry.list.name, ".", key].concat();
    let problem = ["there is no ", what, " ", &quoted(name)].concat();
    report.error(entry.place(key), &field, problem, help);
}
