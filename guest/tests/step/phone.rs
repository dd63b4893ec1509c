//! An app on a telephone: a key, and what docs/push.md says that is signed.

use std::collections::BTreeMap;

use cofactor_guest::contract::{
    Action, EffectKind, EnrolmentRequest, Message, Outcome, Pending, PhoneAnswer, PhoneDecision,
    Transition,
};
use ed25519_dalek::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest, Sha256};

use super::world::{World, is_allowed};

/// A policy that knows it.
pub const METHODS: &str = "[accounts]\nmethods = ['totp', 'push']\n";
pub const MINUTE: u64 = 60_000;
pub const APPROVED: PhoneDecision = PhoneDecision::Approved;
pub const DENIED: PhoneDecision = PhoneDecision::Denied;
pub const FRAUD: PhoneDecision = PhoneDecision::Fraud;

/// A telephone with the app.
#[derive(Clone)]
pub struct Phone {
    key: Key,
    token: String,
}

#[derive(Clone)]
enum Key {
    P256 { key: SigningKey, raw: bool },
    Ed25519(ed25519_dalek::SigningKey),
}

/// A notification, as it came.
#[derive(Clone, Debug)]
pub struct Notification {
    pub credential: String,
    pub message: String,
    pub told: BTreeMap<String, String>,
}

impl Phone {
    /// With an Ed25519 key.
    pub fn new(seed: u8) -> Self {
        Self {
            token: format!("token-{seed}"),
            ..Self::with_ed25519([seed; 32])
        }
    }

    /// With this Ed25519 key.
    pub fn with_ed25519(key: [u8; 32]) -> Self {
        Self {
            key: Key::Ed25519(ed25519_dalek::SigningKey::from_bytes(&key)),
            token: "token".to_owned(),
        }
    }

    /// With a P-256 key, whose signatures are DER or two numbers.
    pub fn p256(seed: u8, raw: bool) -> Self {
        let key = SigningKey::from_slice(&[seed; 32]).unwrap();
        Self {
            key: Key::P256 { key, raw },
            token: format!("token-{seed}"),
        }
    }

    pub fn address(&self) -> String {
        let (kind, key) = match &self.key {
            Key::P256 { key, .. } => (
                "p256",
                key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            ),
            Key::Ed25519(key) => ("ed25519", key.verifying_key().to_bytes().to_vec()),
        };
        let key: String = key.iter().map(|octet| format!("{octet:02x}")).collect();
        format!("{kind}:{key}:{}", self.token)
    }

    /// The octets that docs/push.md describes.
    pub fn octets(told: &Notification, decision: &str, number: &str) -> Vec<u8> {
        let of = |name: &str| told.told.get(name).cloned().unwrap_or_default();
        let transaction = told.told.get("transaction");
        let transaction = transaction.map(|text| Sha256::digest(text.as_bytes()).to_vec());
        let mut octets = Vec::new();
        for part in [
            format!("cofactor-push-{}", of("version")).into_bytes(),
            of("purpose").into_bytes(),
            of("tenant").into_bytes(),
            of("user").into_bytes(),
            told.credential.clone().into_bytes(),
            of("challenge").into_bytes(),
            decision.into(),
            number.into(),
            of("application").into_bytes(),
            of("address").into_bytes(),
            of("country").into_bytes(),
            transaction.unwrap_or_default(),
            of("issued").into_bytes(),
        ] {
            octets.extend((part.len() as u32).to_be_bytes());
            octets.extend(part);
        }
        octets
    }

    pub fn sign(&self, octets: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::P256 { key, raw } => {
                let signature: Signature = key.sign(octets);
                if *raw {
                    signature.to_bytes().to_vec()
                } else {
                    signature.to_der().as_bytes().to_vec()
                }
            }
            Key::Ed25519(key) => key.sign(octets).to_bytes().to_vec(),
        }
    }

    /// What the app sends.
    pub fn answer(
        &self,
        told: &Notification,
        decision: PhoneDecision,
        number: Option<&str>,
    ) -> PhoneAnswer {
        let name = match decision {
            PhoneDecision::Approved => "approved",
            PhoneDecision::Denied => "denied",
            PhoneDecision::Fraud => "fraud",
            _ => "other",
        };
        PhoneAnswer {
            challenge: told.told["challenge"].clone(),
            credential: told.credential.clone(),
            decision,
            signature: self.sign(&Self::octets(told, name, number.unwrap_or(""))),
            number: number.map(str::to_owned),
        }
    }
}

impl World {
    /// What an app sends arrives through a door of its own.
    pub fn phone(&mut self, answer: PhoneAnswer) -> Transition {
        let mut event = self.event(Action::PhoneAnswer(answer));
        event.origin.application = "phones".into();
        event.origin.gateway = "phones".into();
        event.origin.binding = vec![0xbb; 32];
        event.origin.address = Some("198.51.100.99".into());
        self.judge(&event).expect("no fault")
    }

    pub fn poll(&mut self, challenge: &str) -> Transition {
        self.act(Action::Poll(challenge.into()))
    }

    pub fn enrol_phone_begin(&mut self, phone: &Phone) -> Transition {
        let session = self.known.then(|| self.session());
        self.act(Action::EnrolBegin(EnrolmentRequest {
            method: "push".into(),
            label: "Phone".into(),
            address: Some(phone.address()),
            session,
        }))
    }

    /// Enrols the device: its user types the number that the browser shows.
    pub fn enrol_phone(&mut self, phone: &Phone) {
        let begun = self.enrol_phone_begin(phone);
        let told = notification(&begun).expect("a notification");
        let Outcome::Enrol(enrolment) = &begun.outcome else {
            panic!("{:?}", begun.outcome);
        };
        let number = enrolment.prompt.arguments[0].1.clone();
        let challenge = enrolment.provisioning.as_ref().unwrap().challenge.clone();
        let done = self.phone(phone.answer(&told, APPROVED, Some(&number)));
        assert!(
            matches!(done.outcome, Outcome::Done(_)),
            "{:?}",
            done.outcome
        );
        let done = self.poll(&challenge);
        assert!(
            matches!(done.outcome, Outcome::Allow(_)),
            "{:?}",
            done.outcome
        );
    }

    /// Begins a sign-in that asks by notification: what the browser is told, and the device.
    pub fn ask_phone(&mut self) -> (Pending, Notification) {
        let begun = self.begin();
        let Outcome::Pending(pending) = &begun.outcome else {
            panic!("{:?}", begun.outcome);
        };
        (
            pending.clone(),
            notification(&begun).expect("a notification"),
        )
    }
}

/// A user whose telephone is asked first, and who has no other way in.
pub fn with_phone(document: &str) -> (World, Phone) {
    let mut world = World::new(&format!("{METHODS}{document}"));
    let phone = Phone::new(1);
    world.enrol_phone(&phone);
    (world, phone)
}

/// A user whose telephone is asked first, and who has a code as well.
pub fn with_both(document: &str) -> (World, Phone) {
    let mut world = World::with_totp(&format!("{METHODS}{document}"));
    let phone = Phone::new(1);
    world.enrol_phone(&phone);
    let credential = world.account().credentials[1].id.text();
    let session = world.session();
    let change = cofactor_guest::contract::ManagementChange::SetDefault(credential);
    world.manage(change, Some(session));
    (world, phone)
}

/// Signs in by notification, and says whether the browser was let in.
pub fn approve(world: &mut World, phone: &Phone) -> bool {
    let (pending, told) = world.ask_phone();
    world.phone(phone.answer(&told, APPROVED, Some(&number(&pending))));
    is_allowed(&world.poll(&pending.challenge))
}

/// What a device or an administrator is told.
pub fn done(transition: &Transition) -> &str {
    match &transition.outcome {
        Outcome::Done(done) => &done.reason,
        other => panic!("{other:?}"),
    }
}

/// The notification that goes out.
pub fn notification(transition: &Transition) -> Option<Notification> {
    transition
        .effects
        .iter()
        .find_map(|effect| match &effect.what {
            EffectKind::Push(message) => Some(received(message)),
            _ => None,
        })
}

/// The notices that go out.
pub fn notices(transition: &Transition) -> Vec<&str> {
    let notices = transition
        .effects
        .iter()
        .filter_map(|effect| match &effect.what {
            EffectKind::Notify(prompt) => Some(prompt.message.as_str()),
            _ => None,
        });
    notices.collect()
}

/// The number that the browser shows.
pub fn number(pending: &Pending) -> String {
    let mut arguments = pending.prompt.arguments.iter();
    arguments
        .find(|(name, _)| name == "number")
        .expect("a number")
        .1
        .clone()
}

/// Another number of that length.
pub fn other_number(number: &str) -> String {
    let last = number.as_bytes()[number.len() - 1];
    format!("{}{}", &number[..number.len() - 1], (last - b'0' + 1) % 10)
}

fn received(message: &Message) -> Notification {
    assert!(
        message.body.arguments.is_sorted(),
        "{:?}",
        message.body.arguments
    );
    Notification {
        credential: message.credential.clone(),
        message: message.body.message.clone(),
        told: message.body.arguments.iter().cloned().collect(),
    }
}
