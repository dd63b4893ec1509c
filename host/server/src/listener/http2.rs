//! HTTP/2 for gRPC (RFC 9113): many requests over one connection, each with a body that its service reads by itself.
//!
//! What a connection may take is bounded by what it may open at once, by the flow control of its requests, and by time:
//! see [`Patience`]. Lengths and ends of requests are frames here, so nothing can be read in two ways (FA-15).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use super::patience::Unstalled;
use super::{Visit, turned};

/// Requests of one connection that may run at once. Envoy has a connection for each of its threads, and waits with more.
const STREAMS: u32 = 1024;
/// Octets that may be on their way to one request, and to all of a connection together.
const WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Longest head of a request, in octets.
const LONGEST_HEAD: u32 = 16 << 10;

/// Serves one connection until it ends, is over its time, or `stop` turns true.
pub(super) async fn converse<S>(visit: Visit, stream: S, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let patience = visit.manners.patience;
    let begun = Arc::new(AtomicU64::new(0));
    let peer = visit.peer;
    let service = hyper::service::service_fn({
        let begun = Arc::clone(&begun);
        let (app, certificate) = (visit.app, visit.certificate);
        move |request: Request<Incoming>| {
            begun.fetch_add(1, Ordering::Relaxed);
            let mut request = request.map(Body::new);
            super::sign(&mut request, peer, certificate.clone());
            let app = app.clone();
            app.oneshot(request)
        }
    });
    let stream = Unstalled::new(stream, patience.write);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(LONGEST_HEAD)
        // A peer that is gone without a word is found out.
        .keep_alive_interval(patience.write)
        .keep_alive_timeout(patience.write)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let mut idle = std::pin::pin!(sleep(patience.first));
    let (mut seen, mut is_ending) = (0, false);
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            () = turned(&mut stop), if !is_ending => {
                connection.as_mut().graceful_shutdown();
                is_ending = true;
            }
            () = idle.as_mut(), if !is_ending => {
                let now = begun.load(Ordering::Relaxed);
                if now == 0 {
                    tracing::debug!(?peer, "a connection that asked for nothing");
                    return;
                }
                if now == seen {
                    // What runs comes to its end; the client opens another connection for what is next.
                    connection.as_mut().graceful_shutdown();
                    is_ending = true;
                }
                seen = now;
                idle.as_mut().reset(Instant::now() + patience.head);
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(?peer, %error, "a connection broke off");
    }
}
