//! The ways to the host besides plain TCP: TLS, and Unix sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use cofactor_tests::http::{Answer, answers, exchange, exchange_over, request};
use cofactor_tests::nginx::SECRET;
use cofactor_tests::server::{CLIENT_SECRET, Server, Setup};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use super::Tested;

const AUTHORITY: &[u8] = include_bytes!("../../fixtures/tls/authority.pem");
const CERTIFICATE: &str = include_str!("../../fixtures/tls/host.pem");
const KEY: &str = include_str!("../../fixtures/tls/host.key");

/// A host with a gateway whose peers are `peer`.
fn start(listen: &str, peer: &str) -> anyhow::Result<Server> {
    Server::start(&Setup {
        listen: listen.to_owned(),
        tables: format!(
            "[[gateway]]\nname = \"nginx-1\"\npeers = [\"{peer}\"]\nsecret = \"{SECRET}\"\n\
             hosts = [\"app.example.com\"]\napplication = \"intranet\"\n"
        ),
        files: vec![
            ("tls.pem".to_owned(), CERTIFICATE.to_owned()),
            ("tls.key".to_owned(), KEY.to_owned()),
        ],
        ..Setup::default()
    })
}

/// What a gateway asks for a visitor without a session.
fn check(port: u16) -> String {
    let headers = [
        ("X-Cofactor-Secret", SECRET),
        ("X-Cofactor-User", "alice"),
        ("X-Original-URL", "https://app.example.com/"),
        ("X-Original-Method", "GET"),
    ];
    request(port, "GET", "/v1/gateway/nginx", &headers, "")
}

/// What an operator's program asks: a change, which has to be made.
fn change(port: u16) -> String {
    let authorization = format!("Bearer test:{CLIENT_SECRET}");
    let headers = [
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/json"),
    ];
    let body = json!({"user": "alice", "event": {
        "id": "a5".repeat(16),
        "origin": {"application": "intranet", "binding": "b1".repeat(16), "language": "en"},
        "action": {"administer": {"actor": "tests", "why": "a test", "change": "create"}},
    }});
    request(port, "POST", "/v1/step", &headers, &body.to_string())
}

fn ask(stream: &mut (impl Read + Write), octets: &str) -> anyhow::Result<Answer> {
    let answer = exchange_over(stream, octets.as_bytes())?;
    let first = answers(&answer)?.into_iter().next();
    first.ok_or_else(|| anyhow::anyhow!("no answer"))
}

/// The gateway's question is answered as everywhere, and so is the program's.
fn both_are_answered(
    server: &Server,
    mut connect: impl FnMut(bool) -> anyhow::Result<Box<dyn Stream>>,
) -> Tested {
    let answer = ask(&mut connect(true)?, &check(server.web()))?;
    assert_eq!(answer.status, 401, "{answer:?}");
    let answer = ask(&mut connect(false)?, &change(server.api()))?;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body: Value = serde_json::from_str(&answer.body)?;
    assert!(body.pointer("/outcome/done").is_some(), "{body}");
    Ok(())
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

#[test]
fn gateways_and_programs_are_answered_over_tls_and_only_so() -> Tested {
    let tls = "{ certificate = \"tls.pem\", key = \"tls.key\" }";
    let server = start(
        &format!("web-tls = {tls}\napi-tls = {tls}\n"),
        "127.0.0.1/32",
    )?;
    for (version, expected) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        both_are_answered(&server, |web| {
            let port = if web { server.web() } else { server.api() };
            let mut stream = tls_to(port, "localhost", version, true)?;
            stream.conn.complete_io(&mut stream.sock)?;
            assert_eq!(stream.conn.protocol_version(), Some(expected));
            assert_eq!(stream.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
            Ok(Box::new(stream))
        })?;
    }
    for port in [server.web(), server.api()] {
        // It is the certificate of the files: somebody who trusts others, or looks for another name, sends nothing.
        for (name, trusted) in [("localhost", false), ("another.example", true)] {
            let mut stream = tls_to(port, name, &rustls::version::TLS13, trusted)?;
            assert!(stream.conn.complete_io(&mut stream.sock).is_err(), "{name}");
        }
        let plain = exchange(port, check(port).as_bytes())?;
        assert!(!plain.starts_with(b"HTTP/"), "plain HTTP was answered");
    }
    Ok(())
}

#[test]
fn gateways_and_programs_are_answered_over_unix_sockets() -> Tested {
    let server = start("web = \"unix:web.sock\"\napi = \"unix:api.sock\"\n", "unix")?;
    both_are_answered(&server, |web| {
        let name = if web { "web.sock" } else { "api.sock" };
        let stream = UnixStream::connect(server.folder().join(name))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Box::new(stream))
    })
}

/// A socket is one peer among others: a gateway of another address is not believed there.
#[test]
fn over_a_unix_socket_only_a_gateway_that_names_it_is_believed() -> Tested {
    let server = start("web = \"unix:web.sock\"\n", "127.0.0.1/32")?;
    let mut stream = UnixStream::connect(server.folder().join("web.sock"))?;
    let answer = ask(&mut stream, &check(server.web()))?;
    assert_eq!(answer.status, 403, "{answer:?}");
    Ok(())
}

fn tls_to(
    port: u16,
    name: &str,
    version: &'static rustls::SupportedProtocolVersion,
    trusted: bool,
) -> anyhow::Result<StreamOwned<ClientConnection, TcpStream>> {
    let mut roots = RootCertStore::empty();
    if trusted {
        roots.add(CertificateDer::from_pem_slice(AUTHORITY)?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(name.to_owned())?;
    let socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(Duration::from_secs(60)))?;
    let connection = ClientConnection::new(Arc::new(config), name)?;
    Ok(StreamOwned::new(connection, socket))
}
