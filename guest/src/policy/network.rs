//! Networks, as an operator writes them and as addresses are compared with them.

use core::net::IpAddr;

use super::report::decimal;

/// An address, with an IPv4 one that is wrapped in IPv6 taken out of it (BY-04): the same client is the same address, however
/// its connection was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// IPv4.
    V4(u32),
    /// IPv6.
    V6(u128),
}

impl Address {
    /// Reads the text form. Nothing else is an address: no zone, no port, no leading zeros.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text.parse::<IpAddr>().ok()?.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.into()),
            IpAddr::V6(address) => Self::V6(address.into()),
        })
    }
}

/// Addresses from one to another, both among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Range {
    V4(u32, u32),
    V6(u128, u128),
}

/// The networks of a location, in the order and form of the compiled policy.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Networks {
    /// Pairs of four octets.
    pub(crate) v4: Box<[u8]>,
    /// Pairs of sixteen octets.
    pub(crate) v6: Box<[u8]>,
    /// Whether together they are all addresses of a family (BY-04).
    pub(crate) are_everything: bool,
    /// Whether one of them is larger than the networks of one organisation are.
    pub(crate) are_wide: bool,
}

impl Networks {
    /// Puts ranges in order and joins those that touch.
    pub(crate) fn of(ranges: Vec<Range>) -> Self {
        let ranges = Range::joined(ranges);
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for range in &ranges {
            match range {
                Range::V4(first, last) => {
                    v4.extend_from_slice(&first.to_be_bytes());
                    v4.extend_from_slice(&last.to_be_bytes());
                }
                Range::V6(first, last) => {
                    v6.extend_from_slice(&first.to_be_bytes());
                    v6.extend_from_slice(&last.to_be_bytes());
                }
            }
        }
        Self {
            v4: v4.into(),
            v6: v6.into(),
            are_everything: ranges.iter().any(|range| range.is_everything()),
            are_wide: ranges.iter().any(|range| range.is_wide()),
        }
    }
}

impl Range {
    /// Reads `10.0.0.0/8`, `10.0.0.1-10.0.0.9`, or one address. What is wrong with it otherwise.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let no_network = || String::from("no network, range or address");
        if let Some((first, last)) = text.split_once('-') {
            let ends = (Address::parse(first.trim()), Address::parse(last.trim()));
            return match ends {
                (Some(Address::V4(first)), Some(Address::V4(last))) if first <= last => {
                    Self::V4(first, last).bounded()
                }
                (Some(Address::V6(first)), Some(Address::V6(last))) if first <= last => {
                    Self::V6(first, last).bounded()
                }
                (Some(_), Some(_)) => {
                    Err("a range goes from its lower address to its higher one".into())
                }
                _ => Err(no_network()),
            };
        }
        let Some((address, length)) = text.split_once('/') else {
            return match Address::parse(text) {
                Some(Address::V4(one)) => Ok(Self::V4(one, one)),
                Some(Address::V6(one)) => Ok(Self::V6(one, one)),
                None => Err(no_network()),
            };
        };
        let digits = !length.is_empty() && length.bytes().all(|octet| octet.is_ascii_digit());
        let length: u32 = length
            .parse()
            .ok()
            .filter(|_| digits)
            .ok_or_else(no_network)?;
        let address: IpAddr = address.parse().map_err(|_| no_network())?;
        let (address, length) = match (address, address.to_canonical()) {
            (IpAddr::V6(_), IpAddr::V4(inner)) if length >= 96 => (IpAddr::V4(inner), length - 96),
            (address, _) => (address, length),
        };
        match address {
            IpAddr::V4(address) if length <= 32 => {
                let first = u32::from(address);
                let hosts = u32::MAX.checked_shr(length).unwrap_or(0);
                if first & hosts != 0 {
                    let octets = (first & !hosts)
                        .to_be_bytes()
                        .map(|octet| decimal(octet.into()));
                    let network = [&octets.join("."), "/", &decimal(length.into())].concat();
                    return Err([BEYOND, ": ", &network, "?"].concat());
                }
                Self::V4(first, first | hosts).bounded()
            }
            IpAddr::V6(address) if length <= 128 => {
                let first = u128::from(address);
                let hosts = u128::MAX.checked_shr(length).unwrap_or(0);
                if first & hosts != 0 {
                    return Err(BEYOND.into());
                }
                Self::V6(first, first | hosts).bounded()
            }
            _ => Err("the prefix is longer than the address".into()),
        }
    }

    /// Puts ranges in order and joins those that touch.
    fn joined(mut ranges: Vec<Self>) -> Vec<Self> {
        ranges.sort_unstable();
        let mut joined: Vec<Self> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match (joined.last_mut(), range) {
                (Some(Self::V4(_, end)), Self::V4(first, last))
                    if first <= end.saturating_add(1) =>
                {
                    *end = (*end).max(last);
                }
                (Some(Self::V6(_, end)), Self::V6(first, last))
                    if first <= end.saturating_add(1) =>
                {
                    *end = (*end).max(last);
                }
                _ => joined.push(range),
            }
        }
        joined
    }

    /// Whether every address of its family is in it (BY-04).
    fn is_everything(self) -> bool {
        matches!(self, Self::V4(0, u32::MAX) | Self::V6(0, u128::MAX))
    }

    /// Whether it is larger than the networks of one organisation are: over a /8, or over a /16 of IPv6.
    fn is_wide(self) -> bool {
        match self {
            Self::V4(first, last) => last - first >= 1 << 24,
            Self::V6(first, last) => last - first >= 1 << 112,
        }
    }

    fn bounded(self) -> Result<Self, String> {
        if self.is_everything() {
            Err(EVERYTHING.into())
        } else {
            Ok(self)
        }
    }
}

/// Why a location may not hold every address.
pub(crate) const EVERYTHING: &str = "every address is in it";

const BEYOND: &str = "the address goes beyond its prefix";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn range(text: &str) -> Range {
        Range::parse(text).unwrap()
    }

    #[test]
    fn networks_ranges_and_addresses_are_read() {
        for (text, expected) in [
            ("10.0.0.0/8", Range::V4(0x0a00_0000, 0x0aff_ffff)),
            ("192.0.2.7", Range::V4(0xc000_0207, 0xc000_0207)),
            ("192.0.2.7/32", Range::V4(0xc000_0207, 0xc000_0207)),
            ("192.0.2.1-192.0.2.9", Range::V4(0xc000_0201, 0xc000_0209)),
            ("192.0.2.1 - 192.0.2.9", Range::V4(0xc000_0201, 0xc000_0209)),
            ("::ffff:192.0.2.7", Range::V4(0xc000_0207, 0xc000_0207)),
            ("::ffff:10.0.0.0/104", Range::V4(0x0a00_0000, 0x0aff_ffff)),
            (
                "2001:db8::/32",
                Range::V6(0x2001_0db8 << 96, (0x2001_0db9 << 96) - 1),
            ),
            ("::1", Range::V6(1, 1)),
        ] {
            assert_eq!(range(text), expected, "{text}");
        }
        for text in [
            "",
            "office",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.1/8",
            "2001:db8::1/32",
            "::/129",
            "9.9.9.9-1.1.1.1",
            "1.1.1.1-::1",
            "10.0.0.0/8/8",
            "010.0.0.1",
            "fe80::1%eth0",
            "10.0.0",
            "1.1.1.1-",
            "10.0.0.0/99999999999",
        ] {
            assert!(Range::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn by_04_no_way_to_write_every_address_is_taken() {
        for text in [
            "0.0.0.0/0",
            "::/0",
            "0.0.0.0-255.255.255.255",
            "::ffff:0.0.0.0/96",
            "::ffff:0:0/96",
            "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "::ffff:0.0.0.0-::ffff:255.255.255.255",
        ] {
            assert_eq!(Range::parse(text), Err(EVERYTHING.into()), "{text}");
        }
        let halves = Range::joined(vec![range("128.0.0.0/1"), range("0.0.0.0/1")]);
        assert!(matches!(halves[..], [all] if all.is_everything()));
    }

    #[test]
    fn by_04_a_wrapped_address_is_the_one_inside() {
        assert_eq!(
            Address::parse("::ffff:10.1.2.3"),
            Address::parse("10.1.2.3")
        );
        assert_eq!(Address::parse("::ffff:a01:203"), Address::parse("10.1.2.3"));
        for text in [
            "",
            "10.1.2.3:80",
            "[::1]",
            "10.1.2.03",
            "::1%lo",
            " 10.1.2.3",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ranges_that_touch_are_joined() {
        let joined = Range::joined(vec![
            range("10.0.1.0/24"),
            range("::1"),
            range("10.0.0.0/24"),
            range("10.0.0.9"),
            range("10.0.3.0/24"),
        ]);
        assert_eq!(
            joined,
            [
                range("10.0.0.0-10.0.1.255"),
                range("10.0.3.0/24"),
                range("::1")
            ]
        );
    }
}
