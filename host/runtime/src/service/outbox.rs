//! One outbox row: an effect, sealed, for whoever delivers it.

use zeroize::Zeroizing;

use super::{StepError, malformed};
use crate::contract::{Effect, EffectKind};
use crate::seal::{SealedBox, effect_binding};
use crate::store::OutboxRow;

/// `latest` is when it is over at the latest, in milliseconds since the epoch.
pub(super) fn row(
    seal: &SealedBox,
    tenant: &str,
    effect: &Effect,
    latest: u64,
) -> Result<OutboxRow, StepError> {
    let mut id = [0; 16];
    hex::decode_to_slice(&effect.id, &mut id)
        .map_err(|_| malformed("an effect's id is not 32 hexadecimal digits"))?;
    let plain = Zeroizing::new(
        serde_json::to_vec(effect).map_err(|_| malformed("an effect cannot be written down"))?,
    );
    let payload = seal
        .seal(&effect_binding(tenant, &id), &plain)
        .map_err(|_| StepError::Randomness)?;
    Ok(OutboxRow {
        effect: id,
        kind: kind_of(&effect.what).to_owned(),
        expires: effect.expires.min(latest),
        payload,
    })
}

fn kind_of(effect: &EffectKind) -> &'static str {
    match effect {
        EffectKind::SendText(_) => "send-text",
        EffectKind::PlaceCall(_) => "place-call",
        EffectKind::Push(_) => "push",
        EffectKind::SendMail(_) => "send-mail",
        EffectKind::Notify(_) => "notify",
        EffectKind::Forward(_) => "forward",
        EffectKind::Other(_) => "other",
    }
}
