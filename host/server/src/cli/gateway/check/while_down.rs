//! What a proxy does while Cofactor is stopped: nobody may be let in. An authorizer that does not answer is what
//! `failure_mode_allow` and its kin are about, and no request of a client can bring that about.

use super::Finding;
use super::answer::{Giver, said};
use super::probes::{Headers, Probes, Who, mistake, right, unsure};
use super::wire::{Answer, Asked, WireError};

/// What is asked, in words and as it is sent.
struct Probe {
    who: Who,
    method: &'static str,
    headers: Headers,
    what: &'static str,
}

impl Probes<'_> {
    /// Asks for the page in several ways. Whatever is neither refused nor an error has gone past Cofactor.
    ///
    /// # Errors
    /// Where the proxy itself does not answer: then nothing can be said.
    pub(super) fn while_down(&self) -> Result<Vec<Finding>, WireError> {
        const CHECK: &str = "while-down";
        const HELP: &str = "have the proxy refuse what it cannot ask about: failure_mode_allow: false in Envoy, no error_page that leads on, no fallback";
        let page = self.page();
        self.place.ask(&self.plain(Who::First, &page))?;
        let mut refused = 0;
        let mut doubt = None;
        for probe in self.probes() {
            let answer = self.place.ask(&Asked {
                method: probe.method,
                target: &page,
                host: None,
                headers: self.headers(probe.who, probe.headers),
            });
            // A connection that is closed without a word is a refusal as well.
            let Ok(answer) = answer else {
                refused += 1;
                continue;
            };
            let found = format!("{} answers {}", probe.what, said(&answer));
            match self.fails(&answer, probe.who) {
                Fails::Closed => refused += 1,
                Fails::Open => {
                    let found = format!("fails open: {found} with Cofactor stopped");
                    return Ok(vec![mistake(CHECK, found, HELP)]);
                }
                Fails::Unseen(why) => doubt = doubt.or(Some((found, why))),
            }
        }
        Ok(vec![match doubt {
            Some((found, why)) => unsure(CHECK, found, why),
            None => right(
                CHECK,
                format!("{refused} requests are refused with Cofactor stopped"),
            ),
        }])
    }

    fn probes(&self) -> Vec<Probe> {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let upgrade = vec![
            header("Connection", "Upgrade"),
            header("Upgrade", "websocket"),
            header("Sec-WebSocket-Version", "13"),
            header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let script = vec![header("X-Requested-With", "XMLHttpRequest")];
        let spoofed = vec![
            header("X-Cofactor-Fail-Open", "yes"),
            header("X-Envoy-Auth-Failure-Mode-Allowed", "true"),
        ];
        let mut probes: Vec<Probe> = [
            (Who::First, "GET", Vec::new(), "the page"),
            (Who::Nobody, "GET", Vec::new(), "the page, to a stranger,"),
            (Who::First, "HEAD", Vec::new(), "HEAD"),
            (Who::First, "POST", Vec::new(), "POST"),
            (Who::First, "OPTIONS", Vec::new(), "OPTIONS"),
            (Who::First, "PROPFIND", Vec::new(), "PROPFIND"),
            (Who::First, "GET", upgrade, "an upgrade to WebSocket"),
            (Who::First, "GET", script, "a script's request"),
            (Who::First, "GET", spoofed, "a request that says so itself"),
        ]
        .into_iter()
        .map(|(who, method, headers, what)| Probe {
            who,
            method,
            headers,
            what,
        })
        .collect();
        if self.session.is_some() {
            probes.push(Probe {
                who: Who::Session,
                method: "GET",
                headers: Vec::new(),
                what: "the page, with a session,",
            });
        }
        probes
    }

    fn fails(&self, answer: &Answer, who: Who) -> Fails {
        const RUNS: &str =
            "only Cofactor sends there: stop it first, on every machine where it runs";
        const FIRST: &str =
            "the first factor answers before Cofactor is asked: give --first-factor";
        const THERE: &str = "give a page that is there; did the application say so, or the proxy?";
        match (Giver::of(answer, &self.place.url, None), answer.status) {
            (Giver::Gateway, 301..=303 | 307 | 308) => Fails::Unseen(RUNS),
            // Whoever asks for the first factor has not asked Cofactor.
            (Giver::Gateway, 401) if who == Who::Nobody && self.has_first => Fails::Closed,
            (Giver::Gateway, 401) => Fails::Unseen(FIRST),
            (Giver::SentOn | Giver::Elsewhere, _) if who == Who::Nobody => Fails::Closed,
            (Giver::Gateway, _) => Fails::Closed,
            (Giver::Unclear, _) => Fails::Unseen(THERE),
            (Giver::Behind | Giver::SentOn | Giver::Elsewhere, _) => Fails::Open,
        }
    }
}

/// What an answer says about a proxy whose Cofactor is stopped.
enum Fails {
    /// Nobody is let in.
    Closed,
    /// The request went on.
    Open,
    /// It cannot be told, and why.
    Unseen(&'static str),
}
