//! Record version 1. Each `write` function is followed by the `read` that undoes it.

use super::octets::{Reader, Writer};
use super::{
    Account, Challenge, Credential, Enrolment, Factor, MAX_CHALLENGES, MAX_CREDENTIALS,
    MAX_ENROLMENTS, MAX_LABEL, MAX_REQUESTS, MAX_SECRET, Method, RecordError, Request, Resolution,
};
use crate::base32::Secret;
use crate::identifier::Identifier;
use crate::methods::hotp::Hotp;
use crate::methods::totp::{self, Totp};
use crate::policy::Algorithm;
use crate::reason::Reason;
use crate::throttle::Failures;

const DECOY: u8 = 1;
const BLOCKED: u8 = 2;
/// As in `origin.application` and `origin.binding`.
const MAX_APPLICATION: usize = 128;
const BINDING: (usize, usize) = (16, 64);

pub(super) fn write(account: &Account, out: &mut Writer) {
    out.u8(if account.decoy { DECOY } else { 0 } | if account.blocked { BLOCKED } else { 0 });
    out.u64(account.created);
    out.u64(account.latest);
    out.u64(account.generation);
    write_failures(&account.failures, out);
    out.count(account.credentials.len());
    account
        .credentials
        .iter()
        .for_each(|credential| write_credential(credential, out));
    out.count(account.challenges.len());
    account
        .challenges
        .iter()
        .for_each(|challenge| write_challenge(challenge, out));
    out.count(account.enrolments.len());
    account
        .enrolments
        .iter()
        .for_each(|enrolment| write_enrolment(enrolment, out));
    out.count(account.requests.len());
    account
        .requests
        .iter()
        .for_each(|request| write_request(request, out));
}

pub(super) fn read(rest: &mut Reader<'_>) -> Result<Account, RecordError> {
    let flags = rest.u8()?;
    if flags & !(DECOY | BLOCKED) != 0 {
        return Err(RecordError::OutOfRange("flags"));
    }
    Ok(Account {
        decoy: flags & DECOY != 0,
        blocked: flags & BLOCKED != 0,
        created: rest.u64()?,
        latest: rest.u64()?,
        generation: rest.u64()?,
        failures: read_failures(rest)?,
        credentials: rest.list(MAX_CREDENTIALS, "credentials", read_credential)?,
        challenges: rest.list(MAX_CHALLENGES, "challenges", read_challenge)?,
        enrolments: rest.list(MAX_ENROLMENTS, "enrolments", read_enrolment)?,
        requests: rest.list(MAX_REQUESTS, "requests", read_request)?,
    })
}

fn write_failures(failures: &Failures, out: &mut Writer) {
    out.u32(failures.count);
    out.u32(failures.forgiven);
    out.u64(failures.next_attempt);
    out.u64(failures.locked_until);
    out.u8(failures.locks);
    out.u8(failures.disabled.into());
}

fn read_failures(rest: &mut Reader<'_>) -> Result<Failures, RecordError> {
    Ok(Failures {
        count: rest.u32()?,
        forgiven: rest.u32()?,
        next_attempt: rest.u64()?,
        locked_until: rest.u64()?,
        locks: rest.u8()?,
        disabled: rest.bool("failures.disabled")?,
    })
}

fn write_credential(credential: &Credential, out: &mut Writer) {
    out.raw(&credential.id.0);
    out.short(credential.label.as_bytes());
    out.u64(credential.created);
    // An instant of zero stands for never: no credential is used in the first millisecond of 1970.
    out.u64(credential.last_used.unwrap_or(0));
    out.short(credential.secret.as_bytes());
    out.u8(match credential.algorithm {
        Algorithm::Sha1 => 1,
        Algorithm::Sha256 => 2,
        Algorithm::Sha512 => 3,
    });
    out.u8(credential.digits);
    out.u8(credential.method() as u8);
    match credential.factor {
        Factor::Totp(totp) => {
            out.u16(totp.period);
            out.u64(totp.next_step);
            out.i16(totp.offset);
            out.i16(totp.drift);
        }
        Factor::Hotp(hotp) => {
            out.u64(hotp.counter);
        }
    }
    write_failures(&credential.failures, out);
}

fn read_credential(rest: &mut Reader<'_>) -> Result<Credential, RecordError> {
    Ok(Credential {
        id: Identifier(rest.array()?),
        label: rest.text(1, MAX_LABEL, "credential.label")?.to_owned(),
        created: rest.u64()?,
        last_used: Some(rest.u64()?).filter(|at| *at != 0),
        secret: Secret::new(rest.short(1, MAX_SECRET, "credential.secret")?.to_vec()),
        algorithm: match rest.u8()? {
            1 => Algorithm::Sha1,
            2 => Algorithm::Sha256,
            3 => Algorithm::Sha512,
            _ => return Err(RecordError::OutOfRange("credential.algorithm")),
        },
        digits: Some(rest.u8()?)
            .filter(|digits| (6..=8).contains(digits))
            .ok_or(RecordError::OutOfRange("credential.digits"))?,
        factor: match read_method(rest)? {
            Method::Totp => Factor::Totp(Totp {
                period: Some(rest.u16()?)
                    .filter(|period| totp::PERIODS.contains(period))
                    .ok_or(RecordError::OutOfRange("credential.period"))?,
                next_step: rest.u64()?,
                offset: rest.i16()?,
                drift: rest.i16()?,
            }),
            Method::Hotp => Factor::Hotp(Hotp {
                counter: rest.u64()?,
            }),
        },
        failures: read_failures(rest)?,
    })
}

fn read_method(rest: &mut Reader<'_>) -> Result<Method, RecordError> {
    match rest.u8()? {
        1 => Ok(Method::Totp),
        2 => Ok(Method::Hotp),
        _ => Err(RecordError::OutOfRange("method")),
    }
}

fn write_challenge(challenge: &Challenge, out: &mut Writer) {
    out.raw(&challenge.id.0);
    out.short(challenge.application.as_bytes());
    out.short(&challenge.binding);
    write_optional_id(challenge.credential.as_ref(), out);
    out.u64(challenge.expires);
    out.u8(challenge.attempts);
}

fn read_challenge(rest: &mut Reader<'_>) -> Result<Challenge, RecordError> {
    Ok(Challenge {
        id: Identifier(rest.array()?),
        application: rest
            .text(1, MAX_APPLICATION, "challenge.application")?
            .to_owned(),
        binding: rest
            .short(BINDING.0, BINDING.1, "challenge.binding")?
            .to_vec(),
        credential: read_optional_id(rest)?,
        expires: rest.u64()?,
        attempts: rest.u8()?,
    })
}

fn write_enrolment(enrolment: &Enrolment, out: &mut Writer) {
    out.raw(&enrolment.id.0);
    out.short(enrolment.application.as_bytes());
    out.short(&enrolment.binding);
    out.u64(enrolment.generation);
    out.u64(enrolment.expires);
    out.u8(enrolment.attempts);
    write_credential(&enrolment.credential, out);
}

fn read_enrolment(rest: &mut Reader<'_>) -> Result<Enrolment, RecordError> {
    Ok(Enrolment {
        id: Identifier(rest.array()?),
        application: rest
            .text(1, MAX_APPLICATION, "enrolment.application")?
            .to_owned(),
        binding: rest
            .short(BINDING.0, BINDING.1, "enrolment.binding")?
            .to_vec(),
        generation: rest.u64()?,
        expires: rest.u64()?,
        attempts: rest.u8()?,
        credential: read_credential(rest)?,
    })
}

fn write_request(request: &Request, out: &mut Writer) {
    out.u32(request.key);
    out.raw(&request.digest);
    out.u64(request.at);
    match request.resolution {
        Resolution::Allowed {
            credential,
            method,
            reason,
            generation,
        } => {
            out.u8(1);
            out.raw(&credential.0);
            out.u8(method as u8);
            out.u8(reason.number());
            out.u64(generation);
        }
        Resolution::Challenged {
            challenge,
            method,
            expires,
            again,
        } => {
            out.u8(2);
            out.raw(&challenge.0);
            out.u8(method as u8);
            out.u64(expires);
            out.u8(again.into());
        }
        Resolution::EnrolmentRequired => out.u8(3),
        Resolution::Enrolling { enrolment, again } => {
            out.u8(4);
            out.raw(&enrolment.0);
            out.u8(again.into());
        }
        Resolution::Denied(reason) => {
            out.u8(5);
            out.u8(reason.number());
        }
        Resolution::Done {
            reason,
            credential,
            issued,
        } => {
            out.u8(6);
            out.u8(reason.number());
            write_optional_id(credential.as_ref(), out);
            out.u8(issued.into());
        }
    }
}

fn read_request(rest: &mut Reader<'_>) -> Result<Request, RecordError> {
    Ok(Request {
        key: rest.u32()?,
        digest: rest.array()?,
        at: rest.u64()?,
        resolution: match rest.u8()? {
            1 => Resolution::Allowed {
                credential: Identifier(rest.array()?),
                method: read_method(rest)?,
                reason: read_reason(rest)?,
                generation: rest.u64()?,
            },
            2 => Resolution::Challenged {
                challenge: Identifier(rest.array()?),
                method: read_method(rest)?,
                expires: rest.u64()?,
                again: rest.bool("request.again")?,
            },
            3 => Resolution::EnrolmentRequired,
            4 => Resolution::Enrolling {
                enrolment: Identifier(rest.array()?),
                again: rest.bool("request.again")?,
            },
            5 => Resolution::Denied(read_reason(rest)?),
            6 => Resolution::Done {
                reason: read_reason(rest)?,
                credential: read_optional_id(rest)?,
                issued: rest.bool("request.issued")?,
            },
            _ => return Err(RecordError::OutOfRange("request.resolution")),
        },
    })
}

fn read_reason(rest: &mut Reader<'_>) -> Result<Reason, RecordError> {
    Reason::from_number(rest.u8()?).ok_or(RecordError::OutOfRange("request.reason"))
}

fn write_optional_id(id: Option<&Identifier<8>>, out: &mut Writer) {
    out.u8(id.is_some().into());
    if let Some(id) = id {
        out.raw(&id.0);
    }
}

fn read_optional_id(rest: &mut Reader<'_>) -> Result<Option<Identifier<8>>, RecordError> {
    Ok(if rest.bool("credential-id")? {
        Some(Identifier(rest.array()?))
    } else {
        None
    })
}
