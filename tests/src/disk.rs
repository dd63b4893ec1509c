//! A disk that fails when a test says so: what no client can bring about.
//!
//! A library that is loaded before the C library stands in for `fsync` and `fdatasync`. While a file is there, they answer
//! EIO, as they do for a disk that does not take what it is given; reading goes on. A file that may not grow any more
//! (prlimit) is an error to whoever writes, as on a full disk, and does not end the program.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::bail;
use tempfile::TempDir;

use crate::program::peer;

const SOURCE: &str = r#"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static int fails(void) { return access(getenv("COFACTOR_TESTS_DISK"), F_OK) == 0; }
__attribute__((constructor)) static void begin(void) { signal(SIGXFSZ, SIG_IGN); }
int fsync(int file) { if (fails()) { errno = EIO; return -1; } return (int) syscall(SYS_fsync, file); }
int fdatasync(int file) { if (fails()) { errno = EIO; return -1; } return (int) syscall(SYS_fdatasync, file); }
"#;

/// The disk of the programs that are started with its [`Disk::environment`].
pub struct Disk(TempDir);

impl Disk {
    /// A disk that works. None where a C compiler may be missing.
    ///
    /// # Errors
    /// Where the compiler says no.
    pub fn new() -> anyhow::Result<Option<Self>> {
        let Some(compiler) = peer("cc") else {
            return Ok(None);
        };
        let disk = Self(tempfile::tempdir()?);
        let source = disk.0.path().join("disk.c");
        fs::write(&source, SOURCE)?;
        let made = Command::new(compiler)
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(disk.library())
            .arg(&source)
            .output()?;
        if !made.status.success() {
            bail!("cc: {}", String::from_utf8_lossy(&made.stderr));
        }
        Ok(Some(disk))
    }

    /// What a program has to be started with.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let pair = |name: &str, path: PathBuf| (name.to_owned(), path.display().to_string());
        vec![
            pair("LD_PRELOAD", self.library()),
            pair("COFACTOR_TESTS_DISK", self.switch()),
        ]
    }

    /// From now on nothing can be made durable.
    ///
    /// # Errors
    /// Where the switch cannot be set.
    pub fn fail(&self) -> anyhow::Result<()> {
        Ok(fs::write(self.switch(), "")?)
    }

    /// It works again.
    ///
    /// # Errors
    /// Where the switch cannot be set back.
    pub fn heal(&self) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.switch())?)
    }

    fn library(&self) -> PathBuf {
        self.0.path().join("disk.so")
    }

    fn switch(&self) -> PathBuf {
        self.0.path().join("fails")
    }
}
