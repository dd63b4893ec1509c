//! Small programs around the component, run as they are built.

use std::process::Command;

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
    let calls = |steps: u32| {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("calls");
        let program = own("steps").unwrap();
        let status = Command::new(&strace)
            .args(["-f", "-o"])
            .arg(&log)
            .arg(program)
            .arg(steps.to_string())
            .status()
            .unwrap();
        assert!(status.success());
        std::fs::read_to_string(&log).unwrap().lines().count()
    };
    let (few, many) = (calls(100), calls(5_100));
    // Loading makes hundreds of calls, and not the same number each time; five thousand steps would show.
    assert!(
        many < few + 500,
        "{few} calls with 100 steps, {many} with 5,100"
    );
}
