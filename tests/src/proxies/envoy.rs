//! Envoy: its whole configuration is printed.

use super::Place;
use crate::program::Running;

pub(super) fn start(place: &Place<'_>) -> anyhow::Result<Running> {
    let file = place.write("envoy.yaml", &place.printed("envoy.yaml")?)?;
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
