//! The two ceremonies, step by step as WebAuthn level 3 numbers them in sections 7.1 and 7.2. Steps that a browser's page, or
//! the state machine around this, takes are left out.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::State;
use super::attestation::{AttestationObject, Evidence};
use super::authenticator_data::AuthenticatorData;
use super::client_data::{self, Ceremony};
use super::cose::PublicKey;
use super::response::{Assertion, Registration};
use crate::policy::texts::lines;
use crate::policy::{self, Attestation, UserVerification};
use crate::reason::Reason;

/// What was asked, and by whom.
pub(super) struct Asked<'a> {
    /// What the operator decided.
    pub(super) policy: &'a policy::Webauthn<'a>,
    /// What was to be signed.
    pub(super) challenge: &'a [u8],
    /// The host's clock, in milliseconds since 1970.
    pub(super) now: u64,
}

/// What an assertion was worth.
pub(super) struct Asserted {
    /// The credential after it.
    pub(super) state: State,
    /// The authenticator verified its user, and had done so when it was enrolled.
    pub(super) user_verified: bool,
    /// Its counter went back, and the policy does not mind.
    pub(super) regressed: bool,
}

impl Asked<'_> {
    /// Section 7.1: a new credential for the user of this handle.
    pub(super) fn register(&self, given: Registration, handle: [u8; 16]) -> Result<State, Reason> {
        const WRONG: Reason = Reason::SignatureInvalid;
        // 5 to 11. Type, challenge, origin, frames.
        self.seen_by_browser(&given.client_data, Ceremony::Registration)?;
        // 12. The hash of what the browser saw.
        let client_data_hash = Sha256::digest(&given.client_data).into();
        // 13. The attestation object, taken apart.
        let object = AttestationObject::parse(&given.attestation_object).ok_or(WRONG)?;
        // 14 to 18. The site; presence, verification and backup of the user and the credential.
        let data = &object.data;
        self.done_by_authenticator(data)?;
        let attested = data.attested.ok_or(WRONG)?;
        // The policy's own: no key that leaves its device, where one must not (N-22).
        if data.flags.backup_eligible() && !self.policy.synced {
            return Err(Reason::AttestationRefused);
        }
        // 19 and 20. An algorithm that was offered. The key is looked at here too: on its curve, and of a good length.
        let key = attested
            .key
            .map()
            .as_ref()
            .and_then(PublicKey::of)
            .ok_or(WRONG)?;
        // Extensions that nobody asked for are ignored; they were of good form.
        // 21 to 24. The attestation statement, and whether it is enough.
        let evidence = object
            .evidence(&attested, &key, &client_data_hash, self.now)
            .ok_or(Reason::AttestationRefused)?;
        let least = match self.policy.attestation {
            Attestation::None => Evidence::None,
            Attestation::Own => Evidence::Own,
            Attestation::Certified => Evidence::Certified,
        };
        if evidence < least || !self.is_model_allowed(attested.aaguid) {
            return Err(Reason::AttestationRefused);
        }
        // 25. An id of at most 1,023 octets: it would not have been read otherwise. It is the one beside the object.
        if attested.id != given.id {
            return Err(WRONG);
        }
        // 26. Whether it is registered already: the state machine looks, by the claim and by the account.
        // 27. The credential record.
        Ok(State {
            key,
            id: given.id,
            handle,
            sign_count: data.sign_count,
            user_verified: data.flags.user_verified(),
            backup_eligible: data.flags.backup_eligible(),
            backed_up: data.flags.backed_up(),
            aaguid: *attested.aaguid,
            transports: given.transports,
            evidence,
        })
    }

    /// Section 7.2: an answer of this credential.
    pub(super) fn verify(&self, given: &Assertion, known: State) -> Result<Asserted, Reason> {
        const WRONG: Reason = Reason::SignatureInvalid;
        // 5. One of the credentials that were asked for.
        if !bool::from(given.id.ct_eq(&known.id)) {
            return Err(WRONG);
        }
        // 6. The user was known before; the authenticator has to think of the same one.
        let same_user = |handle: &Vec<u8>| bool::from(handle.ct_eq(&known.handle));
        if !given.user_handle.as_ref().is_none_or(same_user) {
            return Err(WRONG);
        }
        // 8 to 14. Type, challenge, origin, frames.
        self.seen_by_browser(&given.client_data, Ceremony::Assertion)?;
        // 15 to 18. The site; presence, verification and backup.
        let data = AuthenticatorData::parse(&given.authenticator_data).ok_or(WRONG)?;
        self.done_by_authenticator(&data)?;
        // Section 6.1: there is no new credential in an assertion.
        if data.attested.is_some() {
            return Err(WRONG);
        }
        // 19. What may leave its device does not change.
        if data.flags.backup_eligible() != known.backup_eligible {
            return Err(WRONG);
        }
        if known.backup_eligible && !self.policy.synced {
            return Err(Reason::AttestationRefused);
        }
        // 20 and 21. The signature, over what the authenticator and the browser say.
        let client_data_hash = Sha256::digest(&given.client_data);
        let message = [&given.authenticator_data, client_data_hash.as_slice()].concat();
        if !known.key.verifies(&message, &given.signature) {
            return Err(WRONG);
        }
        // 22. A counter that does not go up may be a copy's.
        let counts = data.sign_count != 0 || known.sign_count != 0;
        let regressed = counts && data.sign_count <= known.sign_count;
        if regressed && self.policy.refuse_regression {
            return Err(Reason::CounterRegressed);
        }
        // 24. The credential record. The highest counter stays, so that a copy is noted every time.
        Ok(Asserted {
            // Step 24 lets a credential that was enrolled without become one with verification only if another factor of
            // that strength allows it. Enrolling it anew is that.
            user_verified: data.flags.user_verified() && known.user_verified,
            regressed,
            state: State {
                sign_count: data.sign_count.max(known.sign_count),
                backed_up: data.flags.backed_up(),
                ..known
            },
        })
    }

    fn seen_by_browser(&self, client_data: &[u8], ceremony: Ceremony) -> Result<(), Reason> {
        let seen = client_data::is_for(client_data, ceremony, self.challenge, self.policy);
        seen.then_some(()).ok_or(Reason::SignatureInvalid)
    }

    /// The same in both ceremonies: the domain, and the flags.
    fn done_by_authenticator(&self, data: &AuthenticatorData<'_>) -> Result<(), Reason> {
        let domain = Sha256::digest(self.policy.rp_id.as_bytes());
        let good = bool::from(domain.as_slice().ct_eq(data.rp_id_hash))
            && data.flags.user_present()
            && (data.flags.backup_eligible() || !data.flags.backed_up());
        if !good {
            return Err(Reason::SignatureInvalid);
        }
        let required = self.policy.user_verification == UserVerification::Required;
        if required && !data.flags.user_verified() {
            return Err(Reason::UserNotVerified);
        }
        Ok(())
    }

    fn is_model_allowed(&self, aaguid: &[u8; 16]) -> bool {
        let text = super::model_text(aaguid);
        let mut allowed = lines(self.policy.aaguids).peekable();
        allowed.peek().is_none() || allowed.any(|model| model == text)
    }
}
