//! What can happen next, and under which policies.

use proptest::prelude::*;

/// What a user, an attacker, a carrier, a clock or an administrator does next.
#[derive(Clone, Debug)]
pub enum Move {
    Wait(u64),
    Back(u64),
    Begin(Option<usize>),
    Early(Early),
    Choose(usize),
    Right,
    Wrong(usize),
    /// The same proof again, for the same challenge or another one.
    Replay(usize, usize),
    Poll(usize),
    Resend,
    Phone(u8),
    Report(bool),
    Administer(u8),
    Manage(u8),
    Elsewhere,
}

/// What comes along with a sign-in.
#[derive(Clone, Copy, Debug)]
pub enum Early {
    Code(i64),
    Counted(u64),
    Paper,
    Pass,
    AppPassword,
    Nonsense,
}

pub const METHODS: [&str; 11] = [
    "webauthn",
    "totp",
    "hotp",
    "ocra",
    "push",
    "sms",
    "voice",
    "email",
    "recovery-code",
    "temporary-pass",
    "app-password",
];
/// What the first choice of a sequence is.
pub const POLICIES: [&str; 4] = [
    "[sends]\ncooldown = '0s'\naccount = 24\nnumber = 0\nunanswered = 24\nsince-success = 24\n",
    "[sends]\ncooldown = '0s'\naccount = 24\n[throttle]\ndelay-after = 2\nlock-after = 3\nceiling = 6\naccount-lock-after = 5\n",
    "[sends]\ncooldown = '0s'\naccount = 24\n[pin]\nmethods = ['totp', 'hotp', 'ocra', 'sms', 'email']\niterations = 1000\nlock-after = 3\n",
    "[hotp]\nauto-resync = true\n[push]\nmatching = 'code-to-phone'\n[sms]\ntwo-way = true\n[temporary-pass]\nonce = true\n[sends]\ncooldown = '0s'\naccount = 24\n",
];

fn early() -> impl Strategy<Value = Early> {
    prop_oneof![
        3 => (-3_i64..4).prop_map(Early::Code),
        2 => (0_u64..30).prop_map(Early::Counted),
        1 => Just(Early::Paper),
        1 => Just(Early::Pass),
        1 => Just(Early::AppPassword),
        1 => Just(Early::Nonsense),
    ]
}

pub fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => (0_u64..90_000).prop_map(Move::Wait),
        1 => (0_u64..4_000_000).prop_map(Move::Wait),
        1 => (0_u64..400_000).prop_map(Move::Back),
        6 => prop::option::of(0..METHODS.len()).prop_map(Move::Begin),
        3 => early().prop_map(Move::Early),
        3 => (0..METHODS.len()).prop_map(Move::Choose),
        9 => Just(Move::Right),
        2 => (0_usize..3).prop_map(Move::Wrong),
        4 => (0_usize..6, 0_usize..3).prop_map(|(proof, open)| Move::Replay(proof, open)),
        6 => (0_usize..3).prop_map(Move::Poll),
        1 => Just(Move::Resend),
        2 => (0_u8..6).prop_map(Move::Phone),
        1 => any::<bool>().prop_map(Move::Report),
        2 => (0_u8..12).prop_map(Move::Administer),
        1 => (0_u8..5).prop_map(Move::Manage),
        1 => Just(Move::Elsewhere),
    ]
}
