//! Whether the time of an answer tells who has an account (BF-09), by the wall clock: a report that fails nothing, as clocks
//! of machines that do other things as well prove nothing. The proof counts instructions: component/constant_time.rs.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Instant;

use cofactor::store::embedded::{EmbeddedStore, Options as StoreOptions};
use cofactor_runtime::clock::SystemClock;
use cofactor_runtime::contract::{Action, Administration, AdministrationChange, Event};
use cofactor_runtime::plugin::{Options, Plugin};
use cofactor_runtime::seal::KeyRing;
use cofactor_runtime::service::Service;
use cofactor_runtime::store::{Name, Store, memory::MemoryStore};
use cofactor_tests::api::Client;
use cofactor_tests::program::{note, project};
use cofactor_tests::scenario::{START, begin, origin};
use cofactor_tests::server::{APPLICATION, CLIENT_SECRET, Server, Setup};

use super::Tested;

/// Everybody is judged to the end: nobody is throttled or locked after a few wrong codes.
const POLICY: &str = "[accounts]\nprovision = \"known-only\"\n[throttle]\ndelay-after = 100\nlock-after = 100\n\
                      [sources]\nfailures = 0\nbegins = 0\n";
/// Wrong codes of one user.
const EACH: usize = 20;
const URI: &str = "otpauth://totp/E:a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=E";

#[test]
fn the_time_of_an_answer_is_reported_for_known_and_unknown_users() -> Tested {
    let samples = match std::env::var_os("COFACTOR_SOAK") {
        Some(_) => 10_000,
        None => 200,
    };
    let folder = tempfile::tempdir()?;
    let options = StoreOptions::new(folder.path().join("db"), folder.path().join("anchor"));
    let lines = [
        (
            "steps, store in memory",
            in_process(MemoryStore::new(), samples)?,
        ),
        (
            "steps, embedded store",
            in_process(EmbeddedStore::open(&options, START)?, samples)?,
        ),
        ("verify API", over_http(samples)?),
    ]
    .map(|(what, times)| times.report(what));
    let text = lines.join("\n") + "\n";
    let folder = match std::env::var_os("COFACTOR_REPORT") {
        Some(folder) => PathBuf::from(folder),
        None => project("target/report"),
    };
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("timing.txt"), text)?;
    lines.iter().for_each(|line| note(line));
    Ok(())
}

/// Microseconds of an answer.
#[derive(Default)]
struct Times {
    known: Vec<f64>,
    unknown: Vec<f64>,
}

impl Times {
    /// In turns, and in an order that changes, so that a machine that changes its speed changes both.
    fn measure(samples: usize, mut ask: impl FnMut(&str) -> Tested) -> anyhow::Result<Self> {
        let mut times = Self::default();
        for sample in 0..samples {
            let user = sample / EACH;
            let mut both = [
                (true, format!("known-{user}")),
                (false, format!("other-{user}")),
            ];
            let mut coin = [0];
            getrandom::fill(&mut coin)?;
            if coin[0] & 1 == 1 {
                both.reverse();
            }
            for (known, name) in both {
                let begun = Instant::now();
                ask(&name)?;
                let took = begun.elapsed().as_secs_f64() * 1e6;
                match known {
                    true => times.known.push(took),
                    false => times.unknown.push(took),
                }
            }
        }
        Ok(times)
    }

    /// Welch's t over all samples, and over the fastest nine tenths of each: what interrupts a machine is in the rest.
    fn report(mut self, what: &str) -> String {
        let all = welch(&self.known, &self.unknown);
        for times in [&mut self.known, &mut self.unknown] {
            times.sort_by(f64::total_cmp);
        }
        let most = self.known.len() * 9 / 10;
        let fastest = welch(&self.known[..most], &self.unknown[..most]);
        format!(
            "timing of {what}: {} known and unknown users each, median {:.1} and {:.1} µs, Welch's t {all:.2}, of the \
             fastest nine tenths {fastest:.2} (beyond 4.5 either way is a difference; reported, not judged)",
            self.known.len(),
            self.known[self.known.len() / 2],
            self.unknown[self.unknown.len() / 2],
        )
    }
}

/// Welch's t for two samples of unequal variance.
fn welch(first: &[f64], second: &[f64]) -> f64 {
    let moments = |of: &[f64]| {
        let n = of.len() as f64;
        let mean = of.iter().sum::<f64>() / n;
        let variance = of.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, variance / n)
    };
    let ((first, a), (second, b)) = (moments(first), moments(second));
    (first - second) / (a + b).sqrt()
}

fn in_process<S: Store>(store: S, samples: usize) -> anyhow::Result<Times> {
    let plugin = Plugin::load(cofactor_component::COMPONENT, &Options::default())?;
    let ring = KeyRing::generate(START)?;
    let service = Service::new(
        plugin,
        store,
        ring,
        POLICY,
        std::sync::Arc::new(SystemClock::new()),
    )?;
    let step = |user: &str, action| -> Tested {
        let name = Name {
            tenant: "default".into(),
            issuer: "test".into(),
            user: user.into(),
        };
        let mut id = vec![0; 16];
        getrandom::fill(&mut id)?;
        let event = Event {
            id,
            origin: origin(user),
            action,
        };
        pollster::block_on(service.step(&name, event))?;
        Ok(())
    };
    for user in 0..samples.div_ceil(EACH) {
        let by = Administration {
            actor: "test".into(),
            why: "timing".into(),
            change: AdministrationChange::ImportOtpauth(URI.into()),
        };
        step(&format!("known-{user}"), Action::Administer(by))?;
        // A decoy is made at the first question.
        for who in ["known", "other"] {
            step(&format!("{who}-{user}"), begin(None))?;
        }
    }
    Times::measure(samples, |user| step(user, begin(Some("000000"))))
}

fn over_http(samples: usize) -> anyhow::Result<Times> {
    let server = Server::start(&Setup {
        policy: POLICY.to_owned(),
        ..Setup::default()
    })?;
    let address = (Ipv4Addr::LOCALHOST, server.api()).into();
    let mut client = Client::connect(address, "test", CLIENT_SECRET, APPLICATION)?;
    for user in 0..samples.div_ceil(EACH) {
        let import = AdministrationChange::ImportOtpauth(URI.into());
        client.administer(&format!("known-{user}"), import)?;
        for who in ["known", "other"] {
            client.act(&format!("{who}-{user}"), &begin(None))?;
        }
    }
    Times::measure(samples, |user| {
        let reply = client.sign_in(user, "000000")?;
        anyhow::ensure!(reply.status == 200, "{}", reply.body);
        Ok(())
    })
}

#[test]
fn welchs_t_is_that_of_the_textbook() {
    // Two samples whose means differ by 2, with variances 2.5 and 10 over 5 values each: 2 / sqrt(0.5 + 2).
    let t = welch(&[3.0, 4.0, 5.0, 6.0, 7.0], &[-1.0, 1.0, 3.0, 5.0, 7.0]);
    assert!((t - 2.0 / 2.5_f64.sqrt()).abs() < 1e-12, "{t}");
}
