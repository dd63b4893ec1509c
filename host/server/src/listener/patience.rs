//! How long a connection may keep us waiting, and what is made of a request that does.
//!
//! A slot of the listener is the one thing that a client gets before anybody knows who it is. So each wait has an end:
//! for the first octet of a request, for its head, for its body, and for a client that takes no answer.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, timeout};

/// Longest request body, in octets: the largest form or event is far below it.
pub const LONGEST_BODY: usize = 64 << 10;

/// How long each wait may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A TLS handshake.
    pub handshake: Duration,
    /// The first request of a connection, to the end of its head.
    pub first: Duration,
    /// The head of a request, the wait between two requests included.
    pub head: Duration,
    /// The body of a request.
    pub body: Duration,
    /// A client that takes nothing of an answer.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            first: Duration::from_secs(10),
            // Longer than the keep-alive of the usual gateways, so that the gateway is the one to close.
            head: Duration::from_secs(75),
            body: Duration::from_secs(10),
            write: Duration::from_secs(20),
        }
    }
}

/// Why a request did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// 408: its body took too long.
    TooSlow,
    /// 413: its body has more than [`LONGEST_BODY`].
    TooLarge,
    /// 400: its body is not what its head says.
    Broken,
}

impl Unread {
    /// The status of the answer.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

/// The answer to it without a word; nothing else is read from that connection.
impl IntoResponse for Unread {
    fn into_response(self) -> Response {
        self.status().into_response()
    }
}

/// The request with its whole body, before anything is made of it: an answer that is given earlier would be lost where
/// the connection closes on a client that still sends.
pub(super) async fn whole(
    request: Request<Incoming>,
    patience: Duration,
) -> Result<Request<Body>, Unread> {
    let (head, body) = request.into_parts();
    if body.is_end_stream() {
        return Ok(Request::from_parts(head, Body::empty()));
    }
    // Where the length is told, nothing of what is too long is read.
    if body.size_hint().lower() > LONGEST_BODY as u64 {
        return Err(Unread::TooLarge);
    }
    let body = timeout(patience, collected(body))
        .await
        .map_err(|_| Unread::TooSlow)??;
    Ok(Request::from_parts(head, Body::from(body)))
}

async fn collected(mut body: Incoming) -> Result<Vec<u8>, Unread> {
    let mut octets = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        // Trailers say nothing that is read.
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else {
            continue;
        };
        if octets.len() + data.len() > LONGEST_BODY {
            return Err(Unread::TooLarge);
        }
        octets.extend_from_slice(&data);
    }
    Ok(octets)
}

/// Ends the connection after this answer.
pub(super) fn last(mut answer: Response) -> Response {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(CONNECTION, close);
    answer
}

/// A connection that breaks off where its client takes nothing of what is written for `write`.
pub(super) struct Unstalled<S> {
    stream: S,
    write: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Unstalled<S> {
    pub(super) fn new(stream: S, write: Duration) -> Self {
        Self {
            stream,
            write,
            waiting: None,
        }
    }

    /// Passes on what became of a write, or breaks off.
    fn within<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(sleep(self.write)));
        ready!(waiting.as_mut().poll(context));
        // Whoever asks again is not to find a timer that was polled to its end.
        waiting.as_mut().reset(Instant::now());
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Unstalled<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Unstalled<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, octets);
        self.within(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.within(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.within(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.within(context, shut)
    }
}
