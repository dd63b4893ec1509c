//! Secrets of the configuration: given inline, or better in a file that only the host may read.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Shortest secret that is accepted, in octets. 128 bits in hexadecimal are 32.
const SHORTEST: usize = 16;

/// More than the first line of any secret file, in octets.
const LONGEST: usize = 64 * 1024;

/// A shared secret. Erased when dropped; `Debug` does not show it.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Reads the first line of a file that nobody but its owner may read.
    ///
    /// # Errors
    /// Where the file cannot be read, is somebody else's, or group or others have any right to it. The text says so for
    /// an operator.
    pub fn from_file(path: &Path) -> Result<Self, String> {
        let mut opened = private(path)?;
        let mut text = Zeroizing::new(String::with_capacity(LONGEST));
        opened
            .by_ref()
            .take(LONGEST as u64)
            .read_to_string(&mut text)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Ok(Self::new(
            text.lines().next().unwrap_or_default().to_owned(),
        ))
    }

    /// Takes the one of both ways that is given: `secret` inline, or `secret-file`, relative to `base`.
    ///
    /// # Errors
    /// Where both are given, or none, or the file or the length is not right.
    pub fn from_either(
        base: &Path,
        inline: Option<&Secret>,
        file: Option<&Path>,
    ) -> Result<Self, String> {
        let secret = match (inline, file) {
            (Some(secret), None) => secret.clone(),
            (None, Some(file)) => Self::from_file(&base.join(file))?,
            (Some(_), Some(_)) => return Err("secret and secret-file are both given".to_owned()),
            (None, None) => return Err("a secret is missing: set secret-file".to_owned()),
        };
        if secret.as_bytes().len() < SHORTEST {
            return Err(format!("the secret is shorter than {SHORTEST} characters"));
        }
        Ok(secret)
    }

    /// The secret itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// What is compared in its place.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.as_bytes()).into()
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(Self::new)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Opens a file that nobody else has a right to. What is looked at is the file that is open, not whatever has its name by
/// then.
///
/// # Errors
/// As for [`Secret::from_file`].
pub fn private(path: &Path) -> Result<File, String> {
    let shown = path.display();
    let unreadable = |error| format!("cannot read {shown}: {error}");
    let opened = File::open(path).map_err(unreadable)?;
    let metadata = opened.metadata().map_err(unreadable)?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "{shown} may be read by others (mode {mode:04o}): run chmod 600 {shown}"
        ));
    }
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(format!(
            "{shown} belongs to user {owner}, who can read and change it, but cofactor runs as user {user}: run chown \
             {user} {shown}"
        ));
    }
    Ok(opened)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_that_others_may_read_is_refused_and_none_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nginx.secret");
        std::fs::write(&file, "0123456789abcdef0123\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = Secret::from_file(&file).unwrap_err();
        assert!(refused.contains("chmod 600"), "{refused}");

        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let secret = Secret::from_file(&file).unwrap();
        assert_eq!(secret.as_bytes(), b"0123456789abcdef0123");
        assert_eq!(format!("{secret:?}"), "[redacted]");
    }

    /// Only the superuser can give files away; elsewhere there is nothing to try.
    #[test]
    fn a_secret_of_somebody_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nginx.secret");
        std::fs::write(&file, "0123456789abcdef0123\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        if std::os::unix::fs::chown(&file, Some(65_534), None).is_err() {
            return;
        }
        let refused = Secret::from_file(&file).unwrap_err();
        assert!(refused.contains("belongs to user 65534"), "{refused}");
    }

    #[test]
    fn one_way_is_chosen() {
        let base = Path::new("/");
        let long = Secret::new("0123456789abcdef".to_owned());
        let short = Secret::new("0123456789".to_owned());
        assert!(Secret::from_either(base, Some(&long), None).is_ok());
        assert!(Secret::from_either(base, Some(&short), None).is_err());
        assert!(Secret::from_either(base, Some(&long), Some(Path::new("x"))).is_err());
        assert!(Secret::from_either(base, None, None).is_err());
    }
}
