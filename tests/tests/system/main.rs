//! The whole system, as operators and visitors see it: real nginx and Envoy, real authenticator, real browser.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod api;
mod authenticator;
mod demo;
mod enumeration;
mod envoy;
mod fail_open;
mod failures;
mod first_factor;
mod forward_auth;
mod gateway_check;
mod handoff;
mod identity;
mod install;
mod limits;
mod logging;
mod nginx;
mod operator;
mod overload;
mod own_devices;
mod pages;
mod passkeys;
mod portal;
mod programs;
mod proxies;
mod routes;
mod sessions;
mod shared_sessions;
mod smuggling;
mod timing;
mod tokens;
mod transport;
mod ways;

use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::nginx::{Guarded, Site};
use cofactor_tests::visitor::{Page, Visitor};

type Tested = anyhow::Result<()>;

/// Accepts [`Authenticator::fresh`] 18 times without waiting, and asks a browser again only after a sign-out.
const PATIENT: &str = "[totp]\nwindow = 10\ndrift-cap = 10\n";
/// A secret in base32: that of RFC 6238.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

const ALICE: (&str, &str) = ("alice", "alice's password");
const BOB: (&str, &str) = ("bob", "bob's password");
const CAROL: (&str, &str) = ("carol", "carol's password");

/// A guarded site under the patient policy.
fn patient() -> Site {
    Site {
        policy: PATIENT.to_owned(),
        ..Site::default()
    }
}

/// Somebody at a browser that has never been here.
fn visitor(site: &Guarded, who: (&str, &str)) -> Visitor {
    Visitor::with_password(site.port, who.0, who.1)
}

/// The same, with a device that an administrator enrolled.
fn with_device(site: &Guarded, who: (&str, &str)) -> anyhow::Result<(Visitor, Authenticator)> {
    site.server.enrol(who.0, SECRET)?;
    Ok((visitor(site, who), phone()))
}

/// An authenticator that holds [`SECRET`].
fn phone() -> Authenticator {
    Authenticator::with(SECRET).expect("no site starts where oathtool was skipped")
}

/// Goes to an address, is asked for a code, gives it.
fn sign_in(who: &mut Visitor, phone: &mut Authenticator, to: &str) -> anyhow::Result<Page> {
    let page = who.visit(to)?;
    answer(who, &page, &phone.fresh()?)
}

/// Types a code into the page that asks for it.
fn answer(who: &mut Visitor, page: &Page, code: &str) -> anyhow::Result<Page> {
    who.submit(page, "/.cofactor/answer", &[("code", code)])
}

/// Whether this is the application's own answer.
fn is_application(page: &Page) -> bool {
    page.answer.status == 200 && page.text().contains("\"application\":\"reached\"")
}

/// Signs out by the page.
fn sign_out(who: &mut Visitor) -> anyhow::Result<Page> {
    let page = who.visit("/.cofactor/sign-out")?;
    who.submit(&page, "/.cofactor/sign-out", &[])
}
