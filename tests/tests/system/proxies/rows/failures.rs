//! The host is slow, down, or has a component that fails.

use std::process::Command;

use anyhow::ensure;
use cofactor_tests::hostile::Hostile;
use cofactor_tests::program::wait_for;
use cofactor_tests::proxies::Guarded;
use cofactor_tests::visitor::Visitor;

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

pub(super) fn plugin_fault(site: &mut Guarded) -> anyhow::Result<String> {
    let (mut who, before) = with_fault(site)?;
    let status = who.get("/")?.status;
    ensure!(status >= 400, "{status}");
    ensure!(since(site, before).is_empty());
    without_fault(site, &mut who)?;
    Ok(format!("{status}, closed"))
}

/// That nothing could be decided is said in the answer, for whoever watches the site. Of a host that is down only the proxy
/// can tell.
pub(super) fn told(site: &mut Guarded) -> anyhow::Result<String> {
    const TOLD: &str = "x-cofactor-fail-closed";
    let (mut who, before) = with_fault(site)?;
    let answer = wait_for("an answer of the host's", || {
        let answer = who.get("/").ok()?;
        answer.header(TOLD).is_some().then_some(answer)
    })?;
    let told: Vec<&str> = answer.all(TOLD).collect();
    ensure!(told == ["yes"] && answer.status >= 400, "{answer:?}");
    ensure!(since(site, before).is_empty());
    without_fault(site, &mut who)?;
    ensure!(
        who.get("/")?.header(TOLD).is_none(),
        "although it is decided"
    );
    Ok("`X-Cofactor-Fail-Closed: yes`".to_owned())
}

/// Somebody who is signed in, before a host whose component traps; and how often the application was asked before that.
fn with_fault(site: &mut Guarded) -> anyhow::Result<(Visitor, usize)> {
    let (_, who, _) = signed_in(site)?;
    let before = site.application.asked().len();
    start_with(site, &Hostile::default().component()?)?;
    Ok((who, before))
}

fn without_fault(site: &mut Guarded, who: &mut Visitor) -> anyhow::Result<()> {
    start_with(site, cofactor_component::COMPONENT)?;
    wait_for("the proxy to find the host again", || {
        (who.get("/").ok()?.status < 500).then_some(())
    })
}

/// Starts the host again with that component.
fn start_with(site: &mut Guarded, component: &[u8]) -> anyhow::Result<()> {
    site.server.process.stop()?;
    std::fs::write(site.component(), component)?;
    site.server.start_again()
}
