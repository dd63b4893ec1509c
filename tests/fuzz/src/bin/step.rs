//! What users, attackers, administrators and a clock do to one account, three octets a move. The judge of an acceptance
//! knows the tokens and none of the component's code: a code is right if the token shows it at a place that is within reach
//! and newer than every place that was accepted before.
#![no_main]

use std::collections::BTreeMap;

use cofactor_fuzz::world::{World, challenge_id, hotp, issuance, sign_in, uri};
use cofactor_fuzz::written;
use cofactor_guest::base32;
use cofactor_guest::contract::{
    AccountView, Action, Administration, AdministrationChange, Answer, Change, Choice, Claims,
    EnrolmentRequest, Event, Key, Management, ManagementChange, Outcome, Proof, SignIn, Transition,
};
use libfuzzer_sys::fuzz_target;

/// What the first octet chooses. Tokens of eight digits, so that two codes are hardly ever alike.
const POLICIES: [&str; 4] = [
    "[totp]\ndigits = 8\n",
    "[totp]\ndigits = 8\ndrift-cap = 3\n[hotp]\ndigits = 8\n[throttle]\ndelay-after = 2\nlock-after = 4\naccount-lock-after = 9\nceiling = 12\n",
    "preset = \"nist\"\n[totp]\ndigits = 8\n",
    "[totp]\ndigits = 8\nwindow = 10\ndrift-cap = 10\n[hotp]\ndigits = 8\nlook-ahead = 100\n[accounts]\nprovision = \"known-only\"\n[challenge]\nmax-open = 8\n",
];
/// Moves of one run.
const MOST: usize = 100;
const DIGITS: u8 = 8;
/// Seconds of a step.
const PERIOD: u64 = 30;
/// The widest reach of any policy here: steps each way, also when a clock is found again by two codes, and counters ahead.
const REACH: u64 = 25;
const REACH_AHEAD: u64 = 110;
/// How far behind the record the clock may be, in milliseconds, for anything to be allowed.
const TOLERANCE: u64 = 300_000;
/// How long an answer is repeated, in milliseconds.
const MEMORY: u64 = 60_000;

thread_local! {
    static WORLDS: Vec<World> = POLICIES.iter().map(|policy| prepared(policy)).collect();
}

/// A user with a token of each kind.
fn prepared(policy: &str) -> World {
    let mut world = World::new(policy);
    for token in tokens() {
        let (kind, rest) = match token.moves {
            Moves::Time => ("totp", "&period=30&digits=8"),
            Moves::Counter => ("hotp", "&counter=3&digits=8"),
        };
        world.import(&uri(kind, &token.secret, rest));
    }
    world
}

fn tokens() -> [Token; 2] {
    [
        Token::new(b"12345678901234567890", Moves::Time),
        Token::new(b"another secret of some", Moves::Counter),
    ]
}

fuzz_target!(|octets: &[u8]| {
    let Some((policy, moves)) = octets.split_first() else {
        return;
    };
    let world = WORLDS.with(|worlds| worlds[usize::from(*policy) % worlds.len()].clone());
    let mut run = Run::new(world);
    for next in moves.as_chunks().0.iter().take(MOST) {
        run.step(*next);
    }
});

/// A user's token, as somebody holds it in the hand.
struct Token {
    secret: Vec<u8>,
    moves: Moves,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Moves {
    Time,
    Counter,
}

impl Token {
    fn new(secret: &[u8], moves: Moves) -> Self {
        Self {
            secret: secret.to_vec(),
            moves,
        }
    }

    fn code(&self, place: u64) -> String {
        hotp(&self.secret, place, DIGITS)
    }

    /// The first place within reach, newer than `last`, at which these codes are shown, one after the other.
    fn place(&self, codes: &[&str], now: u64, last: Option<u64>) -> Option<u64> {
        let here = now / 1000 / PERIOD;
        let next = last.map_or(0, |last| last.saturating_add(1));
        let (from, to) = match self.moves {
            Moves::Time => (
                here.saturating_sub(REACH).max(next),
                here.saturating_add(REACH),
            ),
            Moves::Counter => (next, next.saturating_add(REACH_AHEAD)),
        };
        (from..=to).find(|place| {
            let shown = codes.iter().zip(*place..);
            shown
                .into_iter()
                .all(|(code, place)| self.code(place) == **code)
        })
    }
}

/// What was proposed as proof.
#[derive(Clone, Default)]
struct Proposal {
    codes: Vec<String>,
    enrols: bool,
}

struct Run {
    world: World,
    tokens: Vec<Token>,
    /// Challenges that were opened, and enrolments with their token's number.
    open: Vec<String>,
    enrolling: Vec<(String, usize)>,
    session: Option<Claims>,
    /// By credential: its token's number, and the newest place that was accepted.
    accepted: BTreeMap<String, (usize, u64)>,
    last: Option<Last>,
}

/// The event before.
#[derive(Clone)]
struct Last {
    event: Event,
    proposal: Proposal,
    allowed: bool,
    /// When it was judged, by the later of clock and record.
    at: u64,
}

impl Run {
    fn new(world: World) -> Self {
        Self {
            world,
            tokens: tokens().into(),
            open: Vec::new(),
            enrolling: Vec::new(),
            session: None,
            accepted: BTreeMap::new(),
            last: None,
        }
    }

    fn step(&mut self, [what, a, b]: [u8; 3]) {
        let wide = u64::from(u16::from_be_bytes([a, b]));
        match what % 18 {
            0 => self.world.now = self.world.now.saturating_add(wide * 10),
            1 => self.world.now = self.world.now.saturating_add(wide * 10_000),
            2 => self.world.now = self.world.now.saturating_sub(wide * 100),
            3 => self.world.now = u64::MAX - wide,
            4 => self.world.binding[0] = a % 4 + 1,
            5 => self.rotate(a),
            6 => self.repeat(),
            other => {
                if let Some((action, proposal)) = self.action(other, a, b) {
                    let event = self.world.event(action);
                    self.judge(&event, &proposal);
                }
            }
        }
    }

    /// A new key in front, and at most two.
    fn rotate(&mut self, octet: u8) {
        let id = self.world.keys[0].id + 1;
        let secret = vec![octet | 1; 32];
        self.world.keys.insert(0, Key { id, secret });
        self.world.keys.truncate(2);
    }

    /// The same event once more. Whoever was let in by it is told so again for a while, and nothing else happens; any other
    /// answer may have been forgotten, and then it is judged anew.
    fn repeat(&mut self) {
        let Some(mut last) = self.last.clone() else {
            return;
        };
        // That is the host's, at each step.
        last.event.origin.known = self.world.known;
        if !last.allowed {
            return self.judge(&last.event, &last.proposal);
        }
        let transition = self.transition(&last.event);
        if matches!(transition.outcome, Outcome::Allow(_)) {
            assert!(
                self.world.now < last.at.saturating_add(MEMORY),
                "let in again, long after"
            );
            assert!(transition.account == Change::Keep, "done twice");
        }
        self.follow(&transition);
    }

    fn action(&self, what: u8, a: u8, b: u8) -> Option<(Action, Proposal)> {
        let token = &self.tokens[usize::from(a >> 3) % self.tokens.len()];
        let accepted = self.accepted.values();
        let counters = accepted.filter(|(token, _)| self.tokens[*token].moves == Moves::Counter);
        let base = match token.moves {
            Moves::Time => self.world.now / 1000 / PERIOD,
            Moves::Counter => counters.map(|(_, place)| *place).max().unwrap_or(0),
        };
        let place = base.saturating_add_signed(i64::from(b as i8));
        let open = || {
            let id = self.open.iter().rev().nth(usize::from(a & 7));
            id.cloned().unwrap_or_else(|| "0".repeat(32))
        };
        let proves = |codes: &[&str]| Proposal {
            codes: codes.iter().map(|code| (*code).to_owned()).collect(),
            enrols: false,
        };
        let early = |code: String| {
            let proposal = proves(&[&code]);
            let early_answer = Some(code);
            (
                Action::Begin(SignIn {
                    early_answer,
                    ..sign_in()
                }),
                proposal,
            )
        };
        let answer = |challenge, proof| {
            Action::Answer(Answer {
                challenge,
                proof,
                remember: false,
            })
        };
        Some(match what {
            7 => (Action::Begin(sign_in()), Proposal::default()),
            8 => early(token.code(place)),
            9 => {
                let code = token.code(place);
                let proposal = proves(&[&code]);
                (answer(open(), Proof::Code(code)), proposal)
            }
            10 => {
                let codes = (token.code(place), token.code(place.saturating_add(1)));
                let proposal = proves(&[&codes.0, &codes.1]);
                (answer(open(), Proof::TwoCodes(codes)), proposal)
            }
            11 => early(format!("{:08}", u32::from(a) << 8 | u32::from(b))),
            12 => {
                let credential = self
                    .view()?
                    .credentials
                    .get(usize::from(b >> 4))?
                    .id
                    .clone();
                let choice = Choice {
                    challenge: open(),
                    method: ["totp", "hotp", "push"][usize::from(b % 3)].into(),
                    credential: Some(credential).filter(|_| b & 4 == 0),
                };
                (Action::ChooseMethod(choice), Proposal::default())
            }
            13 => {
                let request = EnrolmentRequest {
                    method: ["totp", "hotp"][usize::from(a & 1)].into(),
                    label: "x".repeat(usize::from(b)),
                    address: None,
                    session: self.session.clone().filter(|_| a & 2 == 0),
                };
                (Action::EnrolBegin(request), Proposal::default())
            }
            14 => {
                let (challenge, token) = self.enrolling.iter().rev().nth(usize::from(a & 3))?;
                let token = &self.tokens[*token];
                let place = match token.moves {
                    Moves::Time => place,
                    Moves::Counter => u64::from(b),
                };
                let code = token.code(place);
                let proposal = Proposal {
                    enrols: true,
                    ..proves(&[&code])
                };
                let finish = Answer {
                    challenge: challenge.clone(),
                    proof: Proof::Code(code),
                    remember: false,
                };
                (Action::EnrolFinish(finish), proposal)
            }
            15 => {
                let id = self.view()?.credentials.get(usize::from(b & 7))?.id.clone();
                let change = match a % 4 {
                    0 => ManagementChange::Rename((id, "y".repeat(usize::from(b)))),
                    1 => ManagementChange::Remove(id),
                    2 => ManagementChange::SetDefault(id),
                    _ => ManagementChange::SignOutEverywhere,
                };
                let session = self.session.clone().filter(|_| a & 4 == 0);
                (
                    Action::Manage(Management { session, change }),
                    Proposal::default(),
                )
            }
            16 => {
                let change = match a % 8 {
                    0 => AdministrationChange::Unlock,
                    1 => AdministrationChange::Block,
                    2 => AdministrationChange::Unblock,
                    3 => AdministrationChange::ResetClock,
                    4 => AdministrationChange::SignOut,
                    5 => issuance("totp", "Spare"),
                    6 => {
                        let id = self.view()?.credentials.get(usize::from(b & 7))?.id.clone();
                        AdministrationChange::RemoveCredential(id)
                    }
                    _ if b == 0 => AdministrationChange::Remove,
                    _ => AdministrationChange::Create,
                };
                let act = Administration {
                    actor: "root".into(),
                    why: String::new(),
                    change,
                };
                (Action::Administer(act), Proposal::default())
            }
            _ => early(String::from_utf8_lossy(&[a, b]).repeat(4)),
        })
    }

    fn judge(&mut self, event: &Event, proposal: &Proposal) {
        let before = self.view();
        let at = self
            .world
            .now
            .max(before.as_ref().map_or(0, |before| before.latest));
        let transition = self.transition(event);
        if let Outcome::Allow(allowance) = &transition.outcome {
            let credential = allowance.credential.clone().expect("a credential");
            let before = before.expect("nobody is let in without an account");
            self.may(&before, &credential, proposal);
            self.accept(credential, proposal);
            self.session = Some(allowance.claims.clone());
        }
        self.last = Some(Last {
            event: event.clone(),
            proposal: proposal.clone(),
            allowed: matches!(transition.outcome, Outcome::Allow(_)),
            at,
        });
        self.follow(&transition);
    }

    /// Whether anybody may be let in by this credential, now.
    fn may(&self, before: &AccountView, credential: &str, proposal: &Proposal) {
        let now = self.world.now;
        let at = now.max(before.latest);
        assert!(!before.blocked, "let in while blocked");
        assert!(at - now <= TOLERANCE, "let in by a clock that is behind");
        if proposal.enrols {
            return;
        }
        let open = |until: Option<u64>| until.is_none_or(|until| until <= at);
        assert!(
            open(before.locked_until),
            "let in while the account is locked"
        );
        let used = before.credentials.iter().find(|used| used.id == credential);
        let used = used.expect("let in by a credential that was not there");
        assert!(used.state != "disabled", "let in by a disabled credential");
        assert!(open(used.locked_until), "let in while locked");
    }

    /// Whether the codes were right, and for the first time.
    fn accept(&mut self, credential: String, proposal: &Proposal) {
        let codes: Vec<&str> = proposal.codes.iter().map(String::as_str).collect();
        assert!(!codes.is_empty(), "let in without a code");
        let now = self.world.now;
        let found = match self.accepted.get(&credential) {
            Some((token, last)) => {
                let place = self.tokens[*token].place(&codes, now, Some(*last));
                place.map(|place| (*token, place))
            }
            None => self.tokens.iter().enumerate().find_map(|(number, token)| {
                let place = token.place(&codes, now, None)?;
                Some((number, place))
            }),
        };
        let (token, place) = found.expect("let in by a wrong code, or by one that was used");
        let newest = place + codes.len() as u64 - 1;
        self.accepted.insert(credential, (token, newest));
    }

    /// Judges and commits, and looks at everything that holds whatever was asked.
    fn transition(&mut self, event: &Event) -> Transition {
        // The record that comes with an unknown user is no account of theirs.
        let before = self.world.known.then(|| self.view()).flatten();
        let mut twin = self.world.clone();
        let transition = self.world.judge(event);
        assert!(
            transition == twin.judge(event),
            "equal inputs give equal outputs"
        );
        let transition = transition.expect("nothing here is a fault");
        let bounded = [
            transition.effects.len(),
            transition.audit.len(),
            transition.counts.len(),
        ];
        assert!(bounded.iter().all(|many| *many <= 8), "{bounded:?}");
        if let Change::Write(record) | Change::Decoy(record) = &transition.account {
            let after = written(record);
            assert_eq!(after.generation, transition.generation);
            if let Some(before) = before {
                assert!(after.generation >= before.generation, "sessions come alive");
            }
        }
        transition
    }

    /// Notes what the transition opened or handed out.
    fn follow(&mut self, transition: &Transition) {
        let provisioning = match &transition.outcome {
            Outcome::Challenge(_) => {
                let id = challenge_id(&transition.outcome);
                self.open.retain(|open| *open != id);
                self.open.push(id);
                None
            }
            Outcome::Enrol(enrolment) => enrolment.provisioning.as_ref(),
            Outcome::Done(done) => done.provisioning.as_ref(),
            _ => None,
        };
        let Some(provisioning) = provisioning else {
            return;
        };
        let key = provisioning.manual_key.replace(' ', "");
        let secret = base32::decode(&key).expect("base32 to type");
        let moves = match provisioning.method.as_str() {
            "totp" => Moves::Time,
            _ => Moves::Counter,
        };
        let known = self
            .tokens
            .iter()
            .position(|token| token.secret == secret.as_bytes());
        let token = known.unwrap_or_else(|| {
            self.tokens.push(Token::new(secret.as_bytes(), moves));
            self.tokens.len() - 1
        });
        // A token that an administrator issued needs no confirming.
        if !provisioning.challenge.is_empty() {
            let challenge = provisioning.challenge.clone();
            self.enrolling.push((challenge, token));
        }
    }

    fn view(&self) -> Option<AccountView> {
        self.world.record.as_deref().map(written)
    }
}
