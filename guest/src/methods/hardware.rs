//! What a token's maker says of it (S08): its serial number, and when it may be used.

use super::{Judgement, Scene, claim, fact};
use crate::account::RecordError;
use crate::contract::Fact;
use crate::octets::{Reader, Writer};
use crate::reason::Reason;

/// How long each text may be, in octets.
pub const MAX_TEXT: usize = 64;

/// A token that came from a file of its maker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hardware {
    /// The serial number. 1 to 64 octets.
    pub serial: String,
    /// Who made it. At most 64 octets.
    pub manufacturer: String,
    /// What it is. At most 64 octets.
    pub model: String,
    /// It may be used from then on; zero for always.
    pub starts: u64,
    /// It may be used until then; `u64::MAX` for ever.
    pub expires: u64,
}

impl Hardware {
    /// Refuses what is right, if the token may not be used now.
    pub(super) fn judge(
        hardware: Option<&Self>,
        scene: &Scene<'_>,
        judgement: Judgement,
    ) -> Judgement {
        let is_good = |hardware: &Self| (hardware.starts..hardware.expires).contains(&scene.at);
        match judgement {
            Judgement::Right(_) if !hardware.is_none_or(is_good) => {
                Judgement::Wrong(Reason::CredentialExpired)
            }
            judgement => judgement,
        }
    }

    /// What only one account of the tenant may hold: a maker gives each number once.
    pub(super) fn unique(hardware: Option<&Self>, scene: &Scene<'_>) -> Vec<[u8; 32]> {
        let digest = |hardware: &Self| {
            let mut value = hardware.manufacturer.clone();
            value.push('\0');
            value.push_str(&hardware.serial);
            claim(scene, "token", value.as_bytes())
        };
        hardware.map(digest).into_iter().collect()
    }

    /// Adds what a console may show.
    pub(super) fn view(hardware: Option<&Self>, mut facts: Vec<Fact>) -> Vec<Fact> {
        let Some(hardware) = hardware else {
            return facts;
        };
        facts.push(fact("serial", &hardware.serial));
        for (name, text) in [
            ("manufacturer", &hardware.manufacturer),
            ("model", &hardware.model),
        ] {
            if !text.is_empty() {
                facts.push(fact(name, text));
            }
        }
        if hardware.starts != 0 {
            facts.push(fact("starts", hardware.starts));
        }
        if hardware.expires != u64::MAX {
            facts.push(fact("expires", hardware.expires));
        }
        facts.sort();
        facts
    }

    pub(super) fn write(&self, out: &mut Writer) {
        for text in [&self.serial, &self.manufacturer, &self.model] {
            out.short(text.as_bytes());
        }
        out.u64(self.starts);
        out.u64(self.expires);
    }

    pub(super) fn read(rest: &mut Reader<'_>) -> Result<Self, RecordError> {
        Ok(Self {
            serial: rest.text(1, MAX_TEXT, "token.serial")?.to_owned(),
            manufacturer: rest.text(0, MAX_TEXT, "token.manufacturer")?.to_owned(),
            model: rest.text(0, MAX_TEXT, "token.model")?.to_owned(),
            starts: rest.u64()?,
            expires: rest.u64()?,
        })
    }
}
