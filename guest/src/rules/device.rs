//! Remembered devices (S19): a token that the browser keeps, which spares the user the second factor and is none itself.
//!
//! The token says which series it is of and how often the series was changed, under a code that only a holder of the host's
//! key can make; the record keeps the number that is good. Each use changes it. A token that was changed already, beyond the
//! short time in which requests run beside each other, is somebody's copy: the series ends (BY-05). The code binds it to
//! tenant, user and client, so that another user's, or another kind of browser's, is no token at all (BY-06).

use subtle::ConstantTimeEq;

use super::trace::{Role, finding};
use super::{Circumstances, Skip};
use crate::account::{Account, Device};
use crate::contract::{Context, Key, Origin};
use crate::entropy::{KeyedDigest, plain_digest};
use crate::identifier::{DeviceId, Identifier};
use crate::policy::Policy;
use crate::reason::Reason;

/// What a token is worth that came with a sign-in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presented {
    /// There was none, or the policy remembers no devices.
    #[default]
    Nothing,
    /// It is good: its device.
    Known(DeviceId),
    /// It was good once: the device is forgotten, or its time is over.
    Over,
    /// It was never made for this user and this client.
    Foreign,
    /// It was changed since: two hold it.
    Stolen(DeviceId),
}

/// Judges a token.
pub(crate) fn presented(
    ctx: &Context,
    origin: &Origin,
    policy: &Policy<'_>,
    account: &Account,
    token: Option<&str>,
    at: u64,
) -> Presented {
    let Some(token) = token.filter(|_| policy.devices.lifetime != 0) else {
        return Presented::Nothing;
    };
    let Some(parts) = Parts::parse(token) else {
        return Presented::Foreign;
    };
    let Some(key) = ctx.keys.iter().find(|key| key.id == parts.key) else {
        return Presented::Over;
    };
    if !bool::from(code(key, ctx, origin, parts.id, parts.turn).ct_eq(&parts.code)) {
        return Presented::Foreign;
    }
    let Some(device) = account.devices.iter().find(|device| device.id == parts.id) else {
        return Presented::Over;
    };
    // A policy that was made stricter holds for devices of before.
    let ends = device
        .expires
        .min(device.created.saturating_add(policy.devices.lifetime));
    if at >= ends || device.client != client(origin) {
        return Presented::Over;
    }
    if parts.turn == device.turn {
        return Presented::Known(device.id);
    }
    if parts.turn > device.turn {
        // The store was rolled back.
        return Presented::Over;
    }
    let beside = at < device.last_used.saturating_add(policy.devices.grace);
    if beside && parts.turn.checked_add(1) == Some(device.turn) {
        Presented::Known(device.id)
    } else {
        Presented::Stolen(device.id)
    }
}

/// A device that is known again.
pub(super) fn lets_pass(
    about: &Circumstances<'_>,
    account: &Account,
) -> Result<Option<Skip>, Reason> {
    let reason = Reason::RememberedDevice;
    let known = match about.device {
        Presented::Known(id) => account.devices.iter().find(|device| device.id == id),
        _ => None,
    };
    about.note(Role::Skip(reason), || {
        let because = match about.device {
            Presented::Known(_) => "the device is remembered",
            Presented::Nothing if about.policy.devices.lifetime == 0 => "no devices are remembered",
            Presented::Nothing => "no token came with the sign-in",
            Presented::Over => "the device is forgotten, or its time is over",
            Presented::Foreign => "the token is not of this user and this client",
            Presented::Stolen(_) => "the token was used before: somebody has a copy",
        };
        finding("remembered-devices", known.is_some(), because, "skip")
    });
    Ok(known.map(|device| Skip {
        device: Some(device.id),
        ..Skip::because(reason)
    }))
}

/// Remembers the client that the user has just signed in with, if it can be told from others.
pub(crate) fn remembered(
    origin: &Origin,
    policy: &Policy<'_>,
    id: DeviceId,
    at: u64,
) -> Option<Device> {
    let lifetime = policy.devices.lifetime;
    (lifetime != 0 && !origin.client.is_empty()).then(|| Device {
        id,
        turn: 0,
        client: client(origin),
        created: at,
        last_used: at,
        expires: at.saturating_add(lifetime),
    })
}

/// Changes the token of a device that was known again, once for all requests beside each other: its number afterwards.
pub(crate) fn turned(device: &mut Device, grace: u64, at: u64) -> u32 {
    // Within the time of grace both the token before and the one of now lead to the one of now, so that none is lost.
    let beside = device.turn > 0 && at < device.last_used.saturating_add(grace);
    if !beside {
        device.turn = device.turn.saturating_add(1);
        device.last_used = at;
    }
    device.turn
}

/// The token that goes out for a device in its present state, and until when it is good. None if the host's key is gone.
pub(crate) fn token(ctx: &Context, origin: &Origin, device: &Device) -> Option<(String, u64)> {
    let key = ctx.keys.first()?;
    let parts = [
        Identifier(key.id.to_be_bytes()).text(),
        device.id.text(),
        Identifier(device.turn.to_be_bytes()).text(),
        Identifier(code(key, ctx, origin, device.id, device.turn)).text(),
    ];
    Some((parts.concat(), device.expires))
}

/// A token, taken apart.
struct Parts {
    key: u32,
    id: DeviceId,
    turn: u32,
    code: [u8; 16],
}

impl Parts {
    /// Reads the only form there is: 64 digits in lower case.
    fn parse(token: &str) -> Option<Self> {
        let part = |from: usize, to: usize| token.get(from..to);
        if token.len() != 64 {
            return None;
        }
        Some(Self {
            key: u32::from_be_bytes(Identifier::<4>::parse(part(0, 8)?)?.0),
            id: Identifier::parse(part(8, 24)?)?,
            turn: u32::from_be_bytes(Identifier::<4>::parse(part(24, 32)?)?.0),
            code: Identifier::<16>::parse(part(32, 64)?)?.0,
        })
    }
}

fn code(key: &Key, ctx: &Context, origin: &Origin, id: DeviceId, turn: u32) -> [u8; 16] {
    let mut digest = KeyedDigest::new(&key.secret, "device");
    digest.part(ctx.tenant.as_bytes());
    digest.part(origin.user.as_bytes());
    digest.part(origin.client.as_bytes());
    digest.part(&id.0);
    digest.part(&turn.to_be_bytes());
    digest.finish()
}

fn client(origin: &Origin) -> [u8; 16] {
    let mut half = [0; 16];
    let digest = plain_digest(&[b"client", origin.client.as_bytes()]);
    half.iter_mut()
        .zip(digest)
        .for_each(|(octet, from)| *octet = from);
    half
}
