//! A certificate in the place of the secret, as it is printed for every proxy.

use anyhow::ensure;
use cofactor_tests::proxies::{Guarded, Options, Proxy};

use super::{at_every_proxy, signed_in, visitor};
use crate::{PATIENT, Tested, is_application};

/// The site whose proxy shows this certificate to the host.
fn start(proxy: Proxy, certificate: &'static str) -> anyhow::Result<Option<Guarded>> {
    let options = Options {
        policy: PATIENT.to_owned(),
        certificate: Some(certificate),
        ..Options::default()
    };
    Guarded::start_with(proxy, &options)
}

#[test]
fn a_certificate_in_the_place_of_the_secret_at_every_proxy() -> Tested {
    at_every_proxy(|proxy| {
        let Some(site) = start(proxy, "gateway")? else {
            return Ok(());
        };
        let (name, mut who, _) = signed_in(&site)?;
        ensure!(is_application(&who.visit("/a?b=c")?));
        let asked = site.application.asked();
        ensure!(
            asked
                .iter()
                .all(|asked| asked.all("remote-user") == [name.as_str()]),
            "{asked:?}"
        );
        // Another client of the same authority, and the right names, signed by somebody else.
        for certificate in ["another", "stranger"] {
            let Some(site) = start(proxy, certificate)? else {
                return Ok(());
            };
            let (_, mut who) = visitor(&site);
            for address in ["/", "/.cofactor/", "/.cofactor/devices"] {
                let answer = who.get(address)?;
                ensure!(
                    answer.status >= 400,
                    "{certificate}: {address}: {}",
                    answer.status
                );
                ensure!(answer.location().is_empty(), "{certificate}: {address}");
            }
            ensure!(site.application.asked().is_empty(), "{certificate}");
        }
        Ok(())
    })
    .map(drop)
}
