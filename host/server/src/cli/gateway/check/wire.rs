//! HTTP/1.1 as it is written, byte for byte: paths that no client library would leave as they are, headers twice, names with
//! underscores. One connection a request.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use url::Url;

/// How long a connection may be silent.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of an answer is read, in octets.
const MOST: u64 = 256 * 1024;
/// Where systems keep the certificates that they believe.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The page that is looked at, and the way there.
pub(super) struct Place {
    /// The page.
    pub(super) url: Url,
    addresses: Vec<SocketAddr>,
    tls: Option<Arc<ClientConfig>>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The address is none that can be asked.
    #[error("{0}")]
    Address(String),
    /// The connection cannot be made, or breaks.
    #[error("{0}: {1}")]
    Connection(String, io::Error),
    /// What came back is no HTTP.
    #[error("{0}: the answer is no HTTP/1")]
    NoHttp(String),
}

/// One request.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    /// What stands between method and version: written as it is.
    pub(super) target: &'a str,
    /// In the place of the page's host.
    pub(super) host: Option<&'a str>,
    pub(super) headers: Vec<(String, String)>,
}

/// One answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    /// As far as it was read.
    pub(super) body: String,
}

impl Answer {
    /// Every value of this header.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self
            .headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// The first value of this header; empty without one.
    pub(super) fn header<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }
}

impl Place {
    /// The way to a page.
    ///
    /// # Errors
    /// Where the address is none, or certificates cannot be read.
    pub(super) fn new(
        text: &str,
        connect: Option<SocketAddr>,
        ca: Option<&Path>,
    ) -> Result<Self, WireError> {
        let wrong = |what: &str| WireError::Address(format!("{text}: {what}"));
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WireError::Address(
                "a password in an address can be read in the list of processes: use --first-factor"
                    .into(),
            ));
        }
        let tls = match url.scheme() {
            "https" => Some(Arc::new(client(ca)?)),
            "http" => None,
            _ => return Err(wrong("expected https:// or http://")),
        };
        let host = url.host_str().ok_or_else(|| wrong("there is no host"))?;
        let port = url.port_or_known_default().unwrap_or(443);
        let addresses = match connect {
            Some(address) => vec![address],
            None => (host.trim_matches(['[', ']']), port)
                .to_socket_addrs()
                .map_err(|error| wrong(&error.to_string()))?
                .collect(),
        };
        Ok(Self {
            url,
            addresses,
            tls,
        })
    }

    /// Host, and port where it is not the scheme's own.
    pub(super) fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Whether it is reached over TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Sends a request, and reads the answer.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn ask(&self, asked: &Asked<'_>) -> Result<Answer, WireError> {
        let broken = |error| WireError::Connection(self.authority(), error);
        let stream = self.connect().map_err(broken)?;
        let octets = self.written(asked);
        let answer = match &self.tls {
            None => exchange(stream, &octets),
            Some(tls) => {
                let host = self.url.host_str().unwrap_or_default();
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                    .map_err(|error| broken(io::Error::other(error)))?;
                let connection = ClientConnection::new(Arc::clone(tls), name)
                    .map_err(|error| broken(io::Error::other(error)))?;
                exchange(StreamOwned::new(connection, stream), &octets)
            }
        };
        read(&answer.map_err(broken)?).ok_or_else(|| WireError::NoHttp(self.authority()))
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::other("the host has no address");
        for address in &self.addresses {
            match TcpStream::connect_timeout(address, PATIENCE) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(PATIENCE))?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn written(&self, asked: &Asked<'_>) -> Vec<u8> {
        let authority = self.authority();
        let mut text = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\n",
            asked.method,
            asked.target,
            asked.host.unwrap_or(&authority)
        );
        for (name, value) in &asked.headers {
            // Writing to a text cannot fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let upgrades = asked
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("connection"));
        if !upgrades {
            text.push_str("Connection: close\r\n");
        }
        if matches!(asked.method, "POST" | "PUT" | "PATCH") {
            text.push_str("Content-Length: 0\r\n");
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

fn exchange(mut stream: impl Read + Write, octets: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(octets)?;
    stream.flush()?;
    let mut answer = Vec::new();
    let mut rest = stream.take(MOST);
    let mut part = [0; 8192];
    loop {
        match rest.read(&mut part) {
            Ok(0) => return Ok(answer),
            Ok(length) => answer.extend_from_slice(part.get(..length).unwrap_or_default()),
            // A connection that breaks off after an answer, and one that was kept open although it should not be.
            Err(_) if read(&answer).is_some() => return Ok(answer),
            Err(error) => return Err(error),
        }
        if is_whole(&answer) {
            return Ok(answer);
        }
    }
}

/// Whether nothing more is to come: of a protocol that was changed to, or by the length that was told.
fn is_whole(octets: &[u8]) -> bool {
    let Some(answer) = read(octets) else {
        return false;
    };
    let length = answer.header("content-length").parse::<usize>();
    let body = head_of(octets).map_or(0, |(_, body)| body.len());
    answer.status == 101 || length.is_ok_and(|length| body >= length)
}

fn head_of(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some((octets.get(..end)?, octets.get(end + 4..)?))
}

fn read(octets: &[u8]) -> Option<Answer> {
    let (head, body) = head_of(octets)?;
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    Some(Answer {
        status: status.parse().ok()?,
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect(),
        body: String::from_utf8_lossy(body).into_owned(),
    })
}

fn client(ca: Option<&Path>) -> Result<ClientConfig, WireError> {
    let bundle = match ca {
        Some(file) => file,
        None => BUNDLES
            .iter()
            .map(Path::new)
            .find(|file| file.exists())
            .ok_or_else(|| {
                WireError::Address("the system has no certificates to believe: use --ca".into())
            })?,
    };
    let wrong = |what: String| WireError::Address(format!("{}: {what}", bundle.display()));
    let text = fs::read(bundle).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok);
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(wrong("there is no certificate in it".into()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_others_are_none() {
        let answer = read(
            b"HTTP/1.1 303 See Other\r\nLocation: /x\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\nbody",
        )
        .unwrap();
        assert_eq!((answer.status, answer.header("location")), (303, "/x"));
        assert_eq!(answer.all("Set-Cookie").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(answer.body, "body");
        for octets in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\n",
            b"hello\r\n\r\n",
            b"HTTP/2 200\r\n\r\n",
        ] {
            assert!(read(octets).is_none());
        }
    }

    #[test]
    fn an_address_has_no_password() {
        let wrong = |text| {
            Place::new(text, None, None)
                .err()
                .map(|error| error.to_string())
        };
        assert!(
            wrong("https://alice:secret@a.example/")
                .unwrap()
                .contains("--first-factor")
        );
        assert!(wrong("ftp://a.example/").unwrap().contains("https://"));
        assert!(wrong("a.example").is_some());
    }
}
