//! HTTP over TLS to a guarded site.

use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::http::{Answer, answers, exchange_over, request};
use crate::program::project;

/// The name in tests/fixtures/tls/site.pem.
pub const SITE: &str = "app.example.com";

/// [`crate::http::send`] over TLS, to that port of this machine as to [`SITE`]: whoever shows no certificate of that name, by
/// the authority in tests/fixtures/tls/site-authority.pem, is sent nothing.
///
/// # Errors
/// Where nobody listens, the certificate is another one, or the answer cannot be read.
pub fn send(
    port: u16,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> anyhow::Result<Answer> {
    let authority = project("tests/fixtures/tls/site-authority.pem");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from(SITE)?)?;
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("connecting to port {port}"))?;
    socket.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut stream = StreamOwned::new(connection, socket);
    // The handshake by itself: what fails there is no answer that was cut off.
    stream.conn.complete_io(&mut stream.sock)?;
    let text = request(port, method, target, headers, body);
    let octets = exchange_over(&mut stream, text.as_bytes())?;
    let first = answers(&octets)?.into_iter().next();
    first.with_context(|| format!("no answer to {method} {target}"))
}
