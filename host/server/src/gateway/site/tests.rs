//! Sites and addresses, as they are configured, as gateways send them, and as they should never be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::io::Write as _;

use percent_encoding::percent_decode_str;

use super::*;

fn site(text: &str) -> Site {
    Site::configured(text).unwrap().remove(0)
}

/// Third-party lists: they lie beside the working copy, and are used where they are. Where not, the summary of
/// `make test` says so. No attack is answered by them alone.
fn borrowed(name: &str) -> Option<String> {
    let path = format!(
        "{}/../../../shared/vectors/misc/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    let list = std::fs::read_to_string(path).ok();
    if let (None, Some(folder)) = (&list, std::env::var_os("COFACTOR_REPORT")) {
        let mut notes = std::fs::OpenOptions::new();
        let notes = notes.create(true).append(true);
        let notes = notes.open(std::path::Path::new(&folder).join("notes.txt"));
        let line = format!("left out: misc/{name}, a list of another project's\n");
        notes.unwrap().write_all(line.as_bytes()).unwrap();
    }
    list
}

#[test]
fn entries_of_hosts() {
    let cases: [(&str, &[&str]); 7] = [
        ("app.example.com", &["https://app.example.com"]),
        ("App.Example.COM:8443", &["https://app.example.com:8443"]),
        ("https://app.example.com:443", &["https://app.example.com"]),
        ("http://intranet:80", &["http://intranet"]),
        (
            "127.0.0.1:8080",
            &["https://127.0.0.1:8080", "http://127.0.0.1:8080"],
        ),
        ("[::1]:8080", &["https://[::1]:8080", "http://[::1]:8080"]),
        ("localhost", &["https://localhost", "http://localhost"]),
    ];
    for (entry, expected) in cases {
        let sites: Vec<String> = Site::configured(entry)
            .unwrap()
            .iter()
            .map(Site::to_string)
            .collect();
        assert_eq!(sites, expected, "{entry}");
    }
    for entry in [
        "",
        "*.example.com",
        ".example.com",
        "app.example.com.",
        "ftp://app",
        "app/path",
        "a b",
        "user@app",
        "app:99999",
        "app:",
        "app:+80",
        "0x7f.1",
        "127.1",
        "2130706433",
        "[::1",
        "[fe80::1%eth0]",
        "b\u{fc}cher.de",
        "-a.de",
    ] {
        assert!(Site::configured(entry).is_err(), "{entry}");
    }
}

#[test]
fn a_way_back_is_one_that_is_accepted_back() {
    let here = site("https://a.example");
    let asked = Address::parse("https://a.example/s?q=a\\b`<\">").unwrap();
    assert!(return_address(&asked.target, &here, &[]).is_none());
    assert!(return_address(&asked.to_string(), &here, std::slice::from_ref(&here)).is_none());
    assert_eq!(asked.way_back(), "/s?q=a%5Cb%60%3C%22%3E");
    let back = return_address(&asked.way_back(), &here, &[]).unwrap();
    assert_eq!(back.to_string(), "https://a.example/s?q=a%5Cb%60%3C%22%3E");
}

#[test]
fn addresses_as_gateways_send_them() {
    let cases = [
        (
            "https://example.com/path?query=value",
            Some("https://example.com/path?query=value"),
        ),
        ("https://example.com", Some("https://example.com/")),
        ("https://EXAMPLE.com:443?x", Some("https://example.com/?x")),
        (
            "wss://example.com/socket",
            Some("https://example.com/socket"),
        ),
        ("http://example.com:8080/", Some("http://example.com:8080/")),
        ("example.com/", None),
        ("://example.com/", None),
        ("ftp://example.com/", None),
        ("HTTPS://example.com/", None),
        ("https:///path", None),
        ("https://exa mple.com/", None),
        ("https://a@example.com/", None),
        ("https://example.com/a b", None),
        ("https://example.com/\0", None),
        // Chromium leaves all of these in a query as they are.
        (
            "https://example.com/s?q=a\\b`{|}^[]'",
            Some("https://example.com/s?q=a\\b`{|}^[]'"),
        ),
        ("https://example.com/s\\?q=a", None),
        ("https://example.com/s`?q=a", None),
        ("https://example.com/s?q=a#b", None),
        ("https://example.com/\\evil", None),
        ("https://example.com/#f", None),
        ("https://example.com/\u{e9}", None),
    ];
    for (text, expected) in cases {
        assert_eq!(
            Address::parse(text)
                .map(|address| address.to_string())
                .as_deref(),
            expected,
            "{text}"
        );
    }
    assert!(Address::parse(&format!("https://e/{}", "a".repeat(Address::LONGEST))).is_none());
}

#[test]
fn forwarded_addresses_of_another_projects_tests() {
    let Some(file) = borrowed("forwarded_uri_cases_authelia.json") else {
        return;
    };
    let cases: serde_json::Value = serde_json::from_str(&file).unwrap();
    for case in cases["cases"].as_array().unwrap() {
        let part = |name: &str| case[name].as_str().unwrap_or_default();
        let address = Address::parse(&format!(
            "{}://{}{}",
            part("protocol"),
            part("host"),
            part("uri")
        ));
        let name = part("name");
        if case["Error"].is_string() {
            assert!(address.is_none(), "{name}");
            continue;
        }
        let address = address.expect(name);
        // Their clean form is the path itself exactly where ours reads it in one way only.
        let clean = case["ExpectedClean"].as_str().unwrap();
        let decoded = percent_decode_str(address.path()).decode_utf8().unwrap();
        let same = path_of(clean) == decoded || clean == ".";
        assert_eq!(address.reads_one_way(), same, "{name}");
    }
}

#[test]
fn return_addresses_stay_on_the_gateways_sites() {
    let here = site("https://www.whitelisteddomain.tld");
    let sites = [here.clone(), site("https://other.tld:8443")];
    let back = |raw: &str| return_address(raw, &here, &sites).map(|address| address.to_string());
    for (raw, expected) in [
        ("/a?b=//c", "https://www.whitelisteddomain.tld/a?b=//c"),
        ("https://other.tld:8443/x", "https://other.tld:8443/x"),
        (
            "https://WWW.whitelisteddomain.tld",
            "https://www.whitelisteddomain.tld/",
        ),
    ] {
        assert_eq!(back(raw).as_deref(), Some(expected), "{raw}");
    }
    for raw in [
        "",
        "a",
        "//evil",
        "/\\evil",
        "/\t/evil",
        "/a\r\nSet-Cookie:x",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://other.tld/",
        "http://www.whitelisteddomain.tld/",
        "https://www.whitelisteddomain.tld@evil/",
        "https://www.whitelisteddomain.tld.evil/",
        "https:/www.whitelisteddomain.tld",
        "https:\\\\www.whitelisteddomain.tld",
        "wss://www.whitelisteddomain.tld/",
    ] {
        assert_eq!(back(raw), None, "{raw:?}");
    }
}

/// What browsers, decoders and our own parser could take for the end of a scheme, a host or nothing, in every order.
#[test]
fn every_mixture_of_slashes_and_encodings_stays_on_the_site() {
    const PARTS: [&str; 16] = [
        "/", "\\", "%2f", "%5c", "%252f", "\t", "\n", "\r", " ", "%09", "%00", "@", ":", "https:",
        ".", ";",
    ];
    let here = site("https://www.whitelisteddomain.tld");
    let base = url::Url::parse(&here.to_string()).unwrap();
    let mut starts = vec![String::new()];
    let (mut given, mut accepted) = (0, 0);
    for _ in 0..4 {
        starts = starts
            .iter()
            .flat_map(|start| PARTS.map(|part| format!("{start}{part}")))
            .collect();
        for start in &starts {
            let raw = format!("{start}evil.example");
            given += 1;
            let Some(back) = return_address(&raw, &here, std::slice::from_ref(&here)) else {
                continue;
            };
            accepted += 1;
            // As a browser reads it: whole, with the site left out, and after a proxy has decoded it once.
            let whole = back.to_string();
            let decoded = percent_decode_str(&whole).decode_utf8_lossy();
            for read in [&whole, &back.target, decoded.as_ref()] {
                let read = base.join(read).unwrap();
                assert_eq!(read.host_str(), base.host_str(), "{raw:?}");
            }
        }
    }
    assert_eq!(given, 16 + 256 + 4_096 + 65_536);
    // Paths that begin with one slash and are plain text after it.
    assert!(accepted > 50, "{accepted}");
}

#[test]
fn open_redirects_that_others_met() {
    let here = site("https://www.whitelisteddomain.tld");
    if let Some(list) = borrowed("openredirects_oauth2-proxy.txt") {
        // A few are an address in the query of our own page: where that leads is for the page to judge.
        let on_our_own_page = |raw: &str| raw.starts_with("/?") || raw.starts_with("/redirect");
        let base = url::Url::parse(&here.to_string()).unwrap();
        for raw in list.lines() {
            if let Some(back) = return_address(raw, &here, std::slice::from_ref(&here)) {
                assert_eq!(
                    base.join(&back.to_string()).unwrap().host_str(),
                    base.host_str(),
                    "{raw:?}"
                );
                assert!(on_our_own_page(raw), "{raw:?}");
            }
        }
    }
    let Some(file) = borrowed("redirect_validator_oauth2-proxy.json") else {
        return;
    };
    let cases: serde_json::Value = serde_json::from_str(&file).unwrap();
    let sites: Vec<Site> = [
        "foo.bar",
        "bar.foo",
        "port.bar:8080",
        "sub.port.bar:8080",
        "www.whitelisteddomain.tld",
    ]
    .iter()
    .map(|host| site(host))
    .collect();
    for case in cases["cases"].as_array().unwrap() {
        let (raw, name) = (case["rd"].as_str().unwrap(), case["name"].as_str().unwrap());
        if case["valid"] == false {
            assert_eq!(return_address(raw, &here, &sites), None, "{name}");
            continue;
        }
        // Sites are named one by one here, so a site that a wildcard would have had is named for the case.
        let own: Vec<Site> = Address::parse(raw)
            .map(|address| address.site)
            .into_iter()
            .collect();
        assert!(return_address(raw, &here, &own).is_some(), "{name}");
    }
}
