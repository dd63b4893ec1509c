//! Record version 2: what version 1 holds, for every method, with what the rules remember. Each `write` function is followed
//! by the `read` that undoes it.

mod answered;

use super::{
    Account, Block, Challenge, Credential, Demand, Device, Enrolment, MAX_APPROVALS,
    MAX_CHALLENGES, MAX_CREDENTIALS, MAX_DEVICES, MAX_ENROLMENTS, MAX_LABEL, MAX_QUESTION,
    MAX_REQUESTS, MAX_SENDS, MAX_STATE, Pin, Progress, RecordError, Sealed, Send, State, Success,
    Transaction,
};
use crate::identifier::Identifier;
use crate::methods;
use crate::octets::{Reader, Writer};
use crate::throttle::Failures;
use answered::{
    read_grant, read_proved, read_request, write_grant, write_optional_id, write_proved,
    write_request,
};

pub(super) use answered::{read_optional_id, read_reason};

const DECOY: u8 = 1;
/// As in `origin.application`, `origin.user` and `origin.binding`.
pub(super) const MAX_APPLICATION: usize = 128;
const MAX_USER: usize = 256;
pub(super) const BINDING: (usize, usize) = (16, 64);
/// As in `sign-in.transaction`.
const MAX_TRANSACTION: usize = 1024;

pub(super) fn write(account: &Account, out: &mut Writer) {
    out.u8(if account.decoy { DECOY } else { 0 });
    out.u8(account.state as u8);
    out.u64(account.created);
    out.u64(account.latest);
    out.u64(account.generation);
    out.optional(account.blocked.as_ref(), |block, out| {
        out.u64(block.until);
        out.u8(block.fraud.into());
    });
    write_failures(&account.failures, out);
    out.optional(account.pin.as_ref(), write_pin);
    out.optional(account.bypass.as_ref(), |until, out| out.u64(*until));
    out.u8(account.snoozes.0);
    out.u64(account.snoozes.1);
    out.optional(account.success.as_ref(), |success, out| {
        out.raw(&success.digest);
        out.u64(success.until);
        write_grant(&success.grant, out);
        out.u64(success.at);
    });
    write_credentials(&account.credentials, out);
    out.list(&account.challenges, write_challenge);
    out.list(&account.enrolments, write_enrolment);
    out.list(&account.devices, write_device);
    out.list(&account.sends, |send, out| {
        out.u8(send.method);
        out.u8(send.answered.into());
        out.u8(send.declined.into());
        out.u64(send.at);
    });
    out.list(&account.requests, write_request);
}

pub(super) fn read(rest: &mut Reader<'_>) -> Result<Account, RecordError> {
    let flags = rest.u8()?;
    if flags & !DECOY != 0 {
        return Err(RecordError::OutOfRange("flags"));
    }
    Ok(Account {
        decoy: flags & DECOY != 0,
        state: match rest.u8()? {
            0 => State::Disabled,
            1 => State::Enabled,
            2 => State::Enforced,
            _ => return Err(RecordError::OutOfRange("state")),
        },
        created: rest.u64()?,
        latest: rest.u64()?,
        generation: rest.u64()?,
        blocked: rest.optional("blocked", |rest| {
            Ok(Block {
                until: rest.u64()?,
                fraud: rest.bool("blocked.fraud")?,
            })
        })?,
        failures: read_failures(rest)?,
        pin: rest.optional("pin", read_pin)?,
        bypass: rest.optional("bypass", Reader::u64)?,
        snoozes: (rest.u8()?, rest.u64()?),
        success: rest.optional("success", |rest| {
            Ok(Success {
                digest: rest.array()?,
                until: rest.u64()?,
                grant: read_grant(rest)?,
                at: rest.u64()?,
            })
        })?,
        credentials: rest.list(MAX_CREDENTIALS, "credentials", read_credential)?,
        challenges: rest.list(MAX_CHALLENGES, "challenges", read_challenge)?,
        enrolments: rest.list(MAX_ENROLMENTS, "enrolments", read_enrolment)?,
        devices: rest.list(MAX_DEVICES, "devices", read_device)?,
        sends: rest.list(MAX_SENDS, "sends", |rest| {
            Ok(Send {
                method: read_method(rest)?,
                answered: rest.bool("send.answered")?,
                declined: rest.bool("send.declined")?,
                at: rest.u64()?,
            })
        })?,
        requests: rest.list(MAX_REQUESTS, "requests", read_request)?,
    })
}

pub(super) fn write_credentials(credentials: &[Credential], out: &mut Writer) {
    out.list(credentials, write_credential);
}

fn write_failures(failures: &Failures, out: &mut Writer) {
    out.u32(failures.count);
    out.u32(failures.forgiven);
    out.u64(failures.next_attempt);
    out.u64(failures.locked_until);
    out.u8(failures.locks);
    out.u8(failures.disabled.into());
}

pub(super) fn read_failures(rest: &mut Reader<'_>) -> Result<Failures, RecordError> {
    Ok(Failures {
        count: rest.u32()?,
        forgiven: rest.u32()?,
        next_attempt: rest.u64()?,
        locked_until: rest.u64()?,
        locks: rest.u8()?,
        disabled: rest.bool("failures.disabled")?,
    })
}

fn write_pin(pin: &Pin, out: &mut Writer) {
    out.u32(pin.key);
    out.raw(&pin.salt);
    out.u32(pin.iterations);
    out.raw(&pin.hash);
    out.u8(pin.initial.into());
    write_failures(&pin.failures, out);
}

fn read_pin(rest: &mut Reader<'_>) -> Result<Pin, RecordError> {
    Ok(Pin {
        key: rest.u32()?,
        salt: rest.array()?,
        iterations: Some(rest.u32()?)
            .filter(|iterations| (1_000..=20_000).contains(iterations))
            .ok_or(RecordError::OutOfRange("pin.iterations"))?,
        hash: rest.array()?,
        initial: rest.bool("pin.initial")?,
        failures: read_failures(rest)?,
    })
}

pub(super) fn write_credential(credential: &Credential, out: &mut Writer) {
    out.raw(&credential.id.0);
    out.u8(credential.method);
    out.short(credential.label.as_bytes());
    out.u64(credential.created);
    // An instant of zero stands for never: no credential is used in the first millisecond of 1970.
    out.u64(credential.last_used.unwrap_or(0));
    out.u64(credential.usable_from);
    write_failures(&credential.failures, out);
    out.long(credential.state.as_bytes());
}

fn read_credential(rest: &mut Reader<'_>) -> Result<Credential, RecordError> {
    let credential = Credential {
        id: Identifier(rest.array()?),
        method: read_method(rest)?,
        label: rest.text(1, MAX_LABEL, "credential.label")?.to_owned(),
        created: rest.u64()?,
        last_used: Some(rest.u64()?).filter(|at| *at != 0),
        usable_from: rest.u64()?,
        failures: read_failures(rest)?,
        state: Sealed::new(rest.long(MAX_STATE, "credential.state")?.to_vec()),
    };
    Ok(credential)
}

/// The number of a method that this component has, or zero for none.
fn read_method(rest: &mut Reader<'_>) -> Result<u8, RecordError> {
    let number = rest.u8()?;
    if number == 0 || methods::is_known(number) {
        Ok(number)
    } else {
        Err(RecordError::OutOfRange("method"))
    }
}

fn write_challenge(challenge: &Challenge, out: &mut Writer) {
    out.raw(&challenge.id.0);
    out.short(challenge.application.as_bytes());
    out.short(&challenge.binding);
    write_optional_id(challenge.credential.as_ref(), out);
    out.u64(challenge.begun);
    out.u64(challenge.expires);
    out.u64(challenge.question_expires);
    out.u8(challenge.attempts);
    out.u8(challenge.sends);
    out.u64(challenge.sent);
    out.short(challenge.question.as_bytes());
    out.optional(challenge.effect.as_ref(), |effect, out| out.raw(&effect.0));
    write_demand(&challenge.demand, out);
    write_proved(&challenge.proved, out);
    match &challenge.progress {
        Progress::Waiting => out.u8(0),
        Progress::Accepted(grant) => {
            out.u8(1);
            write_grant(grant, out);
        }
        Progress::Refused(reason) => {
            out.u8(2);
            out.u8(reason.number());
        }
    }
    out.list(&challenge.approvals, |approval, out| out.raw(approval));
    out.u8(challenge.new_pin.into());
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
        begun: rest.u64()?,
        expires: rest.u64()?,
        question_expires: rest.u64()?,
        attempts: rest.u8()?,
        sends: rest.u8()?,
        sent: rest.u64()?,
        question: Sealed::new(rest.short(0, MAX_QUESTION, "challenge.question")?.to_vec()),
        effect: rest.optional("challenge.effect", |rest| Ok(Identifier(rest.array()?)))?,
        demand: read_demand(rest)?,
        proved: read_proved(rest)?,
        progress: match rest.u8()? {
            0 => Progress::Waiting,
            1 => Progress::Accepted(read_grant(rest)?),
            2 => Progress::Refused(read_reason(rest)?),
            _ => return Err(RecordError::OutOfRange("challenge.progress")),
        },
        approvals: rest.list(MAX_APPROVALS, "challenge.approvals", Reader::array)?,
        new_pin: rest.bool("challenge.new-pin")?,
    })
}

fn write_demand(demand: &Demand, out: &mut Writer) {
    out.u8(demand.surface);
    out.u8(demand.level);
    out.u8(demand.risk);
    out.optional(demand.max_age.as_ref(), |age, out| out.u64(*age));
    out.optional(demand.transaction.as_ref(), |transaction, out| {
        out.raw(&transaction.digest);
        out.long(transaction.text.as_bytes());
    });
    out.optional(demand.approves.as_ref(), |(user, challenge), out| {
        out.long(user.as_bytes());
        out.raw(&challenge.0);
    });
}

fn read_demand(rest: &mut Reader<'_>) -> Result<Demand, RecordError> {
    Ok(Demand {
        surface: rest.u8()?,
        level: Some(rest.u8()?)
            .filter(|level| *level <= 3)
            .ok_or(RecordError::OutOfRange("demand.level"))?,
        risk: Some(rest.u8()?)
            .filter(|risk| *risk <= 3)
            .ok_or(RecordError::OutOfRange("demand.risk"))?,
        max_age: rest.optional("demand.max-age", Reader::u64)?,
        transaction: rest.optional("demand.transaction", |rest| {
            Ok(Transaction {
                digest: rest.array()?,
                text: rest.long_text(MAX_TRANSACTION, "demand.transaction")?,
            })
        })?,
        approves: rest.optional("demand.approves", |rest| {
            let user = rest.long_text(MAX_USER, "demand.approves")?;
            Ok((user, Identifier(rest.array()?)))
        })?,
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
    out.short(enrolment.question.as_bytes());
    out.u8(enrolment.confirmed.into());
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
        question: Sealed::new(rest.short(0, MAX_QUESTION, "enrolment.question")?.to_vec()),
        confirmed: rest.bool("enrolment.confirmed")?,
    })
}

fn write_device(device: &Device, out: &mut Writer) {
    out.raw(&device.id.0);
    out.u32(device.turn);
    out.raw(&device.client);
    out.u64(device.created);
    out.u64(device.last_used);
    out.u64(device.expires);
}

fn read_device(rest: &mut Reader<'_>) -> Result<Device, RecordError> {
    Ok(Device {
        id: Identifier(rest.array()?),
        turn: rest.u32()?,
        client: rest.array()?,
        created: rest.u64()?,
        last_used: rest.u64()?,
        expires: rest.u64()?,
    })
}
