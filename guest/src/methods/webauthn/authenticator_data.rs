//! What an authenticator says about itself and about what it did (WebAuthn section 6.1).

use super::cbor::{Item, Reader};

/// Authenticator data, of good form.
#[derive(Clone, Copy, Debug)]
pub(super) struct AuthenticatorData<'a> {
    /// SHA-256 of the domain that the browser named to the authenticator.
    pub(super) rp_id_hash: &'a [u8; 32],
    /// What was done, and what the credential is.
    pub(super) flags: Flags,
    /// How often it signed; zero if it does not count.
    pub(super) sign_count: u32,
    /// The new credential, where there is one.
    pub(super) attested: Option<Attested<'a>>,
}

/// A new credential (section 6.5.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Attested<'a> {
    /// The authenticator's model; zeros if it does not say.
    pub(super) aaguid: &'a [u8; 16],
    /// What names the credential: 1 to 1,023 octets.
    pub(super) id: &'a [u8],
    /// Its public key, as COSE_Key.
    pub(super) key: Item<'a>,
}

/// The flags of authenticator data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags(u8);

/// The longest id of a credential, in octets (section 4).
pub(super) const MAX_ID: usize = 1023;

impl<'a> AuthenticatorData<'a> {
    /// Reads all of it: anything that is left is one octet too many.
    pub(super) fn parse(octets: &'a [u8]) -> Option<Self> {
        let (rp_id_hash, rest) = octets.split_first_chunk::<32>()?;
        let (&[flags], rest) = rest.split_first_chunk::<1>()?;
        let (sign_count, mut rest) = rest.split_first_chunk::<4>()?;
        let flags = Flags(flags);
        let attested = if flags.has(Flags::ATTESTED) {
            let (aaguid, after) = rest.split_first_chunk::<16>()?;
            let (length, after) = after.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_be_bytes(*length));
            (1..=MAX_ID).contains(&length).then_some(())?;
            let (id, after) = after.split_at_checked(length)?;
            let mut after = Reader::new(after);
            let key = after.item()?;
            rest = after.rest();
            Some(Attested { aaguid, id, key })
        } else {
            None
        };
        if flags.has(Flags::EXTENSIONS) {
            let mut after = Reader::new(rest);
            after.item()?.map()?;
            rest = after.rest();
        }
        rest.is_empty().then_some(Self {
            rp_id_hash,
            flags,
            sign_count: u32::from_be_bytes(*sign_count),
            attested,
        })
    }
}

impl Flags {
    const USER_PRESENT: u8 = 1;
    const USER_VERIFIED: u8 = 1 << 2;
    const BACKUP_ELIGIBLE: u8 = 1 << 3;
    const BACKED_UP: u8 = 1 << 4;
    const ATTESTED: u8 = 1 << 6;
    const EXTENSIONS: u8 = 1 << 7;

    /// Somebody touched it.
    pub(super) fn user_present(self) -> bool {
        self.has(Self::USER_PRESENT)
    }

    /// It verified its user, by PIN or biometrics.
    pub(super) fn user_verified(self) -> bool {
        self.has(Self::USER_VERIFIED)
    }

    /// The credential may leave its device.
    pub(super) fn backup_eligible(self) -> bool {
        self.has(Self::BACKUP_ELIGIBLE)
    }

    /// The credential has left its device.
    pub(super) fn backed_up(self) -> bool {
        self.has(Self::BACKED_UP)
    }

    fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::AuthenticatorData;

    /// Header, model, an id of so many octets, `{}` as key, and what follows.
    fn data(flags: u8, id: u16, behind: &[u8]) -> Vec<u8> {
        let mut octets = vec![7; 32];
        octets.push(flags);
        octets.extend([0, 0, 1, 2]);
        if flags & 0x40 != 0 {
            octets.extend([9; 16]);
            octets.extend(id.to_be_bytes());
            octets.extend(vec![5; usize::from(id)]);
            octets.push(0xa0);
        }
        octets.extend(behind);
        octets
    }

    #[test]
    fn what_the_flags_promise_has_to_be_there_and_nothing_else() {
        for (why, octets, good) in [
            ("nothing more", data(0x01, 0, &[]), true),
            ("an id of one octet", data(0x41, 1, &[]), true),
            ("the longest id", data(0x41, 1023, &[]), true),
            ("no id", data(0x41, 0, &[]), false),
            ("an id too long", data(0x41, 1024, &[]), false),
            ("extensions", data(0x81, 0, &[0xa1, 0x61, b'a', 0xf5]), true),
            ("extensions that are no map", data(0x81, 0, &[0x80]), false),
            ("no extensions", data(0x81, 0, &[]), false),
            ("extensions without the flag", data(0x01, 0, &[0xa0]), false),
            ("more behind them", data(0x81, 0, &[0xa0, 0]), false),
            ("no credential", vec![0x41; 37], false),
        ] {
            assert_eq!(AuthenticatorData::parse(&octets).is_some(), good, "{why}");
        }
        let whole = data(0xc1, 3, &[0xa0]);
        assert_eq!(AuthenticatorData::parse(&whole).unwrap().sign_count, 258);
        for length in 0..whole.len() {
            assert!(AuthenticatorData::parse(whole.get(..length).unwrap()).is_none());
        }
    }
}
