//! What comes to the listener for gRPC from somebody else than Envoy.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Request;
use cofactor_tests::http::send;
use cofactor_tests::nginx::SECRET;
use cofactor_tests::program::wait_for;
use cofactor_tests::server::{Server, Setup};

use super::Tested;

const CHECK: &str = "envoy.service.auth.v3.Authorization/Check";

/// The secret of a gateway of another kind.
const OTHER: &str = "another-secret-of-another-gateway";

fn start() -> anyhow::Result<Server> {
    let gateway = |name: &str, kind: &str, secret: &str| {
        format!(
            "[[gateway]]\nname = \"{name}\"\nkind = \"{kind}\"\npeers = [\"127.0.0.1/32\"]\nsecret = \"{secret}\"\n\
             hosts = [\"app.example.com\"]\napplication = \"intranet\"\n"
        )
    };
    Server::start(&Setup {
        tables: gateway("envoy-1", "envoy-grpc", SECRET) + &gateway("nginx-1", "nginx", OTHER),
        ..Setup::default()
    })
}

/// What came back from a call: the status of gRPC, in the head or behind the message, and the octets of the message.
struct Called {
    status: String,
    octets: Vec<u8>,
}

/// Calls a method over HTTP/2 by hand.
fn call(
    server: &Server,
    method: &str,
    headers: &[(&str, &str)],
    octets: &[u8],
) -> anyhow::Result<Called> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let octets = Bytes::copy_from_slice(octets);
    let mut request = Request::builder()
        .method("POST")
        .uri(format!("http://127.0.0.1:{}/{method}", server.grpc()))
        .header("content-type", "application/grpc")
        // A busy machine needs more than the default.
        .header("grpc-timeout", "60S")
        .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    runtime.block_on(async move {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", server.grpc())).await?;
        let (client, connection) = h2::client::handshake(stream).await?;
        tokio::spawn(connection);
        let mut client = client.ready().await?;
        let (answer, mut body) = client.send_request(request.body(())?, false)?;
        // Whoever is not listened to is answered before all of it is sent.
        let _ = body.send_data(octets, true);
        let (head, mut body) = answer.await?.into_parts();
        assert_eq!(head.status, 200);
        let mut octets = Vec::new();
        while let Some(data) = body.data().await {
            octets.extend_from_slice(&data?);
        }
        let trailers = body.trailers().await?.unwrap_or_default();
        let status = head
            .headers
            .get("grpc-status")
            .or(trailers.get("grpc-status"));
        let status = status.map(|status| status.to_str().unwrap().to_owned());
        Ok(Called {
            status: status.unwrap_or_default(),
            octets,
        })
    })
}

fn frame(message: &[u8]) -> Vec<u8> {
    let mut octets = vec![0];
    octets.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    octets.extend_from_slice(message);
    octets
}

/// The HTTP status inside a `denied_response`; none if the message is no denial.
fn denied(octets: &[u8]) -> Option<u64> {
    let message = octets.get(5..)?;
    // Field 2 is `denied_response`, its field 1 the status, whose field 1 is the number.
    let at = message.windows(2).position(|two| two[0] == 0x12)?;
    let inner = message.get(at + 2..)?;
    let at = inner.iter().position(|octet| *octet == 0x08)?;
    let (low, high) = (inner.get(at + 1)?, inner.get(at + 2)?);
    Some(u64::from(low & 0x7f) | u64::from(*high) << 7)
}

#[test]
fn whatever_is_sent_in_a_gateways_place_is_denied_and_no_error_of_grpc() -> Tested {
    let server = start()?;
    let own = ("x-cofactor-secret", SECRET);
    let other = ("x-cofactor-secret", OTHER);
    let empty = frame(b"");
    let long = frame(&vec![0; 300_000]);
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [u8], u64);
    let cases: [Case<'_>; 13] = [
        ("no secret", &[], &empty, 403),
        (
            "a wrong secret",
            &[("x-cofactor-secret", "nonsense-nonsense")],
            &empty,
            403,
        ),
        ("the secret of another kind", &[other], &empty, 403),
        ("a stranger's long message", &[], &long, 403),
        ("a secret twice", &[own, own], &empty, 400),
        ("no octet", &[own], b"", 400),
        ("an empty message", &[own], &empty, 400),
        ("half a frame", &[own], b"\0\0", 400),
        (
            "a message that is too short",
            &[own],
            b"\0\0\0\0\x09\x0a",
            400,
        ),
        ("two messages", &[own], b"\0\0\0\0\0\0\0\0\0\0", 400),
        ("compression", &[own], b"\x01\0\0\0\0", 400),
        ("no message of ours", &[own], &frame(b"\xff\xff\xff"), 400),
        ("too long", &[own], &long, 400),
    ];
    for (name, headers, octets, status) in cases {
        let called = call(&server, CHECK, headers, octets)?;
        assert_eq!(called.status, "0", "{name}");
        assert_eq!(denied(&called.octets), Some(status), "{name}");
    }
    Ok(())
}

#[test]
fn health_is_told_to_everybody_and_nothing_else_is_served() -> Tested {
    let server = start()?;
    for service in ["", "envoy.service.auth.v3.Authorization"] {
        let mut message = Vec::new();
        if !service.is_empty() {
            message.extend_from_slice(&[0x0a, u8::try_from(service.len())?]);
            message.extend_from_slice(service.as_bytes());
        }
        let serving = || {
            let called = call(
                &server,
                "grpc.health.v1.Health/Check",
                &[],
                &frame(&message),
            );
            // SERVING is 1.
            let octets = called.ok()?.octets;
            (octets.get(5..7) == Some(&[0x08, 1][..])).then_some(())
        };
        wait_for("the host to say that it serves", serving)?;
    }
    for method in [
        "envoy.service.auth.v3.Authorization/Other",
        "v1/gateway/nginx",
        "",
    ] {
        let called = call(&server, method, &[], &frame(b""))?;
        assert_eq!(
            (called.status.as_str(), called.octets.len()),
            ("12", 0),
            "{method}"
        );
    }
    // A gateway that asks over gRPC has no place at the endpoint of others.
    let headers = [
        ("X-Cofactor-Secret", SECRET),
        ("X-Original-URL", "https://app.example.com/"),
        ("X-Original-Method", "GET"),
    ];
    let answer = send(server.web(), "GET", "/v1/gateway/nginx", &headers, "")?;
    assert_eq!(answer.status, 403);
    Ok(())
}

/// HTTP/1.1 is not spoken there: nothing of it reaches the authorizer.
#[test]
fn the_listener_for_grpc_speaks_http_2_alone() -> Tested {
    let server = start()?;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.grpc()))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let question =
        format!("POST /{CHECK} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0");
    // The host may have seen enough, and closed, before all of it was sent.
    let _ = stream.write_all(question.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1"), "{answer:?}");
    Ok(())
}
