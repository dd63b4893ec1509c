//! The host is slow, down, or has a component that fails.

use std::process::Command;

use anyhow::ensure;
use cofactor_tests::hostile::Hostile;
use cofactor_tests::program::wait_for;
use cofactor_tests::proxies::Guarded;

use super::{signed_in, since, visitor};
use crate::is_application;

pub(super) fn host_slow(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = signed_in(site)?;
    let before = site.application.asked().len();
    let signal = |name: &str| {
        let process = site.server.process.id().to_string();
        Command::new("kill").args([name, &process]).status()
    };
    ensure!(signal("-STOP")?.success());
    // A signal takes a moment: `T` after the program's name is a stopped process (proc(5)).
    let stat = format!("/proc/{}/stat", site.server.process.id());
    wait_for("the host to stand still", || {
        let stat = std::fs::read_to_string(&stat).ok()?;
        stat.rsplit(')')
            .next()?
            .trim_start()
            .starts_with('T')
            .then_some(())
    })?;
    let answer = who.get("/");
    ensure!(signal("-CONT")?.success());
    let status = answer?.status;
    ensure!(since(site, before).is_empty());
    ensure!(is_application(&who.visit("/")?), "it was not theirs");
    Ok(format!("{status}, closed"))
}

pub(super) fn host_down(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = signed_in(site)?;
    let (_, mut other) = visitor(site);
    let before = site.application.asked().len();
    site.server.process.kill();
    let status = who.get("/")?.status;
    let same = other.get("/")?.status;
    ensure!(status >= 500 && same == status, "{status} {same}");
    ensure!(since(site, before).is_empty());
    site.server.start_again()?;
    ensure!(is_application(&who.visit("/")?), "nothing is lost");
    Ok(format!("{status}, closed"))
}

/// The component is replaced by one that traps.
pub(super) fn plugin_fault(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = signed_in(site)?;
    let before = site.application.asked().len();
    site.server.process.stop()?;
    std::fs::write(site.component(), Hostile::default().component()?)?;
    site.server.start_again()?;
    let status = who.get("/")?.status;
    ensure!(status >= 400, "{status}");
    ensure!(since(site, before).is_empty());
    Ok(format!("{status}, closed"))
}
