//! When every instance is busy: 503 for whoever comes then, which says nothing about the user.

use std::sync::atomic::{AtomicBool, Ordering};

use cofactor_runtime::plugin::{Failure, Options, Plugin, PluginError};
use cofactor_tests::api::Client;
use cofactor_tests::hostile::component;
use cofactor_tests::program::wait_for;
use cofactor_tests::scenario::{Scenario, begin};
use cofactor_tests::server::{APPLICATION, CLIENT_SECRET, Server, Setup};

use super::Tested;

/// A step that takes all of its fuel: it holds its instance for as long as any step can.
const BUSY: &str = "(loop $again (br $again)) (unreachable)";

#[test]
fn a_call_beyond_the_last_instance_is_overload_and_the_next_is_served() -> Tested {
    let options = Options {
        instances: 1,
        ..Options::default()
    };
    let plugin = Plugin::load(&component(BUSY)?, &options)?;
    let policy = plugin.compile_policy("")?.unwrap();
    let step = || {
        let mut scenario = Scenario::new("").unwrap();
        let event = scenario.event(begin(None));
        plugin
            .step(&policy, &scenario.context(), None, &event)
            .unwrap_err()
    };
    let seen = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !seen.load(Ordering::Relaxed) {
                    match step() {
                        PluginError::Overloaded => seen.store(true, Ordering::Relaxed),
                        PluginError::Fault(Failure::OutOfFuel) => {}
                        other => panic!("{other}"),
                    }
                }
            });
        }
    });
    // The place is free again.
    assert!(matches!(step(), PluginError::Fault(Failure::OutOfFuel)));
    assert_eq!(plugin.load_now(), (0, 1));
    Ok(())
}

#[test]
fn overload_is_503_with_a_time_to_come_back_and_never_a_decision() -> Tested {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), component(BUSY)?)?;
    let server = Server::start(&Setup {
        tables: format!(
            "[component]\nfile = \"{}\"\ninstances = 1\n",
            file.path().display()
        ),
        ..Setup::default()
    })?;
    let address = (std::net::Ipv4Addr::LOCALHOST, server.api()).into();
    let seen = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client =
                    Client::connect(address, "test", CLIENT_SECRET, APPLICATION).unwrap();
                wait_for("an overload", || {
                    let reply = client.sign_in("alice", "123456").unwrap();
                    assert!(reply.body.get("outcome").is_none(), "{}", reply.body);
                    match reply.status {
                        503 => {
                            assert_eq!(reply.header("retry-after"), Some("1"));
                            assert_eq!(reply.body["type"], "urn:cofactor:problem:overloaded");
                            seen.store(true, Ordering::Relaxed);
                        }
                        // The component's own failure, for whoever had the instance.
                        500 => {}
                        other => panic!("{other} {}", reply.body),
                    }
                    seen.load(Ordering::Relaxed).then_some(())
                })
                .unwrap();
            });
        }
    });
    Ok(())
}
