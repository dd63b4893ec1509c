//! What is the proxy's to say, said by a client (FA-01, FA-02, FA-03), and what applications believe of it.

use super::Finding;
use super::answer::{Giver, said, shape};
use super::probes::{Headers, Probes, Seen, Who, mistake, not_tried, right, unsure};
use super::wire::{Answer, WireError};
use crate::gateway::identity_headers::{self, IDENTITY, REQUEST};

/// Names that only some applications take for somebody's: a proxy in front may have them.
const KNOWN_TO_SOME: [&str; 2] = ["X-Authenticated-User", "X-Webauth-User"];

/// Further headers by which proxies tell what was asked for.
const FORWARDED: [&str; 4] = [
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Prefix",
    "Forwarded",
];

impl Probes<'_> {
    /// Who somebody is, is not the client's to say (FA-01, FA-02).
    pub(super) fn spoofed_identity(&self, seen: &Seen<'_>) -> Finding {
        const CHECK: &str = "spoofed-identity";
        const HELP: &str = "overwrite this header for the application and for Cofactor, or remove it: docs/ has the configuration of each proxy";
        let page = self.page();
        for name in IDENTITY.into_iter().chain(KNOWN_TO_SOME) {
            for headers in spellings(name, &self.mark) {
                let shown = headers
                    .first()
                    .map(|(name, _)| name.clone())
                    .unwrap_or_default();
                for (who, before) in [(Who::Nobody, seen.nobody), (Who::First, seen.first)] {
                    let Some(answer) = self.try_with(who, &page, headers.clone()) else {
                        continue;
                    };
                    // A gateway may refuse such a request, but neither for it nor with it give more than before.
                    let refused = matches!(answer.status, 400 | 431);
                    if shape(&answer) != shape(before) && !refused {
                        let found = format!(
                            "with {shown} from the client, {} becomes {}",
                            said(before),
                            said(&answer)
                        );
                        return mistake(CHECK, found, HELP);
                    }
                }
            }
        }
        right(
            CHECK,
            format!(
                "{} headers of the client, in every spelling, change nothing",
                IDENTITY.len() + KNOWN_TO_SOME.len()
            ),
        )
    }

    /// What is asked for, is the proxy's to say (FA-03).
    pub(super) fn spoofed_request(&self, seen: &Seen<'_>) -> Finding {
        const CHECK: &str = "spoofed-request";
        const HELP: &str = "write this header yourself, always, or do not let it through: Cofactor judges the address that it is told";
        let page = self.page();
        let origin = format!("{}://{}", self.place.url.scheme(), self.place.authority());
        for name in REQUEST.into_iter().chain(FORWARDED) {
            let mut values = match name {
                _ if name.contains("Method") => {
                    vec!["OPTIONS".to_owned(), "BREW".to_owned()]
                }
                "X-Forwarded-Host" => vec![format!("{}.example", self.mark)],
                "X-Forwarded-Proto" => vec!["gopher".to_owned()],
                "Forwarded" => vec![format!("host={}.example;proto=gopher", self.mark)],
                "X-Original-URL" => vec![format!("{origin}/.cofactor/style.css"), "x".to_owned()],
                _ => vec![
                    "/.cofactor/style.css".to_owned(),
                    format!("/{}//", self.mark),
                ],
            };
            values.extend(self.public.first().cloned());
            for value in values {
                for headers in spellings(name, &value) {
                    let Some(answer) = self.try_with(Who::First, &page, headers) else {
                        continue;
                    };
                    if shape(&answer) != shape(seen.first) {
                        let found = format!(
                            "with {name} from the client, {} becomes {}",
                            said(seen.first),
                            said(&answer)
                        );
                        return mistake(CHECK, found, HELP);
                    }
                }
            }
        }
        right(
            CHECK,
            format!(
                "{} headers of the client, in every spelling, change nothing",
                REQUEST.len() + FORWARDED.len()
            ),
        )
    }

    /// Where the client is, is not the client's to say.
    pub(super) fn spoofed_address(&self, seen: &Seen<'_>) -> Finding {
        const CHECK: &str = "spoofed-address";
        const HELP: &str = "send the address of the connection in X-Forwarded-For, and name in `proxies` only those that may add to it";
        let page = self.page();
        for name in [
            "X-Forwarded-For",
            "X-Real-IP",
            "Client-IP",
            "True-Client-IP",
        ] {
            for value in [
                "127.0.0.1",
                "::1",
                "10.0.0.1",
                "172.16.0.1",
                "192.168.1.1",
                "127.0.0.1, 127.0.0.1",
            ] {
                let headers = vec![(name.to_owned(), value.to_owned())];
                let Some(answer) = self.try_with(Who::First, &page, headers) else {
                    continue;
                };
                if self.giver(&answer, seen) == Giver::Behind {
                    return mistake(
                        CHECK,
                        format!(
                            "with {name}: {value} from the client, the page answers {}",
                            said(&answer)
                        ),
                        HELP,
                    );
                }
            }
        }
        right(
            CHECK,
            "no address that a client gives itself opens the page".into(),
        )
    }

    /// What can be seen by somebody who is signed in.
    pub(super) fn signed_in(&self, seen: &Seen<'_>) -> Result<Vec<Finding>, WireError> {
        const TOLD: &str = "told-to-application";
        const CACHE: &str = "cached-page";
        if self.session.is_none() {
            let what = "--session lets somebody in who is signed in";
            return Ok(vec![not_tried(TOLD, what), not_tried(CACHE, what)]);
        }
        let page = self.page();
        let inside = self.place.ask(&self.plain(Who::Session, &page))?;
        if self.giver(&inside, seen) != Giver::Behind {
            let found = format!("with the session, the page answers {}", said(&inside));
            let help = "give the headers of a session that is not over";
            return Ok(vec![unsure(TOLD, found, help)]);
        }
        let mut findings = vec![self.cookies(&inside), self.told(TOLD, &page, &inside)];
        let Some(again) = self.try_with(Who::First, &page, Vec::new()) else {
            return Ok(findings);
        };
        findings.push(if self.giver(&again, seen) == Giver::Behind {
            let help =
                "no proxy_cache over pages that are guarded, nor over the answers of Cofactor";
            mistake(
                CACHE,
                format!(
                    "after somebody who is signed in, anybody gets {}",
                    said(&again)
                ),
                help,
            )
        } else {
            right(CACHE, "what one may see is not shown to the next".into())
        });
        Ok(findings)
    }

    fn told(&self, check: &'static str, page: &str, inside: &Answer) -> Finding {
        const HELP: &str =
            "overwrite this header on the way to the application, always, or remove it";
        let mut doubt = None;
        for name in IDENTITY.into_iter().chain(REQUEST) {
            for headers in spellings(name, &self.mark) {
                let shown = headers
                    .first()
                    .map(|(name, _)| name.clone())
                    .unwrap_or_default();
                let Some(answer) = self.try_with(Who::Session, page, headers) else {
                    continue;
                };
                if answer.body.contains(&self.mark) {
                    let found = format!("the application gets {shown} as the client sends it");
                    return mistake(check, found, HELP);
                }
                // An application that goes by it answers for another path, or with another method.
                if REQUEST.contains(&name) && answer.status != inside.status {
                    doubt = doubt.or(Some(format!(
                        "with {shown} from the client, {} becomes {}",
                        said(inside),
                        said(&answer)
                    )));
                }
            }
        }
        match doubt {
            Some(found) => unsure(check, found, HELP),
            None => right(
                check,
                "the page shows none of the headers that a client makes up".into(),
            ),
        }
    }
}

/// A header as it is, with underscores, twice, and in all spellings between: some servers take them for the same (FA-02).
fn spellings(name: &str, value: &str) -> Vec<Headers> {
    let header = |name: &str| (name.to_owned(), value.to_owned());
    let underscores = name.replace('-', "_");
    let mixed: Headers = identity_headers::spellings(name)
        .iter()
        .filter(|spelling| **spelling != name && **spelling != underscores)
        .map(|spelling| header(spelling))
        .collect();
    let all = [
        vec![header(name)],
        vec![header(&underscores)],
        vec![header(name), header(&name.to_ascii_lowercase())],
        mixed,
    ];
    all.into_iter()
        .filter(|headers| !headers.is_empty())
        .collect()
}
