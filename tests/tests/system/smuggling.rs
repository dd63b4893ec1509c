//! FA-15: a request is read one way, or not at all. Straight at the listeners, as no proxy in between would pass it on.

use cofactor_tests::http::{Answer, answers, exchange};
use cofactor_tests::nginx::{Guarded, SECRET};
use cofactor_tests::server::{Server, Setup};

use super::{ALICE, Tested, is_application, patient, sign_in, visitor, with_device};

const INNER: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

fn sent(port: u16, text: &str) -> anyhow::Result<Vec<Answer>> {
    answers(&exchange(port, text.as_bytes())?)
}

fn guarded() -> anyhow::Result<Server> {
    Server::start(&Setup {
        tables: format!(
            "[[gateway]]\nname = \"nginx-1\"\npeers = [\"127.0.0.1/32\"]\nsecret = \"{SECRET}\"\n\
             hosts = [\"127.0.0.1:8080\"]\napplication = \"intranet\"\n"
        ),
        ..Setup::default()
    })
}

#[test]
fn fa_15_a_request_that_can_be_read_in_two_ways_is_refused() -> Tested {
    let server = guarded()?;
    let head = "POST /v1/step HTTP/1.1\r\nHost: a\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (what, text) in [
        (
            "a length, then a coding",
            format!("{head}Content-Length: 4\r\n{chunked}\r\n0\r\n\r\n{INNER}"),
        ),
        (
            "a coding, then a length",
            format!("{head}{chunked}Content-Length: 4\r\n\r\n0\r\n\r\n{INNER}"),
        ),
        (
            "two lengths",
            format!("{head}Content-Length: 0\r\nContent-Length: 5\r\n\r\n{INNER}"),
        ),
        (
            "two lengths in one",
            format!("{head}Content-Length: 0, 5\r\n\r\n{INNER}"),
        ),
        (
            "a signed length",
            format!("{head}Content-Length: +0\r\n\r\n{INNER}"),
        ),
        (
            "a negative length",
            format!("{head}Content-Length: -1\r\n\r\n{INNER}"),
        ),
        (
            "a length of another base",
            format!("{head}Content-Length: 0x0\r\n\r\n{INNER}"),
        ),
        (
            "an unknown coding",
            format!("{head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{INNER}"),
        ),
        (
            "a coding after chunked",
            format!("{head}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{INNER}"),
        ),
        (
            "a hidden coding",
            format!("{head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{INNER}"),
        ),
        (
            "a folded coding",
            format!("{head}X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{INNER}"),
        ),
        (
            "a coding in HTTP/1.0",
            format!("POST /v1/step HTTP/1.0\r\n{chunked}\r\n0\r\n\r\n{INNER}"),
        ),
        (
            "a bare line feed",
            format!("GET /v1/description HTTP/1.1\r\nHost: a\nX: y\r\n\r\n{INNER}"),
        ),
        (
            "bare line feeds at the end",
            format!("GET /v1/description HTTP/1.1\r\nHost: a\n\n{INNER}"),
        ),
        (
            "a bare line feed in the first line",
            format!("GET /v1/description HTTP/1.1\nHost: a\r\n\r\n{INNER}"),
        ),
        (
            "a bare carriage return",
            format!("GET /v1/description HTTP/1.1\r\nHost: a\rX: y\r\n\r\n{INNER}"),
        ),
        (
            "a zero octet",
            format!("GET /v1/description HTTP/1.1\r\nHost: a\0\r\n\r\n{INNER}"),
        ),
        (
            "a name with a blank",
            format!("GET /v1/description HTTP/1.1\r\nHo st: a\r\n\r\n{INNER}"),
        ),
    ] {
        for port in [server.web(), server.api()] {
            let got = sent(port, &text)?;
            assert!(got.len() <= 1, "{what}: {got:?}");
            assert!(
                got.iter().all(|answer| answer.status == 400),
                "{what}: {got:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn fa_15_what_is_well_formed_is_answered_once_and_in_order() -> Tested {
    let server = guarded()?;
    let close = "GET /v1/openapi.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    // Two requests in one go, the first with a body that looks like a third.
    let text = format!(
        "POST /v1/step HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{INNER}{close}",
        INNER.len()
    );
    let got = sent(server.api(), &text)?;
    let statuses: Vec<u16> = got.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [401, 200]);
    // After a body in chunks the connection ends: nothing behind it is read.
    let text = format!(
        "POST /v1/step HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab\ncd\r\n0\r\n\r\n{close}"
    );
    let got = sent(server.api(), &text)?;
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].status, 401);
    assert_eq!(got[0].header("connection"), Some("close"));
    Ok(())
}

#[test]
fn fa_15_nothing_is_smuggled_through_nginx() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let reached = site.application.asked().len();
    // Without a session: what is hidden in the body of one request must not become another.
    let inner = format!(
        "GET /v1/gateway/nginx HTTP/1.1\r\nHost: a\r\nX-Cofactor-Secret: {SECRET}\r\nX-Cofactor-User: alice\r\n\r\n"
    );
    let mut bob = visitor(&site, super::BOB);
    let credentials = "Ym9iOmJvYidzIHBhc3N3b3Jk";
    for framing in [
        format!("Content-Length: {}\r\n\r\n{inner}", inner.len()),
        format!(
            "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{inner}\r\n0\r\n\r\n",
            inner.len()
        ),
        format!("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}"),
    ] {
        for path in ["/", "/.cofactor/answer"] {
            let text = format!(
                "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Basic {credentials}\r\nConnection: close\r\n{framing}",
                site.port
            );
            for answer in sent(site.port, &text)? {
                assert!(
                    matches!(answer.status, 303 | 400 | 401 | 403 | 411),
                    "{answer:?}"
                );
            }
        }
        assert!(!is_application(&bob.visit("/")?));
    }
    assert_eq!(site.application.asked().len(), reached);
    Ok(())
}
