//! What carries messages to telephones, and telephones' answers back: a process beside the host, on the same database. It takes
//! effects out of the outbox as a delivery would, and sends the host's component what a device would send.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use cofactor::config::Config;
use cofactor::keyring::InUse;
use cofactor::serve::service;
use cofactor::store::embedded::EmbeddedStore;
use cofactor_runtime::contract::{
    Action, EffectKind, Event, Message, Origin, Outcome, PhoneAnswer, PhoneDecision,
};
use cofactor_runtime::service::{Errand, Service};
use cofactor_runtime::store::Name;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};

use crate::program::wait_for;
use crate::server::Server;

/// How many effects are looked at.
const MOST: u32 = 256;

/// The way to telephones and mailboxes.
pub struct Carrier {
    service: Service<EmbeddedStore>,
    taken: Vec<[u8; 16]>,
    _in_use: InUse,
}

/// A message on its way.
pub struct Sent {
    /// What is said, and to whom.
    pub message: Message,
    errand: Errand,
    tenant: String,
}

impl Carrier {
    /// Beside a running host.
    ///
    /// # Errors
    /// Where its database cannot be opened.
    pub fn beside(server: &Server) -> anyhow::Result<Self> {
        let config = Config::load(server.configuration())?;
        let (service, in_use) = service(&config)?;
        Ok(Self {
            service,
            taken: Vec::new(),
            _in_use: in_use,
        })
    }

    /// The next message of that kind, such as `send-text`, that was not taken yet.
    ///
    /// # Errors
    /// Where none comes.
    pub fn take(&mut self, kind: &str) -> anyhow::Result<Sent> {
        wait_for(kind, || self.find(kind).ok().flatten())
    }

    /// Whether there is one.
    ///
    /// # Errors
    /// Where the outbox cannot be read.
    pub fn find(&mut self, kind: &str) -> anyhow::Result<Option<Sent>> {
        let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        for row in self.service.store().due_of(kind, now, MOST)? {
            if self.taken.contains(&row.effect) {
                continue;
            }
            self.taken.push(row.effect);
            let errand = self.service.errand(&row.tenant, &row.effect, &row.payload);
            let errand = errand.context("an effect that cannot be opened")?;
            if let EffectKind::SendText(message)
            | EffectKind::SendMail(message)
            | EffectKind::PlaceCall(message)
            | EffectKind::Push(message) = &errand.effect.what
            {
                return Ok(Some(Sent {
                    message: message.clone(),
                    tenant: row.tenant,
                    errand,
                }));
            }
        }
        Ok(None)
    }

    /// Gives the component what came back: the reason that the device is told.
    ///
    /// # Errors
    /// Where it could not be judged.
    pub fn answer(&self, sent: &Sent, answer: PhoneAnswer) -> anyhow::Result<String> {
        let mut id = vec![0; 16];
        getrandom::fill(&mut id)?;
        let name = Name {
            tenant: sent.tenant.clone(),
            issuer: sent.errand.issuer.clone(),
            user: sent.errand.user.clone(),
        };
        let event = Event {
            id,
            origin: Origin::new(&name.user, "phones", "phones", vec![0xbb; 32]),
            action: Action::PhoneAnswer(answer),
        };
        let settled = pollster::block_on(self.service.step(&name, event))?;
        Ok(match settled.outcome {
            Outcome::Done(done) => done.reason,
            Outcome::Deny(denial) => denial.internal_reason,
            other => format!("{other:?}"),
        })
    }
}

impl Sent {
    /// An argument of the message; empty where it has none of that name.
    #[must_use]
    pub fn argument(&self, name: &str) -> &str {
        let mut arguments = self.message.body.arguments.iter();
        arguments
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    /// What somebody did who took the call.
    #[must_use]
    pub fn called(&self, decision: PhoneDecision) -> PhoneAnswer {
        PhoneAnswer {
            challenge: self.argument("challenge").to_owned(),
            credential: self.message.credential.clone(),
            decision,
            signature: self.argument("call").as_bytes().to_vec(),
            number: None,
        }
    }

    /// What an app with this key says (docs/push.md).
    #[must_use]
    pub fn signed(&self, key: &SigningKey, decision: PhoneDecision, number: &str) -> PhoneAnswer {
        let said = match decision {
            PhoneDecision::Approved => "approved",
            PhoneDecision::Denied => "denied",
            _ => "fraud",
        };
        let mut octets = Vec::new();
        for part in [
            "cofactor-push-1",
            self.argument("purpose"),
            self.argument("tenant"),
            self.argument("user"),
            &self.message.credential,
            self.argument("challenge"),
            said,
            number,
            self.argument("application"),
            self.argument("address"),
            self.argument("country"),
            "",
            self.argument("issued"),
        ] {
            octets.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            octets.extend(part.as_bytes());
        }
        let signature: Signature = key.sign(&octets);
        PhoneAnswer {
            challenge: self.argument("challenge").to_owned(),
            credential: self.message.credential.clone(),
            decision,
            signature: signature.to_bytes().to_vec(),
            number: Some(number.to_owned()).filter(|number| !number.is_empty()),
        }
    }
}

/// What such an app shows for its registration.
#[must_use]
pub fn registration(key: &SigningKey) -> String {
    let point = key.verifying_key().to_sec1_point(true);
    format!("p256:{}:device-token", hex::encode(point.as_bytes()))
}
