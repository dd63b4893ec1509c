//! TLS 1.2 and 1.3 of a listener, and who its client is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::ListenError;
use crate::certificate::ClientCertificate;
use crate::config::Tls;

/// Speaks TLS with the chain and key of the files, and the one protocol `alpn` inside (RFC 7301). Where there is a
/// `client-ca`, a client may show a certificate: one that it did not sign ends the session; one that is not shown is for
/// those to miss who need it.
///
/// # Errors
/// Where a file cannot be used.
pub(super) fn acceptor(tls: &Tls, alpn: &[u8]) -> Result<TlsAcceptor, ListenError> {
    let chain = certificates(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .map_err(|error| wrong(&tls.key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&tls.certificate, error.to_string()))?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => builder.with_client_cert_verifier(clients(path, provider)?),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| wrong(&tls.key, format!("does not fit the certificate: {error}")))?;
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The certificate that the client of a session has shown, verified.
pub(super) fn client<S>(stream: &TlsStream<S>) -> Option<ClientCertificate> {
    let (_, session) = stream.get_ref();
    session
        .peer_certificates()?
        .first()
        .map(ClientCertificate::read)
}

fn clients(
    path: &Path,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, ListenError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| wrong(path, format!("is no authority: {error}")))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| wrong(path, error.to_string()))
}

/// All certificates of a PEM file: at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ListenError> {
    let all = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(path, error.to_string()))?;
    if all.is_empty() {
        return Err(wrong(path, "there is no certificate in it".to_owned()));
    }
    Ok(all)
}

fn wrong(path: &Path, problem: String) -> ListenError {
    ListenError::Tls {
        path: PathBuf::from(path),
        problem,
    }
}
