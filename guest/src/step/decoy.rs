//! Users that do not exist, where the policy says that only known ones may sign in. They are asked for a code, refused,
//! throttled and locked as known ones are, on a shadow record that many names share (BF-09).

use super::decode;
use crate::account::{Account, Credential, Method};
use crate::base32::Secret;
use crate::contract::{Action, Context, Event, Fault, Key, Origin};
use crate::entropy::keyed_digest;
use crate::identifier::{CredentialId, Identifier};
use crate::methods;
use crate::policy::Policy;
use crate::throttle::Failures;

/// What a decoy's credential is called. Users whose label is another one cannot be told from decoys with yet another.
const LABEL: &str = "Authenticator";

/// The id under which a decoy's credential is offered: the user name's own, and not that of the name for which the shadow
/// record was made, since two names with one id would both be known not to exist. None where nothing is offered.
pub(super) fn name(ctx: &Context, event: &Event) -> Result<Option<CredentialId>, Fault> {
    if matches!(&event.action, Action::Begin(sign_in) if sign_in.early_answer.is_some()) {
        return Ok(None);
    }
    let parts = [ctx.tenant.as_bytes(), event.origin.user.as_bytes()];
    let digest = keyed_digest(current(ctx)?, "decoy credential", parts);
    Ok(digest.first_chunk().copied().map(Identifier))
}

/// The shadow record, or a new one.
pub(super) fn load(
    ctx: &Context,
    bytes: Option<&[u8]>,
    origin: &Origin,
    policy: &Policy<'_>,
    name: Option<CredentialId>,
) -> Result<Account, Fault> {
    let Some(bytes) = bytes else {
        return invent(ctx, origin, policy, name);
    };
    let mut account = decode(bytes)?;
    if !account.decoy {
        return Err(Fault::BadAccount(
            "an account's record for an unknown user".to_owned(),
        ));
    }
    if let Some(id) = name {
        account
            .credentials
            .iter_mut()
            .for_each(|credential| credential.id = id);
    }
    Ok(account)
}

fn invent(
    ctx: &Context,
    origin: &Origin,
    policy: &Policy<'_>,
    name: Option<CredentialId>,
) -> Result<Account, Fault> {
    let method = policy
        .accounts
        .methods
        .iter()
        .next()
        .and_then(Method::from_name)
        .unwrap_or(Method::Totp);
    let mould = methods::enrol(method, policy, ctx.now);
    let secret = keyed_digest(
        current(ctx)?,
        "decoy secret",
        [ctx.tenant.as_bytes(), origin.user.as_bytes()],
    );
    let credential = Credential {
        id: name.unwrap_or_default(),
        label: LABEL.to_owned(),
        created: ctx.now,
        last_used: None,
        secret: Secret::new(
            secret
                .iter()
                .copied()
                .cycle()
                .take(usize::from(mould.secret_bytes))
                .collect(),
        ),
        algorithm: mould.algorithm,
        digits: mould.digits,
        factor: mould.factor,
        failures: Failures::default(),
    };
    Ok(Account {
        decoy: true,
        credentials: vec![credential],
        ..Account::new(ctx.now)
    })
}

fn current(ctx: &Context) -> Result<&Key, Fault> {
    ctx.keys
        .first()
        .ok_or_else(|| Fault::BadRequest("ctx.keys".to_owned()))
}
