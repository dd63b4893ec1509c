//! What a console may show of an account. Never a secret.

use crate::account::{Account, Credential, State};
use crate::contract::{AccountState, AccountView, CredentialView, DeviceView, Fault};
use crate::methods;

/// Reads a record for a console. Whether a lock still holds is for the reader's clock to say.
pub fn view(record: &[u8]) -> Result<AccountView, Fault> {
    let account =
        Account::decode(record).map_err(|error| Fault::BadAccount(error.message().to_owned()))?;
    Ok(AccountView {
        version: Account::version(record).map_or(0, u32::from),
        created: account.created,
        latest: account.latest,
        generation: account.generation,
        blocked: account.is_blocked(account.latest),
        blocked_until: account
            .blocked
            .map(|block| block.until)
            .filter(|until| *until != u64::MAX),
        state: match account.state {
            State::Disabled => AccountState::Disabled,
            State::Enabled => AccountState::Enabled,
            State::Enforced => AccountState::Enforced,
        },
        bypass_until: account.bypass,
        pin: account.pin.is_some(),
        devices: account
            .devices
            .iter()
            .map(|device| DeviceView {
                id: device.id.text(),
                created: device.created,
                last_used: device.last_used,
                expires: device.expires,
            })
            .collect(),
        locked_until: lock(&account, account.failures.locked_until),
        failures: account.failures.count,
        credentials: account
            .credentials
            .iter()
            .map(|credential| show(&account, credential))
            .collect(),
        open: (account.challenges.len() + account.enrolments.len()) as u32,
    })
}

fn show(account: &Account, credential: &Credential) -> CredentialView {
    let locked_until = lock(account, credential.failures.locked_until);
    let state = if credential.failures.disabled {
        "disabled"
    } else if locked_until.is_some() {
        "locked"
    } else {
        "active"
    };
    CredentialView {
        id: credential.id.text(),
        method: credential.method_name().to_owned(),
        label: credential.label.clone(),
        created: credential.created,
        last_used: credential.last_used,
        state: state.to_owned(),
        locked_until,
        failures: credential.failures.count,
        parameters: methods::of(credential.method)
            .map_or_else(Vec::new, |method| method.view(credential)),
    }
}

/// A lock that was not over when the record was last written: there is no clock here.
fn lock(account: &Account, until: u64) -> Option<u64> {
    Some(until).filter(|until| *until > account.latest)
}
