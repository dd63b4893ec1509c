//! The engine: loads a component once and runs each call in an instance of its own.
//!
//! The linker is empty and stays empty, memory is fixed, fuel is bounded for each kind of call, and an instance is thrown
//! away after one call: nothing of one user is in memory when another user's request runs. A trap, an exceeded bound or
//! a malformed answer is a [`Fault`](PluginError::Fault), which denies.

mod answer;
mod bounds;
mod engine;
mod error;
mod export;
mod fuel;

use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Engine, ResourceLimiter, Store};

use crate::contract::{
    AccountView, Claims, CompiledPolicy, Context, Description, Event, Explanation, Fault,
    PolicyError, Request, Transition, Verdict,
};

pub use bounds::{MAX_ACCOUNT, MAX_POLICY, MAX_POLICY_SOURCE, check_event};
pub use error::{Failure, Hex, LoadError, PluginError};
pub use fuel::Fuel;

use engine::{Limits, Permit, config};
use error::{classify, describe_error};
use export::{Export, Exports, Function};

/// How the engine is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many calls may run at once: 1 to 1,000. One more is [`PluginError::Overloaded`].
    pub instances: u32,
    /// The SHA-256 digest that the component's bytes must have, if one is pinned. Checked before anything is parsed.
    pub sha256: Option<[u8; 32]>,
    /// How much linear memory a component may have, in bytes.
    pub memory: usize,
    /// How much of each call's work is allowed.
    pub fuel: Fuel,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            instances: 64,
            sha256: None,
            memory: 4 << 16,
            fuel: Fuel::default(),
        }
    }
}

/// A policy that one component compiled. It is bound to that component: another one refuses it.
#[derive(Clone, Debug)]
pub struct Policy {
    component: Hex,
    compiled: CompiledPolicy,
}

impl Policy {
    /// What the component is given, and what the host acts on.
    #[must_use]
    pub fn compiled(&self) -> &CompiledPolicy {
        &self.compiled
    }
}

/// A loaded component. Cheap to call from many threads at once.
pub struct Plugin {
    engine: Engine,
    instance: InstancePre<Limits>,
    exports: Exports,
    digest: Hex,
    description: Description,
    fuel: Fuel,
    memory: usize,
    busy: AtomicUsize,
    instances: usize,
}

impl Plugin {
    /// Checks, compiles and asks a component what it is. Takes about a tenth of a second.
    ///
    /// # Errors
    /// The first of the checks that fails; nothing of the component has run before the last one.
    pub fn load(bytes: &[u8], options: &Options) -> Result<Self, LoadError> {
        let digest = Hex(Sha256::digest(bytes).into());
        if let Some(pinned) = options.sha256.map(Hex)
            && pinned != digest
        {
            return Err(LoadError::Digest {
                found: digest,
                pinned,
            });
        }
        let engine = Engine::new(&config(options))
            .map_err(|error| LoadError::Invalid(describe_error(&error)))?;
        let component = Component::from_binary(&engine, bytes)
            .map_err(|error| LoadError::Invalid(describe_error(&error)))?;
        if let Some((name, _)) = component.component_type().imports(&engine).next() {
            return Err(LoadError::Imports(name.to_owned()));
        }
        if let Some(needs) = component.resources_required()
            && needs
                .max_initial_memory_size
                .is_some_and(|bytes| bytes > options.memory as u64)
        {
            let pages = needs.max_initial_memory_size.unwrap_or_default() / 65_536;
            return Err(LoadError::Resources(format!(
                "it starts with {pages} pages of memory, and {} are allowed",
                options.memory / 65_536
            )));
        }
        let instance = Linker::<Limits>::new(&engine)
            .instantiate_pre(&component)
            .map_err(|error| LoadError::Resources(describe_error(&error)))?;
        let mut store = new_store(&engine, options.memory, options.fuel.describe)
            .map_err(LoadError::Describe)?;
        let first = instance
            .instantiate(&mut store)
            .map_err(|error| LoadError::Resources(describe_error(&error)))?;
        let mut plugin = Self {
            exports: Exports::of(&component, &first, &mut store)?,
            instance,
            engine,
            digest,
            description: Description {
                name: String::new(),
                version: String::new(),
                methods: Vec::new(),
                actions: Vec::new(),
                effects: Vec::new(),
                reads: (0, 0),
                writes: 0,
                presets: Vec::new(),
            },
            fuel: options.fuel,
            memory: options.memory,
            busy: AtomicUsize::new(0),
            instances: usize::try_from(options.instances.max(1)).unwrap_or(1),
        };
        drop(store);
        let (description,) = plugin
            .call(&plugin.exports.describe, (), plugin.fuel.describe)
            .map_err(LoadError::Describe)?
            .0;
        plugin.description = description;
        Ok(plugin)
    }

    /// The SHA-256 digest of the component's bytes.
    #[must_use]
    pub fn digest(&self) -> Hex {
        self.digest
    }

    /// What the component says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// How many calls run now, and how many may.
    #[must_use]
    pub fn load_now(&self) -> (usize, usize) {
        (self.busy.load(Ordering::Relaxed), self.instances)
    }

    /// Checks a policy document and compiles it for this component.
    ///
    /// # Errors
    /// Outside: the call failed. Inside: what is wrong with the document, in its order.
    pub fn compile_policy(
        &self,
        document: &str,
    ) -> Result<Result<Policy, Vec<PolicyError>>, PluginError> {
        self.compile_policy_metered(document)
            .map(|(compiled, _)| compiled)
    }

    /// The same, with the fuel that it took.
    ///
    /// # Errors
    /// As [`Plugin::compile_policy`].
    #[allow(clippy::type_complexity)]
    pub fn compile_policy_metered(
        &self,
        document: &str,
    ) -> Result<(Result<Policy, Vec<PolicyError>>, u64), PluginError> {
        bounds::check_policy_source(document)?;
        let ((compiled,), fuel) = self.call(
            &self.exports.compile_policy,
            (document,),
            self.fuel.compile_policy,
        )?;
        match compiled {
            Ok(compiled) => {
                answer::check_compiled(&compiled)?;
                let policy = Policy {
                    component: self.digest,
                    compiled,
                };
                Ok((Ok(policy), fuel))
            }
            Err(errors) => Ok((Err(errors), fuel)),
        }
    }

    /// Judges one event of one account. `context.policy` holds the bytes of `policy`, which says whose they are.
    ///
    /// # Errors
    /// Every one of them is a denial.
    pub fn step(
        &self,
        policy: &Policy,
        context: &Context,
        account: Option<&[u8]>,
        event: &Event,
    ) -> Result<Transition, PluginError> {
        self.step_metered(policy, context, account, event)
            .map(|(transition, _)| transition)
    }

    /// The same, with the fuel that it took: a cost that is the same on every machine.
    ///
    /// # Errors
    /// As [`Plugin::step`].
    pub fn step_metered(
        &self,
        policy: &Policy,
        context: &Context,
        account: Option<&[u8]>,
        event: &Event,
    ) -> Result<(Transition, u64), PluginError> {
        self.check_policy(policy)?;
        bounds::check_context(context)?;
        bounds::check_account(account)?;
        check_event(event)?;
        let ((result,), fuel) = self.call(
            &self.exports.step,
            (context, account, event),
            self.fuel.of(&event.action),
        )?;
        if let Err(Fault::Unobserved(asked)) = &result {
            answer::check_unobserved(asked)?;
        }
        let transition = result.map_err(PluginError::Component)?;
        answer::check_transition(&transition, event, &self.description)?;
        Ok((transition, fuel))
    }

    /// Judges whether a session is enough for a request.
    ///
    /// # Errors
    /// Every one of them is a denial.
    pub fn authorize(
        &self,
        policy: &Policy,
        context: &Context,
        session: &Claims,
        request: &Request,
    ) -> Result<Verdict, PluginError> {
        self.authorize_metered(policy, context, session, request)
            .map(|(verdict, _)| verdict)
    }

    /// The same, with the fuel that it took.
    ///
    /// # Errors
    /// As [`Plugin::authorize`].
    pub fn authorize_metered(
        &self,
        policy: &Policy,
        context: &Context,
        session: &Claims,
        request: &Request,
    ) -> Result<(Verdict, u64), PluginError> {
        self.check_policy(policy)?;
        bounds::check_standing(context)?;
        bounds::check_claims(session)?;
        bounds::check_request(request)?;
        let ((result,), fuel) = self.call(
            &self.exports.authorize,
            (context, session, request),
            self.fuel.authorize,
        )?;
        let verdict = result.map_err(PluginError::Component)?;
        answer::check_verdict(&verdict, session)?;
        Ok((verdict, fuel))
    }

    /// Says which rules of the policy decide about an event that begins a sign-in, and why.
    ///
    /// # Errors
    /// Where the step could not be judged either.
    pub fn explain(
        &self,
        policy: &Policy,
        context: &Context,
        account: Option<&[u8]>,
        event: &Event,
    ) -> Result<Explanation, PluginError> {
        self.check_policy(policy)?;
        bounds::check_context(context)?;
        bounds::check_account(account)?;
        check_event(event)?;
        let ((result,), _) = self.call(
            &self.exports.explain,
            (context, account, event),
            self.fuel.explain,
        )?;
        let explanation = result.map_err(PluginError::Component)?;
        answer::check_explanation(&explanation)?;
        Ok(explanation)
    }

    /// What a console may show of an account.
    ///
    /// # Errors
    /// Where the record cannot be read.
    pub fn view(&self, account: &[u8]) -> Result<AccountView, PluginError> {
        self.view_metered(account).map(|(view, _)| view)
    }

    /// The same, with the fuel that it took.
    ///
    /// # Errors
    /// As [`Plugin::view`].
    pub fn view_metered(&self, account: &[u8]) -> Result<(AccountView, u64), PluginError> {
        bounds::check_account(Some(account))?;
        let ((result,), fuel) = self.call(&self.exports.view, (account,), self.fuel.view)?;
        let view = result.map_err(PluginError::Component)?;
        answer::check_view(&view)?;
        Ok((view, fuel))
    }

    fn check_policy(&self, policy: &Policy) -> Result<(), PluginError> {
        if policy.component == self.digest {
            return Ok(());
        }
        Err(PluginError::Component(Fault::BadPolicy(format!(
            "compiled by component {}, but {} is loaded",
            policy.component, self.digest
        ))))
    }

    /// One call in an instance of its own, and the fuel that it took.
    fn call<F: Function>(
        &self,
        export: &Export<F>,
        params: F::Params<'_>,
        fuel: u64,
    ) -> Result<(F::Results, u64), PluginError> {
        let _permit = Permit::take(&self.busy, self.instances)?;
        let mut store = new_store(&self.engine, self.memory, fuel)?;
        let instance = self
            .instance
            .instantiate(&mut store)
            .map_err(|error| classify(&error))?;
        let results = export
            .call(&instance, &mut store, params)
            .map_err(|error| classify(&error))?;
        let left = store.get_fuel().unwrap_or(0);
        Ok((results, fuel.saturating_sub(left)))
    }
}

fn new_store(engine: &Engine, memory: usize, fuel: u64) -> Result<Store<Limits>, PluginError> {
    let mut store = Store::new(engine, Limits::new(memory));
    store.limiter(|limits| limits as &mut dyn ResourceLimiter);
    store.set_fuel(fuel).map_err(|error| classify(&error))?;
    store.set_hostcall_fuel(bounds::MAX_ANSWER);
    Ok(store)
}
