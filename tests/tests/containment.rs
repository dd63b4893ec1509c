//! A hostile component costs the host no memory. A process of its own, because it looks at the whole process.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::plugin::{Fuel, Options, Plugin};
use cofactor_runtime::seal::KeyRing;
use cofactor_runtime::service::{Service, StepError};
use cofactor_runtime::store::{Name, memory::MemoryStore};
use cofactor_tests::hostile::component;
use cofactor_tests::scenario::{START, Scenario, begin};

#[test]
fn pl_03_a_hostile_component_behind_the_service_denies_and_costs_no_memory() {
    let name = Name {
        tenant: "default".into(),
        issuer: "test".into(),
        user: "alice".into(),
    };
    let mut scenario = Scenario::new("").unwrap();
    for step in [
        "(unreachable)",
        "(loop $again (br $again)) (unreachable)",
        "(i32.const 8192)",
        // Memory without bound, the whole stack, and an answer as large as all memory.
        "(drop (memory.grow (i32.const 1000))) (unreachable)",
        "(call $step (local.get 0))",
        "(i32.store8 (i32.const 8200) (i32.const 1)) (i32.store (i32.const 8204) (i32.const 0))
         (i32.store (i32.const 8208) (i32.const 190000)) (i32.const 8192)",
    ] {
        let fuel = Fuel {
            verify: 1_000_000,
            ..Fuel::default()
        };
        let options = Options {
            instances: 4,
            fuel,
            ..Options::default()
        };
        let plugin = Plugin::load(&component(step).unwrap(), &options).unwrap();
        let ring = KeyRing::generate(START).unwrap();
        let clock = Arc::new(FixedClock::at(START));
        let service = Service::new(plugin, MemoryStore::new(), ring, "", clock).unwrap();
        let fail = |times: usize, scenario: &mut Scenario| {
            for _ in 0..times {
                let event = scenario.event(begin(Some("123456")));
                let error = pollster::block_on(service.step(&name, event)).unwrap_err();
                assert!(matches!(error, StepError::Plugin(_)), "{error}");
            }
        };
        fail(100, &mut scenario);
        let before = resident();
        fail(1_000, &mut scenario);
        let grown = resident().saturating_sub(before);
        assert!(grown < 4 << 20, "{step}: {grown} bytes more");
        assert!(
            service.store().audit().is_empty(),
            "{step}: a fault writes nothing"
        );
        assert_eq!(service.metrics().faults(), 1_100, "{step}");
    }
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
