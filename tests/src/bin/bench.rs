//! Benchmark.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
use cofactor_tests::scenario::*;
use std::time::Instant;
fn main() {
    let mut s = Scenario::enrolled("").unwrap();
    let code = s.code(0).unwrap();
    let e = s.event(begin(Some(&code)));
    let c = s.context();
    let p = plugin();
    println!(
        "component {} bytes; record {}",
        cofactor_component::COMPONENT.len(),
        s.record.as_ref().unwrap().len()
    );
    let (t, fuel) = p
        .step_metered(&s.policy, &c, s.record.as_deref(), &e)
        .unwrap();
    println!("fuel {fuel} {:?}", t.outcome);
    for _ in 0..3 {
        let n = 20000;
        let t = Instant::now();
        for _ in 0..n {
            p.step(&s.policy, &c, s.record.as_deref(), &e).unwrap();
        }
        println!("own instance {:?}", t.elapsed() / n);
    }
}
