//! Accepts connections for an HTTP router: TCP or a Unix socket, with or without TLS.
//!
//! Nothing that a client does or leaves undone holds more than one of a fixed number of connections, and that one only
//! for a bounded time: see [`Patience`]. A router is given whole requests alone, with a body of at most
//! [`LONGEST_BODY`] octets. A stop lets requests that run come to their end.

mod patience;
mod strict;

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
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::config::{Address, Door, Tls};
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
    manners: Manners,
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
    /// Binds the address.
    ///
    /// # Errors
    /// Where it cannot be served.
    pub async fn bind(door: &Door) -> Result<Self, ListenError> {
        let tls = door.tls.as_ref().map(acceptor).transpose()?;
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
    /// [`ConnectInfo<SocketAddr>`]; those of a Unix socket carry none.
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
                app: app.clone(),
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
    app: Router,
    manners: Manners,
    permit: OwnedSemaphorePermit,
}

impl Visit {
    async fn begin<S>(self, stream: S, tls: Option<TlsAcceptor>, stop: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = tls else {
            return self.converse(stream, stop).await;
        };
        let peer = self.peer;
        match tokio::time::timeout(self.manners.patience.handshake, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream, stop).await,
            Ok(Err(error)) => tracing::debug!(?peer, %error, "no TLS session"),
            Err(_) => tracing::debug!(?peer, "no TLS session in time"),
        }
    }

    async fn converse<S>(self, stream: S, mut stop: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self {
            peer,
            app,
            manners,
            permit: _permit,
        } = self;
        let patience = manners.patience;
        let begun = Arc::new(AtomicBool::new(false));
        let service = hyper::service::service_fn({
            let begun = Arc::clone(&begun);
            move |request| {
                begun.store(true, Ordering::Relaxed);
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
    mut request: Request<Incoming>,
    peer: Option<SocketAddr>,
    manners: Manners,
) -> Response {
    if let Some(peer) = peer {
        request.extensions_mut().insert(ConnectInfo(peer));
    }
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

/// TLS 1.2 and 1.3 with the chain and key of the files.
fn acceptor(tls: &Tls) -> Result<TlsAcceptor, ListenError> {
    let wrong = |path: &Path, problem: String| ListenError::Tls {
        path: path.to_owned(),
        problem,
    };
    let chain = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(&tls.certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(
            &tls.certificate,
            "there is no certificate in it".to_owned(),
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .map_err(|error| wrong(&tls.key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&tls.certificate, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| wrong(&tls.key, format!("does not fit the certificate: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{Read, Write};

    use axum::routing::get;

    use super::*;

    fn door(address: Address) -> Door {
        Door {
            address,
            tls: None,
            connections: 4,
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_unix_socket_is_for_owner_and_group_and_a_stop_lets_requests_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let door = door(Address::Unix(path.clone()));
        let listener = Listener::bind(&door).await.unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o660
        );

        let slow = || async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            "done"
        };
        let (stop, stopped) = watch::channel(false);
        let served = tokio::spawn(listener.serve(Router::new().route("/", get(slow)), stopped));
        let asked = tokio::task::spawn_blocking({
            let path = path.clone();
            move || {
                let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
                stream
                    .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    .unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                answer
            }
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.send(true).unwrap();
        assert!(asked.await.unwrap().ends_with("done"));
        served.await.unwrap();
        assert!(!path.exists(), "the socket goes with its listener");
    }

    /// Whoever sends a body octet by octet, nothing at all, or takes no answer, must not keep others out.
    #[tokio::test(flavor = "multi_thread")]
    async fn unfinished_requests_do_not_hold_the_connections() {
        let short = Duration::from_millis(50);
        let patience = Patience {
            first: short,
            body: short,
            write: short,
            ..Patience::default()
        };
        let listener = Listener::bind(&door("127.0.0.1:0".parse().unwrap()))
            .await
            .unwrap()
            .waiting(patience);
        let address = listener.address().to_string();
        let large = || async { "a".repeat(60_000) };
        let app = Router::new()
            .route("/", get("done").post("done"))
            .route("/large", get(large));
        let (stop, stopped) = watch::channel(false);
        let served = tokio::spawn(listener.serve(app, stopped));
        tokio::task::spawn_blocking(move || {
            let connect = |octets: &[u8]| {
                let mut stream = std::net::TcpStream::connect(&address).unwrap();
                stream.write_all(octets).unwrap();
                stream
            };
            let slow = connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n1");
            let coded =
                connect(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n1");
            let _silent = connect(b"");
            let greedy = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1_000);
            let _deaf = connect(greedy.as_bytes());
            let read = |mut stream: std::net::TcpStream| {
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                answer
            };
            // All four places are taken: this one has to wait until they are over.
            let next = connect(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            assert!(read(next).ends_with("done"));
            for stream in [slow, coded] {
                let answer = read(stream);
                assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
                assert!(answer.contains("connection: close"), "{answer}");
            }
        })
        .await
        .unwrap();
        stop.send(true).unwrap();
        served.await.unwrap();
    }

    /// An answer that needs nothing of the body must not be lost on a client that still sends it.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_body_is_read_before_it_is_answered_and_only_up_to_its_limit() {
        let listener = Listener::bind(&door("127.0.0.1:0".parse().unwrap()))
            .await
            .unwrap();
        let address = listener.address().to_string();
        let refused = || async { axum::http::StatusCode::UNAUTHORIZED };
        let app = Router::new().route("/", axum::routing::post(refused));
        let (stop, stopped) = watch::channel(false);
        let served = tokio::spawn(listener.serve(app, stopped));
        tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(&address).unwrap();
            let body = "a".repeat(LONGEST_BODY);
            for close in ["", "Connection: close\r\n"] {
                let length = body.len();
                let head = format!(
                    "POST / HTTP/1.1\r\nHost: a\r\n{close}Content-Length: {length}\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(body.as_bytes()).unwrap();
            }
            let mut answers = String::new();
            stream.read_to_string(&mut answers).unwrap();
            assert_eq!(answers.matches("HTTP/1.1 401 ").count(), 2, "{answers}");

            let chunk = format!("{:x}\r\n{body}\r\n1\r\na\r\n0\r\n\r\n", body.len());
            for (head, body) in [
                (
                    format!("Content-Length: {}", LONGEST_BODY + 1),
                    String::new(),
                ),
                ("Transfer-Encoding: chunked".to_owned(), chunk),
            ] {
                let mut stream = std::net::TcpStream::connect(&address).unwrap();
                let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n{body}");
                stream.write_all(text.as_bytes()).unwrap();
                let mut answer = [0; 13];
                stream.read_exact(&mut answer).unwrap();
                assert_eq!(&answer, b"HTTP/1.1 413 ", "{head}");
            }
        })
        .await
        .unwrap();
        stop.send(true).unwrap();
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_file_in_the_way_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious");
        std::fs::write(&path, "data").unwrap();
        let refused = Listener::bind(&door(Address::Unix(path.clone()))).await;
        assert!(matches!(refused, Err(ListenError::NotASocket(_))));
        assert_eq!(std::fs::read_to_string(path).unwrap(), "data");
    }

    #[tokio::test]
    async fn an_address_in_use_is_named() {
        let first = Listener::bind(&door("127.0.0.1:0".parse().unwrap()))
            .await
            .unwrap();
        let second = Listener::bind(&door(first.address().clone()))
            .await
            .err()
            .unwrap();
        assert!(
            second
                .to_string()
                .starts_with("cannot listen on 127.0.0.1:"),
            "{second}"
        );
    }
}
