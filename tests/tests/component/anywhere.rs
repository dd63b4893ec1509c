//! The same component in three runtimes: what the hosts in Node and Python (host/examples) print is, byte for byte, what the Rust
//! host answered.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use cofactor_tests::program::{own, peer, project};
use cofactor_tests::tour::{Move, Tour};

/// Every method, asked, answered, refused and managed; kept as a file that any host can replay.
const KEPT: &str = "fixtures/every-method.jsonl";

#[test]
fn every_method_replays_alike_in_every_host() {
    let tour = every_method();
    assert!(tour.answers.len() >= 300, "{} events", tour.answers.len());
    for method in cofactor_guest::methods::NAMES {
        let by = format!("\"method\":\"{method}\"");
        let accepts =
            |answer: &&String| answer.contains("\"claims\":{\"active\":") && answer.contains(&by);
        assert!(
            tour.answers.iter().any(|answer| accepts(&answer)),
            "{method} was never accepted"
        );
    }
    let kept = project("tests").join(KEPT);
    let text = tour.lines.join("\n") + "\n";
    if std::env::var_os("COFACTOR_BLESS").is_some() {
        std::fs::write(&kept, &text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&kept).unwrap(),
        text,
        "COFACTOR_BLESS=1 writes it anew"
    );

    let expected = tour.answers.join("\n") + "\n";
    let simulated = Command::new(own("cofactor").unwrap())
        .arg("simulate")
        .arg(&kept)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(simulated.stdout).unwrap(), expected);
    for host in hosts() {
        assert!(
            host.replay(std::slice::from_ref(&kept)) == expected,
            "{}",
            host.name
        );
    }
}

#[test]
fn random_scenarios_replay_alike_in_every_host() {
    let soak = std::env::var_os("COFACTOR_SOAK").is_some();
    let (sequences, events) = if soak { (10_000, 12) } else { (500, 12) };
    let hosts = hosts();
    if hosts.is_empty() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // In portions: no list of arguments is too long, and no output is larger than memory.
    for portion in 0..sequences / 250 {
        let (mut files, mut expected) = (Vec::new(), String::new());
        for number in 0..250 {
            let seed = portion * 250 + number;
            let tour = random(seed, events);
            let file = folder.path().join(format!("{number}.jsonl"));
            std::fs::write(&file, tour.lines.join("\n") + "\n").unwrap();
            files.push(file);
            expected.extend(
                tour.answers
                    .iter()
                    .flat_map(|answer| [answer.as_str(), "\n"]),
            );
        }
        for host in &hosts {
            let replayed = host.replay(&files);
            if replayed != expected {
                let differs = expected
                    .lines()
                    .zip(replayed.lines())
                    .position(|(one, other)| one != other);
                panic!(
                    "{}: portion {portion}, line {differs:?} of all answers",
                    host.name
                );
            }
        }
    }
}

/// A host in another language, ready to run.
struct Host {
    name: &'static str,
    command: Vec<PathBuf>,
}

impl Host {
    fn replay(&self, files: &[PathBuf]) -> String {
        let output = Command::new(&self.command[0])
            .args(&self.command[1..])
            .args(files)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "{} failed", self.name);
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The hosts that can run here, installed once beside the build. One whose program is skipped is left out.
fn hosts() -> Vec<Host> {
    static INSTALLED: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = INSTALLED.lock().unwrap();
    let place = own("cofactor").unwrap().with_file_name("anywhere");
    std::fs::create_dir_all(&place).unwrap();
    let component = place.join("cofactor.wasm");
    std::fs::write(&component, cofactor_component::COMPONENT).unwrap();
    let install = |what: &str| {
        let status = Command::new(project("tests").join("peers"))
            .args(["host", what])
            .arg(&place)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "tests/peers host {what} failed");
    };
    let mut hosts = Vec::new();
    if let Some(node) = peer("node") {
        install("node");
        hosts.push(Host {
            name: "node",
            command: vec![node, place.join("node/replay.mjs")],
        });
    }
    if peer("python3").is_some() {
        install("python");
        let replay = project("host/examples/python").join("replay.py");
        let interpreter = place.join("python/bin/python");
        hosts.push(Host {
            name: "python",
            command: vec![interpreter, replay, component],
        });
    }
    hosts
}

/// A user who goes through everything.
fn every_method() -> Tour {
    let mut tour = Tour::new("every method").unwrap();
    let half_a_minute = 30_000;
    let mut go = |moves: &[Move]| {
        for next in moves {
            tour.make(half_a_minute, *next).unwrap();
        }
    };
    use Move::{
        Administer, Answer, Authorize, Begin, BeginWith, Bypass, Choose, Confirm, Early, Enrol,
        Grant, ImportHotp, ImportOcra, ImportToken, ImportTotp, Issue, Manage, Phone, Poll,
        Program, Recover, Remember, Report, Resend, Snooze, State, Strict, Transaction,
    };
    go(&[
        Begin,
        Snooze,
        Begin,
        Snooze,
        Begin,
        Enrol("hotp"),
        Confirm(false),
        Confirm(true),
        Authorize,
    ]);
    go(&[
        ImportTotp,
        ImportHotp,
        ImportToken,
        ImportOcra,
        ImportTotp,
        Early,
        Authorize,
        Early,
    ]);
    for method in [
        "sms",
        "email",
        "voice",
        "push",
        "webauthn",
        "recovery-code",
        "app-password",
    ] {
        go(&[Early, Enrol(method), Confirm(false)]);
        match method {
            "voice" | "push" => go(&[Phone("approved"), Confirm(true), Poll]),
            _ => go(&[Confirm(true)]),
        }
    }
    go(&[
        Issue("temporary-pass"),
        Issue("recovery-code"),
        Issue("app-password"),
        Issue("totp"),
        Issue("pin"),
    ]);
    for _ in 0..3 {
        for method in [
            "totp",
            "hotp",
            "ocra",
            "sms",
            "email",
            "webauthn",
            "temporary-pass",
        ] {
            go(&[
                BeginWith(method),
                Resend,
                Answer(false),
                Answer(true),
                Authorize,
            ]);
        }
        for method in ["voice", "push"] {
            go(&[
                BeginWith(method),
                Poll,
                Phone("approved"),
                Poll,
                Phone("approved"),
            ]);
            go(&[
                BeginWith(method),
                Phone("wrong"),
                Poll,
                BeginWith(method),
                Phone("denied"),
                Poll,
            ]);
            go(&[
                BeginWith(method),
                Phone("voicemail"),
                Poll,
                BeginWith(method),
                Phone("hung-up"),
                Poll,
            ]);
            go(&[BeginWith(method), Report(true), Report(false), Poll]);
        }
        go(&[
            Administer("unlock"),
            BeginWith("recovery-code"),
            Recover,
            Begin,
            Choose("sms"),
            Answer(true),
        ]);
        go(&[
            Transaction,
            Answer(true),
            Transaction,
            Choose("push"),
            Phone("approved"),
            Poll,
        ]);
        go(&[
            Strict,
            Answer(true),
            Strict,
            Choose("totp"),
            Program,
            Begin,
            Remember,
            Begin,
        ]);
        go(&[
            Manage("rename"),
            Manage("set-default"),
            Manage("forget-devices"),
            Bypass,
            Begin,
            Grant,
            Begin,
            Begin,
        ]);
        go(&[
            State("disabled"),
            Begin,
            State("enforced"),
            Begin,
            State("enabled"),
            Manage("set-pin"),
        ]);
    }
    go(&[
        BeginWith("push"),
        Phone("fraud"),
        Poll,
        Early,
        Administer("unblock"),
        Early,
    ]);
    go(&[
        BeginWith("voice"),
        Phone("fraud"),
        Poll,
        Administer("unblock"),
        Early,
        Manage("remove"),
        Authorize,
    ]);
    go(&[
        Administer("block"),
        Early,
        Administer("unblock"),
        Manage("sign-out-everywhere"),
        Authorize,
    ]);
    tour
}

/// Moves by chance, weighted by the list.
fn random(seed: u32, events: u32) -> Tour {
    let mut tour = Tour::new(&format!("chance {seed}")).unwrap();
    let mut state = u64::from(seed) * 0x9e37_79b9_7f4a_7c15 + 1;
    let mut chance = |below: usize| {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    };
    tour.make(0, Move::ImportTotp).unwrap();
    let waits = [0, 1_000, 5_000, 30_000, 30_000, 60_000, 600_000, 86_400_000];
    for _ in 1..events {
        let (after, next) = (
            waits[chance(waits.len())],
            Move::ALL[chance(Move::ALL.len())],
        );
        tour.make(after, next).unwrap();
    }
    tour
}

#[test]
fn the_page_shows_the_hosts_as_they_are() {
    let page = std::fs::read_to_string(project("docs").join("embed.md")).unwrap();
    let read = |file: &str| std::fs::read_to_string(project(file)).unwrap();
    for (language, file) in [
        ("rust", "host/runtime/examples/embed.rs"),
        ("js", "host/examples/node/sign_in.mjs"),
        ("python", "host/examples/python/sign_in.py"),
    ] {
        let block = page.split(&format!("```{language}\n")).nth(1).unwrap();
        let (block, _) = block.split_once("```").unwrap();
        assert!(
            block.lines().count() <= 20,
            "{language}: {} lines",
            block.lines().count()
        );
        let source = read(file);
        for line in block.lines() {
            assert!(source.contains(line), "{file} has no line `{line}`");
        }
    }
}
