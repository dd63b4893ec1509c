//! The behaviours: what is done at a site, what has to be so for every proxy, and in a word what its client sees.

mod checked;
mod clients;
mod failures;
mod hostile;
mod pages;
mod signing_in;
mod smuggled;

use cofactor_tests::proxies::Guarded;

use super::{cookies_of_a_sign_in, signed_in, since, visitor, with_device};

/// What is done, and the cell that comes of it.
pub(super) type Row = (&'static str, fn(&mut Guarded) -> anyhow::Result<String>);

/// In the order of the table. The last ones bring the host down.
pub(super) const ROWS: [Row; 28] = [
    ("first factor missing", signing_in::first_factor_missing),
    ("not signed in", signing_in::not_signed_in),
    ("enrolment", signing_in::enrolment),
    ("challenge, right code", signing_in::right_code),
    ("wrong code", signing_in::wrong_code),
    ("the same code again", signing_in::same_code),
    ("step-up on one route", signing_in::step_up),
    ("return address elsewhere", pages::return_address),
    ("form from elsewhere", pages::foreign_form),
    ("framed pages", pages::framed),
    ("cookies", pages::cookies),
    ("XHR, programs", clients::programs),
    ("POST, not signed in", clients::post_not_signed_in),
    ("POST, signed in", clients::post_signed_in),
    ("WebSocket", clients::websocket),
    ("spoofed identity", hostile::spoofed_identity),
    ("spoofed address", hostile::spoofed_address),
    ("encoded and dotted paths", hostile::paths),
    ("unknown method", hostile::unknown_method),
    ("smuggled requests", smuggled::smuggled),
    ("two people, one page", signing_in::cached_for_nobody),
    ("sign-out", signing_in::sign_out),
    ("blocked while signed in", signing_in::blocked),
    ("`gateway check`", checked::checked),
    ("host slow", failures::host_slow),
    ("host down", failures::host_down),
    ("plugin fault", failures::plugin_fault),
    ("fail-closed is told", failures::told),
];

const TO_PAGES: &str = "to the pages";
