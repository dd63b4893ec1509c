//! Who is calling: `Authorization: Bearer NAME:SECRET`.

use std::collections::HashMap;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use cofactor_runtime::store::Name;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::config::Client;
use crate::names::CanonicalName;

use super::bucket::Bucket;

/// Every program that may call.
#[derive(Debug)]
pub(super) struct Clients(HashMap<String, Caller>);

/// One of them, with what it may still ask for.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) client: Client,
    bucket: Bucket,
}

impl Clients {
    pub(super) fn new(clients: Vec<Client>) -> Self {
        Self(
            clients
                .into_iter()
                .map(|client| {
                    let bucket = Bucket::new(client.requests_per_second);
                    (client.name.clone(), Caller { client, bucket })
                })
                .collect(),
        )
    }

    /// The client whose credential the request carries. Unknown names take the same time as wrong secrets; a request
    /// with two credentials has none.
    pub(super) fn of(&self, headers: &HeaderMap) -> Option<&Caller> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (value, None) = (values.next()?, values.next()) else {
            return None;
        };
        let (scheme, credential) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (name, secret) = credential.trim().split_once(':')?;
        let digest: [u8; 32] = Sha256::digest(secret).into();
        let caller = self.0.get(name);
        let expected = caller.map_or([0; 32], |caller| caller.client.secret);
        let right = bool::from(digest.ct_eq(&expected));
        caller.filter(|_| right)
    }
}

impl Caller {
    /// Takes one request out of what the client may ask for.
    pub(super) fn take(&self, now: Duration) -> Result<(), Duration> {
        self.bucket.take(now)
    }

    /// The name under which the store knows a user of this client's.
    pub(super) fn account(&self, user: &CanonicalName) -> Name {
        Name {
            tenant: self.client.tenant.clone(),
            issuer: self.client.issuer.clone(),
            user: user.as_str().to_owned(),
        }
    }

    /// Whether it may name this application.
    pub(super) fn may_use(&self, application: &str) -> bool {
        self.client
            .applications
            .iter()
            .any(|own| own == application)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::http::HeaderValue;

    use super::*;
    use crate::api::tests::client;

    #[test]
    fn only_the_right_credential_is_somebody() {
        let clients = Clients::new(vec![client("payroll"), client("intranet")]);
        let right = "Bearer payroll:secret-of-payroll";
        for (values, expected) in [
            (&[right][..], Some("payroll")),
            (&["bearer payroll:secret-of-payroll"], Some("payroll")),
            (&["Bearer intranet:secret-of-intranet"], Some("intranet")),
            (&["Bearer payroll:secret-of-intranet"], None),
            (&["Bearer payroll:secret-of-payrol"], None),
            (&["Bearer payroll:secret-of-payrolls"], None),
            (&["Bearer payroll:"], None),
            (&["Bearer payroll"], None),
            (&["Bearer :secret-of-payroll"], None),
            (&["Bearer nobody:secret-of-payroll"], None),
            (&["Basic payroll:secret-of-payroll"], None),
            (&["payroll:secret-of-payroll"], None),
            (&[""], None),
            (&[], None),
            (&[right, right], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            }
            let found = clients
                .of(&headers)
                .map(|caller| caller.client.name.as_str());
            assert_eq!(found, expected, "{values:?}");
        }
    }
}
