//! Hardware tokens from their makers' files (S08), as the component judges each. The host has decoded the file.

use cofactor_guest::contract::{AdministrationChange as Do, Claim, Outcome, Token, Transition};
use cofactor_guest::{step, view};

use crate::world::{SECRET, World, hotp, is_allowed, otp, reason};

fn token() -> Token {
    Token {
        serial: "987654321".into(),
        manufacturer: "ACME".into(),
        model: "Fob".into(),
        method: "totp".into(),
        secret: SECRET.to_vec(),
        algorithm: "SHA1".into(),
        digits: 6,
        period: 30,
        counter: 0,
        suite: String::new(),
        starts: None,
        expires: None,
    }
}

fn import(world: &mut World, token: Token) -> Transition {
    world.administer(Do::ImportToken(token))
}

/// The field that the audit blames.
fn blamed(transition: &Transition) -> &str {
    let fact = transition.audit.last().expect("an audit fact");
    assert_eq!(fact.kind, "administration-denied");
    assert_eq!(fact.reason, "import-invalid");
    let mut facts = fact.facts.iter();
    facts
        .find(|(name, _)| name == "field")
        .map_or("", |(_, field)| field)
}

#[test]
fn an_imported_token_signs_in_and_shows_where_it_came_from() {
    let mut world = World::new("");
    let imported = import(&mut world, token());
    assert!(matches!(&imported.outcome, Outcome::Done(done) if done.provisioning.is_none()));
    assert!(matches!(imported.claims[..], [Claim::Take(_)]));
    assert!(is_allowed(&world.sign_in(&world.code(0))));
    let shown = view::view(world.record.as_deref().unwrap()).unwrap();
    assert_eq!(shown.credentials[0].label, "Fob 987654321");
    let names: Vec<&str> = shown.credentials[0]
        .parameters
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(names.is_sorted());
    for name in ["serial", "manufacturer", "model"] {
        assert!(names.contains(&name), "{name}");
    }

    let mut world = World::new("");
    import(
        &mut world,
        Token {
            method: "hotp".into(),
            period: 0,
            counter: 5,
            digits: 8,
            ..token()
        },
    );
    assert!(is_allowed(&world.sign_in(&hotp(SECRET, 5, 8))));
}

#[test]
fn im_03_a_token_that_is_no_good_is_refused_and_the_field_named() {
    type Change = fn(&mut Token);
    let cases: [(&str, Change); 20] = [
        ("secret", |it| it.secret = b"12345678".to_vec()),
        ("secret", |it| it.secret = Vec::new()),
        ("secret", |it| it.secret = vec![1; 81]),
        ("algorithm", |it| it.algorithm = "MD5".into()),
        ("algorithm", |it| it.algorithm = "sha1".into()),
        ("digits", |it| it.digits = 5),
        ("digits", |it| it.digits = 9),
        ("period", |it| it.period = 14),
        ("period", |it| it.period = 301),
        ("period", |it| it.period = 0),
        ("period", |it| it.period = 65_536 + 30),
        ("counter", |it| it.counter = 7),
        ("period", |it| it.method = "hotp".into()),
        ("counter", |it| {
            (it.method, it.period, it.counter) = ("hotp".into(), 0, u64::MAX);
        }),
        ("method", |it| it.method = "pin".into()),
        ("suite", |it| it.suite = "OCRA-1:HOTP-SHA1-6:QN08".into()),
        ("suite", |it| it.method = "ocra".into()),
        ("serial", |it| it.serial = "12\n34".into()),
        ("manufacturer", |it| it.manufacturer = "A\u{202e}CME".into()),
        ("expires", |it| (it.starts, it.expires) = (Some(7), Some(7))),
    ];
    for (field, change) in cases {
        let mut world = World::new("[accounts]\nmethods = ['totp', 'hotp', 'ocra']\n");
        let mut token = token();
        change(&mut token);
        let refused = import(&mut world, token.clone());
        assert_eq!(blamed(&refused), field, "{token:?}");
        assert!(world.record.is_none());
    }
}

#[test]
fn a_short_secret_is_noted() {
    for (length, short) in [(10, true), (15, true), (16, false)] {
        let mut world = World::new("");
        let imported = import(
            &mut world,
            Token {
                secret: vec![7; length],
                ..token()
            },
        );
        let noted = ("secret".to_owned(), "short".to_owned());
        let fact = imported.audit.last().unwrap();
        assert_eq!(fact.kind, "credential-imported");
        assert_eq!(fact.facts.contains(&noted), short, "{length}");
    }
}

#[test]
fn a_token_is_good_between_its_dates_alone() {
    let mut world = World::new("");
    let (starts, expires) = (world.now + 60_000, world.now + 120_000);
    import(
        &mut world,
        Token {
            starts: Some(starts),
            expires: Some(expires),
            ..token()
        },
    );
    for (at, good) in [
        (starts - 1, false),
        (starts, true),
        (expires - 1, true),
        (expires, false),
    ] {
        let mut world = world.clone();
        world.now = at;
        let answer = world.sign_in(&world.code(0));
        assert_eq!(is_allowed(&answer), good, "{at}");
        if !good {
            assert_eq!(reason(&answer), "credential-expired");
            // The code is not burnt by it, and a wrong one is only wrong.
            assert_eq!(
                reason(&world.sign_in(&world.wrong_code())),
                "incorrect-code"
            );
        }
    }
}

/// The other token only says that the code is not its own.
#[test]
fn a_token_that_is_over_is_told_of_beside_another() {
    let over = Token {
        expires: Some(1),
        ..token()
    };
    let other = Token {
        serial: "2".into(),
        secret: b"another secret of 20".to_vec(),
        ..token()
    };
    for tokens in [[over.clone(), other.clone()], [other, over]] {
        let mut world = World::new("");
        for token in tokens {
            import(&mut world, token);
        }
        let answer = world.sign_in(&world.code(0));
        assert_eq!(reason(&answer), "credential-expired");
    }
}

#[test]
fn im_03_a_serial_is_one_accounts_alone() {
    let mut world = World::new("");
    let taken = import(&mut world, token()).claims;
    // Another maker may use the number too.
    let mut other = World::new("");
    let elsewhere = import(
        &mut other,
        Token {
            manufacturer: "Other".into(),
            ..token()
        },
    );
    assert_ne!(elsewhere.claims, taken);
    // The store found that somebody else has it, and the step runs again with that.
    let mut clashing = World::new("");
    let event = clashing.event(cofactor_guest::contract::Action::Administer(
        cofactor_guest::contract::Administration {
            actor: "root".into(),
            why: "test".into(),
            change: Do::ImportToken(token()),
        },
    ));
    let mut context = clashing.context();
    context.facts = vec![("claim-clash".into(), String::new())];
    let refused = step::step(&context, None, &event).unwrap();
    assert_eq!(reason(&refused), "already-claimed");
    assert!(refused.claims.is_empty());
    assert_eq!(refused.audit.len(), 1, "no account was made for it");
    // Removing it gives the number up.
    let id = world.account().credentials[0].id.text();
    let removed = world.administer(Do::RemoveCredential(id));
    let (Claim::Take(taken), Claim::Drop(dropped)) = (&taken[0], &removed.claims[0]) else {
        panic!("{removed:?}")
    };
    assert_eq!(taken, dropped);
}

#[test]
fn one_secret_is_imported_once() {
    let mut world = World::new("");
    import(&mut world, token());
    let twin = import(
        &mut world,
        Token {
            serial: "2".into(),
            ..token()
        },
    );
    assert_eq!(reason(&twin), "already-claimed");
}

#[test]
fn a_token_that_answers_questions_is_imported_by_its_suite() {
    let mut world = World::new("[accounts]\nmethods = ['ocra']\n");
    let imported = import(
        &mut world,
        Token {
            method: "ocra".into(),
            suite: "OCRA-1:HOTP-SHA1-6:QN08".into(),
            period: 0,
            digits: 0,
            algorithm: String::new(),
            ..token()
        },
    );
    assert!(matches!(imported.outcome, Outcome::Done(_)), "{imported:?}");
    assert!(matches!(imported.claims[..], [Claim::Take(_)]));
}

#[test]
fn a_console_shows_the_dates_that_a_token_has_and_no_others() {
    let dates = |starts, expires| {
        let mut world = World::new("");
        import(
            &mut world,
            Token {
                starts,
                expires,
                ..token()
            },
        );
        let shown = view::view(world.record.as_deref().unwrap()).unwrap();
        let parameters = shown.credentials[0].parameters.clone().into_iter();
        parameters
            .filter(|(name, _)| name == "starts" || name == "expires")
            .collect::<Vec<_>>()
    };
    let fact = |name: &str, at: u64| (name.to_owned(), at.to_string());
    assert_eq!(dates(None, None), []);
    assert_eq!(dates(Some(7), None), [fact("starts", 7)]);
    assert_eq!(dates(None, Some(9)), [fact("expires", 9)]);
}

#[test]
fn a_token_answers_with_the_hash_of_its_file() {
    for (algorithm, hash) in [
        ("SHA1", totp_rs::Algorithm::SHA1),
        ("SHA256", totp_rs::Algorithm::SHA256),
        ("SHA512", totp_rs::Algorithm::SHA512),
    ] {
        let mut world = World::new("");
        let token = Token {
            algorithm: algorithm.into(),
            ..token()
        };
        import(&mut world, token);
        let code = otp(SECRET, world.now / 30_000, 6, hash);
        assert!(is_allowed(&world.sign_in(&code)), "{algorithm}");
    }
}

#[test]
fn im_03_a_serial_belongs_to_a_token_of_any_method() {
    for (method, period) in [("totp", 30), ("hotp", 0)] {
        let mut world = World::new("");
        let imported = import(
            &mut world,
            Token {
                method: method.into(),
                period,
                ..token()
            },
        );
        assert!(matches!(imported.claims[..], [Claim::Take(_)]), "{method}");
        let shown = view::view(world.record.as_deref().unwrap()).unwrap();
        let serial = ("serial".to_owned(), "987654321".to_owned());
        assert!(
            shown.credentials[0].parameters.contains(&serial),
            "{method}"
        );
    }
}
