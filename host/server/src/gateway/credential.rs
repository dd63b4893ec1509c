//! By what a gateway proves that it is one: a secret that it sends, a certificate that it shows, or both.

use std::path::Path;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::config::GatewaySection;
use crate::certificate::{ClientCertificate, Subject};
use crate::config::Secret;

/// What a gateway has to send and to show.
#[derive(Debug)]
pub struct Credential {
    /// The digest of its secret; none where it is known by a certificate alone.
    secret: Option<[u8; 32]>,
    /// Any of these; empty where it needs none.
    certificates: Vec<Subject>,
}

impl Credential {
    /// Checks what a table has. `folder` is what relative paths start at.
    ///
    /// # Errors
    /// Where the table has nothing, or a secret that cannot be used.
    pub fn new(section: &GatewaySection, folder: &Path) -> Result<Self, String> {
        let certificates = section.certificates.clone();
        let has_secret = section.secret.is_some() || section.secret_file.is_some();
        let secret = match has_secret || certificates.is_empty() {
            true => Some(secret(section, folder)?),
            false => None,
        };
        Ok(Self {
            secret,
            certificates,
        })
    }

    /// The digest under which a secret is compared: equal in length whatever was sent.
    #[must_use]
    pub fn digest(secret: &[u8]) -> [u8; 32] {
        Sha256::digest(secret).into()
    }

    /// Whether this is proof: the digest of the secret, compared in constant time, and one of the certificates, each where
    /// there has to be one. A secret where there has to be none proves nothing.
    #[must_use]
    pub fn is_proved_by(
        &self,
        secret: Option<&[u8; 32]>,
        certificate: Option<&ClientCertificate>,
    ) -> bool {
        let secret = match (&self.secret, secret) {
            (Some(own), Some(sent)) => bool::from(own.ct_eq(sent)),
            (None, None) => true,
            _ => false,
        };
        let shown = certificate.is_some_and(|shown| shown.is_one_of(&self.certificates));
        secret && (shown || self.certificates.is_empty())
    }

    /// Whether a certificate has to be shown.
    #[must_use]
    pub fn needs_a_certificate(&self) -> bool {
        !self.certificates.is_empty()
    }

    /// What proves both of them: `secret`, or a certificate where neither has a secret.
    #[must_use]
    pub fn shares(&self, other: &Self) -> Option<String> {
        match (&self.secret, &other.secret) {
            (Some(one), Some(another)) if one == another => Some("secret".to_owned()),
            (None, None) => {
                let mut all = self.certificates.iter();
                let shared = all.find(|one| other.certificates.contains(one))?;
                Some(format!("certificate, {shared}"))
            }
            _ => None,
        }
    }
}

fn secret(section: &GatewaySection, folder: &Path) -> Result<[u8; 32], String> {
    let secret = Secret::from_either(
        folder,
        section.secret.as_ref(),
        section.secret_file.as_deref(),
    )?;
    if !secret.as_bytes().iter().all(u8::is_ascii_graphic) {
        return Err("expected visible ASCII characters only, as it travels in a header".into());
    }
    Ok(secret.sha256())
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::gateway::config::Gateways;
    use crate::names::Names;

    const GATEWAY: &str = r#"
        name = "proxy"
        peers = ["127.0.0.1/32"]
        hosts = ["app.example.com"]
        application = "wiki"
    "#;

    #[test]
    fn a_gateway_shows_whatever_its_table_asks_for() {
        const SECRETS: [&str; 2] = ["0123456789abcdef", "fedcba9876543210"];
        let gateway = |name: &str, secret: Option<&str>, certificates: &[&str]| {
            let mut section: GatewaySection = toml::from_str(GATEWAY).unwrap();
            section.name = name.into();
            section.secret = secret.map(|secret| Secret::new(secret.into()));
            section.certificates = certificates
                .iter()
                .map(|one| one.parse().unwrap())
                .collect();
            section
        };
        let all = [
            gateway("secret", Some(SECRETS[0]), &[]),
            gateway("both", Some(SECRETS[1]), &["dns:gateway.example"]),
            gateway("certificate", None, &["uri:spiffe://example.com/gateway"]),
            gateway("another", None, &["dns:another.example"]),
        ];
        let gateways = Gateways::new(&all, Names::default(), Path::new(".")).unwrap();
        let certificate = |pem: &[u8]| {
            let der = rustls::pki_types::pem::PemObject::from_pem_slice(pem).unwrap();
            ClientCertificate::read(&der)
        };
        let own = certificate(include_bytes!("../../../../tests/fixtures/tls/gateway.pem"));
        let another = certificate(include_bytes!("../../../../tests/fixtures/tls/another.pem"));
        let here = Some(IpAddr::from([127, 0, 0, 1]));
        let there = Some(IpAddr::from([127, 0, 0, 2]));
        for (peer, secret, shown, expected) in [
            (here, Some(SECRETS[0]), None, Some("secret")),
            (here, Some(SECRETS[0]), Some(&own), Some("secret")),
            (here, Some(SECRETS[1]), Some(&own), Some("both")),
            (here, Some(SECRETS[1]), Some(&another), None),
            (here, Some(SECRETS[1]), None, None),
            (here, None, Some(&own), Some("certificate")),
            (here, None, Some(&another), Some("another")),
            (here, None, None, None),
            // A secret that is wrong is not made good by a certificate that is right.
            (here, Some("wrong-secret-of-all"), Some(&own), None),
            (here, Some(""), Some(&own), None),
            (there, None, Some(&own), None),
            (None, None, Some(&own), None),
        ] {
            let found = gateways.recognise(peer, secret.map(str::as_bytes), shown);
            assert_eq!(
                found.map(|gateway| gateway.name.as_str()),
                expected,
                "{peer:?} {secret:?}"
            );
        }

        let two = [
            gateway("one", None, &["dns:a.example", "dns:b.example"]),
            gateway("two", None, &["dns:c.example", "dns:B.example"]),
        ];
        let error = Gateways::new(&two, Names::default(), Path::new(".")).unwrap_err();
        assert!(error.contains("dns:b.example"), "{error}");
        // A certificate that has the names of both is of neither.
        let two = [
            gateway("one", None, &["dns:gateway.example"]),
            gateway("two", None, &["uri:spiffe://example.com/gateway"]),
        ];
        let both = Gateways::new(&two, Names::default(), Path::new(".")).unwrap();
        assert!(both.recognise(here, None, Some(&own)).is_none());
    }
}
