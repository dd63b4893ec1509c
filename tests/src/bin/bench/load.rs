//! Requests over sixteen connections, one after the other or so many a second.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

/// As many as the benchmark figures of others have.
pub(super) const CONNECTIONS: usize = 16;

/// Asks for that long over all connections: one request after the other, or so many a second, each counted from when it was
/// to be sent. The times of all answers, in order.
pub(super) fn drive(
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
