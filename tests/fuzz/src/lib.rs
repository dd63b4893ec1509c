//! What the targets share: the host of one user and the authenticator that the guest's own tests use, and the record's rules.

#[allow(dead_code)]
#[path = "../../../guest/tests/step/authenticator.rs"]
pub mod authenticator;
#[allow(dead_code)]
#[path = "../../../guest/tests/step/world.rs"]
pub mod world;

/// The host's decoders, which name nothing else of the host.
#[path = "../../../host/server/src/token/mod.rs"]
pub mod token;

use cofactor_guest::Component;
use cofactor_guest::account::{Account, MAX_RECORD};
use cofactor_guest::contract::{
    AccountView, Action, Administration, AdministrationChange, Outcome, Token, Verifier as _,
};
use token::{Decoded, Entry};
use world::World;

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

thread_local! {
    static WORLD: World = World::with_totp("[accounts]\nmethods = [\"totp\", \"hotp\", \"ocra\"]\n");
}

/// Has the component judge every token of a file of so many lines: it is within the contract, so it is imported or denied.
pub fn judged(decoded: Decoded, lines: usize) {
    assert!(!format!("{decoded:?}").contains("secret: ["));
    for row in decoded.rows {
        assert!((1..=lines).contains(&row.place.line));
        let Entry::Token(it) = row.entry else {
            continue;
        };
        let mut world = WORLD.with(World::clone);
        let event = world.event(Action::Administer(Administration {
            actor: "root".into(),
            why: String::new(),
            change: AdministrationChange::ImportToken(Token {
                serial: it.serial,
                manufacturer: it.manufacturer,
                model: it.model,
                method: it.method.name().into(),
                secret: it.secret.to_vec(),
                algorithm: it.algorithm.into(),
                digits: it.digits,
                period: it.period,
                counter: it.counter,
                suite: it.suite,
                starts: it.starts,
                expires: it.expires,
            }),
        }));
        let transition = world.judge(&event).expect("a token within the contract");
        assert!(matches!(
            transition.outcome,
            Outcome::Done(_) | Outcome::Deny(_)
        ));
        written(world.record.as_deref().expect("a record"));
    }
}
