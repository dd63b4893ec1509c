//! Credentials whose secrets come from elsewhere: a URI, or a maker's file, which the host has decoded (S08, IM-03).

use super::{Step, enrol, manage};
use crate::account::Credential;
use crate::base32::{MAX_OCTETS, Secret};
use crate::contract::{self, Fault};
use crate::methods::code::Token;
use crate::methods::hardware::Hardware;
use crate::methods::{self, hotp, ocra, totp};
use crate::otpauth::{MovingFactor, Otpauth};
use crate::policy::Algorithm;

/// A credential, and whether its secret is short; or the field that is no good.
pub(super) type Imported = Result<(Credential, bool), &'static str>;

/// The shortest secret that is imported: 80 bits, as authenticators of old have. RFC 4226 R6 wants 128: what is shorter is
/// noted in the audit.
const LEAST_SECRET: usize = 10;

/// A credential from an `otpauth://` URI. It is called what the URI calls the account.
pub(super) fn uri(step: &Step<'_>, uri: &str) -> Result<Imported, Fault> {
    let Ok(parsed) = Otpauth::parse(uri) else {
        return Ok(Err("uri"));
    };
    if parsed.secret.as_bytes().len() < LEAST_SECRET {
        return Ok(Err("secret"));
    }
    let short = parsed.secret.is_short();
    let label = if manage::is_label(&parsed.account) {
        parsed.account
    } else {
        "Imported".to_owned()
    };
    let token = Token {
        secret: parsed.secret,
        algorithm: parsed.algorithm,
        digits: parsed.digits,
    };
    let (number, state) = match parsed.moving {
        MovingFactor::Time(period) => (totp::NUMBER, totp::State::new(token, period).encode()),
        // There is nothing left of it to accept.
        MovingFactor::Counter(u64::MAX) => return Ok(Err("counter")),
        MovingFactor::Counter(counter) => (hotp::NUMBER, hotp::State::new(token, counter).encode()),
    };
    credential(step, number, label, state, short)
}

/// A credential from a token of a maker's file. It is called by its model and its serial number.
pub(super) fn token(step: &Step<'_>, given: &contract::Token) -> Result<Imported, Fault> {
    let hardware = match hardware(given) {
        Ok(hardware) => hardware,
        Err(field) => return Ok(Err(field)),
    };
    let label = [&hardware.model, " ", &hardware.serial].concat();
    let label = if manage::is_label(&label) {
        label.trim().to_owned()
    } else {
        hardware.serial.clone()
    };
    if !(LEAST_SECRET..=MAX_OCTETS).contains(&given.secret.len()) {
        return Ok(Err("secret"));
    }
    let secret = Secret::new(given.secret.clone());
    let short = secret.is_short();
    let (number, state) = match state(given, secret, hardware) {
        Ok(state) => state,
        Err(field) => return Ok(Err(field)),
    };
    credential(step, number, label, state, short)
}

fn hardware(given: &contract::Token) -> Result<Hardware, &'static str> {
    let texts = [
        ("serial", &given.serial),
        ("manufacturer", &given.manufacturer),
        ("model", &given.model),
    ];
    for (field, text) in texts {
        if text.chars().any(manage::is_obeyed) {
            return Err(field);
        }
    }
    if given.serial.trim().is_empty() {
        return Err("serial");
    }
    let hardware = Hardware {
        serial: given.serial.clone(),
        manufacturer: given.manufacturer.clone(),
        model: given.model.clone(),
        starts: given.starts.unwrap_or(0),
        expires: given.expires.unwrap_or(u64::MAX),
    };
    if hardware.starts < hardware.expires {
        Ok(hardware)
    } else {
        Err("expires")
    }
}

fn state(
    given: &contract::Token,
    secret: Secret,
    hardware: Hardware,
) -> Result<(u8, Vec<u8>), &'static str> {
    let hardware = Some(hardware);
    if given.method == ocra::NATURE.name {
        // The suite says hash, length and step.
        let secret = secret.as_bytes().to_vec();
        let state = ocra::State::new(&given.suite, secret, given.counter, None).ok_or("suite")?;
        return Ok((ocra::NUMBER, ocra::State { hardware, ..state }.encode()));
    }
    let token = Token {
        secret,
        algorithm: match given.algorithm.as_str() {
            "SHA1" => Algorithm::Sha1,
            "SHA256" => Algorithm::Sha256,
            "SHA512" => Algorithm::Sha512,
            _ => return Err("algorithm"),
        },
        digits: given.digits,
    };
    if !(6..=8).contains(&given.digits) {
        return Err("digits");
    }
    if !given.suite.is_empty() {
        return Err("suite");
    }
    let counts = given.method == hotp::NATURE.name;
    match u16::try_from(given.period) {
        Ok(period) if !counts && totp::PERIODS.contains(&period) => {
            if given.method != totp::NATURE.name {
                return Err("method");
            }
            if given.counter != 0 {
                return Err("counter");
            }
            let state = totp::State::new(token, period);
            Ok((totp::NUMBER, totp::State { hardware, ..state }.encode()))
        }
        Ok(0) if counts && given.counter < u64::MAX => {
            let state = hotp::State::new(token, given.counter);
            Ok((hotp::NUMBER, hotp::State { hardware, ..state }.encode()))
        }
        Ok(0) if counts => Err("counter"),
        _ => Err("period"),
    }
}

fn credential(
    step: &Step<'_>,
    number: u8,
    label: String,
    state: Vec<u8>,
    short: bool,
) -> Result<Imported, Fault> {
    let Some(method) = methods::of(number) else {
        return Ok(Err("method"));
    };
    let credential = enrol::credential(step, method, label, state)?;
    Ok(Ok((credential, short)))
}
