//! Any octets as an account's record: refused, or read and written again as the same account.
#![no_main]

use cofactor_fuzz::world::{World, sign_in};
use cofactor_fuzz::written;
use cofactor_guest::Component;
use cofactor_guest::account::{Account, WRITES};
use cofactor_guest::contract::{Action, Change, SignIn, Verifier as _};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static WORLD: World = World::new("");
}

fuzz_target!(|octets: &[u8]| {
    let Ok(account) = Account::decode(octets) else {
        assert!(Component::view(octets.to_vec()).is_err());
        return;
    };
    let encoded = account.encode();
    if Account::version(octets).map(u32::from) == Some(WRITES) {
        assert!(encoded == octets, "a record has one spelling");
    }
    let again = Account::decode(&encoded).expect("what is written can be read");
    assert!(again.encode() == encoded, "writing twice gives the same");
    let view = Component::view(octets.to_vec()).expect("what can be read can be shown");

    // A record that nobody wrote may be judged any way, but it is judged: without a code, and with one of each length.
    let lengths = view
        .credentials
        .iter()
        .flat_map(|credential| &credential.parameters);
    let lengths = lengths.filter(|(name, _)| name == "digits");
    let codes = lengths.filter_map(|(_, digits)| Some("0".repeat(digits.parse().ok()?)));
    for early_answer in codes.map(Some).chain([None]) {
        let mut world = WORLD.with(World::clone);
        world.known = true;
        world.now = account.latest;
        let event = world.event(Action::Begin(SignIn {
            early_answer,
            ..sign_in()
        }));
        let ctx = world.context();
        if let Ok(transition) = Component::step(ctx, Some(octets.to_vec()), event)
            && let Change::Write(record) | Change::Decoy(record) = &transition.account
        {
            written(record);
        }
    }
});
