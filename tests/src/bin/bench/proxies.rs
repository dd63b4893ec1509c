//! Session checks by each contract, beside the same proxy with the same configuration before an authorizer that always says yes.
//!
//! Client, proxy, authorizer and application share the cores.

use std::time::Duration;

use anyhow::ensure;
use cofactor::bench::Figure;
use cofactor_tests::proxies::{Behind, Guarded, Options, PASSWORD, Proxy};

use super::bare::Bare;
use super::load::{CONNECTIONS, drive};
use super::signed_in::{SECRET, SignedIn};

const ROUNDS: usize = 3;

/// One figure for each proxy that is there.
pub(super) fn figures(quick: bool) -> anyhow::Result<Vec<Figure>> {
    let lasting = Duration::from_secs(if quick { 1 } else { 4 });
    let bare = Bare::start()?;
    let mut figures = Vec::new();
    for proxy in Proxy::ALL {
        let start = |authorizer: Option<(u16, u16)>| {
            let behind = Behind {
                application: Some(bare.application),
                authorizer,
            };
            Guarded::start_with(
                proxy,
                &Options {
                    policy: "[totp]\nwindow = 10\ndrift-cap = 10\n".to_owned(),
                    behind,
                    ..Options::default()
                },
            )
        };
        let (Some(ours), Some(yes)) = (start(None)?, start(Some((bare.web, bare.grpc)))?) else {
            continue;
        };
        let user = ours.somebody();
        ours.server.enrol(&user, SECRET)?;
        let user = SignedIn::at(ours.port, &user, PASSWORD)?;
        let mut rates = [0.0_f64; 2];
        // In turns, so that a machine that changes its speed changes both.
        for _ in 0..ROUNDS {
            for (rate, port) in rates.iter_mut().zip([ours.port, yes.port]) {
                let times = drive(port, &user.request(port), lasting, None)?;
                *rate = rate.max(times.len() as f64 / lasting.as_secs_f64());
            }
        }
        let [ours, yes] = rates;
        ensure!(ours > 0.0 && yes > 0.0, "{}: no answers", proxy.title());
        figures.push(
            Figure::new(
                format!(
                    "session check by {}, {CONNECTIONS} connections",
                    proxy.title()
                ),
                ours,
                "/s",
            )
            .beside("always yes", yes)
            .goal("ratio 0.70 or more"),
        );
    }
    Ok(figures)
}
