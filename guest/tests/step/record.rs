//! The record's bounds.

use cofactor_guest::account::{
    Account, MAX_CHALLENGES, MAX_CREDENTIALS, MAX_ENROLMENTS, MAX_REQUESTS, RecordError,
};
use cofactor_guest::view::view;

use crate::world::World;

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
