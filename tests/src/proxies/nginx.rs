//! nginx: what is printed belongs into its `http` section.

use super::Place;
use crate::nginx::around;
use crate::program::Running;

pub(super) fn start(place: &Place<'_>) -> anyhow::Result<Running> {
    let text = around(&place.printed("nginx.conf")?, place.folder)?;
    let file = place.write("nginx.conf", &text)?;
    Running::start(
        place
            .command()?
            .args(["-e", "error.log", "-p"])
            .arg(place.folder)
            .arg("-c")
            .arg(file),
    )
}
