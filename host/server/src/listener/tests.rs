#![allow(clippy::unwrap_used)]
use std::io::{Read, Write};

use axum::routing::get;

use super::*;

fn door(address: Address) -> Door {
    Door {
        address,
        tls: None,
        connections: 4,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_is_for_owner_and_group_and_a_stop_lets_requests_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let door = door(Address::Unix(path.clone()));
    let listener = Listener::bind(&door).await.unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o660
    );

    let slow = || async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        "done"
    };
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(listener.serve(Router::new().route("/", get(slow)), stopped));
    let asked = tokio::task::spawn_blocking({
        let path = path.clone();
        move || {
            let mut stream = std::os::unix::net::UnixStream::connect(path).unwrap();
            stream
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                .unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.send(true).unwrap();
    assert!(asked.await.unwrap().ends_with("done"));
    served.await.unwrap();
    assert!(!path.exists(), "the socket goes with its listener");
}

/// Whoever sends a body octet by octet, nothing at all, or takes no answer, must not keep others out.
#[tokio::test(flavor = "multi_thread")]
async fn unfinished_requests_do_not_hold_the_connections() {
    let short = Duration::from_millis(50);
    let patience = Patience {
        first: short,
        body: short,
        write: short,
        ..Patience::default()
    };
    let listener = Listener::bind(&door("127.0.0.1:0".parse().unwrap()))
        .await
        .unwrap()
        .waiting(patience);
    let address = listener.address().to_string();
    let large = || async { "a".repeat(60_000) };
    let app = Router::new()
        .route("/", get("done").post("done"))
        .route("/large", get(large));
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(listener.serve(app, stopped));
    tokio::task::spawn_blocking(move || {
        let connect = |octets: &[u8]| {
            let mut stream = std::net::TcpStream::connect(&address).unwrap();
            stream.write_all(octets).unwrap();
            stream
        };
        let slow = connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n1");
        let coded =
            connect(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n1");
        let _silent = connect(b"");
        let greedy = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1_000);
        let _deaf = connect(greedy.as_bytes());
        let read = |mut stream: std::net::TcpStream| {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        // All four places are taken: this one has to wait until they are over.
        let next = connect(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert!(read(next).ends_with("done"));
        for stream in [slow, coded] {
            let answer = read(stream);
            assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
            assert!(answer.contains("connection: close"), "{answer}");
        }
    })
    .await
    .unwrap();
    stop.send(true).unwrap();
    served.await.unwrap();
}

/// An answer that needs nothing of the body must not be lost on a client that still sends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_read_before_it_is_answered_and_only_up_to_its_limit() {
    let listener = Listener::bind(&door("127.0.0.1:0".parse().unwrap()))
        .await
        .unwrap();
    let address = listener.address().to_string();
    let refused = || async { axum::http::StatusCode::UNAUTHORIZED };
    let app = Router::new().route("/", axum::routing::post(refused));
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(listener.serve(app, stopped));
    tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let body = "a".repeat(LONGEST_BODY);
        for close in ["", "Connection: close\r\n"] {
            let length = body.len();
            let head =
                format!("POST / HTTP/1.1\r\nHost: a\r\n{close}Content-Length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(body.as_bytes()).unwrap();
        }
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 401 ").count(), 2, "{answers}");

        let chunk = format!("{:x}\r\n{body}\r\n1\r\na\r\n0\r\n\r\n", body.len());
        for (head, body) in [
            (
                format!("Content-Length: {}", LONGEST_BODY + 1),
                String::new(),
            ),
            ("Transfer-Encoding: chunked".to_owned(), chunk),
        ] {
            let mut stream = std::net::TcpStream::connect(&address).unwrap();
            let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n{body}");
            stream.write_all(text.as_bytes()).unwrap();
            let mut answer = [0; 13];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"HTTP/1.1 413 ", "{head}");
        }
    })
    .await
    .unwrap();
    stop.send(true).unwrap();
    served.await.unwrap();
}

#[tokio::test]
async fn a_file_in_the_way_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    std::fs::write(&path, "data").unwrap();
    let refused = Listener::bind(&door(Address::Unix(path.clone()))).await;
    assert!(matches!(refused, Err(ListenError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "data");
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let first = Listener::bind(&door("127.0.0.1:0".parse().unwrap()))
        .await
        .unwrap();
    let second = Listener::bind(&door(first.address().clone()))
        .await
        .err()
        .unwrap();
    assert!(
        second
            .to_string()
            .starts_with("cannot listen on 127.0.0.1:"),
        "{second}"
    );
}
