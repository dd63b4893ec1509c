//! A session check by Envoy over gRPC, beside the same Envoy with an authorizer that always says yes, and with none: how many
//! a second, and what it adds to the time of a request at half of that.
//!
//! Client, Envoy and host share the cores. The application is left out: Envoy answers in its place.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofactor::bench::Figure;
use cofactor::config::Door;
use cofactor::gateway::ext_authz::PATH;
use cofactor::listener::Listener;
use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::envoy::{Guarded, Site};
use cofactor_tests::nginx::USERS;
use cofactor_tests::visitor::Visitor;
use tonic::codec::EncodeBody;
use tonic_prost::ProstEncoder;

/// As many as Envoy's benchmark figures of others have.
const CONNECTIONS: usize = 16;
const ROUNDS: usize = 3;
/// A secret in base32: that of RFC 6238.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

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
    let request = signed_in(&ours)?;
    let mut measured = [Measured::default(); 3];
    let ports = [ours.port, yes.port, none.port];
    // In turns, so that a machine that changes its speed changes all of them.
    for _ in 0..ROUNDS {
        for (port, measured) in ports.iter().zip(&mut measured) {
            let times = drive(*port, &request, lasting, None)?;
            measured.rate = measured
                .rate
                .max(times.len() as f64 / lasting.as_secs_f64());
        }
    }
    let half = measured[0].rate / 2.0;
    let mut p99s = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (port, p99s) in ports.iter().zip(&mut p99s) {
            let times = drive(*port, &request, lasting, Some(half))?;
            let p99 = times.get(times.len() * 99 / 100).context("no answers")?;
            p99s.push(p99.as_secs_f64() * 1e3);
        }
    }
    for (measured, p99s) in measured.iter_mut().zip(&mut p99s) {
        p99s.sort_by(f64::total_cmp);
        measured.p99 = p99s[p99s.len() / 2];
    }
    let counted = ours.envoy.counted()?;
    ensure!(
        counted["error"] == 0 && counted["denied"] < 10,
        "the authorizer failed: {counted:?}"
    );
    let [ours, yes, none] = measured;
    Ok(vec![
        Figure::new(
            "session check by Envoy over gRPC, 16 connections",
            ours.rate,
            "/s",
        )
        .beside("always yes", yes.rate)
        .goal("ratio 0.70 or more"),
        Figure::new(
            "99th percentile through Envoy at half of that",
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

/// An authorizer that always says yes, on the same listener.
struct Bare {
    port: u16,
    _runtime: tokio::runtime::Runtime,
    _stop: tokio::sync::watch::Sender<bool>,
}

impl Bare {
    fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let door = Door {
            address: "127.0.0.1:0".parse().map_err(anyhow::Error::msg)?,
            tls: None,
            connections: 1024,
        };
        let listener = runtime.block_on(Listener::bind_http2(&door))?;
        let address = listener.address().to_string();
        let port = address.rsplit_once(':').context("no port")?.1.parse()?;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        runtime.spawn(listener.serve(always_yes(), stopped));
        Ok(Self {
            port,
            _runtime: runtime,
            _stop: stop,
        })
    }

    /// What makes Envoy ask it.
    fn edits(&self) -> Vec<(String, String)> {
        let cluster = format!(
            "  clusters:\n  - name: bare\n    typed_extension_protocol_options:\n      \
             envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n        \
             \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\n        \
             explicit_http_config: {{ http2_protocol_options: {{}} }}\n    load_assignment:\n      cluster_name: bare\n      \
             endpoints:\n      - lb_endpoints:\n        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, \
             port_value: {} }} }} }}\n",
            self.port
        );
        vec![
            (
                "envoy_grpc: { cluster_name: cofactor_grpc }".to_owned(),
                "envoy_grpc: { cluster_name: bare }".to_owned(),
            ),
            ("  clusters:\n".to_owned(), cluster),
        ]
    }
}

/// The answer without a word is yes: code 0 is not written.
fn always_yes() -> Router {
    let yes = async |_: axum::extract::Request| {
        let message = tokio_stream::once(Ok(()));
        let encoder = ProstEncoder::<()>::default();
        let body = EncodeBody::new_server(encoder, message, None, Default::default(), None);
        let kind = [("content-type", "application/grpc")];
        (kind, axum::body::Body::new(body))
    };
    Router::new().route(PATH, axum::routing::post(yes))
}

/// The octets of a request of somebody who is signed in.
fn signed_in(site: &Guarded) -> anyhow::Result<Vec<u8>> {
    let (user, password) = USERS[0];
    site.server.enrol(user, SECRET)?;
    let mut alice = Visitor::with_password(site.port, user, password);
    let mut phone = Authenticator::with(SECRET).context("no oathtool")?;
    let page = alice.visit("/")?;
    let code = phone.fresh()?;
    let page = alice.submit(&page, "/.cofactor/answer", &[("code", &code)])?;
    ensure!(page.answer.status == 200, "not signed in: {}", page.text());
    let cookie = alice.cookie("cofactor").context("no session")?;
    let credentials = STANDARD.encode(format!("{user}:{password}"));
    // Each Envoy has its own port; the site that is named is the one of the session's gateway.
    Ok(format!(
        "GET /page?a=b HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Basic {credentials}\r\nAccept: text/html\r\n\
         Cookie: cofactor={cookie}\r\n\r\n",
        site.port
    )
    .into_bytes())
}

/// Asks for that long over all connections: one request after the other, or so many a second, each counted from when it was
/// to be sent. The times of all answers, in order.
fn drive(
    port: u16,
    request: &[u8],
    lasting: Duration,
    rate: Option<f64>,
) -> anyhow::Result<Vec<Duration>> {
    let barrier = Barrier::new(CONNECTIONS);
    let every = rate.map(|rate| Duration::from_secs_f64(CONNECTIONS as f64 / rate));
    let mut times = thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let barrier = &barrier;
                scope.spawn(move || -> anyhow::Result<Vec<Duration>> {
                    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
                    stream.set_nodelay(true)?;
                    let mut buffer = [0; 4096];
                    let mut times = Vec::new();
                    barrier.wait();
                    let begun = Instant::now();
                    // Not all at once.
                    let mut due = begun + every.unwrap_or_default() * u32::try_from(number)? / 16;
                    while begun.elapsed() < lasting {
                        let from = match every {
                            None => Instant::now(),
                            Some(every) => {
                                let due_now = due;
                                thread::sleep(due_now.saturating_duration_since(Instant::now()));
                                due += every;
                                due_now
                            }
                        };
                        stream.write_all(request)?;
                        let read = stream.read(&mut buffer)?;
                        let answer = buffer.get(..read).unwrap_or_default();
                        if !answer.starts_with(b"HTTP/1.1 200") || !answer.ends_with(b"\r\n\r\nok")
                        {
                            bail!("not answered: {}", String::from_utf8_lossy(answer));
                        }
                        times.push(from.elapsed());
                    }
                    Ok(times)
                })
            })
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            let times = thread
                .join()
                .map_err(|_| anyhow::anyhow!("a thread failed"))??;
            all.extend(times);
        }
        anyhow::Ok(all)
    })?;
    times.sort_unstable();
    Ok(times)
}
