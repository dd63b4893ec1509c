//! Requests that say what is not so.

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofactor_tests::http::{Answer, answers, exchange, send};
use cofactor_tests::proxies::{Guarded, PASSWORD};

use super::{signed_in, since, visitor};

/// What an attacker writes under names that proxies and applications believe.
const SPOOFED: [&str; 47] = [
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
    // CGI and WSGI make one variable of all of these.
    "X-Cofactor_Level",
    "X_Cofactor-Level",
    "X-Cofactor_User",
    "X_Remote-User",
    "X-Remote_User",
    "X-Forwarded_User",
    "X_Forwarded-For",
    "X-Forwarded_Host",
    "X_Original-URL",
    "X-Auth-Request-User",
    "X_Auth_Request_User",
    "X-Auth_Request-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Email",
    "X-Forwarded-Preferred-Username",
    "X-Rewrite-Url",
    "X_Rewrite_Url",
    "X-HTTP-Method-Override",
    "X-HTTP_Method-Override",
    "X-Method-Override",
];

/// FA-01, FA-02.
pub(super) fn spoofed_identity(site: &mut Guarded) -> anyhow::Result<String> {
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
    const BELIEVED: [&str; 10] = [
        "remote",
        "cofactor",
        "secret",
        "user",
        "forwarded",
        "original",
        "proto",
        "auth",
        "rewrite",
        "method",
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
    // Nor does a client take away what Cofactor says, by calling it a matter of its own connection.
    for taken in [
        "X-Cofactor-Level, Remote-User",
        "close, Remote-User",
        "X-Cofactor-User, X-Cofactor-Secret",
    ] {
        let before = site.application.asked().len();
        let answer = who.request("GET", "/", &[("Connection", taken)], "")?;
        ensure!(answer.status == 200, "{taken}: {}", answer.status);
        let asked = since(site, before);
        ensure!(asked.len() == 1, "{taken}: {asked:?}");
        for (header, value) in [("remote-user", user.as_str()), ("x-cofactor-level", "2")] {
            ensure!(asked[0].all(header) == [value], "{taken}: {asked:?}");
        }
    }
    Ok("overwritten or removed".to_owned())
}

/// FA-03.
pub(super) fn spoofed_address(site: &mut Guarded) -> anyhow::Result<String> {
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
    // Another host in the request itself is none of the gateway's, and neither is one with something behind it.
    let (name, who, _) = signed_in(site)?;
    let cookie = who.cookie("cofactor").context("no session")?;
    let first = format!("Basic {}", STANDARD.encode(format!("{name}:{PASSWORD}")));
    let session = format!("cofactor={cookie}");
    let own = format!("127.0.0.1:{}", site.port);
    let before = site.application.asked().len();
    for host in [
        "evil.example",
        "@site@?x=",
        "@site@/x",
        "@site@@evil.example",
        "evil.example@@site@",
        "@site@, evil.example",
        // Two of them.
        "@site@|evil.example",
        "evil.example|@site@",
    ] {
        let host = host.replace("@site@", &own);
        for target in ["/", "/.cofactor/"] {
            let hosts = host.split('|').map(|host| ("Host", host));
            let mut headers: Vec<(&str, &str)> = hosts.collect();
            headers.extend([
                ("Accept", "text/html"),
                ("Authorization", first.as_str()),
                ("Cookie", session.as_str()),
            ]);
            let answer = send(site.port, "GET", target, &headers, "")?;
            // Caddy answers with nothing at all where no site has that name.
            let is_nothing = answer.status == 200 && answer.body.is_empty();
            ensure!(
                (answer.status >= 400 || is_nothing) && answer.location().is_empty(),
                "{host:?} {target}: {} {}",
                answer.status,
                answer.location()
            );
        }
    }
    ensure!(since(site, before).is_empty());
    Ok("the proxy's own counts".to_owned())
}

/// FA-04.
pub(super) fn paths(site: &mut Guarded) -> anyhow::Result<String> {
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
pub(super) fn unknown_method(site: &mut Guarded) -> anyhow::Result<String> {
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
