//! Signing in and out.

use anyhow::{Context as _, ensure};
use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::proxies::{Guarded, PASSWORD, TRUSTED};
use cofactor_tests::visitor::Visitor;

use super::clients::{echoes, upgrade};
use super::{TO_PAGES, signed_in, since, visitor, with_device};
use crate::{answer, is_application, sign_in};

pub(super) fn first_factor_missing(site: &mut Guarded) -> anyhow::Result<String> {
    let before = site.application.asked().len();
    for (user, password) in [
        ("person-0", "another password"),
        ("nobody", PASSWORD),
        ("", ""),
    ] {
        let mut mallory = Visitor::with_password(site.port, user, password);
        for address in ["/", "/.cofactor/", "/.cofactor/devices"] {
            let answer = mallory.get(address)?;
            ensure!(answer.status == 401, "{user} {address}: {}", answer.status);
            ensure!(answer.location().is_empty(), "{}", answer.location());
        }
    }
    ensure!(since(site, before).is_empty());
    Ok("401".to_owned())
}

pub(super) fn not_signed_in(site: &mut Guarded) -> anyhow::Result<String> {
    let before = site.application.asked().len();
    let (_, mut who) = visitor(site);
    let mut seen = Vec::new();
    for method in ["GET", "HEAD"] {
        let answer = who.request(method, "/a?b=c", &[], "")?;
        let expected = format!("http://127.0.0.1:{}/.cofactor/?rd=/a%3Fb%3Dc", site.port);
        ensure!(answer.location() == expected, "{}", answer.location());
        seen.push(answer.status);
    }
    ensure!(since(site, before).is_empty());
    ensure!(
        seen[0] == seen[1] && matches!(seen[0], 302 | 303),
        "{seen:?}"
    );
    Ok(format!("{} {TO_PAGES}", seen[0]))
}

pub(super) fn enrolment(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who) = visitor(site);
    let wanted = "/reports?quarter=3&for=%C3%A4rger";
    let page = who.visit(wanted)?;
    let page = who.submit(&page, "/.cofactor/enrol", &[("label", "My phone")])?;
    let phone = Authenticator::with(&page.secret()?).context("no oathtool")?;
    let code = phone.code()?;
    let page = who.submit(&page, "/.cofactor/enrol/confirm", &[("code", &code)])?;
    ensure!(is_application(&page), "{}", page.text());
    ensure!(page.address == who.absolute(wanted), "{}", page.address);
    Ok("back at the address".to_owned())
}

pub(super) fn right_code(site: &mut Guarded) -> anyhow::Result<String> {
    let before = site.application.asked().len();
    let (name, mut who, mut phone) = with_device(site)?;
    let page = sign_in(&mut who, &mut phone, "/in?x=a%26b")?;
    ensure!(is_application(&page), "{}", page.text());
    let asked = since(site, before);
    ensure!(asked.len() == 1, "{asked:?}");
    ensure!(asked[0].target == "/in?x=a%26b", "{}", asked[0].target);
    for (header, value) in [
        ("remote-user", name.as_str()),
        ("x-cofactor-method", "totp"),
        ("x-cofactor-level", "2"),
    ] {
        ensure!(asked[0].all(header) == [value], "{header}: {asked:?}");
    }
    ensure!(asked[0].all("x-cofactor-verified").len() == 1, "{asked:?}");
    // What is between proxy and host stays there, and the password is the first factor's.
    for header in ["authorization", "x-cofactor-secret", "x-cofactor-user"] {
        let values = asked[0].all(header);
        ensure!(
            values.iter().all(|value| value.is_empty()),
            "{header}: {values:?}"
        );
    }
    Ok("back at the address".to_owned())
}

pub(super) fn wrong_code(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = with_device(site)?;
    let page = who.visit("/")?;
    let refused = answer(&mut who, &page, "000000")?;
    ensure!(
        refused.text().contains("not accepted"),
        "{}",
        refused.text()
    );
    ensure!(!is_application(&who.visit("/")?));
    Ok(refused.answer.status.to_string())
}

pub(super) fn same_code(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, mut phone) = with_device(site)?;
    let code = phone.fresh()?;
    let page = who.visit("/")?;
    ensure!(is_application(&answer(&mut who, &page, &code)?));
    let mut elsewhere = who.elsewhere();
    let page = elsewhere.visit("/")?;
    let refused = answer(&mut elsewhere, &page, &code)?;
    ensure!(!is_application(&elsewhere.visit("/")?));
    Ok(refused.answer.status.to_string())
}

pub(super) fn step_up(site: &mut Guarded) -> anyhow::Result<String> {
    site.server.enrol(TRUSTED, crate::SECRET)?;
    let (mut who, mut phone) = (
        Visitor::with_password(site.port, TRUSTED, PASSWORD),
        crate::phone(),
    );
    let level = |site: &Guarded| {
        let asked = site.application.asked();
        asked
            .last()
            .map(|asked| asked.all("x-cofactor-level").join(" "))
    };
    ensure!(is_application(&who.visit("/")?), "not let in");
    ensure!(level(site).as_deref() == Some("1"), "{:?}", level(site));
    let before = site.application.asked().len();
    let json = ("Accept", "application/json");
    let program = who.request("GET", "/admin/users", &[json], "")?;
    ensure!(program.status == 401, "{}", program.status);
    let challenge = program.header("www-authenticate").unwrap_or_default();
    ensure!(
        challenge.contains("error=\"insufficient_user_authentication\"")
            && challenge.contains("acr_values=\"urn:cofactor:level:2\""),
        "{challenge}"
    );
    ensure!(who.get("/admin/users")?.status != 200);
    ensure!(since(site, before).is_empty());
    let page = sign_in(&mut who, &mut phone, "/admin/users?page=2")?;
    ensure!(is_application(&page), "{}", page.text());
    ensure!(page.address == who.absolute("/admin/users?page=2"));
    ensure!(level(site).as_deref() == Some("2"), "{:?}", level(site));
    Ok("asks, and back at the address".to_owned())
}

/// FA-12.
pub(super) fn cached_for_nobody(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut alice, _) = signed_in(site)?;
    for _ in 0..3 {
        ensure!(alice.get("/")?.status == 200);
        let (_, mut bob) = visitor(site);
        let answer = bob.get("/")?;
        ensure!(answer.status != 200);
        ensure!(
            answer.header("cache-control") == Some("no-store"),
            "{answer:?}"
        );
    }
    Ok("each their own answer".to_owned())
}

pub(super) fn sign_out(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = signed_in(site)?;
    let stolen = who.cookie("cofactor").context("no session")?.to_owned();
    crate::sign_out(&mut who)?;
    ensure!(!is_application(&who.visit("/")?));
    who.plant("cofactor", &stolen);
    let answer = who.get("/")?;
    ensure!(answer.status != 200);
    Ok(format!("{} {TO_PAGES}", answer.status))
}

/// FA-14.
pub(super) fn blocked(site: &mut Guarded) -> anyhow::Result<String> {
    let (name, mut who, _) = signed_in(site)?;
    let cookie = who.cookie("cofactor").context("no session")?.to_owned();
    let (mut stream, head) = upgrade(site, &name, &cookie)?;
    ensure!(head.starts_with("HTTP/1.1 101"), "{head}");
    site.server.operator(&["user", "block", &name])?;
    ensure!(!is_application(&who.visit("/")?));
    let (_, head) = upgrade(site, &name, &cookie)?;
    ensure!(head.starts_with("HTTP/1.1 40"), "{head}");
    // What is open goes on, as the pages say: no proxy asks again.
    ensure!(echoes(&mut stream)?);
    Ok("at once; an open WebSocket goes on".to_owned())
}
