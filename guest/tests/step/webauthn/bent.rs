//! Answers and enrolments with something turned, cut off or made up.

use super::{policy, with_passkey};
use crate::authenticator::{Authenticator, Given, Key};
use crate::world::{World, challenge_id, is_allowed};
use cofactor_guest::contract::{Action, Answer, Transition};

/// Every bit of what is signed, and of the signature.
#[test]
fn no_bit_of_an_answer_can_be_turned() {
    let (mut world, mut authenticator) = with_passkey("[challenge]\nattempts = 10\n");
    let challenge = world.begin();
    let given = authenticator.get(&challenge.outcome);
    let mut judged = 0;
    let mut refuse = |bent: &Given, why: &str| {
        let mut world = world.clone();
        assert!(!is_allowed(&world.give(&challenge, bent)), "{why}");
        judged += 1;
    };
    for bit in 0..given.client_data.len() * 8 {
        let mut bent = given.clone();
        bent.client_data[bit / 8] ^= 1 << (bit % 8);
        refuse(&bent, "client data");
    }
    for bit in 0..given.made.len() * 8 {
        let mut bent = given.clone();
        bent.made[bit / 8] ^= 1 << (bit % 8);
        refuse(&bent, "authenticator data");
    }
    for bit in 0..given.signature.as_ref().unwrap().len() * 8 {
        let mut bent = given.clone();
        bent.signature.as_mut().unwrap()[bit / 8] ^= 1 << (bit % 8);
        refuse(&bent, "signature");
    }
    for bit in 0..given.id.len() * 8 {
        let mut bent = given.clone();
        bent.id[bit / 8] ^= 1 << (bit % 8);
        refuse(&bent, "id");
    }
    for bit in 0..16 * 8 {
        let mut bent = given.clone();
        bent.handle.as_mut().unwrap()[bit / 8] ^= 1 << (bit % 8);
        refuse(&bent, "handle");
    }
    assert!(judged > 2000);
    assert!(is_allowed(&world.give(&challenge, &given)));
}

/// Every octet of an enrolment that its key signs for.
#[test]
fn no_octet_of_an_enrolment_can_be_turned() {
    let mut world = World::new(&policy("attestation = 'own'\n"));
    let mut authenticator = Authenticator::new(Key::es256(1), 1);
    authenticator.attests = true;
    let began = world.enrol_begin("webauthn", None);
    let given = authenticator.create(&began.outcome);
    for turn in [0x01, 0x20, 0x80] {
        for at in 0..given.client_data.len() {
            let mut bent = given.clone();
            bent.client_data[at] ^= turn;
            assert!(
                !is_allowed(&world.clone().finish(&began, &bent)),
                "client data {at}"
            );
        }
        for at in 0..given.made.len() {
            let mut bent = given.clone();
            bent.made[at] ^= turn;
            assert!(
                !is_allowed(&world.clone().finish(&began, &bent)),
                "object {at}"
            );
        }
    }
    for at in 0..given.made.len() {
        let mut short = given.clone();
        short.made.truncate(at);
        assert!(!is_allowed(&world.clone().finish(&began, &short)));
    }
    let mut long = given.clone();
    long.made.push(0);
    assert!(!is_allowed(&world.clone().finish(&began, &long)));
    assert!(is_allowed(&world.finish(&began, &given)));
}

mod any_text {
    use super::*;
    use proptest::prelude::*;

    fn judged(world: &World, challenge: &Transition, json: String) -> bool {
        let mut world = world.clone();
        let id = challenge_id(&challenge.outcome);
        let event = world.event(Action::Answer(Answer {
            challenge: id,
            proof: cofactor_guest::contract::Proof::Webauthn(json),
            remember: false,
        }));
        // A text that is too long for the contract is the host's fault; every other one is judged.
        world
            .judge(&event)
            .is_ok_and(|transition| is_allowed(&transition))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Whatever the text is, it lets nobody in and panics nowhere.
        #[test]
        fn no_text_lets_anybody_in(
            text in "\\PC{0,200}|[\\[\\]{}\",:a-z0-9\\\\ ]{0,200}",
            at in any::<prop::sample::Index>(),
            octets in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let (mut world, mut authenticator) = with_passkey("");
            let challenge = world.begin();
            let given = authenticator.get(&challenge.outcome);
            let json = given.json().to_string();
            let mut at = at.index(json.len());
            while !json.is_char_boundary(at) {
                at -= 1;
            }
            let (before, behind) = json.split_at(at);
            prop_assert!(!judged(&world, &challenge, text.clone()));
            if !text.trim().is_empty() {
                prop_assert!(!judged(&world, &challenge, [before, &text].concat()));
            }
            prop_assert!(!judged(&world, &challenge, behind.to_owned()) || at == 0);
            for bent in [
                Given { made: octets.clone(), ..given.clone() },
                Given { client_data: octets.clone(), ..given.clone() },
                Given { signature: Some(octets.clone()), ..given.clone() },
            ] {
                prop_assert!(!judged(&world, &challenge, bent.json().to_string()));
                // Signed by the right key all the same.
                let bent = authenticator.sign(bent);
                prop_assert!(bent.made == given.made && bent.client_data == given.client_data
                    || !judged(&world, &challenge, bent.json().to_string()));
            }
        }
    }
}
