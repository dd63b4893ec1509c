//! Embeds Cofactor in a program of your own: enrols a user, signs in with a code, and is refused the same code again.
//!
//! `cargo run --release --example embed`

#![allow(clippy::print_stdout)]

use std::sync::Arc;

use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::{
    Action, Administration, AdministrationChange, Event, Origin, Outcome, SignIn,
};
use cofactor_runtime::plugin::{Options, Plugin};
use cofactor_runtime::seal::KeyRing;
use cofactor_runtime::service::Service;
use cofactor_runtime::store::{Name, memory::MemoryStore};

/// The instant of the example, in seconds. In earnest, use `SystemClock`.
const NOW: u64 = 1_800_000_000;

fn main() -> anyhow::Result<()> {
    let plugin = Plugin::load(cofactor_component::COMPONENT, &Options::default())?;
    let ring = KeyRing::generate(NOW * 1000)?;
    let clock = Arc::new(FixedClock::at(NOW * 1000));
    let service = Service::new(plugin, MemoryStore::new(), ring, "", clock)?;
    let alice = Name {
        tenant: "default".into(),
        issuer: "directory".into(),
        user: "alice".into(),
    };
    // Each request has an id that nobody else uses; here a number, sixteen times.
    let step = |id: u8, action| {
        let (id, origin) = (vec![id; 16], Origin::new("alice", "wiki", "embed", [7; 32]));
        pollster::block_on(service.step(&alice, Event { id, origin, action }))
    };

    // An administrator enrols a token whose secret is known: the 20 bytes of RFC 6238.
    let uri = "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example";
    let token = Administration {
        actor: "embed".into(),
        why: "example".into(),
        change: AdministrationChange::ImportOtpauth(uri.into()),
    };
    step(1, Action::Administer(token))?;

    // The first factor has accepted alice, and she gives the code that her token shows. Somebody has looked over her
    // shoulder, and gives it again.
    let secret = b"12345678901234567890".as_slice();
    let token = totp_rs::Builder::new().with_secret(secret).build()?;
    let code = token.generate(NOW).to_string();
    for id in [2, 3] {
        match step(id, Action::Begin(SignIn::with_code(&code)))?.outcome {
            Outcome::Allow(it) => println!("{code}: allowed, level {}", it.claims.level),
            Outcome::Deny(it) => println!("{code}: denied, {}", it.internal_reason),
            other => println!("{code}: {other:?}"),
        }
    }
    Ok(())
}
