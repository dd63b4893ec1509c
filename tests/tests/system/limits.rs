//! What a client leaves undone, and what the system has too little of: neither keeps others out.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use cofactor_tests::http::{answers, exchange};
use cofactor_tests::nginx::{Guarded, SECRET};
use cofactor_tests::program::own;
use cofactor_tests::server::{Server, Setup};

use super::{Tested, patient};

#[test]
fn a_body_that_never_comes_is_answered_and_its_connection_closed() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let server = &site.server;
    std::thread::scope(|scope| {
        let asked = [
            (server.web(), "/.cofactor/answer", "text/html"),
            (server.web(), "/.cofactor/nothing", "text/html"),
            (server.api(), "/v1/step", "application/problem+json"),
        ]
        .map(|(port, path, kind)| {
            scope.spawn(move || -> Tested {
                let head = format!(
                    "POST {path} HTTP/1.1\r\nHost: a\r\nX-Cofactor-Secret: {SECRET}\r\nContent-Length: 100\r\n\r\n1"
                );
                let octets = exchange(port, head.as_bytes())?;
                let answer = answers(&octets)?.remove(0);
                assert_eq!(answer.status, 408, "{path}");
                assert_eq!(answer.header("connection"), Some("close"), "{path}");
                let told = answer.header("content-type").unwrap_or(kind);
                assert_eq!(told, kind, "{path}");
                Ok(())
            })
        });
        asked
            .into_iter()
            .try_for_each(|asked| asked.join().unwrap())
    })
}

/// `cofactor serve` under limits of open files, as a shell or an init system sets them.
fn under(limits: &str, configuration: &str) -> anyhow::Result<std::process::Output> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("cofactor.toml");
    std::fs::write(&file, configuration)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    let serve = format!("{limits}; exec \"$0\" serve --config \"$1\"");
    Ok(Command::new("sh")
        .args(["-c", &serve])
        .arg(own("cofactor")?)
        .arg(&file)
        .output()?)
}

#[test]
fn more_connections_than_open_files_are_refused_with_what_would_fit() -> Tested {
    let output = under("ulimit -n 512", "[listen]\nconnections = 1024\n")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    for word in [
        "LimitNOFILE=",
        "this process may open 512",
        "to 192 or less",
    ] {
        assert!(said.contains(word), "{said}");
    }
    Ok(())
}

/// The soft limit is for programs that use `select`; the hard one is the machine's.
#[test]
fn the_soft_limit_of_open_files_is_raised_to_the_hard_one() -> Tested {
    let server = Server::start(&Setup::default())?;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process.id()))?;
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let mut numbers = files.split_whitespace().skip(3);
    assert_eq!(numbers.next(), numbers.next(), "{files}");
    Ok(())
}
