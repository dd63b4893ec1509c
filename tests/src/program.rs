//! Real programs: where they are, how they are started, and that they are gone afterwards.

use std::env;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// A peer program, or none where `COFACTOR_SKIP` (names separated by commas) says that it may be missing: the test then
/// says in one line what it left out, and the run's report lists it.
///
/// # Panics
/// Where the program is missing and nobody said that it may be.
#[allow(clippy::panic)]
pub fn peer(name: &str) -> Option<PathBuf> {
    if env::var("COFACTOR_SKIP")
        .is_ok_and(|skip| skip.split(',').any(|skipped| skipped.trim() == name))
    {
        note_skipped(name);
        return None;
    }
    match find(name) {
        Some(path) => Some(path),
        None => panic!(
            "{name} is missing: `tests/peers install` installs it, COFACTOR_SKIP={name} does without"
        ),
    }
}

/// The summary counts a test that is named here as one that showed nothing.
fn note_skipped(program: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    report("skipped.txt", &format!("{test}: without {program}"));
}

/// Something that the reader of a run should know: the summary prints it, once. A test's own output is hidden when it passes.
pub fn note(line: &str) {
    report("notes.txt", line);
}

fn report(name: &str, line: &str) {
    let Some(folder) = env::var_os("COFACTOR_REPORT") else {
        return eprintln!("{name}: {line}");
    };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(Path::new(&folder).join(name));
    let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    if let Err(error) = written {
        eprintln!("{name}: {line}, and the report cannot be written: {error}");
    }
}

/// A list of another project's, which lies beside the working copy where the licence is theirs. Where it is not there, the
/// summary says so: no attack is answered by it alone.
#[must_use]
pub fn borrowed(name: &str) -> Option<String> {
    let list = std::fs::read_to_string(project("../shared/vectors").join(name)).ok();
    if list.is_none() {
        note(&format!("left out: {name}, a list of another project's"));
    }
    list
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // First where `tests/peers` puts what it does not install for the whole machine: there it is the newest.
    let installed = target().map(|target| target.join("peers/bin"));
    let folders = installed
        .into_iter()
        .chain(env::split_paths(&path))
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// A program of this workspace, such as `cofactor`, beside the test that runs.
///
/// # Errors
/// Where it was not built.
pub fn own(name: &str) -> anyhow::Result<PathBuf> {
    let target = target().context("not in a release folder")?;
    let program = target.join("release").join(name);
    if !program.is_file() {
        bail!(
            "{} is missing: cargo build --release --workspace",
            program.display()
        );
    }
    Ok(program)
}

/// The target folder of the test that runs.
fn target() -> Option<PathBuf> {
    let here = env::current_exe().ok()?;
    let release = here
        .ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "release"))?;
    release.parent().map(Path::to_path_buf)
}

/// A folder of the project.
#[must_use]
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A folder that keeps what a person may want to look at afterwards: screenshots and logs.
///
/// # Errors
/// Where it cannot be made.
pub fn artefacts() -> anyhow::Result<PathBuf> {
    let folder = project("tests/artefacts");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A TCP port that nobody listens on now, and that is given to one test only. It lies below those that Linux gives out by
/// itself (32768 and up): between here and the program that listens on it, no connection of another test can take it.
///
/// # Errors
/// Where there is none.
pub fn free_port() -> anyhow::Result<u16> {
    const FIRST: u32 = 12_000;
    const MANY: u32 = 20_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Another run at the same time begins somewhere else.
    let start = std::process::id().wrapping_mul(61);
    for _ in 0..MANY {
        let number = start.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % MANY;
        let port = u16::try_from(FIRST + number)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("every port from {FIRST} on is taken")
}

/// Asks until there is an answer. Gives up after a minute, which no sound machine needs: it ends a run that hangs.
///
/// # Errors
/// After that minute.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if begun.elapsed() > Duration::from_secs(60) {
            bail!("waited a minute for {what}");
        }
        sleep(Duration::from_millis(5));
    }
}

/// A started program that ends with the test.
pub struct Running(Child);

impl Running {
    /// Starts it.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child = command
            .spawn()
            .with_context(|| format!("starting {:?}", command.get_program()))?;
        Ok(Self(child))
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has ended by itself.
    pub fn ended(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)))
    }

    /// kill -9, and wait until it is gone.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// Where it does not stop within a minute, or not with success.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        Command::new("kill").arg(self.0.id().to_string()).status()?;
        let child = &mut self.0;
        let status = wait_for("a program to stop", || child.try_wait().ok().flatten())?;
        if !status.success() {
            bail!("it stopped with {status}");
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
