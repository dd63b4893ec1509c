//! What was proved, and what was answered.

use super::super::{Grant, Proved, RecordError, Request, Resolution};
use super::read_method;
use crate::identifier::Identifier;
use crate::octets::{Reader, Writer};
use crate::policy::Methods;
use crate::reason::Reason;

pub(in crate::account) fn write_grant(grant: &Grant, out: &mut Writer) {
    write_optional_id(grant.credential.as_ref(), out);
    out.u8(grant.method);
    write_proved(&grant.proved, out);
    out.u8(grant.reason.number());
}

pub(in crate::account) fn read_grant(rest: &mut Reader<'_>) -> Result<Grant, RecordError> {
    Ok(Grant {
        credential: read_optional_id(rest)?,
        method: read_method(rest)?,
        proved: read_proved(rest)?,
        reason: read_reason(rest)?,
    })
}

pub(in crate::account) fn write_proved(proved: &Proved, out: &mut Writer) {
    out.u32(proved.methods.bits());
    out.u8(u8::from(proved.user_verified) | u8::from(proved.pin) << 1);
    out.optional(proved.ends.as_ref(), |ends, out| out.u64(*ends));
}

pub(in crate::account) fn read_proved(rest: &mut Reader<'_>) -> Result<Proved, RecordError> {
    let methods = read_methods(rest)?;
    let flags = Some(rest.u8()?)
        .filter(|flags| *flags < 4)
        .ok_or(RecordError::OutOfRange("proved.flags"))?;
    Ok(Proved {
        methods,
        user_verified: flags & 1 != 0,
        pin: flags & 2 != 0,
        ends: rest.optional("proved.ends", Reader::u64)?,
    })
}

fn read_methods(rest: &mut Reader<'_>) -> Result<Methods, RecordError> {
    let bits = rest.u32()?;
    let methods = Methods::from_bits(bits);
    if methods.bits() == bits {
        Ok(methods)
    } else {
        Err(RecordError::OutOfRange("methods"))
    }
}

pub(in crate::account) fn write_request(request: &Request, out: &mut Writer) {
    out.u32(request.key);
    out.raw(&request.digest);
    out.u64(request.at);
    match &request.resolution {
        Resolution::Allowed {
            grant,
            generation,
            device,
        } => {
            out.u8(1);
            write_grant(grant, out);
            out.u64(*generation);
            out.optional(device.as_ref(), |(id, turn), out| {
                out.raw(&id.0);
                out.u32(*turn);
            });
        }
        Resolution::Challenged { challenge, after } => {
            out.u8(2);
            out.raw(&challenge.0);
            write_optional_reason(*after, out);
        }
        Resolution::EnrolmentRequired { snoozes_left } => {
            out.u8(3);
            out.u8(*snoozes_left);
        }
        Resolution::Enrolling { enrolment, after } => {
            out.u8(4);
            out.raw(&enrolment.0);
            write_optional_reason(*after, out);
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
            out.u8((*issued).into());
        }
        Resolution::Pending { challenge } => {
            out.u8(7);
            out.raw(&challenge.0);
        }
        Resolution::Confirmed { grant, digest } => {
            out.u8(8);
            write_grant(grant, out);
            out.raw(digest);
        }
    }
}

pub(in crate::account) fn read_request(rest: &mut Reader<'_>) -> Result<Request, RecordError> {
    Ok(Request {
        key: rest.u32()?,
        digest: rest.array()?,
        at: rest.u64()?,
        resolution: match rest.u8()? {
            1 => Resolution::Allowed {
                grant: read_grant(rest)?,
                generation: rest.u64()?,
                device: rest.optional("request.device", |rest| {
                    Ok((Identifier(rest.array()?), rest.u32()?))
                })?,
            },
            2 => Resolution::Challenged {
                challenge: Identifier(rest.array()?),
                after: read_optional_reason(rest)?,
            },
            3 => Resolution::EnrolmentRequired {
                snoozes_left: rest.u8()?,
            },
            4 => Resolution::Enrolling {
                enrolment: Identifier(rest.array()?),
                after: read_optional_reason(rest)?,
            },
            5 => Resolution::Denied(read_reason(rest)?),
            6 => Resolution::Done {
                reason: read_reason(rest)?,
                credential: read_optional_id(rest)?,
                issued: rest.bool("request.issued")?,
            },
            7 => Resolution::Pending {
                challenge: Identifier(rest.array()?),
            },
            8 => Resolution::Confirmed {
                grant: read_grant(rest)?,
                digest: rest.array()?,
            },
            _ => return Err(RecordError::OutOfRange("request.resolution")),
        },
    })
}

pub(in crate::account) fn read_reason(rest: &mut Reader<'_>) -> Result<Reason, RecordError> {
    Reason::from_number(rest.u8()?).ok_or(RecordError::OutOfRange("reason"))
}

fn write_optional_reason(reason: Option<Reason>, out: &mut Writer) {
    out.optional(reason.as_ref(), |reason, out| out.u8(reason.number()));
}

fn read_optional_reason(rest: &mut Reader<'_>) -> Result<Option<Reason>, RecordError> {
    rest.optional("reason", read_reason)
}

pub(in crate::account) fn write_optional_id(id: Option<&Identifier<8>>, out: &mut Writer) {
    out.optional(id, |id, out| out.raw(&id.0));
}

pub(in crate::account) fn read_optional_id(
    rest: &mut Reader<'_>,
) -> Result<Option<Identifier<8>>, RecordError> {
    rest.optional("credential-id", |rest| Ok(Identifier(rest.array()?)))
}
