//! Runs so many TOTP steps, each in an instance of its own, and nothing else: what a test counts system calls of.

use anyhow::Context as _;
use cofactor_tests::scenario::{Scenario, begin, plugin};

fn main() -> anyhow::Result<()> {
    let steps: u32 = std::env::args()
        .nth(1)
        .context("how many steps?")?
        .parse()?;
    let mut scenario = Scenario::enrolled("")?;
    let event = scenario.event(begin(Some(&scenario.code(0)?)));
    let context = scenario.context();
    for _ in 0..steps {
        plugin().step(
            &scenario.policy,
            &context,
            scenario.record.as_deref(),
            &event,
        )?;
    }
    Ok(())
}
