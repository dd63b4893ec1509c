//! The mistakes that let somebody past a proxy, and the requests that show them. docs/gateway-check.md lists them for operators.

use url::Url;

use super::answer::{Giver, said};
use super::wire::{Answer, Asked, Place, WireError};
use super::{Finding, Outcome};

pub(super) type Headers = Vec<(String, String)>;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// A stranger.
    Nobody,
    /// Somebody who has passed the first factor, as far as that is given.
    First,
    /// Somebody who is signed in.
    Session,
}

/// A page, and what is known of who may see it.
pub(super) struct Probes<'a> {
    pub(super) place: &'a Place,
    first: Headers,
    pub(super) has_first: bool,
    pub(super) session: Option<Headers>,
    pub(super) public: &'a [String],
    /// A word that nobody else uses, to be known again where it comes back.
    pub(super) mark: String,
}

impl<'a> Probes<'a> {
    /// With the headers that somebody has. None where there is no randomness.
    pub(super) fn new(
        place: &'a Place,
        first: Option<Headers>,
        session: Option<Headers>,
        public: &'a [String],
    ) -> Option<Self> {
        let mut mark = [0; 8];
        getrandom::fill(&mut mark).ok()?;
        Some(Self {
            place,
            has_first: first.is_some(),
            first: first.unwrap_or_default(),
            session,
            public,
            mark: format!("probe{}", hex::encode(mark)),
        })
    }

    /// Sends them all.
    ///
    /// # Errors
    /// Where the page itself gets no answer.
    pub(super) fn run(&self) -> Result<Vec<Finding>, WireError> {
        let page = self.page();
        let nobody = self.place.ask(&self.plain(Who::Nobody, &page))?;
        let first = self.place.ask(&self.plain(Who::First, &page))?;
        let portal = Url::parse(first.header("location")).ok();
        let seen = Seen {
            nobody: &nobody,
            first: &first,
            portal: portal.as_ref(),
        };
        let mut findings = vec![self.guarded(&seen)];
        findings.push(self.redirects(&seen));
        findings.push(cached(&[&nobody, &first]));
        findings.push(self.cookies(&first));
        if self.is_open(&seen) {
            // Everything else would only say so again.
            return Ok(findings);
        }
        findings.push(self.spoofed_identity(&seen));
        findings.push(self.spoofed_request(&seen));
        findings.push(self.spoofed_address(&seen));
        findings.push(self.paths(&seen));
        findings.push(self.public_paths(&seen));
        findings.push(self.methods(&seen));
        findings.push(self.fail_open(&seen));
        findings.push(self.foreign_host(&seen));
        findings.push(self.malformed_host(&seen));
        findings.push(self.return_address(&seen));
        findings.push(self.endpoints(&seen));
        findings.extend(self.signed_in(&seen)?);
        Ok(findings)
    }

    /// Without a second factor nobody gets anything.
    fn guarded(&self, seen: &Seen<'_>) -> Finding {
        const CHECK: &str = "guarded";
        if self.is_open(seen) {
            let help = "the proxy does not ask Cofactor about this page, or lets everybody in: compare its configuration with docs/";
            return mistake(
                CHECK,
                format!("the page answers {}", said(seen.first)),
                help,
            );
        }
        match self.giver(seen.first, seen) {
            Giver::Gateway if !self.has_first && seen.first.status == 401 => unsure(
                CHECK,
                format!(
                    "the page answers {}: the first factor stands before it",
                    said(seen.first)
                ),
                "with --first-factor it can be seen what stands behind it",
            ),
            Giver::Gateway => right(CHECK, format!("the page answers {}", said(seen.first))),
            _ => unsure(
                CHECK,
                format!("the page answers {}", said(seen.first)),
                "give a page that is there and needs a second factor",
            ),
        }
    }

    fn is_open(&self, seen: &Seen<'_>) -> bool {
        [seen.nobody, seen.first]
            .into_iter()
            .any(|answer| self.giver(answer, seen) == Giver::Behind)
    }

    /// Nobody is sent to another site.
    fn redirects(&self, seen: &Seen<'_>) -> Finding {
        const CHECK: &str = "redirects";
        let location = seen.first.header("location");
        if location.is_empty() {
            return right(CHECK, "the page redirects to nowhere".into());
        }
        let page = &self.place.url;
        match page.join(location) {
            Ok(to) if to.scheme() == "http" && page.scheme() == "https" => mistake(
                CHECK,
                format!("the way to the pages is not encrypted: {location}"),
                "the proxy has to tell that it is asked over TLS: the scheme in X-Original-URL or X-Forwarded-Proto",
            ),
            Ok(to) if to.host() == page.host() => {
                right(CHECK, format!("to its own site: {location}"))
            }
            Ok(to) if to.path().starts_with(crate::gateway::config::RESERVED) => right(
                CHECK,
                format!("to the pages at {}", to.host_str().unwrap_or_default()),
            ),
            _ => unsure(
                CHECK,
                format!("to another site: {location}"),
                "is this where the first factor or the second is asked for?",
            ),
        }
    }

    /// Cookies that are given are this host's, and TLS's, alone (FA-13).
    pub(super) fn cookies(&self, answer: &Answer) -> Finding {
        const CHECK: &str = "cookies";
        let mut ours = 0;
        for cookie in answer.all("set-cookie") {
            let lower = cookie.to_ascii_lowercase();
            let name = cookie.split('=').next().unwrap_or_default();
            let has = |attribute: &str| lower.split(';').any(|part| part.trim() == attribute);
            let missing = match () {
                () if self.place.is_secure() && !has("secure") => "Secure",
                () if !has("httponly") => "HttpOnly",
                () if !lower.contains("samesite=") => "SameSite",
                () => {
                    ours += 1;
                    continue;
                }
            };
            let found = format!("the cookie {name} is not {missing}");
            let help = "a proxy that rewrites cookies has to leave their attributes: proxy_cookie_flags and the like";
            if name.contains("cofactor") {
                return mistake(CHECK, found, help);
            }
            return unsure(CHECK, found, "it is not Cofactor's: is it a session?");
        }
        right(CHECK, format!("{ours} cookies, with their attributes"))
    }

    /// The path that is looked at, with its query.
    pub(super) fn page(&self) -> String {
        let url = &self.place.url;
        match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        }
    }

    pub(super) fn giver(&self, answer: &Answer, seen: &Seen<'_>) -> Giver {
        Giver::of(answer, &self.place.url, seen.portal)
    }

    pub(super) fn plain<'t>(&self, who: Who, target: &'t str) -> Asked<'t> {
        Asked {
            method: "GET",
            target,
            host: None,
            headers: self.headers(who, Vec::new()),
        }
    }

    pub(super) fn headers(&self, who: Who, more: Headers) -> Headers {
        let accept = ("Accept".to_owned(), "text/html".to_owned());
        let first = if who == Who::Nobody {
            &[]
        } else {
            self.first.as_slice()
        };
        let session = match (&self.session, who) {
            (Some(session), Who::Session) => session.as_slice(),
            _ => &[],
        };
        let known = first.iter().chain(session).cloned();
        [accept].into_iter().chain(known).chain(more).collect()
    }

    pub(super) fn try_with(&self, who: Who, target: &str, headers: Headers) -> Option<Answer> {
        self.send(who, "GET", target, None, headers)
    }

    /// None where the connection is closed on such a request.
    pub(super) fn send(
        &self,
        who: Who,
        method: &str,
        target: &str,
        host: Option<&str>,
        headers: Headers,
    ) -> Option<Answer> {
        let asked = Asked {
            method,
            target,
            host,
            headers: self.headers(who, headers),
        };
        self.place.ask(&asked).ok()
    }
}

/// What the page answers to whom, before anything is tried.
pub(super) struct Seen<'a> {
    pub(super) nobody: &'a Answer,
    pub(super) first: &'a Answer,
    portal: Option<&'a Url>,
}

/// Answers of a gateway are kept by nobody (FA-12).
fn cached(answers: &[&Answer]) -> Finding {
    const CHECK: &str = "cached-answers";
    for answer in answers {
        let control = answer.header("cache-control").to_ascii_lowercase();
        let age = answer.header("age").parse::<u64>().unwrap_or(0);
        if age > 0 {
            let help = "no cache before or in the proxy may keep what a gateway answers";
            return mistake(
                CHECK,
                format!("the answer has been kept for {age} seconds"),
                help,
            );
        }
        let is_redirect = !answer.header("location").is_empty();
        if is_redirect && !control.contains("no-store") {
            let help = "Cache-Control: no-store on the redirect to the pages";
            return unsure(CHECK, format!("{} may be kept", said(answer)), help);
        }
    }
    right(CHECK, "nobody may keep the answers".into())
}

pub(super) fn right(check: &'static str, found: String) -> Finding {
    finding(check, Outcome::Right, found, "")
}

pub(super) fn unsure(check: &'static str, found: String, help: &'static str) -> Finding {
    finding(check, Outcome::Unsure, found, help)
}

pub(super) fn mistake(check: &'static str, found: String, help: &'static str) -> Finding {
    finding(check, Outcome::Mistake, found, help)
}

pub(super) fn not_tried(check: &'static str, found: &str) -> Finding {
    finding(check, Outcome::NotTried, found.to_owned(), "")
}

fn finding(check: &'static str, result: Outcome, found: String, help: &'static str) -> Finding {
    Finding {
        check,
        result,
        found,
        help,
    }
}
