//! Accepts connections for an HTTP router: TCP or a Unix socket, with or without TLS; strict HTTP/1.1, or HTTP/2 for gRPC.
//!
//! Nothing that a client does or leaves undone holds more than one of a fixed number of connections, and that one only
//! for a bounded time: see [`Patience`]. A router is given whole requests alone, with a body of at most
//! [`LONGEST_BODY`] octets. A stop lets requests that run come to their end.

mod http2;
mod patience;
mod strict;
mod tls;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::header::TRANSFER_ENCODING;
use axum::response::{IntoResponse, Response};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::certificate::ClientCertificate;
use crate::config::{Address, Door};
pub use patience::{LONGEST_BODY, Patience, Unread};
use patience::{Unstalled, last, whole};
use strict::Strict;

/// How long requests may still run after a stop.
const DRAIN: Duration = Duration::from_secs(10);

/// A bound address, ready to serve.
pub struct Listener {
    socket: Socket,
    tls: Option<TlsAcceptor>,
    connections: Arc<Semaphore>,
    address: Address,
    protocol: Protocol,
    manners: Manners,
}

/// What is spoken over its connections.
#[derive(Clone, Copy)]
enum Protocol {
    /// HTTP/1.1 alone, read strictly.
    Http1,
    /// HTTP/2 alone, from the first octet on.
    Http2,
}

/// How a listener treats its clients.
#[derive(Clone, Copy)]
struct Manners {
    patience: Patience,
    refuse: fn(Unread) -> Response,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Why an address cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The system does not give it.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Which.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// There is something else at the path of the socket.
    #[error("cannot listen on {0}: there is a file of that name that is no socket")]
    NotASocket(Address),
    /// Certificate or key are not usable.
    #[error("{path}: {problem}")]
    Tls {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

impl Listener {
    /// Binds the address for HTTP/1.1.
    ///
    /// # Errors
    /// Where it cannot be served.
    pub async fn bind(door: &Door) -> Result<Self, ListenError> {
        Self::bind_for(Protocol::Http1, door).await
    }

    /// Binds the address for HTTP/2. Its requests come with bodies that are still to be read, and bounded by whoever
    /// reads them.
    ///
    /// # Errors
    /// Where it cannot be served.
    pub async fn bind_http2(door: &Door) -> Result<Self, ListenError> {
        Self::bind_for(Protocol::Http2, door).await
    }

    async fn bind_for(protocol: Protocol, door: &Door) -> Result<Self, ListenError> {
        let alpn: &[u8] = match protocol {
            Protocol::Http1 => b"http/1.1",
            Protocol::Http2 => b"h2",
        };
        let tls = door
            .tls
            .as_ref()
            .map(|files| tls::acceptor(files, alpn))
            .transpose()?;
        let failed = |source| ListenError::Bind {
            address: door.address.clone(),
            source,
        };
        let (socket, address) = match &door.address {
            Address::Tcp(address) => {
                let socket = TcpListener::bind(address).await.map_err(failed)?;
                let address = socket.local_addr().map_err(failed)?;
                (Socket::Tcp(socket), Address::Tcp(address))
            }
            Address::Unix(path) => {
                clear(path, &door.address)?;
                let socket = UnixListener::bind(path).map_err(failed)?;
                let mode = std::fs::Permissions::from_mode(0o660);
                std::fs::set_permissions(path, mode).map_err(failed)?;
                (Socket::Unix(socket), door.address.clone())
            }
        };
        Ok(Self {
            socket,
            tls,
            connections: Arc::new(Semaphore::new(door.connections)),
            address,
            protocol,
            manners: Manners {
                patience: Patience::default(),
                refuse: Unread::into_response,
            },
        })
    }

    /// Answers a request that does not come to its end in this way, instead of with a bare status.
    #[must_use]
    pub fn refusing(mut self, refuse: fn(Unread) -> Response) -> Self {
        self.manners.refuse = refuse;
        self
    }

    /// Waits for its clients as long as that.
    #[must_use]
    pub fn waiting(mut self, patience: Patience) -> Self {
        self.manners.patience = patience;
        self
    }

    /// Comes to its end, as after a failure.
    #[cfg(test)]
    pub(crate) fn accept_nothing_more(&self) {
        self.connections.close();
    }

    /// Where it listens, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Serves until `stop` turns true, then lets what runs come to its end. Requests carry the peer's address as
    /// [`ConnectInfo<SocketAddr>`], where those of a Unix socket carry none, and the [`ClientCertificate`] that the client
    /// showed, if it did.
    pub async fn serve(self, app: Router, mut stop: watch::Receiver<bool>) {
        let all = self.connections.available_permits();
        loop {
            // A connection beyond the limit waits in the system's queue.
            let accepted = async {
                let permit = Arc::clone(&self.connections).acquire_owned().await.ok()?;
                Some((permit, self.accept().await))
            };
            let (permit, stream) = tokio::select! {
                () = turned(&mut stop) => break,
                accepted = accepted => match accepted {
                    Some((permit, Ok(stream))) => (permit, stream),
                    Some((_, Err(error))) => {
                        // Out of descriptors, or the client is gone again: neither is a reason to stop.
                        tracing::warn!(address = %self.address, %error, "could not accept a connection");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                    None => break,
                },
            };
            let (tls, stop) = (self.tls.clone(), stop.clone());
            let visit = |peer| Visit {
                peer,
                certificate: None,
                app: app.clone(),
                protocol: self.protocol,
                manners: self.manners,
                permit,
            };
            match stream {
                Stream::Tcp(stream, peer) => {
                    tokio::spawn(visit(Some(peer)).begin(stream, tls, stop));
                }
                Stream::Unix(stream) => {
                    tokio::spawn(visit(None).begin(stream, tls, stop));
                }
            }
        }
        let Self {
            socket,
            connections,
            address,
            ..
        } = self;
        drop(socket);
        let all = u32::try_from(all).unwrap_or(u32::MAX);
        let drained = tokio::time::timeout(DRAIN, connections.acquire_many(all)).await;
        if drained.is_err() {
            tracing::warn!(%address, "closed with requests still running");
        }
        if let Address::Unix(path) = &address {
            let _ = std::fs::remove_file(path);
        }
    }

    async fn accept(&self) -> io::Result<Stream> {
        match &self.socket {
            Socket::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                // Answers are one small packet; waiting for more would only cost the user time.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream, peer))
            }
            Socket::Unix(socket) => Ok(Stream::Unix(socket.accept().await?.0)),
        }
    }
}

enum Stream {
    Tcp(tokio::net::TcpStream, SocketAddr),
    Unix(tokio::net::UnixStream),
}

/// One connection.
struct Visit {
    peer: Option<SocketAddr>,
    certificate: Option<ClientCertificate>,
    app: Router,
    protocol: Protocol,
    manners: Manners,
    permit: OwnedSemaphorePermit,
}

impl Visit {
    async fn begin<S>(mut self, stream: S, tls: Option<TlsAcceptor>, stop: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = tls else {
            return self.converse(stream, stop).await;
        };
        let peer = self.peer;
        match tokio::time::timeout(self.manners.patience.handshake, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                self.certificate = tls::client(&stream);
                self.converse(stream, stop).await;
            }
            Ok(Err(error)) => tracing::debug!(?peer, %error, "no TLS session"),
            Err(_) => tracing::debug!(?peer, "no TLS session in time"),
        }
    }

    async fn converse<S>(self, stream: S, stop: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match self.protocol {
            Protocol::Http1 => self.converse_http1(stream, stop).await,
            Protocol::Http2 => http2::converse(self, stream, stop).await,
        }
    }

    async fn converse_http1<S>(self, stream: S, mut stop: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self {
            peer,
            certificate,
            app,
            manners,
            permit: _permit,
            protocol: _,
        } = self;
        let patience = manners.patience;
        let begun = Arc::new(AtomicBool::new(false));
        let service = hyper::service::service_fn({
            let begun = Arc::clone(&begun);
            move |mut request| {
                begun.store(true, Ordering::Relaxed);
                sign(&mut request, peer, certificate.clone());
                let app = app.clone();
                async move { Ok::<_, Infallible>(answer(app, request, peer, manners).await) }
            }
        });
        let stream = Strict::new(Unstalled::new(stream, patience.write));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience.head)
            .max_buf_size(LONGEST_BODY)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let mut first = std::pin::pin!(tokio::time::sleep(patience.first));
        let (mut is_waiting, mut is_stopping) = (true, false);
        let ended = loop {
            tokio::select! {
                ended = connection.as_mut() => break ended,
                () = turned(&mut stop), if !is_stopping => {
                    connection.as_mut().graceful_shutdown();
                    is_stopping = true;
                }
                () = first.as_mut(), if is_waiting => {
                    if !begun.load(Ordering::Relaxed) {
                        tracing::debug!(?peer, "a connection that asked for nothing");
                        return;
                    }
                    is_waiting = false;
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(?peer, %error, "a connection broke off");
        }
    }
}

async fn answer(
    app: Router,
    request: Request<Incoming>,
    peer: Option<SocketAddr>,
    manners: Manners,
) -> Response {
    let is_coded = request.headers().contains_key(TRANSFER_ENCODING);
    let answer = match whole(request, manners.patience.body).await {
        Ok(request) => match app.oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        },
        Err(unread) => {
            tracing::info!(
                ?peer,
                status = u64::from(unread.status().as_u16()),
                "a request without its end"
            );
            return last((manners.refuse)(unread));
        }
    };
    // Where a coded body ends is read by hyper alone: what follows it is not read at all.
    if is_coded { last(answer) } else { answer }
}

/// Writes on a request who sent it.
fn sign<B>(
    request: &mut Request<B>,
    peer: Option<SocketAddr>,
    certificate: Option<ClientCertificate>,
) {
    let extensions = request.extensions_mut();
    if let Some(peer) = peer {
        extensions.insert(ConnectInfo(peer));
    }
    if let Some(certificate) = certificate {
        extensions.insert(certificate);
    }
}

/// Returns when the host is to stop, or nobody is left who could say so.
async fn turned(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Takes away the socket that an earlier run left behind.
fn clear(path: &Path, address: &Address) -> Result<(), ListenError> {
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err(ListenError::NotASocket(address.clone()));
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(ListenError::Bind {
            address: address.clone(),
            source: io::ErrorKind::AddrInUse.into(),
        });
    }
    std::fs::remove_file(path).map_err(|source| ListenError::Bind {
        address: address.clone(),
        source,
    })
}

#[cfg(test)]
mod tests;
