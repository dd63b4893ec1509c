//! What crosses the wire. Names are the WIT's (wit/types.wit); what the host knows better than the client is not asked.

use cofactor_runtime::contract::{
    Action, Claims, Denial, Event, Outcome, Prompt, Request, Verdict, bytes,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clients::Caller;
use super::problem::Problem;
use crate::log;

/// `POST /v1/step`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct StepRequest {
    /// The user, as the first factor names them.
    pub(super) user: String,
    /// The sealed session of an earlier answer, for `manage` and `enrol-begin`.
    #[serde(default)]
    pub(super) session: Option<String>,
    event: EventBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct EventBody {
    #[serde(with = "bytes")]
    id: Vec<u8>,
    origin: OriginBody,
    action: Action,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct OriginBody {
    #[serde(default)]
    groups: Vec<String>,
    application: String,
    #[serde(with = "bytes")]
    binding: Vec<u8>,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    language: String,
    #[serde(default)]
    client: String,
    #[serde(default)]
    country: Option<String>,
}

/// `POST /v1/authorize`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct AuthorizeRequest {
    /// The user, as the first factor names them.
    pub(super) user: String,
    /// The sealed session of an earlier answer.
    pub(super) session: String,
    /// What is asked for.
    pub(super) request: RequestBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RequestBody {
    pub(super) application: String,
    host: String,
    path: String,
    method: String,
    #[serde(default)]
    address: Option<String>,
}

impl StepRequest {
    /// The application that is named.
    pub(super) fn application(&self) -> &str {
        &self.event.origin.application
    }

    /// What is asked, for the log.
    pub(super) fn action(&self) -> &'static str {
        log::asked(&self.event.action)
    }

    /// Whether it sets up a device.
    pub(super) fn enrols(&self) -> bool {
        matches!(
            self.event.action,
            Action::EnrolBegin(_) | Action::EnrolFinish(_)
        )
    }

    /// The event as the component gets it, if the client may send it. `session` is what the sealed session holds.
    pub(super) fn into_event(
        self,
        caller: &Caller,
        user: &str,
        session: Option<Claims>,
    ) -> Result<Event, Problem> {
        let action_name = self.action();
        let EventBody {
            id,
            origin,
            mut action,
        } = self.event;
        match &mut action {
            Action::Begin(_)
            | Action::Snooze(_)
            | Action::Answer(_)
            | Action::ChooseMethod(_)
            | Action::Resend(_)
            | Action::Poll(_)
            | Action::EnrolFinish(_) => {}
            Action::EnrolBegin(it) => prove(&mut it.session, session)?,
            Action::Manage(it) => prove(&mut it.session, session)?,
            Action::Administer(_) if caller.client.administer => {}
            Action::Administer(_) => {
                return Err(Problem::Forbidden(
                    "`administer` needs administer = true in the client's configuration".to_owned(),
                ));
            }
            // The host's own deliveries and gateways send these; from a client they would be forged approvals.
            Action::PhoneAnswer(_)
            | Action::DeliveryReport(_)
            | Action::Vouch(_)
            | Action::FactorAnswer(_)
            | Action::Other(_) => {
                return Err(Problem::Forbidden(format!(
                    "`{action_name}` does not come from a client"
                )));
            }
        }
        if !(16..=64).contains(&origin.binding.len()) {
            return Err(Problem::Malformed(
                "origin.binding has 16 to 64 bytes".to_owned(),
            ));
        }
        Ok(Event {
            id,
            origin: cofactor_runtime::contract::Origin {
                user: user.to_owned(),
                // The service says so.
                known: false,
                groups: origin.groups,
                application: origin.application,
                gateway: caller.client.name.clone(),
                binding: binding(&caller.client.name, &origin.binding),
                address: canonical_address(origin.address, "origin.address")?,
                language: origin.language,
                client: origin.client,
                country: origin.country,
            },
            action,
        })
    }
}

impl RequestBody {
    /// The request as the component gets it. The service adds the session generation.
    pub(super) fn into_request(self) -> Result<Request, Problem> {
        Ok(Request {
            application: self.application,
            host: self.host,
            path: self.path,
            method: self.method,
            address: canonical_address(self.address, "request.address")?,
            generation: 0,
            ended: false,
        })
    }
}

/// Puts the sealed session's claims where raw ones would be. Raw ones are nobody's proof.
fn prove(place: &mut Option<Claims>, session: Option<Claims>) -> Result<(), Problem> {
    if place.is_some() {
        return Err(Problem::Malformed(
            "claims are not taken from a client: put the sealed session of an earlier answer beside `event`".to_owned(),
        ));
    }
    *place = session;
    Ok(())
}

/// A client's binding, apart from every other client's: no client can answer a challenge that another one opened.
fn binding(client: &str, given: &[u8]) -> Vec<u8> {
    Sha256::new()
        .chain_update(b"cofactor api binding\0")
        .chain_update(client)
        .chain_update([0])
        .chain_update(given)
        .finalize()
        .to_vec()
}

fn canonical_address(address: Option<String>, key: &str) -> Result<Option<String>, Problem> {
    address
        .map(|text| match text.parse::<std::net::IpAddr>() {
            Ok(address) => Ok(address.to_canonical().to_string()),
            Err(_) => Err(Problem::Malformed(format!("{key} is no IP address"))),
        })
        .transpose()
}

/// The answer to `/v1/step`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct StepAnswer<'a> {
    pub(super) outcome: Shown<'a, Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<String>,
}

/// The answer to `/v1/authorize`.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct AuthorizeAnswer<'a> {
    pub(super) verdict: Shown<'a, Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<String>,
}

/// A decision as a client may see it.
pub(super) enum Shown<'a, T> {
    /// With everything.
    Whole(&'a T),
    /// A denial without its internal reason.
    Public(&'a Denial),
}

impl<'a> Shown<'a, Outcome> {
    pub(super) fn outcome(outcome: &'a Outcome, internal_reasons: bool) -> Self {
        match outcome {
            Outcome::Deny(denial) if !internal_reasons => Self::Public(denial),
            other => Self::Whole(other),
        }
    }
}

impl<'a> Shown<'a, Verdict> {
    pub(super) fn verdict(verdict: &'a Verdict, internal_reasons: bool) -> Self {
        match verdict {
            Verdict::Deny(denial) if !internal_reasons => Self::Public(denial),
            other => Self::Whole(other),
        }
    }
}

impl<T: Serialize> Serialize for Shown<'_, T> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "kebab-case")]
        enum Tagged<'a> {
            Deny(PublicDenial<'a>),
        }
        #[derive(Serialize)]
        #[serde(rename_all = "kebab-case")]
        struct PublicDenial<'a> {
            public_reason: &'a str,
            prompt: &'a Prompt,
            #[serde(skip_serializing_if = "Option::is_none")]
            retry_at: Option<u64>,
        }
        match self {
            Self::Whole(value) => value.serialize(to),
            Self::Public(denial) => Tagged::Deny(PublicDenial {
                public_reason: &denial.public_reason,
                prompt: &denial.prompt,
                retry_at: denial.retry_at,
            })
            .serialize(to),
        }
    }
}
