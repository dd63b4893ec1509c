//! What is known of passwords that were tried: the right ones for a short while, so that the requests of one page do not cost a
//! bind each, and how many wrong ones came from where.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Identity;

/// How long a wrong password is known to be wrong, in milliseconds: a program that repeats it costs the directory little, and
/// does not lock its owner there.
const WRONG: u64 = 10_000;
/// Over which time wrong passwords are counted, in milliseconds.
const WINDOW: u64 = 60_000;
/// How many passwords are known at most.
const MOST_KNOWN: usize = 16_384;
/// How many sources are told apart; the others count together.
const MOST_SOURCES: usize = 65_536;

/// Name and password, by a keyed digest: neither is kept, and without the key of this process nothing is told by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Credential([u8; 32]);

/// What was tried.
pub struct Tries {
    key: Zeroizing<[u8; 32]>,
    remember: u64,
    most: u32,
    known: Mutex<HashMap<Credential, Known>>,
    sources: Mutex<HashMap<Option<IpAddr>, Window>>,
}

struct Known {
    until: u64,
    /// None where the password was wrong.
    identity: Option<Identity>,
}

struct Window {
    began: u64,
    tried: u32,
}

impl Tries {
    /// Right passwords are known for `remember` milliseconds; `most` wrong ones a minute are taken from one source.
    ///
    /// # Errors
    /// Where there is no randomness.
    pub fn new(remember: u64, most: u32) -> Result<Self, String> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(|error| error.to_string())?;
        Ok(Self {
            key,
            remember,
            most,
            known: Mutex::default(),
            sources: Mutex::default(),
        })
    }

    /// Name and password as what they are known by; none without a digest, and then nothing is known.
    #[must_use]
    pub fn credential(&self, user: &str, password: &str) -> Option<Credential> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_slice()).ok()?;
        mac.update(&(user.len() as u64).to_be_bytes());
        mac.update(user.as_bytes());
        mac.update(password.as_bytes());
        Some(Credential(mac.finalize().into_bytes().into()))
    }

    /// Whose they are, as far as that is known: some user's, nobody's, or not known.
    #[must_use]
    pub fn known(&self, credential: &Credential, now: u64) -> Option<Option<Identity>> {
        let known = lock(&self.known);
        let known = known.get(credential).filter(|known| now < known.until)?;
        Some(known.identity.clone())
    }

    /// Keeps what the directory said.
    pub fn keep(&self, credential: Credential, identity: Option<Identity>, now: u64) {
        let lasts = if identity.is_some() {
            self.remember
        } else {
            self.remember.min(WRONG)
        };
        if lasts == 0 {
            return;
        }
        let mut known = lock(&self.known);
        if known.len() >= MOST_KNOWN {
            known.retain(|_, known| now < known.until);
        }
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        let until = now.saturating_add(lasts);
        known.insert(credential, Known { until, identity });
    }

    /// Counts a try from a source; false where there were too many wrong ones.
    #[must_use]
    pub fn take(&self, source: Option<IpAddr>, now: u64) -> bool {
        let mut sources = lock(&self.sources);
        let mut source = prefix(source);
        if sources.len() >= MOST_SOURCES && !sources.contains_key(&source) {
            sources.retain(|_, window| now < window.began.saturating_add(WINDOW));
            if sources.len() >= MOST_SOURCES {
                source = None;
            }
        }
        let window = sources.entry(source).or_insert(Window {
            began: now,
            tried: 0,
        });
        if now >= window.began.saturating_add(WINDOW) || now < window.began {
            *window = Window {
                began: now,
                tried: 0,
            };
        }
        if window.tried >= self.most {
            return false;
        }
        window.tried += 1;
        true
    }

    /// The try was not a wrong password.
    pub fn give_back(&self, source: Option<IpAddr>) {
        if let Some(window) = lock(&self.sources).get_mut(&prefix(source)) {
            window.tried = window.tried.saturating_sub(1);
        }
    }
}

impl std::fmt::Debug for Tries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tries")
    }
}

/// Whoever has an address of version 6 has 2^64 of them.
fn prefix(source: Option<IpAddr>) -> Option<IpAddr> {
    match source?.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            Some(IpAddr::V6(network.into()))
        }
        v4 => Some(v4),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::names::Names;

    fn alice() -> Identity {
        Identity::of(Names::default().canonical(b"alice").unwrap())
    }

    #[test]
    fn a_password_is_known_for_its_time() {
        let tries = Tries::new(60_000, 3).unwrap();
        let right = tries.credential("alice", "right").unwrap();
        let wrong = tries.credential("alice", "wrong").unwrap();
        assert_eq!(tries.known(&right, 0), None);
        tries.keep(right, Some(alice()), 1_000);
        tries.keep(wrong, None, 1_000);
        assert_eq!(tries.known(&right, 60_999), Some(Some(alice())));
        assert_eq!(tries.known(&right, 61_000), None);
        assert_eq!(tries.known(&wrong, 10_999), Some(None));
        assert_eq!(tries.known(&wrong, 11_000), None);
        // Where a name ends and a password begins is part of it.
        assert!(tries.credential("alicer", "ight").unwrap() != right);
        // Another process knows it by another digest.
        let other = Tries::new(60_000, 3).unwrap();
        assert!(other.credential("alice", "right").unwrap() != right);
        let none = Tries::new(0, 3).unwrap();
        none.keep(right, Some(alice()), 0);
        assert_eq!(none.known(&right, 0), None);
    }

    #[test]
    fn no_more_is_known_than_there_is_room_for() {
        let tries = Tries::new(60_000, 3).unwrap();
        for at in 0..=MOST_KNOWN {
            let credential = tries.credential("mallory", &at.to_string()).unwrap();
            tries.keep(credential, None, 0);
        }
        assert!(lock(&tries.known).len() <= MOST_KNOWN);
    }

    #[test]
    fn wrong_passwords_are_counted_by_source() {
        let tries = Tries::new(0, 3).unwrap();
        let source = |text: &str| Some(text.parse().unwrap());
        let one = source("192.0.2.1");
        for _ in 0..3 {
            assert!(tries.take(one, 1_000));
        }
        assert!(!tries.take(one, 60_999));
        assert!(!tries.take(source("::ffff:192.0.2.1"), 60_999));
        assert!(tries.take(source("192.0.2.2"), 1_000));
        assert!(tries.take(None, 1_000), "who is nowhere counts by itself");
        assert!(tries.take(one, 61_000), "the minute is over");
        for _ in 0..10 {
            assert!(tries.take(one, 61_000), "right ones do not count");
            tries.give_back(one);
        }
        for host in ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1"] {
            assert!(tries.take(source(host), 0));
        }
        assert!(!tries.take(source("2001:db8::3"), 0), "one network");
        assert!(tries.take(source("2001:db8:0:1::1"), 0));
    }

    #[test]
    fn sources_beyond_the_last_count_together() {
        let tries = Tries::new(0, 3).unwrap();
        for host in 0..MOST_SOURCES as u32 {
            assert!(tries.take(Some(IpAddr::V4(host.into())), 0));
        }
        let taken = (0..100)
            .filter(|host| tries.take(Some(IpAddr::V4((0xff00_0000 + host).into())), 0))
            .count();
        assert_eq!(taken, 3);
        assert!(tries.take(Some(IpAddr::V4(0xff00_0000.into())), WINDOW));
    }
}
