//! Named locations (S31). An address that nobody told, or that is none, is nowhere, and is never trusted (S18).

use crate::policy::Policy;
use crate::policy::network::Address;
use crate::policy::sections::{Country, Malformed};

/// Where a client is, as far as somebody says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    address: Option<Address>,
    country: Country<'a>,
}

impl<'a> Place<'a> {
    /// Where a sign-in comes from.
    pub(crate) fn of_sign_in(address: Option<&str>, country: Option<&'a str>) -> Self {
        Self {
            address: address.and_then(Address::parse),
            country: country.map_or(Country::Unknown, Country::Is),
        }
    }

    /// Where a request within a session comes from: no country comes with it.
    pub(crate) fn of_request(address: Option<&str>) -> Self {
        Self {
            address: address.and_then(Address::parse),
            country: Country::Untold,
        }
    }

    /// Whether there is an address.
    pub(crate) fn is_told(&self) -> bool {
        self.address.is_some()
    }

    /// Whether it is in one of the locations whose bits are set. None if that depends on a country that nobody told.
    pub(crate) fn is_in(
        &self,
        policy: &Policy<'_>,
        locations: u64,
    ) -> Result<Option<bool>, Malformed> {
        let Some(address) = self.address else {
            return Ok(Some(false));
        };
        let mut answer = Some(false);
        let mut rest = locations;
        for location in policy.locations.iter() {
            if rest & 1 == 1 {
                match location?.holds(address, self.country) {
                    Some(true) => return Ok(Some(true)),
                    Some(false) => {}
                    None => answer = None,
                }
            }
            rest >>= 1;
        }
        // A location that is not there is a policy that cannot be read, and not one that nobody is in.
        if rest != 0 {
            return Err(Malformed);
        }
        Ok(answer)
    }
}
