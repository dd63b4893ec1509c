//! What a page hands to `navigator.credentials`: the JSON forms of WebAuthn sections 5.1.9 and 5.1.10, for
//! `PublicKeyCredential.parseCreationOptionsFromJSON()` and `parseRequestOptionsFromJSON()`.

use super::State;
use super::base64url;
use super::cose::OFFERED;
use super::json::quote;
use crate::policy::{Attestation, Discoverable, Policy, UserVerification};

/// The contract's bound for what a program needs, in octets.
const MOST: usize = 4096;

/// What enrols a credential.
pub(super) struct Creation<'a> {
    /// What the operator decided.
    pub(super) policy: &'a Policy<'a>,
    /// What is to be signed.
    pub(super) challenge: &'a [u8],
    /// The user's handle.
    pub(super) handle: &'a [u8],
    /// The user's name.
    pub(super) user: &'a str,
    /// What the user holds already: an authenticator that holds one of them makes no other (section 5.4.3).
    pub(super) held: Vec<State>,
}

/// What asks for a credential.
pub(super) struct Request<'a> {
    /// What the operator decided.
    pub(super) policy: &'a Policy<'a>,
    /// What is to be signed.
    pub(super) challenge: &'a [u8],
    /// Any of them may answer, the one that was asked for first.
    pub(super) held: Vec<State>,
}

impl Creation<'_> {
    pub(super) fn to_json(&self) -> String {
        let webauthn = &self.policy.webauthn;
        let mut out = Text(String::with_capacity(1024));
        out.plain("{\"rp\":{\"id\":").quoted(webauthn.rp_id);
        out.plain(",\"name\":").quoted(self.policy.enrolment.issuer);
        out.plain("},\"user\":{\"id\":").octets(self.handle);
        out.plain(",\"name\":").quoted(self.user);
        out.plain(",\"displayName\":").quoted(self.user);
        out.plain("},\"challenge\":").octets(self.challenge);
        out.plain(",\"pubKeyCredParams\":");
        out.list(OFFERED.iter(), |algorithm, out| {
            out.plain("{\"type\":\"public-key\",\"alg\":");
            out.plain(&algorithm.to_string()).plain("}");
        });
        out.plain(",\"timeout\":")
            .plain(&self.policy.enrolment.lifetime.to_string());
        out.plain(",\"authenticatorSelection\":{\"residentKey\":");
        out.quoted(match webauthn.discoverable {
            Discoverable::Preferred => "preferred",
            Discoverable::Required => "required",
            Discoverable::Discouraged => "discouraged",
        });
        out.plain(",\"requireResidentKey\":");
        out.plain(if webauthn.discoverable == Discoverable::Required {
            "true"
        } else {
            "false"
        });
        out.plain(",\"userVerification\":")
            .quoted(verification(webauthn.user_verification));
        out.plain("},\"attestation\":")
            .quoted(match webauthn.attestation {
                Attestation::None => "none",
                Attestation::Own | Attestation::Certified => "direct",
            });
        out.plain(",\"excludeCredentials\":");
        out.descriptors(&self.held);
        out.plain("}");
        out.0
    }
}

impl Request<'_> {
    pub(super) fn to_json(&self) -> String {
        let webauthn = &self.policy.webauthn;
        let mut out = Text(String::with_capacity(512));
        out.plain("{\"challenge\":").octets(self.challenge);
        out.plain(",\"timeout\":")
            .plain(&webauthn.lifetime.to_string());
        out.plain(",\"rpId\":").quoted(webauthn.rp_id);
        out.plain(",\"userVerification\":")
            .quoted(verification(webauthn.user_verification));
        out.plain(",\"allowCredentials\":");
        out.descriptors(&self.held);
        out.plain("}");
        out.0
    }
}

fn verification(wanted: UserVerification) -> &'static str {
    match wanted {
        UserVerification::Required => "required",
        UserVerification::Preferred => "preferred",
        UserVerification::Discouraged => "discouraged",
    }
}

/// JSON that is being written.
struct Text(String);

impl Text {
    fn plain(&mut self, text: &str) -> &mut Self {
        self.0.push_str(text);
        self
    }

    fn quoted(&mut self, text: &str) -> &mut Self {
        quote(text, &mut self.0);
        self
    }

    fn octets(&mut self, octets: &[u8]) -> &mut Self {
        self.quoted(&base64url::encode(octets))
    }

    fn list<T>(&mut self, items: impl Iterator<Item = T>, mut write: impl FnMut(T, &mut Self)) {
        for (at, item) in items.enumerate() {
            self.plain(if at == 0 { "[" } else { "," });
            write(item, self);
        }
        self.plain("]");
    }

    /// Section 5.8.3: as many as fit.
    fn descriptors(&mut self, held: &[State]) {
        self.plain("[");
        let mut next = "";
        for state in held {
            let mut one = Self(String::new());
            one.plain(next)
                .plain("{\"type\":\"public-key\",\"id\":")
                .octets(&state.id);
            if state.transports.bits() != 0 {
                one.plain(",\"transports\":");
                one.list(state.transports.names(), |name, out| {
                    out.quoted(name);
                });
            }
            one.plain("}");
            if self.0.len() + one.0.len() + 2 <= MOST {
                self.plain(&one.0);
                next = ",";
            }
        }
        self.plain("]");
    }
}
