//! An administrator's change as an event, with who is at the terminal.

use cofactor_runtime::contract::{Action, Administration, AdministrationChange, Event, Origin};
use cofactor_runtime::store::Name;

use super::{Exit, Failure};

/// The event of a change, with an id of its own.
pub(super) fn event(
    name: &Name,
    why: &str,
    change: AdministrationChange,
) -> Result<Event, Failure> {
    let mut random = [0; 48];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::new(Exit::Failed, format!("no randomness: {error}")))?;
    let (id, binding) = random.split_at(16);
    Ok(Event {
        id: id.to_vec(),
        origin: Origin {
            user: name.user.clone(),
            known: false,
            groups: Vec::new(),
            application: "cofactor".to_owned(),
            gateway: "command-line".to_owned(),
            binding: binding.to_vec(),
            address: None,
            language: String::new(),
            client: String::new(),
            country: None,
        },
        action: Action::Administer(Administration {
            actor: actor(),
            why: why.to_owned(),
            change,
        }),
    })
}

/// Who is at the terminal, as far as can be told: the audit's word for it.
fn actor() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|variable| std::env::var(variable).ok())
        .filter(|name| !name.is_empty() && name.len() <= 64)
        .unwrap_or_else(|| "unknown".to_owned());
    format!("{name} (command line)")
}
