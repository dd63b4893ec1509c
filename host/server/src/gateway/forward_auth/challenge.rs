//! What a program is told that is not let through: what would be enough (RFC 9470).

use axum::http::HeaderValue;
use cofactor_runtime::contract::StepUp;

/// The authentication context class of a level (OpenID Connect Core section 2, `acr`): `urn:cofactor:level:2` is any second
/// factor, `urn:cofactor:level:3` a phishing-resistant one.
const LEVEL: &str = "urn:cofactor:level:";
/// The level of any second factor.
const SECOND_FACTOR: u8 = 2;
/// The reason of a verdict that wants a verification of now, and no other (docs/reasons.md).
const FRESH: &str = "fresh-verification-required";

/// `WWW-Authenticate` for a session that is not enough (RFC 9470 section 3). Ages are in seconds, and rounded down: a
/// verification that is as old is old enough to be refused.
pub(super) fn step_up(needed: &StepUp) -> Option<HeaderValue> {
    let description = if needed.reason == FRESH {
        "A more recent verification is required"
    } else {
        "A different verification is required"
    };
    let level = needed.level.max(SECOND_FACTOR);
    let age = needed
        .max_age
        .map(|age| format!(", max_age=\"{}\"", age / 1000))
        .unwrap_or_default();
    let text = format!(
        "Bearer error=\"insufficient_user_authentication\", error_description=\"{description}\", acr_values=\"{LEVEL}{level}\"{age}"
    );
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_says_what_would_be_enough() {
        let said = |level, max_age, reason: &str| {
            let needed = StepUp {
                level,
                max_age,
                reason: reason.into(),
            };
            step_up(&needed).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(
            said(3, None, "level-insufficient"),
            "Bearer error=\"insufficient_user_authentication\", error_description=\"A different verification is required\", \
             acr_values=\"urn:cofactor:level:3\""
        );
        assert_eq!(
            said(2, Some(900_999), FRESH),
            "Bearer error=\"insufficient_user_authentication\", error_description=\"A more recent verification is required\", \
             acr_values=\"urn:cofactor:level:2\", max_age=\"900\""
        );
        assert!(said(0, Some(1000), "level-insufficient").contains("level:2"));
    }
}
