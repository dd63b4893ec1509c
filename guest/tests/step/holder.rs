//! A user who holds a credential of every method, and what the user has in the hand: tokens, a telephone, a mailbox, a passkey,
//! codes on paper.

use std::collections::BTreeMap;

use cofactor_guest::base32;
use cofactor_guest::contract::{
    Action, AdministrationChange, Answer, Issuance, Message, Outcome, PhoneAnswer, PhoneDecision,
    Proof, Transition,
};
use cofactor_guest::methods::hotp;
use cofactor_guest::methods::ocra::{Inputs, Suite};

use crate::authenticator::{Authenticator, Key};
use crate::phone::{Notification, Phone, notification};
use crate::world::{World, message, otp, uri};

/// Every method, and tokens of eight digits, so that two codes are hardly ever alike.
pub const POLICY: &str = "[accounts]
methods = ['webauthn', 'totp', 'hotp', 'ocra', 'push', 'sms', 'voice', 'email', 'recovery-code', 'temporary-pass', 'app-password']
[webauthn]
rp-id = 'example.com'
origins = ['https://app.example.com']
[email]
possession = true
";
/// Of the time-based token, and of the counter-based one.
const SECRETS: [&[u8]; 2] = [b"12345678901234567890", b"another secret of some"];
const SUITE: &str = "OCRA-1:HOTP-SHA256-8:C-QN08";
const NUMBERS: [&str; 2] = ["+4915112345678", "+4915187654321"];

/// The user.
pub struct Holder {
    pub world: World,
    pub phone: Phone,
    pub passkey: Authenticator,
    /// Codes on paper, the next one last.
    pub paper: Vec<String>,
    pub pass: String,
    pub app_password: String,
    token: (Vec<u8>, u64),
    /// What arrived for each open challenge.
    arrived: BTreeMap<String, Arrived>,
}

/// What arrived on another device, and the outcome that it belongs to.
#[derive(Clone)]
pub struct Arrived {
    pub message: Option<Message>,
    pub notification: Option<Notification>,
    pub outcome: Outcome,
}

impl Holder {
    pub fn new(document: &str) -> Self {
        let mut world = World::new(POLICY);
        world.import(&uri("totp", SECRETS[0], "&period=30&digits=8"));
        world.import(&uri("hotp", SECRETS[1], "&counter=3&digits=8"));
        let mut passkey = Authenticator::new(Key::eddsa(1), 1);
        let code = otp(SECRETS[0], world.now / 30_000, 8, totp_rs::Algorithm::SHA1);
        let Outcome::Allow(allowance) = world.sign_in(&code).outcome else {
            panic!("no session")
        };
        world.enrol(&mut passkey, Some(allowance.claims));
        let token = base32::decode(&issued(&mut world, "ocra", SUITE).1).unwrap();
        let token = (token.as_bytes().to_vec(), 0);
        let phone = Phone::new(1);
        for (method, address) in [
            ("push", phone.address().as_str()),
            ("sms", NUMBERS[0]),
            ("voice", NUMBERS[1]),
            ("email", "alice@example.com"),
        ] {
            world.issue(method, address);
        }
        let lines = |text: String| text.lines().rev().map(str::to_owned).collect();
        let paper = lines(issued(&mut world, "recovery-code", "").0);
        let pass = issued(&mut world, "temporary-pass", "").0;
        let app_password = issued(&mut world, "app-password", "wiki").0;
        assert_eq!(world.account().credentials.len(), 11);
        world.now += 60_000;
        world.policy = crate::world::compile(&format!("{POLICY}{document}"));
        Self {
            world,
            phone,
            passkey,
            paper,
            pass,
            app_password,
            token,
            arrived: BTreeMap::new(),
        }
    }

    /// Takes note of what a transition sent and told.
    pub fn receive(&mut self, transition: &Transition) {
        let id = match &transition.outcome {
            Outcome::Challenge(challenge) => challenge.id.clone(),
            Outcome::Pending(pending) => pending.challenge.clone(),
            _ => return,
        };
        let before = self.arrived.remove(&id);
        let sent = message(transition).map(|(_, message, _)| message);
        let notified = notification(transition);
        let old = |it: &Option<Arrived>| it.as_ref().and_then(|it| it.message.clone());
        let arrived = Arrived {
            message: sent.or_else(|| old(&before)),
            notification: notified.or_else(|| before.and_then(|it| it.notification)),
            outcome: transition.outcome.clone(),
        };
        self.arrived.insert(id, arrived);
    }

    /// A code of the time-based token, so many steps from now.
    pub fn code(&self, steps: i64) -> String {
        let step = (self.world.now / 30_000).saturating_add_signed(steps);
        otp(SECRETS[0], step, 8, totp_rs::Algorithm::SHA1)
    }

    /// A code of the counter-based token.
    pub fn counted(&self, counter: u64) -> String {
        otp(SECRETS[1], counter, 8, totp_rs::Algorithm::SHA1)
    }

    /// The right answer to an open challenge, whatever was asked last.
    pub fn right(&mut self, id: &str) -> Option<Action> {
        let arrived = self.arrived.get(id)?.clone();
        let argument = |name: &str| {
            let arguments = arrived.message.iter().flat_map(|it| &it.body.arguments);
            let mut found = arguments.filter(|(known, _)| known == name);
            found.next().map(|(_, value)| value.clone())
        };
        let code = |code: String| answer(id, Proof::Code(code));
        match &arrived.outcome {
            Outcome::Challenge(challenge) => Some(match challenge.method.as_str() {
                "webauthn" => {
                    let given = self.passkey.get(&arrived.outcome);
                    answer(id, given.proof())
                }
                "totp" => code(self.code(0)),
                "hotp" => {
                    let account = self.world.account();
                    let mut held = account.credentials.iter();
                    let at = held.position(|it| it.method == hotp::NUMBER)?;
                    code(self.counted(crate::world::counter(&account, at)))
                }
                "ocra" => {
                    let arguments = &challenge.prompt.arguments;
                    let question = &arguments.iter().find(|(name, _)| name == "question")?.1;
                    code(self.respond(question))
                }
                "sms" | "email" => code(argument("code")?),
                "recovery-code" => code(self.paper.last()?.clone()),
                "temporary-pass" => code(self.pass.clone()),
                _ => return None,
            }),
            Outcome::Pending(pending) if pending.method == "push" => {
                let told = arrived.notification.as_ref()?;
                let number = crate::phone::number(pending);
                let approved = PhoneDecision::Approved;
                let answer = self.phone.answer(told, approved, Some(&number));
                Some(Action::PhoneAnswer(answer))
            }
            Outcome::Pending(pending) if pending.method == "voice" => {
                Some(Action::PhoneAnswer(PhoneAnswer {
                    challenge: id.to_owned(),
                    credential: arrived.message.as_ref()?.credential.clone(),
                    decision: PhoneDecision::Digits("#".into()),
                    signature: argument("call")?.into_bytes(),
                    number: None,
                }))
            }
            _ => None,
        }
    }

    /// What the token shows for a question.
    fn respond(&mut self, question: &str) -> String {
        let (secret, counter) = &mut self.token;
        let inputs = Inputs {
            counter: *counter,
            question,
            ..Inputs::default()
        };
        *counter += 1;
        Suite::parse(SUITE).unwrap().answer(secret, &inputs)
    }
}

fn answer(challenge: &str, proof: Proof) -> Action {
    Action::Answer(Answer {
        challenge: challenge.to_owned(),
        proof,
        remember: false,
    })
}

/// Payload and key of what an administrator has made.
fn issued(world: &mut World, method: &str, address: &str) -> (String, String) {
    let issued = world.administer(AdministrationChange::Issue(Issuance {
        method: method.into(),
        label: method.into(),
        address: Some(address.to_owned()).filter(|address| !address.is_empty()),
        lifetime: None,
        once: None,
    }));
    match issued.outcome {
        Outcome::Done(done) => {
            let made = done.provisioning.expect("provisioning");
            (made.payload, made.manual_key)
        }
        other => panic!("{method}: {other:?}"),
    }
}
