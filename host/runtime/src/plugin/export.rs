//! The functions that a component exports, each with its types.

use std::marker::PhantomData;

use wasmtime::Store;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower,
};

use super::LoadError;
use super::engine::Limits;
use super::error::describe_error;
use crate::contract::{
    AccountView, Claims, CompiledPolicy, Context, Description, Event, Explanation, Fault,
    PolicyError, Request, Transition, Verdict,
};

/// The interface that a component exports.
pub(super) const INTERFACE: &str = "cofactor:mfa/verifier@0.1.0";

/// A function of the contract.
pub(super) trait Function {
    /// Its name in the interface.
    const NAME: &'static str;
    /// What it takes.
    type Params<'a>: ComponentNamedList + Lower;
    /// What it gives.
    type Results: ComponentNamedList + Lift + 'static;
}

macro_rules! functions {
    ($($name:literal $function:ident $field:ident ($($param:ty),*) -> $result:ty;)+) => {
        $(
            pub(super) struct $function;

            impl Function for $function {
                const NAME: &'static str = $name;
                type Params<'a> = ($($param,)*);
                type Results = ($result,);
            }
        )+

        /// Everything that the contract says a component exports.
        pub(super) struct Exports {
            $(pub(super) $field: Export<$function>,)+
        }

        impl Exports {
            /// Finds them, and looks at the types of each, so that a call can only fail by what the component does.
            pub(super) fn of(
                component: &Component,
                instance: &Instance,
                store: &mut Store<Limits>,
            ) -> Result<Self, LoadError> {
                let interface = component
                    .get_export_index(None, INTERFACE)
                    .ok_or_else(|| missing(INTERFACE))?;
                Ok(Self {
                    $($field: Export::find(component, &interface, instance, store)?,)+
                })
            }
        }
    };
}

functions! {
    "describe" Describe describe() -> Description;
    "compile-policy" CompilePolicy compile_policy(&'a str) -> Result<CompiledPolicy, Vec<PolicyError>>;
    "step" Step step(&'a Context, Option<&'a [u8]>, &'a Event) -> Result<Transition, Fault>;
    "authorize" Authorize authorize(&'a Context, &'a Claims, &'a Request) -> Result<Verdict, Fault>;
    "explain" Explain explain(&'a Context, Option<&'a [u8]>, &'a Event) -> Result<Explanation, Fault>;
    "view" View view(&'a [u8]) -> Result<AccountView, Fault>;
}

/// Where a function is in every instance of one component. There is none whose types were not looked at.
pub(super) struct Export<F> {
    index: ComponentExportIndex,
    function: PhantomData<fn() -> F>,
}

impl<F: Function> Export<F> {
    fn find(
        component: &Component,
        interface: &ComponentExportIndex,
        instance: &Instance,
        store: &mut Store<Limits>,
    ) -> Result<Self, LoadError> {
        let index = component
            .get_export_index(Some(interface), F::NAME)
            .ok_or_else(|| missing(F::NAME))?;
        instance
            .get_typed_func::<F::Params<'_>, F::Results>(store, &index)
            .map_err(|error| LoadError::Contract(describe_error(&error)))?;
        Ok(Self {
            index,
            function: PhantomData,
        })
    }

    /// Calls it in an instance of the component that it was found in.
    pub(super) fn call(
        &self,
        instance: &Instance,
        store: &mut Store<Limits>,
        params: F::Params<'_>,
    ) -> wasmtime::Result<F::Results> {
        instance
            .get_typed_func::<F::Params<'_>, F::Results>(&mut *store, &self.index)?
            .call(store, params)
    }
}

fn missing(name: &str) -> LoadError {
    LoadError::Contract(format!("`{name}` is missing"))
}
