//! A disk that fails when a test says so: what no client can bring about.
//!
//! A library that is loaded before the C library stands in for `fsync` and `fdatasync`, and for `read` and `pread` of regular
//! files. While a switch is set, the first two answer EIO and the others ETIMEDOUT, as they do for a disk that is broken or
//! gone. A third switch lets reads wait, as they do for a disk that is busy. (A read that ends with EIO is a broken database to SQLite, and no matter of a fail mode.) A file that may not grow any more
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
static int fails(void) { return access(getenv("COFACTOR_TESTS_DISK_SYNCS"), F_OK) == 0; }
static int unreadable(int file) {
    struct stat it;
    while (access(getenv("COFACTOR_TESTS_DISK_HOLDS"), F_OK) == 0 && fstat(file, &it) == 0 && S_ISREG(it.st_mode)) usleep(1000);
    return access(getenv("COFACTOR_TESTS_DISK_READS"), F_OK) == 0 && fstat(file, &it) == 0 && S_ISREG(it.st_mode);
}
__attribute__((constructor)) static void begin(void) { signal(SIGXFSZ, SIG_IGN); }
int fsync(int file) { if (fails()) { errno = EIO; return -1; } return (int) syscall(SYS_fsync, file); }
ssize_t read(int file, void *to, size_t many) {
    if (unreadable(file)) { errno = ETIMEDOUT; return -1; }
    return syscall(SYS_read, file, to, many);
}
ssize_t pread64(int file, void *to, size_t many, off_t at) {
    if (unreadable(file)) { errno = ETIMEDOUT; return -1; }
    return syscall(SYS_pread64, file, to, many, at);
}
ssize_t pread(int file, void *to, size_t many, off_t at) { return pread64(file, to, many, at); }
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
            pair("COFACTOR_TESTS_DISK_SYNCS", self.syncs()),
            pair("COFACTOR_TESTS_DISK_READS", self.reads()),
            pair("COFACTOR_TESTS_DISK_HOLDS", self.holds()),
        ]
    }

    /// From now on nothing can be made durable; reading goes on.
    ///
    /// # Errors
    /// Where the switch cannot be set.
    pub fn fail_syncs(&self) -> anyhow::Result<()> {
        Ok(fs::write(self.syncs(), "")?)
    }

    /// From now on nothing can be read either.
    ///
    /// # Errors
    /// Where the switches cannot be set.
    pub fn fail(&self) -> anyhow::Result<()> {
        fs::write(self.reads(), "")?;
        self.fail_syncs()
    }

    /// From now on whoever reads waits until [`Disk::heal`].
    ///
    /// # Errors
    /// Where the switch cannot be set.
    pub fn hold_reads(&self) -> anyhow::Result<()> {
        Ok(fs::write(self.holds(), "")?)
    }

    /// It works again.
    ///
    /// # Errors
    /// Where a switch cannot be set back.
    pub fn heal(&self) -> anyhow::Result<()> {
        for switch in [self.holds(), self.reads(), self.syncs()] {
            if switch.exists() {
                fs::remove_file(switch)?;
            }
        }
        Ok(())
    }

    fn library(&self) -> PathBuf {
        self.0.path().join("disk.so")
    }

    fn syncs(&self) -> PathBuf {
        self.0.path().join("no-syncs")
    }

    fn holds(&self) -> PathBuf {
        self.0.path().join("no-answers")
    }

    fn reads(&self) -> PathBuf {
        self.0.path().join("no-reads")
    }
}
