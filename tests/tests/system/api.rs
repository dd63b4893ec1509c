//! What a program sends to the verify API besides the contract's fields, and what a victim of guessing can still do.

use cofactor_tests::http::{Answer, send};
use cofactor_tests::scenario::totp;
use cofactor_tests::server::{APPLICATION, CLIENT_SECRET, Server, Setup};
use rusqlite::Connection;
use serde_json::{Value, json};
use totp_rs::Algorithm;

use super::{PATIENT, SECRET, Tested};

/// The key of [`SECRET`], and of another token.
const KEY: &[u8] = b"12345678901234567890";
const OTHER: (&str, &[u8]) = ("GAYTEMZUGU3DOOBZGAYTEMZUGU3DOOBZ", b"01234567890123456789");

#[allow(clippy::disallowed_methods, reason = "real hosts go by the real clock")]
fn seconds() -> anyhow::Result<u64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(since.as_secs())
}

/// A sign-in of alice with a code given at once.
fn request(code: &str) -> anyhow::Result<Value> {
    let mut id = [0; 16];
    getrandom::fill(&mut id)?;
    Ok(json!({"user": "alice", "event": {
        "id": hex::encode(id),
        "origin": {"application": APPLICATION, "binding": "b1".repeat(16), "language": "en"},
        "action": {"begin": {"surface": [], "early-answer": code, "required-level": 0}},
    }}))
}

fn ask(server: &Server, headers: &[(&str, &str)], body: &Value) -> anyhow::Result<Answer> {
    let authorization = format!("Bearer test:{CLIENT_SECRET}");
    let mut all = vec![
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/json"),
    ];
    all.extend_from_slice(headers);
    send(server.api(), "POST", "/v1/step", &all, &body.to_string())
}

fn allowed(answer: &Answer) -> bool {
    answer.status == 200 && answer.body.contains("\"allow\"")
}

#[test]
fn otp_07_no_client_says_what_time_it_is() -> Tested {
    let server = Server::start(&Setup {
        policy: format!("{PATIENT}[throttle]\ndelay-after = 100\nlock-after = 100\n"),
        ..Setup::default()
    })?;
    server.enrol("alice", SECRET)?;
    let now = seconds()?;
    let code = |at| totp(KEY, Algorithm::SHA1, 6, 30, at);
    // An hour ago, which every way of saying a time says.
    let old = now - 3600;
    let (old_seconds, old_milliseconds) = (old.to_string(), (old * 1_000).to_string());
    let date = "Thu, 01 Jan 2026 00:00:00 GMT";
    for name in [
        "X-Time",
        "X-Unixtime",
        "X-Timestamp",
        "X-Request-Time",
        "Unixtime",
        "X-Now",
    ] {
        for value in [old_seconds.as_str(), &old_milliseconds, date] {
            let answer = ask(
                &server,
                &[(name, value), ("Date", date)],
                &request(&code(old)?)?,
            )?;
            assert_eq!(answer.status, 200, "{name}: {}", answer.body);
            assert!(!allowed(&answer), "{name}: {value}");
        }
    }
    for field in ["now", "time", "unixtime", "timestamp"] {
        for place in ["", "/event", "/event/origin", "/event/action/begin"] {
            let mut body = request(&code(old)?)?;
            let at = body
                .pointer_mut(place)
                .and_then(Value::as_object_mut)
                .unwrap();
            at.insert(field.to_owned(), json!(old));
            let answer = ask(&server, &[], &body)?;
            assert_eq!(answer.status, 400, "{place}/{field}: {}", answer.body);
        }
    }
    // And the code of now is good, whatever time the client says it is.
    let said = [("X-Time", old_seconds.as_str()), ("Date", date)];
    let answer = ask(&server, &said, &request(&code(now)?)?)?;
    assert!(allowed(&answer), "{}", answer.body);
    Ok(())
}

/// The other half, a way in for devices that are known, comes with passkeys.
#[test]
fn bf_08_a_victims_other_token_works_while_one_is_locked_and_the_victim_is_told() -> Tested {
    let server = Server::start(&Setup {
        policy: format!(
            "{PATIENT}[throttle]\ndelay-after = 100\nlock-after = 5\naccount-lock-after = 1000\n"
        ),
        ..Setup::default()
    })?;
    server.enrol("alice", SECRET)?;
    let (secret, key) = OTHER;
    let uri = format!("otpauth://totp/E:alice?secret={secret}&issuer=E&digits=8");
    server.administer("alice", json!({ "import-otpauth": uri }))?;
    let notices = || -> anyhow::Result<u32> {
        let database = Connection::open(server.folder().join("cofactor.db"))?;
        let count = "SELECT count(*) FROM outbox WHERE kind = 'notify'";
        Ok(database.query_row(count, [], |row| row.get(0))?)
    };
    let before = notices()?;
    let now = seconds()?;
    let right = totp(KEY, Algorithm::SHA1, 6, 30, now)?;
    let wrong = if right == "000000" {
        "111111"
    } else {
        "000000"
    };
    for _ in 0..5 {
        assert_eq!(server.verify("alice", wrong)?, "incorrect-code");
    }
    assert_ne!(server.verify("alice", &right)?, "allow", "it is locked");
    assert!(notices()? > before, "nobody was told");
    let other = totp(key, Algorithm::SHA1, 8, 30, now)?;
    assert_eq!(server.verify("alice", &other)?, "allow");
    assert_ne!(server.verify("alice", &right)?, "allow", "it stays locked");
    Ok(())
}
