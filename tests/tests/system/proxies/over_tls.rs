//! Sites as they are printed for real host names: over TLS, with the operator's certificate.

use anyhow::{Context as _, ensure};
use cofactor_tests::http::{exchange, request};
use cofactor_tests::proxies::{Guarded, Options};
use cofactor_tests::tls::SITE;
use cofactor_tests::visitor::Visitor;

use super::{at_every_proxy, cookies_of_a_sign_in, since, visitor};
use crate::{PATIENT, SECRET, Tested, is_application, phone, sign_in};

#[test]
fn a_site_over_tls_is_guarded_at_every_proxy() -> Tested {
    at_every_proxy(|proxy| {
        let options = Options {
            policy: PATIENT.to_owned(),
            tls: true,
            ..Options::default()
        };
        match Guarded::start_with(proxy, &options)? {
            Some(site) => is_guarded(&site),
            None => Ok(()),
        }
    })
    .map(drop)
}

fn is_guarded(site: &Guarded) -> Tested {
    let own = format!("https://{SITE}:{}", site.port);
    let mut nobody = Visitor::with_header(site.port, "X-Nothing", "at all").over_tls();
    for address in ["/", "/.cofactor/"] {
        let answer = nobody.get(address)?;
        ensure!(answer.status == 401, "{address}: {}", answer.status);
        ensure!(answer.location().is_empty(), "{}", answer.location());
    }
    let (name, who) = visitor(site);
    let mut who = who.over_tls();
    let answer = who.get("/a?b=c")?;
    let pages = format!("{own}/.cofactor/?rd=/a%3Fb%3Dc");
    ensure!(answer.location() == pages, "{}", answer.location());
    ensure!(site.application.asked().is_empty());

    site.server.enrol(&name, SECRET)?;
    let mut phone = phone();
    let page = sign_in(&mut who, &mut phone, "/a?b=c")?;
    ensure!(is_application(&page), "{}", page.text());
    ensure!(page.address == format!("{own}/a?b=c"), "{}", page.address);
    let asked = site.application.asked();
    ensure!(asked.len() == 1, "{asked:?}");
    for (header, value) in [
        ("remote-user", name.as_str()),
        ("x-cofactor-level", "2"),
        ("x-forwarded-proto", "https"),
    ] {
        ensure!(asked[0].all(header) == [value], "{header}: {asked:?}");
    }

    // FA-13: of this host alone, and of TLS alone.
    let mut elsewhere = who.elsewhere();
    let set = cookies_of_a_sign_in(&mut elsewhere, &mut phone)?;
    let names = ["__Host-cofactor-browser=", "__Host-cofactor="];
    for (cookie, name) in set.iter().zip(names) {
        ensure!(cookie.starts_with(name), "{cookie}");
        for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
            ensure!(cookie.contains(attribute), "{cookie}");
        }
        ensure!(!cookie.contains("Domain"), "{cookie}");
    }
    ensure!(is_application(&elsewhere.visit("/")?));
    not_in_the_clear(site, &elsewhere)
}

/// What lets somebody in over TLS lets nobody in without it.
fn not_in_the_clear(site: &Guarded, who: &Visitor) -> Tested {
    let session = who.cookie_of(SITE, "__Host-cofactor");
    let cookie = format!("__Host-cofactor={}", session.context("no session")?);
    let host = format!("{SITE}:{}", site.port);
    let before = site.application.asked().len();
    let (name, password) = who.first_factor().context("no password")?;
    let headers = [
        ("Host", host.as_str()),
        ("Accept", "text/html"),
        (name, password),
        ("Cookie", cookie.as_str()),
    ];
    let text = request(site.port, "GET", "/", &headers, "");
    let octets = exchange(site.port, text.as_bytes())?;
    // Some say in the clear that they want TLS, and some say nothing that could be read.
    let said = String::from_utf8_lossy(&octets);
    let status = said.strip_prefix("HTTP/").map(|rest| {
        let status = rest.split(' ').nth(1).unwrap_or_default();
        status.to_owned()
    });
    ensure!(
        status.is_none_or(|status| status.starts_with('4')) && !said.contains("et-Cookie"),
        "{said}"
    );
    ensure!(since(site, before).is_empty());
    Ok(())
}
