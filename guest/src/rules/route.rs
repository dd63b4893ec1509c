//! What is demanded by where a request goes: its host, its path and its HTTP method (E19). All routes that it is on count, and
//! the strictest of each demand wins: none takes anything away, so where a path can be read in several ways, every reading is
//! judged at once (FA-04).

use super::Circumstances;
use super::demand::Demands;
use super::trace::{Role, finding};
use crate::account::Demand;
use crate::authority;
use crate::contract::{Context, Fact, Origin, Request};
use crate::path::Path;
use crate::policy::Policy;
use crate::policy::route::{ALONE, Route};
use crate::policy::sections::Malformed;

/// Where a request goes.
#[derive(Clone, Debug)]
struct Target<'a> {
    application: &'a str,
    host: &'a str,
    /// None if it may be any.
    path: Option<Path<'a>>,
    method: &'a str,
}

impl<'a> Target<'a> {
    fn of(application: &'a str, host: &'a str, path: &'a str, method: &'a str) -> Self {
        Self {
            application,
            host,
            path: Path::read(path),
            method,
        }
    }

    /// Where the request goes that a sign-in is for, if the host tells its path. What else it does not tell may be any.
    fn told(application: &'a str, facts: &'a [Fact]) -> Option<Self> {
        let told = |wanted: &str| {
            let mut facts = facts.iter();
            facts
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.as_str())
        };
        let path = told(PATH)?;
        let host = told(HOST).unwrap_or_default();
        let method = told(METHOD).unwrap_or_default();
        Some(Self::of(application, host, path, method))
    }
}

/// The level of any second factor: nobody is let on to a route without one.
const SECOND_FACTOR: u8 = 2;
/// What the host calls the facts of the context that say where a request goes.
const HOST: &str = "request-host";
const PATH: &str = "request-path";
const METHOD: &str = "request-method";

/// Adds what the routes demand of a request.
pub(crate) fn add(
    policy: &Policy<'_>,
    request: &Request,
    demands: &mut Demands<'_>,
) -> Result<(), Malformed> {
    if policy.routes.is_empty() {
        return Ok(());
    }
    let target = Target::of(
        &request.application,
        &request.host,
        &request.path,
        &request.method,
    );
    for route in policy.routes.iter() {
        let route = route?;
        if missed(&route, &target).is_none() {
            demands.add_route(route.level.max(SECOND_FACTOR), route.max_age);
        }
    }
    Ok(())
}

/// Adds what the routes demand to what a sign-in asks for, where the host says which request it is for.
pub(crate) fn raise(
    policy: &Policy<'_>,
    origin: &Origin,
    ctx: &Context,
    demand: &mut Demand,
) -> Result<(), Malformed> {
    let Some(target) = Target::told(&origin.application, &ctx.facts) else {
        return Ok(());
    };
    for route in policy.routes.iter() {
        let route = route?;
        if missed(&route, &target).is_none() {
            demand.level = demand.level.max(route.level).max(SECOND_FACTOR);
            demand.max_age = match (demand.max_age, route.max_age) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
    }
    Ok(())
}

/// Writes down what each route said of the request that a sign-in is for.
pub(crate) fn explain(about: &Circumstances<'_>) {
    let Some(target) = Target::told(&about.origin.application, &about.ctx.facts) else {
        return;
    };
    for route in about.policy.routes.iter().filter_map(Result::ok) {
        let miss = missed(&route, &target);
        about.note(Role::Demand, || {
            let because = match miss {
                Some(why) => why,
                None if target.path.is_none() => "its path could be any",
                None => "the request is on it",
            };
            let name = ["route.", route.name].concat();
            finding(&name, miss.is_none(), because, &asks(&route))
        });
    }
}

/// Which condition does not hold, in words; none if the request is on the route.
fn missed(route: &Route<'_>, target: &Target<'_>) -> Option<&'static str> {
    if !route.applications.is_empty() && !route.applications.has(target.application) {
        return Some("it is for other applications");
    }
    if !route.methods.is_empty() && !is_by(route, target.method) {
        return Some("it is for other HTTP methods");
    }
    let mut hosts = route.hosts.iter();
    if !route.hosts.is_empty() && !hosts.any(|host| authority::is_at(host, target.host)) {
        return Some("it is for other hosts");
    }
    // Of every path, and for any path, it is on the route.
    let path = target.path.as_ref().filter(|_| !route.paths.is_empty())?;
    let is_on = |wanted: &[u8]| match wanted.split_first() {
        Some((&ALONE, page)) => path.is(page),
        _ => path.is_within(wanted),
    };
    let mut paths = route.paths.iter();
    (!paths.any(is_on)).then_some("it is for other paths")
}

/// Whether one of its methods is meant. GET and HEAD are one: applications serve both with the
/// same code (RFC 9110 section 9.3.2). A method that is not told may be any.
fn is_by(route: &Route<'_>, method: &str) -> bool {
    let method = if method.eq_ignore_ascii_case("HEAD") {
        "GET"
    } else {
        method
    };
    let mut methods = route.methods.iter();
    method.is_empty()
        || methods.any(|one| {
            one.eq_ignore_ascii_case(method.as_bytes()) || (one == b"HEAD" && method == "GET")
        })
}

/// What it demands, in words.
fn asks(route: &Route<'_>) -> String {
    let mut words = Vec::new();
    if route.level != 0 {
        words.push(["level = ", &route.level.to_string()].concat());
    }
    if let Some(age) = route.max_age {
        words.push(["max-age = ", &crate::policy::shown(age)].concat());
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;
    use crate::authorize::authorize;
    use crate::contract::{Claims, Verdict};
    use crate::policy::{HOUR, MINUTE, compile, compiled};

    const NOW: u64 = 1_700_000_000_000;

    const DOCUMENT: &str = r#"
[[route]]
name = "admin"
paths = ["/admin", "=/settings"]
level = 3
[[route]]
name = "pay"
hosts = ["shop.example", "app.example:8443"]
paths = ["/pay"]
http-methods = ["POST", "GET"]
max-age = "5m"
[[route]]
name = "payroll"
applications = ["payroll"]
paths = ["/"]
max-age = "10m"
[[route]]
name = "delete"
http-methods = ["DELETE"]
level = 2
max-age = "1m"
[[location]]
name = "office"
networks = ["192.0.2.0/24"]
[[rule]]
name = "office"
locations = ["office"]
then = "skip"
"#;

    fn request(method: &str, host: &str, path: &str) -> Request {
        Request {
            application: "app".into(),
            host: host.into(),
            path: path.into(),
            method: method.into(),
            address: None,
            generation: 7,
            ended: false,
        }
    }

    fn claims(application: &str, level: u8, ago: u64) -> Claims {
        Claims {
            application: application.into(),
            generation: 7,
            level,
            method: "totp".into(),
            proved: vec!["totp".into()],
            transaction: None,
            amr: vec![],
            reason: "successfully-completed".into(),
            started: NOW - HOUR / 2,
            verified: NOW - ago,
            active: NOW,
        }
    }

    fn judge(document: &str, claims: &Claims, request: &Request) -> Verdict {
        let bytes = compile(document).unwrap().bytes;
        authorize(&compiled::decode(&bytes).unwrap(), NOW, claims, request)
    }

    /// `pass`, or what is asked for.
    fn said(claims: &Claims, request: &Request) -> String {
        match judge(DOCUMENT, claims, request) {
            Verdict::Pass(passage) => format!("pass {}", (passage.until - NOW) / 1000),
            Verdict::StepUp(up) => {
                let age = up
                    .max_age
                    .map_or(String::new(), |age| format!(" {}s", age / 1000));
                format!("{}{age} {}", up.level, up.reason)
            }
            _ => "deny".into(),
        }
    }

    #[test]
    fn a_request_on_a_route_needs_what_the_route_demands() {
        const LEVEL: &str = "3 level-insufficient";
        #[rustfmt::skip] // One case a line.
        let cases = [
            ("GET", "app.example", "/", "pass 30"),
            ("GET", "app.example", "/administrator", "pass 30"),
            ("GET", "app.example", "/a/admin", "pass 30"),
            ("GET", "app.example", "/admin", LEVEL),
            ("GET", "app.example", "/admin/", LEVEL),
            ("POST", "app.example", "/admin/users/7", LEVEL),
            ("GET", "app.example", "/settings", LEVEL),
            ("GET", "app.example", "/settings/", LEVEL),
            ("GET", "app.example", "/settings/colour", "pass 30"),
            ("GET", "app.example", "/settings;a/colour", LEVEL),
            // Time since the verification: 20 minutes.
            ("GET", "shop.example", "/pay", "2 300s fresh-verification-required"),
            ("HEAD", "shop.example:443", "/pay/1", "2 300s fresh-verification-required"),
            ("GET", "SHOP.example.", "/Pay", "2 300s fresh-verification-required"),
            ("PUT", "shop.example", "/pay", "pass 30"),
            ("GET", "app.example", "/pay", "pass 30"),
            ("GET", "app.example:8443", "/pay", "2 300s fresh-verification-required"),
            ("GET", "app.example:8444", "/pay", "pass 30"),
            ("DELETE", "app.example", "/", "2 60s fresh-verification-required"),
            ("DELETE", "shop.example", "/admin", "3 60s level-insufficient"),
        ];
        for (method, host, path, expected) in cases {
            let found = said(&claims("app", 2, 20 * MINUTE), &request(method, host, path));
            assert_eq!(found, expected, "{method} {host} {path}");
        }
        let mut payroll = request("GET", "app.example", "/x");
        payroll.application = "payroll".into();
        assert_eq!(
            said(&claims("payroll", 2, 20 * MINUTE), &payroll),
            "2 600s fresh-verification-required"
        );
    }

    #[test]
    fn a_pass_holds_no_longer_than_the_route_lets_it() {
        let request = request("POST", "shop.example", "/pay");
        assert_eq!(
            said(&claims("app", 2, 5 * MINUTE - 3000), &request),
            "pass 3"
        );
        assert_eq!(said(&claims("app", 2, 0), &request), "pass 30");
    }

    #[test]
    fn who_was_let_in_without_a_factor_is_not_let_on_to_a_route() {
        let mut claims = claims("app", 1, 0);
        claims.proved.clear();
        claims.method.clear();
        claims.reason = "trusted-network".into();
        let mut request = request("GET", "shop.example", "/");
        request.address = Some("192.0.2.9".into());
        assert_eq!(said(&claims, &request), "pass 30");
        request.path = "/pay".into();
        assert_eq!(said(&claims, &request), "2 300s level-insufficient");
    }

    #[test]
    fn fa_04_every_way_to_write_a_path_is_on_its_route() {
        for path in [
            "/admin",
            "/ADMIN",
            "/%61dmin",
            "/%61%64%6d%69%6e",
            "/%41dmin",
            "//admin",
            "/admin//",
            "/admin%2F",
            "/admin%2f..%2fx",
            "/x/..%2fadmin",
            "/x/../admin",
            "/%2e/admin",
            "/./admin",
            "/admin;x",
            "/;x/admin",
            "/admin%3bx",
            "/admin\\x",
            "/admin%5cx",
            "/admin%00",
            "/admin%00/x",
            "/admin%20",
            "/admin.",
            "/admin%2500",
            "/%2561dmin",
            "/%25%36%31dmin",
            "/admin%3fx",
            "/admin%23",
            "/admin%252fx",
            "/x;/../admin",
            "/x/..;/admin",
            "/public/%2e%2e/admin",
            "/public/..%5cadmin",
            "/%c0%afadmin",
            "*",
            "",
            "http://app.example/admin",
            "/%u002fadmin",
            "/admin%",
            "/%ef%bc%8fadmin/%",
        ] {
            let found = said(&claims("app", 2, 0), &request("GET", "app.example", path));
            assert_eq!(found, "3 level-insufficient", "{path}");
        }
        // What is written in an unusual way, and goes elsewhere whoever reads it.
        for path in [
            "/public%2Fx",
            "/g%2Fadmin",
            "/a;b/c",
            "/a//b",
            "/caf%C3%A9",
            "/x%20y",
            "/a%2Fsettings",
        ] {
            let found = said(&claims("app", 2, 0), &request("GET", "app.example", path));
            assert_eq!(found, "pass 30", "{path}");
        }
    }

    #[test]
    fn fa_05_a_method_that_is_written_otherwise_is_the_same() {
        for method in ["DELETE", "delete", "Delete"] {
            let found = said(
                &claims("app", 2, 5 * MINUTE),
                &request(method, "app.example", "/"),
            );
            assert_eq!(found, "2 60s fresh-verification-required", "{method}");
        }
    }

    #[test]
    fn bytes_that_no_compiler_wrote_deny() {
        let bytes = compile(DOCUMENT).unwrap().bytes;
        let mut policy = compiled::decode(&bytes).unwrap();
        let section = policy.routes.0;
        for length in 1..section.len() {
            policy.routes.0 = section.get(..length).unwrap();
            let verdict = authorize(
                &policy,
                NOW,
                &claims("app", 2, 0),
                &request("GET", "a.example", "/"),
            );
            let whole = policy.routes.iter().all(|route| route.is_ok());
            assert_eq!(matches!(verdict, Verdict::Deny(_)), !whole, "{length}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_route_more_never_makes_a_request_pass(
            path in prop::sample::select(vec!["/", "/admin", "/pay/x", "/a/../b", "/a%2fb", "/settings"]),
            method in prop::sample::select(vec!["GET", "POST", "DELETE"]),
            host in prop::sample::select(vec!["app.example", "shop.example"]),
            level in 1_u8..4, ago in 0..HOUR / 3,
        ) {
            let (claims, request) = (claims("app", level, ago), request(method, host, path));
            let (fewer, _) = DOCUMENT.split_once("[[route]]\nname = \"delete\"").unwrap();
            if let Verdict::Pass(more) = judge(DOCUMENT, &claims, &request) {
                match judge(fewer, &claims, &request) {
                    Verdict::Pass(less) => prop_assert!(less.until >= more.until),
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }
}
