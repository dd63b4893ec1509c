//! Measures this machine: the decision, the store, HTTP. Every figure stands beside a baseline from the same run, because
//! machines differ and one machine differs from itself.
//!
//! Server and client share the cores. The clock is virtual where a figure needs more codes than real time would give.

mod figure;
mod load;
mod session;
mod start;
mod step;
mod verify;

use std::path::Path;

pub use figure::{Figure, HEADING};

/// What to measure, and how much of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Accounts in the store, one measurement each.
    pub accounts: Vec<u32>,
    /// Verifications for each measurement.
    pub verifications: u32,
    /// Requests for each measurement of the session check.
    pub requests: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            accounts: vec![1_000, 100_000, 1_000_000],
            verifications: 60_000,
            requests: 100_000,
        }
    }
}

/// Measures everything and shows each figure as soon as it is there; says what it is at on standard error. `folder` is
/// where databases are made: put it on the disk that is to be measured.
///
/// # Errors
/// Where a part of it does not work at all, or a figure cannot be shown.
pub fn run(
    options: &Options,
    folder: &Path,
    show: &mut dyn FnMut(&Figure) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    step::measure()?.iter().try_for_each(&mut *show)?;
    session::measure(options.requests)?
        .iter()
        .try_for_each(&mut *show)?;
    start::measure(folder)?.iter().try_for_each(&mut *show)?;
    verify::measure(options, folder, show)
}

/// 2027-01-15T08:00:00Z, at the start of a TOTP step.
const START: u64 = 1_800_000_000_000;

/// Random bytes for names and keys.
fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

fn say(what: &str) {
    eprintln!("  {what} ...");
}
