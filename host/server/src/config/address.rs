//! Where the host listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

/// A TCP address, or a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// IP address and port. Port 0 lets the system choose one.
    Tcp(SocketAddr),
    /// Path of a socket that the owner and the group of the process may use (mode 0660).
    Unix(PathBuf),
}

impl Address {
    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("`unix:` needs a path behind it".to_owned()),
            Some(path) => Ok(Self::Unix(PathBuf::from(path))),
            None => text.parse().map(Self::Tcp).map_err(|_| {
                format!(
                    "`{text}` is no address: write an IP address and a port, such as 127.0.0.1:7081 or [::1]:7081, or \
                     unix:/path/of/socket"
                )
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn addresses_are_parsed_and_told_apart() {
        for (text, local) in [
            ("127.0.0.1:7081", Some(true)),
            ("[::1]:0", Some(true)),
            ("[::ffff:127.0.0.1]:1", Some(true)),
            ("unix:/run/cofactor/api.sock", Some(true)),
            ("0.0.0.0:7081", Some(false)),
            ("[::]:7081", Some(false)),
            ("192.0.2.1:7081", Some(false)),
            ("localhost:7081", None),
            ("7081", None),
            ("unix:", None),
        ] {
            let parsed = text.parse::<Address>().ok();
            assert_eq!(parsed.map(|address| address.is_local()), local, "{text}");
        }
    }
}
