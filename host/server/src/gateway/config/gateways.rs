//! All gateways together, and which of them a request comes from.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use super::{Gateway, GatewaySection, Kind};
use crate::certificate::ClientCertificate;
use crate::gateway::credential::Credential;
use crate::names::Names;

/// All gateways, and what they have in common.
#[derive(Debug)]
pub struct Gateways {
    /// In the order of the configuration; at most 64.
    pub all: Vec<Arc<Gateway>>,
    /// Makes user names canonical.
    pub names: Names,
}

impl Gateways {
    /// Checks all tables.
    ///
    /// # Errors
    /// The first table that is wrong, and two that cannot be told apart.
    pub fn new(sections: &[GatewaySection], names: Names, folder: &Path) -> Result<Self, String> {
        let mut all: Vec<Arc<Gateway>> = Vec::new();
        if sections.len() > 64 {
            return Err("more than 64 gateways".into());
        }
        for section in sections {
            let gateway = Gateway::new(section, folder)?;
            if all.iter().any(|other| other.name == gateway.name) {
                return Err(format!("gateway `{}` is given twice", gateway.name));
            }
            for other in &all {
                if let Some(shared) = gateway.credential.shares(&other.credential) {
                    return Err(format!(
                        "gateways `{}` and `{}` have one {shared}: it is what tells them apart",
                        other.name, gateway.name
                    ));
                }
            }
            let shares = |other: &&Arc<Gateway>| other.sessions == gateway.sessions;
            if let Some(other) = all.iter().find(shares)
                && (&other.tenant, &other.issuer) != (&gateway.tenant, &gateway.issuer)
            {
                return Err(format!(
                    "gateways `{}` and `{}` share sessions, but their tenant or issuer differs: users of one are nobody at \
                     the other",
                    other.name, gateway.name
                ));
            }
            all.push(gateway.into());
        }
        Ok(Self { all, names })
    }

    /// The gateway that a request comes from: by where its connection comes from (none is the Unix socket), by the secret
    /// that it carries, and by the certificate that was shown. None where it is nobody's, or could be of two.
    #[must_use]
    pub fn recognise(
        &self,
        peer: Option<IpAddr>,
        secret: Option<&[u8]>,
        certificate: Option<&ClientCertificate>,
    ) -> Option<&Arc<Gateway>> {
        let secret = secret.map(Credential::digest);
        let (found, others) = self.all.iter().fold((None, 0), |(found, others), gateway| {
            match gateway
                .credential
                .is_proved_by(secret.as_ref(), certificate)
            {
                true => (Some(gateway), others + usize::from(found.is_some())),
                false => (found, others),
            }
        });
        found.filter(|gateway| others == 0 && gateway.connects_from(peer))
    }

    /// Whether any of them asks over gRPC.
    #[must_use]
    pub fn any_over_grpc(&self) -> bool {
        self.all
            .iter()
            .any(|gateway| gateway.kind == Kind::EnvoyGrpc)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::super::tests::GOOD;
    use super::*;
    use crate::config::Secret;

    #[test]
    fn gateways_are_told_apart_by_their_secrets() {
        let one: GatewaySection = toml::from_str(GOOD).unwrap();
        let mut two = one.clone();
        let both = |two: &GatewaySection| {
            Gateways::new(
                &[one.clone(), two.clone()],
                Names::default(),
                Path::new("."),
            )
        };
        assert!(both(&two).unwrap_err().contains("given twice"));
        two.name = "nginx-2".into();
        assert!(both(&two).unwrap_err().contains("one secret"));
        two.secret = Some(Secret::new("fedcba9876543210".into()));
        let gateways = both(&two).unwrap();
        assert_eq!(gateways.all.len(), 2);
        assert_ne!(gateways.all[0].sessions, gateways.all[1].sessions);
        // Whose name is the other's own sessions opens none of them.
        two.sessions = Some("nginx-1".into());
        let gateways = both(&two).unwrap();
        assert_ne!(gateways.all[0].sessions, gateways.all[1].sessions);
    }

    #[test]
    fn gateways_that_share_sessions_know_the_same_users() {
        let mut one: GatewaySection = toml::from_str(GOOD).unwrap();
        one.sessions = Some("company".into());
        let mut two = GatewaySection {
            name: "nginx-2".into(),
            secret: Some(Secret::new("fedcba9876543210".into())),
            ..one.clone()
        };
        let both = |two: &GatewaySection| {
            let sections = [one.clone(), two.clone()];
            Gateways::new(&sections, Names::default(), Path::new("."))
        };
        let gateways = both(&two).unwrap();
        assert_eq!(gateways.all[0].sessions, gateways.all[1].sessions);
        two.issuer = "other".into();
        assert!(both(&two).unwrap_err().contains("share sessions"));
    }
}
