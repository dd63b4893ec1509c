//! Any text as the `otpauth://` URI that an administrator imports: refused, or a credential whose own codes are accepted once.
#![no_main]

use cofactor_fuzz::{world::World, written};
use cofactor_guest::contract::{
    Action, Administration, AdministrationChange, Change, Fault, Outcome,
};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static WORLD: World = World::with_totp("");
}

fuzz_target!(|text: &str| {
    let mut world = WORLD.with(World::clone);
    let before = written(world.record.as_deref().expect("a record"));
    let event = world.event(Action::Administer(Administration {
        actor: "root".into(),
        why: String::new(),
        change: AdministrationChange::ImportOtpauth(text.into()),
    }));
    let transition = match world.judge(&event) {
        Ok(transition) => transition,
        Err(Fault::BadRequest(_)) => return,
        Err(fault) => panic!("{fault:?}"),
    };
    let after = written(world.record.as_deref().expect("a record"));
    match (&transition.outcome, &transition.account) {
        (Outcome::Done(_), Change::Write(_)) => {
            assert_eq!(after.credentials.len(), before.credentials.len() + 1);
        }
        (Outcome::Deny(_), _) => {
            assert_eq!(after.credentials, before.credentials);
        }
        other => panic!("{other:?}"),
    }
});
