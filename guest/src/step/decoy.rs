//! Users that do not exist, where the policy says that only known ones may sign in. They are asked for a code, refused,
//! throttled and locked as known ones are, on a shadow record that many names share (BF-09).

use super::decode;
use crate::account::{Account, Credential, Method};
use crate::base32::Secret;
use crate::contract::{Context, Fault, Key, Origin};
use crate::entropy::keyed_digest;
use crate::identifier::Identifier;
use crate::methods;
use crate::policy::Policy;
use crate::throttle::Failures;

/// What a decoy's credential is called. Users whose label is another one cannot be told from decoys with yet another.
const LABEL: &str = "Authenticator";

/// The shadow record, or a new one.
pub(super) fn load(
    ctx: &Context,
    bytes: Option<&[u8]>,
    origin: &Origin,
    policy: &Policy<'_>,
) -> Result<Account, Fault> {
    let key = ctx
        .keys
        .first()
        .ok_or_else(|| Fault::BadRequest("ctx.keys".to_owned()))?;
    let Some(bytes) = bytes else {
        return Ok(invent(ctx, key, origin, policy));
    };
    let mut account = decode(bytes)?;
    if !account.decoy {
        return Err(Fault::BadAccount(
            "an account's record for an unknown user".to_owned(),
        ));
    }
    // The name's own credential id, and not that of the name for which the record was made: two names with one id
    // would both be known not to exist.
    let id = credential_id(key, ctx, origin);
    for credential in &mut account.credentials {
        credential.id = id;
    }
    Ok(account)
}

fn invent(ctx: &Context, key: &Key, origin: &Origin, policy: &Policy<'_>) -> Account {
    let method = policy
        .accounts
        .methods
        .iter()
        .next()
        .and_then(Method::from_name)
        .unwrap_or(Method::Totp);
    let mould = methods::enrol(method, policy, ctx.now);
    let secret = keyed_digest(
        key,
        "decoy secret",
        [ctx.tenant.as_bytes(), origin.user.as_bytes()],
    );
    let credential = Credential {
        id: credential_id(key, ctx, origin),
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
    Account {
        decoy: true,
        credentials: vec![credential],
        ..Account::new(ctx.now)
    }
}

fn credential_id(key: &Key, ctx: &Context, origin: &Origin) -> Identifier<8> {
    let digest = keyed_digest(
        key,
        "decoy credential",
        [ctx.tenant.as_bytes(), origin.user.as_bytes()],
    );
    Identifier(digest.first_chunk().copied().unwrap_or_default())
}
