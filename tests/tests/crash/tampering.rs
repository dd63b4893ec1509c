//! Somebody with write access to the files, but without the program: everything is refused and reported.

use std::fs;
use std::process::Output;
use std::sync::Arc;

use cofactor_runtime::clock::FixedClock;
use cofactor_runtime::contract::Outcome;
use cofactor_runtime::service::StepError;
use cofactor_runtime::store::{AccountId, Name, Query, Store as _};
use cofactor_tests::api::{Client, Reply};
use cofactor_tests::scenario::{START, begin};
use rusqlite::Connection;

use crate::place::{self, Host, Place, json_lines};
use crate::races::MANY_CODES;

#[test]
fn st_01_a_database_that_was_put_back_refuses_used_codes() {
    let place = enrolled(&["alice", "bob"]);
    let mut host = place.start();
    host.running.stop().unwrap();
    let yesterday = tempfile::TempDir::new().unwrap();
    place::copy(&place.path(""), yesterday.path(), &["db", "db-wal"]);

    let mut host = place.start();
    assert!(!host.log().contains("the database is older than its anchor"));
    let code = place::code("alice", 6, place::now(), 0);
    assert!(host.client().sign_in("alice", &code).unwrap().allowed());
    host.running.stop().unwrap();

    put_back(&place, yesterday.path());
    let host = place.start();
    let reported = json_lines(&host.log()).any(|line| {
        line["level"] == "ERROR"
            && line["message"]
                .as_str()
                .unwrap()
                .contains("the database is older than its anchor")
    });
    assert!(reported, "{}", host.log());
    let mut client = host.client();
    for user in ["alice", "bob"] {
        for step in -10..=10 {
            let reply = client
                .sign_in(user, &place::code(user, 6, place::now(), step))
                .unwrap();
            assert_eq!(
                reply.denied_for(),
                "code-already-used",
                "{user}, step {step}"
            );
        }
    }
    drop(host);
    // Once everything that may have been used is past, they sign in as before.
    let clock = Arc::new(FixedClock::at(place::now() + 1_000_000));
    let service = place.service(place.store(), clock);
    for user in ["alice", "bob"] {
        let code = place::code(user, 6, place::now() + 1_000_000, 0);
        let event = place::event(user, begin(Some(&code)));
        let settled = pollster::block_on(service.step(&place::name(user), event)).unwrap();
        assert!(
            matches!(settled.outcome, Outcome::Allow(_)),
            "{:?}",
            settled.outcome
        );
    }
}

#[test]
fn st_01_a_row_that_was_put_back_is_refused_while_the_host_runs() {
    let place = enrolled(&["alice", "bob"]);
    let host = place.start();
    let mut client = host.client();
    place.meddle("CREATE TABLE old AS SELECT * FROM accounts");
    let code = place::code("alice", 6, place::now(), 0);
    assert!(client.sign_in("alice", &code).unwrap().allowed());
    let whole = "id IN (SELECT account FROM names WHERE user = 'alice')";
    let from = |table: &str, columns: &str| {
        format!(
            "UPDATE accounts SET ({columns}) = (SELECT {columns} FROM {table} WHERE {table}.id = accounts.id) WHERE {whole}"
        )
    };
    for columns in ["record, version", "record", "version"] {
        place.meddle("CREATE TABLE new AS SELECT * FROM accounts");
        place.meddle(&from("old", columns));
        refused_and_reported(&host, &mut client, "alice", columns);
        // Nobody else is affected, and nothing is left of it when it is put right.
        let reply = client.sign_in("bob", "000000").unwrap();
        assert_eq!(reply.status, 200);
        place.meddle(&from("new", "record, version"));
        let reply = client.sign_in("alice", &code).unwrap();
        assert_eq!(
            reply.denied_for(),
            "code-already-used",
            "{columns}: {}",
            reply.body
        );
        place.meddle("DROP TABLE new");
    }
}

#[test]
fn st_02_records_that_were_swapped_or_altered_are_refused_and_reported() {
    let place = enrolled(&["alice", "bob", "carol"]);
    let host = place.start();
    let mut client = host.client();
    place.meddle("CREATE TABLE whole AS SELECT * FROM accounts");
    let alice = "(SELECT account FROM names WHERE user = 'alice')";
    let bob = "(SELECT account FROM names WHERE user = 'bob')";
    let swap = |columns: &str| {
        format!(
            "UPDATE accounts SET ({columns}) = (SELECT {columns} FROM whole WHERE whole.id = iif(accounts.id = {alice}, {bob}, {alice}))
             WHERE id IN ({alice}, {bob})"
        )
    };
    let mut cases = vec![
        ("record swapped".to_owned(), swap("record")),
        (
            "record and version swapped".to_owned(),
            swap("record, version"),
        ),
        (
            "empty".to_owned(),
            format!("UPDATE accounts SET record = x'' WHERE id = {alice}"),
        ),
        (
            "cut short".to_owned(),
            format!(
                "UPDATE accounts SET record = substr(record, 1, length(record) - 1) WHERE id = {alice}"
            ),
        ),
        (
            "name pointed elsewhere".to_owned(),
            format!("UPDATE names SET account = {bob} WHERE user = 'alice'"),
        ),
    ];
    // One bit of the key number, the nonce, the text, the tag.
    let length = record(&place, "alice").len();
    for at in [0, 3, 4, 20, 28, 60, length / 2, length - 16, length - 1] {
        let mut bent = record(&place, "alice");
        bent[at] ^= 1;
        cases.push((
            format!("bit of octet {at}"),
            format!(
                "UPDATE accounts SET record = x'{}' WHERE id = {alice}",
                hex::encode(bent)
            ),
        ));
    }
    for (case, statements) in cases {
        let name = "CREATE TEMP TABLE held AS SELECT account FROM main.names WHERE user = 'alice'";
        let connection = Connection::open(place.path("db")).unwrap();
        connection.execute_batch(name).unwrap();
        connection.execute_batch(&statements).unwrap();
        refused_and_reported(&host, &mut client, "alice", &case);
        let code = place::code("carol", 6, place::now(), 0);
        assert_eq!(
            client.sign_in("carol", &code).unwrap().status,
            200,
            "{case}: carol"
        );
        connection
            .execute_batch(
                "UPDATE names SET account = (SELECT account FROM held) WHERE user = 'alice';
                 UPDATE accounts SET (tenant, record, version) =
                     (SELECT tenant, record, version FROM whole WHERE whole.id = accounts.id)
                 WHERE id IN (SELECT account FROM names WHERE user IN ('alice', 'bob'))",
            )
            .unwrap();
    }
    for user in ["alice", "bob"] {
        let code = place::code(user, 6, place::now(), 0);
        assert!(client.sign_in(user, &code).unwrap().allowed(), "{user}");
    }
}

/// An account is its tenant's: whoever moves it to another one, in every way that the tables allow, opens nothing there.
#[test]
fn st_02_a_record_is_of_no_use_to_another_tenant() {
    let account = "UPDATE accounts SET tenant = 'other'";
    let name = "UPDATE names SET tenant = 'other'";
    let copy = "INSERT INTO names SELECT 'other', issuer, user, account FROM names";
    for (case, statements) in [
        ("name moved", vec![name]),
        ("name and account moved", vec![name, account]),
        ("name copied", vec![copy]),
        ("name copied, account moved", vec![copy, account]),
    ] {
        let place = enrolled(&["alice"]);
        place.meddle(&statements.join(";"));
        let clock = Arc::new(FixedClock::at(place::now()));
        let service = place.service(place.store(), clock);
        let other = Name {
            tenant: "other".into(),
            ..place::name("alice")
        };
        let code = place::code("alice", 6, place::now(), 0);
        let event = place::event("alice", begin(Some(&code)));
        let refused = pollster::block_on(service.step(&other, event));
        assert!(
            matches!(refused, Err(StepError::Tampered(_))),
            "{case}: {refused:?}"
        );
    }
}

/// Records that the seal lets through, and that no component has written: what a bug, or a later version, would leave.
#[test]
fn st_03_a_record_of_an_unknown_version_denies() {
    let place = enrolled(&["alice"]);
    let ring = place.ring();
    let records = ring.sealed_box("record");
    let clock = Arc::new(FixedClock::at(place::now().max(START)));
    let service = place.service(place.store(), clock.clone());
    let now = place::now().max(START);
    let name = place::name("alice");
    let id = service.store().find(&name).unwrap().unwrap();
    let (sealed, version) = load(&service, &name);
    let bound = binding(id, version);
    let real = records.open(&bound, &sealed).unwrap().to_vec();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut record = real.clone();
        change(&mut record);
        record
    };
    let cases = [
        ("empty", Vec::new()),
        ("all zero", vec![0; 200]),
        ("all ones", vec![0xFF; 200]),
        ("another magic number", with(&|record| record[0] = 0)),
        ("version 0", with(&|record| record[4] = 0)),
        ("version 3", with(&|record| record[4] = 3)),
        ("version 255", with(&|record| record[4] = 255)),
        ("version 257", with(&|record| record[5] = 1)),
        (
            "cut in half",
            with(&|record| record.truncate(record.len() / 2)),
        ),
        (
            "cut by one",
            with(&|record| record.truncate(record.len() - 1)),
        ),
        ("with a tail", with(&|record| record.push(0))),
        ("text", b"{\"credentials\": []}".to_vec()),
        ("as large as may be", vec![1; 24 << 10]),
        ("larger", vec![1; 100 << 10]),
    ];
    let step = |code: &str| {
        let event = place::event("alice", begin(Some(code)));
        pollster::block_on(service.step(&name, event))
    };
    let code = place::code("alice", 6, now, 0);
    for (case, record) in cases {
        write(&place, &records.seal(&bound, &record).unwrap());
        let error = step(&code).expect_err(case);
        assert!(
            matches!(error, StepError::Plugin(_) | StepError::BadRequest(_)),
            "{case}: {error}"
        );
        // Octets 4 and 5 are the version, and nothing else is wrong with these.
        let is_version = error.to_string().contains("a record version that");
        assert_eq!(is_version, case.starts_with("version"), "{case}: {error}");
        assert!(pollster::block_on(service.view(&name)).is_err(), "{case}");
    }
    write(&place, &sealed);
    assert!(matches!(step(&code).unwrap().outcome, Outcome::Allow(_)));
}

#[test]
fn lg_03_an_audit_row_that_was_altered_removed_or_inserted_is_found() {
    let cases = [
        ("none", "", None),
        ("altered", "UPDATE audit SET entry = replace(entry, 'denied', 'allowed') WHERE seq = 6", Some("audit row 6")),
        ("another user's", "UPDATE audit SET entry = replace(entry, 'alice', 'bob') WHERE seq = 7", Some("audit row 7")),
        ("at another time", "UPDATE audit SET time = time - 1 WHERE seq = 4", Some("audit row 4")),
        ("removed", "DELETE FROM audit WHERE seq = 4", Some("audit row 4 is missing")),
        ("removed, and the gap closed", "DELETE FROM audit WHERE seq = 4; UPDATE audit SET seq = seq - 1 WHERE seq > 4", Some("put back")),
        ("the newest removed", "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)", Some("put back")),
        ("all removed", "DELETE FROM audit", Some("put back")),
        (
            "inserted",
            "UPDATE audit SET seq = -1 - seq WHERE seq > 4; UPDATE audit SET seq = -seq WHERE seq < 0;
             INSERT INTO audit SELECT 5, time, account, NULL, NULL, NULL, NULL, entry, hash FROM audit WHERE seq = 4",
            Some("put back"),
        ),
        (
            "appended",
            "INSERT INTO audit SELECT seq + 1, time, account, NULL, NULL, NULL, NULL, entry, hash FROM audit ORDER BY seq DESC LIMIT 1",
            Some("does not follow"),
        ),
    ];
    let place = enrolled(&["alice", "bob"]);
    let mut host = place.start();
    let mut client = host.client();
    for wrong in ["000001", "000002"] {
        assert!(!client.sign_in("alice", wrong).unwrap().allowed());
    }
    assert!(
        client
            .sign_in("alice", &place::code("alice", 6, place::now(), 0))
            .unwrap()
            .allowed()
    );
    drop(client);
    host.running.stop().unwrap();
    let whole = tempfile::TempDir::new().unwrap();
    place::copy(&place.path(""), whole.path(), &["db", "anchor"]);
    for (case, statements, found) in cases {
        put_back(&place, whole.path());
        place::copy(whole.path(), &place.path(""), &["anchor"]);
        place.meddle(statements);
        let output = place.cofactor(&["audit", "verify"]);
        let said = said(&output);
        match found {
            None => assert!(output.status.success(), "{case}: {said}"),
            Some(words) => {
                assert_eq!(output.status.code(), Some(4), "{case}: {said}");
                assert!(said.contains(words), "{case}: {said}");
            }
        }
    }
}

fn enrolled(users: &[&str]) -> Place {
    let place = Place::new(MANY_CODES);
    let users: Vec<_> = users.iter().map(|user| (*user).to_owned()).collect();
    place.enrol(&users, 6);
    place
}

/// The right code gets an error that denies, and the log says in a line of its own what was found.
fn refused_and_reported(host: &Host, client: &mut Client, user: &str, case: &str) {
    let code = place::code(user, 6, place::now(), 1);
    let reply: Reply = client.sign_in(user, &code).unwrap();
    assert_eq!(reply.status, 500, "{case}: {}", reply.body);
    let request = reply.header("x-request-id").unwrap();
    let log = host.log();
    let line = json_lines(&log)
        .find(|line| line["request"] == request && line["message"] == "no outcome")
        .unwrap_or_else(|| panic!("{case}: not in the log"));
    assert!(
        line["error"].as_str().unwrap().contains("tampered with"),
        "{case}: {line}"
    );
    assert_eq!(line["user"], user);
}

fn put_back(place: &Place, from: &std::path::Path) {
    for name in ["db", "db-wal", "db-shm"] {
        let _ = fs::remove_file(place.path(name));
    }
    place::copy(from, &place.path(""), &["db", "db-wal"]);
}

fn record(place: &Place, user: &str) -> Vec<u8> {
    Connection::open(place.path("db"))
        .unwrap()
        .query_row(
            "SELECT record FROM accounts WHERE id = (SELECT account FROM names WHERE user = ?1)",
            [user],
            |row| row.get(0),
        )
        .unwrap()
}

/// Puts sealed octets in the place of the only record.
fn write(place: &Place, sealed: &[u8]) {
    let connection = Connection::open(place.path("db")).unwrap();
    assert_eq!(
        connection
            .execute("UPDATE accounts SET record = ?1", [sealed])
            .unwrap(),
        1
    );
}

fn load(
    service: &cofactor_runtime::service::Service<cofactor::store::embedded::EmbeddedStore>,
    name: &Name,
) -> (Vec<u8>, u64) {
    let query = Query {
        name,
        shadow: AccountId([0xFF; 16]),
        observe: &[],
        now: START,
    };
    pollster::block_on(service.store().load(&query))
        .unwrap()
        .record
        .unwrap()
}

/// What a record is sealed to: tenant, account, version.
fn binding(id: AccountId, version: u64) -> Vec<u8> {
    [b"default\0".as_slice(), &id.0, &version.to_be_bytes()].concat()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
