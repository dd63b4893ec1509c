//! Runs so many TOTP steps, each in an instance of its own, between two lines on standard output: what a test counts system
//! calls of.

use std::io::Write as _;

use anyhow::Context as _;
use cofactor_tests::scenario::{Scenario, begin, plugin};

/// After so many the allocator and the pool have what they need.
const WARM: u32 = 100;

fn main() -> anyhow::Result<()> {
    let steps: u32 = std::env::args()
        .nth(1)
        .context("how many steps?")?
        .parse()?;
    let mut scenario = Scenario::enrolled("")?;
    let event = scenario.event(begin(Some(&scenario.code(0)?)));
    let context = scenario.context();
    let run = |steps| -> anyhow::Result<()> {
        for _ in 0..steps {
            plugin().step(
                &scenario.policy,
                &context,
                scenario.record.as_deref(),
                &event,
            )?;
        }
        Ok(())
    };
    run(WARM)?;
    let mut out = std::io::stdout();
    out.write_all(b"begun\n")?;
    run(steps)?;
    out.write_all(b"ended\n")?;
    Ok(())
}
