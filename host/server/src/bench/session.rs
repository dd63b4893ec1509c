//! The every-request question over HTTP, beside an axum handler that does nothing.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use axum::Router;
use axum::routing::get;
use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::{AdministrationChange, Claims, Event, Outcome};
use cofactor_runtime::plugin::{Options, Plugin};
use cofactor_runtime::seal::KeyRing;
use cofactor_runtime::service::Service;
use cofactor_runtime::store::Store;

use super::figure::Figure;
use super::load::{Served, drive};
use super::step::{URI, administer, code_at, event, sign_in};
use super::{START, random, say};
use crate::gateway::config::{GatewaySection, Gateways};
use crate::gateway::forward_auth::nginx::PATH;
use crate::gateway::session::Session;
use crate::gateway::{self, Front};
use crate::names::Names;
use crate::portal::PortalSection;
use crate::store::embedded::{self, EmbeddedStore};

const CONNECTIONS: usize = 64;

pub(super) fn measure(requests: u32) -> anyhow::Result<Vec<Figure>> {
    say("session checks over HTTP");
    let bare = Served::new(Router::new().route(PATH, get(async || "")))?;
    let folder = tempfile::tempdir()?;
    let (front, cookie, secret) = front(folder.path())?;
    let ours = Served::new(gateway::router(front))?;
    let request = |path: &str, cookie: &str, secret: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nhost: bench\r\nx-cofactor-secret: {secret}\r\nx-cofactor-user: user-0\r\n\
             x-original-url: http://127.0.0.1/page?a=b\r\nx-original-method: GET\r\nx-forwarded-for: 192.0.2.1\r\n\
             accept: text/html\r\ncookie: {cookie}\r\n\r\n"
        )
        .into_bytes()
    };
    let bytes = request(PATH, &cookie, &secret);
    let passed = |answer: &[u8]| answer.starts_with(b"HTTP/1.1 200");
    // In turns, so that a machine that changes its speed changes both.
    let (mut fastest, mut limit) = (None::<super::load::Load>, 0f64);
    for _ in 0..3 {
        let bytes = bytes.clone();
        let load = drive(
            bare.address,
            CONNECTIONS,
            requests,
            move |_| bytes.clone(),
            passed,
        )?;
        limit = limit.max(load.rate);
        let bytes = request(PATH, &cookie, &secret);
        let load = drive(
            ours.address,
            CONNECTIONS,
            requests,
            move |_| bytes.clone(),
            passed,
        )?;
        if fastest.as_ref().is_none_or(|best| best.rate < load.rate) {
            fastest = Some(load);
        }
    }
    let fastest = fastest.context("nothing was measured")?;
    Ok(vec![
        Figure::new(
            "session check over HTTP, 64 connections",
            fastest.rate,
            "/s",
        )
        .beside("bare axum", limit)
        .goal("ratio 0.60 or more"),
        Figure::new(
            "session check over HTTP, 99th percentile",
            fastest.p99.as_secs_f64() * 1e3,
            "ms",
        ),
    ])
}

/// A front with one gateway, and the cookie of a user who is signed in.
fn front(folder: &Path) -> anyhow::Result<(Arc<Front<EmbeddedStore>>, String, String)> {
    let plugin = Plugin::load(cofactor_component::COMPONENT, &Options::default())?;
    let store = EmbeddedStore::open(
        &embedded::Options::new(folder.join("bench.db"), folder.join("bench.anchor")),
        START,
    )?;
    let ring = KeyRing::generate(START)?;
    let service = Arc::new(Service::new(
        plugin,
        store,
        ring,
        "",
        Arc::new(FixedClock::at(START)),
    )?);
    let secret = hex::encode(random::<32>()?);
    let section: GatewaySection = toml::from_str(&format!(
        "name = \"bench\"\nkind = \"nginx\"\npeers = [\"127.0.0.1/32\"]\nsecret = \"{secret}\"\n\
         hosts = [\"http://127.0.0.1\"]\napplication = \"bench\"\n"
    ))?;
    let names = Names::default();
    let user = names.canonical(b"user-0")?;
    let gateways = Gateways::new(&[section], names, folder).map_err(|error| anyhow!(error))?;
    let gateway = gateways.all.first().context("no gateway")?;
    let (account, claims) = signed_in(&service, &gateway.account(&user))?;
    let front = Front::new(Arc::clone(&service), gateways, &PortalSection::default())?;
    let gateway = front.gateways.all.first().context("no gateway")?;
    let session = Session {
        id: random::<16>()?,
        account,
        claims,
    };
    let value = front
        .sessions
        .seal(gateway, &user, &session)
        .context("the cookie was not sealed")?;
    Ok((front.into(), format!("cofactor={value}"), secret))
}

fn signed_in<S: Store>(
    service: &Service<S>,
    name: &cofactor_runtime::store::Name,
) -> anyhow::Result<([u8; 16], Claims)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let step = |id, action| {
        let event: Event = event(id, action);
        runtime.block_on(service.step(name, event))
    };
    step(1, administer(AdministrationChange::Create))?;
    step(
        2,
        administer(AdministrationChange::ImportOtpauth(URI.into())),
    )?;
    let settled = step(3, sign_in(Some(&code_at(START / 1_000)?)))?;
    match settled.outcome {
        Outcome::Allow(allowance) => Ok((settled.account.0, allowance.claims)),
        other => anyhow::bail!("not signed in: {other:?}"),
    }
}
