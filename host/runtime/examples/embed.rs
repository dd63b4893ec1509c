//! Embeds Cofactor in a program of your own: enrols a user, signs in with a code, and is refused the same code again.
//!
//! `cargo run --release -p cofactor-runtime --example embed`

#![allow(clippy::print_stdout)]

use std::sync::Arc;

use anyhow::{Context, bail};
use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::{
    Action, Administration, AdministrationChange, Event, Origin, Outcome, SignIn, Surface,
};
use cofactor_runtime::plugin::{Options, Plugin};
use cofactor_runtime::seal::KeyRing;
use cofactor_runtime::service::Service;
use cofactor_runtime::store::{Name, memory::MemoryStore};

fn main() -> anyhow::Result<()> {
    // Use SystemClock in earnest; a clock that stands still makes this example say the same every day.
    let clock = Arc::new(FixedClock::at(1_800_000_000_000));
    let plugin = Plugin::load(cofactor_component::COMPONENT, &Options::default())?;
    let ring = KeyRing::generate(1_800_000_000_000)?;
    let service = Service::new(plugin, MemoryStore::new(), ring, "", clock)?;
    let alice = Name {
        tenant: "default".into(),
        issuer: "directory".into(),
        user: "alice".into(),
    };
    let step = |id: u8, action| pollster::block_on(service.step(&alice, event(id, action)));

    // An administrator enrols a token whose secret is known: the 20 bytes of RFC 6238.
    let uri = "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example";
    let administer = |change| {
        Action::Administer(Administration {
            actor: "embed".into(),
            why: "example".into(),
            change,
        })
    };
    step(1, administer(AdministrationChange::Create))?;
    step(
        2,
        administer(AdministrationChange::ImportOtpauth(uri.into())),
    )?;

    // The first factor has accepted alice; she gives the code that her token shows.
    let secret: [u8; 20] = *b"12345678901234567890";
    let code = totp_rs::Builder::new()
        .with_secret(secret.as_slice())
        .build()?
        .generate(1_800_000_000)
        .to_string();
    let Outcome::Allow(allowed) = step(3, begin(&code))?.outcome else {
        bail!("the right code was refused")
    };
    println!(
        "{code}: allowed, level {}, amr {:?}",
        allowed.claims.level, allowed.claims.amr
    );

    // Whoever looked over her shoulder gives it again.
    let Outcome::Deny(denied) = step(4, begin(&code))?.outcome else {
        bail!("a code was accepted twice")
    };
    println!("{code}: denied, {}", denied.internal_reason);
    let audit = service.store().audit();
    println!(
        "{} audit rows, the last: {}",
        audit.len(),
        audit.last().context("no audit")?
    );
    Ok(())
}

fn begin(code: &str) -> Action {
    Action::Begin(SignIn {
        surface: Surface::PROMPT,
        early_answer: Some(code.into()),
        device_token: None,
        risk: None,
        required_level: 0,
        max_age: None,
        method: None,
        transaction: None,
    })
}

fn event(id: u8, action: Action) -> Event {
    Event {
        // A number for each request that nobody else uses: here, sixteen times its own.
        id: vec![id; 16],
        origin: Origin {
            user: "alice".into(),
            known: true,
            groups: Vec::new(),
            application: "example".into(),
            gateway: "embed".into(),
            binding: vec![7; 32],
            address: Some("192.0.2.1".into()),
            language: "en".into(),
        },
        action,
    }
}
