//! What `cofactor user` shows: accounts, and what is handed to a user once.

use cofactor_runtime::contract::{AccountState, AccountView, CredentialView, Provisioning};
use cofactor_runtime::store::Name;

use super::super::{Exit, Failure, output};

pub(super) fn shown(name: &Name, view: &AccountView) -> Vec<String> {
    let until = |instant: Option<u64>| {
        instant.map_or_else(
            || "no".to_owned(),
            |at| format!("until {}", output::instant(at)),
        )
    };
    let mut lines = vec![
        format!("user         {}", name.user.escape_debug()),
        format!("created      {}", output::instant(view.created)),
        format!("latest       {}", output::instant(view.latest)),
        format!("state        {}", state(view.state)),
        format!("blocked      {}", blocked(view)),
        format!("bypass       {}", until(view.bypass_until)),
        format!("PIN          {}", if view.pin { "yes" } else { "no" }),
        format!("locked       {}", until(view.locked_until)),
        format!("failures     {}", view.failures),
        format!("open         {} challenges and enrolments", view.open),
        format!("generation   {}", view.generation),
        format!("credentials  {}", view.credentials.len()),
    ];
    lines.extend(view.credentials.iter().map(credential));
    lines.push(format!("devices      {}", view.devices.len()));
    lines.extend(view.devices.iter().map(|device| {
        format!(
            "  {}  since {}, last known {}, until {}",
            device.id,
            output::instant(device.created),
            output::instant(device.last_used),
            output::instant(device.expires)
        )
    }));
    lines
}

fn blocked(view: &AccountView) -> String {
    match (view.blocked, view.blocked_until) {
        (false, _) => "no".to_owned(),
        (true, None) => "yes".to_owned(),
        (true, Some(at)) => format!("until {}", output::instant(at)),
    }
}

fn state(state: AccountState) -> &'static str {
    match state {
        AccountState::Disabled => "disabled",
        AccountState::Enabled => "enabled",
        AccountState::Enforced => "enforced",
    }
}

fn credential(it: &CredentialView) -> String {
    let used = it
        .last_used
        .map_or_else(|| "never".to_owned(), output::instant);
    let parameters: Vec<String> = it
        .parameters
        .iter()
        .map(|(key, value)| format!("{key}={}", value.escape_debug()))
        .collect();
    format!(
        "  {}  {:5} {:9} last used {used}, failures {}, {}  \"{}\"",
        it.id,
        it.method,
        it.state,
        it.failures,
        parameters.join(" "),
        it.label.escape_debug(),
    )
}

/// What the user needs: QR code, URI and secret for an authenticator, and what another method has as it is.
pub(super) fn handed_out(provisioning: &Provisioning) -> Result<Vec<String>, Failure> {
    if !provisioning.payload.starts_with("otpauth://") {
        let mut lines: Vec<String> = provisioning.payload.lines().map(str::to_owned).collect();
        if lines.is_empty() && !provisioning.manual_key.is_empty() {
            lines.push(provisioning.manual_key.clone());
        }
        return Ok(lines);
    }
    let code = qrcode::QrCode::new(provisioning.payload.as_bytes())
        .map_err(|error| Failure::new(Exit::Failed, format!("no QR code: {error}")))?;
    let key: Vec<char> = provisioning.manual_key.chars().collect();
    let groups: Vec<String> = key.chunks(4).map(|group| group.iter().collect()).collect();
    let mut lines = blocks(&code);
    lines.push(String::new());
    lines.push(provisioning.payload.clone());
    lines.push(format!("key: {}", groups.join(" ")));
    Ok(lines)
}

/// A QR code in half blocks, two rows a line, with a quiet zone of four modules. Light modules are the blocks, so that
/// it can be scanned from a dark terminal; a light one shows it inverted, which readers take as well.
fn blocks(code: &qrcode::QrCode) -> Vec<String> {
    const QUIET: usize = 4;
    let width = code.width();
    let colors = code.to_colors();
    let light = |x: usize, y: usize| -> bool {
        let inside = (QUIET..QUIET + width).contains(&x) && (QUIET..QUIET + width).contains(&y);
        !inside
            || colors
                .get((y - QUIET) * width + (x - QUIET))
                .is_none_or(|color| *color == qrcode::Color::Light)
    };
    let all = width + 2 * QUIET;
    (0..all)
        .step_by(2)
        .map(|y| {
            (0..all)
                .map(|x| match (light(x, y), light(x, y + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_qr_code_has_its_quiet_zone_and_is_square() {
        let code = qrcode::QrCode::new(b"otpauth://totp/a?secret=GEZDGNBV").unwrap();
        let lines = blocks(&code);
        let all = code.width() + 8;
        assert_eq!(lines.len(), all.div_ceil(2));
        assert!(lines.iter().all(|line| line.chars().count() == all));
        assert!(
            lines
                .iter()
                .take(2)
                .all(|line| line.chars().all(|c| c == '█'))
        );
    }
}
