//! A load generator for HTTP/1.1 over loopback: as little work as a client can do, so that the server's shows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// What a drive measured.
pub(super) struct Load {
    /// Answers a second.
    pub(super) rate: f64,
    /// Median time from request to answer.
    pub(super) median: Duration,
    /// 99 of 100 answers were not later.
    pub(super) p99: Duration,
}

/// Serves a router on a free loopback port, on two threads of its own.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    _runtime: Runtime,
}

impl Served {
    pub(super) fn new(router: Router) -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        runtime.spawn(async move { axum::serve(listener, service).await });
        Ok(Self {
            address,
            _runtime: runtime,
        })
    }
}

/// Sends `total` requests over so many connections, each as soon as the answer before it is there. `request` makes the
/// bytes of the n-th; `check` looks at each answer.
pub(super) fn drive(
    address: SocketAddr,
    connections: usize,
    total: u32,
    request: impl Fn(u32) -> Vec<u8> + Send + Sync + 'static,
    check: fn(&[u8]) -> bool,
) -> anyhow::Result<Load> {
    let client = Builder::new_current_thread().enable_all().build()?;
    let next = Arc::new(AtomicU32::new(0));
    let request = Arc::new(request);
    client.block_on(async move {
        let begun = Instant::now();
        let tasks: Vec<_> = (0..connections)
            .map(|_| {
                tokio::spawn(one_connection(
                    address,
                    Arc::clone(&next),
                    total,
                    Arc::clone(&request),
                    check,
                ))
            })
            .collect();
        let mut times = Vec::with_capacity(usize::try_from(total)?);
        for task in tasks {
            times.extend(task.await??);
        }
        let took = begun.elapsed();
        times.sort_unstable();
        let at = |part: usize| {
            times
                .get(times.len() * part / 100)
                .copied()
                .context("no answers")
        };
        Ok(Load {
            rate: f64::from(total) / took.as_secs_f64(),
            median: at(50)?,
            p99: at(99)?,
        })
    })
}

async fn one_connection(
    address: SocketAddr,
    next: Arc<AtomicU32>,
    total: u32,
    request: Arc<impl Fn(u32) -> Vec<u8>>,
    check: fn(&[u8]) -> bool,
) -> anyhow::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 << 10];
    let mut times = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= total {
            return Ok(times);
        }
        let bytes = request(number);
        let begun = Instant::now();
        stream.write_all(&bytes).await?;
        let answer = read_answer(&mut stream, &mut buffer).await?;
        times.push(begun.elapsed());
        if !check(answer) {
            bail!(
                "an answer that is not right: {}",
                String::from_utf8_lossy(answer)
            );
        }
    }
}

/// Reads one answer with a `content-length`.
async fn read_answer<'a>(stream: &mut TcpStream, buffer: &'a mut [u8]) -> anyhow::Result<&'a [u8]> {
    let mut filled = 0;
    loop {
        let free = buffer
            .get_mut(filled..)
            .filter(|free| !free.is_empty())
            .context("an answer of over 16 KiB")?;
        let read = stream.read(free).await?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        filled += read;
        let have = buffer.get(..filled).unwrap_or_default();
        if whole(have) {
            break;
        }
    }
    Ok(buffer.get(..filled).unwrap_or_default())
}

fn whole(bytes: &[u8]) -> bool {
    let Some(head) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let (head, body) = bytes.split_at(head + 4);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head
        .split_once("content-length: ")
        .and_then(|(_, rest)| rest.split("\r\n").next()?.parse().ok());
    body.len() >= length.unwrap_or(0usize)
}
