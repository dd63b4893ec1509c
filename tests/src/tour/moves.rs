//! What a user, a device, an administrator or time may do next.

use cofactor_guest::methods::ocra::{Inputs, Suite};
use serde_json::{Value, json};
use totp_rs::{Algorithm, Builder};

use super::{Knowledge, Tour, devices};
use crate::scenario::SECRET;

/// How the token that answers questions does it.
const SUITE: &str = "OCRA-1:HOTP-SHA1-6:QN08";
const OCRA: &[u8] = b"a third secret, of OCRA";
/// Another person's.
const OTHER: &[u8] = b"a fourth secret of OCRA";
/// The PIN that the user chooses where one is asked for, and the one that comes after it.
const FIRST_PIN: &str = "582046";
const PIN: &str = "739184";

/// One move of a tour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// An administrator imports a time-based token.
    ImportTotp,
    /// An administrator imports a counting token.
    ImportHotp,
    /// An administrator enters a token of a file.
    ImportToken,
    /// An administrator enters a token that answers questions.
    ImportOcra,
    /// An administrator issues a credential of this method.
    Issue(&'static str),
    /// The user begins to enrol one.
    Enrol(&'static str),
    /// The user confirms it, rightly or not.
    Confirm(bool),
    /// A sign-in comes to its second factor.
    Begin,
    /// One that wants this method.
    BeginWith(&'static str),
    /// One that brings the code of the time-based token along.
    Early,
    /// One that asks for a confirmation of a text.
    Transaction,
    /// One that asks for level 3.
    Strict,
    /// One of a program, with its app password.
    Program,
    /// The user answers what is asked, rightly or not.
    Answer(bool),
    /// The user answers and wants the device remembered.
    Remember,
    /// The user answers with a recovery code.
    Recover,
    /// The user chooses the PIN that is asked for, and types it with each code from then on.
    NewPin,
    /// The user wants another method.
    Choose(&'static str),
    /// The user wants the message again.
    Resend,
    /// The browser asks again.
    Poll,
    /// The device, or the call, answers: `approved`, `denied`, `fraud`, `wrong`, `voicemail`, `hung-up`, `no-answer`.
    Phone(&'static str),
    /// The carrier says that the message did, or did not, arrive.
    Report(bool),
    /// The user puts off enrolling.
    Snooze,
    /// The user grants themselves a bypass.
    Bypass,
    /// The user changes something of their own.
    Manage(&'static str),
    /// An administrator does something without a value.
    Administer(&'static str),
    /// An administrator grants a bypass.
    Grant,
    /// An administrator sets the state.
    State(&'static str),
    /// A request within the session.
    Authorize,
}

impl Move {
    /// All there are.
    pub const ALL: &'static [Self] = &[
        Self::ImportTotp,
        Self::ImportHotp,
        Self::ImportToken,
        Self::ImportOcra,
        Self::Issue("totp"),
        Self::Issue("sms"),
        Self::Issue("voice"),
        Self::Issue("email"),
        Self::Issue("push"),
        Self::Issue("recovery-code"),
        Self::Issue("temporary-pass"),
        Self::Issue("app-password"),
        Self::Issue("pin"),
        Self::Enrol("totp"),
        Self::Enrol("hotp"),
        Self::Enrol("sms"),
        Self::Enrol("voice"),
        Self::Enrol("email"),
        Self::Enrol("push"),
        Self::Enrol("webauthn"),
        Self::Enrol("recovery-code"),
        Self::Enrol("app-password"),
        Self::Confirm(true),
        Self::Confirm(false),
        Self::Begin,
        Self::BeginWith("totp"),
        Self::BeginWith("sms"),
        Self::BeginWith("voice"),
        Self::BeginWith("push"),
        Self::BeginWith("webauthn"),
        Self::BeginWith("email"),
        Self::Early,
        Self::Transaction,
        Self::Strict,
        Self::Program,
        Self::Answer(true),
        Self::Answer(true),
        Self::Answer(false),
        Self::Remember,
        Self::Recover,
        Self::Choose("sms"),
        Self::Choose("totp"),
        Self::Choose("push"),
        Self::Choose("webauthn"),
        Self::Resend,
        Self::Poll,
        Self::Phone("approved"),
        Self::Phone("denied"),
        Self::Phone("fraud"),
        Self::Phone("wrong"),
        Self::Phone("voicemail"),
        Self::Phone("hung-up"),
        Self::Phone("no-answer"),
        Self::Report(true),
        Self::Report(false),
        Self::Snooze,
        Self::Bypass,
        Self::Manage("remove"),
        Self::Manage("rename"),
        Self::Manage("set-default"),
        Self::Manage("set-pin"),
        Self::Manage("forget-devices"),
        Self::Manage("sign-out-everywhere"),
        Self::Administer("unlock"),
        Self::Administer("unblock"),
        Self::Administer("block"),
        Self::Administer("sign-out"),
        Self::Administer("forget-devices"),
        Self::Grant,
        Self::State("disabled"),
        Self::State("enabled"),
        Self::State("enforced"),
        Self::Authorize,
    ];
}

impl Tour {
    /// Makes a move, so many milliseconds after the last.
    ///
    /// # Errors
    /// If the host cannot ask the component.
    pub fn make(&mut self, after: u64, next: Move) -> anyhow::Result<()> {
        if next == Move::Authorize {
            return self.authorize(after);
        }
        let at = self.now() + after;
        let action = self.action(next, at);
        self.happen(after, action)?;
        Ok(())
    }

    pub(super) fn action(&mut self, next: Move, at: u64) -> Value {
        let mind = &self.known_to_user;
        let challenge = mind.challenge.clone().unwrap_or_else(|| "0".repeat(32));
        let credential = mind.credential.clone().unwrap_or_else(|| "0".repeat(16));
        let administer = |change: Value| json!({"administer": {"actor": "admin", "why": "tour", "change": change}});
        let begin = |more: Value| {
            let mut sign_in = json!({"surface": ["redirect", "poll"], "required-level": 0});
            if let Some(token) = &mind.token {
                sign_in["device-token"] = json!(token);
            }
            for (name, value) in more.as_object().into_iter().flatten() {
                sign_in[name] = value.clone();
            }
            sign_in
        };
        let answer = |proof: Value, remember: bool| json!({"answer": {"challenge": challenge, "proof": proof, "remember": remember}});
        match next {
            Move::ImportTotp => administer(json!({"import-otpauth":
                "otpauth://totp/alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"})),
            Move::ImportHotp => administer(json!({"import-otpauth":
                "otpauth://hotp/alice?secret=MFXG65DIMVZCA43FMNZGK5BAN5TCA43PNVSQ&counter=0"})),
            Move::ImportToken => administer(
                json!({"import-token": {"serial": "SN-1", "manufacturer": "Acme",
                "model": "C100", "method": "totp", "secret": hex::encode(b"a secret of a token"),
                "algorithm": "SHA1", "digits": 6, "period": 30, "counter": 0, "suite": ""}}),
            ),
            Move::ImportOcra => administer(
                json!({"import-token": {"serial": if mind.other { "SN-3" } else { "SN-2" }, "manufacturer": "Acme",
                "model": "Q200", "method": "ocra", "secret": hex::encode(if mind.other { OTHER } else { OCRA }), "algorithm": "SHA1",
                "digits": 6, "period": 0, "counter": 0, "suite": SUITE}}),
            ),
            Move::Issue(method) => {
                let mut issuance = json!({"method": method, "label": "Issued"});
                if let Some(address) = address(method, mind) {
                    issuance["address"] = json!(address);
                }
                administer(json!({ "issue": issuance }))
            }
            Move::Enrol(method) => {
                let mut request = json!({"method": method, "label": "Mine"});
                if let Some(address) = address(method, mind) {
                    request["address"] = json!(address);
                }
                if let Some(session) = &mind.session {
                    request["session"] = json!(session);
                }
                json!({ "enrol-begin": request })
            }
            Move::Confirm(right) => {
                let proof = self.proof(right, at, true);
                json!({"enrol-finish": {"challenge": challenge, "proof": proof, "remember": false}})
            }
            Move::Begin => json!({"begin": begin(json!({}))}),
            Move::BeginWith(method) => json!({"begin": begin(json!({"method": method}))}),
            Move::Early => json!({"begin": begin(json!({"early-answer": totp(SECRET, at)}))}),
            Move::Transaction => json!({"begin": begin(json!({"transaction": "Pay 5 to Bob"}))}),
            Move::Strict => json!({"begin": begin(json!({"required-level": 3}))}),
            Move::Program => {
                json!({"begin": {"surface": ["program"], "required-level": 0, "early-answer": self.issued("app-password")}})
            }
            Move::Answer(right) => answer(self.proof(right, at, false), false),
            Move::Remember => answer(self.proof(true, at, false), true),
            Move::NewPin => {
                self.known_to_user.pin = FIRST_PIN;
                answer(json!({ "new-pin": FIRST_PIN }), false)
            }
            Move::Recover => {
                let code = self.issued("recovery-code");
                let code = code.lines().nth(at as usize % 10).unwrap_or_default();
                answer(json!({ "code": code }), false)
            }
            Move::Choose(method) => {
                let offer = mind.offers.iter().find(|(offered, _)| offered == method);
                let mut choice = json!({"challenge": challenge, "method": method});
                if let Some((_, Some(credential))) = offer {
                    choice["credential"] = json!(credential);
                }
                json!({ "choose-method": choice })
            }
            Move::Resend => json!({ "resend": challenge }),
            Move::Poll => json!({ "poll": challenge }),
            Move::Phone(decision) => self.phone(decision),
            Move::Report(delivered) => {
                json!({"delivery-report": {"effect": padded(&mind.effect, 32),
                "delivered": delivered, "detail": "tour"}})
            }
            Move::Snooze => json!({"snooze": begin(json!({}))}),
            Move::Bypass => {
                self.manage(json!({"grant-bypass": {"why": "left the telephone at home"}}))
            }
            Move::Manage(change) => {
                let change = match change {
                    "rename" => json!({"rename": [credential, "Renamed"]}),
                    "set-pin" => json!({ "set-pin": PIN }),
                    "remove" | "set-default" => json!({ change: credential }),
                    unit => json!(unit),
                };
                self.manage(change)
            }
            Move::Administer(change) => administer(json!(change)),
            Move::Grant => administer(json!({"grant-bypass": 60_000})),
            Move::State(state) => administer(json!({"set-state": state})),
            // Not an event.
            Move::Authorize => json!({"other": "authorize"}),
        }
    }

    fn manage(&self, change: Value) -> Value {
        let mut management = json!({ "change": change });
        if let Some(session) = &self.known_to_user.session {
            management["session"] = json!(session);
        }
        json!({ "manage": management })
    }

    /// What is given back for what was asked last.
    fn proof(&mut self, right: bool, at: u64, enrols: bool) -> Value {
        if !right {
            return json!({"code": "000000"});
        }
        let method = self.known_to_user.method.clone();
        let code = match method.as_str() {
            "webauthn" if enrols => {
                return json!({"webauthn": devices::register(&self.known_to_user)});
            }
            "webauthn" => {
                self.known_to_user.signatures += 1;
                let mind = &self.known_to_user;
                return json!({"webauthn": devices::assert(mind)});
            }
            "totp" if enrols => totp(&base32(&self.issued("totp")), at),
            "totp" => totp(SECRET, at),
            "hotp" if enrols => hotp(&base32(&self.issued("hotp")), 0),
            "hotp" => {
                let counter = self.known_to_user.counter;
                self.known_to_user.counter += 1;
                hotp(b"another secret of some", counter)
            }
            "ocra" => answered(self.known_to_user.shown("question")),
            "temporary-pass" | "recovery-code" => {
                let issued = self.issued(&method);
                issued.lines().next().unwrap_or_default().to_owned()
            }
            _ => self.known_to_user.arrived("code").to_owned(),
        };
        json!({ "code": format!("{}{code}", self.known_to_user.pin) })
    }

    fn phone(&self, decision: &str) -> Value {
        let mind = &self.known_to_user;
        let challenge = mind.challenge.clone().unwrap_or_else(|| "0".repeat(32));
        let call = hex::encode(mind.arrived("call"));
        let mut answer = json!({"challenge": challenge, "credential": padded(&mind.arrived_for, 16), "signature": call});
        answer["decision"] = match (decision, call.is_empty()) {
            ("approved", false) => json!({"digits": "#"}),
            ("wrong", false) => json!({"digits": "7#"}),
            ("fraud", false) => json!({"digits": "0#1"}),
            ("wrong" | "denied" | "approved" | "fraud", _) => {
                let number = if decision == "wrong" {
                    "000000"
                } else {
                    mind.shown("number")
                };
                let decision = if decision == "wrong" {
                    "approved"
                } else {
                    decision
                };
                answer["signature"] = json!(devices::approve(mind, decision, number, &[]));
                answer["number"] = json!(number);
                json!(decision)
            }
            _ => json!(decision),
        };
        json!({ "phone-answer": answer })
    }

    fn issued(&self, method: &str) -> String {
        let issued = self.known_to_user.issued.iter().rev();
        let mut of = issued.filter(|(known, _)| known == method);
        of.next()
            .map_or_else(String::new, |(_, secret)| secret.clone())
    }
}

/// What a token answers to the question (RFC 6287).
fn answered(question: &str) -> String {
    let inputs = Inputs {
        question,
        ..Inputs::default()
    };
    Suite::parse(SUITE).map_or_else(String::new, |suite| suite.answer(OCRA, &inputs))
}

fn address(method: &str, mind: &Knowledge) -> Option<String> {
    Some(match method {
        "sms" | "voice" if mind.other => "+4930901821".to_owned(),
        "sms" | "voice" => "+4930901820".to_owned(),
        "email" => "alice@example.com".to_owned(),
        "push" => devices::address(),
        "app-password" => "example".to_owned(),
        _ => return None,
    })
}

fn padded(text: &str, length: usize) -> String {
    format!("{text:0<length$}")
}

fn totp(secret: &[u8], at: u64) -> String {
    let totp = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_secret(secret)
        .build_noncompliant();
    totp.generate(at / 1000).to_string()
}

fn hotp(secret: &[u8], counter: u64) -> String {
    totp(secret, counter * 30_000)
}

fn base32(text: &str) -> Vec<u8> {
    cofactor_guest::base32::decode(text)
        .map_or_else(|_| vec![0; 20], |secret| secret.as_bytes().to_vec())
}
