//! Caddy: what is printed is a site of a Caddyfile.

use super::Place;
use crate::program::Running;

pub(super) fn start(place: &Place<'_>) -> anyhow::Result<Running> {
    let site = place.printed("Caddyfile")?;
    // No door for administrators, and nothing written outside the folder.
    let text = format!("{{\n\tadmin off\n\tpersist_config off\n}}\n{site}");
    let file = place.write("Caddyfile", &text)?;
    Running::start(
        place
            .command()?
            .arg("run")
            .arg("--config")
            .arg(file)
            .env("HOME", place.folder)
            .env("XDG_DATA_HOME", place.folder)
            .env("XDG_CONFIG_HOME", place.folder),
    )
}
