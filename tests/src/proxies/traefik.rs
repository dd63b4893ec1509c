//! Traefik: routes are printed for its file provider, and what it is started with.

use super::{Place, shown, with};
use crate::program::Running;

pub(super) fn start(place: &Place<'_>) -> anyhow::Result<Running> {
    let routes = place.write("cofactor.yml", &place.printed("cofactor.yml")?)?;
    let text = place.printed("traefik.yml")?;
    let text = with(&text, "/etc/traefik/cofactor.yml", &shown(&routes))?;
    let file = place.write("traefik.yml", &text)?;
    Running::start(
        place
            .command()?
            .arg(format!("--configFile={}", file.display())),
    )
}
