//! HAProxy: its configuration is printed, and the script that it loads.

use super::{Place, shown, with};
use crate::program::Running;

pub(super) fn start(place: &Place<'_>) -> anyhow::Result<Running> {
    let script = place.write("cofactor.lua", &place.printed("cofactor.lua")?)?;
    let text = place.printed("haproxy.cfg")?;
    let mut text = with(&text, "/etc/haproxy/cofactor.lua", &shown(&script))?;
    if place.options.certificate.is_some() {
        let socket = shown(&place.folder.join("cofactor.sock"));
        text = with(&text, "/run/haproxy/cofactor.sock", &socket)?;
    }
    let file = place.write("haproxy.cfg", &text)?;
    Running::start(place.command()?.arg("-db").arg("-f").arg(file))
}
