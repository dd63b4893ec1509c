//! Ways around a gateway: other spellings of a path, other methods, requests that cannot be judged, other names (FA-04 to FA-07).

use super::Finding;
use super::answer::{Giver, said};
use super::probes::{Headers, Probes, Seen, Who, mistake, not_tried, right, unsure};
use super::wire::Answer;

impl Probes<'_> {
    /// However its path is written, the page is guarded (FA-04).
    pub(super) fn paths(&self, seen: &Seen<'_>) -> Finding {
        let page = self.page();
        let origin = format!("{}://{}", self.place.url.scheme(), self.place.authority());
        let inner = page.strip_prefix('/').unwrap_or(&page);
        let mut targets = vec![
            format!("//{inner}"),
            format!("///{inner}"),
            format!("/./{inner}"),
            format!("/%2e/{inner}"),
            format!("/%2f{inner}"),
            format!("/;{}/{inner}", self.mark),
            format!("/{}/../{inner}", self.mark),
            format!("/{}/..%2f{inner}", self.mark),
            format!("/.cofactor/../{inner}"),
            format!("/.cofactor/..%2f{inner}"),
            format!("/.cofactor/%2e%2e/{inner}"),
            format!("/.cofactor/..;/{inner}"),
            format!("/.cofactor/%252e%252e/{inner}"),
            format!("/.cofactor/..%5c{inner}"),
            format!("/.cofactor/..\\{inner}"),
            format!("/.cofactor/style.css/..%2f..%2f{inner}"),
            format!("{page};{}", self.mark),
            format!("{page}/."),
            format!("{page}%00"),
            format!("{page}%00.css"),
            format!("{page}%0d%0a"),
            format!("{page}%20"),
            format!("{page}."),
            format!("{page}/.css"),
            format!("{page}?/.cofactor/"),
            format!("{page}#/.cofactor/"),
            format!("{origin}{page}"),
            format!("http://{}.example{page}", self.mark),
            page.to_ascii_uppercase(),
        ];
        targets.extend(
            page.char_indices()
                .find(|(_, letter)| letter.is_ascii_alphanumeric())
                .map(|(at, letter)| {
                    let (head, tail) = page.split_at_checked(at).unwrap_or_default();
                    format!(
                        "{head}%{:02x}{}",
                        letter as u32,
                        tail.get(1..).unwrap_or_default()
                    )
                }),
        );
        self.bypassed("paths", &targets, seen)
    }

    /// What is open to all is no way around.
    pub(super) fn public_paths(&self, seen: &Seen<'_>) -> Finding {
        const CHECK: &str = "public-paths";
        if self.public.is_empty() {
            return not_tried(
                CHECK,
                "--public says which paths the proxy lets everybody into",
            );
        }
        let page = self.page();
        let inner = page.strip_prefix('/').unwrap_or(&page);
        let mut targets = Vec::new();
        for public in self.public {
            let public = format!("/{}/", public.trim_matches('/'));
            let up = "../".repeat(public.matches('/').count().saturating_sub(1));
            for dots in [
                "../",
                "%2e%2e/",
                "..%2f",
                "%2e%2e%2f",
                "..;/",
                "..%5c",
                "..\\",
                "%252e%252e/",
                "..%252f",
                ".%2e/",
            ] {
                targets.push(format!("{public}{}{inner}", up.replace("../", dots)));
            }
            targets.push(format!("{}..{page}", public.trim_end_matches('/')));
            targets.push(format!("{}../{inner}", public.trim_end_matches('/')));
        }
        self.bypassed(CHECK, &targets, seen)
    }

    fn bypassed(&self, check: &'static str, targets: &[String], seen: &Seen<'_>) -> Finding {
        let foreign = format!("//{}.example", self.mark);
        let mut doubt = None;
        for target in targets {
            // Refused without a word: that is an answer as well.
            let Some(answer) = self.try_with(Who::First, target, Vec::new()) else {
                continue;
            };
            match self.giver(&answer, seen) {
                Giver::Gateway | Giver::SentOn => {}
                // A request for another host, which shows nothing.
                Giver::Behind | Giver::Unclear
                    if target.contains(&foreign) && shows_nothing(&answer) => {}
                Giver::Behind => {
                    let help = "have the proxy ask for every path, and `ambiguous-paths = \"refuse\"` in the [[gateway]]; open paths by exact match";
                    return mistake(
                        check,
                        format!("{target} answers {} without a second factor", said(&answer)),
                        help,
                    );
                }
                Giver::Elsewhere => {
                    let help = "a proxy that redirects to what it was asked for can be made to redirect anywhere";
                    return mistake(check, format!("{target} answers {}", said(&answer)), help);
                }
                Giver::Unclear => {
                    doubt = doubt.or(Some(format!("{target} answers {}", said(&answer))))
                }
            }
        }
        match doubt {
            Some(found) => unsure(
                check,
                found,
                "did the application say so, or the proxy? Its log tells",
            ),
            None => right(
                check,
                format!("{} ways to write a path lead to nothing", targets.len()),
            ),
        }
    }

    /// Every method is asked about, and none is taken for another (FA-05).
    pub(super) fn methods(&self, seen: &Seen<'_>) -> Finding {
        const CHECK: &str = "methods";
        const METHODS: [&str; 14] = [
            "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "REPORT",
            "get", "Get", "GETz", "BREW", "PRI",
        ];
        let page = self.page();
        let upgrade = vec![
            ("Connection".to_owned(), "Upgrade".to_owned()),
            ("Upgrade".to_owned(), "websocket".to_owned()),
            ("Sec-WebSocket-Version".to_owned(), "13".to_owned()),
            (
                "Sec-WebSocket-Key".to_owned(),
                "dGhlIHNhbXBsZSBub25jZQ==".to_owned(),
            ),
        ];
        let tried = METHODS.iter().map(|method| (*method, Vec::new()));
        for (method, headers) in tried.chain([("GET", upgrade)]) {
            let what = if headers.is_empty() {
                method
            } else {
                "an upgrade to WebSocket"
            };
            let answer = self.send(Who::First, method, &page, None, headers);
            if let Some(answer) = answer.filter(|answer| self.giver(answer, seen) == Giver::Behind)
            {
                let help = "have the proxy ask about every method; answer CORS questions (OPTIONS) behind it, or say so knowingly";
                let found = format!("{what} answers {} without a second factor", said(&answer));
                return if method == "OPTIONS" {
                    unsure(CHECK, found, help)
                } else {
                    mistake(CHECK, found, help)
                };
            }
        }
        right(
            CHECK,
            format!("{} methods and an upgrade lead to nothing", METHODS.len()),
        )
    }

    /// What Cofactor cannot answer is not let through.
    pub(super) fn fail_open(&self, seen: &Seen<'_>) -> Finding {
        const CHECK: &str = "fail-open";
        const HELP: &str = "whatever is no answer of Cofactor's has to deny: no failure_mode_allow, no error_page that leads on";
        for answer in [seen.nobody, seen.first] {
            for name in ["x-cofactor-fail-open", "x-envoy-auth-failure-mode-allowed"] {
                if answer.all(name).next().is_some() {
                    return mistake(CHECK, format!("the answer has {name}"), HELP);
                }
            }
        }
        let page = self.page();
        let long = |length: usize| "a".repeat(length);
        let cookie = |length| {
            vec![(
                "Cookie".to_owned(),
                format!("__Host-cofactor={}", long(length)),
            )]
        };
        let join = if page.contains('?') { '&' } else { '?' };
        let asked: [(&str, String, Headers); 7] = [
            (
                "an address of 3,000 octets",
                format!("{page}{join}{}", long(3000)),
                Vec::new(),
            ),
            (
                "an address of 7,900 octets",
                format!("{page}{join}{}", long(7900)),
                Vec::new(),
            ),
            (
                "an address of 8,200 octets",
                format!("{page}{join}{}", long(8200)),
                Vec::new(),
            ),
            (
                "an address of 20,000 octets",
                format!("{page}{join}{}", long(20_000)),
                Vec::new(),
            ),
            ("a cookie of 7,000 octets", page.clone(), cookie(7000)),
            ("a cookie of 20,000 octets", page.clone(), cookie(20_000)),
            (
                "120 headers",
                page.clone(),
                (0..120)
                    .map(|at| (format!("X-Probe-{at}"), long(40)))
                    .collect(),
            ),
        ];
        for (what, target, headers) in asked {
            let answer = self.try_with(Who::First, &target, headers);
            if let Some(answer) = answer.filter(|answer| self.giver(answer, seen) == Giver::Behind)
            {
                return mistake(
                    CHECK,
                    format!("{what} answers {} without a second factor", said(&answer)),
                    HELP,
                );
            }
        }
        right(
            CHECK,
            "requests that are too long for Cofactor are refused".into(),
        )
    }

    /// Another host name is not taken for this site (FA-06).
    pub(super) fn foreign_host(&self, seen: &Seen<'_>) -> Finding {
        const CHECK: &str = "foreign-host";
        let foreign = format!("{}.example", self.mark);
        let page = self.page();
        let Some(answer) = self.send(Who::First, "GET", &page, Some(&foreign), Vec::new()) else {
            return right(CHECK, "a request for another host is refused".into());
        };
        if answer.header("location").contains(&foreign) {
            let help = "answer to the names of your own alone (server_name and a default server that refuses)";
            return mistake(
                CHECK,
                format!("a request for {foreign} answers {}", said(&answer)),
                help,
            );
        }
        match self.giver(&answer, seen) {
            Giver::Behind if !shows_nothing(&answer) => unsure(
                CHECK,
                format!("a request for another host answers {}", said(&answer)),
                "is this a site that is open to all, or the same application by another name?",
            ),
            _ => right(
                CHECK,
                format!("a request for another host answers {}", said(&answer)),
            ),
        }
    }

    /// A host that does not end where it should is refused: what follows it would be read as a path or a query, and another
    /// address be judged than is shown (FA-04).
    pub(super) fn malformed_host(&self, seen: &Seen<'_>) -> Finding {
        const CHECK: &str = "malformed-host";
        let page = self.page();
        let own = self.place.authority();
        let mark = &self.mark;
        let hosts = [
            format!("{own}?{mark}="),
            format!("{own}/{mark}?"),
            format!("{own}#{mark}"),
            format!("{own}\\{mark}"),
            format!("{mark}@{own}"),
        ];
        for host in &hosts {
            for who in [Who::First, Who::Session] {
                let answer = self.send(who, "GET", &page, Some(host.as_str()), Vec::new());
                let Some(answer) = answer.filter(|answer| answer.status < 400) else {
                    continue;
                };
                if self.giver(&answer, seen) != Giver::SentOn {
                    return mistake(
                        CHECK,
                        format!("with Host: {host}, the page answers {}", said(&answer)),
                        "such a request has to be refused: answer to the names of your own alone, and keep Cofactor up to date",
                    );
                }
            }
        }
        right(
            CHECK,
            format!("{} hosts that are none are refused", hosts.len()),
        )
    }

    /// The pages send nobody away (FA-06, FA-07).
    pub(super) fn return_address(&self, seen: &Seen<'_>) -> Finding {
        const CHECK: &str = "return-address";
        let foreign = format!("{}.example", self.mark);
        for address in ["https://@/", "//@/", "/%5c@/", "https:@", "///@/"] {
            let address = address.replace('@', &foreign);
            let target = format!("/.cofactor/?rd={address}");
            let Some(answer) = self.try_with(Who::First, &target, Vec::new()) else {
                continue;
            };
            let to = self.place.url.join(answer.header("location")).ok();
            let away = to.and_then(|to| to.host_str().map(|host| host.ends_with(&foreign)));
            if away == Some(true) {
                return mistake(
                    CHECK,
                    format!("{target} answers {}", said(&answer)),
                    "this is not Cofactor's answer: what does the proxy do with `rd`?",
                );
            }
            if self.giver(&answer, seen) == Giver::Unclear && !answer.body.contains("/.cofactor/") {
                return unsure(
                    CHECK,
                    format!("/.cofactor/ answers {}", said(&answer)),
                    "the pages have to be reached through the proxy",
                );
            }
        }
        right(CHECK, "the pages send nobody to another site".into())
    }

    /// What proxies ask is not for everybody to ask.
    pub(super) fn endpoints(&self, seen: &Seen<'_>) -> Finding {
        const CHECK: &str = "endpoints";
        const HELP: &str = "have the proxy keep these to itself: `internal` in nginx, no route to Cofactor's port but /.cofactor/";
        for target in [
            "/cofactor-check",
            "/v1/gateway/nginx",
            "/v1/gateway/caddy",
            "/v1/gateway/traefik",
            "/v1/gateway/haproxy",
            "/v1/gateway/envoy",
            "/v1/openapi.json",
            "/metrics",
        ] {
            let Some(answer) = self.try_with(Who::First, target, Vec::new()) else {
                continue;
            };
            let is_behind = self.giver(&answer, seen) == Giver::Behind;
            let told =
                answer.all("remote-user").next().is_some() || answer.body.contains("cofactor_");
            if is_behind && told {
                return mistake(CHECK, format!("{target} answers {}", said(&answer)), HELP);
            }
            if is_behind {
                return unsure(CHECK, format!("{target} answers {}", said(&answer)), HELP);
            }
        }
        right(
            CHECK,
            "Cofactor's endpoints for proxies are not reached from outside".into(),
        )
    }
}

/// Whether an answer is no page: some proxies say 200 and nothing for hosts that they do not know.
fn shows_nothing(answer: &Answer) -> bool {
    answer.status == 404 || answer.body.is_empty()
}
