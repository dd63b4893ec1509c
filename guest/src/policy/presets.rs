//! The presets, the rules between keys, and what is legal but unwise.
//!
//! A preset is what it changes in the defaults, and what its standard says about values that an operator may still write: those
//! are warnings, because the operator has the last word. The numbers are argued in docs/policy.md.

use super::{DAY, HOUR, MINUTE, Methods, SECOND};
use crate::methods::{hotp, totp};

/// Names of the presets, as `describe` lists them.
pub const NAMES: [&str; 5] = ["entra", "mfa-server", "nist", "pci", "asvs"];

/// A named set of differences from the defaults.
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    /// Keys and their values, as numbers, where they are not those of [`SETTLED`].
    pub(crate) values: &'static [(&'static str, u32)],
    /// What its standard says about keys that the operator sets.
    pub(crate) advice: &'static [Advice],
    /// What its standard says about rules that let users pass because of where they are.
    pub(crate) skips: Option<&'static str>,
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

/// One row of advice.
pub(crate) const fn advise(
    path: &'static str,
    is_fine: fn(u32) -> bool,
    why: &'static str,
    help: &'static str,
) -> Advice {
    Advice {
        path,
        is_fine,
        why,
        help,
    }
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

/// What every preset settles, so that none of it is left to the defaults: where the standards contradict each other, the choice
/// that stands unless a preset makes another one.
pub(crate) static SETTLED: &[(&str, u32)] = &[
    ("totp.window", 1),
    ("totp.drift-cap", 1),
    ("totp.resync-window", 10),
    ("hotp.resync-window", 100),
    ("hotp.auto-resync", 0),
    ("push.number-length", 6),
    ("sms.digits", 6),
    ("sms.lifetime", 180 * SECOND as u32),
    ("webauthn.synced", 1),
    ("email.digits", 8),
    ("email.possession", 0),
    ("throttle.delay-after", 3),
    ("throttle.lock-after", 10),
    ("throttle.account-lock-after", 50),
    ("throttle.ceiling", 100),
    ("devices.lifetime", 0),
    ("cache.lifetime", 0),
    ("bypass.allowed", 1),
    ("bypass.by-user", 0),
    ("bypass.lifetime", 300 * SECOND as u32),
    ("accounts.may-disable", 0),
    ("enrolment.snooze", 0),
    ("fraud.block", 1),
    ("fraud.block-for", (90 * DAY / SECOND) as u32),
];

#[rustfmt::skip]
pub(crate) static PRESETS: [Preset; 5] = [
    // Entra ID takes time-based hardware tokens only, and five of them; it matches numbers of two digits and lets users put
    // registering off three times, for a day each.
    Preset {
        name: "entra",
        values: &[
            ("push.number-length", 2),
            ("devices.lifetime", (14 * DAY / SECOND) as u32),
            ("enrolment.snooze", (DAY / SECOND) as u32),
            ("accounts.methods", TOTP),
            ("accounts.max-credentials", 5),
            ("enrolment.snoozes", 3),
        ],
        advice: &[advise("accounts.methods", |v| v & HOTP == 0, "Entra ID has no counter-based tokens", "[\"totp\"]")],
        skips: None,
    },
    // Users were imported; a name that was not there was refused ("require user match"). A text was good for five minutes.
    Preset {
        name: "mfa-server",
        values: &[
            ("sms.lifetime", 300 * SECOND as u32),
            ("accounts.provision", KNOWN_ONLY),
        ],
        advice: &[],
        skips: None,
    },
    // SP 800-63B-4: growing waits of 30 s to an hour (3.2.2), sessions of AAL2 (2.2.3), no cookie in the place of a factor (5.1),
    // passkeys that serve at AAL3 too (2.3.2).
    Preset {
        name: "nist",
        values: &[
            ("throttle.delay-base", 30 * SECOND as u32),
            ("throttle.delay-max", HOUR as u32),
            ("session.lifetime", 12 * HOUR as u32),
            ("session.idle", HOUR as u32),
            ("pin.least", 8),
            ("webauthn.synced", 0),
        ],
        advice: &[
            advise("session.idle", |v| v <= HOUR as u32, "SP 800-63B-4 section 2.2.3 ends an idle session of level 2 after one hour", "at most \"1h\""),
            advise("sources.failures", |v| v != 0, "SP 800-63B-4 section 3.2.2 wants guessing limited", "a number over 0"),
            advise("totp.period", |v| v <= 120 * SECOND as u32, "SP 800-63B-4 section 3.1.4.1 changes a code at least every two minutes", "at most \"2m\""),
            advise("devices.lifetime", |v| v == 0, "SP 800-63B-4 section 5.1 lets no remembered browser stand in for authentication", "0s"),
            advise("push.number-length", |v| v == 6, "SP 800-63B-4 section 3.1.3.2 wants six digits that go from one device to the other", "6"),
            advise("accounts.methods", |v| v & EMAIL == 0, "SP 800-63B-4 section 3.1.3.1 forbids e-mail for authentication", "methods without `email`"),
            advise("email.possession", |v| v == 0, "SP 800-63B-4 section 3.1.3.1 forbids e-mail for authentication", "false"),
            advise("accounts.methods", |v| v & PSTN == 0, "SP 800-63B-4 section 3.2.9 restricts texts and calls: it wants an alternative, a notice to users and a plan to leave them", "methods that do not go through the telephone network"),
            advise("webauthn.synced", |v| v == 0, "SP 800-63B-4 section 2.3.2 takes no key at AAL3 that can leave its device", "false"),
            advise("pin.least", |v| v >= 8, "a PIN that is verified here is a password beside another factor: SP 800-63B-4 section 3.1.1.2 wants eight characters", "at least 8"),
        ],
        skips: Some(
            "SP 800-63B-4 section 2: where somebody is never stands in for a factor; the sign-in stays at level 1",
        ),
    },
    // PCI DSS 4.0.1: 8.3.4 (ten attempts, thirty minutes), 8.2.8 (fifteen minutes idle), 8.5.1 (nobody passes without, but for a
    // time and with a documented reason: bypasses stay, as they are just that).
    Preset {
        name: "pci",
        values: &[
            ("throttle.lock-for", 30 * MINUTE as u32),
            ("session.idle", 15 * MINUTE as u32),
        ],
        advice: &[
            advise("throttle.lock-after", |v| v <= 10, "PCI DSS 8.3.4 locks after at most 10 attempts", "at most 10"),
            advise("throttle.lock-for", |v| v >= 30 * MINUTE as u32, "PCI DSS 8.3.4 locks for at least 30 minutes", "at least \"30m\""),
            advise("session.idle", |v| v <= 15 * MINUTE as u32, "PCI DSS 8.2.8 ends a session that is idle for 15 minutes", "at most \"15m\""),
            advise("devices.lifetime", |v| v == 0, "PCI DSS 8.5.1: nobody passes without all factors", "0s"),
            advise("accounts.may-disable", |v| v == 0, "PCI DSS 8.5.1: nobody passes without all factors, administrators neither", "false"),
            advise("enrolment.snooze", |v| v == 0, "PCI DSS 8.5.1: nobody passes without all factors", "\"0s\""),
            advise("bypass.by-user", |v| v == 0, "PCI DSS 8.5.1: an exception is authorised by management", "false"),
            advise("email.possession", |v| v == 0, "PCI DSS 8.5.1 wants two types of factors, and a mailbox is mostly behind the first one", "false"),
        ],
        skips: Some("PCI DSS 8.5.1: nobody passes without all factors, wherever they are"),
    },
    // ASVS 5.0.0, the strict choice of every contradiction: 6.5.5 (a code lives 30 s), 6.3.1 (locks early), 6.5.4 (20 bits and more).
    Preset {
        name: "asvs",
        values: &[
            ("totp.window", 0),
            ("totp.drift-cap", 0),
            ("totp.resync-window", 0),
            ("hotp.resync-window", 0),
            ("sms.digits", 8),
            ("throttle.lock-after", 5),
        ],
        advice: &[
            advise("totp.window", |v| v == 0, "ASVS 6.5.5 lets a time-based code live 30 seconds", "0"),
            advise("totp.drift-cap", |v| v == 0, "ASVS 6.5.5 lets a time-based code live 30 seconds", "0"),
            advise("totp.resync-window", |v| v == 0, "ASVS 6.5.5 lets a time-based code live 30 seconds", "0"),
            advise("hotp.auto-resync", |v| v == 0, "the strict profile sets no token right by codes", "false"),
            advise("hotp.resync-window", |v| v == 0, "the strict profile sets no token right by codes", "0"),
            advise("totp.period", |v| v <= 30 * SECOND as u32, "ASVS 6.5.5 lets a time-based code live 30 seconds", "at most \"30s\""),
            advise("throttle.lock-after", |v| v <= 5, "the strict profile locks at the fifth failure", "at most 5"),
            advise("sms.digits", |v| v >= 7, "ASVS 6.5.4 wants 20 bits, and six digits are a little less", "7 or 8"),
            advise("email.digits", |v| v >= 7, "ASVS 6.5.4 wants 20 bits, and six digits are a little less", "7 or 8"),
            advise("push.number-length", |v| v == 6, "the strict profile matches six digits (ASVS 6.6.4)", "6"),
            advise("accounts.methods", |v| v & EMAIL == 0, "ASVS 6.3.6 takes no e-mail for a factor", "methods without `email`"),
            advise("email.possession", |v| v == 0, "ASVS 6.3.6 takes no e-mail for a factor", "false"),
            advise("accounts.methods", |v| v & PSTN == 0, "ASVS 6.6.1 takes texts and calls only beside alternatives, and not at all at level 3", "methods that do not go through the telephone network"),
            advise("devices.lifetime", |v| v == 0, "the strict profile remembers no device", "0s"),
            advise("accounts.may-disable", |v| v == 0, "ASVS 6.3.3 wants a second factor of everybody", "false"),
        ],
        skips: Some("ASVS 6.3.4 wants every way in equally strong"),
    },
];

/// An application that does not ask for a second factor.
pub(crate) const LEVEL_1: &str = "level 1 is the first factor alone: no second factor is required";
/// An application that nobody can enter.
pub(crate) const LEVEL_3: &str =
    "no method of accounts.methods is phishing-resistant: nobody can enter";
/// Passkeys without what they are for.
pub(crate) const NO_DOMAIN: &str =
    "nobody can enrol or use a passkey before webauthn.rp-id says for which domain";
/// An application that can be entered in a failure.
pub(crate) const FAIL_OPEN: &str = "while the store cannot be reached, everybody with a first factor enters (ASVS 16.5.3 wants secure failure)";

const KNOWN_ONLY: u32 = 1;
const TOTP: u32 = methods(&[totp::NUMBER]);
const HOTP: u32 = methods(&[hotp::NUMBER]);
/// Texts and calls, by the numbers of their methods: the public telephone network.
const PSTN: u32 = methods(&[4, 5]);
/// By its method's number.
const EMAIL: u32 = methods(&[8]);

const fn methods(numbers: &[u8]) -> u32 {
    let (mut set, mut rest) = (Methods::NONE, numbers);
    while let [number, tail @ ..] = rest {
        set = set.with(*number);
        rest = tail;
    }
    set.bits()
}

pub(crate) fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}
