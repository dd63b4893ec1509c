//! Requests that could be read in two ways (FA-15).

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofactor_tests::application::Asked;
use cofactor_tests::http::{Answer, answers, exchange};
use cofactor_tests::proxies::{Guarded, PASSWORD};

use super::{signed_in, since};

/// What is hidden behind a request.
const HIDDEN: &str = "GET /hidden-@at@ HTTP/1.1\r\nHost: @host@\r\n\r\n";

/// Requests for `/outer-@at@`: `@who@` are the headers of whoever asks, `@hidden@` is [`HIDDEN`], `@length@` its length.
const FRAMINGS: [(&str, &str); 19] = [
    (
        "a length, then a coding",
        "POST /outer-@at@ HTTP/1.1\r\n@who@Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n@hidden@",
    ),
    (
        "a coding, then a length",
        "POST /outer-@at@ HTTP/1.1\r\n@who@Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n@hidden@",
    ),
    (
        "two lengths",
        "POST /outer-@at@ HTTP/1.1\r\n@who@Content-Length: 0\r\nContent-Length: @length@\r\n\r\n@hidden@",
    ),
    (
        "two lengths in one",
        "POST /outer-@at@ HTTP/1.1\r\n@who@Content-Length: 0, @length@\r\n\r\n@hidden@",
    ),
    (
        "a signed length",
        "POST /outer-@at@ HTTP/1.1\r\n@who@Content-Length: +@length@\r\n\r\n@hidden@",
    ),
    (
        "an unknown coding",
        "POST /outer-@at@ HTTP/1.1\r\n@who@Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n@hidden@",
    ),
    (
        "a coding after chunked",
        "POST /outer-@at@ HTTP/1.1\r\n@who@Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n@hidden@",
    ),
    (
        "a blank before the colon of a coding",
        "POST /outer-@at@ HTTP/1.1\r\n@who@Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n@hidden@",
    ),
    (
        "a folded coding",
        "POST /outer-@at@ HTTP/1.1\r\n@who@X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n@hidden@",
    ),
    (
        "a coding in HTTP/1.0",
        "POST /outer-@at@ HTTP/1.0\r\n@who@Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n@hidden@",
    ),
    (
        "a folded user",
        "GET /outer-@at@ HTTP/1.1\r\n@who@X: y\r\n Remote-User: mallory\r\n\r\n",
    ),
    (
        "a blank before the colon of a user",
        "GET /outer-@at@ HTTP/1.1\r\n@who@Remote-User : mallory\r\n\r\n",
    ),
    (
        "a bare line feed",
        "GET /outer-@at@ HTTP/1.1\r\n@who@X: y\nRemote-User: mallory\r\n\r\n",
    ),
    (
        "bare line feeds at the end",
        "GET /outer-@at@ HTTP/1.1\r\n@who@X: y\n\n@hidden@",
    ),
    (
        "a bare carriage return",
        "GET /outer-@at@ HTTP/1.1\r\n@who@X: y\rRemote-User: mallory\r\n\r\n",
    ),
    (
        "a zero octet",
        "GET /outer-@at@ HTTP/1.1\r\n@who@X: y\0z\r\n\r\n",
    ),
    (
        "a body that looks like a request",
        "GET /outer-@at@ HTTP/1.1\r\n@who@Content-Length: @length@\r\n\r\n@hidden@",
    ),
    (
        "too long a header",
        "GET /outer-@at@ HTTP/1.1\r\n@who@X: @long@\r\n\r\n",
    ),
    (
        "too long a line",
        "GET /outer-@at@?@long@ HTTP/1.1\r\n@who@\r\n",
    ),
];

/// Each of them with a session and without; behind it, on the same connection, a request of somebody signed in.
pub(super) fn smuggled(site: &mut Guarded) -> anyhow::Result<String> {
    let (name, who, _) = signed_in(site)?;
    let cookie = who.cookie("cofactor").context("no session")?;
    let host = format!("127.0.0.1:{}", site.port);
    let credentials = STANDARD.encode(format!("{name}:{PASSWORD}"));
    let guest =
        format!("Host: {host}\r\nAuthorization: Basic {credentials}\r\nAccept: text/html\r\n");
    let member = format!("{guest}Cookie: cofactor={cookie}\r\n");
    let before = site.application.asked().len();
    let port = site.port;
    let mut cases = Vec::new();
    for (what, framing) in FRAMINGS {
        for (is_member, headers) in [(true, &member), (false, &guest)] {
            let at = format!("{}.", cases.len());
            let hidden = HIDDEN.replace("@at@", &at).replace("@host@", &host);
            let last = format!("GET /last-@at@ HTTP/1.1\r\n{member}Connection: close\r\n\r\n");
            let text = format!("{framing}{last}")
                .replace("@length@", &hidden.len().to_string())
                .replace("@hidden@", &hidden)
                .replace("@who@", headers)
                .replace("@long@", &"y".repeat(200_000))
                .replace("@at@", &at);
            cases.push((what, is_member, at, text));
        }
    }
    // All at once: some proxies hold a connection that they have refused for a second.
    let got: Vec<Vec<Answer>> = std::thread::scope(|scope| {
        let threads: Vec<_> = cases
            .iter()
            .map(|(.., text)| scope.spawn(move || answers(&exchange(port, text.as_bytes())?)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a connection's thread panicked"))
            .collect::<anyhow::Result<_>>()
    })?;
    let asked = since(site, before);
    for ((what, is_member, at, _), got) in cases.iter().zip(&got) {
        let statuses: Vec<u16> = got.iter().map(|answer| answer.status).collect();
        judged(&name, *is_member, at, &asked, got)
            .with_context(|| format!("{what}, signed in: {is_member}, answers {statuses:?}"))?;
    }
    Ok("none unjudged, all in step".to_owned())
}

/// What reached the application of this connection was judged by itself, and each answer is that of its own request.
fn judged(
    name: &str,
    is_member: bool,
    at: &str,
    asked: &[Asked],
    got: &[Answer],
) -> anyhow::Result<()> {
    let is = |asked: &Asked, what: &str| {
        let path = asked.target.split('?').next().unwrap_or_default();
        path == format!("/{what}-{at}")
    };
    let count = |what: &str| asked.iter().filter(|asked| is(asked, what)).count();
    ensure!(count("hidden") == 0, "the hidden request got through");
    ensure!(
        count("outer") <= usize::from(is_member),
        "without a session"
    );
    ensure!(count("last") <= 1, "twice");
    for asked in asked {
        if !["outer", "last"].iter().any(|what| is(asked, what)) {
            continue;
        }
        let users = asked.all("remote-user");
        ensure!(users == [name], "{asked:?}");
        // A line that was folded may be part of another header's value, which nobody believes.
        for (key, value) in &asked.headers {
            let believed = key.to_ascii_lowercase().contains("user");
            ensure!(!believed || !value.contains("mallory"), "{key}: {value}");
        }
        ensure!(!is(asked, "last") || asked.body.is_empty(), "{asked:?}");
    }
    ensure!(got.len() <= 3, "more answers than requests");
    for (position, answer) in got.iter().enumerate() {
        let of = |what: &str| answer.body.contains(&format!("/{what}-{at}\""));
        let is_reached = answer.body.contains("\"application\":\"reached\"");
        let is_first = position == 0 && answer.body.contains(&format!("/outer-{at}"));
        let is_last = position + 1 == got.len() && of("last");
        ensure!(!is_reached || is_first || is_last, "{}", answer.body);
    }
    Ok(())
}
