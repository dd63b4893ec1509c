//! A client of the verify API: one connection, kept open, and nothing between the test and the wire.
//!
//! It is small so that a benchmark measures the host and not its client, and so that a test knows which octets it sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};
use cofactor_runtime::contract::{Action, Administration, AdministrationChange};
use serde_json::{Value, json};

use crate::scenario::begin;

/// Longest wait for an answer: it ends a run that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to the API, as one client of it.
pub struct Client {
    stream: BufReader<TcpStream>,
    authorization: String,
    /// The application that sign-ins are for.
    pub application: String,
    /// The client address that sign-ins come from, if they are to have one.
    pub address: Option<String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status. Anything but 200 denies.
    pub status: u16,
    /// The head, as it came: status line and headers.
    pub head: String,
    /// The JSON body; null where there is none.
    pub body: Value,
}

impl Client {
    /// Connects as the client `name` with its secret, for sign-ins to `application`.
    ///
    /// # Errors
    /// Where nobody listens there.
    pub fn connect(
        address: SocketAddr,
        name: &str,
        secret: &str,
        application: &str,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::new(stream),
            authorization: format!("Bearer {name}:{secret}"),
            application: application.to_owned(),
            address: None,
        })
    }

    /// Signs `user` in with a code, in one step.
    ///
    /// # Errors
    /// Where the connection breaks: then nothing was answered.
    pub fn sign_in(&mut self, user: &str, code: &str) -> anyhow::Result<Reply> {
        self.act(user, &begin(Some(code)))
    }

    /// Acts as an administrator.
    ///
    /// # Errors
    /// As [`Client::sign_in`].
    pub fn administer(
        &mut self,
        user: &str,
        change: AdministrationChange,
    ) -> anyhow::Result<Reply> {
        let by = Administration {
            actor: "test".to_owned(),
            why: "test".to_owned(),
            change,
        };
        self.act(user, &Action::Administer(by))
    }

    /// Sends one action of `user` with an id of its own and waits for the outcome.
    ///
    /// # Errors
    /// As [`Client::sign_in`].
    pub fn act(&mut self, user: &str, action: &Action) -> anyhow::Result<Reply> {
        let body = self.step(user, action)?;
        self.send("POST", "/v1/step", body.to_string().as_bytes())?;
        self.receive()
    }

    /// The body of `POST /v1/step` for an action, with an id of its own.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn step(&self, user: &str, action: &Action) -> anyhow::Result<Value> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        let mut origin = json!({"application": self.application, "binding": "a5".repeat(32)});
        if let (Some(address), Some(origin)) = (&self.address, origin.as_object_mut()) {
            origin.insert("address".to_owned(), json!(address));
        }
        Ok(
            json!({"user": user, "event": {"id": hex::encode(id), "origin": origin, "action": action}}),
        )
    }

    /// Sends a request without waiting for its answer.
    ///
    /// # Errors
    /// Where the connection is broken.
    pub fn send(&mut self, method: &str, path: &str, body: &[u8]) -> anyhow::Result<()> {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: cofactor\r\nAuthorization: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.authorization,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        Ok(self.stream.get_mut().write_all(&request)?)
    }

    /// Sends octets as they are.
    ///
    /// # Errors
    /// Where the connection is broken.
    pub fn send_raw(&mut self, octets: &[u8]) -> anyhow::Result<()> {
        Ok(self.stream.get_mut().write_all(octets)?)
    }

    /// Reads the next answer.
    ///
    /// # Errors
    /// Where the connection ends before it is whole: then nothing was answered.
    pub fn receive(&mut self) -> anyhow::Result<Reply> {
        let mut head = String::new();
        loop {
            let before = head.len();
            if self.stream.read_line(&mut head)? == 0 {
                bail!("the connection ended");
            }
            if head.get(before..) == Some("\r\n") {
                break;
            }
        }
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok())
            .with_context(|| format!("no status: {head}"))?;
        let mut reply = Reply {
            status,
            head,
            body: Value::Null,
        };
        let length = reply
            .header("content-length")
            .map_or(Ok(0), str::parse)
            .context("no length")?;
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        if !body.is_empty() {
            reply.body = serde_json::from_slice(&body).context("no JSON")?;
        }
        Ok(reply)
    }
}

impl Reply {
    /// A header's value, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Whether the user is let in.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.status == 200 && self.body.pointer("/outcome/allow").is_some()
    }

    /// Whether an administrator's change was made.
    #[must_use]
    pub fn done(&self) -> bool {
        self.status == 200 && self.body.pointer("/outcome/done").is_some()
    }

    /// Why the user is not let in: the internal reason where the client may know it, else the public one, else nothing.
    #[must_use]
    pub fn denied_for(&self) -> &str {
        ["internal-reason", "public-reason"]
            .iter()
            .find_map(|key| self.body.pointer(&format!("/outcome/deny/{key}"))?.as_str())
            .unwrap_or_default()
    }
}
