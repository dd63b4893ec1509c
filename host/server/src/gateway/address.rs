//! Where a client is, told by proxies that are believed.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// Address prefixes whose owners are believed about who stands behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefixes(Vec<IpNet>);

impl Prefixes {
    /// Reads prefixes such as `127.0.0.1/32` or `2001:db8::/48`; a bare address is a prefix of one.
    ///
    /// # Errors
    /// For what is not a prefix, has bits set beyond its length, or is everybody: whoever believes everybody lets the
    /// client choose its address.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        texts
            .iter()
            .map(|text| prefix(text))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether one of them has this address.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|prefix| prefix.contains(&address))
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        Self(self.0.iter().chain(&others.0).copied().collect())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// More hops than any real chain of proxies has.
const MOST_HOPS: usize = 32;

/// The client's address: the rightmost hop that no trusted proxy holds, as everything to its left is the client's own
/// word. `forwarded` are the values of `X-Forwarded-For` in the order of the message. None where the hop that counts
/// cannot be read, or there are more than 32: absent is never trusted.
///
/// A connection over a Unix socket has no address: whoever may open the socket is a gateway, and is believed.
///
/// A hop is an address, or an address and a port (`192.0.2.1:443`, `[2001:db8::1]:443`). Addresses of version 4 in
/// version 6 clothes are undressed.
#[must_use]
pub fn client_address(
    peer: Option<IpAddr>,
    forwarded: &[&[u8]],
    trusted: &Prefixes,
) -> Option<IpAddr> {
    let mut client = peer.map(|peer| peer.to_canonical());
    let hops = forwarded
        .iter()
        .rev()
        .flat_map(|value| value.rsplit(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|hop| !hop.is_empty());
    for (index, hop) in hops.enumerate() {
        if client.is_some_and(|client| !trusted.contain(client)) {
            return client;
        }
        if index == MOST_HOPS {
            return None;
        }
        client = Some(address(std::str::from_utf8(hop).ok()?)?);
    }
    client
}

fn address(hop: &str) -> Option<IpAddr> {
    if let Some(rest) = hop.strip_prefix('[') {
        let (inside, port) = rest.split_once(']')?;
        return is_port(port)
            .then(|| inside.parse::<Ipv6Addr>().ok())?
            .map(IpAddr::V6)
            .map(|ip| ip.to_canonical());
    }
    let plain = match hop.split_once(':') {
        Some((v4, port)) if v4.contains('.') && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            v4
        }
        _ => hop,
    };
    plain.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

fn is_port(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok())
}

fn prefix(text: &str) -> Result<IpNet, String> {
    let net = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => text.parse::<IpNet>().map_err(|_| {
            format!("`{text}` is not an address prefix such as 127.0.0.1/32 or 2001:db8::/48")
        })?,
    };
    if net.prefix_len() == 0 {
        return Err(format!(
            "`{text}` is everybody: name the proxies that are to be believed"
        ));
    }
    if net.trunc() != net {
        return Err(format!(
            "`{text}` has bits set beyond its length: {} is the prefix",
            net.trunc()
        ));
    }
    Ok(net)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
mod tests {
    use super::*;

    #[test]
    fn the_published_cases() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/vectors/misc/client_ip_cases.json"
        );
        let file = std::fs::read_to_string(file).expect(file);
        let cases: serde_json::Value = serde_json::from_str(&file).unwrap();
        let cases = cases["cases"].as_array().unwrap();
        assert!(cases.len() >= 17, "{} cases", cases.len());
        for case in cases {
            let why = case["why"].as_str().unwrap();
            let texts = |value: &serde_json::Value| -> Vec<String> {
                match value {
                    serde_json::Value::Array(all) => all
                        .iter()
                        .map(|one| one.as_str().unwrap().to_owned())
                        .collect(),
                    one => vec![one.as_str().unwrap().to_owned()],
                }
            };
            let trusted = Prefixes::parse(&texts(&case["trusted_proxies"]));
            let expected = case["client_ip"].as_str().unwrap();
            if expected.starts_with("config error") {
                assert!(trusted.is_err(), "{why}");
                continue;
            }
            let forwarded = texts(&case["x_forwarded_for"]);
            let forwarded: Vec<&[u8]> = forwarded.iter().map(|value| value.as_bytes()).collect();
            let peer = Some(case["peer"].as_str().unwrap().parse().unwrap());
            let found = client_address(peer, &forwarded, &trusted.unwrap());
            // Words stand for "no address"; where the file leaves it open, ours is the address without its port.
            let expected = expected.split(' ').next().unwrap().parse::<IpAddr>().ok();
            assert_eq!(found, expected, "{why}");
        }
    }

    #[test]
    fn addresses_in_other_clothes() {
        let trusted = Prefixes::parse(&["192.0.2.1".into(), "fd00::/8".into()]).unwrap();
        let cases = [
            ("::ffff:192.0.2.1", "198.51.100.9", Some("198.51.100.9")),
            ("192.0.2.1", "::ffff:198.51.100.9", Some("198.51.100.9")),
            (
                "192.0.2.1",
                "[::ffff:198.51.100.9]:80",
                Some("198.51.100.9"),
            ),
            ("192.0.2.1", "[2001:db8::1", None),
            ("192.0.2.1", "[2001:db8::1]80", None),
            ("192.0.2.1", "198.51.100.9:http", None),
            ("192.0.2.1", "2001:db8::1", Some("2001:db8::1")),
            ("fd00::5", "198.51.100.9, fd00::7", Some("198.51.100.9")),
            ("fd00::5", "fd00::6, fd00::7", Some("fd00::6")),
            ("unix", "198.51.100.9, fd00::7", Some("198.51.100.9")),
            ("unix", "", None),
        ];
        for (peer, forwarded, expected) in cases {
            let found = client_address(peer.parse().ok(), &[forwarded.as_bytes()], &trusted);
            assert_eq!(
                found,
                expected.map(|text| text.parse().unwrap()),
                "{peer} {forwarded}"
            );
        }
    }

    #[test]
    fn prefixes_that_are_refused() {
        for text in [
            "10.0.0.5/8",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "2001:db8::/129",
            "0.0.0.0/0",
            "::/0",
            "localhost",
            "",
        ] {
            assert!(Prefixes::parse(&[text.into()]).is_err(), "{text}");
        }
    }
}
