//! Fields that are the same on several pages, for keyboards, screen readers and password managers alike.

use maud::{Markup, html};

use super::texts::Texts;

/// The field of a PIN that stands before, or behind, the code.
pub(super) const BEFORE: &str = "before";
pub(super) const AFTER: &str = "after";

/// Where the cursor is when a page opens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Focus {
    /// In the field: there is nothing to do before.
    Field,
    /// At the top: there is something to read, to scan, or to fill in first.
    Top,
}

/// What a code is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Typed {
    /// Digits, at most so many.
    Digits(u8),
    /// Letters and digits.
    Characters,
}

/// The field for a code.
pub(super) fn code(label: &str, hint: &str, failed: bool, typed: Typed, focus: Focus) -> Markup {
    let described = if failed { "problem hint" } else { "hint" };
    let invalid = failed.then_some("true");
    let focused = focus == Focus::Field;
    html! {
        div.field {
            label for="code" { (label) }
            @match typed {
                Typed::Digits(most) => {
                    // Room for the blanks that apps show between groups.
                    input.code #code name="code" type="text" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9 \\-]*"
                        maxlength=(u16::from(most) + 3) required autofocus[focused] spellcheck="false" autocapitalize="off"
                        aria-describedby=(described) aria-invalid=[invalid];
                }
                Typed::Characters => {
                    input.words #code name="code" type="text" autocomplete="off" maxlength="64" required autofocus[focused]
                        spellcheck="false" autocapitalize="characters" aria-describedby=(described) aria-invalid=[invalid];
                }
            }
            p.hint #hint { (hint) }
        }
    }
}

/// The field for the PIN beside a code. Who has none yet leaves it empty, and chooses one afterwards.
pub(super) fn pin(texts: &Texts, name: &str, id: &str) -> Markup {
    let focused = name == BEFORE && id == "pin";
    html! {
        div.field {
            label for=(id) { (texts.get("challenge", "pin-label")) }
            input #(id) name=(name) type="password" autocomplete="off" maxlength="32" autofocus[focused]
                aria-describedby={ (id) "-hint" };
            p.hint #{ (id) "-hint" } { (texts.get("challenge", "pin-hint")) }
        }
    }
}

/// The field for a new PIN. It can be read while it is typed: nobody can repeat what they mistyped unseen.
pub(super) fn new_pin(texts: &Texts, least: Option<&str>, failed: bool) -> Markup {
    let hint = match least {
        Some(least) => texts.fill("challenge", "new-pin-hint", &[("least", least)]),
        None => texts.get("challenge", "new-pin-rules").to_owned(),
    };
    html! {
        div.field {
            label for="new-pin" { (texts.get("challenge", "new-pin-label")) }
            input #new-pin name="new-pin" type="text" autocomplete="off" maxlength="32" required autofocus[least.is_some()]
                spellcheck="false" autocapitalize="off" aria-invalid=[failed.then_some("true")]
                aria-describedby=(if failed { "problem new-pin-hint" } else { "new-pin-hint" });
            p.hint #new-pin-hint { (hint) }
        }
    }
}

/// The field for what the user calls a device. `id` is different for each on a page.
pub(super) fn label(texts: &Texts, id: &str, value: &str) -> Markup {
    html! {
        div.field {
            label for=(id) { (texts.get("enrol", "name-label")) }
            input #(id) name="label" type="text" required maxlength="64" autocomplete="off"
                value=(value) aria-describedby={ (id) "-hint" };
            p.hint #{ (id) "-hint" } { (texts.get("enrol", "name-hint")) }
        }
    }
}
