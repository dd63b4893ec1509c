//! BF-09: the answers do not tell who has an account, a device, a lock.

use cofactor_tests::http::Answer;
use cofactor_tests::nginx::{Guarded, Site};
use cofactor_tests::visitor::Page;

use super::{ALICE, BOB, CAROL, PATIENT, Tested, answer, visitor};

/// What is left of an answer when everything is taken away that is new each time or the user's own name.
fn outward(page: &Page) -> (u16, Vec<String>, String) {
    let Answer { status, body, .. } = &page.answer;
    let mut text = String::new();
    let mut rest = body.as_str();
    while let Some((before, after)) = rest.split_once("value=\"") {
        text.push_str(before);
        rest = after.split_once('"').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    for name in ["alice", "bob", "carol"] {
        text = text.replace(name, "somebody");
    }
    (*status, page.answer.shape(), text)
}

#[test]
fn bf_09_pages_are_alike_for_known_locked_and_unknown_users() -> Tested {
    let site = Site {
        policy: format!(
            "{PATIENT}[accounts]\nprovision = \"known-only\"\n[throttle]\nlock-after = 3\ndelay-after = 100\n"
        ),
        ..Site::default()
    };
    let Some(site) = Guarded::start(&site)? else {
        return Ok(());
    };
    site.server.enrol(ALICE.0, super::SECRET)?;
    site.server.enrol(BOB.0, super::SECRET)?;
    for _ in 0..3 {
        site.server.verify(BOB.0, "000000")?;
    }
    assert_eq!(site.server.verify(BOB.0, "000000")?, "locked");

    let mut seen = Vec::new();
    for who in [ALICE, BOB, CAROL] {
        let mut visitor = visitor(&site, who);
        let asked = visitor.visit("/.cofactor/?rd=/x")?;
        let wrong = answer(&mut visitor, &asked, "000000")?;
        let malformed = answer(&mut visitor, &wrong, "no code at all")?;
        let unknown = visitor.visit("/.cofactor/nothing")?;
        let devices = visitor.visit("/.cofactor/devices")?;
        let checked = visitor.request("GET", "/", &[("Accept", "*/*")], "")?;
        let pages = [&asked, &wrong, &malformed, &unknown, &devices].map(outward);
        seen.push((
            who.0,
            pages,
            (checked.status, checked.shape(), checked.body),
        ));
    }
    let (_, first, check) = &seen[0];
    for (who, pages, checked) in &seen {
        for (mine, theirs) in pages.iter().zip(first) {
            assert_eq!(mine, theirs, "{who}");
        }
        assert_eq!(checked, check, "{who}");
    }
    Ok(())
}

/// The verify API tells programs that may know; its other clients see one answer.
#[test]
fn bf_09_the_api_answers_alike_for_known_and_unknown_users() -> Tested {
    let secret = "a secret of a client like any other";
    let site = cofactor_tests::server::Server::start(&cofactor_tests::server::Setup {
        policy: format!("{PATIENT}[accounts]\nprovision = \"known-only\"\n"),
        tables: format!(
            "[[client]]\nname = \"payroll\"\nsecret = \"{secret}\"\napplications = [\"payroll\"]\n"
        ),
        ..Default::default()
    })?;
    site.enrol("alice", super::SECRET)?;
    let ask = |user: &str, id: &str| -> anyhow::Result<(u16, Vec<String>, String)> {
        let body = serde_json::json!({"user": user, "event": {
            "id": id.repeat(16),
            "origin": {"application": "payroll", "binding": "b2".repeat(16), "language": "en"},
            "action": {"begin": {"surface": [], "early-answer": "000000", "required-level": 0}},
        }});
        let credential = format!("Bearer payroll:{secret}");
        let headers = [
            ("Authorization", credential.as_str()),
            ("Content-Type", "application/json"),
        ];
        let answer = cofactor_tests::http::send(
            site.api(),
            "POST",
            "/v1/step",
            &headers,
            &body.to_string(),
        )?;
        Ok((answer.status, answer.shape(), answer.body))
    };
    let known = ask("alice", "a1")?;
    assert!(known.2.contains("incorrect-code"), "{}", known.2);
    for (user, id) in [
        ("nobody", "a2"),
        ("root", "a3"),
        ("alice@example.com", "a4"),
    ] {
        assert_eq!(ask(user, id)?, known, "{user}");
    }
    Ok(())
}
