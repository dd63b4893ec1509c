//! Who the user is, by a client certificate that the proxy has verified and tells of.
//!
//! Proxies tell of it in three forms: the subject as text, the certificate itself, or Envoy's
//! `x-forwarded-client-cert`. Which part of it is the user's name is configured, and it has to be there once: of two, nobody
//! knows which one was meant.

use axum::http::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::asn1::ObjectIdentifier;
use der::{AnyRef, Decode};
use percent_encoding::percent_decode;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use x509_cert::certificate::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::distinguished_name::{self, Attribute, text_of};
use super::{Identity, IdentityError, header_name, single};
use crate::names::Names;

/// The longest header that is looked at, in octets: a certificate with its chain.
const LONGEST: usize = 32 * 1024;
/// Microsoft's user principal name among a certificate's other names.
const UPN: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

/// `[gateway.client-certificate]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClientCertificateSection {
    /// The header in which the proxy tells of the certificate.
    pub header: String,
    /// How it does. Absent: `subject`.
    #[serde(default)]
    pub format: Format,
    /// Which part is the user's name. Absent: `cn`.
    #[serde(default)]
    pub user: Part,
    /// The header in which the proxy tells whether it has verified the certificate. Give this or `proxy-verifies`.
    #[serde(default)]
    pub verify_header: Option<String>,
    /// What that header says of a certificate that is right. Absent: `SUCCESS`, as nginx says it.
    #[serde(default = "success")]
    pub verified: String,
    /// That the proxy passes on nothing that it has not verified.
    #[serde(default)]
    pub proxy_verifies: bool,
}

fn success() -> String {
    "SUCCESS".to_owned()
}

/// How a proxy tells of a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The subject's distinguished name (RFC 4514): nginx, HAProxy, Caddy.
    #[default]
    Subject,
    /// The certificate: in base64, as `Client-Cert` has it (RFC 9440), or as PEM with percent signs.
    Certificate,
    /// Envoy's `x-forwarded-client-cert`.
    Xfcc,
}

/// Which part of a certificate is the user's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The subject's common name.
    #[default]
    Cn,
    /// The subject's user id.
    Uid,
    /// The subject's mail address.
    SubjectEmail,
    /// The mail address among the alternative names.
    Email,
    /// The user principal name among the alternative names.
    Upn,
    /// The URI among the alternative names.
    Uri,
}

impl Part {
    fn attribute(self) -> Option<Attribute> {
        match self {
            Self::Cn => Some(Attribute::CommonName),
            Self::Uid => Some(Attribute::UserId),
            Self::SubjectEmail => Some(Attribute::Email),
            Self::Email | Self::Upn | Self::Uri => None,
        }
    }
}

/// Reads what a proxy tells.
#[derive(Debug)]
pub struct ClientCertificate {
    header: HeaderName,
    format: Format,
    user: Part,
    verified: Option<(HeaderName, String)>,
}

impl ClientCertificate {
    /// Checks the table.
    ///
    /// # Errors
    /// The key that is wrong, a colon, and what is expected.
    pub fn new(section: &ClientCertificateSection) -> Result<Self, String> {
        let said = |key: &str, problem: &str| format!("client-certificate.{key}: {problem}");
        let verified = match (&section.verify_header, section.proxy_verifies) {
            (Some(name), false) => {
                let name = header_name("client-certificate.verify-header", name)?;
                Some((name, section.verified.clone()))
            }
            (None, true) => None,
            _ => {
                return Err(said(
                    "verify-header",
                    "expected the header in which the proxy says that it has verified the certificate, or \
                     proxy-verifies = true if it lets no other through",
                ));
            }
        };
        if section.verified.is_empty() {
            return Err(said("verified", "expected what that header says"));
        }
        if section.format == Format::Subject && section.user.attribute().is_none() {
            return Err(said(
                "user",
                "is not in the subject: set format = \"certificate\" and send the certificate",
            ));
        }
        Ok(Self {
            header: header_name("client-certificate.header", &section.header)?,
            format: section.format,
            user: section.user,
            verified,
        })
    }

    /// Whose certificate the request came with; none where it came with none.
    ///
    /// # Errors
    /// Where it was not verified, or does not tell the user's name.
    pub fn identify(
        &self,
        names: &Names,
        headers: &HeaderMap,
    ) -> Result<Option<Identity>, IdentityError> {
        const UNREADABLE: IdentityError =
            IdentityError::Refused("what the proxy says of the certificate cannot be read");
        let told = match single(headers, &self.header)? {
            None | Some(b"") => return Ok(None),
            Some(told) => told,
        };
        if let Some((name, expected)) = &self.verified
            && single(headers, name)? != Some(expected.as_bytes())
        {
            return Err(IdentityError::Refused("the certificate was not verified"));
        }
        if told.len() > LONGEST {
            return Err(UNREADABLE);
        }
        let text = std::str::from_utf8(told).map_err(|_| UNREADABLE)?;
        let found = match self.format {
            Format::Subject => self.of_subject(text),
            Format::Certificate => certificate(text).and_then(|der| self.of_certificate(&der)),
            Format::Xfcc => self.of_xfcc(text),
        }
        .ok_or(UNREADABLE)?;
        match found.as_slice() {
            [one] => Ok(Some(Identity::of(names.canonical(one.as_bytes())?))),
            _ => Err(IdentityError::Refused(
                "the certificate does not have the user's name exactly once",
            )),
        }
    }

    fn of_subject(&self, text: &str) -> Option<Vec<String>> {
        distinguished_name::values(text, self.user.attribute()?)
    }

    fn of_certificate(&self, der: &[u8]) -> Option<Vec<String>> {
        let certificate = Certificate::from_der(der).ok()?;
        let certificate = certificate.tbs_certificate();
        if let Some(attribute) = self.user.attribute() {
            let mut found = Vec::new();
            for rdn in certificate.subject().iter_rdn() {
                for pair in rdn.iter() {
                    if pair.oid.to_string() == attribute.oid() {
                        found.push(text_of(AnyRef::from(&pair.value))?);
                    }
                }
            }
            return Some(found);
        }
        let alternatives = match certificate.get_extension::<SubjectAltName>().ok()? {
            Some((_, alternatives)) => alternatives.0,
            None => Vec::new(),
        };
        let mut found = Vec::new();
        for name in &alternatives {
            match (self.user, name) {
                (Part::Email, GeneralName::Rfc822Name(name)) => found.push(name.to_string()),
                (Part::Uri, GeneralName::UniformResourceIdentifier(name)) => {
                    found.push(name.to_string());
                }
                (Part::Upn, GeneralName::OtherName(other)) if other.type_id == UPN => {
                    found.push(text_of(AnyRef::from(&other.value))?);
                }
                _ => {}
            }
        }
        Some(found)
    }

    /// Elements are parted by commas, each has pairs parted by semicolons. More than one element are those of several hops,
    /// and which of them is the client's depends on who added to it: the proxy has to send its own alone.
    fn of_xfcc(&self, text: &str) -> Option<Vec<String>> {
        let pairs = xfcc(text)?;
        let has = |key: &str| {
            let mut names = pairs.iter().map(|(name, _)| name);
            names.any(|name| name.eq_ignore_ascii_case(key))
        };
        let only = |key: &str| {
            let mut found = pairs
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(key))
                .map(|(_, value)| value.clone());
            match (found.next(), found.next()) {
                (Some(one), None) if !one.is_empty() => Some(one),
                _ => None,
            }
        };
        // Envoy quotes the subject, and not the alternative names: what stands in one of them must not count for another key. So
        // the certificate itself is read only where no other key has the name.
        match self.user {
            Part::Uri if has("uri") => Some(vec![only("uri")?]),
            Part::Cn | Part::Uid | Part::SubjectEmail if has("subject") => {
                self.of_subject(&only("subject")?)
            }
            _ => self.of_certificate(&certificate(&only("cert")?)?),
        }
    }
}

/// The pairs of a single element; none where there are more, or it is malformed.
fn xfcc(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let mut name = String::new();
        loop {
            match chars.next()? {
                '=' => break,
                c if c.is_ascii_alphabetic() => name.push(c),
                _ => return None,
            }
        }
        let mut value = String::new();
        if chars.next_if_eq(&'"').is_some() {
            loop {
                match chars.next()? {
                    '"' => break,
                    // Envoy escapes quotation marks and nothing else: the backslashes of a name in it are its own.
                    '\\' if chars.peek() == Some(&'"') => value.extend(chars.next()),
                    c => value.push(c),
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| !matches!(c, ';' | ',' | '"')) {
                value.push(c);
            }
        }
        pairs.push((name, value));
        match chars.next() {
            None => return Some(pairs),
            Some(';') => {}
            Some(_) => return None,
        }
    }
}

/// The certificate of a header: the first one, which is the client's own.
fn certificate(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if let Some(inside) = text.strip_prefix(':') {
        // A byte sequence of RFC 8941 section 3.3.5.
        return STANDARD.decode(inside.strip_suffix(':')?).ok();
    }
    if text.contains(['-', '%']) {
        // `+` is a plus sign here: proxies encode as RFC 3986 has it.
        let pem: Vec<u8> = percent_decode(text.as_bytes()).collect();
        let first = CertificateDer::pem_slice_iter(&pem).next()?.ok()?;
        return Some(first.to_vec());
    }
    STANDARD.decode(text.split(',').next()?).ok()
}

#[cfg(test)]
mod tests;
