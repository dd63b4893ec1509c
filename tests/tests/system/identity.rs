//! One person is one account, however the first factor writes the name (ID-01 to ID-04).

use cofactor_tests::http::{answers, exchange};
use cofactor_tests::nginx::{FirstFactor, Guarded, Site};
use cofactor_tests::visitor::Visitor;
use serde_json::Value;

use super::{
    ALICE, PATIENT, SECRET, Tested, answer, is_application, patient, phone, sign_in, visitor,
    with_device,
};

fn header() -> Site {
    Site {
        first: FirstFactor::Header,
        ..patient()
    }
}

fn named(site: &Guarded, name: &str) -> Visitor {
    Visitor::with_header(site.port, "X-Authenticated-User", name)
}

fn failures(site: &Guarded, user: &str) -> anyhow::Result<u64> {
    let shown = site.server.operator(&["user", "show", user, "--json"])?;
    let shown: Value = serde_json::from_str(&shown)?;
    Ok(shown["failures"].as_u64().unwrap())
}

fn accounts(site: &Guarded) -> anyhow::Result<usize> {
    Ok(site.server.operator(&["user", "list"])?.lines().count())
}

#[test]
fn id_01_spellings_of_one_user_share_counters_and_lock() -> Tested {
    let site = Site {
        policy: format!(
            "{PATIENT}[throttle]\ndelay-after = 3\ndelay-base = \"1h\"\ndelay-max = \"1h\"\n"
        ),
        ..Site::default()
    };
    let Some(site) = Guarded::start(&site)? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    let mut shouted = visitor(&site, ("ALICE", "alice's password"));
    for (who, tries) in [(&mut alice, 2), (&mut shouted, 1)] {
        for _ in 0..tries {
            let page = who.visit("/")?;
            assert_eq!(answer(who, &page, "000000")?.answer.status, 422);
        }
    }
    assert_eq!(failures(&site, "alice")?, 3);
    assert_eq!(failures(&site, "Alice")?, 3);
    // Each has to wait for what the other did.
    for who in [&mut alice, &mut shouted] {
        let page = who.visit("/")?;
        let page = answer(who, &page, &phone.fresh()?)?;
        assert!(!is_application(&page));
    }
    assert_eq!(accounts(&site)?, 1);
    Ok(())
}

#[test]
fn id_01_a_code_is_used_once_whatever_the_spelling() -> Tested {
    let Some(site) = Guarded::start(&header())? else {
        return Ok(());
    };
    // The same name composed and decomposed (Unicode normalisation), in capitals and with blanks.
    for (user, spellings) in [
        ("alice", &["ALICE", "Alice", "alice  "][..]),
        ("jos\u{e9}", &["jose\u{301}", "JOS\u{c9}", "JOSE\u{301}"]),
        (
            "\u{3b1}\u{3bb}\u{3af}\u{3ba}\u{3b7}",
            &["\u{391}\u{39b}\u{38a}\u{39a}\u{397}"],
        ),
    ] {
        site.server.enrol(user, SECRET)?;
        let mut phone = phone();
        let code = phone.fresh()?;
        let mut first = named(&site, user);
        let page = first.visit("/")?;
        assert!(is_application(&answer(&mut first, &page, &code)?), "{user}");
        let told = site.application.asked();
        assert_eq!(told.last().unwrap().all("remote-user"), [user]);
        for spelling in spellings {
            let mut other = named(&site, spelling);
            let page = other.visit("/")?;
            let page = answer(&mut other, &page, &code)?;
            assert_eq!(page.answer.status, 422, "{spelling}: {}", page.text());
            assert!(
                is_application(&sign_in(&mut other, &mut phone, "/")?),
                "{spelling}"
            );
            let told = site.application.asked();
            assert_eq!(
                told.last().unwrap().all("remote-user"),
                [user],
                "{spelling}"
            );
        }
    }
    assert_eq!(accounts(&site)?, 3);
    Ok(())
}

#[test]
fn id_01_lookalikes_are_others_and_are_not_enrolled() -> Tested {
    let Some(site) = Guarded::start(&header())? else {
        return Ok(());
    };
    site.server.enrol("alice", SECRET)?;
    let mut phone = phone();
    let mut alice = named(&site, "alice");
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    // Cyrillic i, a ligature, a Kelvin sign, full-width letters, a letter that folds to two, a blank of no width.
    for lookalike in [
        "al\u{456}ce",
        "\u{fb01}ona",
        "\u{212a}elvin",
        "\u{ff41}lice\u{ff20}x",
        "alice\u{200b}",
        "al\u{ad}ice",
        "\u{202e}ecila",
    ] {
        let mut other = named(&site, lookalike);
        other.plant("cofactor", alice.cookie("cofactor").unwrap());
        let page = other.visit("/")?;
        assert!(!is_application(&page), "{lookalike:?}");
        assert!(
            !page.text().contains("/.cofactor/enrol"),
            "{lookalike:?}: {}",
            page.text()
        );
        assert!(
            !page.text().contains("/.cofactor/answer"),
            "{lookalike:?}: {}",
            page.text()
        );
    }
    assert_eq!(accounts(&site)?, 1);
    Ok(())
}

#[test]
fn id_02_names_that_are_none_are_refused_before_anything_is_looked_up() -> Tested {
    let Some(site) = Guarded::start(&header())? else {
        return Ok(());
    };
    let before = site.server.metrics()?;
    let begun = |text: &str| -> Vec<String> {
        text.lines()
            .filter(|line| line.starts_with("cofactor_steps_total"))
            .map(str::to_owned)
            .collect()
    };
    let long = "a".repeat(300);
    let ask = |name: &[u8], path: &str| -> anyhow::Result<Vec<u16>> {
        let mut text = format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAccept: text/html\r\nConnection: close\r\nX-Authenticated-User: ",
            site.port
        )
        .into_bytes();
        text.extend_from_slice(name);
        text.extend_from_slice(b"\r\n\r\n");
        let answers = answers(&exchange(site.port, &text)?)?;
        Ok(answers.iter().map(|answer| answer.status).collect())
    };
    for name in [
        b"al ice".as_slice(),
        b"alice\0",
        b"alice\x01",
        b"alice\x7f",
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x80",
        b"a@b@c",
        b"@b",
        b"a@",
        b"\\alice",
        long.as_bytes(),
        "\u{feff}alice".as_bytes(),
        "ali\u{2028}ce".as_bytes(),
    ] {
        for path in ["/", "/.cofactor/", "/.cofactor/devices"] {
            // nginx answers 500 where the host answers 400.
            let statuses = ask(name, path)?;
            assert_eq!(statuses.len(), 1, "{name:?} at {path}: {statuses:?}");
            assert!(
                matches!(statuses[0], 400 | 401 | 403 | 500),
                "{name:?} at {path}: {statuses:?}"
            );
        }
    }
    // A megabyte does not even come through nginx.
    for status in ask(&vec![b'a'; 1 << 20], "/")? {
        assert_eq!(status, 400);
    }
    assert_eq!(
        begun(&before),
        begun(&site.server.metrics()?),
        "no step was taken"
    );
    assert_eq!(accounts(&site)?, 0);
    assert!(site.application.asked().is_empty());
    Ok(())
}

#[test]
fn id_03_realms_are_one_subject_or_none() -> Tested {
    let Some(site) = Guarded::start(&Site {
        tables: "[names]\nrealms = { CONTOSO = \"contoso.com\" }".into(),
        ..header()
    })?
    else {
        return Ok(());
    };
    site.server.enrol("alice@contoso.com", SECRET)?;
    let mut phone = phone();
    for spelling in [
        "alice@contoso.com",
        "CONTOSO\\alice",
        "contoso\\ALICE",
        "Alice@CONTOSO.COM",
    ] {
        let mut alice = named(&site, spelling);
        assert!(
            is_application(&sign_in(&mut alice, &mut phone, "/")?),
            "{spelling}"
        );
        let told = site.application.asked();
        assert_eq!(
            told.last().unwrap().all("remote-user"),
            ["alice@contoso.com"]
        );
    }
    assert_eq!(accounts(&site)?, 1);
    // Without the realm it is somebody else; with one that nobody configured, nobody.
    let page = named(&site, "alice").visit("/")?;
    assert!(page.text().contains("/.cofactor/enrol"), "{}", page.text());
    for nobody in [
        "FABRIKAM\\alice",
        "CONTOSO\\alice@contoso.com",
        "alice@contoso.com@evil",
    ] {
        let page = named(&site, nobody).visit("/")?;
        assert_eq!(page.answer.status, 403, "{nobody}");
    }
    Ok(())
}

#[test]
fn id_04_a_user_who_was_removed_and_comes_back_inherits_nothing() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let (mut alice, mut phone) = with_device(&site, ALICE)?;
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    let open = alice.elsewhere().visit("/")?;
    let first: Value = serde_json::from_str(&site.server.operator(&["user", "list", "--json"])?)?;
    site.server
        .operator(&["user", "remove", "alice", "--why", "left"])?;
    assert_eq!(accounts(&site)?, 0);

    // The session is gone, the device is gone, and so is the challenge that was open.
    let page = alice.visit("/")?;
    assert!(page.text().contains("/.cofactor/enrol"), "{}", page.text());
    let late = answer(&mut alice, &open, &phone.fresh()?)?;
    assert!(!is_application(&late));
    let page = alice.visit("/")?;
    let page = alice.submit(&page, "/.cofactor/enrol", &[("label", "New")])?;
    let secret = page.secret()?;
    let Some(mut new) = cofactor_tests::authenticator::Authenticator::with(&secret) else {
        return Ok(());
    };
    let page = alice.submit(
        &page,
        "/.cofactor/enrol/confirm",
        &[("code", &new.fresh()?)],
    )?;
    assert!(is_application(&page), "{}", page.text());
    let second: Value = serde_json::from_str(&site.server.operator(&["user", "list", "--json"])?)?;
    assert_ne!(first["account"], second["account"], "another account");
    super::sign_out(&mut alice)?;
    let page = alice.visit("/")?;
    assert_eq!(
        answer(&mut alice, &page, &phone.fresh()?)?.answer.status,
        422
    );
    assert!(is_application(&sign_in(&mut alice, &mut new, "/")?));
    Ok(())
}
