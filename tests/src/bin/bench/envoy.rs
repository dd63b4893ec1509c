//! What a session check by Envoy over gRPC adds to the time of a request, beside the same Envoy with an authorizer that always
//! says yes, and with none: at half of what it can do.
//!
//! Client, Envoy and host share the cores. The application is left out: Envoy answers in its place.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use cofactor::bench::Figure;
use cofactor_tests::envoy::{Guarded, Site};
use cofactor_tests::nginx::USERS;

use super::bare::Bare;
use super::load::drive;
use super::signed_in::{SECRET, SignedIn};

const ROUNDS: usize = 3;

/// What was measured of one authorizer.
#[derive(Clone, Copy, Default)]
struct Measured {
    /// Answers a second, as fast as they come.
    rate: f64,
    /// At half of the slowest one's rate: 99 of 100 answers were not later, in milliseconds.
    p99: f64,
}

pub(super) fn figures(quick: bool) -> anyhow::Result<Vec<Figure>> {
    let lasting = Duration::from_secs(if quick { 1 } else { 4 });
    let bare = Bare::start()?;
    let allowed =
        "                direct_response: { status: 200, body: { inline_string: \"ok\" } }\n";
    let route = (
        "                route: { cluster: application }\n".to_owned(),
        allowed.to_owned(),
    );
    let unasked = format!(
        "{allowed}                typed_per_filter_config:\n                  envoy.filters.http.ext_authz:\n                    \
         \"@type\": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute\n                    \
         disabled: true\n"
    );
    let start = |edits: Vec<(String, String)>| {
        Guarded::start(&Site {
            policy: "[totp]\nwindow = 10\ndrift-cap = 10\n".to_owned(),
            edits,
            // What is printed: an answer that comes later is an error, and no error is accepted below.
            timeout: Some("0.2s"),
            // One for each of the threads that take turns on two cores: client, Envoy, host.
            workers: Some(1),
            ..Site::default()
        })
    };
    let without = (route.0.clone(), unasked);
    let sites = [
        start(vec![route.clone()])?,
        start([vec![route], bare.edits()].concat())?,
        start(vec![without])?,
    ];
    let [Some(ours), Some(yes), Some(none)] = sites else {
        return Ok(Vec::new());
    };
    let (user, password) = USERS[0];
    ours.server.enrol(user, SECRET)?;
    let alice = SignedIn::at(ours.port, user, password)?;
    let mut measured = [Measured::default(); 3];
    let ports = [ours.port, yes.port, none.port];
    // In turns, so that a machine that changes its speed changes all of them.
    for _ in 0..ROUNDS {
        for (port, measured) in ports.iter().zip(&mut measured) {
            let times = drive(*port, &alice.request(*port), lasting, None)?;
            measured.rate = measured
                .rate
                .max(times.len() as f64 / lasting.as_secs_f64());
        }
    }
    let half = measured[0].rate / 2.0;
    let mut p99s = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (port, p99s) in ports.iter().zip(&mut p99s) {
            let times = drive(*port, &alice.request(*port), lasting, Some(half))?;
            let p99 = times.get(times.len() * 99 / 100).context("no answers")?;
            p99s.push(p99.as_secs_f64() * 1e3);
        }
    }
    for (measured, p99s) in measured.iter_mut().zip(&mut p99s) {
        p99s.sort_by(f64::total_cmp);
        measured.p99 = *p99s.get(p99s.len() / 2).context("no rounds")?;
    }
    let counted = ours.envoy.counted()?;
    let count = |name: &str| counted.get(name).copied().unwrap_or(u64::MAX);
    ensure!(
        count("error") == 0 && count("denied") < 10,
        "the authorizer failed: {counted:?}"
    );
    let [ours, yes, none] = measured;
    Ok(vec![
        Figure::new(
            "99th percentile through Envoy over gRPC at half load",
            ours.p99,
            "ms",
        )
        .beside("always yes", yes.p99),
        Figure::new(
            "added by the session check to the 99th percentile",
            ours.p99 - none.p99,
            "ms",
        )
        .beside("added by always yes", yes.p99 - none.p99)
        .goal("under 1 ms"),
    ])
}
