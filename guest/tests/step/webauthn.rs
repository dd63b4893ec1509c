//! Passkeys and security keys, with an authenticator in software.

mod attacks;
mod bent;
mod certificates;

use cofactor_guest::contract::{Action, Answer, Claims, Outcome, SignIn, Surface, Transition};
use cofactor_guest::step;
use serde_json::Value;

use crate::authenticator::{Authenticator, Given, Key, UP, UV, decode, options};
use crate::world::{World, challenge_id, is_allowed, reason, sign_in};

const POLICY: &str = "[accounts]\nmethods = ['totp', 'webauthn']\n[webauthn]\nrp-id = 'example.com'\n\
                      origins = ['https://app.example.com']\n";

pub fn policy(more: &str) -> String {
    format!("{POLICY}{more}")
}

fn claims(transition: &Transition) -> &Claims {
    match &transition.outcome {
        Outcome::Allow(allowance) => &allowance.claims,
        other => panic!("{other:?}"),
    }
}

impl World {
    pub fn finish(&mut self, began: &Transition, given: &Given) -> Transition {
        let challenge = challenge_id(&began.outcome);
        self.act(Action::EnrolFinish(Answer {
            challenge,
            proof: given.proof(),
            remember: false,
        }))
    }

    /// Enrols it, with a session if there is a credential already.
    pub fn enrol(&mut self, authenticator: &mut Authenticator, session: Option<Claims>) -> Claims {
        let began = self.enrol_begin("webauthn", session);
        let given = authenticator.create(&began.outcome);
        let done = self.finish(&began, &given);
        assert!(is_allowed(&done), "{} {:?}", reason(&done), done.outcome);
        claims(&done).clone()
    }

    pub fn give(&mut self, challenge: &Transition, given: &Given) -> Transition {
        let id = challenge_id(&challenge.outcome);
        self.prove(&id, given.proof())
    }

    pub fn passkey(&mut self, authenticator: &mut Authenticator) -> Transition {
        let challenge = self.begin();
        let given = authenticator.get(&challenge.outcome);
        self.give(&challenge, &given)
    }
}

pub fn with_passkey(more: &str) -> (World, Authenticator) {
    let mut world = World::new(&policy(more));
    let mut authenticator = Authenticator::new(Key::es256(1), 1);
    world.enrol(&mut authenticator, None);
    (world, authenticator)
}

#[test]
fn a_key_of_each_kind_is_enrolled_and_signs_in() {
    for key in [Key::es256(1), Key::eddsa(2), Key::rs256()] {
        for attests in [false, true] {
            let mut world = World::new(&policy("attestation = 'none'\n"));
            let mut authenticator = Authenticator::new(key.clone(), 1);
            authenticator.attests = attests;
            world.enrol(&mut authenticator, None);
            for _ in 0..2 {
                world.now += 60_000;
                let allowed = world.passkey(&mut authenticator);
                let claims = claims(&allowed);
                assert_eq!((claims.level, claims.method.as_str()), (3, "webauthn"));
                assert_eq!(claims.amr, ["pop", "user", "mfa"]);
            }
        }
    }
}

#[test]
fn a_passkey_answers_one_challenge_once() {
    let (mut world, mut authenticator) = with_passkey("");
    let challenge = world.begin();
    let given = authenticator.get(&challenge.outcome);
    // Another challenge of the same account is another question.
    let other = world.begin();
    assert_eq!(reason(&world.give(&other, &given)), "signature-invalid");
    assert!(is_allowed(&world.give(&challenge, &given)));
    assert_eq!(reason(&world.give(&challenge, &given)), "challenge-unknown");
}

#[test]
fn either_of_two_keys_answers_the_same_question() {
    let (mut world, mut first) = with_passkey("");
    let mut second = Authenticator::new(Key::eddsa(2), 2);
    let session = claims(&world.passkey(&mut first)).clone();
    let began = world.enrol_begin("webauthn", Some(session));
    let excluded = options(&began.outcome)["excludeCredentials"].clone();
    assert_eq!(decode(&excluded[0]["id"]), first.id);
    assert_eq!(excluded[0]["transports"], serde_json::json!(["usb", "nfc"]));
    let given = second.create(&began.outcome);
    assert!(is_allowed(&world.finish(&began, &given)));
    assert_eq!(first.handle, second.handle, "one user, one handle");

    let challenge = world.begin();
    let asked = options(&challenge.outcome);
    assert_eq!(asked["allowCredentials"].as_array().unwrap().len(), 2);
    let (one, two) = (
        first.get(&challenge.outcome),
        second.get(&challenge.outcome),
    );
    for given in [one, two] {
        let mut world = world.clone();
        let id = given.id.clone();
        let allowed = world.give(&challenge, &given);
        assert!(is_allowed(&allowed), "{}", reason(&allowed));
        let Outcome::Allow(allowance) = &allowed.outcome else {
            unreachable!()
        };
        let account = world.account();
        let moved = account
            .credentials
            .iter()
            .position(|it| it.last_used == Some(world.now));
        let used = &account.credentials[usize::from(id == second.id)];
        assert_eq!(allowance.credential, Some(used.id.text()));
        assert!(moved.is_some());
    }
    // One that is chosen is asked for first.
    let chosen = world.account().credentials[1].id.text();
    let id = challenge_id(&challenge.outcome);
    let asked = world.act(Action::ChooseMethod(cofactor_guest::contract::Choice {
        challenge: id,
        method: "webauthn".into(),
        credential: Some(chosen),
    }));
    let asked = options(&asked.outcome);
    assert_eq!(decode(&asked["allowCredentials"][0]["id"]), second.id);
}

#[test]
fn a_confirmation_signs_the_text_and_no_other() {
    let (mut world, mut authenticator) = with_passkey("");
    let confirm = |text: &str| {
        Action::Begin(SignIn {
            transaction: Some(text.into()),
            ..sign_in()
        })
    };
    let hundred = world.act(confirm("Pay 100 EUR to Alice"));
    let given = authenticator.get(&hundred.outcome);
    let confirmed = world.give(&hundred, &given);
    assert_eq!(
        claims(&confirmed).transaction.as_ref().map(Vec::len),
        Some(32)
    );
    // The nonce of a text that was put into another's question.
    let event = world.event(confirm("Pay 100 EUR to Alice"));
    let context = world.context();
    let alice = step::step(&context, world.record.as_deref(), &event).unwrap();
    let event = world.event(confirm("Pay 900 EUR to Mallory"));
    let mallory = step::step(&context, world.record.as_deref(), &event).unwrap();
    let plain = world.event(Action::Begin(sign_in()));
    let plain = step::step(&context, world.record.as_deref(), &plain).unwrap();
    let challenges: Vec<Value> = [alice, mallory, plain]
        .iter()
        .map(|it| options(&it.outcome)["challenge"].clone())
        .collect();
    assert_ne!(challenges[0], challenges[1], "one seed, two texts");
    assert_ne!(challenges[0], challenges[2], "one seed, a text and none");
}

#[test]
fn a_question_ends_and_a_method_without_a_domain_cannot_be_used() {
    let (mut world, mut authenticator) = with_passkey("lifetime = '30s'\n");
    let challenge = world.begin();
    let given = authenticator.get(&challenge.outcome);
    world.now += 30_000;
    assert_eq!(reason(&world.give(&challenge, &given)), "challenge-expired");
    let mut world = World::new("[accounts]\nmethods = ['webauthn']\n");
    let refused = world.enrol_begin("webauthn", None);
    assert_eq!(reason(&refused), "method-not-allowed");
}

#[test]
fn a_line_of_text_cannot_ask_for_a_passkey() {
    let (mut world, mut authenticator) = with_passkey("");
    let over = |surface| {
        Action::Begin(SignIn {
            surface,
            ..sign_in()
        })
    };
    let refused = world.act(over(Surface::PROMPT));
    assert!(
        !matches!(refused.outcome, Outcome::Challenge(_)),
        "{:?}",
        refused.outcome
    );
    let challenge = world.act(over(Surface::PROMPT | Surface::REDIRECT));
    let given = authenticator.get(&challenge.outcome);
    assert!(is_allowed(&world.give(&challenge, &given)));
}

/// A passkey that verified its user is two factors where the policy says so (M02), even after a first factor of its own class.
#[test]
fn a_verified_passkey_is_two_factors_by_policy() {
    for (two_factors, flags, amr) in [
        (true, UP | UV, &["pop", "user", "mfa"][..]),
        (true, UP, &["pop", "user"]),
        (false, UP | UV, &["pop", "user"]),
    ] {
        let document = policy(&format!("two-factors = {two_factors}\n"))
            .replace("[accounts]\n", "[accounts]\nfirst-factor = 'possession'\n");
        let mut world = World::new(&document);
        let mut authenticator = Authenticator::new(Key::es256(1), 1);
        authenticator.flags = flags;
        let claims = world.enrol(&mut authenticator, None);
        assert_eq!(claims.amr, amr);
        assert_eq!(claims.level, if amr.len() == 3 { 3 } else { 1 });
    }
}

#[test]
fn certified_models_have_to_be_named() {
    let document = policy("attestation = 'certified'\n");
    let errors = cofactor_guest::policy::compile(&document).expect_err("no models");
    assert_eq!(errors[0].field, "webauthn.attestation");
}

#[test]
fn what_the_page_gets_is_what_the_policy_says() {
    let mut world = World::new(&policy(
        "user-verification = 'required'\nattestation = 'own'\ndiscoverable = 'required'\n",
    ));
    world.user = "al\"ice</script>".into();
    let began = world.enrol_begin("webauthn", None);
    let options = options(&began.outcome);
    assert_eq!(options["user"]["name"], "al\"ice</script>");
    assert_eq!(decode(&options["challenge"]).len(), 32);
    assert_eq!(decode(&options["user"]["id"]).len(), 16);
    let algorithms: Vec<i64> = options["pubKeyCredParams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["alg"].as_i64().unwrap())
        .collect();
    assert_eq!(algorithms, [-7, -8, -257]);
    assert_eq!(
        options["authenticatorSelection"]["userVerification"],
        "required"
    );
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(
        options["authenticatorSelection"]["requireResidentKey"],
        true
    );
    assert_eq!(options["attestation"], "direct");
    assert_eq!(options["timeout"], 600_000);
}

/// Ten credentials with the longest ids do not fit into the options; what does not fit can be chosen, and comes first then.
#[test]
fn options_never_outgrow_what_the_contract_carries() {
    let (mut world, mut first) = with_passkey("");
    let mut last = None;
    for number in 2..=6 {
        let session = claims(&world.passkey(&mut first)).clone();
        let mut long = Authenticator::new(Key::eddsa(number), number);
        long.id = vec![number; 1023];
        world.enrol(&mut long, Some(session));
        last = Some(long);
    }
    let challenge = world.begin();
    let listed = options(&challenge.outcome)["allowCredentials"]
        .as_array()
        .unwrap()
        .len();
    assert!((2..6).contains(&listed));
    let chosen = world.account().credentials[5].id.text();
    let asked = world.act(Action::ChooseMethod(cofactor_guest::contract::Choice {
        challenge: challenge_id(&challenge.outcome),
        method: "webauthn".into(),
        credential: Some(chosen),
    }));
    let given = last.unwrap().get(&asked.outcome);
    assert!(is_allowed(&world.give(&asked, &given)));
}
