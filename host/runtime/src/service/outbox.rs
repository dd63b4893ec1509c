//! One outbox row: an effect, sealed, for whoever delivers it.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Service, StepError, malformed};
use crate::contract::{Effect, EffectKind, Origin};
use crate::seal::{SealedBox, effect_binding};
use crate::store::{Name, OutboxRow, Store};

/// An effect, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Errand {
    /// Which first factor vouches for the user of the account.
    pub issuer: String,
    /// The canonical user name of the account.
    pub user: String,
    /// The application that the step was for.
    pub application: String,
    /// What to do.
    pub effect: Effect,
}

impl<S: Store> Service<S> {
    /// Opens a row of the outbox; none where it is not this tenant's row of that id, or was altered.
    #[must_use]
    pub fn errand(&self, tenant: &str, effect: &[u8; 16], payload: &[u8]) -> Option<Errand> {
        let plain = self
            .effects
            .open(&effect_binding(tenant, effect), payload)?;
        serde_json::from_slice(&plain).ok()
    }
}

/// `latest` is when it is over at the latest, in milliseconds since the epoch.
pub(super) fn row(
    seal: &SealedBox,
    name: &Name,
    origin: &Origin,
    effect: &Effect,
    latest: u64,
) -> Result<OutboxRow, StepError> {
    let mut id = [0; 16];
    hex::decode_to_slice(&effect.id, &mut id)
        .map_err(|_| malformed("an effect's id is not 32 hexadecimal digits"))?;
    let errand = Errand {
        issuer: name.issuer.clone(),
        user: name.user.clone(),
        application: origin.application.clone(),
        effect: effect.clone(),
    };
    let plain = Zeroizing::new(
        serde_json::to_vec(&errand).map_err(|_| malformed("an effect cannot be written down"))?,
    );
    let payload = seal
        .seal(&effect_binding(&name.tenant, &id), &plain)
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
