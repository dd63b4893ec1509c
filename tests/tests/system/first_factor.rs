//! First factors beside the proxy's own word: a directory, tokens, client certificates. As docs/first-factor.md has them.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use cofactor_tests::directory::{Directory, SERVICE};
use cofactor_tests::issuer::Issuer;
use cofactor_tests::nginx::{Guarded, Site, block};
use cofactor_tests::program::{peer, project};
use cofactor_tests::visitor::Visitor;
use serde_json::{Value, json};

use super::{SECRET, Tested, is_application, patient, phone, sign_in, visitor};

/// What docs/first-factor.md changes in the configuration of docs/nginx.md: nginx asks for no password, and passes on what
/// the client sends.
fn passed_on() -> Vec<(String, String)> {
    let swaps = [
        ("auth_basic           \"Sign in\";", ""),
        ("auth_basic_user_file", "#"),
        (
            "proxy_set_header Authorization     \"\";",
            "proxy_set_header Authorization     $http_authorization;",
        ),
    ];
    swaps
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .into()
}

/// The page's table for this first factor, with the test's own addresses.
fn table(mark: &str, swaps: &[(&str, &str)]) -> anyhow::Result<String> {
    let page = std::fs::read_to_string(project("docs/first-factor.md"))?;
    // The page has whole tables; the first lines of this one are those of docs/nginx.md.
    let text = block(&page, "toml", mark)?;
    let mut text = text
        .split_once("application = \"intranet\"\n")
        .context("the page's table is another one")?
        .1
        .to_owned();
    for (from, to) in swaps {
        assert!(text.contains(from), "the page has no `{from}` any more");
        text = text.replace(from, to);
    }
    Ok(text)
}

fn authority() -> String {
    project("tests/fixtures/tls/authority.pem")
        .display()
        .to_string()
}

/// A guarded site with a directory behind it.
fn with_directory(table: &str) -> anyhow::Result<Option<Guarded>> {
    Guarded::start(&Site {
        gateway: table.to_owned(),
        edits: passed_on(),
        ..patient()
    })
}

fn by_name(directory: &Directory) -> anyhow::Result<String> {
    table(
        "bind-dn = ",
        &[
            (
                "ldaps://ldap.example.com",
                &format!("ldaps://localhost:{}", directory.tls_port),
            ),
            ("directory-ca.pem", &authority()),
        ],
    )
}

fn by_search(directory: &Directory) -> anyhow::Result<String> {
    table(
        "[gateway.ldap.search]",
        &[
            (
                "ldap://ldap.example.com",
                &format!("ldap://localhost:{}", directory.port),
            ),
            ("directory-ca.pem", &authority()),
            (
                "password-file = \"directory.password\"",
                &format!("password = \"{}\"", SERVICE.1),
            ),
        ],
    )
}

#[test]
fn a_directory_is_the_first_factor_and_a_page_costs_it_one_bind() -> Tested {
    let Some(directory) = Directory::start()? else {
        return Ok(());
    };
    let Some(site) = with_directory(&by_name(&directory)?)? else {
        return Ok(());
    };
    // Who sends nothing is asked for a password, by Cofactor and not by nginx.
    let nobody = Visitor::with_header(site.port, "X-Nothing", "at all").get("/")?;
    assert_eq!(nobody.status, 401);
    let asked: Vec<_> = nobody.all("www-authenticate").collect();
    assert_eq!(asked, ["Basic realm=\"Sign in\", charset=\"UTF-8\""]);
    for wrong in ["alice's passwort", "", "bob's password", "*"] {
        let answer = visitor(&site, ("alice", wrong)).get("/")?;
        assert_eq!(answer.status, 401, "{wrong:?}");
        assert!(answer.header("www-authenticate").is_some());
    }
    // The same on the pages, where somebody may begin.
    let page = Visitor::with_header(site.port, "X-Nothing", "at all").get("/.cofactor/devices")?;
    assert_eq!(page.status, 401);
    assert!(page.header("www-authenticate").is_some());
    let binds = directory.binds()?;
    assert_eq!(
        binds.len(),
        3,
        "an empty password is no question: {binds:?}"
    );

    site.server.enrol("alice", SECRET)?;
    let (mut alice, mut phone) = (visitor(&site, ("Alice", "alice's password")), phone());
    assert!(is_application(&sign_in(&mut alice, &mut phone, "/")?));
    assert_eq!(site.application.asked()[0].all("remote-user"), ["alice"]);
    for at in 0..50 {
        assert!(is_application(&alice.visit(&format!("/picture/{at}"))?));
    }
    assert_eq!(directory.binds()?.len(), 4, "one for all of it");
    // The password stays with Cofactor.
    for asked in site.application.asked() {
        assert!(asked.all("authorization").is_empty());
    }
    let log = site.server.log()?;
    assert!(!log.contains("alice's password"), "{log}");
    // A session alone, without the first factor, is nothing.
    let cookie = alice.cookie("cofactor").unwrap().to_owned();
    let mut thief = visitor(&site, ("alice", "a guess"));
    thief.plant("cofactor", &cookie);
    assert_eq!(thief.get("/")?.status, 401);
    Ok(())
}

#[test]
fn ld_03_ld_04_names_reach_the_directory_escaped_and_in_one_form() -> Tested {
    let Some(directory) = Directory::start()? else {
        return Ok(());
    };
    for table in [by_name(&directory)?, by_search(&directory)?] {
        let Some(site) = with_directory(&table)? else {
            return Ok(());
        };
        let ask = |name: &str, password: &str| -> anyhow::Result<u16> {
            Ok(visitor(&site, (name, password)).get("/")?.status)
        };
        // Spellings of one user are one user: 303 is the way to the second factor.
        for name in ["alice", "ALICE", "alice "] {
            assert_eq!(ask(name, "alice's password")?, 303, "{name:?}");
        }
        assert_eq!(ask("a+b,c\"d", "odd's password")?, 303);
        for name in [
            "*",
            "ali*",
            "alice)(uid=*",
            "*)(objectClass=*",
            "alice,ou=people",
            "alice,ou=people,dc=example,dc=org",
            "\\61lice",
            "alice\\2a",
            "uid=alice",
        ] {
            assert_ne!(ask(name, "alice's password")?, 303, "{name}");
        }
        let spelled = directory
            .binds()?
            .into_iter()
            .filter(|dn| dn.to_lowercase().starts_with("uid=alice,"));
        for dn in spelled {
            assert_eq!(dn, "uid=alice,ou=people,dc=example,dc=org");
        }
    }
    Ok(())
}

#[test]
fn a_user_of_two_names_has_no_second_account_by_the_second() -> Tested {
    let Some(directory) = Directory::start()? else {
        return Ok(());
    };
    let table = by_search(&directory)?.replace(
        "(&(objectClass=person)(uid={user}))",
        "(&(objectClass=person)(|(uid={user})(mail={user})))",
    );
    let Some(site) = with_directory(&table)? else {
        return Ok(());
    };
    site.server.enrol("bob", SECRET)?;
    let mut bob = visitor(&site, ("bob@example.org", "bob's password"));
    let page = sign_in(&mut bob, &mut phone(), "/")?;
    assert!(is_application(&page), "{}", page.text());
    assert_eq!(site.application.asked()[0].all("remote-user"), ["bob"]);
    // Whose entry has two names is nobody, as either of them would be an account without a factor.
    for name in ["amy", "anna"] {
        let answer = visitor(&site, (name, "amy's password")).get("/")?;
        assert_eq!(answer.status, 401, "{name}");
    }
    assert!(site.server.log()?.contains("exactly one name"));
    assert_eq!(visitor(&site, ("nobody", "x")).get("/")?.status, 401);
    Ok(())
}

#[test]
fn a_directory_that_cannot_be_trusted_or_reached_lets_nobody_in() -> Tested {
    let Some(mut directory) = Directory::start()? else {
        return Ok(());
    };
    let strangers = project("tests/fixtures/tls/client-authority.pem");
    let table = by_name(&directory)?;
    let untrusted = table.replace(&authority(), &strangers.display().to_string());
    let Some(site) = with_directory(&untrusted)? else {
        return Ok(());
    };
    let alice = ("alice", "alice's password");
    // nginx makes 500 of 503.
    assert_eq!(visitor(&site, alice).get("/")?.status, 500);
    assert_eq!(directory.binds()?.len(), 0, "no password was sent");
    assert!(site.server.log()?.contains("cannot be checked"));
    let Some(site) = with_directory(&table)? else {
        return Ok(());
    };
    directory.process.kill();
    assert_eq!(visitor(&site, alice).get("/")?.status, 500);
    assert!(site.application.asked().is_empty());
    Ok(())
}

#[test]
fn bf_06_wrong_passwords_from_one_address_have_to_wait() -> Tested {
    let Some(directory) = Directory::start()? else {
        return Ok(());
    };
    let table = format!("{}failures-per-minute = 5\n", by_name(&directory)?);
    let Some(site) = with_directory(&table)? else {
        return Ok(());
    };
    let mut known = visitor(&site, ("bob", "bob's password"));
    assert_eq!(known.get("/")?.status, 303);
    for guess in 0..5 {
        let answer = visitor(&site, ("alice", &format!("guess {guess}"))).get("/")?;
        assert_eq!(answer.status, 401);
    }
    // Even the right one is not asked about, and who is known already goes on.
    let right = visitor(&site, ("alice", "alice's password")).get("/")?;
    assert_eq!(right.status, 403);
    assert_eq!(known.get("/")?.status, 303);
    assert_eq!(directory.binds()?.len(), 6);
    Ok(())
}

fn claims() -> anyhow::Result<Value> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Ok(json!({
        "iss": "https://login.example.com", "aud": "cofactor", "sub": "Alice", "exp": now + 300,
    }))
}

#[test]
fn a_token_is_the_first_factor_and_its_keys_are_fetched_where_the_configuration_says() -> Tested {
    let issuer = Issuer::start()?;
    let table = table(
        "jwks-url = ",
        &[
            ("https://login.example.com/keys", &issuer.address()),
            ("issuer-ca.pem", &authority()),
        ],
    )?;
    let Some(site) = Guarded::start(&Site {
        gateway: table,
        edits: passed_on(),
        ..patient()
    })?
    else {
        return Ok(());
    };
    site.server.enrol("alice", SECRET)?;
    let header = json!({"alg": "EdDSA", "kid": "one"});
    let token = issuer.token(&header, &claims()?);
    let bearer =
        |token: &str| Visitor::with_header(site.port, "Authorization", &format!("Bearer {token}"));
    // Nothing is published yet: nobody can say.
    assert_eq!(bearer(&token).get("/")?.status, 500);
    let fetched = issuer.fetched();
    assert!(fetched >= 1);
    for _ in 0..20 {
        assert_eq!(bearer(&token).get("/")?.status, 500);
    }
    assert_eq!(issuer.fetched(), fetched, "at most once a minute");
    Ok(())
}

#[test]
fn fa_01_hostile_tokens_name_nobody() -> Tested {
    let issuer = Issuer::start()?;
    issuer.publish("one");
    let table = table(
        "jwks-url = ",
        &[
            ("https://login.example.com/keys", &issuer.address()),
            ("issuer-ca.pem", &authority()),
        ],
    )?;
    let Some(site) = Guarded::start(&Site {
        gateway: table,
        edits: passed_on(),
        ..patient()
    })?
    else {
        return Ok(());
    };
    site.server.enrol("alice", SECRET)?;
    let header = json!({"alg": "EdDSA", "kid": "one"});
    let good = issuer.token(&header, &claims()?);
    let bearer =
        |token: &str| Visitor::with_header(site.port, "Authorization", &format!("Bearer {token}"));
    let mut alice = bearer(&good);
    assert!(is_application(&sign_in(&mut alice, &mut phone(), "/")?));
    assert_eq!(site.application.asked()[0].all("remote-user"), ["alice"]);
    assert_eq!(issuer.fetched(), 1);
    assert!(
        !site.server.log()?.contains(&good[..40]),
        "tokens are not logged"
    );

    let elsewhere = Issuer::start()?;
    elsewhere.publish("one");
    let before = elsewhere.fetched();
    let changed = |name: &str, value: Value| -> anyhow::Result<String> {
        let mut claims = claims()?;
        claims[name] = value;
        Ok(issuer.token(&header, &claims))
    };
    let hostile = [
        issuer.token(&json!({"alg": "none"}), &claims()?),
        issuer.token(&json!({"alg": "HS256", "kid": "one"}), &claims()?),
        issuer.token(&json!({"alg": "ES256", "kid": "one"}), &claims()?),
        issuer.token(
            &json!({"alg": "EdDSA", "kid": "../../../etc/passwd"}),
            &claims()?,
        ),
        issuer.token(
            &json!({"alg": "EdDSA", "kid": "one", "crit": ["x"]}),
            &claims()?,
        ),
        elsewhere.token(&header, &claims()?),
        elsewhere.token(
            &json!({"alg": "EdDSA", "kid": "one", "jku": elsewhere.address()}),
            &claims()?,
        ),
        changed("aud", json!("somebody else"))?,
        changed("iss", json!("https://evil.example"))?,
        changed("exp", json!(1_000_000_000))?,
        changed("nbf", json!(4_000_000_000_u64))?,
        format!("{good}x"),
        format!("{}.e30.", good.split('.').next().unwrap()),
        String::new(),
    ];
    for token in &hostile {
        let answer = bearer(token).get("/")?;
        assert_eq!(answer.status, 401, "{token}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(answer.location(), "");
    }
    assert_eq!(elsewhere.fetched(), before, "no address of a token's own");
    // What the proxy's header would say counts for nothing here.
    let said = Visitor::with_header(site.port, "X-Cofactor-User", "alice").get("/")?;
    assert_eq!(said.status, 401);
    assert!(issuer.fetched() <= 2, "strange names cost one question");
    Ok(())
}

#[test]
fn a_client_certificate_is_the_first_factor_if_the_proxy_has_verified_it() -> Tested {
    let Some(curl) = peer("curl") else {
        return Ok(());
    };
    let tls = project("tests/fixtures/tls");
    let file = |name: &str| tls.join(name).display().to_string();
    let table = table("header = \"X-Client-Subject\"", &[])?;
    for (trusted, expected) in [("client-authority.pem", "303"), ("authority.pem", "401")] {
        let ssl = format!(
            " ssl;\nssl_certificate {};\nssl_certificate_key {};\nssl_client_certificate {};\n\
             ssl_verify_client optional_no_ca; #",
            file("host.pem"),
            file("host.key"),
            file(trusted)
        );
        let mut edits = passed_on();
        edits.pop();
        edits.push((";                # in real life: cofactor".to_owned(), ssl));
        edits.push((
            "proxy_set_header X-Cofactor-User   $remote_user;".to_owned(),
            "proxy_set_header X-Client-Subject  $ssl_client_s_dn;\n\
             proxy_set_header X-Client-Verify   $ssl_client_verify;"
                .to_owned(),
        ));
        let Some(site) = Guarded::start(&Site {
            gateway: table.clone(),
            edits,
            ..patient()
        })?
        else {
            return Ok(());
        };
        let ask = |arguments: &[&str]| -> anyhow::Result<String> {
            let output = Command::new(&curl)
                .args([
                    "-sk",
                    "-o",
                    "/dev/null",
                    "-w",
                    "%{http_code} %{redirect_url}",
                ])
                .args(["-H", "Accept: text/html"])
                .args(arguments)
                .arg(format!("https://127.0.0.1:{}/", site.port))
                .output()?;
            Ok(String::from_utf8(output.stdout)?)
        };
        let (certificate, key) = (file("alice.pem"), file("alice.key"));
        let with = ["--cert", certificate.as_str(), "--key", key.as_str()];
        assert!(
            ask(&with)?.starts_with(expected),
            "{trusted}: {}",
            ask(&with)?
        );
        assert!(ask(&[])?.starts_with("401"));
        // What a client says of itself is overwritten.
        let claims = [
            "-H",
            "X-Client-Subject: CN=alice",
            "-H",
            "X-Client-Verify: SUCCESS",
        ];
        assert!(ask(&claims)?.starts_with("401"));
    }
    Ok(())
}
