//! The largest account and the largest policy that are legal, and every operation on them: what memory and fuel are measured by.

use std::fmt::Write as _;

use cofactor_guest::account::{
    Account, Device, MAX_CHALLENGES, MAX_DEVICES, MAX_ENROLMENTS, MAX_REQUESTS, MAX_SENDS, Sealed,
    Send,
};
use cofactor_guest::base32::Secret;
use cofactor_guest::identifier::Identifier;
use cofactor_guest::methods::code::Token;
use cofactor_guest::methods::{hotp, totp};
use cofactor_guest::policy::Algorithm as Digest;
use cofactor_runtime::contract::{
    Action, Administration, AdministrationChange, Answer, Choice, Claims, EnrolmentRequest,
    Issuance, Management, ManagementChange, Proof, Request,
};
use cofactor_tests::scenario::{self, Scenario, answer, begin};
use totp_rs::Algorithm;

/// The widest windows, so that each credential costs as much as it may.
const WIDEST: &str = "[challenge]\nmax-open = 8\n[totp]\nwindow = 10\ndrift-cap = 10\nresync-window = 1000\n\
                      [hotp]\nlook-ahead = 100\nresync-window = 1000\n";
/// How many code tokens an account may hold.
const TOKENS: usize = totp::NATURE.most as usize;
/// The open challenge that is answered, and the open enrolment that is finished.
const OPEN: [u8; 16] = [0xC0; 16];
const ENROLLING: [u8; 16] = [0xE0; 16];

/// A policy document of 64 KiB with 64 applications of the longest names.
pub(crate) fn policy() -> String {
    let mut text = WIDEST.to_owned();
    for i in 0..64 {
        let name = format!("{i:0>128}");
        writeln!(
            text,
            "[[application]]\nname = \"{name}\"\nrequired-level = 2\nmax-age = \"12h\""
        )
        .unwrap();
    }
    while text.len() < (64 << 10) - 64 {
        text.push_str("# a comment that fills what is left of it, word for word\n");
    }
    let rest = (64 << 10) - 1 - text.len();
    text + &"#".repeat(rest) + "\n"
}

/// A policy of so many networks as a document has room for, each so many /24 behind the one before.
pub(crate) fn networks(gap: usize) -> String {
    let mut text = String::new();
    for location in 0.. {
        let networks: Vec<String> = (location * 100..location * 100 + 100)
            .map(|at| format!("'9.{}.{}.0/24'", (at * gap) >> 8, (at * gap) & 255))
            .collect();
        let table = format!(
            "[[location]]\nname='{location}'\nnetworks=[{}]\n",
            networks.join(",")
        );
        if text.len() + table.len() > 64 << 10 {
            break;
        }
        text += &table;
    }
    text
}

/// A user of the largest account, under the largest policy.
pub(crate) struct Largest {
    pub(crate) scenario: Scenario,
    method: &'static str,
}

impl Largest {
    /// With as many credentials of `method`, challenges, enrolments and remembered requests as an account may hold, each
    /// with the longest fields.
    pub(crate) fn of(method: &'static str) -> Self {
        let mut scenario = Scenario::new(&policy()).unwrap();
        scenario.origin.application = "a".repeat(128);
        scenario.origin.user = "u".repeat(256);
        scenario.origin.groups = vec!["g".repeat(128); 64];
        scenario.origin.gateway = "g".repeat(64);
        scenario.origin.binding = vec![0xB1; 64];
        scenario.origin.address = Some("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".to_owned());
        scenario.origin.language = "l".repeat(35);
        scenario.administer(AdministrationChange::Create).unwrap();
        // One of each kind comes from the component itself. An enrolment is begun before there is a credential: it needs no
        // session then.
        let request = EnrolmentRequest {
            method: "totp".to_owned(),
            label: "l".repeat(64),
            address: None,
            session: None,
        };
        scenario.step(Action::EnrolBegin(request)).unwrap();
        let begun = Account::decode(scenario.record.as_ref().unwrap()).unwrap();
        let counter = if method == "hotp" { "&counter=0" } else { "" };
        let uri = format!(
            "otpauth://{method}/l?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=SHA512&digits=8{counter}"
        );
        scenario.import(&uri).unwrap();
        for _ in 0..MAX_REQUESTS {
            scenario.challenge().unwrap();
        }
        let mut account = Account::decode(scenario.record.as_ref().unwrap()).unwrap();
        account.enrolments = begun.enrolments;
        enlarge(&mut account);
        scenario.record = Some(account.encode());
        Self { scenario, method }
    }

    /// The code of `key`, `steps` from now. One of the largest account's keys: see [`key`].
    fn code_of(&self, key: &[u8], steps: u64) -> String {
        let (period, at) = match self.method {
            "hotp" => (1, steps),
            _ => (30, self.scenario.now / 1_000 + 30 * steps),
        };
        scenario::totp(key, Algorithm::SHA512, 8, period, at).unwrap()
    }

    /// Every step there is, with the kind of its outcome.
    pub(crate) fn steps(&self) -> Vec<(String, Action, &'static str)> {
        let last = key(TOKENS - 1);
        let credential = |at: usize| Identifier([u8::try_from(at).unwrap() + 1; 8]).text();
        let open = Identifier(OPEN).text();
        let session = Some(self.session());
        let manage = |change| {
            Action::Manage(Management {
                session: session.clone(),
                change,
            })
        };
        let two = |first: &str, second: &str| {
            Action::Answer(Answer {
                challenge: open.clone(),
                proof: Proof::TwoCodes((first.to_owned(), second.to_owned())),
                remember: false,
            })
        };
        let ahead = 900;
        let mut steps = vec![
            ("begin", begin(None), "challenge"),
            (
                "accept-at-once",
                begin(Some(&self.code_of(&last, 0))),
                "allow",
            ),
            ("refuse-at-once", begin(Some("00000000")), "deny"),
            (
                "answer-accept",
                answer(&open, &self.code_of(&last, 0)),
                "allow",
            ),
            ("answer-refuse", answer(&open, "00000000"), "challenge"),
            (
                "answer-unknown",
                answer(&"0".repeat(32), "00000000"),
                "deny",
            ),
            (
                "resynchronise-accept",
                two(&self.code_of(&last, ahead), &self.code_of(&last, ahead + 1)),
                "allow",
            ),
            (
                "resynchronise-refuse",
                two("00000000", "11111111"),
                "challenge",
            ),
            (
                "choose-method",
                Action::ChooseMethod(Choice {
                    challenge: open.clone(),
                    method: self.method.to_owned(),
                    credential: Some(credential(3)),
                }),
                "challenge",
            ),
            (
                "enrol-begin",
                Action::EnrolBegin(EnrolmentRequest {
                    method: self.method.to_owned(),
                    label: "l".repeat(64),
                    address: None,
                    session: session.clone(),
                }),
                "deny",
            ),
            ("enrol-finish-full", finish("00000000"), "deny"),
            (
                "manage-rename",
                manage(ManagementChange::Rename((credential(2), "n".repeat(64)))),
                "done",
            ),
            (
                "manage-remove",
                manage(ManagementChange::Remove(credential(2))),
                "done",
            ),
            (
                "manage-default",
                manage(ManagementChange::SetDefault(credential(2))),
                "done",
            ),
            (
                "manage-sign-out",
                manage(ManagementChange::SignOutEverywhere),
                "done",
            ),
        ];
        for (name, change) in [
            ("administer-create", AdministrationChange::Create),
            ("administer-unlock", AdministrationChange::Unlock),
            ("administer-block", AdministrationChange::Block),
            ("administer-unblock", AdministrationChange::Unblock),
            (
                "administer-remove-credential",
                AdministrationChange::RemoveCredential(credential(4)),
            ),
            ("administer-reset-clock", AdministrationChange::ResetClock),
            ("administer-sign-out", AdministrationChange::SignOut),
            ("administer-remove", AdministrationChange::Remove),
        ] {
            steps.push((name, administer(change), "done"));
        }
        let full = AdministrationChange::Issue(Issuance::new("totp", "l".repeat(64)));
        steps.push(("administer-issue-full", administer(full), "deny"));
        steps
            .into_iter()
            .map(|(name, action, outcome)| (name.to_owned(), action, outcome))
            .collect()
    }

    /// The steps that need room for one more credential, which the account then has.
    pub(crate) fn steps_with_room(&mut self) -> Vec<(String, Action, &'static str)> {
        let mut account = Account::decode(self.scenario.record.as_ref().unwrap()).unwrap();
        account.credentials.pop();
        self.scenario.record = Some(account.encode());
        // Its label fills what is left of the longest address that an import may have.
        let start = format!("otpauth://{}/", self.method);
        let end = "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR&algorithm=SHA512&digits=8&counter=7";
        let uri = format!("{start}{}{end}", "l".repeat(64));
        let steps = [
            (
                "enrol-begin-room",
                Action::EnrolBegin(EnrolmentRequest {
                    method: self.method.to_owned(),
                    label: "l".repeat(64),
                    address: None,
                    session: Some(self.session()),
                }),
                "enrol",
            ),
            (
                "enrol-finish-accept",
                finish(&self.code_of(&key(TOKENS), 0)),
                "allow",
            ),
            ("enrol-finish-refuse", finish("00000000"), "enrol"),
            (
                "administer-import",
                administer(AdministrationChange::ImportOtpauth(uri)),
                "done",
            ),
            (
                "administer-issue",
                administer(AdministrationChange::Issue(Issuance::new(
                    "totp",
                    "l".repeat(64),
                ))),
                "done",
            ),
        ];
        steps
            .into_iter()
            .map(|(name, action, outcome)| (name.to_owned(), action, outcome))
            .collect()
    }

    /// A session of the largest size that is good for everything.
    pub(crate) fn session(&self) -> Claims {
        let account = Account::decode(self.scenario.record.as_ref().unwrap()).unwrap();
        Claims {
            application: self.scenario.origin.application.clone(),
            generation: account.generation,
            level: 2,
            method: self.method.to_owned(),
            proved: vec![self.method.to_owned(); 4],
            amr: vec!["m".repeat(32); 8],
            reason: "r".repeat(64),
            started: self.scenario.now,
            verified: self.scenario.now,
            active: self.scenario.now,
            transaction: None,
        }
    }

    /// The largest request that a session may be for.
    pub(crate) fn request(&self) -> Request {
        Request {
            application: self.scenario.origin.application.clone(),
            host: "h".repeat(261),
            path: format!("/{}", "p".repeat((8 << 10) - 1)),
            method: "M".repeat(32),
            address: Some("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".to_owned()),
            generation: self.session().generation,
            ended: false,
        }
    }
}

/// Confirms the open enrolment.
fn finish(code: &str) -> Action {
    Action::EnrolFinish(Answer {
        challenge: Identifier(ENROLLING).text(),
        proof: Proof::Code(code.to_owned()),
        remember: false,
    })
}

pub(crate) fn administer(change: AdministrationChange) -> Action {
    Action::Administer(Administration {
        actor: "a".repeat(128),
        why: "w".repeat(256),
        change,
    })
}

/// The key of the credential at that place: 80 octets, each another one.
fn key(at: usize) -> Vec<u8> {
    vec![u8::try_from(at).unwrap() + 1; 80]
}

/// Fills every list with copies of what is in it, and every field of a copy.
fn enlarge(account: &mut Account) {
    let mut credential = account.credentials[0].clone();
    credential.label = "l".repeat(64);
    credential.last_used = Some(account.latest);
    let with_key = |at: usize| {
        let mut credential = credential.clone();
        credential.id = Identifier([u8::try_from(at).unwrap() + 1; 8]);
        let token = Token {
            secret: Secret::new(key(at)),
            algorithm: Digest::Sha512,
            digits: 8,
        };
        credential.state = Sealed::new(match credential.method {
            hotp::NUMBER => hotp::State::new(token, 0).encode(),
            _ => totp::State::new(token, 30).encode(),
        });
        credential
    };
    account.credentials = (0..TOKENS).map(with_key).collect();
    let mut challenge = account.challenges[0].clone();
    challenge.id = Identifier(OPEN);
    // Of the one that is answered any credential may be proved: that costs the most.
    challenge.credential = None;
    account.challenges = vec![challenge.clone(); MAX_CHALLENGES];
    for (at, other) in account.challenges.iter_mut().enumerate().skip(1) {
        other.id = Identifier([u8::try_from(at).unwrap(); 16]);
        other.credential = Some(credential.id);
    }
    let mut enrolment = account.enrolments[0].clone();
    enrolment.generation = account.generation;
    enrolment.expires = account.latest + 600_000;
    enrolment.credential = with_key(TOKENS);
    account.enrolments = vec![enrolment; MAX_ENROLMENTS];
    account.enrolments[MAX_ENROLMENTS - 1].id = Identifier(ENROLLING);
    account.devices = (0..MAX_DEVICES)
        .map(|at| Device {
            id: Identifier([u8::try_from(at).unwrap() + 1; 8]),
            turn: 1,
            client: [0xDE; 16],
            created: account.latest,
            last_used: account.latest,
            expires: account.latest + 600_000,
        })
        .collect();
    let sent = Send {
        method: totp::NUMBER,
        answered: true,
        declined: false,
        at: account.latest,
    };
    account.sends = vec![sent; MAX_SENDS];
    assert_eq!(account.requests.len(), MAX_REQUESTS);
}
