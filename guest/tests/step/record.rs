//! The record's bounds.

use cofactor_guest::account::{
    Account, Block, Challenge, Credential, Demand, Device, Enrolment, Grant, MAX_APPROVALS,
    MAX_CHALLENGES, MAX_CREDENTIAL_OCTETS, MAX_CREDENTIALS, MAX_DEVICES, MAX_ENROLMENTS,
    MAX_QUESTION, MAX_RECORD, MAX_REQUESTS, MAX_SENDS, Pin, Progress, Proved, RecordError, Request,
    Resolution, Sealed, Send, State, Success, Transaction,
};
use cofactor_guest::base32::Secret;
use cofactor_guest::contract::AccountView;
use cofactor_guest::identifier::Identifier;
use cofactor_guest::methods::code::Token;
use cofactor_guest::methods::{hotp, totp};
use cofactor_guest::policy::{Algorithm, Methods};
use cofactor_guest::reason::Reason;
use cofactor_guest::throttle::Failures;
use cofactor_guest::view::view;
use serde_json::{Value, json};

use crate::world::World;

const VERSION_1: &[u8] = include_bytes!("../records/account-v1.bin");
const VERSION_1_VIEW: &str = include_str!("../records/account-v1.json");

/// The file is kept for ever: whatever a component writes, it reads what was written before.
#[test]
fn the_record_of_version_1_reads_as_ever() {
    assert_eq!(Account::decode(VERSION_1), Ok(version_1()));
    let expected: Value = serde_json::from_str(VERSION_1_VIEW).unwrap();
    assert_eq!(shown(&view(VERSION_1).unwrap()), expected);
    let migrated = version_1().encode();
    assert_eq!(Account::version(&migrated), Some(2));
    assert_eq!(Account::decode(&migrated), Ok(version_1()));
}

#[test]
fn a_newer_version_is_refused() {
    let mut record = World::with_totp("").record.unwrap();
    record[4] = 3;
    assert_eq!(Account::decode(&record), Err(RecordError::UnknownVersion));
}

#[test]
fn the_largest_record_is_read_again() {
    let record = largest().encode();
    assert_eq!(Account::decode(&record), Ok(largest()));
    assert!(
        (MAX_RECORD - 1024..=MAX_RECORD).contains(&record.len()),
        "{} octets",
        record.len()
    );
}

#[test]
fn lists_over_their_bounds_are_refused() {
    let spoil: [fn(&mut Account); 6] = [
        |account| {
            account.credentials = vec![account.credentials[0].clone(); MAX_CREDENTIALS + 1];
        },
        |account| account.challenges = vec![account.challenges[0].clone(); MAX_CHALLENGES + 1],
        |account| account.enrolments.push(account.enrolments[0].clone()),
        |account| account.requests.push(account.requests[0].clone()),
        |account| account.devices.push(account.devices[0]),
        |account| account.sends.push(account.sends[0]),
    ];
    for spoil in spoil {
        let mut account = largest();
        spoil(&mut account);
        assert!(matches!(
            Account::decode(&account.encode()),
            Err(RecordError::OutOfRange(_) | RecordError::Overlong)
        ));
    }
}

#[test]
fn a_view_holds_no_secret() {
    let shown = format!("{:?}", view(&largest().encode()).unwrap());
    assert!(
        !shown.contains("115, 115") && !shown.to_lowercase().contains("secret"),
        "{shown}"
    );
    let shown = format!("{:?}", largest());
    assert!(shown.contains("[redacted]") && !shown.contains("115, 115"));
}

/// What is in the file: each kind of thing that version 1 knows, once.
fn version_1() -> Account {
    let totp = Credential {
        id: Identifier(*b"totp-one"),
        label: "Téléphone".into(),
        created: 1_700_000_000_000,
        last_used: Some(1_700_000_030_000),
        usable_from: 0,
        method: totp::NUMBER,
        state: totp_of(Algorithm::Sha256),
        failures: Failures {
            count: 12,
            forgiven: 5,
            next_attempt: 1_700_000_040_000,
            locked_until: 1_700_000_930_000,
            locks: 1,
            disabled: false,
        },
    };
    let hotp = Credential {
        id: Identifier(*b"hotp-two"),
        label: "Token".into(),
        last_used: None,
        usable_from: 0,
        method: hotp::NUMBER,
        state: Sealed::new(
            hotp::State::new(
                Token {
                    secret: Secret::new(b"12345678901234567890".to_vec()),
                    algorithm: Algorithm::Sha1,
                    digits: 6,
                },
                42,
            )
            .encode(),
        ),
        failures: Failures {
            count: 100,
            disabled: true,
            ..Failures::default()
        },
        ..totp.clone()
    };
    let resolutions = [
        Resolution::Allowed {
            grant: Grant {
                credential: Some(totp.id),
                method: totp::NUMBER,
                proved: Proved {
                    methods: Methods::of(totp::NUMBER),
                    ..Proved::NOTHING
                },
                reason: Reason::SuccessfullyCompleted,
            },
            generation: 3,
            device: None,
        },
        Resolution::Challenged {
            challenge: Identifier(*b"challenge number"),
            after: Some(Reason::IncorrectCode),
        },
        Resolution::EnrolmentRequired { snoozes_left: 0 },
        Resolution::Enrolling {
            enrolment: Identifier(*b"enrolment number"),
            after: None,
        },
        Resolution::Denied(Reason::CodeAlreadyUsed),
        Resolution::Done {
            reason: Reason::RegistrationCompleted,
            credential: Some(hotp.id),
            issued: true,
        },
    ];
    Account {
        decoy: false,
        blocked: Some(Block {
            until: u64::MAX,
            fraud: false,
        }),
        created: 1_699_999_999_000,
        latest: 1_700_000_030_000,
        generation: 4,
        failures: Failures {
            count: 50,
            locked_until: 1_700_000_930_000,
            locks: 1,
            ..Failures::default()
        },
        challenges: vec![Challenge {
            id: Identifier(*b"challenge number"),
            application: "wiki".into(),
            binding: vec![7; 32],
            credential: Some(hotp.id),
            expires: 1_700_000_150_000,
            attempts: 2,
            ..Challenge::default()
        }],
        enrolments: vec![Enrolment {
            id: Identifier(*b"enrolment number"),
            application: "portal".into(),
            binding: vec![8; 16],
            generation: 4,
            expires: 1_700_000_600_000,
            attempts: 1,
            credential: Credential {
                state: totp_of(Algorithm::Sha512),
                ..totp.clone()
            },
            question: Sealed::default(),
            confirmed: false,
        }],
        credentials: vec![totp, hotp],
        requests: (1..)
            .zip(resolutions)
            .map(|(number, resolution)| Request {
                key: number,
                digest: [number as u8; 16],
                at: 1_700_000_030_000,
                resolution,
            })
            .collect(),
        ..Account::default()
    }
}

fn totp_of(algorithm: Algorithm) -> Sealed {
    let state = totp::State {
        token: Token {
            secret: Secret::new(b"12345678901234567890".to_vec()),
            algorithm,
            digits: 8,
        },
        period: 60,
        next_step: 28_333_334,
        offset: -7,
        drift: 1,
        hardware: None,
    };
    Sealed::new(state.encode())
}

/// A view as JSON, by the contract's names.
pub fn shown(view: &AccountView) -> Value {
    let credentials: Vec<Value> = view
        .credentials
        .iter()
        .map(|credential| {
            json!({
                "id": credential.id,
                "method": credential.method,
                "label": credential.label,
                "created": credential.created,
                "last-used": credential.last_used,
                "state": credential.state,
                "locked-until": credential.locked_until,
                "failures": credential.failures,
                "parameters": credential.parameters,
            })
        })
        .collect();
    json!({
        "version": view.version,
        "created": view.created,
        "latest": view.latest,
        "generation": view.generation,
        "blocked": view.blocked,
        "locked-until": view.locked_until,
        "failures": view.failures,
        "credentials": credentials,
        "open": view.open,
    })
}

/// Every list as full and every text as long as a step ever leaves them.
pub fn largest() -> Account {
    let failures = Failures {
        count: 99,
        ..Failures::default()
    };
    let mut credential = Credential {
        id: Identifier([1; 8]),
        method: totp::NUMBER,
        label: "l".repeat(64),
        created: 1,
        last_used: Some(2),
        usable_from: 3,
        failures,
        state: Sealed::new(vec![b's'; 1500]),
    };
    let proved = Proved {
        methods: Methods::all(),
        user_verified: true,
        pin: true,
        ends: Some(5),
    };
    let grant = Grant {
        credential: Some(credential.id),
        method: hotp::NUMBER,
        proved,
        reason: Reason::SuccessfullyCompleted,
    };
    let mut account = Account {
        blocked: Some(Block {
            until: u64::MAX,
            fraud: true,
        }),
        state: State::Enforced,
        failures,
        pin: Some(Pin {
            key: 1,
            salt: [1; 16],
            iterations: 10_000,
            hash: [2; 32],
            initial: true,
            failures,
        }),
        bypass: Some(u64::MAX),
        snoozes: (3, 4),
        success: Some(Success {
            digest: [1; 16],
            until: u64::MAX,
            grant,
            at: 1,
        }),
        ..Account::default()
    };
    while account.credential_octets() < MAX_CREDENTIAL_OCTETS - 1600 {
        account.credentials.push(credential.clone());
    }
    credential.state = Sealed::default();
    while account.credential_octets() < MAX_CREDENTIAL_OCTETS - 200 {
        account.credentials.push(credential.clone());
    }
    let enrolment = Enrolment {
        id: Identifier([3; 16]),
        application: "a".repeat(128),
        binding: vec![66; 64],
        generation: 1,
        expires: 2,
        attempts: 3,
        credential: Credential {
            state: Sealed::new(vec![b's'; 1024]),
            ..credential
        },
        question: Sealed::new(vec![b's'; MAX_QUESTION]),
        confirmed: false,
    };
    account.enrolments = vec![enrolment; MAX_ENROLMENTS];
    let device = Device {
        id: Identifier([4; 8]),
        turn: 1,
        client: [5; 16],
        created: 1,
        last_used: 2,
        expires: u64::MAX,
    };
    account.devices = vec![device; MAX_DEVICES];
    account.sends = vec![
        Send {
            method: totp::NUMBER,
            answered: true,
            declined: false,
            at: 1
        };
        MAX_SENDS
    ];
    let request = Request {
        key: 1,
        digest: [1; 16],
        at: 1,
        resolution: Resolution::Confirmed {
            grant,
            digest: [1; 32],
        },
    };
    account.requests = vec![request; MAX_REQUESTS];
    let challenge = Challenge {
        id: Identifier([6; 16]),
        application: "a".repeat(128),
        binding: vec![66; 64],
        credential: Some(Identifier([1; 8])),
        begun: 0x0102,
        expires: 1,
        question_expires: 1,
        attempts: 1,
        sends: 1,
        sent: 1,
        question: Sealed::new(vec![b's'; MAX_QUESTION]),
        effect: Some(Identifier([7; 16])),
        demand: Demand {
            surface: 31,
            level: 3,
            risk: 3,
            max_age: Some(1),
            transaction: Some(Transaction {
                digest: [1; 32],
                text: "t".repeat(1024),
            }),
            approves: Some(("u".repeat(256), Identifier([8; 16]))),
        },
        proved,
        progress: Progress::Accepted(grant),
        approvals: vec![[1; 16]; MAX_APPROVALS],
        new_pin: true,
    };
    // A step drops the oldest challenges where everything else is as large as can be.
    while account.encode().len() + 2200 < MAX_RECORD {
        account.challenges.push(challenge.clone());
    }
    let mut last = challenge;
    let room = MAX_RECORD - account.encode().len();
    if let Some(transaction) = &mut last.demand.transaction {
        transaction.text = "t".repeat(1024.min(room.saturating_sub(1150)));
    }
    account.challenges.push(last);
    assert!(account.challenges.len() <= MAX_CHALLENGES);
    account
}

/// It would be asked for by nobody, and stand in the way of a new one.
#[test]
fn a_credential_of_a_method_that_is_not_here_is_refused() {
    let mut account = World::with_totp("").account();
    account.credentials[0].method = 32;
    assert_eq!(
        Account::decode(&account.encode()),
        Err(RecordError::OutOfRange("method"))
    );
}
