//! Another proxy in front has done the first factor.

use anyhow::ensure;
use cofactor_tests::proxies::{Guarded, Options, Proxy};
use cofactor_tests::visitor::Visitor;

use crate::{PATIENT, SECRET, Tested, is_application, phone, sign_in};

/// Where that proxy names the user.
fn header(proxy: Proxy) -> &'static str {
    match proxy {
        // It cannot rename one.
        Proxy::Traefik => "X-Cofactor-User",
        _ => "X-Authenticated-User",
    }
}

#[test]
fn a_proxy_in_front_of_every_proxy_may_be_the_first_factor() -> Tested {
    super::at_every_proxy(|proxy| {
        let options = Options {
            policy: PATIENT.to_owned(),
            print: vec!["--first-factor", "header", "--from", "127.0.0.1/32"],
            ..Options::default()
        };
        let Some(site) = Guarded::start_with(proxy, &options)? else {
            return Ok(());
        };
        let header = header(proxy);
        site.server.enrol("alice", SECRET)?;
        let mut alice = Visitor::with_header(site.port, header, "alice");
        let page = sign_in(&mut alice, &mut phone(), "/a?b=c")?;
        ensure!(is_application(&page), "{}", page.text());
        // It names nobody: the first factor was not passed.
        let mut nobody = Visitor::with_header(site.port, header, "");
        for (address, status) in [("/", 401), ("/.cofactor/", 403)] {
            let answer = nobody.get(address)?;
            ensure!(answer.status == status, "{address}: {}", answer.status);
        }
        ensure!(site.application.asked().len() == 1);
        Ok(())
    })
    .map(drop)
}
