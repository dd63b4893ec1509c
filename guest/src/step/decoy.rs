//! Users that do not exist, where the policy says that only known ones may sign in. They are asked for a code, refused,
//! throttled and locked as known ones are, on a shadow record that many names share (BF-09).

use super::{CLOCK_TOLERANCE, decode};
use crate::account::{Account, Credential, Pin, Sealed};
use crate::contract::{Action, Context, Event, Fault};
use crate::entropy::{KeyedDigest, Seed};
use crate::identifier::{ChallengeId, CredentialId, Identifier};
use crate::methods::code::Token;
use crate::methods::{self, Clock, Scene, hotp, totp};
use crate::octets::Reader;
use crate::policy::Policy;
use crate::throttle::Failures;

/// What a decoy's credential is called. Users whose label is another one cannot be told from decoys with yet another.
const LABEL: &str = "Authenticator";

/// How much of a credential's state names it: a length, and most of the shortest secret that is issued.
const MOST: usize = 20;

/// The shadow record as this user's, or a new one.
pub(super) fn load(
    ctx: &Context,
    bytes: Option<&[u8]>,
    event: &Event,
    policy: &Policy<'_>,
) -> Result<Account, Fault> {
    let place = Place { ctx, event, policy };
    let mut account = match bytes {
        None => place.invent(None)?,
        Some(bytes) => place.recall(decode(bytes)?)?,
    };
    account.pin = pin(ctx, policy, &account);
    if let Some(guise) = guise(ctx, event, policy, &account) {
        account
            .credentials
            .iter_mut()
            .for_each(|credential| credential.id = guise.id);
        if let (Some(credential), Some(state)) = (account.credentials.first_mut(), guise.state) {
            credential.state = state;
        }
    }
    Ok(account)
}

/// What a decoy's credential is for one user name: were it the same for two, both would be known not to exist.
pub(super) struct Guise {
    /// Under which id it is offered.
    id: CredentialId,
    /// Its state. None for codes of the shadow record's own secret, of which nothing is shown.
    state: Option<Sealed>,
}

/// The guise of this name. It comes from the shadow record's secret, which outlives the host's keys: a real credential does
/// not change when they are rotated either. None where nothing is offered.
pub(super) fn guise(
    ctx: &Context,
    event: &Event,
    policy: &Policy<'_>,
    account: &Account,
) -> Option<Guise> {
    if matches!(&event.action, Action::Begin(sign_in) if sign_in.early_answer.is_some()) {
        return None;
    }
    let state = account.credentials.last()?.state.as_bytes();
    // The front of the state, with which every credential differs and which never changes.
    let secret = state.get(..MOST).unwrap_or(state);
    let id = Identifier(of_name(ctx, event, secret, "decoy credential"));
    let place = Place { ctx, event, policy };
    let method = place.method();
    let state = (!keeps_secret(method)).then(|| {
        let mut seed = [0; 32];
        let halves: [[u8; 16]; 2] = [
            of_name(ctx, event, secret, "decoy"),
            of_name(ctx, event, secret, "decoy, continued"),
        ];
        seed.iter_mut()
            .zip(halves.as_flattened())
            .for_each(|(octet, from)| *octet = *from);
        place.state(method, Seed::of(&seed))
    });
    Some(Guise {
        id,
        state: state.flatten(),
    })
}

fn of_name<const N: usize>(
    ctx: &Context,
    event: &Event,
    secret: &[u8],
    label: &'static str,
) -> [u8; N] {
    let mut digest = KeyedDigest::new(secret, label);
    digest.part(ctx.tenant.as_bytes());
    digest.part(event.origin.user.as_bytes());
    digest.finish()
}

/// Whether a decoy of this method answers with codes of the shadow record's secret. One of another method has the secret in a
/// second credential, which is never asked for.
fn keeps_secret(method: u8) -> bool {
    matches!(method, totp::NUMBER | hotp::NUMBER)
}

/// Where an unknown user comes.
#[derive(Clone, Copy)]
struct Place<'a> {
    ctx: &'a Context,
    event: &'a Event,
    policy: &'a Policy<'a>,
}

impl<'a> Place<'a> {
    /// What unknown users are asked for: a code where the policy has codes, or else the first of its methods that could be
    /// asked for.
    fn method(self) -> u8 {
        let methods = self.policy.accounts.methods;
        let codes = [totp::NUMBER, hotp::NUMBER];
        let code = codes.into_iter().find(|number| methods.has(*number));
        let seed = Seed::new(self.ctx);
        let others = || methods.natures().map(|nature| nature.number);
        code.or_else(|| others().find(|number| self.state(*number, seed).is_some()))
            .unwrap_or(totp::NUMBER)
    }

    /// What is the shadow record's own before there is one.
    fn key(self) -> Seed<'a> {
        let key = self.ctx.keys.first();
        Seed::of(key.map_or(&[], |key| &key.secret))
    }

    fn state(self, method: u8, seed: Seed<'_>) -> Option<Sealed> {
        let scene = Scene {
            ctx: self.ctx,
            origin: &self.event.origin,
            policy: self.policy,
            seed,
            clock: Clock {
                now: self.ctx.now,
                refuse_before: self.ctx.refuse_before,
            },
            at: self.ctx.now,
            challenge: ChallengeId::default(),
            transaction: None,
            sends: &[],
            has_pin: false,
            held: &[],
        };
        let state = methods::of(method)?.invent(&scene).ok()?;
        Some(Sealed::new(state))
    }

    /// What is left of a shadow record. No success ever clears one and no administrator sees it, so it forgets by itself what
    /// would set it apart from an account for good: a disabled credential, failures and messages that are older than the longest lock, a
    /// method that the policy does not have any more, and a clock that ran ahead.
    fn recall(self, mut shadow: Account) -> Result<Account, Fault> {
        if !shadow.decoy {
            return Err(Fault::BadAccount(
                "an account's record for an unknown user".to_owned(),
            ));
        }
        // Nobody answers a decoy's messages: what is kept of them would hold the next ones back for ever.
        let (now, most) = (self.ctx.now, self.policy.throttle.lock_max);
        shadow
            .sends
            .retain(|send| now <= send.at.saturating_add(most));
        let Some((credential, keeper)) = shadow.credentials.first().zip(shadow.credentials.last())
        else {
            return self.invent(None);
        };
        let ahead = shadow.latest > self.ctx.now.saturating_add(CLOCK_TOLERANCE);
        let pin = shadow.pin.as_ref();
        let usable = credential.method == self.method()
            && !credential.failures.disabled
            && !pin.is_some_and(|pin| pin.failures.disabled);
        if usable && !ahead && !is_over(&shadow, self.policy, self.ctx.now) {
            return Ok(shadow);
        }
        let fresh = self.invent(Some(&keeper.state))?;
        Ok(if ahead {
            Account {
                generation: shadow.generation,
                ..fresh
            }
        } else {
            Account {
                credentials: fresh.credentials,
                failures: fresh.failures,
                pin: None,
                ..shadow
            }
        })
    }

    fn invent(self, kept: Option<&Sealed>) -> Result<Account, Fault> {
        let method = self.method();
        let policy = self.policy;
        let counts = method == hotp::NUMBER;
        let (algorithm, digits, secret_bytes) = if counts {
            let hotp = &policy.hotp;
            (hotp.algorithm, hotp.digits, hotp.secret_bytes)
        } else {
            let totp = &policy.totp;
            (totp.algorithm, totp.digits, totp.secret_bytes)
        };
        let kept = kept.and_then(|state| Token::read(&mut Reader::new(state.as_bytes())).ok());
        let secret = match kept {
            Some(kept) => kept.secret,
            None if keeps_secret(method) => Seed::new(self.ctx).secret(secret_bytes)?,
            // A step that has to see counts first runs again with other entropy, and has to come to the same number.
            None => self.key().secret(secret_bytes)?,
        };
        let token = Token {
            secret,
            algorithm,
            digits,
        };
        let state = if counts {
            hotp::State::new(token, 0).encode()
        } else {
            totp::State::new(token, policy.totp.period).encode()
        };
        let credential = |method, state| Credential {
            id: Identifier::default(),
            method,
            label: LABEL.to_owned(),
            created: self.ctx.now,
            last_used: None,
            usable_from: 0,
            failures: Failures::default(),
            state,
        };
        let mut credentials = Vec::new();
        if !keeps_secret(method) {
            let state = self.state(method, Seed::new(self.ctx)).unwrap_or_default();
            credentials.push(credential(method, state));
        }
        let keeper = if counts { method } else { totp::NUMBER };
        credentials.push(credential(keeper, Sealed::new(state)));
        Ok(Account {
            decoy: true,
            credentials,
            ..Account::new(self.ctx.now)
        })
    }
}

/// Whether the last failure is longer ago than any lock lasts. The first few leave no instant but that of the record.
fn is_over(shadow: &Account, policy: &Policy<'_>, now: u64) -> bool {
    let credentials = shadow.credentials.iter();
    let failures = credentials
        .map(|credential| &credential.failures)
        .chain([&shadow.failures])
        .chain(shadow.pin.as_ref().map(|pin| &pin.failures));
    let (mut count, mut last) = (0, 0);
    for failures in failures {
        count = failures.count.max(count);
        last = failures.next_attempt.max(failures.locked_until).max(last);
    }
    let last = if last == 0 { shadow.latest } else { last };
    count > 0 && now > last.saturating_add(policy.throttle.lock_max)
}

/// Where users have a PIN, a wrong one takes time to look at: unknown users have one that nobody knows.
fn pin(ctx: &Context, policy: &Policy<'_>, account: &Account) -> Option<Pin> {
    let credential = account.credentials.first()?;
    policy.pin.methods.has(credential.method).then(|| Pin {
        key: ctx.keys.first().map_or(0, |key| key.id),
        salt: [0; 16],
        iterations: policy.pin.iterations,
        hash: [0; 32],
        initial: false,
        failures: account
            .pin
            .as_ref()
            .map_or_else(Failures::default, |pin| pin.failures),
    })
}
