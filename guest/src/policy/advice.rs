//! What must hold between the keys of every policy, and what is legal but unwise whatever the preset.

use super::presets::{Advice, Equal, LEVEL_1, Rule};
use super::{DAY, SECOND};

/// What is unwise whatever the preset.
pub(crate) static ADVICE: [Advice; 20] = [
    Advice {
        path: "totp.window",
        is_fine: |v| v <= 1,
        why: "every step more gives a guesser two codes more; RFC 6238 section 5.2 allows one step of delay",
        help: "0 or 1",
    },
    Advice {
        path: "totp.drift-cap",
        is_fine: |v| v <= 1,
        why: "it keeps codes alive for longer than one step of delay (RFC 6238 section 5.2)",
        help: "0 or 1, and resynchronisation for tokens whose clock is off",
    },
    Advice {
        path: "totp.algorithm",
        is_fine: |v| v == 0,
        why: IGNORED,
        help: "`SHA1`",
    },
    Advice {
        path: "hotp.algorithm",
        is_fine: |v| v == 0,
        why: IGNORED,
        help: "`SHA1`",
    },
    Advice {
        path: "totp.digits",
        is_fine: |v| v != 7,
        why: SEVEN,
        help: "6 or 8",
    },
    Advice {
        path: "hotp.digits",
        is_fine: |v| v != 7,
        why: SEVEN,
        help: "6 or 8",
    },
    Advice {
        path: "totp.period",
        is_fine: |v| v == 30 * SECOND as u32,
        why: "several authenticator apps ignore the period and count 30 seconds; SP 800-63B-4 section 3.1.4.1 allows two minutes at most",
        help: "\"30s\"",
    },
    Advice {
        path: "hotp.look-ahead",
        is_fine: |v| v <= 10,
        why: "RFC 4226 section 7.4 wants it as small as possible: each counter is a code more for a guesser",
        help: "at most 10",
    },
    Advice {
        path: "push.number-length",
        is_fine: |v| v >= 6,
        why: "the number is the secret that the device transfers, and SP 800-63B-4 section 3.1.3.2 wants six digits",
        help: "6",
    },
    Advice {
        path: "push.matching",
        is_fine: |v| v != 1,
        why: "whoever approves without a look picks the right number once in three times",
        help: "`type-in`",
    },
    Advice {
        path: "session.lifetime",
        is_fine: |v| u64::from(v) <= DAY,
        why: "SP 800-63B-4 section 2.2.3 ends a session of level 2 after 24 hours",
        help: "at most \"24h\"",
    },
    Advice {
        path: "throttle.lock-after",
        is_fine: |v| v <= 20,
        why: "a guesser gets many attempts before the first lock",
        help: "at most 20",
    },
    Advice {
        path: "throttle.delay-after",
        is_fine: |v| v <= 10,
        why: "a guesser gets many attempts before the first wait",
        help: "at most 10",
    },
    Advice {
        path: "throttle.account-lock-after",
        is_fine: |v| v <= 100,
        why: "a guesser who tries one credential after the other gets many attempts before the first lock",
        help: "at most 100",
    },
    Advice {
        path: "sources.failures",
        is_fine: |v| v != 0,
        why: UNCOUNTED,
        help: "a number over 0",
    },
    Advice {
        path: "sources.begins",
        is_fine: |v| v != 0,
        why: UNCOUNTED,
        help: "a number over 0",
    },
    Advice {
        path: "application-default.required-level",
        is_fine: |v| v != 1,
        why: LEVEL_1,
        help: "2",
    },
    Advice {
        path: "devices.lifetime",
        is_fine: |v| v <= (30 * DAY / SECOND) as u32,
        why: "a copied token lets its thief in for as long",
        help: "at most \"30d\"",
    },
    Advice {
        path: "accounts.may-disable",
        is_fine: |v| v == 0,
        why: "an account that is disabled passes on the first factor alone, for ever",
        help: "false, and a rule with `until` and `why` for who needs it",
    },
    Advice {
        path: "accounts.shadows",
        is_fine: |v| v >= 64,
        why: "few shadow records throttle each other, which tells unknown users from known ones",
        help: "at least 64",
    },
];

/// What must hold between keys.
pub(crate) static RULES: [Rule; 9] = [
    Rule {
        lower: "throttle.lock-after",
        upper: "throttle.ceiling",
        equal: Equal::Allowed,
    },
    Rule {
        lower: "throttle.delay-base",
        upper: "throttle.delay-max",
        equal: Equal::Allowed,
    },
    Rule {
        lower: "throttle.lock-for",
        upper: "throttle.lock-max",
        equal: Equal::Allowed,
    },
    Rule {
        lower: "totp.window",
        upper: "totp.drift-cap",
        equal: Equal::Allowed,
    },
    Rule {
        lower: "totp.window",
        upper: "totp.resync-window",
        equal: Equal::OrOff,
    },
    Rule {
        lower: "totp.drift-cap",
        upper: "totp.resync-window",
        equal: Equal::OrOff,
    },
    Rule {
        lower: "hotp.look-ahead",
        upper: "hotp.resync-window",
        equal: Equal::OrOff,
    },
    Rule {
        lower: "session.idle",
        upper: "session.lifetime",
        equal: Equal::Allowed,
    },
    // Otherwise a session dies of idleness before its use was ever written down.
    Rule {
        lower: "session.renew",
        upper: "session.idle",
        equal: Equal::Refused,
    },
];

const IGNORED: &str = "several authenticator apps ignore the algorithm and compute SHA-1";
const SEVEN: &str =
    "the Key Uri Format knows 6 and 8 digits only, and several authenticator apps ignore others";
const UNCOUNTED: &str = "nothing slows an address that tries many accounts";
