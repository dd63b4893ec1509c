//! The user's authenticator app: `oathtool`, an implementation of RFC 4226 and 6238 that is not ours.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail};

use crate::program::peer;

/// A base32 secret in an app on the user's phone.
pub struct Authenticator {
    program: PathBuf,
    secret: String,
    next: Option<u64>,
}

impl Authenticator {
    /// Holds a secret, as scanned from an `otpauth` URI or typed. None where oathtool may be missing.
    #[must_use]
    pub fn with(secret: &str) -> Option<Self> {
        let secret = secret.chars().filter(|c| !c.is_whitespace()).collect();
        Some(Self {
            program: peer("oathtool")?,
            secret,
            next: None,
        })
    }

    /// The six digits that it shows at a Unix time in seconds.
    ///
    /// # Errors
    /// Where oathtool fails.
    pub fn code_at(&self, seconds: u64) -> anyhow::Result<String> {
        self.run(&[
            "--totp=sha1",
            "--base32",
            "--digits=6",
            &format!("--now=@{seconds}"),
            "-",
        ])
    }

    /// The six digits that it shows now.
    ///
    /// # Errors
    /// Where oathtool fails.
    pub fn code(&self) -> anyhow::Result<String> {
        self.run(&["--totp=sha1", "--base32", "--digits=6", "-"])
    }

    /// A code that it has not shown yet, of the next step each time. The first is eight steps old, so that 18 of them are
    /// accepted one after the other, without waiting, under a policy with `totp.window = 10`.
    ///
    /// # Errors
    /// Where oathtool fails, or the clock stands before 1970.
    pub fn fresh(&mut self) -> anyhow::Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let step = self.next.unwrap_or(now / 30 - 8);
        self.next = Some(step + 1);
        self.code_at(step * 30)
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut child = Command::new(&self.program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // By its standard input: an argument would show in the list of processes.
        child
            .stdin
            .take()
            .context("no standard input")?
            .write_all(self.secret.as_bytes())?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("oathtool: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}
