//! What an operator does at the command line, beside a host that runs.

use std::process::Command;

use cofactor_tests::program::own;
use cofactor_tests::server::{Server, Setup};

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
        let mut server = Server::start(&Setup::default())?;
        server.enrol("alice", super::SECRET)?;
        server.process.stop()?;
        let database = server.folder().join("cofactor.db");
        let older = std::fs::read(&database)?;
        server.start_again()?;
        server.enrol("bob", super::SECRET)?;
        server.process.stop()?;
        std::fs::write(&database, older)?;

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
