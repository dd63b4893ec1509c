//! `make bench`: the same TOTP step natively, in a reused instance and in an instance of its own; a step of every method; a
//! session check through each proxy; and then everything that `cofactor bench` measures. `--quick` takes less time, and
//! `--gateways` measures the proxies alone.
#![allow(clippy::print_stdout)]

mod bare;
mod envoy;
mod load;
mod methods;
mod proxies;
mod signed_in;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use cofactor::bench::{self, Figure, Options};
use cofactor_guest::contract as native;
use cofactor_runtime::contract::{Action, Context, Event, Fault, Proof, Transition};
use cofactor_tests::scenario::{Scenario, begin, plugin};
use wasmtime::component::{Component, ComponentExportIndex, Linker, TypedFunc};
use wasmtime::{Config, Engine, Store};

const STEPS: u32 = 20_000;
const ROUNDS: u32 = 5;

fn main() -> anyhow::Result<()> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    println!("{}", bench::HEADING);
    let only = std::env::args()
        .nth(1)
        .is_some_and(|argument| argument == "--gateways");
    if only {
        for figure in proxies::figures(quick)? {
            println!("{figure}");
        }
        for figure in envoy::figures(quick)? {
            println!("{figure}");
        }
        return Ok(());
    }
    for figure in steps()? {
        println!("{figure}");
    }
    for figure in methods::figures()? {
        println!("{figure}");
    }
    for figure in proxies::figures(quick)? {
        println!("{figure}");
    }
    for figure in envoy::figures(quick)? {
        println!("{figure}");
    }
    let options = match quick {
        true => Options {
            accounts: vec![1_000],
            verifications: 20_000,
            requests: 20_000,
        },
        false => Options::default(),
    };
    bench::run(&options, Path::new("target"), &mut |figure| {
        println!("{figure}");
        Ok(())
    })
}

/// One step that accepts a code, on a record of about a kilobyte, under a policy with many applications.
fn steps() -> anyhow::Result<Vec<Figure>> {
    let mut scenario = Scenario::enrolled(&policy())?;
    // A record of a kilobyte: docs/performance.md states the goal for one.
    for _ in 0..6 {
        scenario.challenge()?;
    }
    let event = scenario.event(begin(Some(&scenario.code(0)?)));
    let context = scenario.context();
    let record = scenario.record.clone().context("no record")?;
    ensure!(
        (1_024..1_280).contains(&record.len()),
        "a record of {} B",
        record.len()
    );

    let (native_context, native_event) = (native_context(&context), native_event(&event)?);
    let mut reused = Reused::new()?;
    // The typed function names one lifetime for all its calls.
    let input: &'static Input =
        Box::leak(Box::new((context.clone(), record.clone(), event.clone())));
    // In turns, so that a machine that changes its speed changes all of them.
    let (mut natively, mut warm, mut own) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        natively = natively.min(timed(|| {
            let step = cofactor_guest::step::step(&native_context, Some(&record), &native_event);
            match step {
                Ok(transition) if matches!(transition.outcome, native::Outcome::Allow(_)) => Ok(()),
                _ => bail!("the native step did not accept"),
            }
        })?);
        warm = warm.min(timed(|| reused.step(input))?);
        own = own.min(timed(|| {
            plugin().step(&scenario.policy, &context, Some(&record), &event)?;
            Ok(())
        })?);
    }
    Ok(vec![
        Figure::new(
            format!("TOTP step natively, record of {} B", record.len()),
            natively,
            "µs",
        ),
        Figure::new("TOTP step in a reused instance", warm, "µs").beside("natively", natively),
        Figure::new("TOTP step in an instance of its own", own, "µs")
            .beside("natively", natively)
            .goal("ratio 12 or less, under 25 µs, towards 16"),
    ])
}

fn policy() -> String {
    let applications = (0..64).map(|i| {
        format!(
            "[[application]]\nname = \"application-{i}\"\nrequired-level = 2\nmax-age = \"12h\"\n"
        )
    });
    // With room for eight challenges; 64 applications are the most that there may be.
    "[challenge]\nmax-open = 8\n".to_owned() + &applications.collect::<String>()
}

fn timed(mut step: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let begun = Instant::now();
    for _ in 0..STEPS {
        step()?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / f64::from(STEPS))
}

/// One instance for all calls: what isolation costs is the difference to it.
struct Reused {
    store: Store<()>,
    #[allow(clippy::type_complexity)]
    step: TypedFunc<
        (&'static Context, Option<&'static [u8]>, &'static Event),
        (Result<Transition, Fault>,),
    >,
}

impl Reused {
    fn new() -> anyhow::Result<Self> {
        let mut config = Config::new();
        config.concurrency_support(false);
        let engine = Engine::new(&config)?;
        let component = Component::new(&engine, cofactor_component::COMPONENT)?;
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
        let index = step_export(&component)?;
        let step = instance.get_typed_func(&mut store, index)?;
        Ok(Self { store, step })
    }

    fn step(&mut self, input: &'static Input) -> anyhow::Result<()> {
        let (context, record, event) = input;
        let (result,) = self
            .step
            .call(&mut self.store, (context, Some(record), event))?;
        match result {
            Ok(_) => Ok(()),
            Err(fault) => bail!("{fault:?}"),
        }
    }
}

fn step_export(component: &Component) -> anyhow::Result<ComponentExportIndex> {
    let interface = component
        .get_export_index(None, "cofactor:mfa/verifier@0.1.0")
        .context("no interface")?;
    component
        .get_export_index(Some(&interface), "step")
        .context("no step")
}

type Input = (Context, Vec<u8>, Event);

fn native_context(context: &Context) -> native::Context {
    native::Context {
        now: context.now,
        entropy: context.entropy.clone(),
        policy: context.policy.clone(),
        tenant: context.tenant.clone(),
        keys: context
            .keys
            .iter()
            .map(|key| native::Key {
                id: key.id,
                secret: key.secret.clone(),
            })
            .collect(),
        observed: Vec::new(),
        write_version: 0,
        refuse_before: 0,
        facts: Vec::new(),
    }
}

fn native_event(event: &Event) -> anyhow::Result<native::Event> {
    let action = match &event.action {
        Action::Begin(sign_in) => native::Action::Begin(native::SignIn {
            surface: native::Surface::PROMPT,
            early_answer: sign_in.early_answer.clone(),
            device_token: None,
            risk: None,
            required_level: 0,
            max_age: None,
            method: None,
            transaction: None,
            approves: None,
        }),
        Action::Answer(answer) => native::Action::Answer(native::Answer {
            challenge: answer.challenge.clone(),
            proof: match &answer.proof {
                Proof::Webauthn(json) => native::Proof::Webauthn(json.clone()),
                _ => bail!("no passkey"),
            },
            remember: answer.remember,
        }),
        _ => bail!("neither a sign-in nor an answer"),
    };
    let origin = &event.origin;
    Ok(native::Event {
        id: event.id.clone(),
        origin: native::Origin {
            user: origin.user.clone(),
            known: origin.known,
            groups: Vec::new(),
            application: origin.application.clone(),
            gateway: origin.gateway.clone(),
            binding: origin.binding.clone(),
            address: origin.address.clone(),
            language: origin.language.clone(),
            client: origin.client.clone(),
            country: None,
        },
        action,
    })
}
