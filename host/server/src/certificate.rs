//! Who a client is by the certificate that it showed when the TLS session began (RFC 8446 section 4.4.2).
//!
//! The listener verifies that one of its `client-ca` signed the certificate, for a client and for now. Whose it is, is
//! looked up here: by what it is itself (SHA-256), or by a name that the authority put into it (RFC 5280 section
//! 4.2.1.6: DNS names, and URIs such as SPIFFE's).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Deserializer, de};
use sha2::{Digest, Sha256};
use webpki::EndEntityCert;

/// One way to say whose certificate is meant: `dns:NAME`, `uri:URI` or `sha256:DIGEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A DNS name of the certificate, in lower case. Wildcards name nobody.
    Dns(String),
    /// A URI of the certificate, such as `spiffe://example.com/envoy`, octet by octet.
    Uri(String),
    /// SHA-256 of the certificate in DER.
    Sha256([u8; 32]),
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` names no certificate: write dns:NAME or uri:URI as its subjectAltName has it, or sha256: and \
                 the 64 hexadecimal digits of `openssl x509 -noout -fingerprint -sha256`"
            )
        };
        match text.split_once(':') {
            Some(("dns", name)) if is_dns_name(name) => Ok(Self::Dns(name.to_ascii_lowercase())),
            Some(("uri", uri))
                if uri.contains(':') && uri.bytes().all(|b| b.is_ascii_graphic()) =>
            {
                Ok(Self::Uri(uri.to_owned()))
            }
            Some(("sha256", digits)) => {
                let mut digest = [0; 32];
                // openssl writes a colon between two octets.
                hex::decode_to_slice(digits.replace(':', ""), &mut digest).map_err(|_| wrong())?;
                Ok(Self::Sha256(digest))
            }
            _ => Err(wrong()),
        }
    }
}

impl<'de> Deserialize<'de> for Subject {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::Uri(uri) => write!(f, "uri:{uri}"),
            Self::Sha256(digest) => write!(f, "sha256:{}", hex::encode(digest)),
        }
    }
}

/// A client's certificate that a listener has verified: everything that it may be called.
#[derive(Clone, Debug)]
pub struct ClientCertificate(Arc<[Subject]>);

impl ClientCertificate {
    /// Reads the names of a certificate; one that cannot be read has only its digest.
    #[must_use]
    pub fn read(certificate: &CertificateDer<'_>) -> Self {
        let mut subjects = vec![Subject::Sha256(Sha256::digest(certificate).into())];
        if let Ok(read) = EndEntityCert::try_from(certificate) {
            let names = read.valid_dns_names().filter(|name| is_dns_name(name));
            subjects.extend(names.map(|name| Subject::Dns(name.to_ascii_lowercase())));
            subjects.extend(
                read.valid_uri_names()
                    .map(|uri| Subject::Uri(uri.to_owned())),
            );
        }
        Self(subjects.into())
    }

    /// Whether it is one of these.
    #[must_use]
    pub fn is_one_of(&self, subjects: &[Subject]) -> bool {
        self.0.iter().any(|own| subjects.contains(own))
    }
}

/// Labels of letters, digits, hyphens and underscores: no wildcard.
fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    const GATEWAY: &[u8] = include_bytes!("../../../tests/fixtures/tls/gateway.pem");

    #[test]
    fn a_certificate_is_known_by_its_names_and_its_digest() {
        let der = CertificateDer::from_pem_slice(GATEWAY).unwrap();
        let certificate = ClientCertificate::read(&der);
        let digest = format!("sha256:{}", hex::encode_upper(Sha256::digest(&der)));
        for (text, expected) in [
            ("dns:gateway.example", true),
            ("dns:GATEWAY.example", true),
            ("dns:gateway.example.com", false),
            // It has *.wild.example: whoever signs that has named nobody.
            ("dns:a.wild.example", false),
            ("uri:spiffe://example.com/gateway", true),
            ("uri:spiffe://example.com/Gateway", false),
            ("uri:spiffe://example.com", false),
            // The subject's common name is no name.
            ("dns:common.example", false),
            (digest.as_str(), true),
        ] {
            let subject: Subject = text.parse().unwrap();
            assert_eq!(certificate.is_one_of(&[subject]), expected, "{text}");
        }
        assert!(!certificate.is_one_of(&[]));
    }

    #[test]
    fn what_names_no_certificate_is_refused_with_the_way_out() {
        for text in [
            "gateway.example",
            "dns:",
            "dns:*.example",
            "dns:a b",
            "uri:",
            "uri:no scheme",
            "uri:plain",
            "sha256:abc",
            "cn:gateway",
            "",
        ] {
            let problem = text.parse::<Subject>().unwrap_err();
            assert!(problem.contains("write dns:NAME"), "{text}: {problem}");
        }
    }
}
