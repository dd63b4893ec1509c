//! How much one network may do, to whichever accounts (BF-06). The host counts; the component says what, and how much is
//! too much.

use super::Step;
use super::action::Implemented;
use super::ruling::Notes;
use crate::policy::Source;

/// Whether too much came from the client's prefix already. What comes from the host's own side is not counted: it has no
/// client.
pub(super) fn refuses(step: &Step<'_>, action: Implemented<'_>) -> bool {
    match action {
        Implemented::Administer(_) | Implemented::DeliveryReport(_) | Implemented::Vouch(_) => {
            false
        }
        _ if opens(action) => exceeded(step, Source::Failures) || exceeded(step, Source::Begins),
        _ => exceeded(step, Source::Failures),
    }
}

/// Counts what is to be judged, if it is of a kind that costs a guesser nothing else.
pub(super) fn count(step: &Step<'_>, action: Implemented<'_>, notes: &mut Notes) {
    if opens(action) {
        raise(step, Source::Begins, notes);
    }
}

/// Counts an attempt that did not succeed.
pub(super) fn failed(step: &Step<'_>, notes: &mut Notes) {
    raise(step, Source::Failures, notes);
}

/// Whether it writes a record without proving anything.
fn opens(action: Implemented<'_>) -> bool {
    matches!(
        action,
        Implemented::Begin(_)
            | Implemented::Snooze(_)
            | Implemented::ChooseMethod(_)
            | Implemented::Resend(_)
            | Implemented::EnrolBegin(_)
    )
}

fn raise(step: &Step<'_>, source: Source, notes: &mut Notes) {
    if source.most(&step.policy.sources) > 0 {
        notes.count(source.kind());
    }
}

fn exceeded(step: &Step<'_>, source: Source) -> bool {
    let most = source.most(&step.policy.sources);
    let mut observed = step.ctx.observed.iter();
    let counted = observed.find(|observation| observation.kind == source.kind());
    most > 0 && counted.is_some_and(|observation| observation.count >= most)
}
