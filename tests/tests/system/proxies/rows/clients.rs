//! Clients that are no browser, and what they send.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofactor_tests::application::WEBSOCKET_KEY;
use cofactor_tests::proxies::{Guarded, PASSWORD};

use super::{TO_PAGES, signed_in, since, visitor};

/// FA-08.
pub(super) fn programs(site: &mut Guarded) -> anyhow::Result<String> {
    let before = site.application.asked().len();
    let (_, mut who) = visitor(site);
    for headers in [
        &[("Accept", "application/json")][..],
        &[("Accept", "*/*")],
        &[
            ("Accept", "text/html"),
            ("X-Requested-With", "XMLHttpRequest"),
        ],
        &[("Accept", "text/html"), ("Sec-Fetch-Mode", "cors")],
        &[("Accept", "text/html"), ("Sec-Fetch-Mode", "websocket")],
    ] {
        let answer = who.request("GET", "/api/items", headers, "")?;
        ensure!(answer.status == 401, "{headers:?}: {}", answer.status);
        ensure!(answer.location().is_empty(), "{headers:?}");
    }
    ensure!(since(site, before).is_empty());
    Ok("401, no redirect".to_owned())
}

/// FA-09.
pub(super) fn post_not_signed_in(site: &mut Guarded) -> anyhow::Result<String> {
    let before = site.application.asked().len();
    let (_, mut who) = visitor(site);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let answer = who.request("POST", "/transfer", &[form], "amount=canary-in-the-body")?;
    // 303: the browser goes to the page by GET and leaves the body behind.
    ensure!(answer.status == 303, "{}", answer.status);
    ensure!(
        !answer.location().contains("canary"),
        "{}",
        answer.location()
    );
    ensure!(since(site, before).is_empty());
    ensure!(!site.server.log()?.contains("canary"));
    Ok(format!("{} {TO_PAGES}", answer.status))
}

pub(super) fn post_signed_in(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = signed_in(site)?;
    let before = site.application.asked().len();
    let kind = ("Content-Type", "text/plain");
    for method in ["POST", "PUT"] {
        who.request(method, "/transfer", &[kind], "the whole body")?;
    }
    let asked = since(site, before);
    ensure!(asked.len() == 2, "{asked:?}");
    for (asked, method) in asked.iter().zip(["POST", "PUT"]) {
        ensure!(
            asked.method == method && asked.body == "the whole body",
            "{asked:?}"
        );
    }
    Ok("method and body arrive".to_owned())
}

pub(super) fn websocket(site: &mut Guarded) -> anyhow::Result<String> {
    let before = site.application.asked().len();
    let (name, _) = visitor(site);
    let (_, head) = upgrade(site, &name, "")?;
    ensure!(head.starts_with("HTTP/1.1 401"), "{head}");
    ensure!(since(site, before).is_empty());
    let (name, who, _) = signed_in(site)?;
    let (mut stream, head) = upgrade(site, &name, who.cookie("cofactor").context("no session")?)?;
    ensure!(head.starts_with("HTTP/1.1 101"), "{head}");
    ensure!(echoes(&mut stream)?);
    Ok("101; 401 without a session".to_owned())
}

/// Opens a WebSocket; the head of the answer, and the connection behind it.
pub(super) fn upgrade(
    site: &Guarded,
    user: &str,
    session: &str,
) -> anyhow::Result<(TcpStream, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", site.port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let credentials = STANDARD.encode(format!("{user}:{PASSWORD}"));
    let cookie = match session {
        "" => String::new(),
        session => format!("Cookie: cofactor={session}\r\n"),
    };
    write!(
        stream,
        "GET /socket HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {WEBSOCKET_KEY}\r\n\
         Authorization: Basic {credentials}\r\n{cookie}\r\n",
        site.port
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut one = [0; 1];
        stream.read_exact(&mut one)?;
        head.push(one[0]);
    }
    Ok((stream, String::from_utf8(head)?))
}

/// Whether what is sent comes back.
pub(super) fn echoes(stream: &mut TcpStream) -> anyhow::Result<bool> {
    let mut back = [0; 4];
    stream.write_all(b"ping")?;
    stream.read_exact(&mut back)?;
    Ok(&back == b"ping")
}
