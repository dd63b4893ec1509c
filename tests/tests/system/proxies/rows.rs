//! The behaviours: what is done at a site, what has to be so for every proxy, and in a word what its client sees.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofactor_tests::application::WEBSOCKET_KEY;
use cofactor_tests::authenticator::Authenticator;
use cofactor_tests::hostile::Hostile;
use cofactor_tests::http::{Answer, answers, exchange};
use cofactor_tests::program::wait_for;
use cofactor_tests::proxies::{Guarded, PASSWORD, TRUSTED};
use cofactor_tests::visitor::Visitor;

use super::{signed_in, since, visitor, with_device};
use crate::{answer, is_application, sign_in};

/// What is done, and the cell that comes of it.
pub(super) type Row = (&'static str, fn(&mut Guarded) -> anyhow::Result<String>);

/// In the order of the table. The last ones bring the host down.
pub(super) const ROWS: [Row; 21] = [
    ("first factor missing", first_factor_missing),
    ("not signed in", not_signed_in),
    ("enrolment", enrolment),
    ("challenge, right code", right_code),
    ("wrong code", wrong_code),
    ("the same code again", same_code),
    ("step-up on one route", step_up),
    ("XHR, programs", programs),
    ("POST, not signed in", post_not_signed_in),
    ("POST, signed in", post_signed_in),
    ("WebSocket", websocket),
    ("spoofed identity", spoofed_identity),
    ("spoofed address", spoofed_address),
    ("encoded and dotted paths", paths),
    ("unknown method", unknown_method),
    ("two people, one page", cached_for_nobody),
    ("sign-out", sign_out),
    ("blocked while signed in", blocked),
    ("host slow", host_slow),
    ("host down", host_down),
    ("plugin fault", plugin_fault),
];

const TO_PAGES: &str = "to the pages";

fn first_factor_missing(site: &mut Guarded) -> anyhow::Result<String> {
    let before = site.application.asked().len();
    for (user, password) in [
        ("person-0", "another password"),
        ("nobody", PASSWORD),
        ("", ""),
    ] {
        let mut mallory = Visitor::with_password(site.port, user, password);
        for address in ["/", "/.cofactor/", "/.cofactor/devices"] {
            let answer = mallory.get(address)?;
            ensure!(answer.status == 401, "{user} {address}: {}", answer.status);
            ensure!(answer.location().is_empty(), "{}", answer.location());
        }
    }
    ensure!(since(site, before).is_empty());
    Ok("401".to_owned())
}

fn not_signed_in(site: &mut Guarded) -> anyhow::Result<String> {
    let before = site.application.asked().len();
    let (_, mut who) = visitor(site);
    let mut seen = Vec::new();
    for method in ["GET", "HEAD"] {
        let answer = who.request(method, "/a?b=c", &[], "")?;
        let expected = format!("http://127.0.0.1:{}/.cofactor/?rd=/a%3Fb%3Dc", site.port);
        ensure!(answer.location() == expected, "{}", answer.location());
        seen.push(answer.status);
    }
    ensure!(since(site, before).is_empty());
    ensure!(
        seen[0] == seen[1] && matches!(seen[0], 302 | 303),
        "{seen:?}"
    );
    Ok(format!("{} {TO_PAGES}", seen[0]))
}

fn enrolment(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who) = visitor(site);
    let wanted = "/reports?quarter=3&for=%C3%A4rger";
    let page = who.visit(wanted)?;
    let page = who.submit(&page, "/.cofactor/enrol", &[("label", "My phone")])?;
    let phone = Authenticator::with(&page.secret()?).context("no oathtool")?;
    let code = phone.code()?;
    let page = who.submit(&page, "/.cofactor/enrol/confirm", &[("code", &code)])?;
    ensure!(is_application(&page), "{}", page.text());
    ensure!(page.address == who.absolute(wanted), "{}", page.address);
    Ok("back at the address".to_owned())
}

fn right_code(site: &mut Guarded) -> anyhow::Result<String> {
    let before = site.application.asked().len();
    let (name, mut who, mut phone) = with_device(site)?;
    let page = sign_in(&mut who, &mut phone, "/in?x=a%26b")?;
    ensure!(is_application(&page), "{}", page.text());
    let asked = since(site, before);
    ensure!(asked.len() == 1, "{asked:?}");
    ensure!(asked[0].target == "/in?x=a%26b", "{}", asked[0].target);
    for (header, value) in [
        ("remote-user", name.as_str()),
        ("x-cofactor-method", "totp"),
        ("x-cofactor-level", "2"),
    ] {
        ensure!(asked[0].all(header) == [value], "{header}: {asked:?}");
    }
    ensure!(asked[0].all("x-cofactor-verified").len() == 1, "{asked:?}");
    // What is between proxy and host stays there, and the password is the first factor's.
    for header in ["authorization", "x-cofactor-secret", "x-cofactor-user"] {
        let values = asked[0].all(header);
        ensure!(
            values.iter().all(|value| value.is_empty()),
            "{header}: {values:?}"
        );
    }
    Ok("back at the address".to_owned())
}

fn wrong_code(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = with_device(site)?;
    let page = who.visit("/")?;
    let refused = answer(&mut who, &page, "000000")?;
    ensure!(
        refused.text().contains("not accepted"),
        "{}",
        refused.text()
    );
    ensure!(!is_application(&who.visit("/")?));
    Ok(refused.answer.status.to_string())
}

fn same_code(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, mut phone) = with_device(site)?;
    let code = phone.fresh()?;
    let page = who.visit("/")?;
    ensure!(is_application(&answer(&mut who, &page, &code)?));
    let mut elsewhere = who.elsewhere();
    let page = elsewhere.visit("/")?;
    let refused = answer(&mut elsewhere, &page, &code)?;
    ensure!(!is_application(&elsewhere.visit("/")?));
    Ok(refused.answer.status.to_string())
}

fn step_up(site: &mut Guarded) -> anyhow::Result<String> {
    site.server.enrol(TRUSTED, crate::SECRET)?;
    let (mut who, mut phone) = (
        Visitor::with_password(site.port, TRUSTED, PASSWORD),
        crate::phone(),
    );
    let level = |site: &Guarded| {
        let asked = site.application.asked();
        asked
            .last()
            .map(|asked| asked.all("x-cofactor-level").join(" "))
    };
    ensure!(is_application(&who.visit("/")?), "not let in");
    ensure!(level(site).as_deref() == Some("1"), "{:?}", level(site));
    let before = site.application.asked().len();
    let json = ("Accept", "application/json");
    let program = who.request("GET", "/admin/users", &[json], "")?;
    ensure!(program.status == 401, "{}", program.status);
    let challenge = program.header("www-authenticate").unwrap_or_default();
    ensure!(
        challenge.contains("error=\"insufficient_user_authentication\"")
            && challenge.contains("acr_values=\"urn:cofactor:level:2\""),
        "{challenge}"
    );
    ensure!(who.get("/admin/users")?.status != 200);
    ensure!(since(site, before).is_empty());
    let page = sign_in(&mut who, &mut phone, "/admin/users?page=2")?;
    ensure!(is_application(&page), "{}", page.text());
    ensure!(page.address == who.absolute("/admin/users?page=2"));
    ensure!(level(site).as_deref() == Some("2"), "{:?}", level(site));
    Ok("asks, and back at the address".to_owned())
}

/// FA-08.
fn programs(site: &mut Guarded) -> anyhow::Result<String> {
    let before = site.application.asked().len();
    let (_, mut who) = visitor(site);
    for headers in [
        &[("Accept", "application/json")][..],
        &[("Accept", "*/*")],
        &[
            ("Accept", "text/html"),
            ("X-Requested-With", "XMLHttpRequest"),
        ],
        &[("Accept", "text/html"), ("Sec-Fetch-Mode", "cors")],
        &[("Accept", "text/html"), ("Sec-Fetch-Mode", "websocket")],
    ] {
        let answer = who.request("GET", "/api/items", headers, "")?;
        ensure!(answer.status == 401, "{headers:?}: {}", answer.status);
        ensure!(answer.location().is_empty(), "{headers:?}");
    }
    ensure!(since(site, before).is_empty());
    Ok("401, no redirect".to_owned())
}

/// FA-09.
fn post_not_signed_in(site: &mut Guarded) -> anyhow::Result<String> {
    let before = site.application.asked().len();
    let (_, mut who) = visitor(site);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let answer = who.request("POST", "/transfer", &[form], "amount=canary-in-the-body")?;
    // 303: the browser goes to the page by GET and leaves the body behind.
    ensure!(answer.status == 303, "{}", answer.status);
    ensure!(
        !answer.location().contains("canary"),
        "{}",
        answer.location()
    );
    ensure!(since(site, before).is_empty());
    ensure!(!site.server.log()?.contains("canary"));
    Ok(format!("{} {TO_PAGES}", answer.status))
}

fn post_signed_in(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = signed_in(site)?;
    let before = site.application.asked().len();
    let kind = ("Content-Type", "text/plain");
    for method in ["POST", "PUT"] {
        who.request(method, "/transfer", &[kind], "the whole body")?;
    }
    let asked = since(site, before);
    ensure!(asked.len() == 2, "{asked:?}");
    for (asked, method) in asked.iter().zip(["POST", "PUT"]) {
        ensure!(
            asked.method == method && asked.body == "the whole body",
            "{asked:?}"
        );
    }
    Ok("method and body arrive".to_owned())
}

fn websocket(site: &mut Guarded) -> anyhow::Result<String> {
    let before = site.application.asked().len();
    let (name, _) = visitor(site);
    let (_, head) = upgrade(site, &name, "")?;
    ensure!(head.starts_with("HTTP/1.1 401"), "{head}");
    ensure!(since(site, before).is_empty());
    let (name, who, _) = signed_in(site)?;
    let (mut stream, head) = upgrade(site, &name, who.cookie("cofactor").context("no session")?)?;
    ensure!(head.starts_with("HTTP/1.1 101"), "{head}");
    ensure!(echoes(&mut stream)?);
    Ok("101; 401 without a session".to_owned())
}

/// What an attacker writes under names that proxies and applications believe.
const SPOOFED: [&str; 27] = [
    "Remote-User",
    "REMOTE-USER",
    "remote-user",
    "Remote_User",
    "REMOTE_USER",
    "Remote-Groups",
    "Remote_Groups",
    "Remote-Name",
    "Remote-Email",
    "X-Remote-User",
    "X_Remote_User",
    "X-Forwarded-User",
    "X_Forwarded_User",
    "X-Cofactor-User",
    "X_Cofactor_User",
    "X-Cofactor-Secret",
    "X_Cofactor_Secret",
    "X-Cofactor-Method",
    "X-Cofactor-Level",
    "X_Cofactor_Level",
    "X-Cofactor-Verified",
    "X-Cofactor-Fail-Open",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Original-URL",
    "X-Original-Method",
];

/// FA-01, FA-02.
fn spoofed_identity(site: &mut Guarded) -> anyhow::Result<String> {
    let before = site.application.asked().len();
    let (_, mut nobody) = visitor(site);
    for name in SPOOFED {
        let answer = nobody.request("GET", "/", &[(name, "mallory")], "")?;
        ensure!(answer.status != 200, "{name}");
        ensure!(!answer.location().contains("mallory"), "{name}");
    }
    ensure!(since(site, before).is_empty());

    let (user, mut who, _) = signed_in(site)?;
    let before = site.application.asked().len();
    let mut sent = 0;
    for name in SPOOFED {
        for headers in [
            &[(name, "mallory")][..],
            &[(name, "mallory"), (name, "mallory")],
            &[(name, "mallory"), ("Connection", name)],
        ] {
            let answer = who.request("GET", "/", headers, "")?;
            ensure!(
                matches!(answer.status, 200 | 400),
                "{headers:?}: {}",
                answer.status
            );
            sent += usize::from(answer.status == 200);
        }
    }
    // A header that a hop takes away for itself may be missing at the application; it is never another's.
    const BELIEVED: [&str; 7] = [
        "remote",
        "cofactor",
        "secret",
        "user",
        "forwarded",
        "original",
        "proto",
    ];
    let asked = since(site, before);
    ensure!(
        asked.len() == sent && sent >= SPOOFED.len(),
        "{sent} of {}",
        asked.len()
    );
    for asked in asked {
        let users = asked.all("remote-user");
        ensure!(users == [user.as_str()] || users.is_empty(), "{asked:?}");
        for (name, value) in &asked.headers {
            let plain = name.to_ascii_lowercase().replace('_', "-");
            let is_believed = BELIEVED.iter().any(|part| plain.contains(part));
            ensure!(
                !is_believed || !value.contains("mallory"),
                "{name}: {value}"
            );
        }
    }
    Ok("overwritten or removed".to_owned())
}

/// FA-03.
fn spoofed_address(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who) = visitor(site);
    let spoofed = [
        ("X-Original-URL", "https://evil.example/"),
        ("X-Original-URI", "/elsewhere"),
        ("X-Original-Method", "TRACE"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Uri", "/elsewhere"),
        ("X-Forwarded-Method", "TRACE"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "host=evil.example"),
        ("X-HTTP-Method-Override", "TRACE"),
    ];
    let expected = format!("http://127.0.0.1:{}/.cofactor/?rd=/here%3Fx%3D1", site.port);
    let answer = who.request("GET", "/here?x=1", &spoofed, "")?;
    ensure!(
        answer.location() == expected,
        "{} {}",
        answer.status,
        answer.location()
    );
    for spoofed in spoofed {
        let answer = who.request("GET", "/here?x=1", &[spoofed], "")?;
        ensure!(
            answer.location() == expected,
            "{spoofed:?}: {}",
            answer.location()
        );
        // The pages are on the site that was asked for as well.
        let page = who.request("GET", "/.cofactor/", &[spoofed], "")?;
        ensure!(page.status == 200, "{spoofed:?}: {}", page.status);
    }
    // Another host in the request itself is none of the gateway's.
    let before = site.application.asked().len();
    let (_, mut who, _) = signed_in(site)?;
    let reached = since(site, before).len();
    let answer = who.request("GET", "/", &[("Host", "evil.example")], "")?;
    ensure!(
        answer.status != 200 && answer.location().is_empty(),
        "{}",
        answer.status
    );
    ensure!(since(site, before).len() == reached);
    Ok("the proxy's own counts".to_owned())
}

/// FA-04.
fn paths(site: &mut Guarded) -> anyhow::Result<String> {
    let (name, who, _) = signed_in(site)?;
    let cookie = who.cookie("cofactor").context("no session")?.to_owned();
    let credentials = STANDARD.encode(format!("{name}:{PASSWORD}"));
    let get = |target: &str| -> anyhow::Result<Answer> {
        let text = format!(
            "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Basic {credentials}\r\n\
             Cookie: cofactor={cookie}\r\nAccept: text/html\r\nConnection: close\r\n\r\n",
            site.port
        );
        let octets = exchange(site.port, text.as_bytes())?;
        answers(&octets)?.into_iter().next().context("no answer")
    };
    for target in [
        "/plain",
        "/caf%C3%A9?x=%2e%2f..",
        "/a%20b",
        "/.well-known/x",
    ] {
        ensure!(get(target)?.status == 200, "{target}");
    }
    let before = site.application.asked().len();
    let odd = [
        "/a//b",
        "/a/../b",
        "/a/..%2fb",
        "/a/%2e%2e/b",
        "/a%2fb",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/a;x/b",
        "/a%3bx",
        "/a%00b",
        "/a%0d%0ab",
        "/a%252fb",
        "/a/%252e%252e/b",
        "/a/./b",
        "/a/.",
        "//evil.example/b",
        "/.cofactor/../b",
        "/.cofactor/%2e%2e/b",
        "/.cofactor/..%2fb",
        "/%2ecofactor/..%2fb",
        "/a%zz",
    ];
    let mut refused = 0;
    for target in odd {
        let answer = get(target)?;
        ensure!(
            matches!(answer.status, 200 | 302 | 303 | 400 | 403 | 404 | 500),
            "{target}: {}",
            answer.status
        );
        refused += usize::from(answer.status != 200);
    }
    // What the application gets is written in one way only: whoever wrote it in another was refused, or the proxy has made
    // it plain before it asked.
    for asked in since(site, before) {
        let path = asked.target.split('?').next().unwrap_or_default();
        let odd = [
            "//", "/../", "/./", "\\", ";", "%2f", "%2e", "%5c", "%3b", "%00", "%0d", "%25",
        ];
        let found = odd
            .iter()
            .find(|odd| path.to_ascii_lowercase().contains(**odd));
        ensure!(found.is_none() && !path.ends_with("/."), "{path}");
    }
    Ok(format!(
        "{refused} of {} refused, others made plain",
        odd.len()
    ))
}

/// FA-05.
fn unknown_method(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = signed_in(site)?;
    let before = site.application.asked().len();
    let mut seen = Vec::new();
    for method in ["BREW", "get", "GETz", "Post"] {
        let answer = who.request(method, "/", &[], "")?;
        ensure!(answer.status >= 400, "{method}: {}", answer.status);
        seen.push(answer.status.to_string());
    }
    ensure!(since(site, before).is_empty());
    // Nor does a header change the method that is judged.
    let answer = who.request("GET", "/", &[("X-HTTP-Method-Override", "BREW")], "")?;
    ensure!(answer.status == 200, "{}", answer.status);
    seen.dedup();
    Ok(seen.join(", "))
}

/// FA-12.
fn cached_for_nobody(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut alice, _) = signed_in(site)?;
    for _ in 0..3 {
        ensure!(alice.get("/")?.status == 200);
        let (_, mut bob) = visitor(site);
        let answer = bob.get("/")?;
        ensure!(answer.status != 200);
        ensure!(
            answer.header("cache-control") == Some("no-store"),
            "{answer:?}"
        );
    }
    Ok("each their own answer".to_owned())
}

fn sign_out(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = signed_in(site)?;
    let stolen = who.cookie("cofactor").context("no session")?.to_owned();
    crate::sign_out(&mut who)?;
    ensure!(!is_application(&who.visit("/")?));
    who.plant("cofactor", &stolen);
    let answer = who.get("/")?;
    ensure!(answer.status != 200);
    Ok(format!("{} {TO_PAGES}", answer.status))
}

/// FA-14.
fn blocked(site: &mut Guarded) -> anyhow::Result<String> {
    let (name, mut who, _) = signed_in(site)?;
    let cookie = who.cookie("cofactor").context("no session")?.to_owned();
    let (mut stream, head) = upgrade(site, &name, &cookie)?;
    ensure!(head.starts_with("HTTP/1.1 101"), "{head}");
    site.server.operator(&["user", "block", &name])?;
    ensure!(!is_application(&who.visit("/")?));
    let (_, head) = upgrade(site, &name, &cookie)?;
    ensure!(head.starts_with("HTTP/1.1 40"), "{head}");
    // What is open goes on, as the pages say: no proxy asks again.
    ensure!(echoes(&mut stream)?);
    Ok("at once; an open WebSocket goes on".to_owned())
}

fn host_slow(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = signed_in(site)?;
    let before = site.application.asked().len();
    let signal = |name: &str| {
        let process = site.server.process.id().to_string();
        Command::new("kill").args([name, &process]).status()
    };
    ensure!(signal("-STOP")?.success());
    // A signal takes a moment: `T` after the program's name is a stopped process (proc(5)).
    let stat = format!("/proc/{}/stat", site.server.process.id());
    wait_for("the host to stand still", || {
        let stat = std::fs::read_to_string(&stat).ok()?;
        stat.rsplit(')')
            .next()?
            .trim_start()
            .starts_with('T')
            .then_some(())
    })?;
    let answer = who.get("/");
    ensure!(signal("-CONT")?.success());
    let status = answer?.status;
    ensure!(since(site, before).is_empty());
    ensure!(is_application(&who.visit("/")?), "it was not theirs");
    Ok(format!("{status}, closed"))
}

fn host_down(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = signed_in(site)?;
    let (_, mut other) = visitor(site);
    let before = site.application.asked().len();
    site.server.process.kill();
    let status = who.get("/")?.status;
    let same = other.get("/")?.status;
    ensure!(status >= 500 && same == status, "{status} {same}");
    ensure!(since(site, before).is_empty());
    site.server.start_again()?;
    ensure!(is_application(&who.visit("/")?), "nothing is lost");
    Ok(format!("{status}, closed"))
}

/// The component is replaced by one that traps.
fn plugin_fault(site: &mut Guarded) -> anyhow::Result<String> {
    let (_, mut who, _) = signed_in(site)?;
    let before = site.application.asked().len();
    site.server.process.stop()?;
    std::fs::write(site.component(), Hostile::default().component()?)?;
    site.server.start_again()?;
    let status = who.get("/")?.status;
    ensure!(status >= 400, "{status}");
    ensure!(since(site, before).is_empty());
    Ok(format!("{status}, closed"))
}

/// Opens a WebSocket; the head of the answer, and the connection behind it.
fn upgrade(site: &Guarded, user: &str, session: &str) -> anyhow::Result<(TcpStream, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", site.port))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let credentials = STANDARD.encode(format!("{user}:{PASSWORD}"));
    let cookie = match session {
        "" => String::new(),
        session => format!("Cookie: cofactor={session}\r\n"),
    };
    write!(
        stream,
        "GET /socket HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {WEBSOCKET_KEY}\r\n\
         Authorization: Basic {credentials}\r\n{cookie}\r\n",
        site.port
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut one = [0; 1];
        stream.read_exact(&mut one)?;
        head.push(one[0]);
    }
    Ok((stream, String::from_utf8(head)?))
}

/// Whether what is sent comes back.
fn echoes(stream: &mut TcpStream) -> anyhow::Result<bool> {
    let mut back = [0; 4];
    stream.write_all(b"ping")?;
    stream.read_exact(&mut back)?;
    Ok(&back == b"ping")
}
