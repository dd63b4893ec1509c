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
                    let mut stream = connection(port)?;
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
                        // A proxy ends a connection after so many requests, and the client begins another.
                        while !is_answered(&mut stream, request)? {
                            stream = connection(port)?;
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

fn connection(port: u16) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends the request and reads the whole answer; false if the connection was over.
fn is_answered(stream: &mut TcpStream, request: &[u8]) -> anyhow::Result<bool> {
    if stream.write_all(request).is_err() {
        return Ok(false);
    }
    let mut buffer = [0; 4096];
    let mut length = 0;
    loop {
        let Some(room) = buffer.get_mut(length..).filter(|room| !room.is_empty()) else {
            bail!("an answer is too long");
        };
        match stream.read(room) {
            Ok(0) | Err(_) if length == 0 => return Ok(false),
            Ok(0) => bail!("half an answer"),
            read => length += read?,
        }
        let answer = buffer.get(..length).unwrap_or_default();
        // Whole, or in one chunk.
        if answer.ends_with(b"\r\n\r\nok") || answer.ends_with(b"\r\nok\r\n0\r\n\r\n") {
            if !answer.starts_with(b"HTTP/1.1 200") {
                bail!("not answered: {}", String::from_utf8_lossy(answer));
            }
            return Ok(true);
        }
        if answer.windows(4).any(|end| end == b"\r\n\r\n") && !answer.starts_with(b"HTTP/1.1 200") {
            bail!("not answered: {}", String::from_utf8_lossy(answer));
        }
    }
}
