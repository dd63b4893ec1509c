//! Every kind of audit fact (docs/audit.md) is one that something puts on record, and every transition says what it did.

use cofactor_guest::audit::Kind;
use cofactor_guest::contract::{
    AccountState, Action, AdministrationChange as Do, Answer, DeliveryReport,
    ManagementChange as Manage, Outcome, Proof, SignIn, Transition, Voucher,
};

use crate::phone::{APPROVED, FRAUD, METHODS, Phone, notification, with_both, with_phone};
use crate::sms;
use crate::world::{World, challenge_id, issuance, message, sign_in};

#[test]
fn every_kind_is_put_on_record() {
    for kind in Kind::ALL {
        let told = scenario(kind);
        assert!(
            told.audit.iter().any(|fact| fact.kind == kind.name()),
            "{}: {:?}",
            kind.name(),
            told.audit
        );
    }
}

/// What puts it on record.
fn scenario(kind: Kind) -> Transition {
    match kind {
        Kind::SignInAllowed => {
            let mut world = World::with_totp("");
            let code = world.code(0);
            world.sign_in(&code)
        }
        Kind::SignInDenied => World::with_totp("").sign_in("000000"),
        Kind::ChallengeIssued => World::with_totp("").begin(),
        Kind::MethodChosen => {
            let mut world = sms::with_vouched(sms::POLICY);
            world.import(&crate::world::uri("totp", crate::world::SECRET, ""));
            let begun = world.begin();
            world.choose(&challenge_id(&begun.outcome), "totp")
        }
        Kind::EnrolmentRequired => World::new("").begin(),
        Kind::EnrolmentBegun => World::new("").enrol_begin("totp", None),
        Kind::EnrolmentCompleted => {
            let mut world = World::new(sms::POLICY);
            let begun = world.enrol_address("sms", sms::NUMBER);
            let code = crate::world::argument(&begun, "code");
            world.enrol_finish(&challenge_id(&begun.outcome), &code)
        }
        Kind::EnrolmentDenied => World::new("").enrol_begin("sms", None),
        Kind::CredentialResynchronised => {
            let mut world = World::with_totp("");
            let codes = (world.code(5), world.code(6));
            let challenge = world.challenge();
            world.prove(&challenge, Proof::TwoCodes(codes))
        }
        Kind::CredentialLocked => wrong("lock-after = 1\n"),
        Kind::CredentialDisabled => wrong("lock-after = 1\nceiling = 1\n"),
        Kind::AccountLocked => wrong("account-lock-after = 1\n"),
        Kind::CredentialRenamed => own(|id| Manage::Rename((id, "New".into()))),
        Kind::CredentialRemoved => own(Manage::Remove),
        Kind::DefaultChanged => own(Manage::SetDefault),
        Kind::SignedOut => own(|_| Manage::SignOutEverywhere),
        Kind::ManagementDenied => World::with_totp("").manage(Manage::ForgetDevices, None),
        Kind::AccountCreated => World::new("").administer(Do::Create),
        Kind::CredentialImported => {
            let uri = crate::world::uri("totp", crate::world::SECRET, "");
            World::new("").administer(Do::ImportOtpauth(uri))
        }
        Kind::CredentialIssued => World::new("").administer(issuance("totp", "Fob")),
        Kind::AccountUnlocked => World::with_totp("").administer(Do::Unlock),
        Kind::AccountBlocked => World::with_totp("").administer(Do::Block),
        Kind::AccountUnblocked => World::with_totp("").administer(Do::Unblock),
        Kind::AccountRemoved => World::with_totp("").administer(Do::Remove),
        Kind::ClockReset => World::with_totp("").administer(Do::ResetClock),
        Kind::AdministrationDenied => World::new("").administer(Do::Block),
        Kind::ClockFault => {
            let mut world = World::with_totp("");
            world.now -= 300_001;
            world.begin()
        }
        Kind::RequestRepeated => {
            let mut world = World::with_totp("");
            let event = world.event(Action::Begin(sign_in()));
            world.judge(&event).unwrap();
            world.judge(&event).unwrap()
        }
        Kind::MessageResent => {
            let mut world = sms::with_vouched(sms::FREE);
            let begun = world.begin();
            world.resend(&challenge_id(&begun.outcome))
        }
        Kind::MessageReported => {
            let mut world = sms::with_vouched(sms::POLICY);
            let (_, _, effect) = message(&world.begin()).expect("a text");
            world.act(Action::DeliveryReport(DeliveryReport {
                effect,
                delivered: true,
                detail: String::new(),
            }))
        }
        Kind::EnrolmentSnoozed => {
            World::new("[enrolment]\nsnooze = '1d'\n").act(Action::Snooze(sign_in()))
        }
        Kind::CredentialSpent => {
            let mut world = World::with_totp(
                "accounts.methods = ['totp', 'temporary-pass']\ntemporary-pass.once = true\n",
            );
            let issued = world.administer(issuance("temporary-pass", "Pass"));
            let Outcome::Done(done) = issued.outcome else {
                panic!("{issued:?}")
            };
            world.sign_in(&done.provisioning.unwrap().payload)
        }
        Kind::FraudReported => {
            let (mut world, phone) = with_phone("");
            let (_, told) = world.ask_phone();
            world.phone(phone.answer(&told, FRAUD, None))
        }
        Kind::StateChanged => World::with_totp("").administer(Do::SetState(AccountState::Enforced)),
        Kind::BypassGranted => World::with_totp("").administer(Do::GrantBypass(None)),
        Kind::DeviceRemembered => remembered().1,
        Kind::DevicesForgotten => World::with_totp("").administer(Do::ForgetDevices),
        Kind::DeviceStolen => {
            let (mut world, passed) = remembered();
            let old = come(&mut world, &passed);
            assert!(crate::world::is_allowed(&old));
            world.now += 60_000;
            come(&mut world, &passed)
        }
        Kind::DeviceRefused => {
            let (mut world, passed) = remembered();
            world.user = "bob".into();
            come(&mut world, &passed)
        }
        Kind::PinChanged => pin().administer(issuance("pin", "PIN")),
        Kind::PinLocked => {
            let mut world = pin();
            world.administer(issuance("pin", "PIN"));
            let mut last = world.sign_in("314159000000");
            for _ in 1..3 {
                world.wait();
                last = world.sign_in("314159000000");
            }
            last
        }
        Kind::ApprovalGiven => {
            let policy = "[[application]]\nname = 'wiki'\napprovals = 1\napprovers = ['all']\n";
            let mut world = World::with_totp(policy);
            let code = world.code(0);
            let challenge = challenge_id(&world.sign_in(&code).outcome);
            let at = world.now;
            world.act(Action::Vouch(Voucher {
                challenge,
                approver: "bob".into(),
                at,
            }))
        }
        Kind::EnrolmentConfirmed => {
            let (mut world, phone) = (World::new(METHODS), Phone::new(1));
            let begun = world.enrol_phone_begin(&phone);
            let Outcome::Enrol(enrolment) = &begun.outcome else {
                panic!("{begun:?}")
            };
            let number = enrolment.prompt.arguments[0].1.clone();
            let told = notification(&begun).unwrap();
            world.phone(phone.answer(&told, APPROVED, Some(&number)))
        }
        Kind::MessageWithheld => {
            let (mut world, _) = with_both("");
            (0..6).map(|_| world.begin()).last().unwrap()
        }
    }
}

/// One wrong code.
fn wrong(throttle: &str) -> Transition {
    let mut world = World::with_totp(&format!("[throttle]\n{throttle}"));
    let code = world.wrong_code();
    world.sign_in(&code)
}

/// A user changes something of the second of two credentials.
fn own(change: impl FnOnce(String) -> Manage) -> Transition {
    let mut world = World::with_totp("");
    world.administer(issuance("hotp", "Fob"));
    let session = world.session();
    let id = world.account().credentials[1].id.text();
    world.manage(change(id), Some(session))
}

fn pin() -> World {
    World::with_totp("[pin]\nmethods = ['totp']\niterations = 1000\nlock-after = 3\n")
}

/// A user whose browser is remembered from now on.
fn remembered() -> (World, Transition) {
    let mut world = World::with_totp("devices.lifetime = '30d'\n");
    let challenge = world.challenge();
    let proof = Proof::Code(world.code(0));
    let passed = world.act(Action::Answer(Answer {
        challenge,
        proof,
        remember: true,
    }));
    (world, passed)
}

/// Comes with the token that was handed out then.
fn come(world: &mut World, passed: &Transition) -> Transition {
    let Outcome::Allow(allowance) = &passed.outcome else {
        panic!("{passed:?}")
    };
    let token = allowance.device_token.clone().map(|(token, _)| token);
    world.act(Action::Begin(SignIn {
        device_token: token,
        ..sign_in()
    }))
}
