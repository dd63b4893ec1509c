//! Paths as they come, and the readers that may get them.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn form(raw: &str) -> Option<String> {
    Path::read(raw).map(|path| String::from_utf8_lossy(&path.form).into_owned())
}

#[test]
fn a_path_is_compared_in_one_form() {
    let cases = [
        ("/", ""),
        ("/admin", "/admin"),
        ("/admin/", "/admin"),
        ("/admin/users.json", "/admin/users.json"),
        ("/%61dmin", "/admin"),
        ("/%41dmin", "/admin"),
        ("/Admin", "/admin"),
        ("//admin", "/admin"),
        ("/a//b///c", "/a/b/c"),
        ("/admin%2Fx", "/admin/x"),
        ("/admin%2fx", "/admin/x"),
        ("/admin%5Cx", "/admin/x"),
        ("/admin\\x", "/admin/x"),
        ("/admin%252Fx", "/admin/x"),
        ("/admin;x=1/users", "/admin/users"),
        ("/admin%3Bx/users", "/admin/users"),
        ("/;x/admin", "/admin"),
        ("/admin%3Fx", "/admin/x"),
        ("/admin%23", "/admin"),
        ("/admin.", "/admin"),
        ("/admin%20/x", "/admin/x"),
        ("/caf%C3%A9", "/café"),
        ("/50%25", "/50%"),
        ("/a%20b", "/a b"),
        ("/.well-known/x", "/.well-known/x"),
    ];
    for (raw, expected) in cases {
        assert_eq!(form(raw).as_deref(), Some(expected), "{raw}");
    }
}

#[test]
fn fa_04_what_cannot_be_read_counts_as_every_path() {
    for raw in [
        "",
        "*",
        "admin",
        "http://app.example/admin",
        "/..",
        "/.",
        "/a/../admin",
        "/a/./b",
        "/..;/admin",
        "/..;x=1/admin",
        "/%2e%2e/admin",
        "/.%2E/admin",
        "/..%2fadmin",
        "/a%2f..%2fadmin",
        "/a%5c..%5cadmin",
        "/a\\..\\admin",
        "/%252e%252e/admin",
        "/%25252e",
        "/.../admin",
        "/.. /admin",
        "/admin%00",
        "/admin%00.css",
        "/admin%2500",
        "/admin%0d%0aX:y",
        "/admin%7f",
        "/admin%",
        "/admin%2",
        "/admin%zz",
        "/admin%u002fx",
        "/%c0%afadmin",
        "/%c0%ae%c0%ae/admin",
        "/%f8%80%80%80%af",
        "/%e0%81%a1dmin",
        "/%25e0%2581%25a1dmin",
        "/%f0%80%81%a1dmin",
        "/;%2fa/admin",
        "/a;x\\b/admin",
    ] {
        assert_eq!(form(raw), None, "{raw}");
    }
}

/// A list of another project's, which lies beside the working copy where the licence is theirs.
#[test]
#[allow(clippy::disallowed_methods)]
fn fa_04_the_published_cases() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/vectors/misc/forwarded_uri_cases_authelia.json"
    );
    let Ok(file) = std::fs::read_to_string(file) else {
        return;
    };
    let cases: serde_json::Value = serde_json::from_str(&file).unwrap();
    let text = |case: &serde_json::Value, key: &str| case.get(key)?.as_str().map(str::to_owned);
    let mut judged = 0;
    for case in cases.get("cases").unwrap().as_array().unwrap() {
        let (Some(uri), Some(clean)) = (text(case, "uri"), text(case, "ExpectedClean")) else {
            continue;
        };
        let until_query = |text: &str| text.split('?').next().unwrap_or_default().to_owned();
        let clean = until_query(&clean).trim_end_matches('/').to_owned();
        let path = until_query(&uri);
        let on = Path::read(&path).is_none_or(|path| path.is(clean.as_bytes()));
        assert!(on, "{path} is {clean}");
        judged += 1;
    }
    assert!(judged >= 11, "{judged} cases");
}

#[test]
fn what_would_cost_too_much_counts_as_every_path() {
    assert!(Path::read(&["/", &"a".repeat(8191)].concat()).is_some());
    assert!(Path::read(&["/%20", &"a".repeat(2044)].concat()).is_some());
    assert!(Path::read(&["/%20", &"a".repeat(2045)].concat()).is_none());
}

#[test]
fn only_paths_that_read_one_way_are_kept() {
    let kept = |raw| Path::read(raw).and_then(|path| path.kept());
    for (raw, expected) in [
        ("/", ""),
        ("/Admin/", "/admin"),
        ("/caf%C3%A9", "/café"),
        ("/café", "/café"),
        ("/a%20b/%7Euser", "/a b/~user"),
        ("/50%25", "/50%"),
    ] {
        assert_eq!(kept(raw).as_deref(), Some(expected), "{raw}");
    }
    for raw in [
        "/a//b", "/a;x", "/a%2fb", "/a%5cb", "/a\\b", "/a%3fb", "/a?b", "/a.", "/a%252e", "/%E9",
        "/a/../b", "a",
    ] {
        assert_eq!(kept(raw), None, "{raw}");
    }
}

/// One way to read a path, as a server somewhere does it.
#[derive(Clone, Copy, Debug)]
struct Reader {
    decodes: u8,
    resolves_first: bool,
    resolves: bool,
    backslash: bool,
    cuts_parameters: bool,
    cuts_first: bool,
    ends_at_query: bool,
    merges: bool,
    trims: bool,
    folds: bool,
}

impl Reader {
    fn from_bits(decodes: u8, bits: u16) -> Self {
        let has = |at: u32| bits >> at & 1 == 1;
        Self {
            decodes,
            resolves_first: has(0),
            resolves: has(1),
            backslash: has(2),
            cuts_parameters: has(3),
            cuts_first: has(4),
            ends_at_query: has(5),
            merges: has(6),
            trims: has(7),
            folds: has(8),
        }
    }

    /// The segments that it finds, lower case.
    fn segments(self, raw: &str) -> Vec<Vec<u8>> {
        let mut octets = raw.as_bytes().to_vec();
        if self.cuts_first {
            octets = join(&split(&octets, false).into_iter().map(uncut).collect());
        }
        if self.resolves_first {
            octets = join(&resolve(split(&octets, false)));
        }
        for _ in 0..self.decodes {
            octets = percent_decoded(&octets);
        }
        if self.ends_at_query {
            let end = octets.iter().position(|octet| matches!(octet, b'?' | b'#'));
            octets.truncate(end.unwrap_or(octets.len()));
        }
        let mut segments = split(&octets, self.backslash);
        if self.cuts_parameters {
            segments = segments.into_iter().map(uncut).collect();
        }
        if self.merges {
            segments.retain(|segment| !segment.is_empty());
        }
        if self.resolves {
            segments = resolve(segments);
        }
        for segment in &mut segments {
            if self.trims {
                *segment = trimmed(segment).to_vec();
            }
            if self.folds {
                segment.make_ascii_lowercase();
            }
        }
        segments
    }
}

fn split(octets: &[u8], backslash: bool) -> Vec<Vec<u8>> {
    let is_slash = |octet: &u8| *octet == b'/' || backslash && *octet == b'\\';
    let octets = octets.strip_prefix(b"/").unwrap_or(octets);
    octets.split(is_slash).map(<[u8]>::to_vec).collect()
}

fn join(segments: &Vec<Vec<u8>>) -> Vec<u8> {
    let mut octets = Vec::new();
    for segment in segments {
        octets.push(b'/');
        octets.extend_from_slice(segment);
    }
    octets
}

fn uncut(segment: Vec<u8>) -> Vec<u8> {
    let end = segment.iter().position(|octet| *octet == b';');
    segment
        .into_iter()
        .take(end.unwrap_or(usize::MAX))
        .collect()
}

fn resolve(segments: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut left: Vec<Vec<u8>> = Vec::new();
    for segment in segments {
        match segment.as_slice() {
            b"." => {}
            b".." => drop(left.pop()),
            _ => left.push(segment),
        }
    }
    left
}

fn percent_decoded(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = octets;
    while let [octet, tail @ ..] = rest {
        match (octet, escaped(tail.get(..2))) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*octet);
                rest = tail;
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(20_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fa_04_no_server_reads_a_way_into_a_folder_that_was_not_seen(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "/", "/", "/", "a", "b", "A", "ab", "%61", "%62", ".", "..", "%2e", "%2E", "%2f", "%2F", "%5c", "\\", ";", "%3b",
                "%3f", "%23", "%25", "%252f", "%2561", "//", " ", "%20", "%41",
            ]),
            0..12,
        ),
        decodes in 0_u8..4,
        bits in 0_u16..512,
        folder in prop::sample::select(vec!["/a", "/a/b", "/b", "/ab", "/ab/a", ""]),
    ) {
        let raw = ["/", &pieces.concat()].concat();
        let wanted: Vec<Vec<u8>> = folder.split('/').skip(1).map(|name| name.as_bytes().to_vec()).collect();
        let found = Reader::from_bits(decodes, bits).segments(&raw);
        let path = Path::read(&raw);
        if found.starts_with(&wanted) {
            prop_assert!(path.as_ref().is_none_or(|path| path.is_within(folder.as_bytes())), "{raw}: {path:?}");
        }
        let mut page = found;
        while page.last().is_some_and(Vec::is_empty) {
            page.pop();
        }
        if page == wanted {
            prop_assert!(path.as_ref().is_none_or(|path| path.is(folder.as_bytes())), "{raw}: {path:?}");
        }
    }

    #[test]
    fn every_text_is_read(raw in "\\PC{0,40}") {
        let _ = Path::read(&raw);
        let _ = Path::read(&["/", &raw].concat());
    }

    #[test]
    fn a_kept_path_is_itself(raw in "/[a-zA-Z0-9./%;-]{0,20}") {
        if let Some(kept) = Path::read(&raw).and_then(|path| path.kept()) {
            let path = Path::read(&raw).unwrap();
            prop_assert!(path.is(kept.as_bytes()) && path.is_within(kept.as_bytes()));
        }
    }
}
