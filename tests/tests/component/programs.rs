//! Small programs around the component, run as they are built.

use std::process::{Command, Stdio};

use cofactor_tests::program::{own, peer};

#[test]
fn the_embedding_example_signs_in_once() {
    let output = Command::new(own("examples/embed").unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        said.contains("allowed, level 2") && said.contains("denied, code-already-used"),
        "{said}"
    );
}

#[test]
fn a_step_in_an_instance_of_its_own_makes_no_system_call() {
    let Some(strace) = peer("strace") else { return };
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("calls");
    let status = Command::new(&strace)
        .args(["-f", "-o"])
        .arg(&log)
        .arg(own("steps").unwrap())
        .arg("5000")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let log = std::fs::read_to_string(&log).unwrap();
    let begun = log.lines().position(|line| line.contains("begun"));
    let ended = log.lines().position(|line| line.contains("ended"));
    let lines: Vec<&str> = log.lines().collect();
    // Other threads may still be ending; the steps run in the one that says so.
    let steps = &lines[begun.unwrap()..ended.unwrap()];
    let (thread, _) = steps[0].split_once(' ').unwrap();
    let calls: Vec<_> = steps[1..]
        .iter()
        .filter(|line| line.starts_with(thread) && !line.contains("resumed"))
        .collect();
    assert!(calls.is_empty(), "{calls:#?}");
}
