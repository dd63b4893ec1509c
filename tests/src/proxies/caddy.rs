//! Caddy: what is printed is a site of a Caddyfile.

use super::{Place, fixture, with};
use crate::program::Running;
use crate::tls;

pub(super) fn start(place: &Place<'_>) -> anyhow::Result<Running> {
    let mut site = place.printed("Caddyfile")?;
    if place.options.tls {
        // In real life it gets its certificate itself.
        let certificate = fixture("site.pem")?;
        let head = site
            .lines()
            .find(|line| line.starts_with(tls::SITE))
            .unwrap_or_default()
            .to_owned();
        let own = format!("{head}\n\ttls {certificate} {certificate}");
        site = with(&site, &head, &own)?;
    }
    // No door for administrators or for plain HTTP, and nothing written outside the folder.
    let text = format!(
        "{{\n\tadmin off\n\tpersist_config off\n\tauto_https disable_redirects\n}}\n{site}"
    );
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
