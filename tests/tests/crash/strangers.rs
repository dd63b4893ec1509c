//! Users without an account, accounts without a record, clients without an address.

use std::sync::Arc;

use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::{AdministrationChange, Outcome};
use cofactor_runtime::seal::KeyRing;
use cofactor_runtime::service::{Service, StepError};
use cofactor_runtime::store::memory::MemoryStore;
use cofactor_runtime::store::{Name, Store};
use cofactor_tests::scenario::{START, begin};

use crate::isolation::{End, Told, reason, step};
use crate::place;

#[test]
fn a_known_user_without_a_record_may_not_enrol_anew() {
    let service = service(Told::new(), "");
    step(
        &service,
        "alice",
        place::administer(AdministrationChange::Create),
    )
    .unwrap();
    assert!(matches!(
        step(&service, "alice", begin(None)).unwrap().outcome,
        Outcome::Enrol(_)
    ));
    service.store().end(End::Emptied);
    assert!(matches!(
        step(&service, "alice", begin(None)),
        Err(StepError::Tampered(_))
    ));
}

/// A seal is bound to the tenant, so a shadow record that two tenants shared would be a broken seal to one of them.
#[test]
fn tenants_do_not_meet_in_a_shadow_record() {
    let policy = "[accounts]\nprovision = \"known-only\"\nshadows = 1\n";
    let service = service(MemoryStore::new(), policy);
    for tenant in ["one", "two", "one"] {
        let name = Name {
            tenant: tenant.into(),
            ..place::name("nobody")
        };
        let event = place::event("nobody", begin(Some("000000")));
        let settled = pollster::block_on(service.step(&name, event)).unwrap();
        assert!(!settled.known);
    }
}

/// Who hides where they come from is one source with all others who do.
#[test]
fn a_source_without_an_address_is_counted() {
    let policy = "[accounts]\nprovision = \"known-only\"\n[sources]\nfailures = 3\n";
    let service = service(MemoryStore::new(), policy);
    let reasons: Vec<String> = (0..5)
        .map(|n| {
            let user = format!("nobody-{n}");
            let mut event = place::event(&user, begin(Some("000000")));
            event.origin.address = None;
            let settled = pollster::block_on(service.step(&place::name(&user), event)).unwrap();
            reason(&settled).to_owned()
        })
        .collect();
    assert_eq!(reasons[4], "source-throttled", "{reasons:?}");
}

fn service<S: Store>(store: S, policy: &str) -> Service<S> {
    let (ring, clock) = (KeyRing::generate(START), FixedClock::at(START));
    Service::new(
        place::plugin(),
        store,
        ring.unwrap(),
        policy,
        Arc::new(clock),
    )
    .unwrap()
}
