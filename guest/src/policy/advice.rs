//! What must hold between the keys of every policy, and what is legal but unwise whatever the preset.

use super::presets::{Advice, Equal, LEVEL_1, Rule, advise};
use super::{DAY, SECOND};

/// What is unwise whatever the preset.
#[rustfmt::skip]
pub(crate) static ADVICE: [Advice; 20] = [
    advise("totp.window", |v| v <= 1, "every step more gives a guesser two codes more; RFC 6238 section 5.2 allows one step of delay", "0 or 1"),
    advise("totp.drift-cap", |v| v <= 1, "it keeps codes alive for longer than one step of delay (RFC 6238 section 5.2)", "0 or 1, and resynchronisation for tokens whose clock is off"),
    advise("totp.algorithm", |v| v == 0, IGNORED, "`SHA1`"),
    advise("hotp.algorithm", |v| v == 0, IGNORED, "`SHA1`"),
    advise("totp.digits", |v| v != 7, SEVEN, "6 or 8"),
    advise("hotp.digits", |v| v != 7, SEVEN, "6 or 8"),
    advise("totp.period", |v| v == 30 * SECOND as u32, "several authenticator apps ignore the period and count 30 seconds; SP 800-63B-4 section 3.1.4.1 allows two minutes at most", "\"30s\""),
    advise("hotp.look-ahead", |v| v <= 10, "RFC 4226 section 7.4 wants it as small as possible: each counter is a code more for a guesser", "at most 10"),
    advise("push.number-length", |v| v >= 6, "the number is the secret that the device transfers, and SP 800-63B-4 section 3.1.3.2 wants six digits", "6"),
    advise("push.matching", |v| v != 1, "whoever approves without a look picks the right number once in three times", "`type-in`"),
    advise("session.lifetime", |v| u64::from(v) <= DAY, "SP 800-63B-4 section 2.2.3 ends a session of level 2 after 24 hours", "at most \"24h\""),
    advise("throttle.lock-after", |v| v <= 20, "a guesser gets many attempts before the first lock", "at most 20"),
    advise("throttle.delay-after", |v| v <= 10, "a guesser gets many attempts before the first wait", "at most 10"),
    advise("throttle.account-lock-after", |v| v <= 100, "a guesser who tries one credential after the other gets many attempts before the first lock", "at most 100"),
    advise("sources.failures", |v| v != 0, UNCOUNTED, "a number over 0"),
    advise("sources.begins", |v| v != 0, UNCOUNTED, "a number over 0"),
    advise("application-default.required-level", |v| v != 1, LEVEL_1, "2"),
    advise("devices.lifetime", |v| v <= (30 * DAY / SECOND) as u32, "a copied token lets its thief in for as long", "at most \"30d\""),
    advise("accounts.may-disable", |v| v == 0, "an account that is disabled passes on the first factor alone, for ever", "false, and a rule with `until` and `why` for who needs it"),
    advise("accounts.shadows", |v| v >= 64, "few shadow records throttle each other, which tells unknown users from known ones", "at least 64"),
];

/// What must hold between keys.
#[rustfmt::skip]
pub(crate) static RULES: [Rule; 9] = [
    Rule { lower: "throttle.lock-after", upper: "throttle.ceiling", equal: Equal::Allowed },
    Rule { lower: "throttle.delay-base", upper: "throttle.delay-max", equal: Equal::Allowed },
    Rule { lower: "throttle.lock-for", upper: "throttle.lock-max", equal: Equal::Allowed },
    Rule { lower: "totp.window", upper: "totp.drift-cap", equal: Equal::Allowed },
    Rule { lower: "totp.window", upper: "totp.resync-window", equal: Equal::OrOff },
    Rule { lower: "totp.drift-cap", upper: "totp.resync-window", equal: Equal::OrOff },
    Rule { lower: "hotp.look-ahead", upper: "hotp.resync-window", equal: Equal::OrOff },
    Rule { lower: "session.idle", upper: "session.lifetime", equal: Equal::Allowed },
    // Otherwise a session dies of idleness before its use was ever written down.
    Rule { lower: "session.renew", upper: "session.idle", equal: Equal::Refused },
];

const IGNORED: &str = "several authenticator apps ignore the algorithm and compute SHA-1";
const SEVEN: &str =
    "the Key Uri Format knows 6 and 8 digits only, and several authenticator apps ignore others";
const UNCOUNTED: &str = "nothing slows an address that tries many accounts";
