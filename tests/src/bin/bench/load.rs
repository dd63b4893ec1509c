//! Requests over sixteen connections, one after the other or so many a second: by one thread, as client and what is measured
//! share the cores.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::bail;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// As many as the benchmark figures of others have.
pub(super) const CONNECTIONS: u32 = 16;

/// Asks for that long over all connections: one request after the other, or so many a second, each counted from when it was
/// to be sent. The times of all answers, in order.
pub(super) fn drive(
    port: u16,
    request: &[u8],
    lasting: Duration,
    rate: Option<f64>,
) -> anyhow::Result<Vec<Duration>> {
    let every = rate.map(|rate| Duration::from_secs_f64(f64::from(CONNECTIONS) / rate));
    let begun = Instant::now();
    let mut clients = (0..CONNECTIONS)
        .map(|number| {
            // Not all at once.
            let due = begun + every.unwrap_or_default() * number / CONNECTIONS;
            Client::new(port, due)
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut times = Vec::new();
    loop {
        let now = Instant::now();
        let over = now >= begun + lasting;
        let mut next: Option<Instant> = None;
        for client in &mut clients {
            if client.asked || over {
                continue;
            }
            if client.due <= now {
                client.ask(request)?;
            } else {
                next = next.min(Some(client.due)).or(Some(client.due));
            }
        }
        if over && clients.iter().all(|client| !client.asked) {
            break;
        }
        wait(&clients, next)?;
        for client in clients.iter_mut().filter(|client| client.asked) {
            if client.is_answered(request)? {
                times.push(client.due.elapsed());
                client.due = every.map_or_else(Instant::now, |every| client.due + every);
            }
        }
    }
    times.sort_unstable();
    Ok(times)
}

/// Until there is something to read, or a request is due.
fn wait(clients: &[Client], due: Option<Instant>) -> anyhow::Result<()> {
    let asked = clients.iter().filter(|client| client.asked);
    let mut descriptors: Vec<_> = asked
        .map(|client| PollFd::new(&client.stream, PollFlags::IN))
        .collect();
    let timeout = due
        .map(|due| Timespec::try_from(due.saturating_duration_since(Instant::now())))
        .transpose()?;
    poll(&mut descriptors, timeout.as_ref())?;
    Ok(())
}

/// A connection with at most one request on its way.
struct Client {
    port: u16,
    stream: TcpStream,
    /// When its request was to be sent, or is to be.
    due: Instant,
    asked: bool,
    answer: Vec<u8>,
}

impl Client {
    fn new(port: u16, due: Instant) -> anyhow::Result<Self> {
        Ok(Self {
            port,
            stream: connection(port)?,
            due,
            asked: false,
            answer: Vec::with_capacity(4096),
        })
    }

    fn ask(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.asked = true;
        self.answer.clear();
        if self.stream.write_all(request).is_err() {
            self.again(request)?;
        }
        Ok(())
    }

    /// A proxy ends a connection after so many requests, and the client begins another.
    fn again(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream = connection(self.port)?;
        Ok(self.stream.write_all(request)?)
    }

    /// Reads what there is; whether that was the rest of the answer.
    fn is_answered(&mut self, request: &[u8]) -> anyhow::Result<bool> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Ok(0) | Err(_) if self.answer.is_empty() => {
                self.again(request)?;
                return Ok(false);
            }
            Ok(0) => bail!("half an answer"),
            read => {
                let read = buffer.get(..read?).unwrap_or_default();
                self.answer.extend_from_slice(read);
            }
        }
        let answer = self.answer.as_slice();
        if answer.len() > 12 && !answer.starts_with(b"HTTP/1.1 200") {
            bail!("not answered: {}", String::from_utf8_lossy(answer));
        }
        // Whole, or in one chunk.
        let whole = answer.ends_with(b"\r\n\r\nok") || answer.ends_with(b"\r\nok\r\n0\r\n\r\n");
        self.asked = !whole;
        Ok(whole)
    }
}

fn connection(port: u16) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}
