//! What an operator does at the command line, beside a host that runs.

use std::process::Command;

use cofactor_tests::program::{own, wait_for};
use cofactor_tests::server::{Server, Setup};
use serde_json::Value;

use super::{PATIENT, Tested, phone};

#[test]
fn keys_are_not_changed_beside_a_host() -> Tested {
    let mut server = Server::start(&Setup {
        policy: PATIENT.to_owned(),
        ..Setup::default()
    })?;
    let mut phone = phone();
    server.enrol("alice", super::SECRET)?;
    let keys = std::fs::read(server.folder().join("cofactor.keys"))?;
    for change in ["rotate", "retire"] {
        let output = server.command(&["keys", change])?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{change}: {said}");
        assert!(said.contains("stop the host first"), "{change}: {said}");
    }
    assert_eq!(std::fs::read(server.folder().join("cofactor.keys"))?, keys);
    assert_eq!(server.verify("alice", &phone.fresh()?)?, "allow");
    // What only reads goes on beside it.
    server.operator(&["keys", "list"])?;
    server.operator(&["user", "show", "alice"])?;

    server.process.stop()?;
    server.operator(&["keys", "rotate"])?;
    server.start_again()?;
    assert_eq!(server.verify("alice", &phone.fresh()?)?, "allow");
    Ok(())
}

/// Whoever only looks may be another user than the host's: what they made would not be the host's to open.
#[test]
fn looking_makes_no_database() -> Tested {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("cofactor.toml"), "")?;
    for look in [
        &["user", "list"][..],
        &["user", "show", "alice"],
        &["audit", "show"],
        &["audit", "verify"],
        &["keys", "list"],
    ] {
        let output = Command::new(own("cofactor")?)
            .args(look)
            .current_dir(folder.path())
            .env_remove("COFACTOR_CONFIG")
            .output()?;
        assert_eq!(output.status.code(), Some(4), "{look:?}");
        let files = std::fs::read_dir(folder.path())?.count();
        assert_eq!(files, 1, "{look:?}");
    }
    Ok(())
}

#[test]
fn every_command_that_opens_a_database_that_was_put_back_says_so() -> Tested {
    for command in [
        &["audit", "verify"][..],
        &["audit", "show"],
        &["keys", "rotate"],
    ] {
        let server = put_back()?;
        let output = server.command(command)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains("the database was put back"),
            "{command:?}: {said}"
        );
        let code = if command[0] == "audit" { 4 } else { 0 };
        assert_eq!(output.status.code(), Some(code), "{command:?}: {said}");
    }
    Ok(())
}

/// A host that is stopped, and whose database was put back since.
fn put_back() -> anyhow::Result<Server> {
    let mut server = Server::start(&Setup::default())?;
    server.enrol("alice", super::SECRET)?;
    server.process.stop()?;
    let database = server.folder().join("cofactor.db");
    let older = std::fs::read(&database)?;
    server.start_again()?;
    server.enrol("bob", super::SECRET)?;
    server.process.stop()?;
    std::fs::write(&database, older)?;
    Ok(server)
}

#[test]
fn a_database_that_was_put_back_is_reported_until_somebody_acknowledges_it() -> Tested {
    const GAUGE: &str = "cofactor_rollbacks_unacknowledged";
    let mut server = put_back()?;
    for starts in 1..=2 {
        server.start_again()?;
        let told = server.log()?;
        let told = told
            .matches("the database is older than its anchor")
            .count();
        assert_eq!(told, starts, "at every start");
        let ready = server.readiness()?;
        assert!(
            ready.starts_with("ready\nthe database was put back"),
            "{ready}"
        );
        assert!(server.metrics()?.contains(&format!("{GAUGE} 1\n")));
        let verified = server.command(&["audit", "verify", "--json"])?;
        assert_eq!(verified.status.code(), Some(4));
        let said: Value = serde_json::from_slice(&verified.stdout)?;
        let problem = said["problem"].as_str().unwrap();
        assert!(problem.contains("the database was put back"), "{problem}");
        server.process.stop()?;
    }
    // Not by half: somebody has to have a name and a reason.
    for half in [
        &["audit", "acknowledge"][..],
        &["audit", "acknowledge", "--actor", "carol"],
        &["audit", "acknowledge", "--why", "a restore"],
        &["audit", "acknowledge", "--actor", " ", "--why", "a restore"],
    ] {
        assert_eq!(server.command(half)?.status.code(), Some(2), "{half:?}");
    }
    assert_eq!(server.command(&["audit", "verify"])?.status.code(), Some(4));

    server.start_again()?;
    let acknowledge = [
        "audit",
        "acknowledge",
        "--actor",
        "carol",
        "--why",
        "restored Monday's backup",
        "--json",
    ];
    let acknowledged: Value = serde_json::from_str(&server.operator(&acknowledge)?)?;
    let seen = acknowledged["acknowledged"].as_array().unwrap();
    assert_eq!(seen.len(), 1, "{acknowledged}");
    // A host that runs takes notice within a second.
    wait_for("the host to take notice", || {
        (server.readiness().ok()? == "ready\n").then_some(())
    })?;
    assert!(server.metrics()?.contains(&format!("{GAUGE} 0\n")));
    server.operator(&["audit", "verify"])?;
    let shown = server.operator(&["audit", "show"])?;
    assert!(
        shown.contains("rollback-acknowledged  actor=carol  epoch=1  why=restored Monday"),
        "{shown}"
    );
    let again = server.operator(&["audit", "acknowledge", "--actor", "carol", "--why", "again"])?;
    assert_eq!(again, "there is nothing to acknowledge\n");
    assert_eq!(server.operator(&["audit", "show"])?, shown);

    // It stays so, and what may have been used before stays refused.
    server.process.stop()?;
    server.start_again()?;
    assert_eq!(server.readiness()?, "ready\n");
    let reason = server.verify("alice", &phone().code()?)?;
    assert_eq!(reason, "code-already-used");
    Ok(())
}

/// A terminal that is closed ends the demonstration like Ctrl-C: keys and accounts go with it.
#[test]
fn a_demonstration_leaves_nothing_behind_when_its_terminal_is_closed() -> Tested {
    use std::io::{BufRead as _, BufReader};
    let folder = tempfile::tempdir()?;
    for signal in ["-HUP", "-INT", "-TERM"] {
        let mut demo = Command::new(own("cofactor")?)
            .args(["demo", "--listen", "127.0.0.1:0"])
            .env("TMPDIR", folder.path())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()?;
        let told = BufReader::new(demo.stdout.take().unwrap()).lines();
        let ready = told
            .map_while(Result::ok)
            .any(|line| line.contains("Ctrl-C"));
        assert!(ready, "{signal}");
        Command::new("kill")
            .args([signal, &demo.id().to_string()])
            .status()?;
        assert!(demo.wait()?.success(), "{signal}");
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "{signal}");
    }
    Ok(())
}

/// What is issued is handed out once, and works.
#[test]
fn an_operator_issues_credentials_of_any_method() -> Tested {
    let policy = "[accounts]\nmethods = [\"totp\", \"hotp\", \"recovery-code\", \"temporary-pass\", \"app-password\"]\n\
                  [throttle]\ndelay-after = 100\nlock-after = 100\n";
    let server = Server::start(&Setup {
        policy: policy.to_owned(),
        ..Setup::default()
    })?;
    let issue = |method: &str, more: &[&str]| {
        let all = [
            "user", "issue", "alice", "--method", method, "--label", method,
        ];
        server.operator(&[&all, more].concat())
    };
    let pass = issue(
        "temporary-pass",
        &["--lifetime", "1h", "--why", "ticket 4711"],
    )?;
    let (pass, rest) = pass.split_once('\n').unwrap();
    assert!(
        rest.starts_with("alice: credential ") && rest.contains("shown once"),
        "{rest}"
    );
    assert_eq!(server.verify("alice", pass)?, "allow");

    let codes = issue("recovery-code", &[])?;
    let codes: Vec<&str> = codes.lines().filter(|line| !line.contains(':')).collect();
    assert!(codes.len() >= 8, "{codes:?}");

    let token = issue("hotp", &[])?;
    let uri = token
        .lines()
        .find(|line| line.starts_with("otpauth://hotp/"))
        .unwrap();
    let secret = uri.split(['=', '&']).nth(1).unwrap();
    if let Some(oathtool) = cofactor_tests::program::peer("oathtool") {
        let output = Command::new(oathtool)
            .args(["--hotp", "--base32", "--digits=6", "--counter=0", secret])
            .output()?;
        let code = String::from_utf8(output.stdout)?;
        assert_eq!(server.verify("alice", code.trim())?, "allow", "{uri}");
    }
    issue("app-password", &["--address", "mail"])?;

    let shown = server.operator(&["user", "show", "alice"])?;
    assert!(shown.contains("credentials  4"), "{shown}");
    assert!(
        !shown.contains(pass) && !shown.contains(secret) && !shown.contains(codes[0]),
        "{shown}"
    );
    let audit = server.operator(&["audit", "show", "--json"])?;
    assert!(audit.contains("ticket 4711"), "{audit}");
    // Not what the policy does not have.
    let output = server.command(&[
        "user",
        "issue",
        "alice",
        "--method",
        "sms",
        "--label",
        "x",
        "--address",
        "+4915112345678",
    ])?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("method-not-allowed"));
    Ok(())
}
