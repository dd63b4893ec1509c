//! What the host writes down: never a code, a secret, a password or a cookie (LG-02), and never a line of somebody else's.

use std::fs;
use std::path::Path;

use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::nginx::{Guarded, SECRET, Site};
use cofactor_tests::server::CLIENT_SECRET;

use super::{ALICE, Tested, answer, is_application, patient, sign_out, visitor};

#[test]
fn lg_02_no_code_secret_or_cookie_is_written_down() -> Tested {
    for format in ["text", "json"] {
        let site = Site {
            tables: format!("[log]\nformat = \"{format}\"\nlevel = \"trace\"\n"),
            ..patient()
        };
        let Some(mut site) = Guarded::start(&site)? else {
            return Ok(());
        };
        let mut canaries = vec![
            ("the gateway's secret", SECRET.to_owned()),
            ("a client's secret", CLIENT_SECRET.to_owned()),
            ("a password", "alice's password".to_owned()),
            ("credentials", "YWxpY2U6YWxpY2UncyBwYXNzd29yZA".to_owned()),
        ];
        let mut alice = visitor(&site, ALICE);
        let page = alice.visit("/private?token=canary-in-the-query")?;
        let page = alice.submit(&page, "/.cofactor/enrol", &[("label", "Phone")])?;
        let secret = page.secret()?;
        let Some(mut phone) = Authenticator::with(&secret) else {
            return Ok(());
        };
        canaries.push(("a user's secret", secret));
        for name in ["cofactor", "cofactor-browser"] {
            let codes = [phone.fresh()?, phone.fresh()?];
            if name == "cofactor" {
                let page =
                    alice.submit(&page, "/.cofactor/enrol/confirm", &[("code", &codes[0])])?;
                assert!(is_application(&page), "{}", page.text());
            } else {
                sign_out(&mut alice)?;
                let page = alice.visit("/")?;
                canaries.push((
                    "a form's token",
                    page.hidden("/.cofactor/answer")?[0].1.clone(),
                ));
                let page = answer(&mut alice, &page, "314159")?;
                canaries.push(("a wrong code", "314159".into()));
                assert!(is_application(&answer(&mut alice, &page, &codes[0])?));
            }
            canaries.push(("a code", codes[0].clone()));
            canaries.push(("a cookie", alice.cookie(name).unwrap().to_owned()));
        }
        site.server.verify("alice", "271828")?;
        canaries.push(("a code through the API", "271828".into()));
        let uri = "otpauth://totp/a?secret=KRUGKIDROVUWG2ZAMJZG653OEBTG66BA";
        site.server
            .administer("bob", serde_json::json!({ "import-otpauth": uri }))?;
        canaries.push((
            "an imported secret",
            "KRUGKIDROVUWG2ZAMJZG653OEBTG66BA".into(),
        ));
        let audit = site.server.operator(&["audit", "show", "--json"])?;
        let metrics = site.server.metrics()?;
        site.server.process.stop()?;

        let log = site.server.log()?;
        assert!(
            log.contains("signed in") || log.contains("alice"),
            "there is a log: {log:.500}"
        );
        for (what, canary) in &canaries {
            // Six digits may well be part of a long number or of a digest: there they stand alone or not at all.
            let found = |text: &str| match canary.len() {
                6 => text
                    .split(|c: char| !c.is_ascii_alphanumeric())
                    .any(|word| word == canary),
                _ => text.contains(canary.as_str()),
            };
            assert!(!found(&log), "{what} is in the log");
            assert!(!found(&audit), "{what} is in the audit");
            assert!(!found(&metrics), "{what} is in the metrics");
            for file in files(site.server.folder())? {
                let bytes = fs::read(&file)?;
                let is_own = file
                    .extension()
                    .is_some_and(|it| it == "toml" || it == "secret");
                let hidden = canary.len() == 6
                    || !bytes
                        .windows(canary.len())
                        .any(|part| part == canary.as_bytes());
                assert!(is_own || hidden, "{what} is in {}", file.display());
            }
        }
        assert!(!site.nginx_log().contains(SECRET));
    }
    Ok(())
}

fn files(folder: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            all.push(path);
        }
    }
    Ok(all)
}

#[test]
fn lg_01_a_client_writes_no_line_of_its_own() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let before = site.server.log()?.lines().count();
    let headers = [
        ("X-Cofactor-Secret", SECRET),
        ("X-Cofactor-User", "alice\u{1b}[31m\u{85}2026 INFO forged"),
        ("X-Original-URL", "http://127.0.0.1/\u{1b}[2J"),
        ("X-Original-Method", "GET\u{202e}"),
        ("User-Agent", "x\u{1b}]0;owned\u{7}"),
    ];
    for path in ["/v1/gateway/nginx", "/.cofactor/"] {
        cofactor_tests::http::send(site.server.web(), "GET", path, &headers, "")?;
    }
    site.server.step(
        "alice\n{\"level\":\"INFO\"}",
        serde_json::json!({"poll": "00"}),
    )?;
    let log = site.server.log()?;
    for line in log.lines().skip(before) {
        assert!(
            line.starts_with("20") && !line.contains("\u{1b}"),
            "{line:?}"
        );
        assert!(!line.contains(|c: char| c.is_control()), "{line:?}");
    }
    Ok(())
}
