//! A code verified and made durable, over the verify API.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::AdministrationChange;
use cofactor_runtime::plugin::{Options as PluginOptions, Plugin};
use cofactor_runtime::seal::KeyRing;
use cofactor_runtime::service::Service;
use cofactor_runtime::store::{Name, Store};
use sha2::{Digest, Sha256};

use super::figure::Figure;
use super::load::{Load, Served, drive};
use super::step::{URI, administer, code_at, event};
use super::{Options, START, say};
use crate::api::Api;
use crate::config::Client;
use crate::metrics::ApiCounters;
use crate::names::Names;
use crate::store::embedded::{self, EmbeddedStore};

/// Accounts in one transaction while the store is filled.
const BATCH: usize = 50_000;
const SECRET: &str = "bench-secret-bench-secret-bench-secret";

pub(super) fn measure(
    options: &Options,
    folder: &Path,
    show: &mut dyn FnMut(&Figure) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (syncs, sync_size) = bare_syncs(folder)?;
    let mut first: Option<(f64, f64)> = None;
    for accounts in &options.accounts {
        let folder = tempfile::tempdir_in(folder)?;
        let bench = Bench::new(*accounts, folder.path())?;
        say(&format!("durable verifications with {accounts} accounts"));
        // One connection makes a sync for each, so fewer of them are enough.
        let alone = bench.drive(1, options.verifications / 20)?;
        let before = bench.batches();
        let many = bench.drive(64, options.verifications)?;
        let batches = bench.batches() - before;
        let (one, all) = (
            alone.median.as_secs_f64() * 1e3,
            many.median.as_secs_f64() * 1e3,
        );
        let (few_one, few_all) = *first.get_or_insert((one, all));
        let name = |what: &str| format!("durable TOTP over HTTP, {accounts} accounts: {what}");
        let figures = [
            Figure::new(name("1 connection"), alone.rate, "/s")
                .beside(format!("bare write and sync of {sync_size} B"), syncs),
            Figure::new(name("64 connections"), many.rate, "/s")
                .beside("bare write and sync", syncs)
                .goal("15,000/s or more"),
            Figure::new(name("median at 1"), one, "ms")
                .beside("at the fewest", few_one)
                .goal("ratio 1.5 or less"),
            Figure::new(name("median at 64"), all, "ms")
                .beside("at the fewest", few_all)
                .goal("ratio 1.5 or less"),
            Figure::new(name("p99 at 64"), many.p99.as_secs_f64() * 1e3, "ms"),
            Figure::new(
                name("durable transactions each at 64"),
                batches as f64 / f64::from(options.verifications),
                "a sync each",
            )
            .goal("under 0.1"),
        ];
        figures.iter().try_for_each(&mut *show)?;
        bench.service.store().close();
    }
    Ok(())
}

struct Bench {
    service: Arc<Service<EmbeddedStore>>,
    clock: Arc<FixedClock>,
    served: Served,
    accounts: u32,
    /// Verifications so far: each account is asked again only when all others were, at a later step of the clock.
    done: std::cell::Cell<u32>,
}

impl Bench {
    fn new(accounts: u32, folder: &Path) -> anyhow::Result<Self> {
        let clock = Arc::new(FixedClock::at(START));
        let plugin = Plugin::load(cofactor_component::COMPONENT, &PluginOptions::default())?;
        let store = EmbeddedStore::open(
            &embedded::Options::new(folder.join("bench.db"), folder.join("bench.anchor")),
            START,
        )?;
        let ring = KeyRing::generate(START)?;
        let service = Arc::new(Service::new(plugin, store, ring, "", clock.clone())?);
        fill(&service, accounts)?;
        let client = Client {
            name: "bench".into(),
            secret: Sha256::digest(SECRET).into(),
            tenant: "default".into(),
            issuer: "default".into(),
            applications: vec!["bench".into()],
            administer: false,
            internal_reasons: false,
            requests_per_second: u32::MAX,
        };
        let api = Api::new(
            Arc::clone(&service),
            Arc::new(Names::default()),
            vec![client],
            Arc::new(ApiCounters::default()),
        );
        let served = Served::new(api.router())?;
        Ok(Self {
            service,
            clock,
            served,
            accounts,
            done: 0.into(),
        })
    }

    fn drive(&self, connections: usize, total: u32) -> anyhow::Result<Load> {
        let (from, accounts, clock) = (
            self.done.replace(self.done.get() + total),
            self.accounts,
            Arc::clone(&self.clock),
        );
        // All accounts have one secret, so there is one code for each round over them.
        let rounds = (from / accounts..=(from + total) / accounts)
            .map(|round| Ok((round, code_at(time_of(round) / 1_000)?)))
            .collect::<anyhow::Result<std::collections::HashMap<_, _>>>()?;
        let request = move |number: u32| {
            let (round, account) = ((from + number) / accounts, (from + number) % accounts);
            if account == 0 || number == 0 {
                clock.set(time_of(round));
            }
            let code = rounds.get(&round).map_or("", String::as_str);
            let [_, b, c, d] = account.to_be_bytes();
            let body = format!(
                "{{\"user\":\"user-{account}\",\"event\":{{\"id\":\"{:032x}\",\"origin\":{{\"application\":\"bench\",\
                 \"binding\":\"{:032x}\",\"address\":\"10.{b}.{c}.{d}\"}},\"action\":{{\"begin\":{{\"surface\":[\"prompt\"],\
                 \"early-answer\":\"{code}\",\"required-level\":0}}}}}}}}",
                u128::from(from + number) + 1,
                u128::from(account) + 1,
            );
            format!(
                "POST /v1/step HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer bench:{SECRET}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        };
        drive(self.served.address, connections, total, request, |answer| {
            answer.windows(7).any(|window| window == b"\"allow\"")
        })
    }

    fn batches(&self) -> u64 {
        self.service.store().transactions()
    }
}

/// Makes the accounts, many in a transaction.
fn fill<S: Store>(service: &Service<S>, accounts: u32) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let named = |user: u32| Name {
        tenant: "default".into(),
        issuer: "default".into(),
        user: format!("user-{user}"),
    };
    let users: Vec<u32> = (0..accounts).collect();
    for batch in users.chunks(BATCH) {
        if batch.first().context("an empty batch")? % 100_000 == 0 {
            say(&format!(
                "making {accounts} accounts: {} so far",
                batch.first().unwrap_or(&0)
            ));
        }
        for change in [
            AdministrationChange::Create,
            AdministrationChange::ImportOtpauth(URI.into()),
        ] {
            let events = batch
                .iter()
                .map(|user| {
                    (
                        named(*user),
                        event(u64::from(*user), administer(change.clone())),
                    )
                })
                .collect();
            runtime.block_on(service.step_all(events))?;
        }
    }
    Ok(())
}

fn time_of(round: u32) -> u64 {
    START + 30_000 * u64::from(round)
}

/// How often a second this disk takes a small write and syncs it: the limit of one connection.
fn bare_syncs(folder: &Path) -> anyhow::Result<(f64, usize)> {
    use std::io::Write as _;
    const ROUNDS: u32 = 500;
    let mut file = tempfile::tempfile_in(folder)?;
    // About what one verification adds to the log.
    let page = [7u8; 4096 * 4];
    file.write_all(&page)?;
    file.sync_data()?;
    let begun = std::time::Instant::now();
    for _ in 0..ROUNDS {
        file.write_all(&page)?;
        file.sync_data()?;
    }
    Ok((
        f64::from(ROUNDS) / begun.elapsed().as_secs_f64(),
        page.len(),
    ))
}
