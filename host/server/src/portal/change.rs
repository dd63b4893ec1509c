//! What users change of their own: the forms of "my devices", as the component's words.

use axum::response::Response;
use cofactor_runtime::contract::{Action, Management, ManagementChange, Outcome};
use cofactor_runtime::store::Store;

use super::form::Posted;
use super::page::{Trouble, redirect};
use super::purpose::Purpose;
use super::sign_in::address;
use super::{path, sign_out};

/// The longest PIN that the contract lets through to the component, in octets.
const LONGEST_PIN: usize = 64;

/// Makes the change that a form asks for, with the session that it came with.
pub(super) async fn make<S: Store>(posted: &Posted<S>) -> Result<Response, Trouble> {
    let subject = || posted.token.subject.clone();
    let (change, done) = match posted.purpose {
        Purpose::Rename => (
            ManagementChange::Rename((subject(), posted.label())),
            "renamed",
        ),
        Purpose::Remove => (ManagementChange::Remove(subject()), "removed"),
        Purpose::SetDefault => (ManagementChange::SetDefault(subject()), "default"),
        Purpose::SetPin => (
            ManagementChange::SetPin(posted.text("new-pin", LONGEST_PIN)),
            "pin",
        ),
        Purpose::ForgetDevice => (ManagementChange::ForgetDevice(subject()), "forgotten"),
        Purpose::ForgetDevices => (ManagementChange::ForgetDevices, "forgotten"),
        Purpose::SignOutEverywhere => (ManagementChange::SignOutEverywhere, ""),
        _ => return Err(Trouble::service()),
    };
    let action = Action::Manage(Management {
        session: posted.session()?.map(|session| session.claims),
        change,
    });
    match posted.step(action).await?.outcome {
        Outcome::Done(_) if posted.purpose == Purpose::SignOutEverywhere => Ok(sign_out::gone(
            &posted.front,
            &posted.visitor,
            "done-everywhere",
        )),
        Outcome::Done(_) => redirect(&format!("{}?done={done}", path("devices"))),
        Outcome::Deny(denial) if denial.public_reason == "fresh-verification-required" => {
            redirect(&address(&path("devices"), true))
        }
        Outcome::Deny(denial) => Err(Trouble::denied(&denial.public_reason, path("devices"))),
        _ => Err(Trouble::service()),
    }
}
