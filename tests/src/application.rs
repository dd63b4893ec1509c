//! A protected application: it answers with what it was asked, header by header, and remembers it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::json;

/// One request as the application got it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The headers in order, names as they were written.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Asked {
    /// Every header of this name, whatever its case.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }
}

/// The key of the opening handshake in RFC 6455, section 1.3.
pub const WEBSOCKET_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What that section has as the answer to it.
const WEBSOCKET_ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A listening application. Its answer is a JSON object with the request's parts. A target that begins with `/stream`
/// is answered slowly: the head and the first line at once, the second line when [`Application::finish`] is called. A
/// WebSocket that is opened with [`WEBSOCKET_KEY`] sends back whatever comes.
pub struct Application {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    held: Arc<Mutex<Vec<TcpStream>>>,
}

impl Application {
    /// Starts it on a free port. Its threads end with the process.
    ///
    /// # Errors
    /// Where there is no port.
    pub fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let it = Self {
            port: listener.local_addr()?.port(),
            asked: Arc::default(),
            held: Arc::default(),
        };
        let (asked, held) = (Arc::clone(&it.asked), Arc::clone(&it.held));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (asked, held) = (Arc::clone(&asked), Arc::clone(&held));
                thread::spawn(move || serve(stream, &asked, &held));
            }
        });
        Ok(it)
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything that it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Ends the answers that are held open.
    pub fn finish(&self) {
        for mut stream in self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            let _ = stream.write_all(b"second\n");
        }
    }
}

/// Answers one request and closes, as HTTP/1.0 has it: what nginx speaks to applications unless told otherwise.
fn serve(stream: TcpStream, asked: &Mutex<Vec<Asked>>, held: &Mutex<Vec<TcpStream>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let length = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request = Asked {
        method,
        target,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let told = json!({
        "application": "reached",
        "method": request.method,
        "target": request.target,
        "headers": request.headers,
        "body": request.body,
    });
    let is_stream = request.target.starts_with("/stream");
    let is_websocket = request.all("upgrade") == ["websocket"];
    asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request);
    let mut stream = stream;
    if is_websocket {
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {WEBSOCKET_ACCEPT}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).ok()?;
        std::io::copy(&mut reader, &mut stream).ok()?;
        return Some(());
    }
    if is_stream {
        stream
            .write_all(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nX-Accel-Buffering: no\r\n\r\nfirst\n")
            .ok()?;
        held.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(stream);
        return Some(());
    }
    let told = told.to_string();
    let head = format!(
        "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        told.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(told.as_bytes()).ok()
}
