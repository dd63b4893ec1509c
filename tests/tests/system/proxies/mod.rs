//! Every proxy through one table of behaviours, with the configuration that `cofactor gateway print` prints.

mod contracts;
mod in_front;
mod pages;
mod rows;
mod table;

use cofactor_tests::application::Asked;
use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::proxies::{Guarded, PASSWORD};
use cofactor_tests::visitor::Visitor;

/// Somebody new at this site, with a browser that has never been there.
fn visitor(site: &Guarded) -> (String, Visitor) {
    let name = site.somebody();
    let visitor = Visitor::with_password(site.port, &name, PASSWORD);
    (name, visitor)
}

/// The same, with a device that an administrator enrolled.
fn with_device(site: &Guarded) -> anyhow::Result<(String, Visitor, Authenticator)> {
    let (name, visitor) = visitor(site);
    site.server.enrol(&name, crate::SECRET)?;
    Ok((name, visitor, crate::phone()))
}

/// The same, signed in.
fn signed_in(site: &Guarded) -> anyhow::Result<(String, Visitor, Authenticator)> {
    let (name, mut visitor, mut phone) = with_device(site)?;
    let page = crate::sign_in(&mut visitor, &mut phone, "/")?;
    anyhow::ensure!(crate::is_application(&page), "{}", page.text());
    Ok((name, visitor, phone))
}

/// What the application was asked since it had been asked `before` times.
fn since(site: &Guarded, before: usize) -> Vec<Asked> {
    site.application.asked().split_off(before)
}
