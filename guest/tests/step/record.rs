//! The record's bounds.

use cofactor_guest::account::{
    Account, Challenge, Credential, Enrolment, Factor, MAX_CHALLENGES, MAX_CREDENTIALS,
    MAX_ENROLMENTS, MAX_REQUESTS, Method, RecordError, Request, Resolution,
};
use cofactor_guest::base32::Secret;
use cofactor_guest::contract::AccountView;
use cofactor_guest::identifier::Identifier;
use cofactor_guest::methods::{hotp::Hotp, totp::Totp};
use cofactor_guest::policy::Algorithm;
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
    // As long as version 1 is what is written.
    assert_eq!(version_1().encode(), VERSION_1);
}

#[test]
fn a_newer_version_is_refused() {
    let mut record = World::with_totp("").record.unwrap();
    record[4] = 2;
    assert_eq!(Account::decode(&record), Err(RecordError::UnknownVersion));
}

#[test]
fn the_largest_record_leaves_room_for_later_methods() {
    let record = largest().encode();
    assert_eq!(Account::decode(&record), Ok(largest()));
    assert!(record.len() < 8 * 1024, "{} octets", record.len());
}

#[test]
fn lists_over_their_bounds_are_refused() {
    let spoil: [fn(&mut Account); 4] = [
        |account| account.credentials.push(account.credentials[0].clone()),
        |account| account.challenges.push(account.challenges[0].clone()),
        |account| account.enrolments.push(account.enrolments[0].clone()),
        |account| account.requests.push(account.requests[0].clone()),
    ];
    for spoil in spoil {
        let mut account = largest();
        spoil(&mut account);
        assert!(matches!(
            Account::decode(&account.encode()),
            Err(RecordError::OutOfRange(_))
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
        secret: Secret::new(b"12345678901234567890".to_vec()),
        algorithm: Algorithm::Sha256,
        digits: 8,
        factor: Factor::Totp(Totp {
            period: 60,
            next_step: 28_333_334,
            offset: -7,
            drift: 1,
        }),
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
        algorithm: Algorithm::Sha1,
        digits: 6,
        factor: Factor::Hotp(Hotp { counter: 42 }),
        failures: Failures {
            count: 100,
            disabled: true,
            ..Failures::default()
        },
        ..totp.clone()
    };
    let resolutions = [
        Resolution::Allowed {
            credential: totp.id,
            method: Method::Totp,
            reason: Reason::SuccessfullyCompleted,
            generation: 3,
        },
        Resolution::Challenged {
            challenge: Identifier(*b"challenge number"),
            method: Method::Hotp,
            expires: 1_700_000_150_000,
            again: true,
        },
        Resolution::EnrolmentRequired,
        Resolution::Enrolling {
            enrolment: Identifier(*b"enrolment number"),
            again: false,
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
        blocked: true,
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
        }],
        enrolments: vec![Enrolment {
            id: Identifier(*b"enrolment number"),
            application: "portal".into(),
            binding: vec![8; 16],
            generation: 4,
            expires: 1_700_000_600_000,
            attempts: 1,
            credential: Credential {
                algorithm: Algorithm::Sha512,
                ..totp.clone()
            },
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
    }
}

/// A view as JSON, by the contract's names.
fn shown(view: &AccountView) -> Value {
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

/// Every list full and every text as long as it may be.
pub fn largest() -> Account {
    let mut world = World::new("[challenge]\nmax-open = 8\n[accounts]\nmax-credentials = 5\n");
    world.application = "a".repeat(128);
    world.binding = vec![66; 64];
    let uri = crate::world::uri("totp", &[b's'; 80], "&digits=8&algorithm=SHA512");
    world.import(&uri);
    let mut account = world.account();
    for _ in 0..8 {
        world.begin();
    }
    account.challenges = world.account().challenges;
    account.requests = world.account().requests;
    account.credentials = vec![account.credentials[0].clone(); MAX_CREDENTIALS];
    for credential in &mut account.credentials {
        credential.label = "l".repeat(64);
    }
    let mut other = World::new("[totp]\nsecret-bytes = 64\n");
    other.application = "a".repeat(128);
    other.binding = vec![66; 64];
    other.enrol_begin("totp", None);
    other.enrol_begin("totp", None);
    account.enrolments = other.account().enrolments;
    for enrolment in &mut account.enrolments {
        enrolment.credential = account.credentials[0].clone();
    }
    assert_eq!(
        (
            account.challenges.len(),
            account.enrolments.len(),
            account.requests.len()
        ),
        (MAX_CHALLENGES, MAX_ENROLMENTS, MAX_REQUESTS)
    );
    account
}
