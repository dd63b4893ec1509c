//! What an answer says about who gave it.

use url::Url;

use super::wire::Answer;
use crate::gateway::config::RESERVED;

/// Who answered, as far as it shows from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Giver {
    /// The gateway: it refuses, asks for a factor, or failed closed.
    Gateway,
    /// The same site, sending on to another of its addresses, which has to be asked for as well.
    SentOn,
    /// Perhaps whoever is behind the gateway: a page that is not there, or a method that is not served.
    Unclear,
    /// Whoever is behind the gateway.
    Behind,
    /// Whoever it was, it sends the browser to another site.
    Elsewhere,
}

impl Giver {
    /// Judges an answer to a request for `page`. `portal` is where the gateway sends people for their second factor, if it has a
    /// site of its own for that.
    pub(super) fn of(answer: &Answer, page: &Url, portal: Option<&Url>) -> Self {
        match answer.status {
            101 | 200..=299 => Self::Behind,
            301..=303 | 307 | 308 => {
                let Ok(to) = page.join(answer.header("location")) else {
                    return Self::Elsewhere;
                };
                let is_portal = portal.is_some_and(|portal| portal.origin() == to.origin());
                let is_here = to.host() == page.host();
                match () {
                    () if (is_portal || is_here) && to.path().starts_with(RESERVED) => {
                        Self::Gateway
                    }
                    () if is_here => Self::SentOn,
                    () => Self::Elsewhere,
                }
            }
            // Pages of the portal say that there is none as well.
            404 if answer.body.contains(RESERVED) => Self::Gateway,
            404 | 406 | 410 | 415 => Self::Unclear,
            _ => Self::Gateway,
        }
    }
}

/// What two answers have in common if nothing but chance made them differ: status, and where they lead to. A ticket is another
/// one each time.
pub(super) fn shape(answer: &Answer) -> (u16, String) {
    let location = answer.header("location");
    let location = match location.split_once("?ticket=") {
        Some((to, _)) => to,
        None => location,
    };
    (answer.status, location.to_owned())
}

/// An answer in words.
pub(super) fn said(answer: &Answer) -> String {
    match answer.header("location") {
        "" => answer.status.to_string(),
        location => {
            let location: String = location.chars().take(120).collect();
            format!("{} to {location}", answer.status)
        }
    }
}
