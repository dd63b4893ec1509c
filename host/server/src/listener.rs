//! Accepts connections for an HTTP router: TCP or a Unix socket, with or without TLS.
//!
//! Nothing that a client does or leaves undone holds more than one of a fixed number of connections, and that one only
//! for a bounded time: TLS has ten seconds, the head of a request 75 (longer than the keep-alive of the usual gateways,
//! so that the gateway is the one to close). A stop lets requests that run come to their end.

mod strict;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, TRANSFER_ENCODING};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::config::{Address, Door, Tls};
use strict::Strict;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take to send the head of a request, the wait between two requests included.
const HEAD: Duration = Duration::from_secs(75);
/// How long requests may still run after a stop.
const DRAIN: Duration = Duration::from_secs(10);

/// A bound address, ready to serve.
pub struct Listener {
    socket: Socket,
    tls: Option<TlsAcceptor>,
    connections: Arc<Semaphore>,
    address: Address,
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
        })
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
            let (app, tls, stop) = (app.clone(), self.tls.clone(), stop.clone());
            tokio::spawn(async move {
                match stream {
                    Stream::Tcp(stream, peer) => {
                        handshake(stream, tls, Some(peer), app, stop).await
                    }
                    Stream::Unix(stream) => handshake(stream, tls, None, app, stop).await,
                }
                drop(permit);
            });
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

async fn handshake<S>(
    stream: S,
    tls: Option<TlsAcceptor>,
    peer: Option<SocketAddr>,
    app: Router,
    stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(tls) = tls else {
        return converse(stream, peer, app, stop).await;
    };
    match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => converse(stream, peer, app, stop).await,
        Ok(Err(error)) => tracing::debug!(?peer, %error, "no TLS session"),
        Err(_) => tracing::debug!(?peer, "no TLS session in time"),
    }
}

async fn converse<S>(
    stream: S,
    peer: Option<SocketAddr>,
    app: Router,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let is_last = request.headers().contains_key(TRANSFER_ENCODING);
        let answer = app.clone().oneshot(request.map(Body::new));
        async move {
            let mut answer = answer.await?;
            if is_last {
                // Where such a body ends is read by hyper alone: what follows it is not read at all.
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(Strict::new(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = turned(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(?peer, %error, "a connection broke off");
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
