//! The Cofactor component: everything that decides about a second factor, and no I/O.
//!
//! It is a pure function over values: [`step`] takes a context, an account's record and an event, and answers a
//! transition. Time and entropy are arguments, so equal inputs give equal outputs: a step can be retried, replayed and
//! tried against another version. The same functions that the component exports can be called natively, with the types
//! of [`contract`].
//!
//! | module | what it holds |
//! |---|---|
//! | [`step`](mod@step) | the state machine, one function a kind of event |
//! | [`account`] | the record, its encoding, its migrations |
//! | [`methods`] | how to verify, one file a method |
//! | [`rules`] | whether to ask, and for what |
//! | [`signature`] | signatures of devices and authenticators |
//! | [`throttle`] | failure counters, back-off, lockout |
//! | [`policy`] | the operator's document and its compiled form |
//! | [`authorize`](mod@authorize) | whether a session is enough for a request |
//! | [`view`](mod@view) | what a console may show |

pub mod account;
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
mod arena;
pub mod audit;
mod authority;
pub mod authorize;
pub mod base32;
pub mod contract;
pub mod entropy;
pub mod identifier;
pub mod input;
pub mod methods;
mod octets;
pub mod otpauth;
mod path;
pub mod pin;
pub mod policy;
pub mod reason;
pub mod rules;
pub mod signature;
pub mod step;
pub mod throttle;
pub mod view;

use contract::{
    AccountView, Claims, CompiledPolicy, Context, Description, Event, Explanation, Fault,
    HostPolicy, Observation, PolicyError, Request, Transition, Verdict,
};
use policy::compiled;

/// The component: the contract's functions over values of its own.
pub struct Component;

impl contract::Verifier for Component {
    fn describe() -> Description {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Description {
            name: "cofactor".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            methods: names(methods::NAMES),
            actions: names(&step::ACTIONS),
            effects: names(&step::EFFECTS),
            reads: account::READS,
            writes: account::WRITES,
            presets: policy::presets::PRESETS
                .iter()
                .map(|preset| preset.name.to_owned())
                .collect(),
        }
    }

    fn compile_policy(document: String) -> Result<CompiledPolicy, Vec<PolicyError>> {
        let error = |error: policy::PolicyError| PolicyError {
            line: error.line,
            column: error.column,
            field: error.field,
            problem: error.problem,
            help: error.help,
        };
        match policy::compile_last(document) {
            Ok(compiled) => Ok(CompiledPolicy {
                bytes: compiled.bytes,
                host: HostPolicy {
                    fail_open: compiled.host.fail_open,
                    observe: compiled
                        .host
                        .observe
                        .into_iter()
                        .map(|observed| Observation {
                            kind: observed.kind.to_owned(),
                            count: 0,
                            window: observed.window,
                        })
                        .collect(),
                    session_lifetime: compiled.host.session_lifetime,
                    shadows: compiled.host.shadows,
                    methods: compiled
                        .host
                        .methods
                        .into_iter()
                        .map(str::to_owned)
                        .collect(),
                },
                warnings: compiled.warnings.into_iter().map(error).collect(),
            }),
            Err(errors) => Err(errors.into_iter().map(error).collect()),
        }
    }

    fn step(ctx: Context, account: Option<Vec<u8>>, event: Event) -> Result<Transition, Fault> {
        step::step(&ctx, account.as_deref(), &event)
    }

    fn authorize(ctx: Context, session: Claims, request: Request) -> Result<Verdict, Fault> {
        input::standing_context(&ctx)?;
        input::claims(&session)?;
        input::request(&request)?;
        let policy = compiled::decode(&ctx.policy)
            .map_err(|error| Fault::BadPolicy(error.message().to_owned()))?;
        let is_program = |(name, value): &(String, String)| {
            (name.as_str(), value.as_str()) == authorize::PROGRAM
        };
        let judge = if ctx.facts.iter().any(is_program) {
            authorize::authorize_program
        } else {
            authorize::authorize
        };
        Ok(judge(&policy, ctx.now, &session, &request))
    }

    fn explain(ctx: Context, account: Option<Vec<u8>>, event: Event) -> Result<Explanation, Fault> {
        step::explain(&ctx, account.as_deref(), &event)
    }

    fn view(account: Vec<u8>) -> Result<AccountView, Fault> {
        view::view(&account)
    }
}

/// The canonical ABI's entry points, made by wit-bindgen.
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
mod entry {
    use crate::Component;
    crate::contract::export!(Component with_types_in crate::contract);
}
