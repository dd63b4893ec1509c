//! HTTP/1.1 by hand: requests that no well-behaved client would send, and answers with every header as it came.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};

/// An answer as it came over the wire.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers in order, names as they were written.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer coding.
    pub body: String,
}

impl Answer {
    /// The first header of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Every header of this name, whatever its case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Where it redirects to; empty where it does not.
    #[must_use]
    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }

    /// Headers but those that are new each time: the date, ids, the values of cookies, connection matters.
    #[must_use]
    pub fn shape(&self) -> Vec<String> {
        self.headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .filter(|(name, _)| {
                !matches!(name.as_str(), "date" | "x-request-id" | "content-length")
            })
            .map(|(name, value)| match name.as_str() {
                "set-cookie" => format!("{name}: {}", value.split('=').next().unwrap_or_default()),
                _ => format!("{name}: {value}"),
            })
            .collect()
    }
}

/// Sends a request line, headers and a body, and reads the answer. `Host` and `Connection: close` are added, and
/// `Content-Length` where there is a body; nothing else is, and nothing is checked.
///
/// # Errors
/// Where nobody listens, or the answer cannot be read.
pub fn send(
    port: u16,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> anyhow::Result<Answer> {
    let text = request(port, method, target, headers, body);
    let octets = exchange(port, text.as_bytes())?;
    let (answer, _) = read(&octets)?.with_context(|| format!("no answer to {method} {target}"))?;
    Ok(answer)
}

/// The octets of such a request.
#[must_use]
pub fn request(
    port: u16,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\n");
    if !headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("host"))
    {
        text.push_str(&format!("Host: 127.0.0.1:{port}\r\n"));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("Connection: close\r\n\r\n");
    text.push_str(body);
    text
}

/// Sends octets as they are, and returns everything that comes back until the other side closes.
///
/// # Errors
/// Where nobody listens.
pub fn exchange(port: u16, octets: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("connecting to port {port}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    exchange_over(&mut stream, octets)
}

/// The same over a connection that stands: TLS, or a Unix socket.
///
/// # Errors
/// Where it breaks.
pub fn exchange_over(stream: &mut (impl Read + Write), octets: &[u8]) -> anyhow::Result<Vec<u8>> {
    // Whoever refuses the head may close before the rest is sent: what it answered counts.
    let _ = stream.write_all(octets);
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(buffer.get(..length).unwrap_or_default()),
            // Over TLS a close without the closing message counts as well: every answer says how long it is.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
                ) =>
            {
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answer)
}

/// Reads all answers that came over one connection.
///
/// # Errors
/// Where they cannot be read.
pub fn answers(mut octets: &[u8]) -> anyhow::Result<Vec<Answer>> {
    let mut all = Vec::new();
    while let Some((answer, rest)) = read(octets)? {
        all.push(answer);
        octets = rest;
    }
    Ok(all)
}

/// The first answer, and what follows it.
fn read(octets: &[u8]) -> anyhow::Result<Option<(Answer, &[u8])>> {
    if octets.is_empty() {
        return Ok(None);
    }
    let end = octets
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .context("no end of the head")?;
    let (head, rest) = octets.split_at(end + 4);
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .context("no status")?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status,
        headers,
        body: String::new(),
    };
    // An answer to HEAD tells of a body that does not come.
    let is_coded = answer.header("transfer-encoding") == Some("chunked") && !rest.is_empty();
    let (body, rest) = if is_coded {
        unchunk(rest)?
    } else {
        let length = match answer.header("content-length") {
            Some(length) => length.parse()?,
            None if matches!(status, 204 | 304) => 0,
            None => rest.len(),
        };
        let (body, rest) = rest
            .split_at_checked(length)
            .unwrap_or((rest, Default::default()));
        (body.to_vec(), rest)
    };
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok(Some((answer, rest)))
}

fn unchunk(mut octets: &[u8]) -> anyhow::Result<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let end = octets
            .windows(2)
            .position(|two| two == b"\r\n")
            .context("no chunk")?;
        let (size, rest) = octets.split_at(end);
        let size = usize::from_str_radix(std::str::from_utf8(size)?.trim(), 16)?;
        let (chunk, rest) = rest
            .get(2..)
            .and_then(|rest| rest.split_at_checked(size))
            .context("a short chunk")?;
        body.extend_from_slice(chunk);
        octets = rest.get(2..).context("a chunk without its end")?;
        if size == 0 {
            return Ok((body, octets));
        }
        if body.len() > 1 << 24 {
            bail!("an endless body");
        }
    }
}
