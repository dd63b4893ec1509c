//! The decision alone: a TOTP step in an instance of its own.

use std::time::Instant;

use anyhow::{Context as _, bail};
use cofactor_runtime::contract::{
    Action, Administration, AdministrationChange, Change, Context, Event, Key, Origin, SignIn,
    Surface,
};
use cofactor_runtime::plugin::{Options, Plugin, Policy};

use super::figure::Figure;
use super::{START, say};

/// Steps for each measurement.
const STEPS: u32 = 50_000;
/// `otpauth` for the secret of RFC 6238, whose codes any authenticator can check.
pub(super) const URI: &str =
    "otpauth://totp/Bench:user?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bench";

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    say("one step in an instance of its own");
    let begun = Instant::now();
    let plugin = Plugin::load(cofactor_component::COMPONENT, &Options::default())?;
    let loaded = begun.elapsed();
    let Ok(policy) = plugin.compile_policy("")? else {
        bail!("the default policy is refused")
    };
    let account = enrolled(&plugin, &policy)?;
    let step = |code: &str| {
        let event = event(9, sign_in(Some(code)));
        plugin.step_metered(&policy, &context(&policy), Some(&account), &event)
    };
    let code = code_at(START / 1_000)?;
    let (_, fuel) = step(&code)?;
    let timed = |run: &dyn Fn() -> anyhow::Result<()>| -> anyhow::Result<f64> {
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let begun = Instant::now();
            for _ in 0..STEPS / 5 {
                run()?;
            }
            best = best.min(begun.elapsed().as_secs_f64() * 1e6 / f64::from(STEPS / 5));
        }
        Ok(best)
    };
    let own = timed(&|| step(&code).map(drop).map_err(Into::into))?;
    let view = timed(&|| plugin.view(&account).map(drop).map_err(Into::into))?;
    let size = cofactor_component::COMPONENT.len() as f64 / 1024.0;
    Ok(vec![
        Figure::new("TOTP step, own instance", own, "µs")
            .beside("view, own instance", view)
            .goal("under 25 µs, towards 16"),
        Figure::new("TOTP step, fuel", fuel as f64, "units"),
        Figure::new(
            "component, compile and load",
            loaded.as_secs_f64() * 1e3,
            "ms",
        ),
        Figure::new("component, size", size, "KiB").goal("under 512 KiB"),
    ])
}

/// An account with one TOTP credential.
fn enrolled(plugin: &Plugin, policy: &Policy) -> anyhow::Result<Vec<u8>> {
    let mut record: Option<Vec<u8>> = None;
    for (id, change) in (1..).zip([
        AdministrationChange::Create,
        AdministrationChange::ImportOtpauth(URI.into()),
    ]) {
        let mut event = event(id, administer(change));
        event.origin.known = record.is_some();
        match plugin
            .step(policy, &context(policy), record.as_deref(), &event)?
            .account
        {
            Change::Write(written) => record = Some(written),
            other => bail!("no account was made: {other:?}"),
        }
    }
    record.context("no account was made")
}

pub(super) fn administer(change: AdministrationChange) -> Action {
    Action::Administer(Administration {
        actor: "bench".into(),
        why: "bench".into(),
        change,
    })
}

pub(super) fn sign_in(code: Option<&str>) -> Action {
    Action::Begin(SignIn {
        surface: Surface::PROMPT,
        early_answer: code.map(str::to_owned),
        device_token: None,
        risk: None,
        required_level: 0,
        max_age: None,
        method: None,
        transaction: None,
        approves: None,
    })
}

pub(super) fn event(id: u64, action: Action) -> Event {
    let mut bytes = vec![0; 8];
    bytes.extend_from_slice(&id.to_be_bytes());
    Event {
        id: bytes,
        origin: Origin {
            user: "bench".into(),
            known: true,
            groups: Vec::new(),
            application: "bench".into(),
            gateway: "bench".into(),
            binding: vec![7; 32],
            address: None,
            language: String::new(),
            client: String::new(),
            country: None,
        },
        action,
    }
}

fn context(policy: &Policy) -> Context {
    Context {
        now: START,
        entropy: vec![3; 32],
        policy: policy.compiled().bytes.clone(),
        tenant: "default".into(),
        keys: vec![Key {
            id: 1,
            secret: vec![5; 32],
        }],
        observed: Vec::new(),
        write_version: 0,
        refuse_before: 0,
        facts: Vec::new(),
    }
}

/// The code that the secret in [`URI`] shows at a Unix time in seconds: RFC 6238 with HMAC-SHA-1.
pub(super) fn code_at(seconds: u64) -> anyhow::Result<String> {
    let secret: &[u8] = b"12345678901234567890";
    Ok(totp_rs::Builder::new()
        .with_secret(secret)
        .build()?
        .generate(seconds)
        .to_string())
}
