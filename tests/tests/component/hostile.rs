//! Components that mean harm: each denies within its bound, the host goes on, and its memory does not grow.

use cofactor_runtime::contract::Context;
use cofactor_runtime::plugin::{Failure, Fuel, LoadError, Options, Plugin, PluginError};
use cofactor_tests::hostile::component;
use cofactor_tests::scenario::{Scenario, begin};

fn load(step: &str) -> Plugin {
    let fuel = Fuel {
        verify: 1_000_000,
        ..Fuel::default()
    };
    Plugin::load(
        &component(step).unwrap(),
        &Options {
            instances: 4,
            fuel,
            ..Options::default()
        },
    )
    .unwrap()
}

fn outcome(plugin: &Plugin) -> PluginError {
    let mut scenario = Scenario::new("").unwrap();
    let policy = plugin.compile_policy("").unwrap().unwrap();
    let event = scenario.event(begin(None));
    plugin
        .step(&policy, &scenario.context(), None, &event)
        .unwrap_err()
}

#[test]
fn pl_01_an_endless_loop_runs_out_of_fuel() {
    let error = outcome(&load("(loop $again (br $again)) (unreachable)"));
    assert!(
        matches!(error, PluginError::Fault(Failure::OutOfFuel)),
        "{error}"
    );
}

#[test]
fn pl_02_memory_without_bound_and_deep_recursion_trap() {
    let grow = outcome(&load(
        "(drop (memory.grow (i32.const 1000))) (i32.const -1) (i32.load) (drop) (i32.const 0)",
    ));
    assert!(
        grow.to_string()
            .contains("forcing trap when growing memory"),
        "{grow}"
    );
    // With fuel for far more than the stack holds: it is the stack that ends it.
    let fuel = Fuel {
        verify: 1_000_000_000,
        ..Fuel::default()
    };
    let deep = Options {
        instances: 4,
        fuel,
        ..Options::default()
    };
    let recursion = component("(call $step (local.get 0))").unwrap();
    let recursion = outcome(&Plugin::load(&recursion, &deep).unwrap());
    assert!(
        matches!(&recursion, PluginError::Fault(Failure::Trap(trap)) if trap.contains("stack")),
        "{recursion}"
    );
}

#[test]
fn pl_03_a_trap_denies_and_the_host_goes_on() {
    let plugin = load("(unreachable)");
    for _ in 0..100 {
        let error = outcome(&plugin);
        assert!(
            matches!(&error, PluginError::Fault(Failure::Trap(_))),
            "{error}"
        );
    }
    assert_eq!(plugin.load_now().0, 0, "no instance is left busy");
}

#[test]
fn pl_02_a_component_that_wants_more_memory_does_not_load() {
    let bytes = component("(unreachable)").unwrap();
    let small = Options {
        memory: 1 << 16,
        ..Options::default()
    };
    assert!(matches!(
        Plugin::load(&bytes, &small),
        Err(LoadError::Resources(_) | LoadError::Invalid(_))
    ));
}

#[test]
fn pl_08_entropy_that_is_all_zero_is_refused() {
    let mut scenario = Scenario::enrolled("").unwrap();
    let event = scenario.event(begin(None));
    let with = |entropy| Context {
        entropy,
        ..scenario.context()
    };
    let step = |context: &_| {
        cofactor_tests::scenario::plugin().step(&scenario.policy, context, None, &event)
    };
    assert!(matches!(
        step(&with(vec![0; 32])),
        Err(PluginError::BadRequest(_))
    ));
    assert!(matches!(
        step(&with(vec![1; 31])),
        Err(PluginError::BadRequest(_))
    ));
}

#[test]
fn a_policy_of_another_component_is_refused() {
    let mut scenario = Scenario::new("").unwrap();
    let event = scenario.event(begin(None));
    let foreign = load("(unreachable)").compile_policy("").unwrap().unwrap();
    let error = cofactor_tests::scenario::plugin()
        .step(&foreign, &scenario.context(), None, &event)
        .unwrap_err();
    assert!(
        error.to_string().contains("compiled by component"),
        "{error}"
    );
}
