//! Whatever fails, nobody is let in.

use std::fs;

use cofactor_tests::http::send;
use cofactor_tests::nginx::{Guarded, SECRET, Site};
use rusqlite::Connection;

use super::{ALICE, Tested, answer, is_application, patient, sign_in, visitor, with_device};

#[test]
fn when_the_host_is_down_nginx_answers_500_and_never_the_page() -> Tested {
    let Some(mut site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let reached = site.application.asked().len();
    site.server.process.kill();
    for _ in 0..3 {
        for who in [&mut alice, &mut visitor(&site, super::BOB)] {
            let answer = who.get("/")?;
            assert_eq!(answer.status, 500);
            assert!(!answer.body.contains("reached"));
        }
    }
    assert_eq!(site.application.asked().len(), reached);
    site.server.start_again()?;
    assert!(is_application(&alice.visit("/")?), "nothing is lost");
    Ok(())
}

#[test]
fn when_the_store_fails_nobody_is_let_in() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let mut other = alice.elsewhere();
    let page = other.visit("/")?;
    let reached = site.application.asked().len();

    let database = Connection::open(site.server.folder().join("cofactor.db"))?;
    let tables: Vec<String> = database
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for table in &tables {
        database.execute_batch(&format!(
            "ALTER TABLE \"{table}\" RENAME TO \"gone_{table}\""
        ))?;
    }
    // With a session, without one, and in the middle of a sign-in with the right code.
    assert_eq!(alice.get("/")?.status, 500);
    assert_eq!(other.visit("/")?.answer.status, 503);
    let refused = answer(&mut other, &page, &phone.fresh()?)?;
    assert_eq!(refused.answer.status, 503, "{}", refused.text());
    assert!(
        refused.text().contains("It is not you"),
        "{}",
        refused.text()
    );
    assert_eq!(site.application.asked().len(), reached);
    assert_eq!(site.server.verify("alice", &phone.fresh()?).ok(), None);

    for table in &tables {
        database.execute_batch(&format!(
            "ALTER TABLE \"gone_{table}\" RENAME TO \"{table}\""
        ))?;
    }
    assert!(
        is_application(&alice.visit("/")?),
        "it was not their failure"
    );
    Ok(())
}

#[test]
fn a_host_that_answers_rubbish_lets_nobody_in() -> Tested {
    // Statuses that a host never gives, from whatever stands in its place.
    for status in ["302", "404", "502"] {
        let site = Site {
            edits: vec![(
                "proxy_pass              http://cofactor/v1/gateway/nginx;".into(),
                format!("return {status};"),
            )],
            ..patient()
        };
        let Some(site) = Guarded::start(&site)? else {
            return Ok(());
        };
        let mut alice = visitor(&site, ALICE);
        let answer = alice.get("/")?;
        assert_eq!(answer.status, 500, "{status}");
        assert!(site.application.asked().is_empty(), "{status}");
    }
    Ok(())
}

#[test]
fn an_answer_is_never_a_redirect_to_nginx() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let url = format!("http://127.0.0.1:{}/", site.port);
    let long = format!("{url}{}", "a".repeat(9000));
    for (headers, status) in [
        (
            vec![
                ("X-Cofactor-User", "alice"),
                ("X-Original-URL", &*url),
                ("X-Original-Method", "GET"),
            ],
            401,
        ),
        (
            vec![("X-Original-URL", &*url), ("X-Original-Method", "GET")],
            401,
        ),
        (
            vec![
                ("X-Cofactor-User", "al ice"),
                ("X-Original-URL", &*url),
                ("X-Original-Method", "GET"),
            ],
            403,
        ),
        (
            vec![
                ("X-Cofactor-User", "alice"),
                ("X-Original-URL", &*long),
                ("X-Original-Method", "GET"),
            ],
            400,
        ),
    ] {
        let mut headers = headers;
        headers.extend([("X-Cofactor-Secret", SECRET), ("Accept", "text/html")]);
        let answer = send(site.server.web(), "GET", "/v1/gateway/nginx", &headers, "")?;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let stranger = send(site.server.web(), "GET", "/v1/gateway/nginx", &[], "")?;
    assert_eq!(
        (stranger.status, stranger.header("cache-control")),
        (403, Some("no-store"))
    );
    assert!(fs::metadata(site.server.folder().join("cofactor.log"))?.len() > 0);
    Ok(())
}
