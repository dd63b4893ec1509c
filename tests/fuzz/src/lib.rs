//! What the targets share: the host of one user that the guest's own tests use, and the record's rules.

#[allow(dead_code)]
#[path = "../../../guest/tests/step/world.rs"]
pub mod world;

use cofactor_guest::Component;
use cofactor_guest::account::{Account, MAX_RECORD};
use cofactor_guest::contract::{AccountView, Verifier as _};

/// What holds for every record that a step wrote; what a console shows of it.
pub fn written(record: &[u8]) -> AccountView {
    assert!(record.len() <= MAX_RECORD, "{} octets", record.len());
    let account = Account::decode(record).expect("what is written can be read");
    assert!(
        account.encode() == record,
        "what is written is what is read"
    );
    Component::view(record.to_vec()).expect("what is written can be shown")
}
