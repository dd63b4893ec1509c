//! PINs beside other factors (S11): when one is asked for, what a wrong one costs, and how it is changed.

use super::Step;
use super::ruling::{Notes, number};
use crate::account::{Account, Credential, Pin};
use crate::audit::Kind;
use crate::contract::{Fact, Fault, Provisioning};
use crate::methods::{Proof, Typed, fact};
use crate::pin;
use crate::policy::{Methods, PinOrder, VoiceAnswer};
use crate::reason::Reason;
use crate::throttle::Escalation;

/// What an administrator names to have one issued, in the place of a method.
pub(super) const NAME: &str = "pin";

/// Whether answers of this credential carry the PIN. Without one yet, the user chooses it once the code was right.
pub(super) fn is_asked(step: &Step<'_>, account: &Account, credential: &Credential) -> bool {
    account.pin.is_some() && step.policy.pin.methods.has(credential.method)
}

/// Where the PIN stands in what is typed for this credential, so that a page can ask for it apart. Told of users without a PIN
/// as well: who has one is nobody's business.
pub(super) fn place(step: &Step<'_>, asked: Option<&Credential>) -> Option<Fact> {
    asked.filter(|credential| step.policy.pin.methods.has(credential.method))?;
    let place = match step.policy.pin.order {
        PinOrder::First => "first",
        PinOrder::Last => "last",
    };
    Some(fact("pin", place))
}

/// The PIN, and the proof without it: the code has `digits` characters. Of two successive codes, the first has the PIN.
pub(super) fn split<'p>(
    step: &Step<'_>,
    proof: Proof<'p>,
    digits: u8,
) -> Option<(&'p str, Proof<'p>)> {
    let order = step.policy.pin.order;
    match proof {
        Proof::Text(text) => {
            pin::split(order, text, digits).map(|(pin, code)| (pin, Proof::Text(code)))
        }
        Proof::TwoCodes(first, second) => pin::split(order, first, digits)
            .map(|(pin, first)| (pin, Proof::TwoCodes(first, second))),
        _ => None,
    }
}

/// Why PINs are not looked at now: locked, or disabled.
pub(super) fn refusal(step: &Step<'_>, account: &Account) -> Option<Reason> {
    account.pin.as_ref()?.failures.refusal(step.at)
}

/// The PINs that one answer may hold: credentials with codes of different lengths split it differently. Each is hashed once.
pub(super) struct Pins<'a> {
    step: &'a Step<'a>,
    kept: Option<&'a Pin>,
    seen: Vec<(Typed, bool)>,
}

impl<'a> Pins<'a> {
    pub(super) fn new(step: &'a Step<'a>, account: &'a Account) -> Self {
        Self {
            step,
            kept: account.pin.as_ref(),
            seen: Vec::new(),
        }
    }

    /// Whether it is the PIN; or why that is not looked at.
    pub(super) fn look_at(&mut self, typed: Typed) -> Result<bool, Reason> {
        if let Some((_, is_right)) = self.seen.iter().find(|(seen, _)| *seen == typed) {
            return Ok(*is_right);
        }
        let is_right = match self.kept {
            Some(kept) => match kept.failures.refusal(self.step.at) {
                Some(reason) => return Err(reason),
                None => pin::is(self.step.ctx, kept, typed.as_str()),
            },
            None => false,
        };
        self.seen.push((typed, is_right));
        Ok(is_right)
    }

    /// The right one, if it was among them.
    pub(super) fn right(&self) -> Option<Typed> {
        let mut seen = self.seen.iter();
        seen.find(|(_, is_right)| *is_right)
            .map(|(typed, _)| typed.clone())
    }

    /// Whether there were any, and none was right.
    pub(super) fn all_wrong(&self) -> bool {
        !self.seen.is_empty() && self.right().is_none()
    }
}

/// Counts a wrong PIN, apart from the failures of credentials.
pub(super) fn failed(step: &Step<'_>, account: &mut Account, notes: &mut Notes) {
    let Some(pin) = &mut account.pin else { return };
    let ceiling = step.policy.throttle.ceiling;
    match pin.failures.fail_pin(&step.policy.pin, ceiling, step.at) {
        Escalation::None => {}
        Escalation::Locked(until) => {
            let facts = vec![number("until", until)];
            notes.audit(Kind::PinLocked, Reason::Locked, None, facts);
            notes.notice("pin-locked", None);
        }
        Escalation::Disabled => {
            notes.audit(Kind::PinLocked, Reason::Disabled, None, Vec::new());
            notes.notice("pin-locked", None);
        }
    }
}

/// The PIN was right, and so was what came with it. It is kept anew where the host's key or the policy's iterations are newer.
pub(super) fn succeeded(step: &Step<'_>, account: &mut Account, text: &str) {
    let policy = &step.policy.pin;
    let current = step.ctx.keys.first().map(|key| key.id);
    let Some(pin) = &mut account.pin else { return };
    pin.failures.clear();
    let is_old = Some(pin.key) != current || pin.iterations != policy.iterations;
    if is_old && let Ok(anew) = pin::keep(step.ctx, step.seed, policy, text, pin.initial) {
        *pin = anew;
    }
}

/// Whether the user has to choose a PIN before going on: what was proved goes with one, and there is none, or one that
/// somebody else chose.
pub(super) fn is_due(step: &Step<'_>, account: &Account, proved: Methods) -> bool {
    let typed = !step.policy.pin.methods.and(proved).is_empty();
    let pressed = step.policy.voice.answer == VoiceAnswer::Pin && proved.contains("voice");
    match &account.pin {
        Some(pin) => pin.initial && (typed || pressed),
        None => typed,
    }
}

/// An administrator gives the user a PIN to begin with, which is shown once. Sessions of before are over.
pub(super) fn issue(step: &Step<'_>, account: &mut Account) -> Result<Result<(), Reason>, Fault> {
    if !is_used(step) {
        return Ok(Err(Reason::MethodNotAllowed));
    }
    let policy = &step.policy.pin;
    let text = pin::initial(step.seed, policy)?;
    account.pin = Some(pin::keep(step.ctx, step.seed, policy, &text, true)?);
    account.factors_changed();
    Ok(Ok(()))
}

/// What to hand out of a PIN that this step has made. A step that repeats its answer has another seed, and gives nothing.
pub(super) fn provision(step: &Step<'_>, account: &Account, at: u64) -> Option<Provisioning> {
    let kept = account.pin.as_ref()?;
    let made = pin::initial(step.seed, &step.policy.pin).ok();
    let made = made.filter(|_| pin::is_new(step.seed, kept));
    Some(Provisioning {
        challenge: String::new(),
        method: NAME.to_owned(),
        label: String::new(),
        payload: made.map_or_else(String::new, |made| (*made).clone()),
        manual_key: String::new(),
        digits: 0,
        expires: at,
    })
}

/// Whether PINs are asked for anywhere.
pub(super) fn is_used(step: &Step<'_>) -> bool {
    !step.policy.pin.methods.is_empty() || step.policy.voice.answer == VoiceAnswer::Pin
}

/// The user chooses a PIN. It is refused if it is weak, the one before, or not to be pressed on a telephone where that is
/// needed.
pub(super) fn choose(
    step: &Step<'_>,
    account: &mut Account,
    text: &str,
    notes: &mut Notes,
) -> Result<Result<(), Reason>, Fault> {
    let policy = &step.policy.pin;
    let keys = step.policy.voice.answer != VoiceAnswer::Pin
        || text.bytes().all(|octet| octet.is_ascii_digit());
    let same = |old| pin::is(step.ctx, old, text);
    if !keys || pin::is_weak(policy, text) || account.pin.as_ref().is_some_and(same) {
        return Ok(Err(Reason::PinChangeRequired));
    }
    account.pin = Some(pin::keep(step.ctx, step.seed, policy, text, false)?);
    // What rested on the old one is over (BY-07).
    account.devices.clear();
    account.success = None;
    let done = Reason::SuccessfullyCompleted;
    notes.audit(Kind::PinChanged, done, None, Vec::new());
    notes.notice("pin-changed", None);
    Ok(Ok(()))
}
