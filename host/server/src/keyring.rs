//! The file of the key ring: made at the first start, readable by nobody but its owner, replaced only as a whole.
//!
//! Whoever has this file and the database has every secret; whoever loses it has lost every credential. Keep a copy of it
//! apart from the database's backup.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cofactor_runtime::seal::{KeyRing, KeyRingError, RotateError};
use zeroize::Zeroizing;

/// Longer than any key ring: a file of this size is something else.
const LONGEST: u64 = 16 * 1024;

/// Why there is no key ring.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The system says no.
    #[error("the key file {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Group or others have a right to it.
    #[error("the key file {path} has mode {mode:04o}, so others may read it: run chmod 600 {path}")]
    Wide {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else, who can read and change it.
    #[error(
        "the key file {path} belongs to user {owner}, but cofactor runs as user {user}: run chown {user} {path}, or \
         start cofactor as its owner"
    )]
    Owner {
        /// Which file.
        path: PathBuf,
        /// The user number of its owner.
        owner: u32,
        /// The user number of this process.
        user: u32,
    },
    /// Somebody else has the ring in memory, or changes it.
    #[error("{path}: {problem}")]
    InUse {
        /// The file whose lock says so.
        path: PathBuf,
        /// What to do about it.
        problem: &'static str,
    },
    /// It holds something else.
    #[error("the key file {path}: {source}")]
    Text {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyRingError,
    },
    /// A key could not be made.
    #[error("no new key: {0}")]
    Rotate(#[from] RotateError),
    /// The system has no randomness to give.
    #[error("no new key: {0}")]
    Randomness(#[from] getrandom::Error),
    /// There is a database, and records in it that only the missing keys open.
    #[error(
        "there is no key file {path}, but there is a database {database} that was sealed with it: restore the key file, or \
         move the database and its anchor away to begin anew with nobody enrolled"
    )]
    Lost {
        /// Where the keys should be.
        path: PathBuf,
        /// What they sealed.
        database: PathBuf,
    },
}

/// Keeps everybody from changing the key ring of a database while somebody has read it: what a host seals with a key that
/// is dropped meanwhile, nobody opens again. Ends when dropped, and with the process however that ends.
#[derive(Debug)]
pub struct InUse(#[allow(dead_code, reason = "the lock is held by being open")] File);

impl InUse {
    /// For those who read the ring and seal with it. `database` is what they seal.
    ///
    /// # Errors
    /// Where somebody changes the ring, or the lock file cannot be made.
    pub fn shared(database: &Path) -> Result<Self, KeyFileError> {
        Self::with(
            database,
            File::try_lock_shared,
            "the keys are being changed: start again when `cofactor keys` has ended",
        )
    }

    /// For those who change the ring.
    ///
    /// # Errors
    /// Where anybody uses it, or the lock file cannot be made.
    pub fn alone(database: &Path) -> Result<Self, KeyFileError> {
        Self::with(
            database,
            File::try_lock,
            "the keys are in use: stop the host first",
        )
    }

    fn with(
        database: &Path,
        lock: impl Fn(&File) -> Result<(), fs::TryLockError>,
        problem: &'static str,
    ) -> Result<Self, KeyFileError> {
        // Beside the database, and never the database itself: closing it again would drop SQLite's own locks.
        let mut name = database.as_os_str().to_owned();
        name.push(".lock");
        let path = PathBuf::from(name);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|source| file(&path, source))?;
        match lock(&opened) {
            Ok(()) => Ok(Self(opened)),
            Err(fs::TryLockError::WouldBlock) => Err(KeyFileError::InUse { path, problem }),
            Err(fs::TryLockError::Error(source)) => Err(file(&path, source)),
        }
    }
}

/// Reads the key ring, or makes it at the first start: when there is no `database` yet. Two processes that start at once
/// get the same ring.
///
/// # Errors
/// See [`KeyFileError`].
pub fn open(path: &Path, database: &Path, now: u64) -> Result<KeyRing, KeyFileError> {
    if exists(path)? {
        return load(path);
    }
    if exists(database)? {
        return Err(KeyFileError::Lost {
            path: path.to_owned(),
            database: database.to_owned(),
        });
    }
    let ring = KeyRing::generate(now)?;
    match create(path, &ring.to_text()) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => load(path),
        made => made.map(|()| ring).map_err(|source| file(path, source)),
    }
}

/// Reads the key ring.
///
/// # Errors
/// See [`KeyFileError`].
pub fn load(path: &Path) -> Result<KeyRing, KeyFileError> {
    let opened = File::open(path).map_err(|source| file(path, source))?;
    private(path, &opened)?;
    // Room for all of it at once: a text that grows leaves copies of secrets behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST as usize));
    opened
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|source| file(path, source))?;
    KeyRing::from_text(&text).map_err(|source| KeyFileError::Text {
        path: path.to_owned(),
        source,
    })
}

/// Adds a new key to the file, which seals everything from the next start on. Returns its number.
///
/// # Errors
/// See [`KeyFileError`].
pub fn rotate(path: &Path, now: u64) -> Result<u32, KeyFileError> {
    change(path, |ring| Ok(ring.rotate(now)?))
}

/// Drops every key but the newest. Only when nothing is sealed with the others any more.
///
/// # Errors
/// See [`KeyFileError`].
pub fn retire(path: &Path) -> Result<(), KeyFileError> {
    change(path, |ring| {
        ring.retire();
        Ok(())
    })
}

/// Reads, changes and replaces the file, while nobody else does.
fn change<T>(
    path: &Path,
    change: impl FnOnce(&mut KeyRing) -> Result<T, KeyFileError>,
) -> Result<T, KeyFileError> {
    // The folder is what is locked: the file is another one after it was replaced. Released when closed.
    let locked = File::open(folder(path)).map_err(|source| file(path, source))?;
    locked.lock().map_err(|source| file(path, source))?;
    let mut ring = load(path)?;
    let answer = change(&mut ring)?;
    replace(path, &ring.to_text()).map_err(|source| file(path, source))?;
    Ok(answer)
}

/// Makes a file that is not there: complete and durable, or not at all.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let temporary = write(path, text)?;
    // Unlike a rename, a link does not replace what another process has made meanwhile.
    let made = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary)?;
    made?;
    File::open(folder(path))?.sync_all()
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let temporary = write(path, text)?;
    if let Err(error) = fs::rename(&temporary, path) {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    File::open(folder(path))?.sync_all()
}

/// Writes and syncs a new file beside `path`, and returns its name.
fn write(path: &Path, text: &str) -> io::Result<PathBuf> {
    let mut tail = [0; 8];
    getrandom::fill(&mut tail).map_err(io::Error::other)?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", hex::encode(tail)));
    let temporary = PathBuf::from(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    if let Err(error) = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
    {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(temporary)
}

/// Looks at the file that is open, not at whatever has its name by now.
fn private(path: &Path, opened: &File) -> Result<(), KeyFileError> {
    let metadata = opened.metadata().map_err(|source| file(path, source))?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Wide {
            path: path.to_owned(),
            mode,
        });
    }
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(KeyFileError::Owner {
            path: path.to_owned(),
            owner: metadata.uid(),
            user,
        });
    }
    Ok(())
}

fn exists(path: &Path) -> Result<bool, KeyFileError> {
    fs::exists(path).map_err(|source| file(path, source))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn file(path: &Path, source: io::Error) -> KeyFileError {
    KeyFileError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    fn numbers(ring: &KeyRing) -> Vec<u32> {
        ring.generations().map(|(id, _)| id).collect()
    }

    #[test]
    fn the_first_start_makes_a_private_file_and_the_next_reads_it() {
        let folder = TempDir::new().unwrap();
        let (keys, database) = (folder.path().join("keys"), folder.path().join("db"));
        let made = open(&keys, &database, 1).unwrap();
        let mode = fs::metadata(&keys).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        fs::write(&database, "").unwrap();
        let read = open(&keys, &database, 2).unwrap();
        assert_eq!(*read.to_text(), *made.to_text());
        // Nothing else is left behind.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn whoever_uses_a_ring_keeps_others_from_changing_it() {
        let folder = TempDir::new().unwrap();
        let database = folder.path().join("db");
        let host = InUse::shared(&database).unwrap();
        let command = InUse::shared(&database).unwrap();
        for used in [host, command] {
            assert!(matches!(
                InUse::alone(&database),
                Err(KeyFileError::InUse { .. })
            ));
            drop(used);
        }
        let _changed = InUse::alone(&database).unwrap();
        assert!(matches!(
            InUse::shared(&database),
            Err(KeyFileError::InUse { .. })
        ));
    }

    #[test]
    fn starts_at_once_get_one_ring() {
        let folder = TempDir::new().unwrap();
        let (keys, database) = (folder.path().join("keys"), folder.path().join("db"));
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let (keys, database) = (keys.clone(), database.clone());
                std::thread::spawn(move || open(&keys, &database, 1).unwrap().to_text())
            })
            .collect();
        let texts: Vec<_> = starts.into_iter().map(|s| s.join().unwrap()).collect();
        assert!(texts.iter().all(|text| *text == *texts.first().unwrap()));
    }

    #[test]
    fn keys_that_are_gone_are_not_made_anew_beside_a_database() {
        let folder = TempDir::new().unwrap();
        let (keys, database) = (folder.path().join("keys"), folder.path().join("db"));
        fs::write(&database, "").unwrap();
        assert!(matches!(
            open(&keys, &database, 1),
            Err(KeyFileError::Lost { .. })
        ));
        assert!(!keys.exists());
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_the_way_out() {
        let folder = TempDir::new().unwrap();
        let keys = folder.path().join("keys");
        open(&keys, &folder.path().join("db"), 1).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o666] {
            fs::set_permissions(&keys, fs::Permissions::from_mode(mode)).unwrap();
            let error = load(&keys).err().unwrap();
            assert!(matches!(error, KeyFileError::Wide { .. }));
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_refused() {
        let folder = TempDir::new().unwrap();
        let keys = folder.path().join("keys");
        open(&keys, &folder.path().join("db"), 1).unwrap();
        // Only root may give a file away.
        if std::os::unix::fs::chown(&keys, Some(65_534), None).is_ok() {
            let error = load(&keys).err().unwrap();
            assert!(matches!(error, KeyFileError::Owner { owner: 65_534, .. }));
        }
    }

    #[test]
    fn a_damaged_file_is_refused_without_showing_it() {
        let folder = TempDir::new().unwrap();
        let keys = folder.path().join("keys");
        create(&keys, "1 2 not-a-secret-but-nobodys-business\n").unwrap();
        let error = load(&keys).err().unwrap();
        assert!(matches!(error, KeyFileError::Text { .. }));
        assert!(!format!("{error} {error:?}").contains("business"));
    }

    #[test]
    fn rotation_puts_a_new_key_first_and_loses_none() {
        let folder = TempDir::new().unwrap();
        let keys = folder.path().join("keys");
        open(&keys, &folder.path().join("db"), 1).unwrap();
        let turns: Vec<_> = (0..4)
            .map(|_| {
                let keys = keys.clone();
                std::thread::spawn(move || rotate(&keys, 2).unwrap())
            })
            .collect();
        let mut added: Vec<_> = turns.into_iter().map(|t| t.join().unwrap()).collect();
        added.sort_unstable();
        added.dedup();
        assert_eq!(added.len(), 4);
        let ring = load(&keys).unwrap();
        assert_eq!(numbers(&ring).len(), 5);
        assert_eq!(ring.current(), *added.last().unwrap());
        retire(&keys).unwrap();
        assert_eq!(numbers(&load(&keys).unwrap()), [ring.current()]);
    }
}
