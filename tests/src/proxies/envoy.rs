//! Envoy: its whole configuration is printed.

use super::{Place, with};
use crate::program::Running;

pub(super) fn start(place: &Place<'_>) -> anyhow::Result<Running> {
    // A busy machine needs more than what is good for a service.
    let text = with(
        &place.printed("envoy.yaml")?,
        "timeout: 0.2s",
        "timeout: 5s",
    )?;
    let file = place.write("envoy.yaml", &text)?;
    Running::start(
        place
            .command()?
            .args([
                "--concurrency",
                "2",
                "--disable-hot-restart",
                "-l",
                "warning",
                "-c",
            ])
            .arg(file),
    )
}
