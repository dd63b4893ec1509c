//! Another proxy in front has done the first factor.

use cofactor_tests::proxies::{Guarded, Proxy};
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
    for proxy in Proxy::ALL {
        let options = ["--first-factor", "header", "--from", "127.0.0.1/32"];
        let Some(site) = Guarded::start_with(proxy, PATIENT, &options)? else {
            continue;
        };
        let name = proxy.name();
        let header = header(proxy);
        site.server.enrol("alice", SECRET)?;
        let mut alice = Visitor::with_header(site.port, header, "alice");
        let page = sign_in(&mut alice, &mut phone(), "/a?b=c")?;
        assert!(is_application(&page), "{name}: {}", page.text());
        // It names nobody: the first factor was not passed.
        let mut nobody = Visitor::with_header(site.port, header, "");
        for (address, status) in [("/", 401), ("/.cofactor/", 403)] {
            assert_eq!(nobody.get(address)?.status, status, "{name} {address}");
        }
        assert_eq!(site.application.asked().len(), 1, "{name}");
    }
    Ok(())
}
