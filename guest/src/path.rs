//! A request's path in the form in which it is compared with the paths of a policy (FA-04).
//!
//! A path goes through many hands, and not all of them read it in the same way. What everybody does is the normal form of RFC
//! 3986 section 6.2.2: what is encoded without need is decoded, duplicate slashes are one. Beyond it, one may take `%2f` or a
//! backslash for a slash, cut off what follows a semicolon, decode a second time, or ignore a dot at the end of a name. So the
//! form that is compared is the one in which *every* such reading was taken: it begins with all that any of them begins with.
//!
//! Why that is enough: the paths of a policy have none of these characters. If some reading of a request begins with the
//! segments of such a path, these segments were plain, all readings leave plain segments as they are, and so the form begins
//! with them as well. A reading may end earlier than the form does, where a semicolon or question mark was taken for the end:
//! [`Path::is`] knows the first such place. Only dot segments could take away what came before them: a path that has any,
//! openly or hidden, is compared with nothing and counts as every path, as does one that cannot be read at all. Browsers send
//! neither.

use core::str;
use std::borrow::Cow;

/// A path in the form in which it is compared: `/` before each segment, and none at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path<'a> {
    form: Cow<'a, [u8]>,
    /// Where the shortest reading ends.
    ends: usize,
    /// Whether everybody reads it in the same way.
    plain: bool,
}

/// How long a path may be that has to be decoded or cut, in octets: longer ones would cost more than a request is worth.
const MOST_DOUBTFUL: usize = 2048;
/// How often a path may be encoded over: beyond it, nobody knows how often it will be decoded.
const MOST_ENCODED: u8 = 2;

impl<'a> Path<'a> {
    /// Reads a path that is not decoded. None if it may be any.
    pub(crate) fn read(raw: &'a str) -> Option<Self> {
        let octets = raw.as_bytes();
        if is_plain(octets) {
            let form = octets.strip_suffix(b"/").unwrap_or(octets);
            return Some(Self {
                form: Cow::Borrowed(form),
                ends: form.len(),
                plain: true,
            });
        }
        if octets.first() != Some(&b'/') || octets.len() > MOST_DOUBTFUL {
            return None;
        }
        let (decoded, times) = decode(octets)?;
        let is_hidden = count(&decoded, is_separator) != count(octets, |octet| octet == b'/');
        // Whether the slash belongs to what is cut off depends on what is done first.
        if is_hidden && decoded.contains(&b';') {
            return None;
        }
        let mut path = flatten(&decoded)?;
        path.plain &= times < 2 && !is_hidden;
        Some(path)
    }

    /// Whether it is this path, of a policy, or lies below it.
    pub(crate) fn is_within(&self, folder: &[u8]) -> bool {
        match self.form.split_at_checked(folder.len()) {
            Some((head, rest)) => {
                head.eq_ignore_ascii_case(folder) && matches!(rest.first(), None | Some(b'/'))
            }
            None => false,
        }
    }

    /// Whether it is this path, of a policy, and not one below it.
    pub(crate) fn is(&self, page: &[u8]) -> bool {
        self.is_within(page) && page.len() >= self.ends
    }

    /// The path as a policy keeps it: none unless everybody reads it in the same way, and it is UTF-8 when it is decoded.
    pub(crate) fn kept(&self) -> Option<String> {
        let text = str::from_utf8(&self.form).ok().filter(|_| self.plain)?;
        Some(text.to_ascii_lowercase())
    }
}

/// Whether there is nothing to decode, to cut or to doubt. Most paths are so, and are compared as they are.
fn is_plain(octets: &[u8]) -> bool {
    let mut before = 0;
    for octet in octets.iter().copied() {
        let ends_a_name = octet == b'/';
        let doubtful = match octet {
            b'%' | b'\\' | b';' | b'?' | b'#' | 0..b' ' | 0x7f.. => true,
            // An empty segment, and a name that ends in a dot or a blank.
            _ => ends_a_name && matches!(before, b'/' | b'.' | b' '),
        };
        if doubtful {
            return false;
        }
        before = octet;
    }
    octets.first() == Some(&b'/') && !matches!(before, b'.' | b' ')
}

/// Decodes for as long as there is something to decode, and says how often there was. None for a broken escape, a control
/// character, an overlong form of UTF-8, and what was encoded too often.
fn decode(raw: &[u8]) -> Option<(Vec<u8>, u8)> {
    let mut octets = raw.to_vec();
    let mut times = 0;
    loop {
        let mut kept = 0;
        let mut at = 0;
        while let Some(octet) = octets.get(at).copied() {
            let escape = (octet == b'%').then(|| escaped(octets.get(at + 1..at + 3)));
            let (octet, length) = match escape {
                Some(Some(octet)) => (octet, 3),
                // A percent sign that was decoded is one; the client's own has to be written as an escape.
                Some(None) if times == 0 => return None,
                _ => (octet, 1),
            };
            if matches!(octet, 0..b' ' | 0x7f | 0xc0 | 0xc1 | 0xf5..) {
                return None;
            }
            *octets.get_mut(kept)? = octet;
            kept += 1;
            at += length;
        }
        if kept == octets.len() {
            return Some((octets, times));
        }
        octets.truncate(kept);
        times += 1;
        if times > MOST_ENCODED {
            return None;
        }
    }
}

/// The octet that two hexadecimal digits stand for.
fn escaped(digits: Option<&[u8]>) -> Option<u8> {
    let [high, low] = digits? else {
        return None;
    };
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

/// Splits at whatever somebody may take for a slash, and leaves what all take for a name. None for dot segments.
fn flatten(decoded: &[u8]) -> Option<Path<'static>> {
    let mut form = Vec::with_capacity(decoded.len());
    let (mut ends, mut plain) = (None, true);
    let mut rest = decoded.get(1..)?;
    loop {
        let end = rest.iter().position(|octet| is_separator(*octet));
        let (segment, tail) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        let parameter = segment.iter().position(|octet| *octet == b';');
        let whole = segment.get(..parameter.unwrap_or(segment.len()))?;
        let name = trimmed(whole);
        if name.is_empty() && !whole.is_empty() {
            return None;
        }
        if !name.is_empty() {
            form.push(b'/');
            form.extend_from_slice(name);
        }
        let separator = tail.first();
        let cut = parameter.is_some() || matches!(separator, Some(b'?' | b'#'));
        if cut && ends.is_none() {
            ends = Some(form.len());
        }
        let is_last = separator.is_none();
        plain &= !cut
            && name.len() == segment.len()
            && separator != Some(&b'\\')
            && (is_last || !segment.is_empty());
        if is_last {
            break;
        }
        rest = tail.get(1..)?;
    }
    Some(Path {
        ends: ends.unwrap_or(form.len()),
        form: Cow::Owned(form),
        plain,
    })
}

/// Without the dots and blanks at its end, which some file systems ignore.
fn trimmed(mut name: &[u8]) -> &[u8] {
    while let [head @ .., b'.' | b' '] = name {
        name = head;
    }
    name
}

/// What somebody may take for the end of a segment.
fn is_separator(octet: u8) -> bool {
    matches!(octet, b'/' | b'\\' | b'?' | b'#')
}

fn count(octets: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    octets.iter().filter(|octet| wanted(**octet)).count()
}

#[cfg(test)]
mod tests {
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
            ("/%41dmin", "/Admin"),
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
            "/;%2fa/admin",
            "/a;x\\b/admin",
        ] {
            assert_eq!(form(raw), None, "{raw}");
        }
    }

    #[test]
    fn fa_04_the_published_cases() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/vectors/misc/forwarded_uri_cases_authelia.json"
        );
        let file = std::fs::read_to_string(file).unwrap();
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
            "/a//b", "/a;x", "/a%2fb", "/a%5cb", "/a\\b", "/a%3fb", "/a?b", "/a.", "/a%252e",
            "/%E9", "/a/../b", "a",
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
}
