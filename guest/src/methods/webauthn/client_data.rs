//! What the browser saw (WebAuthn section 5.8.1): for which site it asked, with which challenge, and inside which page.

use subtle::ConstantTimeEq;

use super::base64url;
use super::json::Object;
use crate::policy::Webauthn;
use crate::policy::texts::lines;

/// What is asked of a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ceremony {
    /// Section 7.1.
    Registration,
    /// Section 7.2.
    Assertion,
}

/// Whether a browser that was asked this, on one of these sites, would have written `json`. Steps 5 to 11 of section 7.1,
/// and steps 9 to 15 of section 7.2: they are the same.
pub(super) fn is_for(
    json: &[u8],
    ceremony: Ceremony,
    challenge: &[u8],
    policy: &Webauthn<'_>,
) -> bool {
    // UTF-8 decoding takes a byte order mark away; what is no UTF-8 is refused instead of mended.
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let Some(data) = core::str::from_utf8(json).ok().and_then(Object::parse) else {
        return false;
    };
    let (Some(kind), Some(given), Some(origin)) = (
        data.text("type"),
        data.text("challenge"),
        data.text("origin"),
    ) else {
        return false;
    };
    let asked = match ceremony {
        Ceremony::Registration => "webauthn.create",
        Ceremony::Assertion => "webauthn.get",
    };
    // `tokenBinding` is of older browsers, and says nothing any more.
    kind == asked
        && bool::from(given.as_bytes().ct_eq(base64url::encode(challenge).as_bytes()))
        && is_origin(policy, &origin)
        // This site is in no other's frame: a page that shows it in one draws over it (UI redressing).
        && data.get("crossOrigin").is_none_or(|value| value.flag() == Some(false))
        && data.get("topOrigin").is_none()
}

/// Whether an origin is one of the site's, octet for octet. Where none is listed, it is the domain's own.
fn is_origin(policy: &Webauthn<'_>, origin: &str) -> bool {
    if policy.origins.is_empty() {
        return origin.strip_prefix("https://") == Some(policy.rp_id);
    }
    lines(policy.origins).any(|known| known == origin)
}
