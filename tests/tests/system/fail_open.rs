//! An application that is open while the store cannot be reached, and for nothing else.

use std::fs;
use std::process::Command;

use cofactor_tests::disk::Disk;
use cofactor_tests::hostile::Hostile;
use cofactor_tests::http::{Answer, send};
use cofactor_tests::nginx::{Guarded, SECRET, Site};
use cofactor_tests::program::{peer, wait_for};
use cofactor_tests::scenario::plugin;
use cofactor_tests::visitor::Visitor;
use serde_json::{Value, json};

use super::{ALICE, BOB, CAROL, PATIENT, Tested, is_application, sign_in, visitor, with_device};

/// The application `intranet` of docs/nginx.md.
const OPEN: &str = "[[application]]\nname = \"intranet\"\nfail-mode = \"open\"\n";
const OTHER: &str = "[[application]]\nname = \"payroll\"\nfail-mode = \"open\"\n";

/// What nginx asks, as nginx asks it.
fn question(site: &Guarded, user: &str, secret: &str) -> anyhow::Result<Answer> {
    ask(site, user, secret, "")
}

/// The same of somebody who has a cookie.
fn ask(site: &Guarded, user: &str, secret: &str, cookie: &str) -> anyhow::Result<Answer> {
    let url = format!("http://127.0.0.1:{}/", site.port);
    let headers = [
        ("X-Cofactor-Secret", secret),
        ("X-Cofactor-User", user),
        ("X-Original-URL", &*url),
        ("X-Original-Method", "GET"),
        ("Accept", "text/html"),
        ("Cookie", cookie),
    ];
    send(site.server.web(), "GET", "/v1/gateway/nginx", &headers, "")
}

fn get(visitor: &mut Visitor) -> anyhow::Result<u16> {
    Ok(visitor.visit("/")?.answer.status)
}

#[test]
fn by_11_only_an_open_application_passes_while_the_store_is_out_and_claims_no_factor() -> Tested {
    for (policy, open) in [(OPEN, true), (OTHER, false), ("", false)] {
        let Some(disk) = Disk::new()? else {
            return Ok(());
        };
        let site = Site {
            policy: format!("{PATIENT}{policy}"),
            environment: disk.environment(),
            ..Site::default()
        };
        let Some(site) = Guarded::start(&site)? else {
            return Ok(());
        };
        let (mut alice, mut phone) = with_device(&site, ALICE)?;
        assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
        let (mut bob, mut mallory) = (visitor(&site, BOB), visitor(&site, ("bob", "a guess")));
        assert_eq!(question(&site, "bob", SECRET)?.status, 401);

        disk.fail_syncs()?;
        // The first one finds out: what the portal asks cannot be written down.
        assert_eq!(get(&mut bob)?, 503, "{policy}");
        let reached = site.application.asked().len();
        let page = bob.visit("/reports")?;
        assert_eq!(is_application(&page), open, "{policy}: {}", page.text());
        let asked = site.application.asked();
        assert_eq!(asked.len(), reached + usize::from(open), "{policy}");
        if open {
            let asked = &asked[reached];
            assert_eq!(asked.all("remote-user"), ["bob"]);
            assert_eq!(asked.all("x-cofactor-fail-open"), ["yes"]);
            for factor in ["method", "level", "verified"] {
                let told = asked.all(&format!("x-cofactor-{factor}"));
                assert!(told.is_empty(), "{factor}: {told:?}");
            }
        }
        assert!(bob.cookie("cofactor").is_none(), "no session is made");
        let answer = question(&site, "bob", SECRET)?;
        assert_eq!(answer.status, if open { 200 } else { 401 });
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("remote-user"), open.then_some("bob"));
        let told: Vec<_> = answer.all("x-cofactor-fail-open").collect();
        assert_eq!(told, if open { vec!["yes"] } else { vec![] });
        assert_eq!(answer.all("set-cookie").count(), 0);

        // Who has a session needs no such thing; who has not passed the first factor, or is no gateway, gets nothing.
        assert!(is_application(&alice.visit("/")?));
        let asked = site.application.asked();
        let asked = asked.last().unwrap();
        assert_eq!(asked.all("x-cofactor-level"), ["2"]);
        assert!(asked.all("x-cofactor-fail-open").is_empty());
        assert_eq!(get(&mut mallory)?, 401);
        assert_eq!(question(&site, "", SECRET)?.status, 401);
        assert_eq!(question(&site, "bob", "another secret")?.status, 403);
        // Nobody becomes anything: pages and programs are answered as ever.
        assert_eq!(bob.visit("/.cofactor/devices")?.answer.status, 503);
        assert!(site.server.verify("alice", &phone.fresh()?).is_err());

        let passed = if open { 2 } else { 0 };
        let metrics = site.server.metrics()?;
        let count = format!("cofactor_fail_open_total{{application=\"intranet\"}} {passed}\n");
        assert_eq!(metrics.contains(&count), open, "{metrics}");
        assert!(
            metrics.contains("cofactor_store_unreachable 1\n"),
            "{metrics}"
        );
        let log = site.server.log()?;
        let line = "passed on the first factor alone";
        assert_eq!(log.matches(line).count(), passed, "{log}");

        disk.heal()?;
        let row = wait_for("the outage to be over", || outage(&site))?;
        assert_eq!(row["passed-open"], json!(passed));
        assert!(row["since"].as_u64() > Some(0));
        assert_eq!(question(&site, "bob", SECRET)?.status, 401);
        assert!(!is_application(&visitor(&site, CAROL).visit("/")?));
        assert!(
            site.server
                .metrics()?
                .contains("cofactor_store_unreachable 0\n")
        );
        site.server.operator(&["audit", "verify"])?;
    }
    Ok(())
}

/// With a session that can no longer be told from one that was ended, the first factor is all that there is.
#[test]
fn by_11_a_session_that_cannot_be_read_counts_for_nothing() -> Tested {
    for (policy, open) in [(OPEN, true), ("", false)] {
        let Some(disk) = Disk::new()? else {
            return Ok(());
        };
        let site = Site {
            policy: format!("{PATIENT}{policy}"),
            environment: disk.environment(),
            ..Site::default()
        };
        let Some(site) = Guarded::start(&site)? else {
            return Ok(());
        };
        let (mut alice, mut phone) = with_device(&site, ALICE)?;
        assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
        // What the host has read of the file before is out of date after this.
        site.server.verify("alice", "000000")?;
        disk.fail()?;
        let reached = site.application.asked().len();
        let answer = alice.get("/")?;
        assert_eq!(answer.status, if open { 200 } else { 500 }, "{policy}");
        let cookie = format!("cofactor={}", alice.cookie("cofactor").unwrap());
        let told = ask(&site, "alice", SECRET, &cookie)?;
        assert_eq!(told.status, if open { 200 } else { 503 });
        let yes = |open: bool| open.then_some("yes");
        assert_eq!(told.header("x-cofactor-fail-open"), yes(open));
        assert_eq!(told.header("x-cofactor-fail-closed"), yes(!open));
        let asked = site.application.asked();
        assert_eq!(asked.len(), reached + usize::from(open), "{policy}");
        if open {
            let asked = &asked[reached];
            assert_eq!(asked.all("remote-user"), ["alice"]);
            assert_eq!(asked.all("x-cofactor-fail-open"), ["yes"]);
            for factor in ["method", "level", "verified"] {
                assert!(asked.all(&format!("x-cofactor-{factor}")).is_empty());
            }
        }
        disk.heal()?;
        wait_for("the outage to be over", || outage(&site))?;
        let page = alice.visit("/")?;
        assert!(is_application(&page), "the session is as good as before");
        let asked = site.application.asked();
        assert_eq!(asked.last().unwrap().all("x-cofactor-level"), ["2"]);
    }
    Ok(())
}

/// The audit row with which an outage ends.
fn outage(site: &Guarded) -> Option<Value> {
    let rows = site.server.operator(&["audit", "show", "--json"]).ok()?;
    rows.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|line| line["row"].clone())
        .find(|row| row["fact"] == "store-outage-ended")
}

#[test]
fn by_11_whatever_the_component_does_wrong_an_open_application_is_closed() -> Tested {
    let component = tempfile::tempdir()?;
    let file = component.path().join("component.wasm");
    fs::write(&file, cofactor_component::COMPONENT)?;
    let policy = format!("{PATIENT}{OPEN}");
    let site = Site {
        policy: policy.clone(),
        tables: format!("[component]\nfile = {:?}\n", file.display().to_string()),
        ..Site::default()
    };
    let Some(mut site) = Guarded::start(&site)? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let reached = site.application.asked().len();

    // It says what the honest one says of the policy: the application is open.
    let compiled = plugin().compile_policy(&policy)?.map_err(|errors| {
        let problems: Vec<_> = errors.iter().map(|error| &error.problem).collect();
        anyhow::anyhow!("{problems:?}")
    })?;
    let honest = json!({ "ok": compiled.compiled() });
    for wrong in [
        "(unreachable)",
        "(loop $again (br $again)) (unreachable)",
        "(i32.const -1)",
        "(drop (memory.grow (i32.const 1000))) (i32.const 0)",
    ] {
        site.server.process.stop()?;
        let hostile = Hostile {
            step: wrong.to_owned(),
            authorize: wrong.to_owned(),
            ..Hostile::answering("compile-policy", &honest)?
        };
        fs::write(&file, hostile.component()?)?;
        site.server.start_again()?;
        for _ in 0..2 {
            // With a session, and without: at the gateway, and at the portal that it sends people to.
            assert_eq!(alice.get("/")?.status, 500, "{wrong}");
            assert_eq!(get(&mut visitor(&site, BOB))?, 503, "{wrong}");
            assert_eq!(question(&site, "bob", SECRET)?.status, 401, "{wrong}");
        }
        let metrics = site.server.metrics()?;
        let open = "cofactor_fail_open_total{application=\"intranet\"} 0\n";
        assert!(metrics.contains(open), "{wrong}: {metrics}");
        // What was refused without the component's word is told as well.
        let closed = "cofactor_fail_closed_total{application=\"intranet\",cause=";
        assert!(metrics.contains(closed), "{wrong}: {metrics}");
        assert!(site.server.log()?.contains("fail=closed"), "{wrong}");
    }
    assert_eq!(site.application.asked().len(), reached);
    Ok(())
}

/// Whoever can fill a disk must not open a door by it.
#[test]
fn by_11_a_full_disk_leaves_an_open_application_closed() -> Tested {
    let (Some(program), Some(disk)) = (peer("prlimit"), Disk::new()?) else {
        return Ok(());
    };
    let site = Site {
        policy: format!("{PATIENT}{OPEN}"),
        environment: disk.environment(),
        ..Site::default()
    };
    let Some(site) = Guarded::start(&site)? else {
        return Ok(());
    };
    let limit = |octets: &str| {
        Command::new(&program)
            .arg(format!("--pid={}", site.server.process.id()))
            .arg(format!("--fsize={octets}:unlimited"))
            .status()
    };
    assert!(limit("1")?.success());
    for _ in 0..3 {
        assert_eq!(get(&mut visitor(&site, BOB))?, 503);
        assert_eq!(question(&site, "bob", SECRET)?.status, 401);
    }
    assert!(limit("unlimited")?.success());
    assert!(site.application.asked().is_empty());
    assert!(
        site.server
            .metrics()?
            .contains("cofactor_fail_open_total{application=\"intranet\"} 0\n")
    );
    Ok(())
}
