//! App passwords (S10), for programs that show nothing.

use cofactor_guest::contract::{
    Action, AdministrationChange as Do, Claims, EnrolmentRequest, Issuance,
    ManagementChange as Manage, Outcome, Request, SignIn, Surface, Transition, Verdict,
};
use cofactor_guest::{authorize, policy};

use crate::world::{World, is_allowed, public_reason, reason, sign_in};

const POLICY: &str = "[accounts]\nmethods = ['totp', 'app-password']\n";

fn create(world: &mut World, application: Option<&str>, session: Option<Claims>) -> Transition {
    world.act(Action::EnrolBegin(EnrolmentRequest {
        method: "app-password".into(),
        label: "Phone".into(),
        address: application.map(str::to_owned),
        session,
    }))
}

fn password(transition: &Transition) -> String {
    match &transition.outcome {
        Outcome::Done(done) => done
            .provisioning
            .as_ref()
            .expect("provisioning")
            .payload
            .clone(),
        other => panic!("{other:?}"),
    }
}

/// A program signs in.
fn connect(world: &mut World, secret: &str) -> Transition {
    world.act(Action::Begin(SignIn {
        surface: Surface::PROGRAM,
        early_answer: Some(secret.into()),
        ..sign_in()
    }))
}

/// A user with a token and an app password for `mail`.
fn with_password(document: &str) -> (World, String) {
    let mut world = World::with_totp(document);
    let session = world.session();
    let made = create(&mut world, Some("mail"), Some(session));
    (world, password(&made))
}

#[test]
fn an_app_password_signs_its_program_in_and_is_no_second_factor() {
    let (mut world, secret) = with_password(POLICY);
    assert_eq!(secret.len(), 34, "{secret}");
    world.application = "mail".into();
    world.now += 1000;
    let connected = connect(&mut world, &secret);
    let Outcome::Allow(allowance) = &connected.outcome else {
        panic!("{connected:?}")
    };
    let claims = &allowance.claims;
    assert_eq!((claims.level, claims.method.as_str()), (1, "app-password"));
    assert_eq!(claims.amr, ["pwd"]);
    assert_eq!(world.account().credentials[1].last_used, Some(world.now));
    assert!(
        is_allowed(&connect(&mut world, &secret.replace('-', ""))),
        "again and again"
    );

    // It is judged at each sign-in and makes no session: a browser with it would be asked.
    let bytes = policy::compile(POLICY).unwrap().bytes;
    let policy = policy::compiled::decode(&bytes).unwrap();
    let request = Request {
        application: "mail".into(),
        host: "mail.example".into(),
        path: "/".into(),
        method: "GET".into(),
        address: None,
        generation: claims.generation,
        ended: false,
    };
    let verdict = authorize::authorize(&policy, world.now, claims, &request);
    assert!(matches!(verdict, Verdict::StepUp(_)), "{verdict:?}");
}

#[test]
fn a_verification_answers_the_requests_beside_it_and_no_others() {
    const ROUTES: &str = "[[route]]\nname = 'admin'\npaths = ['/admin']\nlevel = 2\n";
    let (mut world, secret) = with_password(POLICY);
    world.application = "mail".into();
    let Outcome::Allow(allowance) = connect(&mut world, &secret).outcome else {
        panic!()
    };
    let (claims, now) = (allowance.claims.clone(), world.now);
    let judge = |document: &str, later: u64, path: &str, claims: &Claims| {
        let bytes = policy::compile(&format!("{POLICY}{document}"))
            .unwrap()
            .bytes;
        let policy = policy::compiled::decode(&bytes).unwrap();
        let request = Request {
            application: "mail".into(),
            host: "mail.example".into(),
            path: path.into(),
            method: "GET".into(),
            address: None,
            generation: allowance.claims.generation,
            ended: false,
        };
        match authorize::authorize_program(&policy, now + later, claims, &request) {
            Verdict::Pass(passage) => format!("pass {}", passage.until - now),
            Verdict::StepUp(step_up) => step_up.reason,
            Verdict::Deny(denial) => denial.internal_reason,
            Verdict::Other(other) => other,
        }
    };
    assert_eq!(judge("", 0, "/", &claims), "pass 30000");
    assert_eq!(judge("", 29_999, "/any", &claims), "pass 30000");
    assert_eq!(
        judge("", 30_000, "/", &claims),
        "fresh-verification-required"
    );
    assert_eq!(
        judge("[session]\nrecheck = '0s'\n", 0, "/", &claims),
        "pass 0"
    );
    // Where the policy does not want it, or not any more.
    let off = "[[application]]\nname = 'mail'\napp-passwords = false\n";
    assert_eq!(judge(off, 0, "/", &claims), "level-insufficient");
    let three = "[[application]]\nname = 'mail'\nrequired-level = 3\n";
    assert_eq!(judge(three, 0, "/", &claims), "level-insufficient");
    // What is guarded from people is guarded from their programs.
    assert_eq!(judge(ROUTES, 0, "/inbox", &claims), "pass 30000");
    assert_eq!(judge(ROUTES, 0, "/admin/x", &claims), "level-insufficient");
    // Whatever else was proved is no app password, and nothing that lets people pass is for programs.
    let other = |proved: &[&str], reason: &str| Claims {
        proved: proved.iter().map(|name| (*name).to_owned()).collect(),
        reason: reason.into(),
        ..claims.clone()
    };
    for (proved, reason) in [
        (&["totp"][..], "successfully-completed"),
        (&["app-password", "totp"], "successfully-completed"),
        (&[], "trusted-network"),
        (&[], "remembered-device"),
    ] {
        assert_eq!(
            judge("", 0, "/", &other(proved, reason)),
            "level-insufficient"
        );
    }
    let revoked = Claims {
        generation: claims.generation - 1,
        ..claims.clone()
    };
    assert_eq!(judge("", 0, "/", &revoked), "session-revoked");
}

#[test]
fn by_10_an_app_password_is_good_for_its_program_alone() {
    let (mut world, secret) = with_password(POLICY);
    // Another application's.
    assert_eq!(reason(&connect(&mut world, &secret)), "incorrect-code");
    world.application = "mail".into();
    // Where somebody can be asked.
    for surface in [Surface::REDIRECT, Surface::PROMPT, Surface::empty()] {
        let begun = world.act(Action::Begin(SignIn {
            surface,
            early_answer: Some(secret.clone()),
            ..sign_in()
        }));
        assert_eq!(public_reason(&begun), "incorrect-code", "{surface:?}");
    }
    // As the answer to a question, even if the surface says that it is a program.
    let begun = world.act(Action::Begin(SignIn {
        surface: Surface::PROGRAM | Surface::PROMPT,
        ..sign_in()
    }));
    let Outcome::Challenge(challenge) = &begun.outcome else {
        panic!("{begun:?}")
    };
    assert!(challenge.offers.iter().all(|offer| offer.method == "totp"));
    let id = challenge.id.clone();
    assert_eq!(public_reason(&world.answer(&id, &secret)), "incorrect-code");
    // Where the caller or the policy asks for more than any password can give.
    let more = world.act(Action::Begin(SignIn {
        surface: Surface::PROGRAM,
        early_answer: Some(secret.clone()),
        required_level: 3,
        ..sign_in()
    }));
    assert!(matches!(more.outcome, Outcome::Deny(_)), "{more:?}");
    let mut strict = world.clone();
    strict.policy = crate::world::compile(&format!(
        "{POLICY}[[application]]\nname = 'mail'\nrequired-level = 3\n"
    ));
    assert!(!is_allowed(&connect(&mut strict, &secret)));
    // A confirmation.
    let confirmed = world.act(Action::Begin(SignIn {
        surface: Surface::PROGRAM,
        early_answer: Some(secret.clone()),
        transaction: Some("Pay 100".into()),
        ..sign_in()
    }));
    assert!(!is_allowed(&confirmed));
    assert!(is_allowed(&connect(&mut world, &secret)));
}

#[test]
fn a_programs_old_password_locks_no_token() {
    let (mut world, secret) = with_password(POLICY);
    world.application = "mail".into();
    for _ in 0..60 {
        assert_eq!(
            public_reason(&connect(&mut world, "hunter2")),
            "incorrect-code"
        );
    }
    assert_eq!(world.account().failures.count, 0);
    assert!(is_allowed(&connect(&mut world, &secret)));
}

#[test]
fn app_passwords_are_made_with_a_fresh_session_for_one_application_each() {
    let mut world = World::with_totp(POLICY);
    assert_eq!(
        reason(&create(&mut world, Some("mail"), None)),
        "fresh-verification-required"
    );
    let session = world.session();
    for bad in [None, Some(""), Some("a\nb")] {
        assert_eq!(
            reason(&create(&mut world, bad, Some(session.clone()))),
            "address-invalid",
            "{bad:?}"
        );
    }
    for _ in 0..40 {
        let made = create(&mut world, Some(&"a".repeat(128)), Some(session.clone()));
        assert!(matches!(made.outcome, Outcome::Done(_)), "{made:?}");
    }
    assert_eq!(
        reason(&create(&mut world, Some("mail"), Some(session))),
        "too-many-credentials"
    );
    // The first user of an account with nothing but app passwords still has to enrol, and can.
    let mut world = World::new(POLICY);
    let issued = world.administer(Do::Issue(Issuance {
        method: "app-password".into(),
        label: "Scanner".into(),
        address: Some("mail".into()),
        lifetime: None,
        once: None,
    }));
    let secret = password(&issued);
    assert!(matches!(world.begin().outcome, Outcome::Enrol(_)));
    assert!(matches!(
        world.enrol_begin("totp", None).outcome,
        Outcome::Enrol(_)
    ));
    world.application = "mail".into();
    assert!(is_allowed(&connect(&mut world, &secret)));
}

#[test]
fn app_passwords_are_revoked_singly() {
    let (mut world, first) = with_password(POLICY);
    let session = world.session();
    let second = password(&create(&mut world, Some("mail"), Some(session.clone())));
    let id = world.account().credentials[1].id.text();
    let removed = world.manage(Manage::Remove(id), Some(session));
    assert!(matches!(removed.outcome, Outcome::Done(_)), "{removed:?}");
    world.application = "mail".into();
    assert_eq!(reason(&connect(&mut world, &first)), "incorrect-code");
    assert!(is_allowed(&connect(&mut world, &second)));
}

#[test]
fn app_passwords_are_revoked_all_at_once() {
    for administrator in [false, true] {
        let (mut world, first) = with_password(POLICY);
        let session = world.session();
        let second = password(&create(&mut world, Some("mail"), Some(session.clone())));
        let all = || "app-password".to_owned();
        let removed = if administrator {
            world.administer(Do::RemoveCredential(all()))
        } else {
            world.manage(Manage::Remove(all()), Some(session))
        };
        assert!(matches!(removed.outcome, Outcome::Done(_)), "{removed:?}");
        assert_eq!(removed.audit.len(), 1);
        let count = ("count".to_owned(), "2".to_owned());
        assert!(removed.audit[0].facts.contains(&count));
        assert_eq!(world.account().credentials.len(), 1);
        assert_eq!(
            reason(&world.administer(Do::RemoveCredential(all()))),
            "credential-unknown"
        );
        // What people sign in with never goes like this.
        assert_eq!(
            reason(&world.administer(Do::RemoveCredential("totp".into()))),
            "credential-unknown"
        );
        world.application = "mail".into();
        for old in [first, second] {
            assert!(!is_allowed(&connect(&mut world, &old)));
        }
    }
}

#[test]
fn the_passwords_of_all_programs_go_and_nothing_that_others_hold() {
    let mut world = World::new("[accounts]\nmethods = ['sms', 'app-password']\n");
    world.issue("sms", crate::sms::NUMBER);
    world.issue("app-password", "mail");
    let removed = world.administer(Do::RemoveCredential("app-password".into()));
    assert!(matches!(removed.outcome, Outcome::Done(_)), "{removed:?}");
    assert_eq!(world.account().credentials.len(), 1);
    assert!(removed.claims.is_empty(), "the number is still taken");
}
