//! What a user holds: credentials and those to be, the PIN, and remembered browsers.

use zeroize::Zeroizing;

use crate::identifier::{ChallengeId, CredentialId, DeviceId};
use crate::methods;
use crate::throttle::Failures;

/// One enrolled credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Names it.
    pub id: CredentialId,
    /// The number of its method.
    pub method: u8,
    /// What the user calls it. 1 to 64 octets.
    pub label: String,
    /// When it was enrolled.
    pub created: u64,
    /// When it was last accepted.
    pub last_used: Option<u64>,
    /// From when on it may be asked for (SV-03).
    pub usable_from: u64,
    /// Its failures.
    pub failures: Failures,
    /// What its method keeps: secrets, counters, numbers, keys. Read and written by the method alone, at most
    /// [`MAX_STATE`] octets.
    pub state: Sealed,
}

/// Octets that only a method reads: erased when dropped, and never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sealed(Zeroizing<Vec<u8>>);

/// A credential that waits for its confirming answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Names it.
    pub id: ChallengeId,
    /// Which application it was begun in.
    pub application: String,
    /// Who may finish it: `origin.binding`.
    pub binding: Vec<u8>,
    /// The account's generation when it was begun. A factor change in between ends it: without this, somebody who has
    /// only the password could begin before the user enrols and finish after.
    pub generation: u64,
    /// When it ends.
    pub expires: u64,
    /// How many wrong answers it took.
    pub attempts: u8,
    /// What is being enrolled.
    pub credential: Credential,
    /// What the method keeps of the question whose answer confirms it.
    pub question: Sealed,
    /// Another device has confirmed it: what is missing is that the caller asks again.
    pub confirmed: bool,
}

/// A PIN, as a keyed and salted hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Which generation of the host's key it was made with.
    pub key: u32,
    /// Makes equal PINs differ.
    pub salt: [u8; 16],
    /// Of PBKDF2.
    pub iterations: u32,
    /// What came of it.
    pub hash: [u8; 32],
    /// Somebody else chose it: it has to be changed at its first use.
    pub initial: bool,
    /// Wrong PINs, apart from those of credentials.
    pub failures: Failures,
}

/// A browser that was remembered (S19). Its token is a keyed digest of this, so nothing that is kept lets anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Names the series of its tokens.
    pub id: DeviceId,
    /// How often the token was changed: the one that is good has this number.
    pub turn: u32,
    /// Digest of `origin.client`.
    pub client: [u8; 16],
    /// When it was first remembered.
    pub created: u64,
    /// When it was last known again.
    pub last_used: u64,
    /// Until when it is remembered.
    pub expires: u64,
}

impl Credential {
    /// The name of its method.
    pub fn method_name(&self) -> &'static str {
        methods::name_of(self.method)
    }
}

impl Sealed {
    /// Puts octets away.
    pub fn new(octets: Vec<u8>) -> Self {
        Self(Zeroizing::new(octets))
    }

    /// The octets, for the method that wrote them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl core::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("[redacted]")
    }
}
