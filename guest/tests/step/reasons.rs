//! Every reason of the closed list (docs/reasons.md) is one that something comes to. A reason without a scenario here does not
//! compile, and one that no event leads to any more fails.

use cofactor_guest::authorize;
use cofactor_guest::contract::{
    AccountState, Action, AdministrationChange as Do, Answer, Claims, DeliveryReport,
    ManagementChange as Manage, Observation, Outcome, PhoneDecision, Proof, Request, SignIn,
    Transition, Verdict,
};
use cofactor_guest::policy::compiled;
use cofactor_guest::reason::Reason;

use crate::authenticator::{Authenticator, Key, UP};
use crate::phone::{APPROVED, DENIED, FRAUD, Phone, number, with_phone};
use crate::voice::Call;
use crate::world::{World, challenge_id, issuance, message, sign_in, uri};
use crate::{sms, voice, webauthn};

/// Where something was told, and what.
struct Told(Vec<String>);

impl From<Transition> for Told {
    fn from(transition: Transition) -> Self {
        let mut told: Vec<String> = transition
            .audit
            .iter()
            .map(|it| it.reason.clone())
            .collect();
        match transition.outcome {
            Outcome::Allow(allowance) => told.push(allowance.claims.reason),
            Outcome::Deny(denial) => told.push(denial.internal_reason),
            Outcome::Done(done) => told.push(done.reason),
            _ => {}
        }
        Self(told)
    }
}

impl From<Verdict> for Told {
    fn from(verdict: Verdict) -> Self {
        Self(match verdict {
            Verdict::Deny(denial) => vec![denial.internal_reason],
            Verdict::StepUp(step_up) => vec![step_up.reason],
            _ => Vec::new(),
        })
    }
}

#[test]
fn every_reason_is_come_to() {
    for reason in Reason::ALL {
        let Told(told) = scenario(reason);
        assert!(
            told.iter().any(|it| it == reason.name()),
            "{}: {told:?}",
            reason.name()
        );
    }
}

/// What leads to it.
#[allow(clippy::too_many_lines)]
fn scenario(reason: Reason) -> Told {
    match reason {
        Reason::SuccessfullyCompleted => {
            let mut world = World::with_totp("");
            let code = world.code(0);
            world.sign_in(&code).into()
        }
        Reason::RegistrationCompleted => {
            let mut world = World::new("");
            world.administer(issuance("totp", "Phone")).into()
        }
        Reason::RegistrationRequired => World::new("").begin().into(),
        Reason::Resynchronised => {
            let mut world = World::with_totp("");
            let (first, second) = (world.code(5), world.code(6));
            let challenge = world.challenge();
            world
                .prove(&challenge, Proof::TwoCodes((first, second)))
                .into()
        }
        Reason::IncorrectCode => wrong(1, ""),
        Reason::CodeAlreadyUsed => {
            let mut world = World::with_totp("");
            let code = world.code(0);
            world.sign_in(&code);
            world.sign_in(&code).into()
        }
        Reason::Throttled => wrong(4, ""),
        Reason::Locked => wrong(2, "[throttle]\nlock-after = 1\n"),
        Reason::AccountLocked => wrong(2, "[throttle]\naccount-lock-after = 1\n"),
        Reason::Disabled => wrong(2, "[throttle]\nlock-after = 1\nceiling = 1\n"),
        Reason::Blocked => {
            let mut world = World::with_totp("");
            world.administer(Do::Block);
            let code = world.code(0);
            world.sign_in(&code).into()
        }
        Reason::SourceThrottled => {
            let mut world = World::with_totp("[sources]\nfailures = 1\n");
            world.observed = vec![Observation {
                kind: "source".into(),
                count: 1,
                window: 600_000,
            }];
            world.begin().into()
        }
        Reason::ChallengeExpired => {
            let mut world = World::with_totp("");
            let challenge = world.challenge();
            world.now += 120_000;
            let code = world.code(0);
            world.answer(&challenge, &code).into()
        }
        Reason::ChallengeUnknown => World::with_totp("")
            .answer(&"0".repeat(32), "000000")
            .into(),
        Reason::ChallengeBinding => {
            let mut world = World::with_totp("");
            let challenge = world.challenge();
            world.binding = vec![8; 32];
            let code = world.code(0);
            world.answer(&challenge, &code).into()
        }
        Reason::EnrolmentExpired => {
            let mut world = World::new("");
            let begun = world.enrol_begin("totp", None);
            world.now += 600_000;
            world
                .enrol_finish(&challenge_id(&begun.outcome), "000000")
                .into()
        }
        Reason::NoMethodsRegistered => {
            let strength = "[[strength]]\nname = 'both'\nany-of = ['totp+hotp']\n\
                            [[application]]\nname = 'wiki'\nstrength = 'both'\n";
            World::with_totp(strength).begin().into()
        }
        Reason::MethodNotAllowed => World::new("").enrol_begin("sms", None).into(),
        Reason::UserNotFound => World::new("").administer(Do::Unlock).into(),
        Reason::TooManyCredentials => {
            let mut world = World::with_totp("accounts.max-credentials = 1\n");
            world.administer(issuance("totp", "Second")).into()
        }
        Reason::FreshVerificationRequired => World::with_totp("").enrol_begin("totp", None).into(),
        Reason::LastCredential => {
            let mut world = World::with_totp("");
            let id = world.account().credentials[0].id.text();
            managed(&mut world, Manage::Remove(id))
        }
        Reason::LabelInvalid => World::new("").administer(issuance("totp", "\u{7}")).into(),
        Reason::CredentialUnknown => {
            managed(&mut World::with_totp(""), Manage::Remove("0".repeat(16)))
        }
        Reason::ImportInvalid => {
            let mut world = World::new("");
            world
                .administer(Do::ImportOtpauth("otpauth://totp/a".into()))
                .into()
        }
        Reason::LevelInsufficient => {
            World::with_totp("[[application]]\nname = 'wiki'\nrequired-level = 3\n")
                .begin()
                .into()
        }
        Reason::ServiceError => {
            // A compiled policy with a name that is no text.
            let rule = "[[rule]]\nname = 'everybody'\nthen = 'require'\nlevel = 2\n";
            let mut world = World::with_totp(rule);
            let name = b"everybody";
            let at = world.policy.windows(name.len()).position(|it| it == name);
            world.policy[at.unwrap()] = 0xff;
            world.begin().into()
        }
        Reason::ClockFault => {
            let mut world = World::with_totp("");
            world.now -= 300_001;
            world.begin().into()
        }
        Reason::SessionExpired => asked_again(12 * 3_600_000, |_, _| {}),
        Reason::SessionIdle => asked_again(3_600_000, |_, _| {}),
        Reason::SessionRevoked => asked_again(0, |_, request| request.generation += 1),
        Reason::ApplicationMismatch => {
            asked_again(0, |_, request| request.application = "mail".into())
        }
        Reason::RegistrationSnoozed => {
            let mut world = World::new("[enrolment]\nsnooze = '1d'\n");
            world.act(Action::Snooze(sign_in())).into()
        }
        Reason::TrustedNetwork => World::with_totp(
            "[[location]]\nname = 'office'\nnetworks = ['192.0.2.0/24']\n\
             [[rule]]\nname = 'office'\nlocations = ['office']\nthen = 'skip'\n",
        )
        .begin()
        .into(),
        Reason::RememberedDevice => {
            let mut world = World::with_totp("devices.lifetime = '30d'\n");
            let challenge = world.challenge();
            let proof = Proof::Code(world.code(0));
            let passed = world.act(Action::Answer(Answer {
                challenge,
                proof,
                remember: true,
            }));
            let Outcome::Allow(allowance) = passed.outcome else {
                panic!("{passed:?}")
            };
            world
                .act(Action::Begin(SignIn {
                    device_token: allowance.device_token.map(|(token, _)| token),
                    ..sign_in()
                }))
                .into()
        }
        Reason::OneTimeBypass => {
            let mut world = World::with_totp("");
            world.administer(Do::GrantBypass(None));
            world.begin().into()
        }
        Reason::Excluded => {
            let mut world = World::with_totp(
                "[[rule]]\nname = 'move'\ngroups = ['movers']\nthen = 'skip'\n\
                 until = 2030-01-01T00:00:00Z\nwhy = 'migration'\n",
            );
            let mut event = world.event(Action::Begin(sign_in()));
            event.origin.groups = vec!["movers".into()];
            world.judge(&event).unwrap().into()
        }
        Reason::FraudReported => {
            let (mut world, phone) = with_phone("");
            let (_, told) = world.ask_phone();
            world.phone(phone.answer(&told, FRAUD, None)).into()
        }
        Reason::RuleDenied => {
            World::with_totp("[[rule]]\nname = 'closed'\nusers = ['alice']\nthen = 'deny'\n")
                .begin()
                .into()
        }
        Reason::NoResponse => called("", PhoneDecision::NoAnswer),
        Reason::UserDeclined => {
            let (mut world, phone) = with_phone("");
            let (_, told) = world.ask_phone();
            world.phone(phone.answer(&told, DENIED, None)).into()
        }
        Reason::Voicemail => called("", PhoneDecision::Voicemail),
        Reason::HungUp => called("", PhoneDecision::HungUp),
        Reason::Undelivered => {
            let mut world = sms::with_vouched(sms::POLICY);
            let (_, _, effect) = message(&world.begin()).expect("a text");
            world
                .act(Action::DeliveryReport(DeliveryReport {
                    effect,
                    delivered: false,
                    detail: String::new(),
                }))
                .into()
        }
        Reason::SendThrottled => {
            let mut world = sms::with_vouched(sms::POLICY);
            let begun = world.begin();
            world.resend(&challenge_id(&begun.outcome)).into()
        }
        Reason::TransactionInvalid => World::with_totp("")
            .act(Action::Begin(SignIn {
                transaction: Some("\u{202e}".into()),
                ..sign_in()
            }))
            .into(),
        Reason::AddressInvalid => World::new(sms::POLICY)
            .enrol_address("sms", "+1 900 555 1234")
            .into(),
        Reason::AlreadyClaimed => {
            let mut world = World::with_totp("");
            let same = uri("totp", crate::world::SECRET, "&period=30");
            world.administer(Do::ImportOtpauth(same)).into()
        }
        Reason::IncorrectPin => {
            let mut world = World::with_totp("[pin]\nmethods = ['totp']\niterations = 1000\n");
            world.administer(issuance("pin", "PIN"));
            let code = world.code(0);
            world.sign_in(&format!("314159{code}")).into()
        }
        Reason::PinChangeRequired => {
            let mut world = World::with_totp("[pin]\nmethods = ['totp']\niterations = 1000\n");
            let code = world.code(0);
            world.sign_in(&code).into()
        }
        Reason::MultifactorDisabled => {
            let mut world = World::with_totp("accounts.may-disable = true\n");
            world.administer(Do::SetState(AccountState::Disabled));
            world.begin().into()
        }
        Reason::CachedSuccess => {
            let mut world = World::with_totp("cache.lifetime = '10s'\n");
            let code = world.code(0);
            world.sign_in(&code);
            world.begin().into()
        }
        Reason::ApprovalPending => {
            let policy = "[[application]]\nname = 'wiki'\napprovals = 1\napprovers = ['all']\n";
            let mut world = World::with_totp(policy);
            let code = world.code(0);
            world.sign_in(&code).into()
        }
        Reason::SignatureInvalid => {
            let (mut world, _) = with_phone("");
            let (pending, told) = world.ask_phone();
            let number = number(&pending);
            world
                .phone(Phone::new(9).answer(&told, APPROVED, Some(&number)))
                .into()
        }
        Reason::CounterRegressed => {
            let (mut world, mut original) = webauthn::with_passkey("");
            let mut copy = original.clone();
            world.passkey(&mut original);
            world.passkey(&mut copy).into()
        }
        Reason::AttestationRefused => enrolled("attestation = 'own'\n"),
        Reason::UserNotVerified => enrolled("user-verification = 'required'\n"),
        Reason::CredentialExpired => {
            let mut world = World::with_totp("accounts.methods = ['totp', 'temporary-pass']\n");
            let issued = world.administer(issuance("temporary-pass", "Pass"));
            let Outcome::Done(done) = issued.outcome else {
                panic!("{issued:?}")
            };
            world.now += 3_600_000;
            world.sign_in(&done.provisioning.unwrap().payload).into()
        }
        Reason::BypassRefused => World::with_totp("bypass.allowed = false\n")
            .administer(Do::GrantBypass(None))
            .into(),
        Reason::NumberSwapped => {
            let mut world = sms::with_vouched(sms::POLICY);
            world.facts = vec![("number-swapped".into(), "yes".into())];
            world.begin().into()
        }
    }
}

/// So many wrong codes without a wait.
fn wrong(times: usize, document: &str) -> Told {
    let mut world = World::with_totp(document);
    let code = world.wrong_code();
    (1..times).for_each(|_| {
        world.sign_in(&code);
    });
    world.sign_in(&code).into()
}

/// A user with a fresh session changes something.
fn managed(world: &mut World, change: Manage) -> Told {
    let session = world.session();
    world.manage(change, Some(session)).into()
}

/// A session comes back after so many milliseconds.
fn asked_again(later: u64, change: fn(&mut Claims, &mut Request)) -> Told {
    let mut world = World::with_totp("");
    let mut claims = world.session();
    let mut request = Request {
        application: claims.application.clone(),
        host: "wiki.example".into(),
        path: "/".into(),
        method: "GET".into(),
        address: None,
        generation: claims.generation,
        ended: false,
    };
    change(&mut claims, &mut request);
    let policy = compiled::decode(&world.policy).unwrap();
    authorize::authorize(&policy, world.now + later, &claims, &request).into()
}

/// A call ends so.
fn called(document: &str, decision: PhoneDecision) -> Told {
    let mut world = voice::with_number(&format!("accounts.methods = ['voice']\n{document}"));
    let call = Call::of(&world.begin());
    world.act(call.ends(decision)).into()
}

/// A key that neither attests nor verifies its user is enrolled.
fn enrolled(document: &str) -> Told {
    let mut world = World::new(&webauthn::policy(document));
    let mut key = Authenticator::new(Key::es256(1), 1);
    key.flags = UP;
    let begun = world.enrol_begin("webauthn", None);
    let given = key.create(&begun.outcome);
    world.finish(&begun, &given).into()
}
