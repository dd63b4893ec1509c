//! First factors that Cofactor checks itself, in `Authorization`, as it is printed for every proxy: tokens, and programs with a
//! password of their own.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofactor_tests::http::send;
use cofactor_tests::issuer::Issuer;
use cofactor_tests::proxies::{Guarded, Options, Proxy};
use cofactor_tests::visitor::Visitor;
use serde_json::{Value, json};

use super::at_every_proxy;
use crate::{PATIENT, SECRET, Tested, is_application, phone, sign_in};

/// Tokens of an issuer whose keys are in a file.
const TOKENS: &str = "
first-factor = \"jwt\"
[gateway.jwt]
jwks-file = \"issuer.json\"
algorithms = [\"EdDSA\"]
issuer = \"https://login.example.com\"
audience = [\"cofactor\"]
";

const PROGRAMS: &str = "[accounts]\nmethods = ['totp', 'app-password']\n";

fn start(proxy: Proxy, options: Options) -> anyhow::Result<Option<Guarded>> {
    let options = Options {
        print: vec!["--first-factor", "authorization"],
        ..options
    };
    Guarded::start_with(proxy, &options)
}

#[test]
fn a_token_or_a_programs_password_at_every_proxy() -> Tested {
    let issuer = Issuer::start()?;
    at_every_proxy(|proxy| {
        let people = Options {
            policy: PATIENT.to_owned(),
            gateway: TOKENS.to_owned(),
            files: vec![("issuer.json".to_owned(), issuer.keys("one"))],
            ..Options::default()
        };
        let programs = Options {
            policy: format!("{PATIENT}{PROGRAMS}"),
            gateway: "app-passwords = true".to_owned(),
            ..Options::default()
        };
        if let Some(site) = start(proxy, people)? {
            tokens(&site, &issuer).context("tokens")?;
        }
        if let Some(site) = start(proxy, programs)? {
            passwords(&site).context("programs' passwords")?;
        }
        Ok(())
    })
    .map(drop)
}

fn claims() -> anyhow::Result<Value> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Ok(json!({
        "iss": "https://login.example.com", "aud": "cofactor", "sub": "Alice", "exp": now + 300,
    }))
}

fn tokens(site: &Guarded, issuer: &Issuer) -> Tested {
    let bearer =
        |token: &str| Visitor::with_header(site.port, "Authorization", &format!("Bearer {token}"));
    let header = json!({"alg": "EdDSA", "kid": "one"});
    let changed = |name: &str, value: Value| -> anyhow::Result<String> {
        let mut claims = claims()?;
        claims[name] = value;
        Ok(issuer.token(&header, &claims))
    };
    let good = issuer.token(&header, &claims()?);
    for (what, token) in [
        ("expired", changed("exp", json!(1_000_000_000))?),
        ("for others", changed("aud", json!("somebody else"))?),
        ("of others", changed("iss", json!("https://evil.example"))?),
        (
            "not signed",
            issuer.token(&json!({"alg": "none"}), &claims()?),
        ),
        ("bent", format!("{good}x")),
        ("empty", String::new()),
    ] {
        for address in ["/", "/.cofactor/"] {
            let answer = bearer(&token).get(address)?;
            ensure!(answer.status == 401, "{what} {address}: {}", answer.status);
            ensure!(answer.location().is_empty(), "{what} {address}");
            let challenge: Vec<&str> = answer.all("www-authenticate").collect();
            ensure!(challenge == ["Bearer"], "{what} {address}: {challenge:?}");
        }
    }
    // Nor does anybody say who they are in another way.
    for name in ["X-Cofactor-User", "Remote-User", "X-Forwarded-User"] {
        let answer = Visitor::with_header(site.port, name, "alice").get("/")?;
        ensure!(answer.status == 401, "{name}: {}", answer.status);
    }
    ensure!(site.application.asked().is_empty());

    site.server.enrol("alice", SECRET)?;
    let mut alice = bearer(&good);
    let answer = alice.get("/")?;
    ensure!(
        answer.location() == alice.absolute("/.cofactor/?rd=/"),
        "{answer:?}"
    );
    let page = sign_in(&mut alice, &mut phone(), "/a?b=c")?;
    ensure!(is_application(&page), "{}", page.text());
    let asked = site.application.asked();
    ensure!(asked.len() == 1, "{asked:?}");
    ensure!(asked[0].all("remote-user") == ["alice"], "{asked:?}");
    kept(site)?;
    // A session is nothing without the token.
    let cookie = alice.cookie("cofactor").context("no session")?.to_owned();
    let mut thief = bearer("e30.e30.");
    thief.plant("cofactor", &cookie);
    let answer = thief.get("/")?;
    ensure!(answer.status == 401, "{}", answer.status);
    Ok(())
}

fn passwords(site: &Guarded) -> Tested {
    site.server.enrol("alice", SECRET)?;
    let issue = |application: &str| -> anyhow::Result<String> {
        let issuance =
            json!({"issue": {"method": "app-password", "label": "Phone", "address": application}});
        let made = site.server.administer("alice", issuance)?;
        let payload = made.pointer("/outcome/done/provisioning/payload");
        let payload = payload.and_then(Value::as_str);
        Ok(payload.context("no password")?.to_owned())
    };
    let ask = |user: &str, password: &str, path: &str| {
        let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        send(
            site.port,
            "PROPFIND",
            path,
            &[("Authorization", &basic)],
            "",
        )
    };
    let (password, other) = (issue("intranet")?, issue("mail")?);
    for (user, wrong) in [
        ("alice", other.as_str()),
        ("alice", "a guess"),
        ("alice", ""),
        ("bob", password.as_str()),
        ("", password.as_str()),
    ] {
        let answer = ask(user, wrong, "/dav/x")?;
        ensure!(answer.status == 401, "{user} {wrong}: {}", answer.status);
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        ensure!(challenge.starts_with("Basic "), "{challenge}");
        ensure!(answer.location().is_empty());
    }
    ensure!(send(site.port, "GET", "/", &[], "")?.status == 401);
    ensure!(site.application.asked().is_empty());

    for at in 0..3 {
        let answer = ask("alice", &password, &format!("/dav/{at}"))?;
        ensure!(answer.status == 200, "{}", answer.status);
    }
    let asked = site.application.asked();
    ensure!(asked.len() == 3, "{asked:?}");
    for asked in &asked {
        ensure!(asked.method == "PROPFIND", "{asked:?}");
        for (header, value) in [
            ("remote-user", "alice"),
            ("x-cofactor-method", "app-password"),
            ("x-cofactor-level", "1"),
        ] {
            ensure!(asked.all(header) == [value], "{asked:?}");
        }
    }
    kept(site)?;
    // It is of no use at the pages, which ask for whoever the proxy names: nobody.
    let basic = format!("Basic {}", STANDARD.encode(format!("alice:{password}")));
    let mut alice = Visitor::with_header(site.port, "Authorization", &basic);
    let answer = alice.get("/.cofactor/devices")?;
    ensure!(matches!(answer.status, 401 | 403), "{}", answer.status);
    ensure!(!answer.body.contains("<form"), "{}", answer.body);
    Ok(())
}

/// What was shown to Cofactor was not shown to the application.
fn kept(site: &Guarded) -> Tested {
    for asked in site.application.asked() {
        for header in ["authorization", "x-cofactor-secret", "x-cofactor-user"] {
            let values = asked.all(header);
            ensure!(
                values.iter().all(|value| value.is_empty()),
                "{header}: {values:?}"
            );
        }
    }
    Ok(())
}
