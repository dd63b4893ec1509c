//! The presets, the rules between keys, and what is legal but unwise.
//!
//! A preset is what it changes in the defaults, and what its standard says about values that an operator may still write: those
//! are warnings, because the operator has the last word. The numbers are argued in docs/policy.md.

use super::{DAY, HOUR, MINUTE, SECOND};

/// Names of the presets, as `describe` lists them.
pub const NAMES: [&str; 5] = ["entra", "mfa-server", "nist", "pci", "asvs"];

/// A named set of differences from the defaults.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    /// Keys and their values, as numbers.
    pub(crate) values: &'static [(&'static str, u32)],
    /// What its standard says about keys that the operator sets.
    pub(crate) advice: &'static [Advice],
}

/// A value that is legal, but that somebody should know about.
pub(crate) struct Advice {
    /// The key.
    pub(crate) path: &'static str,
    /// Whether there is nothing to say about a value.
    pub(crate) is_fine: fn(u32) -> bool,
    /// What there is to say otherwise.
    pub(crate) why: &'static str,
    /// What would be right.
    pub(crate) help: &'static str,
}

/// Two keys of which the first may not exceed the second.
pub(crate) struct Rule {
    pub(crate) lower: &'static str,
    pub(crate) upper: &'static str,
    /// Whether they may be equal.
    pub(crate) equal: Equal,
}

/// Whether two ordered values may be equal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Equal {
    Allowed,
    Refused,
    /// They may be equal, and zero switches what the second one bounds off.
    OrOff,
}

impl Rule {
    /// Whether two values go together.
    pub(crate) fn holds(&self, lower: u32, upper: u32) -> bool {
        match self.equal {
            Equal::Allowed => lower <= upper,
            Equal::Refused => lower < upper,
            Equal::OrOff => lower <= upper || upper == 0,
        }
    }
}

pub(crate) static PRESETS: [Preset; 5] = [
    // Entra ID takes time-based hardware tokens only, and five of them.
    Preset {
        name: "entra",
        values: &[
            ("accounts.methods", TOTP_ONLY),
            ("accounts.max-credentials", 5),
        ],
        advice: &[Advice {
            path: "accounts.methods",
            is_fine: |v| v == TOTP_ONLY,
            why: "Entra ID has no counter-based tokens",
            help: "[\"totp\"]",
        }],
    },
    // Users were imported; a name that was not there was refused ("require user match").
    Preset {
        name: "mfa-server",
        values: &[("accounts.provision", KNOWN_ONLY)],
        advice: &[],
    },
    // SP 800-63B-4: growing waits of 30 s to an hour (3.2.2), sessions of AAL2 (2.2.3).
    Preset {
        name: "nist",
        values: &[
            ("throttle.delay-base", 30 * SECOND as u32),
            ("throttle.delay-max", HOUR as u32),
            ("session.lifetime", 12 * HOUR as u32),
            ("session.idle", HOUR as u32),
        ],
        advice: &[
            Advice {
                path: "session.idle",
                is_fine: |v| v <= HOUR as u32,
                why: "SP 800-63B-4 section 2.2.3 ends an idle session of level 2 after one hour",
                help: "at most \"1h\"",
            },
            Advice {
                path: "sources.failures",
                is_fine: |v| v != 0,
                why: "SP 800-63B-4 section 3.2.2 wants guessing limited",
                help: "a number over 0",
            },
        ],
    },
    // PCI DSS 4.0.1: 8.3.4 (ten attempts, thirty minutes), 8.2.8 (fifteen minutes idle).
    Preset {
        name: "pci",
        values: &[
            ("throttle.lock-after", 10),
            ("throttle.lock-for", 30 * MINUTE as u32),
            ("session.idle", 15 * MINUTE as u32),
        ],
        advice: &[
            Advice {
                path: "throttle.lock-after",
                is_fine: |v| v <= 10,
                why: "PCI DSS 8.3.4 locks after at most 10 attempts",
                help: "at most 10",
            },
            Advice {
                path: "throttle.lock-for",
                is_fine: |v| v >= 30 * MINUTE as u32,
                why: "PCI DSS 8.3.4 locks for at least 30 minutes",
                help: "at least \"30m\"",
            },
            Advice {
                path: "session.idle",
                is_fine: |v| v <= 15 * MINUTE as u32,
                why: "PCI DSS 8.2.8 ends a session that is idle for 15 minutes",
                help: "at most \"15m\"",
            },
        ],
    },
    // ASVS 5.0.0, the strict choice of every contradiction: 6.5.5 (a code lives 30 s), 6.3.1 (locks early).
    Preset {
        name: "asvs",
        values: &[
            ("totp.window", 0),
            ("totp.drift-cap", 0),
            ("totp.resync-window", 0),
            ("hotp.resync-window", 0),
            ("throttle.lock-after", 5),
        ],
        advice: &[
            Advice {
                path: "totp.window",
                is_fine: |v| v == 0,
                why: "ASVS 6.5.5 lets a time-based code live 30 seconds",
                help: "0",
            },
            Advice {
                path: "totp.drift-cap",
                is_fine: |v| v == 0,
                why: "ASVS 6.5.5 lets a time-based code live 30 seconds",
                help: "0",
            },
            Advice {
                path: "totp.resync-window",
                is_fine: |v| v == 0,
                why: "ASVS 6.5.5 lets a time-based code live 30 seconds",
                help: "0",
            },
            Advice {
                path: "hotp.resync-window",
                is_fine: |v| v == 0,
                why: "the strict profile sets no token right by codes",
                help: "0",
            },
            Advice {
                path: "totp.period",
                is_fine: |v| v <= 30 * SECOND as u32,
                why: "ASVS 6.5.5 lets a time-based code live 30 seconds",
                help: "at most \"30s\"",
            },
            Advice {
                path: "throttle.lock-after",
                is_fine: |v| v <= 5,
                why: "the strict profile locks at the fifth failure",
                help: "at most 5",
            },
        ],
    },
];

/// What is unwise whatever the preset.
pub(crate) static ADVICE: [Advice; 19] = [
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
        path: "application-default.required-level",
        is_fine: |v| v != 3,
        why: LEVEL_3,
        help: "2",
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

/// An application that does not ask for a second factor.
pub(crate) const LEVEL_1: &str = "level 1 is the first factor alone: no second factor is required";
/// An application that nobody can enter.
pub(crate) const LEVEL_3: &str = "no method of this component reaches level 3: nobody can enter";
/// An application that can be entered in a failure.
pub(crate) const FAIL_OPEN: &str = "while the store cannot be reached, everybody with a first factor enters (ASVS 16.5.3 wants secure failure)";

const IGNORED: &str = "several authenticator apps ignore the algorithm and compute SHA-1";
const SEVEN: &str =
    "the Key Uri Format knows 6 and 8 digits only, and several authenticator apps ignore others";
const UNCOUNTED: &str = "nothing slows an address that tries many accounts";
const TOTP_ONLY: u32 = 1;
const KNOWN_ONLY: u32 = 1;

pub(crate) fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}
