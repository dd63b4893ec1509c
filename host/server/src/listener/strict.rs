//! What a proxy and we could read differently is refused before it is read (FA-15, RFC 9112 sections 2.2 and 6.3): lines
//! that end without a carriage return, and a length beside a transfer coding.
//!
//! hyper accepts both, as the RFC allows. Refused octets are overwritten with zeros, which no head may contain: hyper
//! then answers 400 and closes, whatever came before on that connection is answered, and nothing after it is read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection whose requests are read one way only.
pub(super) struct Strict<S> {
    stream: S,
    scan: Scan,
}

impl<S> Strict<S> {
    /// Reads `stream` from its first request on.
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            scan: Scan::default(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let (Poll::Ready(Ok(())), Some(new)) = (&read, buffer.filled_mut().get_mut(before..)) {
            self.scan.over(new);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How much of a line is kept: more than the names that matter and a length.
const KEPT: usize = 128;

/// Where in a connection's octets the reader is.
#[derive(Default)]
struct Scan {
    place: Place,
    /// The beginning of the line that is being read.
    line: Vec<u8>,
    last: u8,
    is_begun: bool,
    length: Option<u64>,
    is_coded: bool,
}

#[derive(Default)]
enum Place {
    #[default]
    Head,
    /// This many octets of a body are still to come.
    Body(u64),
    /// A body in a transfer coding, after which the connection is closed: see [`super::converse`].
    Coded,
    Refused,
}

impl Scan {
    /// Reads on, and overwrites what is refused.
    fn over(&mut self, mut octets: &mut [u8]) {
        while !octets.is_empty() {
            let step = match self.place {
                Place::Refused => return octets.fill(0),
                Place::Coded => return,
                Place::Body(left) => {
                    let step = usize::try_from(left)
                        .unwrap_or(usize::MAX)
                        .min(octets.len());
                    self.place = match left - step as u64 {
                        0 => Place::Head,
                        left => Place::Body(left),
                    };
                    step
                }
                Place::Head => match octets.iter().position(|octet| *octet == b'\n') {
                    None => {
                        self.keep(octets);
                        octets.len()
                    }
                    Some(end) => {
                        self.keep(octets.get(..end).unwrap_or_default());
                        if self.ends_well() {
                            end + 1
                        } else {
                            self.place = Place::Refused;
                            end
                        }
                    }
                },
            };
            octets = octets.get_mut(step..).unwrap_or_default();
        }
    }

    fn keep(&mut self, part: &[u8]) {
        if let Some(last) = part.last() {
            self.last = *last;
        }
        let room = KEPT.saturating_sub(self.line.len()).min(part.len());
        self.line
            .extend_from_slice(part.get(..room).unwrap_or_default());
    }

    /// Takes a line that is complete but for its line feed.
    fn ends_well(&mut self) -> bool {
        let last = std::mem::take(&mut self.last);
        let line = std::mem::take(&mut self.line);
        if last != b'\r' {
            return false;
        }
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if !line.is_empty() {
            if self.is_begun {
                self.take_header(line);
            }
            self.is_begun = true;
            return true;
        }
        // Blank lines before a request are nothing (RFC 9112 section 2.2).
        if !self.is_begun {
            return true;
        }
        let head = std::mem::take(self);
        self.place = match (head.is_coded, head.length) {
            (true, Some(_)) => return false,
            (true, None) => Place::Coded,
            (false, Some(length)) if length > 0 => Place::Body(length),
            (false, _) => Place::Head,
        };
        true
    }

    fn take_header(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|octet| *octet == b':') else {
            return;
        };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.is_coded = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let digits = std::str::from_utf8(value).unwrap_or_default();
            // What is no number is refused by hyper.
            let length = digits.trim_start_matches(':').trim().parse().unwrap_or(0);
            self.length = Some(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    fn scanned(text: &str, step: usize) -> String {
        let mut scan = Scan::default();
        let mut octets = text.as_bytes().to_vec();
        for part in octets.chunks_mut(step) {
            scan.over(part);
        }
        String::from_utf8_lossy(&octets).into_owned()
    }

    #[test]
    fn what_is_read_one_way_is_let_through_however_it_arrives() {
        let post = "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nline\nline";
        let coded = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n0\r\n\r\n";
        for text in [
            GOOD.to_owned(),
            format!("\r\n{GOOD}"),
            format!("{GOOD}{GOOD}"),
            format!("{post}{GOOD}{post}{post}{GOOD}"),
            format!("{GOOD}{coded}"),
            format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n{GOOD}", "a".repeat(5000)),
        ] {
            for step in [1, 2, 3, 7, 1000] {
                assert_eq!(scanned(&text, step), text, "in steps of {step}");
            }
        }
    }

    #[test]
    fn what_could_be_read_two_ways_is_refused_however_it_arrives() {
        let long = "a".repeat(5000);
        for text in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n".to_owned(),
            "GET / HTTP/1.1\r\nHost: a\n\r\n".into(),
            "GET / HTTP/1.1\r\nHost: a\r\n\nGET /".into(),
            format!("GET / HTTP/1.1\r\nX: {long}\nY: b\r\n\r\n"),
            "\nGET / HTTP/1.1\r\n\r\n".into(),
            "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .into(),
            "POST / HTTP/1.1\r\ntransfer-encoding:chunked\r\nCONTENT-LENGTH:0\r\n\r\n0\r\n\r\n"
                .into(),
            "POST / HTTP/1.1\r\nTransfer-Encoding: x\r\nContent-Length: nonsense\r\n\r\n".into(),
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n\n\n\nGET / HTTP/1.1\n\r\n".to_owned(),
        ] {
            for step in [1, 2, 3, 7, 10_000] {
                let seen = scanned(&format!("{text}{GOOD}"), step);
                assert!(seen.contains('\0'), "{text:?} in steps of {step}");
                assert!(
                    seen.ends_with(&"\0".repeat(GOOD.len())),
                    "{text:?}: nothing after it"
                );
            }
        }
    }
}
