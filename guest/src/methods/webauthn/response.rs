//! What a browser's call gave back, as `PublicKeyCredential.toJSON()` writes it (WebAuthn section 5.1).

use super::authenticator_data::MAX_ID;
use super::base64url;
use super::json::{Object, Value};
use super::transports::Transports;

/// What `navigator.credentials.create()` gave (section 5.2.1). Of what is in it twice, once in the attestation object and once
/// beside it for convenience, only the former is read: nothing vouches for the latter.
pub(super) struct Registration {
    /// The credential's id.
    pub(super) id: Vec<u8>,
    /// What the browser saw.
    pub(super) client_data: Vec<u8>,
    /// What the authenticator made.
    pub(super) attestation_object: Vec<u8>,
    /// How the browser reached the authenticator.
    pub(super) transports: Transports,
}

/// What `navigator.credentials.get()` gave (section 5.2.2).
pub(super) struct Assertion {
    /// The credential's id.
    pub(super) id: Vec<u8>,
    /// What the browser saw.
    pub(super) client_data: Vec<u8>,
    /// What the authenticator did.
    pub(super) authenticator_data: Vec<u8>,
    /// Its signature over both.
    pub(super) signature: Vec<u8>,
    /// Whose it believes to be, where it says so.
    pub(super) user_handle: Option<Vec<u8>>,
}

impl Registration {
    pub(super) fn parse(json: &str) -> Option<Self> {
        let whole = Object::parse(json)?;
        let response = whole.get("response")?.object()?;
        let transports = response.some("transports").map(Value::texts);
        Some(Self {
            id: id(&whole)?,
            client_data: octets(&response, "clientDataJSON")?,
            attestation_object: octets(&response, "attestationObject")?,
            transports: match transports {
                None => Transports::default(),
                Some(names) => Transports::of(&names?),
            },
        })
    }
}

impl Assertion {
    pub(super) fn parse(json: &str) -> Option<Self> {
        let whole = Object::parse(json)?;
        let response = whole.get("response")?.object()?;
        Some(Self {
            id: id(&whole)?,
            client_data: octets(&response, "clientDataJSON")?,
            authenticator_data: octets(&response, "authenticatorData")?,
            signature: octets(&response, "signature")?,
            user_handle: match response.some("userHandle") {
                None => None,
                Some(handle) => Some(base64url::decode(&handle.text()?)?),
            },
        })
    }

    /// Whose answer it is, without the rest.
    pub(super) fn id_of(json: &str) -> Option<Vec<u8>> {
        id(&Object::parse(json)?)
    }
}

/// The credential's id, which is written twice, as text and as octets: both the same in JSON.
fn id(whole: &Object<'_>) -> Option<Vec<u8>> {
    let id = whole.text("id")?;
    let agrees = whole
        .get("rawId")
        .is_none_or(|raw| raw.text() == Some(id.clone()));
    let id = base64url::decode(&id)?;
    let good = agrees && whole.text("type")? == "public-key" && (1..=MAX_ID).contains(&id.len());
    good.then_some(id)
}

fn octets(object: &Object<'_>, name: &str) -> Option<Vec<u8>> {
    base64url::decode(&object.text(name)?)
}
