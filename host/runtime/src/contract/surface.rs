//! What a gateway can put in front of the user.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use generated::Surface;

/// What the gateway can put in front of the user: `REDIRECT` sends a browser to a page of the host's own, `PROMPT` shows
/// text of at most 253 octets and reads a line back, `WAIT` holds the sign-in open while the user acts elsewhere, `POLL`
/// asks again later, `PROGRAM` takes a secret in place of a password from a program that shows nothing to anybody: the only
/// kind of sign-in that an app password is good for. (The macro takes no comments.)
#[allow(missing_docs)]
mod generated {
    wasmtime::component::flags! {
        Surface {
            #[component(name = "redirect")]
            const REDIRECT;
            #[component(name = "prompt")]
            const PROMPT;
            #[component(name = "wait")]
            const WAIT;
            #[component(name = "poll")]
            const POLL;
            #[component(name = "program")]
            const PROGRAM;
        }
    }
}

const NAMES: [(&str, Surface); 5] = [
    ("redirect", Surface::REDIRECT),
    ("prompt", Surface::PROMPT),
    ("wait", Surface::WAIT),
    ("poll", Surface::POLL),
    ("program", Surface::PROGRAM),
];

impl Serialize for Surface {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(
            NAMES
                .iter()
                .filter(|(_, flag)| (*self & *flag) == *flag)
                .map(|(name, _)| name),
        )
    }
}

impl<'de> Deserialize<'de> for Surface {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::<String>::deserialize(from)?
            .iter()
            .try_fold(Surface::default(), |all, name| {
                match NAMES.iter().find(|(known, _)| known == name) {
                    Some((_, flag)) => Ok(all | *flag),
                    None => Err(D::Error::custom(format_args!(
                        "unknown surface `{name}`: redirect, prompt, wait, poll or program"
                    ))),
                }
            })
    }
}
