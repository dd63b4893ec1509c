//! A step of every method in an instance of its own: how long, how much fuel, and how much memory the largest account takes.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{bail, ensure};
use cofactor::bench::Figure;
use cofactor_guest::contract as native;
use cofactor_runtime::contract::{Context, Event, Fault as Failed, Transition};
use cofactor_runtime::plugin::{Fuel, Plugin};
use cofactor_tests::heap::{PAGES, with_heap_end};
use cofactor_tests::scenario::plugin;
use cofactor_tests::tour::{OPERATIONS, Operation, Question};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

/// How long each measurement goes on, in seconds.
const LONG_ENOUGH: f64 = 0.1;
/// How finely memory is measured, in octets.
const GRAIN: usize = 4 << 10;

pub(super) fn figures() -> anyhow::Result<Vec<Figure>> {
    let memory = memory()?;
    let mut figures = Vec::new();
    for operation in OPERATIONS {
        let name = format!("{} {}", operation.method, operation.name);
        let small = operation.small()?;
        let (own, fuel) = own(operation, &small)?;
        let view = view(&small)?;
        let mut time = Figure::new(format!("{name}, own instance"), own, "µs");
        time = match is_passkey(operation) {
            true => time
                .beside("natively", natively(&small)?)
                .goal("ratio 6 or less"),
            false => time.beside("a view in one", view),
        };
        figures.push(time);
        let largest = operation.largest()?;
        let (_, most) = put(&largest, plugin())?;
        let bound = Fuel::default().of(&largest.event.action);
        figures.push(Figure::new(format!("{name}, fuel"), fuel as f64, ""));
        figures.push(
            Figure::new(
                format!("{name}, fuel of the largest account"),
                most as f64,
                "",
            )
            .beside("bound", bound as f64),
        );
        let kibibytes = |octets: usize| octets as f64 / 1024.0;
        figures.push(
            Figure::new(
                format!("{name}, memory for it"),
                kibibytes(memory.get(&name).copied().unwrap_or_default()),
                "KiB",
            )
            .beside("of", kibibytes(PAGES << 16)),
        );
    }
    Ok(figures)
}

fn is_passkey(operation: &Operation) -> bool {
    operation.method == "webauthn" && ["accept", "accept-eddsa"].contains(&operation.name)
}

fn put(question: &Question, plugin: &Plugin) -> anyhow::Result<(&'static str, u64)> {
    let Ok(policy) = plugin.compile_policy(&question.document)? else {
        bail!("the policy is refused")
    };
    Ok(question.put(plugin, &policy)?)
}

/// Microseconds and fuel.
fn own(operation: &Operation, question: &Question) -> anyhow::Result<(f64, u64)> {
    let Ok(policy) = plugin().compile_policy(&question.document)? else {
        bail!("the policy is refused")
    };
    let (outcome, fuel) = question.put(plugin(), &policy)?;
    ensure!(
        outcome == operation.outcome,
        "{} {}: {outcome}",
        operation.method,
        operation.name
    );
    let time = timed(|| {
        question.put(plugin(), &policy)?;
        Ok(())
    })?;
    Ok((time, fuel))
}

fn view(question: &Question) -> anyhow::Result<f64> {
    let record = question.record.clone().unwrap_or_default();
    timed(|| {
        plugin().view(&record)?;
        Ok(())
    })
}

fn natively(question: &Question) -> anyhow::Result<f64> {
    let context = super::native_context(&question.context);
    let event = super::native_event(&question.event)?;
    let record = question.record.as_deref();
    timed(
        || match cofactor_guest::step::step(&context, record, &event) {
            Ok(transition) if matches!(transition.outcome, native::Outcome::Allow(_)) => Ok(()),
            _ => bail!("the native step did not accept"),
        },
    )
}

/// The best of three, in microseconds.
fn timed(mut run: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let (begun, mut runs) = (Instant::now(), 0_u32);
        while begun.elapsed().as_secs_f64() < LONG_ENOUGH {
            run()?;
            runs += 1;
        }
        best = best.min(begun.elapsed().as_secs_f64() * 1e6 / f64::from(runs));
    }
    Ok(best)
}

/// The least memory with which each operation passes for the largest account, by the operation's name.
fn memory() -> anyhow::Result<BTreeMap<String, usize>> {
    let mut questions = Vec::new();
    for operation in OPERATIONS {
        questions.push((operation, operation.largest()?));
    }
    let mut least = BTreeMap::new();
    for end in (0..(PAGES << 16) / GRAIN + 1)
        .rev()
        .map(|grains| grains * GRAIN)
    {
        let Ok(smaller) = with_heap_end(cofactor_component::COMPONENT, end)
            .and_then(|component| Smaller::new(&component))
        else {
            break;
        };
        questions.retain(|(operation, question)| {
            let passes = smaller.passes(question);
            if passes {
                let name = format!("{} {}", operation.method, operation.name);
                least.insert(name, end);
            }
            passes
        });
        if questions.is_empty() {
            break;
        }
    }
    Ok(least)
}

/// A component with less memory. The policy is handed to it as the whole one compiled it, since compiling takes more than a step.
struct Smaller {
    engine: Engine,
    component: Component,
}

impl Smaller {
    fn new(component: &[u8]) -> anyhow::Result<Self> {
        let mut config = Config::new();
        config.concurrency_support(false);
        let engine = Engine::new(&config)?;
        let component = Component::new(&engine, component)?;
        Ok(Self { engine, component })
    }

    /// Whether there is an answer, and no trap.
    fn passes(&self, question: &Question) -> bool {
        self.step(question).is_ok()
    }

    fn step(&self, question: &Question) -> anyhow::Result<()> {
        let mut store = Store::new(&self.engine, ());
        let instance = Linker::new(&self.engine).instantiate(&mut store, &self.component)?;
        let index = super::step_export(&self.component)?;
        let step = instance
            .get_typed_func::<(&Context, Option<&[u8]>, &Event), (Result<Transition, Failed>,)>(
                &mut store, index,
            )?;
        let record = question.record.as_deref();
        let (answer,) = step.call(&mut store, (&question.context, record, &question.event))?;
        match answer {
            Ok(_) => Ok(()),
            Err(fault) => bail!("{fault:?}"),
        }
    }
}
