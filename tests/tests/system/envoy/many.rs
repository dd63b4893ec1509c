//! Ten thousand requests of all sorts through Envoy, a hundred thousand in `make soak`: not one wrong answer.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cofactor_tests::envoy::Guarded;
use cofactor_tests::nginx::USERS;
use cofactor_tests::program::note;
use serde_json::Value;
use ureq::http::{Method, Request};

use super::{ALICE, BOB, Tested, patient, sign_out, signed_in};
use crate::CAROL;

/// What a request says, and what has to become of it.
#[derive(Clone, Debug)]
struct Sort {
    name: &'static str,
    method: &'static str,
    target: &'static str,
    user: Option<&'static str>,
    cookie: Option<String>,
    headers: Vec<(&'static str, String)>,
    expected: Expected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    /// The application answers, and was told of this user.
    Reached(&'static str),
    /// The status, from before the application.
    Refused(u16),
}

const THREADS: usize = 8;

#[test]
fn ten_thousand_requests_of_all_sorts_get_no_wrong_answer() -> Tested {
    let Some(site) = Guarded::start(&patient())? else {
        return Ok(());
    };
    let soak = std::env::var_os("COFACTOR_SOAK").is_some();
    let many = if soak { 100_000 } else { 10_000 };
    let sorts = sorts(&site)?;
    let before = site.envoy.counted()?;
    let counts = Mutex::new(BTreeMap::<&str, usize>::new());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (site, sorts, counts, wrong) = (&site, &sorts, &counts, &wrong);
            scope.spawn(move || {
                let agent = ureq::Agent::new_with_config(
                    ureq::Agent::config_builder()
                        .http_status_as_error(false)
                        .max_redirects(0)
                        .allow_non_standard_methods(true)
                        .build(),
                );
                // A fixed order that mixes the sorts anew for each thread.
                let mut state = number as u64 + 1;
                for _ in 0..many / THREADS {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    let sort = &sorts[usize::try_from(state >> 33).unwrap() % sorts.len()];
                    match became(&agent, site.port, sort) {
                        Ok(got) if got == sort.expected => {
                            *counts.lock().unwrap().entry(sort.name).or_default() += 1;
                        }
                        other => wrong
                            .lock()
                            .unwrap()
                            .push((sort.clone(), format!("{other:?}"))),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner()?;
    assert!(
        wrong.is_empty(),
        "{} wrong, such as {:#?}",
        wrong.len(),
        wrong[0]
    );
    let counts = counts.into_inner()?;
    assert_eq!(counts.values().sum::<usize>(), many);
    assert_eq!(counts.len(), sorts.len(), "{counts:?}");
    // Envoy saw as many answers as there were questions, and no failure.
    let after = site.envoy.counted()?;
    let grown = |name: &str| after[name] - before[name];
    assert_eq!((grown("error"), grown("failure_mode_allowed")), (0, 0));
    // What Envoy refuses by itself.
    let unasked: usize = ["no password", "escaped slash", "unknown method"]
        .map(|name| counts[name])
        .iter()
        .sum();
    assert_eq!(
        grown("ok") + grown("denied"),
        u64::try_from(many - unasked)?
    );
    if soak {
        note(&format!(
            "{many} requests through Envoy over gRPC, none answered wrongly"
        ));
    }
    Ok(())
}

fn sorts(site: &Guarded) -> anyhow::Result<Vec<Sort>> {
    let cookie = |who| -> anyhow::Result<String> {
        Ok(signed_in(site, who)?.cookie("cofactor").unwrap().to_owned())
    };
    let (alice, bob) = (cookie(ALICE)?, cookie(BOB)?);
    let mut carol = signed_in(site, CAROL)?;
    let over = carol.cookie("cofactor").unwrap().to_owned();
    sign_out(&mut carol)?;
    let bent = |at: usize| {
        let mut octets = alice.clone().into_bytes();
        octets[at] = if octets[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(octets).unwrap()
    };
    let plain = Sort {
        name: "alice",
        method: "GET",
        target: "/a?b=c",
        user: Some("alice"),
        cookie: Some(alice.clone()),
        headers: vec![("Accept", "text/html".to_owned())],
        expected: Expected::Reached("alice"),
    };
    let to_pages = |name, user, cookie: Option<String>| Sort {
        name,
        user: Some(user),
        cookie,
        expected: Expected::Refused(302),
        ..plain.clone()
    };
    let spoofed = [
        "Remote-User",
        "X-Cofactor-User",
        "X-Cofactor-Level",
        "Remote-Groups",
    ]
    .map(|name| (name, "bob".to_owned()));
    Ok(vec![
        plain.clone(),
        Sort {
            name: "bob",
            user: Some("bob"),
            cookie: Some(bob.clone()),
            expected: Expected::Reached("bob"),
            ..plain.clone()
        },
        Sort {
            name: "ALICE",
            user: Some("ALICE"),
            ..plain.clone()
        },
        Sort {
            name: "alice posts",
            method: "POST",
            ..plain.clone()
        },
        Sort {
            name: "alice calls herself bob",
            headers: spoofed.clone().into(),
            ..plain.clone()
        },
        to_pages("nobody yet", "alice", None),
        to_pages("alice with bob's session", "alice", Some(bob.clone())),
        to_pages("bob with alice's session", "bob", Some(alice.clone())),
        to_pages("signed out", "carol", Some(over)),
        to_pages("bent at its start", "alice", Some(bent(0))),
        to_pages("bent in its middle", "alice", Some(bent(alice.len() / 2))),
        to_pages("cut short", "alice", alice.get(..40).map(str::to_owned)),
        to_pages("no cookie of ours", "alice", Some("A".repeat(400))),
        Sort {
            headers: spoofed
                .into_iter()
                .chain([("Accept", "text/html".to_owned())])
                .collect(),
            ..to_pages("calls itself bob", "carol", None)
        },
        Sort {
            method: "POST",
            expected: Expected::Refused(303),
            ..to_pages("posts without a session", "bob", None)
        },
        Sort {
            headers: vec![("Accept", "application/json".to_owned())],
            expected: Expected::Refused(401),
            ..to_pages("a program without a session", "bob", None)
        },
        Sort {
            name: "no password",
            user: None,
            expected: Expected::Refused(401),
            ..plain.clone()
        },
        Sort {
            name: "two ways to read it",
            target: "/a;b",
            expected: Expected::Refused(400),
            ..plain.clone()
        },
        Sort {
            name: "escaped slash",
            target: "/a%2fb",
            expected: Expected::Refused(400),
            ..plain.clone()
        },
        Sort {
            name: "unknown method",
            method: "BREW",
            expected: Expected::Refused(400),
            ..plain
        },
    ])
}

fn became(agent: &ureq::Agent, port: u16, sort: &Sort) -> anyhow::Result<Expected> {
    let mut request = Request::builder()
        .method(Method::from_bytes(sort.method.as_bytes())?)
        .uri(format!("http://127.0.0.1:{port}{}", sort.target));
    for (name, value) in &sort.headers {
        request = request.header(*name, value);
    }
    if let Some(user) = sort.user {
        let (_, password) = USERS.iter().find(|(name, _)| *name == user).unwrap();
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        request = request.header("Authorization", format!("Basic {credentials}"));
    }
    if let Some(cookie) = &sort.cookie {
        request = request.header("Cookie", format!("theme=dark; cofactor={cookie}"));
    }
    let mut answer = agent.run(request.body(())?)?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().read_to_string()?;
    if !body.contains("\"application\"") {
        return Ok(Expected::Refused(status));
    }
    // Who was named to the application, and that nothing else was.
    let told: Value = serde_json::from_str(&body)?;
    let headers: Vec<(String, String)> = serde_json::from_value(told["headers"].clone())?;
    let all = |name: &str| -> Vec<&str> {
        headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    };
    assert_eq!(all("x-cofactor-level"), ["2"], "{headers:?}");
    assert!(all("x-cofactor-user").is_empty() && all("remote-groups").is_empty());
    Ok(match all("remote-user").as_slice() {
        ["alice"] => Expected::Reached("alice"),
        ["bob"] => Expected::Reached("bob"),
        other => panic!("{other:?}"),
    })
}
