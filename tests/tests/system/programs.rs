//! Programs that show an app password with each request, through a real nginx with the configuration of docs/nginx.md (S10).

use std::fs;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofactor_tests::http::{Answer, send};
use cofactor_tests::nginx::{Guarded, Site, block};
use cofactor_tests::program::project;
use serde_json::json;

use crate::{ALICE, Tested, patient, visitor, with_device};

const POLICY: &str = "
[accounts]
methods = ['totp', 'app-password']
[[location]]
name = 'here'
networks = ['127.0.0.1/32']
[[rule]]
name = 'here'
locations = ['here']
then = 'skip'
[[route]]
name = 'administration'
paths = ['/dav/admin']
level = 2
";

/// With the page's location for programs, and a policy under which nobody here is asked for a second factor.
fn start() -> anyhow::Result<Option<Guarded>> {
    const MARK: &str = "    # The question before each request.\n";
    let page = fs::read_to_string(project("docs/nginx.md"))?;
    let programs = block(&page, "nginx", "location = /cofactor-program")?;
    let programs = programs
        .replace("127.0.0.1:8081", "127.0.0.1:@application@")
        .replace(
            "change-me-to-a-long-random-text",
            cofactor_tests::nginx::SECRET,
        );
    Guarded::start(&Site {
        policy: format!("{}{POLICY}", crate::PATIENT),
        gateway: "app-passwords = true".into(),
        edits: vec![(MARK.to_owned(), format!("{programs}\n{MARK}"))],
        ..patient()
    })
}

/// Makes an app password for an application.
fn issue(site: &Guarded, application: &str) -> anyhow::Result<(String, String)> {
    let issuance =
        json!({"issue": {"method": "app-password", "label": "Phone", "address": application}});
    let made = site.server.administer("alice", issuance)?;
    let text = |pointer: &str| made.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    Ok((
        text("/outcome/done/provisioning/payload"),
        text("/outcome/done/credential"),
    ))
}

fn ask(port: u16, path: &str, user: &str, password: &str) -> anyhow::Result<Answer> {
    let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    let host = format!("127.0.0.1:{port}");
    send(
        port,
        "PROPFIND",
        path,
        &[("Host", &host), ("Authorization", &basic)],
        "",
    )
}

fn verifications(site: &Guarded) -> anyhow::Result<usize> {
    let rows = site.server.operator(&["audit", "show", "--json"])?;
    Ok(rows
        .lines()
        .filter(|row| row.contains("sign-in-allowed"))
        .count())
}

#[test]
fn by_10_a_program_gets_in_with_its_own_password_and_nothing_else() -> Tested {
    let Some(site) = start()? else {
        return Ok(());
    };
    with_device(&site, ALICE)?;
    let (password, _) = issue(&site, "intranet")?;
    let (other, _) = issue(&site, "mail")?;
    // Nothing, another application's, the user's own password, a code: although a rule lets people here pass.
    let host = format!("127.0.0.1:{}", site.port);
    let answer = send(site.port, "GET", "/dav/", &[("Host", &host)], "")?;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Basic realm=\"intranet\", charset=\"UTF-8\"")
    );
    let code = crate::phone().fresh()?;
    for (user, wrong) in [
        ("alice", other.as_str()),
        ("alice", ALICE.1),
        ("alice", code.as_str()),
        ("alice", ""),
        ("alice", "x"),
        ("bob", password.as_str()),
        ("nobody-of-that-name", password.as_str()),
        ("", password.as_str()),
    ] {
        let answer = ask(site.port, "/dav/x", user, wrong)?;
        assert_eq!(answer.status, 401, "{user} {wrong}");
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .starts_with("Basic ")
        );
        assert_eq!(answer.location(), "");
    }
    assert!(site.application.asked().is_empty());

    for user in ["alice", "ALICE"] {
        let answer = ask(site.port, "/dav/calendar", user, &password)?;
        assert_eq!(answer.status, 200, "{user}");
    }
    let asked = site.application.asked();
    let first = &asked[0];
    assert_eq!(first.method, "PROPFIND");
    assert_eq!(first.all("Remote-User"), ["alice"]);
    assert_eq!(first.all("X-Cofactor-Method"), ["app-password"]);
    assert_eq!(first.all("X-Cofactor-Level"), ["1"]);
    assert!(first.all("Authorization").is_empty());
    assert!(answer_has_no_cookie(&ask(
        site.port,
        "/dav/calendar",
        "alice",
        &password
    )?));

    // What a route keeps for people who can be asked is kept from programs.
    let answer = ask(site.port, "/dav/admin/x", "alice", &password)?;
    assert_eq!(answer.status, 401);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("insufficient_user_authentication"),
        "{challenge}"
    );

    // Nor is it of any use to a browser: not at the pages, and not where people are asked.
    let reached = site.application.asked().len();
    let basic = format!("Basic {}", STANDARD.encode(format!("alice:{password}")));
    for path in ["/", "/.cofactor/", "/.cofactor/devices"] {
        let headers = [
            ("Host", host.as_str()),
            ("Authorization", &basic),
            ("Accept", "text/html"),
        ];
        assert_eq!(
            send(site.port, "GET", path, &headers, "")?.status,
            401,
            "{path}"
        );
    }
    assert_eq!(site.application.asked().len(), reached);
    Ok(())
}

fn answer_has_no_cookie(answer: &Answer) -> bool {
    answer.header("set-cookie").is_none()
}

#[test]
fn one_verification_answers_a_programs_requests_until_its_password_is_revoked() -> Tested {
    let Some(site) = start()? else {
        return Ok(());
    };
    with_device(&site, ALICE)?;
    let (password, credential) = issue(&site, "intranet")?;
    let before = verifications(&site)?;
    let port = site.port;
    // Many at once, as a mail client opens them, and to many places.
    let threads: Vec<_> = (0..12)
        .map(|at| {
            let password = password.clone();
            thread::spawn(move || {
                (0..10).all(|again| {
                    let path = format!("/dav/{at}/{again}");
                    ask(port, &path, "alice", &password).is_ok_and(|answer| answer.status == 200)
                })
            })
        })
        .collect();
    for thread in threads {
        assert!(thread.join().unwrap());
    }
    let made = verifications(&site)? - before;
    assert!(
        (1..=3).contains(&made),
        "{made} verifications for 120 requests"
    );
    // A wrong password beside it is no reason to let it pass.
    assert_eq!(ask(port, "/dav/0/0", "alice", "wrong")?.status, 401);
    assert_eq!(ask(port, "/dav/0/0", "alice", &password)?.status, 200);
    // Revoked: with the next request, although it was kept.
    site.server
        .administer("alice", json!({"remove-credential": credential}))?;
    assert_eq!(ask(port, "/dav/0/0", "alice", &password)?.status, 401);
    assert_eq!(ask(port, "/dav/new", "alice", &password)?.status, 401);
    // Blocked: another one, too.
    let (password, _) = issue(&site, "intranet")?;
    assert_eq!(ask(port, "/dav/0", "alice", &password)?.status, 200);
    site.server.administer("alice", json!("block"))?;
    assert_eq!(ask(port, "/dav/0", "alice", &password)?.status, 401);
    Ok(())
}

#[test]
fn a_gateway_takes_app_passwords_only_where_it_is_told_to() -> Tested {
    let Some(site) = Guarded::start(&Site {
        policy: format!("{}{POLICY}", crate::PATIENT),
        edits: vec![(
            "        proxy_set_header Authorization     \"\";\n        proxy_set_header X-Cofactor-Secret \"".to_owned(),
            "        proxy_set_header Authorization     $http_authorization;\n        proxy_set_header X-Cofactor-Secret \"".to_owned(),
        ), (
            "X-Cofactor-User   $remote_user".to_owned(),
            "X-Cofactor-User   \"\"".to_owned(),
        )],
        ..patient()
    })?
    else {
        return Ok(());
    };
    with_device(&site, ALICE)?;
    // The password of nginx's own list comes through here; nothing of it is looked at.
    let mut alice = visitor(&site, ALICE);
    let answer = alice.get("/")?;
    assert_eq!(answer.status, 401);
    assert!(site.application.asked().is_empty());
    Ok(())
}
