//! Who the user is, by a signed token (RFC 7519) that the proxy passes on.
//!
//! Everything about a token but its signature is its sender's word, so its header chooses nothing: which algorithms count,
//! and where keys are, is configured. `jku`, `jwk`, `x5u` and `x5c` are not looked at, and `kid` is compared with the names
//! of the keys that are held and nothing else. The steps are those of RFC 7515 section 5.2 and RFC 7519 section 7.2, with
//! the choices of RFC 8725.

use std::path::{Path, PathBuf};

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::jwks::Algorithm;
use super::keys::Keys;
use super::{Identity, IdentityError, groups, header_name, json, single};
use crate::names::Names;

/// The longest token that is looked at, in octets.
const LONGEST: usize = 16 * 1024;
/// Clocks differ by no more than this, in seconds.
const MOST_LEEWAY: u64 = 300;

/// `[gateway.jwt]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct JwtSection {
    /// The header that has the token, with or without `Bearer` before it. Absent: `Authorization`.
    #[serde(default = "authorization")]
    pub header: String,
    /// A file with the issuer's keys (a JWK set), relative to the configuration file. Give this or `jwks-url`.
    #[serde(default)]
    pub jwks_file: Option<PathBuf>,
    /// Where the issuer publishes its keys: `https` only.
    #[serde(default)]
    pub jwks_url: Option<String>,
    /// A PEM file with the authorities that may vouch for that address. Absent: those of the system.
    #[serde(default)]
    pub jwks_ca: Option<PathBuf>,
    /// For how long keys are used after they were last seen: 60 to 2,592,000 seconds. Absent: a day.
    #[serde(default = "a_day")]
    pub jwks_keep_seconds: u64,
    /// The algorithms that count: `RS256`, `ES256`, `EdDSA`.
    pub algorithms: Vec<Algorithm>,
    /// Who has to have issued it: the whole of `iss`.
    pub issuer: String,
    /// For whom it has to be: one of these is in `aud`.
    pub audience: Vec<String>,
    /// By how much clocks may differ: at most 300 seconds. Absent: 60.
    #[serde(default = "a_minute")]
    pub leeway_seconds: u64,
    /// The claim that is the user's name. Absent: `sub`.
    #[serde(default = "subject")]
    pub user_claim: String,
    /// The claim that has the user's groups, as a list or as one text. Absent: none.
    #[serde(default)]
    pub groups_claim: Option<String>,
}

fn authorization() -> String {
    "Authorization".to_owned()
}

fn a_day() -> u64 {
    86_400
}

fn a_minute() -> u64 {
    60
}

fn subject() -> String {
    "sub".to_owned()
}

/// Reads tokens.
#[derive(Debug)]
pub struct Jwt {
    header: HeaderName,
    keys: Keys,
    algorithms: Vec<Algorithm>,
    issuer: String,
    audience: Vec<String>,
    leeway: u64,
    user_claim: String,
    groups_claim: Option<String>,
}

impl Jwt {
    /// Checks the table. `folder` is what relative paths start at.
    ///
    /// # Errors
    /// The key that is wrong, a colon, and what is expected.
    pub fn new(section: &JwtSection, folder: &Path) -> Result<Self, String> {
        let said = |key: &str, problem: String| format!("jwt.{key}: {problem}");
        if section.algorithms.is_empty() {
            return Err(said("algorithms", "expected at least one".into()));
        }
        if section.audience.is_empty() || section.audience.iter().any(String::is_empty) {
            let problem = "expected at least one: without it a token for anybody else would do";
            return Err(said("audience", problem.into()));
        }
        if section.issuer.is_empty() {
            return Err(said("issuer", "expected what `iss` has to be".into()));
        }
        if section.leeway_seconds > MOST_LEEWAY {
            return Err(said(
                "leeway-seconds",
                format!("expected at most {MOST_LEEWAY}"),
            ));
        }
        if !(60..=2_592_000).contains(&section.jwks_keep_seconds) {
            return Err(said(
                "jwks-keep-seconds",
                "expected 60 to 2592000 (30 days)".into(),
            ));
        }
        let keep = section.jwks_keep_seconds.saturating_mul(1_000);
        let ca = section.jwks_ca.as_ref().map(|file| folder.join(file));
        let keys = match (&section.jwks_file, &section.jwks_url) {
            (Some(file), None) => {
                Keys::of_file(&folder.join(file), keep).map_err(|it| said("jwks-file", it))?
            }
            (None, Some(url)) => {
                Keys::of_address(url, ca.as_deref(), keep).map_err(|it| said("jwks-url", it))?
            }
            _ => {
                let problem = "expected one of jwks-file and jwks-url";
                return Err(said("jwks-url", problem.into()));
            }
        };
        Ok(Self {
            header: header_name("jwt.header", &section.header)?,
            keys,
            algorithms: section.algorithms.clone(),
            issuer: section.issuer.clone(),
            audience: section.audience.clone(),
            leeway: section.leeway_seconds,
            user_claim: section.user_claim.clone(),
            groups_claim: section.groups_claim.clone(),
        })
    }

    /// Looks after the issuer's keys.
    pub async fn refresh(&self, now: u64) {
        self.keys.refresh(now).await;
    }

    /// What a client is asked for, where the token is one that it sends itself.
    pub(super) fn challenge(&self) -> Option<HeaderValue> {
        (self.header == AUTHORIZATION).then(|| HeaderValue::from_static("Bearer"))
    }

    /// Whom the request's token is of; none where there is none.
    ///
    /// # Errors
    /// Where it is not accepted.
    pub async fn identify(
        &self,
        names: &Names,
        headers: &HeaderMap,
        now: u64,
    ) -> Result<Option<Identity>, IdentityError> {
        let Some(value) = single(headers, &self.header)? else {
            return Ok(None);
        };
        let token = match value.split_at_checked(7) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii(),
            // Another scheme is another credential, and not of this first factor.
            _ if self.header == AUTHORIZATION => return Ok(None),
            _ => value,
        };
        if token.is_empty() {
            return Ok(None);
        }
        let claims = self.claims(token, now).await?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let user = text(&self.user_claim).ok_or(IdentityError::Refused(
            "the claim with the user's name is no text",
        ))?;
        // An address that nobody has verified is the user's own choice.
        if self.user_claim == "email"
            && claims
                .get("email_verified")
                .is_some_and(|it| it != &Value::Bool(true))
        {
            return Err(IdentityError::Refused("the mail address is not verified"));
        }
        Ok(Some(Identity {
            user: names.canonical(user.as_bytes())?,
            groups: self.groups(&claims)?,
        }))
    }

    fn groups(&self, claims: &Map<String, Value>) -> Result<Vec<String>, IdentityError> {
        let Some(found) = self.groups_claim.as_ref().and_then(|name| claims.get(name)) else {
            return Ok(Vec::new());
        };
        let found = match found {
            Value::String(one) => vec![one.clone()],
            Value::Array(list) => list
                .iter()
                .map(|group| group.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or(IdentityError::Refused("a group is no text"))?,
            _ => return Err(IdentityError::Refused("the groups are no list of texts")),
        };
        groups(found)
    }

    /// The claims of a token that is signed, of the issuer, for us, and of now.
    async fn claims(&self, token: &[u8], now: u64) -> Result<Map<String, Value>, IdentityError> {
        let refused = IdentityError::Refused;
        if token.len() > LONGEST {
            return Err(refused("the token is too long"));
        }
        // RFC 7515 section 5.2, steps 1 to 3: five parts are an encrypted token, which nobody here can read.
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(refused("the token has not three parts"));
        };
        let decode = |part: &[u8]| {
            URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| refused("a part of the token is no base64url"))
        };
        let head = json::object(&decode(header)?).ok_or(refused(
            "the token's header is no object with each name once",
        ))?;
        let algorithm = self.algorithm(&head)?;
        let kid = match head.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.as_str()),
            Some(_) => return Err(refused("the key's name is no text")),
        };
        let signature = decode(signature)?;
        let signed = token
            .get(..header.len().saturating_add(payload.len()).saturating_add(1))
            .unwrap_or_default();
        let keys = self
            .keys
            .with(kid, algorithm, now)
            .await
            .map_err(|error| {
                tracing::error!(error, "a token cannot be checked");
                IdentityError::Unavailable("there are no keys of the issuer")
            })?
            .ok_or(refused("no key of that name is the issuer's"))?;
        if !keys
            .find(kid, algorithm)
            .is_some_and(|key| key.signed(signed, &signature))
        {
            return Err(refused("the signature is not the issuer's"));
        }
        let claims = json::object(&decode(payload)?)
            .ok_or(refused("the claims are no object with each name once"))?;
        self.check(&claims, now)?;
        Ok(claims)
    }

    fn algorithm(&self, head: &Map<String, Value>) -> Result<Algorithm, IdentityError> {
        let refused = IdentityError::Refused;
        // Nothing that would have to be understood is (RFC 7515 section 4.1.11).
        if head.contains_key("crit") || head.contains_key("b64") {
            return Err(refused("the token demands what is not understood"));
        }
        // Logout tokens and their like are signed with the same keys, and sign nobody in (RFC 8725 section 3.11).
        let kind = match head.get("typ") {
            None => None,
            Some(Value::String(kind)) => Some(kind.to_ascii_lowercase()),
            Some(_) => return Err(refused("the token's type is no text")),
        };
        let kind = kind
            .as_deref()
            .map(|it| it.strip_prefix("application/").unwrap_or(it));
        if !matches!(kind, None | Some("jwt" | "at+jwt")) {
            return Err(refused("the token is of another type"));
        }
        head.get("alg")
            .and_then(Value::as_str)
            .and_then(Algorithm::named)
            .filter(|algorithm| self.algorithms.contains(algorithm))
            .ok_or(refused("the algorithm is none that is configured"))
    }

    fn check(&self, claims: &Map<String, Value>, now: u64) -> Result<(), IdentityError> {
        let refused = IdentityError::Refused;
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(refused("the token is of another issuer"));
        }
        let ours = |audience: &Value| {
            audience
                .as_str()
                .is_some_and(|audience| self.audience.iter().any(|our| our == audience))
        };
        let for_us = match claims.get("aud") {
            Some(Value::Array(list)) => list.iter().any(ours),
            Some(one) => ours(one),
            None => false,
        };
        if !for_us {
            return Err(refused("the token is for somebody else"));
        }
        let instant = |name: &'static str| match claims.get(name) {
            None => Ok(None),
            Some(value) => value
                .as_f64()
                .filter(|at| (0.0..=253_402_300_799.0).contains(at))
                .map(Some)
                .ok_or(refused("an instant of the token is none")),
        };
        let (now, leeway) = (now as f64 / 1_000.0, self.leeway as f64);
        let Some(end) = instant("exp")? else {
            return Err(refused("the token has no end"));
        };
        if now >= end + leeway {
            return Err(refused("the token has expired"));
        }
        for name in ["nbf", "iat"] {
            if instant(name)?.is_some_and(|at| at > now + leeway) {
                return Err(refused("the token is not valid yet"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
