//! `cofactor gateway check` against a real nginx: nothing to say of the configuration of docs/nginx.md, and each mistake found
//! that was made in it on purpose.

use std::fs;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofactor_tests::nginx::{Guarded, Site};
use cofactor_tests::program::own;
use serde_json::Value;

use crate::{ALICE, SECRET, Tested, is_application, patient, phone, sign_in, visitor};

/// Checks the site's page as alice, who is signed in.
fn check(site: &Guarded, more: &[&str]) -> anyhow::Result<Output> {
    let (mut alice, mut phone) = match site.server.enrol(ALICE.0, SECRET) {
        Ok(()) => (visitor(site, ALICE), phone()),
        // She has been here before: that code is used up.
        Err(_) => {
            let mut phone = phone();
            phone.fresh()?;
            (visitor(site, ALICE), phone)
        }
    };
    // A site with a mistake may let her in without asking, or never.
    let session = match sign_in(&mut alice, &mut phone, "/") {
        Ok(page) if is_application(&page) => alice.cookie("cofactor").map(str::to_owned),
        _ => None,
    };
    let folder = tempfile::tempdir()?;
    let password = STANDARD.encode(format!("{}:{}", ALICE.0, ALICE.1));
    let first = folder.path().join("first");
    fs::write(
        &first,
        format!("# alice\nAuthorization: Basic {password}\n"),
    )?;
    let signed_in = folder.path().join("session");
    fs::write(
        &signed_in,
        format!("Cookie: cofactor={}\n", session.unwrap_or_default()),
    )?;
    let mut command = Command::new(own("cofactor")?);
    command
        .args(["gateway", "check"])
        .arg(format!("http://127.0.0.1:{}/papers", site.port))
        .arg("--first-factor")
        .arg(first)
        .arg("--session")
        .arg(signed_in)
        .args(more);
    Ok(command.output()?)
}

fn results(output: &Output) -> anyhow::Result<Vec<(String, String, String)>> {
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let findings = report["findings"].as_array().unwrap();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    Ok(findings
        .iter()
        .map(|it| (text(it, "check"), text(it, "result"), text(it, "found")))
        .collect())
}

#[test]
fn the_configuration_of_the_docs_has_no_mistake() -> Tested {
    for own_portal in [false, true] {
        let Some(site) = Guarded::start(&Site {
            own_portal,
            ..patient()
        })?
        else {
            return Ok(());
        };
        let output = check(&site, &["--json"])?;
        let found = results(&output)?;
        for (check, result, said) in &found {
            let expected = if check == "public-paths" {
                "not-tried"
            } else {
                "right"
            };
            assert_eq!(result, expected, "{check}: {said}\n{found:#?}");
        }
        assert!(found.len() >= 15, "{found:#?}");
        assert_eq!(output.status.code(), Some(0));
        let output = check(&site, &[])?;
        let said = String::from_utf8(output.stdout)?;
        assert!(said.contains("0 mistakes, 0 to look at"), "{said}");
    }
    Ok(())
}

#[test]
fn fa_every_mistake_in_a_proxy_is_found() -> Tested {
    const MAP: &str = "upstream cofactor {";
    /// What is broken, by which replacements, and which check finds it.
    type Mistake = (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static str,
    );
    let mistakes: [Mistake; 11] = [
        (
            "the page is not asked about",
            &[("        auth_request     /cofactor-check;\n", "")],
            "guarded",
        ),
        (
            "the client says who it is",
            &[(
                "X-Cofactor-User   $remote_user",
                "X-Cofactor-User   $http_x_authenticated_user",
            )],
            "spoofed-identity",
        ),
        (
            "the client says what it asks for",
            &[
                (
                    MAP,
                    "map $http_x_original_url $asked { default $http_x_original_url; \"\" $scheme://$http_host$request_uri; }\nupstream cofactor {",
                ),
                (
                    "X-Original-URL    $scheme://$http_host$request_uri",
                    "X-Original-URL    $asked",
                ),
            ],
            "spoofed-request",
        ),
        (
            "the application is told what the client says",
            &[("        proxy_set_header X-Forwarded-User    \"\";\n", "")],
            "told-to-application",
        ),
        (
            "and with underscores",
            &[(MAP, "underscores_in_headers on;\nupstream cofactor {")],
            "told-to-application",
        ),
        (
            "style sheets are open, whatever is before them",
            &[(
                "    # The question before each request.\n",
                "    location ~ \\.css$ { proxy_pass http://127.0.0.1:8081; }\n",
            )],
            "paths",
        ),
        (
            "a folder is open, with all that leads out of it",
            &[(
                "    # The question before each request.\n",
                "    location /static { proxy_pass http://127.0.0.1:8081; }\n",
            )],
            "public-paths",
        ),
        (
            "what fails is let in",
            &[
                (
                    "        error_page       401 = @cofactor;\n",
                    "        error_page       401 = @cofactor;\n        error_page       500 = @open;\n",
                ),
                (
                    "    # The question before each request.\n",
                    "    location @open { proxy_pass http://127.0.0.1:8081; }\n",
                ),
            ],
            "fail-open",
        ),
        (
            "cookies lose their attributes",
            &[(
                "        add_header Set-Cookie    $cofactor_cookie always;\n",
                "        add_header Set-Cookie    \"cofactor=x; Path=/\" always;\n",
            )],
            "cookies",
        ),
        (
            "the answer for one is kept for all",
            &[
                (
                    MAP,
                    "proxy_cache_path cache keys_zone=kept:1m;\nupstream cofactor {",
                ),
                (
                    "        proxy_pass_request_body off;\n",
                    "        proxy_pass_request_body off;\n        proxy_cache kept;\n        proxy_cache_key $request_uri;\n        proxy_cache_valid 200 1m;\n        proxy_ignore_headers Cache-Control Set-Cookie;\n",
                ),
            ],
            "cached-page",
        ),
        (
            "another host is taken for this one",
            &[
                (
                    "X-Original-URL    $scheme://$http_host$request_uri",
                    "X-Original-URL    $scheme://$server_addr:$server_port$request_uri",
                ),
                (
                    "        return 303 $cofactor_location;\n",
                    "        return 303 http://$http_host/.cofactor/?rd=/;\n",
                ),
            ],
            "foreign-host",
        ),
    ];
    for (what, edits, check_name) in mistakes {
        let edits = edits
            .iter()
            // The usual replacements were made before: the application has another port by now.
            .map(|(from, to)| {
                (
                    (*from).to_owned(),
                    to.replace("127.0.0.1:8081", "127.0.0.1:@application@"),
                )
            })
            .collect();
        let Some(site) = Guarded::start(&Site { edits, ..patient() })? else {
            return Ok(());
        };
        let output = check(&site, &["--public", "/static/", "--json"])?;
        let found = results(&output)?;
        let mistake = found
            .iter()
            .any(|(check, result, _)| check == check_name && result == "mistake");
        assert!(mistake, "{what}: {found:#?}");
        assert_eq!(output.status.code(), Some(1), "{what}");
    }
    Ok(())
}

#[test]
fn a_check_that_cannot_be_made_says_so() -> Tested {
    let run = |arguments: &[&str]| -> anyhow::Result<(Option<i32>, String)> {
        let output = Command::new(own("cofactor")?)
            .args(["gateway", "check"])
            .args(arguments)
            .output()?;
        Ok((output.status.code(), String::from_utf8(output.stderr)?))
    };
    let (code, said) = run(&["https://alice:secret@app.example.com/"])?;
    assert_eq!(code, Some(2));
    assert!(
        said.contains("--first-factor") && !said.contains("secret"),
        "{said}"
    );
    let (code, said) = run(&["app.example.com"])?;
    assert_eq!(code, Some(2), "{said}");
    let closed = cofactor_tests::program::free_port()?;
    let (code, said) = run(&[&format!("http://127.0.0.1:{closed}/")])?;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("refused"), "{said}");
    Ok(())
}
