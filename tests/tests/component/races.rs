//! One code, many threads: exactly one acceptance. Here over the store in memory; tests/crash has the real one.

use std::sync::{Arc, Barrier};

use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::{Action, Administration, AdministrationChange, Event, Outcome};
use cofactor_runtime::plugin::{Options, Plugin};
use cofactor_runtime::seal::KeyRing;
use cofactor_runtime::service::{Service, StepError};
use cofactor_runtime::store::{Name, memory::MemoryStore};
use cofactor_tests::scenario::{SECRET, START, begin, origin, totp};
use totp_rs::Algorithm;

const THREADS: usize = 64;
const ROUNDS: u64 = 500;

#[test]
fn otp_03_sixty_four_threads_with_one_code_are_accepted_once() {
    let clock = Arc::new(FixedClock::at(START));
    let plugin = Plugin::load(
        cofactor_component::COMPONENT,
        &Options {
            instances: 128,
            ..Options::default()
        },
    )
    .unwrap();
    let ring = KeyRing::generate(START).unwrap();
    let service = Service::new(plugin, MemoryStore::new(), ring, "", clock.clone()).unwrap();
    let name = Name {
        tenant: "default".into(),
        issuer: "test".into(),
        user: "alice".into(),
    };
    let administer = |change| {
        let by = Administration {
            actor: "test".into(),
            why: "race".into(),
            change,
        };
        pollster::block_on(service.step(&name, event(Action::Administer(by)))).unwrap()
    };
    administer(AdministrationChange::Create);
    let uri = "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example";
    administer(AdministrationChange::ImportOtpauth(uri.into()));

    let barrier = Barrier::new(THREADS);
    let accepted: Vec<usize> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (barrier, service, name, clock) = (&barrier, &service, &name, &clock);
                scope.spawn(move || {
                    let mut accepted = vec![0usize; ROUNDS as usize];
                    for round in 0..ROUNDS {
                        if thread == 0 {
                            // Past every back-off of the round before.
                            clock.set(START + (round + 1) * 86_400_000);
                        }
                        barrier.wait();
                        let at = (START + (round + 1) * 86_400_000) / 1_000;
                        let code = totp(SECRET, Algorithm::SHA1, 6, 30, at).unwrap();
                        match pollster::block_on(service.step(name, event(begin(Some(&code))))) {
                            Ok(settled) => {
                                accepted[round as usize] +=
                                    usize::from(matches!(settled.outcome, Outcome::Allow(_)))
                            }
                            Err(StepError::Overloaded) => {}
                            Err(error) => panic!("{error}"),
                        }
                        barrier.wait();
                    }
                    accepted
                })
            })
            .collect();
        let each: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        (0..ROUNDS as usize)
            .map(|round| each.iter().map(|accepted| accepted[round]).sum())
            .collect()
    });
    let wrong: Vec<_> = accepted
        .iter()
        .enumerate()
        .filter(|(_, accepted)| **accepted != 1)
        .collect();
    assert!(
        wrong.is_empty(),
        "rounds with another number of acceptances than one: {wrong:?}"
    );
}

fn event(action: Action) -> Event {
    let mut id = vec![0; 16];
    getrandom::fill(&mut id).unwrap();
    Event {
        id,
        origin: origin("alice"),
        action,
    }
}
