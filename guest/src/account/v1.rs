//! Record version 1, which knew time-based and counter-based codes only. It is read and migrated, and written no more.

use super::v2::{BINDING, MAX_APPLICATION, read_failures, read_optional_id, read_reason};
use super::{
    Account, Block, Challenge, Credential, Enrolment, Grant, Proved, RecordError, Request,
    Resolution, Sealed, State,
};
use crate::base32::{MAX_OCTETS, Secret};
use crate::identifier::Identifier;
use crate::methods::code::Token;
use crate::methods::{hotp, totp};
use crate::octets::Reader;
use crate::policy::{Algorithm, Methods};

const DECOY: u8 = 1;
const BLOCKED: u8 = 2;
const MAX_CREDENTIALS: usize = 5;
const MAX_CHALLENGES: usize = 8;
const MAX_ENROLMENTS: usize = 2;
const MAX_REQUESTS: usize = 8;
const MAX_LABEL: usize = 64;

pub(super) fn read(rest: &mut Reader<'_>) -> Result<Account, RecordError> {
    let flags = rest.u8()?;
    if flags & !(DECOY | BLOCKED) != 0 {
        return Err(RecordError::OutOfRange("flags"));
    }
    Ok(Account {
        decoy: flags & DECOY != 0,
        blocked: (flags & BLOCKED != 0).then_some(Block {
            until: u64::MAX,
            fraud: false,
        }),
        state: State::Enabled,
        created: rest.u64()?,
        latest: rest.u64()?,
        generation: rest.u64()?,
        failures: read_failures(rest)?,
        credentials: rest.list(MAX_CREDENTIALS, "credentials", credential)?,
        challenges: rest.list(MAX_CHALLENGES, "challenges", challenge)?,
        enrolments: rest.list(MAX_ENROLMENTS, "enrolments", enrolment)?,
        requests: rest.list(MAX_REQUESTS, "requests", request)?,
        ..Account::default()
    })
}

fn credential(rest: &mut Reader<'_>) -> Result<Credential, RecordError> {
    let id = Identifier(rest.array()?);
    let label = rest.text(1, MAX_LABEL, "credential.label")?.to_owned();
    let created = rest.u64()?;
    // An instant of zero stands for never.
    let last_used = Some(rest.u64()?).filter(|at| *at != 0);
    let token = Token {
        secret: Secret::new(rest.short(1, MAX_OCTETS, "credential.secret")?.to_vec()),
        algorithm: match rest.u8()? {
            1 => Algorithm::Sha1,
            2 => Algorithm::Sha256,
            3 => Algorithm::Sha512,
            _ => return Err(RecordError::OutOfRange("credential.algorithm")),
        },
        digits: Some(rest.u8()?)
            .filter(|digits| (6..=8).contains(digits))
            .ok_or(RecordError::OutOfRange("credential.digits"))?,
    };
    let method = method(rest)?;
    let state = match method {
        totp::NUMBER => totp::State {
            token,
            period: Some(rest.u16()?)
                .filter(|period| totp::PERIODS.contains(period))
                .ok_or(RecordError::OutOfRange("credential.period"))?,
            next_step: rest.u64()?,
            offset: rest.i16()?,
            drift: rest.i16()?,
            hardware: None,
        }
        .encode(),
        _ => hotp::State::new(token, rest.u64()?).encode(),
    };
    Ok(Credential {
        id,
        method,
        label,
        created,
        last_used,
        usable_from: 0,
        failures: read_failures(rest)?,
        state: Sealed::new(state),
    })
}

fn method(rest: &mut Reader<'_>) -> Result<u8, RecordError> {
    match rest.u8()? {
        method @ (totp::NUMBER | hotp::NUMBER) => Ok(method),
        _ => Err(RecordError::OutOfRange("method")),
    }
}

fn challenge(rest: &mut Reader<'_>) -> Result<Challenge, RecordError> {
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
        ..Challenge::default()
    })
}

fn enrolment(rest: &mut Reader<'_>) -> Result<Enrolment, RecordError> {
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
        credential: credential(rest)?,
        question: Sealed::default(),
        confirmed: false,
    })
}

fn request(rest: &mut Reader<'_>) -> Result<Request, RecordError> {
    Ok(Request {
        key: rest.u32()?,
        digest: rest.array()?,
        at: rest.u64()?,
        resolution: match rest.u8()? {
            1 => {
                let credential = Some(Identifier(rest.array()?));
                let method = method(rest)?;
                let reason = read_reason(rest)?;
                Resolution::Allowed {
                    grant: Grant {
                        credential,
                        method,
                        proved: Proved {
                            methods: Methods::of(method),
                            ..Proved::NOTHING
                        },
                        reason,
                    },
                    generation: rest.u64()?,
                    device: None,
                }
            }
            2 => {
                let challenge = Identifier(rest.array()?);
                // The method and the end, which the challenge has as well.
                method(rest)?;
                rest.u64()?;
                Resolution::Challenged {
                    challenge,
                    after: again(rest)?,
                }
            }
            3 => Resolution::EnrolmentRequired { snoozes_left: 0 },
            4 => Resolution::Enrolling {
                enrolment: Identifier(rest.array()?),
                after: again(rest)?,
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

/// Whether a wrong code led there.
fn again(rest: &mut Reader<'_>) -> Result<Option<crate::reason::Reason>, RecordError> {
    Ok(rest
        .bool("request.again")?
        .then_some(crate::reason::Reason::IncorrectCode))
}
