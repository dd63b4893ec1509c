//! Ways back in: recovery codes (M03) and temporary access passes (M09).

use cofactor_guest::contract::{
    AdministrationChange as Do, Claims, EffectKind, Issuance, ManagementChange as Manage, Outcome,
    Transition,
};

use crate::world::{World, compile, is_allowed, public_reason, reason};

const MIN: u64 = 60_000;
const POLICY: &str = "[accounts]\nmethods = ['totp', 'recovery-code', 'temporary-pass']\n";

/// What was handed out, one a line.
fn given(transition: &Transition) -> Vec<String> {
    let Outcome::Done(done) = &transition.outcome else {
        panic!("{transition:?}")
    };
    let provisioning = done.provisioning.as_ref().expect("provisioning");
    provisioning.payload.lines().map(str::to_owned).collect()
}

fn claims(transition: &Transition) -> Claims {
    match &transition.outcome {
        Outcome::Allow(allowance) => allowance.claims.clone(),
        other => panic!("{other:?}"),
    }
}

fn notices(transition: &Transition) -> Vec<&str> {
    let notices = transition
        .effects
        .iter()
        .filter_map(|effect| match &effect.what {
            EffectKind::Notify(prompt) => Some(prompt.message.as_str()),
            _ => None,
        });
    notices.collect()
}

/// A user with a token and a set of recovery codes.
fn with_codes(document: &str) -> (World, Vec<String>) {
    let mut world = World::with_totp(document);
    let session = world.session();
    let codes = given(&world.enrol_begin("recovery-code", Some(session)));
    (world, codes)
}

fn pass(world: &mut World, lifetime: Option<u64>, once: Option<bool>) -> String {
    let issued = world.administer(Do::Issue(Issuance {
        method: "temporary-pass".into(),
        label: "Pass".into(),
        address: None,
        lifetime,
        once,
    }));
    given(&issued).remove(0)
}

#[test]
fn by_08_a_recovery_code_is_unguessable_hashed_and_good_once() {
    let (mut world, codes) = with_codes(POLICY);
    assert_eq!(codes.len(), 10);
    for code in &codes {
        // 28 characters of five bits, in groups of four.
        assert_eq!(code.len(), 34, "{code}");
        assert_eq!(codes.iter().filter(|other| *other == code).count(), 1);
        let typed = code.replace('-', "");
        let record = world.record.clone().unwrap();
        assert!(
            !record
                .windows(typed.len())
                .any(|part| part == typed.as_bytes())
        );
    }
    let used = world.sign_in(&codes[3]);
    assert_eq!(claims(&used).method, "recovery-code");
    assert_eq!(claims(&used).level, 2);
    assert_eq!(claims(&used).amr, ["mfa"]);
    assert_eq!(notices(&used), ["recovery-code-used"]);
    let again = world.sign_in(&codes[3]);
    assert_eq!(reason(&again), "code-already-used");
    assert_eq!(public_reason(&again), "incorrect-code");
    // Typed by hand: capitals, spaces, and what looks alike.
    let typed = codes[4]
        .to_uppercase()
        .replace('-', " ")
        .replace('0', "O")
        .replace('1', "l");
    assert!(is_allowed(&world.sign_in(&typed)));
}

#[test]
fn by_08_a_hundred_guesses_find_nothing_and_lock_nobody_out() {
    let (mut world, codes) = with_codes(POLICY);
    for guess in 0..100 {
        let answer = world.sign_in(&format!("{guess:028}"));
        assert_eq!(public_reason(&answer), "incorrect-code");
        let counted = answer.counts.iter().any(|count| count.kind == "source");
        assert!(counted, "guesses count for the address");
    }
    assert_eq!(world.account().failures.count, 0);
    assert!(is_allowed(&world.sign_in(&codes[0])));
}

#[test]
fn recovery_codes_are_shown_once_and_a_new_set_makes_the_old_one_dead() {
    let mut world = World::with_totp(POLICY);
    let session = world.session();
    let request =
        cofactor_guest::contract::Action::EnrolBegin(cofactor_guest::contract::EnrolmentRequest {
            method: "recovery-code".into(),
            label: "Paper".into(),
            address: None,
            session: Some(session.clone()),
        });
    let event = world.event(request);
    let first = given(&world.judge(&event).unwrap());
    let repeated = world.judge(&event).unwrap();
    assert!(given(&repeated).is_empty(), "a repeat shows none");
    assert!(repeated.effects.is_empty());
    // The session is still good: nothing that it rests on has changed.
    let second = given(&world.enrol_begin("recovery-code", Some(session)));
    assert_eq!(world.account().credentials.len(), 2);
    assert_eq!(reason(&world.sign_in(&first[0])), "incorrect-code");
    assert!(is_allowed(&world.sign_in(&second[0])));
}

#[test]
fn the_user_is_told_when_few_recovery_codes_are_left() {
    let (mut world, codes) = with_codes(POLICY);
    let told: Vec<String> = codes
        .iter()
        .map(|code| notices(&world.sign_in(code)).concat())
        .collect();
    let (many, few) = told.split_at(6);
    assert!(
        many.iter().all(|notice| notice == "recovery-code-used"),
        "{told:?}"
    );
    assert!(
        few.iter().all(|notice| notice == "recovery-codes-low"),
        "{told:?}"
    );
    assert_eq!(reason(&world.sign_in(&codes[9])), "code-already-used");
}

#[test]
fn recovery_codes_are_never_the_only_credential() {
    let mut world = World::new(POLICY);
    assert_eq!(
        reason(&world.enrol_begin("recovery-code", None)),
        "fresh-verification-required"
    );
    let Outcome::Enrol(enrolment) = world.begin().outcome else {
        panic!()
    };
    assert_eq!(enrolment.methods, ["totp"], "nobody begins with a way back");
    let (mut world, _) = with_codes(POLICY);
    let session = world.session();
    let totp = world.account().credentials[0].id.text();
    assert_eq!(
        reason(&world.manage(Manage::Remove(totp), Some(session))),
        "last-credential"
    );
}

#[test]
fn by_09_a_recovery_code_resets_nothing_by_itself() {
    let (mut world, codes) = with_codes(POLICY);
    let recovered = claims(&world.sign_in(&codes[0]));
    let ids: Vec<String> = world
        .account()
        .credentials
        .iter()
        .map(|it| it.id.text())
        .collect();
    for change in [
        Manage::Remove(ids[0].clone()),
        Manage::Rename((ids[0].clone(), "Mine".into())),
        Manage::SetDefault(ids[0].clone()),
        Manage::SetPin("802917".into()),
        Manage::SignOutEverywhere,
    ] {
        assert_eq!(
            reason(&world.manage(change, Some(recovered.clone()))),
            "fresh-verification-required"
        );
    }
    // No new codes out of an old one either.
    assert_eq!(
        reason(&world.enrol_begin("recovery-code", Some(recovered.clone()))),
        "fresh-verification-required"
    );
    // With the password beside it, what proves itself may be enrolled, and with that everything may be changed.
    assert!(matches!(
        world.enrol_begin("totp", Some(recovered)).outcome,
        Outcome::Enrol(_)
    ));

    // Where no first factor stands before it, a code alone would be the whole of it.
    let (mut world, codes) = with_codes(POLICY);
    world.policy = compile(&format!(
        "{POLICY}first-factor = 'none'\n[application-default]\nrequired-level = 1\n"
    ));
    let recovered = claims(&world.sign_in(&codes[0]));
    assert_eq!(
        reason(&world.enrol_begin("totp", Some(recovered))),
        "fresh-verification-required"
    );
    // Nor does it do where there was one when the session began.
    let without = world.policy.clone();
    world.policy = compile(POLICY);
    let recovered = claims(&world.sign_in(&codes[1]));
    assert_eq!(recovered.level, 2);
    world.policy = without;
    assert_eq!(
        reason(&world.enrol_begin("totp", Some(recovered))),
        "fresh-verification-required"
    );
}

#[test]
fn a_recovery_code_lets_in_while_the_account_is_locked() {
    let (mut world, codes) = with_codes(&format!(
        "{POLICY}[throttle]\naccount-lock-after = 2\ndelay-after = 2\nlock-after = 2\n"
    ));
    for _ in 0..2 {
        world.sign_in("000000");
    }
    assert_eq!(reason(&world.sign_in(&world.code(0))), "account-locked");
    assert!(is_allowed(&world.sign_in(&codes[0])));
}

#[test]
fn a_temporary_pass_comes_from_an_administrator_alone() {
    let mut world = World::with_totp(POLICY);
    let session = world.session();
    assert_eq!(
        reason(&world.enrol_begin("temporary-pass", Some(session))),
        "method-not-allowed"
    );
    let first = pass(&mut world, None, None);
    assert_eq!(first.len(), 8);
    let second = pass(&mut world, None, None);
    assert_eq!(world.account().credentials.len(), 2, "one a user");
    assert_eq!(reason(&world.sign_in(&first)), "incorrect-code");
    assert!(is_allowed(&world.sign_in(&second)));
    assert!(
        is_allowed(&world.sign_in(&second.to_uppercase())),
        "until it ends"
    );
}

/// What is proved after the pass does not make the session outlive it.
#[test]
fn a_session_of_a_pass_and_something_else_ends_with_the_pass() {
    let document = format!(
        "{POLICY}[[strength]]\nname = 'both'\nany-of = ['totp+temporary-pass']\n\
         [[application]]\nname = 'wiki'\nstrength = 'both'\n"
    );
    for pass_first in [true, false] {
        let mut world = World::with_totp(&document);
        let pass = pass(&mut world, None, None);
        world.now += 50 * MIN;
        let code = world.code(0);
        let (first, second) = if pass_first {
            (pass, code)
        } else {
            (code, pass)
        };
        let Outcome::Challenge(open) = world.sign_in(&first).outcome else {
            panic!("one is not enough")
        };
        let session = claims(&world.answer(&open.id, &second));
        assert_eq!(session.proved, ["totp", "temporary-pass"]);
        assert_eq!(session.amr, ["otp", "mfa"]);
        assert_eq!(session.started + 12 * 60 * MIN, world.now + 10 * MIN);
    }
}

#[test]
fn a_temporary_pass_ends_and_its_sessions_with_it() {
    let mut world = World::new(POLICY);
    let pass = pass(&mut world, None, None);
    world.now += 50 * MIN;
    let session = claims(&world.sign_in(&pass));
    // Its end lies ten minutes ahead, and a session lasts twelve hours.
    assert_eq!(session.started + 12 * 60 * MIN, world.now + 10 * MIN);
    assert_eq!(session.verified, world.now);
    assert_eq!(session.amr, ["mfa"]);
    world.now += 10 * MIN;
    let late = world.sign_in(&pass);
    assert_eq!(reason(&late), "credential-expired");
    assert_eq!(public_reason(&late), "incorrect-code");
    world.now += MIN;
    assert_eq!(reason(&world.sign_in("00000000")), "incorrect-code");
}

#[test]
fn a_pass_lasts_no_longer_than_the_policy_lets_it() {
    let mut world = World::new(POLICY);
    let long = pass(&mut world, Some(30 * 24 * 60 * MIN), None);
    world.now += 8 * 60 * MIN - 1;
    assert!(is_allowed(&world.sign_in(&long)));
    world.now += 1;
    assert_eq!(reason(&world.sign_in(&long)), "credential-expired");
}

#[test]
fn a_one_time_pass_is_used_up_and_leaves_ten_minutes_to_enrol() {
    // The only credential: it stays, used up, or the account would be open to whoever has the password.
    let mut world = World::new(&format!("{POLICY}[management]\nmax-age = '1h'\n"));
    let only = pass(&mut world, None, Some(true));
    let session = claims(&world.sign_in(&only));
    assert_eq!(reason(&world.sign_in(&only)), "code-already-used");
    assert!(matches!(world.begin().outcome, Outcome::Challenge(_)));
    assert_eq!(
        reason(&world.enrol_begin("totp", None)),
        "fresh-verification-required"
    );
    let mut late = world.clone();
    late.now += 10 * MIN + 1;
    assert_eq!(
        reason(&late.enrol_begin("totp", Some(session.clone()))),
        "fresh-verification-required"
    );
    world.now += 10 * MIN;
    assert!(matches!(
        world.enrol_begin("totp", Some(session)).outcome,
        Outcome::Enrol(_)
    ));

    // Beside another credential it goes.
    let mut world = World::with_totp(POLICY);
    let beside = pass(&mut world, None, Some(true));
    let used = world.sign_in(&beside);
    assert!(
        used.audit
            .iter()
            .any(|fact| fact.kind == "credential-spent")
    );
    assert_eq!(world.account().credentials.len(), 1);
}

/// What is drawn for one account alone is claimed for none: or the first user who has it would keep it from all others.
#[test]
fn what_is_made_for_one_account_claims_nothing_of_the_tenant() {
    let methods = ["totp", "hotp", "recovery-code", "temporary-pass"];
    for method in methods {
        let mut world = World::new(&format!("[accounts]\nmethods = {methods:?}\n"));
        let issued = world.administer(crate::world::issuance(method, "New"));
        assert!(matches!(issued.outcome, Outcome::Done(_)), "{method}");
        assert!(issued.claims.is_empty(), "{method}");
    }
}

#[test]
fn a_new_set_of_recovery_codes_gives_up_nothing_that_others_hold() {
    let mut world = World::new("[accounts]\nmethods = ['totp', 'sms', 'recovery-code']\n");
    world.issue("sms", crate::sms::NUMBER);
    for _ in 0..2 {
        let issued = world.administer(crate::world::issuance("recovery-code", "Paper"));
        assert!(issued.claims.is_empty(), "the number is still taken");
    }
}

/// They are no proof of who the user is, so they need not stay as the last one.
#[test]
fn recovery_codes_may_be_removed_by_whoever_has_only_a_pass() {
    let mut world = World::new(POLICY);
    let pass = pass(&mut world, None, None);
    world.administer(crate::world::issuance("recovery-code", "Paper"));
    let session = claims(&world.sign_in(&pass));
    let codes = world.account().credentials[1].id.text();
    let removed = world.manage(Manage::Remove(codes), Some(session));
    assert!(matches!(removed.outcome, Outcome::Done(_)), "{removed:?}");
}
