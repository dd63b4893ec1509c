//! Users that do not exist, where the policy says that only known ones may sign in. They are asked for a code, refused,
//! throttled and locked as known ones are, on a shadow record that many names share (BF-09).

use super::{CLOCK_TOLERANCE, decode};
use crate::account::{Account, Credential, Pin, Sealed};
use crate::contract::{Action, Context, Event, Fault};
use crate::entropy::{KeyedDigest, Seed};
use crate::identifier::{CredentialId, Identifier};
use crate::methods::code::Token;
use crate::methods::{hotp, totp};
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
    let mut account = match bytes {
        None => invent(ctx, policy, None)?,
        Some(bytes) => recall(ctx, decode(bytes)?, policy)?,
    };
    account.pin = pin(ctx, policy, &account);
    if let Some(id) = name(ctx, event, &account) {
        account
            .credentials
            .iter_mut()
            .for_each(|credential| credential.id = id);
    }
    Ok(account)
}

/// The id under which a decoy's credential is offered: the user name's own, since two names with one id would both be
/// known not to exist. It comes from the shadow record's secret, which outlives the host's keys: a real credential's id
/// does not change when they are rotated either. None where nothing is offered.
pub(super) fn name(ctx: &Context, event: &Event, account: &Account) -> Option<CredentialId> {
    if matches!(&event.action, Action::Begin(sign_in) if sign_in.early_answer.is_some()) {
        return None;
    }
    let state = account.credentials.first()?.state.as_bytes();
    // The front of the state, with which every credential differs and which never changes.
    let mut digest = KeyedDigest::new(state.get(..MOST).unwrap_or(state), "decoy credential");
    digest.part(ctx.tenant.as_bytes());
    digest.part(event.origin.user.as_bytes());
    Some(Identifier(digest.finish()))
}

/// What is left of a shadow record. No success ever clears one and no administrator sees it, so it forgets by itself what
/// would set it apart from an account for good: a disabled credential, failures that are older than the longest lock, a
/// method that the policy does not have any more, and a clock that ran ahead.
fn recall(ctx: &Context, shadow: Account, policy: &Policy<'_>) -> Result<Account, Fault> {
    if !shadow.decoy {
        return Err(Fault::BadAccount(
            "an account's record for an unknown user".to_owned(),
        ));
    }
    let Some(credential) = shadow.credentials.first() else {
        return invent(ctx, policy, None);
    };
    let ahead = shadow.latest > ctx.now.saturating_add(CLOCK_TOLERANCE);
    let pin = shadow.pin.as_ref();
    let usable = policy.accounts.methods.has(credential.method)
        && !credential.failures.disabled
        && !pin.is_some_and(|pin| pin.failures.disabled);
    if usable && !ahead && !is_over(&shadow, policy, ctx.now) {
        return Ok(shadow);
    }
    let fresh = invent(ctx, policy, Some(&credential.state))?;
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

fn invent(ctx: &Context, policy: &Policy<'_>, kept: Option<&Sealed>) -> Result<Account, Fault> {
    let method = if policy.accounts.methods.has(totp::NUMBER)
        || !policy.accounts.methods.has(hotp::NUMBER)
    {
        totp::NUMBER
    } else {
        hotp::NUMBER
    };
    let (algorithm, digits, secret_bytes) = match method {
        totp::NUMBER => (
            policy.totp.algorithm,
            policy.totp.digits,
            policy.totp.secret_bytes,
        ),
        _ => (
            policy.hotp.algorithm,
            policy.hotp.digits,
            policy.hotp.secret_bytes,
        ),
    };
    let kept = kept.and_then(|state| Token::read(&mut Reader::new(state.as_bytes())).ok());
    let secret = match kept {
        Some(kept) => kept.secret,
        None => Seed::new(ctx).secret(secret_bytes)?,
    };
    let token = Token {
        secret,
        algorithm,
        digits,
    };
    let state = match method {
        totp::NUMBER => totp::State::new(token, policy.totp.period).encode(),
        _ => hotp::State::new(token, 0).encode(),
    };
    let credential = Credential {
        id: Identifier::default(),
        method,
        label: LABEL.to_owned(),
        created: ctx.now,
        last_used: None,
        failures: Failures::default(),
        state: Sealed::new(state),
    };
    Ok(Account {
        decoy: true,
        credentials: vec![credential],
        ..Account::new(ctx.now)
    })
}
