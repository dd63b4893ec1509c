//! Whatever fails, Envoy lets nobody in: with the page's configuration never, and with a careless operator's only where
//! Cofactor is not there at all.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use cofactor_tests::disk::Disk;
use cofactor_tests::envoy::{Guarded, Site};
use cofactor_tests::hostile::Hostile;
use cofactor_tests::program::wait_for;
use cofactor_tests::visitor::Visitor;

use super::{ALICE, BOB, Tested, is_application, patient, signed_in, visitor};

/// What an operator should not have written.
fn careless() -> Site {
    Site {
        edits: vec![(
            "failure_mode_allow: false".into(),
            "failure_mode_allow: true\n              failure_mode_allow_header_add: true".into(),
        )],
        ..patient()
    }
}

#[test]
fn when_the_host_is_down_envoy_answers_503_and_never_the_page() -> Tested {
    let Some(mut site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let mut alice = signed_in(&site, ALICE)?;
    let reached = site.envoy.application.asked().len();
    site.server.process.kill();
    for _ in 0..3 {
        for who in [&mut alice, &mut visitor(&site, BOB)] {
            let answer = who.get("/")?;
            assert_eq!(answer.status, 503);
            assert!(!answer.body.contains("reached"));
        }
    }
    assert_eq!(site.envoy.application.asked().len(), reached);
    site.server.start_again()?;
    wait_for("Envoy to find the host again", || {
        let page = alice.visit("/").ok()?;
        is_application(&page).then_some(())
    })
}

/// The one case in which `failure_mode_allow` lets somebody in, as docs/envoy.md says: nobody was asked, and the
/// application can see it.
#[test]
fn with_failure_mode_allow_a_host_that_is_down_lets_in_and_the_application_is_told() -> Tested {
    let Some(mut site) = Guarded::start(&careless())? else {
        return Ok(());
    };
    let mut bob = visitor(&site, BOB);
    assert_eq!(bob.get("/")?.status, 302);
    site.server.process.kill();
    assert_eq!(bob.get("/")?.status, 200);
    let asked = site.envoy.application.asked();
    let asked = asked.last().unwrap();
    assert_eq!(asked.all("x-envoy-auth-failure-mode-allowed"), ["true"]);
    assert!(asked.all("remote-user").is_empty());
    assert!(asked.all("x-cofactor-level").is_empty());
    Ok(())
}

/// Starts the host again with another component before the sessions that there are.
fn with_component(site: &mut Guarded, hostile: &Hostile, more: &str) -> anyhow::Result<()> {
    let file = site.server.folder().join("hostile.wasm");
    fs::write(&file, hostile.component()?)?;
    let configuration = site.server.configuration().to_owned();
    let text = fs::read_to_string(&configuration)?;
    let table = format!("{text}\n[component]\nfile = \"hostile.wasm\"\n{more}\n");
    fs::write(&configuration, table)?;
    site.server.process.stop()?;
    site.server.start_again()
}

/// Asks with a cookie that no pass is kept for, so that the component is asked.
fn ask(alice: &mut Visitor) -> anyhow::Result<u16> {
    Ok(alice.get("/")?.status)
}

#[test]
fn a_fault_of_the_component_is_denied_whatever_envoys_operator_wrote() -> Tested {
    let Some(mut site) = Guarded::start(&careless())? else {
        return Ok(());
    };
    let mut alice = signed_in(&site, ALICE)?;
    let reached = site.envoy.application.asked().len();
    with_component(&mut site, &Hostile::default(), "")?;
    wait_for("Envoy to find the host again", || {
        (ask(&mut alice).ok()? == 500).then_some(())
    })?;
    let before = site.envoy.counted()?;
    for _ in 0..20 {
        assert_eq!(ask(&mut alice)?, 500);
    }
    let after = site.envoy.counted()?;
    assert_eq!(after["denied"], before["denied"] + 20);
    assert_eq!(after["error"], before["error"]);
    // While the host was away Envoy let in; nobody since.
    let allowed = after["failure_mode_allowed"];
    let asked = site.envoy.application.asked().len();
    assert_eq!(asked - reached, usize::try_from(allowed)?);
    Ok(())
}

#[test]
fn overload_is_denied_whatever_envoys_operator_wrote() -> Tested {
    let Some(mut site) = Guarded::start(&careless())? else {
        return Ok(());
    };
    let alice = signed_in(&site, ALICE)?;
    let busy = Hostile {
        authorize: "(loop $again (br $again)) (unreachable)".to_owned(),
        ..Hostile::default()
    };
    with_component(&mut site, &busy, "instances = 1")?;
    let mut first = alice.clone();
    wait_for("Envoy to find the host again", || {
        (ask(&mut first).ok()? >= 500).then_some(())
    })?;
    let (reached, before) = (site.envoy.application.asked().len(), site.envoy.counted()?);
    let (overloaded, all) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let mut alice = alice.clone();
            let (overloaded, all) = (&overloaded, &all);
            scope.spawn(move || {
                wait_for("an overload", || {
                    let status = ask(&mut alice).unwrap();
                    all.fetch_add(1, Ordering::Relaxed);
                    match status {
                        503 => overloaded.fetch_add(1, Ordering::Relaxed),
                        // The component's own failure, for whoever had the instance.
                        500 => 0,
                        other => panic!("{other}"),
                    };
                    (overloaded.load(Ordering::Relaxed) > 0).then_some(())
                })
                .unwrap();
            });
        }
    });
    let after = site.envoy.counted()?;
    let all = u64::try_from(all.into_inner())?;
    assert_eq!(after["denied"], before["denied"] + all);
    assert_eq!(after["error"], before["error"]);
    assert_eq!(site.envoy.application.asked().len(), reached);
    Ok(())
}

/// A disk that keeps the host waiting: the answer comes all the same, and before Envoy stops waiting.
#[test]
fn a_store_that_does_not_answer_is_denied_before_envoy_stops_waiting() -> Tested {
    let Some(disk) = Disk::new()? else {
        return Ok(());
    };
    let Some(site) = Guarded::start(&Site {
        environment: disk.environment(),
        timeout: Some("2s"),
        ..careless()
    })?
    else {
        return Ok(());
    };
    let mut alice = signed_in(&site, ALICE)?;
    site.server.enrol("bob", crate::SECRET)?;
    let before = site.envoy.counted()?;
    let reached = site.envoy.application.asked().len();
    // What the host has read of the file is out of date once somebody else has written.
    disk.hold_reads()?;
    site.server
        .operator(&["user", "block", "bob", "--why", "a test"])?;
    for _ in 0..5 {
        assert_eq!(ask(&mut alice)?, 503);
    }
    disk.heal()?;
    let after = site.envoy.counted()?;
    assert_eq!(after["denied"], before["denied"] + 5);
    assert_eq!(after["error"], before["error"], "Envoy stopped waiting");
    assert_eq!(site.envoy.application.asked().len(), reached);
    assert!(is_application(&alice.visit("/")?), "it was not her failure");
    Ok(())
}

#[test]
fn questions_that_are_long_or_strange_are_denied_whatever_envoys_operator_wrote() -> Tested {
    let Some(site) = Guarded::start(&careless())? else {
        return Ok(());
    };
    let mut bob = visitor(&site, BOB);
    let long = "a".repeat(50_000);
    let path = format!("/?{long}");
    for (target, headers) in [
        (path.as_str(), &[][..]),
        ("/", &[("X-Long", long.as_str())]),
        ("/", &[("X-Octets", "\u{e4}\u{f6}\u{fc}")]),
        ("/", &[("Cookie", long.as_str())]),
        ("/", &[("X-Forwarded-For", "nonsense")]),
        ("/a;b", &[]),
    ] {
        let answer = bob.request("GET", target, headers, "")?;
        assert!(matches!(answer.status, 302 | 400), "{}", answer.status);
    }
    let counted = site.envoy.counted()?;
    assert_eq!(counted["error"], 0, "{counted:?}");
    assert!(site.envoy.application.asked().is_empty());
    Ok(())
}

#[test]
fn envoy_sees_the_hosts_health() -> Tested {
    let Some(mut site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let healthy = |site: &Guarded, many: u64| {
        wait_for("the host's health", || {
            let all = site.envoy.stats("cluster.cofactor_grpc.").ok()?;
            let checked = all.get("health_check.attempt")? > &0;
            (checked && all.get("membership_healthy") == Some(&many)).then_some(())
        })
    };
    healthy(&site, 1)?;
    site.server.process.kill();
    healthy(&site, 0)?;
    site.server.start_again()?;
    healthy(&site, 1)
}
