//! Whether a session is enough for a request: from its claims, the policy and the clock alone.

use crate::contract::{Claims, Passage, Request, StepUp, Verdict};
use crate::methods;
use crate::policy::{Malformed, Methods, Policy};
use crate::reason::Reason;
use crate::rules::demand::Demands;
use crate::rules::{shared, strength, waiver};

/// How far the claims may lie in the future: hosts' clocks differ a little, and a session made on one is used on another. Beyond
/// it, a clock was set back, and no age can be told.
const SKEW: u64 = 5 * 60 * 1000;

/// Whether the claims lie further in the future than clocks differ. Such a session is of no age that could be told.
pub(crate) fn is_ahead(claims: &Claims, now: u64) -> bool {
    let latest = claims.started.max(claims.verified).max(claims.active);
    latest > now.saturating_add(SKEW)
}

/// Whether claims count for an application: their own, or one that shares its sessions. What let the user in without a proof is
/// not shared, as each application judges that by its own rules. What was confirmed is one text, and never a session (S17).
pub(crate) fn count_for(
    policy: &Policy<'_>,
    claims: &Claims,
    application: &str,
    now: u64,
) -> Result<bool, Malformed> {
    let is_own = claims.application == application;
    if claims.transaction.is_some() || (!is_own && claims.proved.is_empty()) {
        return Ok(false);
    }
    shared::counts(policy, &claims.application, application, now)
}

/// Judges one request of a session. Every bound is exclusive: at its very end a session is over.
pub fn authorize(policy: &Policy<'_>, now: u64, claims: &Claims, request: &Request) -> Verdict {
    judge(policy, now, claims, request, Bearer::Session)
}

/// Judges one request of a program that shows its app password with each (S10): whether the verification of a moment ago is
/// enough for it too (E18). A program has no session, and none of what lets a user pass without a factor is for it. Neither are
/// routes: what they guard is for people, who can be asked.
pub fn authorize_program(
    policy: &Policy<'_>,
    now: u64,
    claims: &Claims,
    request: &Request,
) -> Verdict {
    judge(policy, now, claims, request, Bearer::Program)
}

/// The fact of the context with which the host says that a program asks, which shows its app password.
pub(crate) const PROGRAM: (&str, &str) = ("bearer", "program");

/// Whether somebody's session is judged, or a program that shows its password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bearer {
    Session,
    Program,
}

/// How long the host may answer for a program at least, so that what it has just verified is enough for what it was verified for.
const LEAST_RECHECK: u64 = 10 * 1000;

fn judge(
    policy: &Policy<'_>,
    now: u64,
    claims: &Claims,
    request: &Request,
    bearer: Bearer,
) -> Verdict {
    // What programs show is for one application, whoever shares sessions with it (S10).
    if bearer == Bearer::Program && claims.application != request.application {
        return deny(Reason::ApplicationMismatch);
    }
    match count_for(policy, claims, &request.application, now) {
        Ok(true) => {}
        Ok(false) => return deny(Reason::ApplicationMismatch),
        Err(_) => return deny(Reason::ServiceError),
    }
    // The generation is raised when an account is blocked or its factors change. Claims from the future of this host's store
    // (a restored backup) are void as well.
    if request.ended || claims.generation != request.generation {
        return deny(Reason::SessionRevoked);
    }
    if is_ahead(claims, now) {
        return deny(Reason::ClockFault);
    }
    let lifetime_end = claims.started.saturating_add(policy.session.lifetime);
    if now >= lifetime_end {
        return deny(Reason::SessionExpired);
    }
    if now >= claims.active.saturating_add(policy.session.idle) {
        return deny(Reason::SessionIdle);
    }
    let Ok(demands) = waiver::demands(policy, now, request) else {
        return deny(Reason::ServiceError);
    };
    let demands = match demands {
        Ok(demands) => demands,
        Err(reason) => return deny(reason),
    };
    let step_up = |level: u8, reason: Reason| {
        Verdict::StepUp(StepUp {
            level: demands.level.max(level),
            max_age: demands.max_age,
            reason: reason.name().into(),
        })
    };
    let Ok(is_enough) = is_enough(policy, claims, &demands, bearer) else {
        return deny(Reason::ServiceError);
    };
    let mut waived_until = u64::MAX;
    if bearer == Bearer::Program {
        if !is_enough {
            return step_up(2, Reason::LevelInsufficient);
        }
        let recheck = policy.session.recheck.max(LEAST_RECHECK);
        waived_until = claims.verified.saturating_add(recheck);
        if now >= waived_until {
            return step_up(0, Reason::FreshVerificationRequired);
        }
    } else if !is_enough {
        waived_until = match waiver::holds(policy, now, claims, request, &demands) {
            Ok(Some(until)) => until,
            Ok(None) => return step_up(2, Reason::LevelInsufficient),
            Err(_) => return deny(Reason::ServiceError),
        };
    }
    let age_end = demands
        .max_age
        .map_or(u64::MAX, |max_age| claims.verified.saturating_add(max_age));
    if now >= age_end {
        return step_up(0, Reason::FreshVerificationRequired);
    }
    let is_due = now.saturating_sub(claims.active) >= policy.session.renew;
    let renewed = (is_due && bearer == Bearer::Session).then(|| Claims {
        active: now,
        ..claims.clone()
    });
    let active = renewed
        .as_ref()
        .map_or(claims.active, |claims| claims.active);
    let until = now
        .saturating_add(policy.session.recheck)
        .min(lifetime_end)
        .min(active.saturating_add(policy.session.idle))
        .min(age_end)
        .min(waived_until);
    Verdict::Pass(Passage { until, renewed })
}

/// Whether what was proved when the session began is enough for what is demanded now.
fn is_enough(
    policy: &Policy<'_>,
    claims: &Claims,
    demands: &Demands<'_>,
    bearer: Bearer,
) -> Result<bool, Malformed> {
    let numbers = claims
        .proved
        .iter()
        .filter_map(|name| methods::number_of(name));
    let proved = numbers.fold(Methods::NONE, Methods::with);
    let level = match bearer {
        Bearer::Session => claims.level,
        Bearer::Program if is_program(proved) && may_program(demands) => {
            strength::program_level(proved.natures())
        }
        Bearer::Program => return Ok(false),
    };
    Ok(level >= demands.level
        // A method that was taken out of the policy stops working at once (S09).
        && (proved.is_empty() || !proved.and(demands.methods).is_empty())
        && strength::meets(policy, demands.strengths, proved)?)
}

/// Whether nothing but what programs show was proved.
fn is_program(proved: Methods) -> bool {
    !proved.is_empty() && proved.natures().all(|nature| nature.for_programs)
}

/// Whether programs may do what is asked for.
fn may_program(demands: &Demands<'_>) -> bool {
    demands.application.app_passwords && !demands.routed
}

fn deny(reason: Reason) -> Verdict {
    Verdict::Deny(reason.denial())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;
    use crate::policy::{HOUR, MINUTE, SECOND, compile, compiled};

    const NOW: u64 = 1_700_000_000_000;
    const DOCUMENT: &str = "[[application]]\nname = 'payroll'\nmax-age = '15m'\n[[application]]\nname = 'vault'\nrequired-level = 3\n\
                            [[application]]\nname = 'notice'\nrequired-level = 1\nsession = 'staff'\n\
                            [[application]]\nname = 'wiki'\nsession = 'staff'\n\
                            [[application]]\nname = 'safe'\nsession = 'staff'\nrequired-level = 3\n\
                            [[application]]\nname = 'ledger'\nsession = 'staff'\nmax-age = '15m'\n\
                            [[application]]\nname = 'shop'\nsession = 'customers'\n\
                            [[application]]\nname = 'board'\nsession = 'staff'\n\
                            [[rule]]\nname = 'board'\napplications = ['board']\nusers = ['eve']\nthen = 'deny'\n\
                            [[application]]\nname = 'abroad'\nsession = 'staff'\n\
                            [[location]]\nname = 'abroad'\ncountries = ['NL']\n\
                            [[rule]]\nname = 'abroad'\napplications = ['abroad']\nlocations = ['abroad']\nthen = 'deny'\n\
                            [[application]]\nname = 'desk'\nsession = 'staff'\n\
                            [[location]]\nname = 'cafe'\nnetworks = ['192.0.2.0/24']\n\
                            [[rule]]\nname = 'desk'\napplications = ['desk']\nlocations = ['cafe']\nthen = 'deny'\n\
                            [[rule]]\nname = 'all'\nusers = ['eve']\nthen = 'deny'\n";

    fn claims(application: &str) -> Claims {
        Claims {
            application: application.into(),
            generation: 7,
            level: 2,
            method: "totp".into(),
            proved: vec!["totp".into()],
            transaction: None,
            amr: vec!["otp".into(), "mfa".into()],
            reason: "successfully-completed".into(),
            started: NOW - HOUR,
            verified: NOW - HOUR,
            active: NOW - 10 * SECOND,
        }
    }

    fn request(application: &str) -> Request {
        Request {
            application: application.into(),
            host: "app.example:443".into(),
            path: "/".into(),
            method: "GET".into(),
            address: None,
            generation: 7,
            ended: false,
        }
    }

    fn judge(now: u64, claims: &Claims, request: &Request) -> Verdict {
        let bytes = compile(DOCUMENT).unwrap().bytes;
        authorize(&compiled::decode(&bytes).unwrap(), now, claims, request)
    }

    fn summary(verdict: &Verdict) -> String {
        match verdict {
            Verdict::Pass(passage) => format!("pass {}", passage.until.saturating_sub(NOW)),
            Verdict::StepUp(step_up) => format!("step-up {} {}", step_up.level, step_up.reason),
            Verdict::Deny(denial) => {
                format!("deny {} {}", denial.public_reason, denial.internal_reason)
            }
            Verdict::Other(_) => "other".into(),
        }
    }

    #[test]
    fn sessions_pass_until_a_bound_is_reached() {
        type Change = fn(&mut Claims, &mut Request);
        let cases: [(&str, &str, Change, &str); 19] = [
            ("a fresh session", "app", |_, _| {}, "pass 30000"),
            (
                "another application's",
                "app",
                |c, _| c.application = "other".into(),
                "deny application-mismatch application-mismatch",
            ),
            (
                "an older generation",
                "app",
                |c, _| c.generation = 6,
                "deny session-revoked session-revoked",
            ),
            (
                "a newer generation",
                "app",
                |c, _| c.generation = 8,
                "deny session-revoked session-revoked",
            ),
            (
                "one that was signed out of",
                "app",
                |_, r| r.ended = true,
                "deny session-revoked session-revoked",
            ),
            (
                "the last millisecond",
                "app",
                |c, _| c.started = NOW - 12 * HOUR + 1,
                "pass 1",
            ),
            (
                "a life that is over",
                "app",
                |c, _| c.started = NOW - 12 * HOUR,
                "deny session-expired session-expired",
            ),
            (
                "an idle one",
                "app",
                |c, _| c.active = NOW - HOUR,
                "deny session-idle session-idle",
            ),
            (
                "nearly idle",
                "app",
                |c, _| c.active = NOW - HOUR + 1,
                "pass 30000",
            ),
            (
                "a clock that differs",
                "app",
                |c, _| c.active = NOW + 5 * MINUTE,
                "pass 30000",
            ),
            (
                "a clock set back",
                "app",
                |c, _| c.active = NOW + 5 * MINUTE + 1,
                "deny service-error clock-fault",
            ),
            (
                "started in the future",
                "app",
                |c, _| c.started = NOW + HOUR,
                "deny service-error clock-fault",
            ),
            (
                "verified in the future",
                "app",
                |c, _| c.verified = NOW + HOUR,
                "deny service-error clock-fault",
            ),
            (
                "the first factor alone",
                "app",
                |c, _| c.level = 1,
                "step-up 2 level-insufficient",
            ),
            (
                "where that is enough",
                "notice",
                |c, _| c.level = 1,
                "pass 30000",
            ),
            (
                "a higher level asked for",
                "vault",
                |_, _| {},
                "step-up 3 level-insufficient",
            ),
            (
                "too long ago",
                "payroll",
                |_, _| {},
                "step-up 2 fresh-verification-required",
            ),
            (
                "just in time",
                "payroll",
                |c, _| c.verified = NOW - 15 * MINUTE + 5,
                "pass 5",
            ),
            (
                "instants at the end of time",
                "app",
                |c, _| c.started = u64::MAX,
                "deny service-error clock-fault",
            ),
        ];
        for (name, application, change, expected) in cases {
            let (mut claims, mut request) = (claims(application), request(application));
            change(&mut claims, &mut request);
            assert_eq!(summary(&judge(NOW, &claims, &request)), expected, "{name}");
        }
    }

    #[test]
    fn a_session_counts_for_the_applications_that_share_it_and_as_each_of_them_demands() {
        type Change = fn(&mut Claims);
        let mismatch = "deny application-mismatch application-mismatch";
        let cases: [(&str, &str, Change, &str); 16] = [
            ("wiki", "wiki", |_| {}, "pass 30000"),
            ("wiki", "notice", |_| {}, "pass 30000"),
            ("notice", "wiki", |_| {}, "pass 30000"),
            ("wiki", "safe", |_| {}, "step-up 3 level-insufficient"),
            (
                "wiki",
                "ledger",
                |_| {},
                "step-up 2 fresh-verification-required",
            ),
            ("wiki", "shop", |_| {}, mismatch),
            ("wiki", "app", |_| {}, mismatch),
            ("app", "wiki", |_| {}, mismatch),
            ("app", "other", |_| {}, mismatch),
            // What only a sign-in tells was not asked for where the session began.
            ("wiki", "board", |_| {}, mismatch),
            ("wiki", "abroad", |_| {}, mismatch),
            ("board", "board", |_| {}, "pass 30000"),
            ("board", "wiki", |_| {}, "pass 30000"),
            ("wiki", "desk", |_| {}, "pass 30000"),
            (
                "wiki",
                "notice",
                |claims| claims.transaction = Some("pay".into()),
                mismatch,
            ),
            // What passed at one door without a proof is judged anew at the next.
            (
                "notice",
                "wiki",
                |claims| {
                    claims.level = 1;
                    claims.proved.clear();
                    claims.reason = "remembered-device".into();
                },
                mismatch,
            ),
        ];
        for (of, at, change, expected) in cases {
            let mut claims = claims(of);
            change(&mut claims);
            assert_eq!(
                summary(&judge(NOW, &claims, &request(at))),
                expected,
                "{of} at {at}"
            );
        }
    }

    #[test]
    fn use_is_written_down_once_a_minute() {
        for (ago, renewed) in [
            (0, false),
            (59 * SECOND, false),
            (60 * SECOND, true),
            (30 * MINUTE, true),
        ] {
            let claims = Claims {
                active: NOW - ago,
                ..claims("app")
            };
            let Verdict::Pass(passage) = judge(NOW, &claims, &request("app")) else {
                panic!("{ago}")
            };
            assert_eq!(
                passage.renewed,
                renewed.then_some(Claims {
                    active: NOW,
                    ..claims
                }),
                "{ago}"
            );
        }
    }

    #[test]
    fn a_step_up_says_how_fresh_it_must_be() {
        let Verdict::StepUp(step_up) = judge(NOW, &claims("payroll"), &request("payroll")) else {
            panic!()
        };
        assert_eq!(step_up.max_age, Some(15 * MINUTE));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_answer_holds_as_long_as_it_says(
            started in 0..13 * HOUR, verified in 0..13 * HOUR, active in 0..2 * HOUR, later in 0..60 * SECOND, level in 0_u8..4,
            at in 0_usize..4,
        ) {
            let application = ["app", "payroll", "vault", "notice"].into_iter().nth(at).unwrap();
            let claims = Claims {
                level, started: NOW - started, verified: NOW - verified, active: NOW - active, ..claims(application)
            };
            if let Verdict::Pass(passage) = judge(NOW, &claims, &request(application)) {
                prop_assert!(passage.until > NOW);
                let claims = passage.renewed.unwrap_or(claims);
                let again = judge(NOW + later, &claims, &request(application));
                if NOW + later < passage.until {
                    prop_assert!(matches!(again, Verdict::Pass(_)));
                }
            }
        }

        #[test]
        fn no_instants_make_it_panic(now in any::<u64>(), started in any::<u64>(), verified in any::<u64>(), active in any::<u64>()) {
            let claims = Claims { started, verified, active, ..claims("payroll") };
            judge(now, &claims, &request("payroll"));
        }
    }
}
