//! Whose certificates are taken for those of servers that the host itself connects to.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// TLS towards such a server: the authorities of a PEM file and no others, or those of the system where none is named.
///
/// # Errors
/// Where the file cannot be read, has no certificate in it, or the system has no authorities.
pub fn client(ca: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let shown = path.display();
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(|found| found.collect::<Result<Vec<_>, _>>())
                .map_err(|error| format!("cannot read {shown}: {error}"))?;
            if certificates.is_empty() {
                return Err(format!("{shown} has no certificate in it"));
            }
            for certificate in certificates {
                roots
                    .add(certificate)
                    .map_err(|error| format!("{shown}: {error}"))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err("the system has no certificate authorities: name a file".to_owned());
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .map(Arc::new)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_authority_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "nothing\n").unwrap();
        assert!(client(Some(&empty)).unwrap_err().contains("no certificate"));
        let missing = folder.path().join("missing.pem");
        assert!(client(Some(&missing)).unwrap_err().contains("cannot read"));
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tls");
        assert!(client(Some(&tests.join("authority.pem"))).is_ok());
    }
}
