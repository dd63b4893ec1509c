//! Which rule decides about a sign-in that begins, and why: the rules decide as they do in a step, and write down what they
//! say. Nothing is changed.

use super::{Step, load, sign_in};
use crate::contract::{Action, Context, Event, Explanation, Fault};
use crate::entropy::Seed;
use crate::input;
use crate::methods::Clock;
use crate::policy::{Methods, compiled};
use crate::reason::Reason;
use crate::rules::route;
use crate::rules::trace::Trace;
use crate::rules::{self, Circumstances, Decision, Need};

/// Says which rules decide about a sign-in that begins.
pub fn explain(ctx: &Context, account: Option<&[u8]>, event: &Event) -> Result<Explanation, Fault> {
    let (Action::Begin(sign_in) | Action::Snooze(sign_in)) = &event.action else {
        return Err(Fault::Unsupported("explain".to_owned()));
    };
    input::context(ctx)?;
    input::event(event)?;
    let policy = compiled::decode(&ctx.policy)
        .map_err(|error| Fault::BadPolicy(error.message().to_owned()))?;
    let account = load(ctx, account, event, &policy)?;
    let at = ctx.now.max(account.latest);
    let step = Step {
        ctx,
        origin: &event.origin,
        policy: &policy,
        seed: Seed::new(ctx),
        clock: Clock {
            now: ctx.now,
            refuse_before: ctx.refuse_before,
        },
        at,
    };
    let refused = |reason| Explanation {
        findings: Vec::new(),
        verdict: denied(reason),
    };
    let Some(mut demand) = sign_in::demand(sign_in) else {
        return Ok(refused(Reason::TransactionInvalid));
    };
    if route::raise(step.policy, step.origin, ctx, &mut demand).is_err() {
        return Ok(refused(Reason::ServiceError));
    }
    let token = sign_in.device_token.as_deref();
    let device = rules::device::presented(ctx, step.origin, step.policy, &account, token, step.at);
    let trace = Trace::default();
    let about = Circumstances {
        ctx,
        origin: step.origin,
        policy: step.policy,
        at,
        demand: &demand,
        proved: Methods::NONE,
        device,
        trace: Some(&trace),
    };
    route::explain(&about);
    let decision = rules::decide(&about, &account);
    let blocked = account.is_blocked(at);
    let verdict = match &decision {
        Decision::Deny(reason) => denied(*reason),
        Decision::Skip(_) if blocked => denied(Reason::Blocked),
        Decision::Skip(skip) => ["skip: ", skip.reason.name()].concat(),
        Decision::Ask(_) if blocked => "ask, and refuse whatever is answered: blocked".to_owned(),
        Decision::Ask(need) => asked(need),
    };
    Ok(Explanation {
        findings: trace.into_findings(&decision),
        verdict,
    })
}

fn denied(reason: Reason) -> String {
    ["deny: ", reason.name()].concat()
}

fn asked(need: &Need) -> String {
    let sets: Vec<String> = need.ways().collect();
    [
        "ask for ",
        &sets.join(", or "),
        ": level ",
        &need.level.to_string(),
    ]
    .concat()
}
